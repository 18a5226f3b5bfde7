"""Load a table from a CSV, Parquet or NumPy file.

No file is ever unpickled, and every error names the file, the row and the column.
"""

import csv
import math
from array import array
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import numpy as np

from skdec.datasets import KERAS_KEYS, load_keras_archive, read_npz

MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?", "<na>"})
DELIMITERS = ",;\t"
ROWS_PER_CHECK = 8192


class Table(NamedTuple):
    """Samples `X` (n_samples, n_features), labels `y` or None, names of the features or None."""

    X: np.ndarray
    y: np.ndarray | None
    feature_names: list[str] | None


def load_table(
    path: str | Path, label: str | None = None, columns: Sequence[str] | None = None
) -> Table:
    """Load a table from a file with one sample per row.

    Parameters
    ----------
    path : str or Path
        A ``.csv``, ``.parquet``, ``.npy`` or ``.npz`` file. The values of a CSV file are separated
        by commas, semicolons or tabs; if its first line has only numbers (other than 0, 1, 2,
        ...), it is a row, and the columns are named x0, x1 and so on. A ``.npz`` file has the
        layout of Keras' ``mnist.npz`` (bytes are scaled to numbers from 0 to 1), or an array ``X``
        (or ``x``) and optionally ``y``, or one array.
    label : str, default=None
        The column of a CSV or Parquet file that becomes `y`.
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
        If the file is a Parquet file and pandas or pyarrow is not installed.

    Examples
    --------
    >>> from skdec.cli.tables import load_table
    >>> X, y, names = load_table("College.csv", label="Private")  # doctest: +SKIP
    """
    path = Path(path).expanduser()
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a directory; name a file in it.")
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; check the name.")
    suffix = path.suffix.lower()
    if suffix == ".csv":
        table = _load_csv(path, label, columns)
    elif suffix == ".parquet":
        table = _load_parquet(path, label, columns)
    elif suffix in {".npy", ".npz"}:
        if label is not None:
            raise ValueError(f"{path} has no named columns, so there is no column {label!r}.")
        table = _load_npy(path) if suffix == ".npy" else _load_npz(path)
    else:
        raise ValueError(f"{path} ends in {suffix!r}; .csv, .parquet, .npy and .npz can be read.")
    _check_not_empty(table, path)
    _check_finite(table, path)
    return table


def _load_csv(path: Path, label: str | None, columns: Sequence[str] | None) -> Table:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _parse_csv(file, path, label, columns)
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not text in UTF-8; save it as CSV in UTF-8.") from error
    except csv.Error as error:
        raise ValueError(f"{path} is not a CSV file ({error}).") from error


def _parse_csv(file: TextIO, path: Path, label: str | None, columns: Sequence[str] | None) -> Table:
    header, rows = _read_header(file, path)
    names = _select_columns(header, path, label, columns)
    positions = [header.index(name) for name in names]
    label_position = None if label is None else header.index(label)
    # One growing buffer of doubles: a list of rows of strings would take ten times the memory.
    values, labels = array("d"), []
    n_rows = 0
    for n_rows, fields in enumerate(rows, start=1):
        if len(fields) != len(header):
            raise ValueError(
                f"{path}, row {n_rows}: {len(fields)} values, but there are {len(header)} columns."
            )
        try:
            values.extend([float(fields[position]) for position in positions])
        except ValueError:
            selected = [fields[position] for position in positions]
            raise _build_field_error(path, n_rows, names, selected) from None
        if label_position is not None:
            labels.append(_parse_label(fields[label_position], path, n_rows, label))
    X = np.frombuffer(values, np.float64) if values else np.empty(0)
    y = None if label is None else _convert_labels(np.array(labels, dtype=str))
    return Table(X.reshape(n_rows, len(names)), y, names)


def _read_header(file: TextIO, path: Path) -> tuple[list[str], Iterable[list[str]]]:
    """Return the names of the columns and an iterator over the rows."""
    first_line = file.readline()
    while first_line and not first_line.strip():
        first_line = file.readline()
    if not first_line:
        raise ValueError(f"{path} is empty; a line of column names and rows below it are needed.")
    delimiter = max(DELIMITERS, key=first_line.count)
    first = [field.strip() for field in next(csv.reader([first_line], delimiter=delimiter))]
    rows = (row for row in csv.reader(file, delimiter=delimiter) if row)
    if not _is_header(first):
        return [f"x{position}" for position in range(len(first))], chain([first], rows)
    return first, rows


def _is_header(fields: list[str]) -> bool:
    """Whether the fields of the first line are names of columns, not values.

    Numbers are values, except for 0, 1, 2, ...: pandas names the columns of an array so.
    """
    counted = [str(position) for position in range(len(fields))]
    return not all(_is_number(field) for field in fields) or (len(fields) > 1 and fields == counted)


def _select_columns(
    header: list[str], path: Path, label: str | None, columns: Sequence[str] | None
) -> list[str]:
    """Return the names of the columns to read, after checking that each exists exactly once."""
    requested = [*([] if label is None else [label]), *(columns or [])]
    for name in requested:
        if name not in header:
            raise ValueError(f"{path} has no column {name!r}; it has {_format_names(header)}.")
    names = list(columns) if columns is not None else [name for name in header if name != label]
    repeated = [name for name in [*names, *requested] if header.count(name) > 1]
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


def _format_names(names: Sequence[str], max_names: int = 20) -> str:
    dots = ", ..." if len(names) > max_names else ""
    return ", ".join(map(repr, names[:max_names])) + dots


def _parse_label(field: str, path: Path, row: int, label: str | None) -> str:
    if _is_missing(field):
        raise ValueError(
            f"{path}, row {row}: the label column {label!r} has no value; "
            "fill it or remove the row."
        )
    return field.strip()


def _build_field_error(
    path: Path, row: int, names: Sequence[str], fields: Sequence[str]
) -> ValueError:
    """Build the error for the first field of a row that is not a number."""
    position = next(i for i, field in enumerate(fields) if not _is_number(field))
    if _is_missing(fields[position]):
        return _build_missing_value_error(path, row, names[position])
    return ValueError(
        f"{path}, row {row}, column {names[position]!r}: {fields[position]!r} is not a number; "
        "encode or remove the column, or name it as the label."
    )


def _build_missing_value_error(path: Path, row: int, column: str) -> ValueError:
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


def _convert_labels(labels: np.ndarray) -> np.ndarray:
    """Convert labels to integers if all of them are, else leave them strings."""
    try:
        return labels.astype(np.int64)
    except ValueError:
        return labels


def _load_parquet(path: Path, label: str | None, columns: Sequence[str] | None) -> Table:
    frame = _read_parquet(path)
    frame.columns = list(map(str, frame.columns))
    names = _select_columns(list(frame.columns), path, label, columns)
    for name in names:
        _check_numeric(frame[name], path, name)
    X = frame[names].to_numpy(dtype=np.float64, na_value=np.nan)
    if label is None:
        return Table(X, None, names)
    missing = np.flatnonzero(frame[label].isna())
    if missing.size:
        _parse_label("", path, int(missing[0]) + 1, label)
    return Table(X, _convert_labels(frame[label].astype(str).to_numpy(dtype=str)), names)


def _read_parquet(path: Path) -> Any:
    try:
        import pandas as pd
        import pyarrow
    except ImportError as error:
        raise ImportError(
            f"{path}: reading Parquet needs pandas and pyarrow; pip install 'skdec[tables]'."
        ) from error
    try:
        return pd.read_parquet(path, engine="pyarrow")
    except (pyarrow.ArrowInvalid, pyarrow.ArrowNotImplementedError) as error:
        raise ValueError(f"{path} is not a Parquet file that can be read.") from error


def _check_numeric(column: Any, path: Path, name: str) -> None:
    if column.dtype.kind in "biuf":
        return
    for row, value in enumerate(column, start=1):
        if not _is_number(str(value)) and not _is_missing(str(value)):
            raise _build_field_error(path, row, [name], [str(value)])
    raise ValueError(f"{path}, column {name!r} is of type {column.dtype}; make it numeric.")


def _load_npy(path: Path) -> Table:
    try:
        X = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(
            f"{path} is not a complete .npy file of a plain array; write it again with numpy.save."
        ) from error
    _check_matrix(X, path)
    return Table(X, None, None)


def _load_npz(path: Path) -> Table:
    arrays = read_npz(path)
    if set(KERAS_KEYS) <= set(arrays):
        return Table(*load_keras_archive(path), feature_names=None)
    key = next((key for key in ("X", "x") if key in arrays), None)
    if key is None and len(arrays) == 1:
        key = next(iter(arrays))
    if key is None:
        raise ValueError(
            f"{path} has the arrays {_format_names(sorted(arrays))}; needed are X and optionally "
            f"y, or {', '.join(KERAS_KEYS)}."
        )
    X, y = arrays[key], arrays.get("y")
    _check_matrix(X, path)
    if y is not None and y.shape != X.shape[:1]:
        raise ValueError(f"{path}: y has shape {y.shape}, but X has {len(X)} samples.")
    return Table(X, y, None)


def _check_matrix(X: np.ndarray, path: Path) -> None:
    if X.ndim != 2 or X.dtype.kind not in "biuf":
        raise ValueError(
            f"{path} has an array of shape {X.shape} and dtype {X.dtype}; an array of numbers, "
            "(n_samples, n_features), is needed."
        )


def _check_not_empty(table: Table, path: Path) -> None:
    if table.X.shape[0] == 0:
        raise ValueError(f"{path} has column names but no rows.")
    if table.X.shape[1] == 0:
        raise ValueError(f"{path} has rows but no columns.")


def _check_finite(table: Table, path: Path) -> None:
    """Check block by block, so that a memory map is never loaded as a whole."""
    for start in range(0, len(table.X), ROWS_PER_CHECK):
        invalid = np.argwhere(~np.isfinite(table.X[start : start + ROWS_PER_CHECK]))
        if not invalid.size:
            continue
        row, column = start + int(invalid[0, 0]), int(invalid[0, 1])
        name = str(column) if table.feature_names is None else table.feature_names[column]
        if np.isnan(table.X[row, column]):
            raise _build_missing_value_error(path, row + 1, name)
        raise ValueError(f"{path}, row {row + 1}, column {name!r}: the value is infinite.")
