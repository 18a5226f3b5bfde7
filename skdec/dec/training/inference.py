"""Inference with trained weights: embed, assign and reconstruct samples in compiled batches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property, lru_cache, partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from skdec._utils.data import DistinctSamples, SampleSubset, to_dense, to_float32
from skdec._utils.process import count_usable_threads, run_in_threads
from skdec.dec.training.distribute import run_outside_scope
from skdec.dec.training.samples import ScaledSamples, Scaling
from skdec.layers import soft_assignment
from skdec.networks import Architecture, Autoencoder

# Fixed, because the order in which a matrix product adds up, and so the last bits of a sample's
# result, depends on the shape of the batch.
INFERENCE_BATCH_SIZE = 256

_MAX_ARCHITECTURES = 16  # whose compiled programs are kept

# Of the deviations of samples from those of a fit.
_QUANTILE = 0.99
# As many samples give the quantile to a third of a percent.
_MAX_SAMPLES = 2000
_BLOCK_BYTES = 2**21


@dataclass(frozen=True, eq=False)
class DECWeights:
    """The weights of encoder, decoder and cluster centers, and how to apply them.

    Attributes
    ----------
    architecture : Architecture
        The networks that the weights belong to.
    encoder, decoder : list of ndarray, float32
        The arrays of each network, in the order of its layers.
    centers : ndarray of shape (k, d), float32
        Cluster centers; none before the initialization.
    alpha : float
        Degrees of freedom of Student's t.
    scaling : Scaling or None
        What samples go through before the encoder, and reconstructions after the decoder.
    """

    architecture: Architecture
    encoder: list[np.ndarray]
    decoder: list[np.ndarray]
    centers: np.ndarray = field(default_factory=lambda: np.empty((0, 0), np.float32))
    alpha: float = 1.0
    scaling: Scaling | None = None

    @cached_property
    def _programs(self) -> dict[str, Callable[[Any], Any]]:
        """The compiled programs with these weights as tensors, kept for further calls."""
        embed, assign, decode = compile_programs(self.architecture)
        encoder = [tf.constant(weight) for weight in self.encoder]
        assigning = [tf.constant(self.centers), tf.constant(np.float32(self.alpha))]
        return {
            "embed": partial(embed, encoder),
            "assign": partial(assign, [*encoder, *assigning]),
            "decode": partial(decode, [tf.constant(weight) for weight in self.decoder]),
        }

    def __getstate__(self) -> dict[str, Any]:
        return {one.name: getattr(self, one.name) for one in fields(self)}

    def replace_networks(self, weights: Sequence[np.ndarray], **others: Any) -> "DECWeights":
        """Return the same with other weights of the encoder and, if there are more, the decoder."""
        n_encoder = len(self.encoder)
        encoder, decoder = list(weights[:n_encoder]), list(weights[n_encoder:]) or self.decoder
        return replace(self, encoder=encoder, decoder=decoder, **others)

    @property
    def autoencoder(self) -> list[np.ndarray]:
        """Weights of the encoder, then of the decoder."""
        return [*self.encoder, *self.decoder]

    def build_networks(self) -> Autoencoder:
        """Build the networks with these weights, outside of any distribution strategy's scope."""
        networks = run_outside_scope(self.architecture.build)
        networks.encoder.set_weights(self.encoder)
        networks.decoder.set_weights(self.decoder)
        return networks

    def scale(self, X: Any) -> ScaledSamples:
        """Return the samples of `X` as the networks see them, to be indexed."""
        return ScaledSamples(X.raw if isinstance(X, DistinctSamples) else X, self.scaling)

    def embed(self, X: Any) -> np.ndarray:
        """Return the embedding (n, d) of the samples of `X`, float32."""
        width = self.architecture.embedding_width
        return run_in_batches(self._programs["embed"], self.scale(X), width)

    def assign(self, X: Any, selection: slice = slice(None)) -> np.ndarray:
        """Return the soft assignments q (n, k) of `X`, float32; zero outside of `selection`."""
        samples, n_clusters = self.scale(X), len(self.centers)
        return run_in_batches(self._programs["assign"], samples, n_clusters, selection)

    def decode(self, z: Any) -> np.ndarray:
        """Return the scaled samples (n, n_features) decoded from an embedding `z`, float32."""
        return run_in_batches(self._programs["decode"], z, self.architecture.n_features)

    def reconstruct(self, z: Any) -> np.ndarray:
        """Return the samples (n, n_features) decoded from an embedding `z`, float32."""
        decoded = self.decode(z)
        return decoded if self.scaling is None else self.scaling.invert(decoded)


def run_in_batches(
    program: Callable[[Any], Any], X: Any, width: int, selection: slice = slice(None)
) -> np.ndarray:
    """Return the outputs (n, width) for the samples of `X`; zero outside of `selection`.

    The last batch is padded with zeros to a fixed size, so that the output for a sample depends on
    that sample only, bit for bit.
    """
    first, end, _ = selection.indices(X.shape[0])
    output = np.zeros((X.shape[0], width), dtype=np.float32)
    batch_size = INFERENCE_BATCH_SIZE

    def fill(start: int) -> None:
        stop = min(start + batch_size, end)
        samples = to_float32(X, slice(start, stop))
        if len(samples) < batch_size:
            padding = np.zeros((batch_size - len(samples), X.shape[1]), np.float32)
            samples = np.concatenate([samples, padding])
        output[start:stop] = program(tf.constant(samples)).numpy()[: stop - start]

    # One thread more than cores: while a batch waits for its slowest thread, the next ones run.
    n_threads = 1 if end - first <= batch_size else count_usable_threads() + 1
    run_in_threads(fill, range(first, end, batch_size), n_threads)
    return output


@lru_cache(maxsize=_MAX_ARCHITECTURES)
def compile_programs(architecture: Architecture) -> tuple[Any, Any, Any]:
    """Return the programs that embed, assign and decode, functions of weights and a batch."""
    _, encoder, decoder = run_outside_scope(architecture.build)

    def assign(parameters: list[Any], samples: Any) -> Any:
        *weights, centers, alpha = parameters
        return soft_assignment(_call(encoder, weights, samples), centers, alpha)

    return (
        _compile(lambda weights, samples: _call(encoder, weights, samples)),
        _compile(assign),
        _compile(lambda weights, z: _call(decoder, weights, z)),
    )


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


def compute_deviations(weights: DECWeights, X: Any) -> np.ndarray:
    """Return how far each sample is from what the networks know.

    Parameters
    ----------
    weights : DECWeights
        Fitted networks and centers.
    X : {ndarray, sparse matrix} of shape (n, n_features)
        Samples, read in blocks.

    Returns
    -------
    ndarray of shape (n, 2), float64
        The mean squared reconstruction error of the samples as the networks see them, and the
        distance from the nearest center in the embedding.
    """
    deviations = np.empty((X.shape[0], 2))
    size = max(INFERENCE_BATCH_SIZE, _BLOCK_BYTES // (4 * X.shape[1]))
    for start in range(0, X.shape[0], size):
        block = slice(start, min(start + size, X.shape[0]))
        samples = to_dense(X, block, X.dtype)
        z = weights.embed(samples)
        errors = weights.decode(z) - weights.scale(samples)[:]
        deviations[block, 0] = np.square(errors, dtype=np.float64).mean(axis=1)
        distances = np.full(len(z), np.inf, dtype=np.float32)
        for center in weights.centers:  # of which there may be many
            np.minimum(distances, np.linalg.norm(z - center, axis=1), out=distances)
        deviations[block, 1] = distances
    return deviations


def compute_deviation_limits(weights: DECWeights, samples: Any) -> np.ndarray:
    """Return the two deviations that 99 percent of the samples of a fit do not exceed, by weight.

    Parameters
    ----------
    weights : DECWeights
        Fitted networks and centers.
    samples : DistinctSamples
        Of more than 2,000, those at equal steps are used.

    Returns
    -------
    ndarray of shape (2,), float64
        Positive numbers.
    """
    n_samples = samples.shape[0]
    indices = np.unique(np.linspace(0, n_samples - 1, min(n_samples, _MAX_SAMPLES)).astype(int))
    limits = np.quantile(
        compute_deviations(weights, SampleSubset(samples.raw, indices)),
        _QUANTILE,
        axis=0,
        method="inverted_cdf",
        weights=samples.sample_weight[indices],
    )
    return np.maximum(limits, np.finfo(np.float32).tiny)
