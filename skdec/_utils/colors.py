"""Colors of clusters that readers with any color vision can tell apart, on light and on dark.

Both lists begin with colors of Okabe and Ito ("Color Universal Design", 2008). Each further color
is the one of a grid in sRGB that is farthest, in OKLab, from all before it, in the least of the
distances seen with normal vision, protanopia and deuteranopia (simulated after Machado, Oliveira
and Fernandes, 2009), among those that stand out from the background and are not garish.
"""

from collections.abc import Hashable, Iterable
from itertools import cycle

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


def assign_colors(
    labels: Iterable[Hashable], *, dark: bool = False, noise: Hashable = -1
) -> dict[Hashable, str]:
    """Return a color for each label in order, gray for noise; after 30 they are repeated."""
    colors = cycle(ON_DARK if dark else ON_LIGHT)
    return {label: NOISE_COLOR if label == noise else next(colors) for label in labels}
