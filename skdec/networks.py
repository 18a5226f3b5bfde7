"""The autoencoder of DEC as Keras models."""

# Before Keras, so that TensorFlow begins without its start-up lines.
from skdec.dec.training.checkpoint import describe, identify  # isort: split

import math
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from threading import RLock
from typing import Any, NamedTuple

import keras
import numpy as np

from skdec.layers import check_image_shape

__all__ = ["Autoencoder", "build_autoencoder", "build_convolutional_autoencoder"]


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
    """Networks: how to build them. Equal ones share compiled programs.

    Attributes
    ----------
    n_features : int
        Number of features.
    embedding_width : int
        Number of features of the embedding.
    identity : str
        Equal for networks that are built alike; another one each time where that is not known.
    source : callable or tuple of keras.Model
        A function of the number of features that returns encoder and decoder, or these.
    """

    n_features: int
    embedding_width: int
    identity: str
    source: Any = field(compare=False)

    @classmethod
    def create(cls, source: Any, n_features: int) -> "Architecture":
        """Build the networks once, and check that samples go through them.

        Raises a ValueError that names the layer and the shapes that do not fit.
        """
        with _preserve_random_state():
            encoder, decoder = _build_networks(source, n_features)
            samples = np.random.RandomState(0).uniform(size=(4, n_features)).astype(np.float32)
            z = _check_network("encoder", encoder, samples)
            _check_network("decoder", decoder, z, n_features)
        if {id(weight) for weight in encoder.weights} & {id(weight) for weight in decoder.weights}:
            raise ValueError(
                "The encoder and the decoder of autoencoder must not share weights, such as those "
                "of one layer in both."
            )
        return cls(n_features, z.shape[1], identify(source), source)

    @classmethod
    def create_default(cls, n_features: int, dims: tuple[int, ...]) -> "Architecture":
        """Return fully connected networks with these widths, by `build_autoencoder`."""
        source = partial(build_autoencoder, dims=dims, dtype="float32")
        return cls(n_features, dims[-1], describe(source), source)

    @property
    def is_fully_connected(self) -> bool:
        """Whether `build_autoencoder` builds the networks, so that their layers are known."""
        return getattr(self.source, "func", self.source) is build_autoencoder

    def build(self) -> Autoencoder:
        """Build the networks, with any weights."""
        with _preserve_random_state():
            encoder, decoder = _build_networks(self.source, self.n_features)
            if not self.is_fully_connected or encoder.output.dtype != "float32":
                samples = keras.Input((self.n_features,), name="samples")
                z = keras.Input((self.embedding_width,), name="embedding")
                encoded, decoded = (
                    keras.ops.cast(network(inputs), "float32")  # of layers in another precision
                    for network, inputs in ((encoder, samples), (decoder, z))
                )
                return connect(samples, encoded, z, decoded)
            return connect(encoder.input, encoder.output, decoder.input, decoder.output)

    def create_weights(self, seed: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return the weights of encoder and decoder: those of given models, or new ones."""
        source, keywords = self.source, getattr(self.source, "keywords", {})
        if self.is_fully_connected:
            if keywords.keys() == {"dims", "dtype"}:  # as its layers would; models take longer
                return _create_dense_weights([self.n_features, *keywords["dims"]], seed)
            source = partial(source, **{"seed": seed, **keywords})
        with _preserve_random_state(seed):
            encoder, decoder = _build_networks(source, self.n_features)
            for network, width in ((encoder, self.n_features), (decoder, self.embedding_width)):
                network(np.zeros((1, width), np.float32))  # a model without input shape builds now
            return encoder.get_weights(), decoder.get_weights()


def _create_dense_weights(
    widths: Sequence[int], seed: int
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return the initial weights of `build_autoencoder`, of the encoder and of the decoder."""
    shapes = [*pairwise(widths), *pairwise(widths[::-1])]
    initializers = _create_initializers(None, len(shapes), seed)
    weights = []
    for shape, initializer in zip(shapes, initializers, strict=True):
        weights += [np.array(initializer(shape, "float32")), np.zeros(shape[1], np.float32)]
    return weights[: len(shapes)], weights[len(shapes) :]


def connect(samples: Any, encoded: Any, embedding: Any, decoded: Any) -> Autoencoder:
    """Return the models between these tensors, and the model of one after the other."""
    encoder = keras.Model(samples, encoded, name="encoder")
    decoder = keras.Model(embedding, decoded, name="decoder")
    autoencoder = keras.Model(encoder.input, decoder(encoder.output), name="autoencoder")
    return Autoencoder(autoencoder, encoder, decoder)


def _build_networks(source: Any, n_features: int) -> Any:
    """Return encoder and decoder by a function, or copies of given ones.

    Keras takes seeds from Python's random state here, and when the networks are first called.
    """
    if isinstance(source, tuple):
        try:
            return tuple(_copy_layer(model) for model in source[-2:])
        except Exception as error:  # layers of the user may raise anything
            raise ValueError(
                "The models of autoencoder cannot be copied, as each fit does; give a function "
                f"that builds them instead: {join_lines(error)}"
            ) from error
    try:
        networks = source(n_features)
    except Exception as error:  # the user's function may raise anything
        raise ValueError(
            f"autoencoder={source!r} fails for n_features={n_features}: {join_lines(error)}"
        ) from error
    if not isinstance(networks, tuple | list) or len(networks) not in (2, 3):
        raise ValueError(
            f"autoencoder={source!r} must return a pair (encoder, decoder) of Keras models; it "
            f"returned {networks!r}."
        )
    return tuple(networks[-2:])


def _check_network(
    part: str, network: Any, inputs: np.ndarray, width: int | None = None
) -> np.ndarray:
    """Return the outputs for some inputs, or raise a ValueError that names layer and shapes."""
    if not isinstance(network, keras.layers.Layer):
        raise ValueError(f"The {part} of autoencoder must be a Keras model; got {network!r}.")
    last = list_layers(network)[-1].name
    shape = f"(n, {inputs.shape[1]})"
    try:
        outputs, again = (
            np.asarray(network(inputs, training=False)).astype(np.float32) for _ in range(2)
        )
    except Exception as error:  # layers may raise anything
        raise ValueError(
            f"The {part} of autoencoder fails on inputs of shape {shape}: {join_lines(error)}"
        ) from error
    if outputs.ndim != 2 or (width or outputs.shape[1]) != outputs.shape[1]:
        returned = ", ".join(map(str, outputs.shape[1:]))
        raise ValueError(
            f"The {part} of autoencoder must map inputs of shape {shape} to shape "
            f"(n, {width or 'd'}); its last layer {last!r} returns (n, {returned})."
        )
    if not np.array_equal(outputs, again, equal_nan=True):
        layers = list_layers(network)
        names = [layer.name for layer in layers if len(layer.variables) > len(layer.weights)]
        raise ValueError(
            f"The {part} of autoencoder returns something else for equal inputs outside of "
            f"training: a layer draws random numbers there ({', '.join(names) or last})."
        )
    if not np.isfinite(outputs).all():
        raise ValueError(f"The {part} of autoencoder returns values that are NaN or infinite.")
    for weight in network.weights:
        # A counter may be an integer, whatever the policy.
        if keras.backend.is_float_dtype(weight.dtype) and weight.dtype != "float32":
            raise ValueError(
                f"The weights of the {part} of autoencoder must be float32; {weight.path} is "
                f"{weight.dtype}. Build it with dtype='float32', or with a mixed policy such as "
                "'mixed_bfloat16'."
            )
    return outputs


def list_layers(network: keras.layers.Layer) -> list[keras.layers.Layer]:
    """Return the layers of a network, in place of a model or layer of others its inner ones."""
    layers = getattr(network, "layers", network._layers)
    return [inner for layer in layers for inner in list_layers(layer)] if layers else [network]


def join_lines(error: Exception) -> str:
    """Return the message of an error on one line."""
    return " ".join(str(error).split())


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
        Seed of the initial weights; None takes one from Python's random state, as Keras does.
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
    options = _create_options(len(dims), activation, kernel_initializer, seed, dtype)
    widths = [n_features, *dims]
    encoded = samples = keras.Input((n_features,), name="samples")
    for width in widths[1:]:
        encoded = keras.layers.Dense(width, **next(options))(encoded)
    decoded = embedding = keras.Input((widths[-1],), name="embedding")
    for width in widths[-2::-1]:
        decoded = keras.layers.Dense(width, **next(options))(decoded)
    return connect(samples, encoded, embedding, decoded)


def build_convolutional_autoencoder(
    n_features: int,
    image_shape: Sequence[int],
    filters: Sequence[int] = (32, 64, 128),
    embedding_width: int = 10,
    activation: Any = "relu",
    kernel_initializer: Any = None,
    seed: int | None = None,
    dtype: Any = None,
) -> Autoencoder:
    """Build a symmetric autoencoder of convolutions for images that are given as samples.

    Each convolution of the encoder halves height and width, with kernels of 5 by 5 pixels, the
    last one of 3 by 3; a dense layer returns the embedding. The decoder mirrors them. The embedding
    and the reconstruction are linear. The networks are those of [1]_, for images of any size.

    Parameters
    ----------
    n_features : int
        Number of features, the number of pixels times that of channels.
    image_shape : tuple of int
        Height and width, or height, width and channels, in the order of the features.
    filters : sequence of int, default=(32, 64, 128)
        Number of filters of each convolution.
    embedding_width : int, default=10
        Number of features of the embedding.
    activation : str or callable, default="relu"
        Activation of the convolutions, in any form that Keras accepts.
    kernel_initializer : str or keras.initializers.Initializer, default=None
        Initializer of the weights, as `build_autoencoder` takes it.
    seed : int or None, default=None
        Seed of the initial weights; None takes one from Python's random state, as Keras does.
    dtype : str or keras.DTypePolicy, default=None
        Policy of the layers. None is Keras' global policy.

    Returns
    -------
    Autoencoder
        Named tuple (autoencoder, encoder, decoder) of Keras models that share their weights.

    Raises
    ------
    ValueError
        If `image_shape` is no shape of an image of `n_features` values, or a width is below 1.

    See Also
    --------
    skdec.DECClusterer : Its parameter `autoencoder` takes a function that builds networks.

    References
    ----------
    .. [1] X. Guo, X. Liu, E. Zhu and J. Yin, "Deep Clustering with Convolutional Autoencoders",
       ICONIP 2017.

    Examples
    --------
    >>> from functools import partial
    >>> from skdec import DECClusterer
    >>> from skdec.networks import build_convolutional_autoencoder
    >>> build = partial(build_convolutional_autoencoder, image_shape=(28, 28))
    >>> build(784).encoder.output_shape
    (None, 10)
    >>> dec = DECClusterer(10, autoencoder=build)
    """
    shapes, kernel_sizes = _plan_convolutions(n_features, image_shape, filters, embedding_width)
    options = _create_options(len(filters) + 1, activation, kernel_initializer, seed, dtype)
    halving = {"strides": 2, "padding": "same"}
    samples = keras.Input((n_features,), name="samples")
    encoded = keras.layers.Reshape(shapes[0], dtype=dtype)(samples)
    for depth, size in zip(filters, kernel_sizes, strict=True):
        encoded = keras.layers.Conv2D(depth, size, **halving, **next(options))(encoded)
    encoded = keras.layers.Flatten(dtype=dtype)(encoded)
    encoded = keras.layers.Dense(embedding_width, **next(options))(encoded)

    embedding = keras.Input((embedding_width,), name="embedding")
    decoded = keras.layers.Dense(math.prod(shapes[-1]), **next(options))(embedding)
    decoded = keras.layers.Reshape(shapes[-1], dtype=dtype)(decoded)
    for layer in reversed(range(len(filters))):
        larger, smaller, size = shapes[layer], shapes[layer + 1], kernel_sizes[layer]
        decoded = keras.layers.Conv2DTranspose(larger[2], size, **halving, **next(options))(decoded)
        # Twice the smaller size may be one more than the larger size.
        excess = [2 * small - large for small, large in zip(smaller[:2], larger[:2], strict=True)]
        decoded = keras.layers.Cropping2D([(0, n) for n in excess], dtype=dtype)(decoded)
    decoded = keras.layers.Flatten(dtype=dtype)(decoded)
    return connect(samples, encoded, embedding, decoded)


def _plan_convolutions(
    n_features: int, image_shape: Sequence[int], filters: Sequence[int], embedding_width: int
) -> tuple[list[tuple[int, int, int]], list[int]]:
    """Return the shapes of the image and of each convolution's output, and the kernel sizes."""
    height, width, *rest = check_image_shape(image_shape)
    channels = rest[0] if rest else 1
    if height * width * channels != n_features:
        raise ValueError(
            f"image_shape={tuple(image_shape)} has {height * width * channels} values; the samples "
            f"have n_features={n_features}."
        )
    if len(filters) == 0 or min(*filters, embedding_width) < 1:
        raise ValueError(
            "Each number in filters and embedding_width must be at least 1 and filters must not be "
            f"empty; got filters={filters!r}, embedding_width={embedding_width!r}."
        )
    shapes = [(height, width, channels)]
    for depth in filters:
        height, width = -(-height // 2), -(-width // 2)
        shapes.append((height, width, depth))
    last_size = 3 if len(filters) > 1 else 5
    return shapes, [5] * (len(filters) - 1) + [last_size]


def copy_layer(layer: keras.layers.Layer) -> keras.layers.Layer:
    """Return a copy of a layer or model, with weights of its own that are equal.

    Python's random state, from which Keras takes seeds, stays as it was.
    """
    with _preserve_random_state():
        return _copy_layer(layer)


def _copy_layer(layer: keras.layers.Layer) -> keras.layers.Layer:
    if isinstance(layer, keras.Model):
        is_of_keras = type(layer).__module__.startswith("keras.")
        if is_of_keras and layer.compiled and layer.built:
            # The same layers without the loss, which may be a function that cannot be copied.
            layer = keras.Model(layer.input, layer.output)
        if not layer.built and isinstance(layer, keras.Sequential):
            return keras.Sequential(map(_copy_layer, layer.layers), name=layer.name)
        copied = keras.models.clone_model(layer)
    else:
        copied = type(layer).from_config(layer.get_config())
        if layer.built and layer.weights:
            copied.build_from_config(layer.get_build_config())
    if layer.weights:
        copied.set_weights(layer.get_weights())
    for inner in copied._flatten_layers():
        if isinstance(inner, keras.layers.Normalization):
            inner.finalize_state()  # what it computes from its weights
    return copied


_random_state_lock = RLock()  # a builder of the user may fit an estimator of its own


@contextmanager
def _preserve_random_state(seed: int | None = None) -> Iterator[None]:
    """Restore Python's random state, from which Keras takes seeds that are not given.

    Within, it begins with `seed`, if that is not None.
    """
    with _random_state_lock:
        state = random.getstate()
        try:
            if seed is not None:
                random.seed(seed)
            yield
        finally:
            random.setstate(state)


def _create_options(
    n_layers: int, activation: Any, kernel_initializer: Any, seed: int | None, dtype: Any
) -> Iterator[dict[str, Any]]:
    """Yield the options of the encoder's layers, then of the decoder's in the opposite order."""
    initializers = _create_initializers(kernel_initializer, 2 * n_layers, seed)
    names = [f"encoder_{i}" for i in range(n_layers)]
    names += [f"decoder_{i}" for i in reversed(range(n_layers))]
    for name, initializer in zip(names, initializers, strict=True):
        is_last = name in (names[n_layers - 1], names[-1])  # of the encoder, of the decoder
        yield {
            "activation": None if is_last else activation,
            "kernel_initializer": initializer,
            "name": name,
            "dtype": dtype,
        }


def _create_initializers(initializer: Any, n_copies: int, seed: int | None) -> Any:
    """Yield copies of one initializer, each with its own seed if it has one."""
    seed = random.getrandbits(63) if seed is None else seed
    if initializer is None:
        initializer = keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform", seed=0)
    with _preserve_random_state():  # one without a seed takes it from there
        initializer = keras.initializers.get(initializer)
    for state in np.random.SeedSequence(seed).generate_state(n_copies):
        if isinstance(initializer, keras.initializers.Initializer):
            config = initializer.get_config()
            config = config | {"seed": int(state >> 1)} if "seed" in config else config
            yield type(initializer).from_config(config)
        else:
            yield initializer  # a plain function of shape and dtype
