"""Compiled programs: training loops and inference, built once per shape and used again.

Tracing a graph and compiling it by XLA costs seconds, a fit of few rows milliseconds. So programs
outlive the fits: a fit borrows one that fits its shapes, or builds it. A program keeps nothing of
a fit: weights go in before and come out after.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from threading import Lock
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from skdec import _math
from skdec._strategy import (
    Replicas,
    check_whole_gradients,
    is_distributed,
    lost_hosts_named,
    outside_of_scopes,
    strategy_in_scope,
)
from skdec._threads import check_threads, limit_tensorflow
from skdec.layers import ClusteringLayer
from skdec.networks import Architecture, Autoencoder, build_autoencoder

limit_tensorflow()

# As many as a search over a dozen shapes goes back and forth between. XLA keeps what it compiled
# even when a program goes, so that compiling anew costs memory, too.
_MAX_IDLE_PROGRAMS = 16


class Trainer:
    """A Keras model with its optimizer, trained by one compiled loop over batches.

    In the scope of a strategy each replica computes the gradient of its part of a batch, and the
    optimizer adds them up.

    Parameters
    ----------
    model : keras.Model
        What callbacks see as their model; all its variables are trained.
    loss : callable
        Scalar loss of one batch, called with one tensor per entry of `batch_specs`, then one
        scalar per entry of `n_scalars`.
    batch_specs : sequence of tuple of int
        Static shapes of one batch's tensors. The loss is that of a part of the batch: a sum over
        rows, divided by the size of the batch.
    n_scalars : int
        Number of float scalars that `loss` takes after the batch.
    optimizer : keras.optimizers.Optimizer
        Belongs to the trainer from here on.
    """

    def __init__(
        self,
        model: keras.Model,
        loss: Callable[..., Any],
        batch_specs: Sequence[tuple[int, ...]],
        n_scalars: int,
        optimizer: keras.optimizers.Optimizer,
    ) -> None:
        self.model = model
        self.batch_size = batch_specs[0][0]
        self._replicas = Replicas()
        self.own_rows = self._replicas.own_rows(self.batch_size)
        check_whole_gradients(optimizer)
        self._variables = model.trainable_variables
        self._fresh = _uniform_start(optimizer, self._variables)
        self._loss = loss
        self._optimizer = optimizer
        optimizer.build(self._variables)
        self._gradients = tf.function(self._loss_and_gradients, jit_compile=True)
        self._step = tf.function(self._one_step, jit_compile=True)
        n_own_rows = len(range(self.batch_size)[self.own_rows])
        self._loop = tf.function(
            self._steps,
            input_signature=[
                [
                    tf.TensorSpec((None, n_own_rows, *shape[1:]), tf.float32)
                    for shape in batch_specs
                ],
                tf.TensorSpec((None,), tf.float32),
                [tf.TensorSpec((), tf.float32)] * n_scalars,
            ],
        )

    def reset(self, weights: Sequence[np.ndarray]) -> None:
        """Start anew from `weights`, in the order of the model's variables."""
        for variable, value in zip(self._variables, weights, strict=True):
            variable.assign(value)
        if self._fresh is None:
            fresh = _copy(self._optimizer)
            fresh.build(self._variables)
            starts = [variable.numpy() for variable in fresh.variables]
        else:
            starts = [
                np.broadcast_to(number, variable.shape)
                for number, variable in zip(self._fresh, self._optimizer.variables, strict=True)
            ]
        for variable, start in zip(self._optimizer.variables, starts, strict=True):
            variable.assign(start)
        self.model.stop_training = False

    def weights(self) -> list[np.ndarray]:
        """Copies of the model's variables as they stand."""
        return [variable.numpy() for variable in self._variables]

    def variables(self) -> list[np.ndarray]:
        """Copies of the model's variables and the optimizer's."""
        return [variable.numpy() for variable in self._all_variables()]

    def restore(self, values: Sequence[np.ndarray]) -> None:
        """Go on from what `variables` gave."""
        for variable, value in zip(self._all_variables(), values, strict=True):
            variable.assign(value)
        self.model.stop_training = False

    def _all_variables(self) -> list[Any]:
        return [*self._variables, *self._optimizer.variables]

    def run(
        self, batches: Sequence[np.ndarray], rates: np.ndarray, scalars: Sequence[float] = ()
    ) -> np.ndarray:
        """Train on the own rows of batches stacked along a first axis; the losses of the steps."""
        with lost_hosts_named():
            return self._loop(
                [tf.constant(batch) for batch in batches],
                tf.constant(rates, tf.float32),
                [tf.constant(scalar, tf.float32) for scalar in scalars],
            ).numpy()

    def _steps(self, batches: list[Any], rates: Any, scalars: list[Any]) -> Any:
        losses = tf.TensorArray(tf.float32, size=tf.shape(rates)[0])
        for i in tf.range(tf.shape(rates)[0]):
            batch = [source[i] for source in batches]
            if is_distributed():
                loss = self._replicas.loss(self._replica_step, batch, rates[i], scalars)
            else:
                loss = self._step(batch, rates[i], scalars)
            losses = losses.write(i, loss)
        return losses.stack()

    def _one_step(self, batch: list[Any], rate: Any, scalars: list[Any]) -> Any:
        loss, gradients = self._loss_and_gradients(batch, scalars)
        self._update(gradients, rate)
        return loss

    def _replica_step(self, batch: list[Any], rate: Any, scalars: list[Any]) -> Any:
        # The update talks to the other replicas, which XLA cannot compile.
        loss, gradients = self._gradients(batch, scalars)
        self._update(gradients, rate)
        return loss

    def _loss_and_gradients(self, batch: list[Any], scalars: list[Any]) -> tuple[Any, list[Any]]:
        with tf.GradientTape() as tape:
            loss = self._loss(*batch, *scalars)
        return loss, tape.gradient(loss, self._variables)

    def _update(self, gradients: list[Any], rate: Any) -> None:
        if not has_own_schedule(self._optimizer):
            self._optimizer.learning_rate = rate
        self._optimizer.apply(gradients, self._variables)


def _uniform_start(
    optimizer: keras.optimizers.Optimizer, variables: Sequence[Any]
) -> list[Any] | None:
    """The number that fills each variable of the optimizer at first; None if weights matter.

    Most optimizers start from zeros, which is less work than to make a new one. Some start from
    the weights.
    """
    found = []
    for scale in (1.0, 2.0):
        for variable in variables:
            variable.assign(np.linspace(0, scale, np.prod(variable.shape)).reshape(variable.shape))
        fresh = _copy(optimizer)
        fresh.build(variables)
        found.append([variable.numpy() for variable in fresh.variables])
    alike = all(
        (one == one.flat[0]).all() and (one == other).all()
        for one, other in zip(*found, strict=True)
    )
    return [values.flat[0] for values in found[0]] if alike else None


def has_own_schedule(optimizer: keras.optimizers.Optimizer) -> bool:
    """Whether the optimizer sets its learning rate by a schedule of its own."""
    return isinstance(optimizer._learning_rate, keras.optimizers.schedules.LearningRateSchedule)


@contextmanager
def borrowed_pretrainer(
    architecture: Architecture,
    batch_size: int,
    optimizer: keras.optimizers.Optimizer,
) -> Iterator[Trainer]:
    """Lend a trainer of the autoencoder: squared reconstruction error of rows (B, n_features)."""

    def build() -> Trainer:
        autoencoder = build_autoencoder(*architecture, "zeros").autoencoder

        def reconstruction_error(rows: Any, weights: Any) -> Any:
            errors = tf.reduce_mean(tf.square(autoencoder(rows, training=True) - rows), axis=1)
            return tf.reduce_sum(weights * errors) / batch_size

        shapes = [(batch_size, architecture.n_features), (batch_size,)]
        return Trainer(autoencoder, reconstruction_error, shapes, 0, _copy(optimizer))

    key = ("pretrain", architecture, batch_size, _fingerprint(optimizer))
    with _borrowed(key, build) as trainer:
        yield trainer


@contextmanager
def borrowed_refiner(
    architecture: Architecture,
    n_clusters: int,
    batch_size: int,
    optimizer: keras.optimizers.Optimizer,
) -> Iterator[Trainer]:
    """Lend a trainer of encoder and centres: KL(p || q) of rows and targets, given alpha."""

    def build() -> Trainer:
        encoder = build_autoencoder(*architecture, "zeros").encoder
        clustering = ClusteringLayer(n_clusters, name="clustering")
        model = keras.Model(encoder.input, clustering(encoder.output), name="dec")

        def divergence(rows: Any, p: Any, weights: Any, alpha: Any) -> Any:
            z = encoder(rows, training=True)
            log_q = _math.log_soft_assignment(z, clustering.centers, alpha)
            return tf.reduce_sum(weights * _math.kl_divergence(p, log_q)) / batch_size

        shapes = [(batch_size, architecture.n_features), (batch_size, n_clusters), (batch_size,)]
        return Trainer(model, divergence, shapes, 1, _copy(optimizer))

    key = ("refine", architecture, n_clusters, batch_size, _fingerprint(optimizer))
    with _borrowed(key, build) as trainer:
        yield trainer


Inference = Callable[[np.ndarray], np.ndarray]


def encoding(architecture: Architecture, weights: Sequence[np.ndarray]) -> Inference:
    """Function from `INFERENCE_BATCH` rows to embedded rows."""
    return _bound(_encoder_program(architecture), weights)


def decoding(architecture: Architecture, weights: Sequence[np.ndarray]) -> Inference:
    """Function from `INFERENCE_BATCH` embedded rows to reconstructed rows."""
    return _bound(_decoder_program(architecture), weights)


def assignment(
    architecture: Architecture, weights: Sequence[np.ndarray], centers: np.ndarray, alpha: float
) -> Inference:
    """Function from `INFERENCE_BATCH` rows to soft assignments q."""
    return _bound(
        _assignment_program(architecture), [*weights, centers, np.array(alpha, np.float32)]
    )


@lru_cache(maxsize=_MAX_IDLE_PROGRAMS)
def _encoder_program(architecture: Architecture) -> Any:
    encoder = bare_autoencoder(architecture).encoder
    return _compiled(lambda weights, rows: encoder.stateless_call(weights, [], rows)[0])


@lru_cache(maxsize=_MAX_IDLE_PROGRAMS)
def _decoder_program(architecture: Architecture) -> Any:
    decoder = bare_autoencoder(architecture).decoder
    return _compiled(lambda weights, code: decoder.stateless_call(weights, [], code)[0])


@lru_cache(maxsize=_MAX_IDLE_PROGRAMS)
def _assignment_program(architecture: Architecture) -> Any:
    encoder = bare_autoencoder(architecture).encoder

    def assign(parameters: list[Any], rows: Any) -> Any:
        *weights, centers, alpha = parameters
        z = encoder.stateless_call(weights, [], rows)[0]
        return _math.soft_assignment(z, centers, alpha)

    return _compiled(assign)


def bare_autoencoder(architecture: Architecture) -> Autoencoder:
    """Networks with weights of zero, on this process alone whatever scope holds."""
    return outside_of_scopes(lambda: build_autoencoder(*architecture, "zeros"))


def _compiled(run: Callable[[list[Any], Any], Any]) -> Any:
    return tf.function(run, jit_compile=True)


def _bound(program: Any, parameters: Sequence[np.ndarray]) -> Inference:
    check_threads()
    tensors = [tf.constant(parameter) for parameter in parameters]
    return lambda rows: program(tensors, tf.constant(rows)).numpy()


_idle: list[tuple[Any, Any]] = []
_idle_lock = Lock()


@contextmanager
def _borrowed(key: Any, build: Callable[[], Any]) -> Iterator[Any]:
    """Lend an idle program of this key and strategy, or a new one, to one borrower at a time.

    The longest idle programs are freed first. A program whose borrower failed is not kept.
    """
    key = (strategy_in_scope(), key)
    with _idle_lock:
        found = next((entry for entry in reversed(_idle) if entry[0] == key), None)
        if found is not None:
            _idle.remove(found)
    program = build() if found is None else found[1]
    yield program
    with _idle_lock:
        _idle.append((key, program))
        del _idle[:-_MAX_IDLE_PROGRAMS]


def _copy(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    return type(optimizer).from_config(optimizer.get_config())


def _fingerprint(optimizer: keras.optimizers.Optimizer) -> str:
    """What of an optimizer is compiled in: everything but its name and a plain learning rate."""
    config = keras.optimizers.serialize(optimizer)
    passed_in = ["name"] if has_own_schedule(optimizer) else ["name", "learning_rate"]
    inner = {key: value for key, value in config["config"].items() if key not in passed_in}
    return json.dumps({**config, "config": inner}, sort_keys=True, default=str)
