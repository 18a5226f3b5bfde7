"""Methods side by side."""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from skdec.display import ComparisonDisplay


def build_scores(n_seeds, methods=("kmeans", "autoencoder+kmeans", "neighbors", "dec")):
    rows = [
        (method, seed, 0.5 + 0.1 * i + 0.01 * seed, np.nan, np.nan, np.nan, 10, 1.5 * (i + 1))
        for i, method in enumerate(methods)
        for seed in range(n_seeds)
    ]
    columns = ["method", "random_state", "accuracy", "nmi", "ari", "silhouette"]
    columns += ["n_clusters", "seconds"]
    return pd.DataFrame(rows, columns=columns)


def test_each_seed_is_a_point_and_the_mean_a_line(style, assert_no_overlap):
    display = ComparisonDisplay(build_scores(4)).plot()
    assert [ax.get_title() for ax in display.axes_] == ["Accuracy", "Seconds"]
    points = [series.get_offsets()[:, 0] for series in display.axes_[0].collections]
    means = [line.get_xdata()[0] for line in display.axes_[0].lines]
    for i in range(4):
        np.testing.assert_allclose(points[i], 0.5 + 0.1 * i + 0.01 * np.arange(4))
        np.testing.assert_allclose(means[i], 0.5 + 0.1 * i + 0.015)
    names = [label.get_text() for label in display.axes_[0].get_yticklabels()]
    assert names == ["kmeans", "autoencoder+kmeans", "neighbors", "dec"]
    assert_no_overlap(display.figure_)


def test_many_methods_are_legible(assert_no_overlap):
    methods = [f"method_with_a_long_name_{i}" for i in range(12)]
    assert_no_overlap(ComparisonDisplay(build_scores(2, methods)).plot().figure_)


def test_one_seed_has_no_mean_and_some_of_the_scores_are_enough():
    comparison = SimpleNamespace(to_frame=lambda: build_scores(1))
    display = ComparisonDisplay.from_comparison(comparison)
    assert display.scores.equals(build_scores(1))
    assert not display.axes_[0].lines
    scores = pd.DataFrame({"method": ["a", "b"], "accuracy": [0.5, 0.6], "seconds": [1.0, 2.0]})
    assert len(ComparisonDisplay(scores).plot().axes_) == 2
