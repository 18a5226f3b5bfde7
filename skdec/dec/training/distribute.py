"""Training on several devices and in several processes, and the threads of TensorFlow.

A fit in the scope of a strategy trains one replica of the networks on each device, each replica on
its part of every batch, and divides the assignment of all samples among the worker processes. All
other steps are repeated by every worker, with equal results, from the same samples and seed.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import joblib
import numpy as np
import tensorflow as tf

from skdec._utils.process import count_usable_threads

_TF_THREADING = tf.config.threading
_is_forked = False

# Errors that TensorFlow raises when the connection to another worker ends.
_CONNECTION_ERRORS = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.InternalError,
    tf.errors.DeadlineExceededError,
)
# Options of Keras optimizers that need the gradient of the whole batch.
_WHOLE_GRADIENT_OPTIONS = (
    "clipnorm",
    "global_clipnorm",
    "clipvalue",
    "gradient_accumulation_steps",
)


class Replicas:
    """The replicas of the strategy in whose scope this thread is.

    Attributes
    ----------
    strategy : tf.distribute.Strategy
        TensorFlow's default strategy outside of all scopes.
    local : range
        Indices of this process's replicas among all.
    """

    def __init__(self) -> None:
        self.strategy = get_strategy()
        indices: list[int] = []

        def collect(context: Any) -> Any:
            indices.append(context.replica_id_in_sync_group)
            return tf.zeros(())

        if is_distributed():
            self.strategy.experimental_distribute_values_from_function(collect)
        self.local = range(min(indices, default=0), max(indices, default=0) + 1)

    @property
    def n_workers(self) -> int:
        """Number of worker processes."""
        return int(self.strategy.num_replicas_in_sync // len(self.local))

    def get_batch_slice(self, batch_size: int) -> slice:
        """Return the part of every batch that the replicas of this process train on.

        Raises
        ------
        ValueError
            If a batch cannot be divided evenly among the replicas.
        """
        n_replicas = self.strategy.num_replicas_in_sync
        if batch_size % n_replicas:
            raise ValueError(
                f"batch_size must be a multiple of the strategy's {n_replicas} replicas; got "
                f"batch_size={batch_size}."
            )
        size = batch_size // n_replicas
        return slice(self.local.start * size, self.local.stop * size)

    def run(
        self, step: Callable[..., Any], batch: Sequence[Any], seed: Any, *arguments: Any
    ) -> Any:
        """Call `step` on every replica and sum what it returns.

        Each gets its part of the batch and a seed, a pair of integers, of its own.
        """

        def run_replica() -> Any:
            context = tf.distribute.get_replica_context()
            index = context.replica_id_in_sync_group - self.local.start
            parts = [tf.reshape(part, (len(self.local), -1, *part.shape[1:])) for part in batch]
            own_seed = seed + tf.stack([context.replica_id_in_sync_group, 0])
            return step([part[index] for part in parts], own_seed, *arguments)

        losses = self.strategy.run(run_replica)
        return self.strategy.reduce(tf.distribute.ReduceOp.SUM, losses, axis=None)


def get_strategy() -> Any:
    """Return the strategy of the scope around this thread, or TensorFlow's default."""
    return tf.distribute.get_strategy()


def is_distributed() -> bool:
    """Return whether this thread is in the scope of a strategy."""
    return tf.distribute.has_strategy()


def has_other_workers() -> bool:
    """Return whether other processes take part in the training."""
    return Replicas().n_workers > 1


def is_chief() -> bool:
    """Return whether this process is the one that writes shared files."""
    return 0 in Replicas().local


def get_local_slice(n_samples: int) -> slice:
    """Return the samples that this process assigns when the workers divide them."""
    replicas = Replicas()
    worker = replicas.local.start // len(replicas.local)
    n_workers = replicas.n_workers
    return slice(n_samples * worker // n_workers, n_samples * (worker + 1) // n_workers)


def sum_over_workers(values: np.ndarray) -> np.ndarray:
    """Return the sum of the arrays that all workers pass in the same call."""
    if not has_other_workers():
        return values
    replicas = Replicas()

    def contribute(context: Any) -> Any:
        is_first = context.replica_id_in_sync_group == replicas.local.start
        return tf.constant(values if is_first else np.zeros_like(values))

    with explain_lost_workers():
        contributions = replicas.strategy.experimental_distribute_values_from_function(contribute)
        total = replicas.strategy.reduce(tf.distribute.ReduceOp.SUM, contributions, axis=None)
        return total.numpy()


def check_optimizer_is_distributable(optimizer: Any) -> None:
    """Raise a ValueError for options that would be applied to each replica's gradient alone."""
    options = [name for name in _WHOLE_GRADIENT_OPTIONS if getattr(optimizer, name, None)]
    if is_distributed() and options:
        raise ValueError(
            f"An optimizer with {', '.join(options)} would be applied to each replica's part of "
            "the gradient alone; leave it out in the scope of a strategy."
        )


def check_workers_agree(get_facts: Callable[[], Any]) -> None:
    """Raise a RuntimeError unless all workers pass equal facts."""
    if not has_other_workers():
        return
    local = np.frombuffer(bytes.fromhex(joblib.hash(get_facts())), np.uint16).astype(np.int64)
    if (sum_over_workers(local) != local * Replicas().n_workers).any():
        raise RuntimeError(
            "The workers of the strategy do not run the same fit. Give all of them the same "
            "samples, parameters, integer random_state and versions, and the same shared "
            "directories as checkpoint and memory, or none."
        )


@contextmanager
def explain_lost_workers() -> Iterator[None]:
    """Raise a RuntimeError with advice where the connection to another worker is lost."""
    try:
        yield
    except _CONNECTION_ERRORS as error:
        if not has_other_workers():
            raise
        raise RuntimeError(
            "Another worker of the strategy was lost. Start all of them again; with checkpoint= "
            f"they resume from the last state. ({type(error).__name__})"
        ) from error


def run_outside_scope(build: Callable[[], Any]) -> Any:
    """Call `build` outside of the strategy's scope around this thread.

    A scope applies to the thread that entered it, so another thread is outside.
    """
    if not is_distributed():
        return build()
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(build).result()


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

# TensorFlow does not read the variable. A number that the user has set in TensorFlow is kept.
if "OMP_NUM_THREADS" in os.environ and not _TF_THREADING.get_intra_op_parallelism_threads():
    _set_tensorflow_threads(count_usable_threads())
