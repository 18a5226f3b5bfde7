"""Tests of what the networks see of samples: centered, scaled, far ones brought nearer."""

import keras
import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.datasets import load_iris
from sklearn.metrics import adjusted_rand_score

from skdec import DECClusterer, NeighborClusterer
from skdec._utils.data import DistinctSamples
from skdec.dec._pretraining import create_weights
from skdec.dec.training.samples import MAX_DISTANCE, ScaledSamples, Scaling
from skdec.layers import SampleScaling
from skdec.networks import Architecture


@pytest.fixture(scope="module")
def normal():
    return np.random.default_rng(0).normal(size=(300, 4)) * [1, 2, 1, 3]


@pytest.mark.parametrize("offset", [0, 1e4, 1.7e12])
def test_samples_anywhere_are_centered_and_have_a_mean_variance_of_one(normal, offset):
    samples = DistinctSamples(normal + offset)
    scaled = ScaledSamples(samples.raw, Scaling.fit(samples))[:]
    expected = samples.raw[:] - offset
    expected = (expected - expected.mean(axis=0)) / np.sqrt(expected.var(axis=0).mean())
    np.testing.assert_allclose(scaled, expected, atol=2e-4)
    assert scaled.dtype == np.float32


def test_samples_of_all_kinds_are_scaled_alike(normal):
    X = np.maximum(normal, 0).astype(np.float32)
    scaling = Scaling.fit(DistinctSamples(X))
    kinds = [X, X.astype(np.float64), np.asfortranarray(X), sp.csr_array(X)]
    first, *others = (ScaledSamples(kind, scaling)[10:20] for kind in kinds)
    for other in others:
        np.testing.assert_array_equal(other, first)
    np.testing.assert_array_equal(ScaledSamples(X, scaling)[np.arange(10, 20)], first)
    np.testing.assert_array_equal(ScaledSamples(X, None)[10:20], X[10:20])


def test_far_samples_are_brought_nearer_in_their_order(normal):
    scaling = Scaling(np.array([1.0, 0, 0, 0]), 2.0)
    limit = MAX_DISTANCE * np.sqrt(4)
    distances = np.array([0.5, 0.999, 1.001, 2, 100, 1e6, 1e12, 1e30]) * limit
    X = np.outer(distances * scaling.scale, [0.6, 0, -0.8, 0]) + scaling.center
    scaled = ScaledSamples(X, scaling)[:]
    found = np.linalg.norm(scaled.astype(np.float64), axis=1)
    expected = np.where(distances <= limit, distances, limit * (2 - limit / distances))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    np.testing.assert_allclose(
        scaled / found[:, None], np.tile([0.6, 0, -0.8, 0], (8, 1)), atol=1e-6
    )


def test_outliers_do_not_decide_center_and_scale(normal):
    X = normal.copy()
    X[::50, 1] = 1e12
    with_outliers, without = (Scaling.fit(DistinctSamples(one)) for one in (X, normal))
    np.testing.assert_allclose(with_outliers.center, without.center, atol=0.1)
    assert with_outliers.scale == pytest.approx(without.scale, rel=0.05)
    assert Scaling.fit(DistinctSamples(np.ones((3, 2)))).scale == 1


def test_layers_scale_as_fits_do_and_back(normal):
    samples = DistinctSamples(normal + 5)
    scaling = Scaling.fit(samples)
    X = np.concatenate([normal + 5, normal[:5] * 1e6, normal[:5] * 1e35]).astype(np.float32)
    layer = SampleScaling(scaling.center, scaling.scale, MAX_DISTANCE * 2)
    scaled = ScaledSamples(X, scaling)[:]
    copied = SampleScaling.from_config(layer.get_config())
    np.testing.assert_allclose(np.asarray(copied(X)), scaled, rtol=1e-5, atol=1e-5)
    inverse = SampleScaling(scaling.center, scaling.scale, MAX_DISTANCE * 2, invert=True)
    reconstructed = np.asarray(inverse(scaled))
    np.testing.assert_allclose(reconstructed[:300], X[:300], atol=1e-4)
    np.testing.assert_allclose(reconstructed, scaling.invert(scaled), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("n_features", [1, 4, 50])
def test_units_of_the_first_layer_switch_all_over_few_features(n_features):
    architecture = Architecture.create_default(n_features, (400, 3))
    plain, decoder = architecture.create_weights(0)
    weights = create_weights(architecture, Scaling(np.zeros(n_features), 1.0), 0)
    factor = max(1, 7 / np.sqrt(n_features))
    np.testing.assert_allclose(weights.encoder[0], factor * plain[0], rtol=1e-6)
    distances = np.abs(weights.encoder[1]) / np.linalg.norm(weights.encoder[0], axis=0)
    np.testing.assert_allclose(distances.max(), 2 if factor > 1 else 0, atol=0.02)
    np.testing.assert_allclose(distances.mean(), 1 if factor > 1 else 0, atol=0.1)
    given = create_weights(architecture, None, 0).encoder
    for found, expected in (
        (given, plain),
        (weights.encoder[2:], plain[2:]),
        (weights.decoder, decoder),
    ):
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)[0]


@pytest.fixture(scope="module")
def fitted_iris(iris):
    return DECClusterer(3, random_state=0).fit(iris)


def test_labels_depend_neither_on_where_the_data_are_nor_on_one_far_value(iris, fitted_iris):
    offset = 10_000
    neighbors = [NeighborClusterer(3, random_state=0).fit(X).labels_ for X in (iris, iris + offset)]
    assert adjusted_rand_score(*neighbors) > 0.97
    dec = DECClusterer(3, random_state=0).fit(iris + offset)
    assert adjusted_rand_score(dec.labels_, fitted_iris.labels_) > 0.97
    np.testing.assert_array_equal(dec.labels_, dec.predict(iris + offset))
    errors = dec.inverse_transform(dec.transform(iris + offset)) - (iris + offset)
    assert np.abs(errors).mean() < 0.4
    assert (dec.score_samples(iris + offset) > -1).mean() > 0.95
    X = iris.copy()
    X[5, 2] = 1e12
    dec.fit(X)
    assert adjusted_rand_score(dec.labels_, fitted_iris.labels_) > 0.8
    np.testing.assert_array_equal(dec.labels_, dec.predict(X))


def test_finite_samples_have_finite_answers(iris, fitted_iris):
    far = iris[:2] * [[1e30], [-1e37]]
    q, labels = fitted_iris.predict_proba(far), fitted_iris.predict(far)
    np.testing.assert_allclose(q.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(labels, q.argmax(axis=1))
    np.testing.assert_allclose(np.asarray(fitted_iris.model_(far)), q, atol=1e-4)
    for outputs in (fitted_iris.transform(far), fitted_iris.score_samples(far)):
        assert np.isfinite(outputs).all()
    assert (fitted_iris.score_samples(far) < -1).all()


def test_keras_models_take_samples_as_they_are(iris, fitted_iris, tmp_path):
    z = fitted_iris.transform(iris)
    fitted_iris.encoder_.save(tmp_path / "encoder.keras")
    loaded = keras.models.load_model(tmp_path / "encoder.keras")
    for encoder in (fitted_iris.encoder_, loaded):
        np.testing.assert_allclose(np.asarray(encoder(iris)), z, atol=1e-4)
    reconstructed = np.asarray(fitted_iris.autoencoder_(iris))
    np.testing.assert_allclose(reconstructed, fitted_iris.inverse_transform(z), atol=1e-4)


@pytest.mark.slow
def test_the_network_reproduces_winding_borders():
    """Spirals in the plane, which the search finds."""
    angles, arms = np.linspace(1, 7, 120), np.arange(3)
    turns = angles[:, None] + 2 * np.pi / 3 * arms
    X = (angles[:, None, None] * np.stack([np.cos(turns), np.sin(turns)], axis=2)).reshape(-1, 2)
    dec = DECClusterer(3, random_state=0).fit(X)
    assert adjusted_rand_score(np.tile(arms, 120), dec.initial_labels_) > 0.99
    assert adjusted_rand_score(dec.initial_labels_, dec.labels_) > 0.97
    np.testing.assert_array_equal(dec.labels_, dec.predict(X))
