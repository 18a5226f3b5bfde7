"""Axes, colors and texts that all displays share; matplotlib is imported when they are used."""

import re
from collections.abc import Hashable, Iterable, Sequence
from itertools import cycle
from textwrap import indent
from types import FunctionType
from typing import Any, TypeVar

import numpy as np

_SHARED_DOCSTRINGS = {
    "ax": """\
ax : matplotlib.axes.Axes, default=None
    Axes to plot on. If None, a new figure is created.""",
    "divided_ax": """\
ax : matplotlib.axes.Axes, default=None
    Axes to divide among the plots. If None, a new figure is created.""",
    "estimator": """\
estimator : object
    Fitted clusterer with a `predict`, or a Pipeline that ends in one.
X : {array-like, sparse matrix} of shape (n_samples, n_features)
    Samples.""",
    "names": """\
names : mapping of int to str, default=None
    Names of the clusters, such as those of `skdec.name_clusters`.""",
    "figure": """\
ax_ : matplotlib.axes.Axes
    Axes of the plot.
figure_ : matplotlib.figure.Figure
    Figure of the plot.""",
    "plot": """\
Returns
-------
DISPLAY
    The plot.""",
    "itself": """\
Returns
-------
DISPLAY
    The object itself, with the attributes set.

Raises
------
ImportError
    If matplotlib is not installed.""",
}
_Display = TypeVar("_Display", bound=type)
_MAX_ROUNDS = 500  # in which all texts that overlap are pushed apart
# Colors that readers with any color vision can tell apart, on light and on dark. Both lists begin
# with colors of Okabe and Ito ("Color Universal Design", 2008). Each further color is the one of a
# grid in sRGB that is farthest, in OKLab, from all before it, in the least of the distances seen
# with normal vision, protanopia and deuteranopia (simulated after Machado, Oliveira and Fernandes,
# 2009), among those that stand out from the background and are not garish.
# fmt: off
ON_LIGHT = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#64000b", "#2c0090",
    "#7a4e59", "#00374e", "#857aff", "#7ac890", "#bc1600", "#0043bc", "#4e4385", "#900021",
    "#f4596f", "#a64e85", "#5959de", "#5985d3", "#00c8c8", "#ff9b6f", "#a6594e", "#2c2c6f",
    "#43c859", "#6f9bff", "#004e37", "#6f9043", "#b137a6", "#6f3764",
)
ON_DARK = (
    "#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#f0e442", "#4e4ec8", "#ffdeff",
    "#90437a", "#9bd3a6", "#857aff", "#904e00", "#7affa6", "#b1c8e9", "#377ac8", "#59bc7a",
    "#dec864", "#c843a6", "#4e7a59", "#c8a6b1", "#6f90d3", "#00f4d3", "#c84343", "#6464e9",
    "#9037a6", "#f46f43", "#bcffd3", "#f485f4", "#597a85", "#f49064",
)
# fmt: on
NOISE_COLOR = "#8a8a8a"


def share_docstrings(display: _Display) -> _Display:
    """Replace lines such as ``{ax}`` in the docstrings of a class by what all displays share."""
    for member in (display, *vars(display).values()):
        documented = getattr(member, "__func__", member)  # of a class method
        if isinstance(documented, (type, FunctionType)) and documented.__doc__:
            documented.__doc__ = re.sub(
                r"^( *)\{(\w+)\}$",
                lambda found: indent(
                    _SHARED_DOCSTRINGS[found[2]].replace("DISPLAY", display.__name__), found[1]
                ),
                documented.__doc__,
                flags=re.MULTILINE,
            )
    return display


def import_pyplot() -> Any:
    """Import `matplotlib.pyplot`, or say how to install it."""
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(
            "Plotting needs matplotlib: run `pip install '.[plot]'` in a clone of skdec."
        ) from error
    return pyplot


def create_axes(ax: Any, figsize: tuple[float, float]) -> Any:
    """Return the axes given, or else those of a new figure."""
    pyplot = import_pyplot()
    return pyplot.subplots(figsize=figsize, layout="constrained")[1] if ax is None else ax


def split_axes(ax: Any, n_rows: int, n_columns: int, figsize: tuple[float, float]) -> np.ndarray:
    """Return a grid of axes, in the place of the axes given or else in a new figure."""
    pyplot = import_pyplot()
    if ax is None:
        figure = pyplot.figure(figsize=figsize, layout="constrained")
        return figure.subplots(n_rows, n_columns, squeeze=False)
    ax.set_axis_off()
    place = ax.get_subplotspec()
    if place is None:  # of `Figure.add_axes`
        box = ax.get_position()
        sides = {"left": box.x0, "right": box.x1, "bottom": box.y0, "top": box.y1}
        return ax.figure.add_gridspec(n_rows, n_columns, **sides).subplots(squeeze=False)
    return place.subgridspec(n_rows, n_columns).subplots(squeeze=False)


def place_texts(ax: Any) -> None:
    """Compute the positions of axes and texts, as if the figure was drawn."""
    ax.figure.figure.draw_without_rendering()  # the whole figure, also of a subfigure


def is_dark(ax: Any) -> bool:
    """Whether the axes have a dark background, as in matplotlib's style "dark_background"."""
    from matplotlib.colors import to_rgb

    return float(np.dot(to_rgb(ax.get_facecolor()), (0.299, 0.587, 0.114))) < 0.5


def get_text_color() -> Any:
    """Return the color of text in the current style."""
    return import_pyplot().rcParams["text.color"]


def create_colormap(ax: Any, *, diverging: bool = False) -> Any:
    """Return a colormap from the background to blue or, if `diverging`, from blue over it to red.

    So that small values recede on light and on dark backgrounds.
    """
    from matplotlib.colors import LinearSegmentedColormap

    blue, red = ("#4aa3e0", "#f0803c") if is_dark(ax) else ("#0072b2", "#d55e00")
    background = ax.get_facecolor()
    colors = [blue, background, red] if diverging else [background, blue]
    return LinearSegmentedColormap.from_list("from background", colors)


def write_values(
    ax: Any, image: Any, texts: np.ndarray, is_written: np.ndarray, fontsize: float
) -> list[Any]:
    """Write texts into the cells of an image, black or white, whichever can be read better."""
    colors = image.to_rgba(image.get_array())[..., :3]
    is_light = colors @ (0.299, 0.587, 0.114) > 0.55
    return [
        ax.text(
            column,
            row,
            texts[row, column],
            ha="center",
            va="center",
            fontsize=fontsize,
            color="black" if is_light[row, column] else "white",
        )
        for row, column in np.argwhere(is_written)
    ]


def separate_texts(ax: Any, texts: Sequence[Any]) -> None:
    """Move texts apart until none overlap, within the axes, each as little as possible.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Axes of the texts.
    texts : sequence of matplotlib.text.Text
        Texts that are centered at their positions, in data coordinates.
    """
    if not texts:
        return
    place_texts(ax)
    boxes = [text.get_window_extent().padded(1) for text in texts]
    sizes = np.array([box.size for box in boxes])
    centers = np.array([box.get_points().mean(axis=0) for box in boxes])
    beginnings = centers.copy()
    lowest = ax.bbox.min + sizes / 2
    highest = np.maximum(ax.bbox.max - sizes / 2, lowest)
    for _ in range(_MAX_ROUNDS):
        centers = np.clip(centers, lowest, highest)
        pairs = _find_overlaps(centers, sizes)
        if not len(pairs):
            break
        for one, other in pairs:
            gap = centers[one] - centers[other]
            overlap = np.maximum((sizes[one] + sizes[other]) / 2 - np.abs(gap), 0.0)
            axis = int(overlap.argmin())
            move = (1.0 if gap[axis] >= 0 else -1.0) * (overlap[axis] / 2 + 0.5)
            centers[one, axis] += move
            centers[other, axis] -= move
    to_data = ax.transData.inverted().transform
    moves = to_data(centers) - to_data(beginnings)
    for text, move in zip(texts, moves, strict=True):
        text.set_position(np.asarray(text.get_position()) + move)


def _find_overlaps(centers: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return the pairs of rectangles that overlap, shape (n_pairs, 2)."""
    distances = np.abs(centers[:, np.newaxis] - centers)
    is_overlapping = (distances < (sizes[:, np.newaxis] + sizes) / 2).all(axis=2)
    return np.argwhere(np.triu(is_overlapping, k=1))


def name_label(label: Hashable) -> str:
    """Return a label as a text, "noise" for -1."""
    return "noise" if label == -1 else str(label)


def assign_colors(labels: Iterable[Hashable], *, dark: bool = False) -> dict[Hashable, str]:
    """Return a color for each label in order, gray for noise; after 30 they are repeated."""
    colors = cycle(ON_DARK if dark else ON_LIGHT)
    return {label: NOISE_COLOR if label == -1 else next(colors) for label in labels}
