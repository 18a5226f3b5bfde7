"""Memory maps: what reading them leaves in memory, and how to let it go."""

import mmap
from typing import Any

import numpy as np


def let_go(X: Any) -> None:
    """Give back the pages of the file that reading a memory map brought into this process.

    The system keeps them in its own cache as long as it has room. An array that is no memory map
    opened for reading is left alone.
    """
    array, is_read_only_map = X, False
    while isinstance(array, np.ndarray):
        # With mode "c" the pages would hold changes that the file does not.
        is_read_only_map = is_read_only_map or getattr(array, "mode", None) == "r"
        array = array.base
    if is_read_only_map and isinstance(array, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        array.madvise(mmap.MADV_DONTNEED)
