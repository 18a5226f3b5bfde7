"""Initialization compared with scikit-learn and dense NumPy, also on nonconvex clusters."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.cluster import DBSCAN, AgglomerativeClustering, KMeans
from sklearn.datasets import make_blobs, make_circles, make_moons
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

from skdec._engine.progress import show_progress
from skdec._steps import initialization as initialization_module
from skdec._steps.cluster_search import Clustering, NeighborGraph
from skdec._steps.initialization import (
    NeighborClusters,
    compute_cluster_means,
    find_nearest_center,
    initialize_clusters,
    run_clusterer,
    run_kmeans,
    select_candidate,
    smooth_labels,
)
from skdec._steps.neighbors import Neighbors, build_neighbor_graph


def get_random_state():
    return np.random.RandomState(0)


def build_graph(z, n_neighbors):
    return build_neighbor_graph(z, n_neighbors, get_random_state())


def get_ones(z):
    return np.ones(len(z), np.float32)


def test_centers_equal_those_of_kmeans(random):
    z, weights = random(0).normal(size=(80, 3)).astype(np.float32), random(1).random(80)
    centers = run_kmeans(z, 4, 7, weights, get_random_state())
    kmeans = KMeans(4, n_init=7, random_state=get_random_state()).fit(z, sample_weight=weights)
    np.testing.assert_allclose(centers, kmeans.cluster_centers_, rtol=1e-5, atol=1e-6)
    assert centers.dtype == np.float32
    np.testing.assert_array_equal(find_nearest_center(z, centers), kmeans.labels_)


def test_cluster_means_are_weighted_and_an_empty_cluster_gets_the_overall_mean(random):
    z, weights = random(0).normal(size=(30, 2)), random(2).random(30)
    labels = random(1).integers(3, size=30)
    labels[labels == 1] = 0
    means = compute_cluster_means(z, labels, 3, weights)
    expected = [
        np.average(z[labels == 0], axis=0, weights=weights[labels == 0]),
        z.mean(axis=0),
        np.average(z[labels == 2], axis=0, weights=weights[labels == 2]),
    ]
    np.testing.assert_allclose(means, expected, rtol=1e-5)
    assert means.dtype == np.float32


def moons():
    z, y = make_moons(600, noise=0.05, random_state=0)
    return z.astype(np.float32), y


def circles():
    z, y = make_circles(600, factor=0.4, noise=0.04, random_state=0)
    return z.astype(np.float32), y


def test_of_candidates_with_nearly_the_highest_score_the_one_is_kept_that_others_agree_with(random):
    common = random(0).integers(3, size=60)
    shifted = [np.where(random(i).random(60) < 0.1, 0, common) for i in (1, 2)]
    outlier = random(3).integers(3, size=60)
    labels = [outlier, common, *shifted, common]
    scores = [0.9, 0.899, 0.898, 0.897, 0.896]
    candidates = [
        (Clustering(one.astype(np.int32), score, score), power)
        for one, score, power in zip(labels, scores, [0, 1, 2, 3, 4], strict=True)
    ]
    uncertain = SimpleNamespace(estimate_error=lambda labels: 0.02)
    best, power = select_candidate(candidates, uncertain)
    assert power == 1
    np.testing.assert_array_equal(best.labels, common)
    poor = (Clustering(outlier.astype(np.int32), 0.1, 0.1), 9)
    assert select_candidate([*[poor] * 6, *candidates], uncertain)[1] == 1
    # The same clusters under other labels count as often as they are found.
    permuted = (Clustering((2 - outlier).astype(np.int32), 0.895, 0.895), 5)
    assert select_candidate([*candidates, *[permuted] * 6], uncertain)[1] == 0
    # As with many samples, where scores differ as much by more than chance.
    certain = SimpleNamespace(estimate_error=lambda labels: 0.001)
    assert select_candidate(candidates, certain)[1] == 0


@pytest.mark.parametrize("data", [moons, circles])
def test_search_finds_nonconvex_clusters_that_kmeans_does_not(data):
    z, y = data()
    graph, weights = build_graph(z, 10), get_ones(z)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        initialization = initialize_clusters(
            "neighbors", 2, 4, z, Neighbors(graph, z, 10), weights, 0
        )
    labels = initialization.labels
    by_kmeans = find_nearest_center(z, run_kmeans(z, 2, 20, weights, get_random_state()))
    assert adjusted_rand_score(y, by_kmeans) < 0.6
    assert adjusted_rand_score(y, labels) > 0.95
    measure = NeighborGraph(graph, weights).measure
    assert measure(labels).score > measure(by_kmeans).score
    smoothed = initialization.targets.argmax(axis=1)
    assert adjusted_rand_score(y, smoothed) > 0.95
    np.testing.assert_allclose(initialization.targets.sum(axis=1), 1, rtol=1e-5)
    for k in range(2):
        np.testing.assert_allclose(
            initialization.centers[k], z[labels == k].mean(axis=0), atol=1e-5
        )


@pytest.mark.parametrize("estimator", [AgglomerativeClustering(3), GaussianMixture(3)])
def test_clusterer_gives_its_labels(estimator):
    z, y = make_blobs(90, 2, centers=[(0, 0), (9, 0), (0, 9)], random_state=0)
    assert (
        adjusted_rand_score(y, run_clusterer(estimator, z, 3, get_ones(z), get_random_state())) == 1
    )
    assert not hasattr(estimator, "labels_")  # a clone was fitted


def test_noise_joins_the_nearest_cluster():
    z = np.concatenate([np.zeros((10, 2)), np.full((10, 2), 9.0), [[2.0, 2.0], [7.0, 7.0]]])
    labels = run_clusterer(DBSCAN(eps=0.5), z, None, get_ones(z), get_random_state())
    np.testing.assert_array_equal(labels, [0] * 10 + [1] * 10 + [0, 1])


def test_initialization_without_neighbors_keeps_its_centers(random):
    z, weights = random(0).normal(size=(50, 2)).astype(np.float32), random(1).random(50)
    given = np.array([[-1.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    by_centers = initialize_clusters(given, 3, 1, z, Neighbors(), weights, 0)
    np.testing.assert_array_equal(by_centers.centers, given)
    distances = ((z[:, None] - given[None]) ** 2).sum(axis=2)
    np.testing.assert_array_equal(by_centers.labels, distances.argmin(axis=1))
    by_kmeans = initialize_clusters("k-means++", 3, 4, z, Neighbors(), weights, 0)
    np.testing.assert_array_equal(
        by_kmeans.centers, run_kmeans(z, 3, 4, weights, get_random_state())
    )
    by_clusterer = initialize_clusters(
        AgglomerativeClustering(3), None, 1, z, Neighbors(), weights, 0
    )
    for k in range(3):
        members = by_clusterer.labels == k
        mean = np.average(z[members], axis=0, weights=weights[members])
        np.testing.assert_allclose(by_clusterer.centers[k], mean, rtol=1e-4, atol=1e-6)
    assert by_centers.targets is by_kmeans.targets is by_clusterer.targets is None


def test_n_clusters_none_needs_a_clusterer(random):
    z = random(0).normal(size=(9, 2))
    with pytest.raises(ValueError, match="n_clusters=None needs a clusterer as init"):
        initialize_clusters("k-means++", None, 1, z, Neighbors(), get_ones(z), 0)


def test_clusterer_with_a_wrong_number_of_clusters_raises(random):
    z = random(0).normal(size=(30, 2))
    with pytest.raises(ValueError, match=r"found 3 clusters where n_clusters=4"):
        run_clusterer(KMeans(3), z, 4, get_ones(z), get_random_state())
    with pytest.raises(ValueError, match="found no cluster"):
        run_clusterer(DBSCAN(eps=1e-9), z, None, get_ones(z), get_random_state())


def test_many_samples_are_searched_by_a_subset(random, monkeypatch):
    X, y = make_blobs([900, 300, 200, 100], 5, cluster_std=1.0, random_state=3)
    X = X.astype(np.float32)
    graph, weights = build_graph(X, 10), get_ones(X)
    monkeypatch.setattr(initialization_module, "_MAX_SEARCH_SAMPLES", 400)
    found = initialize_clusters("neighbors", 4, 3, X, Neighbors(graph, X, 10), weights, 0)
    assert adjusted_rand_score(y, found.labels) > 0.95
    assert found.targets.shape == (1500, 4)


def test_smoothing_loses_no_cluster(random):
    """A cluster of one sample among others would vanish in the first round."""
    z = random(0).normal(size=(80, 2)).astype(np.float32)
    labels = np.zeros(80, int)
    labels[[5, 60]] = [1, 2]
    targets = smooth_labels(labels, 3, build_graph(z, 10), get_ones(z))
    np.testing.assert_array_equal(np.unique(targets.argmax(axis=1)), [0, 1, 2])


def test_first_targets_lose_no_cluster(random, monkeypatch):
    """The search may return clusters so small that averaging over neighbors would erase them."""
    z = random(0).normal(size=(80, 2)).astype(np.float32)
    labels = (z[:, 0] > 0).astype(int)
    labels[[5, 60]] = [2, 3]
    graph, weights = build_graph(z, 10), get_ones(z)
    found = NeighborClusters(labels, 0.5)
    monkeypatch.setattr(initialization_module, "find_neighbor_clusters", lambda *arguments: found)
    initialization = initialize_clusters("neighbors", 4, 3, z, Neighbors(graph, z, 10), weights, 0)
    np.testing.assert_array_equal(np.unique(initialization.targets.argmax(axis=1)), range(4))


@pytest.mark.parametrize("n_init", [1, 3, 12])
def test_progress_counts_the_runs_of_the_search(n_init, random, capsys):
    X = random(0).normal(size=(60, 3)).astype(np.float32)
    neighbors = Neighbors(build_graph(X, 5), X, 5)
    with show_progress():
        initialize_clusters("neighbors", 2, n_init, X, neighbors, get_ones(X), 0)
        initialize_clusters("k-means++", 2, n_init, X, Neighbors(), get_ones(X), 0)
    *lines, by_kmeans = capsys.readouterr().err.splitlines()
    # The combinations of 3, 5 and 8 runs, or of as many as there are, with four settings each, and
    # a run for clusters that hardly touch.
    n_runs = {1: 1, 3: 3 + 4, 12: 12 + 3 * 4}[n_init] + 1
    assert lines[-1].startswith(f"initialize {n_runs}/{n_runs} runs, ")
    assert by_kmeans.startswith("initialize, ")
