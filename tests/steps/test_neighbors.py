"""The neighbor graph and its targets compared with brute force on dense arrays."""

import numpy as np
import pytest
import scipy.sparse as sp

from skdec._engine.data import to_float32
from skdec._steps import neighbors
from skdec._steps.neighbors import (
    build_neighbor_graph,
    compute_neighbor_targets,
    fit_principal_components,
)


def build_graph_by_brute_force(X, k):
    """Return self-tuning affinities of the k nearest others, symmetric, each row summing to one."""
    distances = np.sqrt(((X[:, None] - X[None]) ** 2).sum(axis=2))
    np.fill_diagonal(distances, np.inf)
    nearest = np.argsort(distances, axis=1)[:, :k]
    scale = np.sort(distances, axis=1)[:, min(7, k) - 1]
    graph = np.zeros((len(X), len(X)))
    for i, j in zip(np.repeat(np.arange(len(X)), k), nearest.ravel(), strict=True):
        graph[i, j] = max(np.exp(-(distances[i, j] ** 2) / (scale[i] * scale[j])), 1e-12)
    graph += graph.T
    return graph / graph.sum(axis=1, keepdims=True)


def get_random_state():
    return np.random.RandomState(0)


class Samples:
    """Samples in their own order, which `DistinctSamples` would change."""

    def __init__(self, X):
        self.X, self.shape = X, X.shape

    def __getitem__(self, selection):
        return to_float32(self.X, selection)


def build_graph(X, n_neighbors):
    project = fit_principal_components(Samples(X), np.random.RandomState(0))
    return build_neighbor_graph(project, X.shape[0], n_neighbors, np.random.RandomState(0))


@pytest.mark.parametrize("k", [1, 4, 10])
@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array])
def test_graph_equals_brute_force(random, k, kind):
    X = random(0).normal(size=(60, 4))
    graph = build_graph(kind(X), k)
    np.testing.assert_allclose(
        graph.toarray(), build_graph_by_brute_force(X, k), rtol=1e-3, atol=1e-7
    )


def test_many_features_are_reduced_to_principal_components(random):
    """In samples of rank 4 with 80 features, 50 components preserve the distances."""
    X = random(1).normal(size=(70, 4)) @ random(2).normal(size=(4, 80))
    dense = build_graph(X, 5).toarray()
    np.testing.assert_allclose(dense, build_graph_by_brute_force(X, 5), rtol=1e-2, atol=1e-5)
    sparse = build_graph(sp.csr_array(X), 5).toarray()
    np.testing.assert_allclose(sparse, build_graph_by_brute_force(X, 5), rtol=1e-2, atol=1e-5)


def test_rows_of_the_graph_sum_to_one_and_its_diagonal_is_zero(random):
    graph = build_graph(random(0).normal(size=(90, 3)), 6)
    np.testing.assert_allclose(graph.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(graph.diagonal(), 0)


def test_equal_samples_and_outliers_stay_connected(random):
    X = np.concatenate([np.zeros((12, 3)), random(0).normal(size=(20, 3)), [[1e4] * 3]])
    graph = build_graph(X, 3)
    assert np.isfinite(graph.data).all()
    np.testing.assert_allclose(graph.sum(axis=1), 1, rtol=1e-5)
    assert set(graph[[0]].indices) <= set(range(12))


@pytest.mark.parametrize("n", [2, 3, 5])
def test_fewer_samples_than_neighbors(random, n):
    X = random(0).normal(size=(n, 3))
    graph = build_graph(X, 10).toarray()
    np.testing.assert_allclose(graph, build_graph_by_brute_force(X, n - 1), rtol=1e-3, atol=1e-7)


def test_neighbors_of_many_samples_are_searched_in_parts(random, monkeypatch):
    monkeypatch.setattr(neighbors, "_MAX_EXACT_SAMPLES", 40)
    X = random(0).normal(size=(110, 3))
    graph = build_graph(X, 4)
    assert graph.shape == (110, 110)
    np.testing.assert_allclose(graph.sum(axis=1), 1, rtol=1e-5)
    # Each sample has neighbors only in its own part.
    for part in np.array_split(get_random_state().permutation(110), 3):
        np.testing.assert_allclose(
            graph.toarray()[np.ix_(part, part)],
            build_graph_by_brute_force(X[part], 4),
            rtol=1e-3,
            atol=1e-7,
        )


@pytest.mark.parametrize("n_rounds", [1, 4])
def test_neighbor_targets_are_averaged_and_sharpened_each_round(random, n_rounds):
    X, q = random(0).normal(size=(50, 3)), random(1).dirichlet(np.ones(4), 50)
    graph, expected = build_graph(X, 5), q
    weights = random(2).random(50).astype(np.float32)
    for _ in range(n_rounds):
        mean = graph.toarray() @ expected
        expected = mean**2 / (weights @ mean)
        expected /= expected.sum(axis=1, keepdims=True)
    targets = compute_neighbor_targets(q.astype(np.float32), graph, n_rounds, weights)
    assert targets.dtype == np.float32
    np.testing.assert_allclose(targets, expected, rtol=1e-3, atol=1e-6)


def test_neighbor_targets_correct_labels_that_differ_from_all_neighbors(random):
    X = np.concatenate([random(0).normal(size=(30, 2)), random(1).normal(size=(30, 2)) + 20])
    truth = np.repeat([0, 1], 30)
    labels = truth.copy()
    labels[[3, 40]] = 1 - labels[[3, 40]]
    targets = compute_neighbor_targets(np.eye(2, dtype=np.float32)[labels], build_graph(X, 5), 4)
    np.testing.assert_array_equal(targets.argmax(axis=1), truth)
