"""Identity of parameter values by their configuration: for the cache, checkpoints and programs.

A value is identified by what it says about itself: plain values and arrays by their contents, Keras
objects and estimators by their class and configuration, functions and classes of installed packages
by their names. The code of other functions and classes is not read: it may depend on anything.
"""

import inspect
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache, partial
from importlib.metadata import packages_distributions, version
from os import sep
from pathlib import Path
from typing import Any
from uuid import uuid4

import joblib
import keras
import numpy as np

_FOLDERS = (
    *(sysconfig.get_path(name) + sep for name in ("stdlib", "purelib", "platlib")),
    str(Path(__file__).parents[2]) + sep,
)
_PLAIN = (str, bytes, bool, int, float, complex, type(None), np.ndarray, np.generic, range, Path)
_HAVE_CONFIG = (
    keras.layers.Layer,
    keras.optimizers.Optimizer,
    keras.optimizers.schedules.LearningRateSchedule,
    keras.initializers.Initializer,
    keras.regularizers.Regularizer,
    keras.constraints.Constraint,
    keras.DTypePolicy,
)

# Attributes of Keras models that Keras itself sets to functions.
_FUNCTIONS_OF_MODELS = ("train_function", "test_function", "predict_function")


class UnidentifiedError(ValueError):
    """A value cannot be told from others by its configuration; the message says which."""


def describe(value: Any, *, by_name: bool = False) -> str:
    """Return a text that is equal for equal parameter values, and different for different ones.

    Parameters
    ----------
    value : object
        A parameter, or a structure of them.
    by_name : bool, default=False
        Whether the name alone identifies functions and classes of the user.

    Returns
    -------
    str
        The text.

    Raises
    ------
    UnidentifiedError
        If a part is a function or class that is not of an installed package, or an object of such
        a class, and `by_name` is False.
    """

    def describe_part(part: Any) -> str:
        return describe(part, by_name=by_name)

    if isinstance(value, _PLAIN):
        return f"{type(value).__name__} {joblib.hash(value)}"
    if isinstance(value, Mapping):
        pairs = sorted((str(key), describe_part(item)) for key, item in value.items())
        return f"{{{pairs}}}"
    if isinstance(value, tuple | list):
        return f"({', '.join(map(describe_part, value))})"
    if isinstance(value, set | frozenset):
        return f"{{{', '.join(sorted(map(describe_part, value)))}}}"
    if isinstance(value, partial):
        return f"partial {describe_part((value.func, value.args, value.keywords))}"
    if isinstance(value, type) or inspect.isroutine(value) or isinstance(value, np.ufunc):
        return _describe_name(value, by_name)
    name = _describe_name(type(value), by_name)
    if isinstance(value, keras.layers.Layer):
        weights = joblib.hash(value.get_weights())
        return f"{name} {_describe_layer(value, by_name)} {weights}"
    if isinstance(value, _HAVE_CONFIG):
        config = _get_config(value)
        exclusion = get_weight_decay_exclusion(value)
        return f"{name} {describe_part(config)} {exclusion}"
    if hasattr(value, "get_params"):
        return f"{name} {describe_part(value.get_params(deep=False))}"
    if is_dataclass(value):
        return f"{name} {describe_part([getattr(value, field.name) for field in fields(value)])}"
    if by_name:
        return name
    raise UnidentifiedError(f"{value!r} is neither a plain value nor has it a configuration")


def identify(value: Any) -> str:
    """Return the description of a value, or a unique text for what has none."""
    try:
        return describe(value)
    except UnidentifiedError:
        return uuid4().hex


def get_weight_decay_exclusion(value: Any) -> str:
    """Return the pattern of what an optimizer excludes from weight decay, which no setting has.

    The alternatives are in order where it has no groups; it is empty if nothing is excluded.
    """
    compiled = getattr(value, "_exclude_from_weight_decay_pattern", None)
    pattern = str(compiled.pattern) if compiled else ""
    return pattern if "(" in pattern else "|".join(sorted(pattern.split("|")))


def _describe_name(value: Any, by_name: bool) -> str:
    """Describe a function or class by its package and name."""
    module, name = getattr(value, "__module__", None) or "", getattr(value, "__qualname__", "")
    name = name or getattr(value, "__name__", "")  # of a ufunc
    found: Any = sys.modules.get(module or "numpy")
    path = getattr(found, "__file__", None)
    is_installed = path.startswith(_FOLDERS) if path else module in sys.builtin_module_names
    for part in name.split("."):
        found = getattr(found, part, None)
    if is_installed and found is value:  # neither nested in a function nor replaced
        return f"{module}.{name} {_get_version(module.partition('.')[0])}"
    if by_name:
        return name
    raise UnidentifiedError(f"{value!r} is not part of an installed package")


@cache
def _get_version(package: str) -> str:
    distributions = packages_distributions().get(package, [])
    return " ".join(f"{one} {version(one)}" for one in sorted(set(distributions)))


def _get_config(value: Any) -> dict[str, Any]:
    """Return the configuration without the name, which Keras numbers."""
    config = dict(value.get_config())
    config.pop("name", None)
    if isinstance(value, keras.optimizers.Optimizer) and has_own_schedule(value):
        config["learning_rate"] = value._learning_rate  # with its class
    return config


def has_own_schedule(optimizer: keras.optimizers.Optimizer) -> bool:
    """Return whether the optimizer's learning rate is a Keras schedule."""
    return isinstance(optimizer._learning_rate, keras.optimizers.schedules.LearningRateSchedule)


def _describe_layer(layer: keras.layers.Layer, by_name: bool) -> str:
    """Describe a layer or model without its weights and the numbers in names."""
    names: dict[str, str] = {}
    parts = []
    for one in layer._flatten_layers():  # itself, then those in it
        parts.append(_describe_name(type(one), by_name))
        try:
            parts.append(_describe_config(one.get_config(), names, by_name))
        except NotImplementedError as error:
            if not by_name:
                raise UnidentifiedError(f"{one!r} has no configuration") from error
        # A configuration has no more than the name of a function or class of the user.
        for name, value in sorted(vars(one).items()):
            is_own = not hasattr(type(one), name) and name not in _FUNCTIONS_OF_MODELS
            if is_own and (_is_function(value) or isinstance(value, _HAVE_CONFIG[3:])):
                parts.append(f"{name} {describe(value, by_name=by_name)}")
    return " ".join(parts)


def _is_function(value: Any) -> bool:
    is_compiled = hasattr(value, "python_function")  # by tf.function
    return inspect.isroutine(value) or isinstance(value, partial) or is_compiled


def _describe_config(config: Any, names: dict[str, str], by_name: bool) -> str:
    """Describe a configuration in which names are numbered in order."""
    if isinstance(config, Mapping):
        if isinstance(config.get("name"), str):
            names.setdefault(config["name"], f"#{len(names)}")
        items = ((str(key), _describe_config(config[key], names, by_name)) for key in config)
        return f"{{{sorted(items)}}}"
    if isinstance(config, list | tuple):
        return f"({', '.join(_describe_config(value, names, by_name) for value in config)})"
    if isinstance(config, str):
        return names.get(config, config)
    return describe(config, by_name=by_name)
