"""Initialization compared with scikit-learn and dense NumPy, also on nonconvex clusters."""

import numpy as np
import pytest
from sklearn.cluster import DBSCAN, AgglomerativeClustering, KMeans
from sklearn.datasets import make_blobs, make_moons
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

from skdec.cluster._graph import Neighbors, build_neighbor_graph
from skdec.cluster._selection import NeighborClusters, run_kmeans
from skdec.dec._initialization import (
    compute_cluster_means,
    initialize_from_clusters,
    initialize_in_embedding,
    run_clusterer,
)


def get_random_state():
    return np.random.RandomState(0)


def build_graph(z, n_neighbors):
    return build_neighbor_graph(z, n_neighbors, get_random_state())


def get_ones(z):
    return np.ones(len(z), np.float32)


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


@pytest.mark.parametrize("estimator", [AgglomerativeClustering(3), GaussianMixture(3)])
def test_clusterer_gives_its_labels(estimator):
    z, y = make_blobs(90, 2, centers=[(0, 0), (9, 0), (0, 9)], random_state=0)
    labels = run_clusterer(estimator, z, 3, get_ones(z), get_random_state())
    assert adjusted_rand_score(y, labels) == 1
    assert not hasattr(estimator, "labels_")  # a clone was fitted


def test_noise_joins_the_nearest_cluster():
    z = np.concatenate([np.zeros((10, 2)), np.full((10, 2), 9.0), [[2.0, 2.0], [7.0, 7.0]]])
    labels = run_clusterer(DBSCAN(eps=0.5), z, None, get_ones(z), get_random_state())
    np.testing.assert_array_equal(labels, [0] * 10 + [1] * 10 + [0, 1])


def test_initialization_without_neighbors_keeps_its_centers(random):
    z, weights = random(0).normal(size=(50, 2)).astype(np.float32), random(1).random(50)
    given = np.array([[-1.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    by_centers = initialize_in_embedding(given, 3, z, None, weights, 0)
    np.testing.assert_array_equal(by_centers.centers, given)
    distances = ((z[:, None] - given[None]) ** 2).sum(axis=2)
    np.testing.assert_array_equal(by_centers.labels, distances.argmin(axis=1))
    by_kmeans = initialize_in_embedding("k-means++", 3, z, None, weights, 0)
    np.testing.assert_array_equal(
        by_kmeans.centers, run_kmeans(z, 3, 20, weights, get_random_state())
    )
    by_clusterer = initialize_in_embedding(AgglomerativeClustering(3), None, z, None, weights, 0)
    for k in range(3):
        members = by_clusterer.labels == k
        mean = np.average(z[members], axis=0, weights=weights[members])
        np.testing.assert_allclose(by_clusterer.centers[k], mean, rtol=1e-4, atol=1e-6)
    assert by_centers.targets is by_kmeans.targets is by_clusterer.targets is None


def test_clusterer_with_a_wrong_number_of_clusters_raises(random):
    z = random(0).normal(size=(30, 2))
    with pytest.raises(ValueError, match=r"found 3 clusters where n_clusters=4"):
        run_clusterer(KMeans(3), z, 4, get_ones(z), get_random_state())
    with pytest.raises(ValueError, match="n_clusters=None needs a clusterer as init"):
        initialize_in_embedding("k-means++", None, z, None, get_ones(z), 0)
    with pytest.raises(ValueError, match="found no cluster"):
        run_clusterer(DBSCAN(eps=1e-9), z, None, get_ones(z), get_random_state())


def test_targets_of_nonconvex_clusters_follow_their_labels():
    z, y = make_moons(600, noise=0.05, random_state=0)
    z, weights = z.astype(np.float32), get_ones(z)
    neighbors = Neighbors(build_graph(z, 10), z, 10)
    initialization = initialize_from_clusters(NeighborClusters(y), z, neighbors, weights)
    np.testing.assert_array_equal(initialization.labels, y)
    assert adjusted_rand_score(y, initialization.targets.argmax(axis=1)) > 0.95
    np.testing.assert_allclose(initialization.targets.sum(axis=1), 1, rtol=1e-5)
    for k in range(2):
        np.testing.assert_allclose(initialization.centers[k], z[y == k].mean(axis=0), atol=1e-5)


def test_targets_of_outvoted_samples_are_their_labels():
    z, y = make_moons(200, noise=0.05, random_state=0)
    neighbors = Neighbors(build_graph(z.astype(np.float32), 8), z, 8)
    labels = y.copy()
    labels[::20] = 1 - labels[::20]  # all of whose neighbors are in the other cluster
    initialization = initialize_from_clusters(NeighborClusters(labels), z, neighbors, get_ones(z))
    np.testing.assert_array_equal(initialization.targets.argmax(axis=1), labels)
    np.testing.assert_array_equal(initialization.targets[::20], np.eye(2)[labels[::20]])


def test_first_targets_lose_no_cluster(random):
    """The search may return clusters so small that averaging over neighbors would erase them."""
    z = random(0).normal(size=(80, 2)).astype(np.float32)
    labels = (z[:, 0] > 0).astype(int)
    labels[[5, 60]] = [2, 3]
    neighbors = Neighbors(build_graph(z, 10), z, 10)
    clusters = NeighborClusters(labels, 0.5)
    initialization = initialize_from_clusters(clusters, z, neighbors, get_ones(z))
    np.testing.assert_array_equal(np.unique(initialization.targets.argmax(axis=1)), range(4))
