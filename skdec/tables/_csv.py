"""Detect how a CSV file is written: encoding, separator, header, decimal comma, comments."""

import codecs
import csv
import gzip
import io
import re
import warnings
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, zip_longest
from typing import BinaryIO, NamedTuple, TextIO, cast

from skdec._utils.warnings import warn_user

# Separator and header are detected in the beginning of a text.
HEAD_LENGTH = 2**18
_MIN_LINES = 10  # of a text with long lines
_BLOCK_LENGTH = 2**20
_FIELDS_PER_BLOCK = 2**18
_SEPARATORS = ",;\t|"
_COMMENT = "#"
_SEPARATOR_LINE = re.compile("sep=(.)", re.I)
_GZIP = b"\x1f\x8b"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
# What pandas takes for missing, and more, in lower case.
_MISSING = frozenset(
    {"", "na", "n/a", "nan", "null", "none", "?", "<na>", "#n/a", "#n/a n/a", "#na"}
    | {"1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan"}
)

csv.field_size_limit(2**31 - 1)  # a long text is no error

_CODE = re.compile(r"0\d+", re.ASCII)  # such as 007, which is no number
# By decimal mark; the other mark may separate groups of three digits. A group is in group 1.
_NUMBERS = {
    decimal: re.compile(
        rf"[+-]?(?:(?=[{decimal}]?\d)(?:\d*|[1-9]\d{{0,2}}([{thousands}]\d{{3}})+)"
        rf"(?:[{decimal}]\d*)?(?:e[+-]?\d+)?|inf(?:inity)?|nan)",
        re.ASCII | re.I,
    )
    for decimal, thousands in (".,", ",.")
}
# Digits that do not change of what kind a number is: those after the fourth, and which they are.
_FURTHER_DIGITS = re.compile(r"(?<=\d\d\d\d)\d+", re.ASCII)
_TO_ONES = str.maketrans("23456789", "11111111")
_BETWEEN_FIELDS = "\x1f"


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
    texts : frozenset of str
        Columns with digits that are no numbers: 007, 1,5 where the point is the decimal mark, or
        numbers among words.
    """

    separator: str
    decimal: str
    thousands: str | None
    names: tuple[str, ...]
    n_skipped: int
    texts: frozenset[str]

    def use_point(self, field: str) -> str:
        """Return a number with a decimal point and without groups; what is none stays as it is."""
        if not _NUMBERS[self.decimal].fullmatch(field.strip()):
            return field
        other = "," if self.decimal == "." else "."
        return field.replace(other, "").replace(self.decimal, ".")


class Watched(io.RawIOBase):
    """A stream that calls a function after each part that is read from it."""

    def __init__(self, stream: BinaryIO, watch: Callable[[], object]) -> None:
        super().__init__()
        self._stream, self._watch = stream, watch

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        content = self._stream.read(len(buffer))
        buffer[: len(content)] = content
        self._watch()
        return len(content)

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._stream.seek(offset, whence)


def open_text(stream: io.BufferedReader) -> TextIO:
    """Return a stream of bytes as text; gzip is decompressed.

    The text is UTF-8 or UTF-16; bytes that are neither are read as Windows-1252, with a warning.
    Raises a ValueError for what is no text.
    """
    if stream.peek(2).startswith(_GZIP):
        stream = io.BufferedReader(cast("io.RawIOBase", gzip.GzipFile(fileobj=stream)))
    head = stream.peek()
    is_utf_16 = head.startswith(_UTF_16)
    if b"\0" in head and not is_utf_16:
        raise ValueError("it is not text")
    encoding = "utf-16" if is_utf_16 else "utf-8-sig"
    errors = "strict" if is_utf_16 else "skdec.windows-1252"
    return io.TextIOWrapper(stream, encoding, errors=errors, newline="")


def detect_format(text: TextIO, as_number: Collection[str] = ()) -> CsvFormat:
    """Detect the format of a text, which is read to its end; raises a ValueError if it is empty.

    Columns in `as_number` tell how numbers are written in spite of words among them.
    """
    # Looking at each field takes several times as long as parsing, so it is done only if needed.
    with warnings.catch_warnings():  # the text will be read again, with its warning
        warnings.simplefilter("ignore")
        beginning = text.read(HEAD_LENGTH)
        is_cut = len(beginning) == HEAD_LENGTH
        beginning += "".join(text.readline() for _ in range(_MIN_LINES))
        separator, names, n_skipped = _detect_header(beginning, is_cut=is_cut)
        kinds: list[set[_Kind]] = [set() for _ in names]
        if not _is_plain(beginning, separator) or not all(
            _is_plain(block, separator) for block in _iterate_blocks(text)
        ):
            text.seek(0)
            kinds = _find_kinds(_iterate_rows(text, separator, n_skipped), len(names))
    found = dict(zip(names, kinds, strict=True))
    # Texts such as sizes have commas, too.
    telling = [found[name] for name in found if _WORD not in found[name] or name in as_number]
    decimal, thousands = _detect_marks(set().union(*telling), separator)
    texts = frozenset(name for name in found if _is_text(found[name], decimal))
    return CsvFormat(separator, decimal, thousands, tuple(names), n_skipped, texts)


def find_ragged_rows(text: TextIO, format_: CsvFormat) -> list[tuple[int, int]]:
    """Return row, counted from 1, and number of fields where that is not the number of columns.

    A separator at the end of a row does not count.
    """
    n_columns, found = len(format_.names), []
    rows = _iterate_rows(text, format_.separator, format_.n_skipped)
    for number, fields in enumerate(rows, start=1):
        n_fields = len(fields) - (len(fields) == n_columns + 1 and not fields[-1])
        if n_fields != n_columns:
            found.append((number, n_fields))
    return found


def is_missing(field: str) -> bool:
    """Whether a field stands for a missing value."""
    return field.strip().lower() in _MISSING


def _is_plain(text: str, separator: str) -> bool:
    """Whether lines have no code, and no number with another mark than a decimal point."""
    between = rf'\s"{re.escape(separator)}'
    # A pattern that begins with a character is found several times as fast as one that looks back.
    code = rf"0(?<![^{between}]0)\d+(?![^{between}])"
    groups = r"\.\d{3}\.\d{3}"
    comma = r'"\s*[+-]?[\d.]*,\d' if separator == "," else r",\d"
    return not any(re.search(pattern, text, re.ASCII) for pattern in (code, groups, comma))


def _iterate_blocks(text: TextIO) -> Iterator[str]:
    """Iterate over the rest of a text in blocks of whole lines."""
    return iter(lambda: text.read(_BLOCK_LENGTH) + text.readline(), "")


def _iterate_rows(text: TextIO, separator: str, n_skipped: int) -> Iterator[list[str]]:
    """Iterate over the fields of each row that is not blank."""
    for _ in range(n_skipped):
        text.readline()
    try:
        yield from filter(None, csv.reader(text, delimiter=separator))
    except csv.Error as error:
        raise ValueError(f"it is not a CSV file ({error})") from error


def _detect_header(beginning: str, *, is_cut: bool) -> tuple[str, list[str], int]:
    """Return the separator, the names of the columns, and the lines before the first row."""
    text = io.StringIO(beginning, newline="")
    n_skipped, separators = _skip_preamble(text)
    rows, separator = _split(text, separators, is_cut=is_cut)
    first = [field.strip() for field in rows[0].fields]
    if not _is_header(first):
        return separator, [f"x{position}" for position in range(len(first))], n_skipped
    names, n_skipped = first, n_skipped + rows[0].n_lines
    ends = [row.fields[len(names) - 1 :] for row in rows[1:]]
    width = Counter(map(len, ends)).most_common(1)[0][0] if ends else 0
    if width == 2 and any(end[-1] for end in ends):
        names = ["", *names]  # as R writes the names of rows
    elif len(names) > 1 and not names[-1] and not any(map(any, ends)):
        names.pop()  # each line ends with a separator
    return separator, names, n_skipped


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
    return is_count or not all(_NUMBERS["."].fullmatch(field.replace(",", ".")) for field in fields)


class _Kind(NamedTuple):
    """How a field can be read with a decimal point, and with a decimal comma.

    As a number, as one with groups of digits, or not at all, which is None.
    """

    point: str | None
    comma: str | None
    is_code: bool = False


_WORD = _Kind(None, None)


def _find_kinds(rows: Iterator[list[str]], n_columns: int) -> list[set[_Kind]]:
    """Return the kinds of the fields of each column; missing ones have none."""
    kinds: list[set[_Kind]] = [set() for _ in range(n_columns)]
    n_rows = 1 + _FIELDS_PER_BLOCK // n_columns
    while block := list(islice(rows, n_rows)):
        for found, column in zip(kinds, zip_longest(*block, fillvalue=""), strict=False):
            joined = _FURTHER_DIGITS.sub("", _BETWEEN_FIELDS.join(column)).translate(_TO_ONES)
            fields = set(map(str.strip, joined.split(_BETWEEN_FIELDS)))
            found.update(_get_kind(field) for field in fields if not is_missing(field))
    return kinds


def _get_kind(field: str) -> _Kind:
    if _CODE.fullmatch(field):
        return _Kind(None, None, is_code=True)
    return _Kind(_read_number(field, "."), _read_number(field, ","))


def _read_number(field: str, decimal: str) -> str | None:
    number = _NUMBERS[decimal].fullmatch(field)
    return number and ("grouped" if number[1] else "plain")


def _detect_marks(kinds: set[_Kind], separator: str) -> tuple[str, str | None]:
    """Return the decimal mark, and the mark between thousands or None."""
    needs_comma = any(kind.comma and not kind.point for kind in kinds)
    needs_point = any(kind.point and not kind.comma for kind in kinds)
    # Where commas separate the fields, a decimal comma is as rare as a text of digits and a comma.
    # 1,234 alone may be either. Whoever separates by semicolons mostly does so for the comma.
    is_ambiguous = _Kind("grouped", "plain") in kinds and not needs_point
    if (needs_comma and not (needs_point and separator == ",")) or (
        is_ambiguous and separator == ";"
    ):
        return ",", "." if any(kind.comma == "grouped" for kind in kinds) else None
    return ".", "," if any(kind.point == "grouped" for kind in kinds) else None


def _is_text(kinds: set[_Kind], decimal: str) -> bool:
    """Whether a column has codes, or numbers and what is none with this decimal mark.

    A column of words alone may be one of truth values.
    """
    readable = [kind.point if decimal == "." else kind.comma for kind in kinds]
    return any(kind.is_code for kind in kinds) or (not all(readable) and kinds != {_WORD})


def _decode_windows_1252(error: UnicodeError) -> tuple[str, int]:
    """Decode the bytes that are no UTF-8, as an error handler of `codecs`."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    warn_user("Bytes that are not UTF-8 are read as Windows-1252 (Latin-1).")
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


codecs.register_error("skdec.windows-1252", _decode_windows_1252)
