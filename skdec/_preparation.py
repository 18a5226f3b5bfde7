"""What the command line does to columns before a fit, kept in the model's file for `predict`.

A model's file is a zip archive that `DECClusterer.save` writes; one more member holds this.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from skdec._archive import opened_archive

MEMBER = "skdec-cli/preparation.json"
SCALES = ("none", "minmax", "standard")


@dataclass(frozen=True)
class Preparation:
    """Columns to read, in their order, and what is subtracted from and divided by each."""

    scale: str = "none"
    columns: list[str] | None = None
    shift: list[float] | None = None
    width: list[float] | None = None

    def applied(self, X: np.ndarray) -> np.ndarray:
        """Return the rows on the scale of the fit; the same array where there is nothing to do."""
        if self.shift is None or self.width is None:
            return X
        if X.shape[1] != len(self.shift):
            raise ValueError(
                f"the data have {X.shape[1]} columns, but the model was fitted on "
                f"{len(self.shift)}."
            )
        dtype = X.dtype if X.dtype == np.float32 else np.float64
        return (X - np.array(self.shift, dtype)) / np.array(self.width, dtype)


def learned_preparation(X: np.ndarray, scale: str, columns: Sequence[str] | None) -> Preparation:
    """Return what `scale` does to these columns, as scikit-learn's scalers define it."""
    names = None if columns is None else list(columns)
    if scale == "standard":
        standard = StandardScaler().fit(X)
        return Preparation(scale, names, standard.mean_.tolist(), standard.scale_.tolist())
    if scale == "minmax":
        minmax = MinMaxScaler().fit(X)
        return Preparation(scale, names, minmax.data_min_.tolist(), (1 / minmax.scale_).tolist())
    return Preparation(scale, names)


def range_ratio(X: np.ndarray) -> float:
    """Return how many times wider the widest column is than a narrow one that varies.

    The tenth of the columns that are narrowest is passed over: images have pixels that are
    hardly ever lit, which do no harm. One column that is far too wide does.
    """
    ranges = X.max(axis=0).astype(np.float64) - X.min(axis=0)
    ranges = ranges[ranges > 0]
    if not ranges.size:
        return 1.0
    return float(ranges.max() / np.quantile(ranges, 0.1, method="lower"))


def add_preparation(model_file: Path, preparation: Preparation) -> None:
    """Put the preparation into a saved model's file."""
    with zipfile.ZipFile(model_file, "a") as archive:
        archive.writestr(MEMBER, json.dumps(asdict(preparation)))


def stored_preparation(model_file: Path) -> Preparation:
    """Return the preparation in a model's file: none if Python wrote it, not the command line."""
    with opened_archive(model_file) as archive:
        if MEMBER not in archive.names:
            return Preparation()
        try:
            return _checked_preparation(**archive.json(MEMBER))
        except (ValueError, TypeError, OverflowError) as error:
            raise ValueError(f"its {MEMBER} is damaged; fit the model anew") from error


def _checked_preparation(
    scale: str, columns: list[str] | None, shift: list[float] | None, width: list[float] | None
) -> Preparation:
    """Return the preparation of these fields if the command line could have written them."""
    if (
        scale not in SCALES
        or (scale == "none") != (shift is None)
        or (shift is None) != (width is None)
    ):
        raise ValueError("scale, shift and width do not belong together")
    if columns is not None and not (
        isinstance(columns, list) and all(isinstance(name, str) for name in columns)
    ):
        raise TypeError("columns are no strings")
    if shift is not None and width is not None:
        numbers = np.array([shift, width], np.float64)
        if numbers.ndim != 2 or not np.isfinite(numbers).all() or not numbers[1].all():
            raise ValueError("shift and width are no finite numbers")
        if columns is not None and len(columns) != len(shift):
            raise ValueError("columns, shift and width are of different lengths")
    return Preparation(scale, columns, shift, width)
