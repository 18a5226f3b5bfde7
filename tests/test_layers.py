"""The layers on their own, as used with Keras."""

import keras
import numpy as np
import pytest

from skdec.layers import ClusteringLayer, RandomAffine, soft_assignment
from skdec.networks import build_autoencoder

CENTERS = np.array([[0.0, 1.0], [2.0, -1.0], [-3.0, 0.5]])
Z = np.random.default_rng(0).normal(size=(20, 2)) * 2


def build_model(alpha, centers=CENTERS):
    layer = ClusteringLayer(3, alpha=alpha, name="clustering")
    affine = RandomAffine((1, 2), 0.1, 0.2, 0.3, 0.4, name="affine")  # in training alone
    model = keras.Sequential([keras.Input((2,)), affine, layer])
    layer.set_weights([centers])
    return model


@pytest.mark.parametrize("alpha", [0.5, 1.0, 4.0])
def test_output_is_student_t(alpha):
    """The formula itself is compared with NumPy in `tests/dec/test_math.py`."""
    expected = soft_assignment(Z, CENTERS, alpha)
    np.testing.assert_allclose(build_model(alpha)(Z), expected, rtol=1e-4)


def test_copies_have_the_same_config_and_load_in_safe_mode(tmp_path):
    model = build_model(3.0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")  # safe_mode is on by default
    clone = keras.models.clone_model(model)
    clone.set_weights([CENTERS])
    assert model.output_shape == (None, 3)
    layer = model.get_layer("clustering")
    assert layer.trainable_weights == [layer.centers]
    for copied in (again, clone):
        assert copied.get_layer("clustering").get_config() == layer.get_config()
        affine = copied.get_layer("affine")
        assert affine.get_config() == model.get_layer("affine").get_config()
        np.testing.assert_array_equal(copied(Z), model(Z))
    with pytest.raises(ValueError, match="ndim=2"):
        ClusteringLayer(2)(np.zeros((2, 3, 4)))
    with pytest.raises(ValueError, match=r"axis -1 .* have value 12"):
        RandomAffine((3, 4))(np.zeros((2, 13)))


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
    ("layer", "arguments", "message"),
    [
        (ClusteringLayer, (0,), r"n_clusters must be an integer of at least 1; got 0"),
        (ClusteringLayer, (2.0,), r"n_clusters must be an integer of at least 1; got 2\.0"),
        (ClusteringLayer, (2, 0.0), r"a finite number above 0; got 0\.0"),
        (ClusteringLayer, (2, float("nan")), r"a finite number above 0; got nan"),
        (RandomAffine, (28,), r"image_shape must be \(height, width\).* got 28"),
        (RandomAffine, ((28, 2.5),), "image_shape must be"),
        (RandomAffine, ((2, 2), -0.1), "rotation must be from 0 to below 7; got -0.1"),
        (RandomAffine, ((2, 2), 0, 0, 1.0), "zoom must be from 0 to below 1; got 1.0"),
        (RandomAffine, ((2, 2), 0, 0, 0, float("nan")), "shift must be .* got nan"),
    ],
)
def test_invalid_arguments_raise(layer, arguments, message):
    with pytest.raises(ValueError, match=message):
        layer(*arguments)


# ---- random affine maps


IMAGE_SHAPE = (11, 9, 2)
IMAGES = np.random.default_rng(2).normal(size=(40, *IMAGE_SHAPE)).astype(np.float32)
STILL = {"rotation": 0, "shear": 0, "zoom": 0, "shift": 0}


def move(images, **changes):
    layer = RandomAffine(images.shape[1:], **STILL | changes)
    moved = np.asarray(layer(images.reshape(len(images), -1), training=True))
    return moved.reshape(images.shape)


def measure_centers(images):
    """Center of mass (n, 2) as row and column."""
    rows, columns = np.indices(images.shape[1:3])
    mass = images.sum(axis=-1)
    return np.stack([(mass * axis).sum(axis=(1, 2)) for axis in (rows, columns)], 1) / mass.sum(
        axis=(1, 2)
    ).reshape(-1, 1)


def make_dots(row, column, size=41, n_images=300):
    """Images (size, size, 1) of one dot with soft edges."""
    rows, columns = np.indices((size, size))
    dot = np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / 8)
    return np.broadcast_to(dot[None, ..., None], (n_images, size, size, 1)).astype(np.float32)


def test_without_changes_and_without_training_images_stay():
    np.testing.assert_allclose(move(IMAGES), IMAGES, atol=1e-5)
    rows = IMAGES.reshape(40, -1)
    np.testing.assert_array_equal(RandomAffine(IMAGE_SHAPE)(rows), rows)


def test_shifts_are_fractions_of_height_and_width():
    moves = measure_centers(move(make_dots(20, 20), shift=0.1)) - 20
    assert np.abs(moves).max() <= 4.1 + 0.1
    np.testing.assert_allclose(moves.std(axis=0), 4.1 / np.sqrt(3), rtol=0.1)


@pytest.mark.parametrize(("change", "largest"), [("rotation", 0.5), ("shear", 0.3), ("zoom", 0.2)])
def test_dots_move_as_their_map_says(change, largest):
    """A dot ten pixels above the center, and one ten to its right."""
    above = measure_centers(move(make_dots(10, 20), **{change: largest})) - 20
    right = measure_centers(move(make_dots(20, 30), **{change: largest})) - 20
    if change == "rotation":
        angles = np.arctan2(above[:, 1], -above[:, 0])
        np.testing.assert_allclose(np.hypot(*above.T), 10, atol=0.1)
        assert np.abs(angles).max() < largest + 0.01
        np.testing.assert_allclose(angles.std(), largest / np.sqrt(3), rtol=0.1)
    elif change == "shear":
        np.testing.assert_allclose(above[:, 0], -10, atol=0.1)
        np.testing.assert_allclose(above[:, 1].std(), 10 * largest / np.sqrt(3), rtol=0.1)
        np.testing.assert_allclose(right, np.tile([0, 10], (300, 1)), atol=0.1)
    else:
        factors = np.stack([-10 / above[:, 0], 10 / right[:, 1]])
        assert factors.min() > 1 - largest - 0.02
        assert factors.max() < 1 + largest + 0.02
        np.testing.assert_allclose(factors.std(axis=1), largest / np.sqrt(3), rtol=0.1)


def test_outside_of_an_image_is_zero():
    moved = move(np.ones((100, 20, 20, 1), np.float32), shift=0.5)
    assert (moved == 0).any()
    assert moved.max() <= 1 + 1e-6
