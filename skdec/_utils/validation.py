"""Checks of the samples, weights and parameters that estimators are given."""

import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from numbers import Integral, Real
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.utils import check_random_state
from sklearn.utils.validation import validate_data

from skdec._utils.data import (
    DistinctSamples,
    SampleSubset,
    check_samples,
    read_selection,
    to_float32,
)
from skdec._utils.process import warn_user
from skdec._utils.terminal import open_bar

_BLOCK_BYTES = 2**25
# Pixels, measurements of flowers and the like stay below 10; money beside percentages is above.
_MAX_RANGE_RATIO = 30
_SMALLEST, LARGEST = 1e-20, 1e20  # that float32 can represent safely
_MAX_WIDTH = 2**31 - 1


def validate_samples(estimator: Any, X: Any, *, reset: bool) -> Any:
    """Return `X` as an array or CSR matrix of finite numbers, and record or check its features."""
    X = check_samples(X, partial(validate_data, estimator, reset=reset))
    names = getattr(estimator, "feature_names_in_", None)
    feature_ranges = check_finite(X, names)
    # The pixels of a folder of images are on one scale, however little some of them vary.
    if reset and (names is None or not all(name.startswith("pixel_") for name in names)):
        warn_if_scales_differ(feature_ranges)
    return X


def find_distinct_samples(X: Any, sample_weight: Any, n_needed: int) -> DistinctSamples:
    """Return the distinct samples; raise a ValueError if fewer than needed have a weight."""
    weights = check_sample_weight(sample_weight, X.shape[0])
    n_samples = X.shape[0] if weights is None else np.count_nonzero(weights)
    if n_samples < n_needed:
        raise ValueError(
            f"n_clusters={n_needed} clusters need at least as many samples; X has "
            f"n_samples={n_samples}. Lower n_clusters or provide more samples."
        )
    return DistinctSamples(X, weights)


def expand_labels(
    X: Any,
    samples: DistinctSamples,
    distinct_labels: np.ndarray,
    predict: Callable[[SampleSubset], np.ndarray],
) -> np.ndarray:
    """Return the labels of all samples, those of weight zero by prediction."""
    weighted_labels, weighted = samples.expand(distinct_labels)
    labels = np.empty(X.shape[0], dtype=np.int32)
    labels[weighted] = weighted_labels
    unweighted = np.setdiff1d(np.arange(X.shape[0]), weighted)
    if len(unweighted):
        labels[unweighted] = predict(SampleSubset(X, unweighted))
    return labels


@contextmanager
def restore_features_on_failure(estimator: Any) -> Iterator[None]:
    """Keep number and names of the features of the previous fit unless this one succeeds."""
    names = ("n_features_in_", "feature_names_in_")
    previous = {name: value for name, value in vars(estimator).items() if name in names}
    try:
        yield
    except BaseException:
        for name in names:
            vars(estimator).pop(name, None)
        vars(estimator).update(previous)
        raise


def check_finite(X: Any, feature_names: Any = None) -> np.ndarray:
    """Return the range of each feature, or raise for a value that float32 cannot hold.

    A memory map is read in blocks.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        Samples.
    feature_names : ndarray of shape (n_features,), default=None
        Names for the message.

    Returns
    -------
    ndarray of shape (n_features,), float64
        Largest minus smallest value of each feature; for sparse `X` the largest absolute value.

    Raises
    ------
    ValueError
        If a value is NaN, infinite or too large for float32; names the sample and the feature.
    """
    if sp.issparse(X):
        invalid = np.flatnonzero(~_fits_float32(X.data))
        if len(invalid):
            sample = np.searchsorted(X.indptr, invalid[0], side="right") - 1
            raise _describe_invalid(
                X.data[invalid[0]], sample, X.indices[invalid[0]], feature_names
            )
        if not X.shape[0]:
            return np.zeros(X.shape[1])
        return abs(X).max(axis=0).toarray().ravel().astype(np.float64)
    lowest = np.full(X.shape[1], np.inf)
    highest = -lowest
    block = max(1, _BLOCK_BYTES // max(1, X[:1].nbytes))
    for start in range(0, X.shape[0], block):
        samples = read_selection(X, slice(start, start + block))
        is_valid = _fits_float32(samples)
        if not is_valid.all():
            sample, feature = np.argwhere(~is_valid)[0] + (start, 0)
            raise _describe_invalid(X[sample, feature], sample, feature, feature_names)
        lowest = np.minimum(lowest, samples.min(axis=0))
        highest = np.maximum(highest, samples.max(axis=0))
    return highest - lowest


def warn_if_scales_differ(feature_ranges: np.ndarray) -> None:
    """Warn if the widest feature is far wider than a narrow one, so that it outweighs that one.

    The narrow one is at the tenth percentile of the features that vary: pixels at the border of
    images that are hardly ever set do no harm, one feature that is far too wide does.
    """
    ranges = feature_ranges[feature_ranges > 0]
    ratio = ranges.max() / np.quantile(ranges, 0.1, method="lower") if ranges.size else 1.0
    if ratio > _MAX_RANGE_RATIO:
        warn_user(
            f"The features of X are on very different scales: the widest is {ratio:,.0f} times as "
            "wide as a narrow one and outweighs it. Consider sklearn.preprocessing.StandardScaler "
            "(--scale standard on the command line).",
        )


def check_sample_weight(sample_weight: Any, n_samples: int) -> np.ndarray | None:
    """Return sample weights as float64, or None.

    Raises a ValueError unless they are finite, not negative, and not zero everywhere.
    """
    if sample_weight is None:
        return None
    if isinstance(sample_weight, Real):
        sample_weight = np.full(n_samples, float(sample_weight))
    weights = np.asarray(sample_weight, dtype=np.float64)
    if weights.ndim != 1:
        raise ValueError(f"Sample weights must be 1D array or scalar; got {weights.ndim}D.")
    if weights.shape != (n_samples,):
        raise ValueError(f"sample_weight.shape == {weights.shape}, expected {(n_samples,)}!")
    if not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
        raise ValueError("sample_weight must be finite, not negative, and not zero everywhere.")
    return weights


def _fits_float32(values: np.ndarray) -> np.ndarray:
    # Comparisons with NaN are False, so this finds NaN and infinity as well.
    return np.abs(values) <= np.finfo(np.float32).max


def _describe_invalid(value: Any, sample: int, feature: int, feature_names: Any) -> ValueError:
    too_large = f"{value!r}, too large for float32"
    what = "NaN" if np.isnan(value) else "infinity" if np.isinf(value) else too_large
    where = f"sample {sample}, feature {feature}"
    if feature_names is not None:
        where += f" ({feature_names[feature]!r})"
    return ValueError(
        f"Input X contains {what}, in {where}. Remove such samples, or impute them, "
        "for example with sklearn.impute.SimpleImputer."
    )


class InvalidParameterError(ValueError, TypeError):
    """A parameter is not what it must be, as scikit-learn says it."""


@dataclass
class Constraint:
    """What a parameter may be.

    Parameters
    ----------
    allowed : str
        Ends the sentence "the parameter must be ...".
    is_allowed : callable
        Returns whether a value is allowed.
    words : collection of str, default=()
        Words that are allowed, too.
    """

    allowed: str
    is_allowed: Callable[[Any], bool]
    words: Collection[str] = ()

    def check(self, name: str, value: Any) -> None:
        """Raise an error that names the parameter unless `value` is allowed."""
        is_word = isinstance(value, str) and value in self.words
        if not is_word and not self.is_allowed(value):
            allowed = " or ".join(filter(None, [self.allowed, *map(repr, self.words)]))
            raise InvalidParameterError(f"{name} must be {allowed}; got {value!r}.")


class Integer(Constraint):
    """An integer of at least `minimum`, or one of `words`."""

    def __init__(self, minimum: int, words: Collection[str] = ()) -> None:
        allowed = f"an integer of at least {minimum}"
        super().__init__(allowed, lambda value: is_number(value, Integral, minimum), words)


class Number(Constraint):
    """A number from `minimum` to `maximum`."""

    def __init__(self, minimum: float, maximum: float) -> None:
        allowed = f"a number from {minimum} to {maximum}"
        super().__init__(allowed, lambda value: is_number(value, Real, minimum, maximum))


class Word(Constraint):
    """One of `words`."""

    def __init__(self, words: Collection[str]) -> None:
        super().__init__("", lambda value: False, words)


def is_number(value: Any, kind: type, minimum: float, maximum: float = np.inf) -> bool:
    """Return whether a value is a number of this kind, in this range, and no boolean."""
    is_boolean = isinstance(value, bool | np.bool_)
    return isinstance(value, kind) and not is_boolean and bool(minimum <= value <= maximum)  # type: ignore[operator]


def _are_widths(value: Any) -> bool:
    is_sequence = isinstance(value, Sequence) or np.ndim(value) == 1
    return (
        is_sequence
        and not isinstance(value, str | bytes)
        and len(value) > 0
        and all(is_number(width, Integral, 1, _MAX_WIDTH) for width in value)
    )


def _is_seed(value: Any) -> bool:
    try:
        check_random_state(value)
    except ValueError:
        return False
    return True


POSITIVE = Number(_SMALLEST, LARGEST)
FRACTION_BELOW_ONE = Constraint(
    "a number from 0 to below 1", lambda value: is_number(value, Real, 0, 1) and value < 1
)
VERBOSITY = Constraint(
    "an integer of at least 0",
    lambda value: isinstance(value, bool) or is_number(value, Integral, 0),
)
WIDTHS = Constraint("a sequence of integers of at least 1", _are_widths, ("auto",))
SEED = Constraint("None, an integer from 0 to 2**32 - 1 or a RandomState", _is_seed)


@contextmanager
def store_blocks(blocks: Iterable[Any], directory: Any) -> Iterator[Any]:
    """Store blocks of samples in a temporary file.

    Parameters
    ----------
    blocks : iterable of {array-like, sparse matrix, DataFrame} of shape (n, n_features)
        Read once.
    directory : path-like or None
        Directory of the file; None is the system's for temporary files.

    Yields
    ------
    memmap or DataFrame of shape (n_samples, n_features), float32
        All samples; a data frame of the memory map if all columns have names.

    Raises
    ------
    ValueError
        If there are no samples, or a block has other columns than the first, or a value that is
        not finite.
    """
    import pandas as pd  # which takes a third of a second

    n_samples, first = 0, None
    with tempfile.TemporaryFile(dir=directory) as file:
        with open_bar("read") as bar:
            for position, block in enumerate(blocks):
                samples, names = _read_block(block, position)
                first = first or (samples.shape[1], names)
                if (samples.shape[1], names) != first:
                    raise ValueError(
                        f"All blocks must have the columns of the first; that has "
                        f"{_format_columns(*first)}, block {position} has "
                        f"{_format_columns(samples.shape[1], names)}."
                    )
                file.write(samples.data)
                n_samples += len(samples)
                bar.update(n_samples)
        if first is None or n_samples == 0:
            raise ValueError(
                "There are no samples in blocks; note that an iterator can be read only once."
            )
        file.flush()
        n_features, names = first
        X = np.memmap(file, np.float32, "r", shape=(n_samples, n_features))
        yield X if names is None else pd.DataFrame(X, columns=names, copy=False)


def _read_block(block: Any, position: int) -> tuple[np.ndarray, list[str] | None]:
    """Return the samples of a block as float32, and the names of its columns, if all strings."""
    columns = list(getattr(block, "columns", []))
    try:
        values = check_samples(block)
        check_finite(values, columns or None)
    except (ValueError, TypeError) as error:
        raise ValueError(f"Block {position}: {error}") from error
    is_named = bool(columns) and all(isinstance(column, str) for column in columns)
    return to_float32(values, slice(None)), columns if is_named else None


def _format_columns(n_features: int, names: list[str] | None) -> str:
    return f"{n_features} columns" + (f" named {', '.join(names)}" if names else "")
