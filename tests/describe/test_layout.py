"""Positions in the plane: clusters that are apart stay apart, at any number of samples."""

from functools import partial

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.neighbors import KNeighborsClassifier
from threadpoolctl import threadpool_info

from skdec.describe._summary import find_medoid, lay_out


@pytest.fixture(scope="module")
def blobs():
    """Eight clusters far apart in seven dimensions, the corners of a simplex and its center."""
    centers = np.vstack([np.eye(7) * 20, np.zeros(7)])
    return make_blobs(900, centers=centers, random_state=0)


@pytest.fixture
def set_anchors(monkeypatch):
    """A function that sets how many samples t-SNE lays out."""
    return partial(monkeypatch.setattr, "skdec.describe._summary._MAX_ANCHORS")


@pytest.fixture
def layout(blobs, set_anchors):
    set_anchors(300)
    return lay_out(*blobs)


def test_neighbors_in_the_plane_are_of_the_same_cluster(blobs, layout):
    y = blobs[1]
    assert layout.shape == (900, 2)
    assert layout.dtype == np.float32
    assert KNeighborsClassifier(5).fit(layout, y).score(layout, y) > 0.99


def test_the_same_seed_gives_the_same_layout_and_leaves_threads_as_they_were(blobs, layout):
    threads = [pool["num_threads"] for pool in threadpool_info()]
    np.testing.assert_array_equal(lay_out(*blobs), layout)
    assert [pool["num_threads"] for pool in threadpool_info()] == threads


def test_small_clusters_are_among_the_anchors(set_anchors):
    X, y = make_blobs([2000, 6], 5, centers=[[0] * 5, [50] * 5], random_state=0)
    set_anchors(60)
    positions = lay_out(X, y)
    assert KNeighborsClassifier(1).fit(positions, y).score(positions, y) == 1
    spread = np.ptp(positions[y == 1], axis=0).max()
    assert spread < np.linalg.norm(np.median(positions[y == 0], 0) - positions[y == 1].mean(0))


def test_one_and_two_dimensions_are_kept(random):
    Z = random(0).random((50, 2)).astype(np.float32)
    labels = np.zeros(50, dtype=int)
    np.testing.assert_array_equal(lay_out(Z, labels), Z)
    np.testing.assert_array_equal(lay_out(Z[:, :1], labels), np.c_[Z[:, 0], np.zeros(50)])


def test_the_medoid_is_a_position_in_the_middle(random):
    positions = random(0).normal(size=(1000, 2))
    medoid = find_medoid(positions)
    assert (positions == medoid).all(axis=1).any()
    assert np.linalg.norm(medoid) < 0.2
    # One that lies apart does not matter, unlike in a mean.
    assert find_medoid(np.array([[0.0, 0], [1, 0], [2, 0], [1000, 0]])).tolist() in ([1, 0], [2, 0])


@pytest.mark.parametrize("n_samples", [1, 4, 5, 20])
def test_few_and_equal_samples_have_positions(n_samples, random, set_anchors):
    positions = lay_out(random(0).random((n_samples, 6)), np.zeros(n_samples))
    assert positions.shape == (n_samples, 2)
    assert np.isfinite(positions).all()
    set_anchors(30)
    assert np.isfinite(lay_out(np.ones((20 * n_samples, 3)), np.zeros(20 * n_samples))).all()
