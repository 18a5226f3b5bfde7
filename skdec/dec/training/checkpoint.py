"""State of a fit on disk, from which the same fit resumes after it was killed.

Each phase has a file of its own, replaced as a whole. A state is used only by a fit with the same
samples, parameters and versions.
"""

import io
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from skdec._utils.cache import describe_versions
from skdec._utils.files import write_atomically
from skdec._utils.threads import count_usable_threads
from skdec.dec.training.distribute import is_chief
from skdec.dec.training.identity import describe

_FORMAT = 2
_CONTENT = "identity and numbers"  # a member, as JSON, beside the arrays
_PHASES = ("layer_*", "pretrain", "refine", "rebuilt")  # as patterns of file names
# Parameters that do not change the result of a fit.
_WITHOUT_EFFECT = ("callbacks", "checkpoint", "memory", "verbose", "warm_start")
# The next state is written when this many times the duration of the last writing has passed, so
# that checkpoints take less than one part in so many of the time.
_MIN_INTERVAL = 20


class CheckpointState(NamedTuple):
    """State of a training phase: values that JSON can hold, and arrays by name."""

    numbers: dict[str, Any]
    arrays: dict[str, np.ndarray]


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
            theirs, state = content["identity"], CheckpointState(content["numbers"], arrays)
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
