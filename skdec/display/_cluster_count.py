"""Scores over the number of clusters."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from skdec._utils.colors import assign_colors
from skdec.display._axes import get_text_color, is_dark, split_axes


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

    def __init__(
        self, n_clusters: Any, scores: Mapping[str, Any], *, recommended: int | None = None
    ) -> None:
        self.n_clusters = n_clusters
        self.scores = scores
        self.recommended = recommended

    @classmethod
    def from_choice(cls, choice: Any, *, ax: Any = None) -> "ClusterCountDisplay":
        """Plot the result of `choose_n_clusters`.

        Parameters
        ----------
        choice : skdec.model_selection.ClusterCountChoice
            The result.
        ax : matplotlib.axes.Axes, default=None
            Axes to plot on. If None, a new figure is created.

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
        ax : matplotlib.axes.Axes, default=None
            Axes to divide among the plots. If None, a new figure is created.

        Returns
        -------
        ClusterCountDisplay
            The object itself, with the attributes set.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
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
