"""Samples in arrays, sparse matrices and data frames of all kinds, as arrays of numbers."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn.utils import check_array

_MAX_VALUE = 80  # characters of a value in a message


def unpack_anndata(X: Any) -> Any:
    """Return the matrix `X` of an AnnData, and everything else as it is."""
    return X.X if hasattr(X, "obsm") and hasattr(X, "var_names") else X


def to_frame_or_array(X: Any) -> Any:
    """Return a data frame of any library as one of pandas, and an AnnData as its matrix `X`.

    Everything else is returned as it is.
    """
    X = unpack_anndata(X)
    if hasattr(X, "iloc"):
        return X
    if hasattr(X, "to_pandas"):  # polars, Arrow, Ibis and others
        return X.to_pandas()
    if hasattr(X, "__arrow_c_stream__"):
        import pyarrow

        return pyarrow.table(X).to_pandas()
    if hasattr(X, "__dataframe__"):
        import pandas as pd

        return pd.api.interchange.from_dataframe(X)
    return X


def check_samples(X: Any) -> Any:
    """Return `X` as a numeric array or CSR matrix of two dimensions, as `fit` does.

    Raises a ValueError or TypeError for what is no table of numbers; values are not checked.
    """
    X = unpack_anndata(X)
    check_no_dates(X)
    with name_columns_without_numbers(X):
        X = check_array(
            X, accept_sparse="csr", dtype="numeric", ensure_all_finite=False, ensure_min_samples=0
        )
        return convert_objects(X)


@contextmanager
def name_columns_without_numbers(X: Any) -> Iterator[None]:
    """Say, where values are not converted to numbers, which column of `X` has them."""
    try:
        yield
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
