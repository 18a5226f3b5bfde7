"""Clusters: their sizes, silhouettes and profiles, and how they agree with classes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.metrics import silhouette_samples
from sklearn.utils import check_consistent_length, resample

from skdec._utils.data import check_samples
from skdec.describe._summary import compute_profiles, embed, get_feature_names, predict_clusters
from skdec.display._axes import (
    assign_colors,
    create_axes,
    create_colormap,
    get_text_color,
    is_dark,
    name_label,
    place_texts,
    share_docstrings,
    split_axes,
    write_values,
)
from skdec.metrics import clustering_accuracy, count_matches

_PERCENTILES = (5, 25, 50, 75, 95)
_MAX_SILHOUETTE_SAMPLES = 3000
_LIMIT = 2.5  # standard deviations beyond which the color does not change
_MAX_CLUSTERS_WITH_VALUES = 16
_MAX_NAME_LENGTH = 32
_MIN_FONT_SIZE = 5.0
_MAX_FONT_SIZE = 11.0


@share_docstrings
@dataclass(eq=False, repr=False)
class ClusterSizesDisplay:
    """Number of samples in each cluster, and how certain their assignments are.

    Use `from_estimator` or `from_predictions` to create one.

    Parameters
    ----------
    labels : ndarray of shape (n_samples,), int
        Clusters; -1 is noise.
    confidence : ndarray of shape (n_samples,), default=None
        Largest soft assignment.
    names : mapping of int to str, default=None
        Names of the clusters, such as those of `skdec.name_clusters`.

    Attributes
    ----------
    axes_ : ndarray of matplotlib.axes.Axes
        Axes of the sizes and, if given, of the largest soft assignments.
    figure_ : matplotlib.figure.Figure
        Figure of the plots.
    bars_ : matplotlib.container.BarContainer
        Bars of the sizes.

    Examples
    --------
    >>> from skdec.display import ClusterSizesDisplay
    >>> ClusterSizesDisplay.from_predictions([0, 0, 1], [0.95, 0.6, 0.99])  # doctest: +SKIP
    """

    labels: np.ndarray
    confidence: np.ndarray | None = None
    names: Mapping[int, str] | None = None

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        names: Mapping[int, str] | None = None,
        ax: Any = None,
    ) -> "ClusterSizesDisplay":
        """Plot the sizes of the predicted clusters.

        Parameters
        ----------
        {estimator}
        {names}
        {ax}

        {plot}
        """
        return cls(*predict_clusters(estimator, X), names).plot(ax=ax)

    @classmethod
    def from_predictions(
        cls,
        labels: Any,
        confidence: Any = None,
        *,
        names: Mapping[int, str] | None = None,
        ax: Any = None,
    ) -> "ClusterSizesDisplay":
        """Plot the sizes of given clusters.

        Parameters
        ----------
        labels : array-like of shape (n_samples,)
            Clusters; -1 is noise.
        confidence : array-like of shape (n_samples,), default=None
            Largest soft assignment of each sample.
        {names}
        {ax}

        {plot}
        """
        certain = None if confidence is None else np.asarray(confidence)
        return cls(np.asarray(labels), certain, names).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> "ClusterSizesDisplay":
        """Plot the clusters, the one with the smallest label on top.

        Of the largest soft assignments, a dot marks the median, a thick line the middle half and a
        thin line the middle nine tenths of the samples.

        Parameters
        ----------
        {divided_ax}

        {itself}
        """
        labels, codes = np.unique(self.labels, return_inverse=True)
        sizes = np.bincount(codes)
        n_columns = 1 if self.confidence is None else 2
        self.axes_ = split_axes(
            ax, 1, n_columns, (3.6 * n_columns, 1.2 + 0.24 * max(len(labels), 6))
        )[0]
        by_size = self.axes_[0]
        colors = list(assign_colors(labels.tolist(), dark=is_dark(by_size)).values())
        self.bars_ = by_size.barh(range(len(labels)), sizes, color=colors)
        by_size.bar_label(self.bars_, [f"{size:,}" for size in sizes], padding=3, fontsize=9)
        by_size.margins(x=0.2)
        by_size.set(xlabel="Number of samples", ylabel="Cluster")
        by_size.locator_params(axis="x", nbins=5)
        if self.confidence is not None:
            groups = [self.confidence[codes == code] for code in range(len(labels))]
            _plot_ranges(self.axes_[1], groups, colors)
        given = {} if self.names is None else self.names
        names = [given.get(label, name_label(label)) for label in labels.tolist()]
        for axes in self.axes_:
            axes.set_yticks(range(len(labels)), names, parse_math=False)
            axes.set_ylim(len(labels) - 0.4, -0.6)
        for axes in self.axes_[1:]:
            axes.tick_params(labelleft=False)
        self.figure_ = by_size.figure
        return self


def _plot_ranges(ax: Any, groups: list[np.ndarray], colors: list[str]) -> None:
    percentiles = np.array([np.percentile(values, _PERCENTILES) for values in groups]).T
    low, first_quarter, median, third_quarter, high = percentiles
    rows = np.arange(len(groups))
    ax.hlines(rows, low, high, color=colors, linewidth=1)
    ax.hlines(rows, first_quarter, third_quarter, color=colors, linewidth=4)
    ax.scatter(median, rows, color=colors, s=36, zorder=3)
    ax.set_xlabel("Largest soft assignment")
    ax.grid(axis="x", alpha=0.3)


@share_docstrings
@dataclass(eq=False, repr=False)
class SilhouetteDisplay:
    """Silhouettes of the samples, sorted within each cluster.

    A silhouette is near 1 where a sample is much closer to its own cluster than to the next, and
    below 0 where it is closer to another.

    Use `from_estimator` or `from_predictions` to create one.

    Parameters
    ----------
    silhouettes : ndarray of shape (n_samples,)
        Silhouette of each sample.
    labels : ndarray of shape (n_samples,), int
        Clusters.

    Attributes
    ----------
    {figure}
    areas_ : dict of matplotlib.collections.PolyCollection
        Area of each cluster.

    See Also
    --------
    sklearn.metrics.silhouette_samples : Compute the silhouettes.

    Examples
    --------
    >>> from skdec.display import SilhouetteDisplay
    >>> SilhouetteDisplay.from_predictions([[0.0], [0.1], [5.0]], [0, 0, 1])  # doctest: +SKIP
    """

    silhouettes: np.ndarray
    labels: np.ndarray

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        space: str = "embedding",
        max_samples: int = _MAX_SILHOUETTE_SAMPLES,
        random_state: int = 0,
        ax: Any = None,
    ) -> "SilhouetteDisplay":
        """Plot the silhouettes of the predicted clusters.

        Parameters
        ----------
        {estimator}
        space : {"embedding", "input"}, default="embedding"
            Space of the distances: the output of `transform`, or `X` as it is given.
        max_samples : int, default=3000
            Of more samples, a random subset of this size is plotted.
        random_state : int, default=0
            Seed of the subset.
        {ax}

        {plot}

        Raises
        ------
        ValueError
            If `space` is unknown, or the samples are all in one cluster.
        """
        if space not in ("embedding", "input"):
            raise ValueError(f"space must be 'embedding' or 'input'; got {space!r}.")
        labels, _ = predict_clusters(estimator, X)
        points = embed(estimator, X) if space == "embedding" else X
        return cls.from_predictions(
            points, labels, max_samples=max_samples, random_state=random_state, ax=ax
        )

    @classmethod
    def from_predictions(
        cls,
        X: Any,
        labels: Any,
        *,
        max_samples: int = _MAX_SILHOUETTE_SAMPLES,
        random_state: int = 0,
        ax: Any = None,
    ) -> "SilhouetteDisplay":
        """Plot the silhouettes of given clusters.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples, or their embedding.
        labels : array-like of shape (n_samples,)
            Clusters; noise, -1, is left out.
        max_samples : int, default=3000
            Of more samples, a random subset of this size is plotted.
        random_state : int, default=0
            Seed of the subset.
        {ax}

        {plot}
        """
        X, labels = check_samples(X), np.asarray(labels)
        check_consistent_length(X, labels)
        selected = np.flatnonzero(labels != -1)
        if len(selected) > max_samples:
            selected = resample(
                selected, replace=False, n_samples=max_samples, random_state=random_state
            )
        X, labels = X[selected], labels[selected]
        return cls(silhouette_samples(X, labels), labels).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> "SilhouetteDisplay":
        """Plot the silhouettes, the cluster with the smallest label on top.

        Parameters
        ----------
        {ax}

        {itself}
        """
        names = np.unique(self.labels).tolist()
        ax = create_axes(ax, (6.0, max(4.0, 1.2 + 0.2 * len(names))))
        colors = assign_colors(names, dark=is_dark(ax))
        # Each cluster has the same height, so that the names of small ones do not overlap.
        self.areas_ = {}
        for row, name in enumerate(names):
            silhouettes = np.sort(self.silhouettes[self.labels == name])[::-1]
            heights = np.linspace(row, row + 0.85, len(silhouettes) + 1)
            self.areas_[name] = ax.fill_betweenx(
                heights,
                0,
                np.append(silhouettes, silhouettes[-1]),
                step="post",
                color=colors[name],
                linewidth=0,
            )
        mean = float(self.silhouettes.mean())
        ax.axvline(mean, color=get_text_color(), linestyle="--", linewidth=1)
        ax.set_title(f"Mean silhouette {mean:.3f}")
        rows = [row + 0.425 for row in range(len(names))]
        ax.set_yticks(rows, [str(name) for name in names], parse_math=False)
        ax.set(xlabel="Silhouette", ylabel="Cluster", ylim=(len(names), -0.15))
        ax.set_xlim(min(-0.05, float(self.silhouettes.min())), 1)
        self.ax_, self.figure_ = ax, ax.figure
        return self


@share_docstrings
@dataclass(eq=False, repr=False)
class ProfileDisplay:
    """Heat map of the features in which the clusters differ most from all samples.

    Use `from_estimator` or `from_predictions` to create one.

    Parameters
    ----------
    profiles : ndarray of shape (n_clusters, n_features)
        Difference of the clusters' means from the mean of all samples, in standard deviations.
    labels : sequence of int of length n_clusters
        Clusters.
    feature_names : sequence of str of length n_features
        Names of the features.

    Attributes
    ----------
    {figure}
    image_ : matplotlib.image.AxesImage
        The differences; rows are features, columns clusters.
    texts_ : list of matplotlib.text.Text
        The differences of at least half a standard deviation, if there are at most 16 clusters.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdec.display import ProfileDisplay
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> ProfileDisplay.from_predictions(X, y)  # doctest: +SKIP
    """

    profiles: np.ndarray
    labels: Sequence[int]
    feature_names: Sequence[str]

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, *, n_features: int = 20, ax: Any = None
    ) -> "ProfileDisplay":
        """Plot the profiles of the predicted clusters.

        Parameters
        ----------
        estimator : object
            Fitted clusterer with a `predict`, or a Pipeline that ends in one.
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Samples, all columns of which are numbers.
        n_features : int, default=20
            Number of features to plot.
        {ax}

        {plot}
        """
        labels, _ = predict_clusters(estimator, X)
        names = get_feature_names(X, estimator)
        return cls.from_predictions(X, labels, feature_names=names, n_features=n_features, ax=ax)

    @classmethod
    def from_predictions(
        cls,
        X: Any,
        labels: Any,
        *,
        feature_names: Sequence[str] | None = None,
        n_features: int = 20,
        ax: Any = None,
    ) -> "ProfileDisplay":
        """Plot the profiles of given clusters.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Samples, all columns of which are numbers.
        labels : array-like of shape (n_samples,)
            Clusters.
        feature_names : sequence of str, default=None
            Names of the features; the columns of a DataFrame by default.
        n_features : int, default=20
            Number of features to plot.
        {ax}

        {plot}
        """
        labels = np.asarray(labels)
        samples = X if issparse(X) else check_samples(X).astype(np.float64)
        if feature_names is None:
            feature_names = get_feature_names(X)
        profiles = compute_profiles(samples, labels)
        return cls(profiles, np.unique(labels).tolist(), feature_names).plot(
            n_features=n_features, ax=ax
        )

    def plot(self, *, n_features: int = 20, ax: Any = None) -> "ProfileDisplay":
        """Plot the features with the largest differences.

        Parameters
        ----------
        n_features : int, default=20
            Number of features to plot.
        {ax}

        {itself}
        """
        selected = order_features(self.profiles, n_features)
        values = np.asarray(self.profiles)[:, selected].T
        n_rows, n_columns = values.shape
        names = [_cut_name(self.feature_names[feature]) for feature in selected]
        ax = create_axes(
            ax,
            (2.2 + 0.08 * max(map(len, names)) + 0.42 * max(n_columns, 5), 1.5 + 0.28 * n_rows),
        )
        limit = min(_LIMIT, float(np.abs(values).max()) or 1.0)
        self.image_ = ax.imshow(
            values, cmap=create_colormap(ax, diverging=True), vmin=-limit, vmax=limit, aspect="auto"
        )
        ax.set_yticks(range(n_rows), names, parse_math=False)
        ax.set_xticks(
            range(n_columns),
            map(name_label, self.labels),
            fontsize=10 if n_columns <= 16 else 8,
        )
        ax.set(xlabel="Cluster")
        ax.figure.colorbar(
            self.image_, ax=ax, label="Difference from the mean (standard deviations)", pad=0.02
        )
        is_written = (np.abs(values) >= 0.5) & (n_columns <= _MAX_CLUSTERS_WITH_VALUES)
        texts = np.vectorize("{:+.1f}".format)(values)
        self.texts_ = write_values(ax, self.image_, texts, is_written, fontsize=8)
        self.ax_, self.figure_ = ax, ax.figure
        return self


def order_features(profiles: np.ndarray, n_features: int) -> np.ndarray:
    """Return the features with the largest differences, ordered by the cluster that has them."""
    sizes = np.abs(profiles)
    selected = np.argsort(-sizes.max(axis=0), kind="stable")[:n_features]
    order = np.lexsort((-sizes.max(axis=0)[selected], sizes.argmax(axis=0)[selected]))
    return selected[order]


def _cut_name(name: str) -> str:
    return name if len(name) <= _MAX_NAME_LENGTH else f"{name[: _MAX_NAME_LENGTH - 1]}…"


@share_docstrings
@dataclass(eq=False, repr=False)
class ConfusionDisplay:
    """Confusion matrix of classes and clusters, in the order of the best matching.

    Use `from_estimator` or `from_predictions` to create one. Clusters are in the order of the
    classes that they are matched to; those that are matched to none are on the right.

    Parameters
    ----------
    confusion_matrix : ndarray of shape (n_classes, n_clusters), int
        Number of samples of each class in each cluster.
    class_names : sequence of str of length n_classes
        Names of the classes.
    cluster_names : sequence of str of length n_clusters
        Names of the clusters.
    accuracy : float, default=None
        Fraction of the samples that agree.

    Attributes
    ----------
    {figure}
    image_ : matplotlib.image.AxesImage
        The cells, colored by the fraction of their class.
    texts_ : list of matplotlib.text.Text
        Counts of the cells that are not empty.

    See Also
    --------
    skdec.metrics.match_labels : Match clusters to classes.

    Examples
    --------
    >>> from skdec.display import ConfusionDisplay
    >>> ConfusionDisplay.from_predictions(["a", "a", "b"], [1, 1, 0])  # doctest: +SKIP
    """

    confusion_matrix: np.ndarray
    class_names: Any
    cluster_names: Any
    accuracy: float | None = field(default=None, kw_only=True)

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, y: Any, *, ax: Any = None
    ) -> "ConfusionDisplay":
        """Plot the confusion matrix of classes and predicted clusters.

        Parameters
        ----------
        {estimator}
        y : array-like of shape (n_samples,)
            Classes.
        {ax}

        {plot}
        """
        return cls.from_predictions(y, predict_clusters(estimator, X)[0], ax=ax)

    @classmethod
    def from_predictions(cls, y_true: Any, y_pred: Any, *, ax: Any = None) -> "ConfusionDisplay":
        """Plot the confusion matrix of classes and given clusters.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            Classes.
        y_pred : array-like of shape (n_samples,)
            Clusters, before the matching; -1 is noise.
        {ax}

        {plot}
        """
        return cls(
            *count_matches(y_true, y_pred), accuracy=clustering_accuracy(y_true, y_pred)
        ).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> "ConfusionDisplay":
        """Plot the matrix.

        Parameters
        ----------
        {ax}

        {itself}
        """
        counts = np.asarray(self.confusion_matrix)
        n_classes, n_columns = counts.shape
        cell = 0.42 if n_columns <= 15 else 0.3  # inches
        ax = create_axes(ax, (max(4.8, 1.6 + cell * n_columns), max(4.2, 1.4 + cell * n_classes)))
        fractions = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        self.image_ = ax.imshow(fractions, cmap=create_colormap(ax), vmin=0, vmax=1, aspect="auto")
        ax.set_xticks(range(n_columns), self.cluster_names, parse_math=False)
        ax.set_yticks(range(n_classes), self.class_names, parse_math=False)
        _rotate_if_crowded(ax)
        ax.set(xlabel="Cluster", ylabel="Class")
        if self.accuracy is not None:
            ax.set_title(f"Accuracy {self.accuracy:.3f}")
        self.texts_ = self._add_counts(ax, counts)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _add_counts(self, ax: Any, counts: np.ndarray) -> list[Any]:
        """Write the counts into the cells, in the largest font that fits, if one does."""
        formatted = np.vectorize(_format_count)(counts)
        texts = write_values(ax, self.image_, formatted, counts > 0, _MAX_FONT_SIZE)
        place_texts(ax)
        corner, opposite = ax.transData.transform([(0, 0), (0.9, 0.9)])
        cell = np.abs(opposite - corner)
        boxes = [text.get_window_extent() for text in texts]
        factor = min(
            [1.0, *(cell[0] / box.width for box in boxes), *(cell[1] / box.height for box in boxes)]
        )
        if factor * _MAX_FONT_SIZE < _MIN_FONT_SIZE:
            for text in texts:
                text.remove()
            return []
        for text in texts:
            text.set_fontsize(factor * _MAX_FONT_SIZE)
        return texts


def _format_count(count: int) -> str:
    """Format a count by at most four characters."""
    if count < 1000:
        return str(count)
    if count < 9950:
        return f"{count / 1000:.1f}k"
    return f"{count / 1000:.0f}k" if count < 999_500 else f"{count / 1e6:.1f}M"


def _rotate_if_crowded(ax: Any) -> None:
    """Turn the labels of the x-axis by 90 degrees if they would overlap."""
    place_texts(ax)
    boxes = [label.get_window_extent() for label in ax.get_xticklabels()]
    if any(left.x1 + 3 > right.x0 for left, right in pairwise(boxes)):
        ax.tick_params(axis="x", labelrotation=90)
