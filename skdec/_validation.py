"""Checks of parameters and input whose messages say what was given and what is allowed."""

from collections.abc import Collection, Sequence
from numbers import Integral, Real
from typing import Any

import keras
import numpy as np
import scipy.sparse as sp
from sklearn.utils import check_random_state

from skdec._maps import read_rows

_FINITE_CHECK_BYTES = 2**25
_SMALLEST, _LARGEST = 1e-20, 1e20
_MAX_WIDTH = 2**31 - 1


def check_integer(name: str, value: Any, minimum: int, *, words: Collection[str] = ()) -> None:
    """Raise unless `value` is an integer of at least `minimum` or one of `words`."""
    if isinstance(value, str) and value in words:
        return
    allowed = f"an integer of at least {minimum}" + _or(words)
    _check_kind(name, value, Integral, allowed)
    if value < minimum:
        raise ValueError(f"{name} must be {allowed}; got {value!r}.")


def check_positive(name: str, value: Any) -> None:
    """Raise unless `value` is a finite number above 0 with which float32 can reckon."""
    allowed = "a finite number above 0"
    _check_kind(name, value, Real, allowed)
    if not 0 < value < np.inf:
        raise ValueError(f"{name} must be {allowed}; got {value!r}.")
    if not _SMALLEST <= value <= _LARGEST:
        raise ValueError(f"{name} must be from {_SMALLEST} to {_LARGEST}; got {value!r}.")


def check_share(name: str, value: Any) -> None:
    """Raise unless `value` is a number from 0 to 1."""
    allowed = "a number from 0 to 1"
    _check_kind(name, value, Real, allowed)
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must be {allowed}; got {value!r}.")


def check_start(
    name: str, value: Any, words: Collection[str], shape: tuple[int | None, int]
) -> None:
    """Raise unless `value` is one of `words`, a clusterer, or an array of centres of `shape`."""
    if (isinstance(value, str) and value in words) or hasattr(value, "fit_predict"):
        return
    allowed = f"{_or(words)[4:]}, a scikit-learn clusterer or mixture, or an array of centres"
    if not isinstance(value, (Sequence, np.ndarray)) or isinstance(value, (str, bytes)):
        raise ValueError(f"{name} must be {allowed}; got {value!r}.")
    centers = np.asarray(value, dtype=np.float32)
    if centers.shape != shape or not np.isfinite(centers).all():
        raise ValueError(
            f"{name} must be {allowed}, finite and of shape (n_clusters, dims[-1])={shape}; got an "
            f"array of shape {centers.shape}."
        )


def checked_weights(sample_weight: Any, n_rows: int) -> np.ndarray | None:
    """Weights of the rows as float64, or None; raise unless finite, not negative, not all zero."""
    if sample_weight is None:
        return None
    if isinstance(sample_weight, Real):
        return np.full(n_rows, float(sample_weight))
    weights = np.asarray(sample_weight, dtype=np.float64)
    if weights.ndim != 1:
        raise ValueError(f"Sample weights must be 1D array or scalar; got {weights.ndim}D.")
    if weights.shape != (n_rows,):
        raise ValueError(f"sample_weight.shape == {weights.shape}, expected {(n_rows,)}!")
    if not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
        raise ValueError("sample_weight must be finite, not negative, and not zero everywhere.")
    return weights


def check_widths(name: str, value: Any) -> None:
    """Raise unless `value` is a non-empty sequence of integers of at least 1."""
    is_sequence = isinstance(value, Sequence) or np.ndim(value) == 1
    if isinstance(value, (str, bytes)) or not is_sequence:
        raise TypeError(
            f"{name} must be a sequence of integers of at least 1; got {value!r} of type "
            f"{type(value).__name__}."
        )
    if len(value) == 0:
        raise ValueError(
            f"{name} must name at least one width, that of the embedding; got {value!r}."
        )
    for position, width in enumerate(value):
        check_integer(f"{name}[{position}]", width, 1)
        if width > _MAX_WIDTH:
            raise ValueError(f"{name}[{position}] must be at most {_MAX_WIDTH}; got {width!r}.")


def check_activation(name: str, value: Any) -> None:
    """Raise unless Keras knows `value` as an activation, or it is a function."""
    if not callable(value) and not (
        isinstance(value, str) and _keras_knows(keras.activations, value)
    ):
        raise ValueError(
            f"{name} must be a function or the name of a Keras activation, such as 'relu', 'gelu' "
            f"or 'tanh'; got {value!r}."
        )
    try:
        shape = tuple(keras.activations.get(value)(np.zeros((2, 4), np.float32)).shape)
    except Exception as error:  # the function is the user's: anything may come
        reason = " ".join(str(error).split())
        raise ValueError(f"{name}={value!r} fails on an array (2, 4): {reason}") from error
    if shape != (2, 4):
        raise ValueError(
            f"{name}={value!r} must keep the shape of its input; (2, 4) became {shape}."
        )


def check_initializer(name: str, value: Any) -> None:
    """Raise unless `value` is None, a Keras initializer or the name of one."""
    # Asked for by attribute first: `get` makes one, with a seed from Python's global generator.
    known = isinstance(value, str) and (
        isinstance(getattr(keras.initializers, value, None), type)
        or _keras_knows(keras.initializers, value)
    )
    if value is not None and not known and not isinstance(value, keras.initializers.Initializer):
        raise ValueError(
            f"{name} must be None, a Keras initializer or the name of one, such as "
            f"'glorot_uniform'; got {value!r}."
        )


def check_optimizer(name: str, value: Any, words: Collection[str]) -> None:
    """Raise unless `value` is one of `words` or a Keras optimizer."""
    known = isinstance(value, str) and value in words
    if not known and not isinstance(value, keras.optimizers.Optimizer):
        raise ValueError(f"{name} must be {_or(words)[4:]} or a Keras optimizer; got {value!r}.")


def check_callbacks(name: str, value: Any) -> None:
    """Raise unless `value` is None or a sequence of Keras callbacks."""
    if value is None:
        return
    are_callbacks = isinstance(value, Sequence) and all(
        isinstance(callback, keras.callbacks.Callback) for callback in value
    )
    if not are_callbacks:
        raise TypeError(f"{name} must be None or a list of Keras callbacks; got {value!r}.")


def check_seed(name: str, value: Any) -> None:
    """Raise unless scikit-learn takes `value` as a seed."""
    try:
        check_random_state(value)
    except ValueError as error:
        raise ValueError(
            f"{name} must be None, an integer from 0 to 2**32 - 1 or a RandomState; got {value!r}."
        ) from error


def _keras_knows(registry: Any, word: str) -> bool:
    try:
        registry.get(word)
    except ValueError:
        return False
    return True


def check_finite(X: Any, feature_names: Any = None) -> None:
    """Raise where a value of `X` is NaN, infinite or beyond float32, naming row and column."""
    if sp.issparse(X):
        bad = np.flatnonzero(~_fits_float32(X.data))
        if len(bad):
            row, column = np.searchsorted(X.indptr, bad[0], side="right") - 1, X.indices[bad[0]]
            raise _not_finite(X.data[bad[0]], row, column, feature_names)
        return
    block = max(1, _FINITE_CHECK_BYTES // max(1, X[:1].nbytes))
    for start in range(0, X.shape[0], block):
        fits = _fits_float32(read_rows(X, slice(start, start + block)))
        if not fits.all():
            row, column = np.argwhere(~fits)[0] + (start, 0)
            raise _not_finite(X[row, column], row, column, feature_names)


def _fits_float32(values: np.ndarray) -> np.ndarray:
    # A comparison with NaN is False, so that this one comparison finds NaN and infinity as well.
    return np.abs(values) <= np.finfo(np.float32).max


def _not_finite(value: Any, row: int, column: int, feature_names: Any) -> ValueError:
    what = "NaN" if np.isnan(value) else "infinity" if np.isinf(value) else f"{value!r}"
    where = f"row {row}, column {column}"
    if feature_names is not None:
        where += f" ({feature_names[column]!r})"
    too_large = "" if np.isnan(value) or np.isinf(value) else ", too large for float32"
    return ValueError(
        f"Input X contains {what}{too_large}, in {where}. Remove such rows, or impute them, for "
        "example with sklearn.impute.SimpleImputer."
    )


def _or(words: Collection[str]) -> str:
    return "".join(f" or {word!r}" for word in words)


def _check_kind(name: str, value: Any, kind: type, allowed: str) -> None:
    if isinstance(value, kind) and not isinstance(value, (bool, np.bool_)):
        return
    # A word where words are allowed is a wrong value, anything else a wrong type.
    error = ValueError if isinstance(value, str) and "'" in allowed else TypeError
    raise error(f"{name} must be {allowed}; got {value!r} of type {type(value).__name__}.")
