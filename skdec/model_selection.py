"""Model selection without labels: scorers, generalizability and the number of clusters."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics import normalized_mutual_info_score
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
from skdec._utils.threads import use_one_thread
from skdec.cluster._graph import find_neighbors
from skdec.cluster._number import MIN_CONTRAST, choose_number, compare_numbers
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

# A number is nearly as good if its contrast times agreement is above this fraction of the best.
_CLOSE = 0.9


@dataclass(frozen=True, eq=False)
class ClusterCountChoice:
    """Result of `choose_n_clusters` for each number of clusters; prints as a table.

    Parameters
    ----------
    recommended : int
        The number of clusters of the greatest contrast times agreement; 1 if that is at most 1.25,
        so that no number stands out.
    n_clusters : ndarray of shape (n_counts,), int
        The numbers of clusters, in ascending order.
    contrast : ndarray of shape (n_counts,), float
        How many times cheaper the borders are than the cheapest cuts through the clusters, relative
        to what is found in samples without clusters. Mean over the seeds.
    agreement : ndarray of shape (n_counts,), float
        Mean adjusted Rand index between the clusterings of two seeds.
    lost : ndarray of shape (n_counts, n_seeds), float
        Fraction of the information on a sample's cluster that is lost in the step to a neighbor.
    cheapest : ndarray of shape (n_counts, n_seeds), float
        Fraction that the cheapest cuts through the clusters lose.
    nmi : ndarray of shape (n_counts, n_seeds), float, or None
        Normalized mutual information with the classes; None if there are none.

    See Also
    --------
    choose_n_clusters : Compute it.
    skdec.display.ClusterCountDisplay : Plot it.
    """

    recommended: int
    n_clusters: np.ndarray
    contrast: np.ndarray
    agreement: np.ndarray
    lost: np.ndarray
    cheapest: np.ndarray
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
        """Return a table, the recommended number marked by a star, and what it says."""
        columns = self.to_dict()
        rows = [list(columns)]
        for count, *scores in zip(*columns.values(), strict=True):
            star = "*" if count == self.recommended else ""
            rows.append([f"{star}{count}", *(f"{score:.3f}" for score in scores)])
        return f"{format_table(rows, align_left=0)}\n\n{self._describe()}"

    def _describe(self) -> str:
        values = self.contrast * self.agreement
        if self.recommended == 1:
            return (
                "No number of clusters stands out: contrast times agreement is at most "
                f"{values.max():.2f}, and above {MIN_CONTRAST} where there are clusters."
            )
        others = np.delete(values, values.argmax())
        close = self.n_clusters[values > _CLOSE * values.max()]
        statement = f"{self.recommended} clusters: contrast times agreement is {values.max():.2f}"
        if len(close) > 1:
            numbers = ", ".join(map(str, close))
            return (
                f"{statement}, and nearly the same for all of {numbers}: none of them stands out."
            )
        return f"{statement}, {others.max():.2f} at most for others." if len(others) else statement

    def plot(self, *, ax: Any = None) -> ClusterCountDisplay:
        """Plot contrast, agreement and, if available, NMI over the number of clusters.

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
    n_clusters: Iterable[int] = range(2, 21),
    n_seeds: int = 3,
    n_neighbors: int = 10,
    max_samples: int | None = 20_000,
    random_state: Any = None,
) -> ClusterCountChoice:
    """Recommend a number of clusters, without fitting a network and without labels.

    `NeighborClusterer` merges clusters pair by pair, so one run finds a clustering for every number
    of clusters. The clusterings of all numbers and seeds are compared with each other.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The samples. They are used as given: scale them beforehand if needed.
    y : array-like of shape (n_samples,), default=None
        Classes, used for the NMI only: the recommendation does not depend on them.
    n_clusters : iterable of int, default=range(2, 21)
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
    Let H be the entropy of the clusters, and I the mutual information between the clusters of a
    sample and of a random neighbor of it. The borders lose (H - I) / H of the information. Each
    cluster is cut as every other clustering would cut it; the cheapest of these cuts, of at least
    0.35 nats, tells what a border costs where there is none. Their geometric mean over the clusters
    is small if there are too few clusters, because two of them are merged; with too many, the
    borders themselves are dear. The contrast of k clusters is

        cheapest / lost / k^0.4

    The last factor is about the largest ratio that is found by chance in uniform and normal samples
    of two features, less in more. The contrast is multiplied by the agreement of the seeds. If that
    is above 1.25 for no number, one cluster is recommended. Printing the result tells whether other
    numbers are nearly as good.

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
    n_neighbors = min(n_neighbors, samples.shape[0] - 1)
    neighbors = find_neighbors(samples, n_neighbors, graph_seed)

    with use_one_thread():
        found = compare_numbers(neighbors, counts, samples.sample_weight, seeds)
    nmi = None
    if classes is not None:
        known = classes[indices]
        nmi = np.array(
            [
                [normalized_mutual_info_score(known, samples.expand(one)[0]) for one in each.labels]
                for each in found
            ]
        )
    return ClusterCountChoice(
        recommended=choose_number(found),
        n_clusters=np.array(counts),
        contrast=np.array([one.contrast for one in found]),
        agreement=np.array([one.agreement for one in found]),
        lost=np.stack([one.lost for one in found]),
        cheapest=np.stack([one.cheapest for one in found]),
        nmi=nmi,
    )


def _list_counts(n_clusters: Any) -> list[int]:
    """Return the numbers to choose from in ascending order, each once."""
    try:
        counts = list(n_clusters)
    except TypeError as error:
        raise TypeError(
            "n_clusters must be several numbers of clusters to choose from, such as "
            f"range(2, 21); got {n_clusters!r}."
        ) from error
    for count in counts:
        Integer(2).check("each of n_clusters", count)
    if not counts:
        raise ValueError("n_clusters must name at least one number of clusters; got none.")
    return sorted({int(count) for count in counts})
