"""Arguments that several commands share, and checks of them."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from skdec._utils.files import check_writable
from skdec.cli.output import OUTPUT_SUFFIXES
from skdec.tables._reader import DATASETS, Columns, Table

SCALES = ("none", "minmax", "standard")


def add_data(parser: argparse.ArgumentParser, default: str | None = None) -> None:
    """Add the table."""
    parser.add_argument(
        "data",
        nargs="?" if default else None,
        default=default,
        metavar="DATA",
        help="a .csv, .tsv, .txt (also .gz), .parquet, .xlsx, .npy or .npz file, - for CSV from "
        "standard input, or digits, mnist, fashion_mnist" + (f" ({default})" if default else ""),
    )


def add_columns(parser: argparse.ArgumentParser) -> None:
    """Add which columns are what, and what is done to them."""
    add = parser.add_argument
    add("--label", metavar="COLUMN", help="column with the classes, used for evaluation only")
    add_id(parser)
    add("--columns", type=_parse_names, metavar="NAME,...", help="use these columns only (all)")
    add(
        "--categories",
        type=_parse_names,
        default=(),
        metavar="NAME,...",
        help="columns whose numbers are names, such as zip codes",
    )
    add("--drop", type=_parse_names, default=(), metavar="NAME,...", help="leave out columns")
    add(
        "--prepare",
        choices=("auto", "none"),
        default="auto",
        help="encode words, dates and gaps and bring the columns of a table to like scales; none "
        "takes numbers as they are (auto)",
    )
    add("--scale", choices=SCALES, default="none", help="scale numbers instead of --prepare (none)")


def add_id(parser: argparse.ArgumentParser) -> None:
    """Add the column that identifies a row."""
    parser.add_argument(
        "--id", metavar="COLUMN", help="column that identifies a row in the output (its position)"
    )


def add_output(parser: argparse.ArgumentParser) -> None:
    """Add where the clusters are written, and what with them."""
    add = parser.add_argument
    add(
        "--output",
        type=parse_table_file,
        metavar="FILE",
        help="write the cluster of each row to a .csv or .parquet file",
    )
    add(
        "--soft-assignments",
        action="store_true",
        help="write the soft assignments to all clusters as well",
    )
    add("--embedding", action="store_true", help="write the embedding as well")


def add_messages(parser: argparse.ArgumentParser) -> None:
    """Add how messages are written."""
    add = parser.add_argument
    add("--quiet", action="store_true", help="write errors and what was asked for, nothing else")
    add("--log-json", action="store_true", help="write messages and progress as lines of JSON")


def add_fit(parser: argparse.ArgumentParser) -> None:
    """Add the parameters of a fit."""
    add = parser.add_argument
    add("--n-clusters", type=int, metavar="N", help="number of clusters (that of the classes)")
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


def get_network_parameters(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the parameters of the estimator that `add_fit` has added."""
    return {
        "dims": arguments.dims,
        "alpha": arguments.alpha,
        "pretrain_epochs": arguments.epochs,
        "max_iter": arguments.max_iter,
    }


def get_columns(arguments: argparse.Namespace) -> Columns:
    """Return which columns are what, from the arguments that `add_columns` has added."""
    return Columns(arguments.label, arguments.id, arguments.columns, arguments.drop)


def get_n_clusters(arguments: argparse.Namespace, table: Table) -> int:
    """Return the number of clusters given, or else the number of classes."""
    if arguments.n_clusters is not None:
        return int(arguments.n_clusters)
    if table.y is None:
        raise ValueError(
            f"{arguments.data} has no labels to count; give --n-clusters, or --label COLUMN."
        )
    return len(set(table.y.tolist()))


def check_outputs(outputs: Sequence[Path | None], data: str, model: Path | None = None) -> None:
    """Check before the computation that the outputs can be written and replace nothing needed.

    Needed are the data, the model that is read, and the other outputs.
    """
    used = {} if data in DATASETS else {Path(data).expanduser().resolve(): "the data"}
    if model is not None:
        used[model.resolve()] = "the model"
    for path in outputs:
        if path is None:
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
    if path.suffix.lower() not in OUTPUT_SUFFIXES:
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
    try:
        return text if text == "auto" else tuple(int(width) for width in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a list of whole numbers such as 500,500,2000,10"
        ) from None
