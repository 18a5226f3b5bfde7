"""Inference: the output for a sample does not depend on the batch it is in, bit for bit."""

import numpy as np
import pytest
import tensorflow as tf

from skdec.dec.training.inference import (
    INFERENCE_BATCH_SIZE,
    DECWeights,
    run_in_batches,
)
from skdec.networks import Architecture, build_autoencoder


@pytest.mark.parametrize(
    "n",
    [1, INFERENCE_BATCH_SIZE - 1, INFERENCE_BATCH_SIZE, 2 * INFERENCE_BATCH_SIZE + 3],
)
def test_every_sample_has_an_output(n):
    X = np.random.default_rng(0).normal(size=(n, 3))
    seen = []

    def double(samples):
        seen.append(tuple(samples.shape))
        return samples[:, :2] * 2

    output = run_in_batches(double, X, 2)
    np.testing.assert_array_equal(output, X[:, :2].astype(np.float32) * 2)
    assert output.dtype == np.float32
    assert set(seen) == {(INFERENCE_BATCH_SIZE, 3)}


@pytest.mark.parametrize("method", ["embed", "assign"])
def test_outputs_are_the_same_bits_in_every_batch(method):
    random = np.random.default_rng(0)
    architecture = Architecture.create_default(6, (16, 4))
    encoder = build_autoencoder(6, (16, 4), seed=0).encoder.get_weights()
    centers = random.normal(size=(5, 4)).astype(np.float32)
    run = getattr(DECWeights(architecture, encoder, [], centers), method)
    X = random.normal(size=(INFERENCE_BATCH_SIZE * 2 + 37, 6))
    output = run(X)
    order = random.permutation(len(X))
    np.testing.assert_array_equal(run(X[order]), output[order])
    np.testing.assert_array_equal(run(X[300:303]), output[300:303])
    np.testing.assert_array_equal(run(X[[520]]), output[[520]])


def test_networks_of_many_sizes_cause_no_warning(caplog):
    logger = tf.get_logger()
    logger.addHandler(caplog.handler)
    try:
        for width in range(21, 29):
            architecture = Architecture.create_default(4, (width, 2))
            weights = DECWeights(architecture, *architecture.create_weights(0))
            weights.embed(np.zeros((3, 4), np.float32))
    finally:
        logger.removeHandler(caplog.handler)
    assert "retracing" not in caplog.text
