"""The neighbour graph and its targets against brute force on dense arrays."""

import numpy as np
import pytest
import scipy.sparse as sp

from skdec import _neighbors
from skdec._neighbors import consensus_targets, leading_components, neighbor_graph
from skdec._rows import float32_rows


def brute_force_graph(X, k):
    """Self-tuning affinities of the k nearest others, symmetric, rows summing to one."""
    distances = np.sqrt(((X[:, None] - X[None]) ** 2).sum(axis=2))
    np.fill_diagonal(distances, np.inf)
    nearest = np.argsort(distances, axis=1)[:, :k]
    scale = np.sort(distances, axis=1)[:, min(7, k) - 1]
    graph = np.zeros((len(X), len(X)))
    for i, j in zip(np.repeat(np.arange(len(X)), k), nearest.ravel(), strict=True):
        graph[i, j] = max(np.exp(-(distances[i, j] ** 2) / (scale[i] * scale[j])), 1e-12)
    graph += graph.T
    return graph / graph.sum(axis=1, keepdims=True)


def state():
    return np.random.RandomState(0)


class Rows:
    """Rows in their own order, which `DistinctRows` would change."""

    def __init__(self, X):
        self.X, self.shape, self.is_sparse = X, X.shape, sp.issparse(X)

    def __getitem__(self, selection):
        return float32_rows(self.X, selection)


def graph_of(X, n_neighbors):
    components = leading_components(Rows(X), np.random.RandomState(0))
    return neighbor_graph(components, X.shape[0], n_neighbors, np.random.RandomState(0))


@pytest.mark.parametrize("k", [1, 4, 10])
@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array])
def test_graph_is_that_of_brute_force(random, k, kind):
    X = random(0).normal(size=(60, 4))
    graph = graph_of(kind(X), k)
    np.testing.assert_allclose(graph.toarray(), brute_force_graph(X, k), rtol=1e-3, atol=1e-7)


def test_wide_rows_are_compared_in_their_principal_components(random):
    """Rows of rank 4 in 80 columns: 50 components lose nothing of the distances."""
    X = random(1).normal(size=(70, 4)) @ random(2).normal(size=(4, 80))
    dense = graph_of(X, 5).toarray()
    np.testing.assert_allclose(dense, brute_force_graph(X, 5), rtol=1e-2, atol=1e-5)
    sparse = graph_of(sp.csr_array(X), 5).toarray()
    np.testing.assert_allclose(sparse, brute_force_graph(X, 5), rtol=1e-2, atol=1e-5)


def test_rows_sum_to_one_and_no_row_is_its_own_neighbour(random):
    graph = graph_of(random(0).normal(size=(90, 3)), 6)
    np.testing.assert_allclose(graph.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(graph.diagonal(), 0)


def test_equal_rows_and_far_rows_stay_joined(random):
    X = np.concatenate([np.zeros((12, 3)), random(0).normal(size=(20, 3)), [[1e4] * 3]])
    graph = graph_of(X, 3)
    assert np.isfinite(graph.data).all()
    np.testing.assert_allclose(graph.sum(axis=1), 1, rtol=1e-5)
    assert set(graph[[0]].indices) <= set(range(12))


@pytest.mark.parametrize("n", [2, 3, 5])
def test_fewer_rows_than_neighbours(random, n):
    X = random(0).normal(size=(n, 3))
    graph = graph_of(X, 10).toarray()
    np.testing.assert_allclose(graph, brute_force_graph(X, n - 1), rtol=1e-3, atol=1e-7)


def test_many_rows_look_for_neighbours_in_parts(random, monkeypatch):
    monkeypatch.setattr(_neighbors, "_SEARCH_ROWS", 40)
    X = random(0).normal(size=(110, 3))
    graph = graph_of(X, 4)
    assert graph.shape == (110, 110)
    np.testing.assert_allclose(graph.sum(axis=1), 1, rtol=1e-5)
    # Each row finds the nearest of its part, and of no other.
    for part in np.array_split(state().permutation(110), 3):
        np.testing.assert_allclose(
            graph.toarray()[np.ix_(part, part)], brute_force_graph(X[part], 4), rtol=1e-3, atol=1e-7
        )


@pytest.mark.parametrize("n_rounds", [1, 4])
def test_consensus_is_averaged_then_sharpened_each_round(random, n_rounds):
    X, q = random(0).normal(size=(50, 3)), random(1).dirichlet(np.ones(4), 50)
    graph, expected = graph_of(X, 5), q
    weights = random(2).random(50).astype(np.float32)
    for _ in range(n_rounds):
        mean = graph.toarray() @ expected
        expected = mean**2 / (weights @ mean)
        expected /= expected.sum(axis=1, keepdims=True)
    targets = consensus_targets(q.astype(np.float32), graph, n_rounds, weights)
    assert targets.dtype == np.float32
    np.testing.assert_allclose(targets, expected, rtol=1e-3, atol=1e-6)


def test_consensus_overrules_a_row_whose_neighbours_say_otherwise(random):
    X = np.concatenate([random(0).normal(size=(30, 2)), random(1).normal(size=(30, 2)) + 20])
    truth = np.repeat([0, 1], 30)
    labels = truth.copy()
    labels[[3, 40]] = 1 - labels[[3, 40]]
    targets = consensus_targets(np.eye(2, dtype=np.float32)[labels], graph_of(X, 5), 4)
    np.testing.assert_array_equal(targets.argmax(axis=1), truth)
