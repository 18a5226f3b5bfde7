"""The command given what it cannot use: one line, exit code 2, and nothing written half."""

import json
import os
import zipfile

import numpy as np
import pytest
from hostile import members_of, with_state, write_members

from skdec.cli import main

QUICK = ["--dims", "4,2", "--epochs", "1", "--max-iter", "2", "--seed", "0"]
MEMBER = "skdec-cli/preparation.json"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A table, and a model of it on the scale of its columns."""
    folder = tmp_path_factory.mktemp("abuse")
    rows = np.random.default_rng(0).normal(size=(30, 3)).round(3)
    lines = ["a,b,c", *(",".join(map(str, row)) for row in rows)]
    (folder / "table.csv").write_text("\n".join(lines) + "\n")
    fit = ["fit", str(folder / "table.csv"), "--model", str(folder / "model")]
    assert main([*fit, "--n-clusters", "2", "--scale", "standard", *QUICK]) == 0
    return folder


@pytest.fixture
def refused(folder, tmp_path, monkeypatch, capsys):
    """A function: run the command in an empty folder, return the one line it leaves with."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        capsys.readouterr()
        before = contents(tmp_path)
        assert main([str(argument) for argument in arguments]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("skdec: ")
        assert err.count("\n") == 1
        assert len(err) < 1000
        assert contents(tmp_path) == before
        return err

    return run


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


TABLES = {
    "empty": (b"", "is empty"),
    "blank lines": (b"\n\n\n", "is empty"),
    "names only": (b"a,b\n", "no rows"),
    "text": (b"dear reader\nthis is, a letter\n", "row 1"),
    "words": (b"a,b\n1,x\n", "'x' is no number"),
    "ragged": (b"a,b\n1,2\n3\n", "row 2: 1 values"),
    "missing": (b"a,b\n1,2\n,4\n", "row 2, column 'a': the value is missing"),
    "infinite": (b"a,b\n1,inf\n", "row 1, column 'b'"),
    "same names": (b"a,a\n1,2\n", "more than once"),
    "binary": (bytes(range(256)) * 40, "not text in UTF-8"),
    "zeros": (bytes(4096), "csv"),
    "pickle": (b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00]\x94(K\x01K\x02e.", "UTF-8"),
    "image": (b"\x89PNG\r\n\x1a\n" + bytes(100), "UTF-8"),
    "one quote": (b'a,b\n"1,2\n3,4\n', "row 1"),
    "one long field": (b"a,b\n" + b"1" * 200_000 + b",2\n", "csv"),
}


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("command", ["compare", "fit", "predict"])
def test_unusable_tables(kind, command, folder, refused, tmp_path):
    content, message = TABLES[kind]
    (tmp_path / "table.csv").write_bytes(content)
    arguments = {
        "compare": ["compare", "table.csv", "--n-clusters", "1", "--json", "out.json"],
        "fit": ["fit", "table.csv", "--n-clusters", "1", "--model", "out.model"],
        "predict": ["predict", folder / "model", "table.csv", "--labels", "out.csv"],
    }
    line = refused(*arguments[command])
    assert message in line or command == "predict", line


@pytest.mark.parametrize("command", ["compare", "fit"])
def test_data_that_are_no_file(command, refused, tmp_path):
    (tmp_path / "folder.csv").mkdir()
    outputs = {"compare": ["--json", "out"], "fit": ["--model", "out"]}[command]
    assert "does not exist" in refused(command, "absent.csv", *outputs)
    assert "is a folder" in refused(command, "folder.csv", *outputs)
    (tmp_path / "rows.txt").write_text("a\n1\n")
    assert "'.txt'" in refused(command, "rows.txt", *outputs)


def test_a_label_column_with_missing_values(refused, tmp_path):
    (tmp_path / "table.csv").write_text("a,kind\n1,x\n2,NaN\n3,y\n")
    line = refused("fit", "table.csv", "--label", "kind", "--model", "out")
    assert "row 2: the label column 'kind' has no value" in line


def test_ten_thousand_columns_are_read_and_refused_for_what_is_wrong(refused, tmp_path):
    names = [f"x{i}" for i in range(10_000)]
    row = ["0.5"] * 10_000
    lines = [names, row, [*row[:-1], "?"]]
    (tmp_path / "wide.csv").write_text("\n".join(map(",".join, lines)) + "\n")
    line = refused("fit", "wide.csv", "--n-clusters", "2", "--model", "out")
    assert "row 2, column 'x9999': the value is missing" in line
    assert "no column 'y'" in refused("fit", "wide.csv", "--label", "y", "--model", "out")


def test_ten_thousand_columns_are_clustered(tmp_path, capsys):
    random = np.random.default_rng(0)
    np.save(tmp_path / "wide.npy", random.random((12, 10_000), dtype=np.float32))
    model = tmp_path / "model"
    fit = ["fit", str(tmp_path / "wide.npy"), "--n-clusters", "2", "--model", str(model), *QUICK]
    assert main(fit) == 0
    assert main(["predict", str(model), str(tmp_path / "wide.npy")]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1 + 1 + 12


def test_outputs_that_cannot_be_written(folder, refused, tmp_path):
    table = folder / "table.csv"
    (tmp_path / "folder").mkdir()
    for out, message in {"folder": "is no regular file", "absent/out": "is no folder"}.items():
        assert message in refused("compare", table, "--n-clusters", "2", "--json", out)
        assert message in refused("fit", table, "--n-clusters", "2", "--model", out)
        assert message in refused("predict", folder / "model", table, "--labels", out)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_the_right_to_write(folder, refused, tmp_path):
    (tmp_path / "closed").mkdir(mode=0o500)
    line = refused("fit", folder / "table.csv", "--n-clusters", "2", "--model", "closed/model")
    assert "cannot be written" in line


def test_a_disk_that_fills_leaves_the_earlier_model(folder, refused, tmp_path, monkeypatch):
    (tmp_path / "model").write_bytes((folder / "model").read_bytes())

    def full_disk(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("zipfile.ZipFile.writestr", full_disk)
    fit = ["fit", folder / "table.csv", "--n-clusters", "2", "--model", "model"]
    monkeypatch.setattr("skdec._progress.PhaseProgress.on_epoch_end", lambda *_: None)
    assert "No space left" in refused(*fit, *QUICK)


def damaged(kind, content, members, path):
    """Write a model that is damaged in some way."""
    if kind in ("empty", "cut", "text", "rotten"):
        rotten = content[:500] + bytes(20) + content[520:]
        whole = {"empty": b"", "cut": content[:-30], "text": b"a,b\n1,2\n", "rotten": rotten}
        path.write_bytes(whole[kind])
    elif kind == "compressed":
        write_members(path, members, zipfile.ZIP_DEFLATED)
    elif kind == "newer":
        write_members(path, with_state(members, lambda state: state.update(format=99)))
    elif kind == "strange":
        write_members(path, members | {"../../evil": b""})
    else:
        write_members(path, {"letter.txt": b"hello"})


@pytest.mark.parametrize(
    "kind", ["empty", "cut", "text", "rotten", "compressed", "newer", "strange", "other zip"]
)
def test_damaged_models(kind, folder, refused, tmp_path):
    path = folder / "model"
    damaged(kind, path.read_bytes(), members_of(path), tmp_path / "model")
    line = refused("predict", "model", folder / "table.csv", "--labels", "out.csv")
    assert line.startswith("skdec: model cannot be read as a saved estimator: ")


def test_models_that_are_no_file(folder, refused):
    assert "is no file" in refused("predict", "absent", folder / "table.csv")
    assert "is no file" in refused("predict", folder, folder / "table.csv")


WHOLE = {"scale": "standard", "columns": ["a", "b", "c"], "shift": [0, 0, 0], "width": [1, 1, 1]}


@pytest.mark.parametrize(
    "preparation",
    [
        None, [], 1, {}, {"scale": "none"}, WHOLE | {"more": 1}, WHOLE | {"scale": "log"},
        WHOLE | {"scale": "none"}, WHOLE | {"shift": None}, WHOLE | {"width": [1, 0, 1]},
        WHOLE | {"width": [1, 1]}, WHOLE | {"shift": [0, 0, "x"]}, WHOLE | {"shift": [[0], 0, 0]},
        WHOLE | {"width": [1, 1, float("nan")]}, WHOLE | {"shift": [0, 0, 10**400]},
        WHOLE | {"columns": ["a", "b"]}, WHOLE | {"columns": [1, 2, 3]}, WHOLE | {"columns": "abc"},
    ],
    ids=str,
)  # fmt: skip
def test_damaged_preparations(preparation, folder, refused, tmp_path):
    members = members_of(folder / "model") | {MEMBER: json.dumps(preparation)}
    write_members(tmp_path / "model", members)
    line = refused("predict", "model", folder / "table.csv")
    assert "its skdec-cli/preparation.json is damaged; fit the model anew" in line
