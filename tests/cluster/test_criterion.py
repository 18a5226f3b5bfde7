"""The criterion against plain loops over pairs of samples, and what it prefers."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.datasets import make_blobs, make_moons
from sklearn.metrics import adjusted_rand_score

from skdec.cluster._criterion import (
    compare_clusterings,
    compute_border_scores,
    find_common_cells,
    measure_costs,
    score_candidates,
)
from skdec.cluster._graph import build_neighbor_graph
from skdec.metrics import border_scores


def build_graph(X, n_neighbors=10):
    return build_neighbor_graph(X.astype(np.float32), n_neighbors, np.random.RandomState(0))


def compute_information(joint):
    """Entropy and mutual information of a symmetric table of probabilities."""
    joint = joint / max(joint.sum(), 1e-300)
    sizes = joint.sum(axis=1)
    entropy = -sum(p * np.log(p) for p in sizes if p > 0)
    pairs = [(i, j) for i in range(len(joint)) for j in range(len(joint)) if joint[i, j] > 0]
    terms = [joint[i, j] * np.log(joint[i, j] / (sizes[i] * sizes[j])) for i, j in pairs]
    return entropy, sum(terms)


def count_joint(graph, weights, labels, members):
    """Sum the affinities from label to label over all pairs of the members."""
    k = labels.max() + 1
    joint = np.zeros((k, k))
    for i in members:
        for j in members:
            joint[labels[i], labels[j]] += weights[i] * graph[i, j] / weights.sum()
    return joint + joint.T


def compute_scores_by_loops(graph, weights, labelings):
    graph = graph.toarray()
    lost, entropies, cuts, sizes = [], [], [], []
    everyone = range(len(weights))
    for labels in labelings:
        joint = count_joint(graph, weights, labels, everyone)
        entropy, information = compute_information(joint)
        entropies.append(entropy)
        lost.append(1 - information / entropy)
        sizes.append(joint.sum(axis=1) / joint.sum())
        cuts.append([])
        for cluster in range(labels.max() + 1):
            costs = []
            for other in labelings:
                inside = count_joint(graph, weights, other, np.flatnonzero(labels == cluster))
                cut_entropy, cut_information = compute_information(inside)
                if other is not labels and cut_entropy >= 0.5:
                    costs.append(1 - cut_information / cut_entropy)
            cuts[-1].append(min(costs, default=np.nan))
    known = np.concatenate(cuts)
    median = np.median(known[known > 1e-6])
    scores = []
    for i, labels in enumerate(labelings):
        cheapest = np.average(np.nan_to_num(cuts[i], nan=median), weights=sizes[i])
        ratio = max(cheapest, 0.02 * median) / max(lost[i], 0.02 * median)
        unevenness = 1 - entropies[i] / np.log(labels.max() + 1)
        scores.append(np.log(ratio) - 0.5 * unevenness / (unevenness + 0.02))
    return scores


@pytest.mark.parametrize("k", [2, 5])
def test_scores_equal_those_of_plain_loops(k, random):
    X = random(0).normal(size=(60, 2))
    weights = random(1).uniform(0.5, 2, size=60)
    graph = build_graph(X, 6)
    labelings = [random(i).permutation(np.arange(60) % k) for i in range(2, 5)]
    labelings.append((np.argsort(np.argsort(X[:, 0])) * k) // 60)
    labelings.append(np.where(np.arange(60) < k - 1, np.arange(60), k - 1))
    scores = compute_border_scores(measure_costs(graph, weights, labelings))
    np.testing.assert_allclose(scores, compute_scores_by_loops(graph, weights, labelings))


def test_a_merged_pair_of_clusters_is_given_away_by_those_that_divide_it():
    X, y = make_blobs([80] * 4, centers=[(0, 0), (9, 0), (0, 9), (9, 9)], random_state=0)
    halved = np.where((y == 3) & (X[:, 0] > 9), 1, np.minimum(y, 3))
    merged = np.array([0, 0, 1, 2])[y]
    merged[(y == 3) & (X[:, 1] > 9)] = 3
    scores = border_scores(X, [y, merged, halved])
    assert scores.argmax() == 0


def test_scores_do_not_depend_on_names_order_or_container(random):
    X, y = make_moons(200, noise=0.1, random_state=0)
    labelings = [y, (X[:, 0] > 0.5).astype(int), random(0).integers(2, size=200)]
    scores = border_scores(X, labelings)
    assert scores.argmax() == 0
    renamed = [np.array(["b", "a"])[labels] for labels in labelings]
    np.testing.assert_allclose(border_scores(X, renamed), scores)
    order = random(1).permutation(200)
    shuffled = border_scores(X[order], [labels[order] for labels in labelings])
    np.testing.assert_array_equal(shuffled, scores)
    np.testing.assert_array_equal(border_scores(sp.csr_array(X), labelings), scores)


def test_doubled_weights_change_no_cost(random):
    X = random(0).normal(size=(40, 2))
    labelings = [np.arange(40) % 2, (X[:, 0] > 0).astype(int)]
    graph = build_graph(X, 5)
    once = measure_costs(graph, np.ones(40), labelings)
    twice = measure_costs(graph, np.full(40, 2.0), labelings)
    np.testing.assert_allclose(once.lost, twice.lost)
    np.testing.assert_allclose(once.entropy, twice.entropy)


def test_a_single_cluster_has_no_borders():
    X = np.arange(12.0)[:, None]
    np.testing.assert_array_equal(border_scores(X, [np.zeros(12)]), [0])
    np.testing.assert_array_equal(border_scores(X[:1], [[0], [0]]), [0, 0])


def test_clusters_that_do_not_touch_have_finite_scores():
    X, y = make_blobs([30, 30], centers=[(0, 0), (1000, 0)], random_state=0)
    scores = border_scores(X, [y, 1 - y, X[:, 1] > 0], n_neighbors=5)
    assert np.isfinite(scores).all()
    assert scores[0] == scores[1] > scores[2]


def test_wrong_labelings_are_refused():
    X = np.arange(6.0)[:, None]
    with pytest.raises(ValueError, match="labelings is empty"):
        border_scores(X, [])
    with pytest.raises(ValueError, match=r"X has 6 samples, but labels are of shape \(5,\)"):
        border_scores(X, [np.zeros(5)])


def test_agreement_is_the_adjusted_rand_index_of_many_copies(random):
    weights = random(0).integers(1, 4, size=60)
    labelings = [*random(1).integers(3, size=(3, 60)), np.zeros(60, int), np.zeros(60, int)]
    copies = [np.repeat(labels, 1000 * weights) for labels in labelings]
    expected = [[adjusted_rand_score(one, other) for other in copies] for one in copies]
    np.testing.assert_allclose(compare_clusterings(labelings, weights), expected, atol=1e-4)


def test_what_is_found_alike_is_preferred_at_equal_costs():
    corners = np.array([(x, y) for x in (0, 10) for y in (0, 10)])
    X, _ = make_blobs([50] * 4, centers=corners, random_state=0)
    X = np.concatenate([X, X[:, ::-1]])  # the same if the axes are swapped
    left, low = (X[:, 0] > 5).astype(int), (X[:, 1] > 5).astype(int)
    graph, weights = build_graph(X), np.ones(len(X))
    for one, other in [(left, low), (low, left)]:
        alike = other.copy()
        alike[0] = 1 - alike[0]
        scores = compute_border_scores(measure_costs(graph, weights, [one, other, alike]))
        assert scores[0] == pytest.approx(scores[1], abs=0.05)
        assert score_candidates(graph, weights, [one, other, alike]).argmax() == 1


def test_equal_clusterings_count_once(random):
    graph, weights = build_graph(random(0).normal(size=(60, 2))), np.ones(60)
    one, other, third = random(1).integers(2, size=(3, 60))
    once = score_candidates(graph, weights, [one, other, third])
    again = score_candidates(graph, weights, [one, other, third, 1 - other, other])
    np.testing.assert_allclose(again, once[[0, 1, 2, 1, 1]], rtol=1e-6)


def test_common_cells_are_together_in_all_clusterings():
    cells = find_common_cells([np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1])])
    np.testing.assert_array_equal(cells, [0, 1, 2, 2])
