"""The spanning tree beside SciPy's of all distances, and merging beside the definition of Genie."""

import numpy as np
import pytest
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial.distance import cdist
from sklearn.cluster import AgglomerativeClustering
from sklearn.datasets import make_blobs, make_circles
from sklearn.metrics import adjusted_rand_score

from skdec.cluster._nearest import find_nearest_neighbors
from skdec.cluster._search import build_spanning_tree, merge_along_tree


def find_nearest(X, n_neighbors):
    return find_nearest_neighbors(X.astype(np.float32), n_neighbors, np.random.RandomState(0))


def compute_reachability(X):
    distances = cdist(X, X)
    core = np.sort(distances, axis=1)[:, 5]
    return np.maximum(distances, np.maximum(core[:, None], core))


def merge_by_definition(edges, n_clusters, max_gini):
    """Merge pair by pair, with the Gini index computed anew from its definition."""
    clusters = [{i} for i in range(len(edges) + 1)]
    left = [tuple(edge) for edge in edges]
    while len(clusters) > n_clusters:
        sizes = np.array([len(cluster) for cluster in clusters])
        differences = np.abs(sizes[:, None] - sizes).sum() / 2
        gini = differences / ((len(sizes) - 1) * sizes.sum())

        def find(sample):
            return next(cluster for cluster in clusters if sample in cluster)

        for edge in left:
            a, b = find(edge[0]), find(edge[1])
            if gini <= max_gini or sizes.min() in (len(a), len(b)):
                break
        left.remove(edge)
        clusters.remove(b)
        a |= b
    labels = np.empty(len(edges) + 1, int)
    for i, cluster in enumerate(clusters):
        labels[list(cluster)] = i
    return labels


def test_the_tree_is_as_short_as_that_of_all_distances(random):
    X = random(0).normal(size=(150, 3))
    edges = build_spanning_tree(X, find_nearest(X, 30))
    lengths = compute_reachability(X)[tuple(edges.T)]
    assert edges.shape == (149, 2)
    assert (np.diff(lengths) >= -1e-6).all()
    exact = minimum_spanning_tree(compute_reachability(X)).sum()
    assert lengths.sum() == pytest.approx(exact, rel=1e-5)


def test_parts_that_are_not_connected_are_joined(random):
    centers = [(0, 0), (100, 0), (0, 100), (100, 100), (500, 500)]
    X, y = make_blobs([20, 30, 20, 10, 1], centers=centers, random_state=0)
    X = X.astype(np.float32)
    edges = build_spanning_tree(X, find_nearest(X, 5))
    assert edges.shape == (80, 2)
    labels = merge_along_tree(edges, [1, 5], 1.0)
    assert adjusted_rand_score(y, labels[5]) == 1
    assert not labels[1].any()


def test_equal_samples_are_connected():
    X = np.repeat(np.arange(6.0), 10)[:, None]
    edges = build_spanning_tree(X, find_nearest(X, 4))
    labels = merge_along_tree(edges, [6], 0.3)[6]
    assert adjusted_rand_score(np.repeat(np.arange(6), 10), labels) == 1


@pytest.mark.parametrize("max_gini", [0.1, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("n_clusters", [1, 3, 10, 60])
def test_merging_equals_its_definition(random, max_gini, n_clusters):
    X = random(0).normal(size=(60, 2)) ** 3
    edges = build_spanning_tree(X, find_nearest(X, 10))
    labels = merge_along_tree(edges, [n_clusters], max_gini)[n_clusters]
    expected = merge_by_definition(edges, n_clusters, max_gini)
    assert adjusted_rand_score(expected, labels) == 1
    np.testing.assert_array_equal(np.unique(labels), np.arange(n_clusters))


def test_without_a_bound_it_is_single_linkage():
    X, _ = make_circles(200, factor=0.5, noise=0.03, random_state=0)
    edges = build_spanning_tree(X, find_nearest(X, 40))
    labels = merge_along_tree(edges, [2], 1.0)[2]
    single = AgglomerativeClustering(2, linkage="single").fit_predict(X)
    assert adjusted_rand_score(single, labels) == 1


def test_clusters_of_all_numbers_are_nested(random):
    X = random(0).normal(size=(80, 2))
    labels = merge_along_tree(build_spanning_tree(X, find_nearest(X, 8)), range(1, 9), 0.3)
    for k in range(1, 8):
        coarse = [set(labels[k][labels[k + 1] == cluster]) for cluster in range(k + 1)]
        assert all(len(of_one) == 1 for of_one in coarse)
