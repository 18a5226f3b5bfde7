"""Scores over the number of clusters."""

import numpy as np
import pytest
from matplotlib import pyplot

from skdec.display import ClusterCountDisplay
from skdec.model_selection import ClusterCountChoice

COUNTS = [2, 3, 4]
STABILITY = np.array([0.5, 1.0, 0.25])
LEAK = np.array([[0.0, 0.25], [0.0, 0.5], [0.5, 1.0]])


def test_scores_are_plotted_as_means_within_their_range(style, assert_no_overlap):
    scores = {"stability": STABILITY, "leak": LEAK}
    display = ClusterCountDisplay(COUNTS, scores, recommended=3).plot()
    assert display.lines_["stability"].get_xydata().tolist() == [[2, 0.5], [3, 1.0], [4, 0.25]]
    assert display.lines_["leak"].get_ydata().tolist() == [0.125, 0.25, 0.75]
    assert [ax.get_ylabel() for ax in display.axes_] == ["stability", "leak"]
    assert not display.axes_[0].collections  # a single seed has no range
    (band,) = display.axes_[1].collections
    heights = band.get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == (0.0, 1.0)
    for ax in display.axes_:
        assert ax.lines[-1].get_xdata() == [3, 3]
    assert display.axes_[0].get_title() == "Recommended: 3 clusters"
    assert display.axes_[-1].get_xlabel() == "Number of clusters"
    assert display.figure_ is display.axes_[0].figure
    assert_no_overlap(display.figure_)


def test_plot_on_given_axes_without_a_recommendation():
    figure, ax = pyplot.subplots()
    display = ClusterCountDisplay(COUNTS, {"stability": STABILITY})
    assert not hasattr(display, "axes_")
    assert display.plot(ax=ax) is display
    assert display.figure_ is figure
    assert len(display.axes_[0].lines) == 1


@pytest.mark.parametrize("nmi", [None, LEAK], ids=["no classes", "classes"])
def test_plot_of_a_choice(nmi):
    choice = ClusterCountChoice(
        recommended=3,
        n_clusters=np.array(COUNTS),
        contrast=STABILITY,
        agreement=STABILITY[::-1],
        lost=LEAK,
        cheapest=LEAK,
        nmi=nmi,
    )
    display = ClusterCountDisplay.from_choice(choice)
    means = {"contrast": choice.contrast, "agreement": choice.agreement}
    if nmi is not None:
        means["NMI"] = nmi.mean(axis=1)
    assert set(display.lines_) == set(means)
    for name, line in display.lines_.items():
        np.testing.assert_array_equal(line.get_ydata(), means[name])
    assert display.recommended == 3
