"""Saved files taken apart and put together wrongly, for the tests of what a load refuses."""

import json
import struct
import zipfile

STATE = "skdec.json"


def members_of(path):
    """Name and bytes of each member."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write_members(path, members, compression=zipfile.ZIP_STORED):
    """Put together a whole archive, its checksums and sizes right."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def with_state(members, change):
    """The members after `change` has been at the state."""
    state = json.loads(members[STATE])
    replaced = change(state)
    return members | {STATE: json.dumps(state if replaced is None else replaced)}


def npy(descr, shape, content, version=(1, 0), order=False):
    """Bytes of a .npy file whose header says what it is told."""
    header = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY" + bytes(version) + struct.pack("<H", len(header)) + header + content
