"""Scores over the steps of a fit, of several methods, and over the number of clusters."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from sklearn.pipeline import Pipeline

from skdec.display._axes import assign_colors, get_text_color, is_dark, share_docstrings, split_axes

_PHASE_TITLES = {
    "pretrain": "Pretraining",
    "refine": "Refinement",
    "rebuilt": "Refinement, rebuilt neighbors",
    "layers": "Pretraining of layers",
}
_IN_EPOCHS = ("pretrain", "layers")
_NOT_PLOTTED = ("seconds", "layer")
_QUANTITY_TITLES = {
    "changed": "fraction of labels changed",
    "clusters": "clusters with samples",
    "agreement": "agreement with initial labels",
    "score": "information score (nats)",
    "learning_rate": "learning rate",
    "nmi": "NMI",
}
_N_COLUMNS = 3
_MIN_RATIO_OF_LOG_SCALE = 30
_TITLES = {
    "accuracy": "Accuracy",
    "nmi": "NMI",
    "ari": "ARI",
    "silhouette": "Silhouette",
    "seconds": "Seconds",
}


class Quantity(NamedTuple):
    """A quantity recorded in a phase of a fit, and its titles."""

    phase: str
    name: str
    values: np.ndarray
    title: str
    x_title: str


def list_quantities(history: Mapping[str, Mapping[str, Any]]) -> list[Quantity]:
    """Return the quantities that are one number in each epoch or update, without the seconds."""
    return [
        Quantity(
            phase,
            name,
            np.asarray(values, dtype=float),
            f"{_PHASE_TITLES.get(phase, phase)}: {_QUANTITY_TITLES.get(name, name)}",
            "epoch" if phase in _IN_EPOCHS else "update of the targets",
        )
        for phase, quantities in history.items()
        for name, values in quantities.items()
        if name not in _NOT_PLOTTED and _has_numbers(np.asarray(values))
    ]


def _has_numbers(values: np.ndarray) -> bool:
    return values.ndim == 1 and values.dtype.kind in "biuf" and bool(np.isfinite(values).any())


@share_docstrings
@dataclass(eq=False, repr=False)
class HistoryDisplay:
    """Plots of what a fit has recorded: losses, changed labels, agreement and information.

    Use `from_estimator` to create one.

    Parameters
    ----------
    history : mapping of str to mapping of str to ndarray
        For each phase the values of each quantity, as in `DECClusterer.history_`.

    Attributes
    ----------
    axes_ : ndarray of matplotlib.axes.Axes
        Axes of the plots, one for each phase and quantity.
    figure_ : matplotlib.figure.Figure
        Figure of the plots.
    lines_ : dict of matplotlib.lines.Line2D
        Line of each phase and quantity.

    Examples
    --------
    >>> from skdec.display import HistoryDisplay
    >>> display = HistoryDisplay({"refine": {"loss": [0.5, 0.2], "changed": [0.1, 0.02]}})
    >>> display.plot()  # doctest: +SKIP
    """

    history: Mapping[str, Mapping[str, Any]]

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None) -> "HistoryDisplay":
        """Plot the history of a fitted `DECClusterer`.

        Parameters
        ----------
        estimator : DECClusterer or Pipeline
            Fitted estimator, or a Pipeline that ends in one.
        {divided_ax}

        Returns
        -------
        HistoryDisplay
            The plots.
        """
        clusterer = estimator[-1] if isinstance(estimator, Pipeline) else estimator
        return cls(clusterer.history_).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> "HistoryDisplay":
        """Plot each quantity over the epochs of the pretraining or the updates of the targets.

        Parameters
        ----------
        {divided_ax}

        {itself}
        ValueError
            If nothing has been recorded.
        """
        recorded = list_quantities(self.history)
        if not recorded:
            raise ValueError("history has no recorded values to plot.")
        n_columns = min(_N_COLUMNS, len(recorded))
        n_rows = -(-len(recorded) // n_columns)
        grid = split_axes(ax, n_rows, n_columns, (3.4 * n_columns, 2.5 * n_rows))
        for unused in grid.flat[len(recorded) :]:
            unused.remove()
        self.axes_ = grid.ravel()[: len(recorded)]
        self.lines_ = {
            (quantity.phase, quantity.name): _plot_quantity(axes, quantity)
            for axes, quantity in zip(self.axes_, recorded, strict=True)
        }
        self.figure_ = self.axes_[0].figure
        return self


def _plot_quantity(ax: Any, quantity: Quantity) -> Any:
    from matplotlib.ticker import MaxNLocator

    values = quantity.values
    (line,) = ax.plot(
        np.arange(1, len(values) + 1),
        values,
        marker="o" if len(values) <= 30 else None,
        markersize=4,
        color=assign_colors(_PHASE_TITLES, dark=is_dark(ax)).get(quantity.phase),
    )
    ax.set_title(quantity.title, fontsize="medium")
    ax.set_xlabel(quantity.x_title)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    finite = values[np.isfinite(values)]
    if quantity.name == "clusters":
        ax.yaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    elif quantity.name == "loss" and finite.max() > _MIN_RATIO_OF_LOG_SCALE * finite.min() > 0:
        ax.set_yscale("log")
    ax.grid(alpha=0.3)
    return line


@share_docstrings
@dataclass(eq=False, repr=False)
class ComparisonDisplay:
    """Scores of several methods, one point for each seed and a line at the mean.

    Use `from_comparison` to create one.

    Parameters
    ----------
    scores : pandas.DataFrame
        One row for each method and seed, with the columns method, seconds, and scores among
        accuracy, nmi, ari and silhouette, as returned by `Comparison.to_frame`.

    Attributes
    ----------
    axes_ : ndarray of matplotlib.axes.Axes
        Axes of the plots, one for each score.
    figure_ : matplotlib.figure.Figure
        Figure of the plots.

    See Also
    --------
    skdec.compare : Compute the scores.

    Examples
    --------
    >>> from skdec import compare
    >>> from skdec.display import ComparisonDisplay
    >>> ComparisonDisplay.from_comparison(compare(X, y, n_seeds=5))  # doctest: +SKIP
    """

    scores: Any

    @classmethod
    def from_comparison(cls, comparison: Any, *, ax: Any = None) -> "ComparisonDisplay":
        """Plot the result of `skdec.compare`.

        Parameters
        ----------
        comparison : skdec.Comparison
            The result.
        {divided_ax}

        Returns
        -------
        ComparisonDisplay
            The plots.
        """
        return cls(comparison.to_frame()).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> "ComparisonDisplay":
        """Plot the scores that the methods have, and their seconds.

        Parameters
        ----------
        {divided_ax}

        {itself}
        """
        names = [x for x in _TITLES if x in self.scores and self.scores[x].notna().any()]
        methods = list(dict.fromkeys(self.scores["method"]))
        size = 1.6 + 2.3 * len(names), 1.1 + 0.45 * max(len(methods), 2)
        self.axes_ = split_axes(ax, 1, len(names), size)[0]
        for axes, name in zip(self.axes_, names, strict=True):
            self._plot_score(axes, name, methods)
        for axes in self.axes_[1:]:
            axes.tick_params(labelleft=False)
        self.figure_ = self.axes_[0].figure
        return self

    def _plot_score(self, ax: Any, name: str, methods: list[str]) -> None:
        colors = assign_colors(methods, dark=is_dark(ax))
        for row, method in enumerate(methods):
            values = self.scores.loc[self.scores["method"] == method, name].dropna()
            ax.scatter(values, np.full(len(values), row), color=colors[method], alpha=0.7, zorder=3)
            if len(values) > 1:
                ax.plot(
                    [values.mean()] * 2, [row - 0.3, row + 0.3], color=get_text_color(), zorder=4
                )
        ax.set_yticks(range(len(methods)), methods, parse_math=False)
        ax.set_ylim(len(methods) - 0.5, -0.5)
        ax.set_title(_TITLES[name], fontsize="medium")
        ax.grid(alpha=0.3)
        ax.locator_params(axis="x", nbins=4)
        if name == "seconds":
            ax.set_xlim(left=0)


@share_docstrings
@dataclass(eq=False, repr=False)
class ClusterCountDisplay:
    """Plots of scores over the number of clusters, with the recommended number marked.

    Use `from_choice` or `skdec.model_selection.ClusterCountChoice.plot` to create one.

    Parameters
    ----------
    n_clusters : ndarray of shape (n_counts,)
        Numbers of clusters.
    scores : dict of ndarray of shape (n_counts,) or (n_counts, n_seeds)
        Scores by name. With several seeds, the line shows the mean, and the band the range from
        minimum to maximum.
    recommended : int, default=None
        The number of clusters to mark.

    Attributes
    ----------
    axes_ : ndarray of matplotlib.axes.Axes
        Axes of the plots, one for each score.
    figure_ : matplotlib.figure.Figure
        Figure of the plots.
    lines_ : dict of matplotlib.lines.Line2D
        Line of each score.

    See Also
    --------
    skdec.model_selection.choose_n_clusters : Compute the scores.

    Examples
    --------
    >>> from skdec.display import ClusterCountDisplay
    >>> display = ClusterCountDisplay([2, 3, 4], {"contrast": [1.8, 2.9, 1.3]}, recommended=3)
    >>> display.plot()  # doctest: +SKIP
    """

    n_clusters: Any
    scores: Mapping[str, Any]
    recommended: int | None = field(default=None, kw_only=True)

    @classmethod
    def from_choice(cls, choice: Any, *, ax: Any = None) -> "ClusterCountDisplay":
        """Plot the result of `choose_n_clusters`.

        Parameters
        ----------
        choice : skdec.model_selection.ClusterCountChoice
            The result.
        {ax}

        Returns
        -------
        ClusterCountDisplay
            The plot of contrast, agreement between seeds and, if available, NMI.
        """
        scores = {"contrast": choice.contrast, "agreement": choice.agreement}
        if choice.nmi is not None:
            scores["NMI"] = choice.nmi
        return cls(choice.n_clusters, scores, recommended=choice.recommended).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> "ClusterCountDisplay":
        """Plot the scores, each in a plot of its own above the next.

        Parameters
        ----------
        {divided_ax}

        {itself}
        """
        from_top = split_axes(ax, len(self.scores), 1, (6.0, 0.8 + 1.5 * len(self.scores)))
        self.axes_ = from_top[:, 0]
        self.lines_ = {
            name: self._plot_score(axes, name, np.asarray(values, dtype=float))
            for axes, (name, values) in zip(self.axes_, self.scores.items(), strict=True)
        }
        for axes in self.axes_[:-1]:
            axes.tick_params(labelbottom=False)
        self.axes_[-1].set_xlabel("Number of clusters")
        if self.recommended is not None:
            self.axes_[0].set_title(f"Recommended: {self.recommended} clusters")
        self.figure_ = self.axes_[0].figure
        return self

    def _plot_score(self, ax: Any, name: str, values: np.ndarray) -> Any:
        from matplotlib.ticker import MaxNLocator

        color = assign_colors(self.scores, dark=is_dark(ax))[name]
        by_seed = values.reshape(len(self.n_clusters), -1)
        (line,) = ax.plot(self.n_clusters, by_seed.mean(axis=1), marker="o", color=color)
        if by_seed.shape[1] > 1:
            lowest, highest = by_seed.min(axis=1), by_seed.max(axis=1)
            ax.fill_between(self.n_clusters, lowest, highest, color=color, alpha=0.25, linewidth=0)
        if self.recommended is not None:
            ax.axvline(self.recommended, color=get_text_color(), linestyle=":")
        ax.set_ylabel(name)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.grid(alpha=0.3)
        return line
