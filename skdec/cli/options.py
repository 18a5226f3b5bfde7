"""Arguments that several commands share, and checks of them."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from skdec._utils.files import check_writable
from skdec.cli.output import OUTPUT_SUFFIXES, is_standard_output
from skdec.tables._reader import DATASETS, Columns

SCALES = ("none", "minmax", "standard")


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
    add("--scale", choices=SCALES, default="none", help="scale numbers instead of --prepare (none)")
    add_image_shape(parser)


def add_image_shape(parser: argparse.ArgumentParser) -> None:
    """Add the shape of images."""
    parser.add_argument(
        "--image-shape",
        type=_parse_shape,
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


def _parse_shape(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(side) for side in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a height and width such as 28,28"
        ) from None
