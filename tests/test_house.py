"""Style, types, docstrings and their examples, by the tools' own verdict."""

import configparser
import doctest
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest
from numpydoc.validate import ERROR_MSGS, validate

import skdec

ROOT = Path(__file__).parents[1]
ROOMS = sorted(path.stem for path in Path(skdec.__file__).parent.glob("[!_]*.py"))
PUBLIC = ["", *ROOMS]
MODULES = [*PUBLIC, "_compare", "_dec"]


def full_name(module):
    return f"skdec.{module}".rstrip(".")


def members(thing, within):
    """Public functions, classes and methods that a public module or class defines."""
    for name, member in vars(thing).items():
        if name.startswith("_"):
            continue
        inner = getattr(
            member, "__func__", getattr(member, "fget", getattr(member, "func", member))
        )
        if inspect.isfunction(inner) or inspect.isclass(inner):
            yield f"{within}.{name}", inner


def public_objects():
    """Import paths of all that users are meant to call, where it is defined."""
    found = {full_name(module) for module in PUBLIC}
    things = {getattr(skdec, name) for name in skdec.__all__ if callable(getattr(skdec, name))}
    for module in PUBLIC[1:]:
        room = importlib.import_module(full_name(module))
        named = getattr(room, "__all__", [name for name in vars(room) if not name.startswith("_")])
        things |= {
            getattr(room, name)
            for name in named
            if getattr(getattr(room, name), "__module__", None) == room.__name__
        }
    for thing in things:
        if not (inspect.isclass(thing) or inspect.isfunction(thing)):
            continue
        found.add(f"{thing.__module__}.{thing.__qualname__}")
        for ancestor in thing.__mro__ if inspect.isclass(thing) else ():
            if ancestor.__module__.startswith("skdec"):
                place = f"{ancestor.__module__}.{ancestor.__qualname__}"
                found |= {name for name, _ in members(ancestor, place)}
    return sorted(found)


def numpydoc_checks():
    """Codes to check: `all` less those listed, as numpydoc reads it."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    listed = re.split(r"[,\s]+", config["tool:numpydoc_validation"]["checks"].strip())
    assert listed[0] == "all"
    assert set(listed[1:]) <= set(ERROR_MSGS)
    return set(ERROR_MSGS) - set(listed[1:])


def run(*command):
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff_finds_nothing():
    run("ruff", "check", ".")


def test_ruff_would_format_nothing():
    run("ruff", "format", "--check", ".")


def test_types_are_right():
    run("mypy")


def test_the_public_names_are_found():
    names = public_objects()
    assert "skdec._dec.DECClusterer.fit" in names
    assert "skdec._fitted.FittedDEC.predict" in names
    assert "skdec.layers.ClusteringLayer" in names
    assert "skdec.metrics.match_labels" in names


@pytest.mark.parametrize("name", public_objects())
def test_docstring_is_whole(name):
    checks = numpydoc_checks()
    faults = [fault for fault in validate(name)["errors"] if fault[0] in checks]
    assert not faults, faults


@pytest.mark.parametrize("module", MODULES)
def test_examples_come_out_as_shown(module):
    tested = doctest.testmod(
        importlib.import_module(full_name(module)), optionflags=doctest.NORMALIZE_WHITESPACE
    )
    assert tested.failed == 0


def test_examples_are_found():
    finder = doctest.DocTestFinder()
    for module in ("_dec", "metrics", "networks", "layers"):
        found = finder.find(importlib.import_module(full_name(module)))
        assert any(test.examples for test in found), module
