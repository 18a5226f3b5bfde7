"""The criterion by which clusterings are compared: borders that are cheap where others are not.

Of the information that a sample's cluster carries, its entropy H, a fraction is lost in the step to
a random neighbor: borders between clusters cost information. What a border costs by itself says
little, since every cut through a dense cloud is dearer than one through a thin line. So the
clusterings ask each other: the clusters of one are cut as the others would cut them, and the
cheapest of these cuts is what a border costs at this place. A clustering that merges two clusters
is given away by those that divide them, and one that divides a cluster by those that do not. And
what is found in several ways is rather there than what is found in one.

The neighbors are those in random halves of the features. A single feature, such as a yes or no, has
borders that cost nothing in the half that it is in, but everything in the other.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from sklearn.utils import check_array, resample

from skdec._utils.data import DistinctSamples, check_samples
from skdec.cluster._graph import connect_by_halves, find_neighbors
from skdec.cluster._search import NeighborGraph, xlogx

# A cut counts if it divides a cluster at least as evenly as 20 to 80, about .5 nats.
_MIN_CUT_ENTROPY = 0.5
# Weight of uneven sizes, and the unevenness at which half of it counts, chosen on the mean over
# families of data (docs/benchmarks/criterion.md). It matters whether sizes differ, but hardly how
# much: digits of similar size are not given up for others, nor blobs of very different size.
_UNEVENNESS_WEIGHT, _HALF_UNEVENNESS = 0.5, 0.02
# Weight of the mean adjusted Rand index between a candidate and all different ones, chosen
# likewise, and the index above which two are equal.
_AGREEMENT_WEIGHT, _EQUAL = 1.5, 1 - 1e-9
# Costs below this fraction of a typical cut count as equal, below the second as none.
_SMALL_COST, _NO_COST = 0.02, 1e-6
# Tables of up to so many times the values are filled without sorting these, so many at a time.
_DENSE_FACTOR, _MAX_CODES = 4, 2**18


class Costs(NamedTuple):
    """What the borders of several clusterings cost, in the order of the clusterings.

    Attributes
    ----------
    entropy : ndarray of shape (m,)
        Entropy of the clusters, in nats.
    lost : ndarray of shape (m,)
        Fraction of the entropy that is lost in the step to a neighbor.
    cheapest : list of ndarray of shape (k,)
        For each cluster of each clustering, the fraction that the cheapest cut of it loses; NaN
        where no other clustering cuts it.
    sizes : list of ndarray of shape (k,)
        Fraction of the samples in each cluster.
    """

    entropy: np.ndarray
    lost: np.ndarray
    cheapest: list[np.ndarray]
    sizes: list[np.ndarray]


def score_candidates(
    halves: sp.csr_array, sample_weight: np.ndarray, labelings: Sequence[np.ndarray]
) -> np.ndarray:
    """Return the border score of each clustering plus 1.5 times its mean agreement with all.

    A clustering that is among them several times counts once.
    """
    cells, of_cells = _merge_samples(labelings)
    scores = compute_border_scores(_measure_costs(halves, sample_weight, cells, of_cells))
    agreement = compare_clusterings(list(of_cells), np.bincount(cells, sample_weight))
    n_equal = (agreement > _EQUAL).sum(axis=1)
    return scores + _AGREEMENT_WEIGHT * np.average(agreement, axis=1, weights=1 / n_equal)


def compare_clusterings(labelings: Sequence[np.ndarray], sample_weight: np.ndarray) -> np.ndarray:
    """Return the adjusted Rand index of each pair of clusterings, (m, m).

    It is that of pairs of samples drawn by weight and with replacement, so that a sample of weight
    two is the same as two samples.
    """
    fractions = sample_weight / sample_weight.sum()
    n_clusterings, n_clusters = len(labelings), [labels.max() + 1 for labels in labelings]
    clusters = np.stack(labelings, axis=1) + np.cumsum([0, *n_clusters[:-1]])
    sample = np.repeat(np.arange(len(fractions)), n_clusterings)
    is_inside = sp.csr_array((np.ones(clusters.size), (sample, clusters.ravel())))
    shared = (is_inside.T @ (sp.diags_array(fractions) @ is_inside)).tocoo()
    owner = np.repeat(np.arange(n_clusterings), n_clusters)
    pair = owner[shared.row] * n_clusterings + owner[shared.col]
    together = np.bincount(pair, shared.data**2, n_clusterings**2).reshape(n_clusterings, -1)
    by_itself = together.diagonal()
    expected, largest = np.outer(by_itself, by_itself), np.add.outer(by_itself, by_itself) / 2
    rand_index = np.ones_like(expected)  # of two clusterings into a single cluster
    np.divide(together - expected, largest - expected, out=rand_index, where=largest > expected)
    return rand_index


def compute_border_scores(costs: Costs) -> np.ndarray:
    """Return log(cheapest / lost) - 0.5 u / (u + 0.02) of each clustering, u = 1 - H / log k.

    The entropy H of k clusters is log k if all have the same size. A single cluster has no borders,
    and a score of zero. Below a small fraction of a typical cut, costs count as equal.
    """
    floor = _SMALL_COST * _get_typical_cut(costs)
    ratios = np.maximum(average_cuts(costs), floor) / np.maximum(costs.lost, floor)
    log_numbers = np.log([len(sizes) for sizes in costs.sizes])
    unevenness = 1 - costs.entropy / np.where(log_numbers > 0, log_numbers, 1)
    penalties = _UNEVENNESS_WEIGHT * unevenness / (unevenness + _HALF_UNEVENNESS)
    return np.where(log_numbers > 0, np.log(ratios) - penalties, 0.0)


def average_cuts(costs: Costs) -> np.ndarray:
    """Return the mean of the cheapest cuts over the clusters by size, for each clustering.

    A missing cut counts as the median of the others; where there are none at all, it is 1: random
    labels lose everything.
    """
    typical = _get_typical_cut(costs)
    return np.array(
        [
            np.average(np.where(np.isnan(cuts), typical, cuts), weights=sizes)
            for cuts, sizes in zip(costs.cheapest, costs.sizes, strict=True)
        ]
    )


def _get_typical_cut(costs: Costs) -> float:
    """Return the median of the cuts that cost something: others are where clusters do not touch."""
    cuts = np.concatenate(costs.cheapest)
    cuts = cuts[cuts > _NO_COST]
    return float(np.median(cuts)) if len(cuts) else 1.0


def measure_costs(
    graph: sp.csr_array, sample_weight: np.ndarray, labelings: Sequence[np.ndarray]
) -> Costs:
    """Measure what the borders of clusterings cost, and the cheapest cuts through their clusters.

    Parameters
    ----------
    graph : sparse array of shape (n, n)
        Affinities of neighbors, each row summing to one.
    sample_weight : ndarray of shape (n,)
        Weights of the samples.
    labelings : sequence of ndarray of shape (n,)
        Cluster of each sample, from 0 without gaps.

    Returns
    -------
    Costs
        Entropy, lost fraction and cheapest cuts.
    """
    return _measure_costs(graph, sample_weight, *_merge_samples(labelings))


def _merge_samples(labelings: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the cell of each sample, and the labels of the cells (m, n_cells).

    Samples that are together in all clusterings count as one.
    """
    cells = find_common_cells(labelings)
    first = np.unique(cells, return_index=True)[1]
    return cells, np.stack([labels[first] for labels in labelings]).astype(np.intp)


def _measure_costs(
    graph: sp.csr_array, sample_weight: np.ndarray, cells: np.ndarray, of_cells: np.ndarray
) -> Costs:
    joint = _count_joint(graph, sample_weight, cells)
    entropy, lost = np.zeros(len(of_cells)), np.zeros(len(of_cells))
    cheapest, sizes = [], []
    for i, labels in enumerate(of_cells):
        k, row = labels.max() + 1, labels[joint.row]
        whole = np.zeros_like(row)
        entropy[i], lost[i] = _measure_cuts(whole, joint, labels[None], 1)[0].ravel()
        sizes.append(np.bincount(row, joint.data, k))
        is_inside = row == labels[joint.col]
        inside = sp.coo_array(
            (joint.data[is_inside], (joint.row[is_inside], joint.col[is_inside])), joint.shape
        )
        cuts = np.full(k, np.nan)
        size = max(1, _MAX_CODES // max(1, inside.nnz))
        others = np.delete(of_cells, i, axis=0)
        for start in range(0, len(others), size):
            part = others[start : start + size]
            h, fraction = _measure_cuts(row[is_inside], inside, part, k).transpose(2, 0, 1)
            found = np.where(h >= _MIN_CUT_ENTROPY, fraction, np.inf).min(axis=0)
            cuts = np.fmin(cuts, np.where(np.isinf(found), np.nan, found))
        cheapest.append(cuts)
    return Costs(entropy, lost, cheapest, sizes)


def find_common_cells(labelings: Sequence[np.ndarray]) -> np.ndarray:
    """Return labels of the cells of samples that are together in all of the clusterings."""
    cells = np.zeros(len(labelings[0]), dtype=np.int64)
    for labels in labelings:
        cells = np.unique(cells * (int(labels.max()) + 1) + labels, return_inverse=True)[1]
    return cells


def _count_joint(graph: sp.csr_array, sample_weight: np.ndarray, cells: np.ndarray) -> sp.coo_array:
    """Return the symmetric joint distribution of a sample's and a random neighbor's cell."""
    n_neighbors = np.diff(graph.indptr)
    fractions = np.repeat(sample_weight / sample_weight.sum(), n_neighbors) * graph.data
    shape = (cells.max() + 1, cells.max() + 1)
    places = (np.repeat(cells, n_neighbors), cells[graph.indices])
    joint = sp.coo_array((fractions, places), shape).tocsr()
    return ((joint + joint.T) / 2).tocoo()


def _measure_cuts(
    inside: np.ndarray, joint: sp.coo_array, others: np.ndarray, n_clusters: int
) -> np.ndarray:
    """Return entropy and lost fraction of several labelings inside each cluster, (m, k, 2).

    Parameters
    ----------
    inside : ndarray of shape (n_edges,)
        Cluster that each edge of `joint` is inside.
    joint : sparse array of shape (n_cells, n_cells)
        Symmetric joint distribution; its edges.
    others : ndarray of shape (m, n_cells)
        Labelings that cut the clusters.
    n_clusters : int
        Number of clusters.
    """
    n_labels = others.max() + 1
    clusters = inside + n_clusters * np.arange(len(others))[:, None]
    row = clusters * n_labels + others[:, joint.row]
    total = np.maximum(np.bincount(inside, joint.data, n_clusters), 1e-300)
    total, weights = np.tile(total, len(others)), np.tile(joint.data, len(others))
    entropy = _compute_entropy(row, weights, total, n_labels)
    pair = row * n_labels + others[:, joint.col]
    joint_entropy = _compute_entropy(pair, weights, total, n_labels**2)
    lost = np.clip((joint_entropy - entropy) / np.maximum(entropy, 1e-12), 0, 1)
    return np.stack([np.maximum(entropy, 0), lost], axis=1).reshape(len(others), n_clusters, 2)


def _compute_entropy(
    codes: np.ndarray, weights: np.ndarray, total: np.ndarray, n_codes: int
) -> np.ndarray:
    """Return the entropy of weighted codes in each cluster, which has `n_codes` of its own."""
    codes, size = codes.ravel(), len(total) * n_codes
    if size <= _DENSE_FACTOR * len(codes):
        sums = xlogx(np.bincount(codes, weights, size)).reshape(-1, n_codes).sum(axis=1)
    else:
        found, places = np.unique(codes, return_inverse=True)
        terms = xlogx(np.bincount(places, weights))
        sums = np.bincount(found // n_codes, terms, len(total))
    return np.log(total) - sums / total


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

    `NeighborClusterer` chooses among its candidates by this score, and by how well a candidate
    agrees with the others. It is for clusterings of the same number of clusters, the more of them
    the better: each is cut by all others.

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
        Seed of the subset, the principal components and the halves of the features.

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

        log(cheapest / lost) - 0.5 u / (u + 0.02),    u = 1 - H / log k

    The first term asks whether the borders cost less than any others would: a clustering that
    merges two clusters is given away by those that divide them, since that cut is cheap. A random
    neighbor is one in a random half of the features, unless there are fewer than four, or more than
    400: clusters show in any half, a single feature in one of two. The second term is zero if the
    clusters have the same size, and nearly constant if they do not: of clusterings whose borders
    cost about the same, the one of even sizes is preferred.

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
    neighbors = find_neighbors(samples, n_neighbors, random_state, metric)
    if neighbors.graph is None:  # there is only one sample
        return np.zeros(len(distinct))
    halves = connect_by_halves(neighbors, np.random.RandomState(random_state))
    return compute_border_scores(measure_costs(halves, samples.sample_weight, distinct))


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
