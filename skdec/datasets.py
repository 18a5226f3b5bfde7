"""Public data sets with labels, read from disk or else downloaded with Keras."""

import gzip
import os
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

__all__ = ["load_digits", "load_fashion_mnist", "load_mnist"]

LabeledData = tuple[np.ndarray, np.ndarray]

KERAS_KEYS = ("x_train", "y_train", "x_test", "y_test")

# The names under which Keras caches Fashion-MNIST, in the order of KERAS_KEYS.
FASHION_FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)


def load_digits() -> LabeledData:
    """Load the 1,797 handwritten digits of 8 x 8 pixels that come with scikit-learn.

    No download is needed.

    Returns
    -------
    X : ndarray of shape (1797, 64), float32
        Gray values from 0 to 1.
    y : ndarray of shape (1797,), int64
        Digits from 0 to 9.

    See Also
    --------
    load_mnist : The 70,000 digits of 28 x 28 pixels of MNIST.

    Examples
    --------
    >>> from skdec.datasets import load_digits
    >>> X, y = load_digits()
    >>> X.shape, X.dtype, float(X.max())
    ((1797, 64), dtype('float32'), 1.0)
    """
    # Imported here to keep `skdec --help` fast: importing scikit-learn takes a second.
    from sklearn.datasets import load_digits as load_sklearn_digits

    X, y = load_sklearn_digits(return_X_y=True)
    return (X / 16).astype(np.float32), y.astype(np.int64)


def load_mnist() -> LabeledData:
    """Load the 70,000 handwritten digits of MNIST, the 60,000 training samples first.

    The file ``mnist.npz`` is searched for in the directory named by the environment variable
    ``SKDEC_DATA_HOME``, then in Keras' cache (``~/.keras/datasets``), and otherwise downloaded
    with Keras.

    Returns
    -------
    X : ndarray of shape (70000, 784), float32
        Gray values from 0 to 1, one image of 28 x 28 pixels per sample.
    y : ndarray of shape (70000,), int64
        Digits from 0 to 9.

    Raises
    ------
    FileNotFoundError
        If the data are not on disk and cannot be downloaded; the message says where to put the
        file.
    ValueError
        If the file exists but does not have Keras' layout.

    See Also
    --------
    load_fashion_mnist : The same shapes, clothing instead of digits.

    Examples
    --------
    >>> from skdec.datasets import load_mnist
    >>> X, y = load_mnist()  # doctest: +SKIP
    >>> X.shape  # doctest: +SKIP
    (70000, 784)
    """
    stored = _find_file("mnist.npz")
    if stored is not None:
        return load_keras_archive(stored)
    return _download("mnist", "mnist.npz")


def load_fashion_mnist() -> LabeledData:
    """Load the 70,000 articles of clothing of Fashion-MNIST, the 60,000 training samples first.

    The data are searched for in the directory named by the environment variable
    ``SKDEC_DATA_HOME``, then in Keras' cache (``~/.keras/datasets``), and otherwise downloaded
    with Keras. In both directories they may be one file ``fashion_mnist.npz`` in the layout of
    Keras' MNIST, or the four original ``.gz`` files in a directory ``fashion-mnist``.

    Returns
    -------
    X : ndarray of shape (70000, 784), float32
        Gray values from 0 to 1, one image of 28 x 28 pixels per sample.
    y : ndarray of shape (70000,), int64
        Kinds of clothing from 0 to 9.

    Raises
    ------
    FileNotFoundError
        If the data are not on disk and cannot be downloaded; the message says where to put the
        file.
    ValueError
        If a file exists but has neither Keras' layout nor the original one.

    See Also
    --------
    load_mnist : The same shapes, digits instead of clothing.

    Examples
    --------
    >>> from skdec.datasets import load_fashion_mnist
    >>> X, y = load_fashion_mnist()  # doctest: +SKIP
    >>> X.shape  # doctest: +SKIP
    (70000, 784)
    """
    stored = _find_file("fashion_mnist.npz")
    if stored is not None:
        return load_keras_archive(stored)
    last_file = _find_file(f"fashion-mnist/{FASHION_FILES[-1]}")
    if last_file is not None:
        return _load_original_files(last_file.parent)
    return _download("fashion_mnist", "fashion_mnist.npz")


def load_keras_archive(path: Path) -> LabeledData:
    """Load images and labels from an ``.npz`` file in the layout of Keras' ``mnist.npz``.

    Parameters
    ----------
    path : Path
        The file, with the arrays ``x_train``, ``y_train``, ``x_test`` and ``y_test``.

    Returns
    -------
    X : ndarray of shape (n_samples, n_pixels), float32
        Flattened training images, then test images; bytes are scaled to numbers from 0 to 1.
    y : ndarray of shape (n_samples,)
        Labels.

    Raises
    ------
    ValueError
        If the file is damaged, holds pickled objects, or does not have these arrays.

    Examples
    --------
    >>> from pathlib import Path
    >>> from skdec.datasets import load_keras_archive
    >>> X, y = load_keras_archive(Path("mnist.npz"))  # doctest: +SKIP
    """
    arrays = read_npz(path)
    missing = [key for key in KERAS_KEYS if key not in arrays]
    if missing:
        raise ValueError(
            f"{path} has no array {missing[0]!r}; the layout of Keras' mnist.npz is needed: "
            f"{', '.join(KERAS_KEYS)}."
        )
    return _concatenate([arrays[key] for key in KERAS_KEYS], path)


def read_npz(path: Path) -> Mapping[str, np.ndarray]:
    """Read all arrays of an ``.npz`` file; nothing is ever unpickled.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    mapping of str to ndarray
        The arrays by name.

    Raises
    ------
    ValueError
        If the file is damaged or holds pickled objects.

    Examples
    --------
    >>> from pathlib import Path
    >>> from skdec.datasets import read_npz
    >>> sorted(read_npz(Path("mnist.npz")))  # doctest: +SKIP
    ['x_test', 'x_train', 'y_test', 'y_train']
    """
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path} is not an .npz file; write it again with numpy.savez.")
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files}
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(
            f"{path} is damaged or holds pickled objects; write plain arrays with numpy.savez."
        ) from error


def _find_file(name: str) -> Path | None:
    paths = [directory / name for directory in _list_directories()]
    return next((path for path in paths if path.is_file()), None)


def _list_directories() -> list[Path]:
    """List the directories to search for data sets, the user's own first."""
    data_home = os.environ.get("SKDEC_DATA_HOME")
    keras_home = os.environ.get("KERAS_HOME") or "~/.keras"
    directories = [Path(data_home)] if data_home else []
    return [path.expanduser() for path in [*directories, Path(keras_home, "datasets")]]


def _load_original_files(directory: Path) -> LabeledData:
    """Load Fashion-MNIST from its four compressed files, as Keras caches them."""
    for name in FASHION_FILES:
        if not (directory / name).is_file():
            raise FileNotFoundError(
                f"{directory} has only a part of Fashion-MNIST: {name} is missing. Put it there, "
                "or remove the directory to download it again."
            )
    return _concatenate([_read_idx(directory / name) for name in FASHION_FILES], directory)


def _read_idx(path: Path) -> np.ndarray:
    """Read bytes in the IDX format: two zeros, type 8, rank, big-endian sizes, values."""
    try:
        with gzip.open(path) as file:
            content = file.read()
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path} is damaged ({error}); download it again.") from error
    rank = content[3] if content[:3] == b"\x00\x00\x08" else 0
    shape = np.frombuffer(content, ">u4", count=rank, offset=4) if rank else np.zeros(0)
    if rank == 0 or len(content) != 4 + 4 * rank + shape.prod(dtype=np.int64):
        raise ValueError(f"{path} is not a complete file of bytes in the IDX format.")
    return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape.astype(int))


def _concatenate(parts: list[np.ndarray], source: Path) -> LabeledData:
    """Concatenate training and test samples, given the four arrays in the order of KERAS_KEYS."""
    x_train, y_train, x_test, y_test = parts
    for images, labels in ((x_train, y_train), (x_test, y_test)):
        if images.ndim < 2 or labels.shape != images.shape[:1]:
            raise ValueError(
                f"{source}: images of shape {images.shape} and labels of shape {labels.shape} "
                "do not match."
            )
    X = np.concatenate([_flatten_images(x_train), _flatten_images(x_test)])
    y = np.concatenate([y_train, y_test])
    return X, y.astype(np.int64) if y.dtype.kind in "iu" else y


def _flatten_images(images: np.ndarray) -> np.ndarray:
    """Flatten each image; bytes are scaled to numbers from 0 to 1, other numbers are kept."""
    X = images.reshape(len(images), -1)
    if X.dtype == np.uint8:
        return np.divide(X, 255, dtype=np.float32)
    return X.astype(np.float32, copy=False)


def _download(name: str, file_name: str) -> LabeledData:
    load_data = _get_keras_loader(name)
    try:
        (x_train, y_train), (x_test, y_test) = load_data()
    except Exception as error:  # Keras raises a bare Exception where the network fails.
        raise FileNotFoundError(
            f"{file_name} is not on this machine and could not be downloaded ({error}). Put it, "
            f"in the layout of Keras' mnist.npz, into {_list_directories()[0]}, or set "
            "SKDEC_DATA_HOME to the directory that has it."
        ) from error
    return _concatenate([x_train, y_train, x_test, y_test], Path(file_name))


def _get_keras_loader(name: str) -> Callable[[], tuple[LabeledData, LabeledData]]:
    # Imported here because importing Keras takes seconds and most calls find the data on disk.
    import keras

    loader: Callable[[], tuple[LabeledData, LabeledData]] = getattr(keras.datasets, name).load_data
    return loader
