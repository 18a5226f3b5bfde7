"""Detection of separator, decimal mark, header and encoding in the beginning of a CSV file."""

import gzip
import io

import numpy as np
import pandas as pd
import pytest

from skdec.tables import _csv as csv_format
from skdec.tables._csv import HEAD_LENGTH, find_ragged_rows


def as_stream(text):
    return io.StringIO(text, newline="")


def detect_format(text, *arguments):
    return csv_format.detect_format(as_stream(text), *arguments)


def open_text(content):
    return csv_format.open_text(io.BufferedReader(io.BytesIO(content)))


@pytest.mark.parametrize("separator", list(",;\t|"))
def test_the_separator_is_that_of_most_rows(separator):
    text = separator.join("ab") + "\n" + separator.join(["1.5", "2"]) + "\n"
    assert detect_format(text).separator == separator
    assert detect_format(text).names == ("a", "b")


@pytest.mark.parametrize(
    ("fields", "separator", "decimal", "thousands"),
    [
        (["1.5", "2"], ",", ".", None),
        (["1,5", "2"], ";", ",", None),
        (["1.234,5", "2"], ";", ",", "."),
        (["1.234.567,5", "2"], "\t", ",", "."),
        (['"1,234"', "2"], ",", ".", ","),
        (["1,234.5", "2"], ";", ".", ","),
        (["1,234", "2.5"], ";", ".", ","),
        (["1,234", "2"], ";", ",", None),  # may be either; a semicolon speaks for the comma
        (["1.234", "2"], ";", ".", None),
        (["1,234", "2"], "\t", ".", ","),
        (["1,234,567", "2"], "|", ".", ","),
        (["red, blue", "2"], ";", ".", None),
        (["1_000", "2"], ",", ".", None),
        (['"1,5"', "0.75"], ",", ".", None),
        (['"1,5"', "75"], ",", ",", None),
        (['"1,5 m"', "75"], ",", ".", None),
        (["1,5", "0.75"], ";", ",", None),
        (["1,234,567", "2"], ";", ".", ","),
        (["1.234.567", "2"], ";", ",", "."),
        (["1,5", "1.234.567"], "\t", ",", "."),
        (['"0,750"', "75"], ",", ",", None),  # no group of digits begins with a zero
        ([",5", "2"], ";", ",", None),
        (["1,5e3", "-inf"], ";", ",", None),
        (["1,5", "#N/A"], ";", ",", None),
    ],
)
def test_decimal_and_thousands_marks(fields, separator, decimal, thousands):
    found = detect_format(f"a{separator}b\n{separator.join(fields)}\n")
    assert (found.separator, found.decimal, found.thousands) == (separator, decimal, thousands)


@pytest.mark.parametrize(
    ("text", "names", "n_skipped"),
    [
        ("a,b\n1,2\n", ("a", "b"), 1),
        ("5,6\n7,8\n", ("x0", "x1"), 0),
        ("0,1\n7,8\n", ("0", "1"), 1),  # as pandas writes an array
        (",0,1\n0,7,8\n", ("", "0", "1"), 1),  # with its index
        (",a\n0,1\n", ("", "a"), 1),
        ("a b\nr1 1 2\n".replace(" ", ";"), ("", "a", "b"), 1),  # as R writes the names of rows
        ("# by hand\n\n# 2020\na,b\n1,2\n", ("a", "b"), 4),
        ('\n"a, b", c\n"1",2\n', ("a, b", "c"), 2),
        ("1;5;nan\n2;6;7\n", ("x0", "x1", "x2"), 0),
        ("sep=;\na;b,c\n1;2\n", ("a", "b,c"), 2),
        ('#\n"a\nb",c\n1,2\n', ("a\nb", "c"), 3),
        ("a,b\n1,2,\n3,4,\n", ("a", "b"), 1),
        ("a,b,\n1,2,\n3,4,\n", ("a", "b"), 1),
        ("a,b,\n1,2,\n3,4,5\n", ("a", "b", ""), 1),
        ("a,b\nr1,2,\nr2,4,5\n", ("", "a", "b"), 1),
    ],
)
def test_names_are_those_of_the_header(text, names, n_skipped):
    found = detect_format(text)
    assert (found.names, found.n_skipped) == (names, n_skipped)


@pytest.mark.parametrize(
    ("text", "texts"),
    [
        ("a,b,c\n007,1,0\n12,2,0.5\n", {"a"}),
        ("a:b\n1:007\n2:1\n".replace("a:b", "sep=:\na:b"), {"b"}),
        ("a;b\n1.234,5;2\n2,5;0.75\n", {"b"}),  # not 75
        ('a,b\n"1,5",0.75\n"2",0.25\n', {"a"}),
        ("a;b\n1,5;x\n2,5;1\n", {"b"}),
        ("a;b\n1,5;True\n2,5;False\n", set()),
        ("a;b;c\n1,5;;#N/A\n2,5;3;-1,5\n", set()),
        ("a,b\n01-02-03,0\n2020-01-05,0.05\n", set()),
    ],
)
def test_columns_with_digits_that_are_no_numbers_are_texts(text, texts):
    assert detect_format(text).texts == texts


@pytest.mark.parametrize(
    ("first", "last", "decimal", "thousands", "texts"),
    [
        ("1;2", "1,5;2", ",", None, set()),
        ("1,234;2", "1,234.5;2", ".", ",", set()),
        ("1.234,5;2", "0.75;2", ",", ".", {"a"}),
        ("1,234\t2", "1,5\t2", ",", None, set()),
        ('"1,234",2', '"1,5",2', ",", None, set()),
        ("1.5,2", "007,2", ".", None, {"a"}),
        ("1.5,2", '"1,5",2', ".", None, {"a"}),
        ('1.5,"x\ny"', '007,"x\ny"', ".", None, {"a"}),
    ],
)
def test_fields_after_the_beginning_tell_as_well(first, last, decimal, thousands, texts):
    separator = next(mark for mark in ";\t," if mark in first)
    rows = [first] * (2 * HEAD_LENGTH // len(first)) + [last]
    found = detect_format(f"a{separator}b\n" + "\n".join(rows) + "\n")
    assert (found.separator, found.decimal, found.thousands) == (separator, decimal, thousands)
    assert found.texts == texts


@pytest.mark.parametrize("decimal", [".", ","])
def test_the_format_is_that_of_any_numbers(decimal):
    """Detected by what digits have in common, with pandas' writing as the reference."""
    numbers = np.random.default_rng(0).normal(size=(500, 4)) * [1e-8, 1, 1e4, 1e9]
    frame = pd.DataFrame(numbers, columns=list("abcd"))
    found = detect_format(frame.to_csv(index=False, sep=";", decimal=decimal))
    assert (found.decimal, found.thousands, found.texts) == (decimal, None, frozenset())


def test_columns_of_numbers_tell_in_spite_of_words():
    text = "a;b\n1,5;1\nbroken;2\n"
    assert detect_format(text).decimal == "."
    assert detect_format(text, ["a"]).decimal == ","


@pytest.mark.parametrize(
    ("text", "field", "expected"),
    [
        ("a;b\n1.234,5;2\n", "-1.234,5", "-1234.5"),
        ("a;b\n1.234,5;2\n", "0.75", "0.75"),
        ("a;b\n1,234.5;2\n", "1,234", "1234"),
        ("a;b\n1,234.5;2\n", "1,5", "1,5"),
        ("a;b\n1,5;2\n", "red, blue", "red, blue"),
    ],
)
def test_numbers_are_written_with_a_point(text, field, expected):
    assert detect_format(text).use_point(field) == expected


def test_a_header_longer_than_the_beginning_is_read():
    names = [f"column_{i}" for i in range(HEAD_LENGTH // 8)]
    rows = [names, ["1.5"] * len(names), ["2"] * len(names)]
    found = detect_format("".join(",".join(row) + ",\n" for row in rows))
    assert found.names == tuple(names)


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n"])
def test_a_text_without_rows_is_refused(text):
    with pytest.raises(ValueError, match="it is empty"):
        detect_format(text)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_is_decoded_also_when_it_is_read_again(encoding):
    text = open_text("naïve,b\n€,2\n".encode(encoding))
    assert text.read() == "naïve,b\n€,2\n"
    text.seek(0)
    assert text.read() == "naïve,b\n€,2\n"


def test_other_bytes_are_windows_1252_with_a_warning():
    text = open_text("Müller,5 €\n".encode("cp1252"))
    with pytest.warns(UserWarning, match="not UTF-8 are read as Windows-1252"):
        assert text.read() == "Müller,5 €\n"


def test_gzip_is_decompressed():
    assert open_text(gzip.compress(b"a,b\n1,2\n")).read() == "a,b\n1,2\n"


@pytest.mark.parametrize("content", [bytes(range(256)), b"\x89PNG\r\n\0\n", bytes(4096)])
def test_what_is_no_text_is_refused(content):
    with pytest.raises(ValueError, match="it is not text"):
        open_text(content)


def test_rows_of_other_widths_are_found():
    text = "# comment\na,b\n1,2\n3\n\n'x',\"4,\n5\",6\n7,8\n"
    found = find_ragged_rows(as_stream(text), detect_format(text))
    assert found == [(2, 1), (3, 3)]
