"""Invalid model files, built from the members of a valid one, for tests of what a load refuses."""

import json
import struct
import zipfile

STATE = "skdec.json"


def members_of(path):
    """Return the content of each member by name."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write_members(path, members, compression=zipfile.ZIP_STORED):
    """Write an archive with correct checksums and sizes."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def with_state(members, change):
    """Return the members with a state that `change` has edited, or returned."""
    state = json.loads(members[STATE])
    replaced = change(state)
    return members | {STATE: json.dumps(state if replaced is None else replaced)}


def npy(descr, shape, content, version=(1, 0), order=False):
    """Return the bytes of a .npy file with any header, whether it fits the content or not."""
    header = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY" + bytes(version) + struct.pack("<H", len(header)) + header + content
