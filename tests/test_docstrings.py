"""Validation of public docstrings by numpydoc, and the examples in them as doctests."""

import configparser
import doctest
import importlib
import inspect
import pkgutil
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


def find_methods(owner):
    """Return the names of the public methods and properties that a class defines."""
    for name, member in vars(owner).items():
        function = getattr(member, "fget", getattr(member, "func", member))
        if not name.startswith("_") and inspect.isfunction(getattr(function, "__func__", function)):
            yield f"{owner.__module__}.{owner.__qualname__}.{name}"


def find_public_objects():
    """Return the import paths of all public classes, methods and functions."""
    names = {"skdec.cli.main"}  # all that is public of the command line
    for module in map(importlib.import_module, ("skdec", *filter(is_public, MODULES))):
        public = [name for name in vars(module) if not name.startswith("_")]
        for thing in (getattr(module, name) for name in getattr(module, "__all__", public)):
            if getattr(thing, "__module__", "").startswith("skdec"):
                names.add(f"{thing.__module__}.{thing.__qualname__}")
                for ancestor in thing.__mro__ if inspect.isclass(thing) else ():
                    if ancestor.__module__.startswith("skdec"):
                        names.update(find_methods(ancestor))
    return sorted(names)


@pytest.mark.parametrize("name", find_public_objects())
def test_docstring_is_valid(name):
    numpydoc = pytest.importorskip("numpydoc.validate", reason="numpydoc is in the extra dev")
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    first, *excluded = config["tool:numpydoc_validation"]["checks"].split(", ")
    assert first == "all"
    errors = [error for error in numpydoc.validate(name)["errors"] if error[0] not in excluded]
    assert not errors, errors


@pytest.mark.parametrize("module", [*filter(is_public, MODULES)])
def test_modules_have_a_docstring(module):
    assert importlib.import_module(module).__doc__.rstrip().endswith(".")


# Fits at nearly the defaults.
SLOW = ("skdec.callbacks", "skdec._comparison")


@pytest.mark.parametrize(
    "module",
    [pytest.param(name, marks=[pytest.mark.slow] * name.startswith(SLOW)) for name in MODULES],
)
def test_examples_give_the_output_shown(module):
    results = doctest.testmod(
        importlib.import_module(module), optionflags=doctest.NORMALIZE_WHITESPACE
    )
    assert results.failed == 0
