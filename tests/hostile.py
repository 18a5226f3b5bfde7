"""Invalid model files, built from the members of a valid one, for tests of what a load refuses.

The members of a file are its state, as JSON, and its arrays: dtype, shape and bytes of each.
"""

import io
import json
import zipfile

STATE = "skdec"


def members_of(path):
    """Return the content of each member by name."""
    content = path.read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    members = {STATE: header.pop("__metadata__")[STATE]}
    for name, entry in header.items():
        first, last = entry["data_offsets"]
        members[name] = (entry["dtype"], entry["shape"], content[end + first : end + last])
    return members


def arrays_of(members):
    """Return the names of the arrays."""
    return [name for name in members if name != STATE]


def describe(members, metadata=None):
    """Return the header for these members, and the bytes that follow it."""
    header, values = {"__metadata__": metadata or {STATE: members[STATE]}}, b""
    for name in arrays_of(members):
        dtype, shape, content = members[name]
        offsets = [len(values), len(values) + len(content)]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": offsets}
        values += content
    return header, values


def write_file(path, header, values=b"", size=None):
    """Write a header, as JSON or as text, with its true size or another one."""
    if not isinstance(header, bytes | str):
        header = json.dumps(header, separators=(",", ":"))
    header = header if isinstance(header, bytes) else header.encode()
    size = len(header) if size is None else size
    path.write_bytes(size.to_bytes(8, "little") + header + values)
    return path


def write_members(path, members):
    """Write a file whose sizes and positions are correct."""
    return write_file(path, *describe(members))


TRANSFORMERS = "preparer.transformers_"


def with_transformers(members, change=None, compression=zipfile.ZIP_STORED):
    """Return the members with transformers whose description by skops `change` has edited."""
    with zipfile.ZipFile(io.BytesIO(members[TRANSFORMERS][2])) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(files["schema.json"])
    if change is not None:
        change(schema)
    files["schema.json"] = json.dumps(schema).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    content = buffer.getvalue()
    return members | {TRANSFORMERS: ("U8", [len(content)], content)}


def with_state(members, change):
    """Return the members with a state that `change` has edited, or returned."""
    state = json.loads(members[STATE])
    replaced = change(state)
    return members | {STATE: json.dumps(state if replaced is None else replaced)}
