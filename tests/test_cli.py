"""The command as its users meet it: what is printed where, what is written, and every refusal."""

import json
import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.preprocessing import StandardScaler

from skdec.cli import main
from skdec.metrics import clustering_accuracy

NETWORK = ["--dims", "8,3", "--epochs", "3", "--max-iter", "4", "--seed", "0"]


@pytest.fixture(scope="module")
def blobs():
    X, y = make_blobs(120, 4, centers=3, random_state=3)
    X[:, 2] = X[:, 2] * 1000 + 50_000
    return X, np.array(["red", "green", "blue"])[y]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, blobs):
    """A table of three kinds as CSV, with the kind in the middle, and as plain arrays."""
    folder = tmp_path_factory.mktemp("data")
    X, kinds = blobs
    lines = ["a,b,kind,c,d"]
    lines += [
        f"{row[0]},{row[1]},{kind},{row[2]},{row[3]}" for row, kind in zip(X, kinds, strict=True)
    ]
    (folder / "table.csv").write_text("\n".join(lines) + "\n")
    np.save(folder / "rows.npy", X)
    return folder


@pytest.fixture(scope="module")
def compared(folder):
    """`skdec compare` in a process of its own: its exit code, both streams, and the JSON."""
    command = [sys.executable, "-m", "skdec", "compare", "table.csv", "--label", "kind", *NETWORK]
    command += ["--scale", "standard", "--json", "numbers.json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done, json.loads((folder / "numbers.json").read_text())


@pytest.fixture(scope="module")
def model(folder):
    """A model of the standardised table, with the clusters of its rows beside it."""
    arguments = ["fit", str(folder / "table.csv"), "--label", "kind", "--scale", "standard"]
    outputs = ["--model", str(folder / "model.skdec"), "--labels", str(folder / "fitted.csv")]
    assert main([*arguments, *outputs, *NETWORK]) == 0
    return folder / "model.skdec"


def clusters_in(path):
    header, *lines = path.read_text().splitlines()
    assert header == "cluster,confidence"
    rows = np.array([line.split(",") for line in lines], dtype=float)
    assert rows[:, 1].min() > 0
    assert rows[:, 1].max() <= 1
    return rows[:, 0].astype(int)


def refusal(capsys, *arguments):
    """The one line on standard error with which the command leaves with code 2."""
    capsys.readouterr()
    assert main([str(argument) for argument in arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("skdec: ")
    return err


def test_compare_prints_table_matrix_and_report(compared):
    done, numbers = compared
    assert "table.csv: 120 rows, 4 columns, 3 clusters, scale standard, seed 0" in done.stdout
    lines = done.stdout.splitlines()
    titles = lines.index(next(line for line in lines if line.startswith("method")))
    for line, result in zip(lines[titles + 1 : titles + 4], numbers["results"], strict=True):
        assert line.split()[0] == result["method"]
        assert line.split()[1] == f"{result['accuracy']:.3f}"
    assert done.stdout.count("class \\ cluster  blue  green  red") == 2
    assert done.stdout.count("weighted avg") == 2


def test_compare_tells_its_progress_and_nothing_else_on_standard_error(compared):
    done, _ = compared
    starts = ("kmeans: ", "autoencoder+kmeans: ", "dec: ", "pretrain ", "refine ")
    strange = [
        line
        for line in done.stderr.splitlines()
        if not line.startswith((*starts, "skdec: warning: "))
    ]
    assert strange == []
    assert "pretrain 3/3, loss " in done.stderr
    assert "\r" not in done.stderr


def test_compare_writes_its_numbers_as_json(compared, blobs):
    _, numbers = compared
    about = {"data": "table.csv", "scale": "standard", "random_state": 0, "n_clusters": 3}
    assert numbers | about == numbers
    kmeans = numbers["results"][0]
    rows = StandardScaler().fit_transform(blobs[0])
    labels = KMeans(3, n_init=20, random_state=0).fit_predict(rows)
    assert kmeans["accuracy"] == clustering_accuracy(blobs[1], labels)
    assert kmeans["silhouette"] is None


def test_compare_without_labels_takes_the_silhouette(folder, capsys):
    arguments = ["--n-clusters", "3", "--methods", "kmeans", "--seed", "0"]
    assert main(["compare", str(folder / "rows.npy"), *arguments]) == 0
    out, err = capsys.readouterr()
    assert "silhouette" in out
    assert "class \\ cluster" not in out
    assert "columns are on very different scales" in err
    assert err.count("warning") == 1


def test_a_scaled_table_is_not_warned_of(folder, capsys):
    arguments = ["--n-clusters", "3", "--methods", "kmeans", "--scale", "minmax"]
    assert main(["compare", str(folder / "rows.npy"), *arguments]) == 0
    assert "warning" not in capsys.readouterr().err


def test_digits_are_the_default(capsys):
    assert main(["compare", "--methods", "kmeans", "--seed", "0"]) == 0
    out = capsys.readouterr().out
    assert "digits: 1,797 rows, 64 columns, 10 clusters" in out
    assert "warning" not in out


def test_the_model_is_the_estimator_fitted_to_the_scaled_rows(model, blobs):
    from skdec import DECClusterer

    rows = StandardScaler().fit_transform(blobs[0])
    parameters = {"dims": (8, 3), "pretrain_epochs": 3, "max_iter": 4, "random_state": 0}
    expected = DECClusterer(3, **parameters).fit(rows)
    loaded = DECClusterer.load(model)
    np.testing.assert_array_equal(loaded.predict(rows), expected.labels_)
    np.testing.assert_array_equal(clusters_in(model.parent / "fitted.csv"), expected.labels_)


def test_predict_scales_as_the_fit_did(model, tmp_path):
    out = tmp_path / "predicted.csv"
    # The column of kinds is text and is there: predict reads what the model was fitted on.
    assert main(["predict", str(model), str(model.parent / "table.csv"), "--labels", str(out)]) == 0
    assert out.read_text() == (model.parent / "fitted.csv").read_text()


def test_predict_finds_its_columns_by_name(model, tmp_path):
    header, *lines = (model.parent / "table.csv").read_text().splitlines()
    table, out = tmp_path / "turned.csv", tmp_path / "predicted.csv"
    table.write_text("\n".join(",".join(line.split(",")[::-1]) for line in [header, *lines]))
    assert main(["predict", str(model), str(table), "--labels", str(out)]) == 0
    assert out.read_text() == (model.parent / "fitted.csv").read_text()


def test_predict_writes_to_standard_output(model, capsys):
    assert main(["predict", str(model), str(model.parent / "rows.npy")]) == 0
    assert capsys.readouterr().out == (model.parent / "fitted.csv").read_text()


def test_a_model_saved_in_python_predicts_too(model, tmp_path, capsys, blobs):
    from skdec import DECClusterer

    loaded = DECClusterer.load(model)
    loaded.save(tmp_path / "model.skdec")
    rows = StandardScaler().fit_transform(blobs[0])
    np.save(tmp_path / "scaled.npy", rows)
    assert main(["predict", str(tmp_path / "model.skdec"), str(tmp_path / "scaled.npy")]) == 0
    printed = [int(line.split(",")[0]) for line in capsys.readouterr().out.splitlines()[1:]]
    assert printed == loaded.predict(rows).tolist()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty; a line of column names"),
        ("a,b\n", "has column names but no rows"),
        ("a,b\n1,one\n", "row 1, column 'b': 'one' is no number"),
        ("a,b\n1,2\n3,\n", "row 2, column 'b': the value is missing"),
    ],
)
def test_an_unusable_table_is_refused(content, message, tmp_path, capsys):
    (tmp_path / "table.csv").write_text(content)
    assert message in refusal(capsys, "compare", tmp_path / "table.csv", "--n-clusters", "2")


def test_data_that_are_not_there_are_refused(folder, capsys):
    assert "does not exist" in refusal(capsys, "compare", folder / "absent.csv")
    assert "is a folder" in refusal(capsys, "compare", folder)


def test_label_columns_that_cannot_serve_are_refused(folder, tmp_path, capsys):
    table = folder / "table.csv"
    assert "no column 'Kind'; it has 'a', 'b'" in refusal(
        capsys, "compare", table, "--label", "Kind"
    )
    (tmp_path / "gap.csv").write_text("a,kind\n1,x\n2,\n")
    assert "row 2: the label column 'kind' has no value" in refusal(
        capsys, "compare", tmp_path / "gap.csv", "--label", "kind"
    )
    assert "leave out --label" in refusal(capsys, "compare", "digits", "--label", "kind")


def test_the_number_of_clusters_must_come_from_somewhere(folder, capsys):
    assert "give --n-clusters, or --label" in refusal(capsys, "compare", folder / "rows.npy")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "required: COMMAND"),
        (["compare", "--dims", "8,x"], "'8,x' is no list of whole numbers"),
        (["compare", "--scale", "log"], "'none', 'minmax', 'standard'"),
        (["compare", "--methods", "kmeans,umap"], "got 'umap'"),
        (["compare", "--dims", "0"], "dims"),
        (["compare", "--alpha", "-1"], "alpha"),
        (["compare", "--epochs", "-1"], "pretrain_epochs"),
        (["compare", "--n-clusters", "2000"], "at most the number of rows, 1797; got 2000"),
        (["fit", "digits"], "required: --model"),
        (["fit", "digits", "--model", "m", "--alpha", "0"], "alpha"),
    ],
    ids=str,
)
def test_arguments_that_cannot_be_are_refused(arguments, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert message in refusal(capsys, *arguments)


@pytest.mark.parametrize("command", ["compare", "fit", "predict"])
def test_outputs_are_looked_at_before_the_data_are_read(command, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("skdec.cli._table", lambda *_: pytest.fail("the data were read"))
    nowhere = tmp_path / "absent" / "out"
    arguments = {
        "compare": ["digits", "--json", nowhere],
        "fit": ["digits", "--model", nowhere],
        "predict": ["model", "digits", "--labels", nowhere],
    }
    assert "is no folder; make it" in refusal(capsys, command, *arguments[command])


def test_the_data_are_not_overwritten(folder, capsys):
    table = folder / "table.csv"
    before = table.read_text()
    assert "is the data" in refusal(capsys, "compare", table, "--json", table)
    assert table.read_text() == before


def test_what_is_no_model_is_refused(folder, tmp_path, capsys):
    rows = folder / "rows.npy"
    assert "'skdec fit' writes a model" in refusal(capsys, "predict", tmp_path / "absent", rows)
    refusal(capsys, "predict", rows, rows)
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("letter.txt", "hello")
    refusal(capsys, "predict", tmp_path / "other.zip", rows)


def test_rows_that_do_not_fit_the_model_are_refused(model, tmp_path, capsys):
    np.save(tmp_path / "narrow.npy", np.zeros((5, 3)))
    assert "have 3 columns, but the model was fitted on 4" in refusal(
        capsys, "predict", model, tmp_path / "narrow.npy"
    )
    (tmp_path / "other.csv").write_text("a,b,c\n1,2,3\n")
    assert "no column 'd'" in refusal(capsys, "predict", model, tmp_path / "other.csv")


def test_an_interruption_leaves_no_half_file(tmp_path, capsys, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("skdec.cli._table", interrupted)
    assert main(["fit", "digits", "--model", str(tmp_path / "model")]) == 130
    assert "interrupted" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_refusal_in_a_process_of_its_own_is_one_line(folder):
    command = [sys.executable, "-m", "skdec", "compare", "absent.csv"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "skdec: absent.csv does not exist; check the name.\n"


def test_a_reader_that_stops_early_is_no_error(model):
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "skdec", "predict", "model.skdec", "rows.npy"]
    with os.fdopen(writer, "w") as stdout:
        done = subprocess.run(
            command, cwd=model.parent, stdout=stdout, stderr=subprocess.PIPE, timeout=60
        )
    assert (done.returncode, done.stderr) == (0, b"")


def test_reading_a_table_does_not_load_tensorflow(folder):
    code = (
        "import sys; from skdec.cli import main; code = main(['compare', 'rows.npy']); "
        "sys.exit(code if not {'tensorflow', 'keras'} & set(sys.modules) else 99)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2, done.stderr
