"""The code blocks of the pages and the examples of the gallery run to the end."""

import ast
import importlib
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path
from types import FunctionType

import numpy as np
import pandas as pd
import pytest

from skdec import DECClusterer, NeighborClusterer

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
EXAMPLES = sorted((ROOT / "docs" / "gallery").glob("*.py"))
# Blocks that cannot run here are preceded by a comment with the reason.
BLOCK = re.compile(r"(<!-- not run: [^\n]+ -->\n)?^```python\n(.*?)^```", re.M | re.S)
N_NOT_RUN = 6
# Pages whose blocks are run by default; the names in the others are looked up.
QUICK = {"README.md", "embeddings.md", "number_of_clusters.md", "scaling.md"}
QUICK |= {"unbalanced_clusters.md", "why_dec.md"}
FAST = {DECClusterer: {"pretrain_epochs": 1, "max_iter": 2}, NeighborClusterer: {"n_init": 1}}


def find_blocks(page):
    """Return the line and code of each block, and whether it is marked as not run."""
    text = page.read_text()
    return [
        (text.count("\n", 0, match.start(2)), match[2], match[1] is not None)
        for match in BLOCK.finditer(text)
    ]


def get_id(path):
    return path.name


PAGES_WITH_BLOCKS = [page for page in PAGES if find_blocks(page)]


@pytest.mark.parametrize("page", PAGES_WITH_BLOCKS, ids=get_id)
def test_names_in_blocks_exist(page):
    for _, code, _ in find_blocks(page):
        imported = {}
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom) and node.module.partition(".")[0] == "skdec":
                module = importlib.import_module(node.module)
                imported |= {name.name: getattr(module, name.name) for name in node.names}
        for node in ast.walk(ast.parse(code)):
            name = getattr(getattr(node, "func", None), "id", None)
            if name in imported and isinstance(imported[name], type | FunctionType):
                known = inspect.signature(imported[name]).parameters
                given = {keyword.arg for keyword in node.keywords} - {None}
                assert given <= set(known), f"{name}{known}"


@pytest.mark.parametrize(
    "page",
    [
        page if page.name in QUICK else pytest.param(page, marks=pytest.mark.slow)
        for page in PAGES_WITH_BLOCKS
    ],
    ids=get_id,
)
def test_blocks_of_page_run(page, tmp_path, monkeypatch, random):
    # Whether it runs matters, not the result.
    for estimator, defaults in FAST.items():
        for name, value in defaults.items():
            monkeypatch.setitem(estimator.__init__.__kwdefaults__, name, value)
    monkeypatch.setattr("skdec.describe._summary._N_ITERATIONS", 250)  # the least that t-SNE takes
    monkeypatch.chdir(tmp_path)
    X = random(0).random((80, 6)).astype(np.float32)
    # What the pages assume.
    np.save("samples.npy", X)
    Path("scratch").mkdir()
    pd.DataFrame(X, columns=list("abcdef")).to_parquet("table.parquet")
    customers = pd.DataFrame({"age": X[:, 0], "city": np.where(X[:, 1] > 0.5, "Bern", "Oslo")})
    customers.to_csv("customers.csv", index=False)
    namespace = {"X": X, "blocks": [X[:40], X[40:]]}
    for line, code, is_not_run in find_blocks(page):
        if not is_not_run:
            exec(compile("\n" * line + code, str(page), "exec"), namespace)


def test_few_blocks_are_not_run():
    assert sum(block[-1] for page in PAGES for block in find_blocks(page)) == N_NOT_RUN


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=get_id)
def test_example_runs(example, tmp_path):
    environment = {**os.environ, "MPLBACKEND": "Agg"}
    options = {"cwd": tmp_path, "env": environment, "capture_output": True, "text": True}
    run = subprocess.run([sys.executable, str(example)], **options)
    assert run.returncode == 0, run.stderr[-2000:]
    assert run.stdout


def test_the_page_on_fidelity_names_tests_that_exist():
    page = (ROOT / "docs" / "fidelity.md").read_text()
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", page)
    assert len(named) > 20
    for path, function in named:
        assert f"def {function}" in (ROOT / path).read_text(), f"{path}::{function}"
