"""Detect how a CSV file is written: encoding, separator, header, decimal comma, comments."""

import codecs
import csv
import gzip
import io
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple, TextIO, cast

# The format is detected in the beginning of a file.
HEAD_BYTES = 2**18
_SEPARATORS = ",;\t|"
_COMMENT = "#"
_SEPARATOR_LINE = re.compile("sep=(.)", re.I)
_GZIP = b"\x1f\x8b"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?", "<na>"})

csv.field_size_limit(2**31 - 1)  # a long text is no error

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(inf|nan)", re.ASCII | re.I)
_MAY_BE_NUMBER = re.compile(r"[+-]?[\d.,]*\d[\d.,]*([eE][+-]?\d+)?|[+-]?(inf|nan)", re.A | re.I)
_CODE = re.compile(r"0\d+", re.ASCII)  # such as 007, which is no number
_GROUPED = {
    ",": re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?", re.ASCII),
    ".": re.compile(r"[+-]?\d{1,3}(\.\d{3})+(,\d*)?", re.ASCII),
}
_WITH_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True)
class CsvFormat:
    """How a CSV file is written.

    Attributes
    ----------
    separator, decimal : str
        Between the fields of a row, and in a number.
    thousands : str or None
        Between groups of three digits.
    names : tuple of str
        Names of the columns; empty for a column without one.
    n_skipped : int
        Lines before the first row of values: comments, blank lines, ``sep=;`` and the names.
    codes : frozenset of str
        Columns with digits that are no numbers, such as 007.
    """

    separator: str
    decimal: str
    thousands: str | None
    names: tuple[str, ...]
    n_skipped: int
    codes: frozenset[str]


class ByteReader(io.RawIOBase):
    """A stream of bytes from a function that reads up to a number of them."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        super().__init__()
        self._read = read

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        content = self._read(len(buffer))
        buffer[: len(content)] = content
        return len(content)


def open_text(stream: BinaryIO) -> tuple[TextIO, str]:
    """Return a stream of bytes as text, and its beginning; gzip is decompressed.

    The text is UTF-8 or UTF-16; bytes that are neither are read as Windows-1252, with a warning.
    Raises a ValueError for what is no text.
    """
    head = _read_head(stream)
    stream = _replay(head, stream)
    if head.startswith(_GZIP):
        stream = cast("BinaryIO", gzip.GzipFile(fileobj=stream))
        head = _read_head(stream)
        stream = _replay(head, stream)
    is_utf_16 = head.startswith(_UTF_16)
    if b"\0" in head and not is_utf_16:
        raise ValueError("it is not text")
    encoding = "utf-16" if is_utf_16 else "utf-8-sig"
    errors = "strict" if is_utf_16 else "skdec.windows-1252"
    text = io.TextIOWrapper(stream, encoding, errors=errors, newline="")
    with warnings.catch_warnings():  # the whole text will be read, with its warning
        warnings.simplefilter("ignore")
        beginning = head.decode(encoding, "ignore" if is_utf_16 else errors)
    return text, beginning


def detect_format(beginning: str) -> CsvFormat:
    """Detect the format from the beginning of a text; raises a ValueError if it is empty."""
    text = io.StringIO(beginning, newline="")
    n_skipped, separators = _skip_preamble(text)
    rows, separator = _split(text, separators, is_cut=len(beginning) >= HEAD_BYTES // 4)
    first = [field.strip() for field in rows[0].fields]
    names = [f"x{position}" for position in range(len(first))]
    if _is_header(first):
        names, n_skipped = first, n_skipped + rows[0].n_lines
        rows = rows[1:]
        ends = [row.fields[len(names) - 1 :] for row in rows]
        width = Counter(map(len, ends)).most_common(1)[0][0] if rows else 0
        if width == 2 and any(end[-1] for end in ends):
            names = ["", *names]  # as R writes the names of rows
        elif len(names) > 1 and not names[-1] and not any(map(any, ends)):
            names.pop()  # each line ends with a separator
    columns: dict[str, list[str]] = {name: [] for name in names}
    for row in rows:
        for name, field in zip(names, row.fields, strict=False):
            columns[name].append(field.strip())
    decimal, thousands = _detect_marks(columns.values(), separator)
    codes = frozenset(name for name in columns if any(map(_CODE.fullmatch, columns[name])))
    return CsvFormat(separator, decimal, thousands, tuple(names), n_skipped, codes)


def find_ragged_rows(text: TextIO, format_: CsvFormat) -> list[tuple[int, int]]:
    """Return row, counted from 1, and number of fields where that is not the number of columns.

    A separator at the end of a row does not count.
    """
    for _ in range(format_.n_skipped):
        text.readline()
    n_columns, found = len(format_.names), []
    rows = filter(None, csv.reader(text, delimiter=format_.separator))
    for number, fields in enumerate(rows, start=1):
        n_fields = len(fields) - (len(fields) == n_columns + 1 and not fields[-1])
        if n_fields != n_columns:
            found.append((number, n_fields))
    return found


def is_missing(field: str) -> bool:
    """Whether a field stands for a missing value."""
    return field.strip().lower() in _MISSING


def _read_head(stream: BinaryIO) -> bytes:
    """Read until the head is complete: a pipe may return less than it is asked for."""
    head = b""
    while len(head) < HEAD_BYTES and (content := stream.read(HEAD_BYTES - len(head))):
        head += content
    return head


def _replay(head: bytes, rest: BinaryIO) -> io.BufferedReader:
    """Return a stream whose beginning has been read already."""
    beginning = io.BytesIO(head)
    return io.BufferedReader(ByteReader(lambda size: beginning.read(size) or rest.read(size)))


class _Row(NamedTuple):
    """A row, and the number of lines up to its end, from the first row on."""

    fields: list[str]
    n_lines: int


def _skip_preamble(text: TextIO) -> tuple[int, str]:
    """Skip comments, blank lines and Excel's `sep=;`; return their number and the separators."""
    n_skipped, separators = 0, _SEPARATORS
    while True:
        position, line = text.tell(), text.readline()
        if not line:
            raise ValueError("it is empty; a line of column names and rows below it are needed")
        given = _SEPARATOR_LINE.fullmatch(line.strip("\r\n"))
        if line.strip() and not line.startswith(_COMMENT) and not given:
            text.seek(position)
            return n_skipped, separators
        n_skipped += 1
        separators = given[1] if given else separators


def _split(text: TextIO, separators: str, *, is_cut: bool) -> tuple[list[_Row], str]:
    """Return the rows, and the separator that gives most of them equal numbers of fields."""
    best: tuple[tuple[bool, float, int], list[_Row], str] | None = None
    start = text.tell()
    for separator in separators:
        text.seek(start)
        reader = csv.reader(text, delimiter=separator)
        try:
            rows = [_Row(fields, reader.line_num) for fields in reader if fields]
        except csv.Error as error:
            raise ValueError(f"it is not a CSV file ({error})") from error
        if is_cut and len(rows) > 1:
            rows.pop()
        width, n_equal = Counter(len(row.fields) for row in rows).most_common(1)[0]
        score = (width > 1, n_equal / len(rows), width)
        if best is None or score > best[0]:
            best = score, rows, separator
    assert best is not None
    return best[1], best[2]


def _is_header(fields: Sequence[str]) -> bool:
    """Whether the fields of the first line are names of columns, not values.

    Numbers are values, except for 0, 1, 2, ...: pandas names the columns of an array so.
    """
    counted = [str(position) for position in range(len(fields))]
    is_count = len(fields) > 1 and list(fields) in (counted, ["", *counted[:-1]])
    return is_count or not all(_NUMBER.fullmatch(field.replace(",", ".")) for field in fields)


def _detect_marks(columns: Iterable[list[str]], separator: str) -> tuple[str, str | None]:
    """Return the decimal mark, and the mark between thousands or None.

    Only columns in which all fields may be numbers tell: texts such as sizes have commas, too.
    """
    fields = [
        field
        for column in columns
        if all(_MAY_BE_NUMBER.fullmatch(field) or is_missing(field) for field in column)
        for field in column
    ]
    grouped = {mark: [f for f in fields if _GROUPED[mark].fullmatch(f)] for mark in ",."}
    has_decimal_comma = any("," in field for field in grouped["."]) or any(
        _WITH_COMMA.fullmatch(field) and not _GROUPED[","].fullmatch(field) for field in fields
    )
    has_decimal_point = any("." in field for field in grouped[","]) or any(
        "." in field and _NUMBER.fullmatch(field) and not _GROUPED["."].fullmatch(field)
        for field in fields
    )
    # Where commas separate the fields, a decimal comma is as rare as a text of digits and a comma.
    is_comma = has_decimal_comma and not (has_decimal_point and separator == ",")
    # 1,234 alone may be either. Whoever separates by semicolons mostly does so for the comma.
    is_ambiguous = bool(grouped[","]) and not has_decimal_point
    if is_comma or (is_ambiguous and separator == ";"):
        return ",", "." if grouped["."] else None
    return ".", "," if grouped[","] and not has_decimal_comma else None


def _decode_windows_1252(error: UnicodeError) -> tuple[str, int]:
    """Decode the bytes that are no UTF-8, as an error handler of `codecs`."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    warnings.warn("Bytes that are not UTF-8 are read as Windows-1252 (Latin-1).", stacklevel=2)
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


codecs.register_error("skdec.windows-1252", _decode_windows_1252)
