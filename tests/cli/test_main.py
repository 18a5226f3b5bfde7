"""The commands as users run them: what is printed where, what is written, and every error."""

import importlib
import json
import os
import re
import subprocess
import sys
import zipfile

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.preprocessing import StandardScaler

import skdec
from skdec.cli import main
from skdec.metrics import clustering_accuracy

NETWORK = ["--dims", "8,3", "--epochs", "3", "--max-iter", "4", "--seed", "0"]


@pytest.fixture(scope="module")
def blobs():
    X, y = make_blobs(120, 4, centers=3, random_state=3)
    X[:, 2] = X[:, 2] * 1000 + 50_000
    return X, np.array(["red", "green", "blue"])[y]


@pytest.fixture(scope="module")
def directory(tmp_path_factory, blobs):
    """A table of three classes as CSV, with the class in the middle, and as a plain array."""
    directory = tmp_path_factory.mktemp("data")
    X, kinds = blobs
    lines = ["a,b,kind,c,d"]
    lines += [
        f"{row[0]},{row[1]},{kind},{row[2]},{row[3]}" for row, kind in zip(X, kinds, strict=True)
    ]
    (directory / "table.csv").write_text("\n".join(lines) + "\n")
    np.save(directory / "X.npy", X)
    return directory


@pytest.fixture(scope="module")
def compared(directory):
    """`skdec compare` in a separate process: the finished process and the JSON."""
    command = [sys.executable, "-m", "skdec", "compare", "table.csv", "--label", "kind", *NETWORK]
    command += ["--scale", "standard", "--json", "numbers.json"]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done, json.loads((directory / "numbers.json").read_text())


@pytest.fixture(scope="module")
def model(directory):
    """A model of a table that is standardized, with the clusters of its samples next to it."""
    arguments = ["fit", str(directory / "table.csv"), "--label", "kind", "--scale", "standard"]
    outputs = ["--model", str(directory / "model.skdec"), "--output", str(directory / "fitted.csv")]
    assert main([*arguments, *outputs, *NETWORK]) == 0
    return directory / "model.skdec"


def read_clusters(path):
    table = pd.read_csv(path)
    assert table.columns.tolist() == ["index", "cluster", "confidence", "deviation"]
    assert table["index"].tolist() == list(range(len(table)))
    assert table["confidence"].between(0, 1).all()
    return table["cluster"].to_numpy()


def run_and_fail(capsys, *arguments):
    """Return the one line on standard error with which the command exits with code 2."""
    capsys.readouterr()
    assert main([str(argument) for argument in arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("skdec: ")
    return err


def test_compare_prints_table_confusion_matrix_and_report(compared):
    done, numbers = compared
    assert "table.csv: 120 samples, 4 features, 3 clusters, scale standard, seed 0" in done.stdout
    lines = done.stdout.splitlines()
    header = lines.index(next(line for line in lines if line.startswith("method")))
    for line, result in zip(lines[header + 1 : header + 5], numbers["results"], strict=True):
        assert line.split()[0] == result["method"]
        assert line.split()[1] == f"{result['accuracy']:.3f}"
    assert len(re.findall(r"^class \\ cluster( +[012]){3}$", done.stdout, re.MULTILINE)) == 2
    assert done.stdout.count("weighted avg") == 2


def test_compare_over_seeds_prints_standard_deviations(directory, capsys):
    arguments = ["compare", str(directory / "table.csv"), "--label", "kind", "--methods", "kmeans"]
    assert main([*arguments, "--seed", "0", "--n-seeds", "3", "--quiet"]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("kmeans ")]
    assert line.count("±") >= 3


def test_compare_writes_progress_and_nothing_else_to_standard_error(compared):
    done, _ = compared
    methods = ("kmeans: ", "autoencoder+kmeans: ", "neighbors: ", "dec: ")
    steps = ("neighbors ", "search ", "pretrain ", "initialize", "refine ", "decoder ")
    unexpected = [
        line
        for line in done.stderr.splitlines()
        if not line.startswith((*methods, *steps, "skdec: warning: "))
    ]
    assert unexpected == []
    assert re.search(r"^pretrain (\d+)/\1, .* s, loss ", done.stderr, re.MULTILINE)
    assert "\r" not in done.stderr


def test_compare_writes_the_scores_as_json(compared, blobs):
    _, numbers = compared
    settings = {"data": "table.csv", "scale": "standard", "random_state": 0, "n_clusters": 3}
    settings |= {"preparation": "scale standard", "columns": None}
    assert numbers | settings == numbers
    kmeans = numbers["results"][0]
    X = StandardScaler().fit_transform(blobs[0])
    labels = KMeans(3, n_init=20, random_state=0).fit_predict(X)
    assert kmeans["accuracy"] == clustering_accuracy(blobs[1], labels)
    assert kmeans["silhouette"] is None


def test_compare_without_labels_shows_the_silhouette(directory, capsys):
    arguments = ["--n-clusters", "3", "--methods", "kmeans", "--seed", "0"]
    assert main(["compare", str(directory / "X.npy"), *arguments]) == 0
    out, err = capsys.readouterr()
    assert "silhouette" in out
    assert "class \\ cluster" not in out
    assert "features of X are on very different scales" in err
    assert err.count("warning") == 1


def test_a_scaled_table_causes_no_warning(directory, capsys):
    arguments = ["--n-clusters", "3", "--methods", "kmeans", "--scale", "minmax"]
    assert main(["compare", str(directory / "X.npy"), *arguments]) == 0
    assert "warning" not in capsys.readouterr().err


def test_digits_are_the_default_data(capsys):
    assert main(["compare", "--methods", "kmeans", "--seed", "0"]) == 0
    out = capsys.readouterr().out
    assert "digits: 1,797 samples, 64 features, 10 clusters" in out
    assert "warning" not in out


def test_the_model_is_the_estimator_fitted_to_the_scaled_samples(model, blobs):
    from skdec import DECClusterer

    X = StandardScaler().fit_transform(blobs[0])
    parameters = {"dims": (8, 3), "pretrain_epochs": 3, "max_iter": 4, "random_state": 0}
    expected = DECClusterer(3, **parameters).fit(X)
    loaded = skdec.load(model)
    np.testing.assert_array_equal(loaded["decclusterer"].predict(X), expected.labels_)
    np.testing.assert_array_equal(read_clusters(model.parent / "fitted.csv"), expected.labels_)


@pytest.mark.parametrize("scale", ["none", "minmax", "standard"])
def test_samples_get_the_same_labels_everywhere(scale, directory, blobs, tmp_path):
    """By the fit, by the command `predict`, and in Python, from unscaled samples."""
    table, model = str(directory / "table.csv"), str(tmp_path / "model")
    fit = ["fit", table, "--label", "kind", "--scale", scale, "--prepare", "none", *NETWORK]
    fit += ["--model", model]
    assert main([*fit, "--output", str(tmp_path / "fitted.csv")]) == 0
    assert main(["predict", model, table, "--output", str(tmp_path / "predicted.csv")]) == 0
    labels = read_clusters(tmp_path / "fitted.csv")
    assert len(np.unique(labels)) > 1
    np.testing.assert_array_equal(read_clusters(tmp_path / "predicted.csv"), labels)

    loaded = skdec.load(model)
    assert loaded.feature_names_in_.tolist() == list("abcd")
    clusterer = loaded if scale == "none" else loaded["decclusterer"]
    np.testing.assert_array_equal(clusterer.labels_, labels)
    frame = pd.DataFrame(blobs[0], columns=list("abcd"))
    np.testing.assert_array_equal(loaded.predict(frame), labels)


def test_predict_scales_as_in_fit(model, tmp_path):
    out = tmp_path / "predicted.csv"
    # The column of classes is text: predict reads only the columns that the model was fitted on.
    assert main(["predict", str(model), str(model.parent / "table.csv"), "--output", str(out)]) == 0
    assert out.read_text() == (model.parent / "fitted.csv").read_text()


def test_predict_finds_its_columns_by_name(model, tmp_path):
    header, *lines = (model.parent / "table.csv").read_text().splitlines()
    table, out = tmp_path / "reordered.csv", tmp_path / "predicted.csv"
    table.write_text("\n".join(",".join(line.split(",")[::-1]) for line in [header, *lines]))
    assert main(["predict", str(model), str(table), "--output", str(out)]) == 0
    assert out.read_text() == (model.parent / "fitted.csv").read_text()


def test_predict_writes_to_standard_output(model, capsys):
    assert main(["predict", str(model), str(model.parent / "X.npy")]) == 0
    out, err = capsys.readouterr()
    assert out == (model.parent / "fitted.csv").read_text()
    assert "warning" not in err


def test_predict_accepts_a_model_saved_by_python_code(model, tmp_path, capsys, blobs):
    loaded = skdec.load(model)["decclusterer"]
    skdec.save(loaded, tmp_path / "model.skdec")
    X = StandardScaler().fit_transform(blobs[0])
    np.save(tmp_path / "scaled.npy", X)
    assert main(["predict", str(tmp_path / "model.skdec"), str(tmp_path / "scaled.npy")]) == 0
    printed = [int(line.split(",")[1]) for line in capsys.readouterr().out.splitlines()[1:]]
    assert printed == loaded.predict(X).tolist()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty; a line of column names"),
        ("a,b\n", "has column names but no rows"),
        ("a,b\n1,one\n", "row 1, column 'b': 'one' is not a number"),
        ("a,b\n1,2\n3,\n", "row 2, column 'b': the value is missing"),
    ],
)
def test_an_unusable_table_is_an_error(content, message, tmp_path, capsys):
    (tmp_path / "table.csv").write_text(content)
    compare = ["compare", tmp_path / "table.csv", "--n-clusters", "2", "--prepare", "none"]
    assert message in run_and_fail(capsys, *compare)


def test_missing_data_are_an_error(directory, capsys):
    assert "does not exist" in run_and_fail(capsys, "compare", directory / "absent.csv")
    assert "is a directory" in run_and_fail(capsys, "compare", directory)


def test_unusable_label_columns_are_an_error(directory, tmp_path, capsys):
    table = directory / "table.csv"
    assert "no column 'Kind'; it has 'a', 'b'" in run_and_fail(
        capsys, "compare", table, "--label", "Kind"
    )
    (tmp_path / "gap.csv").write_text("a,kind\n1,x\n2,\n")
    assert "row 2: the label column 'kind' has no value" in run_and_fail(
        capsys, "compare", tmp_path / "gap.csv", "--label", "kind"
    )
    assert "leave out --label" in run_and_fail(capsys, "compare", "digits", "--label", "kind")


def test_an_unknown_number_of_clusters_is_an_error(directory, capsys):
    assert "give --n-clusters, or --label" in run_and_fail(capsys, "compare", directory / "X.npy")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "required: COMMAND"),
        (["compare", "--dims", "8,x"], "'8,x' is not a list of whole numbers"),
        (["compare", "--scale", "log"], "'none', 'minmax', 'standard'"),
        (["compare", "--methods", "kmeans,umap"], "'umap' is not one of kmeans, auto"),
        (["compare", "--dims", "0"], "dims"),
        (["compare", "--alpha", "-1"], "alpha"),
        (["compare", "--epochs", "-1"], "pretrain_epochs"),
        (["compare", "--n-clusters", "2000"], "at most the number of samples, 1797; got 2000"),
        (["fit", "digits"], "required: --model"),
        (["fit", "digits", "--model", "m", "--alpha", "0"], "alpha"),
    ],
    ids=str,
)
def test_invalid_arguments_are_an_error(arguments, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert message in run_and_fail(capsys, *arguments)


@pytest.mark.parametrize("command", ["compare", "fit", "predict"])
def test_outputs_are_checked_before_the_data_are_read(command, tmp_path, capsys, monkeypatch):
    module = importlib.import_module(f"skdec.cli.{command}")
    load = "load_model" if command == "predict" else "load_table"
    monkeypatch.setattr(module, load, lambda *_: pytest.fail("the data were read"))
    unwritable = tmp_path / "absent" / "out"
    arguments = {
        "compare": ["digits", "--json", unwritable],
        "fit": ["digits", "--model", unwritable],
        "predict": ["model", "digits", "--output", unwritable],
    }
    assert "is not a directory; create it" in run_and_fail(capsys, command, *arguments[command])


def test_the_data_are_never_overwritten(directory, capsys):
    table = directory / "table.csv"
    before = table.read_text()
    assert "is the data" in run_and_fail(capsys, "compare", table, "--json", table)
    assert table.read_text() == before


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
        (["describe", "{model}", "{table}", "--output", "d.tsv"], "ends in '.tsv'; .csv and"),
        (["describe", "{model}", "{table}", "--n-columns", "0"], "'0' is not a whole number"),
        (["compare", "{table}", "--n-seeds", "0"], "'0' is not a whole number"),
        (["predict", "{model}", "{table}", "--id", "cluster"], "--id cluster: the output has"),
        (["fit", "{table}", "--model", "m", "--id", "assignment_1"], "--id assignment_1: the"),
    ],
)
def test_outputs_that_would_lose_something_are_refused(
    arguments, message, directory, model, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    copy = tmp_path / "model.csv"
    copy.write_bytes(model.read_bytes())
    names = {"model": model, "copy": copy, "table": directory / "table.csv", "out": "out.csv"}
    command, *rest = (argument.format(**names) for argument in arguments)
    assert message.format(**names) in run_and_fail(capsys, command, *rest)
    assert copy.read_bytes() == model.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["model.csv"]


def test_a_shape_that_does_not_fit_is_refused_before_the_comparison(
    directory, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr("skdec._comparison.compare", lambda *_, **__: pytest.fail("compared"))
    arguments = [directory / "table.csv", "--label", "kind", "--report", tmp_path / "page.html"]
    message = run_and_fail(
        capsys, "compare", *arguments, "--prepare", "none", "--image-shape", "3,5"
    )
    assert "image_shape must be (height, width)" in message


def test_a_file_that_is_not_a_model_is_an_error(directory, tmp_path, capsys):
    data = directory / "X.npy"
    assert "'skdec fit' writes a model" in run_and_fail(
        capsys, "predict", tmp_path / "absent", data
    )
    run_and_fail(capsys, "predict", data, data)
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("letter.txt", "hello")
    run_and_fail(capsys, "predict", tmp_path / "other.zip", data)


def test_data_with_other_columns_than_the_model_are_an_error(model, tmp_path, capsys):
    np.save(tmp_path / "narrow.npy", np.zeros((5, 3)))
    assert "has 3 columns, but the model was fitted on 4" in run_and_fail(
        capsys, "predict", model, tmp_path / "narrow.npy"
    )
    (tmp_path / "other.csv").write_text("a,b,c\n1,2,3\n")
    assert "no column 'd'" in run_and_fail(capsys, "predict", model, tmp_path / "other.csv")


def test_an_interruption_leaves_no_partial_file(tmp_path, capsys, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(importlib.import_module("skdec.cli.fit"), "load_table", interrupt)
    assert main(["fit", "digits", "--model", str(tmp_path / "model")]) == 130
    assert "interrupted" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_an_error_in_a_separate_process_is_one_line(directory):
    command = [sys.executable, "-m", "skdec", "compare", "absent.csv"]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "skdec: absent.csv does not exist; check the name.\n"


def test_a_closed_pipe_is_not_an_error(model):
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "skdec", "predict", "model.skdec", "X.npy"]
    with os.fdopen(writer, "w") as stdout:
        done = subprocess.run(
            command, cwd=model.parent, stdout=stdout, stderr=subprocess.PIPE, timeout=60
        )
    assert (done.returncode, done.stderr) == (0, b"")


def test_reading_a_table_does_not_load_tensorflow(directory):
    code = (
        "import sys; from skdec.cli import main; code = main(['compare', 'X.npy']); "
        "sys.exit(code if not {'tensorflow', 'keras'} & set(sys.modules) else 99)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2, done.stderr


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["fit", "digits"], ["fit", "absent.csv", "--model", "m"], ["info", "absent"]],
    ids=str,
)
def test_help_and_invalid_arguments_do_not_load_scikit_learn(arguments):
    code = (
        "import sys; from skdec.cli import main\n"
        f"try: main({arguments})\n"
        "except SystemExit: pass\n"
        "sys.exit(bool({'sklearn', 'pandas'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=60)
