"""Scores of samples that are unlike those of the fit."""

import copy
import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp

from skdec import DECClusterer
from skdec._utils.data import DistinctSamples
from skdec.dec.training.inference import compute_deviation_limits


def test_deviations_are_reconstruction_error_and_distance_to_a_center(fitted, samples):
    z = fitted.transform(samples)
    errors = ((fitted.inverse_transform(z) - samples) ** 2).mean(axis=1)
    distances = ((z[:, None] - fitted.cluster_centers_) ** 2).sum(axis=2).min(axis=1) ** 0.5
    limits = np.quantile([errors, distances], 0.99, axis=1, method="inverted_cdf")
    expected = -np.maximum(errors / limits[0], distances / limits[1])
    np.testing.assert_allclose(fitted.score_samples(samples), expected, rtol=1e-4)
    assert 0 < (expected < -1).mean() <= 0.03
    dec = copy.deepcopy(fitted).partial_fit(samples[:40] * 3)  # keeps the limits
    np.testing.assert_array_equal(dec._deviation_limits, fitted._deviation_limits)


@pytest.mark.parametrize("kind", ["far away", "between", "one feature"])
def test_other_samples_are_below_the_limit(kind, fitted, samples, random):
    other = samples[:50].copy()
    if kind == "far away":
        other += 3
    elif kind == "between":
        other = 1 - other[random(0).permutation(50)] * 3
    else:
        other[:, 2] = 5
    assert (fitted.score_samples(other) < -1).all()


def test_scores_depend_neither_on_the_block_nor_on_the_container(fitted, samples, monkeypatch):
    expected = fitted.score_samples(samples)
    np.testing.assert_array_equal(fitted.score_samples(sp.csr_matrix(samples)), expected)
    monkeypatch.setattr("skdec.dec.training.inference._BLOCK_BYTES", 7 * 4 * samples.shape[1])
    np.testing.assert_allclose(fitted.score_samples(samples), expected, rtol=1e-6)


@pytest.mark.slow
def test_many_clusters_of_few_features_take_little_memory(random):
    """Less than distances (n, n_clusters, n_dims) would, or those from all centers at once."""
    X = random(0).normal(size=(400, 2))
    parameters = {"dims": (16, 8), "pretrain_epochs": 1, "max_iter": 0, "n_neighbors": 0}
    dec = DECClusterer(200, **parameters, init="k-means++", random_state=0).fit(X)
    many = random(1).normal(size=(100_000, 2)).astype(np.float32)
    tracemalloc.start()
    try:
        dec.score_samples(many)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 100_000 * 200


def test_limits_of_many_samples_are_those_of_a_part(fitted, samples, monkeypatch):
    distinct = DistinctSamples(samples)
    expected = compute_deviation_limits(fitted._weights, distinct)
    np.testing.assert_array_equal(expected, fitted._deviation_limits)
    monkeypatch.setattr("skdec.dec.training.inference._MAX_SAMPLES", 75)
    np.testing.assert_allclose(
        compute_deviation_limits(fitted._weights, distinct), expected, rtol=0.3
    )


def test_repeated_samples_count_as_often(tiny, random):
    """Of five samples, each thirty times, none is among the most unlike percent."""
    X = np.repeat(random(0).normal(size=(5, 6)), 30, axis=0)
    dec = DECClusterer(**tiny).fit(X)
    assert (dec.score_samples(X) >= -1 - 1e-6).all()
    once = DECClusterer(**tiny).fit(np.vstack([X, random(1).normal(size=(1, 6)) + 5]))
    assert (once.score_samples(X) >= -1 - 1e-6).all()


def test_limits_are_positive_for_equal_samples(tiny):
    dec = DECClusterer(**tiny | {"n_clusters": 1}).fit(np.zeros((20, 6)))
    assert (dec._deviation_limits > 0).all()
    assert np.isfinite(dec.score_samples(np.ones((2, 6)))).all()
