"""A zip archive of JSON and NumPy arrays that is read without being trusted.

Nothing in a file is unpickled, decompressed or unpacked to disk, and no member is read before its
size has been checked, so that the memory to read a file is bounded by its size. Every fault of a
file is reported as one ValueError.
"""

from __future__ import annotations

import io
import json
import math
import os
import zipfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import numpy as np

# JSON grows about twentyfold when it is parsed; a million column names fit in.
_MAX_JSON_BYTES = 2**23
_MAX_DIRECTORY_BYTES = 2**20
_MAX_HEADER_BYTES = 512
_MAX_REASON = 300

# The end of a zip archive as Python's zipfile writes it, and of one above two gigabytes.
_END, _END_SIZE = b"PK\x05\x06", 22
_END64, _END64_SIZE, _END64_FROM = b"PK\x06\x07", 20, 2**31


@contextmanager
def open_archive(
    path: str | os.PathLike[str], kind: str = "a saved estimator"
) -> Iterator[Archive]:
    """Open a file for reading; an OSError if it does not exist, a ValueError if it is damaged."""
    with open(path, "rb") as file:
        try:
            yield Archive(file)
        # zipfile, json, NumPy and Keras raise a dozen kinds of errors for damaged files.
        except Exception as error:
            reason = _format_reason(error)
            raise ValueError(f"{path} cannot be read as {kind}: {reason}.") from error


def write_archive(path: Path, document: str, state: Any, arrays: Mapping[str, Any]) -> None:
    """Write `state` as the JSON member `document`, and `arrays` as members ending in .npy."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(document, json.dumps(state, allow_nan=False))
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.save(buffer, array, allow_pickle=False)
            archive.writestr(f"{name}.npy", buffer.getbuffer())


class Archive:
    """The members of an open archive, with checked sizes."""

    def __init__(self, file: BinaryIO) -> None:
        size = file.seek(0, os.SEEK_END)
        _check_end(file, size)
        self._zip = zipfile.ZipFile(file)
        members = self._zip.infolist()
        self._sizes = {member.filename: member.file_size for member in members}
        if len(self._sizes) < len(members):
            raise ValueError("two of its members have the same name")
        if sum(self._sizes.values()) > size:
            raise ValueError("its members claim to be larger than the file")
        for member in members:
            is_stored = member.compress_type == zipfile.ZIP_STORED
            if not is_stored or member.compress_size != member.file_size or member.flag_bits & 1:
                raise ValueError(f"its member {member.filename!r} is compressed or encrypted")

    @property
    def names(self) -> Collection[str]:
        """The names of all members."""
        return self._sizes.keys()

    def json(self, name: str) -> Any:
        """Return the content of a JSON member; NaN and infinities are refused."""
        if self._get_size(name) > _MAX_JSON_BYTES:
            raise ValueError(f"its member {name!r} is larger than {_MAX_JSON_BYTES} bytes")
        return json.loads(self._zip.read(name), parse_constant=_refuse_constant)

    def array(
        self, name: str, dtypes: Collection[np.dtype], shape: tuple[int | None, ...]
    ) -> np.ndarray:
        """Return the array `name` of one of `dtypes` and of `shape`; None is any length."""
        member = f"{name}.npy"
        n_bytes = self._get_size(member)
        if None not in shape:
            widest = max(dtype.itemsize for dtype in dtypes)
            if n_bytes > math.prod(filter(None, shape)) * widest + _MAX_HEADER_BYTES:
                raise ValueError(f"its array {name!r} takes more bytes than {shape} needs")
        with self._zip.open(member) as file:
            found, order, dtype = _read_header(file, name)
            fits = len(found) == len(shape) and all(
                expected in (None, length) for expected, length in zip(shape, found, strict=True)
            )
            if dtype not in dtypes or not fits:
                allowed = " or ".join(map(str, dtypes))
                raise ValueError(
                    f"its array {name!r} is {dtype} of shape {found}, not {allowed} of {shape}"
                )
            content = bytearray(file.read())
        if len(content) != math.prod(found) * dtype.itemsize:
            raise ValueError(f"its array {name!r} has more or less values than {found}")
        return np.frombuffer(content, dtype).reshape(found, order=order)

    def _get_size(self, name: str) -> int:
        if name not in self._sizes:
            raise ValueError(f"it has no member {name!r}")
        return self._sizes[name]


def _check_end(file: BinaryIO, size: int) -> None:
    """Raise a ValueError unless the file ends like an archive with a small directory of members.

    A directory of millions of members would be read whole, taking ten times its size in memory.
    """
    file.seek(max(0, size - _END_SIZE - _END64_SIZE))
    tail = file.read(_END_SIZE + _END64_SIZE)
    end = tail[-_END_SIZE:]
    if len(end) < _END_SIZE or not end.startswith(_END):
        raise ValueError("it is no saved file, or its end is missing")
    if int.from_bytes(end[12:16], "little") > _MAX_DIRECTORY_BYTES or (
        size < _END64_FROM and tail.startswith(_END64)
    ):
        raise ValueError("it has too many members")


def _read_header(file: Any, name: str) -> tuple[tuple[int, ...], Any, np.dtype]:
    """Read the shape, order and dtype of the array whose values follow."""
    try:
        version = np.lib.format.read_magic(file)
        if version != (1, 0):
            raise ValueError(f"version {version}")
        shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(
            file, max_header_size=_MAX_HEADER_BYTES
        )
    except Exception as error:  # Python's own parser raises further kinds
        raise ValueError(f"its array {name!r} has a damaged header") from error
    return shape, "F" if is_fortran else "C", dtype


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"it has {word} for a number")


def _format_reason(error: Exception) -> str:
    """Return the message of an error in one short line."""
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, KeyError):
        text = f"it has no {text}"
    return text[:_MAX_REASON].rstrip(".")
