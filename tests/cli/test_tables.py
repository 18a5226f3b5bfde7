"""Loading tables from each kind of file, and the errors for files that cannot be used."""

import sys

import numpy as np
import pandas as pd
import pytest

from skdec.cli.tables import load_table

FRAME = pd.DataFrame({"height": [1.5, -2.0, 3e3], "kind": ["a", "b", "a"], "n": [1, 2, 3]})
NUMBERS = FRAME[["height", "n"]].to_numpy()


@pytest.fixture(params=["csv", "semicolons", "tabs", "with BOM", "parquet"])
def frame_file(request, tmp_path):
    """The same table in each format with named columns."""
    if request.param == "parquet":
        path = tmp_path / "table.parquet"
        FRAME.to_parquet(path)
        return path
    path = tmp_path / "table.CSV"
    separator = {"semicolons": ";", "tabs": "\t"}.get(request.param, ",")
    encoding = "utf-8-sig" if request.param == "with BOM" else "utf-8"
    FRAME.to_csv(path, index=False, sep=separator, encoding=encoding)
    return path


def csv_file(tmp_path, text):
    path = tmp_path / "table.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_label_column_is_separated(frame_file):
    X, y, names = load_table(frame_file, label="kind")
    assert X.dtype == np.float64
    np.testing.assert_array_equal(X, NUMBERS)
    assert y.tolist() == ["a", "b", "a"]
    assert names == ["height", "n"]


def test_whole_labels_are_integers(frame_file):
    X, y, names = load_table(frame_file, label="n", columns=["height"])
    np.testing.assert_array_equal(X, NUMBERS[:, :1])
    assert y.dtype == np.int64
    assert y.tolist() == [1, 2, 3]
    assert names == ["height"]


def test_selected_columns_are_in_the_order_given(frame_file):
    X, y, names = load_table(frame_file, columns=["n", "height"])
    np.testing.assert_array_equal(X, NUMBERS[:, ::-1])
    assert y is None
    assert names == ["n", "height"]


def test_text_raises_with_its_column_and_first_row(frame_file):
    with pytest.raises(ValueError, match="row 1, column 'kind': 'a' is not a number"):
        load_table(frame_file)


def test_an_unknown_column_raises_with_those_that_exist(frame_file):
    with pytest.raises(ValueError, match="no column 'Kind'; it has 'height', 'kind', 'n'"):
        load_table(frame_file, label="Kind")


def test_quoted_fields_and_blank_lines_are_read(tmp_path):
    path = csv_file(tmp_path, '\n"a, b",c\n"1",2\n\n3,4\n')
    X, _, names = load_table(path)
    assert X.tolist() == [[1, 2], [3, 4]]
    assert names == ["a, b", "c"]


def test_a_first_line_of_numbers_is_a_sample(tmp_path):
    X, _, names = load_table(csv_file(tmp_path, "5,6\n7,8\n"))
    assert X.tolist() == [[5, 6], [7, 8]]
    assert names == ["x0", "x1"]


def test_counted_column_names_are_names(tmp_path):
    path = tmp_path / "array.csv"
    pd.DataFrame(NUMBERS).to_csv(path, index=False)
    X, _, names = load_table(path)
    np.testing.assert_array_equal(X, NUMBERS)
    assert names == ["0", "1"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("a,b\n", "has column names but no rows"),
        ("a,b\n1,2\n3\n", "row 2: 1 values, but there are 2 columns"),
        ("a,b\n1,2\n3,\n", "row 2, column 'b': the value is missing"),
        ("a,b\n1,NA\n", "row 1, column 'b': the value is missing"),
        ("a,b\n1,nan\n", "row 1, column 'b': the value is missing"),
        ("a,b\n1,2\n-inf,2\n", "row 2, column 'a': the value is infinite"),
        ("a,b\n1,2\n3,x\n", "row 2, column 'b': 'x' is not a number"),
        ("a,a\n1,2\n", "the column 'a' more than once"),
        (",a\n0,2\n", "column 1 has no name"),
    ],
)
def test_an_unusable_csv_file_raises(text, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        load_table(csv_file(tmp_path, text))


@pytest.mark.parametrize("missing", ["", " ", "NA", "null"])
def test_a_missing_label_raises(missing, tmp_path):
    path = csv_file(tmp_path, f"a,kind\n1,x\n2,{missing}\n")
    with pytest.raises(ValueError, match="row 2: the label column 'kind' has no value"):
        load_table(path, label="kind")


def test_missing_values_in_parquet_raise(tmp_path):
    path = tmp_path / "table.parquet"
    pd.DataFrame({"a": [1.0, 2.0], "n": pd.array([1, None], dtype="Int64")}).to_parquet(path)
    with pytest.raises(ValueError, match="row 2, column 'n': the value is missing"):
        load_table(path)
    with pytest.raises(ValueError, match="row 2: the label column 'n' has no value"):
        load_table(path, label="n")


def test_parquet_without_pandas_names_the_extra_to_install(tmp_path, monkeypatch):
    path = tmp_path / "table.parquet"
    FRAME.to_parquet(path)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"pip install 'skdec\[tables\]'"):
        load_table(path)


def test_csv_is_read_without_pandas(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert load_table(csv_file(tmp_path, "a\n1\n")).X.tolist() == [[1.0]]


def test_npy_is_a_read_only_memory_map_of_its_own_dtype(tmp_path):
    np.save(tmp_path / "X.npy", NUMBERS.astype(np.float32))
    X, y, names = load_table(tmp_path / "X.npy")
    assert isinstance(X, np.memmap)
    assert not X.flags.writeable
    assert X.dtype == np.float32
    np.testing.assert_array_equal(X, NUMBERS)
    assert (y, names) == (None, None)


@pytest.mark.parametrize("row", [0, 8191, 8192, 9999])
def test_npy_is_checked_for_missing_values_up_to_its_last_block(row, tmp_path):
    X = np.zeros((10_000, 2))
    X[row, 1] = np.nan
    np.save(tmp_path / "X.npy", X)
    with pytest.raises(ValueError, match=f"row {row + 1}, column '1': the value is missing"):
        load_table(tmp_path / "X.npy")


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
    X, y, _ = load_table(tmp_path / "images.npz")
    np.testing.assert_allclose(X, np.arange(12).reshape(3, 4) / 255, rtol=1e-6)
    assert y.tolist() == [1, 0, 1]


@pytest.mark.parametrize("names", [("X", "y"), ("x", "y"), ("X", None), ("anything", None)])
def test_npz_with_samples_and_optional_labels(names, tmp_path):
    arrays = {names[0]: NUMBERS} | ({names[1]: np.arange(3)} if names[1] else {})
    np.savez(tmp_path / "X.npz", **arrays)
    X, y, _ = load_table(tmp_path / "X.npz")
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
        ({"X": np.zeros((3, 0))}, "has rows but no columns"),
    ],
    ids=["which", "flat", "text", "lengths", "pickled", "no columns"],
)
def test_an_unusable_npz_file_raises(arrays, message, tmp_path):
    np.savez(tmp_path / "X.npz", **arrays)
    with pytest.raises(ValueError, match=message):
        load_table(tmp_path / "X.npz")


def test_a_pickled_or_truncated_npy_file_raises(tmp_path):
    path = tmp_path / "X.npy"
    np.save(path, np.array([[{}]]), allow_pickle=True)
    with pytest.raises(ValueError, match=r"not a complete \.npy file of a plain array"):
        load_table(path)
    np.save(path, NUMBERS)
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(ValueError, match=r"not a complete \.npy file"):
        load_table(path)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"not a complete \.npy file"):
        load_table(path)


def test_a_truncated_parquet_file_and_a_binary_csv_file_raise(tmp_path):
    (tmp_path / "table.parquet").write_bytes(b"PAR1")
    with pytest.raises(ValueError, match="is not a Parquet file"):
        load_table(tmp_path / "table.parquet")
    (tmp_path / "table.csv").write_bytes(b"a,b\n\xff\xfe,1\n")
    with pytest.raises(ValueError, match="not text in UTF-8"):
        load_table(tmp_path / "table.csv")


def test_a_path_that_is_not_a_table_raises(tmp_path):
    with pytest.raises(IsADirectoryError, match="is a directory"):
        load_table(tmp_path)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        load_table(tmp_path / "absent.csv")
    (tmp_path / "table.xlsx").touch()
    with pytest.raises(ValueError, match=r"ends in '.xlsx'; .csv, .parquet, .npy and .npz"):
        load_table(tmp_path / "table.xlsx")
    np.save(tmp_path / "X.npy", NUMBERS)
    with pytest.raises(ValueError, match="no named columns, so there is no column 'kind'"):
        load_table(tmp_path / "X.npy", label="kind")
