"""Model selection without labels: scorers, generalizability and the number of clusters."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.utils import check_array, check_random_state, resample

from skdec._scorers import (
    CalinskiHarabaszScorer,
    DaviesBouldinScorer,
    NeighborInformationScorer,
    SilhouetteScorer,
    clustering_accuracy_scorer,
    generalizability,
)
from skdec._utils.constraints import Integer
from skdec._utils.containers import check_samples
from skdec._utils.data import DistinctSamples
from skdec._utils.text_table import format_table
from skdec._utils.threads import count_usable_threads, run_in_threads
from skdec.cluster._graph import find_neighbors
from skdec.cluster._search import SETTINGS, Clustering, search_clusters
from skdec.display import ClusterCountDisplay
from skdec.metrics import convert_labels

__all__ = [
    "CalinskiHarabaszScorer",
    "ClusterCountChoice",
    "DaviesBouldinScorer",
    "NeighborInformationScorer",
    "SilhouetteScorer",
    "choose_n_clusters",
    "clustering_accuracy_scorer",
    "generalizability",
]


@dataclass(frozen=True, eq=False)
class ClusterCountChoice:
    """Result of `choose_n_clusters` for each number of clusters; prints as a table.

    Parameters
    ----------
    recommended : int
        The number of clusters after which each further cluster adds less than all before it.
    n_clusters : ndarray of shape (n_counts,), int
        The numbers of clusters, in ascending order.
    score : ndarray of shape (n_counts, n_seeds), float
        Score of the best clustering with this number, as that of `DECClusterer.score`, in nats.
    gain : ndarray of shape (n_counts,), float
        What the last cluster adds to the score, averaged over the seeds, relative to
        log(k / (k - 1)), what it adds if k clusters of the same size are far apart.
    contrast : ndarray of shape (n_counts,), float
        Smallest gain up to this number minus the largest gain after it. The recommended number has
        the greatest contrast.
    lost : ndarray of shape (n_counts, n_seeds), float
        Information on a sample's cluster that is lost in the step to a neighbor, in nats.
    agreement : ndarray of shape (n_counts,), float
        Mean adjusted Rand index between the clusterings of two seeds.
    nmi : ndarray of shape (n_counts, n_seeds), float, or None
        Normalized mutual information with the classes; None if there are none.

    See Also
    --------
    choose_n_clusters : Compute it.
    skdec.display.ClusterCountDisplay : Plot it.
    """

    recommended: int
    n_clusters: np.ndarray
    score: np.ndarray
    gain: np.ndarray
    contrast: np.ndarray
    lost: np.ndarray
    agreement: np.ndarray
    nmi: np.ndarray | None = None

    def to_dict(self) -> dict[str, list[Any]]:
        """Return the table as lists of plain numbers, averaged over the seeds.

        Returns
        -------
        dict of list
            One list for each column, as the constructor of ``pandas.DataFrame`` accepts it.
        """
        columns = {name: values for name, values in vars(self).items() if name != "recommended"}
        return {
            name: (values if values.ndim == 1 else values.mean(axis=1)).tolist()
            for name, values in columns.items()
            if values is not None
        }

    def __str__(self) -> str:
        """Return a table, the recommended number of clusters marked by a star."""
        columns = self.to_dict()
        rows = [list(columns)]
        for count, *scores in zip(*columns.values(), strict=True):
            star = "*" if count == self.recommended else ""
            rows.append([f"{star}{count}", *(f"{score:.3f}" for score in scores)])
        return format_table(rows, align_left=0)

    def plot(self, *, ax: Any = None) -> ClusterCountDisplay:
        """Plot gain, agreement and, if available, NMI over the number of clusters.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to plot on. If None, a new figure is created.

        Returns
        -------
        skdec.display.ClusterCountDisplay
            The plot.
        """
        return ClusterCountDisplay.from_choice(self, ax=ax)


def choose_n_clusters(
    X: Any,
    y: Any = None,
    *,
    n_clusters: Iterable[int] = range(2, 16),
    n_seeds: int = 3,
    n_neighbors: int = 10,
    max_samples: int | None = 20_000,
    random_state: Any = None,
) -> ClusterCountChoice:
    """Recommend a number of clusters, without fitting a network and without labels.

    The search that initializes `DECClusterer` merges small clusters pair by pair, so one run finds
    a clustering for every number of clusters. It is run for each seed.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The samples. They are used as given: scale them beforehand if needed.
    y : array-like of shape (n_samples,), default=None
        Classes, used for the NMI only: the recommendation does not depend on them.
    n_clusters : iterable of int, default=range(2, 16)
        The numbers of clusters to choose from, each at least 2.
    n_seeds : int, default=3
        Number of seeds, at least 2.
    n_neighbors : int, default=10
        Number of nearest neighbors of each sample, as in `DECClusterer`.
    max_samples : int or None, default=20000
        If there are more samples, a random subset of this size is used; None uses all samples.
    random_state : int, RandomState instance or None, default=None
        Seed from which all others are generated.

    Returns
    -------
    ClusterCountChoice
        The recommendation and the scores that it is based on.

    Raises
    ------
    TypeError, ValueError
        If a number of clusters, seeds, neighbors or samples is no integer or too small, there are
        not more distinct samples than clusters, or `X` or `y` is not valid.

    See Also
    --------
    generalizability : Criterion of the paper.
    NeighborInformationScorer : Score of one clustering.

    Notes
    -----
    The score of a clustering is I (I / H), where I is the mutual information between the clusters
    of a sample and of a random neighbor of it, and H the entropy of the clusters. If there are k
    clusters of the same size that are far apart, it is log(k), so each adds log(k / (k - 1)); the
    gain is relative to that. A cluster that is divided where samples are dense separates neighbors,
    and the gain is small. The recommended number separates large gains from small ones best: the
    contrast is the smallest gain up to it minus the largest one after it.

    Neither the generalizability of the paper, which hardly changes with the number, nor the
    agreement of the seeds decides, although both tell more about a single number. The
    recommendation is misleading if there are no clusters at all: some number always has the
    greatest contrast. If it is small or negative, no number stands out.

    References
    ----------
    N. Slonim and N. Tishby, "Agglomerative information bottleneck", NIPS 1999, for the merging.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from skdec.model_selection import choose_n_clusters
    >>> X, _ = make_blobs(200, n_features=5, centers=3, random_state=0)
    >>> choose_n_clusters(X, n_clusters=range(2, 7), random_state=0).recommended
    3
    """
    X = check_array(check_samples(X), accept_sparse="csr")
    counts = _list_counts(n_clusters)
    Integer(2).check("n_seeds", n_seeds)
    Integer(1).check("n_neighbors", n_neighbors)
    if max_samples is not None:
        Integer(1).check("max_samples", max_samples)
    classes = None if y is None else convert_labels(y, "y")
    if classes is not None and len(classes) != X.shape[0]:
        raise ValueError(f"y has {len(classes)} labels, but X has {X.shape[0]} samples.")

    random_state = check_random_state(random_state)
    indices = np.arange(X.shape[0])
    if max_samples is not None and len(indices) > max_samples:
        X, indices = resample(
            X, indices, replace=False, n_samples=max_samples, random_state=random_state
        )
    samples = DistinctSamples(X)
    if counts[-1] >= samples.shape[0]:
        raise ValueError(
            "n_clusters must be below the number of distinct samples, "
            f"{samples.shape[0]}; got {counts[-1]}."
        )
    graph_seed, *seeds = random_state.randint(np.iinfo(np.int32).max, size=1 + n_seeds).tolist()
    graph, points, *_ = find_neighbors(samples, n_neighbors, graph_seed)
    assert graph is not None
    assert points is not None

    def search(seed: int) -> list[Clustering]:
        """Return the best clustering for each number from 1 to one above the largest count."""
        runs = search_clusters(
            points,
            graph,
            counts[-1] + 1,
            samples.sample_weight,
            len(SETTINGS),
            np.random.RandomState(seed),
            min_clusters=1,
        )
        numbers = range(1, counts[-1] + 2)
        found = {k: [run.by_number[k] for run in runs if k in run.by_number] for k in numbers}
        missing = [k for k in numbers if not found[k]]
        if missing:
            raise ValueError(
                f"No clustering of {missing[0]} clusters was found: almost all samples are equal "
                "on the scale of a few that are far from them. Remove or clip these, or scale X."
            )
        return [max(found[k], key=_get_score) for k in numbers]

    by_seed = run_in_threads(search, seeds, min(n_seeds, count_usable_threads()))
    found = list(zip(*by_seed, strict=True))  # for each number, the clusterings of all seeds
    score = np.array([[clustering.score for clustering in row] for row in found])
    lost = np.array([[one.entropy - one.information for one in row] for row in found])
    gain = _compute_gains(score.mean(axis=1))
    contrast = _compute_contrasts(gain)
    labels = [[samples.expand(clustering.labels)[0] for clustering in row] for row in found]
    nmi = None
    if classes is not None:
        nmi = np.array(
            [
                [normalized_mutual_info_score(classes[indices], one) for one in labels[k - 1]]
                for k in counts
            ]
        )
    selected = np.array(counts)
    return ClusterCountChoice(
        recommended=counts[int(contrast[selected - 2].argmax())],
        n_clusters=selected,
        score=score[selected - 1],
        gain=gain[selected - 2],
        contrast=contrast[selected - 2],
        lost=lost[selected - 1],
        agreement=np.array([_compute_agreement(labels[k - 1]) for k in counts]),
        nmi=nmi,
    )


def _list_counts(n_clusters: Any) -> list[int]:
    """Return the numbers to choose from in ascending order, each once."""
    try:
        counts = list(n_clusters)
    except TypeError as error:
        raise TypeError(
            "n_clusters must be several numbers of clusters to choose from, such as "
            f"range(2, 16); got {n_clusters!r}."
        ) from error
    for count in counts:
        Integer(2).check("each of n_clusters", count)
    if not counts:
        raise ValueError("n_clusters must name at least one number of clusters; got none.")
    return sorted({int(count) for count in counts})


def _get_score(clustering: Clustering) -> float:
    return clustering.score


def _compute_gains(score: np.ndarray) -> np.ndarray:
    """Return the gain (n - 1,) of 2, 3, ... clusters from the scores (n,) of 1, 2, ..."""
    k = np.arange(2, len(score) + 1)
    return np.diff(score) / np.log(k / (k - 1))


def _compute_contrasts(gain: np.ndarray) -> np.ndarray:
    """Return the smallest gain up to each number minus the largest one after it, (n - 1,)."""
    smallest = np.minimum.accumulate(gain)
    largest = np.maximum.accumulate(gain[::-1])[::-1]
    return smallest[:-1] - largest[1:]


def _compute_agreement(labelings: Sequence[np.ndarray]) -> float:
    return float(np.mean([adjusted_rand_score(a, b) for a, b in combinations(labelings, 2)]))
