"""Detection of separator, decimal mark, header and encoding in the beginning of a CSV file."""

import gzip
import io

import pytest

from skdec.cli.csv_format import HEAD_BYTES, detect_format, find_ragged_rows, open_text


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


def test_digits_with_a_leading_zero_are_codes():
    assert detect_format("a,b,c\n007,1,0\n12,2,0.5\n").codes == {"a"}


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n"])
def test_a_text_without_rows_is_refused(text):
    with pytest.raises(ValueError, match="it is empty"):
        detect_format(text)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_is_decoded(encoding):
    text, beginning = open_text(io.BytesIO("naïve,b\n€,2\n".encode(encoding)))
    assert beginning == text.read() == "naïve,b\n€,2\n"


def test_other_bytes_are_windows_1252_with_a_warning():
    text, _ = open_text(io.BytesIO("Müller,5 €\n".encode("cp1252")))
    with pytest.warns(UserWarning, match="not UTF-8 are read as Windows-1252"):
        assert text.read() == "Müller,5 €\n"


def test_gzip_is_decompressed():
    text, beginning = open_text(io.BytesIO(gzip.compress(b"a,b\n1,2\n")))
    assert beginning == text.read() == "a,b\n1,2\n"


def test_a_slow_pipe_is_read_until_the_head_is_complete():
    class Pipe(io.BytesIO):
        def read(self, size=-1):
            return super().read(min(size, 3))

    content = b"a,b\n" + b"1,2\n" * HEAD_BYTES
    text, beginning = open_text(Pipe(content))
    assert len(beginning) == HEAD_BYTES
    assert text.read() == content.decode()


@pytest.mark.parametrize("content", [bytes(range(256)), b"\x89PNG\r\n\0\n", bytes(4096)])
def test_what_is_no_text_is_refused(content):
    with pytest.raises(ValueError, match="it is not text"):
        open_text(io.BytesIO(content))


def test_rows_of_other_widths_are_found():
    text = "# comment\na,b\n1,2\n3\n\n'x',\"4,\n5\",6\n7,8\n"
    found = find_ragged_rows(io.StringIO(text), detect_format(text))
    assert found == [(2, 1), (3, 3)]
