"""Validation of public docstrings by numpydoc, and the examples in them as doctests."""

import configparser
import doctest
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest

import skdec

ROOT = Path(__file__).parents[1]
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(skdec.__path__, "skdec.")
    if not module.name.endswith("__main__")
)


def is_public(module):
    is_internal = module.startswith(("skdec.dec.training", "skdec.cli"))
    return not is_internal and not any(part.startswith("_") for part in module.split("."))


def find_public_members(owner, owner_name):
    """Yield name and object of the public functions, classes and methods defined in `owner`."""
    for name, member in vars(owner).items():
        if name.startswith("_"):
            continue
        function = getattr(
            member, "__func__", getattr(member, "fget", getattr(member, "func", member))
        )
        if inspect.isfunction(function) or inspect.isclass(function):
            yield f"{owner_name}.{name}", function


def find_exports(module):
    """Return the classes and functions that a public module exports."""
    names = getattr(module, "__all__", [name for name in vars(module) if not name.startswith("_")])
    objects = [getattr(module, name) for name in names]
    return {
        thing
        for thing in objects
        if (inspect.isclass(thing) or inspect.isfunction(thing))
        and thing.__module__.startswith("skdec")
    }


def defines_something(module):
    return re.search(r"^(def|class) ", inspect.getsource(module), re.MULTILINE) is not None


def find_public_objects():
    """Return the import paths of all public objects, each where it is defined."""
    modules = ["skdec", *(name for name in MODULES if is_public(name))]
    # numpydoc fails on modules that define nothing; test_modules_have_a_docstring has them.
    names = {name for name in modules if defines_something(importlib.import_module(name))}
    names.add("skdec.cli.main")  # all that is public of the command line
    exports = set().union(*(find_exports(importlib.import_module(name)) for name in modules))
    for thing in exports:
        names.add(f"{thing.__module__}.{thing.__qualname__}")
        for ancestor in thing.__mro__ if inspect.isclass(thing) else ():
            if ancestor.__module__.startswith("skdec"):
                ancestor_name = f"{ancestor.__module__}.{ancestor.__qualname__}"
                names |= {name for name, _ in find_public_members(ancestor, ancestor_name)}
    return sorted(names)


def read_checks(error_codes):
    """Read the codes to check from setup.cfg: `all` except those listed, as in numpydoc."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    first, *excluded = re.split(r"[,\s]+", config["tool:numpydoc_validation"]["checks"].strip())
    assert first == "all"
    assert set(excluded) <= set(error_codes)
    return set(error_codes) - set(excluded)


def test_public_objects_are_found():
    names = find_public_objects()
    assert "skdec.dec._estimator.DECClusterer.fit" in names
    assert "skdec.dec._estimator.DECClusterer.predict" in names
    assert "skdec._comparison.compare" in names
    assert "skdec.layers.ClusteringLayer" in names
    assert "skdec.metrics.match_labels" in names
    assert "skdec.model_selection.choose_n_clusters" in names


@pytest.mark.parametrize("name", find_public_objects())
def test_docstring_is_valid(name):
    numpydoc = pytest.importorskip("numpydoc.validate", reason="numpydoc is in the extra dev")
    checks = read_checks(numpydoc.ERROR_MSGS)
    errors = [error for error in numpydoc.validate(name)["errors"] if error[0] in checks]
    assert not errors, errors


@pytest.mark.parametrize("module", [*filter(is_public, MODULES)])
def test_modules_have_a_docstring(module):
    assert importlib.import_module(module).__doc__.rstrip().endswith(".")


@pytest.mark.parametrize("module", MODULES)
def test_examples_give_the_output_shown(module):
    results = doctest.testmod(
        importlib.import_module(module), optionflags=doctest.NORMALIZE_WHITESPACE
    )
    assert results.failed == 0


def test_examples_are_found():
    finder = doctest.DocTestFinder()
    modules = "dec._estimator", "cluster._neighbor_clusterer", "metrics", "networks", "layers"
    for module in modules:
        found = finder.find(importlib.import_module(f"skdec.{module}"))
        assert any(test.examples for test in found), module
