"""Clusterings compared by neighbors in halves of the features, on a table with a binary column."""

import numpy as np
import pytest
from sklearn.datasets import make_blobs, make_moons
from sklearn.metrics import adjusted_rand_score
from sklearn.neighbors import kneighbors_graph

from skdec import DECClusterer
from skdec._utils.progress import show_progress
from skdec.cluster import _selection as feature_halves
from skdec.cluster._graph import Neighbors, build_neighbor_graph
from skdec.cluster._search import NeighborGraph
from skdec.cluster._selection import _choose_samples, choose_labels, measure_in_halves


def make_table(random):
    """Make two clusters that show in eight columns, beside a ninth column of two other values."""
    y, column = np.arange(500) % 2, random(1).integers(2, size=500)
    X = random(0).normal(loc=(2 * y[:, None] - 1) * 0.8, size=(500, 8))
    X = np.column_stack([X / X.std(axis=0), (column - column.mean()) / column.std()])
    return X.astype(np.float32), y, column


def get_random_state():
    return np.random.RandomState(0)


def build_neighbors(X):
    return Neighbors(build_neighbor_graph(X, 10, get_random_state()), X, 10)


def score(clusterings, X, weights=None):
    weights = np.ones(len(X)) if weights is None else weights
    halves = measure_in_halves(clusterings, X, 10, weights, get_random_state())
    return np.array([[clustering.score for clustering in half] for half in halves])


def test_clusters_of_a_single_column_score_higher_in_all_features_and_lower_in_halves(random):
    X, y, column = make_table(random)
    measure = NeighborGraph(build_neighbors(X).graph, np.ones(500)).measure
    assert measure(column).score > 1.2 * measure(y).score
    of_column, of_classes = np.quantile(score([column, y], X), 0.25, axis=0)
    assert of_column < 0.01 < 0.1 < of_classes


def test_scores_in_halves_are_the_information_kept_twice(random, monkeypatch):
    """Compared with unweighted neighbors of scikit-learn, whose affinities are equal."""
    X, y, _ = make_table(random)

    def build_plain_graph(points, n_neighbors, random_state):
        adjacency = kneighbors_graph(points, n_neighbors).tocsr()
        graph = adjacency.maximum(adjacency.T).tocsr()
        graph.data /= np.repeat(np.asarray(graph.sum(axis=1)).ravel(), np.diff(graph.indptr))
        return graph

    halves = []
    monkeypatch.setattr(
        feature_halves,
        "build_neighbor_graph",
        lambda points, *rest: halves.append(points) or build_plain_graph(points, *rest),
    )
    monkeypatch.setattr(feature_halves, "count_usable_threads", lambda: 1)
    monkeypatch.setattr(feature_halves, "_choose_samples", lambda weights, _: np.arange(500))
    found = score([y], X)[:, 0]
    expected = []
    for half in halves:
        assert half.shape == (500, 5)
        # Each sample counts as much as any other, whatever the number of its neighbors.
        graph = build_plain_graph(half, 10, None).toarray()
        joint = np.array([[graph[np.ix_(y == a, y == b)].sum() for b in (0, 1)] for a in (0, 1)])
        joint = (joint + joint.T) / joint.sum() / 2
        sizes = joint.sum(axis=1)
        entropy = -(sizes * np.log(sizes)).sum()
        information = (joint * np.log(joint / np.outer(sizes, sizes))).sum()
        expected.append(information**2 / entropy)
    assert len(halves) == 32
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_kmeans_replaces_clusters_of_a_single_column(random):
    X, y, column = make_table(random)
    labels, are_found = choose_labels(
        column.astype(np.int32), build_neighbors(X), 3, np.ones(500), get_random_state()
    )
    assert not are_found
    assert labels.dtype == np.int32
    assert adjusted_rand_score(y, labels) > 0.9


@pytest.mark.parametrize("n_features", [2, 3])
def test_clusters_of_few_features_are_kept(n_features):
    """Half of two or three features has no shape, so moons would seem to be no clusters."""
    X, y = make_moons(200, noise=0.05, random_state=0)
    X = np.column_stack([X, np.zeros((200, n_features - 2))]).astype(np.float32)
    labels, are_found = choose_labels(
        y.astype(np.int32), build_neighbors(X), 3, np.ones(200), get_random_state()
    )
    np.testing.assert_array_equal(labels, y)
    assert are_found


def test_clusters_of_the_search_are_kept_where_kmeans_finds_the_same():
    X, y = make_blobs(300, 6, centers=3, random_state=0)
    y = y.astype(np.int32)
    neighbors = build_neighbors(X.astype(np.float32))
    labels, are_found = choose_labels(y, neighbors, 3, np.ones(300), get_random_state())
    assert labels is y
    assert are_found


def test_samples_are_chosen_in_proportion_to_their_weight(monkeypatch):
    chosen = _choose_samples(np.array([1.0, 1.0, 2.0, 0.0]), get_random_state())
    np.testing.assert_array_equal(np.bincount(chosen, minlength=4), [1, 1, 2, 0])
    chosen = _choose_samples(np.full(50, 0.3), get_random_state())
    np.testing.assert_array_equal(np.sort(chosen), np.arange(50))
    monkeypatch.setattr(feature_halves, "_MAX_SAMPLES", 400)
    counts = np.bincount(_choose_samples(np.repeat([1.0, 3.0], 500), get_random_state()))
    assert abs(counts[:500].sum() - 100) < 20
    assert counts.sum() == 400


def test_scores_depend_on_neither_threads_nor_the_scale_of_the_weights(random, monkeypatch):
    X, y, column = make_table(random)
    scores = []
    for n_threads in (1, 3):
        monkeypatch.setattr(feature_halves, "count_usable_threads", lambda n=n_threads: n)
        scores.append(score([y, column], X, np.full(500, float(n_threads))))
    np.testing.assert_array_equal(*scores)


def test_halves_show_no_progress(random, monkeypatch, capsys):
    X, y, _ = make_table(random)
    monkeypatch.setattr(feature_halves, "count_usable_threads", lambda: 1)
    with show_progress():
        score([y], X)
    assert capsys.readouterr().err == ""


def test_defaults_find_the_clusters_of_a_table_with_a_binary_column(random):
    X, y, _ = make_table(random)
    dec = DECClusterer(2, random_state=0).fit(X)
    assert adjusted_rand_score(y, dec.initial_labels_) > 0.9
    assert adjusted_rand_score(y, dec.labels_) > 0.85
    np.testing.assert_array_equal(dec.labels_, dec.predict(X))
    # The targets do not average over the neighbors of a column that says nothing.
    assert np.isnan(dec.history_["refine"]["score"]).all()


def test_further_fits_do_not_follow_neighbors_either(random):
    X, y, _ = make_table(random)
    dec = DECClusterer(2, dims=(32, 4), warm_start=True, random_state=0).fit(X)
    for _ in range(3):
        dec.fit(X)
    assert np.isnan(dec.history_["refine"]["score"]).all()
    assert adjusted_rand_score(y, dec.labels_) > 0.85
