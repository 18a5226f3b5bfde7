"""The autoencoder of DEC as Keras models."""

import inspect
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import keras
import numpy as np

__all__ = ["Autoencoder", "build_autoencoder"]


class Autoencoder(NamedTuple):
    """Three Keras models that share their weights.

    Parameters
    ----------
    autoencoder : keras.Model
        Rows (n, n_features) to their reconstruction (n, n_features).
    encoder : keras.Model
        Rows (n, n_features) to embedded rows (n, d).
    decoder : keras.Model
        Embedded rows (n, d) to reconstructed rows (n, n_features).
    """

    autoencoder: keras.Model
    encoder: keras.Model
    decoder: keras.Model


class Architecture(NamedTuple):
    """What fixes the shapes of an autoencoder, in the order of `build_autoencoder`'s arguments.

    Parameters
    ----------
    n_features : int
        Width of the rows.
    dims : tuple of int
        Widths of the encoder's layers after the input.
    activation : str or callable
        Activation of the inner layers.
    """

    n_features: int
    dims: tuple[int, ...]
    activation: Any


def build_autoencoder(
    n_features: int,
    dims: Sequence[int],
    activation: Any = "relu",
    kernel_initializer: Any = None,
    seed: int | None = None,
) -> Autoencoder:
    """Symmetric, fully connected autoencoder.

    The activation is applied inside only: the input, the embedding and the reconstruction are
    linear. The layers are named ``encoder_0``, ``encoder_1``, ... and, mirrored, ...,
    ``decoder_1``, ``decoder_0``.

    Parameters
    ----------
    n_features : int
        Width of the rows.
    dims : sequence of int
        Widths of the encoder's layers after the input, the last one that of the embedding; the
        decoder mirrors them.
    activation : str or callable, default="relu"
        Activation of the inner layers, as Keras takes it.
    kernel_initializer : str or keras.initializers.Initializer, default=None
        How the weights start, as Keras takes it; each layer draws its own. None is
        ``VarianceScaling(1 / 3, "fan_in", "uniform")``, uniform within one over the square root
        of the layer's inputs.
    seed : int or None, default=None
        Makes the initial weights reproducible; with None they differ from call to call.

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
    skdec.layers.ClusteringLayer : Soft assignments on the encoder's output.

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
    inner = len(dims) - 1
    initializers = _seeded_copies(kernel_initializer, 2 * len(dims), seed)
    rows = keras.Input((n_features,), name="rows")
    code = keras.Input((widths[-1],), name="code")

    def dense(width: int, layer: int, side: str) -> keras.layers.Layer:
        return keras.layers.Dense(
            width,
            activation=activation if layer != (inner if side == "encoder" else 0) else None,
            kernel_initializer=next(initializers),
            name=f"{side}_{layer}",
        )

    embedded = rows
    for layer, width in enumerate(widths[1:]):
        embedded = dense(width, layer, "encoder")(embedded)
    reconstructed = code
    for layer in reversed(range(len(dims))):
        reconstructed = dense(widths[layer], layer, "decoder")(reconstructed)
    encoder = keras.Model(rows, embedded, name="encoder")
    decoder = keras.Model(code, reconstructed, name="decoder")
    return Autoencoder(
        keras.Model(rows, decoder(encoder.output), name="autoencoder"), encoder, decoder
    )


def initial_weights(
    architecture: Architecture, kernel_initializer: Any, seed: int | None
) -> list[np.ndarray]:
    """Weights that `build_autoencoder` gives its autoencoder, without building a model."""
    n_features, dims, _ = architecture
    widths = [n_features, *dims, *dims[-2::-1], n_features]
    weights = []
    initializers = _seeded_copies(kernel_initializer, 2 * len(dims), seed)
    for shape, initializer in zip(pairwise(widths), initializers, strict=True):
        weights += [_drawn(initializer, shape), np.zeros(shape[1], np.float32)]
    return weights


def _drawn(initializer: Any, shape: tuple[int, ...]) -> np.ndarray:
    try:
        weights = np.array(initializer(shape, "float32"))
    except Exception as error:  # the initializer may be the user's: anything may come
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


def _seeded_copies(initializer: Any, n_copies: int, seed: int | None) -> Any:
    """Iterate over copies of one initializer, each with a seed of its own where it takes one.

    None is ever made without: Keras would draw a seed from Python's global generator.
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
