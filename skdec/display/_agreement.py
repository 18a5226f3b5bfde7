"""Clusters compared with known classes."""

from itertools import pairwise
from typing import Any

import numpy as np

from skdec.describe._summary import predict_clusters
from skdec.display._axes import (
    create_axes,
    create_colormap,
    get_contrasting_color,
    place_texts,
)
from skdec.metrics import clustering_accuracy, count_matches

_MIN_FONT_SIZE = 5.0
_MAX_FONT_SIZE = 11.0


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
    ax_ : matplotlib.axes.Axes
        Axes of the plot.
    figure_ : matplotlib.figure.Figure
        Figure of the plot.
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

    def __init__(
        self,
        confusion_matrix: np.ndarray,
        class_names: Any,
        cluster_names: Any,
        *,
        accuracy: float | None = None,
    ) -> None:
        self.confusion_matrix = confusion_matrix
        self.class_names = class_names
        self.cluster_names = cluster_names
        self.accuracy = accuracy

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, y: Any, *, ax: Any = None
    ) -> "ConfusionDisplay":
        """Plot the confusion matrix of classes and predicted clusters.

        Parameters
        ----------
        estimator : object
            Fitted clusterer with a `predict`, or a Pipeline that ends in one.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples,)
            Classes.
        ax : matplotlib.axes.Axes, default=None
            Axes to plot on. If None, a new figure is created.

        Returns
        -------
        ConfusionDisplay
            The plot.
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
        ax : matplotlib.axes.Axes, default=None
            Axes to plot on. If None, a new figure is created.

        Returns
        -------
        ConfusionDisplay
            The plot.
        """
        return cls(
            *count_matches(y_true, y_pred), accuracy=clustering_accuracy(y_true, y_pred)
        ).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> "ConfusionDisplay":
        """Plot the matrix.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to plot on. If None, a new figure is created.

        Returns
        -------
        ConfusionDisplay
            The object itself, with the attributes set.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        counts = np.asarray(self.confusion_matrix)
        n_classes, n_columns = counts.shape
        cell = 0.42 if n_columns <= 15 else 0.3  # inches
        ax = create_axes(ax, (max(4.8, 1.6 + cell * n_columns), max(4.2, 1.4 + cell * n_classes)))
        fractions = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        self.image_ = ax.imshow(fractions, cmap=create_colormap(ax), vmin=0, vmax=1, aspect="auto")
        ax.set_xticks(range(n_columns), self.cluster_names)
        ax.set_yticks(range(n_classes), self.class_names)
        for tick in (*ax.get_xticklabels(), *ax.get_yticklabels()):
            tick.set_parse_math(False)
        _rotate_if_crowded(ax, self.cluster_names)
        ax.set(xlabel="Cluster", ylabel="Class")
        if self.accuracy is not None:
            ax.set_title(f"Accuracy {self.accuracy:.3f}")
        self.texts_ = self._add_counts(ax, counts)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _add_counts(self, ax: Any, counts: np.ndarray) -> list[Any]:
        """Write the counts into the cells, in the largest font that fits, if one does."""
        texts = [
            ax.text(
                column,
                row,
                _shorten(counts[row, column]),
                ha="center",
                va="center",
                color=get_contrasting_color(
                    self.image_.to_rgba(self.image_.get_array()[row, column])
                ),
                fontsize=_MAX_FONT_SIZE,
            )
            for row, column in np.argwhere(counts)
        ]
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


def _shorten(count: int) -> str:
    """Format a count by at most four characters."""
    if count < 1000:
        return str(count)
    if count < 9950:
        return f"{count / 1000:.1f}k"
    return f"{count / 1000:.0f}k" if count < 999_500 else f"{count / 1e6:.1f}M"


def _rotate_if_crowded(ax: Any, names: Any) -> None:
    """Turn the labels of the x-axis by 90 degrees if they would overlap."""
    place_texts(ax)
    boxes = [label.get_window_extent() for label in ax.get_xticklabels()]
    if any(left.x1 + 3 > right.x0 for left, right in pairwise(boxes)):
        ax.tick_params(axis="x", labelrotation=90)
