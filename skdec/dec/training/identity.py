"""Identity of values and of the installed code: for cache keys, checkpoints, compiled programs."""

import dis
import inspect
import json
import os
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache, partial
from hashlib import blake2b
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any
from uuid import uuid4

import joblib
import keras

# Where the code of packages is; what their functions read changes with their versions.
_INSTALLED = (
    *(sysconfig.get_path(name) + os.sep for name in ("stdlib", "purelib", "platlib")),
    str(Path(__file__).parents[2]) + os.sep,
)
# Of the layers that are being described, as their functions may refer to them.
_described_layers: ContextVar[tuple[int, ...]] = ContextVar("described_layers", default=())
# The classes of objects whose methods are being described.
_described_classes: ContextVar[tuple[type, ...]] = ContextVar("described_classes", default=())
# Values of class attributes that a digest of a class has; others are seldom read by its methods.
_PLAIN = (str, bytes, bool, int, float, complex, tuple, frozenset, type(None))


def describe(value: Any) -> str:
    """Return a text that is equal for equal parameter values, and different for different ones.

    Keras objects are described by their configuration, functions by their code and the variables
    that it reads, and classes outside of installed packages by their methods.

    Raises
    ------
    ValueError
        If a value can be neither configured, read nor pickled, or refers to itself.
    """
    try:
        return _describe(value)
    except ValueError:
        raise
    except Exception as error:  # layers without a configuration may raise anything
        is_cycle = isinstance(error, RecursionError)
        reason = "it refers to itself." if is_cycle else " ".join(str(error).split())
        raise ValueError(
            f"{value!r} cannot be distinguished from other values, which memory= and checkpoint= "
            f"need: {reason}"
        ) from error


def describe_or_number(value: Any) -> str:
    """Return a text for equal values, or a unique one for what cannot be distinguished."""
    try:
        return describe(value)
    except ValueError:
        return uuid4().hex


def get_weight_decay_exclusion(value: Any) -> str:
    """Return the pattern of what an optimizer excludes from weight decay, which no setting has.

    The alternatives are in order where it has no groups; it is empty if nothing is excluded.
    """
    compiled = getattr(value, "_exclude_from_weight_decay_pattern", None)
    pattern = str(compiled.pattern) if compiled else ""
    return pattern if "(" in pattern else "|".join(sorted(pattern.split("|")))


def describe_layer(layer: keras.layers.Layer) -> str:
    """Return a text that is equal for layers or models that differ in names and seeds only.

    Their weights have no part in it; functions that they call, such as an activation, have.
    """
    outer = _described_layers.get()
    if id(layer) in outer:  # a function of the layer refers to it
        return "itself"
    token = _described_layers.set((*outer, id(layer)))
    try:
        names: dict[str, str] = {}
        parts = []
        for one in layer._flatten_layers():  # itself, then those in it
            parts += [_describe(type(one)), _to_json(_without_names(one.get_config(), names))]
            parts += [f"{name} {_describe_part(value)}" for name, value in _list_callables(one)]
    finally:
        _described_layers.reset(token)
    return " ".join(parts)


def _describe(value: Any) -> str:
    if isinstance(value, keras.optimizers.Optimizer | keras.initializers.Initializer):
        config = value.get_config()
        config.pop("name", None)  # Keras numbers optimizers in their names
        exclusion = get_weight_decay_exclusion(value)
        return f"{_describe(type(value))} {_to_json(config)} {exclusion}"
    if isinstance(value, keras.layers.Layer):
        return f"{describe_layer(value)} {joblib.hash(value.get_weights())}"
    if inspect.isbuiltin(value) or (inspect.isclass(value) and not _has_code(value)):
        return f"{value.__module__}.{value.__qualname__}"
    if _has_code(value):
        return f"{value.__module__}.{value.__qualname__} {_hash_code(value)}"
    if inspect.ismethod(value):
        return _describe((value.__func__, value.__self__))
    if hasattr(value, "python_function"):  # of tf.function
        return _describe(value.python_function)
    if isinstance(value, partial):
        return _describe((value.func, value.args, sorted(value.keywords.items())))
    if isinstance(value, ModuleType):
        return value.__name__
    if is_dataclass(value):
        return _describe((type(value), *(getattr(value, field.name) for field in fields(value))))
    if isinstance(value, tuple | list):
        return f"({', '.join(map(_describe, value))})"
    if isinstance(value, set | frozenset):
        return f"{{{', '.join(sorted(map(_describe, value)))}}}"
    if isinstance(value, Enum):
        return f"{type(value).__module__}.{type(value).__qualname__}.{value.name} {value.value!r}"
    try:
        digest = str(joblib.hash(value))
    except RecursionError:
        raise
    except Exception as error:  # pickling the user's object may raise anything
        raise ValueError(
            f"{value!r} cannot be distinguished from other values, which memory= and checkpoint= "
            f"need: it cannot be pickled ({error}). Define its class in a module."
        ) from error
    if not _has_code(type(value)) or type(value) in _described_classes.get():
        return digest  # a method may read an object of its own class
    token = _described_classes.set((*_described_classes.get(), type(value)))
    try:
        return f"{_describe(type(value))} {digest}"
    finally:
        _described_classes.reset(token)


@cache
def _list_attributes_of_keras() -> frozenset[str]:
    model = keras.Sequential()
    model.compile()
    return frozenset(vars(model))


def _list_callables(layer: keras.layers.Layer) -> list[tuple[str, Any]]:
    """Return name and value of the callables that are attributes of a layer by its own class.

    Not what Keras sets itself: functions for training and prediction, and the loss, of a model.
    """
    return [
        (name, value)
        for name, value in sorted(vars(layer).items())
        if callable(value)
        and name not in _list_attributes_of_keras()
        and not name.startswith("_")
        and not hasattr(type(layer), name)  # methods that Keras has wrapped
    ]


def _describe_part(value: Any) -> str:
    """Describe a callable of a layer: a function, or the class of what its configuration has."""
    is_function = inspect.isroutine(value) or isinstance(value, partial)
    is_function = is_function or hasattr(value, "python_function")
    return _describe(value if is_function else type(value))


def _to_json(config: Any) -> str:
    return json.dumps(config, sort_keys=True, default=_describe)


def _without_names(config: Any, names: dict[str, str]) -> Any:
    """Return a configuration without seeds, in which names are numbered in order."""
    if isinstance(config, Mapping):
        if isinstance(config.get("name"), str):
            names.setdefault(config["name"], f"#{len(names)}")
        return {key: _without_names(config[key], names) for key in config if key != "seed"}
    if isinstance(config, list | tuple):
        return [_without_names(value, names) for value in config]
    return names.get(config, config) if isinstance(config, str) else config


def _has_code(value: Any) -> bool:
    """Return whether a value is a function, or a class outside of installed packages."""
    return inspect.isfunction(value) or (inspect.isclass(value) and not _is_installed(value))


def _is_installed(kind: type) -> bool:
    """Return whether a class is part of Python or of an installed package."""
    if kind.__module__ in ("__main__", "__mp_main__"):  # a file of joblib's in its workers
        return False
    module = sys.modules.get(kind.__module__)
    path = getattr(module, "__file__", None) or ""
    return kind.__module__ in sys.builtin_module_names or path.startswith(_INSTALLED)


def _hash_code(value: Any) -> str:
    """Return a digest of a function or class: its code, that of what it calls, what they read."""
    found, parts = [value], list[str]()
    for one in found:  # grows while it is read: functions may call each other
        parts += [] if inspect.isclass(one) else _list_code(one.__code__)
        for name, variable in _list_members(one) if inspect.isclass(one) else _list_variables(one):
            if not _has_code(variable):
                parts.append(f"{name} {_describe(variable)}")
                continue
            if variable not in found:
                found.append(variable)
            parts.append(f"{name} is function {found.index(variable)}")
    return blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()


def _list_members(kind: type) -> Iterator[tuple[str, Any]]:
    """Yield name and value of the base classes, methods and plain attributes of a class."""
    yield "bases", tuple(f"{base.__module__}.{base.__qualname__}" for base in kind.__mro__[1:])
    for base in kind.__mro__:
        for name, value in sorted(vars(base).items()) if _has_code(base) else ():
            if isinstance(value, property):
                functions = [value.fget, value.fset, value.fdel]
            else:
                functions = [getattr(value, "__func__", value)]  # of a static or class method
            for one in functions:
                is_plain = type(one) in _PLAIN and not name.startswith("__")
                if inspect.isfunction(one) or is_plain:
                    yield name, one


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
