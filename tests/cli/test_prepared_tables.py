"""The commands on tables as people have them: prepared, described, streamed and joined back."""

import gzip
import io
import json
import os
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import skdec
from skdec.cli import main

NETWORK = ["--dims", "8,3", "--epochs", "3", "--max-iter", "4", "--seed", "0"]
N_ROWS = 90


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
def directory(table, tmp_path_factory):
    directory = tmp_path_factory.mktemp("tables")
    table.to_csv(directory / "table.csv", index=False)
    fit = ["fit", str(directory / "table.csv"), "--label", "group", "--id", "customer", *NETWORK]
    fit += ["--model", str(directory / "model"), "--output", str(directory / "fitted.csv")]
    assert main(fit) == 0
    return directory


def test_a_table_with_words_gaps_and_dates_is_fitted(directory, table, capsys):
    model = skdec.load(directory / "model")
    assert model[0].column_kinds_ == {
        "income": "number",
        "city": "category",
        "zip": "category",
        "joined": "date",
    }
    assert model[0].dropped_columns_ == {"country": "constant"}
    fitted = pd.read_csv(directory / "fitted.csv")
    assert fitted.columns.tolist() == ["customer", "cluster", "confidence", "deviation"]
    assert fitted["customer"].tolist() == table["customer"].tolist()
    names = ["income", "city", "zip", "joined", "country"]
    q = model.predict_proba(table[names])
    assert fitted["cluster"].tolist() == q.argmax(axis=1).tolist() == model[-1].labels_.tolist()
    np.testing.assert_allclose(fitted["confidence"], q.max(axis=1), rtol=1e-5)
    np.testing.assert_allclose(fitted["deviation"], -model.score_samples(table[names]), rtol=1e-5)


def test_what_becomes_of_the_columns_is_said(directory, capsys, tmp_path):
    fit = ["fit", str(directory / "table.csv"), "--n-clusters", "2", "--model", "m", *NETWORK]
    fit[fit.index("m")] = str(tmp_path / "m")
    assert main([*fit, "--drop", "group"]) == 0
    err = capsys.readouterr().err
    assert "skdec: column 'customer' is not used: an identifier, different in each row." in err
    assert "skdec: column 'country' is not used: constant." in err
    assert "skdec: used as category: city, zip." in err


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
    assert found.columns.tolist()[:4] == ["customer", "cluster", "confidence", "deviation"]
    assert found.columns.tolist()[4:] == [*assignments, *embedding]
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
    stdin = io.TextIOWrapper(io.BytesIO((directory / "table.csv").read_bytes()))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert main([*predict[:2], "-", "--id", "customer"]) == 0
    assert capsys.readouterr().out == expected


@pytest.mark.slow
def test_predict_needs_constant_memory(directory, tmp_path):
    """The peak of a process is the same for a table of ten times the length."""
    lines = (directory / "table.csv").read_text().splitlines(keepends=True)
    peaks = []
    for n_copies in (1_000, 10_000):
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
    assert peaks[1] < peaks[0] + 100 * 1024, "kilobytes"


def test_columns_are_found_by_name_and_further_ones_said(directory, table, tmp_path, capsys):
    table.assign(new=1)[["new", *table.columns[::-1]]].to_csv(tmp_path / "t.csv", index=False)
    predict = ["predict", str(directory / "model"), str(tmp_path / "t.csv"), "--id", "customer"]
    assert main(predict) == 0
    out, err = capsys.readouterr()
    assert out == (directory / "fitted.csv").read_text()
    assert err == "skdec: columns that the model does not use: new, group.\n"


def test_new_values_are_said(directory, table, tmp_path, capsys):
    table.assign(city="Nice").to_csv(tmp_path / "t.csv", index=False)
    assert main(["predict", str(directory / "model"), str(tmp_path / "t.csv")]) == 0
    err = capsys.readouterr().err
    assert "warning: Column 'city' has values that fit has not seen" in err


def test_a_word_among_decimal_commas_changes_its_row_alone(
    directory, table, tmp_path, capsys, monkeypatch
):
    table.to_csv(tmp_path / "t.csv", index=False, sep=";", decimal=",")
    rows = (tmp_path / "t.csv").read_text().splitlines()
    income = f"{table['income'][20]:.2f}".rstrip("0").replace(".", ",")
    assert income in rows[21]
    rows[21] = rows[21].replace(income, "broken")
    (tmp_path / "t.csv").write_text("\n".join(rows) + "\n")
    predict = ["predict", str(directory / "model"), str(tmp_path / "t.csv"), "--id", "customer"]
    expected = (directory / "fitted.csv").read_text().splitlines()
    for n_rows in (7, 1000):
        monkeypatch.setattr("skdec.tables._reader._ROWS_PER_CHUNK", n_rows)
        assert main(predict) == 0
        out, err = capsys.readouterr()
        lines = out.splitlines()
        assert lines[21] != expected[21]
        assert lines[:21] + lines[22:] == expected[:21] + expected[22:]
        assert "'income' has values that are no numbers and count as missing: 'broken'." in err


def test_missing_columns_are_an_error(directory, table, tmp_path, capsys):
    table.drop(columns=["city", "zip"]).to_csv(tmp_path / "t.csv", index=False)
    assert main(["predict", str(directory / "model"), str(tmp_path / "t.csv")]) == 2
    assert "has no columns 'city', 'zip'; it has 'customer', 'income'" in capsys.readouterr().err


def test_a_table_without_rows_is_an_error(directory, table, tmp_path, capsys):
    table[:0].to_csv(tmp_path / "t.csv", index=False)
    assert main(["predict", str(directory / "model"), str(tmp_path / "t.csv")]) == 2
    assert "t.csv has column names but no rows" in capsys.readouterr().err


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


def test_info_of_an_array_and_of_what_is_no_model(fitted, tmp_path, capsys):
    skdec.save(fitted, tmp_path / "model")
    assert main(["info", str(tmp_path / "model")]) == 0
    assert "preparation  none" in capsys.readouterr().out
    (tmp_path / "model").write_text("no model")
    assert main(["info", str(tmp_path / "model")]) == 2
    assert "cannot be read as a saved estimator" in capsys.readouterr().err


def test_info_does_not_load_tensorflow(directory):
    code = (
        "import sys; from skdec.cli import main; code = main(['info', 'model']); "
        "sys.exit(code or bool({'tensorflow', 'keras', 'sklearn', 'pandas'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=directory, check=True, timeout=60)


def test_quiet_writes_what_was_asked_for_only(directory, tmp_path, capsys):
    fit = ["fit", str(directory / "table.csv"), "--label", "group", *NETWORK, "--quiet"]
    assert main([*fit, "--model", str(tmp_path / "model")]) == 0
    assert capsys.readouterr() == ("", "")
    assert (tmp_path / "model").is_file()
    assert main(["predict", str(tmp_path / "absent"), "digits", "--quiet"]) == 2
    assert "is not a file" in capsys.readouterr().err


def test_messages_and_progress_are_lines_of_json(directory, tmp_path, capsys):
    fit = ["fit", str(directory / "table.csv"), "--label", "group", *NETWORK, "--log-json"]
    assert main([*fit, "--model", str(tmp_path / "model")]) == 0
    messages = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    epochs = [message for message in messages if message.get("phase") == "pretrain"]
    assert [message["epoch"] for message in epochs] == [1, 2, 3]
    assert all(message["loss"] > 0 for message in epochs)
    assert {"level": "info", "message": "used as date: joined."} in messages


def test_parameters_of_the_fit_reach_the_estimator(directory, tmp_path):
    options = ["--init", "k-means++", "--n-neighbors", "0", "--batch-size", "32"]
    options += ["--memory", str(tmp_path / "cache"), "--checkpoint", str(tmp_path / "checkpoint")]
    fit = ["fit", str(directory / "table.csv"), "--label", "group", *NETWORK, *options]
    assert main([*fit, "--model", str(tmp_path / "model"), "--quiet"]) == 0
    parameters = skdec.load(tmp_path / "model")[-1].get_params()
    expected = {"init": "k-means++", "n_neighbors": 0, "batch_size": 32}
    assert parameters | expected == parameters
    assert any((tmp_path / "cache").rglob("*"))


FILES = {
    "words and gaps.csv": "species,bill,sex\nAdelie,39.1,male\nAdelie,,\nGentoo,46,female\n",
    "dates.csv": "date,rain,weather\n2012-01-01,0,fog\n2012-01-02,10.9,rain\n2012-01-03,1,sun\n",
    "decimal comma.csv": "a;b\n1,5;2\n2,5;3\n9,75;1\n",
    "thousands.csv": 'a,b\n"1,200",2\n"12,345",3\n900,1\n',
    "gap.csv": "a,b\n1,2\n,3\n4,9\n",
    "latin-1.csv": "name,b\nJosé,1\nMüller,2\nJosé,3\n".encode("latin-1"),
    "index.csv": ",a,b\n0,1,2\n1,3,4\n2,9,9\n",
    "tabs.tsv": "a\tb\n1\t2\n3\t4\n9\t9\n",
    "bars.csv": "a|b\n1|2\n3|4\n9|9\n",
    "comment.csv": "# exported 2020-01-01\na,b\n1,2\n3,4\n9,9\n",
    "-": "a,b\n1,2\n3,4\n9,9\n",
    "compressed.csv.gz": gzip.compress(b"a,b\n1,2\n3,4\n9,9\n"),
}


@pytest.mark.parametrize("name", FILES)
def test_files_that_were_refused_once_are_clustered(name, tmp_path, capsys, monkeypatch):
    content = FILES[name] if isinstance(FILES[name], bytes) else FILES[name].encode()
    monkeypatch.chdir(tmp_path)
    if name == "-":
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    else:
        (tmp_path / name).write_bytes(content)
    assert main(["compare", name, "--methods", "kmeans", "--n-clusters", "2", "--seed", "0"]) == 0
    out = capsys.readouterr().out
    assert f"{name}: 3 samples" in out
    assert "2 clusters, columns prepared, seed 0" in out


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


@pytest.mark.skipif(
    "SKDEC_DATA_HOME" not in os.environ, reason="SKDEC_DATA_HOME names no folder with penguins.csv"
)
def test_penguins_are_clustered_by_species(tmp_path, capsys):
    path = os.path.join(os.environ["SKDEC_DATA_HOME"], "penguins.csv")
    fit = ["fit", path, "--label", "species", "--drop", "year,island", "--seed", "0"]
    assert main([*fit, "--model", str(tmp_path / "model"), "--dims", "32,5"]) == 0
    table = pd.read_csv(path)
    labels = skdec.load(tmp_path / "model").predict(
        table.drop(columns=["species", "year", "island"])
    )
    assert skdec.metrics.clustering_accuracy(table["species"], labels) > 0.6


@pytest.mark.parametrize("command", ["report", "compare"])
def test_reports_show_the_columns_of_the_table(command, directory, table, tmp_path):
    pytest.importorskip("plotly", reason="plotly is in the extra plot")
    page, data = tmp_path / "page.html", str(directory / "table.csv")
    options = ["--label", "group", "--id", "customer"]
    if command == "report":
        arguments = ["report", str(directory / "model"), data, *options, "--output", str(page)]
    else:
        arguments = ["compare", data, *options, "--methods", "kmeans", "--report", str(page)]
    assert main(arguments) == 0
    content = page.read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="content">(.*?)</script>', content, re.S)
    samples = json.loads(found[1])["samples"]
    columns = {column["name"]: column for column in samples["columns"]}
    assert set(columns) == {"income", "city", "zip", "joined"}
    assert set(columns["city"]["texts"]) == {"Bern", "Oslo", "Rome"}
    assert set(columns["joined"]["texts"]) == set(table["joined"])
    assert columns["income"]["numbers"]["dtype"] == "float64"
    if command == "report":
        assert samples["ids"]["name"] == "customer"
        assert set(samples["ids"]["texts"]) == set(table["customer"])


def test_numbers_that_are_names_are_named(table, tmp_path, capsys):
    """Read in another order, with a gap, where the codes are numbers with decimals."""
    table = table.assign(plan=np.random.default_rng(1).choice([1, 2, 5], N_ROWS))
    columns = ["income", "plan"]
    table.to_csv(tmp_path / "table.csv", columns=columns, index=False)
    model = str(tmp_path / "model")
    fit = ["fit", str(tmp_path / "table.csv"), "--n-clusters", "3", "--model", model, *NETWORK]
    assert main([*fit, "--categories", "plan"]) == 0
    assert "used as category: plan." in capsys.readouterr().err
    table[columns].astype({"plan": float}).to_parquet(tmp_path / "table.parquet")
    for name in ("table.csv", "table.parquet"):
        output = str(tmp_path / f"{name}.out.csv")
        assert main(["predict", model, str(tmp_path / name), "--output", output]) == 0
    assert (tmp_path / "table.csv.out.csv").read_text() == (
        tmp_path / "table.parquet.out.csv"
    ).read_text()
    capsys.readouterr()
    assert main([*fit, "--categories", "plans"]) == 2
    assert "categories has the name 'plans'; X has the columns" in capsys.readouterr().err
    assert main([*fit, "--categories", "plan", "--prepare", "none"]) == 2
    assert "--categories needs a table that is prepared" in capsys.readouterr().err
