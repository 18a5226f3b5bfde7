"""The candidates for the clusters, of which the criterion chooses.

They are found in three ways, as no single one is best for thin shapes, dense clouds and directions
in many features: by the search, by merging along the minimum spanning tree, and by k-means of
points averaged over their neighbors.
"""

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from sklearn.cluster import KMeans
from sklearn.metrics import pairwise_distances_argmin

from skdec._utils.assignments import compute_neighbor_targets
from skdec._utils.cache import StepCache
from skdec._utils.progress import Bar, open_bar
from skdec._utils.threads import use_one_thread
from skdec.cluster._criterion import compute_border_scores, measure_costs
from skdec.cluster._graph import Neighbors, take_subset
from skdec.cluster._number import find_number
from skdec.cluster._search import (
    SETTINGS,
    NeighborGraph,
    find_micro_clusters,
    search_clusters,
)
from skdec.cluster._tree import build_spanning_tree, merge_along_tree

# More samples than this are searched by a random subset of them.
_MAX_SEARCH_SAMPLES = 70_000
# Of up to so many samples, runs differ more, and take less time.
_MAX_FEW_SAMPLES = 5_000
# Bounds on the Gini index of the sizes of clusters that are merged along the spanning tree.
MAX_GINIS = (0.1, 0.3, 0.5, 0.7, 1.0)
# Rounds of agreement among neighbors for the clusters of the tree.
_N_TREE_ROUNDS = 8
# Rounds of averaging: of points before two runs of k-means, and of labels.
_POINT_ROUNDS, _N_SMOOTHING_ROUNDS = (4, 16), 32


class NeighborClusters(NamedTuple):
    """Clusters that neighbors share.

    Attributes
    ----------
    labels : ndarray of shape (n,), int32
        Cluster of each sample, from 0 to k-1.
    power : float
        Power of the cluster frequency by which targets towards these clusters divide. Less than 1
        keeps clusters of different sizes.
    """

    labels: np.ndarray
    power: float = 1.0


def find_clusters(
    neighbors: Neighbors,
    n_clusters: int | str,
    n_init: int | str,
    sample_weight: np.ndarray,
    seed: int,
    memory: Any = None,
) -> NeighborClusters:
    """Find the clusters whose borders are the cheapest beside other cuts.

    Parameters
    ----------
    neighbors : Neighbors
        Neighbor graph, and the points between which it was built.
    n_clusters : int or "auto"
        Number of clusters; fewer are found if there are fewer samples. "auto" is the number whose
        borders cost least.
    n_init : int or "auto"
        Number of runs of the search. "auto" is two for each of its settings, one above 5,000
        samples.
    sample_weight : ndarray of shape (n,)
        Weights of the samples.
    seed : int
        Seed of the runs.
    memory : str, path-like, joblib.Memory or None
        Cache of the result.

    Returns
    -------
    NeighborClusters
        The clusters.
    """
    n_samples = len(sample_weight)
    if isinstance(n_clusters, str):
        n_clusters = find_number(neighbors, sample_weight, seed, memory)
    n_clusters = min(n_clusters, n_samples)
    if neighbors.graph is None or n_clusters == 1:
        return NeighborClusters(np.zeros(n_samples, dtype=np.int32))
    n_turns = 2 if n_samples <= _MAX_FEW_SAMPLES else 1
    n_runs = n_turns * len(SETTINGS) if isinstance(n_init, str) else n_init

    def compute() -> NeighborClusters:
        random_state = np.random.RandomState(seed)
        with use_one_thread(), open_bar("search", n_runs + 2, "runs") as bar:
            subset, part = take_subset(neighbors, _MAX_SEARCH_SAMPLES, random_state)
            weights = sample_weight[subset]
            candidates = find_candidates(part, n_clusters, n_runs, weights, random_state, bar)
            labels, power = select_candidate(candidates, part.graph, weights)
            if len(subset) < n_samples:
                labels = _extend_labels(labels, subset, neighbors, sample_weight, random_state)
        return NeighborClusters(labels, power)

    key = neighbors.graph, neighbors.points, n_clusters, n_runs, sample_weight, seed
    return StepCache(memory).get("clusters", key, compute)


def find_candidates(
    neighbors: Neighbors,
    n_clusters: int,
    n_init: int,
    sample_weight: np.ndarray,
    random_state: np.random.RandomState,
    bar: Bar,
) -> list[tuple[np.ndarray, float]]:
    """Return labels of candidates, each with the power that keeps the sizes of its clusters.

    They are the runs of `search_clusters`; the clusters of the spanning tree for each bound on the
    Gini index, as they are and after agreement among neighbors; and k-means of points averaged
    over their neighbors.
    """
    graph, points, nearest = neighbors.graph, neighbors.points, neighbors.nearest
    assert graph is not None
    assert points is not None
    assert nearest is not None
    runs = search_clusters(points, graph, n_clusters, sample_weight, n_init, random_state, bar=bar)
    candidates = [(run.best.labels, run.setting.power) for run in runs]
    neighbor_graph = NeighborGraph(graph, sample_weight)
    edges = build_spanning_tree(points, nearest)
    for max_gini in MAX_GINIS:
        labels = merge_along_tree(edges, [n_clusters], max_gini)[n_clusters]
        agreed = neighbor_graph.agree_on(labels, _N_TREE_ROUNDS, power=0.0)
        candidates += [(labels, 0.0), (agreed, 0.0)]
    bar.advance(1)
    averaged = points
    for i in range(1, max(_POINT_ROUNDS) + 1):
        averaged = graph @ averaged
        if i in _POINT_ROUNDS:
            centers = run_kmeans(averaged, n_clusters, 1, sample_weight, random_state)
            candidates.append((find_nearest_center(averaged, centers), 1.0))
    bar.advance(1)
    return [(labels, power) for labels, power in candidates if _is_complete(labels, n_clusters)]


def select_candidate(
    candidates: list[tuple[np.ndarray, float]], graph: sp.csr_array, sample_weight: np.ndarray
) -> tuple[np.ndarray, float]:
    """Return the candidate with the highest score of its borders, the first of several."""
    costs = measure_costs(graph, sample_weight, [labels for labels, _ in candidates])
    return candidates[int(compute_border_scores(costs).argmax())]


def _is_complete(labels: np.ndarray, n_clusters: int) -> bool:
    return len(np.unique(labels)) == n_clusters


def _extend_labels(
    labels: np.ndarray,
    subset: np.ndarray,
    neighbors: Neighbors,
    sample_weight: np.ndarray,
    random_state: np.random.RandomState,
) -> np.ndarray:
    """Return labels of all samples from those of a subset.

    The others get the most frequent label of their micro-cluster, then neighbors agree.
    """
    assert neighbors.points is not None
    n_clusters = labels.max() + 1
    micro = find_micro_clusters(neighbors.points, n_clusters, sample_weight, random_state)
    counts = np.zeros((micro.max() + 1, n_clusters))
    np.add.at(counts, (micro[subset], labels), 1)
    extended = counts.argmax(axis=1)[micro]
    extended[subset] = labels
    smoothed = smooth_labels(extended, n_clusters, neighbors.graph, sample_weight)
    return smoothed.argmax(axis=1).astype(np.int32)


def smooth_labels(
    labels: np.ndarray,
    n_clusters: int,
    graph: sp.csr_array,
    sample_weight: np.ndarray,
    power: float = 1.0,
    n_rounds: int = _N_SMOOTHING_ROUNDS,
) -> np.ndarray:
    """Return targets (n, k) that average the labels over neighbors, for many rounds.

    The rounds end before one in which a cluster would lose its last sample.
    """
    q = _one_hot(labels, n_clusters)
    n_found = len(np.unique(labels))
    for _ in range(n_rounds):
        smoothed = compute_neighbor_targets(q, graph, 1, sample_weight, power)
        if len(np.unique(smoothed.argmax(axis=1))) < n_found:
            break
        q = smoothed
    return q


def run_kmeans(
    z: np.ndarray,
    n_clusters: int,
    n_init: int,
    sample_weight: np.ndarray,
    random_state: np.random.RandomState,
) -> np.ndarray:
    """Return the centers of the k-means run with the lowest inertia, initialized by k-means++."""
    kmeans = KMeans(n_clusters, n_init=n_init, random_state=random_state)
    return kmeans.fit(z, sample_weight=sample_weight).cluster_centers_.astype(np.float32)


def find_nearest_center(z: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """Return the index of the nearest center of each sample, int32."""
    return pairwise_distances_argmin(z, centers).astype(np.int32)


def _one_hot(labels: np.ndarray, n_clusters: int) -> np.ndarray:
    return np.eye(n_clusters, dtype=np.float32)[labels]
