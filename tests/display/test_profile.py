"""The features that set the clusters apart."""

import numpy as np
import pandas as pd
import pytest

from skdec.display import ProfileDisplay
from skdec.display._clusters import order_features

NAMES = ["<script>$a$", "n_children", "x" * 50]


def test_differences_are_shown_with_names(clustered, style, assert_no_overlap):
    X = pd.DataFrame(np.c_[clustered.X, clustered.labels % 3], columns=NAMES)
    display = ProfileDisplay.from_predictions(X, clustered.labels)
    values = (X - X.mean()) / X.std(ddof=0)
    expected = values.groupby(clustered.labels).mean().to_numpy()
    np.testing.assert_allclose(display.profiles, expected)
    order = order_features(display.profiles, 20)
    np.testing.assert_allclose(display.image_.get_array(), expected[:, order].T)
    names = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert names == [f"{NAMES[i][:31]}…" if len(NAMES[i]) > 32 else NAMES[i] for i in order]
    assert_no_overlap(display.figure_, display.texts_)
    if clustered.n_clusters == 30:
        assert display.texts_ == []
    else:
        assert len(display.texts_) == (np.abs(expected) >= 0.5).sum()


def test_the_features_with_the_largest_differences_are_chosen_by_cluster():
    profiles = np.array([[0.1, 3.0, 0.0, 1.0, -2.0], [0.2, 0.0, 0.0, -1.5, 0.0]])
    assert order_features(profiles, 3).tolist() == [1, 4, 3]
    assert order_features(profiles, 9).tolist() == [1, 4, 2, 3, 0]


@pytest.mark.parametrize("labels", [[0, 0, 0], [0, 1, 2]])
def test_constant_features_do_not_differ(labels):
    display = ProfileDisplay.from_predictions([[1.0, 0.1]] * 3, labels)
    assert (display.profiles == 0).all()
