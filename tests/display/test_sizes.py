"""Sizes, confidence and silhouettes of clusters."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import coo_matrix, csr_matrix
from sklearn.metrics import silhouette_samples

from skdec.display import ClusterSizesDisplay, SilhouetteDisplay


def test_bars_are_as_long_as_the_clusters_large(clustered, style, assert_no_overlap):
    labels = np.where(np.arange(len(clustered.labels)) < 7, -1, clustered.labels)
    display = ClusterSizesDisplay.from_predictions(labels, clustered.confidence)
    sizes = np.unique(labels, return_counts=True)[1]
    assert [bar.get_width() for bar in display.bars_] == sizes.tolist()
    names = [label.get_text() for label in display.axes_[0].get_yticklabels()]
    assert names == ["noise", *map(str, range(clustered.n_clusters))]
    medians = display.axes_[1].collections[-1].get_offsets()[:, 0]
    expected = [np.median(clustered.confidence[labels == label]) for label in np.unique(labels)]
    np.testing.assert_allclose(medians, expected)
    assert_no_overlap(display.figure_, display.axes_[0].texts)


def test_without_confidence_there_are_only_sizes():
    display = ClusterSizesDisplay.from_predictions([0, 0, 1], names=pd.Series({1: "rich"}))
    assert len(display.axes_) == 1
    assert [label.get_text() for label in display.axes_[0].get_yticklabels()] == ["0", "rich"]
    assert [text.get_text() for text in display.axes_[0].texts] == ["2", "1"]


def test_silhouettes_are_scikit_learns(clustered, style, assert_no_overlap):
    display = SilhouetteDisplay.from_predictions(clustered.X, clustered.labels)
    expected = silhouette_samples(clustered.X, clustered.labels)
    np.testing.assert_array_equal(display.silhouettes, expected)
    assert display.ax_.get_title() == f"Mean silhouette {expected.mean():.3f}"
    assert len(display.areas_) == clustered.n_clusters
    for label, area in display.areas_.items():
        widest = area.get_paths()[0].vertices[:, 0].max()
        assert widest == max(expected[clustered.labels == label].max(), 0)
    assert_no_overlap(display.figure_)


def test_noise_has_no_silhouette_and_of_many_samples_there_is_a_subset(clustered):
    labels = np.where(np.arange(len(clustered.labels)) < 7, -1, clustered.labels)
    display = SilhouetteDisplay.from_predictions(csr_matrix(clustered.X), labels)
    assert len(display.labels) == len(labels) - 7
    subset = SilhouetteDisplay.from_predictions(clustered.X, labels, max_samples=40)
    assert len(subset.labels) == 40


@pytest.mark.parametrize("space", ["embedding", "input"])
def test_the_space_of_the_distances_can_be_chosen(space, fitted, samples):
    display = SilhouetteDisplay.from_estimator(fitted, samples, space=space)
    points = samples if space == "input" else fitted.transform(samples)
    expected = silhouette_samples(points, fitted.labels_)
    np.testing.assert_allclose(display.silhouettes, expected, rtol=1e-5)
    found = SilhouetteDisplay.from_predictions(coo_matrix(points), fitted.labels_).silhouettes
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="space must be 'embedding' or 'input'; got 'output'"):
        SilhouetteDisplay.from_estimator(fitted, samples, space="output")
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        SilhouetteDisplay.from_predictions(samples, fitted.labels_[:10])


def test_names_are_no_formulas():
    for display in (
        ClusterSizesDisplay.from_predictions(["$x_$", "b"]),
        SilhouetteDisplay.from_predictions(np.eye(4), ["$x_$", "$x_$", "b", "b"]),
    ):
        display.figure_.draw_without_rendering()
