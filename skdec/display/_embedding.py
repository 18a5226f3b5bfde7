"""The embedding in a plane."""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np

from skdec.describe._summary import embed, find_medoid, lay_out, predict_clusters
from skdec.display._axes import (
    assign_colors,
    create_axes,
    get_text_color,
    is_dark,
    separate_texts,
    share_docstrings,
)

_COLORINGS = ("cluster", "class", "confidence")


@share_docstrings
@dataclass(eq=False, repr=False)
class EmbeddingDisplay:
    """Plot of the embedded samples in a plane, with the clusters' names at their places.

    Use `from_estimator` or `from_predictions` to create one.

    Parameters
    ----------
    positions : ndarray of shape (n_samples, 2)
        Positions in the plane.
    labels : ndarray of shape (n_samples,)
        Clusters; -1 is noise.
    confidence : ndarray of shape (n_samples,), default=None
        Largest soft assignment of each sample.
    classes : ndarray of shape (n_samples,), default=None
        Known classes.
    names : mapping of int to str, default=None
        Names of the clusters; the labels by default.

    Attributes
    ----------
    {figure}
    scatter_ : matplotlib.collections.PathCollection
        The samples.
    texts_ : dict of matplotlib.text.Text
        Name of each cluster or class.

    See Also
    --------
    skdec.report : The embedding in a browser, to zoom, filter and select.

    Notes
    -----
    By default the layout is a t-SNE of at most 2,500 samples, with the others beside their nearest
    neighbors among them. It shows which clusters are apart and which touch; distances between
    clusters and the areas of clusters mean nothing.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from skdec.display import EmbeddingDisplay
    >>> X, y = make_blobs(100, n_features=5, centers=3, random_state=0)
    >>> EmbeddingDisplay.from_predictions(X, y)  # doctest: +SKIP
    """

    positions: np.ndarray
    labels: np.ndarray
    _: KW_ONLY
    confidence: np.ndarray | None = None
    classes: np.ndarray | None = None
    names: Mapping[int, str] | None = None

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        names: Mapping[int, str] | None = None,
        random_state: int = 0,
        color_by: str = "cluster",
        ax: Any = None,
        **scatter_kwargs: Any,
    ) -> "EmbeddingDisplay":
        """Plot the embedding of a fitted clusterer, colored by its predictions.

        Parameters
        ----------
        estimator : object
            Fitted clusterer with `predict` and `transform`, or a Pipeline that ends in one.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples,), default=None
            Known classes.
        {names}
        random_state : int, default=0
            Seed of the layout.
        color_by : {"cluster", "class", "confidence"}, default="cluster"
            What the colors show.
        {ax}
        **scatter_kwargs : dict
            Further arguments of `matplotlib.axes.Axes.scatter`.

        {plot}
        """
        labels, confidence = predict_clusters(estimator, X)
        return cls.from_predictions(
            embed(estimator, X),
            labels,
            confidence=confidence,
            y=y,
            names=names,
            random_state=random_state,
            color_by=color_by,
            ax=ax,
            **scatter_kwargs,
        )

    @classmethod
    def from_predictions(
        cls,
        Z: Any,
        labels: Any,
        *,
        confidence: Any = None,
        y: Any = None,
        names: Mapping[int, str] | None = None,
        random_state: int = 0,
        color_by: str = "cluster",
        ax: Any = None,
        **scatter_kwargs: Any,
    ) -> "EmbeddingDisplay":
        """Plot an embedding, colored by given clusters.

        Parameters
        ----------
        Z : array-like of shape (n_samples, n_dims)
            Embedded samples. Two dimensions are plotted as they are.
        labels : array-like of shape (n_samples,)
            Clusters; -1 is noise.
        confidence : array-like of shape (n_samples,), default=None
            Largest soft assignment of each sample.
        y : array-like of shape (n_samples,), default=None
            Known classes.
        {names}
        random_state : int, default=0
            Seed of the layout.
        color_by : {"cluster", "class", "confidence"}, default="cluster"
            What the colors show.
        {ax}
        **scatter_kwargs : dict
            Further arguments of `matplotlib.axes.Axes.scatter`.

        {plot}
        """
        labels = np.asarray(labels)
        display = cls(
            lay_out(np.asarray(Z), labels, random_state=random_state),
            labels,
            confidence=None if confidence is None else np.asarray(confidence),
            classes=None if y is None else np.asarray(y),
            names=names,
        )
        return display.plot(color_by=color_by, ax=ax, **scatter_kwargs)

    def plot(
        self, *, color_by: str = "cluster", ax: Any = None, **scatter_kwargs: Any
    ) -> "EmbeddingDisplay":
        """Plot the samples.

        Parameters
        ----------
        color_by : {"cluster", "class", "confidence"}, default="cluster"
            What the colors show.
        {ax}
        **scatter_kwargs : dict
            Further arguments of `matplotlib.axes.Axes.scatter`, such as ``s`` or ``alpha``.

        {itself}
        ValueError
            If `color_by` is unknown, or the display has no classes or confidence.
        """
        groups = self._get_groups(color_by)
        ax = create_axes(ax, (6.4, 6.4))
        # In random order, no cluster covers another.
        order = np.random.default_rng(0).permutation(len(groups))
        settings: dict[str, Any] = {
            "s": float(np.clip(20_000 / len(groups), 1.0, 30.0)),  # square points
            "linewidths": 0,
            "rasterized": True,
        }
        if color_by == "confidence":
            confidence = np.asarray(self.confidence)[order]
            settings |= {"c": confidence, "cmap": "viridis"}
        else:
            colors = assign_colors(np.unique(groups).tolist(), dark=is_dark(ax))
            settings["c"] = [colors[group] for group in groups[order].tolist()]
        for name, values in scatter_kwargs.items():
            is_per_sample = not isinstance(values, str) and np.shape(values)[:1] == order.shape
            settings[name] = np.asarray(values)[order] if is_per_sample else values
        self.scatter_ = ax.scatter(*self.positions[order].T, **settings)
        ax.set(xticks=[], yticks=[])
        ax.set_aspect("equal", adjustable="datalim")
        n_groups = len(set(groups.tolist()) - {-1})
        kind = "classes" if color_by == "class" else "clusters"
        ax.set_title(f"{len(groups):,} samples in {n_groups} {kind}")
        if color_by == "confidence":
            ax.figure.colorbar(self.scatter_, ax=ax, label="Largest soft assignment", shrink=0.8)
        self._add_names(ax, groups, {} if color_by == "class" or self.names is None else self.names)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _get_groups(self, color_by: str) -> np.ndarray:
        """Return what the samples are grouped and named by."""
        if color_by not in _COLORINGS:
            allowed = ", ".join(map(repr, _COLORINGS))
            raise ValueError(f"color_by must be one of {allowed}; got {color_by!r}.")
        if color_by == "confidence" and self.confidence is None:
            raise ValueError(
                "color_by='confidence' needs the confidence of the clusters, which clusterers "
                "with a predict_proba have."
            )
        if color_by != "class":
            return self.labels
        if self.classes is None:
            raise ValueError("color_by='class' needs the classes; give them as y.")
        return self.classes

    def _add_names(self, ax: Any, groups: np.ndarray, names: Mapping[Any, str]) -> None:
        from matplotlib.patheffects import withStroke

        labels = [label for label in np.unique(groups).tolist() if label != -1]
        self.texts_ = {
            label: ax.text(
                *find_medoid(self.positions[groups == label]),
                names.get(label, str(label)),
                ha="center",
                va="center",
                fontsize=12 if len(labels) <= 12 else 9,
                fontweight="bold",
                color=get_text_color(),
                path_effects=[withStroke(linewidth=2.5, foreground=ax.get_facecolor())],
                parse_math=False,
            )
            for label in labels
        }
        separate_texts(ax, list(self.texts_.values()))
