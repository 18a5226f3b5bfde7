"""Samples of arrays, sparse matrices, data frames and memory maps, as float32 mini-batches.

Nothing here copies X whole: memory maps are read, and sparse matrices converted to dense arrays,
one batch at a time.
"""

import mmap
import re
from collections.abc import Callable, Iterator
from functools import partial
from hashlib import blake2b
from typing import Any

import numpy as np
from sklearn.utils import check_array

# Bytes of samples gathered for one call of the compiled training loop.
_CHUNK_BYTES = 2**24
_MAX_CHUNK_STEPS = 128
# Samples gathered at a time: each read from a memory map can bring in a megabyte around it.
_GATHER_SIZE = 64
# Farther from zero than so many times its range, a feature loses digits in float32.
_MAX_OFFSET = 64
# Systems without madvise read the same values, only with more pages in memory.
_HAS_MADVISE = hasattr(mmap, "MADV_DONTNEED")
_MAX_VALUE = 80  # characters of a value in a message


class DistinctSamples:
    """The distinct samples of a dense or sparse `X`, each with the summed weight of its copies.

    They are ordered by their contents, so a fit depends neither on the order of the samples nor
    on whether a sample is repeated or has a larger weight. Samples of weight zero are left out.
    `X` is indexed, never copied.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        Samples.
    sample_weight : ndarray of shape (n_samples,), default=None
        Their weights.

    Attributes
    ----------
    origin : ndarray of shape (n_features,), float64, or None
        What is subtracted from the samples before they become float32, which would not tell them
        apart otherwise; None where no feature is far from zero, and of a sparse `X`.
    sample_weight : ndarray of shape (n,), float32
        Weights of the distinct samples, with a mean of one.
    total_weight : float
        Sum of the weights as given; the number of samples without weights.
    mean_weight : float
        Mean of the weights as given over the distinct samples.
    shape : tuple of int
        Number of distinct samples, number of features.
    hashes : ndarray of shape (n,), bytes
        Hashes of the distinct samples, in ascending order.
    digest : str
        Equal for equal samples with equal weights.
    """

    def __init__(self, X: Any, sample_weight: np.ndarray | None = None) -> None:
        self._X = X
        indices = np.arange(X.shape[0]) if sample_weight is None else np.flatnonzero(sample_weight)
        self.origin = find_origin(X, indices)
        self.hashes, first, self._inverse = np.unique(
            hash_samples(X, indices, self.origin), return_index=True, return_inverse=True
        )
        self._positions, self._weighted = indices[first], indices
        given = None if sample_weight is None else sample_weight[indices]
        weights = np.bincount(self._inverse, weights=given)
        self.total_weight, self.mean_weight = float(weights.sum()), float(weights.mean())
        self.sample_weight = (weights / weights.mean()).astype(np.float32)
        self.shape = (len(first), X.shape[1])
        origin = b"" if self.origin is None else self.origin.tobytes()
        self.digest = blake2b(self.hashes.tobytes() + weights.tobytes() + origin).hexdigest()

    def __getitem__(self, selection: Any) -> np.ndarray:
        """Return selected distinct samples minus the origin as a dense float32 array."""
        return to_float32(self._X, self._positions[selection], self.origin)

    @property
    def raw(self) -> "SampleSubset":
        """The distinct samples as they are in `X`."""
        return SampleSubset(self._X, self._positions)

    @property
    def is_sparse(self) -> bool:
        """Whether `X` is a sparse matrix."""
        return hasattr(self._X, "tocsr")

    def take_sparse(self, indices: np.ndarray) -> Any:
        """Return selected distinct samples of a sparse `X` as a sparse float32 matrix."""
        return take_float32(self._X, self._positions[indices])

    def take_first(self, values: np.ndarray) -> np.ndarray:
        """Return, of values of all samples, those of the first copy of each distinct sample."""
        return values[self._positions]

    def expand(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the values of all samples of weight above zero, and the indices of these."""
        return values[self._inverse], self._weighted


class SampleSubset:
    """Selected samples of `X`, read from it when they are indexed.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        Samples.
    indices : ndarray of shape (n,)
        The selected ones.
    """

    def __init__(self, X: Any, indices: np.ndarray) -> None:
        self._X, self._indices = X, indices
        self.shape, self.dtype = (len(indices), X.shape[1]), X.dtype

    def __getitem__(self, selection: Any) -> np.ndarray:
        """Return some of the samples as a dense array."""
        return to_dense(self._X, self._indices[selection], self.dtype)


def find_origin(X: Any, indices: np.ndarray) -> np.ndarray | None:
    """Return the middle of the features that are far from zero, and zero for the others.

    None where no feature is, and for a sparse `X`. A middle is rounded to a multiple of a power of
    two above the range, so that also the differences of float32 samples from it are exact.
    """
    if hasattr(X, "tocsr") or not len(indices):
        return None
    lowest, highest = np.full(X.shape[1], np.inf), np.full(X.shape[1], -np.inf)
    block = count_samples_in_chunk(X.shape[1])
    for start in range(0, len(indices), block):
        samples = to_dense(X, indices[start : start + block], X.dtype)
        lowest = np.minimum(lowest, samples.min(axis=0))
        highest = np.maximum(highest, samples.max(axis=0))
    middle, ranges = lowest / 2 + highest / 2, highest - lowest
    step = 2.0 ** np.ceil(np.log2(np.where(ranges > 0, ranges, 1)))
    rounded = np.where(ranges > 0, np.round(middle / step) * step, middle)
    origin = np.where(np.abs(middle) > _MAX_OFFSET * ranges, rounded, 0.0)
    return origin if origin.any() else None


def hash_samples(X: Any, indices: np.ndarray, origin: np.ndarray | None = None) -> np.ndarray:
    """Return a 16-byte hash of each selected sample, without the origin."""
    hashes = np.empty(len(indices), dtype="S16")
    block = count_samples_in_chunk(X.shape[1])
    for start in range(0, len(indices), block):
        samples = to_float32(X, indices[start : start + block], origin) + np.float32(0)  # no -0
        for i, sample in enumerate(samples, start):
            hashes[i] = blake2b(sample, digest_size=16).digest()
    return hashes


def take_float32(X: Any, indices: np.ndarray, origin: np.ndarray | None = None) -> Any:
    """Return selected samples as float32: sparse ones as they are, dense ones minus the origin."""
    if hasattr(X, "tocsr"):
        return X[indices].astype(np.float32)
    return to_float32(X, indices, origin)


def to_float32(X: Any, selection: slice | np.ndarray, origin: Any = None) -> np.ndarray:
    """Return selected samples of `X`, minus the origin, as a dense float32 array."""
    if origin is None:
        return to_dense(X, selection, np.float32)
    return (to_dense(X, selection, np.float64) - origin).astype(np.float32)


def to_dense(X: Any, selection: slice | np.ndarray, dtype: Any) -> np.ndarray:
    """Return selected samples of a dense or sparse `X` as a dense array."""
    if isinstance(selection, slice):
        return np.ascontiguousarray(_to_dense(read_selection(X, selection)), dtype=dtype)
    samples = np.empty((len(selection), X.shape[1]), dtype=dtype)
    for start in range(0, len(selection), _GATHER_SIZE):
        part = slice(start, start + _GATHER_SIZE)
        samples[part] = _to_dense(read_selection(X, selection[part]))
    return samples


def _to_dense(samples: Any) -> np.ndarray:
    return samples.toarray() if hasattr(samples, "toarray") else samples


def iterate_shuffled_batches(
    sample_weight: np.ndarray, batch_size: int, random_state: np.random.RandomState
) -> Iterator[np.ndarray]:
    """Yield batches of sample indices without end, all of the same size.

    Shuffled epochs of as many indices as there are samples follow each other; a batch that
    reaches the end of one is completed from the next. No batch is short or empty. Samples of
    equal weight occur equally often; others in proportion to their weight, each in every epoch
    as often as its weight says, up to one (systematic resampling).
    """
    queue = np.empty(0, dtype=np.intp)
    n_samples = len(sample_weight)
    bounds = np.cumsum(sample_weight, dtype=np.float64)
    bounds *= n_samples / bounds[-1]
    is_uniform = (sample_weight == sample_weight[0]).all()
    while True:
        while len(queue) < batch_size:
            epoch = random_state.permutation(n_samples)
            if not is_uniform:
                points = np.arange(n_samples) + random_state.uniform()
                epoch = np.minimum(np.searchsorted(bounds, points), n_samples - 1)[epoch]
            queue = np.concatenate([queue, epoch])
        yield queue[:batch_size]
        queue = queue[batch_size:]


def count_samples_in_chunk(n_features: int) -> int:
    """Return the number of samples that are read at once, a few megabytes."""
    return max(1, _CHUNK_BYTES // (4 * n_features))


def count_steps_per_chunk(n_features: int, batch_size: int) -> int:
    """Return the number of steps whose samples are gathered at once, a few megabytes."""
    return int(np.clip(_CHUNK_BYTES // (4 * n_features * batch_size), 1, _MAX_CHUNK_STEPS))


def read_selection(X: Any, selection: slice | np.ndarray) -> Any:
    """Return ``X[selection]`` and release the pages of a memory map that were read for it.

    The operating system keeps the pages in its own cache as long as there is room.
    """
    file_map = _find_read_only_map(X) if _HAS_MADVISE else None
    if file_map is None:
        return X[selection]
    if isinstance(selection, slice):
        file_map.madvise(mmap.MADV_NORMAL)
        values = X[selection].copy()
    else:
        _prefetch(file_map, X, selection)
        values = X[selection]
    file_map.madvise(mmap.MADV_DONTNEED)
    return values


def _find_read_only_map(X: Any) -> mmap.mmap | None:
    """Return the map of the file behind an array, if it was opened for reading only."""
    array, is_read_only = X, False
    while isinstance(array, np.ndarray):
        # With mode "c" pages would hold changes that the file does not.
        is_read_only = is_read_only or getattr(array, "mode", None) == "r"
        array = array.base
    return array if is_read_only and isinstance(array, mmap.mmap) else None


def _prefetch(file_map: mmap.mmap, X: np.ndarray, indices: np.ndarray) -> None:
    """Ask the system to read the selected samples, and only these, all at once.

    By default it would read them one after the other, each with a dozen adjacent pages.
    """
    file_map.madvise(mmap.MADV_RANDOM)
    n_bytes, stride = X[:1].nbytes, X.strides[0]
    if stride < n_bytes:  # Fortran order: the values of a sample are not contiguous
        return
    offset = X.ctypes.data - np.frombuffer(file_map, np.uint8).ctypes.data
    for start in (offset + np.asarray(indices) * stride).tolist():
        in_page = start % mmap.PAGESIZE
        file_map.madvise(mmap.MADV_WILLNEED, start - in_page, n_bytes + in_page)


def unpack_anndata(X: Any) -> Any:
    """Return the matrix `X` of an AnnData, and everything else as it is."""
    return X.X if hasattr(X, "obsm") and hasattr(X, "var_names") else X


def to_frame_or_array(X: Any) -> Any:
    """Return a data frame of any library as one of pandas, and an AnnData as its matrix `X`.

    Everything else is returned as it is.
    """
    X = unpack_anndata(X)
    if hasattr(X, "to_pandas"):  # polars, Arrow, Ibis and others
        return X.to_pandas()
    if hasattr(X, "iloc"):
        return X
    if hasattr(X, "__arrow_c_stream__"):
        import pyarrow

        return pyarrow.table(X).to_pandas()
    if hasattr(X, "__dataframe__"):
        import pandas as pd

        return pd.api.interchange.from_dataframe(X)
    return X


_check_array = partial(check_array, ensure_min_samples=0)


def check_samples(X: Any, check: Callable[..., Any] = _check_array) -> Any:
    """Return `X` as a numeric array or CSR matrix of two dimensions, as `fit` does.

    Raises a ValueError or TypeError for what is no table of numbers; values are not checked.
    `check` is `check_array` of scikit-learn, or what has its parameters.
    """
    X = unpack_anndata(X)
    _check_no_dates(X)
    try:
        checked = check(X, accept_sparse="csr", dtype="numeric", ensure_all_finite=False)
        # scikit-learn 1.6 does not convert pandas' strings.
        return checked.astype(np.float64) if checked.dtype == object else checked
    except (TypeError, ValueError) as error:
        if re.search("Found array with dim [34]", str(error)):
            raise ValueError(
                f"{error} skdec.datasets.flatten_images makes a row of each image."
            ) from error
        found = _find_value_without_number(X)
        if found is None:
            raise
        column, value = found
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(
            f"{str(error).rstrip('.')}. Feature {column!r} of X holds "
            f"{' '.join(repr(value).split())[:_MAX_VALUE]}, which is no number. "
            "skdec.TablePreparer makes features of the words and dates of a data frame."
        ) from error


def _find_value_without_number(X: Any) -> tuple[Any, Any] | None:
    """Return the first column of a data frame or an array of objects with such a value, and it."""
    if hasattr(X, "columns"):
        columns = [(name, X[name]) for name in X.columns]
    elif isinstance(X, np.ndarray) and X.dtype.kind == "O" and X.ndim == 2:
        columns = list(enumerate(X.T))
    else:
        return None
    for name, values in columns:
        for value in values:
            try:
                float(value)
            except (TypeError, ValueError):
                return name, value
    return None


def _check_no_dates(X: Any) -> None:
    """Raise a TypeError for an array, or a data frame of pandas or polars, with dates or durations.

    Durations would be taken for numbers.
    """
    is_frame = hasattr(X, "columns") and hasattr(X, "dtypes")
    named = zip(X.columns, X.dtypes, strict=True) if is_frame else [(None, getattr(X, "dtype", 0))]
    for name, dtype in named:
        if _is_time(dtype):
            where = "X has values" if name is None else f"Feature {name!r} of X is"
            raise TypeError(
                f"{where} of type {dtype}, which is no number. skdec.TablePreparer makes features "
                "of the dates of a data frame."
            )


def _is_time(dtype: Any) -> bool:
    if hasattr(dtype, "is_temporal"):  # polars
        return bool(dtype.is_temporal())
    return getattr(dtype, "kind", "") in ("m", "M")
