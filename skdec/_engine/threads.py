"""Number of threads that a fit may use, and detection of threads lost in a fork."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any

import tensorflow as tf
from joblib import cpu_count
from threadpoolctl import ThreadpoolController

_TF_THREADING = tf.config.threading
_is_forked = False


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


def limit_tensorflow_threads() -> None:
    """Apply ``OMP_NUM_THREADS`` to TensorFlow, which does not read it.

    A number of threads that the user set in TensorFlow is kept.
    """
    if "OMP_NUM_THREADS" in os.environ and not _TF_THREADING.get_intra_op_parallelism_threads():
        _set_tensorflow_threads(count_usable_threads())


def check_not_forked() -> None:
    """Raise a RuntimeError in a process that was forked after TensorFlow's threads had started."""
    if _is_forked:
        raise RuntimeError(
            "This process was forked after TensorFlow had started its threads, which a fork does "
            "not copy. Start processes with 'spawn', 'forkserver' or joblib's loky, or fork "
            "before the first fit."
        )


def _set_tensorflow_threads(n_threads: int) -> bool:
    """Set TensorFlow's number of threads; return False if its threads are already running."""
    try:
        _TF_THREADING.set_intra_op_parallelism_threads(n_threads)
    except RuntimeError:
        return False
    return True


def _detect_fork() -> None:
    global _is_forked
    # TensorFlow accepts another number only before its threads start; the old one is restored.
    current = _TF_THREADING.get_intra_op_parallelism_threads()
    _is_forked = not (_set_tensorflow_threads(current + 1) and _set_tensorflow_threads(current))


if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_detect_fork)
