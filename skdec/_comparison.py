"""Compare k-means, k-means in the embedding of an autoencoder, and DEC on the same samples.

The module is private because `skdec.compare` is the function: a module of the same name would
replace it in the package as soon as it is imported.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import (
    adjusted_rand_score,
    normalized_mutual_info_score,
    silhouette_score,
)
from sklearn.utils import check_random_state, resample

from skdec._constraints import Integer, Positive, Widths
from skdec._estimator import DECClusterer
from skdec._scorers import score_clusters
from skdec._text_table import format_table
from skdec._validation import check_finite, warn_if_scales_differ
from skdec.metrics import NOISE, clustering_accuracy, convert_labels

METHODS = ("kmeans", "autoencoder+kmeans", "dec")
MAX_SILHOUETTE_SAMPLES = 5000

_HEADER = ("method", "accuracy", "NMI", "ARI", "silhouette", "clusters", "seconds")

Scores = Mapping[str, float | None]


@dataclass(frozen=True)
class MethodResult:
    """Clusters and scores of one method.

    Parameters
    ----------
    method : str
        Name of the method.
    labels : ndarray of shape (n_samples,), int
        Cluster of each sample.
    n_clusters : int
        Number of clusters that are not empty.
    seconds : float
        Time of the whole fit, including pretraining.
    accuracy, nmi, ari : float or None
        Agreement with the classes; None if there are none.
    silhouette : float or None
        Mean silhouette of a subset of the samples in the input space; None if there are classes,
        or if fewer than two clusters were found.
    """

    method: str
    labels: np.ndarray = field(repr=False, compare=False)
    n_clusters: int
    seconds: float
    accuracy: float | None = None
    nmi: float | None = None
    ari: float | None = None
    silhouette: float | None = None


@dataclass(frozen=True)
class Comparison:
    """Results of several methods on the same samples; prints as a table.

    Parameters
    ----------
    results : tuple of MethodResult
        One for each method, in the order requested.
    n_samples, n_features : int
        Shape of the input.
    n_clusters : int
        Number of clusters requested.
    random_state : int
        Seed of all methods, with which each can be fitted again.
    """

    results: tuple[MethodResult, ...]
    n_samples: int
    n_features: int
    n_clusters: int
    random_state: int

    def __getitem__(self, method: str) -> MethodResult:
        """Return the result of a method by name.

        Parameters
        ----------
        method : str
            Name of the method.

        Returns
        -------
        MethodResult
            Its result.
        """
        for result in self.results:
            if result.method == method:
                return result
        raise KeyError(method)

    def __str__(self) -> str:
        """Return a table with one line per method."""
        rows = [_HEADER, *map(_format_cells, self.results)]
        # A score that no method has (accuracy without classes) gets no column.
        columns = [cells for cells in zip(*rows, strict=True) if any(cells[1:])]
        return format_table([[cell or "-" for cell in row] for row in zip(*columns, strict=True)])

    def to_dict(self) -> dict[str, Any]:
        """Return everything except the labels as plain Python values, ready for JSON.

        Returns
        -------
        dict
            Shape, number of clusters and seed, and under ``"results"`` one dict per method.
        """
        return {
            "n_samples": self.n_samples,
            "n_features": self.n_features,
            "n_clusters": self.n_clusters,
            "random_state": self.random_state,
            "results": [
                {name: value for name, value in vars(result).items() if name != "labels"}
                for result in self.results
            ],
        }


def _format_cells(result: MethodResult) -> tuple[str, ...]:
    scores = (result.accuracy, result.nmi, result.ari, result.silhouette)
    return (
        result.method,
        *("" if score is None else f"{score:.3f}" for score in scores),
        str(result.n_clusters),
        f"{result.seconds:.1f}",
    )


def compare(
    X: Any,
    y: Any = None,
    *,
    methods: Sequence[str] = METHODS,
    n_clusters: int | None = None,
    dims: Sequence[int] = (500, 500, 2000, 10),
    alpha: float = 1.0,
    pretrain_epochs: int | str = "auto",
    max_iter: int | str = "auto",
    callbacks: Sequence[Any] | None = None,
    verbose: int = 0,
    random_state: Any = None,
) -> Comparison:
    """Fit k-means, an autoencoder with k-means, and DEC to the same samples, and score each.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The samples. They are used as given: scale them beforehand if needed.
    y : array-like of shape (n_samples,), default=None
        Classes, used for the scores only; no method is fitted with them.
    methods : sequence of str, default=("kmeans", "autoencoder+kmeans", "dec")
        The methods to fit: ``"kmeans"`` in the input space, best of 20 runs;
        ``"autoencoder+kmeans"`` in the embedding of the pretrained autoencoder, best of 20 runs;
        ``"dec"``, a `DECClusterer` with default parameters.
    n_clusters : int, default=None
        Number of clusters. By default the number of classes in `y`.
    dims : sequence of int, default=(500, 500, 2000, 10)
        Widths of the encoder's layers, the last one that of the embedding.
    alpha : float, default=1.0
        Degrees of freedom of Student's t in DEC.
    pretrain_epochs : int or "auto", default="auto"
        Number of pretraining epochs of the autoencoder.
    max_iter : int or "auto", default="auto"
        Maximum number of refinement steps of DEC.
    callbacks : sequence of keras.callbacks.Callback, default=None
        Called during the pretraining and the refinement, as by `DECClusterer`.
    verbose : int, default=0
        If 1, the start and the end of each method are written to standard error.
    random_state : int, RandomState instance or None, default=None
        Seed. All methods use the same.

    Returns
    -------
    Comparison
        If there are classes, accuracy, normalized mutual information and adjusted Rand index, else
        the silhouette in the input space, on the same up to 5,000 samples for all methods;
        seconds; number of clusters found.

    Raises
    ------
    ValueError
        If a method is unknown, the number of clusters is not given, `y` does not match `X`, or a
        number is out of its range.
    TypeError
        If a parameter or the labels are of the wrong type.

    See Also
    --------
    DECClusterer : The estimator behind two of the methods.

    Notes
    -----
    The two methods with an autoencoder have the same pretraining, which runs once. Its time is
    included in the seconds of both, as each would need it alone.

    Examples
    --------
    >>> from skdec import compare
    >>> from skdec.datasets import load_digits
    >>> X, y = load_digits()
    >>> print(compare(X, y, random_state=0))  # doctest: +SKIP
    """
    _check_methods(methods)
    X = X if hasattr(X, "shape") else np.asarray(X)
    if len(X.shape) != 2:
        raise ValueError(f"X must be two-dimensional, got shape {tuple(X.shape)}.")
    classes = None if y is None else _convert_classes(y, X.shape[0])
    n_clusters = _get_n_clusters(n_clusters, classes, X.shape[0])
    # Checked here as well as by the estimator, to fail before k-means has run.
    Widths().check("dims", dims)
    Positive().check("alpha", alpha)
    Integer(0, words=("auto",)).check("pretrain_epochs", pretrain_epochs)
    Integer(0, words=("auto",)).check("max_iter", max_iter)
    if "kmeans" in methods and len(methods) == 1 and hasattr(X, "dtype"):
        # The other methods check the samples themselves.
        warn_if_scales_differ(check_finite(X), stacklevel=3)
    seed = _get_seed(random_state)
    network: dict[str, Any] = {
        "dims": tuple(dims),
        "alpha": alpha,
        "pretrain_epochs": pretrain_epochs,
        "callbacks": callbacks,
        "random_state": seed,
    }
    # The cache, deleted after the comparison, is how two fits use the same pretraining.
    with TemporaryDirectory(prefix="skdec-compare-") as cache:
        estimators = {
            "kmeans": KMeans(n_clusters, n_init=20, random_state=seed),
            "autoencoder+kmeans": DECClusterer(
                n_clusters,
                init="k-means++",
                n_init=20,
                n_neighbors=0,  # neighbors would change the clusters of k-means
                max_iter=0,
                memory=cache,
                **network,
            ),
            "dec": DECClusterer(n_clusters, max_iter=max_iter, memory=cache, **network),
        }
        selected = {method: estimators[method] for method in methods}
        compute_scores = _build_scorer(X, classes, seed)
        results = tuple(_fit_methods(selected, X, compute_scores, verbose))
    n_samples, n_features = map(int, X.shape)
    return Comparison(results, n_samples, n_features, n_clusters, seed)


def _fit_methods(
    estimators: Mapping[str, Any],
    X: Any,
    compute_scores: Callable[[np.ndarray], Scores],
    verbose: int,
) -> Iterator[MethodResult]:
    pretrainings: list[np.ndarray] = []
    for method, estimator in estimators.items():
        _report(verbose, f"{method}: started")
        start = perf_counter()
        labels = estimator.fit(X).labels_
        seconds = perf_counter() - start + _get_cached_seconds(estimator, pretrainings)
        _report(verbose, f"{method}: {seconds:.1f} s")
        n_found = len(set(labels.tolist()) - {NOISE})
        yield MethodResult(method, labels, n_found, seconds, **compute_scores(labels))


def _get_cached_seconds(estimator: Any, pretrainings: list[np.ndarray]) -> float:
    """Return the seconds of a pretraining that was read from the cache, 0 if it was run.

    The recorded seconds per epoch are never the same twice, so equal ones are one pretraining.
    Those of a pretraining that was run are appended to `pretrainings`.
    """
    if not isinstance(estimator, DECClusterer):
        return 0.0
    seconds = np.asarray(estimator.history_["pretrain"]["seconds"])
    if seconds.size and any(np.array_equal(seconds, other) for other in pretrainings):
        return float(seconds[-1])
    pretrainings.append(seconds)
    return 0.0


def _build_scorer(X: Any, classes: np.ndarray | None, seed: int) -> Callable[[np.ndarray], Scores]:
    """Build a function from labels to scores, which uses the classes or a subset of `X`."""
    if classes is not None:
        return lambda labels: {
            "accuracy": clustering_accuracy(classes, labels),
            "nmi": float(normalized_mutual_info_score(classes, labels)),
            "ari": float(adjusted_rand_score(classes, labels)),
        }
    n_samples = X.shape[0]
    subset, indices = resample(
        X,
        np.arange(n_samples),
        replace=False,
        n_samples=min(n_samples, MAX_SILHOUETTE_SAMPLES),
        random_state=seed,
    )
    return lambda labels: {"silhouette": score_clusters(silhouette_score, subset, labels[indices])}


def _check_methods(methods: Sequence[str]) -> None:
    if isinstance(methods, str):
        raise ValueError(f"methods must be a sequence of names, such as ({methods!r},).")
    unknown = [method for method in methods if method not in METHODS]
    if unknown or not methods:
        got = repr(unknown[0]) if unknown else "none"
        raise ValueError(f"methods must be of {', '.join(map(repr, METHODS))}; got {got}.")


def _convert_classes(y: Any, n_samples: int) -> np.ndarray:
    classes = convert_labels(y, "y")
    if len(classes) != n_samples:
        raise ValueError(f"y has {len(classes)} labels, but X has {n_samples} samples.")
    return classes


def _get_n_clusters(n_clusters: int | None, classes: np.ndarray | None, n_samples: int) -> int:
    if n_clusters is None:
        if classes is None:
            raise ValueError("n_clusters must be given if there is no y to count classes in.")
        return len(np.unique(classes))
    Integer(1).check("n_clusters", n_clusters)
    if n_clusters > n_samples:
        raise ValueError(
            f"n_clusters must be at most the number of samples, {n_samples}; got {n_clusters}."
        )
    return n_clusters


def _get_seed(random_state: Any) -> int:
    """Return one seed for all methods: they would modify a shared RandomState."""
    if isinstance(random_state, (int, np.integer)):
        return int(random_state)
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


def _report(verbose: int, line: str) -> None:
    if verbose:
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
