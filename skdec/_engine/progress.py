"""Progress of a fit on standard error: a live line on a terminal, a few lines when redirected."""

import sys
from typing import Any

import keras

LINES_PER_PHASE = 10


class ProgressCallback(keras.callbacks.Callback):
    """Report the progress of pretraining and refinement.

    The name of the phase and its number of epochs are read from Keras' ``params``. ``sys.stderr``
    is looked up for each line, so that the callback can be copied and follows redirections.
    """

    def __init__(self) -> None:
        super().__init__()
        self._phase = "fit"
        self._n_epochs: int | None = None
        self._line = ""
        self._written = ""

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Store the name of the phase and its number of epochs."""
        params = self.params or {}
        self._phase, self._n_epochs = str(params.get("phase", "fit")), params.get("epochs")
        self._line = self._written = ""

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Update the live line, or write a line each time a tenth of the phase is done."""
        n_done = epoch + 1
        # Updates that are undone and repeated count again, so there may be more than announced.
        of_total = "" if self._n_epochs is None else f"/{max(n_done, self._n_epochs)}"
        self._line = f"{self._phase} {n_done}{of_total}{_format_logs(logs or {})}"
        if _is_terminal():
            # Padded with blanks to erase a longer previous line.
            self._write("\r" + self._line.ljust(len(self._written)))
        elif self._is_due(n_done):
            self._write(self._line + "\n")

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """End the live line, or write the last line if it has not been written."""
        if not self._line:
            return
        if _is_terminal():
            self._write("\n")
        elif self._line != self._written:
            self._write(self._line + "\n")

    def _is_due(self, n_done: int) -> bool:
        """Whether this epoch completes a tenth of the phase."""
        if self._n_epochs is None:
            return n_done % LINES_PER_PHASE == 0
        tenths_before = (n_done - 1) * LINES_PER_PHASE // self._n_epochs
        return n_done * LINES_PER_PHASE // self._n_epochs > tenths_before

    def _write(self, text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()
        self._written = self._line


def _format_logs(logs: dict[str, Any]) -> str:
    loss = f", loss {float(logs['loss']):.4g}" if "loss" in logs else ""
    changed = f", {float(logs['changed']):.2%} of samples changed" if "changed" in logs else ""
    return loss + changed


def _is_terminal() -> bool:
    return sys.stderr.isatty()
