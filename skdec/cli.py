"""The command ``skdec``: compare, fit, predict.

Results go to standard output, progress and warnings to standard error. Exit code 2 stands for
what the user can mend, with one line that says how.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from skdec._outputs import raise_if_unwritable, write_labels, written_whole
from skdec._preparation import (
    SCALES,
    Preparation,
    add_preparation,
    learned_preparation,
    range_ratio,
    stored_preparation,
)
from skdec._tables import Table, load_table
from skdec._version import __version__
from skdec.datasets import load_digits, load_fashion_mnist, load_mnist
from skdec.report import comparison_report, matching_report

BUILT_IN = {"digits": load_digits, "mnist": load_mnist, "fashion_mnist": load_fashion_mnist}

# Pixels, flowers and the like stay below 10; money beside percentages is above 100.
WIDE_RATIO = 30

# A message may quote the user's file, whose names and fields may be of any length.
LONGEST_LINE = 600


def main(argv: Sequence[str] | None = None) -> int:
    """
    Run the command ``skdec``.

    Parameters
    ----------
    argv : sequence of str, default=None
        Arguments after the command's name; those of the process by default.

    Returns
    -------
    int
        Exit code: 0, or 2 for what the user can mend, or 130 after Ctrl-C.

    Examples
    --------
    >>> from skdec.cli import main
    >>> main(["compare", "digits", "--seed", "0"])  # doctest: +SKIP
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _warnings_in_one_line():
        try:
            arguments = _parser().parse_args(argv)
            arguments.run(arguments)
            sys.stdout.flush()
        except BrokenPipeError:
            # The reader, such as head, has had enough; Python would complain of it at its exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except (ValueError, OSError, FloatingPointError) as error:
            line = " ".join(str(error).split())
            _tell(line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]} ...")
            return 2
        except KeyboardInterrupt:
            _tell("interrupted.")
            return 130
    return 0


def _compare(arguments: argparse.Namespace) -> None:
    _raise_if_unusable([arguments.json], arguments.data)
    table = _table(arguments.data, arguments.label)
    n_clusters = _number_of_clusters(arguments, table)
    rows = _preparation(table, arguments.scale).applied(table.X)
    with _silent_import():
        from skdec._compare import compare
        from skdec._progress import PhaseProgress
    comparison = compare(
        rows,
        table.y,
        methods=arguments.methods,
        n_clusters=n_clusters,
        callbacks=[PhaseProgress()],
        verbose=1,
        random_state=arguments.seed,
        **_network_parameters(arguments),
    )
    _write(
        f"{arguments.data}: {comparison.n_samples:,} rows, {comparison.n_features:,} columns, "
        f"{comparison.n_clusters} clusters, scale {arguments.scale}, "
        f"seed {comparison.random_state}\n\n{comparison_report(comparison, table.y)}\n"
    )
    if arguments.json is not None:
        about = {"skdec": __version__, "data": arguments.data, "scale": arguments.scale}
        with written_whole(arguments.json) as part:
            part.write_text(json.dumps(about | comparison.to_dict(), indent=2) + "\n")


def _fit(arguments: argparse.Namespace) -> None:
    _raise_if_unusable([arguments.model, arguments.labels], arguments.data)
    table = _table(arguments.data, arguments.label)
    n_clusters = _number_of_clusters(arguments, table)
    preparation = _preparation(table, arguments.scale)
    rows = preparation.applied(table.X)
    with _silent_import():
        from skdec._dec import DECClusterer
        from skdec._progress import PhaseProgress
    clusterer = DECClusterer(
        n_clusters,
        callbacks=[PhaseProgress()],
        random_state=arguments.seed,
        **_network_parameters(arguments),
    ).fit(rows)
    with written_whole(arguments.model) as part:
        clusterer.save(part)
        add_preparation(part, preparation)
    if arguments.labels is not None:
        _write_assignment(arguments.labels, clusterer, rows)
    n_found = len(np.unique(clusterer.labels_))
    _write(f"{len(rows):,} rows in {n_found} clusters; the model is in {arguments.model}\n")
    if table.y is not None:
        _write(f"\n{matching_report(table.y, clusterer.labels_)}\n")


def _predict(arguments: argparse.Namespace) -> None:
    _raise_if_unusable([arguments.labels], arguments.data)
    if not arguments.model.is_file():
        raise FileNotFoundError(f"{arguments.model} is no file; 'skdec fit' writes a model.")
    with _silent_import():
        from skdec._dec import DECClusterer
    clusterer = DECClusterer.load(arguments.model)
    preparation = stored_preparation(arguments.model)
    rows = preparation.applied(_table(arguments.data, columns=preparation.columns).X)
    _write_assignment(arguments.labels, clusterer, rows)


def _table(data: str, label: str | None = None, columns: Sequence[str] | None = None) -> Table:
    """The rows of a built-in data set or of a file."""
    if data in BUILT_IN:
        if label is not None:
            raise ValueError(f"{data} has labels of its own; leave out --label.")
        return Table(*BUILT_IN[data](), feature_names=None)
    try:
        return load_table(data, label, columns)
    except ImportError as error:
        raise ValueError(str(error)) from error


def _preparation(table: Table, scale: str) -> Preparation:
    """What `scale` does to the columns, after a warning where it does nothing and ought to."""
    ratio = range_ratio(table.X)
    if scale == "none" and ratio > WIDE_RATIO:
        warnings.warn(
            f"columns are on very different scales: the widest is {ratio:,.0f} times as wide as a "
            "narrow one and outweighs it; consider --scale standard.",
            stacklevel=2,
        )
    return learned_preparation(table.X, scale, table.feature_names)


def _write_assignment(path: Path | None, clusterer: Any, rows: np.ndarray) -> None:
    """Clusters and their certainty as CSV, to a file or to standard output."""
    labels, confidence = clusterer.predict(rows), clusterer.predict_proba(rows).max(axis=1)
    if path is None:
        write_labels(sys.stdout, labels, confidence)
        return
    with written_whole(path) as part, part.open("w", newline="") as file:
        write_labels(file, labels, confidence)


def _network_parameters(arguments: argparse.Namespace) -> dict[str, Any]:
    return {
        "dims": arguments.dims,
        "alpha": arguments.alpha,
        "pretrain_epochs": arguments.epochs,
        "max_iter": arguments.max_iter,
    }


def _number_of_clusters(arguments: argparse.Namespace, table: Table) -> int:
    """The number of clusters, asked for or counted in the labels."""
    if arguments.n_clusters is not None:
        return int(arguments.n_clusters)
    if table.y is None:
        raise ValueError(
            f"{arguments.data} has no labels to count; give --n-clusters, or --label COLUMN."
        )
    return len(np.unique(table.y))


def _raise_if_unusable(outputs: Sequence[Path | None], data: str) -> None:
    """Look at what is to be written before the long work, and keep the data from being it."""
    for path in outputs:
        if path is None:
            continue
        raise_if_unwritable(path)
        if data not in BUILT_IN and path.resolve() == Path(data).resolve():
            raise ValueError(f"{path} is the data; name another file to write.")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Leave the usage to --help: what went wrong is one line."""
        raise ValueError(f"{message} (see '{self.prog} --help')")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="skdec", description="Deep Embedded Clustering of a table's rows.")
    parser.add_argument("--version", action="version", version=f"skdec {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    compare = commands.add_parser(
        "compare", help="k-means, autoencoder + k-means and DEC on the same rows, side by side"
    )
    compare.set_defaults(run=_compare)
    _add_data(compare, default="digits")
    _add_fit_options(compare)
    compare.add_argument(
        "--methods",
        type=lambda text: tuple(text.split(",")),
        default=("kmeans", "autoencoder+kmeans", "dec"),
        metavar="NAME,...",
        help="which of kmeans, autoencoder+kmeans, dec (all)",
    )
    compare.add_argument("--json", type=Path, metavar="FILE", help="write the numbers to FILE")

    fit = commands.add_parser("fit", help="fit DEC and write the model and the rows' clusters")
    fit.set_defaults(run=_fit)
    _add_data(fit)
    fit.add_argument("--model", type=Path, required=True, metavar="FILE", help="write the model")
    _add_labels(fit)
    _add_fit_options(fit)

    predict = commands.add_parser("predict", help="the clusters of rows by a model from 'fit'")
    predict.set_defaults(run=_predict)
    predict.add_argument("model", type=Path, metavar="MODEL", help="a file from 'skdec fit'")
    _add_data(predict)
    _add_labels(predict)
    return parser


def _add_data(parser: argparse.ArgumentParser, default: str | None = None) -> None:
    parser.add_argument(
        "data",
        nargs="?" if default else None,
        default=default,
        metavar="DATA",
        help="digits, mnist, fashion_mnist, or a .csv, .parquet, .npy or .npz file"
        + (f" ({default})" if default else ""),
    )


def _add_labels(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--labels", type=Path, metavar="OUT.csv", help="write the cluster of each row, in order"
    )


def _add_fit_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--label", metavar="COLUMN", help="column that is the truth: measured by, not learned from")
    add("--n-clusters", type=int, metavar="N", help="clusters (as many as the labels have)")
    add(
        "--dims",
        type=_widths,
        default=(500, 500, 2000, 10),
        metavar="N,...",
        help=("widths of the encoder's layers, the code last (500,500,2000,10)"),
    )
    add("--alpha", type=float, default=1.0, help="degrees of freedom of Student's t (1.0)")
    add(
        "--epochs",
        type=_number_or_auto,
        default="auto",
        metavar="N",
        help="passes of the pretraining (auto)",
    )
    add(
        "--max-iter",
        type=_number_or_auto,
        default="auto",
        metavar="N",
        help="refinement steps (auto)",
    )
    add("--scale", choices=SCALES, default="none", help="scale the columns first (none)")
    add("--seed", type=int, metavar="N", help="makes the run repeatable")


def _number_or_auto(text: str) -> int | str:
    try:
        return text if text == "auto" else int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a whole number nor auto") from None


def _widths(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(width) for width in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no list of whole numbers such as 500,500,2000,10"
        ) from None


@contextmanager
def _warnings_in_one_line() -> Iterator[None]:
    """Show warnings as the user's concern, without the place in the code and its source."""

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        _tell("warning: " + " ".join(str(message).split()))

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


@contextmanager
def _silent_import() -> Iterator[None]:
    """Keep what TensorFlow's libraries say while they load from standard error.

    They write to the file descriptor before their log level is read; only the descriptor itself
    can be turned away. Exceptions pass through.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)


def _write(text: str) -> None:
    sys.stdout.write(text)


def _tell(line: str) -> None:
    sys.stderr.write(f"skdec: {line}\n")
    sys.stderr.flush()
