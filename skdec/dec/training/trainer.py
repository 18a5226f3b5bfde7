"""Compiled training step of a Keras model with its optimizer, reused by fits of the same shapes.

Tracing a graph and compiling it by XLA takes seconds, a fit of few samples milliseconds. Trainers
therefore outlive the fits: a fit borrows one with its shapes, or builds it. Weights are set before
the training and read after it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from threading import Lock
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from skdec.dec.training.checkpoint import get_weight_decay_exclusion, has_own_schedule, identify
from skdec.dec.training.distribute import (
    Replicas,
    check_optimizer_is_distributable,
    explain_lost_workers,
    get_strategy,
    is_distributed,
)
from skdec.dec.training.samples import NO_AUGMENTATION, Augmentation, corrupt, create_mask
from skdec.layers import ClusteringLayer, kl_divergence, log_soft_assignment
from skdec.networks import Architecture, Autoencoder, list_layers

# Enough for a search that alternates between a dozen shapes. XLA keeps compiled code even when a
# trainer is freed, so compiling again costs memory, too.
_MAX_IDLE_TRAINERS = 16


class Trainer:
    """A Keras model and its optimizer, trained by one compiled loop over batches.

    In the scope of a strategy each replica computes the gradient of its part of a batch, and the
    optimizer adds them up.

    Parameters
    ----------
    model : keras.Model
        The model that callbacks see.
    layers : sequence of keras.layers.Layer
        Layers and models whose weights are set and returned, in this order. Those that are
        trainable are trained.
    compute_loss : callable
        Scalar loss of one batch, called with the prepared tensors, then `n_scalars` scalars. It is
        a sum over the samples, divided by the size of the whole batch. The losses of the layers
        themselves are added to it, such as regularizers and what they pass to `add_loss`, as Keras'
        own training does.
    batch_shapes : sequence of tuple of int
        Static shapes of one batch's tensors.
    optimizer : keras.optimizers.Optimizer
        A copy of it is used.
    prepare : callable, optional
        Makes what the loss is called with from the list of a batch's tensors and the seed of the
        step, an integer tensor (2,), which is the only source of random numbers. It is not compiled
        by XLA, which lacks operations on images and is slow at random numbers. By default the
        tensors stay as they are.
    n_scalars : int, default=0
        Number of float scalars that `compute_loss` takes after the batch.
    """

    def __init__(
        self,
        model: keras.Model,
        layers: Sequence[keras.layers.Layer],
        compute_loss: Callable[..., Any],
        batch_shapes: Sequence[tuple[int, ...]],
        optimizer: keras.optimizers.Optimizer,
        prepare: Callable[[list[Any], Any], list[Any]] = lambda batch, seed: batch,
        n_scalars: int = 0,
    ) -> None:
        self.model = model
        self.batch_size = batch_shapes[0][0]
        self._replicas = Replicas()
        self.batch_slice = self._replicas.get_batch_slice(self.batch_size)
        check_optimizer_is_distributable(optimizer)
        self._layers = layers
        self._weights = [weight for layer in layers for weight in layer.weights]
        self._variables = [weight for weight in self._weights if weight.trainable]
        self._random_states = _find_random_states(layers)
        _check_layers_are_distributable(layers)
        self._compute_loss = compute_loss
        self._prepare = prepare
        # Unequal weights, so that what depends on them is not constant.
        for weight in self._variables:
            weight.assign(np.linspace(1, 2, np.prod(weight.shape)).reshape(weight.shape))
        self._optimizer = _copy_optimizer(optimizer)
        self._optimizer.build(self._variables)
        values = [variable.numpy() for variable in self._optimizer.variables]
        # Filling with a number is much faster than building a new optimizer in every fit.
        are_constant = all((value == value.flat[0]).all() for value in values)
        self._initial_values = [value.flat[0] for value in values] if are_constant else None
        model.compile(optimizer=self._optimizer)  # callbacks read and set model.optimizer
        # AutoGraph would take a second to convert the code of a step, which needs no conversion.
        compiled = {"jit_compile": not _has_convolutions(layers), "autograph": False}
        self._take_step = tf.function(self._take_step_on_one_device, **compiled)
        self._compute_gradients = tf.function(self._compute_loss_and_gradients, **compiled)
        n_local = len(range(self.batch_size)[self.batch_slice])
        batches = [tf.TensorSpec((None, n_local, *shape[1:]), tf.float32) for shape in batch_shapes]
        self._run_steps = tf.function(
            self._iterate_steps,
            input_signature=[
                batches,
                tf.TensorSpec((None,), tf.float32),
                tf.TensorSpec((None, 2), tf.int32),
                [tf.TensorSpec((), tf.float32)] * n_scalars,
            ],
            autograph=False,
        )
        # TensorFlow takes programs of different trainers for one that is traced again and again.
        for program in (self._take_step, self._compute_gradients, self._run_steps):
            program._omit_frequent_tracing_warning = True

    def reset(self, weights: Sequence[np.ndarray]) -> None:
        """Set the layers' weights, and the optimizer's variables to their initial values."""
        for variable, value in zip(self._weights, weights, strict=True):
            variable.assign(value)
        values = self._initial_values
        if values is None:  # they depend on the weights
            new = _copy_optimizer(self._optimizer)
            new.build(self._variables)
            values = [variable.numpy() for variable in new.variables]
        for variable, value in zip(self._optimizer.variables, values, strict=True):
            variable.assign(np.broadcast_to(value, variable.shape))
        self.model.stop_training = False

    def get_weights(self) -> list[np.ndarray]:
        """Return copies of the layers' weights."""
        return [variable.numpy() for variable in self._weights]

    def get_variables(self) -> list[np.ndarray]:
        """Return copies of the layers' and the optimizer's variables."""
        return [variable.numpy() for variable in self._all_variables()]

    def set_variables(self, values: Sequence[np.ndarray]) -> None:
        """Set the layers' and the optimizer's variables to the result of `get_variables`."""
        for variable, value in zip(self._all_variables(), values, strict=True):
            variable.assign(value)
        self.model.stop_training = False

    @property
    def learning_rate(self) -> float:
        """Learning rate of the optimizer, which callbacks may have set."""
        return float(self._optimizer.learning_rate.numpy())

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self._optimizer.learning_rate = value

    def run(
        self,
        batches: Sequence[np.ndarray],
        learning_rates: np.ndarray,
        seeds: np.ndarray,
        scalars: Sequence[float] = (),
    ) -> np.ndarray:
        """Train on batches stacked along the first axis and return the loss of each step.

        There is a learning rate and a seed (a pair of integers) for each step.
        """
        with explain_lost_workers():
            return self._run_steps(
                [tf.constant(batch) for batch in batches],
                tf.constant(learning_rates, tf.float32),
                tf.constant(seeds, tf.int32),
                [tf.constant(scalar, tf.float32) for scalar in scalars],
            ).numpy()

    def _all_variables(self) -> list[Any]:
        return [*self._weights, *self._optimizer.variables]

    def _iterate_steps(
        self, batches: list[Any], learning_rates: Any, seeds: Any, scalars: list[Any]
    ) -> Any:
        n_steps = tf.shape(learning_rates)[0]

        def take_step(i: Any, losses: Any) -> tuple[Any, Any]:
            batch = [source[i] for source in batches]
            if is_distributed():
                loss = self._replicas.run(
                    self._take_step_on_replica, batch, seeds[i], learning_rates[i], scalars
                )
            else:
                batch = self._prepare(batch, seeds[i])
                for j, state in enumerate(self._random_states):
                    state.assign(tf.cast(tf.add(seeds[i], [0, 2**16 * (j + 1)]), state.dtype))
                loss = self._take_step(batch, learning_rates[i], scalars)
            return i + 1, losses.write(i, loss)

        losses = tf.TensorArray(tf.float32, size=n_steps)
        return tf.while_loop(lambda i, _: i < n_steps, take_step, (0, losses))[1].stack()

    def _take_step_on_one_device(
        self, batch: list[Any], learning_rate: Any, scalars: list[Any]
    ) -> Any:
        loss, gradients = self._compute_loss_and_gradients(batch, scalars)
        self._update(gradients, learning_rate)
        return loss

    def _take_step_on_replica(
        self, batch: list[Any], seed: Any, learning_rate: Any, scalars: list[Any]
    ) -> Any:
        # The update communicates with the other replicas, which XLA cannot compile.
        loss, gradients = self._compute_gradients(self._prepare(batch, seed), scalars)
        self._update(gradients, learning_rate)
        return loss

    def _compute_loss_and_gradients(
        self, batch: list[Any], scalars: list[Any]
    ) -> tuple[Any, list[Any]]:
        n_replicas = self._replicas.strategy.num_replicas_in_sync
        with tf.GradientTape() as tape:
            loss = self._compute_loss(*batch, *scalars)
            for layer_loss in [one for layer in self._layers for one in layer.losses]:
                loss += tf.reduce_sum(tf.cast(layer_loss, loss.dtype)) / n_replicas
        return loss, tape.gradient(loss, self._variables)

    def _update(self, gradients: list[Any], learning_rate: Any) -> None:
        if not has_own_schedule(self._optimizer):
            self._optimizer.learning_rate = learning_rate
        self._optimizer.apply(gradients, self._variables)


def _build_graph(augmentation: Augmentation) -> Callable[[Any, Any], Any]:
    """Return the function of a batch and a seed; one of the user's may branch on tensors."""
    augment = augmentation.build()
    is_function = augmentation and not isinstance(augmentation.source, keras.layers.Layer)
    return tf.function(augment) if is_function else augment


def borrow_pretraining_trainer(
    architecture: Architecture,
    batch_size: int,
    optimizer: keras.optimizers.Optimizer,
    corruption: float = 0.0,
    augmentation: Augmentation = NO_AUGMENTATION,
    layer: int | None = None,
) -> AbstractContextManager[Trainer]:
    """Borrow a trainer of the autoencoder, with the mean squared reconstruction error as loss.

    Its batches are samples (B, n_features), which are reconstructed from those in which a fraction
    `corruption` of the values is zero. With `layer`, this layer of the encoder and the decoder's
    layer that mirrors it are trained: they reconstruct the output of the encoder's layers before,
    and the input of each is corrupted.
    """

    def build() -> Trainer:
        networks, augment = architecture.build(), _build_graph(augmentation)
        if layer is None:
            make_inputs, compute_error = _reconstruct_samples(networks, corruption)
        else:
            make_inputs, compute_error = _reconstruct_layer(networks, layer, corruption)
        return Trainer(
            networks.autoencoder,
            [networks.encoder, networks.decoder],
            lambda *batch: compute_error(*batch) / batch_size,
            [(batch_size, architecture.n_features)],
            optimizer,
            lambda batch, seed: make_inputs(augment(batch[0], seed), seed),
        )

    key = (architecture, batch_size, _identify_optimizer(optimizer), corruption, augmentation)
    return _borrow(("pretrain", layer, *key), build)


def _reconstruct_samples(networks: Autoencoder, corruption: float) -> tuple[Any, Any]:
    """Return the functions that make inputs of samples and a seed, and the error of inputs."""

    def make_inputs(samples: Any, seed: Any) -> list[Any]:
        return [corrupt(samples, corruption, seed), samples]

    def compute_error(inputs: Any, samples: Any) -> Any:
        return compute_reconstruction_error(networks.autoencoder(inputs, training=True), samples)

    return make_inputs, compute_error


def _reconstruct_layer(networks: Autoencoder, layer: int, corruption: float) -> tuple[Any, Any]:
    """Return the same for one layer and its mirror image, the only ones that are trained."""
    encoder_layers = list_dense_layers(networks.encoder)
    encode, decode = encoder_layers[layer], list_dense_layers(networks.decoder)[-1 - layer]
    networks.autoencoder.trainable = False
    encode.trainable = decode.trainable = True

    def make_inputs(samples: Any, seed: Any) -> list[Any]:
        shapes = [(samples.shape[0], width) for width in encode.kernel.shape]  # input and output
        masks = [create_mask(shape, corruption, seed, i) for i, shape in enumerate(shapes)]
        return [samples, *masks]

    def compute_error(samples: Any, input_mask: Any, output_mask: Any) -> Any:
        for earlier in encoder_layers[:layer]:
            samples = earlier(samples)
        reconstructed = decode(output_mask * encode(input_mask * samples))
        return compute_reconstruction_error(reconstructed, samples)

    return make_inputs, compute_error


@contextmanager
def borrow_refinement_trainer(
    architecture: Architecture,
    n_clusters: int,
    alpha: float,
    batch_size: int,
    optimizer: keras.optimizers.Optimizer,
    augmentation: Augmentation = NO_AUGMENTATION,
    *,
    has_decoder: bool = False,
) -> Iterator[Trainer]:
    """Borrow a trainer of the encoder and the centers, with KL(p || q) as loss.

    With a decoder, the loss is that plus the weighted mean squared reconstruction error, and the
    decoder is trained as well. Its batches are samples (B, n_features) and targets (B, k); its
    scalars are alpha and the weight of the reconstruction error. Fits that differ in alpha share
    the compiled steps; `alpha` is that of the model that callbacks see.
    """

    def build() -> Trainer:
        _, encoder, decoder = architecture.build()
        augment = _build_graph(augmentation)
        clustering = ClusteringLayer(n_clusters, name="clustering", dtype="float32")
        model = keras.Model(encoder.input, clustering(encoder.output), name="dec")

        def prepare(batch: list[Any], seed: Any) -> list[Any]:
            samples, p = batch
            return [augment(samples, seed), p]

        def compute_loss(samples: Any, p: Any, alpha: Any, weight: Any) -> Any:
            z = encoder(samples, training=True)
            log_q = log_soft_assignment(z, clustering.centers, alpha)
            loss = tf.reduce_sum(kl_divergence(p, log_q))
            if has_decoder:
                reconstructed = decoder(z, training=True)
                loss += weight * compute_reconstruction_error(reconstructed, samples)
            return loss / batch_size

        return Trainer(
            model,
            [encoder, *([decoder] if has_decoder else []), clustering],
            compute_loss,
            [(batch_size, architecture.n_features), (batch_size, n_clusters)],
            optimizer,
            prepare,
            n_scalars=2,
        )

    key = (architecture, n_clusters, batch_size, _identify_optimizer(optimizer), augmentation)
    with _borrow(("refine", has_decoder, *key), build) as trainer:
        trainer.model.get_layer("clustering").alpha = alpha
        trainer.model.predict_function = None  # Keras would call the one compiled for another alpha
        yield trainer


def borrow_decoder_trainer(
    architecture: Architecture, batch_size: int, optimizer: keras.optimizers.Optimizer
) -> AbstractContextManager[Trainer]:
    """Borrow a trainer of the decoder, with the mean squared reconstruction error as loss.

    Its batches are samples (B, n_features) and their embedding (B, d).
    """

    def build() -> Trainer:
        decoder = architecture.build().decoder

        def compute_loss(samples: Any, z: Any) -> Any:
            return compute_reconstruction_error(decoder(z, training=True), samples) / batch_size

        widths = architecture.n_features, architecture.embedding_width
        shapes = [(batch_size, width) for width in widths]
        return Trainer(decoder, [decoder], compute_loss, shapes, optimizer)

    key = ("decoder", architecture, batch_size, _identify_optimizer(optimizer))
    return _borrow(key, build)


def compute_reconstruction_error(reconstructed: Any, samples: Any) -> Any:
    """Return the sum over the samples of their mean squared reconstruction error."""
    return tf.reduce_sum(tf.reduce_mean(tf.square(reconstructed - samples), axis=1))


def list_dense_layers(network: keras.Model) -> list[keras.layers.Layer]:
    """Return the layers of one of the fully connected networks, without its input."""
    return [layer for layer in list_layers(network) if isinstance(layer, keras.layers.Dense)]


def _find_random_states(layers: Sequence[keras.layers.Layer]) -> list[Any]:
    """Return the variables that hold the random states of layers such as dropout."""
    weights = {id(weight) for layer in layers for weight in layer.weights}
    states = [variable for layer in layers for variable in layer.non_trainable_variables]
    return [state for state in states if id(state) not in weights]


def _has_convolutions(layers: Sequence[keras.layers.Layer]) -> bool:
    """Whether there are convolutions, for which XLA takes twice as long as TensorFlow itself."""
    return any(hasattr(part, "kernel_size") for layer in layers for part in list_layers(layer))


def _check_layers_are_distributable(layers: Sequence[keras.layers.Layer]) -> None:
    """Raise a ValueError in the scope of a strategy for layers that change in training."""
    trained = [part for layer in layers for part in list_layers(layer) if part.trainable]
    states = [state.path for part in trained for state in part.non_trainable_variables]
    if is_distributed() and states:
        raise ValueError(
            "In the scope of a strategy, the layers of autoencoder must not have other variables "
            "than the weights that are trained, as batch normalization and dropout have; found "
            f"{', '.join(states)}."
        )


_idle_trainers: list[tuple[Any, Trainer]] = []
_idle_lock = Lock()


@contextmanager
def _borrow(key: Any, build: Callable[[], Trainer]) -> Iterator[Trainer]:
    """Lend an idle trainer of this key and strategy, or a new one, to one borrower at a time.

    The trainers idle for longest are freed first. One whose borrower failed is not kept.
    """
    key = (get_strategy(), key)
    with _idle_lock:
        entry = next((entry for entry in reversed(_idle_trainers) if entry[0] == key), None)
        if entry is not None:
            _idle_trainers.remove(entry)
    trainer = build() if entry is None else entry[1]
    yield trainer
    with _idle_lock:
        _idle_trainers.append((key, trainer))
        del _idle_trainers[:-_MAX_IDLE_TRAINERS]


def _copy_optimizer(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    config = optimizer.get_config()
    if has_own_schedule(optimizer):
        # The schedule itself: Keras deserializes only classes that are registered.
        config["learning_rate"] = optimizer._learning_rate
    copied = type(optimizer).from_config(config)
    exclusion = get_weight_decay_exclusion(optimizer)
    if exclusion:
        copied.exclude_from_weight_decay(var_names=[exclusion])
    return copied


def _identify_optimizer(optimizer: keras.optimizers.Optimizer) -> str:
    """Return what is compiled in of an optimizer: all but a plain learning rate."""
    if has_own_schedule(optimizer):
        return identify(optimizer)
    alike = _copy_optimizer(optimizer)
    alike.learning_rate = 0.0
    return identify(alike)
