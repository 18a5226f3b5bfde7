"""The formulas of DEC compared with NumPy in double precision, and at their limits."""

import numpy as np
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from numpy_training import sharpen, student_t
from scipy.special import rel_entr

from skdec.cluster._graph import cluster_frequencies, target_distribution
from skdec.layers import (
    kl_divergence,
    log_soft_assignment,
    soft_assignment,
    squared_distances,
)


def make_data(seed, n=30, k=4, d=3):
    random = np.random.default_rng(seed)
    return random.normal(size=(n, d)) * 3, random.normal(size=(k, d)) * 3


def to_float32(*arrays):
    return [array.astype(np.float32) for array in arrays]


@given(
    seed=st.integers(0, 10_000),
    n=st.integers(1, 20),
    k=st.integers(1, 6),
    d=st.integers(1, 5),
    alpha=st.sampled_from([0.1, 1.0, 2.5, 30.0]),
)
def test_soft_assignment_is_student_t(seed, n, k, d, alpha):
    z, centers = make_data(seed, n, k, d)
    q = np.asarray(soft_assignment(*to_float32(z, centers), alpha))
    in_float64 = (array.astype(np.float64) for array in to_float32(z, centers))
    _, expected = student_t(*in_float64, alpha)
    assert q.dtype == np.float32
    np.testing.assert_allclose(q, expected, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(q.sum(axis=1), 1, rtol=1e-5)
    log_q = np.asarray(log_soft_assignment(*to_float32(z, centers), alpha))
    np.testing.assert_allclose(log_q, np.log(expected), rtol=1e-3, atol=1e-4)


def test_sample_on_a_center_has_finite_values_and_gradients():
    centers = tf.constant([[1.0, 2.0], [-4.0, 0.5]])
    z = tf.Variable(centers)
    with tf.GradientTape() as tape:
        log_q = log_soft_assignment(z, centers, 1.0)
        loss = tf.reduce_sum(kl_divergence(tf.constant([[0.9, 0.1], [0.0, 1.0]]), log_q))
    assert np.isfinite(tape.gradient(loss, z)).all()
    _, expected = student_t(centers.numpy(), centers.numpy(), 1.0)
    np.testing.assert_allclose(np.exp(log_q), expected, rtol=1e-5)


def test_far_outliers_give_finite_values():
    _, centers = make_data(2)
    z = np.array([[1e6, 0, 0], [-1e6, 1e6, 1e6], [1e6, 1e6, 1e6]])
    log_q = np.asarray(log_soft_assignment(*to_float32(z, centers), 1.0))
    assert np.isfinite(log_q).all()
    # At this distance, all centers are practically equally far away.
    np.testing.assert_allclose(np.exp(log_q), student_t(z, centers, 1.0)[1], atol=1e-4)
    np.testing.assert_allclose(np.exp(log_q), 0.25, atol=1e-4)


def test_log_soft_assignment_is_finite_where_the_soft_assignment_underflows():
    z, centers = to_float32(np.zeros((1, 1)), np.array([[0.0], [1000.0]]))
    log_q = np.asarray(log_soft_assignment(z, centers, 1e6))
    expected = -(1e6 + 1) / 2 * np.log1p(1000.0**2 / 1e6)
    assert np.asarray(soft_assignment(z, centers, 1e6))[0, 1] == 0
    np.testing.assert_allclose(log_q[0], [0, expected], rtol=1e-4)


def test_distances_are_precise_far_from_the_origin():
    z, centers = make_data(3)
    z, centers = to_float32(z + 1000, centers + 1000)
    expected = ((z[:, None].astype(float) - centers[None]) ** 2).sum(axis=2)
    np.testing.assert_allclose(squared_distances(z, centers), expected, rtol=1e-4, atol=1e-4)


@given(seed=st.integers(0, 10_000), n=st.integers(1, 30), k=st.integers(1, 6))
def test_targets_are_sharpened_soft_assignments(seed, n, k):
    q = np.random.default_rng(seed).dirichlet(np.full(k, 0.5), n)
    before = q.copy()
    np.testing.assert_allclose(target_distribution(q), sharpen(q), rtol=1e-9)
    np.testing.assert_array_equal(q, before)
    in_float32 = target_distribution(q.astype(np.float32))
    assert in_float32.dtype == np.float32
    np.testing.assert_allclose(in_float32, sharpen(q), rtol=1e-4, atol=1e-6)


def test_frequencies_include_sample_weights_and_previous_samples():
    random = np.random.default_rng(0)
    q, weights = random.dirichlet(np.ones(3), 20), random.random(20)
    before = random.dirichlet(np.ones(3), 7)
    p = sharpen(q, weights, before.sum(axis=0))
    np.testing.assert_allclose(cluster_frequencies(q, weights), weights @ q)
    np.testing.assert_allclose(target_distribution(q, weights, before.sum(axis=0)), p)
    twice = target_distribution(np.repeat(q, 2, axis=0))[::2]
    np.testing.assert_allclose(target_distribution(q, np.full(20, 2.0)), twice)


def test_empty_cluster_has_targets_of_zero():
    q = np.array([[0.9, 0.1, 0.0], [0.3, 0.7, 0.0]], np.float32)
    p = target_distribution(q)
    np.testing.assert_allclose(p[:, :2], sharpen(q[:, :2]), rtol=1e-6)
    np.testing.assert_array_equal(p[:, 2], 0)


def test_frequencies_of_many_samples_include_small_clusters():
    q = np.tile(np.array([[1 - 1e-6, 1e-6]], np.float32), (300_000, 1))
    np.testing.assert_allclose(target_distribution(q), sharpen(q.astype(float)), rtol=1e-4)


def test_divergence_equals_that_of_scipy():
    random = np.random.default_rng(0)
    p, q = random.dirichlet(np.ones(5), (2, 20))
    p[0] = [1, 0, 0, 0, 0]
    divergence = np.asarray(kl_divergence(*to_float32(p, np.log(q))))
    np.testing.assert_allclose(divergence, rel_entr(p, q).sum(axis=1), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(
        kl_divergence(*to_float32(p, np.log(np.maximum(p, 1e-38)))), 0, atol=1e-6
    )
