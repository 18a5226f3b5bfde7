"""State of a fit on disk, from which the same fit resumes after it was killed.

Each phase has a file of its own, replaced as a whole. A state is used only by a fit with the same
samples, parameters and versions.

For checkpoints, the cache and compiled programs alike, a value is identified by what it says about
itself: plain values and arrays by their contents, Keras objects and estimators by their class and
configuration, functions and classes of installed packages by their names. The code of other
functions and classes is not read: it may depend on anything.
"""

import inspect
import io
import json
import sys
import sysconfig
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache, partial
from importlib.metadata import packages_distributions, version
from os import sep
from pathlib import Path
from types import MappingProxyType
from typing import Any
from uuid import uuid4

import joblib
import keras
import numpy as np

from skdec._utils.files import describe_versions, write_atomically
from skdec._utils.process import count_usable_threads
from skdec.dec.training.distribute import is_chief

_FORMAT = 2
_CONTENT = "identity and numbers"  # a member, as JSON, beside the arrays
_PHASES = ("layer_*", "pretrain", "refine", "rebuilt")  # as patterns of file names
# Parameters that do not change the result of a fit.
_WITHOUT_EFFECT = ("callbacks", "checkpoint", "memory", "verbose", "warm_start")
# The next state is written when this many times the duration of the last writing has passed, so
# that checkpoints take less than one part in so many of the time.
_MIN_INTERVAL = 20
_FOLDERS = (sysconfig.get_path("stdlib") + sep, str(Path(__file__).parents[2]) + sep)
# Wherever they are: of the system, of a user, of an environment or of one that it builds on.
_FOLDERS_OF_PACKAGES = {"site-packages", "dist-packages"}
_PLAIN = (str, bytes, bool, int, float, complex, type(None), np.ndarray, np.generic, range, Path)
HAVE_CONFIG = (
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


# State of a training phase: values that JSON can hold, and arrays by name.
CheckpointState = tuple[dict[str, Any], dict[str, np.ndarray]]


class Checkpoint:
    """The checkpoint files of one fit.

    Parameters
    ----------
    directory : path-like or None
        Created if it does not exist; with None nothing is kept.
    samples_digest : str
        Digest of the samples and their weights.
    parameters : dict
        Parameters of the estimator.
    initial_weights : list of ndarray, default=()
        Weights that a warm start begins from.

    Raises
    ------
    ValueError
        If the directory has the state of another fit, or a damaged one.
    """

    def __init__(
        self,
        directory: Any,
        samples_digest: str = "",
        parameters: Mapping[str, Any] = MappingProxyType({}),
        initial_weights: Sequence[np.ndarray] = (),
    ) -> None:
        self._directory = None if directory is None else Path(directory)
        self._next_time = 0.0
        if self._directory is None:
            return
        self._directory.mkdir(parents=True, exist_ok=True)
        relevant = {name: parameters[name] for name in parameters if name not in _WITHOUT_EFFECT}
        self._identity = {
            "format": str(_FORMAT),
            **{f"the version of {name}": text for name, text in describe_versions().items()},
            "the number of threads": str(count_usable_threads()),
            "its samples or their weights": samples_digest,
            **{name: describe(value, by_name=True) for name, value in relevant.items()},
            "the previous fit": describe(list(initial_weights)),
        }

    def load(self, phase: str) -> CheckpointState | None:
        """Return the state of a phase that an earlier run of this fit has saved, if any."""
        if self._directory is None or not self._get_path(phase).exists():
            return None
        path = self._get_path(phase)
        try:
            with np.load(path, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
            content = json.loads(str(arrays.pop(_CONTENT)))
            theirs, state = content["identity"], (content["numbers"], arrays)
        # zipfile, NumPy and json raise half a dozen kinds of errors for damaged files.
        except Exception as error:
            raise ValueError(f"{path} cannot be read as a checkpoint: {error}.") from error
        ours = self._identity
        differing = [key for key in {**ours, **theirs} if ours.get(key) != theirs.get(key)]
        if differing:
            raise ValueError(
                f"{path} is the checkpoint of another fit, which differs in "
                f"{', '.join(differing)}. Use the same values to resume it; remove it or set "
                "another directory to fit from the beginning."
            )
        return state

    def save(
        self, phase: str, get_state: Callable[[], CheckpointState], *, force: bool = False
    ) -> None:
        """Write the state of a phase if enough time has passed since the last one, or `force`."""
        is_due = force or time.monotonic() >= self._next_time
        if self._directory is None or not is_due or not is_chief():
            return
        start = time.monotonic()
        numbers, arrays = get_state()
        content = json.dumps({"identity": self._identity, "numbers": numbers})
        members: dict[str, Any] = {_CONTENT: np.array(content), **arrays}
        buffer = io.BytesIO()
        np.savez(buffer, **members)
        try:
            with write_atomically(self._get_path(phase)) as part:
                part.write_bytes(buffer.getbuffer())
        except OSError as error:
            raise OSError(
                error.errno,
                f"The checkpoint {self._get_path(phase)} cannot be written ({error.strerror}). "
                "The previous one is intact; make room and fit again to resume from it",
            ) from error
        end = time.monotonic()
        self._next_time = end + _MIN_INTERVAL * (end - start)

    def remove(self) -> None:
        """Remove the states of all phases, partly written ones included."""
        if self._directory is not None and is_chief():
            for phase in _PHASES:
                name = self._get_path(phase).name
                for path in [*self._directory.glob(name), *self._directory.glob(f".*-{name}")]:
                    path.unlink(missing_ok=True)

    def _get_path(self, phase: str) -> Path:
        assert self._directory is not None
        return self._directory / f"{phase}.checkpoint"


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
    describe_part = partial(describe, by_name=by_name)
    if isinstance(value, _PLAIN):
        return f"{type(value).__name__} {joblib.hash(value)}"
    if isinstance(value, Mapping):
        pairs = sorted((str(key), describe_part(item)) for key, item in value.items())
        return f"{{{pairs}}}"
    if isinstance(value, tuple | list):
        return f"({', '.join(map(describe_part, value))})"
    if isinstance(value, partial):
        return f"partial {describe_part((value.func, value.args, value.keywords))}"
    if isinstance(value, type) or inspect.isroutine(value) or isinstance(value, np.ufunc):
        return _describe_name(value, by_name)
    name = _describe_name(type(value), by_name)
    if isinstance(value, keras.layers.Layer):
        weights = joblib.hash(value.get_weights())
        return f"{name} {_describe_layer(value, by_name)} {weights}"
    if isinstance(value, HAVE_CONFIG):
        config = get_config(value)
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
    if path:
        is_installed = path.startswith(_FOLDERS) or _FOLDERS_OF_PACKAGES & set(Path(path).parts)
    else:
        is_installed = module in sys.builtin_module_names
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


def get_config(value: Any) -> dict[str, Any]:
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
            if is_own and (_is_function(value) or isinstance(value, HAVE_CONFIG[3:])):
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
