"""Arguments that several commands share, checks of them, and what they write."""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skdec._utils.files import check_writable, write_atomically
from skdec._utils.terminal import format_table, show_progress
from skdec.tables._reader import DATASETS, Columns


def add_data(parser: argparse.ArgumentParser, default: str | None = None) -> None:
    """Add the table, and which part of it is read."""
    add = parser.add_argument
    add(
        "data",
        nargs="?" if default else None,
        default=default,
        metavar="DATA",
        help="a table (.csv, .tsv, .txt, also .gz, .xlsx, .parquet, .feather, .json, .jsonl, "
        ".arff, .sqlite), an array (.npy, .npz, .mat, .h5ad), a folder of images, - for CSV from "
        "standard input, or digits, mnist, fashion_mnist" + (f" ({default})" if default else ""),
    )
    add(
        "--sheet",
        "--key",
        dest="part",
        metavar="NAME",
        help="sheet of an Excel file, array of a .npz, .mat or .h5ad file, table of a database",
    )


def add_columns(parser: argparse.ArgumentParser) -> None:
    """Add which columns are what, and what is done to them."""
    add = parser.add_argument
    add(
        "--label",
        metavar="COLUMN",
        help="column with the classes, used for evaluation only; folder: of images",
    )
    add_id(parser)
    add("--columns", type=_parse_names, metavar="NAME,...", help="use these columns only (all)")
    add("--drop", type=_parse_names, default=(), metavar="NAME,...", help="leave out columns")
    add(
        "--categories",
        type=_parse_names,
        default=(),
        metavar="NAME,...",
        help="columns whose numbers are names, such as zip codes",
    )
    add(
        "--missing",
        type=_parse_names,
        default=(),
        metavar="VALUE,...",
        help="values that stand for a gap, such as -999 (--missing=-9,-99 for several)",
    )
    add(
        "--prepare",
        choices=("auto", "none"),
        default="auto",
        help="encode words, dates and gaps and bring columns to like scales; none: only numbers, "
        "as they are (auto)",
    )
    add(
        "--scale",
        choices=("none", "minmax", "standard"),
        default="none",
        help="scale numbers instead of --prepare (none)",
    )
    add_image_shape(parser)


def add_image_shape(parser: argparse.ArgumentParser) -> None:
    """Add the shape of images."""
    parser.add_argument(
        "--image-shape",
        type=_parse_numbers,
        metavar="HEIGHT,WIDTH",
        help="shape of the samples as images; those of a folder are resized to it (,3 for color)",
    )


def add_id(parser: argparse.ArgumentParser) -> None:
    """Add the column that identifies a row."""
    parser.add_argument(
        "--id", metavar="COLUMN", help="column that identifies a row in the output (its position)"
    )


def add_output(parser: argparse.ArgumentParser, default: str = "standard output") -> None:
    """Add where the clusters are written, and what with them."""
    add = parser.add_argument
    add(
        "--output",
        type=parse_table_file,
        metavar="FILE",
        help=f"write the cluster of each row to a .csv or .parquet file ({default})",
    )
    add("--soft-assignments", action="store_true", help="write all soft assignments as well")
    add("--embedding", action="store_true", help="write the embedding as well")


def add_messages(parser: argparse.ArgumentParser) -> None:
    """Add how messages are written."""
    add = parser.add_argument
    add("--quiet", action="store_true", help="write errors and what was asked for, nothing else")
    add("--log-json", action="store_true", help="write messages and progress as lines of JSON")


def add_fit(parser: argparse.ArgumentParser) -> None:
    """Add the parameters of a fit."""
    add = parser.add_argument
    add(
        "--n-clusters",
        type=int,
        metavar="N",
        help="number of clusters (that of --label, or a recommended one)",
    )
    add(
        "--dims",
        type=_parse_widths,
        default="auto",
        metavar="N,...",
        help="widths of the encoder's layers, the embedding last (auto)",
    )
    add("--alpha", type=float, default=1.0, help="degrees of freedom of Student's t (1.0)")
    add(
        "--epochs",
        dest="pretrain_epochs",
        type=_parse_number_or_auto,
        default="auto",
        metavar="N",
        help="pretraining epochs (auto)",
    )
    add(
        "--max-iter",
        type=_parse_number_or_auto,
        default="auto",
        metavar="N",
        help="refinement steps (auto)",
    )
    add("--seed", type=int, metavar="N", help="random seed, for reproducible results")


def get_fit_parameters(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the parameters that `add_fit` has added, and how progress is shown."""
    names = ("dims", "alpha", "pretrain_epochs", "max_iter")
    return {name: getattr(arguments, name) for name in names} | {
        "random_state": arguments.seed,
        "callbacks": _build_callbacks(),
        "verbose": int(log.shows_progress),
    }


def get_columns(arguments: argparse.Namespace) -> Columns:
    """Return which columns are what, from the arguments that `add_columns` has added."""
    only = arguments.columns
    if only is not None:
        only = tuple(name for name in only if name != arguments.label)
    return Columns(
        arguments.label,
        arguments.id,
        only,
        arguments.drop,
        arguments.part,
        arguments.image_shape,
    )


def check_outputs(outputs: Sequence[Path | None], data: str, model: Path | None = None) -> None:
    """Check before the computation that the outputs can be written and replace nothing needed.

    Needed are the data, the model that is read, and the other outputs.
    """
    used = {} if data in DATASETS else {Path(data).expanduser().resolve(): "the data"}
    if model is not None:
        used[model.resolve()] = "the model"
    for path in outputs:
        if path is None or is_standard_output(path):
            continue
        check_writable(path)
        if path.resolve() in used:
            raise ValueError(f"{path} is {used[path.resolve()]}; name another file to write.")
        used[path.resolve()] = "another output"


def _parse_names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(","))


def parse_table_file(text: str) -> Path:
    """Return the path of a table to write, whose suffix is its format."""
    path = Path(text)
    if path.suffix.lower() not in ("", ".csv", ".txt", ".parquet"):  # /dev/stdout has none
        raise argparse.ArgumentTypeError(
            f"{text} ends in {path.suffix!r}; .csv and .parquet can be written"
        )
    return path


def parse_count(text: str) -> int:
    """Return a number of things to show, at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def _parse_number_or_auto(text: str) -> int | str:
    try:
        return text if text == "auto" else int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a whole number nor auto") from None


def _parse_widths(text: str) -> tuple[int, ...] | str:
    return text if text == "auto" else _parse_numbers(text)


def _parse_numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(map(int, text.split(",")))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a list of whole numbers such as 28,28"
        ) from None


if TYPE_CHECKING:
    import pandas as pd


class Log:
    """How messages are written to standard error: as lines, as lines of JSON, or not at all."""

    def __init__(self) -> None:
        self.is_quiet = self.is_json = False

    @property
    def shows_progress(self) -> bool:
        """Whether progress is shown as for a reader, not as JSON."""
        return not self.is_quiet and not self.is_json

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
    return show_progress() if log.shows_progress else nullcontext()


@contextmanager
def show_warnings_in_one_line() -> Iterator[None]:
    """Write warnings as messages of one line, without the position and line of source code."""

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        log.write(" ".join(str(message).split()), "warning")

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


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


def _build_callbacks() -> list[Any]:
    """Return the Keras callbacks that report the progress of a fit as JSON, if that is wanted."""
    if log.is_quiet or not log.is_json:
        return []
    import keras

    class JsonCallback(keras.callbacks.Callback):
        """Write each epoch and target update as a line of JSON."""

        def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
            phase = str((self.params or {}).get("phase", "fit"))
            values = {name: float(value) for name, value in (logs or {}).items()}
            log.write(f"{phase} {epoch + 1}", values={"phase": phase, "epoch": epoch + 1} | values)

    return [JsonCallback()]


def is_standard_output(path: Path) -> bool:
    """Whether a path is another name of standard output."""
    return str(path) in ("-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")


def write_frames(path: Path | None, frames: Iterable[pd.DataFrame]) -> None:
    """Write data frames of the same columns, one after the other, to a file.

    The format is Parquet for the suffix ``.parquet``, else CSV, also on standard output if `path`
    is None. The file replaces an earlier one only when complete.
    """
    if path is None or is_standard_output(path):
        _write_csv(sys.stdout, frames)
        return
    with write_atomically(path) as temporary:
        if path.suffix.lower() == ".parquet":
            _write_parquet(temporary, iter(frames))
        else:
            with temporary.open("w", encoding="utf-8", newline="") as file:
                _write_csv(file, frames)


def _write_csv(file: Any, frames: Iterable[pd.DataFrame]) -> None:
    for i, frame in enumerate(frames):
        frame.to_csv(file, index=False, header=i == 0, float_format="%.6g", lineterminator="\n")


def _write_parquet(path: Path, frames: Iterator[pd.DataFrame]) -> None:
    from pyarrow import Table
    from pyarrow.parquet import ParquetWriter

    table = Table.from_pandas(next(frames), preserve_index=False)
    with ParquetWriter(path, table.schema) as writer:
        writer.write_table(table)
        for frame in frames:
            writer.write_table(Table.from_pandas(frame, table.schema, preserve_index=False))


def format_matching(y_true: Any, y_pred: Any) -> str:
    """Format confusion matrix and classification report of clusters after matching to classes.

    Examples
    --------
    >>> from skdec.cli.common import format_matching
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
    >>> from skdec.cli.common import format_confusion_matrix
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
