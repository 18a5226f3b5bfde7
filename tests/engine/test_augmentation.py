"""Corruption: how many values are set to zero, what remains, and which random numbers are used."""

import numpy as np
import pytest

from skdec._engine.augmentation import Corruption

VALUES = np.random.default_rng(0).uniform(1, 2, (300, 200)).astype(np.float32)


@pytest.mark.parametrize("rate", [0.2, 0.7])
def test_a_fraction_of_the_values_is_set_to_zero_and_the_mean_is_kept(rate):
    corrupted = np.asarray(Corruption(rate)(VALUES, (1, 2)))
    is_kept = corrupted != 0
    np.testing.assert_allclose(np.mean(~is_kept), rate, atol=0.01)
    # Samples and features alike: the deviation of a mean of n values is sqrt(rate (1 - rate) / n).
    for axis in (0, 1):
        deviation = np.sqrt(rate * (1 - rate) / VALUES.shape[axis])
        np.testing.assert_allclose(is_kept.mean(axis=axis).std(), deviation, rtol=0.2)
    np.testing.assert_allclose(corrupted[is_kept], VALUES[is_kept] / (1 - rate), rtol=1e-6)


def test_no_corruption_returns_the_values_themselves():
    assert Corruption()(VALUES, (1, 2)) is VALUES


def test_random_numbers_follow_from_seed_and_stream():
    def corrupt(*arguments):
        return np.asarray(Corruption(0.5)(VALUES, *arguments))

    first = corrupt((1, 2))
    np.testing.assert_array_equal(corrupt((1, 2), 0), first)
    for arguments in [((1, 3),), ((2, 2),), ((1, 2), 1)]:
        agreement = np.mean((corrupt(*arguments) == 0) == (first == 0))
        np.testing.assert_allclose(agreement, 0.5, atol=0.02)
