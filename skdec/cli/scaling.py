"""Scaling of the features before a fit, stored in the model file and applied again by `predict`."""

import json
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from skdec._engine.archive import open_archive

# Member of the model file, which is a zip archive. Its name and the fields of `Scaling` that it
# holds are part of the file format.
MEMBER = "skdec-cli/preparation.json"
SCALES = ("none", "minmax", "standard")


@dataclass(frozen=True)
class Scaling:
    """Scaling of the features: ``(X - shift) / width``, of the columns of a table by name.

    Attributes
    ----------
    scale : {"none", "minmax", "standard"}
        Kind of scaling.
    columns : list of str or None
        Columns of the table to read, in this order; None if they have no names.
    shift, width : list of float or None
        What is subtracted from each feature, and what the difference is divided by.
    """

    scale: str = "none"
    columns: list[str] | None = None
    shift: list[float] | None = None
    width: list[float] | None = None

    def apply(self, X: np.ndarray) -> np.ndarray:
        """Return the scaled samples; `X` itself if the kind of scaling is "none"."""
        if self.shift is None or self.width is None:
            return X
        if X.shape[1] != len(self.shift):
            raise ValueError(
                f"the data have {X.shape[1]} columns, but the model was fitted on "
                f"{len(self.shift)}."
            )
        dtype = X.dtype if X.dtype == np.float32 else np.float64
        return (X - np.array(self.shift, dtype)) / np.array(self.width, dtype)


def fit_scaling(X: np.ndarray, scale: str, columns: Sequence[str] | None) -> Scaling:
    """Fit scikit-learn's scaler of this kind to `X`, whose columns have these names."""
    names = None if columns is None else list(columns)
    if scale == "standard":
        from sklearn.preprocessing import StandardScaler

        standard = StandardScaler().fit(X)
        return Scaling(scale, names, standard.mean_.tolist(), standard.scale_.tolist())
    if scale == "minmax":
        from sklearn.preprocessing import MinMaxScaler

        minmax = MinMaxScaler().fit(X)
        return Scaling(scale, names, minmax.data_min_.tolist(), (1 / minmax.scale_).tolist())
    return Scaling(scale, names)


def add_scaling(model_file: Path, scaling: Scaling) -> None:
    """Add the scaling to a saved model."""
    with zipfile.ZipFile(model_file, "a") as archive:
        archive.writestr(MEMBER, json.dumps(asdict(scaling)))


def read_scaling(model_file: Path) -> Scaling:
    """Read the scaling from a saved model; none if it was saved by Python code."""
    with open_archive(model_file) as archive:
        if MEMBER not in archive.names:
            return Scaling()
        try:
            return _build_scaling(**archive.json(MEMBER))
        except (ValueError, TypeError, OverflowError) as error:
            raise ValueError(f"its {MEMBER} is damaged; fit the model again") from error


def _build_scaling(
    scale: str, columns: list[str] | None, shift: list[float] | None, width: list[float] | None
) -> Scaling:
    """Build a scaling from the fields of a file, which may hold anything."""
    if (
        scale not in SCALES
        or (scale == "none") != (shift is None)
        or (shift is None) != (width is None)
    ):
        raise ValueError("scale, shift and width are inconsistent")
    if columns is not None and not (
        isinstance(columns, list) and all(isinstance(name, str) for name in columns)
    ):
        raise TypeError("columns are not strings")
    if shift is not None and width is not None:
        numbers = np.array([shift, width], np.float64)
        if numbers.ndim != 2 or not np.isfinite(numbers).all() or not numbers[1].all():
            raise ValueError("shift and width are not finite numbers, or a width is zero")
        if columns is not None and len(columns) != len(shift):
            raise ValueError("columns, shift and width have different lengths")
    return Scaling(scale, columns, shift, width)
