"""Checks of parameters and input whose messages say what was given and what is allowed."""

from collections.abc import Collection
from numbers import Integral, Real
from typing import Any

import keras
import numpy as np
import scipy.sparse as sp

_FINITE_CHECK_BYTES = 2**25


def check_integer(name: str, value: Any, minimum: int, *, words: Collection[str] = ()) -> None:
    """Raise unless `value` is an integer of at least `minimum` or one of `words`."""
    if isinstance(value, str) and value in words:
        return
    allowed = f"an integer of at least {minimum}" + _or(words)
    _check_kind(name, value, Integral, allowed)
    if value < minimum:
        raise ValueError(f"{name} must be {allowed}; got {value!r}.")


def check_positive(name: str, value: Any) -> None:
    """Raise unless `value` is a finite number above 0."""
    allowed = "a finite number above 0"
    _check_kind(name, value, Real, allowed)
    if not 0 < value < np.inf:
        raise ValueError(f"{name} must be {allowed}; got {value!r}.")


def check_share(name: str, value: Any) -> None:
    """Raise unless `value` is a number from 0 to 1."""
    allowed = "a number from 0 to 1"
    _check_kind(name, value, Real, allowed)
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must be {allowed}; got {value!r}.")


def check_choice(name: str, value: Any, words: Collection[str]) -> None:
    """Raise unless `value` is one of `words`."""
    if not isinstance(value, str) or value not in words:
        raise ValueError(f"{name} must be {_or(words)[4:]}; got {value!r}.")


def check_widths(name: str, value: Any) -> None:
    """Raise unless `value` is a non-empty sequence of integers of at least 1."""
    if isinstance(value, str) or not hasattr(value, "__len__"):
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


def check_activation(name: str, value: Any) -> None:
    """Raise unless Keras knows `value` as an activation, or it is a function."""
    if not callable(value) and not (
        isinstance(value, str) and _keras_knows(keras.activations, value)
    ):
        raise ValueError(
            f"{name} must be a function or the name of a Keras activation, such as 'relu', 'gelu' "
            f"or 'tanh'; got {value!r}."
        )


def check_initializer(name: str, value: Any) -> None:
    """Raise unless `value` is None, a Keras initializer or the name of one."""
    known = isinstance(value, str) and _keras_knows(keras.initializers, value)
    if value is not None and not known and not isinstance(value, keras.initializers.Initializer):
        raise ValueError(
            f"{name} must be None, a Keras initializer or the name of one, such as "
            f"'glorot_uniform'; got {value!r}."
        )


def check_optimizer(name: str, value: Any, words: Collection[str]) -> None:
    """Raise unless `value` is one of `words` or a Keras optimizer."""
    if value not in list(words) and not isinstance(value, keras.optimizers.Optimizer):
        raise ValueError(f"{name} must be {_or(words)[4:]} or a Keras optimizer; got {value!r}.")


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
        fits = _fits_float32(X[start : start + block])
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
