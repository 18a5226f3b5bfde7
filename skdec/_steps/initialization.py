"""Initialization: the clusters, centers and targets with which the refinement begins."""

import inspect
from collections.abc import Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.metrics import normalized_mutual_info_score, pairwise_distances_argmin

from skdec._engine.progress import Bar, open_bar
from skdec._engine.threads import use_one_thread
from skdec._steps.cluster_search import (
    MAX_KMEANS_SAMPLES,
    SEPARATION,
    Clustering,
    NeighborGraph,
    count_runs,
    find_micro_clusters,
    search_clusters,
    survive_agreement,
)
from skdec._steps.feature_halves import MIN_FEATURES, measure_in_halves
from skdec._steps.neighbors import Neighbors, build_neighbor_graph, compute_neighbor_targets

# More samples than this are searched by a random subset of them.
_MAX_SEARCH_SAMPLES = 70_000
# Among the candidates whose score is lower than the highest by at most so many standard errors,
# agreement decides. Any number from 0.4 to 1.5 is as good on the data sets of
# docs/benchmarks/no_tuning.md.
_N_STANDARD_ERRORS = 0.5
# Clusters hardly touch if they lose at most this fraction of their entropy to neighbors. They take
# the place of the best by the score if those lose more than twice as much, and more than a little.
# Chosen on blobs (benchmarks/separation.py). Changes nothing on the data sets of
# docs/benchmarks/no_tuning.md.
_HARDLY_TOUCHING, _TOUCHING, _MAX_LOSS_RATIO = 0.1, 0.02, 0.5
# Rounds of averaging over neighbors: for labels found without them, and for the first targets.
_N_SMOOTHING_ROUNDS, _N_TARGET_ROUNDS = 32, 4


class Initialization(NamedTuple):
    """Clusters before the refinement.

    Attributes
    ----------
    labels : ndarray of shape (n,), int32
        Cluster of each sample, from 0 to k-1.
    centers : ndarray of shape (k, d), float32
        Cluster centers in the embedding.
    targets : ndarray of shape (n, k), float32, or None
        First targets of the refinement; None where they follow from the centers, as in DEC.
    power : float
        Power of the cluster frequency by which all targets divide; 1 as in DEC. Less keeps
        clusters of different sizes.
    follows_neighbors : bool
        Whether later targets average over neighbors, too. They do not where k-means has found
        better clusters than the search among neighbors.
    """

    labels: np.ndarray
    centers: np.ndarray
    targets: np.ndarray | None
    power: float = 1.0
    follows_neighbors: bool = True


class NeighborClusters(NamedTuple):
    """Clusters that neighbors share.

    Attributes
    ----------
    labels : ndarray of shape (n,), int32
        Cluster of each sample, from 0 to k-1.
    power : float
        Power of the cluster frequency by which their targets divide.
    are_separate : bool
        Whether they have been chosen because they hardly touch.
    """

    labels: np.ndarray
    power: float
    are_separate: bool = False


def initialize_clusters(
    init: Any,
    n_clusters: int | None,
    n_init: int,
    z: np.ndarray,
    neighbors: Neighbors,
    sample_weight: np.ndarray,
    seed: int,
) -> Initialization:
    """Find the initial clusters of the samples as `init` says.

    Parameters
    ----------
    init : {"neighbors", "k-means++"}, clusterer or array-like of shape (k, d)
        Method, or centers in the embedding.
    n_clusters : int or None
        Number of clusters; None for as many as a clusterer finds.
    n_init : int
        Number of runs, of which the best is kept.
    z : ndarray of shape (n, d)
        Embedding of the samples.
    neighbors : Neighbors
        Neighbor graph and the points between which it was built.
    sample_weight : ndarray of shape (n,)
        Weights of the samples.
    seed : int
        Seed of the runs.

    Returns
    -------
    Initialization
        Labels, centers and targets.
    """
    random_state = np.random.RandomState(seed)
    is_search = isinstance(init, str) and init == "neighbors" and neighbors.graph is not None
    with use_one_thread():
        if is_search and n_clusters is not None:
            with open_bar("initialize", count_runs(n_init) + 1, "runs") as bar:
                return _initialize_by_neighbors(
                    n_clusters, n_init, z, neighbors, sample_weight, random_state, bar
                )
        with open_bar("initialize"):
            return _initialize_in_embedding(
                init, n_clusters, n_init, z, neighbors.graph, sample_weight, random_state
            )


def _initialize_by_neighbors(
    n_clusters: int,
    n_init: int,
    z: np.ndarray,
    neighbors: Neighbors,
    sample_weight: np.ndarray,
    random_state: np.random.RandomState,
    bar: Bar,
) -> Initialization:
    """Find clusters that neighbors share, unless those of k-means are better."""
    n_clusters = min(n_clusters, len(z))
    found = find_neighbor_clusters(
        z, neighbors, n_clusters, n_init, sample_weight, random_state, bar
    )
    labels, follows_neighbors = found.labels, True
    if not found.are_separate:
        labels, follows_neighbors = choose_labels(
            labels, neighbors, n_init, sample_weight, random_state
        )
    centers = compute_cluster_means(z, labels, labels.max() + 1, sample_weight)
    if not follows_neighbors:
        targets = _one_hot(labels, len(centers))
        return Initialization(labels, centers, targets, follows_neighbors=False)
    targets = smooth_labels(
        labels, len(centers), neighbors.graph, sample_weight, found.power, _N_TARGET_ROUNDS
    )
    return Initialization(labels, centers, targets, found.power)


def _initialize_in_embedding(
    init: Any,
    n_clusters: int | None,
    n_init: int,
    z: np.ndarray,
    graph: sp.csr_array | None,
    sample_weight: np.ndarray,
    random_state: np.random.RandomState,
) -> Initialization:
    """Find clusters of the embedded samples, and let neighbors agree on them."""
    labels, centers = _find_centers(init, n_clusters, n_init, z, sample_weight, random_state)
    if graph is None:
        return Initialization(labels, centers, None)
    targets = smooth_labels(labels, len(centers), graph, sample_weight)
    centers = compute_cluster_means(z, targets.argmax(axis=1), len(centers), sample_weight)
    return Initialization(labels, centers, targets)


def _find_centers(
    init: Any,
    n_clusters: int | None,
    n_init: int,
    z: np.ndarray,
    sample_weight: np.ndarray,
    random_state: np.random.RandomState,
) -> tuple[np.ndarray, np.ndarray]:
    """Return labels (n,) and centers (k, d) in the embedding alone."""
    if hasattr(init, "fit_predict"):
        labels = run_clusterer(init, z, n_clusters, sample_weight, random_state)
        return labels, compute_cluster_means(z, labels, labels.max() + 1, sample_weight)
    if n_clusters is None:
        raise ValueError(f"n_clusters=None needs a clusterer as init; got init={init!r}.")
    if isinstance(init, str):
        n_clusters = min(n_clusters, len(z))
        centers = run_kmeans(z, n_clusters, n_init, sample_weight, random_state)
    else:
        centers = np.asarray(init, dtype=np.float32)
    return find_nearest_center(z, centers), centers


def find_neighbor_clusters(
    z: np.ndarray,
    neighbors: Neighbors,
    n_clusters: int,
    n_init: int,
    sample_weight: np.ndarray,
    random_state: np.random.RandomState,
    bar: Bar,
) -> NeighborClusters:
    """Return the clusters that neighbors share most, or others that hardly touch.

    The candidates are the runs of `search_clusters` and one run of k-means in the embedding,
    smoothed over the neighbors.
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
    centers = run_kmeans(z[subset], n_clusters, 1, weights, random_state)
    labels = find_nearest_center(z[subset], centers)
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
    return NeighborClusters(labels, power, separate is not None)


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
    if points.shape[1] < MIN_FEATURES:
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
    if points.shape[1] < MIN_FEATURES:
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


def run_clusterer(
    clusterer: Any,
    z: np.ndarray,
    n_clusters: int | None,
    sample_weight: np.ndarray,
    random_state: np.random.RandomState,
) -> np.ndarray:
    """Return labels from 0 without gaps that a clone of a scikit-learn clusterer finds in `z`.

    The clone gets seeds for those of its parameters named `random_state` that are None, and the
    sample weights if its `fit_predict` takes them. Samples that it labels as noise (-1) join the
    cluster with the nearest mean. `n_clusters` is the number of clusters that it must find, if
    not None.
    """
    seeded = clone(clusterer)
    for name, value in sorted(seeded.get_params().items()):
        if name.split("__")[-1] == "random_state" and value is None:
            seeded.set_params(**{name: int(random_state.randint(np.iinfo(np.int32).max))})
    takes_weights = "sample_weight" in inspect.signature(seeded.fit_predict).parameters
    weights = {"sample_weight": sample_weight} if takes_weights else {}
    found = np.asarray(seeded.fit_predict(z, **weights))
    if (found < 0).all():
        raise ValueError(f"init={clusterer!r} found no cluster in the embedded samples.")
    labels = np.full(len(z), -1, dtype=np.int32)
    labels[found >= 0] = np.unique(found[found >= 0], return_inverse=True)[1]
    n_found, is_clustered = labels.max() + 1, labels >= 0
    if n_clusters not in (None, n_found):
        raise ValueError(
            f"init={clusterer!r} found {n_found} clusters where n_clusters={n_clusters}. Make the "
            "two agree, or set n_clusters=None to take as many as it finds."
        )
    means = compute_cluster_means(
        z[is_clustered], labels[is_clustered], n_found, np.ones(is_clustered.sum())
    )
    return np.where(is_clustered, labels, find_nearest_center(z, means))


def compute_cluster_means(
    z: np.ndarray, labels: np.ndarray, n_clusters: int, sample_weight: np.ndarray
) -> np.ndarray:
    """Return the mean of each cluster (n_clusters, d); of an empty one, the mean of all samples."""
    ends = np.arange(len(labels) + 1)
    indicator = sp.csr_array((sample_weight, labels, ends), (len(labels), n_clusters))
    sizes = indicator.sum(axis=0)[:, None]
    is_empty = sizes == 0
    means = np.where(is_empty, z.mean(axis=0), (indicator.T @ z) / np.where(is_empty, 1, sizes))
    return means.astype(np.float32)


def _one_hot(labels: np.ndarray, n_clusters: int) -> np.ndarray:
    return np.eye(n_clusters, dtype=np.float32)[labels]
