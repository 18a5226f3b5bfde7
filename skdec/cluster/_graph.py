"""The neighbor graph: which samples are close to each other, and how close."""

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from sklearn.decomposition import PCA
from sklearn.preprocessing import normalize

from skdec._utils.cache import StepCache
from skdec._utils.data import DistinctSamples
from skdec._utils.progress import open_bar
from skdec._utils.threads import use_one_thread
from skdec.cluster._nearest import find_nearest_neighbors

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


class Projection(NamedTuple):
    """Maps samples to the points between which distances are computed.

    Attributes
    ----------
    metric : {"euclidean", "cosine"}
        With "cosine", samples are scaled to unit length first.
    pca : PCA or None
        Leading principal components; None where there are so few features that all are used.
    """

    metric: str
    pca: PCA | None

    def apply(self, samples: Any) -> np.ndarray:
        """Return the points (n, d), float32, of dense or sparse samples."""
        scaled = _scale(samples, self.metric)
        if self.pca is not None:
            return self.pca.transform(scaled).astype(np.float32, copy=False)
        return scaled.toarray() if hasattr(scaled, "toarray") else scaled


class Neighbors(NamedTuple):
    """Affinities of neighbors, and the points between which they were found.

    Attributes
    ----------
    graph : sparse array of shape (n, n), or None
        Affinities; None without neighbors.
    points : ndarray of shape (n, d), or None
        Points; None without neighbors.
    n_neighbors : int
        Number of nearest neighbors of each sample.
    projection : Projection or None
        Maps further samples to such points.
    """

    graph: sp.csr_array | None = None
    points: np.ndarray | None = None
    n_neighbors: int = 0
    projection: Projection | None = None


def find_neighbors(
    samples: DistinctSamples,
    n_neighbors: int,
    seed: int,
    metric: str = "euclidean",
    memory: Any = None,
) -> Neighbors:
    """Build the neighbor graph of the samples, if `n_neighbors` is above 0.

    Parameters
    ----------
    samples : DistinctSamples
        Samples.
    n_neighbors : int
        Number of nearest neighbors of each sample.
    seed : int
        Seed of the principal components and of the cells of many samples.
    metric : {"euclidean", "cosine"}, default="euclidean"
        Distance between samples.
    memory : str, path-like, joblib.Memory or None
        Cache of the result.

    Returns
    -------
    Neighbors
        Graph and points.
    """
    if samples.shape[0] == 1 or not n_neighbors:
        return Neighbors()

    def compute() -> Neighbors:
        random_state = np.random.RandomState(seed)
        projection = fit_projection(samples, metric, random_state)
        points = project(samples, projection)
        graph = build_neighbor_graph(points, n_neighbors, random_state)
        return Neighbors(graph, points, n_neighbors, projection)

    return StepCache(memory).get("neighbors", (samples.digest, n_neighbors, seed, metric), compute)


def fit_projection(
    samples: DistinctSamples, metric: str, random_state: np.random.RandomState
) -> Projection:
    """Find the leading principal components of the samples, if there are many features.

    They are fitted on at most 20,000 samples. Sparse samples stay sparse.
    """
    n_samples, n_features = samples.shape
    if n_features <= _N_COMPONENTS:
        return Projection(metric, None)
    size = min(n_samples, _MAX_PCA_SAMPLES)
    if samples.is_sparse:
        solver, n_components = "arpack", min(_N_COMPONENTS, size - 1)
    else:
        solver = "auto"
        size = min(size, max(_N_COMPONENTS, _MAX_PCA_VALUES // n_features))
        n_components = min(_N_COMPONENTS, size)
    subset = _take(samples, random_state.permutation(n_samples)[:size])
    with use_one_thread():
        pca = PCA(n_components, svd_solver=solver, random_state=random_state)
        pca.set_output(transform="default").fit(_scale(subset, metric))
    pca.random_state = None  # the state of a generator has no part in a file
    return Projection(metric, pca)


def project(samples: DistinctSamples, projection: Projection) -> np.ndarray:
    """Return the points (n, d) of the samples, float32, computed block by block."""
    n_samples, n_features = samples.shape
    if projection.pca is None and projection.metric == "euclidean":
        return samples[np.arange(n_samples)]
    width = n_features if projection.pca is None else projection.pca.n_components_
    block = max(1, _BLOCK_VALUES // (width if samples.is_sparse else n_features))
    points = np.empty((n_samples, width), dtype=np.float32)
    with open_bar("components", n_samples, "samples") as bar:
        for start in range(0, n_samples, block):
            part = np.arange(start, min(start + block, n_samples))
            points[part] = projection.apply(_take(samples, part))
            bar.advance(len(part))
    return points


def _take(samples: DistinctSamples, indices: np.ndarray) -> Any:
    return samples.take_sparse(indices) if samples.is_sparse else samples[indices]


def _scale(samples: Any, metric: str) -> Any:
    return normalize(samples) if metric == "cosine" else samples


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
    scale = compute_scales(distances)
    affinities = compute_affinities(distances, scale[:, None] * scale[neighbors])
    ends = np.arange(0, neighbors.size + 1, n_neighbors)
    directed = sp.csr_array((affinities.ravel(), neighbors.ravel(), ends), (n_samples, n_samples))
    graph = (directed + directed.T).tocsr()
    graph.data /= np.repeat(graph.sum(axis=1), np.diff(graph.indptr))
    return graph


def compute_scales(distances: np.ndarray) -> np.ndarray:
    """Return the local scale of each sample: its distance to the seventh of its neighbors."""
    return distances[:, min(_SCALE_NEIGHBOR, distances.shape[1]) - 1]


def compute_affinities(distances: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """Return exp(-distance^2 / scale), where scales are products of the local ones of two samples.

    Among equal points the scale is zero; others are infinitely far on that scale.
    """
    ratio = np.where(distances > 0, np.inf, 0).astype(distances.dtype)
    np.divide(distances**2, scales, out=ratio, where=scales > 0)
    return np.maximum(np.exp(-ratio), _MIN_AFFINITY)
