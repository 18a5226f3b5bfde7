"""How many threads a fit may use."""

import os

import tensorflow as tf
from joblib import cpu_count


def usable_threads() -> int:
    """Cores that this process may use, no more than ``OMP_NUM_THREADS`` if that is set.

    Joblib and Dask set it in their workers, so that these share the machine.
    """
    limit = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return min(cpu_count(), int(limit)) if limit.isdigit() and int(limit) else cpu_count()


def limit_tensorflow() -> None:
    """Make TensorFlow heed ``OMP_NUM_THREADS``, which by itself it does not.

    A number of threads that somebody gave TensorFlow stays, and so do threads already at work.
    """
    if (
        "OMP_NUM_THREADS" in os.environ
        and not tf.config.threading.get_intra_op_parallelism_threads()
    ):
        try:
            tf.config.threading.set_intra_op_parallelism_threads(usable_threads())
        except RuntimeError:  # its threads have been started
            return
