"""Scaling of the features before a method is fitted."""

from typing import Any

SCALES = ("none", "minmax", "standard")


def build_scaler(scale: str) -> Any:
    """Return scikit-learn's scaler of this kind; None for "none"."""
    # Imported here, so that --help does not load scikit-learn.
    from sklearn.preprocessing import MinMaxScaler, StandardScaler

    return {"none": None, "minmax": MinMaxScaler(), "standard": StandardScaler()}[scale]
