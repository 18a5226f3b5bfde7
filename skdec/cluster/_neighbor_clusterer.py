"""`NeighborClusterer`: clusters in which samples are together with their neighbors."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import check_random_state
from sklearn.utils.extmath import row_norms
from sklearn.utils.validation import check_is_fitted

from skdec._utils.data import DistinctSamples, hash_samples, take_float32
from skdec._utils.process import keep_warning_filters, use_one_thread, warn_user
from skdec._utils.terminal import report_progress
from skdec._utils.validation import (
    SEED,
    VERBOSITY,
    Constraint,
    Integer,
    Word,
    expand_labels,
    find_distinct_samples,
    restore_features_on_failure,
    validate_samples,
)
from skdec.cluster._criterion import neighbor_information
from skdec.cluster._graph import (
    Neighbors,
    compute_affinities,
    compute_scales,
    find_neighbors,
    fit_projection,
)
from skdec.cluster._search import NeighborGraph, list_merges
from skdec.cluster._selection import NeighborClusters, find_clusters

METRICS = ("euclidean", "cosine")
PARAMETERS: Mapping[str, Constraint] = {
    "n_clusters": Integer(1, words=("auto",)),
    "n_neighbors": Integer(1),
    "metric": Word(METRICS),
    "n_init": Integer(1, words=("auto",)),
    "verbose": VERBOSITY,
    "random_state": SEED,
}
_BLOCK_SAMPLES = 4096


class NeighborClusterer(ClusterMixin, BaseEstimator):
    """Clusters in which samples are together with their nearest neighbors.

    Clusterings of any shape are found in three ways, none of which needs a network: many small
    k-means clusters are merged pair by pair, and between the merges each sample joins the cluster
    that prevails among its neighbors ([1]_); clusters are merged along the minimum spanning tree
    ([2]_); and those of k-means, as they are or averaged over neighbors. The clustering is kept
    whose borders cost least beside the cheapest cuts elsewhere (`skdec.metrics.border_scores`), and
    on which most of the others agree. Costs are the mean of random halves of the features, so that
    a single column, such as a yes or no, makes no clusters. Where clusters overlap, a mixture of
    Gaussians that starts from them sets their borders right.

    Parameters
    ----------
    n_clusters : int or "auto", default=8
        Number of clusters. "auto" is the number, up to 20, that
        `skdec.model_selection.choose_n_clusters` recommends; 1 where there are no clusters.
    n_neighbors : int, default=10
        Number of nearest neighbors of each sample. A cluster of no more samples than that is found
        only where no other candidate remains.
    metric : {"euclidean", "cosine"}, default="euclidean"
        Distance between samples. "cosine" is for embeddings of texts and the like, of which only
        the direction matters.
    n_init : int or "auto", default="auto"
        Number of runs of the search, which use five settings in turn. "auto" is 10, or 5 above
        5,000 samples.
    memory : str, pathlib.Path or joblib.Memory, default=None
        Cache for neighbor graphs and clusters, reused by fits on the same data with the same seed.
    verbose : int, default=0
        Above 0, the progress is shown on standard error.
    random_state : int, RandomState instance or None, default=None
        Seed of everything random. The same integer gives the same clusters on the same machine.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,), int32
        Cluster of each sample, from 0 to ``n_clusters_ - 1``.
    n_clusters_ : int
        Number of clusters found: `n_clusters`, unless there are fewer distinct samples or it is
        "auto".
    information_ : float
        Mutual information, in nats, between the cluster of a random sample and that of a random
        neighbor of it.
    entropy_ : float
        Entropy of the clusters, in nats, which `information_` cannot exceed.
    children_ : ndarray of shape (`n_clusters_` - 1, 2), int
        How the clusters would be merged further, pair by pair, those first that lose least
        information: the two clusters of each merge. Numbers below `n_clusters_` are those of
        `labels_`; ``n_clusters_ + i`` is the cluster that merge ``i`` makes, as in
        `sklearn.cluster.AgglomerativeClustering`.
    n_features_in_ : int
        Number of features seen by `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if all were strings.

    See Also
    --------
    skdec.DECClusterer : These clusters, learned by a network: with an embedding and a decoder.
    skdec.metrics.border_scores : What the borders of clusterings cost beside other cuts.
    skdec.metrics.neighbor_information : The score of any clusters.
    sklearn.cluster.KMeans : Clusters around centers.

    Notes
    -----
    Scale the features alike beforehand. Distances are Euclidean, between the 50 leading principal
    components if there are more than 400 features. A value further from the median of its feature
    than a thousand typical deviations counts as one at that distance, so that one far outlier does
    not hide all else.

    References
    ----------
    .. [1] N. Slonim and N. Tishby, "Agglomerative information bottleneck", NIPS 1999.
    .. [2] M. Gagolewski, M. Bartoszuk and A. Cena, "Genie: A new, fast, and outlier-resistant
       hierarchical clustering algorithm", Information Sciences 363, 2016.

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from skdec import NeighborClusterer
    >>> X, y = make_moons(300, noise=0.05, random_state=0)
    >>> clusterer = NeighborClusterer(2, random_state=0).fit(X)
    >>> upper, lower = clusterer.predict([[0.0, 1.0], [1.0, -0.5]])
    >>> bool(upper != lower)
    True
    """

    labels_: np.ndarray

    def __init__(
        self,
        n_clusters: Any = 8,
        *,
        n_neighbors: int = 10,
        metric: str = "euclidean",
        n_init: Any = "auto",
        memory: Any = None,
        verbose: int = 0,
        random_state: Any = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.n_neighbors = n_neighbors
        self.metric = metric
        self.n_init = n_init
        self.memory = memory
        self.verbose = verbose
        self.random_state = random_state

    @keep_warning_filters
    @report_progress
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> "NeighborClusterer":
        """Cluster the samples of `X`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples of finite numbers. A memory map stays on disk, a sparse matrix sparse.
        y : None
            Ignored: labels never choose anything.
        sample_weight : array-like of shape (n_samples,) or float, default=None
            Weights of the samples. A sample of weight 2 counts as two, one of weight 0 not at
            all, but it gets a label.

        Returns
        -------
        NeighborClusterer
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter or sample weight is out of its range, there are fewer samples than
            clusters, `X` has a value that is not finite, or a sample of zeros, which has no
            direction, with ``metric="cosine"``; the message names it.
        """
        check_parameters(self)
        with restore_features_on_failure(self):
            X = self._validate(X, reset=True)
            is_auto = isinstance(self.n_clusters, str)
            samples = find_distinct_samples(X, sample_weight, 1 if is_auto else self.n_clusters)
            # The first of these seeds is that of the pretraining in a DECClusterer.
            seeds = check_random_state(self.random_state).randint(2**31 - 1, size=3).tolist()
            n_neighbors = min(self.n_neighbors, samples.shape[0] - 1)
            neighbors = find_neighbors(samples, n_neighbors, seeds[2], self.metric, self.memory)
            clusters = find_clusters(
                neighbors,
                self.n_clusters,
                self.n_init,
                samples.sample_weight,
                seeds[1],
                self.memory,
            )
            self._set_fitted_attributes(X, samples, neighbors, clusters)
        if n_neighbors < self.n_neighbors:
            warn_user(
                f"n_neighbors={self.n_neighbors} is more than the other {n_neighbors} distinct "
                "samples, all of which are neighbors of each sample."
            )
        if not is_auto and self.n_clusters_ < self.n_clusters:
            warn_user(
                f"Only {self.n_clusters_} of n_clusters={self.n_clusters} clusters have samples, "
                f"of which {samples.shape[0]} are distinct. Lower n_clusters.",
                ConvergenceWarning,
            )
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Predict the cluster of each sample, the one with most votes of its neighbors.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, `n_features_in_`)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples,), int32
            Clusters, from 0 to ``n_clusters_ - 1``.
        """
        return self.predict_proba(X).argmax(axis=1).astype(np.int32)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Compute the votes of the nearest samples of the fit for the clusters.

        Each of the `n_neighbors` nearest samples votes for its cluster, the closer ones with more
        weight. A sample of the fit has as many votes on itself as all of its neighbors together,
        and one more.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, `n_features_in_`)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples, `n_clusters_`), float32
            Fractions of the votes; each row sums to one.
        """
        check_is_fitted(self)
        return self._vote(self._validate(X, reset=False))

    def score(self, X: Any, y: Any = None) -> float:
        """Compute how well the clusters of the samples agree with those of their neighbors.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples. Above 20,000, the score is that of a fixed random subset of 20,000.
        y : None
            Ignored: labels never choose anything.

        Returns
        -------
        float
            `skdec.metrics.neighbor_information` of the predicted clusters, in nats; larger is
            better.
        """
        return neighbor_information(X, self.predict(X), metric=self.metric)

    def cut_tree(self, n_clusters: int) -> np.ndarray:
        """Return the labels of fewer clusters, merged pair by pair as `children_` tells.

        Parameters
        ----------
        n_clusters : int
            Number of clusters, from 1 to `n_clusters_`.

        Returns
        -------
        ndarray of shape (n_samples,), int32
            Cluster of each sample, from 0 to ``n_clusters - 1``.

        Raises
        ------
        ValueError
            If there are no so many clusters.
        """
        check_is_fitted(self)
        Integer(1).check("n_clusters", n_clusters)
        if n_clusters > self.n_clusters_:
            raise ValueError(
                f"n_clusters must be at most n_clusters_={self.n_clusters_}; got {n_clusters}."
            )
        merged = np.arange(self.n_clusters_)
        for i, pair in enumerate(self.children_[: self.n_clusters_ - n_clusters]):
            merged[np.isin(merged, pair)] = self.n_clusters_ + i
        return np.unique(merged, return_inverse=True)[1].astype(np.int32)[self.labels_]

    def _validate(self, X: Any, *, reset: bool) -> Any:
        X = validate_samples(self, X, reset=reset)
        if self.metric == "cosine":
            check_no_zero_samples(X)
        return X

    def _set_fitted_attributes(
        self, X: Any, samples: DistinctSamples, neighbors: Neighbors, clusters: NeighborClusters
    ) -> None:
        labels, points = clusters.labels, neighbors.points
        self.n_clusters_ = int(labels.max()) + 1
        self._projection = neighbors.projection or fit_projection(
            samples, self.metric, np.random.RandomState(0)
        )
        if neighbors.graph is None or points is None:  # of a single sample
            self.information_, self.entropy_ = 0.0, 0.0
            self.children_ = np.empty((0, 2), dtype=int)
            points = self._projection.apply(samples[:1])
        else:
            graph = NeighborGraph(neighbors.graph, samples.sample_weight)
            _, self.information_, self.entropy_ = graph.measure(labels)
            self.children_ = list_merges(graph.count_joint(labels, self.n_clusters_))
        self._points, self._distinct_labels = points, labels
        self._hashes = samples.hashes  # in ascending order
        self._origin = samples.origin
        self._search = self._build_search()
        self.labels_ = expand_labels(X, samples, labels, self._predict_subset)

    def _build_search(self) -> NearestNeighbors:
        n_neighbors = min(self.n_neighbors + 1, len(self._points))
        return NearestNeighbors(n_neighbors=n_neighbors).fit(self._points)

    def _predict_subset(self, samples: Any) -> np.ndarray:
        return self._vote(samples[:]).argmax(axis=1)

    def _vote(self, X: Any) -> np.ndarray:
        """Return the fractions of the votes (n, n_clusters_) for dense or sparse samples."""
        votes = np.empty((X.shape[0], self.n_clusters_), dtype=np.float32)
        for start in range(0, len(votes), _BLOCK_SAMPLES):
            block = np.arange(start, min(start + _BLOCK_SAMPLES, len(votes)))
            votes[block] = self._vote_in_block(X, block)
        return votes

    def _vote_in_block(self, X: Any, block: np.ndarray) -> np.ndarray:
        own = self._find_in_fit(hash_samples(X, block, self._origin))
        origin = self._origin if self.metric == "euclidean" else None
        points = self._projection.apply(take_float32(X, block, origin))
        with use_one_thread():
            found = self._search.kneighbors(points, return_distance=False)
        # Computed sample by sample: the last bits of those of the search depend on the block.
        difference = self._points[found] - points[:, None]
        distances = np.sqrt(np.einsum("ijk,ijk->ij", difference, difference))
        is_self = found == own[:, None]  # no sample is a neighbor of itself
        distances[is_self] = np.inf
        order = np.argsort(distances, axis=1, kind="stable")[:, : self.n_neighbors]
        distances, found, is_self = (
            np.take_along_axis(values, order, axis=1) for values in (distances, found, is_self)
        )
        scales = compute_scales(distances)[:, None] ** 2
        weights = np.where(is_self, 0, compute_affinities(np.where(is_self, 0, distances), scales))
        votes = np.zeros((len(block), self.n_clusters_))
        np.add.at(votes, (np.arange(len(block))[:, None], self._distinct_labels[found]), weights)
        is_own = own >= 0
        total = votes.sum(axis=1, keepdims=True)
        votes[is_own, self._distinct_labels[own[is_own]]] += total[is_own, 0] + 1
        return votes / votes.sum(axis=1, keepdims=True)

    def _find_in_fit(self, hashes: np.ndarray) -> np.ndarray:
        """Return the number of the distinct sample with each hash, or -1."""
        places = np.searchsorted(self._hashes, hashes)
        places = np.minimum(places, len(self._hashes) - 1)
        return np.where(self._hashes[places] == hashes, places, -1)

    def _check_fitted(self) -> None:
        """Raise a ValueError unless the fitted attributes, of a file, fit together."""
        check_parameters(self)
        points, labels = self._points, self._distinct_labels
        if len(points) != len(labels) or len(points) != len(self._hashes):
            raise ValueError("its samples have other numbers of points, labels and hashes")
        if self._origin is not None and self._origin.shape != (self.n_features_in_,):
            raise ValueError("its origin is not that of its features")
        if min(labels) < 0 or max(labels) + 1 != self.n_clusters_:
            raise ValueError("its labels are not those of its clusters")
        samples = np.random.RandomState(0).uniform(-1, 1, (4, self.n_features_in_))
        if not np.isfinite(self._vote(samples)).all():
            raise ValueError("its votes are not finite")

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_hashes")

    def __getstate__(self) -> dict[str, Any]:
        # The search is built again, as its tree could not be checked.
        state = super().__getstate__()
        return {name: state[name] for name in state if name != "_search"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "_points" in state:
            self._search = self._build_search()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def check_parameters(clusterer: NeighborClusterer) -> None:
    """Raise a ValueError or TypeError that names the first parameter out of its range."""
    for name, constraint in PARAMETERS.items():
        constraint.check(name, getattr(clusterer, name))


def check_no_zero_samples(X: Any) -> None:
    """Raise a ValueError that names a sample of zeros, which has no direction."""
    is_zero = row_norms(X) == 0
    if is_zero.any():
        raise ValueError(
            f"Sample {np.flatnonzero(is_zero)[0]} of X is zero in all features, so that it has no "
            "direction; metric='cosine' needs one. Remove such samples."
        )
