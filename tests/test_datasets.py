"""Built-in data sets: where they are searched for, what is read, and the errors without them."""

import gzip
import struct

import keras
import numpy as np
import pytest
from sklearn import datasets as sklearn_datasets

from skdec.datasets import FASHION_FILES, load_digits, load_fashion_mnist, load_images, load_mnist


@pytest.fixture
def images():
    """Five training and three test images in the layout of Keras, of random bytes with a seed."""
    rng = np.random.default_rng(0)
    return {
        "x_train": rng.integers(0, 256, (5, 28, 28), dtype=np.uint8),
        "y_train": np.array([3, 1, 4, 1, 5], dtype=np.uint8),
        "x_test": rng.integers(0, 256, (3, 28, 28), dtype=np.uint8),
        "y_test": np.array([9, 2, 6], dtype=np.uint8),
    }


@pytest.fixture
def directories(tmp_path, monkeypatch):
    """An empty SKDEC_DATA_HOME and an empty cache of Keras; downloads fail."""
    own, cache = tmp_path / "own", tmp_path / "keras" / "datasets"
    own.mkdir()
    cache.mkdir(parents=True)
    monkeypatch.setenv("SKDEC_DATA_HOME", str(own))
    monkeypatch.setenv("KERAS_HOME", str(cache.parent))

    def fail():
        raise Exception("URL fetch failure on https://example.org")

    for data in (keras.datasets.mnist, keras.datasets.fashion_mnist):
        monkeypatch.setattr(data, "load_data", fail)
    return own, cache


def assert_is_concatenated(loaded, images):
    X, y = loaded
    pixels = np.concatenate([images["x_train"], images["x_test"]]).reshape(8, 784)
    assert X.dtype == np.float32
    assert y.dtype == np.int64
    np.testing.assert_allclose(X, pixels / 255.0, rtol=1e-6)
    assert y.tolist() == [3, 1, 4, 1, 5, 9, 2, 6]


def write_idx(path, values):
    header = struct.pack(f">4B{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
    path.write_bytes(gzip.compress(header + values.tobytes()))


def write_original_files(directory, images):
    directory.mkdir()
    for name, key in zip(FASHION_FILES, ("x_train", "y_train", "x_test", "y_test"), strict=True):
        write_idx(directory / name, images[key])


def test_digits_are_those_of_scikit_learn_scaled_to_one():
    X, y = load_digits()
    reference = sklearn_datasets.load_digits()
    assert X.dtype == np.float32
    np.testing.assert_array_equal(X * 16, reference.data)
    np.testing.assert_array_equal(y, reference.target)


BOTH = pytest.mark.parametrize(
    ("load", "name"), [(load_mnist, "mnist.npz"), (load_fashion_mnist, "fashion_mnist.npz")]
)


@BOTH
def test_the_users_directory_precedes_the_cache_of_keras(load, name, directories, images):
    own, cache = directories
    np.savez(cache / name, **{key: values * 0 for key, values in images.items()})
    assert load()[0].max() == 0
    np.savez(own / name, **images)
    assert_is_concatenated(load(), images)


@pytest.mark.parametrize("position", [0, 1])
def test_the_original_files_of_fashion_mnist_are_read(position, directories, images):
    write_original_files(directories[position] / "fashion-mnist", images)
    assert_is_concatenated(load_fashion_mnist(), images)


@BOTH
def test_without_a_network_the_error_names_the_file_and_the_directory(load, name, directories):
    with pytest.raises(FileNotFoundError, match=f"{name} is not on this machine") as raised:
        load()
    assert str(directories[0]) in str(raised.value)
    assert "SKDEC_DATA_HOME" in str(raised.value)
    assert "\n" not in str(raised.value)


@BOTH
def test_downloaded_data_are_concatenated(load, name, directories, images, monkeypatch):
    parts = (images["x_train"], images["y_train"]), (images["x_test"], images["y_test"])
    data = getattr(keras.datasets, name.removesuffix(".npz"))
    monkeypatch.setattr(data, "load_data", lambda: parts)
    assert_is_concatenated(load(), images)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not an .npz file"),
        (b"PK\x03\x04 not a zip file", "is not an .npz file"),
        ({"x_train": np.zeros((2, 2))}, "has no array 'y_train'; the layout of Keras"),
        ({"x_train": np.array([{}, {}], dtype=object)}, "holds pickled objects"),
        ({"y_test": np.zeros(4)}, r"labels of shape \(4,\) do not match"),
    ],
    ids=["empty", "truncated", "other arrays", "pickled", "labels"],
)
def test_a_damaged_archive_raises(content, message, directories, images):
    path = directories[0] / "mnist.npz"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.savez(path, **(images if "y_test" in content else {}) | content)
    with pytest.raises(ValueError, match=message) as raised:
        load_mnist()
    assert str(path) in str(raised.value)


def test_damaged_original_files_raise(directories, images):
    directory = directories[1] / "fashion-mnist"
    write_original_files(directory, images)
    path = directory / FASHION_FILES[0]
    content = path.read_bytes()
    path.write_bytes(content[:200])
    with pytest.raises(ValueError, match="is damaged"):
        load_fashion_mnist()
    for position in range(20, 40):  # some of these bytes are found by zlib itself
        path.write_bytes(content[:position] + b"\xff" + content[position + 1 :])
        with pytest.raises(ValueError, match="is damaged"):
            load_fashion_mnist()
    path.write_bytes(gzip.compress(gzip.decompress(content)[:-1]))
    with pytest.raises(ValueError, match="is damaged"):
        load_fashion_mnist()
    path.unlink()
    with pytest.raises(FileNotFoundError, match=FASHION_FILES[0]):
        load_fashion_mnist()


def test_a_folder_without_images_is_refused(tmp_path):
    for name in ("notes.txt", "broken.png"):
        (tmp_path / name).write_text("no image")
        with pytest.raises(ValueError, match="has no image that can be read"):
            load_images(tmp_path)


def test_each_file_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    pillow = pytest.importorskip("PIL.Image", reason="Pillow is in the extra plot")
    monkeypatch.setattr("skdec.datasets._IMAGES_PER_CHUNK", 2)
    for i in range(6):
        pillow.new("L", (2, 2)).save(tmp_path / f"{i}.png")
    for name in ("1.png", "4.png"):
        (tmp_path / name).write_text("no image")
    with pytest.warns(UserWarning, match="left out") as caught:
        assert len(load_images(tmp_path)) == 4
    assert [str(one.message)[:5] for one in caught] == ["1.png", "4.png"]


def test_images_of_16_bits_and_transparent_ones_are_gray(tmp_path):
    pillow = pytest.importorskip("PIL.Image", reason="Pillow is in the extra plot")
    deep = np.array([[0, 13107], [26214, 65535]], dtype=np.uint16)
    pillow.fromarray(deep).save(tmp_path / "0.png")
    clear = np.zeros((2, 2, 4), dtype=np.uint8)  # black, but three pixels are not seen
    clear[0, 0, 3] = 255
    pillow.fromarray(clear).save(tmp_path / "1.png")
    X = load_images(tmp_path, shape=(2, 2))
    np.testing.assert_allclose(X, [[0, 0.2, 0.4, 1], [0, 1, 1, 1]], atol=1e-6)
