"""Reading parts of memory-mapped files that are larger than the memory."""

import mmap
from typing import Any

import numpy as np

# Systems without madvise read the same values, only with more pages in memory.
_HAS_MADVISE = hasattr(mmap, "MADV_DONTNEED")


def read_selection(X: Any, selection: slice | np.ndarray) -> Any:
    """Return ``X[selection]`` and release the pages of a memory map that were read for it.

    The operating system keeps the pages in its own cache as long as there is room.
    """
    file_map = _find_read_only_map(X) if _HAS_MADVISE else None
    if file_map is None:
        return X[selection]
    if isinstance(selection, slice):
        file_map.madvise(mmap.MADV_NORMAL)
        values = X[selection].copy()
    else:
        _prefetch(file_map, X, selection)
        values = X[selection]
    file_map.madvise(mmap.MADV_DONTNEED)
    return values


def _find_read_only_map(X: Any) -> mmap.mmap | None:
    """Return the map of the file behind an array, if it was opened for reading only."""
    array, is_read_only = X, False
    while isinstance(array, np.ndarray):
        # With mode "c" pages would hold changes that the file does not.
        is_read_only = is_read_only or getattr(array, "mode", None) == "r"
        array = array.base
    return array if is_read_only and isinstance(array, mmap.mmap) else None


def _prefetch(file_map: mmap.mmap, X: np.ndarray, indices: np.ndarray) -> None:
    """Ask the system to read the selected samples, and only these, all at once.

    By default it would read them one after the other, each with a dozen adjacent pages.
    """
    file_map.madvise(mmap.MADV_RANDOM)
    n_bytes, stride = X[:1].nbytes, X.strides[0]
    if stride < n_bytes:  # Fortran order: the values of a sample are not contiguous
        return
    offset = X.ctypes.data - np.frombuffer(file_map, np.uint8).ctypes.data
    for start in (offset + np.asarray(indices) * stride).tolist():
        in_page = start % mmap.PAGESIZE
        file_map.madvise(mmap.MADV_WILLNEED, start - in_page, n_bytes + in_page)
