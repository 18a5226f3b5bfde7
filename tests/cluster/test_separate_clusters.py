"""Clusters that hardly touch take the place of those of similar size that do."""

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score
from sklearn.preprocessing import scale

import skdec
from skdec import DECClusterer
from skdec.cluster._graph import build_neighbor_graph
from skdec.cluster._search import (
    SEPARATION,
    NeighborGraph,
    search_clusters,
    survive_agreement,
)
from skdec.cluster._selection import find_separate_clusters

SIZES = [1000, 80, 40]


def make_unequal_blobs(n_features=2, distance=8.0, seed=0):
    """Make one large blob and two small ones, all centers equally far from each other."""
    centers = distance * np.eye(3, n_features)
    if n_features == 2:
        centers = distance * np.array([[0, 0], [1, 0], [0.5, 0.75**0.5]])
    X, y = make_blobs(SIZES, centers=centers, random_state=seed)
    return scale(X).astype(np.float32), y


def build_neighbors(X):
    graph = build_neighbor_graph(X, 10, np.random.RandomState(0))
    return NeighborGraph(graph, np.ones(len(X)))


def divide_largest(X, y):
    """Divide the largest cluster in two, and join the others."""
    return np.where(y == 0, X[:, 0] > np.median(X[y == 0, 0]), 2)


def find(X, best, candidates):
    neighbors = build_neighbors(X)
    return find_separate_clusters(
        neighbors.measure(best),
        [neighbors.measure(labels) for labels in candidates],
        neighbors,
        X,
        10,
        np.random.RandomState(0),
    )


@pytest.mark.parametrize("n_features", [2, 8])
def test_clusters_that_hardly_touch_are_preferred(n_features):
    X, y = make_unequal_blobs(n_features)
    divided = divide_largest(X, y)
    np.testing.assert_array_equal(find(X, divided, [divided, y]), y)


def test_the_score_prefers_clusters_of_similar_size_in_a_plane():
    X, y = make_unequal_blobs()
    neighbors = build_neighbors(X)
    assert neighbors.measure(divide_largest(X, y)).score > 1.5 * neighbors.measure(y).score


def test_of_several_the_clusters_are_taken_that_lose_least():
    X, y = make_unequal_blobs()
    worse = y.copy()
    worse[np.flatnonzero(y == 1)[:8]] = 0
    np.testing.assert_array_equal(find(X, divide_largest(X, y), [worse, y, worse]), y)


def test_clusters_that_touch_are_not_preferred():
    X, y = make_unequal_blobs(distance=3.0)
    assert find(X, divide_largest(X, y), [y]) is None


def test_clusters_that_hardly_touch_are_not_replaced():
    """Both ways of joining two of four blobs that lie far apart are as good."""
    X, y = make_blobs([100] * 4, centers=20 * np.array([[0, 0], [0, 1], [1, 0], [1, 1]]))
    assert find(X.astype(np.float32), y > 1, [y > 1, y > 2]) is None


def test_clusters_that_neighbors_would_not_keep_are_not_preferred():
    X, y = make_unequal_blobs()
    single = np.where(y == 0, 0, 1)
    single[np.flatnonzero(y == 0)[0]] = 2
    neighbors = build_neighbors(X)
    assert survive_agreement(neighbors, y, 0.0)
    assert not survive_agreement(neighbors, single, 0.0)
    assert find(X, divide_largest(X, y), [single]) is None


def test_another_number_of_clusters_is_not_preferred():
    X, y = make_unequal_blobs()
    assert find(X, divide_largest(X, y), [np.minimum(y, 1)]) is None


def test_clusters_of_a_single_column_are_not_preferred(random):
    """A column of two values keeps all neighbors apart, but not in the halves without it."""
    column = (random(0).random(500) < 0.1).astype(float)
    X = np.column_stack([random(1).normal(size=(500, 5)), 8 * column]).astype(np.float32)
    neighbors = build_neighbors(X)
    by_column, by_number = column.astype(int), (X[:, 0] > 0).astype(int)
    assert neighbors.measure(by_column).lost_fraction < 0.01
    assert find(X, by_number, [by_column]) is None
    assert find(X[:, 3:], by_number, [by_column]) is not None  # three features have no halves


def test_a_further_run_is_added_and_changes_no_other(random):
    X, _ = make_unequal_blobs()
    graph = build_neighbor_graph(X, 10, np.random.RandomState(0))
    arguments = (X, graph, 3, np.ones(len(X)), 2)
    runs = search_clusters(*arguments, np.random.RandomState(0))
    with_further = search_clusters(
        *arguments, np.random.RandomState(0), further_settings=[SEPARATION]
    )
    assert [run.setting for run in with_further] == [*(run.setting for run in runs), SEPARATION]
    for run, same in zip(runs, with_further, strict=False):
        np.testing.assert_array_equal(run.best.labels, same.best.labels)


@pytest.mark.parametrize("n_features", [2, 10])
def test_defaults_find_small_clusters_beside_a_large_one(n_features):
    X, y = make_unequal_blobs(n_features, seed=3)
    dec = DECClusterer(3, random_state=0).fit(X)
    assert adjusted_rand_score(y, dec.initial_labels_) > 0.97
    assert adjusted_rand_score(y, dec.labels_) > 0.95
    np.testing.assert_allclose(np.sort(np.bincount(dec.labels_)), sorted(SIZES), atol=15)


def test_separate_clusters_of_a_subset_are_extended(monkeypatch):
    X, y = make_unequal_blobs()
    monkeypatch.setattr("skdec.cluster._selection._MAX_SEARCH_SAMPLES", 900)
    dec = DECClusterer(3, dims=(8, 2), random_state=0).fit(X)
    assert adjusted_rand_score(y, dec.initial_labels_) > 0.95


def test_further_fits_keep_clusters_of_different_sizes(random, tmp_path):
    """Targets that divide by the sizes would divide the large one, between the others."""
    y = np.repeat([0, 1, 2], [900, 60, 60])
    centers = 4.5 * np.array([[0, 0, 0], [1, 0, 0], [-1, 0, 0]])
    X = centers[y] + random(0).normal(size=(len(y), 3)) * np.array([1, 0.5, 0.5])[y][:, None]
    parameters = {"dims": (32, 4), "max_iter": 90, "warm_start": True, "random_state": 0}
    dec = DECClusterer(3, **parameters).fit(X)
    assert dec._target_power == 0
    assert adjusted_rand_score(y, dec.labels_) > 0.95
    skdec.save(dec, tmp_path / "model.skdec")
    loaded = skdec.load(tmp_path / "model.skdec")
    for estimator in (dec, loaded):
        for method in (estimator.fit, estimator.partial_fit):
            for _ in range(2):
                assert adjusted_rand_score(y, method(X).labels_) > 0.95
