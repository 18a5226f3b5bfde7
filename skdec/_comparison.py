"""Compare k-means, k-means in the embedding of an autoencoder, neighbors, DEC and any clusterers.

The module is private because `skdec.compare` is the function: a module of the same name would
replace it in the package as soon as it is imported.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score, silhouette_score
from sklearn.utils import check_random_state, resample

from skdec._utils.data import check_samples
from skdec._utils.terminal import format_table, write_line
from skdec._utils.validation import Integer, check_finite, warn_if_scales_differ
from skdec.cluster import NeighborClusterer
from skdec.dec._estimator import DECClusterer
from skdec.dec._parameters import PARAMETERS
from skdec.metrics import NOISE, clustering_accuracy, convert_labels
from skdec.model_selection import score_clusters

METHODS = ("kmeans", "autoencoder+kmeans", "neighbors", "dec")
_ALLOWED_METHODS = f"{', '.join(map(repr, METHODS))}, clusterers or (name, clusterer)"
MAX_SILHOUETTE_SAMPLES = 5000

_SCORE_TITLES = {"accuracy": "accuracy", "nmi": "NMI", "ari": "ARI", "silhouette": "silhouette"}

Scores = Mapping[str, float | None]


@dataclass(frozen=True)
class MethodResult:
    """Clusters and scores of one method with one seed.

    Parameters
    ----------
    method : str
        Name of the method.
    labels : ndarray of shape (n_samples,), int
        Cluster of each sample; -1 is noise.
    n_clusters : int
        Number of clusters that are not empty.
    seconds : float
        Time of the whole fit, including pretraining.
    accuracy, nmi, ari : float or None
        Agreement with the classes; None if there are none.
    silhouette : float or None
        Mean silhouette of a subset of the samples in the input space, those that are noise left
        out; None if there are classes, or if fewer than two clusters were found.
    random_state : int
        Seed of the fit.
    estimator : object or None
        The fitted estimator; None for the second and later seeds, to save memory.
    """

    method: str
    labels: np.ndarray = field(repr=False, compare=False)
    n_clusters: int
    seconds: float
    accuracy: float | None = None
    nmi: float | None = None
    ari: float | None = None
    silhouette: float | None = None
    random_state: int = 0
    estimator: Any = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class Comparison:
    """Results of several methods on the same samples; prints as a table.

    Parameters
    ----------
    results : tuple of MethodResult
        One for each method and seed: the methods in the order requested, the seeds of a method
        one after the other.
    n_samples, n_features : int
        Shape of the input.
    n_clusters : int or None
        Number of clusters requested; None if only clusterers with a number of their own are
        compared.
    random_state : int
        First seed of all methods, with which each can be fitted again.
    X : {array-like, sparse matrix} or None
        The samples, not a copy.
    y : ndarray of shape (n_samples,) or None
        The classes, if there are any.
    """

    results: tuple[MethodResult, ...]
    n_samples: int
    n_features: int
    n_clusters: int | None
    random_state: int
    X: Any = field(default=None, repr=False, compare=False)
    y: np.ndarray | None = field(default=None, repr=False, compare=False)

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of the methods in their order."""
        return tuple(dict.fromkeys(result.method for result in self.results))

    def __getitem__(self, method: str) -> MethodResult:
        """Return the result of a method by name, the one of the first seed.

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
        """Return a table with one line per method; of several seeds, mean and deviation."""
        return format_table(self.to_rows())

    def to_rows(self) -> list[tuple[str, ...]]:
        """Return the cells of the printed table.

        Returns
        -------
        list of tuple of str
            The titles of the columns, and the cells of each method.
        """
        fits = self.to_frame().groupby("method", sort=False)
        columns = {
            title: [_format_scores(values, 3) for _, values in fits[name]]
            for name, title in _SCORE_TITLES.items()
        }
        columns["clusters"] = [_format_range(values) for _, values in fits["n_clusters"]]
        columns["seconds"] = [_format_scores(values, 1) for _, values in fits["seconds"]]
        # A score that no method has (accuracy without classes) gets no column.
        columns = {title: cells for title, cells in columns.items() if any(cells)}
        rows = zip(self.methods, *columns.values(), strict=True)
        return [("method", *columns), *(tuple(cell or "-" for cell in row) for row in rows)]

    def to_frame(self) -> pd.DataFrame:
        """Return the scores as a table with one row per method and seed.

        Returns
        -------
        pandas.DataFrame
            Columns: method, random_state, accuracy, nmi, ari, silhouette (NaN where a score does
            not exist), n_clusters, seconds.

        Examples
        --------
        >>> from sklearn.datasets import make_blobs
        >>> from skdec import compare
        >>> X, y = make_blobs(60, centers=[[0, 0], [9, 9]], random_state=0)
        >>> frame = compare(X, y, methods=("kmeans",), n_seeds=2, random_state=0).to_frame()
        >>> frame.groupby("method")["ari"].agg(["count", "min"])
                count  min
        method
        kmeans      2  1.0
        """
        columns = ("method", "random_state", *_SCORE_TITLES, "n_clusters", "seconds")
        frame = pd.DataFrame(
            [[getattr(result, name) for name in columns] for result in self.results],
            columns=list(columns),
        )
        return frame.astype(dict.fromkeys(_SCORE_TITLES, float))

    def to_dict(self) -> dict[str, Any]:
        """Return everything except labels, estimators and samples as plain Python values.

        Returns
        -------
        dict
            Shape, number of clusters and first seed, and under ``"results"`` one dict per method
            and seed, ready for JSON.
        """
        return {
            "n_samples": self.n_samples,
            "n_features": self.n_features,
            "n_clusters": self.n_clusters,
            "random_state": self.random_state,
            "results": [
                {
                    name: value
                    for name, value in vars(result).items()
                    if name not in ("labels", "estimator")
                }
                for result in self.results
            ],
        }

    def to_html(
        self,
        path: Any = None,
        *,
        method: str | None = None,
        image_shape: tuple[int, ...] | None = None,
        title: str = "Comparison of clusterings",
        table: Any = None,
    ) -> str | None:
        """Return a report as an HTML page, or write it to a file.

        The page has the table of scores, and the clusters of one method as in `skdec.report`; the
        embedding can also be colored by the clusters of the other methods. It needs no network.

        Parameters
        ----------
        path : str or path-like, default=None
            The file, replaced if it exists.
        method : str, default=None
            Name of the method whose clusters are shown. None is ``"dec"``, or the last one if that
            is not among the methods.
        image_shape : tuple of int, default=None
            Height and width of the samples, if they are images, and 3 or 4 if they have colors.
        title : str, default="Comparison of clusterings"
            Title of the page.
        table : data frame of shape (n_samples, n_columns), default=None
            What the samples were prepared from, with words and dates, to describe the clusters by.
            It is not used with `image_shape`.

        Returns
        -------
        str or None
            The page; None if it was written to a file.

        Raises
        ------
        KeyError
            If there is no such method.
        ImportError
            If plotly is not installed.
        """
        from skdec._report import report_comparison

        if method is None:
            method = "dec" if "dec" in self.methods else self.methods[-1]
        return report_comparison(self, method, image_shape, title, table).to_html(path)


def _format_scores(values: pd.Series, n_digits: int) -> str:
    """Format a score, or mean and standard deviation of those that exist; "" if none does."""
    values = values.dropna()
    if values.empty:
        return ""
    deviation = f" ± {values.std():.{n_digits}f}" if len(values) > 1 else ""
    return f"{values.mean():.{n_digits}f}{deviation}"


def _format_range(values: pd.Series) -> str:
    lowest, highest = values.min(), values.max()
    return str(lowest) if lowest == highest else f"{lowest}-{highest}"


def compare(
    X: Any,
    y: Any = None,
    *,
    methods: Sequence[Any] = METHODS,
    n_clusters: int | None = None,
    n_seeds: int = 1,
    dims: Sequence[int] | str = "auto",
    alpha: float = 1.0,
    pretrain_epochs: int | str = "auto",
    max_iter: int | str = "auto",
    callbacks: Sequence[Any] | None = None,
    verbose: int = 0,
    random_state: Any = None,
) -> Comparison:
    """Fit several clusterers to the same samples, and score each.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The samples. They are used as given: scale them beforehand if needed.
    y : array-like of shape (n_samples,), default=None
        Classes, used for the scores only; no method is fitted with them.
    methods : sequence of str, clusterer or (str, clusterer), \
            default=("kmeans", "autoencoder+kmeans", "neighbors", "dec")
        The methods to fit: ``"kmeans"`` in the input space, best of 20 runs;
        ``"autoencoder+kmeans"`` in the embedding of the pretrained autoencoder, best of 20 runs;
        ``"neighbors"``, a `NeighborClusterer`, without a network; ``"dec"``, a `DECClusterer`, both
        with default parameters; any estimator with a `fit_predict`, such as ``HDBSCAN()`` or a
        Pipeline, of which clones are fitted whose random states are set to the seed. It is named
        by its class, or by the first element of a tuple.
    n_clusters : int, default=None
        Number of clusters of the methods given by name. By default the number of classes in `y`.
    n_seeds : int, default=1
        Number of seeds with which each method is fitted.
    dims : sequence of int or "auto", default="auto"
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
        If 1, the start and the end of each method and the progress of its fit are written to
        standard error.
    random_state : int, RandomState instance or None, default=None
        First seed; the others follow it one by one. All methods use the same.

    Returns
    -------
    Comparison
        If there are classes, accuracy, normalized mutual information and adjusted Rand index, else
        the silhouette in the input space, on the same up to 5,000 samples for all methods;
        seconds; number of clusters found. Printed, it shows of several seeds the mean and the
        standard deviation.

    Raises
    ------
    ValueError
        If a method is unknown, two have the same name, the number of clusters is not given, `y`
        does not match `X`, or a number is out of its range.
    TypeError
        If a parameter or the labels are of the wrong type.

    See Also
    --------
    DECClusterer : The estimator behind two of the methods.
    NeighborClusterer : The estimator behind ``"neighbors"``.

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

    Any clusterer of scikit-learn can be one of the methods:

    >>> from sklearn.cluster import AgglomerativeClustering, BisectingKMeans
    >>> ward = ("ward", AgglomerativeClustering(10))
    >>> result = compare(X, y, methods=("kmeans", ward, BisectingKMeans(10)), random_state=0)
    >>> result.methods
    ('kmeans', 'ward', 'BisectingKMeans')
    """
    clusterers = _name_methods(methods)
    X = X if hasattr(X, "shape") else np.asarray(X)
    if hasattr(X, "columns"):
        check_samples(X)
    if len(X.shape) != 2:
        raise ValueError(f"X must be two-dimensional, got shape {tuple(X.shape)}.")
    classes = None if y is None else convert_labels(y, "y")
    if classes is not None and len(classes) != X.shape[0]:
        raise ValueError(f"y has {len(classes)} labels, but X has {X.shape[0]} samples.")
    if n_clusters is not None or None in clusterers.values():
        n_clusters = _get_n_clusters(n_clusters, classes, X.shape[0])
    Integer(1).check("n_seeds", n_seeds)
    network: dict[str, Any] = {
        "dims": dims,
        "alpha": alpha,
        "pretrain_epochs": pretrain_epochs,
        "callbacks": callbacks,
        "verbose": verbose,
    }
    # Checked here as well as by the estimator, to fail before k-means has run.
    for name, value in {**network, "max_iter": max_iter}.items():
        PARAMETERS[name].check(name, value)
    if list(clusterers) == ["kmeans"] and hasattr(X, "dtype"):
        # The other methods check the samples themselves.
        warn_if_scales_differ(check_finite(X))
    seed = _get_seed(random_state)
    # The cache, deleted after the comparison, is how two fits use the same pretraining.
    with TemporaryDirectory(prefix="skdec-compare-") as cache:
        builders: dict[str, Callable[..., Any]] = {
            "kmeans": partial(KMeans, n_clusters, n_init=20),
            "autoencoder+kmeans": partial(
                DECClusterer,
                n_clusters,
                init="k-means++",
                n_neighbors=0,  # neighbors would change the clusters of k-means
                max_iter=0,
                memory=cache,
                **network,
            ),
            "neighbors": partial(NeighborClusterer, n_clusters, verbose=verbose),
            "dec": partial(DECClusterer, n_clusters, max_iter=max_iter, memory=cache, **network),
        }
        selected = {
            method: builders[method] if clusterer is None else partial(_clone_with_seed, clusterer)
            for method, clusterer in clusterers.items()
        }
        compute_scores = _build_scorer(X, classes, seed)
        seeds = range(seed, seed + n_seeds)
        results = tuple(_fit_methods(selected, seeds, X, compute_scores, verbose))
        for result in results:
            if getattr(result.estimator, "memory", None) == cache:
                result.estimator.memory = None
    n_samples, n_features = map(int, X.shape)
    return Comparison(results, n_samples, n_features, n_clusters, seed, X, classes)


def _fit_methods(
    builders: Mapping[str, Callable[..., Any]],
    seeds: Sequence[int],
    X: Any,
    compute_scores: Callable[[np.ndarray], Scores],
    verbose: int,
) -> Iterator[MethodResult]:
    pretrainings: list[np.ndarray] = []
    for (method, build), seed in product(builders.items(), seeds):
        title = method if len(seeds) == 1 else f"{method}, seed {seed}"
        if verbose:
            write_line(f"{title}: started")
        estimator = build(random_state=seed)
        start = perf_counter()
        labels = np.asarray(estimator.fit_predict(X))
        seconds = perf_counter() - start + _get_cached_seconds(estimator, pretrainings)
        if verbose:
            write_line(f"{title}: {seconds:.1f} s")
        yield MethodResult(
            method,
            labels,
            n_clusters=len(set(labels.tolist()) - {NOISE}),
            seconds=seconds,
            random_state=seed,
            estimator=estimator if seed == seeds[0] else None,
            **compute_scores(labels),
        )


def _clone_with_seed(estimator: Any, random_state: int) -> Any:
    """Return an unfitted copy, of which all random states are this seed."""
    names = [name for name in estimator.get_params() if name.rpartition("__")[2] == "random_state"]
    return clone(estimator).set_params(**dict.fromkeys(names, random_state))


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

    def score(labels: np.ndarray) -> dict[str, float | None]:
        is_clustered = labels[indices] != NOISE
        found = labels[indices][is_clustered]
        return {"silhouette": score_clusters(silhouette_score, subset[is_clustered], found)}

    return score


def _name_methods(methods: Sequence[Any]) -> dict[str, Any]:
    """Return the clusterer of each method by name, None for those given by name."""
    if isinstance(methods, str) or not isinstance(methods, Iterable):
        raise ValueError(f"methods must be a sequence, such as ({methods!r},).")
    named = [_name_method(method) for method in methods]
    if not named:
        raise ValueError(f"methods must be of {_ALLOWED_METHODS}; got none.")
    for position, (name, _) in enumerate(named):
        if name in dict(named[:position]):
            raise ValueError(
                f"methods has two of the name {name!r}; name clusterers by tuples such as "
                f"('{name} 2', clusterer)."
            )
    return dict(named)


def _name_method(method: Any) -> tuple[str, Any]:
    if isinstance(method, str) and method in METHODS:
        return method, None
    name, clusterer = method if isinstance(method, tuple) and len(method) == 2 else ("", method)
    if isinstance(name, str) and hasattr(clusterer, "fit_predict"):
        return name or type(clusterer).__name__, clusterer
    raise ValueError(f"methods must be of {_ALLOWED_METHODS}; got {method!r}.")


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
    return int(n_clusters)


def _get_seed(random_state: Any) -> int:
    """Return one seed for all methods: they would modify a shared RandomState."""
    if isinstance(random_state, (int, np.integer)):
        return int(random_state)
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))
