"""Data: shuffled batches, dense float32 samples of any container, and distinct samples."""

from itertools import islice

import numpy as np
import pytest
import scipy.sparse as sp

from skdec._utils import data
from skdec._utils.data import (
    DistinctSamples,
    count_steps_per_chunk,
    iterate_shuffled_batches,
)


@pytest.mark.parametrize(("n", "batch"), [(10, 3), (12, 4), (5, 16), (7, 7), (1, 4), (9, 1)])
def test_every_sample_occurs_equally_often_in_full_batches(n, batch):
    batches = list(
        islice(iterate_shuffled_batches(np.ones(n), batch, np.random.RandomState(0)), 3 * n)
    )
    assert {len(indices) for indices in batches} == {batch}
    stream = np.concatenate(batches)
    for epoch in range(len(stream) // n):
        # Each epoch is one shuffle of all samples, also where it ends within a batch.
        np.testing.assert_array_equal(np.sort(stream[epoch * n : (epoch + 1) * n]), np.arange(n))
    np.testing.assert_array_equal(np.bincount(stream, minlength=n), 3 * batch)


def test_shuffles_differ_between_epochs_and_seeds():
    def shuffle_three_epochs(seed):
        batches = iterate_shuffled_batches(np.ones(50), 50, np.random.RandomState(seed))
        return [tuple(indices) for indices in islice(batches, 3)]

    assert shuffle_three_epochs(0) == shuffle_three_epochs(0)
    assert len({*shuffle_three_epochs(0), *shuffle_three_epochs(1)}) == 6


@pytest.mark.parametrize(("n_features", "batch"), [(3, 4), (784, 256), (200_000, 256)])
def test_chunks_have_a_bounded_size(n_features, batch):
    steps = count_steps_per_chunk(n_features, batch)
    assert 1 <= steps <= data._MAX_CHUNK_STEPS
    assert steps == 1 or steps * batch * n_features * 4 <= data._CHUNK_BYTES


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array])
def test_distinct_samples_sum_the_weights_of_copies(kind):
    X = np.array([[1.0, 2.0], [0.0, 5.0], [1.0, 2.0], [-0.0, 5.0], [3.0, 3.0], [7.0, 7.0]])
    sample_weight = np.array([1.0, 2.0, 3.0, 1.0, 2.0, 0.0])
    samples = DistinctSamples(kind(X), sample_weight)
    assert samples.shape == (3, 2)
    found = {
        tuple(sample): weight
        for sample, weight in zip(samples[:], samples.sample_weight, strict=True)
    }
    assert found == pytest.approx({(1.0, 2.0): 4 / 3, (0.0, 5.0): 1.0, (3.0, 3.0): 2 / 3})
    values, indices = samples.expand(samples[:][:, 0])
    np.testing.assert_array_equal(indices, [0, 1, 2, 3, 4])
    np.testing.assert_array_equal(values, X[indices, 0])


def test_distinct_samples_do_not_depend_on_the_order_of_the_samples():
    X = np.random.default_rng(0).normal(size=(40, 3))
    order = np.random.default_rng(1).permutation(40)
    np.testing.assert_array_equal(DistinctSamples(X)[:], DistinctSamples(X[order])[:])
    twice = DistinctSamples(np.repeat(X, 2, axis=0))
    np.testing.assert_array_equal(twice[:], DistinctSamples(X)[:])
    np.testing.assert_array_equal(twice.sample_weight, 1)


@pytest.mark.parametrize("offset", [1e4, -1e9, 1.7e12])
def test_samples_far_from_zero_stay_distinct(offset):
    X = np.random.default_rng(0).integers(0, 50, (60, 3)).astype(float)
    near, far = DistinctSamples(X), DistinctSamples(X + offset)
    assert near.origin is None
    assert far.shape == near.shape == np.unique(X, axis=0).shape
    np.testing.assert_array_equal(
        np.unique(far[:] + (far.origin - offset), axis=0), np.unique(near[:], axis=0)
    )
    np.testing.assert_array_equal(np.unique(far.raw[:], axis=0), np.unique(X + offset, axis=0))
    assert near.digest != far.digest


def test_origin_is_the_same_whatever_the_order_and_the_dtype():
    X = np.random.default_rng(0).normal(size=(60, 3)) + np.array([1e5, 0, 1e5])
    origin = DistinctSamples(X).origin
    assert origin[1] == 0
    np.testing.assert_allclose(origin[[0, 2]], 1e5, atol=8)
    for other in (X[::-1], X.astype(np.float32), np.repeat(X, 2, axis=0), np.asfortranarray(X)):
        np.testing.assert_array_equal(DistinctSamples(other).origin, origin)
