"""The formulas of DEC: pure functions without state or I/O.

Shapes throughout: embedding ``z`` (n, d), ``centers`` (k, d), soft assignments ``q`` and targets
``p`` (n, k). Equations are those of Xie, Girshick and Farhadi, "Unsupervised Deep Embedding for
Clustering Analysis", ICML 2016.
"""

from typing import Any

import numpy as np
from keras import ops


def soft_assignment(z: Any, centers: Any, alpha: float) -> Any:
    """Student-t similarity of samples to centers, normalized per sample (eq. 1)."""
    return ops.exp(log_soft_assignment(z, centers, alpha))


def log_soft_assignment(z: Any, centers: Any, alpha: float) -> Any:
    """Logarithm of `soft_assignment`, finite even for far outliers."""
    logits = -0.5 * (alpha + 1.0) * ops.log1p(squared_distances(z, centers) / alpha)
    return ops.log_softmax(logits, axis=-1)


def squared_distances(z: Any, centers: Any) -> Any:
    """Squared Euclidean distances (n, k), by one matrix product without an (n, k, d) array."""
    # Distances do not change under a shift, rounding errors do: near the origin the three terms
    # below have the size of their difference.
    origin = ops.mean(centers, axis=0)
    z, centers = z - origin, centers - origin
    norms = ops.sum(ops.square(z), axis=-1, keepdims=True) + ops.sum(ops.square(centers), axis=-1)
    return ops.maximum(norms - 2.0 * ops.matmul(z, ops.transpose(centers)), 0.0)


def kl_divergence(p: Any, log_q: Any) -> Any:
    """Kullback-Leibler divergence KL(p_i || q_i) of each sample (eq. 2 before its sum), (n,)."""
    # 0 log 0 is 0: the maximum keeps the logarithm finite where p is 0.
    log_p = ops.log(ops.maximum(p, np.finfo(np.float32).tiny))
    return ops.sum(p * (log_p - log_q), axis=-1)
