"""Inference with trained weights: embed, assign and reconstruct samples in compiled batches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property, lru_cache
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from skdec import _math
from skdec._engine.data import to_float32
from skdec._engine.distribute import run_outside_scope
from skdec._engine.threads import (
    count_usable_threads,
    limit_tensorflow_threads,
    run_in_threads,
)
from skdec.networks import AnyArchitecture, Autoencoder

limit_tensorflow_threads()

# One fixed shape, because the order in which a matrix product adds up, and so the last bits of a
# sample's result, depends on the shape of the batch.
INFERENCE_BATCH_SIZE = 256

_MAX_PROGRAMS = 16


@dataclass(frozen=True, eq=False)
class DECWeights:
    """The weights of encoder, decoder and cluster centers, and how to apply them.

    Attributes
    ----------
    architecture : Architecture or CustomArchitecture
        The networks that the weights belong to.
    encoder, decoder : list of ndarray, float32
        The arrays of each network, in the order of its layers.
    centers : ndarray of shape (k, d), float32
        Cluster centers; none before the initialization.
    alpha : float
        Degrees of freedom of Student's t.
    """

    architecture: AnyArchitecture
    encoder: list[np.ndarray]
    decoder: list[np.ndarray]
    centers: np.ndarray = field(default_factory=lambda: np.empty((0, 0), np.float32))
    alpha: float = 1.0

    @classmethod
    def from_autoencoder(
        cls, architecture: AnyArchitecture, weights: Sequence[np.ndarray], alpha: float = 1.0
    ) -> "DECWeights":
        """Split the weights of an autoencoder into those of its encoder and its decoder."""
        n_encoder = architecture.n_encoder_weights
        return cls(architecture, list(weights[:n_encoder]), list(weights[n_encoder:]), alpha=alpha)

    @cached_property
    def _tensors(self) -> dict[str, list[Any]]:
        """The weights as tensors, which are kept for further calls."""
        assigning = [self.centers, np.float32(self.alpha)]
        encoder = [tf.constant(weight) for weight in self.encoder]
        return {
            "embed": encoder,
            "assign": [*encoder, *map(tf.constant, assigning)],
            "reconstruct": [tf.constant(weight) for weight in self.decoder],
        }

    def __getstate__(self) -> dict[str, Any]:
        return {one.name: getattr(self, one.name) for one in fields(self)}

    @property
    def autoencoder(self) -> list[np.ndarray]:
        """Weights of the encoder, then of the decoder."""
        return [*self.encoder, *self.decoder]

    def embed(self, X: Any) -> np.ndarray:
        """Return the embedding (n, d) of the samples of `X`, float32."""
        run = _bind(_compile_encoder(self.architecture), self._tensors["embed"])
        return run_in_batches(run, X, self.architecture.embedding_width)

    def assign(self, X: Any, selection: slice = slice(None)) -> np.ndarray:
        """Return the soft assignments q (n, k) of `X`, float32; zero outside of `selection`."""
        run = _bind(_compile_assignment(self.architecture), self._tensors["assign"])
        return run_in_batches(run, X, len(self.centers), selection)

    def reconstruct(self, z: Any) -> np.ndarray:
        """Return the samples (n, n_features) decoded from an embedding `z`, float32."""
        run = _bind(_compile_decoder(self.architecture), self._tensors["reconstruct"])
        return run_in_batches(run, z, self.architecture.n_features)


def build_untrained_autoencoder(architecture: AnyArchitecture) -> Autoencoder:
    """Build networks with weights of zero, outside of any distribution strategy's scope."""
    return run_outside_scope(architecture.build)


def run_in_batches(
    run: Callable[[np.ndarray], Any], X: Any, width: int, selection: slice = slice(None)
) -> np.ndarray:
    """Return the outputs (n, width) of `run` for the samples of `X`; zero outside of `selection`.

    `run` always gets `INFERENCE_BATCH_SIZE` samples, the last batch padded with zeros, so that
    the output for a sample depends on that sample only, bit for bit.
    """
    first, end, _ = selection.indices(X.shape[0])
    output = np.zeros((X.shape[0], width), dtype=np.float32)

    def fill(start: int) -> None:
        stop = min(start + INFERENCE_BATCH_SIZE, end)
        samples = to_float32(X, slice(start, stop))
        if len(samples) < INFERENCE_BATCH_SIZE:
            padding = np.zeros((INFERENCE_BATCH_SIZE - len(samples), X.shape[1]), np.float32)
            samples = np.concatenate([samples, padding])
        output[start:stop] = run(samples)[: stop - start]

    # One thread more than cores: while a batch waits for its slowest thread, the next ones run.
    n_threads = 1 if end - first <= INFERENCE_BATCH_SIZE else count_usable_threads() + 1
    run_in_threads(fill, range(first, end, INFERENCE_BATCH_SIZE), n_threads)
    return output


@lru_cache(maxsize=_MAX_PROGRAMS)
def _compile_encoder(architecture: AnyArchitecture) -> Any:
    encoder = build_untrained_autoencoder(architecture).encoder
    return _compile(lambda weights, samples: _call(encoder, weights, samples))


@lru_cache(maxsize=_MAX_PROGRAMS)
def _compile_decoder(architecture: AnyArchitecture) -> Any:
    decoder = build_untrained_autoencoder(architecture).decoder
    return _compile(lambda weights, z: _call(decoder, weights, z))


@lru_cache(maxsize=_MAX_PROGRAMS)
def _compile_assignment(architecture: AnyArchitecture) -> Any:
    encoder = build_untrained_autoencoder(architecture).encoder

    def assign(parameters: list[Any], samples: Any) -> Any:
        *weights, centers, alpha = parameters
        z = _call(encoder, weights, samples)
        return _math.soft_assignment(z, centers, alpha)

    return _compile(assign)


def _call(network: keras.Model, weights: Sequence[Any], inputs: Any) -> Any:
    """Return the output of a network with these weights in place of its own."""
    values = {id(own): given for own, given in zip(network.weights, weights, strict=True)}
    return network.stateless_call(
        [values[id(variable)] for variable in network.trainable_variables],
        # Random states have no part in inference.
        [values.get(id(variable), variable) for variable in network.non_trainable_variables],
        inputs,
    )[0]


def _compile(run: Callable[[list[Any], Any], Any]) -> Any:
    return tf.function(run, jit_compile=True)


def _bind(program: Any, tensors: Sequence[Any]) -> Callable[[np.ndarray], np.ndarray]:
    return lambda samples: program(tensors, tf.constant(samples)).numpy()
