"""Searching for parameters without labels: scorers, generalizability, the number of clusters."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import combinations
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from warnings import catch_warnings, simplefilter

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.model_selection import train_test_split
from sklearn.neighbors import kneighbors_graph
from sklearn.utils import check_random_state, resample
from threadpoolctl import threadpool_limits

from skdec._dec import DECClusterer
from skdec._scorers import (
    CalinskiHarabaszScorer,
    DaviesBouldinScorer,
    SilhouetteScorer,
    clustering_accuracy_scorer,
    generalizability,
)
from skdec._validation import check_integer
from skdec.display import ClusterCountDisplay
from skdec.metrics import label_array

__all__ = [
    "CalinskiHarabaszScorer",
    "ClusterCountChoice",
    "DaviesBouldinScorer",
    "SilhouetteScorer",
    "choose_n_clusters",
    "clustering_accuracy_scorer",
    "generalizability",
]

# The validation set of the paper: rows that no fit sees.
_VALIDATION_SHARE = 0.2
# Leaks are measured among neighbours in the leading principal components of a sample of the rows.
_LEAK_ROWS = 10_000
_LEAK_COMPONENTS = 50
_LEAK_NEIGHBORS = 10
# Leaks far below one percent are all none: their ratios tell nothing.
_NO_LEAK = 0.01


@dataclass(frozen=True, eq=False)
class ClusterCountChoice:
    """
    What `choose_n_clusters` measured at each number of clusters; prints as a table.

    Parameters
    ----------
    recommended : int
        The number of clusters with the greatest `evidence`.
    n_clusters : ndarray of shape (n_counts,), int
        The numbers of clusters, ascending.
    evidence : ndarray of shape (n_counts,), float
        Stability times the rise of the leak at the next number of clusters.
    stability : ndarray of shape (n_counts,), float
        Mean adjusted Rand index of the labels of all rows, over the pairs of seeds.
    leak : ndarray of shape (n_counts, n_seeds), float
        Share of the nearest neighbours of a cluster's rows that lie in other clusters, the
        greatest among the clusters.
    silhouette : ndarray of shape (n_counts, n_seeds), float
        Silhouette of the labels in the input.
    generalizability : ndarray of shape (n_counts, n_seeds), float
        Training loss over validation loss.
    n_found : ndarray of shape (n_counts, n_seeds), int
        Clusters that have rows.
    nmi : ndarray of shape (n_counts, n_seeds), float, or None
        Normalised mutual information with the classes; None where there are none.

    See Also
    --------
    choose_n_clusters : Makes it.
    skdec.display.ClusterCountDisplay : Draws it.
    """

    recommended: int
    n_clusters: np.ndarray
    evidence: np.ndarray
    stability: np.ndarray
    leak: np.ndarray
    silhouette: np.ndarray
    generalizability: np.ndarray
    n_found: np.ndarray
    nmi: np.ndarray | None = None

    def to_dict(self) -> dict[str, list[Any]]:
        """
        Return the table as columns of plain numbers, means over the seeds.

        Returns
        -------
        dict of list
            ``pandas.DataFrame`` takes it as it is.
        """
        columns = {name: values for name, values in vars(self).items() if name != "recommended"}
        return {
            name: (values if values.ndim == 1 else values.mean(axis=1)).tolist()
            for name, values in columns.items()
            if values is not None
        }

    def __str__(self) -> str:
        """Return an aligned table, the recommended number of clusters marked by a star."""
        columns = self.to_dict()
        lines = [list(columns)]
        for count, *scores in zip(*columns.values(), strict=True):
            star = "*" if count == self.recommended else ""
            lines.append([f"{star}{count}", *(f"{score:.3f}" for score in scores)])
        widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
            for line in lines
        )

    def plot(self, *, ax: Any = None) -> ClusterCountDisplay:
        """
        Draw stability, leak, silhouette and, if known, NMI over the number of clusters.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        skdec.display.ClusterCountDisplay
            The drawing.
        """
        return ClusterCountDisplay.from_choice(self, ax=ax)


def choose_n_clusters(
    X: Any,
    y: Any = None,
    *,
    n_clusters: Sequence[int] = range(2, 11),
    estimator: DECClusterer | None = None,
    n_seeds: int = 3,
    memory: Any = None,
    n_jobs: int | None = None,
    random_state: Any = None,
) -> ClusterCountChoice:
    """
    Fit DEC with several numbers of clusters and recommend one, without labels.

    Each seed splits the rows anew into four fifths to train on and a fifth to validate, pretrains
    one autoencoder on the former, and refines it once for each number of clusters.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The rows. They are used as they are: scale them before, if they need it.
    y : array-like of shape (n_samples,), default=None
        Classes, for measuring only: the recommendation does not see them.
    n_clusters : sequence of int, default=range(2, 11)
        The numbers of clusters, each at least 2. One more than the greatest is fitted as well,
        for comparison.
    estimator : DECClusterer, default=None
        Its other parameters. It is not fitted itself; `n_clusters`, `memory` and `random_state`
        are set on copies. None is ``DECClusterer()``.
    n_seeds : int, default=3
        Number of seeds, at least 2. As many autoencoders are pretrained.
    memory : str, pathlib.Path or joblib.Memory, default=None
        Where pretrained weights are kept. None takes that of `estimator`, or if there is none a
        folder that lives as long as the call.
    n_jobs : int, default=None
        Fits at work at the same time, as joblib counts.
    random_state : int, RandomState instance or None, default=None
        Seed of the seeds.

    Returns
    -------
    ClusterCountChoice
        The recommendation and what it rests on.

    Raises
    ------
    ValueError
        If a number of clusters or of seeds is too small, there are fewer training rows than
        clusters, or `y` does not fit to `X`.
    TypeError
        If `estimator` is no `DECClusterer`.

    See Also
    --------
    generalizability : Training loss over validation loss.

    Notes
    -----
    The recommended number has the greatest evidence, stability times rise:

    - stability is the mean adjusted Rand index between the labels that the seeds give to all
      rows. Seeds differ in everything that chance decides: rows, autoencoder, start, order.
    - the leak of a cluster is the share of its rows' 10 nearest neighbours (in the 50 leading
      principal components of the rows) that lie in other clusters; counted is the cluster that
      leaks most. The rise is (leak at the next number + 0.01) / (leak at this number + 0.01). A
      cluster too many has to be cut through dense ground, so the leak rises right after the
      number that the data have. Where numbers are left out, the rise is taken per step.

    Measured with a small network and three seeds on digits, five subsets of its classes and six
    sets of Gaussian blobs (3 to 8 clusters), the rule is right on nine of the twelve and next to
    it on two (digits: 9 of 10). It fails where a class has parts: of the digits 1, 3 and 9 it
    makes five clusters, as ones are written in three ways. What did worse: generalizability (flat
    on all sets, no drop anywhere), stability alone (8 on digits, and as high for two blobs as for
    the true number), the silhouette in the input (flat, 14 on digits), that in the embedding
    (falls with every cluster), the eigengap of the neighbour graph (11 on digits, two too many on
    two subsets) and modularity (rises with every cluster).

    The recommendation misleads where there are no clusters at all: some number always wins. Look
    whether its evidence stands out, and whether stability there is near 1.

    References
    ----------
    J. Xie, R. Girshick and A. Farhadi, "Unsupervised Deep Embedding for Clustering Analysis",
    ICML 2016, section 5, for the generalizability. U. von Luxburg, "Clustering stability: an
    overview", 2010, for the stability.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from skdec import DECClusterer
    >>> from skdec.model_selection import choose_n_clusters
    >>> X, _ = make_blobs(200, n_features=5, centers=3, random_state=0)
    >>> small = DECClusterer(dims=(16, 3), pretrain_epochs=20, max_iter=20)
    >>> choice = choose_n_clusters(
    ...     X / 10, n_clusters=range(2, 5), estimator=small, n_seeds=2, random_state=0
    ... )
    >>> choice.recommended
    3
    """
    estimator = DECClusterer() if estimator is None else estimator
    if not isinstance(estimator, DECClusterer):
        raise TypeError(
            f"estimator must be a DECClusterer; got {type(estimator).__name__}. Apply the steps "
            "of a Pipeline to the rows first."
        )
    X = X if hasattr(X, "shape") else np.asarray(X)
    counts = _checked_counts(n_clusters, X.shape[0])
    check_integer("n_seeds", n_seeds, 2)
    classes = None if y is None else label_array(y, "y")
    if classes is not None and len(classes) != X.shape[0]:
        raise ValueError(f"y has {len(classes)} labels, but X has {X.shape[0]} rows.")

    random_state = check_random_state(random_state)
    seeds = random_state.randint(np.iinfo(np.int32).max, size=n_seeds).tolist()
    neighborhood = _neighborhood(X, random_state)
    memory = estimator.memory if memory is None else memory
    with TemporaryDirectory(prefix="skdec-") if memory is None else nullcontext(memory) as cache:
        fits = _measured_fits(estimator, X, counts, seeds, cache, neighborhood, n_jobs)
    stability = np.array([_agreement([fit.labels for fit in of_count]) for of_count in fits[:-1]])
    leak = _table(fits, "leak")
    evidence = stability * _rise(leak.mean(axis=1), counts)
    nmi = None
    if classes is not None:
        nmi = np.array(
            [[normalized_mutual_info_score(classes, fit.labels) for fit in row] for row in fits]
        )[:-1]
    return ClusterCountChoice(
        recommended=counts[int(evidence.argmax())],
        n_clusters=np.array(counts[:-1]),
        evidence=evidence,
        stability=stability,
        leak=leak[:-1],
        silhouette=_table(fits, "silhouette")[:-1],
        generalizability=_table(fits, "generalizability")[:-1],
        n_found=_table(fits, "n_found")[:-1],
        nmi=nmi,
    )


class _Neighborhood(NamedTuple):
    """A sample of the rows: their indices (m,), and of each its neighbours in the sample."""

    rows: np.ndarray
    neighbors: np.ndarray


class _MeasuredFit(NamedTuple):
    labels: np.ndarray
    leak: float
    silhouette: float
    generalizability: float
    n_found: int


def _checked_counts(n_clusters: Sequence[int], n_rows: int) -> list[int]:
    """The numbers of clusters to fit: those given, ascending, and one more to compare with."""
    for count in n_clusters:
        check_integer("each of n_clusters", count, 2)
    counts = sorted({int(count) for count in n_clusters})
    if not counts:
        raise ValueError("n_clusters must name at least one number of clusters; got none.")
    n_train = n_rows - int(np.ceil(_VALIDATION_SHARE * n_rows))
    if counts[-1] >= n_train:
        raise ValueError(
            f"n_clusters must be below the number of training rows, {n_train} of {n_rows}; got "
            f"{counts[-1]}."
        )
    return [*counts, counts[-1] + 1]


def _measured_fits(
    estimator: DECClusterer,
    X: Any,
    counts: Sequence[int],
    seeds: Sequence[int],
    memory: Any,
    neighborhood: _Neighborhood,
    n_jobs: int | None,
) -> list[list[_MeasuredFit]]:
    """Measured fits, for each number of clusters one of each seed."""
    parallel = Parallel(n_jobs=n_jobs)
    fits = []
    # The fits of the first number pretrain for all. The seeds of one number follow each other,
    # so that they share its compiled programs.
    for several in (counts[:1], counts[1:]):
        fits += parallel(
            delayed(_measured_fit)(estimator, X, count, seed, memory, neighborhood)
            for count in several
            for seed in seeds
        )
    return [fits[start : start + len(seeds)] for start in range(0, len(fits), len(seeds))]


def _measured_fit(
    estimator: DECClusterer,
    X: Any,
    n_clusters: int,
    seed: int,
    memory: Any,
    neighborhood: _Neighborhood,
) -> _MeasuredFit:
    train, validation = train_test_split(X, test_size=_VALIDATION_SHARE, random_state=seed)
    dec = clone(estimator).set_params(n_clusters=n_clusters, memory=memory, random_state=seed)
    with catch_warnings():
        # Clusters without rows are expected of numbers too large; the table counts them.
        simplefilter("ignore", ConvergenceWarning)
        dec.fit(train)
    labels = dec.predict(X)
    return _MeasuredFit(
        labels,
        _greatest_leak(labels, neighborhood),
        SilhouetteScorer()(dec, X),
        generalizability(dec, train, validation),
        len(np.unique(labels)),
    )


def _neighborhood(X: Any, random_state: np.random.RandomState) -> _Neighborhood:
    n_rows = min(X.shape[0], _LEAK_ROWS)
    sample, rows = resample(
        X, np.arange(X.shape[0]), replace=False, n_samples=n_rows, random_state=random_state
    )
    n_neighbors = min(_LEAK_NEIGHBORS, n_rows - 1)
    # Several threads add up in changing order, and reach ties between neighbours.
    with threadpool_limits(1):
        if sample.shape[1] > _LEAK_COMPONENTS:
            method = TruncatedSVD if hasattr(sample, "tocsr") else PCA
            n_components = min(_LEAK_COMPONENTS, n_rows)
            sample = method(n_components, random_state=random_state).fit_transform(sample)
        graph = kneighbors_graph(sample, n_neighbors)
    return _Neighborhood(rows, graph.indices.reshape(n_rows, n_neighbors))


def _greatest_leak(labels: np.ndarray, neighborhood: _Neighborhood) -> float:
    """Leak of the cluster that leaks most, from 0 to 1."""
    labels = labels[neighborhood.rows]
    leaks = np.mean(labels[neighborhood.neighbors] != labels[:, None], axis=1)
    sizes = np.bincount(labels)
    return float(np.max(np.bincount(labels, leaks)[sizes > 0] / sizes[sizes > 0]))


def _rise(leak: np.ndarray, counts: Sequence[int]) -> np.ndarray:
    """Factor by which the leak (n_counts + 1,) grows with the next cluster, one a number."""
    floored = leak + _NO_LEAK
    return (floored[1:] / floored[:-1]) ** (1 / np.diff(counts))


def _agreement(labelings: Sequence[np.ndarray]) -> float:
    return float(np.mean([adjusted_rand_score(a, b) for a, b in combinations(labelings, 2)]))


def _table(fits: Sequence[Sequence[_MeasuredFit]], name: str) -> np.ndarray:
    return np.array([[getattr(fit, name) for fit in of_count] for of_count in fits])
