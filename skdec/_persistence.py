"""A fitted estimator as one file without pickle: a zip of JSON and NumPy arrays."""

import io
import json
import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from skdec.networks import Architecture

_FORMAT = 1
_STATE = "skdec.json"
_LEFT_OUT = ("callbacks", "memory")
_ARRAYS = ("cluster_centers_", "initial_labels_", "labels_")


def save(estimator: Any, path: Any) -> None:
    """Write a fitted estimator to `path`; an earlier file stays whole until the new one is."""
    arrays = {name: getattr(estimator, name) for name in _ARRAYS}
    arrays |= {f"weights.{i}": weight for i, weight in enumerate(estimator._weights)}
    for phase, series in estimator.history_.items():
        arrays |= {f"history.{phase}.{name}": values for name, values in series.items()}
    state = {
        "format": _FORMAT,
        "parameters": {
            name: _to_json(name, value)
            for name, value in estimator.get_params(deep=False).items()
            if name not in _LEFT_OUT
        },
        "activation": _to_json("activation", estimator._architecture.activation),
        "n_features": estimator.n_features_in_,
        "dims": list(estimator._architecture.dims),
        "feature_names": list(getattr(estimator, "feature_names_in_", [])),
        "n_iter": estimator.n_iter_,
        "stop_reason": estimator.stop_reason_,
        "n_weights": len(estimator._weights),
        "history": {phase: list(series) for phase, series in estimator.history_.items()},
    }
    path = Path(path)
    handle, temporary = tempfile.mkstemp(dir=path.parent or ".", prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file, zipfile.ZipFile(file, "w") as archive:
            archive.writestr(_STATE, json.dumps(state))
            for name, array in arrays.items():
                buffer = io.BytesIO()
                np.save(buffer, array, allow_pickle=False)
                archive.writestr(f"{name}.npy", buffer.getvalue())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def load(cls: type, path: Any) -> Any:
    """Read what `save` has written."""
    try:
        with zipfile.ZipFile(path) as archive:
            state = json.loads(archive.read(_STATE))
            if state["format"] > _FORMAT:
                raise ValueError("it was written by a newer version of skdec")
            arrays = {
                name.removesuffix(".npy"): np.load(
                    io.BytesIO(archive.read(name)), allow_pickle=False
                )
                for name in archive.namelist()
                if name.endswith(".npy")
            }
        return _restored(cls, state, arrays)
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError) as error:
        raise ValueError(f"{path} cannot be read as a saved estimator: {error}") from error


def _restored(cls: type, state: dict[str, Any], arrays: dict[str, np.ndarray]) -> Any:
    parameters = {name: _from_json(value) for name, value in state["parameters"].items()}
    estimator = cls(**parameters)
    estimator._architecture = Architecture(
        state["n_features"], tuple(state["dims"]), _from_json(state["activation"])
    )
    estimator._weights = [arrays[f"weights.{i}"] for i in range(state["n_weights"])]
    estimator._n_features_out = state["dims"][-1]
    estimator.n_features_in_ = state["n_features"]
    if state["feature_names"]:
        estimator.feature_names_in_ = np.array(state["feature_names"], dtype=object)
    for name in _ARRAYS:
        setattr(estimator, name, arrays[name])
    estimator.n_iter_ = state["n_iter"]
    estimator.stop_reason_ = state["stop_reason"]
    estimator.history_ = {
        phase: {name: arrays[f"history.{phase}.{name}"] for name in names}
        for phase, names in state["history"].items()
    }
    return estimator


def _to_json(name: str, value: Any) -> Any:
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, (np.integer, np.floating)):
        return value.item()
    if isinstance(value, (tuple, list)):
        return [_to_json(name, item) for item in value]
    if isinstance(value, keras.optimizers.Optimizer):
        return {"optimizer": keras.optimizers.serialize(value)}
    if isinstance(value, keras.initializers.Initializer):
        return {"initializer": keras.initializers.serialize(value)}
    if isinstance(value, np.random.RandomState):
        return None  # what was drawn from it is drawn
    raise TypeError(f"{name}={value!r} cannot be saved; set it to a string or a number.")


def _from_json(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_from_json(item) for item in value)
    if isinstance(value, dict):
        (kind, config), *_ = value.items()
        return {
            "optimizer": keras.optimizers.deserialize,
            "initializer": keras.initializers.deserialize,
        }[kind](config)
    return value
