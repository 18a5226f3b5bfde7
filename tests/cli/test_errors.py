"""Invalid input to the command line: one line, exit code 2, and no partial output."""

import importlib
import resource

import numpy as np
import pytest

from skdec.cli import main

PLAIN = ["--n-clusters", "1", "--prepare", "none"]
QUICK = ["--dims", "4,2", "--epochs", "1", "--max-iter", "2", "--seed", "0"]


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """A table, and a model fitted to it after scaling."""
    directory = tmp_path_factory.mktemp("abuse")
    X = np.random.default_rng(0).normal(size=(30, 3)).round(3)
    lines = ["a,b,c", *(",".join(map(str, row)) for row in X)]
    (directory / "table.csv").write_text("\n".join(lines) + "\n")
    fit = ["fit", str(directory / "table.csv"), "--model", str(directory / "model.csv")]
    assert main([*fit, "--n-clusters", "2", "--scale", "standard", *QUICK, "--quiet"]) == 0
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
    "empty": (b"", "table.csv is empty"),
    "words": (b"a,b\n1,x\n2,y\n", "table.csv, line 2, column 'b': 'x' is not a number; line 3"),
    "missing": (b"a,b\n1,2\n,4\n", "line 3, column 'a': the value is missing"),
    "units": (b"a,b\n1 kg,2\n3 lbs,4\n", "Column 'a' has numbers in different units: kg ('1 kg')"),
    "one quote": (b'a,b\n"1,2\n3,4\n', "line "),
    "one long field": (b"a,b\n" + b"1" * 200_000 + b",2\n", "infinite"),
}


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("command", ["compare", "fit"])
def test_unusable_tables_are_an_error(kind, command, run_and_fail, tmp_path):
    content, message = TABLES[kind]
    (tmp_path / "table.csv").write_bytes(content)
    outputs = {"compare": ["--json", "out.json"], "fit": ["--model", "out.model"]}[command]
    assert message in run_and_fail(command, "table.csv", *PLAIN, *outputs)


def test_tables_that_do_not_fit_the_model_are_an_error(directory, run_and_fail, tmp_path):
    model = directory / "model.csv"
    for text, message in {
        "a,b,c\n1,2,x\n3,4,y\n": "t.csv, line 2, column 'c': 'x' is not a number",
        "a,b,c\n1,2,3\n4,5\n": "t.csv, line 3: 2 values",
        "a,b\n1,2\n": "no column 'c'; it has 'a', 'b'",
        "a,b,c\n1,2,2020-01-05\n": "Column 'c' has dates, but had numbers when",
    }.items():
        (tmp_path / "t.csv").write_text(text)
        assert message in run_and_fail("predict", model, "t.csv", "--output", "out.csv", "--quiet")
    np.save(tmp_path / "narrow.npy", np.zeros((5, 2)))
    assert "narrow.npy: it has 2 columns, but the model was fitted on 3" in run_and_fail(
        "predict", model, "narrow.npy"
    )


@pytest.mark.parametrize("command", ["compare", "fit"])
def test_data_that_are_not_a_file_are_an_error(command, run_and_fail, tmp_path):
    (tmp_path / "directory.csv").mkdir()
    outputs = {"compare": ["--json", "out"], "fit": ["--model", "out"]}[command]
    assert "does not exist" in run_and_fail(command, "absent.csv", *outputs)
    assert "is a directory without images" in run_and_fail(command, "directory.csv", *outputs)
    (tmp_path / "table.docx").write_text("a\n1\n")
    assert "'.docx'" in run_and_fail(command, "table.docx", *outputs)


def test_outputs_that_cannot_be_written_are_an_error(directory, run_and_fail, tmp_path):
    table = directory / "table.csv"
    (tmp_path / "directory").mkdir()
    messages = {"directory": "is not a regular file", "absent/out": "is not a directory"}
    for out, message in messages.items():
        assert message in run_and_fail("compare", table, "--n-clusters", "2", "--json", out)
        assert message in run_and_fail("fit", table, "--n-clusters", "2", "--model", out)
        assert message in run_and_fail("predict", directory / "model.csv", table, "--output", out)


def test_a_full_disk_leaves_the_previous_model(directory, run_and_fail, tmp_path):
    (tmp_path / "model").write_bytes((directory / "model.csv").read_bytes())

    fit = ["fit", directory / "table.csv", "--n-clusters", "2", "--model", "model", "--force"]
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, limits[1]))
    try:
        assert "File too large" in run_and_fail(*fit, *QUICK, "--quiet")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_damaged_models_are_an_error(directory, run_and_fail, tmp_path):
    table = directory / "table.csv"
    for content in ((directory / "model.csv").read_bytes()[:-30], b"a,b\n1,2\n"):
        (tmp_path / "model").write_bytes(content)
        for command, data in (("predict", [table]), ("info", [])):
            line = run_and_fail(command, "model", *data)
            assert line.startswith("skdec: model cannot be read as a saved estimator: ")
    for absent in ("absent", directory):
        assert "is not a file" in run_and_fail("predict", absent, table)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "required: COMMAND"),
        (["compare", "--dims", "8,x"], "'8,x' is not a list of whole numbers"),
        (["compare", "--scale", "log"], "'none', 'minmax', 'standard'"),
        (["compare", "--methods", "kmeans,umap"], "'umap' is not one of kmeans, auto"),
        (["compare", "--dims", "0"], "dims"),
        (["compare", "--n-clusters", "2000"], "at most the number of samples, 1797; got 2000"),
        (["fit", "digits", "--model", "m", "--alpha", "0"], "alpha"),
    ],
    ids=str,
)
def test_invalid_arguments_are_an_error(arguments, message, run_and_fail):
    assert message in run_and_fail(*arguments)


@pytest.mark.parametrize("command", ["compare", "fit", "predict"])
def test_outputs_are_checked_before_the_data_are_read(command, tmp_path, run_and_fail, monkeypatch):
    read = "_persistence.load" if command == "predict" else f"cli.{command}.read_table"
    monkeypatch.setattr(f"skdec.{read}", lambda *_: pytest.fail("the data were read"))
    unwritable = tmp_path / "absent" / "out"
    arguments = {
        "compare": ["digits", "--json", unwritable],
        "fit": ["digits", "--model", unwritable],
        "predict": ["model", "digits", "--output", unwritable],
    }
    assert "is not a directory; create it" in run_and_fail(command, *arguments[command])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["predict", "{copy}", "{table}", "--output", "{copy}"], "{copy} is the model"),
        (["fit", "{table}", "--model", "{out}", "--output", "{out}"], "{out} is another output"),
        (["compare", "{table}", "--json", "{out}", "--report", "{out}"], "{out} is another output"),
        (
            ["predict", "{model}", "{table}", "--output", "clusters.xlsx"],
            "ends in '.xlsx'; .csv and",
        ),
        (["fit", "{table}", "--model", "m", "--output", "c.csv.gz"], "ends in '.gz'; .csv and"),
        (["describe", "{model}", "{table}", "--n-columns", "0"], "'0' is not a whole number"),
        (["compare", "{copy}", "--json", "{copy}"], "{copy} is the data"),
        (["fit", "{table}", "--model", "{copy}"], "exist; --force replaces"),
        (["predict", "{model}", "{table}", "--id", "cluster"], "--id cluster: the output has"),
        (["fit", "{table}", "--model", "m", "--id", "assignment_1"], "--id assignment_1: the"),
    ],
)
def test_outputs_that_would_lose_something_are_refused(
    arguments, message, directory, tmp_path, run_and_fail
):
    model = directory / "model.csv"
    copy = tmp_path / "model.csv"
    copy.write_bytes(model.read_bytes())
    names = {"model": model, "copy": copy, "table": directory / "table.csv", "out": "out.csv"}
    command, *rest = (argument.format(**names) for argument in arguments)
    assert message.format(**names) in run_and_fail(command, *rest)
    assert copy.read_bytes() == model.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["model.csv"]


def test_a_shape_that_does_not_fit_is_refused_before_the_comparison(
    directory, tmp_path, run_and_fail, monkeypatch
):
    monkeypatch.setattr("skdec._comparison.compare", lambda *_, **__: pytest.fail("compared"))
    arguments = [directory / "table.csv", "--n-clusters", "2", "--report", tmp_path / "page.html"]
    message = run_and_fail(
        "compare", *arguments, "--prepare", "none", "--image-shape", "3,5", "--quiet"
    )
    assert "image_shape must be (height, width)" in message


def test_an_interruption_leaves_no_partial_file(tmp_path, capsys, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(importlib.import_module("skdec.cli.fit"), "read_table", interrupt)
    assert main(["fit", "digits", "--model", str(tmp_path / "model")]) == 130
    assert "interrupted" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
