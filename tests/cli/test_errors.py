"""Invalid input to the command line: one line, exit code 2, and no partial output."""

import resource

import numpy as np
import pytest

from skdec.cli import main


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
def test_unusable_tables_are_an_error(kind, run_and_fail, tmp_path):
    content, message = TABLES[kind]
    (tmp_path / "table.csv").write_bytes(content)
    arguments = ["table.csv", "--n-clusters", "1", "--prepare", "none"]
    assert message in run_and_fail("compare", *arguments, "--json", "out.json")
    assert message in run_and_fail("fit", *arguments, "--model", "out.model")


def test_data_and_models_that_cannot_be_read_are_an_error(plain, run_and_fail, tmp_path):
    model, table = plain / "plain.skdec", plain / "plain.csv"
    for text, message in {
        "a,b,c,d\n1,2,x,1\n3,4,y,1\n": "t.csv, line 2, column 'c': 'x' is not a number",
        "a,b,c\n1,2,3\n": "no column 'd'; it has 'a', 'b', 'c'",
        "a,b,c,d\n1,2,2020-01-05,1\n": "Column 'c' has dates, but had numbers when",
    }.items():
        (tmp_path / "t.csv").write_text(text)
        assert message in run_and_fail("predict", model, "t.csv", "--output", "out.csv", "--quiet")
    np.save(tmp_path / "narrow.npy", np.zeros((5, 2)))
    message = "narrow.npy: it has 2 columns, but the model was fitted on 4"
    assert message in run_and_fail("predict", model, "narrow.npy")
    for content in (model.read_bytes()[:-30], b"a,b\n1,2\n"):
        (tmp_path / "model").write_bytes(content)
        for command in (["predict", "model", table], ["info", "model"]):
            line = run_and_fail(*command)
            assert line.startswith("skdec: model cannot be read as a saved estimator: ")
    assert "is not a file" in run_and_fail("predict", "absent", table)
    assert "absent.csv does not exist" in run_and_fail("fit", "absent.csv")


def test_a_full_disk_leaves_the_previous_model(plain, network, run_and_fail, tmp_path):
    (tmp_path / "model").write_bytes((plain / "plain.skdec").read_bytes())
    fit = ["fit", plain / "plain.csv", "--n-clusters", "2", "--model", "model", "--force"]
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, limits[1]))
    try:
        assert "File too large" in run_and_fail(*fit, *network, "--quiet")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


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
        ([], "required: COMMAND"),
        (["compare", "--dims", "8,x"], "'8,x' is not a list of whole numbers"),
        (["compare", "--scale", "log"], "'none', 'minmax', 'standard'"),
        (["compare", "--methods", "kmeans,umap"], "'umap' is not one of kmeans, auto"),
        (["compare", "--dims", "0"], "dims"),
        (["compare", "--n-clusters", "2000"], "at most the number of samples, 1797; got 2000"),
        (["fit", "digits", "--model", "m", "--alpha", "0"], "alpha"),
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
def test_invalid_arguments_and_outputs_that_would_lose_something_are_refused(
    arguments, message, plain, tmp_path, run_and_fail
):
    model = plain / "plain.skdec"
    copy = tmp_path / "model.csv"
    copy.write_bytes(model.read_bytes())
    names = {"model": model, "copy": copy, "table": plain / "plain.csv", "out": "out.csv"}
    filled = [argument.format(**names) for argument in arguments]
    assert message.format(**names) in run_and_fail(*filled)


def test_a_shape_that_does_not_fit_is_refused_before_the_comparison(
    plain, tmp_path, run_and_fail, monkeypatch
):
    monkeypatch.setattr("skdec._comparison.compare", lambda *_, **__: pytest.fail("compared"))
    arguments = [plain / "plain.csv", "--n-clusters", "2", "--report", tmp_path / "page.html"]
    message = run_and_fail("compare", *arguments, "--image-shape", "3,5", "--quiet")
    assert "image_shape must be (height, width)" in message


def test_an_interruption_leaves_no_partial_file(tmp_path, capsys, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("skdec.cli.fit.read_table", interrupt)
    assert main(["fit", "digits", "--model", str(tmp_path / "model")]) == 130
    assert "interrupted" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
