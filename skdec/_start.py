"""Where refinement starts: clusters of the embedded rows by k-means or by landmarks."""

import warnings
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from sklearn.cluster import KMeans, SpectralClustering
from threadpoolctl import threadpool_limits

from skdec._neighbors import consensus_targets

# k-means works for at most this many landmarks on at most this many rows: enough to trace
# clusters of any shape, and so few that the start costs seconds however large the data.
_MAX_LANDMARKS = 500
_MAX_LANDMARK_ROWS = 20_000
_ROWS_PER_LANDMARK = 10
_NEIGHBORS = 5
# Rounds in which neighbours settle the ragged borders of a start.
_ROUNDS = 32


class Start(NamedTuple):
    """Clusters before refinement.

    Attributes
    ----------
    labels : ndarray of shape (n,), int32
        Cluster of each row, from 0 to k-1.
    centers : ndarray of shape (k, d), float32
        Means of the embedded rows of the clusters.
    targets : ndarray of shape (n, k), float32, or None
        First targets of the refinement; None where they come from the centres, as in DEC.
    """

    labels: np.ndarray
    centers: np.ndarray
    targets: np.ndarray | None = None


def kmeans_start(
    z: np.ndarray, n_clusters: int, n_init: int, random_state: np.random.RandomState
) -> Start:
    """Best of `n_init` k-means runs from k-means++, by inertia."""
    # Several threads add up in changing order; one makes the result the same on every machine
    # with the same arithmetic, in a worker process as in the main one.
    with threadpool_limits(1, user_api="openmp"):
        kmeans = KMeans(n_clusters, n_init=n_init, random_state=random_state).fit(z)
    return Start(kmeans.labels_.astype(np.int32), kmeans.cluster_centers_.astype(np.float32))


def landmark_start(
    z: np.ndarray,
    graph: sp.csr_array,
    n_clusters: int,
    n_init: int,
    random_state: np.random.RandomState,
) -> Start:
    """Best of `n_init` draws of landmark clusters and one of k-means, by normalised cut.

    Neighbours settle each draw (`consensus_targets`); kept is the one whose settled clusters cut
    the fewest affinities of the `graph` of neighbours.
    """
    draws = [kmeans_start(z, n_clusters, 1, random_state).labels]
    draws += [_landmark_labels(z, n_clusters, random_state) for _ in range(n_init)]
    settled = [
        consensus_targets(np.eye(n_clusters, dtype=np.float32)[labels], graph, _ROUNDS)
        for labels in draws
    ]
    best = np.argmin([normalized_cut(graph, targets.argmax(axis=1)) for targets in settled])
    labels, targets = draws[best], settled[best]
    return Start(labels, class_means(z, targets.argmax(axis=1), n_clusters), targets)


def _landmark_labels(
    z: np.ndarray, n_clusters: int, random_state: np.random.RandomState
) -> np.ndarray:
    """Clusters from landmarks of k-means, merged by spectral clustering.

    Plain k-means cuts long clusters and merges small ones, and refinement does not undo that.
    Landmarks first follow the shape of the data, then neighbouring landmarks are joined ([1]_,
    algorithm 2, KASP).

    References
    ----------
    .. [1] D. Yan, L. Huang and M. I. Jordan, "Fast approximate spectral clustering", KDD 2009.
    """
    n_rows = len(z)
    n_landmarks = min(max(n_rows // _ROWS_PER_LANDMARK, 10 * n_clusters), _MAX_LANDMARKS, n_rows)
    sample = z
    if n_rows > _MAX_LANDMARK_ROWS:
        sample = z[random_state.choice(n_rows, _MAX_LANDMARK_ROWS, replace=False)]
    with threadpool_limits(1, user_api="openmp"), warnings.catch_warnings():
        # Separate components of the graph are what is looked for, not a fault.
        warnings.filterwarnings("ignore", "Graph is not fully connected", UserWarning)
        landmarks = KMeans(n_landmarks, n_init=1, random_state=random_state).fit(sample)
        merged = SpectralClustering(
            n_clusters,
            affinity="nearest_neighbors",
            n_neighbors=min(_NEIGHBORS, n_landmarks),
            random_state=random_state,
        ).fit_predict(landmarks.cluster_centers_)
        return merged[landmarks.predict(z)].astype(np.int32)


def normalized_cut(graph: sp.csr_array, labels: np.ndarray) -> float:
    """Sum over the clusters of the share of their affinities that leads out of them ([1]_).

    `graph` has rows that sum to one, so that a cluster's affinities sum to its number of rows.

    References
    ----------
    .. [1] J. Shi and J. Malik, "Normalized cuts and image segmentation", IEEE TPAMI 22, 2000.
    """
    sources = np.repeat(labels, np.diff(graph.indptr))
    leaving = np.bincount(sources, weights=graph.data * (sources != labels[graph.indices]))
    sizes = np.bincount(labels)
    return float(np.sum(leaving[sizes > 0] / sizes[sizes > 0]))


def class_means(z: np.ndarray, labels: np.ndarray, n_clusters: int) -> np.ndarray:
    """Mean of the embedded rows of each cluster, shape (n_clusters, d); of none, that of all."""
    members = sp.csr_array((np.ones(len(z)), labels, np.arange(len(z) + 1)), (len(z), n_clusters))
    counts = np.bincount(labels, minlength=n_clusters)[:, None]
    means = np.where(counts > 0, members.T @ z / np.maximum(counts, 1), z.mean(axis=0))
    return means.astype(np.float32)
