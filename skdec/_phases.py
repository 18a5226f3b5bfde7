"""The phases of DEC: pretrain the autoencoder, then refine encoder and centres.

Nothing of scikit-learn's API here: each phase takes arrays and what it needs of the parameters,
and returns arrays. Between the phases stands the start (`_start`).
"""

import time
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import scipy.sparse as sp
from sklearn.exceptions import ConvergenceWarning

from skdec._compiled import (
    Trainer,
    assignment,
    borrowed_pretrainer,
    borrowed_refiner,
    decoding,
    encoding,
    has_own_schedule,
)
from skdec._math import target_distribution
from skdec._neighbors import consensus_targets
from skdec._rows import DistinctRows, batched_output, chunk_steps, shuffled_batches
from skdec._start import Start
from skdec.networks import Architecture, initial_weights

# Rounds of agreement among neighbours on what the network assigns: few, its view should count.
_ROUNDS = 4
# How much lower the learning rate of the one retry after a divergence is.
_RETRY_RATE = 0.1


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
) -> Pretrained:
    """Train the autoencoder to reconstruct the rows, weighted mean squared error."""
    epoch_steps = -(-rows.shape[0] // batch_size)
    history, interrupted = _History("loss"), False
    with borrowed_pretrainer(architecture, batch_size, optimizer) as trainer:
        trainer.reset(initial_weights)
        report = _Report(callbacks, trainer.model, "pretrain", n_epochs)
        batches = shuffled_batches(rows.shape[0], batch_size, random_state)
        course = _Course(trainer, _rates(optimizer, n_epochs * epoch_steps, decay), batches)
        try:
            for epoch in range(n_epochs):
                report.begin(epoch)
                loss = course.advance(epoch_steps, [rows, rows.weights])
                history.append(loss=loss)
                report.end(epoch, loss=loss)
                if trainer.model.stop_training:
                    break
        except KeyboardInterrupt:
            interrupted = True
        report.close()
        return Pretrained(trainer.weights(), history.arrays(), interrupted)


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
) -> Refined:
    """Train encoder and centres towards targets that are renewed at every update.

    Without a `graph` of neighbours these are DEC's own, the sharpened assignments; with one, the
    neighbours' assignments are sharpened. The first targets are the start's, if it has some: its
    centres cannot tell them where clusters are not convex.
    """
    n_clusters = len(start.centers)
    history, stop_reason = _History("loss", "changed"), "max_iter"
    with borrowed_refiner(architecture, n_clusters, batch_size, optimizer) as trainer:
        trainer.reset([*encoder_weights, start.centers])
        report = _Report(callbacks, trainer.model, "refine", -(-max_iter // update_interval))
        batches = shuffled_batches(rows.shape[0], batch_size, random_state)
        course = _Course(trainer, _rates(optimizer, max_iter, decay), batches)
        p, labels = start.targets, start.labels
        if p is None or not course.steps_left:
            q = assigned(rows, architecture, encoder_weights, start.centers, alpha)
            p = _targets(q, graph, rows.weights, seen_frequencies)
        try:
            while course.steps_left and stop_reason == "max_iter":
                report.begin(len(history))
                loss = course.advance(update_interval, [rows, p, rows.weights], [alpha])
                *weights, centers = trainer.weights()
                q = assigned(rows, architecture, weights, centers, alpha)
                changed = float(np.average(q.argmax(axis=1) != labels, weights=rows.weights))
                labels = q.argmax(axis=1)
                history.append(loss=loss, changed=changed)
                report.end(len(history) - 1, loss=loss, changed=changed)
                if changed < tol:
                    stop_reason = "tol"
                elif trainer.model.stop_training:
                    stop_reason = "callback"
                elif course.steps_left:
                    p = _targets(q, graph, rows.weights, seen_frequencies)
        except KeyboardInterrupt:
            stop_reason = "interrupted"
        report.close()
        *weights, centers = trainer.weights()
        if stop_reason == "interrupted":
            q = assigned(rows, architecture, weights, centers, alpha)
    return Refined(weights, centers, q, history.arrays(), course.n_steps, stop_reason)


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
) -> np.ndarray:
    """Soft assignments q (n, k) of the rows of `X`, float32."""
    run = assignment(architecture, weights, centers, alpha)
    return batched_output(run, X, len(centers))


class _Course:
    """The steps of a phase: learning rates, batches, and what is done when the loss diverges."""

    def __init__(self, trainer: Trainer, rates: np.ndarray, batches: Iterator[np.ndarray]) -> None:
        self._trainer = trainer
        self._rates = rates
        self._batches = batches
        self._retried = False
        self.n_steps = 0

    @property
    def steps_left(self) -> int:
        """Steps until the end of the phase."""
        return len(self._rates) - self.n_steps

    def advance(self, n_steps: int, sources: Sequence[Any], scalars: Sequence[float] = ()) -> float:
        """Train for some steps on the next batches of the sources; the mean loss.

        Where the loss is not finite, the weights from before come back and the steps are made
        once more at a lower rate; a second time is an error.
        """
        rates = self._rates[self.n_steps : self.n_steps + n_steps]
        healthy = self._trainer.weights()
        loss = self._trained(rates, sources, scalars)
        while not np.isfinite(loss):
            self._trainer.reset(healthy)
            if self._retried or not rates.any():
                raise FloatingPointError(
                    f"The loss became {loss} after {self.n_steps} steps and did not recover at a "
                    "lower learning rate. Scale the columns of X alike, for example with "
                    "MinMaxScaler, or pass an optimizer with a lower learning rate."
                )
            self._retried = True
            warnings.warn(
                f"The loss became {loss} after {self.n_steps} steps. The phase goes on from there "
                f"with {_RETRY_RATE} times the learning rate; scale the columns of X alike, or "
                "pass an optimizer with a lower learning rate.",
                ConvergenceWarning,
                stacklevel=5,
            )
            self._rates = self._rates * _RETRY_RATE
            rates = rates * _RETRY_RATE
            loss = self._trained(rates, sources, scalars)
        self.n_steps += len(rates)
        return loss

    def _trained(
        self, rates: np.ndarray, sources: Sequence[Any], scalars: Sequence[float]
    ) -> float:
        losses = []
        chunk = chunk_steps(sources[0].shape[1], self._trainer.batch_size)
        for start in range(0, len(rates), chunk):
            chunk_rates = rates[start : start + chunk]
            indices = np.stack([next(self._batches) for _ in chunk_rates])
            stacked = [source[indices.ravel()] for source in sources]
            shaped = [rows.reshape(*indices.shape, *rows.shape[1:]) for rows in stacked]
            losses.append(self._trainer.run(shaped, chunk_rates, scalars))
        return float(np.concatenate(losses).mean())


def _rates(optimizer: keras.optimizers.Optimizer, n_steps: int, decay: bool) -> np.ndarray:
    """Learning rate of every step: constant, or falling to zero by half a cosine."""
    if has_own_schedule(optimizer):
        return np.zeros(n_steps)  # the optimizer does not look at them
    rates = np.full(n_steps, float(optimizer.learning_rate))
    return rates * 0.5 * (1 + np.cos(np.pi * np.arange(n_steps) / n_steps)) if decay else rates


def _targets(
    q: np.ndarray, graph: sp.csr_array | None, weights: np.ndarray, seen_frequencies: Any
) -> np.ndarray:
    if graph is None:
        return target_distribution(q, weights, seen_frequencies)
    return consensus_targets(q, graph, _ROUNDS, weights)


class _History:
    """Numbers of a phase, an entry an epoch or update, with the seconds since its beginning."""

    def __init__(self, *names: str) -> None:
        self._values: dict[str, list[float]] = {name: [] for name in (*names, "seconds")}
        self._begun = time.perf_counter()

    def append(self, **values: float) -> None:
        for name, value in values.items():
            self._values[name].append(value)
        self._values["seconds"].append(time.perf_counter() - self._begun)

    def __len__(self) -> int:
        return len(self._values["seconds"])

    def arrays(self) -> dict[str, np.ndarray]:
        return {name: np.array(values) for name, values in self._values.items()}


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
