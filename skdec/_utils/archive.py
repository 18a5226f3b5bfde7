"""Safetensors files of JSON and NumPy arrays that are read without being trusted.

Nothing in a file is unpickled or executed. The header is measured before it is parsed, and the file
before its arrays are read, so that the memory to read a file is bounded by its size. Every fault of
a file is reported as one ValueError.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

# The header begins with the state, a string of JSON, and ends with the list of the arrays.
_KEY = "skdec"
_HEADER_START = f'{{"__metadata__":{{"{_KEY}":"'
_SIZE_BYTES = 8  # at the beginning of the file, the size of the header
# JSON grows about twentyfold when it is parsed; half a million column names fit in.
_MAX_HEADER_BYTES = 2**23
# The list of two thousand arrays.
_MAX_LIST_BYTES = 2**17
_MAX_REASON = 300

# Those that every version of safetensors can read as NumPy arrays.
_DTYPES = {
    "BOOL": np.bool_, "U8": np.uint8, "I8": np.int8, "U16": np.uint16, "I16": np.int16,
    "U32": np.uint32, "I32": np.int32, "U64": np.uint64, "I64": np.int64,
    "F16": np.float16, "F32": np.float32, "F64": np.float64,
}  # fmt: skip


@dataclass(frozen=True)
class Archive:
    """The content of a file: a state, as JSON holds it, and arrays by name."""

    state: Any
    arrays: dict[str, np.ndarray]

    def array(
        self, name: str, dtypes: Collection[np.dtype], shape: tuple[int | None, ...]
    ) -> np.ndarray:
        """Return the array `name`, or raise unless it is of one of `dtypes` and of `shape`.

        None in `shape` is any length.
        """
        if name not in self.arrays:
            raise ValueError(f"it has no array {name!r}")
        found = self.arrays[name]
        has_shape = len(found.shape) == len(shape) and all(
            expected in (None, length) for expected, length in zip(shape, found.shape, strict=True)
        )
        if found.dtype not in dtypes or not has_shape:
            allowed = " or ".join(map(str, dtypes))
            raise ValueError(
                f"its array {name!r} is {found.dtype} of shape {found.shape}, not {allowed} of "
                f"{shape}"
            )
        return found


def write_archive(path: Path, state: Any, arrays: Mapping[str, np.ndarray]) -> None:
    """Write a state that JSON can hold, and arrays."""
    for name, array in arrays.items():
        if array.dtype not in _DTYPES.values():
            raise ValueError(f"{name} is an array of {array.dtype}, which a file cannot hold.")
    contiguous = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    # The bytes are written here, because safetensors reports a full disk without its error number.
    path.write_bytes(save(contiguous, {_KEY: json.dumps(state, allow_nan=False)}))


@contextmanager
def open_archive(
    path: str | os.PathLike[str], kind: str = "a saved estimator"
) -> Iterator[Archive]:
    """Read a file; errors of the caller's own checks of its content are reported likewise.

    Raises an OSError if the file cannot be opened, and a ValueError if it is damaged or of another
    kind.
    """
    with open(path, "rb") as file:
        try:
            yield _read(file)
        # json, safetensors, NumPy and Keras raise a dozen kinds of errors for damaged files.
        except Exception as error:
            reason = _format_reason(error)
            raise ValueError(f"{path} cannot be read as {kind}: {reason}.") from error


def _read(file: BinaryIO) -> Archive:
    n_bytes = os.fstat(file.fileno()).st_size
    start = file.read(_SIZE_BYTES)
    n_header_bytes = int.from_bytes(start, "little")
    if n_header_bytes > n_bytes - _SIZE_BYTES:
        raise ValueError("it is no file that skdec has written, or its end is missing")
    if n_header_bytes > _MAX_HEADER_BYTES:
        raise ValueError(f"its header is larger than {_MAX_HEADER_BYTES} bytes")
    header = file.read(n_header_bytes)
    document, tensors = _parse_header(header.decode("ascii"))
    n_value_bytes = max((tensor["data_offsets"][1] for tensor in tensors.values()), default=0)
    if _SIZE_BYTES + n_header_bytes + n_value_bytes != n_bytes:
        raise ValueError("the file is larger or smaller than its arrays")
    try:
        arrays = load(b"".join((start, header, file.read(n_value_bytes))))
    except SafetensorError as error:
        raise ValueError(
            "its arrays overlap, leave gaps, or do not have the sizes of their shapes and dtypes"
        ) from error
    return Archive(_parse_json(document), arrays)


def _parse_header(text: str) -> tuple[str, dict[str, Any]]:
    """Return the state, as a string, and the list of the arrays."""
    if not text.startswith(_HEADER_START):
        raise ValueError("it is no file that skdec has written")
    document, end = json.JSONDecoder().raw_decode(text, len(_HEADER_START) - 1)
    if len(text) - end > _MAX_LIST_BYTES:
        raise ValueError("it has too many arrays")
    tensors = _parse_json(f'{_HEADER_START}"{text[end:]}')
    if tensors.pop("__metadata__") != {_KEY: ""}:
        raise ValueError("it has metadata of another program")
    for name, tensor in tensors.items():
        if tensor.keys() != {"dtype", "shape", "data_offsets"}:
            raise ValueError(f"its array {name!r} is not described by dtype, shape and offsets")
        if tensor["dtype"] not in _DTYPES:
            raise ValueError(f"its array {name!r} is of the unknown dtype {tensor['dtype']!r}")
    return document, tensors


def _parse_json(text: str) -> Any:
    """Parse JSON; NaN, infinities and repeated names are refused."""
    return json.loads(
        text,
        object_pairs_hook=_build_object,
        parse_constant=_refuse_number,
        parse_float=_parse_finite,
    )


def _build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise ValueError("two of its members have the same name")
    return content


def _parse_finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse_number(text)


def _refuse_number(text: str) -> NoReturn:
    raise ValueError(f"it has {text} for a number")


def _format_reason(error: Exception) -> str:
    """Return the message of an error in one short line."""
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, KeyError):
        text = f"it has no {text}"
    return text[:_MAX_REASON].rstrip(".")
