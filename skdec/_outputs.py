"""Files that a command writes: looked at before the long work, and there whole or not at all."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import get_ident
from typing import TextIO

import numpy as np


def raise_if_unwritable(path: Path) -> None:
    """Raise an OSError that says what is wrong with `path`, by trying it: nothing else is sure."""
    if path.exists() and not path.is_file():
        raise IsADirectoryError(f"{path} is no regular file; name a file to write.")
    if not path.resolve().parent.is_dir():
        raise FileNotFoundError(f"{path.parent} is no folder; make it, or name another file.")
    if path.exists() and not os.access(path, os.W_OK):
        raise PermissionError(f"{path} is write-protected; name another file.")
    part = _part_of(path)
    try:
        part.touch(exist_ok=False)
    except OSError as error:
        raise PermissionError(
            f"{path} cannot be written ({error.strerror}); name a file in a folder of yours."
        ) from error
    part.unlink()


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give the name of a file to write beside `path`, which takes its place if all goes well."""
    part = _part_of(path)
    try:
        yield part
        part.replace(path.resolve())
    finally:
        part.unlink(missing_ok=True)


def write_labels(file: TextIO, labels: np.ndarray, confidence: np.ndarray) -> None:
    """Write a line per row, in the order of the rows: cluster and its share of the assignment."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["cluster", "confidence"])
    writer.writerows(
        [label, f"{share:.6g}"]
        for label, share in zip(labels.tolist(), confidence.tolist(), strict=True)
    )


def _part_of(path: Path) -> Path:
    # The same folder, for a rename to be one step; the same ending, which may mean something.
    path = path.resolve()
    # Threads may write to one path at a time, too.
    return path.with_name(f".{os.getpid()}-{get_ident()}-{path.name}")
