"""The quantities that a fit records."""

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from skdec.display import HistoryDisplay


def test_every_recorded_quantity_is_plotted(fitted, style, assert_no_overlap):
    display = HistoryDisplay.from_estimator(make_pipeline("passthrough", fitted))
    expected = {
        (phase, name): values
        for phase, quantities in fitted.history_.items()
        for name, values in quantities.items()
        if name != "seconds"
    }
    assert display.lines_.keys() == expected.keys()
    for key, values in expected.items():
        np.testing.assert_array_equal(display.lines_[key].get_ydata(), values)
        assert display.lines_[key].get_xdata().tolist() == list(range(1, len(values) + 1))
    assert display.axes_[0].get_title() == "Pretraining: loss"
    assert len(display.figure_.axes) == len(expected)
    assert_no_overlap(display.figure_)


def test_what_was_not_computed_is_left_out():
    history = {
        "pretrain": {"loss": []},
        "refine": {"loss": [9.0, 0.1], "score": [np.nan, np.nan], "mine": [1, 2]},
    }
    display = HistoryDisplay(history).plot()
    assert list(display.lines_) == [("refine", "loss"), ("refine", "mine")]
    assert [ax.get_yscale() for ax in display.axes_] == ["log", "linear"]
    assert display.axes_[1].get_title() == "Refinement: mine"
    with pytest.raises(ValueError, match="no recorded values"):
        HistoryDisplay({"pretrain": {"loss": []}}).plot()


def test_layers_are_in_epochs_and_labels_are_left_out():
    history = {
        "layers": {"layer": [0, 0, 1], "loss": [3, 2, 1], "seconds": [1, 2, 3]},
        "refine": {"labels": np.zeros((2, 5), int), "nmi": [0.5, 0.6], "note": ["a", "b"]},
    }
    display = HistoryDisplay(history).plot()
    assert list(display.lines_) == [("layers", "loss"), ("refine", "nmi")]
    assert [ax.get_xlabel() for ax in display.axes_] == ["epoch", "update of the targets"]
    titles = [ax.get_title() for ax in display.axes_]
    assert titles == ["Pretraining of layers: loss", "Refinement: NMI"]
