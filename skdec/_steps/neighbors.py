"""Neighbors: the graph of nearest neighbors, and target distributions averaged over it.

An embedding of a few dimensions loses information. Samples that are close in the input mostly
belong to the same cluster, so the target of a sample sharpens the soft assignments of its
neighbors rather than its own.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from sklearn.decomposition import PCA

from skdec._engine.data import DistinctSamples
from skdec._engine.progress import open_bar
from skdec._engine.threads import use_one_thread
from skdec._math import target_distribution
from skdec._steps.neighbor_search import find_nearest_neighbors

# Distances are computed between the leading principal components, fitted on some of the samples:
# fewer where a dense array of them would take more than 256 MB.
_N_COMPONENTS = 50
_MAX_PCA_SAMPLES = 20_000
_MAX_PCA_VALUES = 2**26
# The neighbor whose distance is the local scale of a sample (Zelnik-Manor and Perona).
_SCALE_NEIGHBOR = 7
# Keeps samples connected that are far from all others.
_MIN_AFFINITY = 1e-12
_BLOCK_VALUES = 2**23


class Neighbors(NamedTuple):
    """Affinities of neighbors (n, n), and the points (n, d) between which they were found.

    Both are None without neighbors.
    """

    graph: sp.csr_array | None = None
    points: np.ndarray | None = None
    n_neighbors: int = 0


def find_neighbors(samples: DistinctSamples, n_neighbors: int, seed: int) -> Neighbors:
    """Build the neighbor graph of the samples, if `n_neighbors` is above 0.

    Parameters
    ----------
    samples : DistinctSamples
        Samples.
    n_neighbors : int
        Number of nearest neighbors of each sample.
    seed : int
        Seed of the principal components and of the cells of many samples.

    Returns
    -------
    Neighbors
        Graph and points.
    """
    if samples.shape[0] == 1 or not n_neighbors:
        return Neighbors()
    random_state = np.random.RandomState(seed)
    points = compute_principal_components(samples, random_state)
    graph = build_neighbor_graph(points, n_neighbors, random_state)
    return Neighbors(graph, points, n_neighbors)


def compute_principal_components(
    samples: DistinctSamples, random_state: np.random.RandomState
) -> np.ndarray:
    """Return the leading principal components (n, d) of the samples, float32.

    They are fitted on at most 20,000 samples. Sparse samples stay sparse; those with few features
    are returned as they are.
    """
    n_samples, n_features = samples.shape
    if n_features <= _N_COMPONENTS:
        return samples[np.arange(n_samples)]
    size = min(n_samples, _MAX_PCA_SAMPLES)
    take: Callable[[np.ndarray], Any] = samples.__getitem__
    if samples.is_sparse:
        take, solver, n_components = samples.take_sparse, "arpack", min(_N_COMPONENTS, size - 1)
        block = _BLOCK_VALUES // _N_COMPONENTS
    else:
        solver = "auto"
        size = min(size, max(_N_COMPONENTS, _MAX_PCA_VALUES // n_features))
        n_components = min(_N_COMPONENTS, size)
        block = max(1, _BLOCK_VALUES // n_features)
    subset = take(random_state.permutation(n_samples)[:size])
    points = np.empty((n_samples, n_components), dtype=np.float32)
    with open_bar("components", n_samples, "samples") as bar:
        with use_one_thread():
            pca = PCA(n_components, svd_solver=solver, random_state=random_state)
            pca.set_output(transform="default").fit(subset)
        for start in range(0, n_samples, block):
            part = np.arange(start, min(start + block, n_samples))
            points[part] = pca.transform(take(part))
            bar.advance(len(part))
    return points


def build_neighbor_graph(
    points: np.ndarray, n_neighbors: int, random_state: np.random.RandomState
) -> sp.csr_array:
    """Return the affinities of neighbors, a sparse (n, n) array whose rows sum to one.

    Samples i and j, one of which is among the `n_neighbors` nearest of the other, have the
    self-tuning affinity exp(-|x_i - x_j|^2 / (s_i s_j)), where s_i is the distance from sample i
    to its seventh neighbor ([1]_).

    Parameters
    ----------
    points : ndarray of shape (n, d)
        Samples, or their principal components.
    n_neighbors : int
        Number of nearest neighbors.
    random_state : RandomState
        Initializes the cells of many samples.

    Returns
    -------
    sparse array of shape (n, n), float32
        Affinities.

    References
    ----------
    .. [1] L. Zelnik-Manor and P. Perona, "Self-tuning spectral clustering", NIPS 2004.
    """
    n_samples = len(points)
    n_neighbors = min(n_neighbors, n_samples - 1)
    neighbors, distances = find_nearest_neighbors(points, n_neighbors, random_state)
    affinities = _compute_affinities(neighbors, distances)
    ends = np.arange(0, neighbors.size + 1, n_neighbors)
    directed = sp.csr_array((affinities.ravel(), neighbors.ravel(), ends), (n_samples, n_samples))
    graph = (directed + directed.T).tocsr()
    graph.data /= np.repeat(graph.sum(axis=1), np.diff(graph.indptr))
    return graph


def compute_neighbor_targets(
    q: np.ndarray,
    graph: sp.csr_array,
    n_rounds: int,
    sample_weight: np.ndarray | None = None,
    power: float = 1.0,
    sharpen: Callable[..., np.ndarray] = target_distribution,
) -> np.ndarray:
    """Return targets p (n, k) that sharpen the average of the neighbors' assignments, float32.

    Every round averages the assignments over a sample's neighbors and sharpens them, by default as
    DEC does, dividing by this power of the cluster frequencies.
    """
    for _ in range(n_rounds):
        q = sharpen(graph @ q, sample_weight, power=power)
    return q


def _compute_affinities(neighbors: np.ndarray, distances: np.ndarray) -> np.ndarray:
    """Return the self-tuning affinities (n, k) of neighbors at these distances."""
    scale = distances[:, min(_SCALE_NEIGHBOR, distances.shape[1]) - 1]
    scales = scale[:, None] * scale[neighbors]
    # Among equal points the scale is zero; others are infinitely far on that scale.
    ratio = np.where(distances > 0, np.inf, 0).astype(distances.dtype)
    np.divide(distances**2, scales, out=ratio, where=scales > 0)
    return np.maximum(np.exp(-ratio), _MIN_AFFINITY)
