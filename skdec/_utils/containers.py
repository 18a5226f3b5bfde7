"""Samples in arrays, sparse matrices and data frames of all kinds, as arrays of numbers."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn.utils import check_array


def check_samples(X: Any) -> Any:
    """Return `X` as a numeric array or CSR matrix of two dimensions, as `fit` does.

    Raises a ValueError or TypeError for what is no table of numbers; values are not checked.
    """
    check_no_dates(X)
    with explain_words():
        X = check_array(
            X, accept_sparse="csr", dtype="numeric", ensure_all_finite=False, ensure_min_samples=0
        )
        return convert_objects(X)


@contextmanager
def explain_words() -> Iterator[None]:
    """Say, where words are not converted to numbers, what makes features of them."""
    try:
        yield
    except ValueError as error:
        if "could not convert string to float" not in str(error):
            raise
        raise ValueError(
            f"{error}. skdec.TablePreparer makes features of the words of a data frame."
        ) from error


def check_no_dates(X: Any) -> None:
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


def convert_objects(X: Any) -> Any:
    """Return `X` as float64 if it holds Python objects, such as strings of numbers."""
    return X.astype(np.float64) if X.dtype == object else X
