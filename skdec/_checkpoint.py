"""The state of a fit on disk, so that one that was killed goes on where it was.

Each phase has a file of its own, replaced as a whole. What a file holds is used only by a fit that
would make the same: of the same rows, parameters and versions.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import joblib
import keras
import numpy as np

from skdec._archive import opened_archive, write_archive
from skdec._outputs import written_whole
from skdec._strategy import writes_files

_FORMAT = 1
_DOCUMENT = "checkpoint.json"
_PHASES = ("pretrain", "refine")
_VERSIONS_OF = ("skdec", "tensorflow", "keras", "numpy", "scikit-learn")
# Parameters that change nothing of what a fit finds.
_WITHOUT_EFFECT = ("callbacks", "checkpoint", "memory", "verbose", "warm_start")
# A state is written when this many times the last writing's time has gone by: what checkpoints
# cost stays below one part in so many.
_PATIENCE = 20


class State(NamedTuple):
    """What a phase goes on from: numbers as JSON holds them, and arrays by name."""

    numbers: dict[str, Any]
    arrays: dict[str, np.ndarray]


class Checkpoint:
    """Where the phases of one fit leave their states.

    Parameters
    ----------
    folder : path-like or None
        Made if it is not there; None keeps nothing.
    rows_digest : str
        Digest of rows and weights.
    parameters : dict
        Parameters of the estimator.
    before : list of ndarray, default=()
        Weights of the fit that this one goes on from.

    Raises
    ------
    ValueError
        If the folder has a state of another fit, or one that is damaged.
    """

    def __init__(
        self,
        folder: Any,
        rows_digest: str = "",
        parameters: Mapping[str, Any] = MappingProxyType({}),
        before: Sequence[np.ndarray] = (),
    ) -> None:
        self._folder = None if folder is None else Path(folder)
        self._next_time = 0.0
        if self._folder is None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        shaping = {name: parameters[name] for name in parameters if name not in _WITHOUT_EFFECT}
        self._identity = {
            "format": str(_FORMAT),
            **{f"the version of {package}": version(package) for package in _VERSIONS_OF},
            "its rows or their weights": rows_digest,
            **{name: _text_of(value) for name, value in shaping.items()},
            "the fit before": _text_of(list(before)),
        }

    def found(self, phase: str) -> State | None:
        """The state that an earlier, equal fit left of a phase."""
        if self._folder is None or not self._path(phase).exists():
            return None
        path = self._path(phase)
        with opened_archive(path, "a checkpoint") as archive:
            content = archive.json(_DOCUMENT)
            arrays = {
                name: archive.array(name, (np.dtype(dtype),), tuple(shape))
                for name, (dtype, shape) in content["arrays"].items()
            }
        theirs, ours = content["identity"], self._identity
        differing = [key for key in {**ours, **theirs} if ours.get(key) != theirs.get(key)]
        if differing:
            raise ValueError(
                f"{path} is the checkpoint of another fit, which differs by "
                f"{', '.join(differing)}. Fit as that one did to go on with it; remove it or name "
                "another folder to start anew."
            )
        return State(content["numbers"], arrays)

    def keep(self, phase: str, state: Callable[[], State], *, at_once: bool = False) -> None:
        """Write a phase's state, if it is time to or `at_once`; the one before stays until then."""
        is_due = at_once or time.monotonic() >= self._next_time
        if self._folder is None or not is_due or not writes_files():
            return
        begun = time.monotonic()
        numbers, arrays = state()
        shapes = {name: (str(array.dtype), array.shape) for name, array in arrays.items()}
        content = {"identity": self._identity, "numbers": numbers, "arrays": shapes}
        try:
            with written_whole(self._path(phase)) as part:
                write_archive(part, _DOCUMENT, content, arrays)
        except OSError as error:
            raise OSError(
                error.errno,
                f"The checkpoint {self._path(phase)} cannot be written ({error.strerror}). "
                "An earlier one is left whole; make room and fit again to go on from it",
            ) from error
        now = time.monotonic()
        self._next_time = now + _PATIENCE * (now - begun)

    def remove(self) -> None:
        """Forget the states of both phases, half-written ones too: the fit is done."""
        if self._folder is not None and writes_files():
            for phase in _PHASES:
                torn = self._folder.glob(f".*-{self._path(phase).name}")
                for path in (self._path(phase), *torn):
                    path.unlink(missing_ok=True)

    def _path(self, phase: str) -> Path:
        assert self._folder is not None
        return self._folder / f"{phase}.checkpoint"


def _text_of(value: Any) -> str:
    if isinstance(value, keras.optimizers.Optimizer | keras.initializers.Initializer):
        config = keras.saving.serialize_keras_object(value)
        config["config"].pop("name", None)  # Keras counts optimizers in their names
        return json.dumps(config, sort_keys=True, default=str)
    if callable(value):
        return f"{value.__module__}.{getattr(value, '__qualname__', value)}"
    return str(joblib.hash(value))
