"""The phases of DEC: pretrain the autoencoder, then refine encoder and centres.

Nothing of scikit-learn's API here: each phase takes arrays and what it needs of the parameters,
and returns arrays. Between the phases stands the start (`_start`).
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import scipy.sparse as sp

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
from skdec._rows import batched_output, chunk_steps, float32_rows, shuffled_batches
from skdec._start import Start
from skdec.networks import Architecture

# Rounds of agreement among neighbours on what the network assigns: few, its view should count.
_ROUNDS = 4


class Pretrained(NamedTuple):
    """Weights of the autoencoder and what happened on the way, one entry an epoch."""

    weights: list[np.ndarray]
    history: dict[str, np.ndarray]


class Refined(NamedTuple):
    """Weights of the encoder, centres, soft assignments of all rows, one entry an update."""

    weights: list[np.ndarray]
    centers: np.ndarray
    q: np.ndarray
    history: dict[str, np.ndarray]
    n_iter: int
    stop_reason: str


def pretrain(
    X: Any,
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
    """Train the autoencoder to reconstruct the rows of `X`, mean squared error."""
    epoch_steps = -(-X.shape[0] // batch_size)
    rates = _rates(optimizer, n_epochs * epoch_steps, decay)
    batches = shuffled_batches(X.shape[0], batch_size, random_state)
    history = _History("loss")
    with borrowed_pretrainer(architecture, batch_size, optimizer) as trainer:
        trainer.reset(initial_weights)
        report = _Report(callbacks, trainer.model, "pretrain", n_epochs)
        for epoch in range(n_epochs):
            report.begin(epoch)
            epoch_rates = rates[epoch * epoch_steps : (epoch + 1) * epoch_steps]
            loss = _trained(trainer, [X], batches, epoch_rates)
            history.append(loss=loss)
            report.end(epoch, loss=loss)
            if trainer.model.stop_training:
                break
        report.close()
        return Pretrained(trainer.weights(), history.arrays())


def refine(
    X: Any,
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
) -> Refined:
    """Train encoder and centres towards targets that are renewed at every update.

    Without a `graph` of neighbours these are DEC's own, the sharpened assignments; with one, the
    neighbours' assignments are sharpened. The first targets are the start's, if it has some: its
    centres cannot tell them where clusters are not convex.
    """
    n_clusters = len(start.centers)
    batches = shuffled_batches(X.shape[0], batch_size, random_state)
    rates = _rates(optimizer, max_iter, decay)
    history = _History("loss", "changed")
    n_iter, stop_reason = 0, "max_iter"
    with borrowed_refiner(architecture, n_clusters, batch_size, optimizer) as trainer:
        trainer.reset([*encoder_weights, start.centers])
        weights, centers = list(encoder_weights), start.centers
        q, labels = assigned(X, architecture, weights, centers, alpha), start.labels
        p = target_distribution(q) if start.targets is None else start.targets
        report = _Report(callbacks, trainer.model, "refine", -(-max_iter // update_interval))
        while n_iter < max_iter:
            report.begin(len(history))
            step_rates = rates[n_iter : n_iter + update_interval]
            loss = _trained(trainer, [X, p], batches, step_rates, [alpha])
            n_iter += len(step_rates)
            *weights, centers = trainer.weights()
            q = assigned(X, architecture, weights, centers, alpha)
            changed = float(np.mean(q.argmax(axis=1) != labels))
            labels = q.argmax(axis=1)
            history.append(loss=loss, changed=changed)
            report.end(len(history) - 1, loss=loss, changed=changed)
            if changed < tol:
                stop_reason = "tol"
                break
            if trainer.model.stop_training:
                stop_reason = "callback"
                break
            p = _targets(q, graph)
        report.close()
    return Refined(weights, centers, q, history.arrays(), n_iter, stop_reason)


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


def _trained(
    trainer: Trainer,
    sources: Sequence[Any],
    batches: Iterator[np.ndarray],
    rates: np.ndarray,
    scalars: Sequence[float] = (),
) -> float:
    """Mean loss (NaN of no steps) of one step per rate, each on the next batch of the sources."""
    losses = []
    chunk = chunk_steps(sources[0].shape[1], trainer.batch_size)
    for start in range(0, len(rates), chunk):
        chunk_rates = rates[start : start + chunk]
        indices = np.concatenate([next(batches) for _ in chunk_rates])
        stacked = [
            float32_rows(source, indices).reshape(len(chunk_rates), -1, source.shape[1])
            for source in sources
        ]
        losses.append(trainer.run(stacked, chunk_rates, scalars))
    return float(np.concatenate(losses).mean()) if losses else np.nan


def _rates(optimizer: keras.optimizers.Optimizer, n_steps: int, decay: bool) -> np.ndarray:
    """Learning rate of every step: constant, or falling to zero by half a cosine."""
    if has_own_schedule(optimizer):
        return np.zeros(n_steps)  # the optimizer does not look at them
    rates = np.full(n_steps, float(optimizer.learning_rate))
    return rates * 0.5 * (1 + np.cos(np.pi * np.arange(n_steps) / n_steps)) if decay else rates


def _targets(q: np.ndarray, graph: sp.csr_array | None) -> np.ndarray:
    return target_distribution(q) if graph is None else consensus_targets(q, graph, _ROUNDS)


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
