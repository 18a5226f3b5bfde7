"""Threads: how many a fit may use, and processes that lost theirs."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import tensorflow as tf
from joblib import cpu_count

_GIVEN = tf.config.threading
_lost_in_fork = False


def usable_threads() -> int:
    """Cores that this process may use, no more than ``OMP_NUM_THREADS`` if that is set.

    Joblib and Dask set it in their workers, so that these share the machine.
    """
    limit = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return min(cpu_count(), int(limit)) if limit.isdigit() and int(limit) else cpu_count()


def side_by_side(function: Callable[[Any], Any], items: Iterable[Any], n_threads: int) -> list[Any]:
    """What `function` returns for each item, in their order, by so many threads."""
    if n_threads == 1:
        return [function(item) for item in items]
    with ThreadPoolExecutor(n_threads) as threads:
        return list(threads.map(function, items))


def limit_tensorflow() -> None:
    """Make TensorFlow heed ``OMP_NUM_THREADS``, which by itself it does not.

    A number of threads that somebody gave TensorFlow stays, and so do threads already at work.
    """
    if "OMP_NUM_THREADS" in os.environ and not _GIVEN.get_intra_op_parallelism_threads():
        _tensorflow_takes(usable_threads())


def check_threads() -> None:
    """Raise a RuntimeError where TensorFlow would wait forever for threads lost in a fork."""
    if _lost_in_fork:
        raise RuntimeError(
            "This process was forked after TensorFlow had begun to compute, and its threads are "
            "gone. Start processes by 'spawn' or 'forkserver', or with joblib's loky, "
            "or fork before the first fit."
        )


def _tensorflow_takes(n_threads: int) -> bool:
    """Set TensorFlow's number of threads; False if these have been started."""
    try:
        _GIVEN.set_intra_op_parallelism_threads(n_threads)
    except RuntimeError:
        return False
    return True


def _note_fork() -> None:
    global _lost_in_fork
    # TensorFlow takes another number as long as it has not begun; then it gets its own back.
    given = _GIVEN.get_intra_op_parallelism_threads()
    _lost_in_fork = not (_tensorflow_takes(given + 1) and _tensorflow_takes(given))


if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_note_fork)
