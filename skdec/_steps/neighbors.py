"""Neighbors: the graph of nearest neighbors, and target distributions averaged over it.

An embedding of a few dimensions loses information. Samples that are close in the input mostly
belong to the same cluster, so the target of a sample sharpens the soft assignments of its
neighbors rather than its own.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from skdec._engine.data import DistinctSamples
from skdec._math import target_distribution

# Distances are computed between the leading principal components, fitted on some of the samples.
_N_COMPONENTS = 50
_MAX_PCA_SAMPLES = 20_000
_MAX_PCA_VALUES = 2**24
# Up to this many samples, the initialization looks for clusters among the components, too: the
# embedding of an autoencoder that was trained on few samples may be worse.
_MAX_POINTS = 20_000
# Exact search is quadratic: more samples than this are searched in random parts.
_MAX_EXACT_SAMPLES = 70_000
# The neighbor whose distance is the local scale of a sample (Zelnik-Manor and Perona).
_SCALE_NEIGHBOR = 7
# Keeps samples connected that are far from all others.
_MIN_AFFINITY = 1e-12
_BLOCK_VALUES = 2**23


Projection = Callable[[np.ndarray], np.ndarray]


class Neighbors(NamedTuple):
    """Affinities of neighbors (n, n), and the points (n, d) between which they were found.

    Both are None without neighbors; the points also for more than 20,000 samples.
    """

    graph: sp.csr_array | None
    points: np.ndarray | None


def find_neighbors(samples: DistinctSamples, n_neighbors: int, seed: int) -> Neighbors:
    """Build the neighbor graph of the samples, if `n_neighbors` is above 0.

    Parameters
    ----------
    samples : DistinctSamples
        Samples.
    n_neighbors : int
        Number of nearest neighbors of each sample.
    seed : int
        Seed of the principal components.

    Returns
    -------
    Neighbors
        Graph and points.
    """
    n_samples = samples.shape[0]
    if n_samples == 1 or not n_neighbors:
        return Neighbors(None, None)
    random_state = np.random.RandomState(seed)
    project = fit_principal_components(samples, random_state)
    graph = build_neighbor_graph(project, n_samples, n_neighbors, random_state)
    points = project(np.arange(n_samples)) if n_samples <= _MAX_POINTS else None
    return Neighbors(graph, points)


def fit_principal_components(
    samples: DistinctSamples, random_state: np.random.RandomState
) -> Projection:
    """Return a function from indices of samples to their leading principal components, float32.

    Samples with few features are returned as they are.
    """
    n_samples, n_features = samples.shape
    if n_features <= _N_COMPONENTS:
        return samples.__getitem__
    max_samples = max(_N_COMPONENTS, _MAX_PCA_VALUES // n_features)
    size = min(n_samples, _MAX_PCA_SAMPLES, max_samples)
    subset = samples[random_state.permutation(n_samples)[:size]]
    # With several threads the order of summation, and so the last bits of the result, vary.
    with threadpool_limits(1):
        pca = PCA(min(_N_COMPONENTS, size), random_state=random_state).fit(subset)

    def project(indices: np.ndarray) -> np.ndarray:
        blocks = np.array_split(indices, -(-len(indices) * n_features // _BLOCK_VALUES))
        return np.concatenate([pca.transform(samples[block]) for block in blocks])

    return project


def build_neighbor_graph(
    project: Projection, n_samples: int, n_neighbors: int, random_state: np.random.RandomState
) -> sp.csr_array:
    """Return the affinities of neighbors, a sparse (n, n) array whose rows sum to one.

    Samples i and j, one of which is among the `n_neighbors` nearest of the other, have the
    self-tuning affinity exp(-|x_i - x_j|^2 / (s_i s_j)), where s_i is the distance from sample i
    to its seventh neighbor ([1]_).

    Parameters
    ----------
    project : callable
        Points (m, d) of the samples with given indices (m,).
    n_samples : int
        Number of samples.
    n_neighbors : int
        Number of nearest neighbors.
    random_state : RandomState
        Divides many samples into parts.

    Returns
    -------
    sparse array of shape (n_samples, n_samples), float32
        Affinities.

    References
    ----------
    .. [1] L. Zelnik-Manor and P. Perona, "Self-tuning spectral clustering", NIPS 2004.
    """
    n_parts = -(-n_samples // _MAX_EXACT_SAMPLES)
    neighbors = np.empty((n_samples, min(n_neighbors, n_samples // n_parts - 1)), dtype=np.int32)
    affinities = np.empty(neighbors.shape, dtype=np.float32)
    for part in np.array_split(random_state.permutation(n_samples), n_parts):
        nearest, affinities[part] = _find_nearest(project(part), neighbors.shape[1])
        neighbors[part] = part[nearest]
    ends = np.arange(0, neighbors.size + 1, neighbors.shape[1])
    directed = sp.csr_array((affinities.ravel(), neighbors.ravel(), ends), (n_samples, n_samples))
    graph = (directed + directed.T).tocsr()
    graph.data /= np.repeat(graph.sum(axis=1), np.diff(graph.indptr))
    return graph


def compute_neighbor_targets(
    q: np.ndarray, graph: sp.csr_array, n_rounds: int, sample_weight: np.ndarray | None = None
) -> np.ndarray:
    """Return targets p (n, k) that sharpen the average of the neighbors' assignments, float32.

    Every round averages the assignments over a sample's neighbors and sharpens them as DEC does.
    """
    for _ in range(n_rounds):
        q = target_distribution(graph @ q, sample_weight)
    return q


def _find_nearest(points: np.ndarray, n_neighbors: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of the nearest other points, and the affinities to them."""
    search = NearestNeighbors(n_neighbors=n_neighbors, algorithm="brute").fit(points)
    distances, nearest = search.kneighbors()
    scale = distances[:, min(_SCALE_NEIGHBOR, n_neighbors) - 1]
    scales = scale[:, None] * scale[nearest]
    # Among equal samples the scale is zero, and so is the distance.
    ratio = np.divide(distances**2, scales, out=np.zeros_like(distances), where=scales > 0)
    return nearest, np.maximum(np.exp(-ratio), _MIN_AFFINITY)
