"""Files replaced as a whole, and the cache of the finished steps of fits."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from threading import get_ident
from typing import Any

import joblib

_PACKAGES = ("tensorflow", "keras", "numpy", "scipy", "scikit-learn")


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


@cache
def describe_versions() -> dict[str, str]:
    """Return the versions of all packages that the result of a fit depends on.

    That of skdec is followed by a digest of its source, so that results of a changed checkout are
    not taken for those of the release.
    """
    digest = blake2b(digest_size=8)
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(path.read_bytes())
    return {
        "skdec": f"{version('skdec')}+{digest.hexdigest()}",
        **{package: version(package) for package in _PACKAGES},
    }


def load_or_compute(memory: Any, step: str, key: Any, compute: Callable[[], Any]) -> Any:
    """Return the result stored for `step` and `key`, else that of `compute`, and store it.

    Parameters
    ----------
    memory : str, path-like, joblib.Memory or None
        Directory of the cache; None stores nothing.
    step : str
        Name of the step.
    key : object
        All that the result depends on, beside the versions of the installed packages: values that
        joblib can hash.
    compute : callable
        Computes the result.

    Returns
    -------
    object
        The result.
    """
    from sklearn.utils.validation import check_memory  # after --help, which takes no time

    cache = check_memory(os.fspath(memory) if isinstance(memory, os.PathLike) else memory)
    if cache.location is None:
        return compute()
    run = cache.cache(_run_step, ignore=["compute"])
    return run(step, joblib.hash(key), describe_versions(), compute)


def _run_step(step: str, key: str, versions: dict[str, str], compute: Callable[[], Any]) -> Any:
    return compute()
