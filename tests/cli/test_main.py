"""The commands as users run them: what is printed where, and what is written.

One table is fitted once, with columns of all kinds; the commands share its model.
"""

import io
import json
import os
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits
from sklearn.metrics import classification_report

import skdec
from skdec.cli import main
from skdec.cli.common import format_confusion_matrix, format_matching
from skdec.metrics import clustering_accuracy

N_ROWS = 90
OUTPUTS = ["cluster", "cluster_name", "confidence", "deviation"]


def read_content(path):
    page = path.read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="content">(.*?)</script>', page, re.S)
    return json.loads(found[1])


@pytest.fixture(scope="module")
def table():
    random = np.random.default_rng(0)
    kind = random.integers(0, 3, N_ROWS)
    frame = pd.DataFrame(
        {
            "customer": [f"c{i:03}" for i in random.permutation(N_ROWS)],
            "income": (kind * 20_000 + random.normal(30_000, 2_000, N_ROWS)).round(2),
            "city": np.array(["Bern", "Oslo", "Rome"])[kind],
            "zip": [f"0{code}" for code in random.integers(10, 16, N_ROWS)],
            "joined": pd.date_range("2021-03-01", periods=N_ROWS, freq="5D").astype(str),
            "country": "CH",
            "group": np.array(["low", "middle", "high"])[kind],
        }
    )
    frame.loc[4:6, ["income", "city"]] = None
    return frame


@pytest.fixture(scope="module")
def directory(table, network, tmp_path_factory):
    directory = tmp_path_factory.mktemp("tables")
    table.to_csv(directory / "table.csv", index=False)
    fit = ["fit", str(directory / "table.csv"), "--label", "group", "--id", "customer", *network]
    fit += ["--model", str(directory / "model"), "--output", str(directory / "fitted.csv")]
    assert main([*fit, "--log-json"]) == 0
    return directory


def test_a_table_with_words_gaps_and_dates_is_fitted(directory, table, capsys):
    model = skdec.load(directory / "model")
    kinds = {"income": "number", "city": "category", "zip": "category", "joined": "date"}
    assert model[0].column_kinds_ == kinds
    assert model[0].dropped_columns_ == {"country": "constant"}
    fitted = pd.read_csv(directory / "fitted.csv")
    assert fitted.columns.tolist() == ["customer", *OUTPUTS]
    assert fitted["customer"].tolist() == table["customer"].tolist()
    names = ["income", "city", "zip", "joined", "country"]
    q = model.predict_proba(table[names])
    assert fitted["cluster"].tolist() == q.argmax(axis=1).tolist() == model[-1].labels_.tolist()
    np.testing.assert_allclose(fitted["confidence"], q.max(axis=1), rtol=1e-5)
    np.testing.assert_allclose(fitted["deviation"], -model.score_samples(table[names]), rtol=1e-5)


def test_a_first_fit_needs_a_table_alone(plain, capsys, tmp_path):
    """The number of clusters is recommended, the outputs are beside the table, nothing is lost."""
    fitted = pd.read_csv(plain / "plain.clusters.csv")
    assert fitted.columns.tolist() == ["index", *OUTPUTS]
    assert fitted["cluster"].nunique() == fitted["cluster_name"].nunique() == 2
    assert set(fitted["cluster_name"].str.split().str[0]) == {"high", "low"}
    model = skdec.load(plain / "plain.skdec")
    assert [name for name, _ in model.steps] == ["tablepreparer", "standardscaler", "decclusterer"]
    assert main(["fit", str(plain / "plain.csv")]) == 2
    assert "plain.clusters.csv exist; --force replaces" in capsys.readouterr().err
    predicted = tmp_path / "predicted.csv"
    predict = ["predict", str(plain / "plain.skdec"), str(plain / "plain.csv"), "--output"]
    assert main([*predict, str(predicted)]) == 0
    assert predicted.read_text() == (plain / "plain.clusters.csv").read_text()
    capsys.readouterr()
    assert main([*predict, "/dev/stdout"]) == 0
    assert capsys.readouterr().out == predicted.read_text()


def test_a_dry_run_prints_what_was_understood(directory, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fit = ["fit", str(directory / "table.csv"), "--drop", "group", "--dry-run"]
    assert main(fit) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "customer: not used: an identifier, different in each row",
        "income: numbers; 3 gaps",
        "city: category; 3 gaps",
        "zip: category",
        "joined: dates",
        "country: not used: constant",
        "90 samples",
    ]
    assert err == ""
    assert not list(tmp_path.iterdir())
    assert main([*fit, "--categories", "income"]) == 0
    assert "income: text\n" in capsys.readouterr().out
    assert main([*fit, "--categories", "income", "--prepare", "none"]) == 2
    assert "--categories needs a table that is prepared" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_predictions_join_back(name, directory, table, tmp_path):
    out = tmp_path / name
    predict = ["predict", str(directory / "model"), str(directory / "table.csv"), "--id"]
    predict += ["customer", "--output", str(out), "--soft-assignments", "--embedding"]
    assert main(predict) == 0
    read = pd.read_parquet if out.suffix == ".parquet" else pd.read_csv
    found = read(out)
    assignments = [f"assignment_{i}" for i in range(3)]
    embedding = [f"embedding_{i}" for i in range(3)]
    assert found.columns.tolist() == ["customer", *OUTPUTS, *assignments, *embedding]
    model = skdec.load(directory / "model")
    X = table[model.feature_names_in_]
    np.testing.assert_allclose(found[assignments], model.predict_proba(X), rtol=1e-5)
    np.testing.assert_allclose(found[embedding], model.transform(X), rtol=1e-4, atol=1e-6)
    joined = table.merge(found, on="customer")
    assert len(joined) == N_ROWS
    assert pd.crosstab(joined["city"], joined["cluster"]).max(axis=1).sum() > 0.7 * N_ROWS


def test_predict_streams_in_chunks(directory, capsys, monkeypatch):
    predict = ["predict", str(directory / "model"), str(directory / "table.csv"), "--id"]
    assert main([*predict, "customer"]) == 0
    expected = capsys.readouterr().out
    assert expected == (directory / "fitted.csv").read_text()
    monkeypatch.setattr("skdec.tables._reader._ROWS_PER_CHUNK", 7)
    assert main([*predict, "customer"]) == 0
    assert capsys.readouterr().out == expected
    stdin = io.TextIOWrapper((directory / "table.csv").open("rb"))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert main([*predict[:2], "-", "--id", "customer", "--quiet"]) == 0
    assert capsys.readouterr() == (expected, "")


@pytest.mark.slow
def test_predict_needs_constant_memory(directory, tmp_path):
    """The peak of a process is the same for a table of ten times the length."""
    lines = (directory / "table.csv").read_text().splitlines(keepends=True)
    peaks = []
    for n_copies in (500, 5_000):
        path = tmp_path / "long.csv"
        path.write_text(lines[0] + "".join(lines[1:]) * n_copies)
        code = (
            "import resource, sys; from skdec.cli import main; "
            f"assert main(['predict', {str(directory / 'model')!r}, {str(path)!r}, '--quiet', "
            f"'--output', {str(tmp_path / 'out.csv')!r}]) == 0; "
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        peaks.append(int(done.stdout))
    assert peaks[1] < peaks[0] + 60 * 1024, "kilobytes"


def test_new_values_are_said(directory, table, tmp_path, capsys, monkeypatch):
    """And further columns; a new word changes its row alone, and columns are found by name."""
    monkeypatch.setattr("skdec.tables._reader._ROWS_PER_CHUNK", 40)
    changed = table.astype({"income": object}).assign(new=1)[["new", *table.columns[::-1]]]
    changed.loc[20, "income"] = "broken"
    changed.loc[30, "city"] = "Nice"
    changed.to_csv(tmp_path / "t.csv", index=False)
    predict = ["predict", str(directory / "model"), str(tmp_path / "t.csv"), "--id", "customer"]
    assert main(predict) == 0
    out, err = capsys.readouterr()
    expected = (directory / "fitted.csv").read_text().splitlines()
    changed_lines = [i for i, line in enumerate(out.splitlines()) if line != expected[i]]
    assert changed_lines == [21, 31]
    assert "'income' has values that are no numbers and count as missing: 'broken'." in err
    assert "warning: Column 'city' has values that fit has not seen" in err
    assert "skdec: columns that the model does not use: new, group.\n" in err


def test_describe_prints_what_sets_clusters_apart(directory, table, tmp_path, capsys):
    out = tmp_path / "described.csv"
    describe = ["describe", str(directory / "model"), str(directory / "table.csv")]
    options = ["--id", "customer", "--n-columns", "2", "--n-examples", "2", "--output", str(out)]
    assert main([*describe, *options]) == 0
    text = capsys.readouterr().out
    fitted = pd.read_csv(directory / "fitted.csv").set_index("customer")
    sizes = fitted["cluster"].value_counts()
    for size in sizes:
        assert f": {size} samples, {size / N_ROWS:.1%}" in text
    least_certain = fitted["confidence"].idxmin()
    assert f"doubtful, with confidence: {least_certain} (" in text
    described = pd.read_csv(out)
    assert sorted(described["column"].unique()) == ["city", "income", "joined", "zip"]
    expected = skdec.describe_clusters(
        table[["income", "city"]], fitted.loc[table["customer"], "cluster"].to_numpy()
    )
    assert all(f", {name}: " in text for name in expected["name"].unique())
    found = described.set_index(["cluster", "column"]).loc[expected.index]
    np.testing.assert_allclose(found["information"], expected["information"], rtol=1e-4)


def test_info_shows_columns_preparation_clusters_and_versions(directory, capsys):
    assert main(["info", str(directory / "model")]) == 0
    text = capsys.readouterr().out
    shown = dict(line.split(None, 1) for line in text.splitlines())
    assert shown["columns"].startswith("5, as ")
    assert shown["category"] == "city, zip"
    assert re.search(r"^  not used +country: constant$", text, re.MULTILINE)
    assert shown["refinement"].startswith("4 steps, stopped by 'max_iter'")
    assert shown["clusters"] == f"3, of {N_ROWS} samples"
    assert f"scikit-learn {__import__('sklearn').__version__}" in shown["versions"]


def test_messages_and_progress_are_lines_of_json(directory, network, tmp_path, capsys):
    fit = ["fit", str(directory / "table.csv"), "--label", "group", *network, "--log-json"]
    fit += ["--init", "k-means++", "--n-neighbors", "0", "--batch-size", "32"]
    fit += ["--memory", str(tmp_path / "cache"), "--checkpoint", str(tmp_path / "checkpoint")]
    fit += ["--model", str(tmp_path / "m"), "--output", str(tmp_path / "c.csv")]
    assert main(fit) == 0
    messages = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    epochs = [message for message in messages if message.get("phase") == "pretrain"]
    assert [message["epoch"] for message in epochs] == [1, 2, 3]
    assert all(message["loss"] > 0 for message in epochs)
    assert {"level": "info", "message": "joined: dates"} in messages
    parameters = skdec.load(tmp_path / "m")[-1].get_params()
    expected = {"init": "k-means++", "n_neighbors": 0, "batch_size": 32}
    assert parameters | expected == parameters


def test_without_the_extra_numbers_are_read_and_words_name_it(tmp_path, capsys, monkeypatch):
    for package in ("skrub", "skops"):
        monkeypatch.setitem(sys.modules, package, None)
    path = tmp_path / "table.csv"
    path.write_text("a,b\n1,2\n3,4\n9,9\n")
    compare = ["compare", str(path), "--methods", "kmeans", "--n-clusters", "2", "--seed", "0"]
    assert main([*compare, "--scale", "standard"]) == 0
    assert main([*compare, "--prepare", "none"]) == 0
    capsys.readouterr()
    assert main(compare) == 2
    err = capsys.readouterr().err
    assert "pip install '.[tables]'" in err
    assert err.count("\n") == 1


@pytest.mark.slow
@pytest.mark.skipif(
    "SKDEC_DATA_HOME" not in os.environ, reason="SKDEC_DATA_HOME names no folder with penguins.csv"
)
def test_penguins_are_clustered_by_species(tmp_path, capsys):
    path = os.path.join(os.environ["SKDEC_DATA_HOME"], "penguins.csv")
    fit = ["fit", path, "--label", "species", "--drop", "year,island", "--seed", "0"]
    fit += ["--dims", "32,5", "--epochs", "30", "--model", f"{tmp_path}/model"]
    assert main([*fit, "--output", f"{tmp_path}/out.csv"]) == 0
    labels = pd.read_csv(tmp_path / "out.csv")["cluster"]
    assert clustering_accuracy(pd.read_csv(path)["species"], labels) > 0.6


def test_a_sentinel_is_reported_with_the_option_that_makes_a_gap_of_it(tmp_path, capsys):
    values = [*range(30), -999, -999]
    pd.DataFrame({"a": values, "b": np.square(values)}).to_csv(tmp_path / "t.csv", index=False)
    fit = ["fit", str(tmp_path / "t.csv"), "--dry-run"]
    assert main(fit) == 0
    out, err = capsys.readouterr()
    assert "Column 'a' has -999 in 2 rows, far from all other values" in err
    assert "give missing_values=[-999] (--missing -999" in err
    assert main([*fit, "--missing", "-999"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith('a: numbers; 2 gaps ("-999")\n')
    assert "'a'" not in err


def test_a_folder_of_images_is_clustered(network, tmp_path, capsys):
    pillow = pytest.importorskip("PIL.Image", reason="Pillow is in the extra plot")
    images, digits = load_digits(return_X_y=True)
    for i, image in enumerate(images[digits < 2][:60]):
        path = tmp_path / "digits" / "ab"[digits[digits < 2][i]] / f"{i:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pillow.fromarray((image.reshape(8, 8) * 15).astype(np.uint8)).save(path)
    (tmp_path / "digits" / "broken.png").write_text("no image")
    data, model = str(tmp_path / "digits"), str(tmp_path / "digits.skdec")
    assert main(["fit", data, "--label", "folder", "--augment", "image", *network]) == 0
    out, err = capsys.readouterr()
    assert "skdec: images are resized to 8 x 8 pixels, gray\n" in err
    assert "broken.png is no image that can be read, and left out" in err
    assert "60 samples in 2 clusters" in out
    fitted = pd.read_csv(tmp_path / "digits.clusters.csv")
    assert fitted["file"].tolist()[0] == "a/00.png"
    kinds = fitted["file"].str[0]
    assert clustering_accuracy(kinds, fitted["cluster"]) > 0.8
    for path in (tmp_path / "digits").rglob("0?.png"):  # of another size now
        pillow.open(path).resize((16, 16)).save(path)
    assert main(["predict", model, data, "--output", str(tmp_path / "new.csv")]) == 0
    predicted = pd.read_csv(tmp_path / "new.csv")
    assert (predicted["cluster"] == fitted["cluster"]).mean() > 0.9
    assert main(["report", model, data, "--output", str(tmp_path / "page.html")]) == 0
    assert read_content(tmp_path / "page.html")["samples"]["images"]["width"] == 8


def test_compare_prints_table_confusion_matrix_and_report(directory, network, monkeypatch, capsys):
    monkeypatch.chdir(directory)
    command = ["compare", "table.csv", "--label", "group", *network, "--methods", "kmeans,dec"]
    command += ["--columns", "income", "--missing", "-1", "--json", "numbers.json"]
    assert main([*command, "--report", "page.html"]) == 0
    out, err = capsys.readouterr()
    numbers = json.loads((directory / "numbers.json").read_text())
    assert "table.csv: 90 samples, 2 features, 3 clusters, columns prepared, seed 0" in out
    lines = out.splitlines()
    header = lines.index(next(line for line in lines if line.startswith("method")))
    for line, result in zip(lines[header + 1 : header + 3], numbers["results"], strict=True):
        assert line.split()[0] == result["method"]
        assert line.split()[1] == f"{result['accuracy']:.3f}"
    assert out.count("weighted avg") == 2
    assert "\r" not in err
    assert re.search(r"^pretrain (\d+)/\1, .* s, loss ", err, re.MULTILINE)
    settings = {"data": "table.csv", "scale": "none", "random_state": 0, "n_clusters": 3}
    assert numbers | settings == numbers
    content = read_content(directory / "page.html")
    assert [row[0] for row in content["comparison"]["rows"]] == ["kmeans", "dec"]
    assert [column["name"] for column in content["samples"]["columns"]] == ["income"]


def test_a_report_shows_the_columns_of_the_table(directory, table, tmp_path):
    pytest.importorskip("plotly", reason="plotly is in the extra plot")
    page, data = tmp_path / "page.html", str(directory / "table.csv")
    options = ["--label", "group", "--id", "customer", "--output", str(page)]
    assert main(["report", str(directory / "model"), data, *options]) == 0
    samples = read_content(page)["samples"]
    columns = {column["name"]: column for column in samples["columns"]}
    assert set(columns) == {"income", "city", "zip", "joined"}
    assert set(columns["city"]["texts"]) == {"Bern", "Oslo", "Rome"}
    assert set(columns["joined"]["texts"]) == set(table["joined"])
    assert columns["income"]["numbers"]["dtype"] == "float64"
    assert samples["ids"]["name"] == "customer"
    assert set(samples["ids"]["texts"]) == set(table["customer"])


def test_compare_over_seeds_prints_standard_deviations(directory, capsys):
    table = [str(directory / "table.csv"), "--label", "group"]
    arguments = ["--methods", "kmeans", "--seed", "0", "--n-seeds", "2", "--quiet"]
    assert main(["compare", *table, *arguments]) == 0
    out = capsys.readouterr().out
    (line,) = [line for line in out.splitlines() if line.startswith("kmeans ")]
    assert line.count("±") >= 3


def test_a_page_of_a_model_may_compare_with_one_of_its_columns(plain, tmp_path, capsys):
    pytest.importorskip("plotly", reason="plotly is in the extra plot")
    page = tmp_path / "page.html"
    data = pd.read_csv(plain / "plain.csv").assign(a=[0.5, 1.5] * 30)
    data.to_csv(tmp_path / "t.csv", index=False)
    arguments = ["--label", "a", "--image-shape", "2,2", "--output", str(page)]
    assert main(["report", str(plain / "plain.skdec"), str(tmp_path / "t.csv"), *arguments]) == 0
    assert capsys.readouterr().out == f"60 samples; the page is in {page}\n"
    content = read_content(page)
    assert content["confusion"]["classes"] == ["0.5", "1.5"]
    assert content["samples"]["images"]["width"] == 2


def test_a_model_saved_by_python_code_reads_tables(tmp_path, capsys, fitted, samples):
    skdec.save(fitted, tmp_path / "model.skdec")
    np.save(tmp_path / "X.npy", samples)
    frame = pd.DataFrame(samples, columns=list("abcdef")) * 1e5
    frame.map("{:,.6f}".format).to_csv(tmp_path / "X.csv", index=False)
    for name, X in {"X.npy": samples, "X.csv": frame.to_numpy()}.items():
        assert main(["predict", str(tmp_path / "model.skdec"), str(tmp_path / name)]) == 0
        printed = [int(line.split(",")[1]) for line in capsys.readouterr().out.splitlines()[1:]]
        assert printed == fitted.predict(X).tolist()


def test_an_error_in_a_separate_process_is_one_line(directory):
    command = [sys.executable, "-m", "skdec", "compare", "absent.csv"]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "skdec: absent.csv does not exist; check the name.\n"


def test_a_closed_pipe_is_not_an_error(plain):
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "skdec", "info", "plain.skdec"]
    with os.fdopen(writer, "w") as stdout:
        done = subprocess.run(command, cwd=plain, stdout=stdout, stderr=-1, timeout=300)
    assert (done.returncode, done.stderr) == (0, b"")


def test_help_invalid_arguments_and_info_do_not_load_scikit_learn(directory):
    code = (
        "import sys; from skdec.cli import main\n"
        "for arguments in (['info', 'model'], ['fit', 'absent.csv'], ['--help']):\n"
        "    try: main(arguments)\n"
        "    except SystemExit: pass\n"
        "sys.exit(bool({'tensorflow', 'keras', 'sklearn', 'pandas'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=directory, check=True, timeout=300)


def test_the_confusion_matrix_has_the_clusters_under_their_own_numbers():
    """In the order of the classes that they are matched to, those without a class at the end."""
    y_true = ["No", "No", "Yes", "Yes", "Yes"]
    assert format_confusion_matrix(y_true, [2, 0, 0, 0, 1]).splitlines() == [
        "class \\ cluster  2  0  1",
        "No               1  1  0",
        "Yes              0  2  1",
    ]


@pytest.mark.filterwarnings("error")
def test_the_classification_report_is_scikit_learns_after_matching():
    y_true, y_pred = [0, 0, 1, 1, 2], [5, 5, 3, 3, 3]
    text = format_matching(y_true, y_pred)
    assert format_confusion_matrix(y_true, y_pred) in text
    expected = classification_report(y_true, [0, 0, 1, 1, 1], digits=3, zero_division=0)
    assert expected.rstrip() in text
