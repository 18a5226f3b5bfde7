"""Initialization: the clusters, centers and targets with which the refinement begins."""

import inspect
import warnings
from collections.abc import Callable, Sequence
from itertools import product
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.cluster import KMeans, SpectralClustering
from sklearn.metrics import pairwise_distances_argmin

from skdec._engine.threads import count_usable_threads, run_in_threads, use_one_thread
from skdec._steps.neighbors import Neighbors, compute_neighbor_targets

# A tenth of the samples become landmarks, at least ten per cluster and at most 500, found on at
# most 20,000 samples: enough to follow clusters of any shape, in seconds for any data.
_SAMPLES_PER_LANDMARK = 10
_MAX_LANDMARKS = 500
_MAX_LANDMARK_SAMPLES = 20_000
# Landmarks need not have converged, only to cover the samples.
_LANDMARK_ITER = 20
# Nearest neighbors of a landmark that are joined to it.
_N_LANDMARK_NEIGHBORS = 5
# Runs of k-means on the eigenvectors of the landmarks.
_N_SPECTRAL_RUNS = 3
# Up to this many samples, the runs are faster one after the other than in threads.
_MAX_SEQUENTIAL_SAMPLES = 500
# Rounds of averaging over neighbors that smooth the borders of the clusters.
_N_ROUNDS = 32

# Labels of points, given their number of clusters, their weights and a random state.
_FindClusters = Callable[[np.ndarray, int, np.ndarray, np.random.RandomState], np.ndarray]


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
    """

    labels: np.ndarray
    centers: np.ndarray
    targets: np.ndarray | None


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
    init : {"landmarks", "k-means++"}, clusterer or array-like of shape (k, d)
        Method, or centers in the embedding.
    n_clusters : int or None
        Number of clusters; None for as many as a clusterer finds.
    n_init : int
        Number of runs, of which the best is kept.
    z : ndarray of shape (n, d)
        Embedding of the samples.
    neighbors : Neighbors
        Neighbor graph, which smooths the borders of the clusters.
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
    with use_one_thread():
        labels, centers = _find_clusters(
            init, n_clusters, n_init, z, neighbors, sample_weight, random_state
        )
        if neighbors.graph is None:
            return Initialization(labels, centers, None)
        targets = smooth_labels(labels, len(centers), neighbors.graph, sample_weight)
        centers = compute_cluster_means(z, targets.argmax(axis=1), len(centers), sample_weight)
        return Initialization(labels, centers, targets)


def _find_clusters(
    init: Any,
    n_clusters: int | None,
    n_init: int,
    z: np.ndarray,
    neighbors: Neighbors,
    sample_weight: np.ndarray,
    random_state: np.random.RandomState,
) -> tuple[np.ndarray, np.ndarray]:
    """Return labels (n,) and centers (k, d) by the method that `init` names or is."""
    if hasattr(init, "fit_predict"):
        labels = run_clusterer(init, z, n_clusters, sample_weight, random_state)
        return labels, compute_cluster_means(z, labels, labels.max() + 1, sample_weight)
    if n_clusters is None:
        raise ValueError(f"n_clusters=None needs a clusterer as init; got init={init!r}.")
    n_clusters = min(n_clusters, len(z))
    if isinstance(init, str) and init == "landmarks" and neighbors.graph is not None:
        views = [z] if neighbors.points is None else [z, neighbors.points]
        labels = find_landmark_clusters(
            views, neighbors.graph, n_clusters, n_init, sample_weight, random_state
        )
        return labels, compute_cluster_means(z, labels, n_clusters, sample_weight)
    if isinstance(init, str):
        centers = run_kmeans(z, n_clusters, n_init, sample_weight, random_state)
    else:
        centers = np.asarray(init, dtype=np.float32)
    return find_nearest_center(z, centers), centers


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


def find_landmark_clusters(
    views: Sequence[np.ndarray],
    graph: sp.csr_array,
    n_clusters: int,
    n_init: int,
    sample_weight: np.ndarray,
    random_state: np.random.RandomState,
) -> np.ndarray:
    """Return the labels that share the most information with the labels of the neighbors.

    The candidates are `n_init` runs of landmark clustering, divided among the views, and one run
    of k-means per view. Each is smoothed over the neighbors (`compute_neighbor_targets`) before
    its `neighbor_information` is measured.
    """
    methods = (_run_kmeans_labels, *-(-n_init // len(views)) * [_cluster_landmarks])
    seeds = random_state.randint(np.iinfo(np.int32).max, size=len(views) * len(methods))
    runs = [
        (method, view, seed)
        for (view, method), seed in zip(product(views, methods), seeds, strict=True)
    ]

    def run(method: _FindClusters, view: np.ndarray, seed: int) -> tuple[float, np.ndarray]:
        with use_one_thread():
            labels = method(view, n_clusters, sample_weight, np.random.RandomState(seed))
        targets = smooth_labels(labels, n_clusters, graph, sample_weight)
        return neighbor_information(graph, targets.argmax(axis=1), sample_weight), labels

    n_threads = count_usable_threads() if len(sample_weight) > _MAX_SEQUENTIAL_SAMPLES else 1
    with warnings.catch_warnings():
        # A graph with several components is common for separate clusters.
        warnings.filterwarnings("ignore", "Graph is not fully connected", UserWarning)
        # scikit-learn takes a square array of landmarks for an affinity matrix.
        warnings.filterwarnings("ignore", "The spectral clustering API has changed", UserWarning)
        candidates = run_in_threads(lambda arguments: run(*arguments), runs, n_threads)
    return max(candidates, key=itemgetter(0))[1]


def _run_kmeans_labels(
    points: np.ndarray,
    n_clusters: int,
    sample_weight: np.ndarray,
    random_state: np.random.RandomState,
) -> np.ndarray:
    centers = run_kmeans(points, n_clusters, 1, sample_weight, random_state)
    return find_nearest_center(points, centers)


def _cluster_landmarks(
    points: np.ndarray,
    n_clusters: int,
    sample_weight: np.ndarray,
    random_state: np.random.RandomState,
) -> np.ndarray:
    """Return labels from k-means landmarks that are merged by spectral clustering.

    Plain k-means splits long clusters and merges small ones, which refinement does not repair.
    Many landmarks follow the shape of the data, and then neighboring ones are merged ([1]_,
    algorithm 2, KASP).

    References
    ----------
    .. [1] D. Yan, L. Huang and M. I. Jordan, "Fast approximate spectral clustering", KDD 2009.
    """
    n_samples = len(points)
    n_landmarks = max(n_samples // _SAMPLES_PER_LANDMARK, 10 * n_clusters)
    n_landmarks = min(n_landmarks, _MAX_LANDMARKS, n_samples)
    if n_landmarks <= n_clusters:  # nothing to merge
        return _run_kmeans_labels(points, n_clusters, sample_weight, random_state)
    subset = random_state.permutation(n_samples)[:_MAX_LANDMARK_SAMPLES]
    landmarks = KMeans(
        n_landmarks, n_init=1, max_iter=_LANDMARK_ITER, random_state=random_state
    ).fit(points[subset], sample_weight=sample_weight[subset])
    merged = SpectralClustering(
        n_clusters,
        affinity="nearest_neighbors",
        n_neighbors=min(_N_LANDMARK_NEIGHBORS, n_landmarks),
        n_init=_N_SPECTRAL_RUNS,
        random_state=random_state,
    ).fit_predict(landmarks.cluster_centers_)
    return merged[landmarks.predict(points)].astype(np.int32)


def smooth_labels(
    labels: np.ndarray, n_clusters: int, graph: sp.csr_array, sample_weight: np.ndarray
) -> np.ndarray:
    """Return targets (n, k) that average the labels over neighbors, for many rounds.

    The rounds end before one in which a cluster would lose its last sample.
    """
    q = np.eye(n_clusters, dtype=np.float32)[labels]
    n_found = len(np.unique(labels))
    for _ in range(_N_ROUNDS):
        smoothed = compute_neighbor_targets(q, graph, 1, sample_weight)
        if len(np.unique(smoothed.argmax(axis=1))) < n_found:
            break
        q = smoothed
    return q


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


def neighbor_information(
    graph: sp.csr_array, labels: np.ndarray, sample_weight: np.ndarray
) -> float:
    """Mutual information, in nats, of the cluster of a sample and that of a random neighbor.

    It is high where neighbors have the same label and clusters have similar sizes ([1]_). A cut of
    the graph alone would merge two clusters that touch and split another.

    References
    ----------
    .. [1] N. Tishby and N. Slonim, "Data clustering by Markovian relaxation and the information
       bottleneck method", NIPS 2000.
    """
    fractions = sample_weight.astype(np.float64) / sample_weight.sum()
    neighbors = graph @ _build_indicator(labels, np.ones_like(sample_weight))
    joint = (_build_indicator(labels, fractions).T @ neighbors).toarray()
    independent = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    is_positive = joint > 0
    ratio = joint[is_positive] / independent[is_positive]
    return float(np.sum(joint[is_positive] * np.log(ratio)))


def compute_cluster_means(
    z: np.ndarray, labels: np.ndarray, n_clusters: int, sample_weight: np.ndarray
) -> np.ndarray:
    """Return the mean of each cluster (n_clusters, d); of an empty one, the mean of all samples."""
    indicator = _build_indicator(labels, sample_weight, n_clusters)
    sizes = indicator.sum(axis=0)[:, None]
    is_empty = sizes == 0
    means = np.where(is_empty, z.mean(axis=0), (indicator.T @ z) / np.where(is_empty, 1, sizes))
    return means.astype(np.float32)


def _build_indicator(
    labels: np.ndarray, values: np.ndarray, n_clusters: int | None = None
) -> sp.csr_array:
    """Return a sparse (n, k) array with one value per sample, in the column of its cluster."""
    shape = (len(labels), n_clusters or labels.max() + 1)
    return sp.csr_array((values, labels, np.arange(len(labels) + 1)), shape)
