"""The house of DESIGN section 3: which room may import which, and how large a room may be."""

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import skdec

HOUSE = Path(skdec.__file__).parent
ROOMS = sorted(
    path.stem for path in HOUSE.glob("*.py") if path.stem not in ("__init__", "__main__")
)

# They import no other room, and use a fitted estimator only through its public surface.
ALONE = ("_version", "metrics", "datasets", "display")
# Each room imports only from the rooms of lines above its own, and from those that stand alone.
FLOORS = (
    ("_math", "_maps", "_threads", "_strategy", "_outputs", "_archive", "_tables", "_scorers"),
    ("_validation",),
    ("_rows",),
    ("_blocks", "layers", "_neighbors", "_parameters", "_preparation"),
    ("networks", "_start"),
    ("_compiled", "_persistence"),
    ("_checkpoint",),
    ("_course",),
    ("_phases", "_progress"),
    ("_fitted",),
    ("_dec",),
    ("_compare", "model_selection"),
    ("report",),
    ("cli",),
)
MAX_LINES = 400


def floor_of(room):
    return next(floor for floor, rooms in enumerate(FLOORS) if room in rooms)


def imported_rooms(room):
    """Rooms that a room imports, anywhere in it: at its top, in functions, for type checking."""
    found = set()
    for node in ast.walk(ast.parse((HOUSE / f"{room}.py").read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = "skdec" if node.level else ""
            module = ".".join(filter(None, [base, node.module]))
            found |= {module} if module != "skdec" else {f"skdec.{a.name}" for a in node.names}
    return {name.split(".")[1] for name in found if name.startswith("skdec.")}


def test_the_parser_sees_imports():
    assert {"_math", "networks", "_compiled", "_start"} <= imported_rooms("_phases")
    assert "_persistence" in imported_rooms("_fitted")  # by `from skdec import`
    assert "_dec" in imported_rooms("cli")  # inside a function


@pytest.mark.parametrize("room", ROOMS)
def test_imports_run_one_way(room):
    imported = imported_rooms(room) - {"__init__"}
    assert imported <= set(ROOMS), "an import through the package's lazy names hides an arrow"
    if room in ALONE:
        assert imported <= {"_version"}
        return
    placed = [other for floor in FLOORS for other in floor]
    assert room in placed, f"give the room {room} a place in FLOORS or ALONE"
    for other in imported - set(ALONE):
        assert other in placed, f"give the room {other} a place in FLOORS or ALONE"
        assert floor_of(other) < floor_of(room), f"{room} may not import {other}"


@pytest.mark.parametrize("room", [room for room in ROOMS if room in ALONE])
def test_rooms_alone_use_the_public_surface(room):
    """No private attribute of anything but their own names and `self`."""
    for node in ast.walk(ast.parse((HOUSE / f"{room}.py").read_text())):
        if isinstance(node, ast.Attribute) and re.match(r"_[^_]", node.attr):
            assert isinstance(node.value, ast.Name), ast.unparse(node)
            assert node.value.id in ("self", "cls"), ast.unparse(node)


@pytest.mark.parametrize("path", sorted(HOUSE.glob("*.py")), ids=lambda path: path.stem)
def test_a_room_is_no_larger_than_a_room(path):
    assert len(path.read_text().splitlines()) <= MAX_LINES


@pytest.mark.parametrize("room", [room for room in ROOMS if room != "_strategy"])
def test_distribution_has_one_user(room):
    for node in ast.walk(ast.parse((HOUSE / f"{room}.py").read_text())):
        assert not (isinstance(node, ast.Attribute) and node.attr == "distribute")
        assert not (isinstance(node, ast.ImportFrom) and "distribute" in (node.module or ""))


def test_importing_imports_neither_tensorflow_nor_keras():
    check = (
        "import skdec, sys; assert 'tensorflow' not in sys.modules and 'keras' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", check], check=True, timeout=60)


def test_every_public_name_is_there():
    for name in skdec.__all__:
        assert getattr(skdec, name) is not None
    assert set(skdec.__all__) <= set(dir(skdec))
    for room in (room for room in ROOMS if not room.startswith("_")):
        module = importlib.import_module(f"skdec.{room}")
        for name in getattr(module, "__all__", ()):
            assert hasattr(module, name), f"skdec.{room}.{name}"


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = skdec.no_such_name
