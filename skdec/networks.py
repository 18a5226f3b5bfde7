"""The autoencoder of DEC as Keras models."""

import inspect
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from threading import Lock
from typing import Any, NamedTuple

import keras
import numpy as np

__all__ = ["Autoencoder", "build_autoencoder"]


class Autoencoder(NamedTuple):
    """Three Keras models that share their weights.

    Parameters
    ----------
    autoencoder : keras.Model
        Maps samples (n, n_features) to their reconstruction (n, n_features).
    encoder : keras.Model
        Maps samples (n, n_features) to their embedding (n, d).
    decoder : keras.Model
        Maps an embedding (n, d) to reconstructed samples (n, n_features).
    """

    autoencoder: keras.Model
    encoder: keras.Model
    decoder: keras.Model


@dataclass(frozen=True)
class Architecture:
    """Fully connected networks: how to build them, and the shapes of their weights.

    Equal ones share compiled programs, so it has no part in equality how weights are initialized.

    Attributes
    ----------
    n_features : int
        Number of features.
    dims : tuple of int
        Widths of the encoder's layers after the input.
    activation : str or callable
        Activation of the hidden layers.
    kernel_initializer : str or keras.initializers.Initializer, default=None
        Initializer of the weights, as `build_autoencoder` takes it.
    """

    n_features: int
    dims: tuple[int, ...]
    activation: Any
    kernel_initializer: Any = field(default=None, compare=False)

    @property
    def embedding_width(self) -> int:
        """Number of features of the embedding."""
        return self.dims[-1]

    @property
    def n_layers(self) -> int:
        """Number of layers of the encoder, each of which has its mirror image in the decoder."""
        return len(self.dims)

    @property
    def n_encoder_weights(self) -> int:
        """Number of weight arrays of the encoder."""
        return 2 * len(self.dims)

    @property
    def weight_shapes(self) -> list[tuple[int, ...]]:
        """Shapes of kernels and biases in turn, of the encoder, then of the decoder."""
        widths = [self.n_features, *self.dims]
        kernels = [*pairwise(widths), *pairwise(reversed(widths))]
        return [shape for kernel in kernels for shape in (kernel, kernel[1:])]

    def build(self) -> Autoencoder:
        """Build the networks with weights of zero."""
        return build_autoencoder(
            self.n_features, self.dims, self.activation, "zeros", dtype="float32"
        )

    def create_weights(self, seed: int | None) -> list[np.ndarray]:
        """Create the initial weights of `build_autoencoder` without a model."""
        shapes = self.weight_shapes
        initializers = _create_initializers(self.kernel_initializer, len(shapes) // 2, seed)
        weights = []
        for shape, initializer in zip(shapes[::2], initializers, strict=True):
            weights += [_create_kernel(initializer, shape), np.zeros(shape[1], np.float32)]
        return weights


def build_autoencoder(
    n_features: int,
    dims: Sequence[int],
    activation: Any = "relu",
    kernel_initializer: Any = None,
    seed: int | None = None,
    dtype: Any = None,
) -> Autoencoder:
    """Build a symmetric, fully connected autoencoder.

    Only the hidden layers have an activation: the embedding and the reconstruction are linear.
    The layers are named ``encoder_0``, ``encoder_1``, ... and, mirrored, ...,
    ``decoder_1``, ``decoder_0``.

    Parameters
    ----------
    n_features : int
        Number of features.
    dims : sequence of int
        Widths of the encoder's layers after the input, the last one that of the embedding; the
        decoder mirrors them.
    activation : str or callable, default="relu"
        Activation of the hidden layers, in any form that Keras accepts.
    kernel_initializer : str or keras.initializers.Initializer, default=None
        Initializer of the weights, in any form that Keras accepts; each layer gets a copy with
        its own seed. None is ``VarianceScaling(1 / 3, "fan_in", "uniform")``, the uniform
        distribution bounded by one over the square root of the number of inputs of the layer.
    seed : int or None, default=None
        Seed of the initial weights; with None they differ from call to call.
    dtype : str or keras.DTypePolicy, default=None
        Policy of the layers. None is Keras' global policy.

    Returns
    -------
    Autoencoder
        Named tuple (autoencoder, encoder, decoder) of Keras models that share their weights.

    Raises
    ------
    ValueError
        If `n_features` or a width is below 1, or `dims` is empty.

    See Also
    --------
    skdec.layers.ClusteringLayer : Layer for soft assignments on top of the encoder.

    Examples
    --------
    >>> from skdec.networks import build_autoencoder
    >>> autoencoder, encoder, decoder = build_autoencoder(784, (500, 500, 2000, 10))
    >>> encoder.output_shape, decoder.output_shape
    ((None, 10), (None, 784))
    """
    if n_features < 1 or len(dims) == 0 or min(dims) < 1:
        raise ValueError(
            "n_features and each width in dims must be at least 1 and dims must not be empty; got "
            f"n_features={n_features!r}, dims={dims!r}."
        )
    widths = [n_features, *dims]
    last = len(dims) - 1
    initializers = _create_initializers(kernel_initializer, 2 * len(dims), seed)
    samples = keras.Input((n_features,), name="samples")
    embedding = keras.Input((widths[-1],), name="embedding")

    def build_dense(width: int, layer: int, part: str) -> keras.layers.Layer:
        return keras.layers.Dense(
            width,
            activation=activation if layer != (last if part == "encoder" else 0) else None,
            kernel_initializer=next(initializers),
            name=f"{part}_{layer}",
            dtype=dtype,
        )

    encoded = samples
    for layer, width in enumerate(widths[1:]):
        encoded = build_dense(width, layer, "encoder")(encoded)
    decoded = embedding
    for layer in reversed(range(len(dims))):
        decoded = build_dense(widths[layer], layer, "decoder")(decoded)
    encoder = keras.Model(samples, encoded, name="encoder")
    decoder = keras.Model(embedding, decoded, name="decoder")
    return Autoencoder(
        keras.Model(samples, decoder(encoder.output), name="autoencoder"), encoder, decoder
    )


def copy_layer(layer: keras.layers.Layer) -> keras.layers.Layer:
    """Return a copy of a layer or model, with weights of its own that are equal.

    Python's random state, from which Keras takes seeds, stays as it was.
    """
    with _preserve_random_state():
        if isinstance(layer, keras.Model):
            copied = keras.models.clone_model(layer)
        else:
            copied = type(layer).from_config(layer.get_config())
            if layer.built and layer.weights:
                copied.build_from_config(layer.get_build_config())
    if layer.weights:
        copied.set_weights(layer.get_weights())
    return copied


def describe_layer(layer: keras.layers.Layer) -> str:
    """Return a text that is equal for layers or models that differ in names and seeds only."""
    names: dict[str, str] = {}
    config = _without_names(layer.get_config(), names)
    return f"{type(layer).__module__}.{type(layer).__qualname__} {json.dumps(config, default=str)}"


def _without_names(config: Any, names: dict[str, str]) -> Any:
    """Return a configuration without seeds, in which names are numbered in order."""
    if isinstance(config, Mapping):
        if isinstance(config.get("name"), str):
            names.setdefault(config["name"], f"#{len(names)}")
        return {key: _without_names(config[key], names) for key in config if key != "seed"}
    if isinstance(config, list | tuple):
        return [_without_names(value, names) for value in config]
    return names.get(config, config) if isinstance(config, str) else config


_random_state_lock = Lock()


@contextmanager
def _preserve_random_state() -> Iterator[None]:
    """Restore Python's random state, from which Keras takes seeds that are not given."""
    with _random_state_lock:
        state = random.getstate()
        try:
            yield
        finally:
            random.setstate(state)


def _create_kernel(initializer: Any, shape: tuple[int, ...]) -> np.ndarray:
    try:
        weights = np.array(initializer(shape, "float32"))
    except Exception as error:  # the user's initializer may raise anything
        reason = " ".join(str(error).split())
        raise ValueError(
            f"The kernel_initializer {type(initializer).__name__} cannot make weights of shape "
            f"{shape}: {reason}"
        ) from error
    if weights.shape != shape:
        raise ValueError(
            f"The kernel_initializer {type(initializer).__name__} must make weights of shape "
            f"{shape}; it made {weights.shape}."
        )
    return weights


def _create_initializers(initializer: Any, n_copies: int, seed: int | None) -> Any:
    """Yield copies of one initializer, each with its own seed if it has one.

    An initializer without a seed would take one from Python's global generator.
    """
    if initializer is None:
        initializer = keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform", seed=0)
    if isinstance(initializer, str):
        named = getattr(keras.initializers, initializer, None)
        if isinstance(named, type):
            seeded = {"seed": 0} if "seed" in inspect.signature(named).parameters else {}
            initializer = named(**seeded)
        else:
            initializer = keras.initializers.get(initializer)
    for state in np.random.SeedSequence(seed).generate_state(n_copies):
        changed = {"seed": int(state >> 1)}
        if isinstance(initializer, dict):
            config = initializer["config"]
            config = config | changed if "seed" in config else config
            yield keras.initializers.deserialize({**initializer, "config": config})
        elif isinstance(initializer, keras.initializers.Initializer):
            config = initializer.get_config()
            config = config | changed if "seed" in config else config
            yield type(initializer).from_config(config)
        else:
            yield initializer  # a plain function of shape and dtype
