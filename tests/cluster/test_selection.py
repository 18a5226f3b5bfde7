"""Which clustering wins, compared with scikit-learn, also on nonconvex clusters."""

import warnings

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs, make_circles, make_moons
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

from skdec._utils.terminal import HIDDEN_BAR, show_progress
from skdec.cluster import _selection as selection
from skdec.cluster._graph import Neighbors, connect_neighbors
from skdec.cluster._nearest import find_nearest_neighbors
from skdec.cluster._search import NeighborGraph
from skdec.cluster._selection import (
    MAX_GINIS,
    find_candidates,
    find_clusters,
    find_nearest_center,
    fit_gaussians,
    run_kmeans,
    select_candidate,
    smooth_labels,
)


def get_random_state():
    return np.random.RandomState(0)


def find_neighbors(z, n_neighbors=10):
    nearest = find_nearest_neighbors(z, n_neighbors, get_random_state())
    return Neighbors(connect_neighbors(nearest), z, n_neighbors, nearest=nearest)


def get_ones(z):
    return np.ones(len(z), np.float32)


def test_centers_equal_those_of_kmeans(random):
    z, weights = random(0).normal(size=(80, 3)).astype(np.float32), random(1).random(80)
    centers = run_kmeans(z, 4, 7, weights, get_random_state())
    kmeans = KMeans(4, n_init=7, random_state=get_random_state()).fit(z, sample_weight=weights)
    np.testing.assert_allclose(centers, kmeans.cluster_centers_, rtol=1e-5, atol=1e-6)
    assert centers.dtype == np.float32
    np.testing.assert_array_equal(find_nearest_center(z, centers), kmeans.labels_)


def moons():
    z, y = make_moons(600, noise=0.05, random_state=0)
    return z.astype(np.float32), y


def circles():
    z, y = make_circles(600, factor=0.4, noise=0.04, random_state=0)
    return z.astype(np.float32), y


@pytest.mark.parametrize("data", [moons, circles])
def test_search_finds_nonconvex_clusters_that_kmeans_does_not(data):
    z, y = data()
    neighbors, weights = find_neighbors(z), get_ones(z)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        labels = find_clusters(neighbors, 2, "auto", weights, 0).labels
    by_kmeans = find_nearest_center(z, run_kmeans(z, 2, 20, weights, get_random_state()))
    assert adjusted_rand_score(y, by_kmeans) < 0.6
    assert adjusted_rand_score(y, labels) > 0.95
    measure = NeighborGraph(neighbors.graph, weights).measure
    assert measure(labels).score > measure(by_kmeans).score


def test_many_samples_are_searched_by_a_subset(random, monkeypatch):
    X, y = make_blobs([900, 300, 200, 100], 5, cluster_std=1.0, random_state=3)
    X = X.astype(np.float32)
    monkeypatch.setattr(selection, "_MAX_SEARCH_SAMPLES", 400)
    found = find_clusters(find_neighbors(X), 4, "auto", get_ones(X), 0)
    assert adjusted_rand_score(y, found.labels) > 0.98


def test_samples_far_from_the_subset_belong_to_the_nearest_cluster(monkeypatch):
    """Groups without a neighbor in other groups, of which most have no sample in the subset."""
    centers = [(x + 100 * k, 0) for k in range(2) for x in range(0, 60, 3)]
    X, group = make_blobs([12] * len(centers), centers=centers, cluster_std=0.01, random_state=0)
    X = X.astype(np.float32)
    monkeypatch.setattr(selection, "_MAX_SEARCH_SAMPLES", 30)
    labels = find_clusters(find_neighbors(X), 2, "auto", get_ones(X), 0).labels
    assert adjusted_rand_score(group >= len(centers) / 2, labels) == 1


def test_smoothing_loses_no_cluster(random):
    """A cluster of one sample among others would vanish in the first round."""
    z = random(0).normal(size=(80, 2)).astype(np.float32)
    labels = np.zeros(80, int)
    labels[[5, 60]] = [1, 2]
    targets = smooth_labels(labels, 3, find_neighbors(z).graph, get_ones(z))
    np.testing.assert_array_equal(np.unique(targets.argmax(axis=1)), [0, 1, 2])


@pytest.mark.parametrize(("n_init", "n_runs"), [(1, 1), (3, 3), ("auto", 10)])
def test_progress_counts_the_runs_of_the_search(n_init, n_runs, random, capsys):
    X = random(0).normal(size=(60, 3)).astype(np.float32)
    with show_progress():
        find_clusters(find_neighbors(X, 5), 2, n_init, get_ones(X), 0)
    lines = capsys.readouterr().err.splitlines()
    # Beside the runs, the tree and k-means.
    assert lines[-1].startswith(f"search {n_runs + 2}/{n_runs + 2} runs, ")


def test_the_candidate_with_the_cheapest_borders_is_chosen():
    z, y = moons()
    neighbors, weights = find_neighbors(z), get_ones(z)
    random_labels = np.arange(600) % 2
    right, upper = (z[:, 0] > 0.5).astype(int), (z[:, 1] > 0.25).astype(int)
    candidates = [(random_labels, 0.0), (y, 0.5), (right, 1.0), (upper, 1.0)]
    labels, power = select_candidate(candidates, z, neighbors.graph, 10, weights)
    np.testing.assert_array_equal(labels, y)
    assert power == 0.5


def test_a_few_samples_are_a_cluster_only_if_all_candidates_have_such(random):
    z = random(0).normal(size=(200, 2)).astype(np.float32)
    z[:5] += 100
    neighbors, weights = find_neighbors(z, 10), get_ones(z)
    few, half = (np.arange(200) < 5).astype(int), (z[:, 0] > 0).astype(int)
    for candidates, expected in [([few, half], half), ([few, few], few)]:
        labels, _ = select_candidate(
            [(one, 1.0) for one in candidates], z, neighbors.graph, 10, weights
        )
        np.testing.assert_array_equal(labels, expected)


def make_stretched(random):
    """300 samples of two clusters that touch, and labels of which one in five is wrong."""
    y = np.repeat([0, 1], [200, 100])
    z = random(1).normal(size=(300, 2)) * [5, 1] + y[:, None] * [2, 4]
    return z.astype(np.float32), y, np.where(random(2).random(300) < 0.2, 1 - y, y)


def test_gaussians_are_those_of_scikit_learn(random):
    z, y, labels = make_stretched(random)
    added = 1e-3 * z.var(axis=0).mean()
    parts = [z[labels == c].astype(float) for c in (0, 1)]
    mixture = GaussianMixture(
        2,
        weights_init=np.bincount(labels) / len(labels),
        means_init=[part.mean(axis=0) for part in parts],
        precisions_init=[
            np.linalg.inv(np.cov(part.T, bias=True) + added * np.eye(2)) for part in parts
        ],
        reg_covar=added,
        max_iter=9,
        tol=0,
    )
    with pytest.warns(ConvergenceWarning):
        expected = mixture.fit_predict(z.astype(float))
    found = fit_gaussians(labels, z, get_ones(z))
    np.testing.assert_array_equal(found, expected)
    assert adjusted_rand_score(y, found) > 0.9
    again = fit_gaussians(np.tile(labels, 2), np.tile(z, (2, 1)), np.ones(600, np.float32))
    np.testing.assert_array_equal(again[:300], found)
    np.testing.assert_array_equal(fit_gaussians(labels, z, 2 * get_ones(z)), found)


def test_gaussians_need_more_samples_than_features(random):
    z = random(0).normal(size=(12, 5)).astype(np.float32)
    assert fit_gaussians(np.arange(12) // 7, z, get_ones(z)) is None


def test_gaussians_set_borders_right_and_keep_other_shapes(random):
    z, y, labels = make_stretched(random)
    for points, start, expected in [(z, labels, y), (*moons(), moons()[1])]:
        halves = find_neighbors(points).graph
        found, _ = select_candidate([(start, 1.0)], points, halves, 10, get_ones(points))
        assert adjusted_rand_score(expected, found) > 0.9


def test_all_ways_give_candidates(random):
    """Runs of the search, clusters of the tree with and without agreement, and k-means."""
    z, _ = moons()
    neighbors = find_neighbors(z)
    candidates = find_candidates(
        neighbors, neighbors.graph, 2, 5, get_ones(z), get_random_state(), HIDDEN_BAR
    )
    assert 5 + len(MAX_GINIS) < len(candidates) <= 5 + 2 * len(MAX_GINIS) + 4
    for labels, _ in candidates:
        np.testing.assert_array_equal(np.unique(labels), [0, 1])
