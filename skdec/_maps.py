"""Memory maps: reading rows of files that are larger than the memory."""

import mmap
from typing import Any

import numpy as np

# Where the system takes no advice, it reads all the same.
_TAKES_ADVICE = hasattr(mmap, "MADV_DONTNEED")


def read_rows(X: Any, selection: slice | np.ndarray) -> Any:
    """``X[selection]``; a memory map is left without pages of the file in this process.

    The system keeps pages in its own cache as long as it has room.
    """
    file_map = _read_only_map(X) if _TAKES_ADVICE else None
    if file_map is None:
        return X[selection]
    if isinstance(selection, slice):
        file_map.madvise(mmap.MADV_NORMAL)
        rows = X[selection].copy()
    else:
        _ask_for(file_map, X, selection)
        rows = X[selection]
    file_map.madvise(mmap.MADV_DONTNEED)
    return rows


def _read_only_map(X: Any) -> mmap.mmap | None:
    """The map of a file behind an array, if it was opened for reading only."""
    array, is_read_only = X, False
    while isinstance(array, np.ndarray):
        # With mode "c" pages would hold changes that the file does not.
        is_read_only = is_read_only or getattr(array, "mode", None) == "r"
        array = array.base
    return array if is_read_only and isinstance(array, mmap.mmap) else None


def _ask_for(file_map: mmap.mmap, X: np.ndarray, indices: np.ndarray) -> None:
    """Have the system read scattered rows, these alone and all at once.

    Left to itself it would read them one after the other, each with a dozen of its neighbours.
    """
    file_map.madvise(mmap.MADV_RANDOM)
    row_bytes, stride = X[:1].nbytes, X.strides[0]
    if stride < row_bytes:  # columns, not rows, lie together
        return
    beginning = X.ctypes.data - np.frombuffer(file_map, np.uint8).ctypes.data
    for start in (beginning + np.asarray(indices) * stride).tolist():
        ahead = start % mmap.PAGESIZE
        file_map.madvise(mmap.MADV_WILLNEED, start - ahead, row_bytes + ahead)
