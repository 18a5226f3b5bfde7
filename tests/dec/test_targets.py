"""Target distributions of the user's: called with what the paper's is, and checked."""

import numpy as np
import pytest

from skdec import DECClusterer
from skdec._utils.assignments import target_distribution
from skdec.cluster._graph import build_neighbor_graph
from skdec.dec._refinement import Targets
from skdec.dec._targets import create_target_function

Q = np.random.default_rng(0).dirichlet(np.ones(4), size=20).astype(np.float32)
WEIGHTS = np.random.default_rng(1).uniform(0.5, 2, size=20).astype(np.float32)


def cube(q):
    p = q**3
    return p / p.sum(axis=1, keepdims=True)


def compute_paper_target(q):
    """Equation 3, in float64."""
    weight = q.astype(float) ** 2 / q.sum(axis=0, dtype=float)
    return weight / weight.sum(axis=1, keepdims=True)


def weigh(q, sample_weight):
    return target_distribution(q, sample_weight)


def test_none_is_the_target_distribution_of_the_paper():
    assert create_target_function(None) is target_distribution


def test_a_function_of_q_is_called_with_all_soft_assignments():
    target = create_target_function(cube)
    np.testing.assert_allclose(target(Q, WEIGHTS, 3.0, 0.5), cube(Q), rtol=1e-6)
    assert target(Q.astype(np.float64), WEIGHTS).dtype == np.float32


def test_a_function_may_ask_for_the_weights():
    np.testing.assert_array_equal(
        create_target_function(weigh)(Q, WEIGHTS), target_distribution(Q, WEIGHTS)
    )


def test_the_paper_s_function_gives_the_same_fit(tiny, samples):
    """Bit for bit with the same sums, and the same clusters with those of NumPy in float64."""
    plain = {**tiny, "n_neighbors": 0, "tol": 0.0}
    expected = DECClusterer(**plain).fit(samples)
    same = DECClusterer(**plain, target=weigh).fit(samples)
    np.testing.assert_array_equal(same.predict_proba(samples), expected.predict_proba(samples))
    np.testing.assert_array_equal(same.cluster_centers_, expected.cluster_centers_)
    close = DECClusterer(**plain, target=compute_paper_target).fit(samples)
    np.testing.assert_allclose(
        close.predict_proba(samples), expected.predict_proba(samples), atol=1e-4
    )


def test_a_function_that_flattens_gives_less_confident_assignments(tiny, samples):
    def flatten(q):
        p = np.sqrt(q)
        return p / p.sum(axis=1, keepdims=True)

    def measure_entropy(target):
        parameters = {**tiny, "n_neighbors": 0, "max_iter": 40, "tol": 0.0}
        q = DECClusterer(**parameters, target=target).fit(samples).predict_proba(samples)
        return -np.mean(np.sum(q * np.log(q), axis=1))

    assert measure_entropy(flatten) > measure_entropy(None) + 1e-4


def test_a_function_may_know_the_number_of_clusters(tiny, samples):
    factors = np.linspace(1, 2, tiny["n_clusters"])

    def prefer_the_last(q):
        p = q * factors
        return p / p.sum(axis=1, keepdims=True)

    dec = DECClusterer(**{**tiny, "n_neighbors": 0}, target=prefer_the_last).fit(samples)
    assert dec.predict_proba(samples).shape == (len(samples), tiny["n_clusters"])


def test_with_neighbors_the_function_gets_their_averages():
    points = np.random.default_rng(2).normal(size=(20, 3))
    graph = build_neighbor_graph(points, 4, np.random.RandomState(0))
    targets = Targets(WEIGHTS, graph, sharpen=create_target_function(cube))
    expected = Q
    for _ in range(4):
        expected = cube(graph.toarray() @ expected)
    np.testing.assert_allclose(targets.compute(Q), expected, rtol=1e-4, atol=1e-6)


def test_weights_equal_repetitions(tiny, samples):
    """A function that uses the weights makes no difference between the two."""
    parameters = {**tiny, "n_neighbors": 0, "target": weigh}
    n_repeated = 50
    repeated = np.concatenate([samples, samples[:n_repeated]])
    sample_weight = np.where(np.arange(len(samples)) < n_repeated, 2.0, 1.0)
    one = DECClusterer(**parameters).fit(samples, sample_weight=sample_weight)
    other = DECClusterer(**parameters).fit(repeated)
    np.testing.assert_array_equal(one.predict_proba(samples), other.predict_proba(samples))


def test_partial_fit_uses_the_function(tiny, samples):
    def fail_later(q):
        if fitted:
            raise RuntimeError("called again")
        return cube(q)

    fitted = False
    dec = DECClusterer(**tiny, target=fail_later).fit(samples)
    fitted = True
    with pytest.raises(ValueError, match=r"fails on soft assignments .*: called again"):
        dec.partial_fit(samples)


def shift_in_place(q):
    q += 1
    return q


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (lambda q: q[:, :1], r"must return the shape \(5, 3\) .*; it returned shape \(5, 1\)"),
        (lambda q: q.sum(), r"it returned shape \(\)"),
        (lambda q: q * np.nan, "must return finite values of at least 0"),
        (lambda q: 2 * q - 0.5, "must return finite values of at least 0"),
        (lambda q: q**2, r"must return rows that sum to 1; it returned sums from 0\.\d+ to 0\.\d+"),
        (lambda q: 1 / 0, r"fails on soft assignments \(5, 3\): division by zero"),
        (lambda: None, r"fails on soft assignments \(5, 3\): .*takes 0 positional"),
        (lambda q: None, "fails on soft assignments|must return"),
        (shift_in_place, "fails on soft assignments .*read-only"),
    ],
)
def test_a_wrong_function_is_refused_before_training(target, message, tiny, samples):
    with pytest.raises(ValueError, match=f"target=<function .*{message}"):
        DECClusterer(**tiny, target=target).fit(samples)


def test_what_is_no_function_is_refused(tiny, samples):
    with pytest.raises(TypeError, match="target must be None or a function; got 'paper'"):
        DECClusterer(**tiny, target="paper").fit(samples)
