"""The quantities that a fit records while it trains."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from sklearn.pipeline import Pipeline

from skdec._utils.colors import assign_colors
from skdec.display._axes import is_dark, split_axes

_PHASE_TITLES = {
    "pretrain": "Pretraining",
    "refine": "Refinement",
    "rebuilt": "Refinement, rebuilt neighbors",
    "layers": "Pretraining of layers",
}
_IN_EPOCHS = ("pretrain", "layers")
_NOT_PLOTTED = ("seconds", "layer")
_QUANTITY_TITLES = {
    "loss": "loss",
    "changed": "fraction of labels changed",
    "clusters": "clusters with samples",
    "agreement": "agreement with initial labels",
    "score": "information score (nats)",
    "learning_rate": "learning rate",
    "nmi": "NMI",
}
_N_COLUMNS = 3
_MIN_RATIO_OF_LOG_SCALE = 30


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

    def __init__(self, history: Mapping[str, Mapping[str, Any]]) -> None:
        self.history = history

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None) -> "HistoryDisplay":
        """Plot the history of a fitted `DECClusterer`.

        Parameters
        ----------
        estimator : DECClusterer or Pipeline
            Fitted estimator, or a Pipeline that ends in one.
        ax : matplotlib.axes.Axes, default=None
            Axes to divide among the plots. If None, a new figure is created.

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
        ax : matplotlib.axes.Axes, default=None
            Axes to divide among the plots. If None, a new figure is created.

        Returns
        -------
        HistoryDisplay
            The object itself, with the attributes set.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
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
