"""Identity of parameters and of the installed code, for cache keys and checkpoints."""

import dis
import inspect
import json
import sysconfig
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from functools import cache, partial
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import joblib
import keras

from skdec._version import __version__
from skdec.networks import describe_layer

_PACKAGES = ("tensorflow", "keras", "numpy", "scipy", "scikit-learn")
# Where the code of packages is; what their functions read changes with their versions.
_INSTALLED = (
    *(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")),
    str(Path(__file__).parents[1]),
)


@cache
def describe_versions() -> dict[str, str]:
    """Return the versions of all packages that the result of a fit depends on.

    That of skdec is followed by a digest of its source, so that results of a changed checkout are
    not taken for those of the release.
    """
    digest = blake2b(digest_size=8)
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(path.read_bytes())
    return {
        "skdec": f"{__version__}+{digest.hexdigest()}",
        **{package: version(package) for package in _PACKAGES},
    }


def describe(value: Any) -> str:
    """Return a text that is equal for equal parameter values, and different for different ones.

    Keras objects are described by their configuration, functions by their code and the variables
    that it reads.

    Raises
    ------
    ValueError
        If a value can be neither configured, read nor pickled.
    """
    if isinstance(value, keras.optimizers.Optimizer | keras.initializers.Initializer):
        config = value.get_config()
        config.pop("name", None)  # Keras numbers optimizers in their names
        return f"{type(value).__module__}.{type(value).__qualname__} {_to_json(config)}"
    if isinstance(value, keras.layers.Layer):
        return f"{describe_layer(value)} {joblib.hash(value.get_weights())}"
    if inspect.isclass(value) or inspect.isbuiltin(value):
        return f"{value.__module__}.{value.__qualname__}"
    if inspect.isfunction(value):
        return f"{value.__module__}.{value.__qualname__} {_hash_function(value)}"
    if hasattr(value, "python_function"):  # of tf.function
        return describe(value.python_function)
    if isinstance(value, partial):
        return describe((value.func, value.args, sorted(value.keywords.items())))
    if isinstance(value, ModuleType):
        return value.__name__
    if is_dataclass(value):
        return describe(tuple(getattr(value, field.name) for field in fields(value)))
    if isinstance(value, tuple | list):
        return f"({', '.join(map(describe, value))})"
    try:
        return str(joblib.hash(value))
    except Exception as error:  # pickling the user's object may raise anything
        raise ValueError(
            f"{value!r} cannot be told from other values, which memory= and checkpoint= need: it "
            f"cannot be pickled ({error}). Define its class in a module."
        ) from error


def _to_json(config: Any) -> str:
    def describe_object(value: Any) -> Any:
        return describe(value) if callable(value) else str(joblib.hash(value))

    return json.dumps(config, sort_keys=True, default=describe_object)


def _hash_function(function: Any) -> str:
    """Return a digest of a function: its code, that of functions that it calls, what they read."""
    functions, parts = [function], list[str]()
    for one in functions:  # grows while it is read: functions may call each other
        parts += _list_code(one.__code__)
        for name, value in _list_variables(one):
            if not inspect.isfunction(value):
                parts.append(f"{name} {describe(value)}")
                continue
            if value not in functions:
                functions.append(value)
            parts.append(f"{name} is function {functions.index(value)}")
    return blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()


def _list_variables(function: Any) -> Iterator[tuple[str, Any]]:
    """Yield name and value of a function's defaults and of its variables from outside.

    Global variables only of functions that are not part of an installed package.
    """
    yield "defaults", function.__defaults__
    yield "keyword defaults", tuple((function.__kwdefaults__ or {}).items())
    cells = function.__closure__ or ()
    for name, cell in zip(function.__code__.co_freevars, cells, strict=True):
        yield name, cell.cell_contents
    if function.__code__.co_filename.startswith(_INSTALLED):
        return
    for name in sorted(_list_global_names(function.__code__) & function.__globals__.keys()):
        yield name, function.__globals__[name]


def _list_global_names(code: CodeType) -> set[str]:
    instructions = dis.get_instructions(code)
    names = {one.argval for one in instructions if one.opname == "LOAD_GLOBAL"}
    inner = (constant for constant in code.co_consts if isinstance(constant, CodeType))
    return names.union(*map(_list_global_names, inner))


def _list_code(code: CodeType) -> list[str]:
    parts = [code.co_code.hex(), repr(code.co_names)]
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            parts += _list_code(constant)
        elif isinstance(constant, frozenset):  # its order is another one in each process
            parts += sorted(map(repr, constant))
        else:
            parts.append(repr(constant))
    return parts
