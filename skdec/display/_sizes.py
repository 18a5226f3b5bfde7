"""Sizes of the clusters, and how certain and how well separated their samples are."""

from typing import Any

import numpy as np
from sklearn.metrics import silhouette_samples
from sklearn.utils import check_consistent_length, resample

from skdec._utils.colors import assign_colors
from skdec._utils.containers import check_samples
from skdec.describe._summary import embed, predict_clusters
from skdec.display._axes import create_axes, get_text_color, is_dark, split_axes

_PERCENTILES = (5, 25, 50, 75, 95)
_MAX_SILHOUETTE_SAMPLES = 3000


class ClusterSizesDisplay:
    """Number of samples in each cluster, and how certain their assignments are.

    Use `from_estimator` or `from_predictions` to create one.

    Parameters
    ----------
    labels : ndarray of shape (n_samples,), int
        Clusters; -1 is noise.
    confidence : ndarray of shape (n_samples,), default=None
        Largest soft assignment.

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

    def __init__(self, labels: np.ndarray, confidence: np.ndarray | None = None) -> None:
        self.labels = labels
        self.confidence = confidence

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any, *, ax: Any = None) -> "ClusterSizesDisplay":
        """Plot the sizes of the predicted clusters.

        Parameters
        ----------
        estimator : object
            Fitted clusterer with a `predict`, or a Pipeline that ends in one.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.
        ax : matplotlib.axes.Axes, default=None
            Axes to plot on. If None, a new figure is created.

        Returns
        -------
        ClusterSizesDisplay
            The plot.
        """
        return cls(*predict_clusters(estimator, X)).plot(ax=ax)

    @classmethod
    def from_predictions(
        cls, labels: Any, confidence: Any = None, *, ax: Any = None
    ) -> "ClusterSizesDisplay":
        """Plot the sizes of given clusters.

        Parameters
        ----------
        labels : array-like of shape (n_samples,)
            Clusters; -1 is noise.
        confidence : array-like of shape (n_samples,), default=None
            Largest soft assignment of each sample.
        ax : matplotlib.axes.Axes, default=None
            Axes to plot on. If None, a new figure is created.

        Returns
        -------
        ClusterSizesDisplay
            The plot.
        """
        certain = None if confidence is None else np.asarray(confidence)
        return cls(np.asarray(labels), certain).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> "ClusterSizesDisplay":
        """Plot the clusters, the one with the smallest label on top.

        Of the largest soft assignments, a dot marks the median, a thick line the middle half and a
        thin line the middle nine tenths of the samples.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to divide among the plots. If None, a new figure is created.

        Returns
        -------
        ClusterSizesDisplay
            The object itself, with the attributes set.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        names, codes = np.unique(self.labels, return_inverse=True)
        sizes = np.bincount(codes)
        n_columns = 1 if self.confidence is None else 2
        self.axes_ = split_axes(
            ax, 1, n_columns, (3.6 * n_columns, 1.2 + 0.24 * max(len(names), 6))
        )[0]
        by_size = self.axes_[0]
        colors = list(assign_colors(names.tolist(), dark=is_dark(by_size)).values())
        self.bars_ = by_size.barh(range(len(names)), sizes, color=colors)
        by_size.bar_label(self.bars_, [f"{size:,}" for size in sizes], padding=3, fontsize=9)
        by_size.margins(x=0.2)
        by_size.set(xlabel="Number of samples", ylabel="Cluster")
        by_size.locator_params(axis="x", nbins=5)
        if self.confidence is not None:
            groups = [self.confidence[codes == code] for code in range(len(names))]
            _plot_ranges(self.axes_[1], groups, colors)
        for axes in self.axes_:
            axes.set_yticks(
                range(len(names)),
                ["noise" if name == -1 else str(name) for name in names],
                parse_math=False,
            )
            axes.set_ylim(len(names) - 0.4, -0.6)
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
    ax_ : matplotlib.axes.Axes
        Axes of the plot.
    figure_ : matplotlib.figure.Figure
        Figure of the plot.
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

    def __init__(self, silhouettes: np.ndarray, labels: np.ndarray) -> None:
        self.silhouettes = silhouettes
        self.labels = labels

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
        estimator : object
            Fitted clusterer with a `predict`, or a Pipeline that ends in one.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.
        space : {"embedding", "input"}, default="embedding"
            Space of the distances: the output of `transform`, or `X` as it is given.
        max_samples : int, default=3000
            Of more samples, a random subset of this size is plotted.
        random_state : int, default=0
            Seed of the subset.
        ax : matplotlib.axes.Axes, default=None
            Axes to plot on. If None, a new figure is created.

        Returns
        -------
        SilhouetteDisplay
            The plot.

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
        ax : matplotlib.axes.Axes, default=None
            Axes to plot on. If None, a new figure is created.

        Returns
        -------
        SilhouetteDisplay
            The plot.
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
        ax : matplotlib.axes.Axes, default=None
            Axes to plot on. If None, a new figure is created.

        Returns
        -------
        SilhouetteDisplay
            The object itself, with the attributes set.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
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
