"""ClusteringLayer on its own, as used with Keras."""

import keras
import numpy as np
import pytest

from skdec.layers import ClusteringLayer
from skdec.networks import build_autoencoder

CENTERS = np.array([[0.0, 1.0], [2.0, -1.0], [-3.0, 0.5]])
Z = np.random.default_rng(0).normal(size=(20, 2)) * 2


def student_t(z, centers, alpha):
    q = (1 + ((z[:, None] - centers[None]) ** 2).sum(axis=2) / alpha) ** (-(alpha + 1) / 2)
    return q / q.sum(axis=1, keepdims=True)


def build_model(alpha, centers=CENTERS):
    layer = ClusteringLayer(3, alpha=alpha, name="clustering")
    model = keras.Sequential([keras.Input((2,)), layer])
    layer.set_weights([centers])
    return model


@pytest.mark.parametrize("alpha", [0.5, 1.0, 4.0])
def test_output_is_student_t(alpha):
    q = np.asarray(build_model(alpha)(Z))
    np.testing.assert_allclose(q, student_t(Z, CENTERS, alpha), rtol=1e-4)


def test_centers_are_the_only_trainable_weight():
    layer = build_model(1.0).get_layer("clustering")
    (centers,) = layer.trainable_weights
    assert centers is layer.centers
    np.testing.assert_array_equal(centers.numpy(), CENTERS.astype(np.float32))


def test_shape_of_the_output():
    assert ClusteringLayer(7).compute_output_shape((None, 2)) == (None, 7)
    assert build_model(1.0).output_shape == (None, 3)


def test_config_keeps_every_argument():
    layer = ClusteringLayer(3, alpha=2.5, name="mine", dtype="float32")
    again = ClusteringLayer.from_config(layer.get_config())
    assert (again.n_clusters, again.alpha, again.name) == (3, 2.5, "mine")
    assert again.get_config() == layer.get_config()


def test_keras_file_loads_in_safe_mode(tmp_path):
    model = build_model(3.0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")  # safe_mode is on by default
    assert again.get_layer("clustering").alpha == 3.0
    np.testing.assert_array_equal(again(Z), model(Z))


def test_clone_keeps_alpha():
    clone = keras.models.clone_model(build_model(3.0))
    clone.set_weights([CENTERS])
    np.testing.assert_allclose(clone(Z), student_t(Z, CENTERS, 3.0), rtol=1e-4)


def test_training_by_hand_lowers_the_loss():
    """As in tutorials: encoder, layer, compile, train_on_batch with the targets of all samples."""
    X = np.random.default_rng(1).normal(size=(60, 5)).astype(np.float32)
    encoder = build_autoencoder(5, (8, 2), seed=0).encoder
    clustering = ClusteringLayer(3)
    model = keras.Model(encoder.input, clustering(encoder.output))
    clustering.set_weights([np.asarray(encoder(X))[:3]])
    model.compile(keras.optimizers.SGD(0.01, 0.9), "kld")
    q = np.asarray(model(X))
    p = q**2 / q.sum(axis=0)
    p /= p.sum(axis=1, keepdims=True)
    losses = [float(model.train_on_batch(X, p)) for _ in range(30)]
    assert np.isfinite(losses).all()
    kld = float(np.mean(np.sum(p * np.log(p / np.asarray(model(X))), axis=1)))
    assert kld < float(np.mean(np.sum(p * np.log(p / q), axis=1)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_clusters": 0}, r"n_clusters must be at least 1; got 0"),
        ({"n_clusters": 2, "alpha": 0.0}, r"alpha must be above 0; got 0\.0"),
        ({"n_clusters": 2, "alpha": -1.0}, r"alpha must be above 0; got -1\.0"),
        ({"n_clusters": 2, "alpha": float("nan")}, r"alpha must be above 0; got nan"),
    ],
)
def test_invalid_arguments_raise(arguments, message):
    with pytest.raises(ValueError, match=message):
        ClusteringLayer(**arguments)


def test_input_of_another_rank_raises():
    with pytest.raises(ValueError, match="ndim=2"):
        ClusteringLayer(2)(np.zeros((2, 3, 4)))
