"""Inference with trained weights: embed, assign and reconstruct samples in compiled batches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property, lru_cache
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from skdec._utils.data import to_float32
from skdec._utils.threads import count_usable_threads, run_in_threads
from skdec.dec import _math
from skdec.dec.training.distribute import limit_tensorflow_threads, run_outside_scope
from skdec.networks import AnyArchitecture, Autoencoder

limit_tensorflow_threads()

# Fixed shapes, because the order in which a matrix product adds up, and so the last bits of a
# sample's result, depends on the shape of the batch. The smaller one is used where it gives the
# same bits as the larger one.
INFERENCE_BATCH_SIZE = 256
SMALL_BATCH_SIZE = 64

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
    def _programs(self) -> dict[str, "Program"]:
        """The compiled programs with these weights as tensors, kept for further calls."""
        encoder = [tf.constant(weight) for weight in self.encoder]
        assigning = [tf.constant(self.centers), tf.constant(np.float32(self.alpha))]
        decoder = [tf.constant(weight) for weight in self.decoder]
        return {
            "embed": Program(_compile_encoder(self.architecture), encoder),
            "assign": Program(_compile_assignment(self.architecture), [*encoder, *assigning]),
            "reconstruct": Program(_compile_decoder(self.architecture), decoder),
        }

    def __getstate__(self) -> dict[str, Any]:
        return {one.name: getattr(self, one.name) for one in fields(self)}

    @property
    def autoencoder(self) -> list[np.ndarray]:
        """Weights of the encoder, then of the decoder."""
        return [*self.encoder, *self.decoder]

    def embed(self, X: Any) -> np.ndarray:
        """Return the embedding (n, d) of the samples of `X`, float32."""
        return run_in_batches(self._programs["embed"], X, self.architecture.embedding_width)

    def assign(self, X: Any, selection: slice = slice(None)) -> np.ndarray:
        """Return the soft assignments q (n, k) of `X`, float32; zero outside of `selection`."""
        return run_in_batches(self._programs["assign"], X, len(self.centers), selection)

    def reconstruct(self, z: Any) -> np.ndarray:
        """Return the samples (n, n_features) decoded from an embedding `z`, float32."""
        return run_in_batches(self._programs["reconstruct"], z, self.architecture.n_features)


def build_untrained_autoencoder(architecture: AnyArchitecture) -> Autoencoder:
    """Build networks with weights of zero, outside of any distribution strategy's scope."""
    return run_outside_scope(architecture.build)


class Program:
    """A compiled program with its weights, called on batches of fixed shapes.

    Parameters
    ----------
    program : callable
        Maps weights and a batch to the outputs.
    weights : list of tensor
        The weights.
    """

    def __init__(self, program: Callable[[list[Any], Any], Any], weights: list[Any]) -> None:
        self._program = program
        self._weights = weights
        self._has_been_small = False

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Return the outputs of a batch."""
        outputs: np.ndarray = self._program(self._weights, tf.constant(samples)).numpy()
        return outputs

    def choose_batch_size(self, n_samples: int, n_features: int) -> int:
        """Return the size of the batches for so many samples.

        Few samples are padded to the smaller size from the second time on: it must be compiled.
        """
        if n_samples > SMALL_BATCH_SIZE:
            return INFERENCE_BATCH_SIZE
        if not self._has_been_small:
            self._has_been_small = True
            return INFERENCE_BATCH_SIZE
        if not hasattr(self, "_small_size"):
            is_equal = self._is_small_batch_equal(n_features)
            self._small_size = SMALL_BATCH_SIZE if is_equal else INFERENCE_BATCH_SIZE
        return self._small_size

    def _is_small_batch_equal(self, n_features: int) -> bool:
        """Return whether a batch of the smaller size has the same outputs, bit for bit."""
        shape = (INFERENCE_BATCH_SIZE, n_features)
        samples = np.random.RandomState(0).normal(size=shape).astype(np.float32)
        expected = self(samples)[:SMALL_BATCH_SIZE]
        return np.array_equal(self(samples[:SMALL_BATCH_SIZE]), expected)


def run_in_batches(run: Program, X: Any, width: int, selection: slice = slice(None)) -> np.ndarray:
    """Return the outputs (n, width) of `run` for the samples of `X`; zero outside of `selection`.

    The last batch is padded with zeros to a fixed size, so that the output for a sample depends on
    that sample only, bit for bit.
    """
    first, end, _ = selection.indices(X.shape[0])
    output = np.zeros((X.shape[0], width), dtype=np.float32)
    batch_size = run.choose_batch_size(end - first, X.shape[1])

    def fill(start: int) -> None:
        stop = min(start + batch_size, end)
        samples = to_float32(X, slice(start, stop))
        if len(samples) < batch_size:
            padding = np.zeros((batch_size - len(samples), X.shape[1]), np.float32)
            samples = np.concatenate([samples, padding])
        output[start:stop] = run(samples)[: stop - start]

    # One thread more than cores: while a batch waits for its slowest thread, the next ones run.
    n_threads = 1 if end - first <= batch_size else count_usable_threads() + 1
    run_in_threads(fill, range(first, end, batch_size), n_threads)
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
    program = tf.function(run, jit_compile=True, autograph=False)
    # TensorFlow takes the programs of different networks for one that is traced again and again.
    program._omit_frequent_tracing_warning = True
    return program
