"""The search by neighbor information against direct computations, and on odd input."""

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.stats import entropy
from sklearn.datasets import load_digits, make_blobs
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from skdec.cluster._graph import build_neighbor_graph, compute_neighbor_targets
from skdec.cluster._search import (
    SETTINGS,
    NeighborGraph,
    compute_merge_losses,
    find_micro_clusters,
    merge_clusters,
    search_clusters,
)


def build_graph(X, n_neighbors=10):
    return build_neighbor_graph(X, n_neighbors, np.random.RandomState(0))


def search(X, n_clusters, n_init=3, sample_weight=None, seed=0, **options):
    X = np.asarray(X, np.float32)
    weights = np.ones(len(X)) if sample_weight is None else sample_weight
    runs = search_clusters(
        X, build_graph(X), n_clusters, weights, n_init, np.random.RandomState(seed), **options
    )
    return max(runs, key=lambda run: run.best.score), runs


def measure_joint(joint, loss_weight):
    """I - loss_weight (H - I) of a joint distribution, by SciPy's entropies."""
    marginal = entropy(joint.sum(axis=1))
    information = 2 * marginal - entropy(joint.ravel())
    return information - loss_weight * (marginal - information)


def draw_joint(random, k):
    joint = random(k).random((k, k)) ** 4 + np.eye(k)
    joint += joint.T
    return joint / joint.sum()


def test_information_equals_dense_computation(random):
    graph = build_graph(random(0).normal(size=(60, 3)), 5)
    labels, weights = random(1).integers(4, size=60), random(2).random(60)
    steps = graph.toarray() * weights[:, None] / weights.sum()
    joint = np.array(
        [[steps[np.ix_(labels == a, labels == b)].sum() for b in range(4)] for a in range(4)]
    )
    joint = (joint + joint.T) / 2
    here = entropy(joint.sum(axis=1))
    found = NeighborGraph(graph, weights).measure(labels)
    assert found.entropy == pytest.approx(here, rel=1e-5)
    assert found.information == pytest.approx(2 * here - entropy(joint.ravel()), rel=1e-4)
    assert found.score == pytest.approx(found.information**2 / found.entropy)
    assert NeighborGraph(graph, weights).measure(labels * 0).score == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("loss_weight", [0.0, 1.0, 3.0])
def test_merge_losses_equal_the_change_of_the_criterion(random, loss_weight):
    joint = draw_joint(random, 6)
    losses = compute_merge_losses(joint, loss_weight)
    for a in range(6):
        for b in set(range(6)) - {a}:
            target = np.arange(6)
            target[b] = a
            indicator = np.eye(6)[target]
            merged = indicator.T @ joint @ indicator
            change = measure_joint(joint, loss_weight) - measure_joint(merged, loss_weight)
            assert losses[a, b] * (1 + loss_weight) == pytest.approx(change, abs=1e-9)
    assert np.isinf(np.diag(losses)).all()


def test_single_merges_take_the_pair_that_loses_least(random):
    joint = draw_joint(random, 7)
    merged = merge_clusters(joint, 6)
    losses = compute_merge_losses(joint)
    a, b = np.unravel_index(losses.argmin(), losses.shape)
    assert merged[a] == merged[b]
    assert len(np.unique(merged)) == 6


def test_agreement_with_power_one_is_the_target_of_neighbors(random):
    graph = build_graph(random(0).normal(size=(90, 3)), 6)
    weights = random(1).random(90).astype(np.float32)
    labels = random(2).integers(2, size=90)
    one_hot = sp.csr_array(np.eye(2, dtype=np.float32)[labels])
    agreed = NeighborGraph(graph, weights).agree(one_hot, 1, 1.0).toarray()
    expected = compute_neighbor_targets(one_hot.toarray(), graph, 1, weights / weights.mean())
    np.testing.assert_allclose(agreed, expected, atol=0.02)  # small assignments are dropped
    np.testing.assert_array_equal(agreed.argmax(axis=1), expected.argmax(axis=1))


def test_clusters_of_different_sizes_are_found():
    X, y = make_blobs([300, 150, 75, 75], 4, cluster_std=0.8, random_state=1)
    best, _ = search(X, 4, 4)
    assert adjusted_rand_score(y, best.best.labels) > 0.98


def test_one_run_finds_clusters_of_very_different_sizes_that_do_not_touch():
    X, y = make_blobs([1000, 200, 50, 50], 4, cluster_std=0.8, random_state=1)
    _, runs = search(X, 4, len(SETTINGS))
    assert max(adjusted_rand_score(y, run.best.labels) for run in runs) > 0.95


def test_digits_are_found_without_labels():
    X, y = load_digits(return_X_y=True)
    for seed in range(2):
        best, _ = search(X / 16, 10, len(SETTINGS), seed=seed)
        assert normalized_mutual_info_score(y, best.best.labels) > 0.9  # k-means: 0.74


@pytest.mark.parametrize("number_type", [int, np.int32])
@pytest.mark.parametrize("n_init", [1, 5, 7])
def test_the_number_of_runs_is_n_init(random, number_type, n_init):
    _, runs = search(random(0).normal(size=(60, 2)), 3, number_type(n_init))
    assert len(runs) == n_init
    assert [run.setting for run in runs] == [SETTINGS[i % 5] for i in range(n_init)]


def test_clusterings_are_nested_down_to_the_smallest_number():
    X, _ = make_blobs(300, 4, centers=5, random_state=0)
    run = search(X, 5, min_clusters=2)[0]
    assert {2, 3, 4, 5, 6} <= run.by_number.keys()
    for k, clustering in run.by_number.items():
        assert len(np.unique(clustering.labels)) == k
        assert clustering.labels.max() == k - 1
        assert clustering.information <= clustering.entropy + 1e-9


def test_same_seed_gives_the_same_labels(random):
    X = random(0).normal(size=(200, 3))
    one, other = (search(X, 4, 6)[1] for _ in range(2))
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a.best.labels, b.best.labels)
    assert {run.setting for run in one[:6]} == set(SETTINGS)
    assert len({setting.agreement_factor for setting in SETTINGS}) > 1


def test_doubled_weights_change_nothing(random):
    X, weights = random(0).normal(size=(150, 3)), random(1).random(150)
    one, other = (search(X, 3, 3, factor * weights)[0] for factor in (1, 2))
    np.testing.assert_array_equal(one.best.labels, other.best.labels)


@pytest.mark.parametrize("n", [2, 3, 5, 12, 40])
@pytest.mark.parametrize("fraction", [0.0, 0.5, 1.0])
def test_any_number_of_clusters_of_few_samples(random, n, fraction):
    n_clusters = max(1, round(fraction * n))
    labels = search(random(n).normal(size=(n, 2)), n_clusters)[0].best.labels
    assert labels.shape == (n,)
    assert labels.dtype == np.int32
    np.testing.assert_array_equal(np.unique(labels), np.arange(labels.max() + 1))
    assert labels.max() < n_clusters


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_equal_points_are_no_fault(random):
    X = np.repeat(random(0).normal(size=(6, 2)), 20, axis=0)
    labels = search(X, 3)[0].best.labels
    assert len(np.unique(labels)) == 3


def test_micro_clusters_have_no_gaps(random):
    X = random(0).normal(size=(500, 3)).astype(np.float32)
    micro = find_micro_clusters(X, 4, np.ones(500), np.random.RandomState(0))
    np.testing.assert_array_equal(np.unique(micro), np.arange(micro.max() + 1))
    assert 50 < micro.max() < 250
