"""Model selection without labels: scorers, generalizability and the number of clusters."""

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

from skdec._constraints import Integer
from skdec._estimator import DECClusterer
from skdec._scorers import (
    CalinskiHarabaszScorer,
    DaviesBouldinScorer,
    SilhouetteScorer,
    clustering_accuracy_scorer,
    generalizability,
)
from skdec._text_table import format_table
from skdec.display import ClusterCountDisplay
from skdec.metrics import convert_labels

__all__ = [
    "CalinskiHarabaszScorer",
    "ClusterCountChoice",
    "DaviesBouldinScorer",
    "SilhouetteScorer",
    "choose_n_clusters",
    "clustering_accuracy_scorer",
    "generalizability",
]

# Fraction of the samples that are held out to compute the generalizability, as in the paper.
_VALIDATION_FRACTION = 0.2
# Leaks are computed from nearest neighbors within a random subset, in its leading principal
# components.
_MAX_LEAK_SAMPLES = 10_000
_MAX_LEAK_COMPONENTS = 50
_N_LEAK_NEIGHBORS = 10
# Added to all leaks: ratios of leaks far below one percent are meaningless.
_LEAK_OFFSET = 0.01


@dataclass(frozen=True, eq=False)
class ClusterCountChoice:
    """Result of `choose_n_clusters` for each number of clusters; prints as a table.

    Parameters
    ----------
    recommended : int
        The number of clusters with the greatest `evidence`.
    n_clusters : ndarray of shape (n_counts,), int
        The numbers of clusters, in ascending order.
    evidence : ndarray of shape (n_counts,), float
        Stability times the increase of the leak at the next number of clusters.
    stability : ndarray of shape (n_counts,), float
        Mean adjusted Rand index between the labels of all samples, over the pairs of seeds.
    leak : ndarray of shape (n_counts, n_seeds), float
        Fraction of the nearest neighbors of a cluster's samples that are in other clusters, the
        maximum over the clusters.
    silhouette : ndarray of shape (n_counts, n_seeds), float
        Silhouette of the labels in the input space.
    generalizability : ndarray of shape (n_counts, n_seeds), float
        Ratio of training loss to validation loss.
    n_found : ndarray of shape (n_counts, n_seeds), int
        Number of clusters that are not empty.
    nmi : ndarray of shape (n_counts, n_seeds), float, or None
        Normalized mutual information with the classes; None if there are none.

    See Also
    --------
    choose_n_clusters : Compute it.
    skdec.display.ClusterCountDisplay : Plot it.
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
        """Plot stability, leak, silhouette and, if available, NMI over the number of clusters.

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
    n_clusters: Sequence[int] = range(2, 11),
    estimator: DECClusterer | None = None,
    n_seeds: int = 3,
    memory: Any = None,
    n_jobs: int | None = None,
    random_state: Any = None,
) -> ClusterCountChoice:
    """Fit DEC with several numbers of clusters and recommend one, without labels.

    For each seed, the samples are split into 80 % for training and 20 % for validation, one
    autoencoder is pretrained on the training samples, and it is refined once for each number of
    clusters.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The samples. They are used as given: scale them beforehand if needed.
    y : array-like of shape (n_samples,), default=None
        Classes, used for the NMI only: the recommendation does not depend on them.
    n_clusters : sequence of int, default=range(2, 11)
        The numbers of clusters, each at least 2. One more than the greatest is fitted as well,
        for comparison.
    estimator : DECClusterer, default=None
        Estimator with the other parameters. It is not fitted itself; `n_clusters`, `memory` and
        `random_state` are set on copies. None is ``DECClusterer()``.
    n_seeds : int, default=3
        Number of seeds, at least 2, and of autoencoders to pretrain.
    memory : str, pathlib.Path or joblib.Memory, default=None
        Cache for the pretrained weights. None is that of `estimator`, or if it has none a
        temporary directory that is deleted at the end.
    n_jobs : int, default=None
        Number of fits to run in parallel, as in joblib.
    random_state : int, RandomState instance or None, default=None
        Seed from which the seeds are generated.

    Returns
    -------
    ClusterCountChoice
        The recommendation and the scores that it is based on.

    Raises
    ------
    ValueError
        If a number of clusters or of seeds is too small, there are fewer training samples than
        clusters, or `y` does not match `X`.
    TypeError
        If `estimator` is not a `DECClusterer`.

    See Also
    --------
    generalizability : Ratio of training loss to validation loss.

    Notes
    -----
    The recommended number has the greatest evidence, the product of stability and increase of the
    leak:

    - The stability is the mean adjusted Rand index between the labels of all samples that result
      from different seeds. Seeds change everything that is random: the training samples, the
      autoencoder, the initialization and the batches.
    - The leak of a cluster is the fraction of its samples' 10 nearest neighbors (in the 50 leading
      principal components of the input) that are in other clusters; the leak is that of the
      cluster with the maximum. Its increase is (leak at the next number + 0.01) / (leak at this
      number + 0.01). If there are more clusters than the data have, one has to be split at high
      density, so the leak increases right after the true number. If numbers are left out, the
      increase is the geometric mean per cluster.

    Measured with a small network and three seeds on digits, five subsets of its classes and six
    sets of Gaussian blobs (3 to 8 clusters), the rule is right on nine of the twelve and off by
    one on two (digits: 9 instead of 10). It fails if a class has parts: of the digits 1, 3 and 9 it
    makes five clusters, as ones are written in three ways. The alternatives were worse:
    generalizability (constant on all sets, no drop anywhere), stability alone (8 on digits, and as
    high for two blobs as for the true number), the silhouette in the input (flat, 14 on digits),
    that in the embedding (decreases with each cluster), the eigengap of the neighbor graph (11 on
    digits, two too many on two subsets) and modularity (increases with each cluster).

    The recommendation is misleading if there are no clusters at all: some number always has the
    greatest evidence. Check that its evidence stands out, and that its stability is near 1.

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
            f"estimator must be a DECClusterer; got {type(estimator).__name__}. If it is a "
            "Pipeline, transform X by its first steps beforehand."
        )
    X = X if hasattr(X, "shape") else np.asarray(X)
    counts = _check_counts(n_clusters, X.shape[0])
    Integer(2).check("n_seeds", n_seeds)
    classes = None if y is None else convert_labels(y, "y")
    if classes is not None and len(classes) != X.shape[0]:
        raise ValueError(f"y has {len(classes)} labels, but X has {X.shape[0]} samples.")

    random_state = check_random_state(random_state)
    seeds = random_state.randint(np.iinfo(np.int32).max, size=n_seeds).tolist()
    neighborhood = _find_neighborhood(X, random_state)
    memory = estimator.memory if memory is None else memory
    with TemporaryDirectory(prefix="skdec-") if memory is None else nullcontext(memory) as cache:
        fits = _fit_all(estimator, X, counts, seeds, cache, neighborhood, n_jobs)
    stability = np.array([_compute_stability([fit.labels for fit in row]) for row in fits[:-1]])
    leak = _collect(fits, "leak")
    evidence = stability * _compute_increase(leak.mean(axis=1), counts)
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
        silhouette=_collect(fits, "silhouette")[:-1],
        generalizability=_collect(fits, "generalizability")[:-1],
        n_found=_collect(fits, "n_found")[:-1],
        nmi=nmi,
    )


class _Neighborhood(NamedTuple):
    """A random subset of the samples: their indices (m,), and their neighbors within it (m, k)."""

    indices: np.ndarray
    neighbors: np.ndarray


class _Fit(NamedTuple):
    """Labels of all samples and scores of one fit."""

    labels: np.ndarray
    leak: float
    silhouette: float
    generalizability: float
    n_found: int


def _check_counts(n_clusters: Sequence[int], n_samples: int) -> list[int]:
    """Return the numbers of clusters in ascending order, and one more for comparison."""
    for count in n_clusters:
        Integer(2).check("each of n_clusters", count)
    counts = sorted({int(count) for count in n_clusters})
    if not counts:
        raise ValueError("n_clusters must name at least one number of clusters; got none.")
    n_train = n_samples - int(np.ceil(_VALIDATION_FRACTION * n_samples))
    if counts[-1] >= n_train:
        raise ValueError(
            f"n_clusters must be below the number of training samples, {n_train} of {n_samples}; "
            f"got {counts[-1]}."
        )
    return [*counts, counts[-1] + 1]


def _fit_all(
    estimator: DECClusterer,
    X: Any,
    counts: Sequence[int],
    seeds: Sequence[int],
    memory: Any,
    neighborhood: _Neighborhood,
    n_jobs: int | None,
) -> list[list[_Fit]]:
    """Fit and score each number of clusters with each seed; return one list per number."""
    parallel = Parallel(n_jobs=n_jobs)
    fits = []
    # The fits of the first number pretrain the autoencoders that all others read from the cache.
    # The seeds of one number are fitted one after another, as they use the same compiled programs.
    for group in (counts[:1], counts[1:]):
        fits += parallel(
            delayed(_fit_and_score)(estimator, X, count, seed, memory, neighborhood)
            for count in group
            for seed in seeds
        )
    return [fits[start : start + len(seeds)] for start in range(0, len(fits), len(seeds))]


def _fit_and_score(
    estimator: DECClusterer,
    X: Any,
    n_clusters: int,
    seed: int,
    memory: Any,
    neighborhood: _Neighborhood,
) -> _Fit:
    train, validation = train_test_split(X, test_size=_VALIDATION_FRACTION, random_state=seed)
    dec = clone(estimator).set_params(n_clusters=n_clusters, memory=memory, random_state=seed)
    with catch_warnings():
        # Empty clusters are expected if there are too many; `n_found` counts the others.
        simplefilter("ignore", ConvergenceWarning)
        dec.fit(train)
    labels = dec.predict(X)
    return _Fit(
        labels,
        _compute_leak(labels, neighborhood),
        SilhouetteScorer()(dec, X),
        generalizability(dec, train, validation),
        len(np.unique(labels)),
    )


def _find_neighborhood(X: Any, random_state: np.random.RandomState) -> _Neighborhood:
    n_samples = min(X.shape[0], _MAX_LEAK_SAMPLES)
    subset, indices = resample(
        X, np.arange(X.shape[0]), replace=False, n_samples=n_samples, random_state=random_state
    )
    n_neighbors = min(_N_LEAK_NEIGHBORS, n_samples - 1)
    # Several threads add in varying order, and the last bits decide ties between neighbors.
    with threadpool_limits(1):
        if subset.shape[1] > _MAX_LEAK_COMPONENTS:
            reduction = TruncatedSVD if hasattr(subset, "tocsr") else PCA
            n_components = min(_MAX_LEAK_COMPONENTS, n_samples)
            subset = reduction(n_components, random_state=random_state).fit_transform(subset)
        graph = kneighbors_graph(subset, n_neighbors)
    return _Neighborhood(indices, graph.indices.reshape(n_samples, n_neighbors))


def _compute_leak(labels: np.ndarray, neighborhood: _Neighborhood) -> float:
    """Return the maximum over the clusters of the fraction of neighbors in other clusters."""
    labels = labels[neighborhood.indices]
    leaks = np.mean(labels[neighborhood.neighbors] != labels[:, None], axis=1)
    sizes = np.bincount(labels)
    return float(np.max(np.bincount(labels, leaks)[sizes > 0] / sizes[sizes > 0]))


def _compute_increase(leak: np.ndarray, counts: Sequence[int]) -> np.ndarray:
    """Return the factor by which the leak (n_counts + 1,) increases from each number to the next.

    If numbers are left out in between, the factor is that of one additional cluster.
    """
    leak = leak + _LEAK_OFFSET
    return (leak[1:] / leak[:-1]) ** (1 / np.diff(counts))


def _compute_stability(labelings: Sequence[np.ndarray]) -> float:
    return float(np.mean([adjusted_rand_score(a, b) for a, b in combinations(labelings, 2)]))


def _collect(fits: Sequence[Sequence[_Fit]], name: str) -> np.ndarray:
    """Collect one score of all fits in an array of shape (n_counts + 1, n_seeds)."""
    return np.array([[getattr(fit, name) for fit in row] for row in fits])
