"""Initialization: the clusters, centers and targets with which the refinement begins."""

import inspect
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from sklearn.base import clone

from skdec._utils.process import use_one_thread
from skdec._utils.terminal import open_bar
from skdec.cluster._graph import Neighbors
from skdec.cluster._selection import (
    NeighborClusters,
    encode_one_hot,
    find_nearest_center,
    run_kmeans,
    smooth_labels,
)

# Rounds of averaging over neighbors for the first targets.
_N_TARGET_ROUNDS = 4
_N_KMEANS_RUNS = 20


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
    """

    labels: np.ndarray
    centers: np.ndarray
    targets: np.ndarray | None
    power: float = 1.0


def initialize_from_clusters(
    clusters: NeighborClusters, z: np.ndarray, neighbors: Neighbors, sample_weight: np.ndarray
) -> Initialization:
    """Begin with clusters that were found among neighbors.

    Parameters
    ----------
    clusters : NeighborClusters
        Clusters of the samples.
    z : ndarray of shape (n, d)
        Embedding of the samples.
    neighbors : Neighbors
        Neighbor graph.
    sample_weight : ndarray of shape (n,)
        Weights of the samples.

    Returns
    -------
    Initialization
        Labels, centers and targets.
    """
    labels, n_clusters = clusters.labels, clusters.labels.max() + 1
    with use_one_thread():
        centers = compute_cluster_means(z, labels, n_clusters, sample_weight)
        if neighbors.graph is None:  # the targets follow from the centers
            return Initialization(labels, centers, None, clusters.power)
        targets = smooth_labels(
            labels, n_clusters, neighbors.graph, sample_weight, clusters.power, _N_TARGET_ROUNDS
        )
        # Clusters that show in halves of the features may not be those of the neighbors in all.
        is_outvoted = targets.argmax(axis=1) != labels
        targets[is_outvoted] = encode_one_hot(labels[is_outvoted], n_clusters)
    return Initialization(labels, centers, targets, clusters.power)


def initialize_in_embedding(
    init: Any,
    n_clusters: int | None,
    z: np.ndarray,
    graph: sp.csr_array | None,
    sample_weight: np.ndarray,
    seed: int,
) -> Initialization:
    """Find clusters of the embedded samples, and let neighbors agree on them.

    Parameters
    ----------
    init : "k-means++", clusterer or array-like of shape (k, d)
        Method, or centers in the embedding.
    n_clusters : int or None
        Number of clusters; None for as many as a clusterer finds.
    z : ndarray of shape (n, d)
        Embedding of the samples.
    graph : sparse array of shape (n, n), or None
        Affinities of neighbors.
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
    with use_one_thread(), open_bar("initialize"):
        labels, centers = _find_centers(init, n_clusters, z, sample_weight, random_state)
        if graph is None:
            return Initialization(labels, centers, None)
        targets = smooth_labels(labels, len(centers), graph, sample_weight)
        centers = compute_cluster_means(z, targets.argmax(axis=1), len(centers), sample_weight)
        return Initialization(labels, centers, targets)


def _find_centers(
    init: Any,
    n_clusters: int | None,
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
        centers = run_kmeans(z, n_clusters, _N_KMEANS_RUNS, sample_weight, random_state)
    else:
        centers = np.asarray(init, dtype=np.float32)
    return find_nearest_center(z, centers), centers


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
