"""Identity of parameters and of the installed code, for cache keys and checkpoints."""

import inspect
import json
from dataclasses import fields, is_dataclass
from functools import cache
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from types import CodeType
from typing import Any

import joblib
import keras

from skdec._version import __version__
from skdec.networks import describe_layer

_PACKAGES = ("tensorflow", "keras", "numpy", "scipy", "scikit-learn")


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

    Keras objects are described by their configuration, functions by their code.

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
    if inspect.isfunction(value):
        return f"{value.__module__}.{value.__qualname__} {_hash_function(value)}"
    if inspect.isclass(value) or inspect.isbuiltin(value):
        return f"{value.__module__}.{value.__qualname__}"
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
    """Return a digest of a function's code, its defaults and the values that it closes over."""
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    values = [*cells, *(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).items()]
    parts = [*_list_code(function.__code__), *map(describe, values)]
    return blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()


def _list_code(code: CodeType) -> list[str]:
    parts = [code.co_code.hex(), repr(code.co_names)]
    for constant in code.co_consts:
        parts += _list_code(constant) if isinstance(constant, CodeType) else [repr(constant)]
    return parts
