"""What the cells of a column mean: numbers as spreadsheets write them, truth values, dates, words.

A column is understood once, from all of its cells. What was understood is kept, and parses the
cells of any further table.
"""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from pandas.tseries.api import guess_datetime_format

from skdec._utils.process import warn_user
from skdec._utils.terminal import join_first

# What stands for a missing value, in lower case: in every column, and beside numbers or dates.
_GAP_WORDS = """na|n/a|nan|null|none|?|<na>|#n/a|#n/a n/a|#na|(null)|nil|\\n|1.#ind|-1.#ind
1.#qnan|-1.#qnan|nat|#null!|#ref!|#value!|#div/0!|#num!|#name?"""
_MARKS_BESIDE_NUMBERS = """-|--|---|.|..|...|*|**|x|??|???|/|n.a.|n.a|n/d|nd|n.d.|k.a.|s.o.
missing|unknown|unk|empty|blank|(blank)|not available|not applicable|no data|tbd|tba|undefined
error|#error|n.v.|bdl|<lod|not reported|not stated|not recorded|refused|don't know|varies"""
_GAPS = frozenset(["", *_GAP_WORDS.replace("\n", "|").split("|")])
_GAPS_BESIDE_NUMBERS = _GAPS.union(_MARKS_BESIDE_NUMBERS.replace("\n", "|").split("|"))
_WORDS = ("word", "code", "empty")  # kinds of columns that are no numbers or dates
_TRUTHS = {"true": 1.0, "false": 0.0}
_TRUTHS_AT_PREDICT = _TRUTHS | {"1": 1.0, "0": 0.0, "1.0": 1.0, "0.0": 0.0, "yes": 1.0, "no": 0.0}
# In a column of numbers, dates or truth values, the other cells are gaps: at most one in ten.
_MOSTLY = 0.9
_N_DATES_TRIED = 1000
_MAX_SHOWN = 5

# Spaces, quotes and signs that look alike become one.
_ALIKE = str.maketrans(
    dict.fromkeys("\u00a0\u2002\u2003\u2007\u2008\u2009\u200a\u202f\u3000", " ")
    | dict.fromkeys("\u2018\u2019\u00b4`\u02bc\uff07\u2032", "'")
    | dict.fromkeys("\u201c\u201d\u2033", '"')
    | dict.fromkeys("\u2212\u2012\u2013\u2014\ufe63\uff0d", "-")
    | dict.fromkeys("\u200b\u200e\u200f\ufeff", "")
    | {chr(zero + digit): str(digit) for zero in (0xFF10, 0x660, 0x6F0) for digit in range(10)}
    | {"\u066b": ".", "\u066c": ",", "\u066a": "%"}
    | {"\uff0c": ",", "\uff0e": ".", "\uff05": "%", "\uff0b": "+", "\uff08": "(", "\uff09": ")"}
)
_CURRENCIES = {
    "dollars": "$ usd us$ $us dollar dollars a$ aud c$ ca$ cad nz$ nzd hk$ hkd s$ sgd",
    "euros": "€ eur euro euros",
    "pounds": "£ gbp",
    "yen": "¥ jpy yen 円",
    "yuan": "cny rmb yuan 元 cn¥",
    "rupees": "₹ inr rs rs. ₨",
    "francs": "chf fr. sfr sfr.",
    "kronor": "kr kr. sek nok dkk isk",
    "real": "r$ brl",
    "zloty": "zł zl pln",
    "koruna": "kč czk",
    "forint": "huf",
    "rubles": "₽ rub",
    "won": "₩ krw",
    "lira": "₺ try tl",
    "shekels": "₪ ils",
    "rand": "zar",
    "pesos": "mxn mx$ ars clp cop php ₱",
    "baht": "฿ thb",
    "dong": "₫ vnd",
    "hryvnia": "₴ uah",
    "naira": "₦ ngn",
    "dirhams": "aed",
    "riyals": "sar",
    "lei": "ron lei",
    "lev": "bgn",
    "bitcoin": "₿ btc",
    "rupiah": "idr rp rp.",
    "ringgit": "myr rm",
    "Taiwan dollars": "twd nt$",
}
_PLAIN_UNITS = """kg mg µg g t st oz cm mm km m µm nm mi yd ha h ms s l ml cl dl kw mw hp ps kwh
mwh wh kj kcal cal mph hz khz mhz ghz pa hpa kpa bar psi px mb gb tb kb v mv ma k m² m³ cm² km² m2
m3 cm2 km2 sqm sqft km/h kmh m/s kt knots mol mmol/l mg/dl g/l bpm rpm db lx"""
_UNITS = {
    "percent": "% percent pct pct.",
    "per mille": "‰",
    "lbs": "lb lbs lbs. lb. pound pounds",
    "kg": "kg kgs kilo kilos kilogram kilograms",
    "g": "g gr gram grams",
    "t": "t ton tons tonne tonnes",
    "in": "in in. inch inches \" ''",
    "ft": "ft foot feet '",
    "m": "m meter meters metre metres",
    "km": "km kilometer kilometers kilometre kilometres",
    "mi": "mi mile miles",
    "°C": "°c c ℃ celsius",
    "°F": "°f f ℉ fahrenheit",
    "degrees": "° deg degree degrees",
    "l": "l liter liters litre litres",
    "gal": "gal gallon gallons",
    "s": "s sec secs sec. second seconds",
    "min": "min mins min. minute minutes",
    "h": "h hr hrs hour hours",
    "days": "d day days",
    "weeks": "w wk wks week weeks",
    "months": "mo mos month months",
    "years": "y yr yrs year years",
}
_SCALES = {
    1e3: "k thousand thousands tsd tsd.",
    1e5: "lakh lakhs lac lacs",
    1e6: "mn mm mln mio mio. million millions",
    1e7: "crore crores",
    1e9: "b bn bln mrd mrd. billion billions",
    1e12: "tn trillion trillions",
}


def _invert(spellings: dict[Any, str]) -> dict[str, Any]:
    return {word: name for name, words in spellings.items() for word in words.split(" ")}


_CURRENCY_NAMES, _SCALE_FACTORS = _invert(_CURRENCIES), _invert(_SCALES)
_UNIT_NAMES = {unit: unit for unit in _PLAIN_UNITS.split()} | _invert(_UNITS)

# A number with what may stand around it; how its digits are meant is told by the whole column.
_NUMBER = re.compile(
    r"(?P<bound>(?:[<>]=?|[≤≥~≈]|c\.|ca\.?|circa|about|around|approx\.?|approximately|over|under"
    r"|up to|(?:more|less) than|at (?:least|most))\s*)?"
    r"(?P<sign>[+-]?)\s*(?P<open>\(?)\s*(?P<sign2>[+-]?)\s*"
    r"(?P<before>(?:[^\d\s.,()'+-]{1,4}\.?)?)\s*(?P<open2>\(?)\s*(?P<sign3>[+-]?)\s*"
    r"(?P<digits>(?:\d[\d.,' ]*(?<![ '])|[.,]\d+)(?:[eE][+-]?\d+)?|inf(?:inity)?)"
    r"\s*(?P<after>(?:['\"]|[^\d\s.,()'+*†‡§¹²³±\[-])[^\d()*†‡±\[]{0,15})?"
    r"(?P<close>\)?)\s*(?P<trailing>[+-]{0,2})"
    r"(?:\s*(?:[*†‡§¹²³]{1,3}|\[\w{1,3}\]|\([a-z]{1,4}\.?\)|(?:±|\+/-)\s*[\d.,]+))?",
    re.I,
)
_CODE = re.compile(r"0\d+", re.ASCII)  # such as 007, which is no number
_GROUPS = r"[1-9]\d{{0,2}}(?P<mark>[{marks}])\d{{3}}(?:(?P=mark)\d{{3}})*"
# Plain digits or groups of them, by decimal mark; groups of two digits are written in India.
_DIGITS = {
    mark: re.compile(
        rf"(?:(?=[{mark}]?\d)\d*|{_GROUPS.format(marks=other + chr(39) + ' ')}"
        + (r"|\d{1,2}(?P<lakh>,\d\d)+,\d{3}" if mark == "." else "")
        + rf")(?:[{mark}]\d*)?(?:e[+-]?\d+)?|inf(?:inity)?",
        re.ASCII | re.I,
    )
    for mark, other in ((".", ","), (",", "."))
}
# Digits that do not change how a cell is meant: those after the fourth, and which they are.
_FURTHER_DIGITS = re.compile(r"(?<=\d\d\d\d)\d+", re.ASCII)
_TO_ONES = str.maketrans("23456789", "11111111")
_BETWEEN_CELLS = "\x1f"
_TIME = r"^([+-](?=.))?(?:(\d+) days?,? )?(\d{1,3}):([0-5]\d)(?::([0-5]\d(?:\.\d+)?))?$"
_TIME_IN_UNITS = (
    r"^(?:(\d+) ?d(?:ays?)?)? ?(?:(\d+) ?h(?:ours?|rs?)?)? ?"
    r"(?:(\d+) ?m(?:in(?:ute)?s?)?)? ?(?:(\d+(?:\.\d+)?) ?s(?:ec(?:ond)?s?)?)?$"
)
# Of dates that pandas does not guess.
_DATE_FORMATS = (
    *("%Y-%m", "%m/%Y", "%b %Y", "%B %Y", "%b-%y", "%d-%b-%y", "%d.%m.%y", "%m/%d/%y"),
    *("%I:%M %p", "%I:%M%p", "%I:%M:%S %p"),
    *("%m/%d/%y %H:%M", "%d/%m/%y %H:%M", "%d.%m.%y %H:%M", "%m/%d/%y %I:%M %p"),
    *("%a, %d %b %Y", "%A, %d %B %Y", "%A, %B %d, %Y", "%a, %d %b %Y %H:%M:%S %z"),
)
_PLAIN = re.compile(rf"[\d.eE+\-{_BETWEEN_CELLS}]*", re.ASCII)

# Two units such as those of 5'11", and how many of the second are one of the first.
_COMPOUNDS: dict[tuple[Any, Any], int] = {
    ("ft", "in"): 12,
    ("ft", ""): 12,
    ("lbs", "oz"): 16,
    ("st", "lbs"): 14,
    ("years", "months"): 12,
}
_FROM_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_TO_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def _write_power(found: re.Match[str]) -> str:
    return f"{found[1]}e{found[2].translate(_FROM_SUPERSCRIPTS).strip('^*()')}{found[3]}"


def _write_decimals(found: re.Match[str]) -> str:
    before, whole, fraction, after = found.groups()
    return f"{before}{int(whole or 0) + unicodedata.numeric(fraction):.6g}{after}"


def _write_fraction(found: re.Match[str]) -> str | None:
    sign, whole, above, below = found.groups()
    is_proper = int(above) <= int(below)
    return f"{sign}{int(whole or 0) + int(above) / int(below):.6g}" if is_proper else None


def _write_in_first_unit(found: re.Match[str]) -> str | None:
    number, first, parts, second = found.groups()
    unit, part = (_UNIT_NAMES.get(name.strip().lower(), name) for name in (first, second))
    n_parts = _COMPOUNDS.get((unit, part), 0)
    is_known = float(parts) < n_parts
    return f"{int(number) + float(parts) / n_parts:.6g} {unit}" if is_known else None


def _write_scale(found: re.Match[str]) -> str:
    return f"{found[1]} out of {found[2].translate(_TO_SUPERSCRIPTS)}"


def _write_quarter(found: re.Match[str]) -> str:
    quarter = int(found["quarter"])
    return f"{found['year']}-{3 * quarter - 2:02}-01"


def _write_degrees(found: re.Match[str]) -> str:
    *parts, direction = found.groups(default="0")
    degrees = sum(float(part) / 60**i for i, part in enumerate(parts))
    return f"{-degrees if direction in 'SW' else degrees:.10g}°"


def _write_week(found: re.Match[str]) -> str:
    return date.fromisocalendar(int(found[1]), int(found[2]), 1).isoformat()


def _whole(pattern: str, write: Any) -> tuple[re.Pattern[str], Any]:
    """Return the pattern of a whole cell and what replaces it: a template or a function.

    The cell begins with the character between cells, which is quickly found in a long column.
    """

    def replace_cell(found: re.Match[str]) -> str:
        written = found.expand(write) if isinstance(write, str) else write(found)
        return found[0] if written is None else _BETWEEN_CELLS + written

    return re.compile(rf"{_BETWEEN_CELLS} *(?:{pattern}) *(?={_BETWEEN_CELLS})"), replace_cell


# How cells are written and how they are read, in this order.
_REWRITTEN: list[tuple[re.Pattern[str], Any]] = [
    (re.compile(rf"2(?<=[a-z]2)(?={_BETWEEN_CELLS})"), "²"),  # m2
    (re.compile(rf"3(?<=[a-z]3)(?={_BETWEEN_CELLS})"), "³"),
    _whole(
        r"([+-]?[\d.,]+) ?[x\u00d7*·∙] ?10((?:\^|\*\*)\(?[+-]?\d+\)?|[⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+)"
        rf"([^{_BETWEEN_CELLS}]*)",
        _write_power,  # 1.5 x 10^3
    ),
    _whole(rf"(\D{{0,4}}?)(\d*) ?([¼-¾⅐-⅞])([^{_BETWEEN_CELLS}]*)", _write_decimals),
    _whole(r"([+-]?)(?:(\d+)[ -])?(\d{1,2})/(2|3|4|8|16|32|64)", _write_fraction),  # 1 1/2
    _whole(
        rf"(\d+) ?([^\d{_BETWEEN_CELLS}]{{1,7}}?)[ ,]{{0,2}}"
        rf"(\d{{1,2}}(?:\.\d+)?) ?([^\d{_BETWEEN_CELLS}]{{0,7}}?)",
        _write_in_first_unit,  # 5'11"
    ),
    _whole(r"([\d.,]+) ?(?:/|out of) ?(\d{1,3})", _write_scale),  # 8/10 as 8 out of ¹⁰
    _whole(r"(\d+)(?:(?<=1)st|(?<=2)nd|(?<=3)rd|th)", r"\1"),
    _whole(r"(?:#|№|[Nn][or]\.) ?(\d+)", r"\1"),
    _whole(rf"=\"?([^\"{_BETWEEN_CELLS}]*)\"?", r"\1"),  # ="5", as spreadsheets protect text
    _whole(r"'([\d.-]+)", r"\1"),
    _whole(r"(\d+)h(\d\d)", r"\1h \2m"),
    _whole(
        r"(\d{1,3}(?:\.\d+)?) ?°(?: ?(\d{1,2}(?:\.\d+)?)')?(?: ?(\d{1,2}(?:\.\d+)?)(?:\"|''))?"
        " ?([NESW])",
        _write_degrees,  # 40°26'46"N
    ),
    _whole(r"(\d[\d.,]*[kKmMbB]?)\+( ?[a-z]*)", r"\1\2"),  # 10+ years
    _whole(r"(?P<year>\d{4})[ /-]?Q(?P<quarter>[1-4])", _write_quarter),
    _whole(r"(?=Q|.Q)Q?(?P<quarter>[1-4])Q?[ /'-]?(?P<year>\d{4})", _write_quarter),
    _whole(r"(\d{4})-?W(0[1-9]|[1-4]\d|5[0-2])", _write_week),
]


@dataclass(frozen=True)
class ColumnFormat:
    """What the cells of a column mean.

    Attributes
    ----------
    kind : {"number", "truth", "date", "duration", "word", "code", "empty"}
        A code is a number that is a name; a column without any value is empty.
    decimal : {".", ","}
        The decimal mark.
    unit : str
        The unit or currency of all numbers, in words; empty for none.
    is_money : bool
        Whether the m of 1.2m is a million.
    date_format : str
        How dates are written, as for `datetime.strptime`; empty for dates that are no text.
    missing : tuple of str
        Values that stand for a gap, beside the usual marks.
    n_gaps : int
        Cells without a value.
    gaps : tuple of str
        How gaps are marked, except by nothing.
    bounds : tuple of str
        Signs before numbers that are left out, such as the one of <0.5.
    note : str
        What could be understood otherwise.
    """

    kind: str
    decimal: str = "."
    unit: str = ""
    is_money: bool = False
    date_format: str = ""
    missing: tuple[str, ...] = ()
    n_gaps: int = 0
    gaps: tuple[str, ...] = ()
    bounds: tuple[str, ...] = ()
    note: str = ""

    def describe(self) -> str:
        """Return in a few words what was understood."""
        names = {"truth": "true or false", "empty": "no values", "code": "names"}
        what = self.unit or names.get(self.kind, f"{self.kind}s")
        if what.startswith("out of "):
            what = what.translate(_FROM_SUPERSCRIPTS)
        parts = [f"{what}, decimal comma" if self.decimal == "," else what]
        if self.n_gaps and self.kind != "empty":
            marks = f" ({', '.join(map(_quote, self.gaps))})" if self.gaps else ""
            parts.append(f"{self.n_gaps:,} gap{'s' * (self.n_gaps > 1)}{marks}")
        if self.bounds:
            parts.append(f"read without {', '.join(map(_quote, self.bounds))}")
        return "; ".join([*parts, *filter(None, [self.note])])

    def parse(self, column: pd.Series) -> pd.Series:
        """Return float64, dates in UTC without a time zone, or words with None for a gap.

        Cells that are meant otherwise are gaps, and a warning names them. Raises a ValueError if
        the column is one of another kind.
        """
        column = _convert_objects(column)
        if self.kind in _WORDS:
            return self._parse_words(column)
        if not _is_text(column):
            kind = _get_kind(column)
            are_numbers = {kind, self.kind} <= {"number", "truth"}
            if kind != self.kind and not are_numbers and column.notna().any():
                raise ValueError(_explain_kinds(column.name, self.kind, kind))
            values = _to_values(column, self.kind, self.missing)
            self._warn_about_first_gaps(column.name, int(values.isna().sum()))
            return values
        cells = _clean(column)
        values, is_gap = self._read(cells)
        self._warn_about_first_gaps(column.name, int(is_gap.sum()))
        odd = sorted({cells[i] for i in np.flatnonzero(pd.isna(values) & ~is_gap)})
        if odd and pd.isna(values).all():
            other = understand(column)
            if other.kind in ("number", "date") and other.kind != self.kind:
                raise ValueError(_explain_kinds(column.name, self.kind, other.kind))
        if odd:
            warn_user(
                f"Column {column.name!r} has values that are no {_name_kind(self.kind)} and count "
                f"as missing: {format_values(odd)}."
            )
        return pd.Series(values, column.index, name=column.name)

    def _warn_about_first_gaps(self, name: Any, n_gaps: int) -> None:
        """Warn about missing values that no feature marks, as there were none in the fit."""
        if n_gaps and not self.n_gaps:
            values = "value" if n_gaps == 1 else "values"
            warn_user(
                f"Column {name!r} has {n_gaps:,} missing {values}, of which fit has seen none: "
                "the median takes their place."
            )

    def _read(self, cells: list[str]) -> tuple[Any, np.ndarray]:
        """Return the values of cells, and which of these are marked as gaps."""
        if self.kind == "number" and self.decimal == "." and not self.missing:
            # Fails for a point or sign alone among numbers.
            with suppress(ValueError):
                if _PLAIN.fullmatch(_BETWEEN_CELLS.join(cells)):
                    given = (cell or "nan" for cell in cells) if "" in cells else cells
                    numbers = np.fromiter(map(float, given), np.float64, len(cells))
                    return numbers, np.isnan(numbers)
        is_gap_by_cell = {cell: self._is_gap(cell) for cell in set(cells)}
        is_gap = np.array([is_gap_by_cell[cell] for cell in cells], dtype=bool)
        if self.kind in ("number", "truth"):
            read = self._read_number if self.kind == "number" else _read_truth
            by_cell = {cell: np.nan if gap else read(cell) for cell, gap in is_gap_by_cell.items()}
            return np.array([by_cell[cell] for cell in cells], dtype=np.float64), is_gap
        texts = pd.Series(cells, dtype=object).mask(is_gap)
        if self.kind == "duration":
            return _read_durations(texts), is_gap
        return _read_dates(texts, self.date_format), is_gap

    def _read_number(self, cell: str) -> float:
        number = _match_number(cell)
        digits = number and _DIGITS[self.decimal].fullmatch(number["digits"])
        if not number or not digits:
            return np.nan
        factor, unit = _find_unit(number, is_money=self.is_money)
        if unit and unit != self.unit:
            return np.nan
        text = number["digits"].replace(" ", "").replace("'", "")
        text = text.replace("," if self.decimal == "." else ".", "").replace(",", ".")
        signs = number["sign"] + number["sign2"] + number["sign3"]
        if not number["digits"].endswith((".", ",")):  # 5.- are five francs
            signs += number["trailing"]
        return float(text) * factor * (-1 if "-" in signs or number["close"] else 1)

    def _parse_words(self, column: pd.Series) -> pd.Series:
        words = _clean(column, keep=True)
        if self.kind == "code":
            words = [re.sub(r"^([+-]?\d+)\.0*$", r"\1", word) for word in words]
        values = [None if self._is_gap(word) else word for word in words]
        return pd.Series(values, column.index, dtype=object, name=column.name)

    def _is_gap(self, cell: str) -> bool:
        word = cell.lower().strip("$€£¥ ")
        if word in (_GAPS if self.kind in _WORDS else _GAPS_BESIDE_NUMBERS):
            return True
        if not self.missing or cell in self.missing:
            return cell in self.missing
        return is_number(cell) and self._read_number(cell) in _to_floats(self.missing)


def understand(
    column: pd.Series,
    *,
    decimal: str | None = None,
    missing: Iterable[Any] = (),
    is_code: bool = False,
) -> ColumnFormat:
    """Understand a column from all of its cells.

    Parameters
    ----------
    column : Series
        The column, of any type; text is looked into.
    decimal : {".", ","} or None
        The decimal mark where 1,234 or 1.234 alone leave it open; None takes the comma for a mark
        of thousands and the point for the decimal mark.
    missing : iterable
        Further values that stand for a gap.
    is_code : bool
        Whether numbers are names.

    Raises
    ------
    ValueError
        If numbers have different units, or the cells are no numbers, words or dates.
    """
    column = _convert_objects(column)
    marks = tuple(name_number(value) for value in missing)
    if is_code:
        return ColumnFormat("code", missing=marks)
    if not _is_text(column):
        kind = _get_kind(column) if column.notna().any() else "empty"
        given = _to_values(column, kind, marks) if kind == "number" else column
        return ColumnFormat(kind, missing=marks, n_gaps=int(given.isna().sum()))
    if isinstance(column.dtype, pd.CategoricalDtype):
        return ColumnFormat("code", missing=marks, n_gaps=int(column.isna().sum()))
    cells = _clean(column)
    shapes = _count_shapes(cells)
    as_number, as_word = ColumnFormat("number"), ColumnFormat("word")
    given = {shape: n for shape, n in shapes.items() if not as_number._is_gap(shape)}
    n_given = sum(given.values())
    if not n_given:
        # A column of dashes is one of words.
        n_words = sum(n for shape, n in shapes.items() if not as_word._is_gap(shape))
        found = ColumnFormat("word" if n_words else "empty")
    elif sum(n for shape, n in given.items() if shape.lower() in _TRUTHS) >= _MOSTLY * n_given:
        found = ColumnFormat("truth")
    else:
        found = (
            _understand_numbers(column.name, given, cells, decimal)
            or _understand_dates(cells)
            or as_word
        )
    counts = Counter(cells) if marks else shapes
    found = replace(found, missing=marks)
    gaps = Counter({cell: n for cell, n in counts.items() if found._is_gap(cell)})
    shown = tuple(mark for mark, _ in gaps.most_common(_MAX_SHOWN) if mark)
    return replace(found, n_gaps=sum(gaps.values()), gaps=shown)


def find_sentinel(column: pd.Series) -> tuple[float, int] | None:
    """Return an extreme value that is repeated and far from all others, and its count."""
    values, counts = np.unique(column[np.isfinite(column)], return_counts=True)
    if len(values) < 6:
        return None
    for extreme, others in ((0, values[1:]), (-1, values[:-1])):
        distance = np.abs(others - values[extreme]).min()
        is_far = distance > others[-1] - others[0] and values[extreme] != 0
        if counts[extreme] > 1 and is_far:
            return float(values[extreme]), int(counts[extreme])
    return None


def is_missing(cell: str) -> bool:
    """Whether a cell stands for a missing value, in a column of whatever kind."""
    return cell.strip().lower() in _GAPS


def is_number(cell: str) -> bool:
    """Whether a cell is a number in some spelling."""
    number = _match_number(cell.strip().translate(_ALIKE))
    return number is not None and any(
        pattern.fullmatch(number["digits"]) for pattern in _DIGITS.values()
    )


def format_values(values: list[str]) -> str:
    """Return the first values, quoted."""
    return join_first([repr(str(value)[:40]) for value in values], _MAX_SHOWN)


def _quote(text: str) -> str:
    return f'"{text[:20]}"'


def name_number(value: Any) -> str:
    """Return a value as a word, whole numbers without a decimal point."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _clean(column: pd.Series, *, keep: bool = False) -> list[str]:
    """Return the cells as text, empty for a gap; what looks alike is one, unless words are kept."""
    values = column.to_numpy(dtype=object)
    if isinstance(column.dtype, pd.StringDtype) and not column.hasnans:
        texts = values.tolist()
    else:
        is_gap = pd.isna(values)
        texts = ["" if gap else name_number(v) for v, gap in zip(values, is_gap, strict=True)]
    if keep:
        return [text.strip() for text in texts]
    joined = _BETWEEN_CELLS.join(text.replace(_BETWEEN_CELLS, " ") for text in texts)
    if _PLAIN.fullmatch(joined):
        return texts
    joined = _BETWEEN_CELLS + joined.translate(_ALIKE) + _BETWEEN_CELLS
    for pattern, replacement in _REWRITTEN:
        joined = pattern.sub(replacement, joined)
    return [cell.strip() for cell in joined[1:-1].split(_BETWEEN_CELLS)]


def _count_shapes(cells: list[str]) -> Counter[str]:
    """Count the cells that are spelled alike, whatever their digits."""
    joined = _BETWEEN_CELLS.join(cells)
    return Counter(_FURTHER_DIGITS.sub("", joined).translate(_TO_ONES).split(_BETWEEN_CELLS))


def _convert_objects(column: pd.Series) -> pd.Series:
    """Return a column of objects, nested types or periods as one of values or of text."""
    if isinstance(column.dtype, pd.PeriodDtype):
        return column.dt.to_timestamp()
    if isinstance(column.dtype, pd.SparseDtype):
        return column.sparse.to_dense()
    nested = ("list", "struct", "map", "bin", "complex")
    if column.dtype != object and not str(column.dtype).startswith(nested):
        return column
    match pd.api.types.infer_dtype(column, skipna=True):
        case "string" | "empty":
            return column
        case "datetime64" | "datetime" | "date":
            return column.astype("datetime64[us, UTC]")
        case "timedelta64" | "timedelta":
            return pd.to_timedelta(column)
        case "period":
            return pd.PeriodIndex(column).to_timestamp().to_series(column.index, column.name)
        case "boolean":
            return column.astype("boolean")
        case "integer" | "floating" | "mixed-integer-float" | "decimal":
            return column.astype(np.float64)
    return column.map(lambda value: _to_text(value, column.name))


def _to_text(value: Any, name: Any) -> Any:
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise ValueError(
                f"Column {name!r} has bytes that are not UTF-8, {value[:20]!r}; decode them."
            ) from error
    if isinstance(value, complex):
        raise ValueError(f"Column {name!r} has complex numbers; split it into two columns.")
    if isinstance(value, list | tuple | dict | set | np.ndarray):
        raise ValueError(
            f"Column {name!r} has values such as {str(value)[:40]}, which are no numbers, words or "
            "dates. Leave it out, or split it into columns."
        )
    return value


def _is_text(column: pd.Series) -> bool:
    return (
        column.dtype == object
        or isinstance(column.dtype, pd.CategoricalDtype)
        or pd.api.types.is_string_dtype(column.dtype)
    )


def _get_kind(column: pd.Series) -> str:
    """Return the kind of a column that is no text."""
    if pd.api.types.is_bool_dtype(column.dtype):
        return "truth"
    if pd.api.types.is_numeric_dtype(column.dtype):
        return "number"
    kind = pd.api.types.infer_dtype(column)
    return "duration" if kind.startswith(("timedelta", "duration")) else "date"


def _explain_kinds(name: Any, before: str, now: str) -> str:
    return (
        f"Column {name!r} has {_name_kind(now)}, but had {_name_kind(before)} when the preparer "
        "was fitted; write them as then, or fit again."
    )


def _name_kind(kind: str) -> str:
    return "truth values" if kind == "truth" else f"{kind}s"


def _to_values(column: pd.Series, kind: str, missing: tuple[str, ...]) -> pd.Series:
    """Return numbers, dates or durations as float64 or as dates in UTC."""
    if kind == "date":
        if isinstance(column.dtype, np.dtype):
            return column
        return column.astype("datetime64[us, UTC]").dt.tz_convert(None)
    if kind == "duration":
        return pd.to_timedelta(column).dt.total_seconds().astype(np.float64)
    values = column.to_numpy(np.float64, na_value=np.nan)
    if missing:
        values = np.where(np.isin(values, _to_floats(missing)), np.nan, values)
    return pd.Series(values, column.index, name=column.name)


def _to_floats(words: Iterable[str]) -> list[float]:
    """Return the words that are numbers."""
    numbers = pd.to_numeric(pd.Series(list(words), dtype=object), errors="coerce")
    return numbers.dropna().tolist()


def _match_number(cell: str) -> re.Match[str] | None:
    """Return the parts of a number: balanced parentheses, a known currency before it or none."""
    number = _NUMBER.fullmatch(cell)
    if not number or bool(number["open"] or number["open2"]) != bool(number["close"]):
        return None
    before = number["before"].lower()
    if before and before not in _CURRENCY_NAMES:
        return None
    return number


def _find_unit(number: re.Match[str], *, is_money: bool) -> tuple[float, str]:
    """Return the factor of a number, such as that of 30.7k, and its unit in words."""
    return _name_unit(number["before"], number["after"] or "", is_money)


@lru_cache  # most numbers of a column have the same
def _name_unit(sign: str, given: str, is_money: bool) -> tuple[float, str]:
    """Return factor and unit of a number by what stands before and after it."""
    before = _CURRENCY_NAMES.get(sign.lower(), "")
    after = " ".join(given.lower().split()).replace("° ", "°")
    is_money = is_money or bool(before)
    if after in ("m", "m.") and (is_money or given.startswith("M")):
        return 1e6, before
    if after in _UNIT_NAMES and not (after in _SCALE_FACTORS and (is_money or after in "kb")):
        return 1.0, f"{before} {_UNIT_NAMES[after]}".strip()
    if after in _CURRENCY_NAMES:
        return 1.0, _CURRENCY_NAMES[after]
    if after in _SCALE_FACTORS:
        return _SCALE_FACTORS[after], before
    for scale in sorted([*_SCALE_FACTORS, "m"], key=len, reverse=True):
        rest = after.removeprefix(scale).strip()
        if rest != after and rest in _CURRENCY_NAMES:
            return _SCALE_FACTORS.get(scale, 1e6), _CURRENCY_NAMES[rest]
    one = after.removesuffix("s") if len(after) > 3 else after  # stars as well as star
    return 1.0, f"{before} {one}".strip()


def _understand_numbers(
    name: Any, given: dict[str, int], cells: list[str], decimal: str | None
) -> ColumnFormat | None:
    """Return the format of a column most of whose cells are numbers, or None."""
    numbers = {shape: number for shape in given if (number := _match_number(shape))}
    if not numbers or any(_CODE.fullmatch(shape) for shape in given):
        return None
    is_money = any(
        _find_unit(number, is_money=False)[1].split(" ")[0] in _CURRENCIES
        or (number["after"] or "").lower() in ("bn", "mn")
        for number in numbers.values()
    )
    units = {shape: _find_unit(n, is_money=is_money)[1] for shape, n in numbers.items()}
    counts: Counter[str] = Counter()
    for shape, unit in units.items():
        counts[unit] += given[shape]
    n_given = sum(given.values())
    decimal, note = _decide_decimal(numbers, given, decimal, is_money=is_money)
    n_read = sum(given[s] for s, n in numbers.items() if _DIGITS[decimal].fullmatch(n["digits"]))
    if n_read < _MOSTLY * n_given:
        return None
    known = {*_CURRENCIES, *_UNIT_NAMES.values()}
    named = [unit for unit, _ in counts.most_common() if unit]
    has_bare = any(not units[s] and numbers[s]["digits"].strip("0.,") for s in numbers)
    no_unit = ["no unit"] if "percent" in named and has_bare else []
    if len(named + no_unit) > 1 or (named and named[0] not in known and counts[named[0]] < n_given):
        frequent = [unit for unit in named if unit in known]
        are_times = len(frequent) > 1 and {"s", "min", "h", "days"}.issuperset(frequent)
        if are_times or sum(counts[unit] for unit in [*frequent, ""]) < _MOSTLY * n_given:
            return None
        if len(frequent + no_unit) > 1:
            raise ValueError(_explain_units(name, frequent + no_unit, cells, is_money))
        named = frequent
    bounds = sorted({(number["bound"] or "").strip() for number in numbers.values()} - {""})
    unit = named[0] if named else ""
    return ColumnFormat("number", decimal, unit, is_money, bounds=tuple(bounds), note=note)


def _explain_units(name: Any, units: list[str], cells: list[str], is_money: bool) -> str:
    examples: dict[str, str] = {}
    for cell in cells:
        number = _match_number(cell)
        if number:
            unit = _find_unit(number, is_money=is_money)[1] or "no unit"
            examples.setdefault(unit, cell)
    shown = ", ".join(f"{unit} ({examples.get(unit, '')!r})" for unit in units[:_MAX_SHOWN])
    return (
        f"Column {name!r} has numbers in different units: {shown}. Convert them to one unit, or "
        "leave the column out (--drop)."
    )


def _decide_decimal(
    numbers: dict[str, re.Match[str]], given: dict[str, int], decimal: str | None, *, is_money: bool
) -> tuple[str, str]:
    """Return the decimal mark of a column, and a note if its cells leave it open."""
    votes = {".": 0, ",": 0}
    ambiguous: Counter[str] = Counter()
    for shape, number in numbers.items():
        digits = number["digits"]
        readable = [mark for mark in votes if _DIGITS[mark].fullmatch(digits)]
        if len(readable) == 1:
            votes[readable[0]] += given[shape]
        elif readable and ("," in digits or "." in digits):
            ambiguous["," if "," in digits else "."] += given[shape]
    if votes["."] or votes[","]:
        return ("," if votes[","] > votes["."] else "."), ""
    if not ambiguous:
        return ".", ""
    mark = ambiguous.most_common(1)[0][0]
    if is_money:  # has two decimals, not three
        decimal = "," if mark == "." else "."
    decimal = decimal or "."
    meaning = "the decimal mark" if mark == decimal else "between thousands"
    named = "comma" if mark == "," else "point"
    return decimal, f"the {named} of 1{mark}234 is taken as {meaning}"


def _understand_dates(cells: list[str]) -> ColumnFormat | None:
    """Return the format of a column most of whose cells are dates or times, or None."""
    as_date = ColumnFormat("date")
    texts = pd.Series([cell for cell in cells if not as_date._is_gap(cell)], dtype=object)
    is_dated = texts.map(lambda text: any(map(str.isdigit, text)))
    if is_dated.mean() < _MOSTLY:
        return None
    if np.isfinite(_read_durations(texts)).mean() >= _MOSTLY:
        return ColumnFormat("duration")
    tried = texts[is_dated].drop_duplicates()
    if len(tried) > _N_DATES_TRIED:
        tried = tried.sample(_N_DATES_TRIED, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # about the day before the month
        guessed = [
            Counter(guess_datetime_format(text, dayfirst=first) for text in tried).most_common(1)
            for first in (_is_day_first(tried.iloc[0]), not _is_day_first(tried.iloc[0]))
        ]
    formats = [*filter(None, (common[0][0] for common in guessed)), *_DATE_FORMATS]
    best = max(formats, key=lambda written: _count_dates(tried, written))
    if _count_dates(texts, best) < _MOSTLY * len(texts):
        return None
    day, month, year = (max(map(best.find, parts)) for parts in (["%d"], ["%m"], ["%Y", "%y"]))
    note = "day before month" if 0 <= day < month else ""
    if 0 <= month < min(day, year):
        note = "month before day"
    return ColumnFormat("date", date_format=best, note=note)


def _is_day_first(text: str) -> bool:
    """Whether a date has points, as in countries where the day is first."""
    return "." in text.split(":")[0].split(" ")[0]


def _count_dates(texts: pd.Series, written: str) -> int:
    return int(pd.notna(_read_dates(texts, written)).sum())


def _read_dates(texts: pd.Series, written: str) -> Any:
    """Return dates in UTC, without a time zone; NaT for what is written otherwise."""
    dates = pd.to_datetime(texts, format=written or "ISO8601", errors="coerce", utc=True)
    return dates.dt.tz_convert(None).astype("datetime64[us]").to_numpy()


def _read_durations(texts: pd.Series) -> np.ndarray:
    """Return seconds; NaN for what is no time such as 12:30, 2 days 12:30:15 or 12h 30m."""
    texts = texts.astype(str)
    by_colons = texts.str.extract(_TIME)
    sign = np.where(by_colons.pop(0) == "-", -1, 1)
    by_units = texts.str.lower().str.extract(_TIME_IN_UNITS)
    by_units.columns = by_colons.columns
    parts = by_colons.fillna(by_units).astype(np.float64)
    total = parts.fillna(0) @ np.array([86_400, 3600, 60, 1])
    return np.where(parts.notna().any(axis=1), sign * total, np.nan)


def _read_truth(cell: str) -> float:
    return _TRUTHS_AT_PREDICT.get(cell.lower(), np.nan)
