"""The features that set the clusters apart."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.sparse import issparse

from skdec._utils.containers import check_samples
from skdec.describe._summary import compute_profiles, get_feature_names, predict_clusters
from skdec.display._axes import create_axes, create_colormap, get_contrasting_color

_LIMIT = 2.5  # standard deviations beyond which the color does not change
_MAX_CLUSTERS_WITH_VALUES = 16
_MAX_NAME_LENGTH = 32


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
    ax_ : matplotlib.axes.Axes
        Axes of the plot.
    figure_ : matplotlib.figure.Figure
        Figure of the plot.
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

    def __init__(
        self, profiles: np.ndarray, labels: Sequence[int], feature_names: Sequence[str]
    ) -> None:
        self.profiles = profiles
        self.labels = labels
        self.feature_names = feature_names

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
        ax : matplotlib.axes.Axes, default=None
            Axes to plot on. If None, a new figure is created.

        Returns
        -------
        ProfileDisplay
            The plot.
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
        ax : matplotlib.axes.Axes, default=None
            Axes to plot on. If None, a new figure is created.

        Returns
        -------
        ProfileDisplay
            The plot.
        """
        labels = np.asarray(labels)
        samples = X if issparse(X) else check_samples(X).astype(np.float64)
        if feature_names is None:
            feature_names = get_feature_names(X if hasattr(X, "columns") else samples)
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
        ax : matplotlib.axes.Axes, default=None
            Axes to plot on. If None, a new figure is created.

        Returns
        -------
        ProfileDisplay
            The object itself, with the attributes set.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        selected = order_features(self.profiles, n_features)
        values = np.asarray(self.profiles)[:, selected].T
        n_rows, n_columns = values.shape
        names = [_shorten(self.feature_names[feature]) for feature in selected]
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
            ["noise" if label == -1 else str(label) for label in self.labels],
            fontsize=10 if n_columns <= 16 else 8,
        )
        ax.set(xlabel="Cluster")
        ax.figure.colorbar(
            self.image_, ax=ax, label="Difference from the mean (standard deviations)", pad=0.02
        )
        self.texts_ = (
            _add_values(ax, self.image_, values) if n_columns <= _MAX_CLUSTERS_WITH_VALUES else []
        )
        self.ax_, self.figure_ = ax, ax.figure
        return self


def order_features(profiles: np.ndarray, n_features: int) -> np.ndarray:
    """Return the features with the largest differences, ordered by the cluster that has them."""
    sizes = np.abs(profiles)
    selected = np.argsort(-sizes.max(axis=0), kind="stable")[:n_features]
    order = np.lexsort((-sizes.max(axis=0)[selected], sizes.argmax(axis=0)[selected]))
    return selected[order]


def _add_values(ax: Any, image: Any, values: np.ndarray) -> list[Any]:
    return [
        ax.text(
            column,
            row,
            f"{values[row, column]:+.1f}",
            ha="center",
            va="center",
            fontsize=8,
            color=get_contrasting_color(image.to_rgba(values[row, column])),
        )
        for row, column in np.argwhere(np.abs(values) >= 0.5)
    ]


def _shorten(name: str) -> str:
    return name if len(name) <= _MAX_NAME_LENGTH else f"{name[: _MAX_NAME_LENGTH - 1]}…"
