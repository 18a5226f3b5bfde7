"""Model selection without labels: scorers, generalizability and the number of clusters.

A scorer is called as ``scorer(estimator, X, y)``, so it can be the ``scoring`` of `GridSearchCV`
and similar searches. The estimator is a clusterer with a `predict`, or a Pipeline that ends in one.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from scipy.special import rel_entr
from sklearn.metrics import (
    calinski_harabasz_score,
    davies_bouldin_score,
    normalized_mutual_info_score,
    silhouette_score,
)
from sklearn.utils import check_array, check_random_state, resample

from skdec._utils.data import DistinctSamples, check_samples
from skdec._utils.process import use_one_thread
from skdec._utils.terminal import format_table
from skdec._utils.validation import Constraint, Integer, Word, is_number
from skdec.cluster._graph import find_neighbors, target_distribution
from skdec.cluster._selection import MIN_CONTRAST, choose_number, compare_numbers
from skdec.describe._summary import split_pipeline, to_dense
from skdec.display import ClusterCountDisplay
from skdec.metrics import clustering_accuracy, convert_labels, neighbor_information

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
_SUBSET_SIZE = Constraint(
    "None or an integer of at least 2", lambda value: value is None or is_number(value, Integral, 2)
)


@dataclass(frozen=True, eq=False)
class ClusterCountChoice:
    """Result of `choose_n_clusters` for each number of clusters; prints as a table.

    Parameters
    ----------
    recommended : int
        The number of clusters of the greatest contrast times agreement; 1 if that is at most 1.15,
        so that no number stands out.
    n_clusters : ndarray of shape (n_counts,), int
        The numbers of clusters, in ascending order.
    contrast : ndarray of shape (n_counts,), float
        How many times cheaper the borders are than the cheapest cuts through the clusters, relative
        to what is found in samples without clusters; less for uneven sizes. Mean over the seeds.
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
    0.5 nats, tells what a border costs where there is none. Their mean over the clusters is small
    if there are too few clusters, because two of them are merged; with too many, the borders
    themselves are dear. The contrast of k clusters is

        cheapest / lost / exp(0.5 u / (u + 0.02)) / k^0.3,    u = 1 - H / log k

    that is, the exponential of `skdec.metrics.border_scores`, divided by a power of k: of many
    clusters some border is cheap by chance, also in samples without clusters. The contrast is
    multiplied by the agreement of the seeds. If that is above 1.15 for no number, one cluster is
    recommended. Printing the result tells whether other numbers are nearly as good.

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
    X, indices = _take_subset(X, np.arange(X.shape[0]), max_samples, random_state)
    samples = DistinctSamples(X)
    if counts[-1] >= samples.shape[0]:
        raise ValueError(
            "n_clusters must be below the number of distinct samples, "
            f"{samples.shape[0]}; got {counts[-1]}."
        )
    graph_seed, *seeds = random_state.randint(np.iinfo(np.int32).max, size=1 + n_seeds).tolist()
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


def clustering_accuracy_scorer(estimator: Any, X: Any, y: Any = None) -> float:
    """Accuracy of the predicted clusters after the best matching to known classes.

    Parameters
    ----------
    estimator : object
        Fitted clusterer with a `predict`, or a Pipeline that ends in one.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Samples.
    y : array-like of shape (n_samples,)
        Classes of the samples.

    Returns
    -------
    float
        From 0 to 1, larger is better.

    Raises
    ------
    ValueError
        If there are no classes.

    See Also
    --------
    skdec.metrics.clustering_accuracy : Compute the accuracy from labels.

    Notes
    -----
    It is misleading if the classes are used to select parameters: the selection is then
    supervised, and the accuracy on the same samples is not that of a clustering without labels. It
    also assumes that the classes are the only meaningful partition, although there may be others.

    Examples
    --------
    >>> from sklearn.cluster import KMeans
    >>> from skdec.model_selection import clustering_accuracy_scorer
    >>> kmeans = KMeans(2, random_state=0).fit([[0.0], [0.1], [5.0], [5.1]])
    >>> clustering_accuracy_scorer(kmeans, [[0.2], [5.2]], ["low", "high"])
    1.0
    """
    if y is None:
        raise ValueError(
            "clustering_accuracy_scorer needs classes: give y to the search's fit, or use a scorer "
            "that needs none, such as NeighborInformationScorer()."
        )
    return clustering_accuracy(y, np.asarray(estimator.predict(X)))


def score_clusters(
    metric: Callable[[Any, np.ndarray], float], points: Any, labels: np.ndarray
) -> float | None:
    """Return ``metric(points, labels)``, or None if it is undefined.

    It is undefined for a single cluster, and if each sample is a cluster of its own.
    """
    if 1 < len(np.unique(labels)) < len(labels):
        return float(metric(points, labels))
    return None


class _Scorer:
    """Score of the clusters that an estimator predicts."""

    def __call__(self, estimator: Any, X: Any, y: Any = None) -> float:
        """Score the clusters that `estimator` predicts for `X`.

        Parameters
        ----------
        estimator : object
            Fitted clusterer with a `predict`, or a Pipeline that ends in one.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.
        y : None
            Ignored.

        Returns
        -------
        float
            The score, larger is better.
        """
        clusterer, X = split_pipeline(estimator, X)
        return self._score(clusterer, X, np.asarray(clusterer.predict(X)))

    _score: Callable[..., float]


@dataclass(frozen=True)
class _SpaceScorer(_Scorer):
    """Score of the predicted clusters in the input or in the embedding."""

    space: str = "input"
    max_samples: Any = 5_000
    random_state: int = 0

    # For clusters without a score.
    _worst: ClassVar[float]
    _metric: ClassVar[Any]

    def __post_init__(self) -> None:
        Word(("input", "embedding")).check("space", self.space)
        _SUBSET_SIZE.check("max_samples", self.max_samples)

    def _score(self, clusterer: Any, X: Any, labels: np.ndarray) -> float:
        X, labels = _take_subset(X, labels, self.max_samples, self.random_state)
        points = clusterer.transform(X) if self.space == "embedding" else X
        score = score_clusters(self._metric, points, labels)
        return self._worst if score is None else max(score, self._worst)


@dataclass(frozen=True)
class NeighborInformationScorer(_Scorer):
    """Information on its cluster that a sample shares with its neighbors, as a scorer for searches.

    Parameters
    ----------
    n_neighbors : int, default=10
        Number of nearest neighbors of each sample, in the leading principal components of the
        input of the clusterer: in a Pipeline, the output of the steps before it.
    max_samples : int or None, default=20000
        If there are more samples, the score is that of a random subset of this size; None uses all
        samples.
    random_state : int, default=0
        Seed of the subset and the principal components, the same for every estimator, so that
        scores can be compared.

    See Also
    --------
    skdec.DECClusterer.score : The same score with the default parameters.

    Notes
    -----
    Let I be the mutual information between the cluster of a random sample and that of a random
    neighbor of it, and H the entropy of the clusters. The score is I (I / H), in nats: the
    information that is kept in the step to a neighbor, times the fraction of it that is kept. It
    is 0 for a single cluster and at most the logarithm of the number of clusters; larger is better.

    ``benchmarks/scorers.py`` compares it with other scores, by their rank correlation with the
    normalized mutual information with the classes over many clusterings. It is misleading where
    neighbors are not of the same class: there every clustering that agrees with the classes scores
    low. It grows with the number of clusters as long as they are apart, so it cannot be used to
    choose that: use `choose_n_clusters`.

    Examples
    --------
    >>> from sklearn.cluster import KMeans
    >>> from skdec.model_selection import NeighborInformationScorer
    >>> kmeans = KMeans(2, random_state=0).fit([[0.0], [0.1], [5.0], [5.1]])
    >>> score = NeighborInformationScorer(n_neighbors=1)(kmeans, [[0.2], [0.1], [5.2], [5.1]])
    >>> round(score, 3)  # log(2): neighbors are always in the same cluster
    0.693
    """

    n_neighbors: int = 10
    max_samples: Any = 20_000
    random_state: int = 0

    def __post_init__(self) -> None:
        Integer(1).check("n_neighbors", self.n_neighbors)
        _SUBSET_SIZE.check("max_samples", self.max_samples)

    def _score(self, clusterer: Any, X: Any, labels: np.ndarray) -> float:
        return neighbor_information(
            X,
            labels,
            n_neighbors=self.n_neighbors,
            max_samples=self.max_samples,
            random_state=self.random_state,
        )


class SilhouetteScorer(_SpaceScorer):
    """Mean silhouette of the predicted clusters, as a scorer for searches.

    Parameters
    ----------
    space : {"input", "embedding"}, default="input"
        Space in which distances are measured. "input" is the input of the clusterer: in a
        Pipeline, the output of the steps before it. "embedding" is the output of its `transform`:
        for a `DECClusterer` the embedding, for `KMeans` the distances to its centers.
    max_samples : int or None, default=5000
        If there are more samples, the score is that of a random subset of this size; None uses all
        samples, in quadratic time.
    random_state : int, default=0
        Seed of the subset, the same for every estimator, so that scores can be compared.

    See Also
    --------
    sklearn.metrics.silhouette_score : Compute the score from labels.
    NeighborInformationScorer : A score that agrees with classes more often.

    Notes
    -----
    From -1 to 1, larger is better. If all samples are in one cluster, or each in a cluster of its
    own, the silhouette is undefined, and the score is -1.

    In the input it is misleading if clusters are not convex there, which is the reason for using an
    embedding: it then prefers the result of k-means. In the embedding it is misleading if the
    embedding changes with the parameters: an encoder that collapses the samples into tight wrong
    clusters, or that has fewer dimensions, scores higher, and the refinement of DEC increases the
    score whether the clusters are right or wrong. Compare `alpha`, `dims` and other methods in the
    input; use the embedding for parameters that do not change it. A space that changes during a
    search, because steps before the clusterer are searched over as well, is misleading in the same
    way.

    Examples
    --------
    >>> from sklearn.cluster import KMeans
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skdec.model_selection import SilhouetteScorer
    >>> search = GridSearchCV(KMeans(), {"n_clusters": [2, 3]}, scoring=SilhouetteScorer())
    """

    _worst, _metric = -1.0, staticmethod(silhouette_score)


class DaviesBouldinScorer(_SpaceScorer):
    """Davies-Bouldin index of the predicted clusters, negated, as a scorer for searches.

    Parameters
    ----------
    space : {"input", "embedding"}, default="input"
        Space in which distances are measured, as in `SilhouetteScorer`.
    max_samples : int or None, default=5000
        If there are more samples, the score is that of a random subset of this size; None uses all
        samples.
    random_state : int, default=0
        Seed of the subset, the same for every estimator.

    See Also
    --------
    sklearn.metrics.davies_bouldin_score : Compute the index from labels; smaller is better.

    Notes
    -----
    At most 0, larger is better. The index grows without bound as the means of clusters approach
    each other; for a single cluster, or a cluster for each sample, the score is -1,000,000, and it
    is never below that.

    It is misleading in the same cases as `SilhouetteScorer`, and it considers means and mean
    distances only: one small cluster far from all other samples scores well, whatever the other
    clusters are. A sparse subset is converted to a dense array.

    Examples
    --------
    >>> from skdec.model_selection import DaviesBouldinScorer
    >>> DaviesBouldinScorer("embedding").space
    'embedding'
    """

    # Below the score of any clusters whose means differ; finite, because a search averages the
    # scores of its folds and warns about those that are not finite.
    _worst = -1e6

    @staticmethod
    def _metric(points: Any, labels: np.ndarray) -> float:
        return -davies_bouldin_score(to_dense(points), labels)


class CalinskiHarabaszScorer(_SpaceScorer):
    """Calinski-Harabasz index of the predicted clusters, as a scorer for searches.

    Parameters
    ----------
    space : {"input", "embedding"}, default="input"
        Space in which distances are measured, as in `SilhouetteScorer`.
    max_samples : int or None, default=5000
        If there are more samples, the score is that of a random subset of this size; None uses all
        samples.
    random_state : int, default=0
        Seed of the subset, the same for every estimator.

    See Also
    --------
    sklearn.metrics.calinski_harabasz_score : Compute the index from labels.

    Notes
    -----
    At least 0, larger is better; 0 for a single cluster, whose mean is that of all samples, and if
    each sample is a cluster of its own.

    It is misleading in the same cases as `SilhouetteScorer`. In the input it is a monotonic
    function of the objective of k-means, so `KMeans` wins there by construction. It grows with the
    number of samples: compare scores of subsets of equal size. A sparse subset is converted to a
    dense array.

    Examples
    --------
    >>> from skdec.model_selection import CalinskiHarabaszScorer
    >>> CalinskiHarabaszScorer().max_samples
    5000
    """

    _worst = 0.0

    @staticmethod
    def _metric(points: Any, labels: np.ndarray) -> float:
        return calinski_harabasz_score(to_dense(points), labels)


def _take_subset(X: Any, values: np.ndarray, max_samples: int | None, random_state: Any) -> Any:
    """Return samples and values of them, or a random subset if there are more than allowed."""
    if max_samples is None or len(values) <= max_samples:
        return X, values
    return resample(X, values, replace=False, n_samples=max_samples, random_state=random_state)


def generalizability(estimator: Any, X_train: Any, X_validation: Any) -> float:
    """Ratio of the training loss of DEC to its loss on new samples ([1]_, section 5).

    Parameters
    ----------
    estimator : object
        Fitted clusterer with a `predict_proba`, or a Pipeline that ends in one.
    X_train : {array-like, sparse matrix} of shape (n_train, n_features)
        Samples that `estimator` was fitted on.
    X_validation : {array-like, sparse matrix} of shape (n_validation, n_features)
        Samples of the same distribution that it was not fitted on.

    Returns
    -------
    float
        Near 1 if the clusters generalize to new samples, small if they overfit; 1 if both losses
        are 0, as they are for a single cluster.

    See Also
    --------
    choose_n_clusters : Recommend a number of clusters, without fitting a network.

    Notes
    -----
    A loss is the mean over the samples of KL(p || q), where q are the soft assignments and p is
    the target distribution, its cluster frequencies computed over all samples of the set.

    The paper increases the number of clusters until the value drops sharply. It is misleading if
    the validation set is small, with few samples per cluster; and because both losses approach 0
    as the assignments become certain, it compares noise if clusters are far apart. It does not say
    whether the clusters are the intended ones: a single cluster generalizes perfectly.

    References
    ----------
    .. [1] J. Xie, R. Girshick and A. Farhadi, "Unsupervised Deep Embedding for Clustering
       Analysis", ICML 2016.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.mixture import GaussianMixture
    >>> from skdec.model_selection import generalizability
    >>> X = np.random.RandomState(0).normal(size=(100, 2))
    >>> mixture = GaussianMixture(1).fit(X[:80])
    >>> generalizability(mixture, X[:80], X[80:])
    1.0
    """
    training_loss = _compute_loss(np.asarray(estimator.predict_proba(X_train)))
    validation_loss = _compute_loss(np.asarray(estimator.predict_proba(X_validation)))
    if validation_loss > 0:
        return training_loss / validation_loss
    return 1.0 if training_loss == 0 else np.inf


def _compute_loss(q: np.ndarray) -> float:
    """Return the mean KL divergence of the target distribution from soft assignments (n, k)."""
    q = np.maximum(q.astype(np.float64), np.finfo(np.float32).tiny)
    p = target_distribution(q)
    return max(float(rel_entr(p, q).sum(axis=1).mean()), 0.0)
