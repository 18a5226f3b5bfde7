"""The embedding in a plane."""

import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.colors import to_hex
from sklearn import config_context
from sklearn.cluster import KMeans

from skdec import find_examples
from skdec.display import EmbeddingDisplay
from skdec.display._axes import NOISE_COLOR


def test_clusters_have_colors_and_names_of_their_own(clustered, style, assert_no_overlap):
    display = EmbeddingDisplay.from_predictions(clustered.X, clustered.labels)
    drawn = display.scatter_.get_offsets()
    order = [np.abs(display.positions - point).sum(axis=1).argmin() for point in drawn]
    colors = [to_hex(color) for color in display.scatter_.get_facecolors()]
    pairs = set(zip(clustered.labels[order].tolist(), colors, strict=True))
    assert len(pairs) == clustered.n_clusters == len({color for _, color in pairs})
    assert list(display.texts_) == list(range(clustered.n_clusters))
    assert_no_overlap(display.figure_, display.texts_.values())


def test_names_are_at_the_places_of_their_clusters():
    X, labels = np.array([[0.0, 0.0]] * 5 + [[8.0, 9.0]] * 5), np.repeat([0, 1], 5)
    display = EmbeddingDisplay(X, labels, names={1: "$right$"}).plot()
    assert display.texts_[0].get_text() == "0"
    assert display.texts_[1].get_text() == "$right$"
    assert not display.texts_[1].get_parse_math()
    np.testing.assert_allclose(display.texts_[1].get_position(), [8, 9], atol=0.5)
    noisy = EmbeddingDisplay(X, np.where(np.arange(10) < 2, -1, labels)).plot()
    colors = [to_hex(color) for color in noisy.scatter_.get_facecolors()]
    assert colors.count(NOISE_COLOR) == 2
    assert -1 not in noisy.texts_
    assert noisy.ax_.get_title().endswith("in 2 clusters")


def test_colors_show_classes_or_confidence(clustered):
    display = EmbeddingDisplay(
        clustered.X, clustered.labels, confidence=clustered.confidence, classes=clustered.labels % 2
    )
    display.plot(color_by="confidence")
    assert sorted(display.scatter_.get_array()) == sorted(clustered.confidence)
    assert len(display.figure_.axes) == 2  # the color bar
    assert len(display.texts_) == clustered.n_clusters
    display.plot(color_by="class")
    assert list(display.texts_) == [0, 1]
    assert display.ax_.get_title().endswith("in 2 classes")


@pytest.mark.parametrize(
    ("color_by", "message"),
    [
        ("label", "color_by must be one of 'cluster', 'class', 'confidence'; got 'label'"),
        ("class", "needs the classes; give them as y"),
        ("confidence", "needs the confidence"),
    ],
)
def test_what_cannot_be_shown_is_an_error(color_by, message):
    with pytest.raises(ValueError, match=message):
        EmbeddingDisplay(np.zeros((2, 2)), np.zeros(2)).plot(color_by=color_by)


def test_a_fitted_estimator_is_shown(fitted, samples):
    _, ax = pyplot.subplots()
    display = EmbeddingDisplay.from_estimator(fitted, samples, fitted.labels_, ax=ax, s=3)
    assert display.ax_ is ax
    assert display.positions.shape == (150, 2)
    np.testing.assert_array_equal(display.labels, fitted.labels_)
    np.testing.assert_array_equal(display.confidence, fitted.predict_proba(samples).max(axis=1))
    np.testing.assert_array_equal(display.classes, fitted.labels_)
    assert display.scatter_.get_sizes().tolist() == [3]
    kmeans = KMeans(3, random_state=0).fit(samples)
    assert EmbeddingDisplay.from_estimator(kmeans, samples).confidence is None


def test_values_of_single_samples_stay_with_them():
    positions = np.column_stack([np.arange(6.0), np.zeros(6)])
    values = 10 * positions[:, 0] + 10
    display = EmbeddingDisplay.from_predictions(
        positions, [0, 0, 0, 1, 1, 1], c=values, s=values, alpha=values / 60
    )
    x = display.scatter_.get_offsets()[:, 0]
    assert x.tolist() != sorted(x)
    for found in (display.scatter_.get_array(), display.scatter_.get_sizes()):
        np.testing.assert_array_equal(found, 10 * x + 10)
    np.testing.assert_allclose(display.scatter_.get_alpha(), (10 * x + 10) / 60)


def test_the_configuration_of_scikit_learn_changes_nothing(samples, fitted):
    wide = np.hstack([fitted.transform(samples)] * 2)
    expected = EmbeddingDisplay.from_predictions(wide, fitted.labels_).positions
    with config_context(transform_output="pandas"):
        found = EmbeddingDisplay.from_predictions(wide, fitted.labels_).positions
        assert len(find_examples(fitted, samples))
    np.testing.assert_array_equal(found, expected)
