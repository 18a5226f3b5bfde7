"""Neighbor information: how well clusters agree with those of the nearest neighbors."""

from typing import Any

import numpy as np
from sklearn.utils import check_array, resample

from skdec._utils.containers import check_samples
from skdec._utils.data import DistinctSamples
from skdec.cluster._graph import find_neighbors
from skdec.cluster._search import NeighborGraph


def neighbor_information(
    X: Any,
    labels: Any,
    *,
    n_neighbors: int = 10,
    metric: str = "euclidean",
    max_samples: int | None = 20_000,
    random_state: int = 0,
) -> float:
    """Information on its cluster that a sample shares with its neighbors.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Samples.
    labels : array-like of shape (n_samples,)
        Cluster of each sample.
    n_neighbors : int, default=10
        Number of nearest neighbors of each sample, in the leading principal components.
    metric : {"euclidean", "cosine"}, default="euclidean"
        Distance between samples.
    max_samples : int or None, default=20000
        If there are more samples, the score is that of a random subset of this size; None uses all
        samples.
    random_state : int, default=0
        Seed of the subset and the principal components, the same for all clusterings, so that
        scores can be compared.

    Returns
    -------
    float
        From 0 to the logarithm of the number of clusters, in nats; larger is better.

    Raises
    ------
    ValueError
        If `X` is no table of finite numbers or the lengths of `X` and `labels` differ.

    Notes
    -----
    Let I be the mutual information between the cluster of a random sample and that of a random
    neighbor of it, and H the entropy of the clusters. The score is I (I / H): the information that
    is kept in the step to a neighbor, times the fraction of it that is kept.

    Examples
    --------
    >>> from skdec.metrics import neighbor_information
    >>> X = [[0.0], [0.1], [5.0], [5.1]]
    >>> round(neighbor_information(X, [0, 0, 1, 1], n_neighbors=1), 3)  # log(2)
    0.693
    """
    X, labels = check_array(check_samples(X), accept_sparse="csr"), np.asarray(labels)
    if len(labels) != X.shape[0]:
        raise ValueError(f"labels has {len(labels)} values, but X has {X.shape[0]} samples.")
    if max_samples is not None and len(labels) > max_samples:
        X, labels = resample(
            X, labels, replace=False, n_samples=max_samples, random_state=random_state
        )
    samples = DistinctSamples(X)
    graph = find_neighbors(samples, n_neighbors, random_state, metric).graph
    if graph is None:  # there is only one sample
        return 0.0
    neighbors = NeighborGraph(graph, samples.sample_weight)
    return neighbors.measure(samples.take_first(labels)).score
