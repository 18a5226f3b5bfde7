"""Checking that a path can be written, and replacing files atomically."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from skdec._utils.files import check_writable, write_atomically


def write_and_interrupt(path):
    with write_atomically(path) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt


def test_a_file_is_replaced_only_after_it_is_complete(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("before")
    with pytest.raises(KeyboardInterrupt):
        write_and_interrupt(path)
    assert path.read_text() == "before"
    with write_atomically(path) as temporary:
        assert temporary.suffix == ".csv"
        temporary.write_text("after")
    assert path.read_text() == "after"
    assert list(tmp_path.iterdir()) == [path]


def test_threads_can_write_to_the_same_path(tmp_path):
    path, barrier = tmp_path / "labels.csv", threading.Barrier(4)

    def write(number):
        with write_atomically(path) as temporary:
            temporary.write_text(str(number))
            barrier.wait(10)  # all threads are writing before any of them ends

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(write, range(4))) == [None] * 4
    assert path.read_text() in "0123"
    assert list(tmp_path.iterdir()) == [path]


def test_the_target_of_a_symbolic_link_is_replaced(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "file")
    with write_atomically(tmp_path / "link") as temporary:
        temporary.write_text("content")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text() == "content"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "is not a regular file"),
        ("absent/new.csv", "is not a directory; create it"),
        ("file/new.csv", "is not a directory; create it"),
        ("x" * 254, "cannot be written"),
    ],
)
def test_an_unwritable_path_raises(name, message, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=message):
        check_writable(tmp_path / name)
    check_writable(tmp_path / "new.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
