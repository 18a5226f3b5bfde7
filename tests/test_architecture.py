"""Architecture: imports run one way, and the inner packages do not use the estimator API."""

import ast
import importlib
import re
import subprocess
import sys
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import skdec

ROOT = Path(skdec.__file__).parent
# `skdec` itself is left out: it imports its public names lazily.
MODULES = {
    ".".join(("skdec", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__"): (
        path
    )
    for path in sorted(ROOT.rglob("*.py"))
    if path != ROOT / "__init__.py"
}
# What each part of the package may import, beside itself. Imports run one way.
ALLOWED = {
    "_utils": set(),
    "cluster": {"_utils"},
    "tables": {"_utils", "datasets"},
    "describe": {"_utils"},
    "metrics": {"cluster", "_utils"},
    "datasets": {"_utils"},
    "layers": {"_utils"},
    "networks": {"layers", "dec.training.checkpoint"},
    "callbacks": {"metrics", "dec"},  # its package, before Keras
    "dec.training": {"_utils", "layers", "networks"},
    "dec": {"_utils", "cluster", "layers", "networks", "metrics"},
    "_persistence": {"_utils"},
    "display": {"_utils", "describe", "metrics"},
    "_report": {"_utils", "describe", "display", "metrics", "tables"},
}
# All that imports TensorFlow. `datasets` imports Keras for a download alone.
NETWORKS = {"dec", "dec.training", "networks", "layers", "callbacks"}
# They use only the public attributes of an estimator, so that any clusterer can be shown.
PICTURES = tuple(
    name
    for name in MODULES
    if name.startswith(("skdec.display", "skdec._report", "skdec.describe"))
)
INNER = tuple(
    name
    for name in MODULES
    if name.startswith(("skdec.dec.", "skdec.cluster."))
    # `_state` stores estimators that are parameters of others.
    and name not in ("skdec.dec._estimator", "skdec.dec._state")
    and name != "skdec.cluster._neighbor_clusterer"
)
ESTIMATOR_API = r"BaseEstimator|\w+Mixin|check_is_fitted|validate_data|_fit_context"


@cache
def parse(module):
    return ast.parse(MODULES[module].read_text())


def find_imports(module):
    """Return all that a module imports, anywhere: in functions and for type checking, too.

    `from a import b` is the import of `a.b`, if that is a module, else of `a`.
    """
    found = set()
    package = module if MODULES[module].name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(parse(module)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: 1 - node.level or None] if node.level else []
            source = ".".join([*base, *filter(None, [node.module])])
            names = {f"{source}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else source for name in names}
    return found


def find_internal_imports(module):
    return {name for name in find_imports(module) if name.split(".")[0] == "skdec"}


def test_imports_are_found():
    found = find_imports("skdec.dec._refinement")
    assert {"skdec.dec._initialization", "skdec.dec.training.trainer"} <= found
    assert "skdec.dec._estimator" in find_imports("skdec.cli.fit")  # in a function


@pytest.mark.parametrize("module", MODULES)
def test_modules_are_imported_by_their_own_names(module):
    """An import of a lazy name of the package would hide which module is needed."""
    assert find_internal_imports(module) <= MODULES.keys()


def test_imports_run_one_way():
    graph = {module: find_internal_imports(module) for module in MODULES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"Modules import each other: {' <- '.join(error.args[1])}.")


def get_part(module):
    """Return the part of the package that a module belongs to, the most specific one."""
    name = module.removeprefix("skdec.")
    parts = [part for part in ALLOWED if name == part or name.startswith(f"{part}.")]
    return max(parts, key=len, default=None)


@pytest.mark.parametrize("module", [name for name in MODULES if get_part(name)])
def test_each_part_imports_only_what_is_below_it(module):
    part = get_part(module)
    for name in find_internal_imports(module):
        imported = name.removeprefix("skdec.")
        below = {part} | ALLOWED[part] | ({"dec.training"} if part == "dec" else set())
        assert any(imported == one or imported.startswith(f"{one}.") for one in below), (
            f"{module} imports {name}"
        )


@pytest.mark.parametrize(
    "module", [name for name in MODULES if get_part(name) in ALLOWED.keys() - NETWORKS]
)
def test_other_parts_import_no_tensorflow(module):
    packages = {name.split(".")[0] for name in find_imports(module)}
    assert packages.isdisjoint({"tensorflow", "keras", "torch"}) or module == "skdec.datasets"


@pytest.mark.parametrize("module", INNER)
def test_only_estimators_use_the_estimator_api(module):
    for node in ast.walk(parse(module)):
        names = [alias.name for alias in getattr(node, "names", []) if isinstance(alias, ast.alias)]
        names += [getattr(node, "id", ""), getattr(node, "attr", "")]
        for name in filter(None, names):
            assert not re.fullmatch(ESTIMATOR_API, name.rpartition(".")[2])


@pytest.mark.parametrize("module", MODULES)
def test_only_the_command_imports_the_command_line(module):
    if not module.startswith(("skdec.cli", "skdec.__main__")):
        assert not any(name.startswith("skdec.cli") for name in find_imports(module))


@pytest.mark.parametrize("module", PICTURES)
def test_pictures_use_public_attributes(module):
    """No private attribute of anything but their own names and `self`."""
    for node in ast.walk(parse(module)):
        if isinstance(node, ast.Attribute) and re.match(r"_[^_]", node.attr):
            assert isinstance(node.value, ast.Name), ast.unparse(node)
            assert node.value.id in ("self", "cls"), ast.unparse(node)


@pytest.mark.parametrize("module", MODULES)
def test_one_module_uses_tf_distribute(module):
    """Looks at attributes and at imports from TensorFlow."""
    uses = any(
        (isinstance(node, ast.Attribute) and node.attr == "distribute")
        or (
            isinstance(node, ast.ImportFrom)
            and (node.module or "").startswith("tensorflow")
            and "distribute" in ast.unparse(node)
        )
        for node in ast.walk(parse(module))
    )
    assert uses == (module == "skdec.dec.training.distribute")


def test_a_fit_of_a_neighbor_clusterer_loads_no_network():
    check = (
        "import sys, numpy as np; from skdec import NeighborClusterer, metrics, datasets; "
        "X = np.random.RandomState(0).normal(size=(60, 2)); "
        "NeighborClusterer(3).fit(X).score(X); import skdec.tables, skdec.describe, skdec.display; "
        "packages = {'tensorflow', 'keras', 'torch', 'matplotlib', 'plotly'}; "
        "print(sorted(packages & sys.modules.keys()))"
    )
    command = [sys.executable, "-c", check]
    found = subprocess.run(command, check=True, timeout=600, capture_output=True, text=True)
    assert (found.stdout, found.stderr) == ("[]\n", "")


def test_every_public_name_exists():
    for name in skdec.__all__:
        assert getattr(skdec, name) is not None
    assert set(skdec.__all__) <= set(dir(skdec))
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = skdec.no_such_name
    for module in MODULES:
        if not module.rpartition(".")[2].startswith("_"):
            for name in getattr(importlib.import_module(module), "__all__", ()):
                assert hasattr(importlib.import_module(module), name), f"{module}.{name}"
