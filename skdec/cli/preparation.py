"""What is done to a table before a method is fitted to it."""

import argparse
from typing import Any

import numpy as np

from skdec.cli.output import log
from skdec.tables._reader import to_numbers


def build_preparation(arguments: argparse.Namespace, X: Any) -> tuple[Any, Any]:
    """Return the unfitted transformer for the samples, or None, and the samples for it.

    A table is prepared, unless its numbers are scaled or taken as they are: then `X` is returned
    as finite numbers.
    """
    is_table = not isinstance(X, np.ndarray)
    if is_table and arguments.scale == "none" and arguments.prepare == "auto":
        from skdec.tables._preparer import TablePreparer

        return TablePreparer(categories=arguments.categories, random_state=arguments.seed), X
    if arguments.categories:
        raise ValueError(
            "--categories needs a table that is prepared: --prepare auto, without --scale."
        )
    if is_table:
        X = to_numbers(X, arguments.data)
    return _build_scaler(arguments.scale), X


def _build_scaler(scale: str) -> Any:
    """Return scikit-learn's scaler of this kind; None for "none"."""
    # Imported here, so that neither --help nor a refused file loads scikit-learn.
    from sklearn.preprocessing import MinMaxScaler, StandardScaler

    return {"none": None, "minmax": MinMaxScaler(), "standard": StandardScaler()}[scale]


def report_preparation(preparer: Any) -> None:
    """Say what a fitted transformer has made of the columns, if it is one of tables."""
    for name, reason in getattr(preparer, "dropped_columns_", {}).items():
        log.write(f"column {name!r} is not used: {reason}.")
    kinds = getattr(preparer, "column_kinds_", {})
    for kind in dict.fromkeys(kinds.values()):
        names = [name for name in kinds if kinds[name] == kind]
        log.write(f"used as {kind}: {', '.join(names)}.")
