"""What the command line writes besides reports: labels, messages and warnings in one line each."""

import csv
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

import numpy as np


def write_labels(file: TextIO, labels: np.ndarray, confidence: np.ndarray) -> None:
    """Write a line per sample, in order: its cluster and the soft assignment to that cluster."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["cluster", "confidence"])
    writer.writerows(
        [label, f"{assignment:.6g}"]
        for label, assignment in zip(labels.tolist(), confidence.tolist(), strict=True)
    )


def write_message(message: str) -> None:
    """Write a line to standard error, after the name of the command."""
    sys.stderr.write(f"skdec: {message}\n")
    sys.stderr.flush()


@contextmanager
def show_warnings_in_one_line() -> Iterator[None]:
    """Write warnings as messages of one line, without the position and line of source code."""

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        write_message("warning: " + " ".join(str(message).split()))

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


@contextmanager
def silence_stderr() -> Iterator[None]:
    """Discard what TensorFlow's libraries write to standard error while they are imported.

    They write to the file descriptor before their log level is read, so the descriptor itself is
    redirected. Exceptions are not affected.
    """
    sys.stderr.flush()
    saved = os.dup(2)
    with open(os.devnull, "w") as null:
        os.dup2(null.fileno(), 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(saved, 2)
        os.close(saved)
