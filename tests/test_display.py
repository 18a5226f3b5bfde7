"""Plots, checked by the matplotlib objects that they consist of."""

import subprocess
import sys

import numpy as np
import pytest

from skdec.display import ClusterCountDisplay

pyplot = pytest.importorskip("matplotlib.pyplot")
pyplot.switch_backend("agg")

COUNTS = [2, 3, 4]
STABILITY = np.array([0.5, 1.0, 0.25])
LEAK = np.array([[0.0, 0.25], [0.0, 0.5], [0.5, 1.0]])


@pytest.fixture(autouse=True)
def close_figures():
    yield
    pyplot.close("all")


def test_scores_are_plotted_as_means_within_their_range():
    scores = {"stability": STABILITY, "leak": LEAK}
    display = ClusterCountDisplay(COUNTS, scores, recommended=3).plot()
    assert display.lines_["stability"].get_xydata().tolist() == [[2, 0.5], [3, 1.0], [4, 0.25]]
    assert display.lines_["leak"].get_ydata().tolist() == [0.125, 0.25, 0.75]
    (band,) = display.ax_.collections  # a single seed has no range
    heights = band.get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == (0.0, 1.0)
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels == ["stability", "leak", "recommended"]
    assert display.ax_.get_xlabel() == "Number of clusters"
    assert display.ax_.get_xticks().tolist() == COUNTS
    assert display.figure_ is display.ax_.figure


def test_plot_on_given_axes_without_a_recommendation():
    _, ax = pyplot.subplots()
    display = ClusterCountDisplay(COUNTS, {"stability": STABILITY})
    assert not hasattr(display, "ax_")
    assert display.plot(ax=ax) is display
    assert display.ax_ is ax
    assert len(ax.lines) == 1


class Choice:
    recommended = 3
    n_clusters = np.array(COUNTS)
    agreement = STABILITY
    gain = np.array([0.9, 0.8, 0.2])
    nmi = None


def test_plot_of_a_choice():
    display = ClusterCountDisplay.from_choice(Choice)
    assert list(display.lines_) == ["gain", "agreement"]
    assert display.recommended == 3
    labeled = type("Labeled", (Choice,), {"nmi": LEAK})
    assert "NMI" in ClusterCountDisplay.from_choice(labeled).lines_


def test_without_matplotlib_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install skdec\[plot\]"):
        ClusterCountDisplay(COUNTS, {"stability": STABILITY}).plot()


def test_importing_does_not_import_matplotlib():
    check = "import skdec.display, sys; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", check], check=True, timeout=60)
