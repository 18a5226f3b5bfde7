"""Memory maps: only the selected samples are read, and their pages are released afterwards."""

import sys
from pathlib import Path

import numpy as np
import pytest

from skdec._utils.data import to_float32


def count_resident_bytes(path):
    """Bytes of the file's mapped pages that are in this process's memory."""
    n_bytes, is_file = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        fields = line.split()
        if not fields[0].endswith(":"):  # the first line of a mapping, with its file at the end
            is_file = fields[-1] == str(path)
        elif is_file and fields[0] == "Rss:":
            n_bytes += int(fields[1]) * 1024
    return n_bytes


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@pytest.mark.parametrize("view", [np.asarray, lambda X: X, lambda X: X[5:]])
def test_pages_that_were_read_are_released(view, tmp_path):
    path = tmp_path / "samples.npy"
    X = np.lib.format.open_memmap(path, "w+", np.float32, (20_000, 500))
    X[:] = np.arange(500)
    X.flush()
    del X
    X = view(np.load(path, mmap_mode="r"))
    before = count_resident_bytes(path)
    X.sum()
    assert count_resident_bytes(path) > before + X.nbytes * 0.9
    to_float32(X, np.array([0]))
    assert count_resident_bytes(path) < before + X.nbytes * 0.1
    np.testing.assert_array_equal(X[-1], np.arange(500))


def test_changes_that_are_not_in_the_file_are_kept(tmp_path):
    np.save(tmp_path / "samples.npy", np.zeros((2000, 3)))
    X = np.load(tmp_path / "samples.npy", mmap_mode="c")
    X += 1
    to_float32(X, slice(0, 5))
    assert (X == 1).all()
