"""What all displays share: axes, colors, texts that do not overlap, and the missing matplotlib."""

import sys

import numpy as np
import pytest
from matplotlib import pyplot

import skdec.display
from skdec.display import ConfusionDisplay
from skdec.display._axes import create_colormap, is_dark, separate_texts, split_axes


def test_separated_texts_stay_near_and_within_the_axes(assert_no_overlap, random):
    figure, ax = pyplot.subplots()
    positions = random(0).random((30, 2)) * 0.4
    positions[0] = 0, 0  # at the corner, so that half of the text is outside
    texts = [
        ax.text(x, y, f"cluster {i}", ha="center", va="center", fontsize=7)
        for i, (x, y) in enumerate(positions)
    ]
    separate_texts(ax, texts)
    assert_no_overlap(figure, texts)
    for text, position in zip(texts, positions, strict=True):
        box = text.get_window_extent()
        assert box.x0 >= ax.bbox.x0 - 1
        assert box.y0 >= ax.bbox.y0 - 1
        assert np.abs(np.array(text.get_position()) - position).max() < 0.4


def test_small_values_have_the_color_of_the_background(style):
    _, ax = pyplot.subplots()
    assert is_dark(ax) == (style == "dark_background")
    background = ax.get_facecolor()[:3]
    assert create_colormap(ax)(0)[:3] == pytest.approx(background)
    low, middle, high = (create_colormap(ax, diverging=True)(x)[:3] for x in (0.0, 0.5, 1.0))
    assert middle == pytest.approx(background, abs=0.01)
    assert low[2] > low[0]  # blue
    assert high[0] > high[2]  # red


@pytest.mark.parametrize("is_in_grid", [True, False])
def test_given_axes_are_divided_in_their_place(is_in_grid):
    figure, (left, right) = pyplot.subplots(1, 2)
    given = right if is_in_grid else figure.add_axes([0.1, 0.2, 0.6, 0.5])
    place = given.get_position().padded(1e-9)
    grid = split_axes(given, 2, 2, (1, 1))
    assert grid.shape == (2, 2)
    assert {ax.figure for ax in grid.flat} == {figure}
    assert not given.axison
    for ax in grid.flat:
        box = ax.get_position()
        assert place.contains(box.x0, box.y0)
        assert place.contains(box.x1, box.y1)
    assert left.axison


def test_without_matplotlib_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    display = skdec.display.ClusterSizesDisplay(np.array([0, 1]))
    with pytest.raises(ImportError, match=r"pip install '\.\[plot\]'"):
        display.plot()


def test_texts_are_placed_in_a_subfigure():
    part = pyplot.figure().subfigures(1, 2)[0]
    ConfusionDisplay.from_predictions([0, 0, 1], [1, 1, 0], ax=part.subplots())
