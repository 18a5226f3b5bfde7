"""Figures without a window, closed after each test, in matplotlib's light and dark styles."""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.datasets import make_blobs

pyplot = pytest.importorskip("matplotlib.pyplot")
pyplot.switch_backend("agg")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    pyplot.close("all")


@pytest.fixture(params=["default", "dark_background"])
def style(request):
    with pyplot.style.context(request.param):
        yield request.param


@pytest.fixture(params=[3, 30])
def clustered(request):
    """Samples in the plane, labels and confidence of 3 or 30 clusters."""
    random = np.random.default_rng(0)
    n = request.param
    X, labels = make_blobs(20 * n, 2, centers=n, random_state=0)
    return SimpleNamespace(X=X, labels=labels, confidence=random.beta(5, 1, len(X)), n_clusters=n)


def find_overlaps(texts):
    """Return the pairs of visible texts of which the bounding boxes overlap, in a drawn figure."""
    texts = [text for text in texts if text.get_visible() and text.get_text()]
    boxes = [text.get_window_extent() for text in texts]
    return [
        (texts[i].get_text(), texts[j].get_text())
        for i in range(len(texts))
        for j in range(i)
        if boxes[i].overlaps(boxes[j])
    ]


@pytest.fixture
def assert_no_overlap():
    """Fail if texts of a figure overlap: those given, tick labels, titles and axis labels."""

    def check(figure, texts=()):
        figure.canvas.draw()
        for ax in figure.axes:
            assert not find_overlaps(ax.get_xticklabels())
            assert not find_overlaps(ax.get_yticklabels())
        assert not find_overlaps([ax.title for ax in figure.axes])
        assert not find_overlaps([*texts, *(ax.title for ax in figure.axes)])

    return check
