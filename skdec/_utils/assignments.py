"""Target distribution and cluster frequencies of soft assignments, in NumPy.

Equations are those of Xie, Girshick and Farhadi, "Unsupervised Deep Embedding for Clustering
Analysis", ICML 2016.
"""

from typing import Any

import numpy as np
import scipy.sparse as sp


def target_distribution(
    q: np.ndarray,
    sample_weight: np.ndarray | None = None,
    previous_frequencies: Any = 0.0,
    power: float = 1.0,
) -> np.ndarray:
    """Sharpened soft assignments (eq. 3), a NumPy array of the shape and dtype of `q`.

    The cluster frequencies are (weighted) sums over all samples: call this once for all samples,
    never per batch. `previous_frequencies` of earlier samples are added to them. With a `power`
    of the frequencies below 1, clusters of different sizes keep them.
    """
    frequencies = cluster_frequencies(q, sample_weight) + previous_frequencies
    # A cluster of no mass, or of one that float32 cannot invert, has nothing to sharpen.
    has_mass = frequencies > np.finfo(np.float32).tiny
    scale = np.zeros_like(frequencies)
    scale[has_mass] = frequencies[has_mass] ** -power
    p = np.square(q)
    p *= scale.astype(q.dtype)  # in place: these are the largest arrays beside the samples
    p /= p.sum(axis=1, keepdims=True)
    return p


def cluster_frequencies(q: np.ndarray, sample_weight: np.ndarray | None = None) -> np.ndarray:
    """Sum of the soft assignments to each cluster, shape (k,), float64."""
    if sample_weight is None:
        return q.sum(axis=0, dtype=np.float64)
    # Unlike a matrix product, this makes no copy of q in float64.
    return np.einsum("i,ij->j", sample_weight.astype(np.float64), q)


def compute_neighbor_targets(
    q: np.ndarray,
    graph: sp.csr_array,
    n_rounds: int,
    sample_weight: np.ndarray | None = None,
    power: float = 1.0,
) -> np.ndarray:
    """Return targets p (n, k) that sharpen the average of the neighbors' assignments, float32.

    Every round averages the assignments over a sample's neighbors and sharpens them, dividing by
    this power of the cluster frequencies.
    """
    for _ in range(n_rounds):
        q = target_distribution(graph @ q, sample_weight, power=power)
    return q
