"""The state of a fitted `DECClusterer` as plain values, for pickle and for files without code.

Networks of skdec's own builders are described by these and their arguments, objects of Keras' own
classes by their configurations. Other values of parameters stay as they are: pickle takes them,
and a file refuses them by name.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import keras
import numpy as np
from sklearn.base import BaseEstimator

from skdec.dec._parameters import check_parameters
from skdec.dec.training.checkpoint import get_weight_decay_exclusion, identify
from skdec.dec.training.inference import DECWeights
from skdec.dec.training.samples import Scaling
from skdec.layers import RandomAffine, soft_assignment
from skdec.networks import Architecture, build_autoencoder, build_convolutional_autoencoder

# Each description is a dict with one of these keys.
_WEIGHTS, _BUILDER, _KERAS, _AUGMENTATION = "skdec weights", "skdec builder", "keras", "augment"
_BUILDERS = {
    builder.__name__: builder for builder in (build_autoencoder, build_convolutional_autoencoder)
}
_KERAS_CLASSES = {
    module.__name__: (module, base)
    for module, base in (
        (keras.initializers, keras.initializers.Initializer),
        (keras.optimizers, keras.optimizers.Optimizer),
        (keras.optimizers.schedules, keras.optimizers.schedules.LearningRateSchedule),
    )
}
_PLAIN = (str, bool, int, float, type(None), np.number, np.bool_, np.ndarray)

# The square of the largest output of the networks, in float32, must be far from infinite.
_MAX_OUTPUT = 1e15
# What an image may take in a convolution; the file of a large one can be small.
_MAX_IMAGE_VALUES = 2**26


def describe_state(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes with descriptions in place of networks and Keras objects."""
    return {name: _describe(value) for name, value in state.items()}


def restore_state(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes as they were before `describe_state`; only known classes are created."""
    return {name: _restore(value) for name, value in state.items()}


def check_can_be_saved(parameters: Mapping[str, Any]) -> None:
    """Raise a ValueError that names the first parameter that a file cannot hold."""
    for name, value in parameters.items():
        if not _is_plain(_describe(value)):
            raise ValueError(
                f"{name}={value!r} cannot be saved: a file holds numbers, strings, estimators of "
                "scikit-learn, networks of skdec's own builders and objects of Keras' own classes, "
                "no other code. Set it to one of these, or use pickle for trusted files."
            )


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(map(_is_plain, value.values()))
    return isinstance(value, (*_PLAIN, BaseEstimator))


def _describe(value: Any) -> Any:
    if isinstance(value, DECWeights):
        return _describe_weights(value)
    if type(value) is partial and not value.args and value.func in _BUILDERS.values():
        arguments = {name: _describe(value.keywords[name]) for name in value.keywords}
        return {_BUILDER: value.func.__name__, "arguments": arguments}
    if callable(value) and value in _BUILDERS.values():
        return {_BUILDER: value.__name__, "arguments": {}}
    if type(value) is RandomAffine:
        return {_AUGMENTATION: {name: getattr(value, name) for name in RandomAffine.ARGUMENTS}}
    word = getattr(value, "__name__", "")
    if callable(value) and getattr(keras.activations, word, None) is value:
        return word
    is_described = isinstance(value, tuple(base for _, base in _KERAS_CLASSES.values()))
    # The exclusions of an optimizer are no part of its configuration.
    if is_described and not get_weight_decay_exclusion(value):
        config = keras.saving.serialize_keras_object(value)
        return {_KERAS: config} if _is_known(config) else value
    return value


def _restore(value: Any) -> Any:
    if isinstance(value, dict):
        if _WEIGHTS in value:
            return _restore_weights(value[_WEIGHTS])
        if _BUILDER in value:
            return _create_builder(value[_BUILDER], value["arguments"])
        if _AUGMENTATION in value:
            return RandomAffine(**value[_AUGMENTATION])
        if _KERAS in value:
            return _create_keras_object(value[_KERAS])
    return value


# ---- networks


def _create_builder(name: str, described: dict[str, Any]) -> partial[Any]:
    arguments = {key: _restore(value) for key, value in described.items()}
    for key, value in arguments.items():
        # Keras would follow the names of modules in a dict, and look up registered names.
        module = {"activation": keras.activations, "kernel_initializer": keras.initializers}.get(
            key
        )
        is_word = isinstance(value, str) and module is not None
        if isinstance(value, dict) or (is_word and not _is_keras_name(module, value)):
            raise ValueError(f"its {key} {str(value)[:50]!r} is none of Keras' own")
    return partial(_BUILDERS[name], **arguments)


def _is_keras_name(module: Any, word: str) -> bool:
    return word not in ("deserialize", "get", "serialize") and callable(getattr(module, word, None))


def _describe_weights(weights: DECWeights) -> Any:
    architecture = weights.architecture
    networks, scaling = _describe(architecture.source), weights.scaling
    if not _is_plain(networks):
        return weights
    return {
        _WEIGHTS: {
            "n_features": architecture.n_features,
            "networks": networks,
            "encoder": weights.encoder,
            "decoder": weights.decoder,
            "centers": weights.centers,
            "alpha": weights.alpha,
            "scaling": None if scaling is None else vars(scaling),
        }
    }


def _restore_weights(state: dict[str, Any]) -> DECWeights:
    """Return weights with their architecture, or raise a ValueError unless they belong to it.

    No weight of the networks is created for that, however large a file says that they are.
    """
    source, n_features = _restore(state["networks"]), state["n_features"]
    arrays = [*state["encoder"], *state["decoder"]]
    if type(n_features) is not int or n_features < 1:
        raise ValueError(f"n_features must be a positive integer; got {n_features!r}")
    lists = [value for value in source.keywords.values() if isinstance(value, (list, tuple))]
    if any(len(one) > len(arrays) for one in lists):
        raise ValueError(f"its {len(arrays)} weights are not those of its networks")
    if source.keywords.get("dtype") not in (None, "float32"):
        raise ValueError("its networks are not of dtype float32, as all weights of a file are")

    def build() -> Any:
        with keras.StatelessScope(initialize_variables=False):
            return source(n_features, seed=0, dtype="float32")

    # Keras would create the weights later, in whatever this thread traces next.
    with ThreadPoolExecutor(1) as executor:
        _, *networks = executor.submit(build).result()
    shapes = [[tuple(weight.shape) for weight in network.weights] for network in networks]
    found = [[array.shape for array in state[name]] for name in ("encoder", "decoder")]
    if found != shapes or any(array.dtype != np.float32 for array in arrays):
        raise ValueError("its weights do not have the shapes of its networks, or are not float32")
    largest = max((max(array.shape) for array in arrays if array.ndim > 2), default=1)
    if n_features * largest > _MAX_IMAGE_VALUES:
        raise ValueError(
            f"its images of {n_features} values with {largest} filters are larger than "
            f"{_MAX_IMAGE_VALUES} values"
        )
    width = networks[0].output.shape[1]
    architecture = Architecture(n_features, width, identify(source), source)
    return DECWeights(
        architecture,
        state["encoder"],
        state["decoder"],
        state["centers"],
        state["alpha"],
        _restore_scaling(state["scaling"], n_features),
    )


def _restore_scaling(state: dict[str, Any] | None, n_features: int) -> Scaling | None:
    if state is None:
        return None
    scaling = Scaling(state["center"], state["scale"])
    is_array = isinstance(scaling.center, np.ndarray) and scaling.center.dtype == np.float64
    if not is_array or scaling.center.shape != (n_features,):
        raise ValueError(f"its center is not that of {n_features} features")
    if not np.isfinite(scaling.center).all() or not 0 < scaling.scale < np.inf:
        raise ValueError("its center is not finite, or its scale not positive")
    return scaling


# ---- objects of Keras


def _is_known(config: Any) -> bool:
    """Return whether a configuration is one of Keras' own classes and of plain values."""
    try:
        _create_keras_object(config)
    except (AttributeError, KeyError, TypeError, ValueError):
        return False
    return True


def _create_keras_object(config: dict[str, Any]) -> Any:
    """Create an object of one of Keras' own classes by its constructor.

    Keras' `deserialize` would also search the classes registered in the process, follow module
    names and open nested configurations, none of which is safe for a file.
    """
    module, base = _KERAS_CLASSES[config["module"]]
    cls: Any = getattr(module, config["class_name"], None)
    is_own = isinstance(cls, type) and issubclass(cls, base) and cls is not base
    if not is_own or config.get("registered_name") is not None:
        raise ValueError(f"its {config['class_name'][:50]!r} is no class of {module.__name__}")
    arguments = dict(config["config"])
    if isinstance(arguments.get("learning_rate"), dict):
        arguments["learning_rate"] = _create_keras_object(arguments["learning_rate"])
    for name, value in arguments.items():
        is_plain = isinstance(value, (str, bool, int, float, list, type(None)))
        if not is_plain and name != "learning_rate":
            raise ValueError(f"its {name} is no plain value")
    return cls(**arguments)


# ---- checks of what a file has


def check_fitted(estimator: Any) -> None:
    """Raise a ValueError unless fitted attributes fit together and the outputs are finite."""
    check_parameters(estimator)
    weights = estimator._weights
    if not isinstance(weights, DECWeights):
        raise ValueError("it has no weights of networks")
    centers, n_features = weights.centers, weights.architecture.n_features
    n_clusters, width = len(centers), weights.architecture.embedding_width
    expected = {
        "cluster_centers_": (np.float32, (n_clusters, width)),
        "_frequencies": (np.float64, (n_clusters,)),
        "_deviation_limits": (np.float64, (2,)),
    }
    for name, (dtype, shape) in expected.items():
        array = vars(estimator)[name]
        if array.dtype != dtype or array.shape != shape:
            raise ValueError(f"its {name} is {array.dtype} of {array.shape}, not of {shape}")
        if not np.isfinite(array).all() or (name[0] == "_" and array.min() < 0):
            raise ValueError(f"its {name} is not finite or negative")
    if not np.array_equal(estimator.cluster_centers_, centers) or centers.dtype != np.float32:
        raise ValueError("its cluster_centers_ are not those of its networks")
    if (estimator.n_features_in_, estimator._n_features_out) != (n_features, width):
        raise ValueError("its numbers of features are not those of its networks")
    if not isinstance(estimator.history_, dict) or not isinstance(estimator.stop_reason_, str):
        raise ValueError("its history_ or stop_reason_ is none of a fit")
    for series in estimator.history_.values():
        if any(values.dtype.kind not in "biuf" or values.ndim > 2 for values in series.values()):
            raise ValueError("its history_ has something else than numbers")
    if not 0 < weights.alpha < np.inf:
        raise ValueError("its alpha is not positive")
    _check_outputs(weights)


def _check_outputs(weights: DECWeights) -> None:
    if not all(np.isfinite(array).all() for array in (*weights.autoencoder, weights.centers)):
        raise ValueError("it has weights that are NaN or infinite")
    networks = weights.build_networks()
    shape = (4, weights.architecture.n_features)
    samples = np.random.RandomState(0).uniform(-1, 1, shape).astype(np.float32)
    with np.errstate(all="ignore"):
        z = np.asarray(networks.encoder(samples))
        outputs = z, np.asarray(networks.decoder(z))
        q = np.asarray(soft_assignment(z, weights.centers, weights.alpha))
    # The limit leaves a margin for samples that are larger than these.
    is_small = all((np.abs(output) < _MAX_OUTPUT).all() for output in outputs)
    if not np.isfinite(q).all() or not is_small:
        raise ValueError("it has weights so large that its networks overflow")
