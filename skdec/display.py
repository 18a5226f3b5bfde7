"""Plots that follow scikit-learn's Display convention; matplotlib is imported when needed."""

from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["ClusterCountDisplay"]


class ClusterCountDisplay:
    """Plot of scores over the number of clusters, with the recommended number marked.

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
    ax_ : matplotlib.axes.Axes
        Axes of the plot.
    figure_ : matplotlib.figure.Figure
        Figure of the plot.
    lines_ : dict of matplotlib.lines.Line2D
        Line of each score.

    See Also
    --------
    skdec.model_selection.choose_n_clusters : Compute the scores.

    Examples
    --------
    >>> from skdec.display import ClusterCountDisplay
    >>> display = ClusterCountDisplay([2, 3, 4], {"gain": [0.8, 0.9, 0.3]}, recommended=3)
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
            The plot of gain, agreement between seeds and, if available, NMI.
        """
        scores = {"gain": choice.gain, "agreement": choice.agreement}
        if choice.nmi is not None:
            scores["NMI"] = choice.nmi
        return cls(choice.n_clusters, scores, recommended=choice.recommended).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> "ClusterCountDisplay":
        """Plot the scores.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to plot on. If None, a new figure is created.

        Returns
        -------
        ClusterCountDisplay
            The object itself, with `ax_`, `figure_` and `lines_` set.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        ax = _create_axes() if ax is None else ax
        self.lines_ = {}
        for name, values in self.scores.items():
            by_seed = np.asarray(values, dtype=float).reshape(len(self.n_clusters), -1)
            (line,) = ax.plot(self.n_clusters, by_seed.mean(axis=1), marker="o", label=name)
            if by_seed.shape[1] > 1:
                lowest, highest = by_seed.min(axis=1), by_seed.max(axis=1)
                ax.fill_between(
                    self.n_clusters, lowest, highest, color=line.get_color(), alpha=0.2, linewidth=0
                )
            self.lines_[name] = line
        if self.recommended is not None:
            ax.axvline(self.recommended, color="black", linestyle=":", label="recommended")
        ax.set(xlabel="Number of clusters", ylabel="Score", xticks=list(self.n_clusters))
        ax.legend()
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _create_axes() -> Any:
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(
            "Plotting needs matplotlib: install it with `pip install skdec[plot]`."
        ) from error
    return pyplot.subplots()[1]
