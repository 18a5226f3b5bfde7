"""Methods side by side."""

from typing import Any

import numpy as np

from skdec._utils.colors import assign_colors
from skdec.display._axes import get_text_color, is_dark, split_axes

_TITLES = {
    "accuracy": "Accuracy",
    "nmi": "NMI",
    "ari": "ARI",
    "silhouette": "Silhouette",
    "seconds": "Seconds",
}


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

    def __init__(self, scores: Any) -> None:
        self.scores = scores

    @classmethod
    def from_comparison(cls, comparison: Any, *, ax: Any = None) -> "ComparisonDisplay":
        """Plot the result of `skdec.compare`.

        Parameters
        ----------
        comparison : skdec.Comparison
            The result.
        ax : matplotlib.axes.Axes, default=None
            Axes to divide among the plots. If None, a new figure is created.

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
        ax : matplotlib.axes.Axes, default=None
            Axes to divide among the plots. If None, a new figure is created.

        Returns
        -------
        ComparisonDisplay
            The object itself, with the attributes set.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        given = [name for name in _TITLES if name in self.scores]
        names = [name for name in given if self.scores[name].notna().any()]
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
