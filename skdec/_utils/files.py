"""Write files safely: check first that a path can be written, then replace the file atomically."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import get_ident


def check_writable(path: Path) -> None:
    """Raise an OSError that names the problem unless a file can be written at `path`.

    A temporary file is created beside it and deleted: no other test is reliable.
    """
    if path.exists() and not path.is_file():
        raise IsADirectoryError(f"{path} is not a regular file; name a file to write.")
    _check_parent(path)
    if path.exists() and not os.access(path, os.W_OK):
        raise PermissionError(f"{path} is write-protected; name another file.")
    temporary = _get_temporary_path(path)
    try:
        temporary.touch(exist_ok=False)
    except OSError as error:
        raise PermissionError(
            f"{path} cannot be written ({error.strerror}); name a file in a directory where you "
            "have write permission."
        ) from error
    temporary.unlink()


@contextmanager
def write_atomically(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to, which replaces `path` if no exception is raised."""
    _check_parent(path)
    temporary = _get_temporary_path(path)
    try:
        yield temporary
        temporary.replace(path.resolve())
    finally:
        temporary.unlink(missing_ok=True)


def _check_parent(path: Path) -> None:
    if not path.resolve().parent.is_dir():
        raise FileNotFoundError(
            f"{path} cannot be written: {path.parent} is not a directory; create it, or name "
            "another file."
        )


def _get_temporary_path(path: Path) -> Path:
    # In the same directory, so that replacing is one atomic operation, and with the same suffix,
    # which may determine the format. Unique for each thread: several may write to one path.
    path = path.resolve()
    return path.with_name(f".{os.getpid()}-{get_ident()}-{path.name}")
