"""Tables from each kind of file: where they begin and end, and errors for unusable files."""

import gzip
import io
import json
import re
import sqlite3
import sys
from contextlib import closing
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from scipy.io import savemat

from skdec import NeighborClusterer
from skdec._utils import terminal
from skdec.datasets import flatten_images, load_images
from skdec.tables import _reader as tables
from skdec.tables._cells import understand
from skdec.tables._reader import Columns, iterate_table, load_table

FRAME = pd.DataFrame({"height": [1.5, -2.0, 3e3], "kind": ["a", "b", "a"], "n": [1, 2, 3]})
NUMBERS = FRAME[["height", "n"]].to_numpy()
# Options of text files; the others are known by the end of their names.
TEXTS = {
    "table.CSV": {},
    "semicolons.csv": {"sep": ";"},
    "tabs.csv": {"sep": "\t"},
    "table.tsv": {"sep": "\t"},
    "bars.csv": {"sep": "|"},
    "decimal comma.csv": {"sep": ";", "decimal": ","},
    "with BOM.csv": {"encoding": "utf-8-sig"},
    "UTF-16.csv": {"encoding": "utf-16"},
    "table.csv.gz": {},
    "comments.csv": {},
    "index.csv": {"index": True},
    "-": {},
}
KINDS = ["parquet", "feather", "json", "jsonl", "arff", "sqlite", "xlsx"]


@pytest.fixture(params=[*TEXTS, *(f"table.{kind}" for kind in KINDS)])
def frame_file(request, tmp_path, monkeypatch):
    """The same table in each format with named columns."""
    path = tmp_path / request.param
    match path.suffix:
        case ".parquet":
            FRAME.to_parquet(path)
        case ".feather":
            FRAME.to_feather(path)
        case ".json" | ".jsonl":
            FRAME.to_json(path, orient="records", lines=path.suffix == ".jsonl")
        case ".xlsx":
            pytest.importorskip("openpyxl", reason="pandas reads .xlsx by openpyxl")
            FRAME.to_excel(path, index=False)
        case ".sqlite":
            with closing(sqlite3.connect(path)) as connection:
                FRAME.to_sql("customers", connection, index=False)
        case ".arff":
            types = "@attribute height numeric\n@attribute kind {a,b}\n@attribute n numeric\n"
            rows = FRAME.to_csv(index=False, header=False)
            path.write_text(f"@relation r\n{types}@data\n{rows}")
        case _:
            FRAME.to_csv(path, **{"index": False} | TEXTS[request.param])
    if request.param == "comments.csv":
        path.write_text("# measured by hand, 2020\n#\n" + path.read_text())
    if request.param == "-":
        buffer = property(lambda self: path.open("rb"))
        monkeypatch.setattr(sys, "stdin", type("Stdin", (), {"buffer": buffer})())
        return "-"
    return str(path)


def csv_file(tmp_path, text):
    path = tmp_path / "table.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


YEARS = ["in 2024", "in 2025", "v 2024", "v 2025"]


def write_npy(array):
    np.save(file := io.BytesIO(), array)
    return file.getvalue()


def parse(X):
    """Return the values of a table of text or numbers."""
    return pd.DataFrame({name: understand(X[name]).parse(X[name]) for name in X.columns})


def test_columns_have_their_values(frame_file):
    X, y, ids, unused, notes = load_table(frame_file)
    pd.testing.assert_frame_equal(
        parse(X).reset_index(drop=True), FRAME.astype({"n": float}), check_dtype=False
    )
    assert ids.astype(int).tolist() == [0, 1, 2]
    assert (y, unused, notes) == (None, (), ())


def test_labels_ids_and_selections(frame_file):
    table = load_table(frame_file, Columns(label="kind"))
    np.testing.assert_array_equal(parse(table.X), NUMBERS)
    assert table.y.tolist() == ["a", "b", "a"]
    table = load_table(frame_file, Columns(label="n", only=["height"]))
    assert (table.y.tolist(), table.unused) == ([1, 2, 3], ("kind",))
    table = load_table(frame_file, Columns(id="kind", drop=["n"]))
    assert (table.X.columns.tolist(), table.unused) == (["height"], ())
    assert (table.ids.name, table.ids.tolist()) == ("kind", ["a", "b", "a"])
    X = load_table(frame_file, Columns(only=["n", "height"], id="height")).X
    np.testing.assert_array_equal(parse(X), NUMBERS[:, ::-1])
    with pytest.raises(ValueError, match="no columns 'Kind', 'x'; it has 'height', 'kind', 'n'"):
        load_table(frame_file, Columns(label="Kind", drop=["x"]))


def test_chunks_are_the_whole_table(frame_file, monkeypatch):
    monkeypatch.setattr(tables, "_ROWS_PER_CHUNK", 2)
    chunks = list(iterate_table(frame_file, Columns(label="kind")))
    if frame_file.endswith(("parquet", "jsonl", "sqlite")):
        assert [len(chunk.X) for chunk in chunks] == [2, 1]
    np.testing.assert_array_equal(np.concatenate([parse(chunk.X) for chunk in chunks]), NUMBERS)
    assert [label for chunk in chunks for label in chunk.y] == ["a", "b", "a"]
    assert [int(i) for chunk in chunks for i in chunk.ids] == [0, 1, 2]


def test_an_index_column_identifies_the_rows(tmp_path):
    path = csv_file(tmp_path, ",a\nfirst,1\nsecond,2\n")
    X, _, ids, *_ = load_table(path)
    assert X.columns.tolist() == ["a"]
    assert ids.tolist() == ["first", "second"]
    FRAME.set_index("kind").to_parquet(tmp_path / "table.parquet")
    X, _, ids, *_ = load_table(str(tmp_path / "table.parquet"))
    assert X.columns.tolist() == ["height", "n"]
    assert ids.tolist() == ["a", "b", "a"]


@pytest.mark.parametrize("separator", list(",;\t|"))
@pytest.mark.parametrize(
    ("lines", "names", "first"),
    [
        ("a;b\n1,5;2\n2,5;3", ["a", "b"], ["1,5", "2"]),
        ("5;6\n7;8", ["x0", "x1"], ["5", "6"]),
        ("39.1;male\n40.2;female", ["x0", "x1"], ["39.1", "male"]),
        ("0;1\n7;8", ["0", "1"], ["7", "8"]),  # as pandas writes an array
        (";0;1\n0;7;8", ["0", "1"], ["7", "8"]),  # with its index
        ("a;b\nr1;1;2\nr2;3;4", ["a", "b"], ["1", "2"]),  # as R writes the names of rows
        ("2019;2020;city\n1;2;x", ["2019", "2020", "city"], ["1", "2", "x"]),
        ("a;b\n1;2;\n3;4;", ["a", "b"], ["1", "2"]),
        ("a;b;\n1;2\n3;4", ["a", "b"], ["1", "2"]),
        ("a;;b;;\n1;;2;;\n3;;4;;", ["a", "x1", "b", "x3"], ["1", "", "2", ""]),
        ('"first\nname"; b\n1; "x;y"', ["first\nname", "b"], ["1", "x;y"]),
        ("# by hand\n\n// 2020\na;b\n1;2\n# end", ["a", "b"], ["1", "2"]),
        ("Customers of the north\n\na;b;c\n1;2;3\n4;5;6", ["a", "b", "c"], ["1", "2", "3"]),
        ("The north;;;\nMade;today;;\na;b;c;d\n1;2;3;4", list("abcd"), list("1234")),
        ("in;in;v;v\n2024;2025;2024;2025\n1;2;3;4\n5;6;7;8", YEARS, list("1234")),
        (";in;;v;\nid;2024;2025;2024;2025\nx;1;2;3;4\ny;5;6;7;8", ["id", *YEARS], list("x1234")),
        ("in;weight\nUSD;kg\n1.5;2\n3;4\n5;6", ["in USD", "weight kg"], ["1.5", "2"]),
        ("in;weight\nn/a;-\n1.5;2\n3;4\n5;6", ["in", "weight"], ["n/a", "-"]),
        ("a;b;c\n1;2;3\n4;5;6\n\nSource: the office;;", ["a", "b", "c"], ["1", "2", "3"]),
    ],
)  # fmt: skip
def test_a_text_begins_and_ends_where_the_table_does(lines, names, first, separator, tmp_path):
    text = lines.replace(",", "." if separator == "," else ",").replace(";", separator)
    X = load_table(csv_file(tmp_path, text)).X
    assert X.columns.tolist() == names
    expected = [field.replace(";", separator) for field in first]
    assert X.iloc[0].str.replace(".", ",").tolist() == [f.replace(".", ",") for f in expected]
    assert not X.apply(lambda column: column.str.contains("Source|end")).to_numpy().any()


def test_columns_may_be_aligned_by_spaces(tmp_path):
    X = load_table(csv_file(tmp_path, "kind   size  n\n  a     1.5  10\nb      12   3\n")).X
    assert X.columns.tolist() == ["kind", "size", "n"]
    assert X.to_numpy().tolist() == [["a", "1.5", "10"], ["b", "12", "3"]]
    X = load_table(csv_file(tmp_path, "kind size  \na     1.5  \nb     12   \n")).X
    assert X.to_numpy().tolist() == [["a", "1.5"], ["b", "12"]]
    names = "name\nAda Lovelace\nAlan Turing\n"  # one column, though each has two words
    assert load_table(csv_file(tmp_path, names)).X.columns.tolist() == ["name"]


@pytest.mark.parametrize("n_rows", [12, 5])
@pytest.mark.parametrize("chunk", [3, 100])
@pytest.mark.parametrize(
    ("last", "is_total"),
    [
        ("Total,{sums},9", True),
        ("Grand total:,,", True),
        ("Average,{means},", True),
        (",{sums},{sums}", None),  # without a word, among enough rows
        (",{sums:.0f},{sums:.0f}", None),
        ("x,$7,3", False),
    ],
)
def test_totals_at_the_end_are_left_out(last, is_total, chunk, n_rows, tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "_ROWS_PER_CHUNK", chunk)
    amounts = np.arange(1, n_rows + 1) * 1000.5
    rows = [f'c{i},"${amount:,.2f}",{amount}' for i, amount in enumerate(amounts)]
    end = last.format(sums=amounts.sum(), means=amounts.mean())
    path = csv_file(tmp_path, "\n".join(["name,paid,net", *rows, end]))
    chunks = list(iterate_table(path))
    is_left_out = is_total if is_total is not None else n_rows == 12
    assert sum(len(table.X) for table in chunks) == n_rows + (not is_left_out)
    notes = [note for table in chunks for note in table.notes]
    assert len(notes) == is_left_out
    assert all(f"line {n_rows + 2}" in note for note in notes)


@pytest.mark.parametrize("chunk", [2, 100])
def test_names_again_and_subtotals_are_left_out(chunk, tmp_path, monkeypatch):
    """As where files were put one after the other."""
    monkeypatch.setattr(tables, "_ROWS_PER_CHUNK", chunk)
    lines = "kind, n\na,1\nb,2\nSubtotal,3\nkind, n\na,4\nkind,5\n Sub-total:,9\nb,6"
    X, _, _, _, notes = load_table(csv_file(tmp_path, lines))
    assert X.to_numpy().tolist() == [["a", "1"], ["b", "2"], ["a", "4"], ["kind", "5"], ["b", "6"]]
    assert notes == ("left out, as it repeats the names or has subtotals: line 4, 5, 8",)


def test_an_excel_table_may_begin_anywhere(tmp_path):
    path = str(tmp_path / "book.xlsx")
    with pd.ExcelWriter(path) as writer:
        pd.DataFrame().to_excel(writer, sheet_name="empty")
        pd.DataFrame({"Read me": ["Made", "by hand"]}).to_excel(writer, sheet_name="about")
        FRAME.assign(paid=["$5", "-", "(3)"]).to_excel(
            writer, sheet_name="first", startrow=4, startcol=2, index=False
        )
        sheet = writer.sheets["first"]
        sheet["C2"], sheet["C10"] = "Customers of the north", "Total"
        FRAME[["n"]].to_excel(writer, sheet_name="second", index=False)
    X, _, _, _, notes = load_table(path)
    assert X.columns.tolist() == ["height", "kind", "n", "paid"]
    assert X.index.tolist() == [6, 7, 8]
    np.testing.assert_array_equal(parse(X)["paid"], [5, np.nan, -3])
    assert [note[:20] for note in notes] == [
        "read from the sheet ", "left out above the n", "left out, as it has "
    ]  # fmt: skip
    assert load_table(path, Columns(part="second")).X.columns.tolist() == ["n"]
    with pytest.raises(ValueError, match="has no sheet 'x'; choose one by --key: 'empty', 'about'"):
        load_table(path, Columns(part="x"))


def test_fields_stay_text(tmp_path):
    path = csv_file(tmp_path, "code,sum,label\n007,1_000,010\n1.0,True,2\n")
    X, y, *_ = load_table(path, Columns(label="label"))
    assert X.to_numpy().tolist() == [["007", "1_000"], ["1.0", "True"]]
    assert X.index.tolist() == [2, 3]
    assert y.tolist() == ["010", "2"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_text_is_decoded(encoding, tmp_path):
    path = csv_file(tmp_path, "naïve,b\n€,2\n".encode(encoding))
    assert load_table(path).X.to_dict("list") == {"naïve": ["€"], "b": ["2"]}


def test_other_bytes_are_windows_1252_with_a_warning(tmp_path):
    with pytest.warns(UserWarning, match="not UTF-8 are read as Windows-1252"):
        X = load_table(csv_file(tmp_path, "name,b\nMüller,5 €\n".encode("cp1252"))).X
    assert X.iloc[0].tolist() == ["Müller", "5 €"]


def test_standard_input_may_be_slow(monkeypatch):
    class Pipe(io.BytesIO):
        def readinto(self, buffer):
            return super().readinto(memoryview(buffer)[:3])

    pipe = io.BufferedReader(Pipe(b"a;b\n1;2\n1,5;007\n"))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(pipe))
    assert load_table("-").X.to_dict("list") == {"a": ["1", "1,5"], "b": ["2", "007"]}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", "", "is empty"),
        ("t.csv", "# nothing\n", "is empty"),
        ("t.csv", "a,b\n", "has column names but no rows"),
        ("t.csv", ",,\n,,\n", "has no rows"),
        ("t.csv", "a,b,a,b\n1,2,1,2\n", "columns more than once: 'a', 'b'"),
        ("t.csv", "a,b\n1,2\n3\n4,5\n6,7,8\n", "line 3: 1 values, .* 2 columns; line 5: 3"),
        ("t.csv", "a,b\n" + "1,2,3\n1,2\n4,5\n" * 20, "line 23: 3 values.*; and 12 more"),
        ("t.csv", b"\x89PNG\r\n\0\n", "it is not text"),
        ("t.json", "{", "is no JSON that can be read"),
        ("t.json", '{"a": [{"x": 1}], "b": [{"x": 2}], "c": 1}', "choose one by --key: 'a', 'b'"),
        ("t.json", json.dumps({key: [1] for key in range(22)} | {"c": 1}), "'19', and 2 more"),
        ("t.json", "[1, 2]", "has no records"),
        ("t.jsonl", '{"a": 1}\n{"a"\n', "line 2 is no JSON"),
        ("t.arff", "no relation", "is no ARFF file"),
        ("t.sqlite", "no database", "is no SQLite file"),
        ("t.mat", "no matrix", "is no .mat file"),
        ("t.mat", b"MATLAB 7.3 MAT-file".ljust(124) + b"\0\2IM", "is of MATLAB 7.3; save it"),
        ("t.feather", "no arrow", "is no feather file"),
        ("t.parquet", "PAR1", "is no parquet file"),
        ("t.xlsx", "PK", "is not an Excel file"),
        ("t.npy", write_npy(np.array([[{}]])), r"not a complete \.npy file of a plain array"),
        ("t.npy", write_npy(NUMBERS)[:-8], r"not a complete \.npy file"),
        ("t.npy", b"", r"not a complete \.npy file"),
        ("t.csv.gz", gzip.compress(b"a,b\n1,2\n" * 50, mtime=0)[:-20], "cannot be read"),
    ],
)
def test_unusable_files_raise(name, content, message, tmp_path):
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=message):
        load_table(str(tmp_path / name))


def test_tables_without_features_are_refused(tmp_path, folder):
    path = csv_file(tmp_path, "kind\nx\ny\n")
    with pytest.raises(ValueError, match="has no column besides 'kind'"):
        load_table(path, Columns(label="kind"))
    pytest.importorskip("openpyxl", reason="pandas reads .xlsx by openpyxl")
    pd.DataFrame().to_excel(tmp_path / "t.xlsx")
    with pytest.raises(ValueError, match="sheet 'Sheet1' is empty"):
        load_table(str(tmp_path / "t.xlsx"))
    with pytest.raises(ValueError, match="folder of images; leave out --id"):
        load_table(str(folder), Columns(id="name"))


def test_a_column_of_two_units_is_left_to_the_preparer(tmp_path):
    path = csv_file(tmp_path, "w,n\n" + "1 kg,1\n2 lb,2\n" * 20 + "total,60\n")
    X = load_table(path).X
    assert X["n"].tolist() == ["1", "2"] * 20
    with pytest.raises(ValueError, match=r"'w' has numbers in different units: kg .*, lbs"):
        understand(X["w"])


def test_json_may_be_nested(tmp_path):
    for made in ('"made": 1, ', ""):
        text = '"rows": [{"a": {"x": 1, "y": "$2"}}, {"b": 3}]'
        (tmp_path / "t.json").write_text(f"{{{made}{text}}}")
        X = load_table(str(tmp_path / "t.json")).X
        assert X.columns.tolist() == ["a.x", "a.y", "b"]
        np.testing.assert_array_equal(parse(X), [[1, 2, np.nan], [np.nan, np.nan, 3]])


@pytest.mark.parametrize("names", [["height", "kind"], ["columns", "data"]])
@pytest.mark.parametrize("orient", ["columns", "split", "records", "table", "list"])
def test_json_may_be_what_pandas_writes(orient, names, tmp_path):
    """Also if two columns have the names that pandas gives the parts of a table."""
    frame = FRAME[["height", "kind"]].set_axis(names, axis=1)
    path = tmp_path / "t.json"
    if orient == "list":
        path.write_text(json.dumps(frame.to_dict("list")))
    else:
        frame.to_json(path, orient=orient)
    assert load_table(str(path)).X[names].to_numpy().tolist() == frame.to_numpy().tolist()


def test_matrices_of_matlab(tmp_path):
    savemat(tmp_path / "X.mat", {"X": NUMBERS, "y": [0, 1, 0]})
    X, y, *_ = load_table(str(tmp_path / "X.mat"))
    np.testing.assert_array_equal(X, NUMBERS)
    assert y.tolist() == [0, 1, 0]
    savemat(tmp_path / "X.mat", {"a": NUMBERS, "b": NUMBERS + 1})
    with pytest.raises(ValueError, match="choose one by --key: 'a', 'b'"):
        load_table(str(tmp_path / "X.mat"))
    X = load_table(str(tmp_path / "X.mat"), Columns(part="b")).X
    np.testing.assert_array_equal(X, NUMBERS + 1)


def test_matrices_of_anndata(tmp_path, monkeypatch):
    """They are in attributes of what the package reads, which the tests do without."""
    content = SimpleNamespace(
        X=sp.csr_array(NUMBERS), obsm={"X_pca": NUMBERS + 1}, obs_names=pd.Index(["a", "b", "c"])
    )
    path = tmp_path / "cells.h5ad"
    path.touch()
    monkeypatch.setitem(sys.modules, "anndata", SimpleNamespace(read_h5ad=lambda path: content))
    X, _, ids, *_ = load_table(str(path))
    np.testing.assert_array_equal(X, NUMBERS)
    assert ids.tolist() == ["a", "b", "c"]
    X = load_table(str(path), Columns(part="X_pca")).X
    np.testing.assert_array_equal(X, NUMBERS + 1)
    monkeypatch.setitem(sys.modules, "anndata", None)
    with pytest.raises(ValueError, match="needs anndata: run pip install anndata"):
        load_table(str(path))


@pytest.mark.parametrize("missing", ["", "NA", "?"])
def test_missing_labels_raise_together(missing, tmp_path):
    path = csv_file(tmp_path, f"a,kind\n1,x\n2,{missing}\n3,{missing}\n")
    with pytest.raises(ValueError, match="line 3: the label column 'kind' has no value; line 4"):
        load_table(path, Columns(label="kind"))
    path = str(tmp_path / "table.parquet")
    pd.DataFrame({"a": [1.0, 2.0], "n": pd.array([1, None], dtype="Int64")}).to_parquet(path)
    with pytest.raises(ValueError, match="row 2: the label column 'n' has no value"):
        load_table(path, Columns(label="n"))


@pytest.fixture
def folder(tmp_path):
    """Images of two sizes in two folders, one in color, and a file that is none."""
    pillow = pytest.importorskip("PIL.Image", reason="Pillow is in the extra plot")
    random = np.random.default_rng(0)
    for i, kind in enumerate(["cat", "cat", "dog"]):
        (tmp_path / "images" / kind).mkdir(parents=True, exist_ok=True)
        pixels = random.integers(0, 256, (6, 8), dtype=np.uint8)
        pillow.fromarray(pixels).save(tmp_path / "images" / kind / f"{i}.png")
    (tmp_path / "images" / "dog" / "broken.jpg").write_text("no image")
    (tmp_path / "images" / "notes.txt").write_text("no image")
    return tmp_path / "images"


def test_images_of_a_folder_are_samples(folder):
    from PIL import Image

    X, y, ids, _, notes = load_table(str(folder), Columns(label="folder"))
    assert ids.tolist() == ["cat/0.png", "cat/1.png", "dog/2.png"]
    assert y.tolist() == ["cat", "cat", "dog"]
    np.testing.assert_allclose(
        X.iloc[0], np.asarray(Image.open(folder / "cat/0.png")).ravel() / 255
    )
    assert notes[0] == "images are resized to 6 x 8 pixels, gray"
    assert "dog/broken.jpg is no image that can be read, and left out" in notes[1]
    large = Image.new("RGB", (200, 100), "red")
    for i in range(4):
        large.save(folder / f"{i}.jpg")
    X, _, _, _, notes = load_table(str(folder))
    assert notes[0] == "images are resized to 32 x 64 pixels, color"
    np.testing.assert_allclose(X.iloc[0, :3], [1, 0, 0], atol=0.01)
    with pytest.warns(UserWarning, match="broken.jpg"):
        X = load_images(folder, shape=(4, 4))
    assert X.shape == (7, 16)
    assert X.index[:2].tolist() == ["0.jpg", "1.jpg"]


def test_images_of_arrays_are_flattened():
    images = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    np.testing.assert_allclose(flatten_images(images), images.reshape(2, 12) / 255, rtol=1e-6)
    assert flatten_images(np.ones((2, 3, 4, 3))).shape == (2, 36)
    with pytest.raises(ValueError, match=r"got \(3, 4\)"):
        flatten_images(images[0])
    with pytest.raises(ValueError, match="flatten_images makes a row of each image"):
        NeighborClusterer(2).fit(images)


def test_parquet_without_pyarrow_names_the_extra_to_install(tmp_path, monkeypatch):
    path = tmp_path / "table.parquet"
    FRAME.to_parquet(path)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ValueError, match=r"pip install '\.\[tables\]'"):
        load_table(str(path))


def test_npy_is_a_read_only_memory_map_of_its_own_dtype(tmp_path):
    np.save(tmp_path / "X.npy", NUMBERS.astype(np.float32))
    X, y, ids, *_ = load_table(str(tmp_path / "X.npy"))
    assert isinstance(X, np.memmap)
    assert not X.flags.writeable
    assert X.dtype == np.float32
    np.testing.assert_array_equal(X, NUMBERS)
    assert y is None
    assert ids.tolist() == [0, 1, 2]


@pytest.mark.parametrize("row", [0, 16_384, 19_999])
def test_npy_is_checked_for_missing_values_up_to_its_last_block(row, tmp_path):
    X = np.zeros((20_000, 2))
    X[row, 1] = np.nan
    np.save(tmp_path / "X.npy", X)
    with pytest.raises(ValueError, match=f"row {row + 1}, column '1': the value is missing"):
        load_table(str(tmp_path / "X.npy"))


IMAGES = np.arange(12, dtype=np.uint8).reshape(3, 2, 2)
KERAS = {"x_train": IMAGES[:2], "y_train": [1, 0], "x_test": IMAGES[2:], "y_test": [1]}


@pytest.mark.parametrize(
    ("arrays", "samples", "labels"),
    [
        (KERAS, np.arange(12).reshape(3, 4) / 255, [1, 0, 1]),
        ({"x": NUMBERS, "y": np.arange(3)}, NUMBERS, [0, 1, 2]),
        ({"anything": NUMBERS}, NUMBERS, None),
    ],
    ids=["Keras", "labels", "samples"],
)
def test_npz_has_samples_and_optional_labels(arrays, samples, labels, tmp_path):
    np.savez(tmp_path / "X.npz", **arrays)
    X, y, *_ = load_table(str(tmp_path / "X.npz"))
    np.testing.assert_allclose(X, samples, rtol=1e-6)
    assert y is None if labels is None else y.tolist() == labels


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": NUMBERS, "b": NUMBERS}, "has the arrays 'a', 'b'; needed are X and optionally y"),
        ({"X": np.zeros(3)}, r"an array of shape \(3,\)"),
        ({"X": np.array([["a"]])}, "dtype <U1; an array of numbers"),
        ({"X": NUMBERS, "y": np.zeros(2)}, r"y has shape \(2,\), but X has 3 samples"),
        ({"X": np.array([[None]])}, "holds pickled objects"),
        ({"X": np.zeros((3, 0))}, r"an array of shape \(3, 0\)"),
    ],
    ids=["which", "flat", "text", "lengths", "pickled", "no columns"],
)
def test_an_unusable_npz_file_raises(arrays, message, tmp_path):
    np.savez(tmp_path / "X.npz", **arrays)
    with pytest.raises(ValueError, match=message):
        load_table(str(tmp_path / "X.npz"))


def test_a_path_that_is_not_a_table_raises(tmp_path):
    with pytest.raises(IsADirectoryError, match="is a directory without images"):
        load_table(str(tmp_path))
    with pytest.raises(FileNotFoundError, match="does not exist"):
        load_table(str(tmp_path / "absent.csv"))
    (tmp_path / "table.docx").touch()
    with pytest.raises(ValueError, match=r"ends in '.docx'; .csv, .tsv, .txt"):
        load_table(str(tmp_path / "table.docx"))
    np.save(tmp_path / "X.npy", NUMBERS)
    with pytest.raises(ValueError, match="has no named columns; leave out --label"):
        load_table(str(tmp_path / "X.npy"), Columns(label="kind"))


def test_progress_of_reading_a_large_file_is_shown(tmp_path, monkeypatch, capsys):
    """As if each byte were a megabyte."""
    for name, value in (("_MEGABYTE", 1), ("_BUFFER_BYTES", 2**12), ("_ROWS_PER_CHUNK", 2000)):
        monkeypatch.setattr(tables, name, value)
    long_file = tmp_path / "long.csv"
    pd.DataFrame({"a": np.arange(40_000), "b": 0.5}).to_csv(long_file, index=False)
    with terminal.show_progress():
        load_table(str(long_file))
    assert capsys.readouterr().err == ""  # it is not large
    monkeypatch.setattr(tables, "_MIN_BYTES_SHOWN", 1000)
    with terminal.show_progress():
        assert len(load_table(str(long_file)).X) == 40_000
    size = long_file.stat().st_size
    (line,) = capsys.readouterr().err.splitlines()
    assert re.fullmatch(rf"read {size}/{size} MB, \d+\.\d s", line)
    load_table(str(long_file))
    assert capsys.readouterr().err == ""
