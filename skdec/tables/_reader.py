"""Read a table from a CSV, Parquet, Excel or NumPy file, or from standard input, in chunks.

No file is ever unpickled. pandas is imported by the functions that need it, so that a file that
does not exist is refused without delay.
"""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

import numpy as np

from skdec._utils.progress import open_bar
from skdec.datasets import (
    KERAS_KEYS,
    load_digits,
    load_fashion_mnist,
    load_keras_archive,
    load_mnist,
    read_npz,
)
from skdec.tables._csv import (
    CsvFormat,
    Watched,
    detect_format,
    find_ragged_rows,
    is_missing,
    open_text,
)

if TYPE_CHECKING:
    import pandas as pd

DATASETS = {"digits": load_digits, "mnist": load_mnist, "fashion_mnist": load_fashion_mnist}
STANDARD_INPUT = "-"

_CSV_SUFFIXES = (".csv", ".tsv", ".txt", ".gz")
_EXCEL_SUFFIXES = (".xlsx", ".xls", ".ods")
_SUFFIXES = (*_CSV_SUFFIXES, ".parquet", *_EXCEL_SUFFIXES, ".npy", ".npz")

_ROWS_PER_CHUNK = 16_384
# Files that are read faster than one can look need no progress bar.
_MEGABYTE = 2**20
_MIN_BYTES_SHOWN = 64 * _MEGABYTE
_BUFFER_BYTES = 2**20
# A larger copy of standard input is in a file.
_MAX_COPY_IN_MEMORY = 2**26
_MAX_FAULTS = 8
_MAX_NAMES = 20
# Names of the first column with which pandas and others write the names of rows.
_INDEX_NAMES = ("", "Unnamed: 0")
# The column of values beyond the last one that has a name.
_SURPLUS = "\0surplus"


@dataclass(frozen=True)
class Columns:
    """Which columns of a table are what.

    Attributes
    ----------
    label : str or None
        The classes, for evaluation.
    id : str or None
        What identifies a row in the output.
    only : sequence of str or None
        The features, in this order; all other columns by default.
    drop : collection of str
        Columns to leave out.
    as_text : collection of str
        Columns whose digits are no numbers.
    as_number : collection of str
        Columns whose numbers are to be read as such, also where there are words among them.
    """

    label: str | None = None
    id: str | None = None
    only: Sequence[str] | None = None
    drop: Collection[str] = ()
    as_text: Collection[str] = field(default=(), repr=False)
    as_number: Collection[str] = field(default=(), repr=False)


class Table(NamedTuple):
    """Rows of a table.

    `X` is a data frame, or an array where columns have no names. `y` are the labels or None, `ids`
    what identifies each row: a Series of a column or index, or else a range from 0. `unused` are
    the columns that are in none of these.
    """

    X: Any
    y: np.ndarray | None
    ids: pd.Series
    unused: tuple[str, ...] = ()


class Faults:
    """Faults of a file, raised together."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._faults: list[tuple[int, str]] = []

    def add(self, row: int, text: str) -> None:
        """Add a fault of a row, counted from 1."""
        self._faults.append((row, f"row {row}{text}"))

    def raise_if_any(self, advice: str) -> None:
        """Raise a ValueError with the first faults, in the order of the rows."""
        if self._faults:
            shown = [text for _, text in sorted(self._faults)[:_MAX_FAULTS]]
            n_more = len(self._faults) - len(shown)
            more = f"; and {n_more:,} more" if n_more else ""
            raise ValueError(f"{self._path}, {'; '.join(shown)}{more}. {advice}")


def has_named_columns(data: str) -> bool:
    """Whether the columns of a table have names, which those of an array have not."""
    return data not in DATASETS and _get_suffix(data) not in (".npy", ".npz")


def check_data(data: str) -> None:
    """Raise an OSError or ValueError unless `data` may be a table, without reading it."""
    if data in DATASETS or data == STANDARD_INPUT:
        return
    path = Path(data).expanduser()
    if path.is_dir():
        raise IsADirectoryError(f"{data} is a directory; name a file in it.")
    if not path.exists():
        raise FileNotFoundError(f"{data} does not exist; check the name.")
    if path.suffix.lower() not in _SUFFIXES:
        raise ValueError(
            f"{data} ends in {path.suffix!r}; {', '.join(_SUFFIXES)} can be read, and - is CSV "
            "from standard input."
        )


def load_table(data: str, columns: Columns = Columns()) -> Table:
    """Load a built-in data set or a file as a whole.

    Parameters
    ----------
    data : str
        A file, ``-`` for standard input, or a name of `DATASETS`. The separator of a CSV file,
        its encoding, decimal comma, thousands separators and comments before the header are
        detected. If its first line has only numbers (other than 0, 1, 2, ...), it is a row, and
        the columns are named x0, x1 and so on. A first column without a name is the index. A
        ``.npz`` file has the layout of Keras' ``mnist.npz`` (bytes are scaled to numbers from 0 to
        1), or an array ``X`` (or ``x``) and optionally ``y``, or one array.
    columns : Columns
        The columns to read.

    Returns
    -------
    Table
        `X` is a data frame, or an array from NumPy's files: a read-only memory map from ``.npy``.

    Raises
    ------
    OSError
        If there is no such file.
    ValueError
        If the file is empty, damaged, of another kind or without a column asked for, or rows have
        too many or too few fields or no label; the message has all faults.
    """
    check_data(data)
    if not has_named_columns(data):
        return _load_arrays(data, columns)
    import pandas as pd

    # At once, because pandas decides in each chunk anew whether a column has numbers or words.
    tables = list(iterate_table(data, columns, at_once=True))
    X = pd.concat([table.X for table in tables], ignore_index=True)
    y = None
    if columns.label is not None:
        y = _convert_labels(np.concatenate([table.y for table in tables]))
    ids = pd.concat([table.ids for table in tables], ignore_index=True)
    return Table(X, y, ids, tables[0].unused)


def iterate_table(
    data: str, columns: Columns = Columns(), *, at_once: bool = False
) -> Iterator[Table]:
    """Iterate over the rows of a table in chunks, of which only one is in memory.

    Parameters and errors are those of `load_table`. Faults are raised by the chunk that has them.
    A CSV file read `at_once` is one chunk.
    """
    check_data(data)
    if not has_named_columns(data):
        table = _load_arrays(data, columns)
        for start in range(0, table.X.shape[0], _ROWS_PER_CHUNK):
            rows = slice(start, start + _ROWS_PER_CHUNK)
            y = None if table.y is None else table.y[rows]
            yield Table(table.X[rows], y, table.ids[rows])
        return
    with closing(_iterate_frames(data, columns, at_once)) as frames:
        n_rows = 0
        for frame in frames:
            table = _select_columns(frame, data, columns, n_rows)
            if len(frame):
                yield table
            n_rows += len(frame)
    if not n_rows:
        raise ValueError(f"{data} has column names but no rows.")


def to_numbers(X: pd.DataFrame, data: str, n_before: int = 0) -> pd.DataFrame:
    """Return a data frame of finite numbers, or raise with all values that are none.

    `X` begins after `n_before` rows of the table.
    """
    import pandas as pd

    faults = Faults(data)
    numbers = {}
    for name in X.columns:
        numbers[name] = pd.to_numeric(X[name], errors="coerce").astype(np.float64)
        for row in np.flatnonzero(~np.isfinite(numbers[name])):
            value = X[name].iloc[row]
            if pd.isna(value) or is_missing(str(value)):
                what = "the value is missing"
            elif np.isinf(numbers[name].iloc[row]):
                what = "the value is infinite"
            else:
                what = f"{str(value)[:40]!r} is not a number"
            faults.add(n_before + int(row) + 1, f", column {name!r}: {what}")
    faults.raise_if_any(
        "Leave such columns out (--drop), name the one with the classes (--label), or have the "
        "table prepared (--prepare auto, without --scale)."
    )
    return pd.DataFrame(numbers, index=X.index)


def _get_suffix(data: str) -> str:
    return Path(data).suffix.lower()


def _iterate_frames(data: str, columns: Columns, at_once: bool) -> Any:
    """Return a generator of data frames with all columns of a file."""
    suffix = _get_suffix(data)
    if suffix in _EXCEL_SUFFIXES:
        return _read_excel(data)
    if suffix == ".parquet":
        return _read_parquet(data)
    return _read_csv(data, columns, sys.maxsize if at_once else _ROWS_PER_CHUNK)


def _read_csv(data: str, columns: Columns, rows_per_chunk: int) -> Iterator[pd.DataFrame]:
    with ExitStack() as stack:
        path = None if data == STANDARD_INPUT else Path(data).expanduser()
        file: Any
        if path is None:  # which cannot be read again
            file = stack.enter_context(SpooledTemporaryFile(max_size=_MAX_COPY_IN_MEMORY))
            shutil.copyfileobj(sys.stdin.buffer, file)
        else:
            file = stack.enter_context(path.open("rb"))
        try:
            with _open_csv(file, path, "check") as text:
                format_ = detect_format(text, columns.as_number)
        except (ValueError, EOFError, OSError) as error:
            raise ValueError(f"{data} cannot be read: {error}.") from error
        _check_names(format_.names, data)
        has_gaps = False
        try:
            with _open_csv(file, path, "read") as text:
                for frame in _parse_csv(text, columns, format_, rows_per_chunk):
                    has_gaps |= bool(frame.iloc[:, -1].isna().any())
                    yield frame
        except (ValueError, EOFError, OSError, OverflowError) as error:
            _check_widths(file, data, format_)
            raise ValueError(f"{data} cannot be read: {error}.") from error
        if has_gaps:
            _check_widths(file, data, format_)  # pandas fills rows that are too short


@contextmanager
def _open_csv(file: Any, path: Path | None, activity: str) -> Iterator[TextIO]:
    """Yield the text of a file from its beginning, and show how far it is read."""
    file.seek(0)
    n_bytes = 0 if path is None else path.stat().st_size  # not known of standard input
    n_megabytes = n_bytes // _MEGABYTE if n_bytes >= _MIN_BYTES_SHOWN else 0
    with open_bar(activity, n_megabytes, "MB") as bar:
        n_read = 0

        def report() -> None:
            nonlocal n_read
            n_more = file.tell() // _MEGABYTE - n_read
            if n_more > 0:  # not when it is read again
                bar.advance(n_more)
                n_read += n_more

        yield open_text(io.BufferedReader(Watched(file, report), _BUFFER_BYTES))


def _parse_csv(
    text: TextIO, columns: Columns, format_: CsvFormat, rows_per_chunk: int
) -> Iterator[pd.DataFrame]:
    """Parse the rows; those with too many values are an error, those with too few get gaps."""
    import pandas as pd

    names = list(format_.names)
    as_text = {*columns.as_text, columns.label, columns.id, *format_.texts}
    for _ in range(format_.n_skipped):
        text.readline()
    try:
        with pd.read_csv(
            text,
            header=None,
            names=[*names, _SURPLUS],
            index_col=False,
            sep=format_.separator,
            decimal=format_.decimal,
            thousands=format_.thousands,
            dtype={name: str for name in names if name in as_text},
            converters={_SURPLUS: bool},  # also what stands for a missing value is too much
            na_values=["?"],
            skipinitialspace=True,
            low_memory=False,
            chunksize=rows_per_chunk,
        ) as chunks:
            for frame in chunks:
                if frame.pop(_SURPLUS).eq(True).any():
                    raise ValueError("rows have more values than there are columns")
                for name in frame.columns.intersection(columns.as_number):
                    if pd.api.types.is_string_dtype(frame[name]):
                        frame[name] = frame[name].map(format_.use_point, na_action="ignore")
                yield frame
    except pd.errors.EmptyDataError:
        yield pd.DataFrame(columns=names)


def _check_widths(file: Any, data: str, format_: CsvFormat) -> None:
    """Raise for all rows with more or fewer fields than there are columns."""
    faults = Faults("standard input" if data == STANDARD_INPUT else data)
    file.seek(0)
    text = open_text(io.BufferedReader(Watched(file, lambda: None)))
    for row, n_fields in find_ragged_rows(text, format_):
        faults.add(row, f": {n_fields} values, but there are {len(format_.names)} columns")
    faults.raise_if_any("Each row needs a value, or nothing between separators, for each column.")


def _read_excel(data: str) -> Iterator[pd.DataFrame]:
    import pandas as pd

    try:
        frame = pd.read_excel(Path(data).expanduser(), na_values=["?"])
    except ImportError as error:
        raise ValueError(f"{data} needs a further package: {error}") from error
    except Exception as error:  # the engines raise errors of a dozen kinds for damaged files
        raise ValueError(f"{data} is not an Excel file that can be read ({error}).") from error
    frame.columns = frame.columns.map(str)
    yield frame


def _read_parquet(data: str) -> Iterator[pd.DataFrame]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ValueError(
            f"{data}: reading Parquet needs pyarrow: run pip install '.[tables]' in a clone of "
            "skdec."
        ) from error
    try:
        file = pyarrow.parquet.ParquetFile(Path(data).expanduser())
        for batch in file.iter_batches(_ROWS_PER_CHUNK):
            frame = batch.to_pandas()
            frame.columns = frame.columns.map(str)
            yield frame
        if not file.metadata.num_rows:
            yield file.schema_arrow.empty_table().to_pandas()
    except (pyarrow.ArrowInvalid, pyarrow.ArrowNotImplementedError, OSError) as error:
        raise ValueError(f"{data} is not a Parquet file that can be read.") from error


def _select_columns(frame: pd.DataFrame, data: str, columns: Columns, n_before: int) -> Table:
    """Split the columns of a chunk, which begins after `n_before` rows."""
    import pandas as pd

    frame.index = frame.index if _has_index(frame) else pd.RangeIndex(len(frame)) + n_before
    if len(frame.columns) and frame.columns[0] in _INDEX_NAMES:
        frame = frame.set_index(frame.columns[0])
    names = list(frame.columns)
    special = [name for name in (columns.label, columns.id) if name is not None]
    only = names if columns.only is None else list(columns.only)
    _check_exist([*special, *columns.drop, *(columns.only or [])], names, data)
    left_out = {columns.label, *columns.drop}
    if columns.only is None:
        left_out.add(columns.id)
    features = [name for name in only if name not in left_out]
    if not features:
        raise ValueError(f"{data} has no column besides {', '.join(map(repr, names))}.")
    y = None
    if columns.label is not None:
        y = _get_labels(frame[columns.label], data, n_before)
    ids = frame.index.to_series(name="index") if columns.id is None else frame[columns.id]
    unused = tuple(name for name in names if name not in {*features, *special, *columns.drop})
    return Table(frame[features], y, ids, unused)


def _has_index(frame: pd.DataFrame) -> bool:
    """Whether the file itself has an index, which Parquet keeps."""
    return type(frame.index).__name__ != "RangeIndex"


def _check_names(names: Sequence[str], data: str) -> None:
    repeated = sorted({name for name in names if list(names).count(name) > 1})
    if repeated:
        raise ValueError(
            f"{data} has the columns {_format_names(repeated)} more than once; rename them."
        )


def _check_exist(requested: Sequence[str], names: Sequence[str], data: str) -> None:
    absent = [name for name in requested if name not in names]
    if absent:
        columns = "column" if len(absent) == 1 else "columns"
        raise ValueError(
            f"{data} has no {columns} {_format_names(absent)}; it has {_format_names(names)}."
        )


def _format_names(names: Sequence[str]) -> str:
    dots = ", ..." if len(names) > _MAX_NAMES else ""
    return ", ".join(map(repr, names[:_MAX_NAMES])) + dots


def _get_labels(column: pd.Series, data: str, n_before: int) -> np.ndarray:
    faults = Faults(data)
    for row in np.flatnonzero(column.isna()).tolist():
        faults.add(n_before + row + 1, f": the label column {column.name!r} has no value")
    faults.raise_if_any("Fill it or remove the row.")
    return column.astype(str).str.strip().to_numpy(dtype=str)


def _convert_labels(labels: np.ndarray) -> np.ndarray:
    """Convert labels to integers if all of them are written as such; 007 and 1_000 are not."""
    try:
        integers = labels.astype(np.int64)
    except (ValueError, OverflowError):
        return labels
    return integers if (integers.astype(str) == labels).all() else labels


def _load_arrays(data: str, columns: Columns) -> Table:
    import pandas as pd

    if columns != Columns():
        raise ValueError(
            f"{data} has no named columns; leave out --label, --id, --columns and --drop."
        )
    X, y = DATASETS[data]() if data in DATASETS else _load_file_of_arrays(Path(data).expanduser())
    _check_matrix(X, data)
    if y is not None and y.shape != X.shape[:1]:
        raise ValueError(f"{data}: y has shape {y.shape}, but X has {len(X)} samples.")
    return Table(X, y, pd.RangeIndex(len(X)).to_series(name="index"))


def _load_file_of_arrays(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    if path.suffix.lower() == ".npy":
        try:
            return np.load(path, mmap_mode="r", allow_pickle=False), None
        except (ValueError, EOFError) as error:
            raise ValueError(
                f"{path} is not a complete .npy file of a plain array; write it again with "
                "numpy.save."
            ) from error
    arrays = read_npz(path)
    if set(KERAS_KEYS) <= set(arrays):
        return load_keras_archive(path)
    key = next((key for key in ("X", "x") if key in arrays), None)
    if key is None and len(arrays) == 1:
        key = next(iter(arrays))
    if key is None:
        raise ValueError(
            f"{path} has the arrays {_format_names(sorted(arrays))}; needed are X and optionally "
            f"y, or {', '.join(KERAS_KEYS)}."
        )
    return arrays[key], arrays.get("y")


def _check_matrix(X: np.ndarray, data: str) -> None:
    """Raise unless `X` is a matrix of finite numbers, of which only a part is in memory."""
    if X.ndim != 2 or X.dtype.kind not in "biuf":
        raise ValueError(
            f"{data} has an array of shape {X.shape} and dtype {X.dtype}; an array of numbers, "
            "(n_samples, n_features), is needed."
        )
    if 0 in X.shape:
        raise ValueError(f"{data} has an array of shape {X.shape}: no samples or no features.")
    faults = Faults(data)
    for start in _iterate_starts(X):
        block = X[start : start + _ROWS_PER_CHUNK]
        for row, column in np.argwhere(~np.isfinite(block)).tolist():
            what = "missing" if np.isnan(block[row, column]) else "infinite"
            faults.add(start + row + 1, f", column '{column}': the value is {what}")
    faults.raise_if_any("Impute them, or remove the rows.")


def _iterate_starts(X: np.ndarray) -> Iterable[int]:
    return range(0, len(X), _ROWS_PER_CHUNK)
