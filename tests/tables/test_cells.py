"""What the cells of a column mean, in the spellings of spreadsheets and exports."""

from datetime import date, time, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skdec.tables._cells import find_sentinel, understand

NAN = np.nan


def column(values, **types):
    return pd.Series(values, name="c", **types)


def parse(values):
    found = understand(column(values))
    return found, found.parse(column(values)).tolist()


@pytest.mark.parametrize(
    ("values", "expected", "description"),
    [
        (["$1,234.56", "$2.50"], [1234.56, 2.5], "dollars"),
        (["($1,234.00)", "$5.00"], [-1234, 5], "dollars"),
        (["5.2-", "1.1"], [-5.2, 1.1], "numbers"),
        (["+5", "\u22123", "\u20134"], [5, -3, -4], "numbers"),
        (["1.234,56 €", "12,50€"], [1234.56, 12.5], "euros, decimal comma"),
        (["1.234 €", "950 €"], [1234, 950], "euros, decimal comma; the point of 1.234"),
        (["R$ 1.234,56", "R$ 5,00"], [1234.56, 5], "real, decimal comma"),
        (["CHF 1\u2019234.50", "CHF 5.-"], [1234.5, 5], "francs"),
        (["1\u202f234", "2\u00a0000 000", "5"], [1234, 2e6, 5], "numbers"),
        (["1,23,456.78", "5"], [123456.78, 5], "numbers"),
        (["1,234", "950"], [1234, 950], "numbers; the comma of 1,234 is taken as between"),
        (["1.234", "950"], [1.234, 950], "numbers; the point of 1.234 is taken as the"),
        (["1,234", "0,750"], [1.234, 0.75], "numbers, decimal comma"),
        (["12%", "4.5 %", "0"], [12, 4.5, 0], "percent"),
        (["61.7 kg", "62 KG", "60kgs"], [61.7, 62, 60], "kg"),
        (["20 °C", "-3.5°C"], [20, -3.5], "°C"),
        (["$5/h", "$6/h"], [5, 6], "dollars /h"),
        (["30.7k", "950", "3.5K"], [30700, 950, 3500], "numbers"),
        (["$1.2M", "$3bn", "$5m"], [1.2e6, 3e9, 5e6], "dollars"),
        (["5 m", "6.1 m"], [5, 6.1], "m"),
        (["5 m2", "6.1 m²"], [5, 6.1], "m²"),
        (["5 (est.)", "6.1 ± 0.3", "7 (p)"], [5, 6.1, 7], "numbers"),
        (["5 k€", "6 Mio. €"], [5000, 6e6], "euros"),
        (["1e5", "2.5E-3", "1E+2"], [1e5, 2.5e-3, 100], "numbers"),
        (["-", "3", "?", "4", "", "n/a"], [NAN, 3, NAN, 4, NAN, NAN], 'numbers; 4 gaps ("-", "?"'),
        (["--", ".", "#DIV/0!", "unknown", "5"], [NAN] * 4 + [5], "numbers; 4 gaps"),
        (["True", "false", "TRUE", ""], [1, 0, 1, NAN], "true or false; 1 gap"),
        (["12:30", "1:00:30", "-"], [45_000, 3630, NAN], "durations; 1 gap"),
        (["1 days 00:00:05", "0 days 01:00:00"], [86_405, 3600], "durations"),
        (["5h 3m", "45m", "1 d 2 hours", "10 sec"], [18_180, 2700, 93_600, 10], "durations"),
        (["\uff11\uff12", "\uff13.5"], [12, 3.5], "numbers"),
        ([".5", "-.25"], [0.5, -0.25], "numbers"),
        (["\u0663\u066b\u0665", "\u0662"], [3.5, 2], "numbers"),
        (["1 1/2", "3/4", "2", "-1\u00bd"], [1.5, 0.75, 2, -1.5], "numbers"),
        (["1.5x10^3", "2 \u00d7 10\u207b\u00b2", "3e1"], [1500, 0.02, 30], "numbers"),
        (["1st", "2nd", "3rd", "#11", "No. 4"], [1, 2, 3, 11, 4], "numbers"),
        (["8/10", "7.5/10", "9 out of 10"], [8, 7.5, 9], "out of 10"),
        (["5'11\"", "6 ft 3 in", "5'6"], [5.91667, 6.25, 5.5], "ft"),
        (["5 lb 4 oz", "6 lbs"], [5.25, 6], "lbs"),
        (["2 yrs 3 mos", "1 year"], [2.25, 1], "years"),
        (["10+ years", "< 1 year", "3 years"], [10, 1, 3], 'years; read without "<"'),
        (["about 5", "up to 6", "5 +/- 1"], [5, 6, 5], 'numbers; read without "about", "up to"'),
        (["3 stars", "1 star"], [3, 1], "star"),
        (["1M+", "500k+", "Varies"], [1e6, 5e5, NAN], "numbers; 1 gap"),
        (["2 lakh", "1.5 crore"], [2e5, 1.5e7], "numbers"),
        (["40.5° N", "12°30'S", "0° 15\u2032 36\u2033 W"], [40.5, -12.5, -0.26], "degrees"),
        (['="5"', "'6", "=7"], [5, 6, 7], "numbers"),
        (["90 mins", "1 hr", "1h30"], [5400, 3600, 5400], "durations"),
        (["1"] * 19 + ["broken"], [1] * 19 + [NAN], "numbers"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:Column 'c' has values")
def test_numbers_are_read_in_their_spelling(values, expected, description):
    found, parsed = parse(values)
    np.testing.assert_allclose(parsed, expected, rtol=1e-12)
    assert found.describe().startswith(description)


@pytest.mark.parametrize(
    "values",
    [
        ["007", "12"], ["1_000", "2"], ["192.168.1.1", "10.0.0.1"], ["10-20", "20-30"],
        ["A1", "A2"], ["Room 1", "Room 2"], ["12a", "13b"], ["1,5", "0.75"], ["3.A", "4.B"],
        ["red", "3", "4"], ["120/80", "130/90"], ["yes", "no"], ["-", "-"],
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_number_stays_a_word(values):
    found, parsed = parse(values)
    assert (found.kind, parsed) == ("word", values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["135lbs", "61 kg"], r"lbs \('135lbs'\), kg \('61 kg'\)"),
        (["12%", "0.5"], r"percent \('12%'\), no unit \('0.5'\)"),
        (["100 USD", "5 EUR"], r"dollars \('100 USD'\), euros \('5 EUR'\)"),
    ],
)
def test_different_units_are_named(values, message):
    with pytest.raises(ValueError, match=f"Column 'c' has numbers in different units: {message}"):
        understand(column(values))


@pytest.mark.parametrize(
    ("values", "first", "note"),
    [
        (["2020-01-05", "2021-02-06"], "2020-01-05", ""),
        (["05.03.2020", "06.04.2020"], "2020-03-05", "day before month"),
        (["05/03/2020", "06/04/2020"], "2020-05-03", "month before day"),
        (["5-Jan-20", "6-Feb-21"], "2020-01-05", ""),
        (["Jan 2020", "Feb 2021"], "2020-01-01", ""),
        (["2020-01-05T10:00:00+02:00", "2020-01-05T10:00:00Z"], "2020-01-05T08:00:00", ""),
        (["2020-01-05"] * 19 + ["soon"], "2020-01-05", ""),
        ([date(2020, 1, 5), None], "2020-01-05", ""),
        (["2:30 PM", "11:05 am"], "1900-01-01 14:30", ""),
        (["2020-Q2", "Q3 2021", "4Q2021"], "2020-04-01", ""),
        (["2020-W05", "2021W11"], "2020-01-27", ""),
        (["Mon, 06 Jan 2020", "Tue, 07 Jan 2020"], "2020-01-06", ""),
        (["1/25/20 3:30 PM", "2/6/21 4:00 AM"], "2020-01-25 15:30", "month before day"),
    ],
)
@pytest.mark.filterwarnings("ignore:Column 'c' has values")
def test_dates_are_read_in_their_spelling(values, first, note):
    found, parsed = parse(values)
    assert (found.kind, found.note) == ("date", note)
    assert parsed[0] == pd.Timestamp(first)


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([1, None, 2.5], "number", [1, NAN, 2.5]),
        ([Decimal("1.5"), Decimal(2)], "number", [1.5, 2]),
        ([True, None, False], "truth", [1, NAN, 0]),
        ([1, "2", "$3", None], "number", [1, 2, 3, NAN]),
        ([timedelta(hours=1), timedelta(seconds=5)], "duration", [3600, 5]),
        ([time(1, 0), time(0, 30)], "duration", [3600, 1800]),
    ],
)
def test_objects_of_python_are_what_they_are(values, kind, expected):
    found = understand(column(values, dtype=object))
    assert found.kind == kind
    np.testing.assert_allclose(found.parse(column(values, dtype=object)), expected)


@pytest.mark.parametrize("value", [[1], {"a": 1}, np.zeros(2), 1j, b"\xff"], ids=str)
def test_what_is_no_cell_is_refused_with_its_column(value):
    with pytest.raises(ValueError, match="Column 'c' has "):
        understand(column([value, value], dtype=object))


numbers = st.lists(st.floats(-1e9, 1e9).map(lambda x: round(x, 2)), min_size=1, max_size=12)


@given(
    numbers, st.sampled_from([",.", ".,", "',", " ,", " .", "'."]), st.sampled_from(["$", "€", "%"])
)
def test_any_numbers_are_read_as_they_were_written(values, marks, unit):
    """With marks between thousands and of decimals, a unit, and accounting negatives."""
    thousands, decimal = marks

    def write(value):
        text = f"{abs(value):,.2f}".replace(",", "t").replace(".", decimal).replace("t", thousands)
        text = f"{unit}{text}" if unit == "$" else f"{text} {unit}"
        return f"({text})" if value < 0 else text

    texts = column([write(value) for value in values])
    found = understand(texts)
    np.testing.assert_allclose(found.parse(texts), values)
    np.testing.assert_allclose([found.parse(texts[[i]]).iloc[0] for i in texts.index], values)


def test_plain_numbers_are_read_exactly():
    values = np.random.default_rng(0).normal(size=500) * 10.0 ** np.arange(-250, 250)
    _, parsed = parse([repr(value) for value in values.tolist()])
    assert parsed == values.tolist()


def test_further_cells_are_read_as_understood():
    euros = understand(column(["1.234,50 €", "3 €"]))
    with pytest.warns(UserWarning, match=r"'c' has values that are no numbers .*: '1,5 kg', 'x1'"):
        parsed = euros.parse(column(["1.234", "2,5", "1,5 kg", "x1", "7"]))
    np.testing.assert_array_equal(parsed, [1234, 2.5, NAN, NAN, 7])
    assert understand(column([1.5, 2])).parse(column(["$3", "4"])).isna().tolist() == [True, False]
    truth = understand(column([True, False] * 5))
    with pytest.warns(UserWarning, match="no truth values and count as missing: 'maybe'"):
        parsed = truth.parse(column(["TRUE", "0", "no", "maybe", True]))
    np.testing.assert_array_equal(parsed, [1, 0, 0, NAN, 1])


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ([1.0, 2], pd.to_datetime(["2020-01-01", "2020-01-02"])),
        (["1", "2"], ["2020-01-01", "2020-01-02"]),
        (["2020-01-01", "2020-01-02"], ["43831", "43832"]),
        ([1, 2], pd.to_timedelta([1, 2])),
    ],
)
def test_another_kind_of_column_is_refused_by_name(before, now):
    with pytest.raises(ValueError, match=r"Column 'c' has .*, but had .* when the preparer was"):
        understand(column(before)).parse(column(now))


def test_missing_values_may_be_named():
    for values in ([-999, 5, 6], ["-999", "5", "6"], ["-999.00", "5", "6"]):
        found = understand(column(values), missing=[-999])
        assert found.n_gaps == 1
        np.testing.assert_array_equal(found.parse(column(values)), [NAN, 5, 6])
    assert understand(column(["a", "no"]), missing=["no"]).parse(column(["a", "no"]))[1] is None


def test_a_code_is_one_word_however_it_is_written():
    found = understand(column([10115.0, NAN, 20095]), is_code=True)
    for values in ([10115.0, NAN], ["10115.0", ""], pd.array([10115, None], "Int64")):
        assert found.parse(column(values)).tolist() == ["10115", None]
    assert found.parse(column(["007", "1,000"])).tolist() == ["007", "1,000"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([*range(20), -999, -999], (-999, 2)),
        ([*range(20), 9_999_999], None),  # once
        ([*range(20), -1, -1], None),  # not far
        ([0, 0, 0, *range(500, 520)], None),
    ],
)
def test_a_sentinel_is_repeated_and_far_from_all_others(values, expected):
    assert find_sentinel(column(values, dtype=float)) == expected
