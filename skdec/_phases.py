"""The phases of DEC: pretrain the autoencoder, then refine encoder and centres.

Nothing of scikit-learn's API here: each phase takes arrays and what it needs of the parameters,
and returns arrays. Between the phases stands the start (`_start`).
"""

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import scipy.sparse as sp
from sklearn.exceptions import ConvergenceWarning

from skdec._checkpoint import Checkpoint, State
from skdec._compiled import assignment, borrowed_pretrainer, borrowed_refiner, decoding, encoding
from skdec._course import Course, learning_rates
from skdec._math import target_distribution
from skdec._neighbors import consensus_targets
from skdec._rows import DistinctRows, batched_output
from skdec._start import Start
from skdec._strategy import check_alike, has_other_hosts, own_share, sum_over_hosts
from skdec.networks import Architecture, initial_weights

# Rounds of agreement among neighbours on what the network assigns: few, its view should count.
_ROUNDS = 4

NO_CHECKPOINT = Checkpoint(None)


class Pretrained(NamedTuple):
    """Weights of the autoencoder and what happened on the way, one entry an epoch."""

    weights: list[np.ndarray]
    history: dict[str, np.ndarray]
    interrupted: bool


class Refined(NamedTuple):
    """Weights of the encoder, centres, soft assignments of all rows, one entry an update."""

    weights: list[np.ndarray]
    centers: np.ndarray
    q: np.ndarray
    history: dict[str, np.ndarray]
    n_iter: int
    stop_reason: str


def pretrained_from(
    rows: DistinctRows,
    architecture: Architecture,
    kernel_initializer: dict[str, Any] | str | None,
    optimizer: dict[str, Any],
    seed: int,
    n_epochs: int,
    batch_size: int,
    decay: bool,
    callbacks: Sequence[keras.callbacks.Callback],
    checkpoint: Checkpoint,
) -> Pretrained:
    """`pretrain` by configurations and a seed, which joblib can tell apart by their contents."""
    return pretrain(
        rows,
        architecture,
        initial_weights(architecture, kernel_initializer, seed),
        keras.optimizers.deserialize(optimizer),
        n_epochs=n_epochs,
        batch_size=batch_size,
        decay=decay,
        random_state=np.random.RandomState(seed),
        callbacks=callbacks,
        checkpoint=checkpoint,
    )


def pretrain(
    rows: DistinctRows,
    architecture: Architecture,
    initial_weights: Sequence[np.ndarray],
    optimizer: keras.optimizers.Optimizer,
    *,
    n_epochs: int,
    batch_size: int,
    decay: bool,
    random_state: np.random.RandomState,
    callbacks: Sequence[keras.callbacks.Callback],
    checkpoint: Checkpoint = NO_CHECKPOINT,
) -> Pretrained:
    """Train the autoencoder to reconstruct the rows, weighted mean squared error."""
    epoch_steps, interrupted = -(-rows.shape[0] // batch_size), False
    rates = learning_rates(optimizer, n_epochs * epoch_steps, decay)
    with borrowed_pretrainer(architecture, batch_size, optimizer) as trainer:
        trainer.reset(initial_weights)
        report = _Report(callbacks, trainer.model, "pretrain", n_epochs)
        course = Course(trainer, rates, rows.shape[0], random_state, "loss")
        ended = _gone_on(course, checkpoint, "pretrain")
        check_alike(lambda: ("pretrain", ended, rows.digest, course.state()))
        try:
            while course.steps_left and not ended:
                report.begin(course.n_entries)
                loss = course.advance(epoch_steps, [rows, rows.weights])
                course.note(loss=loss)
                report.end(course.n_entries - 1, loss=loss)
                ended = trainer.model.stop_training or not course.steps_left
                if not ended:  # the end is kept once the callbacks are done with the weights
                    checkpoint.keep("pretrain", course.state)
        except KeyboardInterrupt:
            if has_other_hosts():
                raise
            interrupted = True
        report.close()
        if not interrupted:
            checkpoint.keep("pretrain", lambda: _ended(course.state()), at_once=True)
        return Pretrained(trainer.weights(), course.history(), interrupted)


def refine(
    rows: DistinctRows,
    architecture: Architecture,
    encoder_weights: Sequence[np.ndarray],
    start: Start,
    graph: sp.csr_array | None,
    alpha: float,
    optimizer: keras.optimizers.Optimizer,
    *,
    max_iter: int,
    update_interval: int,
    tol: float,
    batch_size: int,
    decay: bool,
    random_state: np.random.RandomState,
    callbacks: Sequence[keras.callbacks.Callback],
    seen_frequencies: Any = 0.0,
    checkpoint: Checkpoint = NO_CHECKPOINT,
) -> Refined:
    """Train encoder and centres towards targets that are renewed at every update.

    Without a `graph` of neighbours these are DEC's own, the sharpened assignments; with one, the
    neighbours' assignments are sharpened. The first targets are the start's, if it has some: its
    centres cannot tell them where clusters are not convex.

    An update that leaves a cluster without rows is undone and made again at a lower rate; the
    second one ends the refinement.
    """
    stop_reason = "max_iter"
    rates = learning_rates(optimizer, max_iter, decay)
    with borrowed_refiner(architecture, len(start.centers), batch_size, optimizer) as trainer:
        trainer.reset([*encoder_weights, start.centers])
        report = _Report(callbacks, trainer.model, "refine", -(-max_iter // update_interval))
        course = Course(trainer, rates, rows.shape[0], random_state, "loss", "changed", "clusters")

        def current_assignments() -> np.ndarray:
            *weights, centers = trainer.weights()
            own = own_share(rows.shape[0])
            return sum_over_hosts(assigned(rows, architecture, weights, centers, alpha, own))

        _gone_on(course, checkpoint, "refine")
        p, labels, q = start.targets, start.labels, None
        n_clusters = len(np.unique(labels if p is None else p.argmax(axis=1)))
        if course.n_steps or p is None or not course.steps_left:
            q = current_assignments()
            p = _targets(q, graph, rows.weights, seen_frequencies)
            labels = q.argmax(axis=1) if course.n_steps else labels
        check_alike(lambda: ("refine", p, update_interval, tol, course.state()))
        try:
            while course.steps_left and stop_reason == "max_iter":
                report.begin(course.n_entries)
                loss = course.advance(update_interval, [rows, p, rows.weights], [alpha])
                q = current_assignments()
                found = q.argmax(axis=1)
                changed = float(np.average(found != labels, weights=rows.weights))
                n_left = len(np.unique(found))
                course.note(loss=loss, changed=changed, clusters=n_left)
                report.end(course.n_entries - 1, loss=loss, changed=changed, clusters=n_left)
                if n_left < n_clusters:
                    q = None
                    if not _gentler(course, n_left, n_clusters):
                        stop_reason = "collapse"
                    continue
                labels = found
                if changed < tol:
                    stop_reason = "tol"
                elif trainer.model.stop_training:
                    stop_reason = "callback"
                elif course.steps_left:
                    p = _targets(q, graph, rows.weights, seen_frequencies)
                    checkpoint.keep("refine", course.state)
        except KeyboardInterrupt:
            if has_other_hosts():
                raise
            stop_reason, q = "interrupted", None
        report.close()
        *weights, centers = trainer.weights()
        q = current_assignments() if q is None else q
    return Refined(weights, centers, q, course.history(), course.n_steps, stop_reason)


def embedded(X: Any, architecture: Architecture, weights: Sequence[np.ndarray]) -> np.ndarray:
    """Embedded rows (n, d) of `X`, float32."""
    return batched_output(encoding(architecture, weights), X, architecture.dims[-1])


def reconstructed(z: Any, architecture: Architecture, weights: Sequence[np.ndarray]) -> np.ndarray:
    """Rows (n, n_features) that the decoder makes of embedded rows `z`, float32."""
    return batched_output(decoding(architecture, weights), z, architecture.n_features)


def assigned(
    X: Any,
    architecture: Architecture,
    weights: Sequence[np.ndarray],
    centers: np.ndarray,
    alpha: float,
    part: slice = slice(None),
) -> np.ndarray:
    """Soft assignments q (n, k) of the rows of `X`, float32; zero for those not in `part`."""
    run = assignment(architecture, weights, centers, alpha)
    return batched_output(run, X, len(centers), part)


def _gone_on(course: Course, checkpoint: Checkpoint, phase: str) -> bool:
    """Go on from the checkpoint, if it has a state; whether the phase had ended there."""
    state = checkpoint.found(phase)
    if state is None:
        return False
    course.go_on_from(state)
    return bool(state.numbers.get("ended"))


def _ended(state: State) -> State:
    return State({**state.numbers, "ended": True}, state.arrays)


def _gentler(course: Course, n_left: int, n_clusters: int) -> bool:
    """Take an update back that left clusters without rows; whether it is made again."""
    made_again = course.take_back()
    if made_again:
        warnings.warn(
            f"After {course.n_steps} steps of the refinement an update left {n_left} of "
            f"{n_clusters} clusters with rows. It is undone, and the refinement goes on with a "
            "lower learning rate.",
            ConvergenceWarning,
            stacklevel=5,
        )
    return made_again


def _targets(
    q: np.ndarray, graph: sp.csr_array | None, weights: np.ndarray, seen_frequencies: Any
) -> np.ndarray:
    if graph is None:
        return target_distribution(q, weights, seen_frequencies)
    return consensus_targets(q, graph, _ROUNDS, weights)


class _Report:
    """Keras callbacks told of a phase's epochs; `params` names the phase and its length."""

    def __init__(
        self,
        callbacks: Sequence[keras.callbacks.Callback],
        model: keras.Model,
        phase: str,
        n_epochs: int,
    ) -> None:
        self._callbacks = keras.callbacks.CallbackList(
            list(callbacks), model=model, phase=phase, epochs=n_epochs
        )
        self._callbacks.on_train_begin()

    def begin(self, epoch: int) -> None:
        self._callbacks.on_epoch_begin(epoch)

    def end(self, epoch: int, **logs: float) -> None:
        self._callbacks.on_epoch_end(epoch, logs)

    def close(self) -> None:
        self._callbacks.on_train_end()
