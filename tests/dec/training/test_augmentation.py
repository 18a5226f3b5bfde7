"""Corruption and augmentation: what they change, and which random numbers they use."""

import functools
import pickle
import random

import keras
import numpy as np
import pytest
import tensorflow as tf

from skdec.dec.training.samples import Augmentation, corrupt, create_mask
from skdec.layers import RandomAffine

VALUES = np.random.default_rng(0).uniform(1, 2, (300, 200)).astype(np.float32)


@pytest.mark.parametrize("rate", [0.2, 0.7])
def test_a_fraction_of_the_values_is_set_to_zero_and_the_mean_is_kept(rate):
    assert corrupt(VALUES, 0.0, (1, 2)) is VALUES
    corrupted = np.asarray(corrupt(VALUES, rate, (1, 2)))
    is_kept = corrupted != 0
    np.testing.assert_allclose(np.mean(~is_kept), rate, atol=0.01)
    # Samples and features alike: the deviation of a mean of n values is sqrt(rate (1 - rate) / n).
    for axis in (0, 1):
        deviation = np.sqrt(rate * (1 - rate) / VALUES.shape[axis])
        np.testing.assert_allclose(is_kept.mean(axis=axis).std(), deviation, rtol=0.2)
    np.testing.assert_allclose(corrupted[is_kept], VALUES[is_kept] / (1 - rate), rtol=1e-6)


def test_random_numbers_follow_from_seed_and_stream():
    def create(*arguments):
        return np.asarray(create_mask(VALUES.shape, 0.5, *arguments))

    first = create((1, 2))
    np.testing.assert_array_equal(create((1, 2), 0), first)
    np.testing.assert_array_equal(corrupt(VALUES, 0.5, (1, 2)), VALUES * first)
    for arguments in [((1, 3),), ((2, 2),), ((1, 2), 1)]:
        agreement = np.mean(create(*arguments) == first)
        np.testing.assert_allclose(agreement, 0.5, atol=0.02)


def add_noise(samples, seed):
    return samples + tf.random.stateless_normal(tf.shape(samples), seed)


SOURCES = {
    "layer": keras.layers.GaussianNoise(0.5),
    "model": keras.Sequential(
        [
            keras.Input((64,)),
            keras.layers.Reshape((8, 8, 1)),
            keras.layers.RandomTranslation(0.2, 0.2),
            keras.layers.RandomRotation(0.1),
            keras.layers.Flatten(),
        ]
    ),
    "affine": RandomAffine((8, 8)),
    "function": add_noise,
}
SAMPLES = np.random.default_rng(1).uniform(size=(30, 64)).astype(np.float32)


def augment(source, samples=SAMPLES, seed=(1, 2)):
    function = tf.function(Augmentation.create(source, samples.shape[1]).build())
    return np.asarray(function(tf.constant(samples), tf.constant(seed)))


@pytest.mark.parametrize("name", SOURCES)
def test_random_numbers_of_an_augmentation_follow_from_the_seed(name):
    state = random.getstate()
    first = augment(SOURCES[name])
    assert random.getstate() == state
    np.testing.assert_array_equal(augment(SOURCES[name]), first)
    for seed in [(1, 3), (2, 2)]:
        assert np.abs(augment(SOURCES[name], seed=seed) - first).mean() > 0.02
    assert np.abs(first - SAMPLES).mean() > 0.02


@pytest.mark.parametrize("name", ["layer", "model", "affine"])
def test_copies_of_a_source_share_compiled_programs(name):
    copied = pickle.loads(pickle.dumps(SOURCES[name]))
    one, other = (Augmentation.create(source, 64) for source in (SOURCES[name], copied))
    assert one == other
    assert hash(one) == hash(other)


def test_different_sources_share_nothing():
    sources = [
        *SOURCES.values(),
        None,
        keras.layers.GaussianNoise(0.4),
        RandomAffine((8, 8), rotation=0.3),
        functools.partial(tf.multiply, 0.5),
        lambda samples: samples * 0.5,
    ]
    assert len({Augmentation.create(source, 64) for source in sources}) == len(sources)


def test_a_layer_of_the_user_is_copied_with_its_weights():
    layer = keras.layers.Dense(64)
    layer.build((None, 64))
    np.testing.assert_allclose(augment(layer), np.asarray(layer(SAMPLES)), rtol=1e-5, atol=1e-6)
    unbuilt = keras.layers.BatchNormalization()
    augment(unbuilt)
    assert not unbuilt.built


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (lambda samples: samples[:, :3], r"fails on samples \(4, 64\)"),
        (lambda samples: 1 / 0, "division by zero"),
        (RandomAffine((3, 3)), r"fails on samples \(4, 64\)"),
        (
            lambda samples: samples + tf.random.normal(tf.shape(samples)),
            "something else for equal samples and an equal seed. Take a parameter `seed`",
        ),
    ],
)
def test_what_does_not_fit_is_refused(source, message):
    with pytest.raises(ValueError, match=f"augment=.* {message}"):
        Augmentation.create(source, 64)
