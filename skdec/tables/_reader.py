"""Read a table from a file of any common kind, or from standard input, in chunks.

The fields of a text file stay text: what they mean is for the preparer to decide. No file is ever
unpickled. pandas is imported by the functions that need it, so that a file that does not exist is
refused without delay.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import os
import re
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, TextIO

import numpy as np

from skdec._utils.process import warn_user
from skdec._utils.terminal import join_first, open_bar
from skdec.datasets import (
    KERAS_KEYS,
    find_images,
    iterate_images,
    load_digits,
    load_fashion_mnist,
    load_keras_archive,
    load_mnist,
    read_npz,
)

if TYPE_CHECKING:
    import pandas as pd

    # Rows of a file, and what was left out or joined.
    Chunks = Iterator[tuple[pd.DataFrame, tuple[str, ...]]]

DATASETS = {"digits": load_digits, "mnist": load_mnist, "fashion_mnist": load_fashion_mnist}
STANDARD_INPUT = "-"
FOLDER = "folder"  # the label of images

_ROWS_PER_CHUNK = 16_384
# Files that are read faster than one can look need no progress bar.
_MEGABYTE = 2**20
_MIN_BYTES_SHOWN = 64 * _MEGABYTE
_BUFFER_BYTES = 2**20
_MAX_FAULTS = 8
_MAX_NAMES = 20
# Names of the first column with which pandas and others write the names of rows.
_INDEX_NAMES = ("", "Unnamed: 0")

# Separator and header are detected in the beginning of a text.
_HEAD_LENGTH = 2**18
_MIN_LINES = 10  # of a text with long lines
_SEPARATORS = ",;\t|"
_COMMENTS = ("#", "//")
_SEPARATOR_LINE = re.compile("sep=(.)", re.I)
_GZIP = b"\x1f\x8b"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_YEAR = re.compile(r"(19|20)\d\d")
_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}\b.*")
# The first cell of a line that is no sample.
_TOTALS = re.compile(
    r"(grand |sub-?)?totals?\b.*|sums?|averages?|avg\.?|means?|medians?|summe|gesamt\w*|mittelwert"
    r"|durchschnitt|moyenne|somme|totale|totaal|media|suma|promedio|Σ|Ø",
    re.I,
)
_SUBTOTALS = re.compile(r"sub-?totals?\b.*|zwischensumme|sous-total|subtotaal", re.I)
_NOTE = re.compile(r"([*†‡]|notes?:|sources?:).*", re.I | re.S)
_MAX_LINES_AT_END = 5
_MIN_ROWS_BEFORE_TOTALS, _MAX_ROWS_BEFORE_TOTALS = 10, 100_000
_MAX_COLUMNS_WITH_TOTALS = 500

csv.field_size_limit(2**31 - 1)  # a long text is no error


@dataclass(frozen=True)
class Columns:
    """Which part of a file, and which of its columns, are what.

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
    part : str or None
        The sheet, array or table to read; the only one by default.
    image_shape : tuple of int or None
        The shape that images are brought to; that of most of them by default.
    """

    label: str | None = None
    id: str | None = None
    only: Sequence[str] | None = None
    drop: Collection[str] = ()
    part: str | None = None
    image_shape: tuple[int, ...] | None = None


class Table(NamedTuple):
    """Rows of a table.

    `X` is a data frame, or an array where columns have no names. `y` are the labels or None, `ids`
    what identifies each row: a Series of a column or index, or else a range from 0. `unused` are
    the columns that are in none of these, `notes` say what was left out or joined.
    """

    X: Any
    y: np.ndarray | None
    ids: pd.Series
    unused: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def has_named_columns(data: str) -> bool:
    """Whether the columns of a table have names, which those of an array have not."""
    is_array = _get_suffix(data) in _ARRAY_READERS
    return data not in DATASETS and not is_array and not Path(data).expanduser().is_dir()


def check_data(data: str) -> None:
    """Raise an OSError or ValueError unless `data` may be a table, without reading it."""
    if data in DATASETS or data == STANDARD_INPUT:
        return
    path = Path(data).expanduser()
    if path.is_dir():
        if not find_images(path):
            raise IsADirectoryError(f"{data} is a directory without images; name a file in it.")
        return
    if not path.exists():
        raise FileNotFoundError(f"{data} does not exist; check the name.")
    suffix = _get_suffix(data)
    if suffix not in _FRAME_READERS and suffix not in _ARRAY_READERS:
        raise ValueError(
            f"{data} ends in {path.suffix!r}; {', '.join([*_FRAME_READERS, *_ARRAY_READERS])} can "
            "be read."
        )


def load_table(data: str, columns: Columns = Columns()) -> Table:
    """Load a table.

    Parameters
    ----------
    data : str
        "digits", "mnist", "fashion_mnist", "-" for text from standard input, the path of a folder
        of images, or that of a file: ``.csv``, ``.tsv``, ``.txt``, ``.gz`` of these, ``.xlsx``,
        ``.parquet``, ``.feather``, ``.json``, ``.jsonl``, ``.arff``, ``.sqlite``, ``.npy``,
        ``.npz``, ``.mat`` or ``.h5ad``. An ``.npz`` file has the layout of Keras' ``mnist.npz``
        (bytes are scaled to numbers from 0 to 1), or an array ``X`` (or ``x``) and optionally
        ``y``, or one array.
    columns : Columns
        What to read.

    Returns
    -------
    Table
        `X` is a data frame, of text where the file is one, or an array: a read-only memory map
        from ``.npy``.

    Raises
    ------
    OSError
        If there is no such file.
    ValueError
        If the file is empty, damaged, of another kind or without a column asked for, or rows have
        too many or too few fields or no label; the message has all faults.
    """
    table = concatenate_tables(list(iterate_table(data, columns)))
    return table if table.y is None else table._replace(y=_convert_labels(table.y))


def concatenate_tables(tables: Sequence[Table]) -> Table:
    """Return the rows of all chunks of a table."""
    import pandas as pd

    first = tables[0]
    if len(tables) == 1:
        return first
    parts = [table.X for table in tables]
    X = pd.concat(parts) if isinstance(first.X, pd.DataFrame) else np.concatenate(parts)
    y = None if first.y is None else np.concatenate([table.y for table in tables])
    ids = pd.concat([table.ids for table in tables], ignore_index=True)
    notes = tuple(note for table in tables for note in table.notes)
    return Table(X, y, ids, first.unused, notes)


def iterate_table(data: str, columns: Columns = Columns()) -> Iterator[Table]:
    """Iterate over the rows of a table in chunks, of which only two are in memory.

    Parameters and errors are those of `load_table`. Faults are raised by the chunk that has them.
    """
    check_data(data)
    if Path(data).expanduser().is_dir() and data not in DATASETS:
        yield from _iterate_folder(data, columns)
        return
    if not has_named_columns(data):
        yield _load_arrays(data, columns)
        return
    suffix = ".csv" if data == STANDARD_INPUT else _get_suffix(data)
    with closing(_FRAME_READERS[suffix](data, columns.part)) as chunks:
        n_rows = 0
        for frame, notes in chunks:
            table = _select_columns(frame, data, columns, n_rows)
            if len(frame):
                yield table._replace(notes=notes)
            n_rows += len(frame)
    if not n_rows:
        raise ValueError(f"{data} has column names but no rows.")


def _get_suffix(data: str) -> str:
    return Path(data).suffix.lower()


# Text


def _read_text(data: str, part: str | None) -> Chunks:
    """Read a text file, each field as text, and show how far it is read."""
    is_file = data != STANDARD_INPUT
    name = data if is_file else "standard input"
    try:
        with _open_file(data) if is_file else nullcontext(sys.stdin.buffer) as file:
            n_bytes = os.fstat(file.fileno()).st_size if is_file else 0
            n_megabytes = n_bytes // _MEGABYTE if n_bytes >= _MIN_BYTES_SHOWN else 0
            with open_bar("read", n_megabytes, "MB") as bar:
                n_read = 0
                for chunk in _read_lines(_decode(file), name):
                    if n_megabytes:  # the position in standard input is not known
                        n_before, n_read = n_read, file.tell() // _MEGABYTE
                        bar.advance(n_read - n_before)
                    yield chunk
    except (EOFError, OSError, csv.Error, UnicodeError, zlib.error) as error:
        raise ValueError(f"{name} cannot be read: {error}.") from error


def _read_lines(text: TextIO, data: str) -> Chunks:
    """Read the lines of a text, which is never read twice, as chunks of fields."""
    head = text.read(_HEAD_LENGTH)
    is_cut = len(head) == _HEAD_LENGTH
    head += "".join(text.readline() for _ in range(_MIN_LINES))
    beginning = io.StringIO(head, newline="")
    n_lines, separators = _skip_comments(beginning, data)
    start = beginning.tell()
    rows, separator = _split(beginning, separators, data, is_cut=is_cut)
    header = _find_header(rows, data)
    beginning.seek(start)
    reader = csv.reader(chain(beginning, text), delimiter=separator, skipinitialspace=True)
    numbered = (
        (reader.line_num + n_lines, fields)
        for fields in reader
        if fields
        and (fields[0].strip() or any(map(str.strip, fields)))
        and not fields[0].startswith(_COMMENTS)
    )
    yield from _build_frames(islice(numbered, header.n_rows, None), header, data, "line")


def _open_file(data: str) -> BinaryIO:
    return Path(data).expanduser().open("rb", buffering=_BUFFER_BYTES)


def _decode(stream: Any) -> TextIO:
    """Return a buffered stream of bytes as text; gzip is decompressed.

    The text is UTF-8 or UTF-16; bytes that are neither are read as Windows-1252, with a warning.
    """
    if stream.peek(2).startswith(_GZIP):
        stream = io.BufferedReader(gzip.GzipFile(fileobj=stream))
    head = stream.peek()
    encoding = "utf-8-sig"
    if head.startswith(_UTF_16):
        encoding = "utf-16"
    elif b"\0" in head:
        zeros = np.frombuffer(head[: len(head) // 2 * 2], np.uint8).reshape(-1, 2) == 0
        if zeros[:, 1].mean() <= 0.5 or zeros[:, 0].any():
            raise OSError("it is not text")
        encoding = "utf-16-le"
    errors = "skdec.windows-1252" if encoding == "utf-8-sig" else "strict"
    return io.TextIOWrapper(stream, encoding, errors=errors, newline="")


def _decode_windows_1252(error: Any) -> tuple[str, int]:
    """Decode the bytes that are no UTF-8, as an error handler of `codecs`."""
    warn_user("Bytes that are not UTF-8 are read as Windows-1252 (Latin-1).")
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


codecs.register_error("skdec.windows-1252", _decode_windows_1252)


def _skip_comments(text: TextIO, data: str) -> tuple[int, str]:
    """Skip comments, blank lines and Excel's `sep=;`; return their number and the separators."""
    n_skipped, separators = 0, _SEPARATORS
    while True:
        position, line = text.tell(), text.readline()
        if not line:
            raise ValueError(
                f"{data} is empty; a line of column names and rows below it are needed."
            )
        given = _SEPARATOR_LINE.fullmatch(line.strip("\r\n"))
        if line.strip() and not line.startswith(_COMMENTS) and not given:
            text.seek(position)
            return n_skipped, separators
        n_skipped += 1
        separators = given[1] if given else separators


def _split(
    text: TextIO, separators: str, data: str, *, is_cut: bool
) -> tuple[list[list[str]], str]:
    """Return the rows that are not blank, by the separator that speaks most for itself.

    It gives most rows equal numbers of fields, and most fields a meaning as numbers.
    """
    from skdec.tables._cells import is_missing, is_number

    candidates = []
    start = text.tell()
    for separator in separators:
        text.seek(start)
        reader = csv.reader(text, delimiter=separator, skipinitialspace=True)
        rows = [fields for fields in reader if any(map(str.strip, fields))]
        if is_cut and len(rows) > 1:
            rows.pop()
        if not rows:
            raise ValueError(f"{data} has no rows.")
        width, n_equal = Counter(map(len, rows)).most_common(1)[0]
        fields = [field for row in rows[1:50] for field in row[:50]]
        n_known = sum(is_missing(field) or is_number(field) for field in fields)
        known = round(n_known / max(1, len(fields)), 1)
        candidates.append(((width > 1, n_equal / len(rows), known, width), rows, separator))
    score, rows, separator = max(candidates, key=lambda candidate: candidate[0])
    if separators == _SEPARATORS and not score[0]:  # columns may be aligned by spaces
        text.seek(start)
        aligned, _ = _split(text, " ", data, is_cut=is_cut)
        aligned = [row[:-1] if row[-1] == "" else row for row in aligned]
        n_numbers = sum(is_number(field) for row in aligned[1:50] for field in row)
        has_equal_rows = len(set(map(len, aligned))) == 1 < len(aligned[0])
        if has_equal_rows and n_numbers > len(aligned[1:50]) * (len(aligned[0]) - 1) / 2:
            return aligned, " "
    return rows, separator


# Header and footer, of text and of sheets


class _Header(NamedTuple):
    """Names of the columns, the rows up to the first of values, and what was made of them."""

    names: list[str]
    n_rows: int
    notes: tuple[str, ...]


def _find_header(rows: Sequence[Sequence[Any]], data: str) -> _Header:
    """Find the names of the columns, below title lines, in one line or in two."""
    cells = [[_to_text(cell) for cell in row] for row in rows]
    width = Counter(map(len, cells)).most_common(1)[0][0]
    first = 0
    while first < len(cells) - 2 and _is_title(cells[first], width, cells[first + 1]):
        first += 1
    notes = [f"left out above the names of the columns: {_shorten(row)}" for row in cells[:first]]
    names, below = cells[first], cells[first + 1 :]
    if not _is_header(names, below):
        return _Header([f"x{i}" for i in range(len(names))], first, tuple(notes))
    n_rows = first + 1
    if below and _is_second_header(names, below[0], below[1:21]):
        names = _join_headers(names, below.pop(0))
        notes.append(f"two lines of names are joined: {_format_names(names)}")
        n_rows += 1
    ends = [row[len(names) - 1 :] for row in below]
    width = Counter(map(len, ends)).most_common(1)[0][0] if ends else 0
    if width == 2 and any(end[-1] for end in ends if len(end) == 2):
        names = ["", *names]  # as R writes the names of rows
    elif len(names) > 1 and not names[-1] and not any(map(any, ends)):
        names = names[:-1]  # each line ends with a separator
    if names.count("") > 1:
        names = [name or f"x{i}" for i, name in enumerate(names)]
    repeated = sorted(name for name, n in Counter(names).items() if n > 1)
    if repeated:
        raise ValueError(
            f"{data} has columns more than once: {_format_names(repeated)}; rename them."
        )
    return _Header(names, n_rows, tuple(notes))


def _to_text(cell: Any) -> str:
    return "" if cell is None or cell != cell else str(cell).strip()


def _shorten(cells: Sequence[str]) -> str:
    return repr(", ".join(filter(None, cells))[:60])


def _is_title(cells: list[str], width: int, following: list[str]) -> bool:
    """Whether a line above a table has at most half of its fields filled, those on the left.

    R leaves out the first name, which is that of the names of rows.
    """
    from skdec.tables._cells import is_number

    n_filled = sum(map(bool, cells))
    is_left = all(cells[:n_filled])
    is_without_first = len(cells) == width - 1 and any(map(is_number, following))
    return width > 1 and 2 * n_filled <= width and is_left and not is_without_first


def _is_value(cell: str) -> bool:
    from skdec.tables._cells import is_missing, is_number

    return is_missing(cell) or is_number(cell) or _DATE.fullmatch(cell) is not None


def _is_header(names: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether the fields of the first line are names of columns, not values.

    Numbers are values, except for 0, 1, 2, ...: pandas names the columns of an array so. Names may
    be years, but no numbers with decimals.
    """
    counted = [str(position) for position in range(len(names))]
    if len(names) > 1 and list(names) in (counted, ["", *counted[:-1]]):
        return True
    has_decimals = any(_is_value(name) and re.search(r"\d[.,/:-]\d", name) for name in names)
    return not all(map(_is_value, names)) and not has_decimals


def _is_second_header(
    names: Sequence[str], second: Sequence[str], below: Sequence[Sequence[str]]
) -> bool:
    """Whether names stand in two lines: above at least two columns of numbers, no number but years.

    Years are names only where the names above are repeated, or written once for several columns.
    """
    from skdec.tables._cells import is_number

    if len(second) != len(names) or len(below) < 2:
        return False
    columns = [[row[i] for row in below if i < len(row) and row[i]] for i in range(len(names))]
    numeric = [
        i
        for i, column in enumerate(columns)
        if column and sum(map(is_number, column)) > 0.8 * len(column)
    ]
    has_repeated = len(set(names[1:])) < len(names) - 1 or names[0] in names[1:]
    given = [second[i] for i in numeric if second[i]]
    are_names = all(
        (has_repeated and _YEAR.fullmatch(name)) or not _is_value(name) for name in given
    )
    is_new = not any(cell in column for cell, column in zip(second, columns, strict=True) if cell)
    return len(numeric) > 1 and 2 * len(given) > len(numeric) and are_names and is_new


def _join_headers(names: Sequence[str], second: Sequence[str]) -> list[str]:
    joined, above = [], ""
    for name, below in zip(names, second, strict=True):
        above = name or above  # merged cells
        joined.append(f"{above} {below}".strip())
    return joined


def _build_frames(
    rows: Iterator[tuple[int, list[Any]]], header: _Header, data: str, place: str
) -> Chunks:
    """Build a data frame of each chunk of rows, without what is no sample.

    This is names again, subtotals, and notes and totals at the end. The index has the places of the
    rows in the file.
    """
    totals = _Totals()
    notes = header.notes
    no_samples: list[int] = []
    rows = _leave_out(rows, header.names, no_samples)
    chunk = list(islice(rows, _ROWS_PER_CHUNK))
    while True:
        following = list(islice(rows, _ROWS_PER_CHUNK))
        if len(following) <= min(_MAX_LINES_AT_END, _ROWS_PER_CHUNK - 1):  # all may be totals
            chunk, following = chunk + following, []
            while chunk and _is_note(chunk[-1][1], len(header.names)):
                notes = (*notes, f"left out at the end: {_shorten(chunk[-1][1])}")
                chunk.pop()
        frame = _build_frame(chunk, header.names, data, place)
        if not following:
            frame, what = totals.split(frame)
            if no_samples:
                which = join_first([str(number) for number in no_samples], _MAX_FAULTS)
                what.insert(
                    0, f"left out, as it repeats the names or has subtotals: {place} {which}"
                )
            yield frame, (*notes, *what)
            return
        totals.add(frame)
        yield frame, notes
        notes, chunk = (), following


def _leave_out(
    rows: Iterator[tuple[int, list[Any]]], names: Sequence[str], no_samples: list[int]
) -> Iterator[tuple[int, list[Any]]]:
    """Leave out rows that repeat the names of the columns or have subtotals, and list them."""
    first = {cell for cell in names if cell}
    for number, cells in rows:
        filled = next(filter(None, map(_to_text, cells)), "")
        is_names = filled in first and list(map(_to_text, cells)) == list(names)
        if is_names or _SUBTOTALS.fullmatch(filled):
            no_samples.append(number)
        else:
            yield number, cells


def _is_note(row: Sequence[Any], width: int) -> bool:
    """Whether a line at the end is a sentence, alone in its line."""
    cells = [_to_text(cell) for cell in row]
    is_sentence = len(cells[0].split()) > 1 and not _TOTALS.fullmatch(cells[0].rstrip(" :"))
    is_sentence = is_sentence and "\n" not in cells[0]  # else a quote is not closed
    is_short = len(cells) < width or width > 2 or _NOTE.fullmatch(cells[0]) is not None
    return width > 1 and not any(cells[1:]) and is_sentence and is_short


def _build_frame(
    rows: Sequence[tuple[int, list[Any]]], names: Sequence[str], data: str, place: str
) -> pd.DataFrame:
    """Build a data frame; raise a ValueError for all rows with too many or too few fields."""
    import pandas as pd

    n_columns, faults = len(names), []
    for line, fields in rows:
        while len(fields) > n_columns and not fields[-1]:
            fields.pop()  # a separator at the end
        if len(fields) != n_columns:
            faults.append(
                f"{place} {line}: {len(fields)} values, but there are {n_columns} columns"
            )
    _raise_faults(
        data, faults, "Each row needs a value, or nothing between separators, for each column."
    )
    index = pd.Index([line for line, _ in rows], name=place)
    is_text = place == "line"
    cells = [fields for _, fields in rows]
    frame = pd.DataFrame(cells, index, list(names), dtype="str" if is_text else object)
    return frame if is_text else frame.infer_objects()


class _Totals:
    """Sums of the columns of numbers, to find a line of totals or averages at the end."""

    def __init__(self) -> None:
        self._formats: dict[int, Any] | None = None
        self._n_rows = 0
        self._sums: Any = 0.0
        self._largest: Any = 0.0

    def add(self, frame: pd.DataFrame) -> None:
        """Add the rows of a chunk."""
        self._n_rows += len(frame)
        if self._n_rows > _MAX_ROWS_BEFORE_TOTALS:
            return
        values = self._parse(frame)
        self._sums = self._sums + values.sum()
        self._largest = np.maximum(self._largest, values.abs().max().fillna(0))

    def split(self, frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
        """Return the last chunk without totals, and what was left out."""
        n_kept = len(frame)
        while n_kept > 1 and _TOTALS.fullmatch(
            next(filter(None, map(_to_text, frame.iloc[n_kept - 1])), "").rstrip(" :")
        ):
            n_kept -= 1
        if n_kept == len(frame) and n_kept > 1:
            self.add(frame[:-1])
            n_kept -= self._is_total(frame[-1:])
        left_out = frame[n_kept:]
        return frame[:n_kept], [
            f"left out, as it has totals or averages: {frame.index.name} {line}, "
            f"{_shorten(list(map(_to_text, left_out.loc[line])))}"
            for line in left_out.index
        ]

    def _is_total(self, row: pd.DataFrame) -> bool:
        if not _MIN_ROWS_BEFORE_TOTALS <= self._n_rows <= _MAX_ROWS_BEFORE_TOTALS:
            return False
        last = self._parse(row).iloc[0]
        last = last[np.isfinite(last)]
        sums, is_larger = self._sums[last.index], last.abs() > self._largest[last.index]
        is_sum = is_larger.any() and np.isclose(last, sums, rtol=1e-3, atol=0).all()  # rounded
        is_mean = len(last) > 1 and np.isclose(last, sums / self._n_rows, rtol=1e-5).all()
        return bool(is_sum or is_mean)

    def _parse(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the values of the columns of numbers, understood from the first chunk."""
        import warnings

        import pandas as pd

        from skdec.tables._cells import understand

        if self._formats is None:
            self._formats = {}
            for i in range(frame.shape[1] if frame.shape[1] <= _MAX_COLUMNS_WITH_TOTALS else 0):
                try:
                    found = understand(frame.iloc[:, i])
                except ValueError:  # the preparer refuses it, unless it is dropped
                    continue
                if found.kind == "number":
                    self._formats[i] = found
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            columns = {i: found.parse(frame.iloc[:, i]) for i, found in self._formats.items()}
            return pd.DataFrame(columns, frame.index, dtype=np.float64)


# Other files of named columns


def _read_excel(data: str, part: str | None) -> Chunks:
    import pandas as pd

    try:
        sheets = pd.read_excel(
            Path(data).expanduser(), sheet_name=None, header=None, dtype=object, na_filter=False
        )
    except ImportError as error:
        raise ValueError(f"{data} needs a further package: {error}") from error
    except Exception as error:  # the engines raise errors of a dozen kinds for damaged files
        raise ValueError(f"{data} is not an Excel file that can be read ({error}).") from error
    filled = [name for name, sheet in sheets.items() if len(sheet) > 1] or list(sheets)
    largest = max(sheets[name].size for name in filled)  # others may explain it
    first = next(name for name in filled if 2 * sheets[name].size >= largest)
    name = _choose(part, list(sheets), data, "sheet") if part else first
    sheet = sheets[name].map(lambda cell: None if _to_text(cell) == "" else cell)
    sheet = sheet.dropna(axis=1, how="all").dropna(axis=0, how="all")
    if sheet.empty:
        raise ValueError(f"{data}, sheet {name!r} is empty.")
    rows = [list(row) for row in sheet.itertuples(index=False)]
    where = f"{data}, sheet {name!r}"
    header = _find_header(rows, where)
    if len(filled) > 1 and not part:
        others = _format_names([other for other in filled if other != name])
        note = f"read from the sheet {name!r}; there are {others} as well (--sheet)"
        header = header._replace(notes=(note, *header.notes))
    numbered = zip((int(i) + 1 for i in sheet.index), rows, strict=True)
    yield from _build_frames(islice(numbered, header.n_rows, None), header, where, "row")


def _read_arrow(data: str, part: str | None) -> Chunks:
    try:
        import pyarrow
        import pyarrow.dataset
    except ImportError as error:
        raise ValueError(
            f"{data}: reading Parquet and Feather needs pyarrow: run pip install '.[tables]' in a "
            "clone of skdec."
        ) from error
    kind = _get_suffix(data)[1:]
    try:
        file = pyarrow.dataset.dataset(Path(data).expanduser(), format=kind)
        for batch in file.to_batches(batch_size=_ROWS_PER_CHUNK, batch_readahead=1):
            yield batch.to_pandas(), ()
    except (pyarrow.ArrowInvalid, pyarrow.ArrowNotImplementedError, OSError) as error:
        raise ValueError(f"{data} is no {kind} file that can be read ({error}).") from error


def _read_json(data: str, part: str | None) -> Chunks:
    """Read a list of records, or one under a key, or columns by name, or what pandas writes."""
    try:
        with _open_file(data) as file:
            content = json.load(_decode(file))
        if isinstance(content, dict) and {"columns", "data"} <= content.keys():
            names, rows = content["columns"], content["data"]
            if all(isinstance(row, list) for row in rows):  # else two columns of these names
                content = [dict(zip(names, row, strict=True)) for row in rows]
    except (ValueError, TypeError, OSError) as error:
        raise ValueError(f"{data} is no JSON that can be read ({error}).") from error
    if isinstance(content, dict) and not all(isinstance(v, dict) for v in content.values()):
        lists = [key for key, value in content.items() if isinstance(value, list)]
        has_records = any(content[key] and isinstance(content[key][0], dict) for key in lists)
        if has_records or len(lists) < len(content):
            content = content[_choose(part, lists, data, "list of records")]
    yield _build_records(content, data), ()


def _read_json_lines(data: str, part: str | None) -> Chunks:
    with _open_file(data) as file:
        lines = ((i, line) for i, line in enumerate(_decode(file), start=1) if line.strip())
        while block := list(islice(lines, _ROWS_PER_CHUNK)):
            records = []
            for i, line in block:
                try:
                    records.append(json.loads(line))
                except ValueError as error:
                    raise ValueError(f"{data}, line {i} is no JSON ({error}).") from error
            yield _build_records(records, data), ()


def _build_records(content: Any, data: str) -> pd.DataFrame:
    """Return records as a data frame, the members of nested ones under joined names."""
    import pandas as pd

    if isinstance(content, dict):
        return pd.DataFrame(content)
    if not content or not all(isinstance(record, dict) for record in content):
        raise ValueError(
            f'{data} has no records: a list of objects such as [{{"income": 1}}] is needed.'
        )
    return pd.json_normalize(content)


def _read_arff(data: str, part: str | None) -> Chunks:
    """Read an ARFF file; nominal columns are categories."""
    import pandas as pd
    from scipy.io import arff

    try:
        with _open_file(data) as file:
            records, meta = arff.loadarff(_decode(file))
    except (ValueError, NotImplementedError, arff.ArffError, StopIteration) as error:
        raise ValueError(f"{data} is no ARFF file that can be read ({error}).") from error
    frame = pd.DataFrame(records)
    for name, kind in zip(meta.names(), meta.types(), strict=True):
        if kind == "nominal":
            words = frame[name].str.decode("utf-8").replace("?", None)
            frame[name] = words.astype("category")
    yield frame, ()


def _read_sqlite(data: str, part: str | None) -> Chunks:
    import sqlite3

    import pandas as pd

    path = Path(data).expanduser().resolve()
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        try:
            found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            name = _choose(part, [row[0] for row in found], data, "table").replace('"', '""')
            for frame in pd.read_sql_query(
                f'SELECT * FROM "{name}"', connection, chunksize=_ROWS_PER_CHUNK
            ):
                yield frame, ()
        except sqlite3.DatabaseError as error:
            raise ValueError(f"{data} is no SQLite file that can be read ({error}).") from error


def _choose(part: str | None, parts: Sequence[str], data: str, what: str) -> str:
    """Return the part that is asked for, or the only one."""
    if part in parts or (part is None and len(parts) == 1):
        return part or parts[0]
    given = f"has no {what} {part!r}" if part else f"has {len(parts)} of kind {what}"
    raise ValueError(f"{data} {given}; choose one by --key: {_format_names(parts)}.")


# Columns


def _select_columns(frame: pd.DataFrame, data: str, columns: Columns, n_before: int) -> Table:
    """Split the columns of a chunk, which begins after `n_before` rows."""
    import pandas as pd

    frame.columns = frame.columns.map(str)
    positions = pd.RangeIndex(len(frame)) + n_before
    ids = positions.to_series(name="index")
    if frame.index.name not in ("line", "row"):  # places in the file
        if type(frame.index).__name__ != "RangeIndex":  # Parquet keeps one
            ids = frame.index.to_series(name="index")
        frame.index = (positions + 1).rename("row")
    if len(frame.columns) and frame.columns[0] in _INDEX_NAMES:
        ids = frame.pop(frame.columns[0]).rename("index")
    names = list(frame.columns)
    special = [name for name in (columns.label, columns.id) if name is not None]
    only = names if columns.only is None else list(columns.only)
    asked_for = [*special, *columns.drop, *(columns.only or [])]
    absent = [name for name in asked_for if name not in names]
    if absent:
        plural = "s" * (len(absent) > 1)
        raise ValueError(
            f"{data} has no column{plural} {_format_names(absent)}; it has {_format_names(names)}."
        )
    left_out = {*columns.drop, *(special if columns.only is None else ())}
    features = [name for name in only if name not in left_out]
    if not features:
        raise ValueError(f"{data} has no column besides {_format_names(names)}.")
    y = None if columns.label is None else _get_labels(frame[columns.label], data)
    if columns.id is not None:
        ids = frame[columns.id]
    used = {*features, *special, *columns.drop}
    unused = tuple(name for name in names if name not in used)
    return Table(frame[features], y, ids.reset_index(drop=True), unused)


def _format_names(names: Sequence[str]) -> str:
    return join_first([repr(name) for name in names], _MAX_NAMES)


def _raise_faults(data: str, faults: Sequence[str], advice: str) -> None:
    """Raise a ValueError with the first faults, if there are any."""
    if faults:
        raise ValueError(f"{data}, {join_first(faults, _MAX_FAULTS, '; ')}. {advice}")


def _get_labels(column: pd.Series, data: str) -> np.ndarray:
    from skdec.tables._cells import is_missing, name_number

    labels = column.astype(object).where(column.notna(), "").map(name_number).str.strip()
    faults = [
        f"{column.index.name} {line}: the label column {column.name!r} has no value"
        for line, label in labels.items()
        if is_missing(label)
    ]
    _raise_faults(data, faults, "Fill it or remove the row.")
    return labels.to_numpy(dtype=str)


def _convert_labels(labels: np.ndarray) -> np.ndarray:
    """Convert labels to integers if all of them are written as such; 007 and 1_000 are not."""
    if labels.dtype.kind != "U":
        return labels
    try:
        integers = labels.astype(np.int64)
    except (ValueError, OverflowError):
        return labels
    return integers if (integers.astype(str) == labels).all() else labels


# Arrays


def _load_arrays(data: str, columns: Columns) -> Table:
    import pandas as pd

    asked_for = (columns.label, columns.id, columns.only, *columns.drop)
    if any(name is not None for name in asked_for):
        raise ValueError(
            f"{data} has no named columns; leave out --label, --id, --columns and --drop."
        )
    ids = None
    if data in DATASETS:
        X, y = DATASETS[data]()
    else:
        X, y, ids = _ARRAY_READERS[_get_suffix(data)](Path(data).expanduser(), columns.part)
    _check_matrix(X, data)
    if y is not None and y.shape != X.shape[:1]:
        raise ValueError(f"{data}: y has shape {y.shape}, but X has {len(X)} samples.")
    if ids is None:
        ids = pd.RangeIndex(len(X)).to_series(name="index")
    return Table(X, y, ids)


def _check_matrix(X: np.ndarray, data: str) -> None:
    """Raise a ValueError unless an array is a matrix of finite numbers."""
    if X.ndim != 2 or X.dtype.kind not in "biuf" or 0 in X.shape:
        raise ValueError(
            f"{data} has an array of shape {X.shape} and dtype {X.dtype}; an array of numbers, "
            "(n_samples, n_features), is needed."
        )
    faults = []
    for start in range(0, len(X), _ROWS_PER_CHUNK):
        block = X[start : start + _ROWS_PER_CHUNK]
        for row, column in np.argwhere(~np.isfinite(block)).tolist():
            what = "missing" if np.isnan(block[row, column]) else "infinite"
            faults.append(f"row {start + row + 1}, column '{column}': the value is {what}")
    _raise_faults(data, faults, "Impute them, or remove the rows.")


def _load_npy(path: Path, part: str | None) -> tuple[Any, Any, Any]:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False), None, None
    except (ValueError, EOFError) as error:
        raise ValueError(
            f"{path} is not a complete .npy file of a plain array; write it again with numpy.save."
        ) from error


def _load_npz(path: Path, part: str | None) -> tuple[Any, Any, Any]:
    arrays = read_npz(path)
    if part is None and set(KERAS_KEYS) <= set(arrays):
        return *load_keras_archive(path), None
    key = part or next((key for key in ("X", "x") if key in arrays), None)
    if key not in arrays and (part or len(arrays) != 1):
        raise ValueError(
            f"{path} has the arrays {_format_names(sorted(arrays))}; needed are X and optionally "
            f"y, or {', '.join(KERAS_KEYS)}; or choose one by --key."
        )
    return arrays[key or next(iter(arrays))], arrays.get("y"), None


def _load_mat(path: Path, part: str | None) -> tuple[Any, Any, Any]:
    from scipy.io import loadmat

    try:
        content = loadmat(path)
    except NotImplementedError as error:
        raise ValueError(f"{path} is of MATLAB 7.3; save it with the option -v7.") from error
    except Exception as error:  # SciPy raises errors of many kinds for damaged files
        raise ValueError(f"{path} is no .mat file that can be read ({error}).") from error
    arrays = {name: array for name, array in content.items() if not name.startswith("__")}
    arrays = {n: a.toarray() if hasattr(a, "toarray") else a for n, a in arrays.items()}
    matrices = [n for n, a in arrays.items() if a.dtype.kind in "biuf" and min(a.shape) > 1]
    X = arrays[_choose(part, matrices, str(path), "matrix")]
    y = arrays.get("y")
    return X, None if y is None or y.size != len(X) else y.ravel(), None


def _load_h5ad(path: Path, part: str | None) -> tuple[Any, Any, Any]:
    import pandas as pd

    try:
        import anndata
    except ImportError as error:
        raise ValueError(f"{path} needs anndata: run pip install anndata.") from error
    try:
        content = anndata.read_h5ad(path)
    except (OSError, KeyError, ValueError) as error:
        raise ValueError(f"{path} is no .h5ad file that can be read ({error}).") from error
    parts = {"X": content.X, **content.obsm}
    X = parts[_choose(part or "X", list(parts), str(path), "matrix")]
    ids = pd.Series(content.obs_names.to_numpy(), name="index")
    return X.toarray() if hasattr(X, "toarray") else np.asarray(X), None, ids


def _iterate_folder(data: str, columns: Columns) -> Iterator[Table]:
    """Iterate over the images of a folder, as data frames of pixels with names."""
    import pandas as pd

    if columns.label not in (None, FOLDER) or columns.id or columns.only or columns.drop:
        raise ValueError(
            f"{data} is a folder of images; leave out --id, --columns and --drop, and give "
            f"--label {FOLDER} or none."
        )
    for X, names, notes in iterate_images(Path(data).expanduser(), columns.image_shape):
        y = np.array([Path(name).parent.name for name in names], dtype=str)
        label = y if columns.label else None
        yield Table(X, label, pd.Series(names, name="file"), notes=notes)


_FRAME_READERS: dict[str, Callable[[str, str | None], Any]] = {
    **dict.fromkeys((".csv", ".tsv", ".txt", ".gz"), _read_text),
    **dict.fromkeys((".xlsx", ".xls", ".ods"), _read_excel),
    **dict.fromkeys((".parquet", ".feather"), _read_arrow),
    ".json": _read_json,
    **dict.fromkeys((".jsonl", ".ndjson"), _read_json_lines),
    ".arff": _read_arff,
    **dict.fromkeys((".sqlite", ".db"), _read_sqlite),
}
_ARRAY_READERS: dict[str, Callable[[Path, str | None], tuple[Any, Any, Any]]] = {
    ".npy": _load_npy,
    ".npz": _load_npz,
    ".mat": _load_mat,
    ".h5ad": _load_h5ad,
}
