"""Keras callbacks during the phases of a fit."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

_BATCH_HOOKS = ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end")
# Columns of a CSVLogger: all that any of the phases reports.
_CSV_COLUMNS = ("loss", "changed", "clusters", "agreement", "score")


class PhaseCallbacks(keras.callbacks.CallbackList):
    """The callbacks of one training phase.

    A `keras.callbacks.CSVLogger` writes all phases of a fit to one file, with "NA" for what a
    phase does not report.

    Parameters
    ----------
    callbacks : sequence of keras.callbacks.Callback
        Callbacks of the user.
    model : keras.Model
        The model that they see.
    **params : dict
        Their ``params``: phase, epochs, steps.

    Attributes
    ----------
    has_batch_hooks : bool
        Whether a callback does something at every batch, which makes the training slower.
    """

    def __init__(
        self, callbacks: Sequence[keras.callbacks.Callback], model: keras.Model, **params: Any
    ) -> None:
        loggers = [one for one in callbacks if isinstance(one, keras.callbacks.CSVLogger)]
        self._csv_loggers = [
            (logger, _is_next(params["phase"], (logger.params or {}).get("phase")))
            for logger in loggers
        ]
        super().__init__(list(callbacks), model=model, verbose=1, **params)
        self.has_batch_hooks = any(map(_has_batch_hooks, callbacks))

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Call the callbacks at the beginning of the phase."""
        appends = [logger.append for logger, _ in self._csv_loggers]
        for logger, is_continued in self._csv_loggers:
            logger.append = logger.append or is_continued
            logger.append_header = True  # Keras resets it only where it appends
        super().on_train_begin(logs)
        for (logger, _), append in zip(self._csv_loggers, appends, strict=True):
            logger.append = append
            logger.keys = list(_CSV_COLUMNS)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Call the callbacks at the end of an epoch; what they add to `logs` is kept there.

        Arrays are kept from the callbacks after the one that adds them: many log all values as
        numbers.
        """
        logs = {} if logs is None else logs
        arrays: dict[str, Any] = {}
        for callback in self.callbacks:
            callback.on_epoch_end(epoch, logs)
            arrays |= {name: logs.pop(name) for name in list(logs) if np.ndim(logs[name])}
        logs |= arrays


def _is_next(phase: str, previous: str | None) -> bool:
    """Return whether a fit can be in this phase after the previous one."""
    if previous is None or phase == "layer_0":
        return False
    if phase in ("refine", "rebuilt"):
        return previous == {"refine": "pretrain", "rebuilt": "refine"}[phase]
    return previous.startswith("layer_") and previous != phase


def _has_batch_hooks(callback: keras.callbacks.Callback) -> bool:
    base = keras.callbacks.Callback
    return any(getattr(type(callback), hook) is not getattr(base, hook) for hook in _BATCH_HOOKS)
