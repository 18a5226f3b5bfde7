"""Public data sets with labels, and images as samples."""

import gzip
import os
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from skdec._utils.process import warn_user

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["flatten_images", "load_digits", "load_fashion_mnist", "load_images", "load_mnist"]

# Of images; a folder may have other files as well.
_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm")
_MAX_SIDE = 64  # of images of a folder, unless their shape is given
_IMAGES_PER_CHUNK = 1024
_N_IMAGES_LOOKED_AT = 50
_COLORS = ("red", "green", "blue")
_PIXEL = re.compile(rf"pixel_(\d+)_(\d+)(?:_({'|'.join(_COLORS)}))?")

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
    return _download("mnist")


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
        directory = last_file.parent
        return _concatenate([_read_idx(directory / name) for name in FASHION_FILES], directory)
    return _download("fashion_mnist")


def flatten_images(images: Any) -> np.ndarray:
    """Return images as samples: one row per image, one feature per pixel and color.

    Parameters
    ----------
    images : array-like of shape (n, height, width) or (n, height, width, n_colors)
        The images.

    Returns
    -------
    ndarray of shape (n, height * width * n_colors), float32
        Unsigned integers are divided by the largest number of their type, so that they are from 0
        to 1; other numbers are kept.

    Raises
    ------
    ValueError
        If the array has another number of dimensions.

    Examples
    --------
    >>> import numpy as np
    >>> from skdec.datasets import flatten_images
    >>> flatten_images(np.full((5, 28, 28, 3), 255, dtype=np.uint8)).shape
    (5, 2352)
    """
    images = np.asarray(images)
    if images.ndim not in (3, 4):
        raise ValueError(
            "images must have the shape (n, height, width) or (n, height, width, n_colors); got "
            f"{images.shape}."
        )
    return _flatten(images)


def load_images(
    folder: str | os.PathLike[str], shape: Sequence[int] | None = None
) -> "pd.DataFrame":
    """Load the images of a folder, and of those in it, as samples of one shape.

    Parameters
    ----------
    folder : str or path-like
        The folder. Files that are no images that can be read are left out, with a warning.
    shape : (height, width) or (height, width, 3), default=None
        The shape that all images are resized to, in gray or color. By default that of most images,
        at most 64 pixels high and wide, in color if any image has color.

    Returns
    -------
    DataFrame of shape (n, height * width * n_colors), float32
        Values from 0 to 1. The index has the names of the files, relative to the folder; the names
        of the columns tell the pixels.

    Raises
    ------
    ImportError
        If Pillow is not installed.
    ValueError
        If the folder has no image that can be read.

    Examples
    --------
    >>> from skdec.datasets import load_images
    >>> X = load_images("photographs", shape=(32, 32))  # doctest: +SKIP
    """
    import pandas as pd

    chunks = list(iterate_images(Path(folder), shape))
    notes = [note for *_, said in chunks for note in said]
    for note in notes[1:]:  # the first says what the shape is
        warn_user(note)
    return pd.concat([X.set_axis(names) for X, names, _ in chunks])


def iterate_images(
    folder: Path, shape: Sequence[int] | None = None
) -> Iterator[tuple["pd.DataFrame", list[str], tuple[str, ...]]]:
    """Iterate over the images of a folder in chunks: pixels, names of files, and what was done."""
    import pandas as pd

    files = find_images(folder)
    shape = tuple(shape or _choose_image_shape(files))
    colors = [f"_{color}" for color in _COLORS] if len(shape) == 3 else [""]
    names = [f"pixel_{y}_{x}{c}" for y in range(shape[0]) for x in range(shape[1]) for c in colors]
    kind = "color" if len(shape) == 3 else "gray"
    notes = [f"images are resized to {shape[0]} x {shape[1]} pixels, {kind}"]
    n_read = 0
    for start in range(0, len(files), _IMAGES_PER_CHUNK):
        read: dict[str, np.ndarray] = {}
        for path in files[start : start + _IMAGES_PER_CHUNK]:
            name = path.relative_to(folder).as_posix()
            try:
                read[name] = _read_image(path, shape)
            except (OSError, ValueError, SyntaxError) as error:
                notes.append(f"{name} is no image that can be read, and left out ({error})")
        if read:
            n_read += len(read)
            X = flatten_images(np.stack(list(read.values())))
            yield pd.DataFrame(X, columns=names), list(read), tuple(notes)
            notes = []
    if not n_read:
        raise ValueError(f"{folder} has no image that can be read.")


def find_images(folder: Path) -> list[Path]:
    """Return the files that may be images, in the order of their names."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in _SUFFIXES and not path.name.startswith(".")
    )


def find_image_shape(names: Any) -> tuple[int, ...] | None:
    """Return the shape of images by the names of their features, or None for other features."""
    names = [] if names is None else list(names)
    last = _PIXEL.fullmatch(str(names[-1])) if names else None
    if last is None:
        return None
    shape = (int(last[1]) + 1, int(last[2]) + 1, *([len(_COLORS)] if last[3] else []))
    return shape if int(np.prod(shape)) == len(names) else None


def _choose_image_shape(files: Sequence[Path]) -> tuple[int, ...]:
    """Return the size of most images, made smaller, and whether any of them has color."""
    sizes: Counter[tuple[int, int]] = Counter()
    has_color = False
    for i, path in enumerate(files):
        try:
            with _import_pillow().open(path) as image:
                sizes[image.height, image.width] += 1
                if i < _N_IMAGES_LOOKED_AT and not has_color:
                    pixels = np.asarray(image.convert("RGB"))
                    has_color = bool((pixels != pixels[..., :1]).any())
        except (OSError, ValueError, SyntaxError):
            continue  # named when it is read
    height, width = sizes.most_common(1)[0][0] if sizes else (1, 1)
    factor = min(1.0, _MAX_SIDE / max(height, width))
    shape = (max(1, round(height * factor)), max(1, round(width * factor)))
    return (*shape, len(_COLORS)) if has_color else shape


def _read_image(path: Path, shape: Sequence[int]) -> np.ndarray:
    """Return the pixels of an image of this shape, as bytes; what is transparent is white."""
    pillow = _import_pillow()
    with pillow.open(path) as image:
        if image.mode.startswith(("I", "F")):  # of 16 bits
            values = np.asarray(image, dtype=np.float64)
            image = pillow.fromarray((values / max(values.max(), 1) * 255).astype(np.uint8))
        if image.has_transparency_data:
            image = image.convert("RGBA")
            image = pillow.alpha_composite(pillow.new("RGBA", image.size, "white"), image)
        image = image.convert("RGB" if len(shape) == 3 else "L")
        size = (shape[1], shape[0])
        return np.asarray(image.resize(size, pillow.Resampling.BILINEAR, reducing_gap=3.0))


def _import_pillow() -> Any:
    try:
        import PIL.Image
    except ImportError as error:
        raise ImportError(
            "Reading images needs Pillow: run pip install '.[plot]' in a clone of skdec."
        ) from error
    return PIL.Image


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


def _read_idx(path: Path) -> np.ndarray:
    """Read bytes in the IDX format: two zeros, type 8, rank, big-endian sizes, values."""
    try:
        with gzip.open(path) as file:
            content = file.read()
        shape = np.frombuffer(content, ">u4", count=content[3], offset=4).astype(int)
        return np.frombuffer(content, np.uint8, offset=4 + shape.size * 4).reshape(shape)
    except FileNotFoundError:
        raise
    except (OSError, EOFError, IndexError, ValueError, zlib.error) as error:
        raise ValueError(f"{path} is damaged ({error}); download it again.") from error


def _concatenate(parts: list[np.ndarray], source: Path) -> LabeledData:
    """Concatenate training and test samples, given the four arrays in the order of KERAS_KEYS."""
    x_train, y_train, x_test, y_test = parts
    for images, labels in ((x_train, y_train), (x_test, y_test)):
        if images.ndim < 2 or labels.shape != images.shape[:1]:
            raise ValueError(
                f"{source}: images of shape {images.shape} and labels of shape {labels.shape} "
                "do not match."
            )
    X = np.concatenate([_flatten(x_train), _flatten(x_test)])
    y = np.concatenate([y_train, y_test])
    return X, y.astype(np.int64) if y.dtype.kind in "iu" else y


def _flatten(images: np.ndarray) -> np.ndarray:
    """Flatten each image; unsigned integers are scaled to numbers from 0 to 1."""
    X = images.reshape(len(images), -1)
    if X.dtype.kind == "u":
        return np.divide(X, np.iinfo(X.dtype).max, dtype=np.float32)
    return X.astype(np.float32, copy=False)


def _download(name: str) -> LabeledData:
    # Imported here because importing Keras takes seconds and most calls find the data on disk.
    import keras

    try:
        (x_train, y_train), (x_test, y_test) = getattr(keras.datasets, name).load_data()
    except Exception as error:  # Keras raises a bare Exception where the network fails.
        raise FileNotFoundError(
            f"{name}.npz is not on this machine and could not be downloaded ({error}). Put it, "
            f"in the layout of Keras' mnist.npz, into {_list_directories()[0]}, or set "
            "SKDEC_DATA_HOME to the directory that has it."
        ) from error
    return _concatenate([x_train, y_train, x_test, y_test], Path(f"{name}.npz"))
