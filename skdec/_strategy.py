"""Several devices and hosts: the only user of `tf.distribute`.

A fit in the scope of a strategy trains one replica of the networks on each device of the strategy,
each on its part of every batch, and shares out the assignment of all rows among the hosts. All else
is done by every host for itself, alike, from the same rows and the same seed.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import joblib
import numpy as np
import tensorflow as tf

# What the end of a connection to another host looks like.
_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.InternalError,
    tf.errors.DeadlineExceededError,
)
# Options of Keras optimizers for which the gradient of the whole batch must be known first.
_WHOLE_GRADIENT_OPTIONS = (
    "clipnorm",
    "global_clipnorm",
    "clipvalue",
    "gradient_accumulation_steps",
)


class Replicas:
    """The replicas of the strategy whose scope holds in this thread, as far as they are here.

    Attributes
    ----------
    strategy : tf.distribute.Strategy
        A default one outside of all scopes.
    own : range
        Numbers of this process's replicas among all.
    """

    def __init__(self) -> None:
        self.strategy = strategy_in_scope()
        numbers = _numbers_of_replicas(self.strategy) if is_distributed() else [0]
        self.own = range(min(numbers), max(numbers) + 1)

    def own_rows(self, batch_size: int) -> slice:
        """Rows of every batch that the replicas of this process take.

        Raises
        ------
        ValueError
            If a batch cannot be shared out evenly.
        """
        n_replicas = self.strategy.num_replicas_in_sync
        if batch_size % n_replicas:
            raise ValueError(
                f"batch_size must be a multiple of the strategy's {n_replicas} replicas; got "
                f"batch_size={batch_size}."
            )
        size = batch_size // n_replicas
        return slice(self.own.start * size, self.own.stop * size)

    def loss(self, step: Callable[..., Any], batch: Sequence[Any], *arguments: Any) -> Any:
        """Sum of what `step` returns on all replicas, each called with its part of the own rows."""

        def on_one_replica() -> Any:
            context = tf.distribute.get_replica_context()
            place = context.replica_id_in_sync_group - self.own.start
            parts = [tf.reshape(rows, (len(self.own), -1, *rows.shape[1:])) for rows in batch]
            return step([part[place] for part in parts], *arguments)

        losses = self.strategy.run(on_one_replica)
        return self.strategy.reduce(tf.distribute.ReduceOp.SUM, losses, axis=None)


def strategy_in_scope() -> Any:
    """The strategy whose scope holds in this thread; a default one outside of all."""
    return tf.distribute.get_strategy()


def is_distributed() -> bool:
    """Whether the scope of a strategy holds in this thread."""
    return tf.distribute.has_strategy()


def has_other_hosts() -> bool:
    """Whether other processes take part, which would wait for this one forever."""
    return _n_hosts(Replicas()) > 1


def writes_files() -> bool:
    """Whether this process is the one that writes what all share."""
    return 0 in Replicas().own


def own_share(n_rows: int) -> slice:
    """Rows that are this process's share of what the hosts do once for all of them."""
    replicas = Replicas()
    host, n_hosts = replicas.own.start // len(replicas.own), _n_hosts(replicas)
    return slice(n_rows * host // n_hosts, n_rows * (host + 1) // n_hosts)


def sum_over_hosts(values: np.ndarray) -> np.ndarray:
    """Sum of the arrays that the hosts call this with, all at the same time."""
    if not has_other_hosts():
        return values
    replicas = Replicas()

    def contribution(context: Any) -> Any:
        is_first = context.replica_id_in_sync_group == replicas.own.start
        return tf.constant(values if is_first else np.zeros_like(values))

    with lost_hosts_named():
        contributions = replicas.strategy.experimental_distribute_values_from_function(contribution)
        total = replicas.strategy.reduce(tf.distribute.ReduceOp.SUM, contributions, axis=None)
        return total.numpy()


def check_whole_gradients(optimizer: Any) -> None:
    """Raise a ValueError where the optimizer would treat the replicas' gradients one by one."""
    given = [name for name in _WHOLE_GRADIENT_OPTIONS if getattr(optimizer, name, None)]
    if is_distributed() and given:
        raise ValueError(
            f"An optimizer with {', '.join(given)} would look at each replica's part of the "
            "gradient alone; leave it out in the scope of a strategy."
        )


def check_alike(facts: Callable[[], Any]) -> None:
    """Raise a RuntimeError unless all processes of the strategy are here with equal facts."""
    if not has_other_hosts():
        return
    mine = np.frombuffer(bytes.fromhex(joblib.hash(facts())), np.uint16).astype(np.int64)
    if (sum_over_hosts(mine) != mine * _n_hosts(Replicas())).any():
        raise RuntimeError(
            "The workers of the strategy do not do the same. Give all of them the same rows, "
            "parameters, integer random_state and versions, and the same folders, which all of "
            "them see, as checkpoint and memory, or none."
        )


@contextmanager
def lost_hosts_named() -> Iterator[None]:
    """Raise a RuntimeError that says so where another host of the strategy went away."""
    try:
        yield
    except _LOST as error:
        if not has_other_hosts():
            raise
        raise RuntimeError(
            "Another worker of the strategy was lost. Start all of them again; with checkpoint= "
            f"they go on from the last state. ({type(error).__name__})"
        ) from error


def outside_of_scopes(build: Callable[[], Any]) -> Any:
    """What `build` returns where no strategy's scope holds.

    A scope holds in the thread that entered it, so another thread is outside.
    """
    if not is_distributed():
        return build()
    with ThreadPoolExecutor(1) as elsewhere:
        return elsewhere.submit(build).result()


def _n_hosts(replicas: Replicas) -> int:
    return replicas.strategy.num_replicas_in_sync // len(replicas.own)


def _numbers_of_replicas(strategy: Any) -> list[int]:
    numbers: list[int] = []

    def noted(context: Any) -> Any:
        numbers.append(context.replica_id_in_sync_group)
        return tf.zeros(())

    strategy.experimental_distribute_values_from_function(noted)
    return numbers
