"""A user's file as rows of numbers, with a label column held back where one is named.

Nothing is ever unpickled, and every refusal names the file, the row and the column.
"""

from __future__ import annotations

import csv
import math
from array import array
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import numpy as np

from skdec.datasets import KERAS_KEYS, keras_archive, npz_arrays

MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?", "<na>"})
DELIMITERS = ",;\t"
ROWS_PER_CHECK = 8192


class Table(NamedTuple):
    """Rows `X` (n_samples, n_features), labels `y` or None, and names of the columns or None."""

    X: np.ndarray
    y: np.ndarray | None
    feature_names: list[str] | None


def load_table(
    path: str | Path, label: str | None = None, columns: Sequence[str] | None = None
) -> Table:
    """
    Read a table from a file of rows.

    Parameters
    ----------
    path : str or Path
        A ``.csv``, ``.parquet``, ``.npy`` or ``.npz`` file. A CSV file is separated by commas,
        semicolons or tabs; where its first line has numbers only (and is not 0, 1, 2, ...),
        it is a row and the columns are called x0, x1 and so on. A ``.npz`` file has the layout
        of Keras' ``mnist.npz`` (bytes become numbers from 0 to 1), or an array ``X`` (or ``x``)
        and perhaps ``y``, or one array.
    label : str, default=None
        The column of a CSV or Parquet file to hold back as `y`.
    columns : sequence of str, default=None
        The columns of a CSV or Parquet file to read, in this order. All but `label` by default.

    Returns
    -------
    Table
        `X`: float64 of shape (n_samples, n_features) from CSV and Parquet; the array's own dtype
        from NumPy's files, and a read-only memory map from ``.npy``. `y`: int64 or strings of
        shape (n_samples,), or None. `feature_names`: list of str, or None for NumPy's files.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If there is no such file.
    ValueError
        If the file is empty, damaged, of another kind, or has text or missing values.
    ImportError
        If a Parquet file is to be read and pandas is not installed.

    Examples
    --------
    >>> from skdec._tables import load_table
    >>> X, y, names = load_table("College.csv", label="Private")  # doctest: +SKIP
    """
    path = Path(path).expanduser()
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name a file in it.")
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; check the name.")
    suffix = path.suffix.lower()
    if suffix == ".csv":
        table = _csv_table(path, label, columns)
    elif suffix == ".parquet":
        table = _parquet_table(path, label, columns)
    elif suffix in {".npy", ".npz"}:
        if label is not None:
            raise ValueError(f"{path} has no named columns, so there is no column {label!r}.")
        table = _npy_table(path) if suffix == ".npy" else _npz_table(path)
    else:
        raise ValueError(f"{path} ends in {suffix!r}; .csv, .parquet, .npy and .npz can be read.")
    _raise_if_no_rows(table, path)
    _raise_if_not_finite(table, path)
    return table


def _csv_table(path: Path, label: str | None, columns: Sequence[str] | None) -> Table:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _parsed_csv(file, path, label, columns)
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not text in UTF-8; save it as CSV in UTF-8.") from error
    except csv.Error as error:
        raise ValueError(f"{path} is not a CSV file ({error}).") from error


def _parsed_csv(
    file: TextIO, path: Path, label: str | None, columns: Sequence[str] | None
) -> Table:
    header, rows = _header_and_rows(file, path)
    names = _kept_columns(header, path, label, columns)
    kept = [header.index(name) for name in names]
    label_at = None if label is None else header.index(label)
    # One growing buffer of doubles: a list of rows of strings would take ten times the memory.
    values, labels = array("d"), []
    n_rows = 0
    for n_rows, fields in enumerate(rows, start=1):
        if len(fields) != len(header):
            raise ValueError(
                f"{path}, row {n_rows}: {len(fields)} values, but there are {len(header)} columns."
            )
        try:
            values.extend([float(fields[at]) for at in kept])
        except ValueError:
            raise _bad_field(path, n_rows, names, [fields[at] for at in kept]) from None
        if label_at is not None:
            labels.append(_label_field(fields[label_at], path, n_rows, label))
    X = np.frombuffer(values, np.float64) if values else np.empty(0)
    y = None if label is None else _label_values(np.array(labels, dtype=str))
    return Table(X.reshape(n_rows, len(names)), y, names)


def _header_and_rows(file: TextIO, path: Path) -> tuple[list[str], Iterable[list[str]]]:
    first_line = file.readline()
    while first_line and not first_line.strip():
        first_line = file.readline()
    if not first_line:
        raise ValueError(f"{path} is empty; a line of column names and rows below it are needed.")
    delimiter = max(DELIMITERS, key=first_line.count)
    first = [field.strip() for field in next(csv.reader([first_line], delimiter=delimiter))]
    rows = (row for row in csv.reader(file, delimiter=delimiter) if row)
    if not _are_names(first):
        return [f"x{at}" for at in range(len(first))], chain([first], rows)
    return first, rows


def _are_names(fields: list[str]) -> bool:
    """Numbers are values, save 0, 1, 2, ...: so pandas names the columns of a bare array."""
    counted = [str(at) for at in range(len(fields))]
    return not all(_is_number(field) for field in fields) or (len(fields) > 1 and fields == counted)


def _kept_columns(
    header: list[str], path: Path, label: str | None, columns: Sequence[str] | None
) -> list[str]:
    """The names of the columns to read, after a look that all of them are there, once."""
    asked = [*([] if label is None else [label]), *(columns or [])]
    for name in asked:
        if name not in header:
            raise ValueError(f"{path} has no column {name!r}; it has {_shortened(header)}.")
    names = list(columns) if columns is not None else [name for name in header if name != label]
    repeated = [name for name in [*names, *asked] if header.count(name) > 1]
    if repeated:
        raise ValueError(f"{path} has the column {repeated[0]!r} more than once; rename one.")
    if "" in names:
        raise ValueError(
            f"{path}: column {header.index('') + 1} has no name, so it may be a row number; "
            "name it or remove it."
        )
    if not names:
        raise ValueError(f"{path} has no column besides {label!r}.")
    return names


def _shortened(names: Sequence[str], most: int = 20) -> str:
    dots = ", ..." if len(names) > most else ""
    return ", ".join(map(repr, names[:most])) + dots


def _label_field(field: str, path: Path, row: int, label: str | None) -> str:
    if _is_missing(field):
        raise ValueError(
            f"{path}, row {row}: the label column {label!r} has no value; "
            "fill it or remove the row."
        )
    return field.strip()


def _bad_field(path: Path, row: int, names: Sequence[str], fields: Sequence[str]) -> ValueError:
    at = next(at for at, field in enumerate(fields) if not _is_number(field))
    if _is_missing(fields[at]):
        return _missing_value(path, row, names[at])
    return ValueError(
        f"{path}, row {row}, column {names[at]!r}: {fields[at]!r} is no number; encode or remove "
        "the column, or hold it back as the label."
    )


def _missing_value(path: Path, row: int, column: str) -> ValueError:
    return ValueError(
        f"{path}, row {row}, column {column!r}: the value is missing; fill it or remove the row."
    )


def _is_number(field: str) -> bool:
    try:
        return math.isfinite(float(field))
    except ValueError:
        return False


def _is_missing(field: str) -> bool:
    return field.strip().lower() in MISSING


def _label_values(labels: np.ndarray) -> np.ndarray:
    """Labels as integers where all of them are, else as strings."""
    try:
        return labels.astype(np.int64)
    except ValueError:
        return labels


def _parquet_table(path: Path, label: str | None, columns: Sequence[str] | None) -> Table:
    frame = _parquet_frame(path)
    names = _kept_columns(list(map(str, frame.columns)), path, label, columns)
    frame.columns = list(map(str, frame.columns))
    for name in names:
        _raise_if_text(frame[name], path, name)
    X = frame[names].to_numpy(dtype=np.float64, na_value=np.nan)
    if label is None:
        return Table(X, None, names)
    missing = np.flatnonzero(frame[label].isna())
    if missing.size:
        _label_field("", path, int(missing[0]) + 1, label)
    return Table(X, _label_values(frame[label].astype(str).to_numpy(dtype=str)), names)


def _parquet_frame(path: Path) -> Any:
    try:
        import pandas as pd
        import pyarrow
    except ImportError as error:
        raise ImportError(
            f"{path}: reading Parquet needs pandas and pyarrow; pip install 'skdec[parquet]'."
        ) from error
    try:
        return pd.read_parquet(path, engine="pyarrow")
    except (pyarrow.ArrowInvalid, pyarrow.ArrowNotImplementedError) as error:
        raise ValueError(f"{path} is not a Parquet file that can be read.") from error


def _raise_if_text(column: Any, path: Path, name: str) -> None:
    if column.dtype.kind in "biuf":
        return
    for row, value in enumerate(column, start=1):
        if not _is_number(str(value)) and not _is_missing(str(value)):
            raise _bad_field(path, row, [name], [str(value)])
    raise ValueError(f"{path}, column {name!r} is of type {column.dtype}; make it numeric.")


def _npy_table(path: Path) -> Table:
    try:
        X = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(
            f"{path} is not a whole .npy file of a plain array; write it anew with numpy.save."
        ) from error
    _raise_if_no_matrix(X, path)
    return Table(X, None, None)


def _npz_table(path: Path) -> Table:
    arrays = npz_arrays(path)
    if set(KERAS_KEYS) <= set(arrays):
        return Table(*keras_archive(path), feature_names=None)
    key = next((key for key in ("X", "x") if key in arrays), None)
    if key is None and len(arrays) == 1:
        key = next(iter(arrays))
    if key is None:
        raise ValueError(
            f"{path} has the arrays {_shortened(sorted(arrays))}; needed are X and perhaps y, or "
            f"{', '.join(KERAS_KEYS)}."
        )
    X, y = arrays[key], arrays.get("y")
    _raise_if_no_matrix(X, path)
    if y is not None and y.shape != X.shape[:1]:
        raise ValueError(f"{path}: y has shape {y.shape}, but X has {len(X)} rows.")
    return Table(X, y, None)


def _raise_if_no_matrix(X: np.ndarray, path: Path) -> None:
    if X.ndim != 2 or X.dtype.kind not in "biuf":
        raise ValueError(
            f"{path} holds an array of shape {X.shape} and dtype {X.dtype}; rows of numbers, "
            "(n_samples, n_features), are needed."
        )


def _raise_if_no_rows(table: Table, path: Path) -> None:
    if table.X.shape[0] == 0:
        raise ValueError(f"{path} has column names but no rows.")
    if table.X.shape[1] == 0:
        raise ValueError(f"{path} has rows but no columns.")


def _raise_if_not_finite(table: Table, path: Path) -> None:
    """Go through the rows by blocks, so that a memory map is read without being loaded."""
    for start in range(0, len(table.X), ROWS_PER_CHECK):
        broken = np.argwhere(~np.isfinite(table.X[start : start + ROWS_PER_CHECK]))
        if not broken.size:
            continue
        row, column = start + int(broken[0, 0]), int(broken[0, 1])
        name = str(column) if table.feature_names is None else table.feature_names[column]
        if np.isnan(table.X[row, column]):
            raise _missing_value(path, row + 1, name)
        raise ValueError(f"{path}, row {row + 1}, column {name!r}: the value is infinite.")
