"""The neighbor graph and its targets compared with brute force on dense arrays."""

from itertools import combinations

import numpy as np
import pytest
import scipy.sparse as sp

from skdec._utils import terminal
from skdec._utils.data import DistinctSamples, to_float32
from skdec._utils.terminal import show_progress
from skdec._utils.validation import find_distinct_samples
from skdec.cluster import _graph as neighbors
from skdec.cluster import _nearest as neighbor_search
from skdec.cluster._graph import (
    Neighbors,
    build_neighbor_graph,
    compute_neighbor_targets,
    connect_by_halves,
    connect_neighbors,
    find_neighbors,
    fit_projection,
    project,
)
from skdec.cluster._nearest import find_nearest_neighbors


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
        self.X, self.shape, self.is_sparse = X, X.shape, sp.issparse(X)
        self.raw = X

    def take_sparse(self, indices):
        return self.X[indices]

    def __getitem__(self, selection):
        return to_float32(self.X, selection)


def compute_points(samples):
    return project(samples, fit_projection(samples, "euclidean", get_random_state()))


def build_graph(X, n_neighbors):
    samples = Samples(X)
    return build_neighbor_graph(compute_points(samples), n_neighbors, get_random_state())


@pytest.mark.parametrize("k", [1, 4, 10])
@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array])
def test_graph_equals_brute_force(random, k, kind):
    X = random(0).normal(size=(60, 4))
    graph = build_graph(kind(X), k)
    np.testing.assert_allclose(
        graph.toarray(), build_graph_by_brute_force(X, k), rtol=1e-3, atol=1e-7
    )


def test_many_features_are_reduced_to_principal_components(random):
    """In samples of rank 4 with 480 features, 50 components preserve the distances."""
    X = random(1).normal(size=(70, 4)) @ random(2).normal(size=(4, 480))
    assert compute_points(Samples(X)).shape == (70, 50)
    dense = build_graph(X, 5).toarray()
    np.testing.assert_allclose(dense, build_graph_by_brute_force(X, 5), rtol=1e-2, atol=1e-5)


@pytest.mark.parametrize("n_features", [5, 480, 5100])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_sparse_samples_have_the_points_of_dense_ones(random, n_features, metric):
    X = sp.random_array((90, n_features), density=0.3, rng=random(0), format="csr")
    X = sp.csr_array(X.toarray() + (np.arange(n_features) == 0))
    of_kinds = []
    for kind in (X, X.toarray()):
        samples = Samples(kind)
        of_kinds.append(project(samples, fit_projection(samples, metric, get_random_state())))
    np.testing.assert_array_equal(*of_kinds)


def test_a_far_outlier_in_one_feature_does_not_lead_the_others(random):
    X = random(0).normal(size=(300, 3))
    outlying = X.copy()
    outlying[7, 1] = 1e30
    points = compute_points(Samples(outlying))
    others = np.arange(300) != 7
    np.testing.assert_allclose(points[others], X[others], rtol=1e-6)
    assert 100 < points[7, 1] < 10_000
    wide = np.hstack([outlying, random(1).normal(size=(300, 420))])
    assert np.isfinite(compute_points(Samples(wide))).all()


def test_features_of_few_values_are_not_clipped(random):
    X = (random(0).random((500, 4)) < 0.01) * np.array([1, 50, 2000, 1e6])
    np.testing.assert_array_equal(compute_points(Samples(X)), X)


def test_rows_of_the_graph_sum_to_one_and_its_diagonal_is_zero(random):
    graph = build_graph(random(0).normal(size=(90, 3)), 6)
    np.testing.assert_allclose(graph.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(graph.diagonal(), 0)


def test_equal_samples_and_outliers_stay_connected(random):
    X = np.concatenate([np.zeros((12, 3)), random(0).normal(size=(20, 3)), [[1e4] * 3]])
    graph = build_graph(X, 3)
    assert np.isfinite(graph.data).all()
    np.testing.assert_allclose(graph.sum(axis=1), 1, rtol=1e-5)
    assert graph.toarray()[:12, :12].sum() == pytest.approx(12, rel=1e-6)


@pytest.mark.parametrize("n", [2, 3, 5])
def test_fewer_samples_than_neighbors(random, n):
    X = random(0).normal(size=(n, 3))
    graph = build_graph(X, 10).toarray()
    np.testing.assert_allclose(graph, build_graph_by_brute_force(X, n - 1), rtol=1e-3, atol=1e-7)


def test_neighbors_of_many_samples_are_found_in_cells(random, monkeypatch):
    """99 of 100 true neighbors, at their true distances, the same on every call."""
    X = random(0).uniform(size=(2_000, 3)) @ random(1).normal(size=(3, 8))
    X = np.concatenate([X, X[:50]]).astype(np.float32)  # some samples twice
    exact, exact_distances = find_nearest_neighbors(X, 10, get_random_state())
    monkeypatch.setattr(neighbor_search, "_MAX_EXACT_SAMPLES", 100)
    monkeypatch.setattr(neighbor_search, "_N_COMPARED", 200)
    monkeypatch.setattr(neighbor_search, "_CELL_SIZE", 100)
    found, distances = find_nearest_neighbors(X, 10, get_random_state())
    again, _ = find_nearest_neighbors(X, 10, get_random_state())
    np.testing.assert_array_equal(found, again)
    recall = np.mean([len(np.intersect1d(a, b)) for a, b in zip(found, exact, strict=True)]) / 10
    assert recall > 0.99
    assert not (found == np.arange(len(X))[:, None]).any()
    measured = np.linalg.norm(X[:, None] - X[found], axis=2)
    np.testing.assert_allclose(distances, measured, atol=2e-3)
    assert (distances >= exact_distances - 2e-3).all()


@pytest.mark.parametrize("n_features", [480, 5100])
def test_components_are_computed_in_blocks(random, monkeypatch, n_features):
    class Recorded(Samples):
        def take_sparse(self, indices):
            sizes.append(len(indices))
            return super().take_sparse(indices)

    X = sp.random_array((300, n_features), density=0.1, rng=random(0), format="csr")
    sizes = []
    whole = compute_points(Recorded(X))
    width = 50 if n_features > 5000 else n_features
    monkeypatch.setattr(neighbors, "_BLOCK_VALUES", width * 70)
    in_blocks = compute_points(Recorded(X))
    assert sizes == [300, 300, 300, 70, 70, 70, 70, 20]
    np.testing.assert_allclose(in_blocks, whole, atol=1e-6)


def test_components_of_wide_sparse_samples_use_all_of_them(random):
    """Topics of few words each are hidden in one component per topic."""
    n_topics, n_words = 10, 20_000
    topics = random(0).integers(n_topics, size=600)
    rows = np.repeat(np.arange(600), 30)
    own = random(1).random(len(rows)) < 0.5
    words = np.where(
        own,
        topics[rows] * 200 + random(2).integers(200, size=len(rows)),
        random(3).integers(n_words, size=len(rows)),
    )
    X = sp.csr_array((np.ones(len(rows), np.float32), (rows, words)), (600, n_words))
    points = compute_points(Samples(X))
    nearest, _ = find_nearest_neighbors(points, 10, get_random_state())
    assert np.mean(topics[nearest] == topics[:, None]) > 0.8


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


def test_few_samples_are_all_neighbors_of_each_other():
    samples = find_distinct_samples(np.repeat(np.eye(4), 10, axis=0), None, 2)
    found = find_neighbors(samples, 10, seed=0)
    assert found.n_neighbors == 3
    np.testing.assert_array_equal(found.graph.toarray() > 0, ~np.eye(4, dtype=bool))


def test_progress_counts_samples(random, monkeypatch, capsys):
    """Of the principal components and of the search, exact or in cells."""
    X = random(0).normal(size=(600, 60))
    monkeypatch.setattr(terminal, "SECONDS_PER_LINE", 0)
    monkeypatch.setattr(neighbor_search, "_SAMPLES_PER_SEARCH", 250)
    monkeypatch.setattr(neighbors, "_BLOCK_VALUES", 250 * 60)
    with show_progress():
        build_graph(X, 5)
    lines = [line.split(",")[0] for line in capsys.readouterr().err.splitlines()]
    for name in ("components", "neighbors"):
        shown = [line.removeprefix(f"{name} ") for line in lines if line.startswith(name)]
        assert shown == ["250/600 samples", "500/600 samples", "600/600 samples"]
    monkeypatch.setattr(neighbor_search, "_MAX_EXACT_SAMPLES", 100)
    monkeypatch.setattr(neighbor_search, "_CELL_SIZE", 100)
    with show_progress():
        find_nearest_neighbors(X, 5, get_random_state())
    assert "neighbors 3600/3600 samples, " in capsys.readouterr().err


def test_halves_of_four_features_are_the_six_pairs(random):
    points = random(0).normal(size=(60, 4)).astype(np.float32)
    nearest = find_nearest_neighbors(points, 5, np.random.RandomState(0))
    neighbors = Neighbors(connect_neighbors(nearest), points, 5, nearest=nearest)
    pairs = [points[:, pair] for pair in combinations(range(4), 2)]
    expected = np.mean([build_graph_by_brute_force(pair, 5) for pair in pairs], axis=0)
    found = connect_by_halves(neighbors, np.random.RandomState(1)).toarray()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_few_features_and_principal_components_are_not_divided(random):
    for n_features in (3, 500):
        X = random(0).normal(size=(80, n_features))
        neighbors = find_neighbors(DistinctSamples(X), 5, 0)
        assert connect_by_halves(neighbors, np.random.RandomState(0)) is neighbors.graph
