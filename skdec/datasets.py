"""Public data sets with labels: from the disk where they are there, else downloaded with Keras."""

from __future__ import annotations

import gzip
import os
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits as load_sklearn_digits

__all__ = ["load_digits", "load_fashion_mnist", "load_mnist"]

Labelled = tuple[np.ndarray, np.ndarray]

KERAS_KEYS = ("x_train", "y_train", "x_test", "y_test")

# The names under which Keras caches Fashion-MNIST, in the order of KERAS_KEYS.
FASHION_FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)


def load_digits() -> Labelled:
    """
    The 1,797 handwritten digits of 8 x 8 pixels that ship with scikit-learn.

    Needs no network.

    Returns
    -------
    X : ndarray of shape (1797, 64), float32
        Grey values from 0 to 1.
    y : ndarray of shape (1797,), int64
        Digits from 0 to 9.

    See Also
    --------
    load_mnist : Seventy thousand digits of 28 x 28 pixels.

    Examples
    --------
    >>> from skdec.datasets import load_digits
    >>> X, y = load_digits()
    >>> X.shape, X.dtype, float(X.max())
    ((1797, 64), dtype('float32'), 1.0)
    """
    X, y = load_sklearn_digits(return_X_y=True)
    return (X / 16).astype(np.float32), y.astype(np.int64)


def load_mnist() -> Labelled:
    """
    The 70,000 handwritten digits of MNIST, 60,000 of training first.

    Looked for as ``mnist.npz`` in the folder named by the environment variable
    ``SKDEC_DATA_HOME``, then in Keras' cache (``~/.keras/datasets``), then downloaded with Keras.

    Returns
    -------
    X : ndarray of shape (70000, 784), float32
        Grey values from 0 to 1, one image of 28 x 28 pixels per row.
    y : ndarray of shape (70000,), int64
        Digits from 0 to 9.

    Raises
    ------
    FileNotFoundError
        If the data are not on the disk and cannot be downloaded; says where to put the file.
    ValueError
        If the file is there but does not have the layout of Keras.

    See Also
    --------
    load_fashion_mnist : The same shapes, clothes in place of digits.

    Examples
    --------
    >>> from skdec.datasets import load_mnist
    >>> X, y = load_mnist()  # doctest: +SKIP
    >>> X.shape  # doctest: +SKIP
    (70000, 784)
    """
    stored = _first_existing("mnist.npz")
    if stored is not None:
        return keras_archive(stored)
    return _downloaded("mnist", "mnist.npz")


def load_fashion_mnist() -> Labelled:
    """
    The 70,000 articles of clothing of Fashion-MNIST, 60,000 of training first.

    Looked for in the folder named by the environment variable ``SKDEC_DATA_HOME``, then in
    Keras' cache (``~/.keras/datasets``), then downloaded with Keras. In both folders it may be
    one file ``fashion_mnist.npz`` in the layout of Keras' MNIST, or the four original ``.gz``
    files in a folder ``fashion-mnist``.

    Returns
    -------
    X : ndarray of shape (70000, 784), float32
        Grey values from 0 to 1, one image of 28 x 28 pixels per row.
    y : ndarray of shape (70000,), int64
        Kinds of clothes from 0 to 9.

    Raises
    ------
    FileNotFoundError
        If the data are not on the disk and cannot be downloaded; says where to put the file.
    ValueError
        If a file is there but does not have the layout of Keras or of the original.

    See Also
    --------
    load_mnist : The same shapes, digits in place of clothes.

    Examples
    --------
    >>> from skdec.datasets import load_fashion_mnist
    >>> X, y = load_fashion_mnist()  # doctest: +SKIP
    >>> X.shape  # doctest: +SKIP
    (70000, 784)
    """
    stored = _first_existing("fashion_mnist.npz")
    if stored is not None:
        return keras_archive(stored)
    last_file = _first_existing(f"fashion-mnist/{FASHION_FILES[-1]}")
    if last_file is not None:
        return _original_files(last_file.parent)
    return _downloaded("fashion_mnist", "fashion_mnist.npz")


def keras_archive(path: Path) -> Labelled:
    """
    Images and labels from an ``.npz`` file in the layout of Keras' ``mnist.npz``.

    Parameters
    ----------
    path : Path
        A file with the arrays ``x_train``, ``y_train``, ``x_test`` and ``y_test``.

    Returns
    -------
    X : ndarray of shape (n_samples, n_pixels), float32
        Training rows, then test rows, flattened; bytes become numbers from 0 to 1.
    y : ndarray of shape (n_samples,)
        Labels.

    Raises
    ------
    ValueError
        If the file is damaged, pickled or does not have these arrays.

    Examples
    --------
    >>> from pathlib import Path
    >>> from skdec.datasets import keras_archive
    >>> X, y = keras_archive(Path("mnist.npz"))  # doctest: +SKIP
    """
    arrays = npz_arrays(path)
    missing = [key for key in KERAS_KEYS if key not in arrays]
    if missing:
        raise ValueError(
            f"{path} has no array {missing[0]!r}; the layout of Keras' mnist.npz is needed: "
            f"{', '.join(KERAS_KEYS)}."
        )
    return _joined([arrays[key] for key in KERAS_KEYS], path)


def npz_arrays(path: Path) -> Mapping[str, np.ndarray]:
    """
    The arrays of an ``.npz`` file; nothing is ever unpickled.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    mapping of str to ndarray
        The arrays by name, all read.

    Raises
    ------
    ValueError
        If the file is damaged or holds pickled objects.

    Examples
    --------
    >>> from pathlib import Path
    >>> from skdec.datasets import npz_arrays
    >>> sorted(npz_arrays(Path("mnist.npz")))  # doctest: +SKIP
    ['x_test', 'x_train', 'y_test', 'y_train']
    """
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path} is not an .npz file; write it anew with numpy.savez.")
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files}
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(
            f"{path} is damaged or holds pickled objects; write plain arrays with numpy.savez."
        ) from error


def _first_existing(name: str) -> Path | None:
    return next((folder / name for folder in _folders() if (folder / name).is_file()), None)


def _folders() -> list[Path]:
    """Where data sets are looked for, the user's own folder first."""
    own = os.environ.get("SKDEC_DATA_HOME")
    keras_home = os.environ.get("KERAS_HOME") or "~/.keras"
    folders = [Path(own)] if own else []
    return [folder.expanduser() for folder in [*folders, Path(keras_home, "datasets")]]


def _original_files(folder: Path) -> Labelled:
    """Fashion-MNIST from its four compressed files, as Keras keeps them."""
    for name in FASHION_FILES:
        if not (folder / name).is_file():
            raise FileNotFoundError(
                f"{folder} has only a part of Fashion-MNIST: {name} is missing. Put it there, or "
                "remove the folder to download it anew."
            )
    return _joined([_idx_array(folder / name) for name in FASHION_FILES], folder)


def _idx_array(path: Path) -> np.ndarray:
    """An array of bytes in the IDX format: two zeros, type 8, rank, big-endian sizes, values."""
    try:
        with gzip.open(path) as file:
            content = file.read()
    except (OSError, EOFError) as error:
        raise ValueError(f"{path} is damaged ({error}); download it anew.") from error
    rank = content[3] if content[:3] == b"\x00\x00\x08" else 0
    shape = np.frombuffer(content, ">u4", count=rank, offset=4) if rank else np.zeros(0)
    if rank == 0 or len(content) != 4 + 4 * rank + shape.prod(dtype=np.int64):
        raise ValueError(f"{path} is not a whole file of bytes in the IDX format.")
    return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape.astype(int))


def _joined(parts: list[np.ndarray], source: Path) -> Labelled:
    """Training rows, then test rows, from the four arrays in the order of KERAS_KEYS."""
    x_train, y_train, x_test, y_test = parts
    for images, labels in ((x_train, y_train), (x_test, y_test)):
        if images.ndim < 2 or labels.shape != images.shape[:1]:
            raise ValueError(
                f"{source}: images of shape {images.shape} and labels of shape {labels.shape} "
                "do not belong together."
            )
    X = np.concatenate([_flat_images(x_train), _flat_images(x_test)])
    y = np.concatenate([y_train, y_test])
    return X, y.astype(np.int64) if y.dtype.kind in "iu" else y


def _flat_images(images: np.ndarray) -> np.ndarray:
    """One image per row; bytes become numbers from 0 to 1, other numbers stay as they are."""
    rows = images.reshape(len(images), -1)
    if rows.dtype == np.uint8:
        return np.divide(rows, 255, dtype=np.float32)
    return rows.astype(np.float32, copy=False)


def _downloaded(name: str, file_name: str) -> Labelled:
    download = _keras_loader(name)
    try:
        (x_train, y_train), (x_test, y_test) = download()
    except Exception as error:  # Keras raises a bare Exception where the network fails.
        raise FileNotFoundError(
            f"{file_name} is not on this machine and could not be downloaded ({error}). Put it, "
            f"in the layout of Keras' mnist.npz, into {_folders()[0]}, or set SKDEC_DATA_HOME to "
            "the folder that has it."
        ) from error
    return _joined([x_train, y_train, x_test, y_test], Path(file_name))


def _keras_loader(name: str) -> Callable[[], tuple[Labelled, Labelled]]:
    # Imported here because Keras takes seconds and most calls find the data on the disk.
    import keras

    loader: Callable[[], tuple[Labelled, Labelled]] = getattr(keras.datasets, name).load_data
    return loader
