"""Invalid input to the command line: one line, exit code 2, and no partial output."""

import os
import resource
import zipfile

import numpy as np
import pytest

from skdec.cli import main

ONE_CLUSTER = ["--n-clusters", "1", "--prepare", "none"]
QUICK = ["--dims", "4,2", "--epochs", "1", "--max-iter", "2", "--seed", "0"]


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """A table, and a model fitted to it after scaling."""
    directory = tmp_path_factory.mktemp("abuse")
    X = np.random.default_rng(0).normal(size=(30, 3)).round(3)
    lines = ["a,b,c", *(",".join(map(str, row)) for row in X)]
    (directory / "table.csv").write_text("\n".join(lines) + "\n")
    fit = ["fit", str(directory / "table.csv"), "--model", str(directory / "model")]
    assert main([*fit, "--n-clusters", "2", "--scale", "standard", *QUICK]) == 0
    return directory


@pytest.fixture
def run_and_fail(tmp_path, monkeypatch, capsys):
    """A function that runs the command in a temporary directory and returns its error message."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        capsys.readouterr()
        before = read_files(tmp_path)
        assert main([str(argument) for argument in arguments]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("skdec: ")
        assert err.count("\n") == 1
        assert len(err) < 1000
        assert read_files(tmp_path) == before
        return err

    return run


def read_files(directory):
    return {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}


TABLES = {
    "empty": (b"", "is empty"),
    "blank lines": (b"\n\n\n", "is empty"),
    "names only": (b"a,b\n", "no rows"),
    "text": (b"dear reader\nthis is, a letter\n", "row 1"),
    "words": (b"a,b\n1,x\n", "'x' is not a number"),
    "ragged": (b"a,b\n1,2\n3\n", "row 2: 1 values"),
    "long rows": (b"a,b\n1,2,3,4\n3,4,5\n", "row 1: 4 values"),
    "missing": (b"a,b\n1,2\n,4\n", "row 2, column 'a': the value is missing"),
    "infinite": (b"a,b\n1,inf\n", "row 1, column 'b'"),
    "same names": (b"a,a\n1,2\n", "more than once"),
    "binary": (bytes(range(256)) * 40, "not text"),
    "zeros": (bytes(4096), "not text"),
    "pickle": (b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00]\x94(K\x01K\x02e.", "not text"),
    "image": (b"\x89PNG\r\n\x1a\n" + bytes(100), "not text"),
    "one quote": (b'a,b\n"1,2\n3,4\n', "row 1"),
    "one long field": (b"a,b\n" + b"1" * 200_000 + b",2\n", "is not a number"),
}


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("command", ["compare", "fit", "predict"])
def test_unusable_tables_are_an_error(kind, command, directory, run_and_fail, tmp_path):
    content, message = TABLES[kind]
    (tmp_path / "table.csv").write_bytes(content)
    arguments = {
        "compare": ["compare", "table.csv", *ONE_CLUSTER, "--json", "out.json"],
        "fit": ["fit", "table.csv", *ONE_CLUSTER, "--model", "out.model"],
        "predict": ["predict", directory / "model", "table.csv", "--output", "out.csv"],
    }
    line = run_and_fail(*arguments[command])
    assert message in line or command == "predict", line


@pytest.mark.parametrize("command", ["compare", "fit"])
def test_data_that_are_not_a_file_are_an_error(command, run_and_fail, tmp_path):
    (tmp_path / "directory.csv").mkdir()
    outputs = {"compare": ["--json", "out"], "fit": ["--model", "out"]}[command]
    assert "does not exist" in run_and_fail(command, "absent.csv", *outputs)
    assert "is a directory" in run_and_fail(command, "directory.csv", *outputs)
    (tmp_path / "table.docx").write_text("a\n1\n")
    assert "'.docx'" in run_and_fail(command, "table.docx", *outputs)


def test_missing_values_in_a_label_column_are_an_error(run_and_fail, tmp_path):
    (tmp_path / "table.csv").write_text("a,kind\n1,x\n2,NaN\n3,y\n")
    line = run_and_fail("fit", "table.csv", "--label", "kind", "--model", "out")
    assert "row 2: the label column 'kind' has no value" in line


def test_an_error_in_one_of_ten_thousand_columns_is_named(run_and_fail, tmp_path):
    names = [f"x{i}" for i in range(10_000)]
    row = ["0.5"] * 10_000
    lines = [names, row, [*row[:-1], "?"]]
    (tmp_path / "wide.csv").write_text("\n".join(map(",".join, lines)) + "\n")
    line = run_and_fail("fit", "wide.csv", *ONE_CLUSTER, "--model", "out")
    assert "row 2, column 'x9999': the value is missing" in line
    assert "no column 'y'" in run_and_fail("fit", "wide.csv", "--label", "y", "--model", "out")


def test_ten_thousand_features_are_clustered(tmp_path, capsys):
    random = np.random.default_rng(0)
    np.save(tmp_path / "wide.npy", random.random((12, 10_000), dtype=np.float32))
    model = tmp_path / "model"
    fit = ["fit", str(tmp_path / "wide.npy"), "--n-clusters", "2", "--model", str(model), *QUICK]
    assert main(fit) == 0
    assert main(["predict", str(model), str(tmp_path / "wide.npy")]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1 + 1 + 12


def test_outputs_that_cannot_be_written_are_an_error(directory, run_and_fail, tmp_path):
    table = directory / "table.csv"
    (tmp_path / "directory").mkdir()
    messages = {"directory": "is not a regular file", "absent/out": "is not a directory"}
    for out, message in messages.items():
        assert message in run_and_fail("compare", table, "--n-clusters", "2", "--json", out)
        assert message in run_and_fail("fit", table, "--n-clusters", "2", "--model", out)
        assert message in run_and_fail("predict", directory / "model", table, "--output", out)


@pytest.mark.skipif(os.geteuid() == 0, reason="root can write anywhere")
def test_a_directory_without_write_permission_is_an_error(directory, run_and_fail, tmp_path):
    (tmp_path / "closed").mkdir(mode=0o500)
    line = run_and_fail(
        "fit", directory / "table.csv", "--n-clusters", "2", "--model", "closed/model"
    )
    assert "cannot be written" in line


def test_a_full_disk_leaves_the_previous_model(directory, run_and_fail, tmp_path, monkeypatch):
    (tmp_path / "model").write_bytes((directory / "model").read_bytes())

    fit = ["fit", directory / "table.csv", "--n-clusters", "2", "--model", "model"]
    monkeypatch.setattr("skdec._utils.progress._LineBar._write", lambda *_: None)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, limits[1]))
    try:
        assert "File too large" in run_and_fail(*fit, *QUICK, "--quiet")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize("kind", ["empty", "truncated", "padded", "text", "other zip"])
@pytest.mark.parametrize("command", ["predict", "info"])
def test_damaged_models_are_an_error(kind, command, directory, run_and_fail, tmp_path):
    content = (directory / "model").read_bytes()
    damaged = {
        "empty": b"",
        "truncated": content[:-30],
        "padded": content + bytes(30),
        "text": b"a,b\n1,2\n",
    }
    if kind == "other zip":
        with zipfile.ZipFile(tmp_path / "model", "w") as archive:
            archive.writestr("letter.txt", "hello")
    else:
        (tmp_path / "model").write_bytes(damaged[kind])
    data = [directory / "table.csv"] if command == "predict" else []
    line = run_and_fail(command, "model", *data)
    assert line.startswith("skdec: model cannot be read as a saved estimator: ")


def test_models_that_are_not_a_file_are_an_error(directory, run_and_fail):
    assert "is not a file" in run_and_fail("predict", "absent", directory / "table.csv")
    assert "is not a file" in run_and_fail("predict", directory, directory / "table.csv")
