"""How unlike the samples of a fit a sample is, by the networks and centers alone."""

from typing import Any

import numpy as np

from skdec._utils.data import to_float32
from skdec.dec.training.inference import INFERENCE_BATCH_SIZE, DECWeights

_QUANTILE = 0.99
# As many samples give the quantile to a third of a percent.
_MAX_SAMPLES = 2000
_BLOCK_BYTES = 2**21


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
        The mean squared reconstruction error, and the distance from the nearest center in the
        embedding.
    """
    deviations = np.empty((X.shape[0], 2))
    size = _count_samples_in_block(X.shape[1])
    for start in range(0, X.shape[0], size):
        block = slice(start, min(start + size, X.shape[0]))
        samples = to_float32(X, block)
        z = weights.embed(samples)
        errors = weights.reconstruct(z) - samples
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
    n_samples, n_features = samples.shape
    indices = np.unique(np.linspace(0, n_samples - 1, min(n_samples, _MAX_SAMPLES)).astype(int))
    size = _count_samples_in_block(n_features)
    deviations = [
        compute_deviations(weights, samples[indices[start : start + size]])
        for start in range(0, len(indices), size)
    ]
    limits = np.quantile(
        np.concatenate(deviations),
        _QUANTILE,
        axis=0,
        method="inverted_cdf",
        weights=samples.sample_weight[indices],
    )
    return np.maximum(limits, np.finfo(np.float32).tiny)


def _count_samples_in_block(n_features: int) -> int:
    return max(INFERENCE_BATCH_SIZE, _BLOCK_BYTES // (4 * n_features))
