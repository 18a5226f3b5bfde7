"""Save and load a fitted model as one file without pickle: JSON and arrays in safetensors.

A model is a `DECClusterer`, or a Pipeline of a scaler or `TablePreparer` and a `DECClusterer`. The
only classes and functions looked up by a name in the file are two scalers, those that
`_preparer_file` allows, Keras' own optimizers, schedules and initializers, `RandomAffine`, and the
builders of `networks`, which are called with plain values only. Every array must have the dtype and
shape that follow from the parameters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from numbers import Real
from pathlib import Path
from typing import Any

import keras
import numpy as np
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.utils.validation import check_is_fitted

from skdec._preparer_file import (
    check_transformers,
    collect_preparer_arrays,
    collect_preparer_state,
    create_preparer,
    list_preparer_arrays,
)
from skdec._utils.archive import Archive, open_archive, write_archive
from skdec._utils.constraints import Boolean, Fraction, Integer, Positive
from skdec._utils.files import write_atomically
from skdec.dec._math import soft_assignment
from skdec.dec._parameters import check_parameters
from skdec.dec.training.identity import get_weight_decay_exclusion
from skdec.dec.training.inference import DECWeights, build_untrained_autoencoder
from skdec.layers import RandomAffine
from skdec.networks import Architecture, build_autoencoder, build_convolutional_autoencoder
from skdec.tables._preparer import TablePreparer

_FORMAT = 1
_STATE = {
    "format", "parameters", "n_clusters", "n_features", "feature_names",
    "networks", "alpha", "target_power", "follows_neighbors", "n_partial_fits", "n_iter",
    "stop_reason", "n_weights", "history", "scaler", "preparer", "versions",
}  # fmt: skip
_PACKAGES = ("skdec", "scikit-learn", "skrub", "skops", "pandas", "tensorflow", "keras")
_ARRAYS = ("cluster_centers_", "initial_labels_", "labels_")
_FREQUENCIES = "frequencies"  # for `partial_fit`
_LIMITS = "deviation_limits"  # for `score_samples`; files of earlier versions have none

# The square of the largest output of the networks, in float32, must be far from infinite.
_MAX_OUTPUT = 1e15
# What an image may take in a convolution; the file of a large one can be small.
_MAX_IMAGE_VALUES = 2**26

# Neither written nor accepted: the user's own code, and directories with pickles.
_LEFT_OUT = ("callbacks", "memory", "checkpoint")

_FLOAT32 = (np.dtype(np.float32),)
_INT32 = (np.dtype(np.int32),)
_NUMBERS = tuple(map(np.dtype, (np.float64, np.float32, np.int64, np.int32, np.bool_)))
_PLAIN = (str, bool, int, float, type(None))
_SCALERS = {"StandardScaler": StandardScaler, "MinMaxScaler": MinMaxScaler}
BUILDERS = {one.__name__: one for one in (build_autoencoder, build_convolutional_autoencoder)}
_KERAS_MODULES = {
    "optimizer": (keras.optimizers, keras.optimizers.Optimizer),
    "initializer": (keras.initializers, keras.initializers.Initializer),
    "schedule": (keras.optimizers.schedules, keras.optimizers.schedules.LearningRateSchedule),
}


def save_model(model: Any, path: Any) -> None:
    """Write a fitted model to `path`, replacing an earlier file only when complete.

    Raises a ValueError for a model that a file cannot hold; the message names its part.
    """
    clusterer, transformer = _split_model(model)
    state, arrays = _collect_state(clusterer), _collect_arrays(clusterer)
    if transformer is not None:
        steps = [name for name, _ in model.steps]
        if isinstance(transformer, TablePreparer):
            state["preparer"] = collect_preparer_state(transformer, steps)
            arrays |= collect_preparer_arrays(transformer)
        else:
            state["scaler"] = _collect_scaler_state(transformer, steps)
            arrays |= _collect_scaler_arrays(transformer)
    with write_atomically(Path(path)) as part:
        write_archive(part, state, arrays)
        # A file that cannot be read back is refused now, while the model still exists.
        try:
            load_model(type(clusterer), part)
        except ValueError as error:
            raise ValueError(f"This estimator cannot be saved: {error.__cause__}.") from error


def check_can_be_saved(transformer: Any) -> None:
    """Raise a ValueError if a file cannot hold a fitted transformer, before a long fit after it."""
    if isinstance(transformer, TablePreparer):
        try:
            check_transformers(transformer)
        except ValueError as error:
            raise ValueError(f"The preparation of this table cannot be saved: {error}.") from error


def load_model(cls: type, path: Any, *, allow_scaler: bool = True) -> Any:
    """Read a file that `save_model` has written.

    Parameters
    ----------
    cls : type
        Class of the estimator to create.
    path : path-like
        The file.
    allow_scaler : bool, default=True
        Whether the file may have a scaler.

    Returns
    -------
    cls or Pipeline
        The fitted estimator, after its scaler if the file has one.

    Raises
    ------
    ValueError
        If the file is damaged, of another kind, or has a scaler that is not allowed.
    """
    with open_archive(path) as archive:
        state = _check_state(archive.state)
        scaler_state, preparer_state = state["scaler"], state.get("preparer") or {}
        if scaler_state is None and not preparer_state:
            _check_arrays(archive, state)
            return _load_clusterer(cls, state, archive)
        if not allow_scaler:
            what = "preparer of tables" if scaler_state is None else "scaler"
            raise ValueError(
                f"it has a {what} as well, without which samples would get other labels; use "
                "skdec.load, which returns a Pipeline of both"
            )
        transformer: Any
        if scaler_state is None:
            _check_arrays(archive, state, list_preparer_arrays(preparer_state))
            transformer = create_preparer(preparer_state, archive)
        else:
            transformer = _create_unfitted_scaler(scaler_state)
            names = [f"scaler.{name}" for name in _list_arrays(transformer)]
            _check_arrays(archive, state, names)
            _set_scaler_attributes(transformer, scaler_state, state["n_features"], archive)
        clusterer = _load_clusterer(cls, state, archive)
        steps = (scaler_state or preparer_state)["steps"]
        return _create_pipeline(state, steps, transformer, clusterer)


def _split_model(model: Any) -> tuple[Any, Any]:
    """Return the clusterer of a model, and its scaler or preparer or None."""
    if isinstance(model, BaseEstimator):
        check_is_fitted(model)
    is_pipeline = type(model) is Pipeline
    *transformers, clusterer = [step for _, step in model.steps] if is_pipeline else [model]
    allowed = {*_SCALERS.values(), TablePreparer}
    unknown = [step for step in transformers if type(step) not in allowed]
    if not isinstance(getattr(clusterer, "_weights", None), DECWeights):
        unknown.append(clusterer)
    if len(transformers) != is_pipeline:
        unknown.append(model)
    if unknown:
        raise ValueError(
            f"{unknown[0]!r} cannot be saved: a file holds a DECClusterer, or a Pipeline of a "
            f"{', '.join(_SCALERS)} or TablePreparer and a DECClusterer. Use pickle for trusted "
            "files."
        )
    return clusterer, transformers[0] if transformers else None


def _collect_state(estimator: Any) -> dict[str, Any]:
    """Return everything but the arrays of an estimator, as JSON can hold it."""
    architecture = estimator._weights.architecture
    return {
        "format": _FORMAT,
        **_collect_networks(architecture),
        "parameters": {
            name: _to_json(name, value)
            for name, value in estimator.get_params(deep=False).items()
            if name not in _LEFT_OUT
        },
        "alpha": float(estimator._weights.alpha),
        "target_power": float(estimator._target_power),
        "follows_neighbors": bool(estimator._follows_neighbors),
        "n_partial_fits": int(estimator._n_partial_fits),
        "n_clusters": len(estimator.cluster_centers_),
        "n_features": int(architecture.n_features),
        "feature_names": list(getattr(estimator, "feature_names_in_", [])),
        "n_iter": int(estimator.n_iter_),
        "stop_reason": estimator.stop_reason_,
        "n_weights": len(estimator._weights.autoencoder),
        "history": {phase: list(series) for phase, series in estimator.history_.items()},
        "scaler": None,
        "versions": _collect_versions(),
    }


def _collect_networks(architecture: Architecture) -> dict[str, Any]:
    """Return the builder of the networks and its arguments."""
    if not _is_known_builder(architecture.source):
        raise ValueError(
            "A fit with this autoencoder cannot be saved: a file holds the networks of skdec's own "
            "builders only, no code that builds others. Use pickle for trusted files, or save "
            "model_ with Keras."
        )
    return {"networks": _to_json("autoencoder", architecture.source)}


def _is_known_builder(source: Any) -> bool:
    """Return whether networks are built by a function of skdec, alone or with keywords."""
    if type(source) is partial:
        return not source.args and source.func in BUILDERS.values()
    return source in BUILDERS.values()


def _collect_versions() -> dict[str, str]:
    """Return the versions of the packages that make a model, for whoever reads the file."""
    versions = {}
    for package in _PACKAGES:
        with suppress(PackageNotFoundError):
            versions[package] = version(package)
    return versions


def _collect_arrays(estimator: Any) -> dict[str, np.ndarray]:
    arrays = {name: getattr(estimator, name) for name in _ARRAYS}
    if hasattr(estimator, "_frequencies"):
        arrays[_FREQUENCIES] = estimator._frequencies
    if hasattr(estimator, "_deviation_limits"):
        arrays[_LIMITS] = estimator._deviation_limits
    arrays |= {f"weights.{i}": weight for i, weight in enumerate(estimator._weights.autoencoder)}
    for phase, series in estimator.history_.items():
        arrays |= {f"history.{phase}.{name}": values for name, values in series.items()}
    return arrays


def _check_state(state: Any) -> dict[str, Any]:
    """Return the state, or raise for contents that the estimator does not check itself."""
    kinds = {"parameters": dict, "feature_names": list, "stop_reason": str, "history": dict}
    if not isinstance(state, dict):
        raise TypeError("its state is no JSON object")
    Integer(1).check("format", state["format"])
    if state["format"] > _FORMAT:
        raise ValueError("it was written by a newer version of skdec")
    for name in sorted(state.keys() - _STATE):
        raise ValueError(f"it has an entry {name!r}, which is none of a saved estimator")
    for name, kind in kinds.items():
        if not isinstance(state[name], kind):
            raise TypeError(f"its {name} is no {kind.__name__}")
    Integer(1).check("n_features", state["n_features"])
    Integer(1).check("n_clusters", state["n_clusters"])
    Integer(0).check("n_iter", state["n_iter"])
    if "alpha" in state:
        Positive().check("alpha", state["alpha"])
    if "target_power" in state:
        Fraction().check("target_power", state["target_power"])
    Integer(0).check("n_partial_fits", state.get("n_partial_fits", 0))
    if "follows_neighbors" in state:
        Boolean().check("follows_neighbors", state["follows_neighbors"])
    _check_feature_names(state["feature_names"], state["n_features"])
    for name in ("scaler", "preparer", "versions"):
        if not isinstance(state[name] if name == "scaler" else state.get(name), dict | None):
            raise TypeError(f"its {name} is no dict")
    return state


def _check_feature_names(names: Any, n_features: int) -> None:
    """Raise unless there is a name for each feature, or an empty list."""
    if (
        not isinstance(names, list)
        or not all(isinstance(name, str) for name in names)
        or len(names) not in (0, n_features)
    ):
        raise ValueError(f"its feature_names are no {n_features} strings")


def _load_clusterer(cls: type, state: dict[str, Any], archive: Archive) -> Any:
    estimator = _create_unfitted(cls, state["parameters"])
    _set_fitted_attributes(estimator, state, archive)
    _check_outputs(estimator)
    return estimator


def _create_unfitted(cls: type, parameters: dict[str, Any]) -> Any:
    """Return an estimator with the file's parameters, checked as its `fit` checks them."""
    estimator = cls()
    known = estimator.get_params(deep=False).keys() - set(_LEFT_OUT)
    for name in sorted(parameters.keys() - known):
        raise ValueError(f"it has a parameter {name!r}, which a file cannot set")
    estimator.set_params(**{name: _from_json(name, value) for name, value in parameters.items()})
    check_parameters(estimator)
    return estimator


def _set_fitted_attributes(estimator: Any, state: dict[str, Any], archive: Archive) -> None:
    """Set the fitted attributes from arrays with the dtypes and shapes that the state implies."""

    def array(name: str, dtypes: Any, *shape: int | None) -> np.ndarray:
        return archive.array(name, dtypes, shape)

    def history(name: str) -> np.ndarray:
        shape = (None, None) if name.endswith(".labels") else (None,)  # of `LabelHistory`
        return array(name, _NUMBERS, *shape)

    architecture = _create_architecture(state)
    networks = architecture.build()
    weights = [
        array(f"weights.{i}", _FLOAT32, *weight.shape)
        for i, weight in enumerate(networks.autoencoder.weights)
    ]
    n_encoder = len(networks.encoder.weights)
    estimator._n_features_out = architecture.embedding_width
    estimator.n_features_in_ = architecture.n_features
    if state["feature_names"]:
        estimator.feature_names_in_ = np.array(state["feature_names"], dtype=object)
    estimator.cluster_centers_ = array(
        "cluster_centers_", _FLOAT32, state["n_clusters"], architecture.embedding_width
    )
    estimator._weights = replace(
        DECWeights(architecture, weights[:n_encoder], weights[n_encoder:]),
        centers=estimator.cluster_centers_,
        alpha=state.get("alpha", estimator.alpha),  # of the fit; earlier files have none
    )
    estimator.labels_ = array("labels_", _INT32, None)
    estimator.initial_labels_ = array("initial_labels_", _INT32, len(estimator.labels_))
    _check_labels(estimator)
    estimator._frequencies = array(_FREQUENCIES, _NUMBERS[:1], state["n_clusters"])
    if _LIMITS in archive.arrays:
        estimator._deviation_limits = array(_LIMITS, _NUMBERS[:1], 2)
        if not (np.isfinite(estimator._deviation_limits) & (estimator._deviation_limits > 0)).all():
            raise ValueError(f"its array {_LIMITS!r} is not finite or not positive")
    # Files of earlier versions have none of them; power and neighbors are those of the paper.
    estimator._n_partial_fits = state.get("n_partial_fits", 0)
    estimator._target_power = state.get("target_power", 1.0)
    estimator._follows_neighbors = state.get("follows_neighbors", True)
    estimator.n_iter_ = state["n_iter"]
    estimator.stop_reason_ = state["stop_reason"]
    estimator.history_ = {
        phase: {name: history(f"history.{phase}.{name}") for name in names}
        for phase, names in state["history"].items()
    }


def _create_architecture(state: dict[str, Any]) -> Architecture:
    return Architecture.create(_from_json("autoencoder", state["networks"]), state["n_features"])


def _check_arrays(
    archive: Archive, state: dict[str, Any], transformer_arrays: Sequence[str] = ()
) -> None:
    """Raise unless the archive has exactly the arrays that its state lists."""
    if state["n_weights"] > len(archive.arrays):
        raise ValueError("arrays are missing")
    expected = {*_ARRAYS, _FREQUENCIES, *transformer_arrays}
    expected |= {_LIMITS} & archive.arrays.keys()
    expected |= {f"weights.{i}" for i in range(state["n_weights"])}
    expected |= {
        f"history.{phase}.{name}" for phase, names in state["history"].items() for name in names
    }
    for name in sorted(archive.arrays.keys() - expected):
        raise ValueError(f"it has an array {name!r}, which is none of a saved estimator")
    for name in sorted(expected - archive.arrays.keys()):
        raise ValueError(f"it has no array {name!r}")


def _check_labels(estimator: Any) -> None:
    for name in ("labels_", "initial_labels_"):
        labels = getattr(estimator, name)
        if not len(labels) or labels.min() < 0 or labels.max() >= len(estimator.cluster_centers_):
            raise ValueError(f"its {name} are not from 0 to n_clusters - 1")


def _check_outputs(estimator: Any) -> None:
    """Raise unless the weights are finite, and so are their outputs for ordinary samples."""
    weights = estimator._weights
    if not np.isfinite(estimator._frequencies).all() or estimator._frequencies.min() < 0:
        raise ValueError("it has cluster frequencies that are not finite or negative")
    for array in (*weights.autoencoder, weights.centers):
        if not np.isfinite(array).all():
            raise ValueError("it has weights that are NaN or infinite")
    samples = np.random.RandomState(0).uniform(-1, 1, (4, estimator.n_features_in_))
    with np.errstate(all="ignore"):
        z, decoded = _compute_outputs(weights, samples.astype(np.float32))
        q = np.asarray(soft_assignment(z, weights.centers, weights.alpha))
    # The limit leaves a margin for samples that are larger than these.
    is_small = all((np.abs(output) < _MAX_OUTPUT).all() for output in (z, decoded))
    if not np.isfinite(q).all() or not is_small:
        raise ValueError("it has weights so large that its networks overflow")


def _compute_outputs(weights: DECWeights, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return embedding and reconstruction, without compiling anything."""
    networks = build_untrained_autoencoder(weights.architecture)
    networks.autoencoder.set_weights(weights.autoencoder)
    z = np.asarray(networks.encoder(samples))
    return z, np.asarray(networks.decoder(z))


def _list_arrays(scaler: Any) -> list[str]:
    """Return the names of the fitted arrays, which depend on the scaler's parameters."""
    if isinstance(scaler, MinMaxScaler):
        names = ["data_max_", "data_min_", "data_range_", "min_", "scale_"]
    elif scaler.with_std:
        names = ["mean_", "scale_", "var_"]
    else:
        names = ["mean_"] if scaler.with_mean else []
    return [*names, "n_samples_seen_"]


def _collect_scaler_arrays(scaler: Any) -> dict[str, np.ndarray]:
    return {f"scaler.{name}": np.asarray(getattr(scaler, name)) for name in _list_arrays(scaler)}


def _collect_scaler_state(scaler: Any, step_names: list[str]) -> dict[str, Any]:
    return {
        "class": type(scaler).__name__,
        "parameters": {
            name: _to_json(name, value)
            for name, value in scaler.get_params().items()
            if name != "copy"  # a file cannot make a scaler that changes the samples it is given
        },
        "feature_names": list(getattr(scaler, "feature_names_in_", [])),
        "steps": step_names,
    }


def _create_unfitted_scaler(state: dict[str, Any]) -> Any:
    """Return a scaler with the parameters in a file, checked as its `fit` checks them."""
    for name in sorted(state.keys() ^ {"class", "parameters", "feature_names", "steps"}):
        raise ValueError(f"its scaler lacks, or should not have, the entry {name!r}")
    if state["class"] not in _SCALERS:
        raise ValueError(f"its scaler {state['class'][:50]!r} is none of {', '.join(_SCALERS)}")
    scaler, parameters = _SCALERS[state["class"]](), state["parameters"]
    if parameters.keys() != scaler.get_params().keys() - {"copy"}:
        raise ValueError(f"its scaler's parameters are not those of {state['class']}")
    for name, value in parameters.items():
        if name == "feature_range":
            low, high = value
            are_numbers = all(isinstance(limit, Real) and math.isfinite(limit) for limit in value)
            if not are_numbers or low >= high:
                raise ValueError("its scaler's feature_range is no range of numbers")
        elif not isinstance(value, bool):
            raise TypeError(f"its scaler's {name} is no bool")
    return scaler.set_params(**{name: _from_json(name, parameters[name]) for name in parameters})


def _set_scaler_attributes(
    scaler: Any, state: dict[str, Any], n_features: int, archive: Archive
) -> None:
    """Set the fitted attributes, and raise unless they and scaled samples are finite."""
    if isinstance(scaler, StandardScaler):
        scaler.mean_ = scaler.scale_ = scaler.var_ = None
    for name in _list_arrays(scaler):
        shape = () if name == "n_samples_seen_" else (n_features,)
        array = archive.array(f"scaler.{name}", _NUMBERS, shape)
        setattr(scaler, name, array[()] if shape == () else array)
        if not np.isfinite(array).all():
            raise ValueError(f"its array 'scaler.{name}' has values that are NaN or infinite")
    scaler.n_features_in_ = n_features
    samples = np.random.RandomState(0).uniform(-1, 1, (4, n_features))
    with np.errstate(all="ignore"):
        if not np.isfinite(scaler.transform(samples).astype(np.float32)).all():
            raise ValueError("it has a scaler that divides by zero or overflows")
    _check_feature_names(state["feature_names"], n_features)
    if state["feature_names"]:
        scaler.feature_names_in_ = np.array(state["feature_names"], dtype=object)


def _create_pipeline(
    state: dict[str, Any], names: list[str], transformer: Any, clusterer: Any
) -> Pipeline:
    """Return the Pipeline of a fitted scaler or preparer and a fitted clusterer."""
    features = transformer.get_feature_names_out().tolist()
    if len(features) != state["n_features"]:
        raise ValueError("its preparer does not return as many features as there are")
    if state["feature_names"]:
        # Those of the transformer's output, if that was a data frame.
        if features != state["feature_names"]:
            raise ValueError("its feature_names are not those that its scaler returns")
        transformer.set_output(transform="pandas")
    pipeline = Pipeline(list(zip(names, (transformer, clusterer), strict=True)))
    if (
        len(set(names)) < 2
        or any(not isinstance(name, str) or "__" in name for name in names)
        or set(names) & pipeline.get_params(deep=False).keys()
    ):
        raise ValueError("its names of the steps are not those of a Pipeline")
    return pipeline


def _to_json(name: str, value: Any) -> Any:
    """Return the value of a parameter as JSON holds it, or raise a ValueError."""
    if name == "kernel_initializer" and isinstance(value, str):
        # Keras accepts more spellings than it lists; the initializer itself is stored.
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
        if get_weight_decay_exclusion(value):
            raise ValueError(
                f"{name} excludes variables from weight decay, which a file cannot hold. Set "
                f"{name} to 'adam', as the estimator is fitted already, or use pickle."
            )
        return {"optimizer": keras.optimizers.serialize(value)}
    if isinstance(value, keras.initializers.Initializer):
        return {"initializer": keras.initializers.serialize(value)}
    if name == "autoencoder" and _is_known_builder(value):
        builder, arguments = (value.func, value.keywords) if type(value) is partial else (value, {})
        return {builder.__name__: {key: _to_json(key, arguments[key]) for key in arguments}}
    if type(value) is RandomAffine:
        return {"random_affine": {key: getattr(value, key) for key in RandomAffine.ARGUMENTS}}
    if isinstance(value, np.random.RandomState):
        return None  # the state of a generator is not kept
    word = getattr(value, "__name__", "")
    if name == "activation" and getattr(keras.activations, word, None) is value:
        return word
    raise ValueError(
        f"{name}={value!r} cannot be saved: a file holds numbers, strings and objects of Keras' "
        "own classes, no other code. Set it to one of these, or use pickle for trusted files."
    )


def _from_json(name: str, value: Any) -> Any:
    """Return the value of a parameter from JSON; only objects of known classes are created."""
    if name in ("activation", "kernel_initializer") and isinstance(value, str):
        if not _is_keras_name(name, value):
            raise ValueError(f"its {name} {value[:50]!r} is none of Keras' own")
        return value
    if isinstance(value, list):
        return tuple(_from_json(name, item) for item in value)
    if isinstance(value, dict):
        ((kind, config),) = value.items()
        if name == "autoencoder":
            return _create_builder(kind, config)
        if kind == "random_affine":
            return RandomAffine(**config)
        if kind not in ("optimizer", "initializer"):
            raise ValueError(f"its {name} is no optimizer and no initializer")
        return _keras_object(kind, config)
    return value


def _create_builder(name: str, arguments: dict[str, Any]) -> Any:
    """Return a function of the number of features that builds networks of skdec."""
    if name not in BUILDERS:
        raise ValueError(f"its autoencoder {name[:50]!r} is none of skdec's own")
    if arguments.get("dtype") not in (None, "float32"):
        raise ValueError("its networks are not of dtype float32, as all weights of a file are")
    return partial(BUILDERS[name], **{key: _from_json(key, arguments[key]) for key in arguments})


def _is_keras_name(parameter: str, word: str) -> bool:
    """Whether `word` names an activation or initializer that Keras itself has and lists."""
    module = keras.activations if parameter == "activation" else keras.initializers
    return word not in ("deserialize", "get", "serialize") and callable(getattr(module, word, None))


def _keras_object(kind: str, config: Any) -> Any:
    """Create an object of one of Keras' own classes by its constructor.

    Keras' `deserialize` would also search the classes registered in the process, follow module
    names and open nested configurations, none of which is safe for a file.
    """
    module, base = _KERAS_MODULES[kind]
    cls = getattr(module, config["class_name"], None)
    if not isinstance(cls, type) or not issubclass(cls, base) or cls is base:
        raise ValueError(f"its {kind} {config['class_name'][:50]!r} is none of Keras' own")
    if config["module"] != module.__name__ or config.get("registered_name") is not None:
        raise ValueError(f"its {kind} {cls.__name__} is not said to be Keras' own")
    return cls(**{name: _check_plain(name, value) for name, value in config["config"].items()})


def _check_plain(name: str, value: Any) -> Any:
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, list) and all(isinstance(item, _PLAIN) for item in value):
        return value
    if name == "learning_rate":
        return _keras_object("schedule", value)
    raise ValueError(f"its {name} is no plain value")
