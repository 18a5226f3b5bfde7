"""Which clustering wins, compared with scikit-learn, also on nonconvex clusters."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs, make_circles, make_moons
from sklearn.metrics import adjusted_rand_score

from skdec._utils.progress import show_progress
from skdec.cluster import _selection as selection
from skdec.cluster._graph import Neighbors, build_neighbor_graph
from skdec.cluster._search import Clustering, NeighborGraph
from skdec.cluster._selection import (
    find_clusters,
    find_nearest_center,
    run_kmeans,
    select_candidate,
    smooth_labels,
)


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
        labels = find_clusters(Neighbors(graph, z, 10), 2, 4, weights, 0).labels
    by_kmeans = find_nearest_center(z, run_kmeans(z, 2, 20, weights, get_random_state()))
    assert adjusted_rand_score(y, by_kmeans) < 0.6
    assert adjusted_rand_score(y, labels) > 0.95
    measure = NeighborGraph(graph, weights).measure
    assert measure(labels).score > measure(by_kmeans).score


def test_many_samples_are_searched_by_a_subset(random, monkeypatch):
    X, y = make_blobs([900, 300, 200, 100], 5, cluster_std=1.0, random_state=3)
    X = X.astype(np.float32)
    graph, weights = build_graph(X, 10), get_ones(X)
    monkeypatch.setattr(selection, "_MAX_SEARCH_SAMPLES", 400)
    found = find_clusters(Neighbors(graph, X, 10), 4, 3, weights, 0)
    assert adjusted_rand_score(y, found.labels) > 0.95


def test_smoothing_loses_no_cluster(random):
    """A cluster of one sample among others would vanish in the first round."""
    z = random(0).normal(size=(80, 2)).astype(np.float32)
    labels = np.zeros(80, int)
    labels[[5, 60]] = [1, 2]
    targets = smooth_labels(labels, 3, build_graph(z, 10), get_ones(z))
    np.testing.assert_array_equal(np.unique(targets.argmax(axis=1)), [0, 1, 2])


@pytest.mark.parametrize("n_init", [1, 3, 12])
def test_progress_counts_the_runs_of_the_search(n_init, random, capsys):
    X = random(0).normal(size=(60, 3)).astype(np.float32)
    neighbors = Neighbors(build_graph(X, 5), X, 5)
    with show_progress():
        find_clusters(neighbors, 2, n_init, get_ones(X), 0)
    lines = capsys.readouterr().err.splitlines()
    # The combinations of 3, 5 and 8 runs, or of as many as there are, with four settings each, and
    # a run for clusters that hardly touch.
    n_runs = {1: 1, 3: 3 + 4, 12: 12 + 3 * 4}[n_init] + 1
    assert lines[-1].startswith(f"search {n_runs}/{n_runs} runs, ")
