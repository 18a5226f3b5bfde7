"""Detect how a CSV file is written: encoding, separator, header, decimal comma, comments."""

import codecs
import csv
import gzip
import io
import re
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO, TextIO, cast

# The format is detected in the beginning of a file.
HEAD_BYTES = 2**18
_MAX_LINES = 1000
_SEPARATORS = ",;\t|"
_COMMENT = "#"
_GZIP = b"\x1f\x8b"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?", "<na>"})

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(inf|nan)", re.ASCII | re.I)
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
        Lines before the first row of values: comments, blank lines and the names.
    codes : frozenset of str
        Columns with digits that are no numbers, such as 007.
    """

    separator: str
    decimal: str
    thousands: str | None
    names: tuple[str, ...]
    n_skipped: int
    codes: frozenset[str]


class _Replay(io.RawIOBase):
    """A stream whose beginning has been read already."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        super().__init__()
        self._head, self._rest = io.BytesIO(head), rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        content = self._head.read(len(buffer)) or self._rest.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)


def open_text(stream: BinaryIO) -> tuple[TextIO, str]:
    """Return a stream of bytes as text, and its beginning; gzip is decompressed.

    The text is UTF-8 or UTF-16; bytes that are neither are read as Windows-1252, with a warning.
    Raises a ValueError for what is no text.
    """
    head = _read_head(stream)
    stream = io.BufferedReader(_Replay(head, stream))
    if head.startswith(_GZIP):
        stream = cast("BinaryIO", gzip.GzipFile(fileobj=stream))
        head = _read_head(stream)
        stream = io.BufferedReader(_Replay(head, stream))
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
    lines = beginning.splitlines()
    if len(beginning) >= HEAD_BYTES // 4 and len(lines) > 1:
        lines.pop()  # it may be cut
    n_skipped = 0
    while lines and (not lines[0].strip() or lines[0].startswith(_COMMENT)):
        lines.pop(0)
        n_skipped += 1
    if not lines:
        raise ValueError("it is empty; a line of column names and rows below it are needed")
    rows, separator = _split(lines[:_MAX_LINES])
    first = [field.strip() for field in rows[0]]
    names = [f"x{position}" for position in range(len(first))]
    if _is_header(first):
        names, rows = first, rows[1:]
        n_skipped += 1
        if rows and Counter(map(len, rows)).most_common(1)[0][0] == len(names) + 1:
            names = ["", *names]  # as R writes the names of rows
    fields = [
        (name, field.strip()) for row in rows for name, field in zip(names, row, strict=False)
    ]
    decimal, thousands = _detect_marks([field for _, field in fields], separator)
    codes = frozenset(name for name, field in fields if _CODE.fullmatch(field))
    return CsvFormat(separator, decimal, thousands, tuple(names), n_skipped, codes)


def find_ragged_rows(text: TextIO, format_: CsvFormat) -> list[tuple[int, int]]:
    """Return row, counted from 1, and number of fields where that is not the number of columns."""
    for _ in range(format_.n_skipped):
        text.readline()
    rows = filter(None, csv.reader(text, delimiter=format_.separator))
    counted = ((row, len(fields)) for row, fields in enumerate(rows, start=1))
    return [(row, n_fields) for row, n_fields in counted if n_fields != len(format_.names)]


def is_missing(field: str) -> bool:
    """Whether a field stands for a missing value."""
    return field.strip().lower() in _MISSING


def _read_head(stream: BinaryIO) -> bytes:
    """Read until the head is complete: a pipe may return less than it is asked for."""
    head = b""
    while len(head) < HEAD_BYTES and (content := stream.read(HEAD_BYTES - len(head))):
        head += content
    return head


def _split(lines: Sequence[str]) -> tuple[list[list[str]], str]:
    """Return the rows, and the separator that gives most of them equal numbers of fields."""
    best: tuple[tuple[bool, float, int], list[list[str]], str] | None = None
    for separator in _SEPARATORS:
        try:
            rows = [row for row in csv.reader(lines, delimiter=separator) if row]
        except csv.Error as error:
            raise ValueError(f"it is not a CSV file ({error})") from error
        width, n_equal = Counter(map(len, rows)).most_common(1)[0]
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


def _detect_marks(fields: Sequence[str], separator: str) -> tuple[str, str | None]:
    """Return the decimal mark, and the mark between thousands or None."""
    grouped = {mark: [f for f in fields if _GROUPED[mark].fullmatch(f)] for mark in ",."}
    has_decimal_comma = any("," in field for field in grouped["."]) or any(
        _WITH_COMMA.fullmatch(field) and not _GROUPED[","].fullmatch(field) for field in fields
    )
    has_decimal_point = any("." in field for field in grouped[","]) or any(
        "." in field and _NUMBER.fullmatch(field) and not _GROUPED["."].fullmatch(field)
        for field in fields
    )
    # 1,234 alone may be either. Whoever separates by semicolons mostly does so for the comma.
    is_ambiguous = bool(grouped[","]) and not has_decimal_point
    if has_decimal_comma or (is_ambiguous and separator == ";"):
        return ",", "." if grouped["."] else None
    return ".", "," if grouped[","] else None


def _decode_windows_1252(error: UnicodeError) -> tuple[str, int]:
    """Decode the bytes that are no UTF-8, as an error handler of `codecs`."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    warnings.warn("Bytes that are not UTF-8 are read as Windows-1252 (Latin-1).", stacklevel=2)
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


codecs.register_error("skdec.windows-1252", _decode_windows_1252)
