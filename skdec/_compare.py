"""The comparison: plain k-means, k-means on an autoencoder's code, and DEC on the same rows.

The room has an underscore because `skdec.compare` is the function: a module of that name would
take its place in the package as soon as anything imported it.
"""

from __future__ import annotations

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

from skdec._dec import DECClusterer
from skdec._validation import check_integer, check_positive, check_widths
from skdec.metrics import NOISE, clustering_accuracy, label_array

METHODS = ("kmeans", "autoencoder+kmeans", "dec")
SILHOUETTE_ROWS = 5000

Scores = Mapping[str, float | None]


@dataclass(frozen=True)
class MethodResult:
    """
    What one method made of the rows.

    Parameters
    ----------
    method : str
        Name of the method.
    labels : ndarray of shape (n_samples,), int
        The cluster of each row.
    n_clusters : int
        Number of clusters that have rows.
    seconds : float
        Time of the whole fit, pretraining included.
    accuracy, nmi, ari : float or None
        Agreement with the classes; None where there are none.
    silhouette : float or None
        Mean silhouette of a sample in the space of the input; None where classes are known, or
        where fewer than two clusters were found.
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
    """
    Results of several methods on the same rows; prints as a table.

    Parameters
    ----------
    results : tuple of MethodResult
        One per method, in the order asked for.
    n_samples, n_features : int
        Shape of the input.
    n_clusters : int
        Number of clusters asked for.
    random_state : int
        Seed that all methods used, so that any of them can be fitted again.
    """

    results: tuple[MethodResult, ...]
    n_samples: int
    n_features: int
    n_clusters: int
    random_state: int

    def __getitem__(self, method: str) -> MethodResult:
        """
        Return the result of a method by its name.

        Parameters
        ----------
        method : str
            Name of the method.

        Returns
        -------
        MethodResult
            What it made of the rows.
        """
        for result in self.results:
            if result.method == method:
                return result
        raise KeyError(method)

    def __str__(self) -> str:
        """Return an aligned table, one line per method."""
        lines = [_TITLES, *(_cells(result) for result in self.results)]
        # A score that no method has (accuracy without classes) is no column.
        shown = [at for at, cells in enumerate(zip(*lines, strict=True)) if any(cells[1:])]
        widths = {at: max(len(cells[at]) for cells in lines) for at in shown}
        return "\n".join(
            "  ".join(
                cells[at].ljust(widths[at]) if at == 0 else (cells[at] or "-").rjust(widths[at])
                for at in shown
            )
            for cells in lines
        )

    def to_dict(self) -> dict[str, Any]:
        """
        Return everything but the labels as plain Python values, ready for JSON.

        Returns
        -------
        dict
            Shape, clusters and seed, and under ``"results"`` one dict per method.
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


_TITLES = ("method", "accuracy", "NMI", "ARI", "silhouette", "clusters", "seconds")


def _cells(result: MethodResult) -> tuple[str, ...]:
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
    """
    Fit k-means, an autoencoder with k-means, and DEC to the same rows, and measure each.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The rows. They are used as they are: scale them before, if they need it.
    y : array-like of shape (n_samples,), default=None
        Classes, for measuring only; no method sees them.
    methods : sequence of str, default=("kmeans", "autoencoder+kmeans", "dec")
        Which methods to fit: ``"kmeans"`` on the rows, with 20 restarts;
        ``"autoencoder+kmeans"`` on the code of the pretrained autoencoder, with 20 restarts;
        ``"dec"``, a `DECClusterer` at its defaults.
    n_clusters : int, default=None
        Number of clusters. By default the number of classes in `y`.
    dims : sequence of int, default=(500, 500, 2000, 10)
        Widths of the encoder, the last one that of the code.
    alpha : float, default=1.0
        Degrees of freedom of Student's t in DEC.
    pretrain_epochs : int or "auto", default="auto"
        Passes over the rows in the autoencoder's training.
    max_iter : int or "auto", default="auto"
        Greatest number of refinement steps of DEC.
    callbacks : sequence of keras.callbacks.Callback, default=None
        Told of the progress of the pretraining and the refinement.
    verbose : int, default=0
        With 1, the start and the end of each method are written to standard error.
    random_state : int, RandomState instance or None, default=None
        Seed. All methods get the same.

    Returns
    -------
    Comparison
        Accuracy, normalised mutual information and adjusted Rand index where there are classes,
        else the silhouette in the space of the input, on the same at most 5,000 rows for all
        methods; seconds; clusters found.

    Raises
    ------
    ValueError
        If a method is unknown, if the number of clusters is not known, or if `y` does not fit
        to `X`, or if a number is out of its range.
    TypeError
        If a parameter or the labels are of the wrong kind.

    See Also
    --------
    DECClusterer : The estimator behind two of the methods.

    Notes
    -----
    The two methods that need the autoencoder share one pretraining. Its seconds count in both,
    as each would need it alone.

    Examples
    --------
    >>> from skdec import compare
    >>> from skdec.datasets import load_digits
    >>> X, y = load_digits()
    >>> print(compare(X, y, random_state=0))  # doctest: +SKIP
    """
    _raise_if_unknown(methods)
    X = X if hasattr(X, "shape") else np.asarray(X)
    if len(X.shape) != 2:
        raise ValueError(f"X must have rows and columns, got shape {tuple(X.shape)}.")
    classes = None if y is None else _classes_of_rows(y, X.shape[0])
    n_clusters = _number_of_clusters(n_clusters, classes, X.shape[0])
    # What the estimator would refuse it refuses here, before k-means has taken its time.
    check_widths("dims", dims)
    check_positive("alpha", alpha)
    check_integer("pretrain_epochs", pretrain_epochs, 0, words=("auto",))
    check_integer("max_iter", max_iter, 0, words=("auto",))
    seed = _seed(random_state)
    network: dict[str, Any] = {
        "dims": tuple(dims),
        "alpha": alpha,
        "pretrain_epochs": pretrain_epochs,
        "callbacks": callbacks,
        "random_state": seed,
    }
    # The cache lives as long as the comparison: it is how two fits share one pretraining.
    with TemporaryDirectory(prefix="skdec-compare-") as cache:
        estimators = {
            "kmeans": KMeans(n_clusters, n_init=20, random_state=seed),
            "autoencoder+kmeans": DECClusterer(
                n_clusters,
                init="k-means++",
                n_init=20,
                n_neighbors=0,  # they would settle the clusters of k-means
                max_iter=0,
                memory=cache,
                **network,
            ),
            "dec": DECClusterer(n_clusters, max_iter=max_iter, memory=cache, **network),
        }
        chosen = {method: estimators[method] for method in methods}
        scores = _scorer(X, classes, seed)
        results = tuple(_results(chosen, X, scores, verbose))
    n_samples, n_features = map(int, X.shape)
    return Comparison(results, n_samples, n_features, n_clusters, seed)


def _results(
    estimators: Mapping[str, Any], X: Any, scores: Callable[[np.ndarray], Scores], verbose: int
) -> Iterator[MethodResult]:
    paid: list[np.ndarray] = []
    for method, estimator in estimators.items():
        _tell(verbose, f"{method}: started")
        start = perf_counter()
        labels = estimator.fit(X).labels_
        seconds = perf_counter() - start + _borrowed_seconds(estimator, paid)
        _tell(verbose, f"{method}: {seconds:.1f} s")
        n_found = len(set(labels.tolist()) - {NOISE})
        yield MethodResult(method, labels, n_found, seconds, **scores(labels))


def _borrowed_seconds(estimator: Any, paid: list[np.ndarray]) -> float:
    """Seconds of a pretraining that an earlier fit has paid for, 0 where this fit did it itself.

    The clock of a pretraining never reads the same twice, so equal clocks are one pretraining.
    """
    if not isinstance(estimator, DECClusterer):
        return 0.0
    clock = np.asarray(estimator.history_["pretrain"]["seconds"])
    if clock.size and any(np.array_equal(clock, other) for other in paid):
        return float(clock[-1])
    paid.append(clock)
    return 0.0


def _scorer(X: Any, classes: np.ndarray | None, seed: int) -> Callable[[np.ndarray], Scores]:
    """A function from labels to scores, by the classes or by a sample of the rows."""
    if classes is not None:
        return lambda labels: {
            "accuracy": clustering_accuracy(classes, labels),
            "nmi": float(normalized_mutual_info_score(classes, labels)),
            "ari": float(adjusted_rand_score(classes, labels)),
        }
    n_rows = X.shape[0]
    sample, rows = resample(
        X,
        np.arange(n_rows),
        replace=False,
        n_samples=min(n_rows, SILHOUETTE_ROWS),
        random_state=seed,
    )
    return lambda labels: {"silhouette": _silhouette(sample, labels[rows])}


def _silhouette(sample: Any, labels: np.ndarray) -> float | None:
    if 1 < len(np.unique(labels)) < len(labels):
        return float(silhouette_score(sample, labels))
    return None


def _raise_if_unknown(methods: Sequence[str]) -> None:
    if isinstance(methods, str):
        raise ValueError(f"methods must be a sequence of names, such as ({methods!r},).")
    unknown = [method for method in methods if method not in METHODS]
    if unknown or not methods:
        got = repr(unknown[0]) if unknown else "none"
        raise ValueError(f"methods must be of {', '.join(map(repr, METHODS))}; got {got}.")


def _classes_of_rows(y: Any, n_rows: int) -> np.ndarray:
    classes = label_array(y, "y")
    if len(classes) != n_rows:
        raise ValueError(f"y has {len(classes)} labels, but X has {n_rows} rows.")
    return classes


def _number_of_clusters(n_clusters: int | None, classes: np.ndarray | None, n_rows: int) -> int:
    if n_clusters is None:
        if classes is None:
            raise ValueError("n_clusters must be given where there is no y to count classes in.")
        return len(np.unique(classes))
    check_integer("n_clusters", n_clusters, 1)
    if n_clusters > n_rows:
        raise ValueError(
            f"n_clusters must be at most the number of rows, {n_rows}; got {n_clusters}."
        )
    return n_clusters


def _seed(random_state: Any) -> int:
    """One number for all methods: a shared RandomState would give each another seed."""
    if isinstance(random_state, (int, np.integer)):
        return int(random_state)
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


def _tell(verbose: int, line: str) -> None:
    if verbose:
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
