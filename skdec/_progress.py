"""Progress of a fit on standard error: one live line per phase on a terminal, few lines else."""

from __future__ import annotations

import sys
from typing import Any

import keras

LINES_PER_PHASE = 10


class PhaseProgress(keras.callbacks.Callback):
    """
    A Keras callback that tells how far each phase of a fit is.

    Phases give their name and number of epochs in Keras' ``params``. Standard error is looked up
    at each line, so that the callback can be copied and follows a redirection.
    """

    def __init__(self) -> None:
        super().__init__()
        self._phase = "fit"
        self._total: int | None = None
        self._line = ""
        self._written = ""

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Note the phase and its length."""
        params = self.params or {}
        self._phase, self._total = str(params.get("phase", "fit")), params.get("epochs")
        self._line = self._written = ""

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the state of the phase, if it is time for it."""
        done = epoch + 1
        # Updates that were undone are made again, and counted.
        of_total = "" if self._total is None else f"/{max(done, self._total)}"
        self._line = f"{self._phase} {done}{of_total}{_measured(logs or {})}"
        if _is_terminal():
            # Blanks wipe out what a longer line before has left.
            self._write("\r" + self._line.ljust(len(self._written)))
        elif self._is_due(done):
            self._write(self._line + "\n")

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Close the live line, or write the last state if it has not been written."""
        if not self._line:
            return
        if _is_terminal():
            self._write("\n")
        elif self._line != self._written:
            self._write(self._line + "\n")

    def _is_due(self, done: int) -> bool:
        """Whether a tenth of the phase has passed since the line before."""
        if self._total is None:
            return done % LINES_PER_PHASE == 0
        tenth_before = (done - 1) * LINES_PER_PHASE // self._total
        return done * LINES_PER_PHASE // self._total > tenth_before

    def _write(self, text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()
        self._written = self._line


def _measured(logs: dict[str, Any]) -> str:
    loss = f", loss {float(logs['loss']):.4g}" if "loss" in logs else ""
    changed = f", {float(logs['changed']):.2%} of rows changed" if "changed" in logs else ""
    return loss + changed


def _is_terminal() -> bool:
    return sys.stderr.isatty()
