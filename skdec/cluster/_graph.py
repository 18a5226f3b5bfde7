"""The neighbor graph: which samples are close to each other, how close, and what they agree on."""

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from sklearn.decomposition import PCA
from sklearn.preprocessing import normalize

from skdec._utils.data import DistinctSamples
from skdec._utils.files import load_or_compute
from skdec._utils.process import use_one_thread
from skdec._utils.terminal import hide_progress, open_bar
from skdec.cluster._nearest import Found, find_nearest_neighbors

# With more features, distances are computed between the leading principal components. These are
# fitted on some of the samples: fewer where a dense array of them would take more than 256 MB.
_MAX_FEATURES, _N_COMPONENTS = 400, 50
_MAX_PCA_SAMPLES = 20_000
_MAX_PCA_VALUES = 2**26
# Of more features most are zero, as of words: such samples are handled as a sparse matrix.
_MAX_DENSE_FEATURES = 5_000
# A value counts as at most so many typical deviations from the median, which so many of the samples
# tell: one far outlier would be the first principal component, and overflow when it is squared.
_MAX_DEVIATIONS, _N_LIMIT_SAMPLES, _MAX_VALUE = 1_000, 2_000, 1e15
# The neighbor whose distance is the local scale of a sample (Zelnik-Manor and Perona).
_SCALE_NEIGHBOR = 7
# Keeps samples connected that are far from all others.
_MIN_AFFINITY = 1e-12
_BLOCK_VALUES = 2**23
# Fewer features are not divided into halves. Those of up to so many samples are divided three
# times, as halves differ more there and take less time.
_MIN_DIVIDED, MAX_FEW_SAMPLES = 4, 5_000


class Projection(NamedTuple):
    """Maps samples to the points between which distances are computed.

    Attributes
    ----------
    metric : {"euclidean", "cosine"}
        With "cosine", samples are scaled to unit length first.
    limits : tuple of ndarray of shape (d,)
        Lowest and highest value that a feature can take, unless the direction alone counts.
    pca : PCA or None
        Leading principal components; None where there are so few features that all are used.
    """

    metric: str
    limits: tuple[np.ndarray, np.ndarray]
    pca: PCA | None

    def apply(self, samples: Any) -> np.ndarray:
        """Return the points (n, d), float32, of dense or sparse samples."""
        scaled = _convert(samples)
        if self.metric == "cosine":
            # First by the largest value, whose square could overflow.
            scaled = normalize(normalize(scaled, norm="max"))
        else:
            scaled = _clip(scaled, self.limits)
        if self.pca is None:
            return scaled
        return self.pca.transform(scaled).astype(np.float32, copy=False)


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
    nearest : tuple of ndarray of shape (n, n_neighbors), or None
        Nearest neighbors of each sample, and the distances to them.
    """

    graph: sp.csr_array | None = None
    points: np.ndarray | None = None
    n_neighbors: int = 0
    projection: Projection | None = None
    nearest: Found | None = None


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
        Number of nearest neighbors of each sample; all others if there are not so many.
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
    n_neighbors = min(n_neighbors, samples.shape[0] - 1)
    if not n_neighbors:
        return Neighbors()

    def compute() -> Neighbors:
        random_state = np.random.RandomState(seed)
        projection = fit_projection(samples, metric, random_state)
        points = project(samples, projection)
        nearest = find_nearest_neighbors(points, n_neighbors, random_state)
        return Neighbors(connect_neighbors(nearest), points, n_neighbors, projection, nearest)

    key = samples.digest, n_neighbors, seed, metric
    return load_or_compute(memory, "neighbors", key, compute)


def fit_projection(
    samples: DistinctSamples, metric: str, random_state: np.random.RandomState
) -> Projection:
    """Find the limits of each feature and, if there are many, the leading principal components.

    These are fitted on at most 20,000 samples, or fewer where a dense array of them would be large.
    The arithmetic is that of dense or sparse arrays by the number of features, however `samples`
    are stored, so that both have the same points.
    """
    n_samples, n_features = samples.shape
    order = random_state.permutation(n_samples)
    is_wide = n_features > _MAX_DENSE_FEATURES
    n_limiting = 0 if is_wide else _N_LIMIT_SAMPLES
    scaling = Projection(metric, find_limits(samples[order[:n_limiting]]), None)
    if n_features <= _MAX_FEATURES:
        return scaling
    size = min(n_samples, _MAX_PCA_SAMPLES)
    if not (is_wide and samples.is_sparse):
        # Wide ones become a sparse matrix, which takes more than a dense one if it is full.
        n_values = n_features * (4 if is_wide else 1)
        size = min(size, max(_N_COMPONENTS + is_wide, _MAX_PCA_VALUES // n_values))
    n_components = min(_N_COMPONENTS, size - is_wide)
    solver = "arpack" if is_wide else "auto"
    with use_one_thread():
        pca = PCA(n_components, svd_solver=solver, random_state=random_state)
        pca.set_output(transform="default")
        pca.fit(scaling.apply(_take(samples, order[:size], metric)))
    pca.random_state = None  # the state of a generator has no part in a file
    return scaling._replace(pca=pca)


def project(samples: DistinctSamples, projection: Projection) -> np.ndarray:
    """Return the points (n, d) of the samples, float32, computed block by block."""
    n_samples, n_features = samples.shape
    width = n_features if projection.pca is None else projection.pca.n_components_
    stays_sparse = samples.is_sparse and n_features > _MAX_DENSE_FEATURES
    block = max(1, _BLOCK_VALUES // (width if stays_sparse else n_features))
    points = np.empty((n_samples, width), dtype=np.float32)
    with open_bar("components", n_samples, "samples") as bar:
        for start in range(0, n_samples, block):
            part = np.arange(start, min(start + block, n_samples))
            points[part] = projection.apply(_take(samples, part, projection.metric))
            bar.advance(len(part))
    return points


def find_limits(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the lowest and highest value of each feature that is no far outlier, float32.

    They are a thousand typical deviations from the median: the median of those that are not zero.
    Without samples, a feature can take any value that can be squared.
    """
    samples = samples.astype(np.float64)
    center = np.median(samples, axis=0) if len(samples) else np.zeros(samples.shape[1])
    deviations = np.abs(samples - center)
    typical = np.full(samples.shape[1], np.inf)
    for feature in np.flatnonzero(deviations.any(axis=0)):
        column = deviations[:, feature]
        typical[feature] = np.median(column[column > 0])
    reach = _MAX_DEVIATIONS * typical
    return tuple(
        np.clip(limit, -_MAX_VALUE, _MAX_VALUE).astype(np.float32)
        for limit in (center - reach, center + reach)
    )


def _take(samples: DistinctSamples, indices: np.ndarray, metric: str) -> Any:
    if samples.is_sparse:
        return samples.take_sparse(indices)
    # Distances do not depend on the origin, directions do.
    return samples.raw[indices] if metric == "cosine" else samples[indices]


def _convert(samples: Any) -> Any:
    """Return samples as float32: a sparse matrix if they are wide, else dense."""
    if samples.shape[1] <= _MAX_DENSE_FEATURES:
        dense = samples.toarray() if hasattr(samples, "toarray") else samples
        return dense.astype(np.float32, copy=False)
    wide = sp.csr_array(samples, dtype=np.float32, copy=True)
    wide.eliminate_zeros()
    wide.sort_indices()
    return wide


def _clip(samples: Any, limits: tuple[np.ndarray, np.ndarray]) -> Any:
    if not hasattr(samples, "toarray"):
        return np.clip(samples, *limits)
    lowest, highest = (limit[samples.indices] for limit in limits)
    samples.data = np.clip(samples.data, lowest, highest)
    return samples


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
    n_neighbors = min(n_neighbors, len(points) - 1)
    return connect_neighbors(find_nearest_neighbors(points, n_neighbors, random_state))


def connect_neighbors(nearest: Found) -> sp.csr_array:
    """Return the graph of `build_neighbor_graph` from nearest neighbors and their distances."""
    neighbors, distances = nearest
    n_samples, n_neighbors = neighbors.shape
    scale = compute_scales(distances)
    affinities = compute_affinities(distances, scale[:, None] * scale[neighbors])
    ends = np.arange(0, neighbors.size + 1, n_neighbors)
    directed = sp.csr_array((affinities.ravel(), neighbors.ravel(), ends), (n_samples, n_samples))
    graph = (directed + directed.T).tocsr()
    graph.data /= np.repeat(graph.sum(axis=1), np.diff(graph.indptr))
    return graph


def connect_by_halves(neighbors: Neighbors, random_state: np.random.RandomState) -> sp.csr_array:
    """Return the mean of graphs of neighbors in random halves of the features.

    Clusters show in any half. A yes or no that has nothing to do with the other features divides
    the samples in the half that it is in, and not in the other. Principal components are not
    divided, since each is made of all features, and neither are fewer than four features: for them
    it is the graph of all.

    Parameters
    ----------
    neighbors : Neighbors
        Neighbor graph, and the points between which it was built.
    random_state : RandomState
        Divides the features.

    Returns
    -------
    sparse array of shape (n, n), float32
        Affinities, each row summing to one.
    """
    graph, points, n_neighbors, projection, _ = neighbors
    assert graph is not None
    assert points is not None
    n_features = points.shape[1]
    if n_features < _MIN_DIVIDED or (projection is not None and projection.pca is not None):
        return graph
    n_divisions = 3 if len(points) <= MAX_FEW_SAMPLES else 1
    # Each division by the half that the first feature is in, so that none is taken twice.
    divisions: set[tuple[int, ...]] = set()
    while len(divisions) < n_divisions:
        others = random_state.permutation(np.arange(1, n_features))[: (n_features - 1) // 2]
        divisions.add((0, *sorted(others.tolist())))
    graphs = []
    with open_bar("neighbors in halves", 2 * n_divisions, "graphs") as bar:
        for first in sorted(divisions):
            for half in (list(first), np.setdiff1d(np.arange(n_features), first)):
                with hide_progress():
                    graphs.append(build_neighbor_graph(points[:, half], n_neighbors, random_state))
                bar.advance(1)
    mean = sum(graphs[1:], graphs[0]).tocsr()
    mean.data /= len(graphs)
    return mean


def take_subset(
    neighbors: Neighbors, max_samples: int, random_state: np.random.RandomState
) -> tuple[np.ndarray, Neighbors]:
    """Return the indices of at most so many random samples, and the neighbors among them."""
    points = neighbors.points
    assert points is not None
    if len(points) <= max_samples:
        return np.arange(len(points)), neighbors
    subset = np.sort(random_state.permutation(len(points))[:max_samples])
    n_neighbors = min(neighbors.n_neighbors, max_samples - 1)
    nearest = find_nearest_neighbors(points[subset], n_neighbors, random_state)
    graph = connect_neighbors(nearest)
    return subset, neighbors._replace(graph=graph, points=points[subset], nearest=nearest)


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
