"""The source distribution, and the wheel built from it, installed in an environment of its own."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROGRAM = """
import sys
from pathlib import Path

import numpy as np

import skdec

assert Path(skdec.__file__).is_relative_to(sys.prefix), skdec.__file__
X = np.random.default_rng(0).random((60, 4)) + np.repeat([[0], [3]], 30, axis=0)
dec = skdec.DECClusterer(2, dims=(8, 2), pretrain_epochs=2, max_iter=4, random_state=0).fit(X)
skdec.save(dec, "model.skdec")
assert (skdec.load("model.skdec").predict(X) == dec.labels_).all()
skdec.report(dec, X).to_html("report.html")
"""
# The ignored errors are errors: if no types were found, mypy would report that they are not.
TYPED_PROGRAM = """
from typing import assert_type

import numpy as np

import skdec
from skdec.metrics import clustering_accuracy
from skdec.model_selection import ClusterCountChoice, choose_n_clusters

X = np.zeros((10, 2))
dec = skdec.DECClusterer(2, random_state=0).fit(X)
assert_type(dec, skdec.DECClusterer)
assert_type(dec.score(X), float)
assert_type(clustering_accuracy([0, 1], [1, 0]), float)
assert_type(choose_n_clusters(X), ClusterCountChoice)
skdec.DECClusterer(n_cluster=2)  # type: ignore[call-arg]
dec.predict()  # type: ignore[call-arg]
"""

pytestmark = pytest.mark.slow


def run(*command, cwd):
    """Run a command outside of the checkout and return its output; fail with its errors."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    result = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
    return result.stdout


@pytest.fixture(scope="module")
def distributions(tmp_path_factory):
    """Build both distributions from a copy, because a build writes into the tree."""
    folder = tmp_path_factory.mktemp("build")
    ignored = shutil.ignore_patterns(".*", "_build", "generated", "auto_examples", "__pycache__")
    shutil.copytree(ROOT, folder / "source", ignore=ignored)
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, cwd=folder / "source")
    return next(folder.glob("*.tar.gz")), next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def interpreter(distributions, tmp_path_factory):
    """Install the wheel beside the packages that the tests run with, which are not copied."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    paths = {"base": str(folder), "platbase": str(folder)}
    packages = Path(sysconfig.get_path("purelib", "venv", paths))
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps")
    run(*pip, "--ignore-installed", distributions[1], cwd=folder)
    return python


def test_distributions_hold_the_package_and_its_data(distributions):
    source, wheel = distributions
    files = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "skdec").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert "skdec/py.typed" in files
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name for name in names if name.startswith("skdec/")} == files
    assert any(name.endswith("licenses/LICENSE") for name in names)
    with tarfile.open(source) as archive:
        assert {name.partition("/")[2] for name in archive.getnames()} >= files | {"README.md"}


def test_installed_package_fits_saves_and_reports(interpreter, tmp_path):
    run(interpreter, "-c", PROGRAM, cwd=tmp_path)
    assert (tmp_path / "report.html").stat().st_size > 100_000


def test_installed_command_runs(interpreter, tmp_path):
    command = interpreter.parent / "skdec"
    assert "compare" in run(command, "--help", cwd=tmp_path)


def test_programs_are_checked_with_the_types_of_the_package(interpreter, tmp_path):
    pytest.importorskip("mypy", reason="mypy is in the extra dev")
    (tmp_path / "program.py").write_text(TYPED_PROGRAM)
    checker = (sys.executable, "-m", "mypy", "--strict", "--python-executable", interpreter)
    run(*checker, "program.py", cwd=tmp_path)
