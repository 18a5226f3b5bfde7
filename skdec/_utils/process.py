"""What a fit does to its process: threads, warnings, and TensorFlow's lines on standard error."""

import inspect
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, wraps
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any, ParamSpec, TypeVar, cast

from joblib import cpu_count
from threadpoolctl import ThreadpoolController

_P = ParamSpec("_P")
_R = TypeVar("_R")
_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
_QUIET = "3"  # only fatal errors
_SKLEARN = find_spec("sklearn")  # without importing it, which takes a second
assert _SKLEARN is not None
_INTERNAL = tuple(
    str(folder) + os.sep
    for folder in (Path(__file__).parents[1], Path(str(_SKLEARN.origin)).parent)
)


def count_usable_threads() -> int:
    """Return the number of cores, limited by ``OMP_NUM_THREADS`` if that is set.

    Joblib and Dask set the variable in their workers so that these share the machine.
    """
    limit = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return min(cpu_count(), int(limit)) if limit.isdigit() and int(limit) else cpu_count()


def run_in_threads(
    function: Callable[[Any], Any], items: Iterable[Any], n_threads: int
) -> list[Any]:
    """Apply a function to each item in `n_threads` threads and return the results in order."""
    if n_threads == 1:
        return [function(item) for item in items]
    with ThreadPoolExecutor(n_threads) as threads:
        return list(threads.map(function, items))


_blas_lock = Lock()
_n_blas_users = 0
_blas_limits: Any = None


@contextmanager
def use_one_thread() -> Iterator[None]:
    """Run BLAS and OpenMP with one thread, for results that do not depend on their number.

    With several threads the order of summation, and so the last bits of a result, vary. OpenMP's
    limit is one of this thread. BLAS's is one of the whole process, so it is set by the first of
    several fits that run side by side and restored by the last.
    """
    global _n_blas_users, _blas_limits
    with _blas_lock:
        if _n_blas_users == 0:
            _blas_limits = _find_thread_pools().limit(limits=1, user_api="blas")
        _n_blas_users += 1
    try:
        with _find_thread_pools().limit(limits=1, user_api="openmp"):
            yield
    finally:
        with _blas_lock:
            _n_blas_users -= 1
            if _n_blas_users == 0:
                _blas_limits.restore_original_limits()


@cache
def _find_thread_pools() -> ThreadpoolController:
    """Find the libraries of NumPy, SciPy and scikit-learn with threads, which takes 10 ms."""
    return ThreadpoolController()


_filters_lock = Lock()
_n_fits = 0
_filters: list[Any] = []


def keep_warning_filters(method: Callable[_P, _R]) -> Callable[_P, _R]:
    """Decorate a method to leave the warning filters as they were, also in several threads.

    scikit-learn changes them for a moment and puts back what it has found. In another thread, that
    may be what the first one has changed for a moment. So they are remembered by the first of
    several fits and put back by the last.
    """

    @wraps(method)
    def keeping(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        global _n_fits
        with _filters_lock:
            if _n_fits == 0:
                _filters[:] = warnings.filters
            _n_fits += 1
        try:
            return method(*args, **kwargs)
        finally:
            with _filters_lock:
                _n_fits -= 1
                if _n_fits == 0 and list(warnings.filters) != _filters:
                    warnings.resetwarnings()
                    # It is a list, which its type does not say.
                    cast(list[Any], warnings.filters).extend(_filters)

    return keeping


def import_tensorflow_quietly() -> None:
    """Import TensorFlow without its start-up lines, unless the user has set its log level.

    The level is in the environment of worker processes, too, where the lines would come again.
    """
    is_quiet = os.environ.setdefault(_LEVEL, _QUIET) == _QUIET
    if "tensorflow" in sys.modules or not is_quiet or sys.stderr is None:
        return
    with silence_stderr():  # some lines come before TensorFlow looks at the level
        import_module("tensorflow")


@contextmanager
def silence_stderr() -> Iterator[None]:
    """Discard what TensorFlow's libraries write to standard error, unless an error is raised.

    They write to the file descriptor, so the descriptor itself is redirected.
    """
    sys.stderr.flush()
    standard_error = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield
        except BaseException:
            file.seek(0)
            os.write(standard_error, file.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(standard_error, 2)
            os.close(standard_error)


def warn_user(message: str, category: type[Warning] = UserWarning) -> None:
    """Issue a warning for the line outside of skdec and scikit-learn that has led here."""
    frame, level = inspect.currentframe(), 1
    while frame is not None and frame.f_code.co_filename.startswith(_INTERNAL):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
