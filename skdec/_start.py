"""Where refinement starts: clusters of the embedded rows, and the targets they lead to."""

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
from threadpoolctl import threadpool_limits

from skdec._neighbors import consensus_targets
from skdec._threads import side_by_side, usable_threads

# Landmarks: a tenth of the rows, but ten times as many as clusters and at most 500, found on at
# most 20,000 rows. Enough to trace clusters of any shape, and a start of seconds for any data.
_ROWS_PER_LANDMARK = 10
_MAX_LANDMARKS = 500
_MAX_LANDMARK_ROWS = 20_000
# They need not have settled, only to cover the rows.
_LANDMARK_ITER = 20
# Neighbouring landmarks that are joined.
_NEIGHBORS = 5
# Runs of k-means on their eigenvectors; further draws make up for few.
_SPECTRAL_RUNS = 3
# Up to so many rows, draws are made one after the other.
_FEW_ROWS = 500
# Rounds in which neighbours settle the ragged borders of clusters.
_ROUNDS = 32

# Clusters of points, given their number, the points' weights and a random state.
_Draw = Callable[[np.ndarray, int, np.ndarray, np.random.RandomState], np.ndarray]


class Start(NamedTuple):
    """Clusters before refinement.

    Attributes
    ----------
    labels : ndarray of shape (n,), int32
        Cluster of each row, from 0 to k-1.
    centers : ndarray of shape (k, d), float32
        Cluster centres among the embedded rows.
    targets : ndarray of shape (n, k), float32, or None
        First targets of the refinement; None where they come from the centres, as in DEC.
    """

    labels: np.ndarray
    centers: np.ndarray
    targets: np.ndarray | None


def start_from(*arguments: Any) -> Start:
    """`_start_from`, with one thread for each sum.

    Several threads add up in changing order; one makes the result the same on every machine with
    the same arithmetic, in a worker process as in the main one.
    """
    with threadpool_limits(1):
        return _start_from(*arguments)


def _start_from(
    init: Any,
    n_clusters: int | None,
    n_init: int,
    views: Sequence[np.ndarray],
    graph: sp.csr_array | None,
    weights: np.ndarray,
    random_state: np.random.RandomState,
) -> Start:
    """Start as `init` says, from views of the rows of which the first is their embedding.

    Where there is a `graph` of neighbours, they settle the clusters' borders.
    """
    z = views[0]
    if hasattr(init, "fit_predict"):
        labels = estimator_labels(init, z, n_clusters)
        centers = cluster_means(z, labels, labels.max() + 1, weights)
    elif n_clusters is None:
        raise ValueError(f"n_clusters=None needs a clusterer as init; got init={init!r}.")
    elif isinstance(init, str) and init == "landmarks" and graph is not None:
        n_found = min(n_clusters, len(z))
        labels = landmark_labels(views, graph, n_found, n_init, weights, random_state)
        centers = cluster_means(z, labels, n_found, weights)
    else:
        if isinstance(init, str):
            centers = kmeans_centers(z, min(n_clusters, len(z)), n_init, weights, random_state)
        else:
            centers = np.asarray(init, dtype=np.float32)
        labels = nearest_center(z, centers)
    if graph is None:
        return Start(labels, centers, None)
    targets = consensus_targets(_one_hot(labels, len(centers)), graph, _ROUNDS, weights)
    settled_centers = cluster_means(z, targets.argmax(axis=1), len(centers), weights)
    return Start(labels, settled_centers, targets)


def kmeans_centers(
    z: np.ndarray,
    n_clusters: int,
    n_init: int,
    weights: np.ndarray,
    random_state: np.random.RandomState,
) -> np.ndarray:
    """Centres of the best of `n_init` k-means runs from k-means++, by inertia."""
    kmeans = KMeans(n_clusters, n_init=n_init, random_state=random_state)
    return kmeans.fit(z, sample_weight=weights).cluster_centers_.astype(np.float32)


def nearest_center(z: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """Index of the nearest centre of each row, int32."""
    return pairwise_distances_argmin(z, centers).astype(np.int32)


def landmark_labels(
    views: Sequence[np.ndarray],
    graph: sp.csr_array,
    n_clusters: int,
    n_init: int,
    weights: np.ndarray,
    random_state: np.random.RandomState,
) -> np.ndarray:
    """Best of several clusterings of the views of the rows, by what neighbours tell of clusters.

    The views share `n_init` clusterings by landmarks, and each gives one by k-means. Neighbours
    settle them (`consensus_targets`); kept is the one whose clusters then have the highest
    `neighbor_information`.
    """
    n_draws = -(-n_init // len(views))
    draws = (_kmeans_labels, *n_draws * [_merged_landmarks])
    seeds = random_state.randint(np.iinfo(np.int32).max, size=len(views) * len(draws))
    waiting = [
        (draw, view, seed) for (view, draw), seed in zip(product(views, draws), seeds, strict=True)
    ]

    def judged(draw: _Draw, view: np.ndarray, seed: int) -> tuple[float, np.ndarray]:
        with threadpool_limits(1, user_api="openmp"):  # each thread has a limit of its own
            labels = draw(view, n_clusters, weights, np.random.RandomState(seed))
        settled = consensus_targets(_one_hot(labels, n_clusters), graph, _ROUNDS, weights)
        return neighbor_information(graph, settled.argmax(axis=1), weights), labels

    # Few rows are clustered sooner than threads are started.
    n_threads = usable_threads() if len(weights) > _FEW_ROWS else 1
    with warnings.catch_warnings():
        # Separate components of the graph are what is looked for, not a fault.
        warnings.filterwarnings("ignore", "Graph is not fully connected", UserWarning)
        # As many landmarks as columns look like an affinity matrix to scikit-learn, but are none.
        warnings.filterwarnings("ignore", "The spectral clustering API has changed", UserWarning)
        found = side_by_side(lambda drawn: judged(*drawn), waiting, n_threads)
    return max(found, key=itemgetter(0))[1]


def _kmeans_labels(
    points: np.ndarray, n_clusters: int, weights: np.ndarray, random_state: np.random.RandomState
) -> np.ndarray:
    return nearest_center(points, kmeans_centers(points, n_clusters, 1, weights, random_state))


def _merged_landmarks(
    points: np.ndarray, n_clusters: int, weights: np.ndarray, random_state: np.random.RandomState
) -> np.ndarray:
    """Clusters from landmarks of k-means, merged by spectral clustering.

    Plain k-means cuts long clusters and merges small ones, and refinement does not undo that.
    Landmarks first follow the shape of the data, then neighbouring landmarks are joined ([1]_,
    algorithm 2, KASP).

    References
    ----------
    .. [1] D. Yan, L. Huang and M. I. Jordan, "Fast approximate spectral clustering", KDD 2009.
    """
    n_rows = len(points)
    n_landmarks = min(max(n_rows // _ROWS_PER_LANDMARK, 10 * n_clusters), _MAX_LANDMARKS, n_rows)
    if n_landmarks <= n_clusters:  # nothing to merge
        return _kmeans_labels(points, n_clusters, weights, random_state)
    sample = random_state.permutation(n_rows)[:_MAX_LANDMARK_ROWS]
    landmarks = KMeans(
        n_landmarks, n_init=1, max_iter=_LANDMARK_ITER, random_state=random_state
    ).fit(points[sample], sample_weight=weights[sample])
    merged = SpectralClustering(
        n_clusters,
        affinity="nearest_neighbors",
        n_neighbors=min(_NEIGHBORS, n_landmarks),
        n_init=_SPECTRAL_RUNS,
        random_state=random_state,
    ).fit_predict(landmarks.cluster_centers_)
    return merged[landmarks.predict(points)].astype(np.int32)


def estimator_labels(estimator: Any, z: np.ndarray, n_clusters: int | None) -> np.ndarray:
    """Labels from 0 without gaps that a copy of a scikit-learn clusterer gives the rows `z`.

    Rows that it calls noise (-1) join the cluster with the nearest mean. `n_clusters` is how many
    clusters there must be, if not None.
    """
    found = np.asarray(clone(estimator).fit_predict(z))
    if (found < 0).all():
        raise ValueError(f"init={estimator!r} found no cluster in the embedded rows.")
    labels = np.full(len(z), -1, dtype=np.int32)
    labels[found >= 0] = np.unique(found[found >= 0], return_inverse=True)[1]
    n_found, clustered = labels.max() + 1, labels >= 0
    if n_clusters not in (None, n_found):
        raise ValueError(
            f"init={estimator!r} found {n_found} clusters where n_clusters={n_clusters}. Make the "
            "two agree, or set n_clusters=None to take as many as it finds."
        )
    means = cluster_means(z[clustered], labels[clustered], n_found, np.ones(clustered.sum()))
    return np.where(clustered, labels, nearest_center(z, means))


def neighbor_information(graph: sp.csr_array, labels: np.ndarray, weights: np.ndarray) -> float:
    """Mutual information, in nats, of a row's cluster and that of a random neighbour ([1]_).

    It is high where neighbours share their cluster and clusters are of like size. A cut of the
    graph alone would merge two clusters that touch and split another.

    References
    ----------
    .. [1] N. Tishby and N. Slonim, "Data clustering by Markovian relaxation and the information
       bottleneck method", NIPS 2000.
    """
    shares = weights.astype(np.float64) / weights.sum()
    neighbors = graph @ _membership(labels, np.ones_like(weights))
    joint = (_membership(labels, shares).T @ neighbors).toarray()
    independent = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    seen = joint > 0
    return float(np.sum(joint[seen] * np.log(joint[seen] / independent[seen])))


def cluster_means(
    z: np.ndarray, labels: np.ndarray, n_clusters: int, weights: np.ndarray
) -> np.ndarray:
    """Mean of the embedded rows of each cluster, shape (n_clusters, d); of none, that of all."""
    members = _membership(labels, weights, n_clusters)
    sizes = members.sum(axis=0)[:, None]
    empty = sizes == 0
    means = np.where(empty, z.mean(axis=0), (members.T @ z) / np.where(empty, 1, sizes))
    return means.astype(np.float32)


def _membership(
    labels: np.ndarray, values: np.ndarray, n_clusters: int | None = None
) -> sp.csr_array:
    """Sparse (n, k) with one value in each row, in the column of its cluster."""
    shape = (len(labels), n_clusters or labels.max() + 1)
    return sp.csr_array((values, labels, np.arange(len(labels) + 1)), shape)


def _one_hot(labels: np.ndarray, n_clusters: int) -> np.ndarray:
    return np.eye(n_clusters, dtype=np.float32)[labels]
