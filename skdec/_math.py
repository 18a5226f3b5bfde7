"""The three formulas of DEC: pure functions without state or I/O.

Shapes throughout: embedded rows ``z`` (n, d), ``centers`` (k, d), assignments ``q`` and targets
``p`` (n, k). Numbers of equations refer to Xie, Girshick and Farhadi, "Unsupervised Deep
Embedding for Clustering Analysis", ICML 2016.
"""

from typing import Any

import numpy as np
from keras import ops


def soft_assignment(z: Any, centers: Any, alpha: float) -> Any:
    """Student-t similarity of rows to centres, each row summing to one (eq. 1)."""
    return ops.exp(log_soft_assignment(z, centers, alpha))


def log_soft_assignment(z: Any, centers: Any, alpha: float) -> Any:
    """Logarithm of `soft_assignment`, which stays finite for the farthest outliers."""
    logits = -0.5 * (alpha + 1.0) * ops.log1p(squared_distances(z, centers) / alpha)
    return ops.log_softmax(logits, axis=-1)


def squared_distances(z: Any, centers: Any) -> Any:
    """Squared Euclidean distances (n, k), by one matrix product and no (n, k, d) array."""
    # Distances do not change under a shift, rounding does: near the origin the three terms
    # below are of the size of their difference.
    origin = ops.mean(centers, axis=0)
    z, centers = z - origin, centers - origin
    norms = ops.sum(ops.square(z), axis=-1, keepdims=True) + ops.sum(ops.square(centers), axis=-1)
    return ops.maximum(norms - 2.0 * ops.matmul(z, ops.transpose(centers)), 0.0)


def target_distribution(
    q: np.ndarray, sample_weight: np.ndarray | None = None, seen: Any = 0.0
) -> np.ndarray:
    """Sharpened assignments of all rows (eq. 3), a NumPy array of the shape and dtype of `q`.

    The cluster frequencies are sums over every row of `q`, weighted where rows have weights: call
    it once on the whole data, never on a batch. `seen` are frequencies of rows from before.
    """
    frequencies = cluster_frequencies(q, sample_weight) + seen
    # A cluster that no row belongs to has no mass to sharpen, and must not divide zero by zero.
    scale = np.divide(1.0, frequencies, out=np.zeros_like(frequencies), where=frequencies > 0)
    p = np.square(q)
    p *= scale.astype(q.dtype)  # in place: these are the largest arrays beside the rows
    p /= p.sum(axis=1, keepdims=True)
    return p


def cluster_frequencies(q: np.ndarray, sample_weight: np.ndarray | None = None) -> np.ndarray:
    """Sum of the soft assignments to each cluster, shape (k,), float64."""
    if sample_weight is None:
        return q.sum(axis=0, dtype=np.float64)
    # Unlike a matrix product, it makes no copy of q in float64.
    return np.einsum("i,ij->j", sample_weight.astype(np.float64), q)


def kl_divergence(p: Any, log_q: Any) -> Any:
    """Kullback-Leibler divergence KL(p_i || q_i) of each row (eq. 2 before its sum), shape (n,)."""
    # 0 log 0 is 0: the inner maximum keeps the logarithm finite where p is 0.
    log_p = ops.log(ops.maximum(p, np.finfo(np.float32).tiny))
    return ops.sum(p * (log_p - log_q), axis=-1)
