"""Reading tables from each kind of file, and the errors for files that cannot be used."""

import gzip
import io
import re
import sys

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from skdec._utils import progress
from skdec.tables import _reader as tables
from skdec.tables._reader import Columns, iterate_table, load_table, to_numbers

FRAME = pd.DataFrame({"height": [1.5, -2.0, 3e3], "kind": ["a", "b", "a"], "n": [1, 2, 3]})
NUMBERS = FRAME[["height", "n"]].to_numpy()
FORMATS = [
    "csv", "semicolons", "tabs", "bars", "decimal comma", "with BOM", "UTF-16", "gzip", "comments",
    "index", "tsv", "parquet", "excel", "standard input",
]  # fmt: skip


@pytest.fixture(params=FORMATS)
def frame_file(request, tmp_path, monkeypatch):
    """The same table in each format with named columns."""
    kind = request.param
    path = tmp_path / {"tsv": "table.tsv", "gzip": "table.csv.gz"}.get(kind, "table.CSV")
    if kind == "parquet":
        path = tmp_path / "table.parquet"
        FRAME.to_parquet(path)
    elif kind == "excel":
        path = tmp_path / "table.xlsx"
        pytest.importorskip("openpyxl", reason="pandas reads .xlsx by openpyxl")
        FRAME.to_excel(path, index=False)
    else:
        separators = {"semicolons": ";", "tabs": "\t", "tsv": "\t", "bars": "|"}
        encodings = {"with BOM": "utf-8-sig", "UTF-16": "utf-16"}
        text = FRAME.to_csv(
            index=kind == "index",
            sep=";" if kind == "decimal comma" else separators.get(kind, ","),
            decimal="," if kind == "decimal comma" else ".",
        )
        text = "# measured by hand, 2020\n#\n" * (kind == "comments") + text
        content = text.encode(encodings.get(kind, "utf-8"))
        if kind == "standard input":
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
            return "-"
        path.write_bytes(gzip.compress(content) if kind == "gzip" else content)
    return str(path)


def csv_file(tmp_path, text):
    path = tmp_path / "table.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def test_columns_have_their_types(frame_file):
    X, y, ids, unused = load_table(frame_file)
    pd.testing.assert_frame_equal(X, FRAME, check_dtype=False)
    assert [X[name].dtype.kind for name in ("height", "n")] == ["f", "i"]
    assert ids.tolist() == [0, 1, 2]
    assert y is None
    assert unused == ()


def test_a_label_column_is_separated(frame_file):
    X, y, _, _ = load_table(frame_file, Columns(label="kind"))
    np.testing.assert_array_equal(X.to_numpy(), NUMBERS)
    assert y.tolist() == ["a", "b", "a"]


def test_whole_labels_are_integers(frame_file):
    X, y, _, unused = load_table(frame_file, Columns(label="n", only=["height"]))
    np.testing.assert_array_equal(X.to_numpy(), NUMBERS[:, :1])
    assert y.dtype == np.int64
    assert y.tolist() == [1, 2, 3]
    assert unused == ("kind",)


def test_an_id_and_dropped_columns_are_no_features(frame_file):
    X, _, ids, unused = load_table(frame_file, Columns(id="kind", drop=["n"]))
    assert X.columns.tolist() == ["height"]
    assert (ids.name, ids.tolist()) == ("kind", ["a", "b", "a"])
    assert unused == ()


def test_selected_columns_are_in_the_order_given(frame_file):
    X = load_table(frame_file, Columns(only=["n", "height"])).X
    np.testing.assert_array_equal(X.to_numpy(), NUMBERS[:, ::-1])


def test_unknown_columns_raise_with_those_that_exist(frame_file):
    with pytest.raises(ValueError, match="no columns 'Kind', 'x'; it has 'height', 'kind', 'n'"):
        load_table(frame_file, Columns(label="Kind", drop=["x"]))


def test_chunks_are_the_whole_table(frame_file, monkeypatch):
    monkeypatch.setattr(tables, "_ROWS_PER_CHUNK", 2)
    chunks = list(iterate_table(frame_file, Columns(label="kind")))
    if not frame_file.endswith("xlsx"):
        assert [len(chunk.X) for chunk in chunks] == [2, 1]
    np.testing.assert_array_equal(np.concatenate([chunk.X for chunk in chunks]), NUMBERS)
    assert [label for chunk in chunks for label in chunk.y] == ["a", "b", "a"]
    assert [i for chunk in chunks for i in chunk.ids] == [0, 1, 2]


def test_words_are_faults_where_numbers_are_needed(frame_file):
    with pytest.raises(ValueError, match="row 1, column 'kind': 'a' is not a number; row 2"):
        to_numbers(load_table(frame_file).X, "table")


def test_all_faults_are_in_one_message_in_the_order_of_the_rows():
    frame = pd.DataFrame({"a": [1, np.nan, np.inf], "b": ["x", "2", "?"], "c": ["1", "2", "3"]})
    with pytest.raises(ValueError, match=r"numbers\.csv, row 1") as caught:
        to_numbers(frame, "numbers.csv")
    assert str(caught.value).startswith(
        "numbers.csv, row 1, column 'b': 'x' is not a number; row 2, column 'a': the value is "
        "missing; row 3, column 'a': the value is infinite; row 3, column 'b': the value is "
        "missing. Leave such columns out (--drop)"
    )
    numbers = to_numbers(frame[["c"]], "numbers.csv")
    assert numbers["c"].tolist() == [1.0, 2.0, 3.0]


def test_rows_are_counted_from_the_beginning_of_the_table():
    with pytest.raises(ValueError, match="row 102, column 'a'"):
        to_numbers(pd.DataFrame({"a": [1.0, np.nan]}), "table.csv", n_before=100)


def test_an_id_may_be_a_feature_that_is_asked_for(tmp_path):
    path = csv_file(tmp_path, "a,b\n1,2\n3,4\n")
    X, _, ids, _ = load_table(path, Columns(id="a", only=["a", "b"]))
    assert X.columns.tolist() == ["a", "b"]
    assert ids.tolist() == ["1", "3"]


def test_many_faults_are_counted():
    with pytest.raises(ValueError, match="row 8, column 'a': the value is missing; and 92 more"):
        to_numbers(pd.DataFrame({"a": [np.nan] * 100}), "table.csv")


def test_an_index_column_identifies_the_rows(tmp_path):
    path = csv_file(tmp_path, ",a\nfirst,1\nsecond,2\n")
    X, _, ids, _ = load_table(path)
    assert X.columns.tolist() == ["a"]
    assert ids.tolist() == ["first", "second"]
    FRAME.set_index("kind").to_parquet(tmp_path / "table.parquet")
    X, _, ids, _ = load_table(str(tmp_path / "table.parquet"))
    assert X.columns.tolist() == ["height", "n"]
    assert ids.tolist() == ["a", "b", "a"]


def test_codes_stay_words_and_underscores_are_no_numbers(tmp_path):
    path = csv_file(tmp_path, "code,sum,label\n007,1_000,010\n012,2_000,2\n")
    X, y, _, _ = load_table(path, Columns(label="label"))
    assert X["code"].tolist() == ["007", "012"]
    assert X["sum"].tolist() == ["1_000", "2_000"]
    assert y.tolist() == ["010", "2"]


def test_columns_are_read_as_text_on_request(tmp_path):
    path = csv_file(tmp_path, "code,n\n1.0,1\n2,2\n")
    assert load_table(path, Columns(as_text=["code", "absent"])).X["code"].tolist() == ["1.0", "2"]


def test_a_column_has_one_type_whatever_its_length(tmp_path):
    """Types by chunk would make numbers of the codes before the first word."""
    codes = [f"{i % 10}.0" for i in range(40_000)] + ["none"]
    path = csv_file(tmp_path, "code,n\n" + "\n".join(f"{code},1" for code in codes) + "\n")
    assert load_table(path).X["code"].tolist() == codes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('size,x\n"1,5",0.750\n"2,5",0.25\n', {"size": ["1,5", "2,5"], "x": [0.75, 0.25]}),
        ('size,x\n"1,5",3\n"2",0.25\n', {"size": ["1,5", "2"], "x": [3, 0.25]}),
        ('size,x\n"1,5 m",3\n"2,25 m",4\n', {"size": ["1,5 m", "2,25 m"], "x": [3, 4]}),
        ('a,b\n"1,5","0,25"\n', {"a": [1.5], "b": [0.25]}),
        ("a;b\n1,5;3.A\n2,5;4.B\n", {"a": [1.5, 2.5], "b": ["3.A", "4.B"]}),
        ("sep=;\na;b\n1,5;2\n", {"a": [1.5], "b": [2]}),
        ("a,b\n1,2,\n3,,\n", {"a": [1, 3], "b": [2, np.nan]}),
        ("a,b,\n1,2,\n3,4,\n", {"a": [1, 3], "b": [2, 4]}),
        ("a,b,\n1,2\n3,4\n", {"a": [1, 3], "b": [2, 4]}),
        ('"first\nname",b\n1,2\n3,4\n', {"first\nname": [1, 3], "b": [2, 4]}),
        ("a,b\nx\u2028y,1\nz\x0bz\x85,2\n", {"a": ["x\u2028y", "z\x0bz\x85"], "b": [1, 2]}),
        ("a,b\r1,2\r3,4\r", {"a": [1, 3], "b": [2, 4]}),
    ],
)
def test_a_csv_file_is_read_as_it_is_meant(text, expected, tmp_path):
    path = csv_file(tmp_path, text.encode())
    pd.testing.assert_frame_equal(load_table(path).X, pd.DataFrame(expected), check_dtype=False)


def test_a_large_compressed_file_that_is_truncated_raises(tmp_path):
    numbers = np.random.default_rng(0).normal(size=60_000)
    content = gzip.compress(("a\n" + "\n".join(map(repr, numbers.tolist()))).encode())
    path = tmp_path / "table.csv.gz"
    path.write_bytes(content[:-20_000])
    with pytest.raises(ValueError, match="cannot be read"):
        load_table(str(path))


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        ("1;2", "1,5;007", {"a": (1.0, 1.5), "b": ("2", "007")}),
        ("1,234\t2", "1,5\t3", {"a": (1.234, 1.5), "b": (2, 3)}),
        ("1,234;2", "1,234.5;3", {"a": (1234.0, 1234.5), "b": (2, 3)}),
        ("1.234,5;2", "2,5;0.75", {"a": (1234.5, 2.5), "b": ("2", "0.75")}),
        ('"1,234",2', '"1,5",3', {"a": (1.234, 1.5), "b": (2, 3)}),
        ('x,"2"', '"y\nz","3"', {"a": ("x", "y\nz"), "b": (2, 3)}),
    ],
)
@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_a_mark_or_code_at_the_end_of_a_long_file_counts(first, last, expected, compress, tmp_path):
    separator = next(mark for mark in ";\t," if mark in first)
    rows = [f"a{separator}b", *[first] * 70_000, last]  # more than 256 KiB
    path = csv_file(tmp_path, compress(("\n".join(rows) + "\n").encode()))
    for chunks in ([load_table(path)], list(iterate_table(path))):
        for name, ends in expected.items():
            assert chunks[0].X[name].iloc[0] == ends[0]
            assert chunks[-1].X[name].iloc[-1] == ends[1]


def test_numbers_among_words_are_those_of_the_file_on_request(tmp_path, monkeypatch):
    path = csv_file(tmp_path, "a;b\n1.234,5;1\n2,5;2\n?;3\nbroken;4\n0.75;5\n-0,25;6\n")
    expected = [1234.5, 2.5, np.nan, np.nan, np.nan, -0.25]
    for rows in (1, 2, 3, 100):
        monkeypatch.setattr(tables, "_ROWS_PER_CHUNK", rows)
        chunks = [table.X["a"] for table in iterate_table(path, Columns(as_number=["a", "absent"]))]
        values = pd.concat(chunks).astype(object)
        assert values.iloc[3] == "broken"
        assert values.iloc[4] == "0.75"  # as it is, not 75
        numbers = pd.to_numeric(values.replace("0.75", "broken"), errors="coerce")
        np.testing.assert_array_equal(numbers, expected)


def test_numbers_are_read_exactly(tmp_path):
    numbers = np.random.default_rng(0).normal(size=100)
    path = csv_file(tmp_path, "a\n" + "\n".join(map(repr, numbers.tolist())) + "\n")
    np.testing.assert_allclose(load_table(path).X["a"], numbers, rtol=1e-15)


def test_gaps_are_read_as_such(tmp_path):
    X = load_table(csv_file(tmp_path, "a,b,c\n1,,x\n?,2,NA\n3,nan,y\n")).X
    assert X.isna().to_numpy().tolist() == [[0, 1, 0], [1, 0, 1], [0, 1, 0]]


def test_rows_of_other_widths_raise_together(tmp_path):
    with pytest.raises(ValueError, match="row 2: 1 values, but there are 2 columns; row 4: 3"):
        load_table(csv_file(tmp_path, "a,b\n1,2\n3\n4,5\n6,7,8\n"))
    with (
        pytest.warns(pd.errors.ParserWarning, match="Length of header"),  # silenced by the command
        pytest.raises(ValueError, match="row 1: 4 values, but there are 2 columns"),
    ):
        load_table(csv_file(tmp_path, "a,b\n1,2,3,4\n4,5\n6,7\n"))


def test_standard_input_may_be_slow(monkeypatch):
    class Pipe(io.BytesIO):
        def read(self, size=-1):
            return super().read(min(size, 3))

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(Pipe(b"a;b\n1;2\n1,5;007\n")))
    assert load_table("-").X.to_dict("list") == {"a": [1, 1.5], "b": ["2", "007"]}


@pytest.mark.parametrize("row", ["6", "6,7,8", "6,7,NA"])
@pytest.mark.parametrize("size", [1, 2**26])
def test_rows_of_other_widths_are_refused_on_standard_input(row, size, monkeypatch):
    """Also where the copy of it does not fit into memory."""
    monkeypatch.setattr(tables, "_MAX_COPY_IN_MEMORY", size)
    stdin = io.TextIOWrapper(io.BytesIO(f"a,b\n1,2\n{row}\n6,7\n".encode()))
    monkeypatch.setattr(sys, "stdin", stdin)
    with pytest.raises(
        ValueError, match=r"standard input, row 2: . values, but there are 2 columns"
    ):
        load_table("-")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("a,b\n", "has column names but no rows"),
        ("a,b,a,b\n1,2,1,2\n", "the columns 'a', 'b' more than once"),
        (b"a,b\n\0\xff\xfe,1\n", "it is not text"),
    ],
)
def test_an_unusable_csv_file_raises(text, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        load_table(csv_file(tmp_path, text))


@pytest.mark.parametrize("missing", ["", " ", "NA", "null", "?"])
def test_missing_labels_raise_together(missing, tmp_path):
    path = csv_file(tmp_path, f"a,kind\n1,x\n2,{missing}\n3,{missing}\n")
    with pytest.raises(ValueError, match="row 2: the label column 'kind' has no value; row 3"):
        load_table(path, Columns(label="kind"))


def test_a_missing_label_in_parquet_raises(tmp_path):
    path = str(tmp_path / "table.parquet")
    pd.DataFrame({"a": [1.0, 2.0], "n": pd.array([1, None], dtype="Int64")}).to_parquet(path)
    with pytest.raises(ValueError, match="row 2: the label column 'n' has no value"):
        load_table(path, Columns(label="n"))
    with pytest.raises(ValueError, match="row 2, column 'n': the value is missing"):
        to_numbers(load_table(path).X, path)


def test_parquet_without_pyarrow_names_the_extra_to_install(tmp_path, monkeypatch):
    path = tmp_path / "table.parquet"
    FRAME.to_parquet(path)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ValueError, match=r"pip install '\.\[tables\]'"):
        load_table(str(path))


def test_excel_without_its_engine_names_it(tmp_path, monkeypatch):
    (tmp_path / "table.xlsx").write_bytes(b"PK")
    monkeypatch.setattr(pd, "read_excel", lambda *_, **__: __import__("absent_engine"))
    with pytest.raises(ValueError, match=r"table.xlsx needs a further package: .*absent_engine"):
        load_table(str(tmp_path / "table.xlsx"))


def test_npy_is_a_read_only_memory_map_of_its_own_dtype(tmp_path):
    np.save(tmp_path / "X.npy", NUMBERS.astype(np.float32))
    X, y, ids, _ = load_table(str(tmp_path / "X.npy"))
    assert isinstance(X, np.memmap)
    assert not X.flags.writeable
    assert X.dtype == np.float32
    np.testing.assert_array_equal(X, NUMBERS)
    assert y is None
    assert ids.tolist() == [0, 1, 2]


@pytest.mark.parametrize("row", [0, 16_383, 16_384, 19_999])
def test_npy_is_checked_for_missing_values_up_to_its_last_block(row, tmp_path):
    X = np.zeros((20_000, 2))
    X[row, 1] = np.nan
    np.save(tmp_path / "X.npy", X)
    with pytest.raises(ValueError, match=f"row {row + 1}, column '1': the value is missing"):
        load_table(str(tmp_path / "X.npy"))


def test_npz_in_the_layout_of_keras_is_concatenated_and_scaled(tmp_path):
    images = np.arange(12, dtype=np.uint8).reshape(3, 2, 2)
    labels = np.array([1, 0, 1])
    np.savez(
        tmp_path / "images.npz",
        x_train=images[:2],
        y_train=labels[:2],
        x_test=images[2:],
        y_test=labels[2:],
    )
    X, y, _, _ = load_table(str(tmp_path / "images.npz"))
    np.testing.assert_allclose(X, np.arange(12).reshape(3, 4) / 255, rtol=1e-6)
    assert y.tolist() == [1, 0, 1]


@pytest.mark.parametrize("names", [("X", "y"), ("x", "y"), ("X", None), ("anything", None)])
def test_npz_with_samples_and_optional_labels(names, tmp_path):
    arrays = {names[0]: NUMBERS} | ({names[1]: np.arange(3)} if names[1] else {})
    np.savez(tmp_path / "X.npz", **arrays)
    X, y, _, _ = load_table(str(tmp_path / "X.npz"))
    np.testing.assert_array_equal(X, NUMBERS)
    assert y is None if names[1] is None else y.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": NUMBERS, "b": NUMBERS}, "has the arrays 'a', 'b'; needed are X and optionally y"),
        ({"X": np.zeros(3)}, r"an array of shape \(3,\)"),
        ({"X": np.array([["a"]])}, "dtype <U1; an array of numbers"),
        ({"X": NUMBERS, "y": np.zeros(2)}, r"y has shape \(2,\), but X has 3 samples"),
        ({"X": np.array([[None]])}, "holds pickled objects"),
        ({"X": np.zeros((3, 0))}, "no samples or no features"),
    ],
    ids=["which", "flat", "text", "lengths", "pickled", "no columns"],
)
def test_an_unusable_npz_file_raises(arrays, message, tmp_path):
    np.savez(tmp_path / "X.npz", **arrays)
    with pytest.raises(ValueError, match=message):
        load_table(str(tmp_path / "X.npz"))


def test_a_pickled_or_truncated_npy_file_raises(tmp_path):
    path = tmp_path / "X.npy"
    np.save(path, np.array([[{}]]), allow_pickle=True)
    with pytest.raises(ValueError, match=r"not a complete \.npy file of a plain array"):
        load_table(str(path))
    np.save(path, NUMBERS)
    for content in (path.read_bytes()[:-8], b""):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"not a complete \.npy file"):
            load_table(str(path))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("table.parquet", b"PAR1", "is not a Parquet file"),
        ("table.xlsx", b"PK", "is not an Excel file"),
        ("table.csv.gz", gzip.compress(b"a,b\n1,2\n" * 50, mtime=0)[:-20], "cannot be read"),
    ],
)
def test_truncated_files_raise(name, content, message, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        load_table(str(tmp_path / name))


def test_a_path_that_is_not_a_table_raises(tmp_path):
    with pytest.raises(IsADirectoryError, match="is a directory"):
        load_table(str(tmp_path))
    with pytest.raises(FileNotFoundError, match="does not exist"):
        load_table(str(tmp_path / "absent.csv"))
    (tmp_path / "table.docx").touch()
    with pytest.raises(ValueError, match=r"ends in '.docx'; .csv, .tsv, .txt"):
        load_table(str(tmp_path / "table.docx"))
    np.save(tmp_path / "X.npy", NUMBERS)
    with pytest.raises(ValueError, match="has no named columns; leave out --label"):
        load_table(str(tmp_path / "X.npy"), Columns(label="kind"))


@pytest.fixture
def long_file(tmp_path, monkeypatch):
    """A table of three chunks, which is read as if each byte were a megabyte."""
    monkeypatch.setattr(tables, "_MEGABYTE", 1)
    monkeypatch.setattr(tables, "_BUFFER_BYTES", 2**15)
    frame = pd.DataFrame({"a": np.arange(40_000), "b": 0.5})
    frame.to_csv(tmp_path / "long.csv", index=False)
    return tmp_path / "long.csv"


def test_progress_of_reading_a_large_file_is_shown(long_file, monkeypatch, capsys):
    with progress.show_progress():
        load_table(str(long_file))
    assert capsys.readouterr().err == ""  # it is not large
    monkeypatch.setattr(tables, "_MIN_BYTES_SHOWN", 1000)
    with progress.show_progress():
        assert len(load_table(str(long_file)).X) == 40_000
    size = long_file.stat().st_size
    *lines, last = capsys.readouterr().err.splitlines()
    assert lines
    assert all(re.fullmatch(rf"check \d+/{size} MB(, .* s)?|read \d+/{size} MB", x) for x in lines)
    assert any(re.fullmatch(rf"check {size}/{size} MB, .* s", line) for line in lines)
    assert re.fullmatch(rf"read {size}/{size} MB, \d+\.\d s", last)
    load_table(str(long_file))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("width", [40, 80, 200])
def test_progress_of_reading_fits_into_a_terminal(width, long_file, monkeypatch):
    monkeypatch.setattr(tables, "_MIN_BYTES_SHOWN", 1000)
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=width, color_system=None)
    monkeypatch.setattr(progress, "Console", lambda stderr: console)
    with progress.show_progress():
        load_table(str(long_file))
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())
    drawn = [line.rstrip() for line in re.split(r"[\r\n]", text)]
    assert max(map(len, drawn)) <= width
    (last,) = [line for line in drawn if line][-1:]
    assert last.startswith("read")
    assert "100 %" in last
