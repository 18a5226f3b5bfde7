"""What a fit does to its process: threads, warnings, and TensorFlow's lines on standard error."""

import inspect
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ContextDecorator, contextmanager
from functools import cache
from importlib import import_module
from threading import Lock
from typing import Any, cast

from joblib import cpu_count
from threadpoolctl import ThreadpoolController

_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
_QUIET = "3"  # only fatal errors
_INTERNAL = ("skdec", "sklearn", "contextlib")  # the last one has decorated what a user calls


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


class _ProcessSetting(ContextDecorator):
    """A setting of the whole process, for several fits that run side by side.

    It is made by the first of them, and the last one restores what was before. It is used by `with`
    or as a decorator.
    """

    def __init__(self, make: Callable[[], Any], restore: Callable[[Any], None]) -> None:
        self._make, self._restore = make, restore
        self._lock, self._n_users = Lock(), 0

    def __enter__(self) -> None:
        with self._lock:
            if self._n_users == 0:
                self._previous = self._make()
            self._n_users += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._n_users -= 1
            if self._n_users == 0:
                self._restore(self._previous)


@cache
def _find_thread_pools() -> ThreadpoolController:
    """Find the libraries of NumPy, SciPy and scikit-learn with threads, which takes 10 ms."""
    return ThreadpoolController()


_blas_limit = _ProcessSetting(
    lambda: _find_thread_pools().limit(limits=1, user_api="blas"),
    lambda limits: limits.restore_original_limits(),
)


@contextmanager
def use_one_thread() -> Iterator[None]:
    """Run BLAS and OpenMP with one thread, for results that do not depend on their number.

    With several threads the order of summation, and so the last bits of a result, vary. OpenMP's
    limit is one of this thread, BLAS's one of the whole process.
    """
    with _blas_limit, _find_thread_pools().limit(limits=1, user_api="openmp"):
        yield


def _restore_filters(filters: list[Any]) -> None:
    if list(warnings.filters) != filters:
        warnings.resetwarnings()
        # It is a list, which its type does not say.
        cast(list[Any], warnings.filters).extend(filters)


# Decorates methods to leave the warning filters as they were, also in several threads. scikit-learn
# changes them for a moment and puts back what it has found. In another thread, that may be what the
# first one has changed for a moment.
keep_warning_filters = _ProcessSetting(lambda: list(warnings.filters), _restore_filters)


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
    while frame is not None and frame.f_globals.get("__name__", "").split(".")[0] in _INTERNAL:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
