"""Starts of the refinement: against scikit-learn and dense NumPy, and on clusters that bend."""

import warnings

import numpy as np
import pytest
from scipy.stats import entropy
from sklearn.cluster import DBSCAN, AgglomerativeClustering, KMeans
from sklearn.datasets import make_blobs, make_circles, make_moons
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

from skdec._neighbors import neighbor_graph
from skdec._start import (
    cluster_means,
    estimator_labels,
    kmeans_centers,
    landmark_labels,
    nearest_center,
    neighbor_information,
    start_from,
)


def state():
    return np.random.RandomState(0)


def graph_of(z, n_neighbors):
    return neighbor_graph(lambda indices: z[indices], len(z), n_neighbors, state())


def ones(z):
    return np.ones(len(z), np.float32)


def test_centres_are_those_of_kmeans(random):
    z, weights = random(0).normal(size=(80, 3)).astype(np.float32), random(1).random(80)
    centers = kmeans_centers(z, 4, 7, weights, state())
    kmeans = KMeans(4, n_init=7, random_state=state()).fit(z, sample_weight=weights)
    np.testing.assert_allclose(centers, kmeans.cluster_centers_, rtol=1e-5, atol=1e-6)
    assert centers.dtype == np.float32
    np.testing.assert_array_equal(nearest_center(z, centers), kmeans.labels_)


def test_means_are_weighted_and_an_empty_cluster_gets_that_of_all(random):
    z, weights = random(0).normal(size=(30, 2)), random(2).random(30)
    labels = random(1).integers(3, size=30)
    labels[labels == 1] = 0
    means = cluster_means(z, labels, 3, weights)
    expected = [
        np.average(z[labels == 0], axis=0, weights=weights[labels == 0]),
        z.mean(axis=0),
        np.average(z[labels == 2], axis=0, weights=weights[labels == 2]),
    ]
    np.testing.assert_allclose(means, expected, rtol=1e-5)
    assert means.dtype == np.float32


def test_neighbor_information_is_the_dense_one(random):
    graph = graph_of(random(0).normal(size=(60, 3)), 5)
    labels, weights = random(1).integers(4, size=60), random(2).random(60)
    steps = graph.toarray() * weights[:, None] / weights.sum()
    joint = np.array(
        [[steps[np.ix_(labels == a, labels == b)].sum() for b in range(4)] for a in range(4)]
    )
    here, there = joint.sum(axis=1), joint.sum(axis=0)
    expected = entropy(here) + entropy(there) - entropy(joint.ravel())
    assert neighbor_information(graph, labels, weights) == pytest.approx(expected, rel=1e-4)
    assert neighbor_information(graph, np.zeros(60, int), weights) == pytest.approx(0, abs=1e-6)


def test_neighbor_information_prefers_whole_clusters(random):
    z = np.concatenate([random(i).normal(size=(100, 2)) + np.array([4.5 * i, 0]) for i in range(3)])
    whole, ones = np.repeat([0, 1, 2], 100), np.ones(300)
    touching_merged = np.where(whole == 2, 1 + (z[:, 1] > 0), 0)
    graph = graph_of(z, 10)
    merged = neighbor_information(graph, touching_merged, ones)
    assert merged < neighbor_information(graph, whole, ones)


def moons():
    z, y = make_moons(600, noise=0.05, random_state=0)
    return z.astype(np.float32), y


def circles():
    z, y = make_circles(600, factor=0.4, noise=0.04, random_state=0)
    return z.astype(np.float32), y


@pytest.mark.parametrize("data", [moons, circles])
def test_landmarks_find_bent_clusters_where_kmeans_does_not(data):
    z, y = data()
    graph, weights = graph_of(z, 10), ones(z)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        start = start_from("landmarks", 2, 3, [z], graph, weights, state())
    labels = start.labels
    by_kmeans = nearest_center(z, kmeans_centers(z, 2, 20, weights, state()))
    assert adjusted_rand_score(y, by_kmeans) < 0.6
    assert adjusted_rand_score(y, labels) > 0.95
    assert neighbor_information(graph, labels, weights) > neighbor_information(
        graph, by_kmeans, weights
    )
    settled = start.targets.argmax(axis=1)
    assert adjusted_rand_score(y, settled) > 0.95
    np.testing.assert_allclose(start.targets.sum(axis=1), 1, rtol=1e-5)
    for k in range(2):
        np.testing.assert_allclose(start.centers[k], z[settled == k].mean(axis=0), atol=1e-5)


def test_the_better_view_decides(random):
    z, y = moons()
    noise = random(0).normal(size=z.shape).astype(np.float32)
    for views in ([noise, z], [z, noise]):
        labels = landmark_labels(views, graph_of(z, 10), 2, 2, ones(z), state())
        assert adjusted_rand_score(y, labels) > 0.95


@pytest.mark.parametrize("n", [4, 5, 9])
def test_landmarks_of_hardly_more_rows_than_clusters(random, n):
    z = random(0).normal(size=(n, 2)).astype(np.float32)
    labels = landmark_labels([z], graph_of(z, 2), 4, 2, ones(z), state())
    assert labels.shape == (n,)
    assert set(labels) <= {0, 1, 2, 3}
    assert len(set(labels)) >= 3


def test_more_clusters_than_landmarks(random):
    z = random(0).normal(size=(900, 2)).astype(np.float32)
    labels = landmark_labels([z], graph_of(z, 3), 600, 1, ones(z), state())
    assert len(set(labels)) > 550


def test_the_same_seed_starts_alike(random):
    z = random(0).normal(size=(200, 3)).astype(np.float32)
    one, other = (landmark_labels([z], graph_of(z, 8), 3, 2, ones(z), state()) for _ in range(2))
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("estimator", [AgglomerativeClustering(3), GaussianMixture(3)])
def test_a_clusterer_gives_its_labels(estimator):
    z, y = make_blobs(90, 2, centers=[(0, 0), (9, 0), (0, 9)], random_state=0)
    assert adjusted_rand_score(y, estimator_labels(estimator, z, 3)) == 1
    assert not hasattr(estimator, "labels_")  # a copy was fitted


def test_noise_joins_the_nearest_cluster():
    z = np.concatenate([np.zeros((10, 2)), np.full((10, 2), 9.0), [[2.0, 2.0], [7.0, 7.0]]])
    labels = estimator_labels(DBSCAN(eps=0.5), z, None)
    np.testing.assert_array_equal(labels, [0] * 10 + [1] * 10 + [0, 1])


def test_starts_without_neighbours_keep_their_centres(random):
    z, weights = random(0).normal(size=(50, 2)).astype(np.float32), random(1).random(50)
    given = np.array([[-1.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    by_centers = start_from(given, 3, 1, [z], None, weights, state())
    np.testing.assert_array_equal(by_centers.centers, given)
    distances = ((z[:, None] - given[None]) ** 2).sum(axis=2)
    np.testing.assert_array_equal(by_centers.labels, distances.argmin(axis=1))
    by_kmeans = start_from("k-means++", 3, 4, [z], None, weights, state())
    np.testing.assert_array_equal(by_kmeans.centers, kmeans_centers(z, 3, 4, weights, state()))
    by_clusterer = start_from(AgglomerativeClustering(3), None, 1, [z], None, weights, state())
    for k in range(3):
        members = by_clusterer.labels == k
        mean = np.average(z[members], axis=0, weights=weights[members])
        np.testing.assert_allclose(by_clusterer.centers[k], mean, rtol=1e-4, atol=1e-6)
    assert by_centers.targets is by_kmeans.targets is by_clusterer.targets is None


def test_as_many_clusters_as_found_needs_a_clusterer(random):
    z = random(0).normal(size=(9, 2))
    with pytest.raises(ValueError, match="n_clusters=None needs a clusterer as init"):
        start_from("k-means++", None, 1, [z], None, ones(z), state())


def test_a_clusterer_that_does_not_fit_is_refused(random):
    z = random(0).normal(size=(30, 2))
    with pytest.raises(ValueError, match=r"found 3 clusters where n_clusters=4"):
        estimator_labels(KMeans(3), z, 4)
    with pytest.raises(ValueError, match="found no cluster"):
        estimator_labels(DBSCAN(eps=1e-9), z, None)
