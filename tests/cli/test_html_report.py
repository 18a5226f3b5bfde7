"""The command ``skdec report`` and the option ``--report`` of ``skdec compare``."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from skdec.cli import main

pytest.importorskip("plotly", reason="plotly is in the extra plot")

FIT = ["--dims", "8,3", "--epochs", "2", "--max-iter", "4", "--seed", "0"]


def read_content(path):
    page = path.read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="content">(.*?)</script>', page, re.S)
    return json.loads(found[1])


@pytest.fixture(scope="module")
def folder(tmp_path_factory, samples):
    """A table with classes, and a model that was fitted to it."""
    folder = tmp_path_factory.mktemp("report")
    table = pd.DataFrame(samples, columns=[f"<b>{name}" for name in "abcdef"])
    table["kind"] = np.where(np.arange(150) % 2, "odd", "even")
    table.to_csv(folder / "table.csv", index=False)
    fit = ["fit", str(folder / "table.csv"), "--label", "kind", "--n-clusters", "3"]
    assert main([*fit, "--model", str(folder / "model.skdec"), *FIT]) == 0
    return folder


def test_the_page_of_a_model_has_its_samples_and_classes(folder, tmp_path, capsys):
    output = tmp_path / "page.html"
    data = str(folder / "table.csv")
    arguments = ["--label", "kind", "--output", str(output)]
    assert main(["report", str(folder / "model.skdec"), data, *arguments]) == 0
    out, err = capsys.readouterr()
    assert out == f"150 samples; the page is in {output}\n"
    assert err == ""
    content = read_content(output)
    assert content["title"] == "table.csv"
    assert content["nSamples"] == 150
    names = sorted(column["name"] for column in content["samples"]["columns"])
    assert names == [f"<b>{name}" for name in "abcdef"]
    assert content["samples"]["ids"] is None
    assert content["confusion"]["classes"] == ["even", "odd"]


def test_samples_can_be_shown_as_images(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = [str(folder / "model.skdec"), str(folder / "table.csv"), "--image-shape", "2,3"]
    assert main(["report", *arguments]) == 0
    assert read_content(tmp_path / "report.html")["samples"]["images"]["width"] == 3


def test_a_comparison_is_written_as_a_page(folder, tmp_path, capsys):
    output = tmp_path / "page.html"
    arguments = [str(folder / "table.csv"), "--label", "kind", "--methods", "kmeans,dec"]
    assert main(["compare", *arguments, *FIT, "--report", str(output)]) == 0
    content = read_content(output)
    assert [row[0] for row in content["comparison"]["rows"]] == ["kmeans", "dec"]
    names = [coloring["name"] for coloring in content["samples"]["colorings"]]
    assert names == ["dec", "kmeans", "class"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["{model}", "{data}", "--output", "{model}"],
            "model.skdec is the model; name another file",
        ),
        (["{model}", "{data}", "--output", "{data}"], "table.csv is the data; name another file"),
        (["{model}", "{data}", "--image-shape", "big"], "'big' is not a height and width"),
        (["{model}", "{data}", "--image-shape", "5,5"], "image_shape must be"),
        (["no_model", "{data}"], "no_model is not a file; 'skdec fit' writes a model"),
        (["{model}", "digits"], "digits has 64 columns, but the model was fitted on 6"),
    ],
)
def test_mistakes_are_explained_in_one_line(
    arguments, message, folder, capsys, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    files = {"model": folder / "model.skdec", "data": folder / "table.csv"}
    assert main(["report", *(argument.format(**files) for argument in arguments)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    *notes, error = err.splitlines()
    assert message in error
    assert notes in ([], ["skdec: columns that the model does not use: kind."])
    assert not list(tmp_path.iterdir())


def test_without_plotly_nothing_is_computed(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("skdec._report.find_spec", lambda name: None)
    arguments = ["compare", str(folder / "table.csv"), "--n-clusters", "2", "--label", "kind"]
    assert main([*arguments, "--report", str(tmp_path / "page.html")]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "pip install '.[plot]'" in err
    assert "started" not in err
