"""A fitted estimator as one file without pickle: a zip archive of JSON and NumPy arrays.

No class is looked up by a name in the file but Keras' own optimizers, schedules and initializers,
and these are called with plain values only. Every array must be of the dtype and shape that
the parameters call for.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import keras
import numpy as np

from skdec._archive import Archive, opened_archive, write_archive
from skdec._math import soft_assignment
from skdec._outputs import written_whole
from skdec._parameters import check_parameters
from skdec._validation import check_activation, check_integer, check_widths
from skdec.networks import Architecture

_FORMAT = 1
_STATE = "skdec.json"
_ARRAYS = ("cluster_centers_", "initial_labels_", "labels_")
_FREQUENCIES = "frequencies"  # what `partial_fit` counts on from; the first files lack it
_COMMAND_LINE = "skdec-cli/"  # members that the command line adds for itself

# Neither written nor accepted: the user's own code, and folders whose pickles a fit would read.
_LEFT_OUT = ("callbacks", "memory", "checkpoint")

_FLOAT32 = (np.dtype(np.float32),)
_INT32 = (np.dtype(np.int32),)
_NUMBERS = tuple(map(np.dtype, (np.float64, np.float32, np.int64, np.int32, np.bool_)))
_PLAIN = (str, bool, int, float, type(None))
_KERAS_ROOMS = {
    "optimizer": (keras.optimizers, keras.optimizers.Optimizer),
    "initializer": (keras.initializers, keras.initializers.Initializer),
    "schedule": (keras.optimizers.schedules, keras.optimizers.schedules.LearningRateSchedule),
}


def save(estimator: Any, path: Any) -> None:
    """Write a fitted estimator to `path`; an earlier file stays whole until the new one is."""
    state, arrays = _state(estimator), _arrays(estimator)
    with written_whole(Path(path)) as part:
        write_archive(part, _STATE, state, arrays)
        # What could not be read back is refused now, while the estimator is still there.
        try:
            load(type(estimator), part)
        except ValueError as error:
            raise ValueError(f"This estimator cannot be saved: {error.__cause__}.") from error


def load(cls: type, path: Any) -> Any:
    """Read what `save` has written."""
    with opened_archive(path) as archive:
        state = _checked_state(archive.json(_STATE))
        estimator = _unfitted(cls, state["parameters"])
        _set_fitted(estimator, state, archive)
        _check_outputs(estimator)
        return estimator


def _state(estimator: Any) -> dict[str, Any]:
    """What of an estimator is no array, as JSON can hold it."""
    architecture = estimator._architecture
    return {
        "format": _FORMAT,
        "parameters": {
            name: _to_json(name, value)
            for name, value in estimator.get_params(deep=False).items()
            if name not in _LEFT_OUT
        },
        "activation": _to_json("activation", architecture.activation),
        "n_clusters": len(estimator.cluster_centers_),
        "n_features": int(architecture.n_features),
        "dims": [int(width) for width in architecture.dims],
        "feature_names": list(getattr(estimator, "feature_names_in_", [])),
        "n_iter": int(estimator.n_iter_),
        "stop_reason": estimator.stop_reason_,
        "n_weights": len(estimator._weights),
        "history": {phase: list(series) for phase, series in estimator.history_.items()},
    }


def _arrays(estimator: Any) -> dict[str, np.ndarray]:
    arrays = {name: getattr(estimator, name) for name in _ARRAYS}
    if hasattr(estimator, "_frequencies"):
        arrays[_FREQUENCIES] = estimator._frequencies
    arrays |= {f"weights.{i}": weight for i, weight in enumerate(estimator._weights)}
    for phase, series in estimator.history_.items():
        arrays |= {f"history.{phase}.{name}": values for name, values in series.items()}
    return arrays


def _checked_state(state: Any) -> dict[str, Any]:
    """The state, after a look that all that is not the estimator's own to check is as it should."""
    kinds = {"parameters": dict, "feature_names": list, "stop_reason": str, "history": dict}
    if not isinstance(state, dict):
        raise TypeError("its state is no JSON object")
    check_integer("format", state["format"], 1)
    if state["format"] > _FORMAT:
        raise ValueError("it was written by a newer version of skdec")
    for name, kind in kinds.items():
        if not isinstance(state[name], kind):
            raise TypeError(f"its {name} is no {kind.__name__}")
    check_integer("n_features", state["n_features"], 1)
    check_widths("dims", state["dims"])
    # The first files lack it: there were as many clusters as asked for.
    state.setdefault("n_clusters", state["parameters"].get("n_clusters"))
    check_integer("n_clusters", state["n_clusters"], 1)
    check_integer("n_iter", state["n_iter"], 0)
    if state["n_weights"] != 4 * len(state["dims"]):
        raise ValueError(f"its {state['n_weights']} weights are not those of dims={state['dims']}")
    names = state["feature_names"]
    if not all(isinstance(name, str) for name in names) or len(names) not in (
        0,
        state["n_features"],
    ):
        raise ValueError(f"its feature_names are no {state['n_features']} strings")
    return state


def _unfitted(cls: type, parameters: dict[str, Any]) -> Any:
    """An estimator with the file's parameters, checked as its `fit` checks them."""
    estimator = cls()
    known = estimator.get_params(deep=False).keys() - set(_LEFT_OUT)
    for name in parameters.keys() - known:
        raise ValueError(f"it has a parameter {name!r}, which a file cannot set")
    estimator.set_params(**{name: _from_json(name, value) for name, value in parameters.items()})
    check_parameters(estimator)
    return estimator


def _set_fitted(estimator: Any, state: dict[str, Any], archive: Archive) -> None:
    """Set what a fit leaves, from arrays of the dtypes and shapes that the state calls for."""
    activation = _from_json("activation", state["activation"])
    check_activation("activation", activation)
    architecture = Architecture(state["n_features"], tuple(state["dims"]), activation)
    history = [(phase, name) for phase, names in state["history"].items() for name in names]
    _check_members(archive, state["n_weights"], history)

    def array(name: str, dtypes: Any, *shape: int | None) -> np.ndarray:
        return archive.array(name, dtypes, shape)

    estimator._architecture = architecture
    estimator._weights = [
        array(f"weights.{i}", _FLOAT32, *shape)
        for i, shape in enumerate(_weight_shapes(architecture))
    ]
    estimator._n_features_out = architecture.dims[-1]
    estimator.n_features_in_ = architecture.n_features
    if state["feature_names"]:
        estimator.feature_names_in_ = np.array(state["feature_names"], dtype=object)
    estimator.cluster_centers_ = array(
        "cluster_centers_", _FLOAT32, state["n_clusters"], architecture.dims[-1]
    )
    estimator.labels_ = array("labels_", _INT32, None)
    estimator.initial_labels_ = array("initial_labels_", _INT32, len(estimator.labels_))
    _check_labels(estimator)
    estimator._frequencies = (
        array(_FREQUENCIES, _NUMBERS[:1], state["n_clusters"])
        if f"{_FREQUENCIES}.npy" in archive.names
        else np.bincount(estimator.labels_, minlength=state["n_clusters"]).astype(np.float64)
    )
    estimator.n_iter_ = state["n_iter"]
    estimator.stop_reason_ = state["stop_reason"]
    estimator.history_ = {phase: {} for phase in state["history"]}
    for phase, name in history:
        estimator.history_[phase][name] = array(f"history.{phase}.{name}", _NUMBERS, None)


def _check_members(archive: Archive, n_weights: int, history: list[tuple[str, str]]) -> None:
    """Raise unless the archive has the members that its state tells of, and no strange ones."""
    if n_weights + len(history) > len(archive.names):
        raise ValueError("members are missing")
    arrays = [*_ARRAYS, _FREQUENCIES]
    arrays += [f"weights.{i}" for i in range(n_weights)]
    arrays += [f"history.{phase}.{name}" for phase, name in history]
    expected = {_STATE, *(f"{name}.npy" for name in arrays)}
    for name in archive.names:
        if name not in expected and not name.startswith(_COMMAND_LINE):
            raise ValueError(f"it has a member {name!r}, which is none of a saved estimator")


def _weight_shapes(architecture: Architecture) -> list[tuple[int, ...]]:
    """Shapes of kernels and biases in turn: those of the encoder, then those of the decoder."""
    widths = [architecture.n_features, *architecture.dims]
    layers = [*pairwise(widths)]
    mirrored = [(after, before) for before, after in reversed(layers)]
    return [shape for layer in layers + mirrored for shape in (layer, layer[1:])]


def _check_labels(estimator: Any) -> None:
    for name in ("labels_", "initial_labels_"):
        labels = getattr(estimator, name)
        if not len(labels) or labels.min() < 0 or labels.max() >= len(estimator.cluster_centers_):
            raise ValueError(f"its {name} are not from 0 to n_clusters - 1")


def _check_outputs(estimator: Any) -> None:
    """Raise unless all weights are finite, and what they make of rows of ordinary size."""
    half = len(estimator._weights) // 2
    if not np.isfinite(estimator._frequencies).all() or estimator._frequencies.min() < 0:
        raise ValueError("it has frequencies of clusters that cannot be")
    for weight in (*estimator._weights, estimator.cluster_centers_):
        if not np.isfinite(weight).all():
            raise ValueError("it has weights that are NaN or infinite")
    activation = keras.activations.get(estimator._architecture.activation)
    rows = np.random.RandomState(0).uniform(-1, 1, (4, estimator.n_features_in_))
    with np.errstate(all="ignore"):
        z = _through(estimator._weights[:half], activation, rows.astype(np.float32))
        q = np.asarray(soft_assignment(z, estimator.cluster_centers_, estimator.alpha))
        decoded = _through(estimator._weights[half:], activation, z)
    if not np.isfinite(q).all() or not np.isfinite(decoded).all():
        raise ValueError("it has weights so large that its networks overflow")


def _through(weights: list[np.ndarray], activation: Any, rows: np.ndarray) -> np.ndarray:
    """Rows after a stack of dense layers, the last one linear; nothing is compiled for it."""
    for i in range(0, len(weights), 2):
        rows = rows @ weights[i] + weights[i + 1]
        if i + 2 < len(weights):
            rows = np.asarray(activation(rows))
    return rows


def _to_json(name: str, value: Any) -> Any:
    """The value of a parameter as JSON holds it, or a ValueError."""
    if name == "kernel_initializer" and isinstance(value, str):
        # Keras knows more spellings than it lists; their meaning is what is kept.
        return (
            value if _is_keras_name(name, value) else _to_json(name, keras.initializers.get(value))
        )
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, (np.integer, np.floating, np.bool_)):
        return value.item()
    if isinstance(value, (tuple, list, np.ndarray)):
        return [_to_json(name, item) for item in value]
    if isinstance(value, keras.optimizers.Optimizer):
        return {"optimizer": keras.optimizers.serialize(value)}
    if isinstance(value, keras.initializers.Initializer):
        return {"initializer": keras.initializers.serialize(value)}
    if isinstance(value, np.random.RandomState):
        return None  # what was drawn from it is drawn
    word = getattr(value, "__name__", "")
    if name == "activation" and getattr(keras.activations, word, None) is value:
        return word
    raise ValueError(
        f"{name}={value!r} cannot be saved: a file holds numbers, strings and objects of Keras' "
        "own classes, no other code. Set it to one of these, or pickle, for who trusts the file."
    )


def _from_json(name: str, value: Any) -> Any:
    """The value of a parameter from JSON, or an error: nothing but Keras' own is ever made."""
    if name in ("activation", "kernel_initializer") and isinstance(value, str):
        if not _is_keras_name(name, value):
            raise ValueError(f"its {name} {value[:50]!r} is none of Keras' own")
        return value
    if isinstance(value, list):
        return tuple(_from_json(name, item) for item in value)
    if isinstance(value, dict):
        ((kind, config),) = value.items()
        if kind not in ("optimizer", "initializer"):
            raise ValueError(f"its {name} is no optimizer and no initializer")
        return _keras_object(kind, config)
    return value


def _is_keras_name(parameter: str, word: str) -> bool:
    """Whether `word` names an activation or initializer that Keras itself has and lists."""
    room = keras.activations if parameter == "activation" else keras.initializers
    return word not in ("deserialize", "get", "serialize") and callable(getattr(room, word, None))


def _keras_object(kind: str, config: Any) -> Any:
    """An object of one of Keras' own classes, by its constructor.

    Keras' `deserialize` would look among the classes that the process has registered too, follow
    module names and open nested configurations; none of that is wanted from a file.
    """
    room, base = _KERAS_ROOMS[kind]
    cls = getattr(room, config["class_name"], None)
    if not isinstance(cls, type) or not issubclass(cls, base) or cls is base:
        raise ValueError(f"its {kind} {config['class_name'][:50]!r} is none of Keras' own")
    if config["module"] != room.__name__ or config.get("registered_name") is not None:
        raise ValueError(f"its {kind} {cls.__name__} is not said to be Keras' own")
    return cls(**{name: _plain(name, value) for name, value in config["config"].items()})


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, list) and all(isinstance(item, _PLAIN) for item in value):
        return value
    if name == "learning_rate":
        return _keras_object("schedule", value)
    raise ValueError(f"its {name} is no plain value")
