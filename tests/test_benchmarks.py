"""The benchmarks have one runner, one format of results, and pages that are made from them."""

import sys
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NAMES = sorted(path.stem for path in (ROOT / "benchmarks" / "results").glob("*.json"))


@pytest.fixture(autouse=True)
def folder_of_benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    yield
    for name in (*NAMES, "run", "_results", "_peers", "_synthetic"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("name", NAMES)
def test_the_page_is_made_from_the_stored_results(name, tmp_path):
    page = tmp_path / "page.md"
    assert import_module("run").run(name, ["--page-only", "--page", str(page)]) == 0
    assert page.read_text() == (ROOT / "docs" / "benchmarks" / f"{name}.md").read_text()


def test_every_benchmark_has_results_and_items(capsys):
    assert import_module("run").list_names() == NAMES


def test_what_is_measured_is_not_measured_again(tmp_path, monkeypatch, capsys):
    run = import_module("run")
    (tmp_path / "tiny.py").write_text(
        "def list_items(options): yield from ({'x': x, 'sizes': (x, 1)} for x in range(3))\n"
        "def measure(item): return {'square': item['x'] ** 2}\n"
        "def format_page(records): return str([r['result']['square'] for r in records])\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    measured = []
    monkeypatch.setattr(
        run,
        "measure_in_process",
        lambda name, item: measured.append(item["x"]) or import_module(name).measure(item),
    )
    paths = ["--output", str(tmp_path / "tiny.json"), "--page", str(tmp_path / "tiny.md")]
    assert run.run("tiny", paths) == run.run("tiny", paths) == 0
    assert measured == [0, 1, 2]
    page = (tmp_path / "tiny.md").read_text()
    assert page.startswith("[0, 1, 4]\n")
    assert "$ python benchmarks/run.py tiny --output" in page
