"""Which of the clusterings that the search finds wins.

In a table of a few features a single one can decide which samples are neighbors: a column of two
values divides the samples into two parts that hardly have neighbors in common. Clusters that follow
such a column share much information with the neighbors in all features, but none with those in the
features without it. Clusters on which several features agree show in almost every half of them, so
their quartile over the halves counts: the lower one of a score, the upper one of a loss.
"""

from collections.abc import Sequence
from functools import partial
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from sklearn.cluster import KMeans
from sklearn.metrics import normalized_mutual_info_score, pairwise_distances_argmin

from skdec._utils.assignments import compute_neighbor_targets
from skdec._utils.cache import StepCache
from skdec._utils.progress import Bar, hide_progress, open_bar
from skdec._utils.threads import count_usable_threads, run_in_threads, use_one_thread
from skdec.cluster._graph import Neighbors, build_neighbor_graph
from skdec.cluster._search import (
    MAX_KMEANS_SAMPLES,
    SEPARATION,
    Clustering,
    NeighborGraph,
    count_runs,
    find_micro_clusters,
    search_clusters,
    survive_agreement,
)

# More samples than this are searched by a random subset of them.
_MAX_SEARCH_SAMPLES = 70_000
# Runs of the search: twelve on few samples, where they differ more and take less time.
_N_INIT, _N_INIT_FEW, _MAX_FEW_SAMPLES = 4, 12, 20_000
# Among the candidates whose score is lower than the highest by at most so many standard errors,
# agreement decides. Any number from 0.4 to 1.5 is as good on the data sets of
# docs/benchmarks/no_tuning.md.
_N_STANDARD_ERRORS = 0.5
# Clusters hardly touch if they lose at most this fraction of their entropy to neighbors. They take
# the place of the best by the score if those lose more than twice as much, and more than a little.
# Chosen on blobs (benchmarks/separation.py). Changes nothing on the data sets of
# docs/benchmarks/no_tuning.md.
_HARDLY_TOUCHING, _TOUCHING, _MAX_LOSS_RATIO = 0.1, 0.02, 0.5
# Rounds of averaging over neighbors for labels that were found without them.
_N_SMOOTHING_ROUNDS = 32
_N_HALVES = 32
_MAX_SAMPLES = 5_000
# Halves of fewer features have hardly a shape left: a ring of two features is a line in one.
_MIN_FEATURES = 4
# Of many equal samples, random ones are neighbors: noise, in standard deviations, decides.
_NOISE = 1e-3


class NeighborClusters(NamedTuple):
    """Clusters that neighbors share.

    Attributes
    ----------
    labels : ndarray of shape (n,), int32
        Cluster of each sample, from 0 to k-1.
    power : float
        Power of the cluster frequency by which targets towards these clusters divide. Less than 1
        keeps clusters of different sizes.
    follows_neighbors : bool
        Whether neighbors are mostly in the same cluster. They are not where k-means has found
        better clusters than the search among neighbors.
    """

    labels: np.ndarray
    power: float = 1.0
    follows_neighbors: bool = True


def find_clusters(
    neighbors: Neighbors,
    n_clusters: int,
    n_init: int | str,
    sample_weight: np.ndarray,
    seed: int,
    memory: Any = None,
) -> NeighborClusters:
    """Find clusters that neighbors share, unless those of k-means are better.

    Parameters
    ----------
    neighbors : Neighbors
        Neighbor graph, and the points between which it was built.
    n_clusters : int
        Number of clusters; fewer are found if there are fewer samples.
    n_init : int or "auto"
        Number of runs of the search. "auto" is 12, or 4 above 20,000 samples.
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
    if neighbors.graph is None:
        return NeighborClusters(np.zeros(n_samples, dtype=np.int32))
    if isinstance(n_init, str):
        n_init = _N_INIT_FEW if n_samples <= _MAX_FEW_SAMPLES else _N_INIT
    n_clusters = min(n_clusters, n_samples)

    def compute() -> NeighborClusters:
        random_state = np.random.RandomState(seed)
        with use_one_thread(), open_bar("search", count_runs(n_init) + 1, "runs") as bar:
            found, are_separate = find_neighbor_clusters(
                neighbors, n_clusters, n_init, sample_weight, random_state, bar
            )
            if are_separate:
                return found
            labels, is_search = choose_labels(
                found.labels, neighbors, n_init, sample_weight, random_state
            )
        return found if is_search else NeighborClusters(labels, follows_neighbors=False)

    key = neighbors.graph, neighbors.points, n_clusters, n_init, sample_weight, seed
    return StepCache(memory).get("clusters", key, compute)


def find_neighbor_clusters(
    neighbors: Neighbors,
    n_clusters: int,
    n_init: int,
    sample_weight: np.ndarray,
    random_state: np.random.RandomState,
    bar: Bar,
) -> tuple[NeighborClusters, bool]:
    """Return the clusters that neighbors share most, or others that hardly touch.

    The candidates are the runs of `search_clusters` and one run of k-means, smoothed over the
    neighbors. The second value tells whether the clusters were chosen because they hardly touch.
    """
    graph, points = neighbors.graph, neighbors.points
    assert graph is not None
    assert points is not None
    subset = np.arange(len(points))
    if len(points) > _MAX_SEARCH_SAMPLES:
        subset = np.sort(random_state.permutation(len(points))[:_MAX_SEARCH_SAMPLES])
        graph = build_neighbor_graph(points[subset], neighbors.n_neighbors, random_state)
    weights = sample_weight[subset]
    *runs, separation = search_clusters(
        points[subset],
        graph,
        n_clusters,
        weights,
        n_init,
        random_state,
        further_settings=[SEPARATION],
        bar=bar,
    )
    candidates = [(run.best, run.setting.power) for run in runs]
    centers = run_kmeans(points[subset], n_clusters, 1, weights, random_state)
    labels = find_nearest_center(points[subset], centers)
    smoothed = smooth_labels(labels, n_clusters, graph, weights).argmax(axis=1)
    neighbor_graph = NeighborGraph(graph, weights)
    if len(np.unique(smoothed)) == n_clusters:
        candidates.append((neighbor_graph.measure(smoothed), 1.0))
    best, power = select_candidate(candidates, neighbor_graph)
    separate = find_separate_clusters(
        best,
        [*(clustering for clustering, _ in candidates), separation.best],
        neighbor_graph,
        points[subset],
        neighbors.n_neighbors,
        random_state,
    )
    labels, power = (best.labels, power) if separate is None else (separate, SEPARATION.power)
    if len(subset) < len(points):
        labels = _extend_labels(labels, subset, neighbors, sample_weight, random_state)
    return NeighborClusters(labels, power), separate is not None


def find_separate_clusters(
    best: Clustering,
    candidates: Sequence[Clustering],
    neighbors: NeighborGraph,
    points: np.ndarray,
    n_neighbors: int,
    random_state: np.random.RandomState,
) -> np.ndarray | None:
    """Return labels of clusters that hardly touch where those of the highest score do.

    The score prefers clusters of similar size: it divides a large cluster of points in a plane, as
    the border of its parts is short, even if there are small clusters far from it. The candidate
    that loses the least fraction of its entropy to neighbors is returned if that fraction is at
    most 0.1 and less than half of that of `best`, in all features and in almost all halves of them.

    Parameters
    ----------
    best : Clustering
        The clusters of the highest score.
    candidates : sequence of Clustering
        Other clusters.
    neighbors : NeighborGraph
        Affinities of neighbors and weights of samples.
    points : ndarray of shape (n, d)
        The points that are clustered.
    n_neighbors : int
        Number of nearest neighbors.
    random_state : RandomState
        Chooses samples and halves of the features.

    Returns
    -------
    ndarray of shape (n,), int32, or None
        Labels, if there are such clusters.
    """
    if best.lost_fraction < _TOUCHING:
        return None
    largest_loss = min(_HARDLY_TOUCHING, _MAX_LOSS_RATIO * best.lost_fraction)
    separate = min(
        (
            clustering
            for clustering in candidates
            if clustering.lost_fraction < largest_loss
            and clustering.labels.max() == best.labels.max()
            and survive_agreement(neighbors, clustering.labels, SEPARATION.power)
        ),
        key=lambda clustering: clustering.lost_fraction,
        default=None,
    )
    if separate is None:
        return None
    if points.shape[1] < _MIN_FEATURES:
        return separate.labels
    halves = measure_in_halves(
        [best.labels, separate.labels], points, n_neighbors, neighbors.sample_weight, random_state
    )
    losses = np.quantile([[one.lost_fraction for one in half] for half in halves], 0.75, axis=0)
    return separate.labels if losses[1] < _MAX_LOSS_RATIO * losses[0] else None


def choose_labels(
    found: np.ndarray,
    neighbors: Neighbors,
    n_init: int,
    sample_weight: np.ndarray,
    random_state: np.random.RandomState,
) -> tuple[np.ndarray, bool]:
    """Return the labels of the search, or those of k-means on the samples if they are better.

    They are better if they share more information with the neighbors in almost every random half of
    the features, by the lower quartile of the score. Samples of fewer than four features keep the
    labels of the search.

    Parameters
    ----------
    found : ndarray of shape (n,)
        Labels of the search.
    neighbors : Neighbors
        The points that are clustered.
    n_init : int
        Number of runs of k-means.
    sample_weight : ndarray of shape (n,)
        Weights of the samples.
    random_state : RandomState
        Seeds k-means and the choice of features.

    Returns
    -------
    labels : ndarray of shape (n,), int32
        The better labels.
    are_found : bool
        Whether they are those of the search.
    """
    points, n_clusters = neighbors.points, found.max() + 1
    assert points is not None
    if points.shape[1] < _MIN_FEATURES:
        return found, True
    subset = random_state.permutation(len(points))[:MAX_KMEANS_SAMPLES]
    centers = run_kmeans(points[subset], n_clusters, n_init, sample_weight[subset], random_state)
    labels = find_nearest_center(points, centers)
    halves = measure_in_halves(
        [found, labels], points, neighbors.n_neighbors, sample_weight, random_state
    )
    scores = np.quantile([[one.score for one in half] for half in halves], 0.25, axis=0)
    return (found, True) if scores[0] >= scores[1] else (labels, False)


def select_candidate(
    candidates: Sequence[tuple[Clustering, float]], neighbors: NeighborGraph
) -> tuple[Clustering, float]:
    """Return the candidate with the highest `Clustering.score`, or one of hardly a lower score.

    With other samples the order of close scores would be another one. So among those within half a
    standard error of the highest, the one is kept that agrees most with the others, by the sum of
    the normalized mutual information.
    """
    highest = max((clustering for clustering, _ in candidates), key=lambda one: one.score)
    lowest = highest.score - _N_STANDARD_ERRORS * neighbors.estimate_error(highest.labels)
    best = [candidate for candidate in candidates if candidate[0].score >= lowest]
    # Many runs find the same clusters, and comparing two clusterings takes milliseconds.
    partitions, places, counts = np.unique(
        [_name_by_first_sample(clustering.labels) for clustering, _ in best],
        axis=0,
        return_inverse=True,
        return_counts=True,
    )
    agreement = np.eye(len(partitions))
    for i, j in combinations(range(len(partitions)), 2):
        agreement[i, j] = normalized_mutual_info_score(partitions[i], partitions[j])
        agreement[j, i] = agreement[i, j]
    return best[int((agreement @ counts)[places].argmax())]


def _name_by_first_sample(labels: np.ndarray) -> np.ndarray:
    """Return the index of the first sample of each sample's cluster, whatever its label is."""
    _, first, places = np.unique(labels, return_index=True, return_inverse=True)
    return first[places]


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


def measure_in_halves(
    clusterings: Sequence[np.ndarray],
    points: np.ndarray,
    n_neighbors: int,
    sample_weight: np.ndarray,
    random_state: np.random.RandomState,
) -> list[list[Clustering]]:
    """Measure clusterings by the neighbors in random halves of the features.

    In every half the neighbors are found anew among at most 5,000 samples, drawn in proportion to
    their weight.

    Parameters
    ----------
    clusterings : sequence of ndarray of shape (n,)
        Labels.
    points : ndarray of shape (n, d)
        Samples, or their leading principal components.
    n_neighbors : int
        Number of nearest neighbors.
    sample_weight : ndarray of shape (n,)
        Weights of the samples.
    random_state : RandomState
        Chooses samples and features.

    Returns
    -------
    list of list of Clustering
        The clusterings of the chosen samples, for each half.
    """
    chosen = _choose_samples(sample_weight, random_state)
    seeds = random_state.randint(np.iinfo(np.int32).max, size=_N_HALVES)
    measure = partial(
        _measure_in_half, points[chosen], [labels[chosen] for labels in clusterings], n_neighbors
    )
    return run_in_threads(measure, seeds, count_usable_threads())


def _measure_in_half(
    points: np.ndarray, clusterings: Sequence[np.ndarray], n_neighbors: int, seed: int
) -> list[Clustering]:
    random_state = np.random.RandomState(seed)
    n_samples, n_features = points.shape
    half = points[:, random_state.permutation(n_features)[: -(-n_features // 2)]]
    noise = random_state.normal(size=half.shape) * half.std() * _NOISE
    with use_one_thread(), hide_progress():
        graph = build_neighbor_graph((half + noise).astype(np.float32), n_neighbors, random_state)
    neighbors = NeighborGraph(graph, np.ones(n_samples))
    return [neighbors.measure(labels) for labels in clusterings]


def _choose_samples(sample_weight: np.ndarray, random_state: np.random.RandomState) -> np.ndarray:
    """Return indices in proportion to the weights, each sample once if all weights are equal."""
    n_samples = len(sample_weight)
    size = min(n_samples, _MAX_SAMPLES)
    order = random_state.permutation(n_samples)
    ends = np.cumsum(sample_weight[order], dtype=float)
    middles = (np.arange(size) + 0.5) / size * ends[-1]
    return order[np.searchsorted(ends, middles)]


def _one_hot(labels: np.ndarray, n_clusters: int) -> np.ndarray:
    return np.eye(n_clusters, dtype=np.float32)[labels]
