"""Scorers of clusterers for scikit-learn's searches, and DEC's generalizability.

A scorer is called as ``scorer(estimator, X, y)``, so it can be the ``scoring`` of `GridSearchCV`
and its kin. The estimator is a clusterer with a `predict`, or a Pipeline that ends in one.
"""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score, silhouette_score
from sklearn.pipeline import Pipeline
from sklearn.utils import resample

from skdec.metrics import clustering_accuracy

SPACES = ("input", "embedding")
# Below anything that clusters with different means reach; finite, because a search averages the
# scores of its folds, and warns of those that are not.
_WORST_DAVIES_BOULDIN = -1e6


def clustering_accuracy_scorer(estimator: Any, X: Any, y: Any) -> float:
    """Hungarian accuracy of the predicted clusters against known classes.

    Parameters
    ----------
    estimator : object
        Fitted clusterer with a `predict`, or a Pipeline that ends in one.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Rows.
    y : array-like of shape (n_samples,)
        Their classes.

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
    skdec.metrics.clustering_accuracy : The accuracy itself.

    Notes
    -----
    It misleads as soon as the classes choose the parameters: the result is then supervised, and
    its accuracy on the same rows is not that of a clustering without labels. It also takes the
    classes for the only right grouping, although the rows may have others.

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
            "that needs none, such as SilhouetteScorer()."
        )
    return clustering_accuracy(y, np.asarray(estimator.predict(X)))


@dataclass(frozen=True)
class _SpaceScorer:
    """Score of predicted clusters in one of the spaces that a clusterer knows."""

    space: str = "input"
    max_rows: Any = 5_000
    random_state: int = 0

    _worst: ClassVar[float]

    def __post_init__(self) -> None:
        if self.space not in SPACES:
            allowed = " or ".join(map(repr, SPACES))
            raise ValueError(f"space must be {allowed}; got {self.space!r}.")
        if self.max_rows is not None and (
            not isinstance(self.max_rows, Integral) or self.max_rows < 2
        ):
            raise ValueError(
                f"max_rows must be None or an integer of at least 2; got {self.max_rows!r}."
            )

    def __call__(self, estimator: Any, X: Any, y: Any = None) -> float:
        """Score the clusters that `estimator` predicts for `X`.

        Parameters
        ----------
        estimator : object
            Fitted clusterer with a `predict`, or a Pipeline that ends in one.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.
        y : None
            Not used: labels choose nothing here.

        Returns
        -------
        float
            Larger is better.
        """
        clusterer, X = _last_step(estimator, X)
        labels = np.asarray(clusterer.predict(X))
        if self.max_rows is not None and len(labels) > self.max_rows:
            X, labels = resample(
                X,
                labels,
                replace=False,
                n_samples=self.max_rows,
                random_state=self.random_state,
            )
        if not 1 < len(np.unique(labels)) < len(labels):
            return self._worst
        points = clusterer.transform(X) if self.space == "embedding" else X
        return max(float(self._metric(points, labels)), self._worst)

    def _metric(self, points: Any, labels: np.ndarray) -> float:
        raise NotImplementedError


class SilhouetteScorer(_SpaceScorer):
    """Mean silhouette of the predicted clusters, as a scorer for searches.

    Parameters
    ----------
    space : {"input", "embedding"}, default="input"
        Where distances are taken. "input" is what the clusterer is given: in a Pipeline, what the
        steps before it make of the rows. "embedding" is what its `transform` returns: for a
        `DECClusterer` the embedding, for `KMeans` the distances to its centres.
    max_rows : int or None, default=5000
        More rows than that are represented by a sample; None measures all, in quadratic time.
    random_state : int, default=0
        Seed of the sample, the same for every estimator, so that scores can be compared.

    See Also
    --------
    sklearn.metrics.silhouette_score : The score itself.
    skdec.DECClusterer.score : The same, by its defaults.

    Notes
    -----
    From -1 to 1, larger is better. Where all rows fall into one cluster, or each into one of its
    own, there is no silhouette, and the score is -1.

    In the input it misleads where clusters are not round there, which is why one would embed the
    rows at all: it then prefers what k-means finds. In the embedding it misleads whenever the
    embedding is what varies: an encoder that pulls all rows into tight wrong clumps, or one of
    fewer dimensions, scores higher, and DEC's refinement raises it whether the clusters are right
    or wrong. Compare `alpha`, `dims` and other methods in the input; use the embedding for
    parameters that leave the embedding as it is. A space that changes during a search, because
    steps before the clusterer are searched as well, misleads in the same way.

    Examples
    --------
    >>> from sklearn.cluster import KMeans
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skdec.model_selection import SilhouetteScorer
    >>> search = GridSearchCV(KMeans(), {"n_clusters": [2, 3]}, scoring=SilhouetteScorer())
    """

    _worst = -1.0

    def _metric(self, points: Any, labels: np.ndarray) -> float:
        return silhouette_score(points, labels)


class DaviesBouldinScorer(_SpaceScorer):
    """Davies-Bouldin index of the predicted clusters, negated, as a scorer for searches.

    Parameters
    ----------
    space : {"input", "embedding"}, default="input"
        Where distances are taken, as in `SilhouetteScorer`.
    max_rows : int or None, default=5000
        More rows than that are represented by a sample; None measures all.
    random_state : int, default=0
        Seed of the sample, the same for every estimator.

    See Also
    --------
    sklearn.metrics.davies_bouldin_score : The index itself, of which smaller is better.

    Notes
    -----
    At most 0, larger is better. The index grows without bound as clusters come to lie on each
    other; for a single cluster, or a cluster for each row, the score is -1,000,000, and it is
    never below that.

    It misleads as `SilhouetteScorer` does, and besides it looks at means and mean distances only:
    one small cluster far away from all else scores well, whatever the rest looks like. Sparse
    rows of the sample are made dense.

    Examples
    --------
    >>> from skdec.model_selection import DaviesBouldinScorer
    >>> DaviesBouldinScorer("embedding").space
    'embedding'
    """

    _worst = _WORST_DAVIES_BOULDIN

    def _metric(self, points: Any, labels: np.ndarray) -> float:
        return -davies_bouldin_score(_dense(points), labels)


class CalinskiHarabaszScorer(_SpaceScorer):
    """Calinski-Harabasz index of the predicted clusters, as a scorer for searches.

    Parameters
    ----------
    space : {"input", "embedding"}, default="input"
        Where distances are taken, as in `SilhouetteScorer`.
    max_rows : int or None, default=5000
        More rows than that are represented by a sample; None measures all.
    random_state : int, default=0
        Seed of the sample, the same for every estimator.

    See Also
    --------
    sklearn.metrics.calinski_harabasz_score : The index itself.

    Notes
    -----
    At least 0, larger is better; 0 for a single cluster, whose mean is that of all rows, and
    where each row is a cluster of its own.

    It misleads as `SilhouetteScorer` does. In the input it is a monotone function of what k-means
    minimises, so `KMeans` wins there by construction. It grows with the number of rows: compare
    scores of samples of one size. Sparse rows of the sample are made dense.

    Examples
    --------
    >>> from skdec.model_selection import CalinskiHarabaszScorer
    >>> CalinskiHarabaszScorer().max_rows
    5000
    """

    _worst = 0.0

    def _metric(self, points: Any, labels: np.ndarray) -> float:
        return calinski_harabasz_score(_dense(points), labels)


def generalizability(estimator: Any, X_train: Any, X_validation: Any) -> float:
    """Training loss of DEC over its loss on rows that it has not seen ([1]_, section 5).

    Parameters
    ----------
    estimator : object
        Fitted clusterer with a `predict_proba`, or a Pipeline that ends in one.
    X_train : {array-like, sparse matrix} of shape (n_train, n_features)
        Rows that `estimator` was fitted to.
    X_validation : {array-like, sparse matrix} of shape (n_validation, n_features)
        Rows of the same kind that it was not fitted to.

    Returns
    -------
    float
        Near 1 where the clusters hold on new rows, small where they overfit. It is 1 where both
        losses are 0, as they are for one cluster.

    See Also
    --------
    choose_n_clusters : Generalizability over a range of numbers of clusters.

    Notes
    -----
    A loss is the mean over the rows of KL(p || q), q the soft assignments and p the target
    distribution of that set of rows, its cluster frequencies taken over all of the set.

    The paper raises the number of clusters until the value drops sharply. It misleads where the
    validation set is small, with few rows in a cluster; and because both losses fall towards 0 as
    assignments grow certain, it compares noise where clusters are far apart. It says nothing of
    whether the clusters are the wanted ones: a single cluster generalises perfectly.

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
    training = _divergence(np.asarray(estimator.predict_proba(X_train)))
    validation = _divergence(np.asarray(estimator.predict_proba(X_validation)))
    if validation > 0:
        return training / validation
    return 1.0 if training == 0 else np.inf


def _divergence(q: np.ndarray) -> float:
    """Mean KL(p || q) of soft assignments (n, k) to their own target distribution."""
    q = np.maximum(q.astype(np.float64), np.finfo(np.float32).tiny)
    p = q**2 / q.sum(axis=0)
    p /= p.sum(axis=1, keepdims=True)
    return max(float(np.mean(np.sum(p * np.log(p / q), axis=1))), 0.0)


def _last_step(estimator: Any, X: Any) -> tuple[Any, Any]:
    """The clusterer at the end of a Pipeline, and the rows that it is given."""
    if not isinstance(estimator, Pipeline):
        return estimator, X
    if len(estimator.steps) > 1:
        X = estimator[:-1].transform(X)
    return estimator[-1], X


def _dense(points: Any) -> np.ndarray:
    return points.toarray() if hasattr(points, "toarray") else np.asarray(points)
