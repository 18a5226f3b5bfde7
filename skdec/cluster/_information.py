"""Scores of clusters by the neighbor graph: of one clustering, and of several beside each other."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils import check_array, resample

from skdec._utils.containers import check_samples
from skdec._utils.data import DistinctSamples
from skdec.cluster._criterion import compute_border_scores, measure_costs
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
    samples, (labels,) = _select(X, [labels], max_samples, random_state)
    graph = find_neighbors(samples, n_neighbors, random_state, metric).graph
    if graph is None:  # there is only one sample
        return 0.0
    return NeighborGraph(graph, samples.sample_weight).measure(labels).score


def border_scores(
    X: Any,
    labelings: Sequence[Any],
    *,
    n_neighbors: int = 10,
    metric: str = "euclidean",
    max_samples: int | None = 20_000,
    random_state: int = 0,
) -> np.ndarray:
    """Score clusterings of the same samples by what their borders cost beside other cuts.

    `NeighborClusterer` chooses among its candidates by this score. It is for clusterings of the
    same number of clusters, the more of them the better: each is cut by all others.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Samples.
    labelings : sequence of array-like of shape (n_samples,)
        Clusterings: the cluster of each sample.
    n_neighbors : int, default=10
        Number of nearest neighbors of each sample.
    metric : {"euclidean", "cosine"}, default="euclidean"
        Distance between samples.
    max_samples : int or None, default=20000
        If there are more samples, the scores are those of a random subset of this size; None uses
        all samples.
    random_state : int, default=0
        Seed of the subset and the principal components.

    Returns
    -------
    ndarray of shape (n_labelings,)
        The larger the better; 0 for a single cluster.

    Raises
    ------
    ValueError
        If `X` is no table of finite numbers, there are no labelings, or their lengths and that of
        `X` differ.

    See Also
    --------
    neighbor_information : Score of one clustering by itself.

    Notes
    -----
    Let H be the entropy of the k clusters, that is, the information in the cluster of a random
    sample, and I the mutual information between it and the cluster of a random neighbor. In the
    step to a neighbor the fraction

        lost = (H - I) / H

    of the information is lost. What a border may cost depends on the samples: every cut through a
    cloud in many dimensions costs more than one through a thin line. So the clusters are cut as the
    other clusterings would cut them. Inside cluster c, the labels of another clustering have an
    entropy and a lost fraction of their own, and

        cheapest = sum over c of P(c) min over cuts of c of lost(cut)

    where a cut counts if its entropy is at least 0.5 nats, as that of 20 to 80. A cluster that
    nothing cuts counts with the median of the others. The score is

        log(cheapest / lost) - 2.5 (1 - H / log k)

    The first term asks whether the borders cost less than any others would: a clustering that
    merges two clusters is given away by those that divide them, since that cut is cheap. The second
    one is zero if the clusters have the same size, and keeps a few far samples from being a
    cluster.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from skdec.metrics import border_scores
    >>> X, y = make_blobs(200, centers=[(0, 0), (9, 0), (0, 9)], random_state=0)
    >>> scores = border_scores(X, [y, (X[:, 0] > 5) + 2 * (X[:, 1] > 9), X[:, 0] // 4])
    >>> int(scores.argmax())
    0
    """
    samples, distinct = _select(X, labelings, max_samples, random_state)
    graph = find_neighbors(samples, n_neighbors, random_state, metric).graph
    if graph is None:  # there is only one sample
        return np.zeros(len(distinct))
    return compute_border_scores(measure_costs(graph, samples.sample_weight, distinct))


def _select(
    X: Any, labelings: Sequence[Any], max_samples: int | None, random_state: int
) -> tuple[DistinctSamples, list[np.ndarray]]:
    """Return distinct samples of at most `max_samples`, and their labels from 0 without gaps."""
    X = check_array(check_samples(X), accept_sparse="csr")
    arrays = [np.asarray(labels) for labels in labelings]
    if not arrays:
        raise ValueError("labelings is empty; at least one clustering is needed.")
    for labels in arrays:
        if labels.ndim != 1 or len(labels) != X.shape[0]:
            raise ValueError(
                f"labels must be one for each sample: X has {X.shape[0]} samples, but labels are "
                f"of shape {labels.shape}."
            )
    if max_samples is not None and X.shape[0] > max_samples:
        X, *arrays = resample(
            X, *arrays, replace=False, n_samples=max_samples, random_state=random_state
        )
    samples = DistinctSamples(X)
    return samples, [
        np.unique(samples.take_first(labels), return_inverse=True)[1] for labels in arrays
    ]
