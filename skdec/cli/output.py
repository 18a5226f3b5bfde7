"""What the command line writes: messages, warnings, progress, tables, and clusters as text."""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skdec._utils.files import write_atomically
from skdec._utils.progress import show_progress
from skdec._utils.text_table import format_table

if TYPE_CHECKING:
    import pandas as pd

    from skdec._comparison import Comparison

# Of tables; CSV without one, as that of /dev/stdout.
OUTPUT_SUFFIXES = ("", ".csv", ".txt", ".parquet")


class Log:
    """How messages are written to standard error: as lines, as lines of JSON, or not at all."""

    def __init__(self) -> None:
        self.is_quiet = self.is_json = False

    def write(
        self, message: str, level: str = "info", values: Mapping[str, Any] | None = None
    ) -> None:
        """Write a message; `values` are further members of its JSON."""
        if self.is_quiet and level != "error":
            return
        prefix = "" if level in ("info", "error") else f"{level}: "
        line = f"skdec: {prefix}{message}"
        if self.is_json:
            line = json.dumps({"level": level, "message": message} | dict(values or {}))
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


log = Log()


def show_reading() -> AbstractContextManager[None]:
    """Show the progress of reading large files, unless there are no messages or those of JSON."""
    return nullcontext() if log.is_quiet or log.is_json else show_progress()


@contextmanager
def show_warnings_in_one_line() -> Iterator[None]:
    """Write warnings as messages of one line, without the position and line of source code."""

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        log.write(" ".join(str(message).split()), "warning")

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


@contextmanager
def explain_fault(data: str) -> Iterator[None]:
    """Name the data in an error about them."""
    try:
        yield
    except ValueError as error:
        text = str(error)
        if data in text:
            raise
        separator = ", " if text.startswith(("line ", "row ")) else ": "
        raise ValueError(f"{data}{separator}{text}") from error


def build_callbacks() -> list[Any]:
    """Return the Keras callbacks that report the progress of a fit as JSON, if that is wanted."""
    return [_build_json_callback()] if log.is_json and not log.is_quiet else []


def _build_json_callback() -> Any:
    import keras

    class JsonCallback(keras.callbacks.Callback):
        """Write each epoch and target update as a line of JSON."""

        def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
            phase = str((self.params or {}).get("phase", "fit"))
            values = {name: float(value) for name, value in (logs or {}).items()}
            log.write(f"{phase} {epoch + 1}", values={"phase": phase, "epoch": epoch + 1} | values)

    return JsonCallback()


def is_standard_output(path: Path) -> bool:
    """Whether a path is another name of standard output."""
    return str(path) in ("-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")


@contextmanager
def open_output(path: Path | None) -> Iterator[Any]:
    """Yield a function that appends the rows of a data frame to a file.

    The format is Parquet for the suffix ``.parquet``, else CSV, also on standard output if `path`
    is None. The file replaces an earlier one only when complete.
    """
    if path is None or is_standard_output(path):
        yield _CsvWriter(sys.stdout)
        return
    with write_atomically(path) as temporary:
        if path.suffix.lower() == ".parquet":
            with _ParquetWriter(temporary) as write:
                yield write
        else:
            with temporary.open("w", encoding="utf-8", newline="") as file:
                yield _CsvWriter(file)


class _CsvWriter:
    def __init__(self, file: Any) -> None:
        self._file, self._is_first = file, True

    def __call__(self, frame: pd.DataFrame) -> None:
        frame.to_csv(
            self._file,
            index=False,
            header=self._is_first,
            float_format="%.6g",
            lineterminator="\n",
        )
        self._is_first = False


class _ParquetWriter:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: Any = None

    def __enter__(self) -> _ParquetWriter:
        return self

    def __call__(self, frame: pd.DataFrame) -> None:
        import pyarrow
        import pyarrow.parquet

        schema = None if self._writer is None else self._writer.schema
        table = pyarrow.Table.from_pandas(frame, schema=schema, preserve_index=False)
        if self._writer is None:
            self._writer = pyarrow.parquet.ParquetWriter(self._path, table.schema)
        self._writer.write_table(table)

    def __exit__(self, *_: Any) -> None:
        if self._writer is not None:
            self._writer.close()


def format_comparison(
    comparison: Comparison, y: Any = None, methods: Sequence[str] = ("kmeans", "dec")
) -> str:
    """Format the table of a comparison and, given classes `y`, the matching of some methods."""
    parts = [str(comparison)]
    if y is not None:
        detailed = [result for result in comparison.results if result.method in methods]
        parts += [
            f"{result.method}, clusters matched to classes\n\n{format_matching(y, result.labels)}"
            for result in detailed
        ]
    return "\n\n".join(parts)


def format_matching(y_true: Any, y_pred: Any) -> str:
    """Format confusion matrix and classification report of clusters after matching to classes.

    Examples
    --------
    >>> from skdec.cli.output import format_matching
    >>> text = format_matching(["No", "Yes", "Yes"], [1, 0, 0])
    >>> "accuracy" in text
    True
    """
    from sklearn.metrics import classification_report

    from skdec.metrics import convert_labels, match_labels

    classes = convert_labels(y_true, "y_true")
    # The precision of a class to which no cluster is matched is undefined; 0 avoids a warning.
    report = classification_report(
        classes, match_labels(classes, y_pred), digits=3, zero_division=0
    )
    return f"{format_confusion_matrix(classes, y_pred)}\n\n{report.rstrip()}"


def format_confusion_matrix(y_true: Any, y_pred: Any) -> str:
    """Format the number of samples of each class in each cluster, one line per class.

    The clusters have their own numbers, in the order of the classes that they are matched to.

    Examples
    --------
    >>> from skdec.cli.output import format_confusion_matrix
    >>> print(format_confusion_matrix(["No", "Yes", "Yes"], [1, 0, 0]))
    class \\ cluster  1  0
    No               1  0
    Yes              0  2
    """
    from skdec.metrics import count_matches

    counts, classes, clusters = count_matches(y_true, y_pred)
    rows = [["class \\ cluster", *clusters]]
    rows += [[name, *map(str, row)] for name, row in zip(classes, counts, strict=True)]
    return format_table(rows)
