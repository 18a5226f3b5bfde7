"""Checks of the input arrays: finite values and sample weights."""

from numbers import Real
from typing import Any

import numpy as np
import scipy.sparse as sp

from skdec._engine.memory_map import read_selection

_BLOCK_BYTES = 2**25


def check_finite(X: Any, feature_names: Any = None) -> None:
    """Raise a ValueError for a value that is NaN, infinite or too large for float32.

    The message names the sample and the feature. A memory map is read in blocks.
    """
    if sp.issparse(X):
        invalid = np.flatnonzero(~_fits_float32(X.data))
        if len(invalid):
            sample = np.searchsorted(X.indptr, invalid[0], side="right") - 1
            raise _describe_invalid(
                X.data[invalid[0]], sample, X.indices[invalid[0]], feature_names
            )
        return
    block = max(1, _BLOCK_BYTES // max(1, X[:1].nbytes))
    for start in range(0, X.shape[0], block):
        is_valid = _fits_float32(read_selection(X, slice(start, start + block)))
        if not is_valid.all():
            sample, feature = np.argwhere(~is_valid)[0] + (start, 0)
            raise _describe_invalid(X[sample, feature], sample, feature, feature_names)


def check_sample_weight(sample_weight: Any, n_samples: int) -> np.ndarray | None:
    """Return sample weights as float64, or None.

    Raises a ValueError unless they are finite, not negative, and not zero everywhere.
    """
    if sample_weight is None:
        return None
    if isinstance(sample_weight, Real):
        return np.full(n_samples, float(sample_weight))
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
    what = "NaN" if np.isnan(value) else "infinity" if np.isinf(value) else f"{value!r}"
    where = f"sample {sample}, feature {feature}"
    if feature_names is not None:
        where += f" ({feature_names[feature]!r})"
    too_large = "" if np.isnan(value) or np.isinf(value) else ", too large for float32"
    return ValueError(
        f"Input X contains {what}{too_large}, in {where}. Remove such samples, or impute them, "
        "for example with sklearn.impute.SimpleImputer."
    )
