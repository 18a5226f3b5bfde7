"""Prototypes of clusters and reconstructions, as images."""

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture

from skdec.display import PrototypesDisplay, ReconstructionDisplay
from skdec.display._images import Mosaic

SHAPE = (2, 3)


@pytest.mark.parametrize("n_clusters", [3, 10, 30])
def test_all_images_are_in_their_places(n_clusters, style, assert_no_overlap, random):
    prototypes = random(0).random((n_clusters, 6))
    typical = [random(i).random((5, 6)) for i in range(n_clusters)]
    doubtful = [random(-i - 1 + 1000).random((4 if i else 2, 6)) for i in range(n_clusters)]
    labels = range(n_clusters)
    display = PrototypesDisplay(labels, prototypes, typical, doubtful, image_shape=SHAPE).plot()
    values = display.image_.get_array()
    step = 3, 4  # an image and the gap
    assert values.shape == (step[0] * n_clusters, 44)
    for row in (0, n_clusters - 1):
        top = row * step[0]
        np.testing.assert_array_equal(values[top : top + 2, :3].ravel(), prototypes[row])
        np.testing.assert_array_equal(values[top : top + 2, 6:9].ravel(), typical[row][0])
        np.testing.assert_array_equal(values[top : top + 2, 28:31].ravel(), doubtful[row][0])
    n_images = n_clusters * 10 - 2
    assert values.count() == n_images * 6  # all else is masked
    headings = [label.get_text() for label in display.ax_.get_xticklabels()]
    assert headings == ["center", "most certain", "least certain"]
    assert_no_overlap(display.figure_)


def test_members_are_ordered_by_confidence(fitted, samples):
    display = PrototypesDisplay.from_estimator(fitted, samples, image_shape=SHAPE, n_members=2)
    q = fitted.predict_proba(samples)
    decoded = fitted.inverse_transform(fitted.cluster_centers_)
    np.testing.assert_allclose(display.prototypes, decoded)
    for label in range(3):
        members = np.flatnonzero(fitted.labels_ == label)
        ordered = members[np.argsort(-q[members, label], kind="stable")]
        np.testing.assert_array_equal(display.typical[label], samples[ordered[:2]])
        np.testing.assert_array_equal(display.doubtful[label], samples[ordered[:-3:-1]])


def test_without_centers_the_prototypes_are_means(samples):
    mixture = GaussianMixture(3, random_state=0).fit(samples)
    display = PrototypesDisplay.from_estimator(mixture, samples, image_shape=SHAPE)
    labels = mixture.predict(samples)
    expected = [samples[labels == label].mean(axis=0) for label in range(3)]
    np.testing.assert_allclose(display.prototypes, expected)
    with pytest.raises(TypeError, match="predict_proba, which KMeans does not have"):
        PrototypesDisplay.from_estimator(KMeans(3).fit(samples), samples, image_shape=SHAPE)


def test_reconstructions_are_below_the_originals_from_best_to_worst(
    fitted, samples, style, assert_no_overlap
):
    display = ReconstructionDisplay.from_estimator(fitted, samples, image_shape=SHAPE, n_images=4)
    np.testing.assert_allclose(
        display.reconstructions,
        fitted.autoencoder_.predict(display.originals, verbose=0),
        rtol=1e-4,
    )
    errors = np.square(display.originals - display.reconstructions).mean(axis=1)
    assert (np.diff(errors) >= 0).all()
    assert [label.get_text() for label in display.ax_.get_xticklabels()] == [
        f"{error:.2g}" for error in errors
    ]
    values = display.image_.get_array()
    np.testing.assert_array_equal(values[3:5, 4:7].ravel(), display.reconstructions[1])
    assert_no_overlap(display.figure_)


@pytest.mark.parametrize("n_channels", [3, 4])
def test_colors_are_scaled_and_gaps_transparent(n_channels, random):
    from matplotlib import pyplot

    mosaic = Mosaic(1, 2, (2, 2, n_channels))
    image = random(0).random((2, 2, n_channels)) * 255
    mosaic.add(0, 0, image.ravel())
    shown = mosaic.show(pyplot.gca()).get_array()
    expected = (image - image.min()) / (image.max() - image.min())
    np.testing.assert_allclose(shown[:2, :2, :3], expected[..., :3])
    assert (shown[:2, :2, 3] == 1).all()
    assert (shown[:, 2:, 3] == 0).all()
