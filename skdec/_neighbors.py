"""Neighbouring rows, and targets on which they agree.

An embedding of a few dimensions loses some of what the rows tell. Rows that are close in the
input mostly belong together, so the target of a row sharpens what its neighbours are assigned
rather than what it is assigned alone.
"""

from collections.abc import Callable

import numpy as np
import scipy.sparse as sp
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from skdec._math import target_distribution
from skdec._rows import DistinctRows

# Distances are taken in the leading principal components, fitted on a sample of the rows.
_N_COMPONENTS = 50
_COMPONENT_ROWS = 20_000
_COMPONENT_VALUES = 2**24
# Up to so many rows, the start looks for clusters among these points, too: an autoencoder of few
# rows may embed worse than that.
_FEW_ROWS = 20_000
# Exact search is quadratic: beyond this many rows neighbours are looked for in random parts of
# the rows, so that the time grows like the number of rows.
_SEARCH_ROWS = 70_000
# The neighbour whose distance is a row's own scale (Zelnik-Manor and Perona).
_SCALE_NEIGHBOR = 7
# Keeps a row far from all others joined to them.
_MIN_AFFINITY = 1e-12
_BLOCK_VALUES = 2**23


Projection = Callable[[np.ndarray], np.ndarray]


def neighborhood(
    rows: DistinctRows, n_neighbors: int, seed: int
) -> tuple[sp.csr_array | None, np.ndarray | None]:
    """`neighbor_graph` of the rows, if they have neighbours, and the points of few rows in it."""
    n_rows = rows.shape[0]
    if n_rows == 1 or not n_neighbors:
        return None, None
    random_state = np.random.RandomState(seed)
    project = leading_components(rows, random_state)
    graph = neighbor_graph(project, n_rows, n_neighbors, random_state)
    return graph, project(np.arange(n_rows)) if n_rows <= _FEW_ROWS else None


def leading_components(rows: DistinctRows, random_state: np.random.RandomState) -> Projection:
    """Function from indices of rows to their leading principal components, float32.

    Rows of few columns are taken as they are.
    """
    n_rows, n_features = rows.shape
    if n_features <= _N_COMPONENTS:
        return rows.__getitem__
    sample_size = min(n_rows, _COMPONENT_ROWS, max(_N_COMPONENTS, _COMPONENT_VALUES // n_features))
    sample = rows[random_state.permutation(n_rows)[:sample_size]]
    n_components = min(_N_COMPONENTS, sample_size)
    # Several threads add up in changing order, which would reach the last bits of the labels.
    with threadpool_limits(1):
        components = PCA(n_components, random_state=random_state).fit(sample)

    def project(indices: np.ndarray) -> np.ndarray:
        blocks = np.array_split(indices, -(-len(indices) * n_features // _BLOCK_VALUES))
        return np.concatenate([components.transform(rows[block]) for block in blocks])

    return project


def neighbor_graph(
    project: Projection, n_rows: int, n_neighbors: int, random_state: np.random.RandomState
) -> sp.csr_array:
    """Affinities of neighbouring rows, each row of the (n, n) matrix summing to one.

    Rows i and j with one among the nearest `n_neighbors` of the other get the self-tuning
    affinity exp(-|x_i - x_j|^2 / (s_i s_j)), s_i the distance of row i to its seventh neighbour
    ([1]_). Distances are taken between projected rows.

    References
    ----------
    .. [1] L. Zelnik-Manor and P. Perona, "Self-tuning spectral clustering", NIPS 2004.
    """
    n_parts = -(-n_rows // _SEARCH_ROWS)
    neighbors = np.empty((n_rows, min(n_neighbors, n_rows // n_parts - 1)), dtype=np.int32)
    affinities = np.empty(neighbors.shape, dtype=np.float32)
    for part in np.array_split(random_state.permutation(n_rows), n_parts):
        nearest, affinities[part] = _nearest(project(part), neighbors.shape[1])
        neighbors[part] = part[nearest]
    ends = np.arange(0, neighbors.size + 1, neighbors.shape[1])
    directed = sp.csr_array((affinities.ravel(), neighbors.ravel(), ends), (n_rows, n_rows))
    graph = (directed + directed.T).tocsr()
    graph.data /= np.repeat(graph.sum(axis=1), np.diff(graph.indptr))
    return graph


def consensus_targets(
    q: np.ndarray, graph: sp.csr_array, n_rounds: int, sample_weight: np.ndarray | None = None
) -> np.ndarray:
    """Targets p (n, k) on which neighbours agree, float32.

    Each round averages the assignments over a row's neighbours and sharpens them as DEC does.
    """
    for _ in range(n_rounds):
        q = target_distribution(graph @ q, sample_weight)
    return q


def _nearest(points: np.ndarray, n_neighbors: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the nearest other points and the self-tuning affinities to them."""
    search = NearestNeighbors(n_neighbors=n_neighbors, algorithm="brute").fit(points)
    distances, nearest = search.kneighbors()
    scale = distances[:, min(_SCALE_NEIGHBOR, n_neighbors) - 1]
    scales = scale[:, None] * scale[nearest]
    # Among equal rows the scale is zero, and so is the distance.
    ratio = np.divide(distances**2, scales, out=np.zeros_like(distances), where=scales > 0)
    return nearest, np.maximum(np.exp(-ratio), _MIN_AFFINITY)
