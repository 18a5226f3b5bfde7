"""The arguments of the command line."""

import argparse
from pathlib import Path
from typing import NoReturn

from skdec._version import __version__
from skdec.cli import html_report
from skdec.cli.scaling import SCALES


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Raise a ValueError of one line, without the usage that --help shows."""
        raise ValueError(f"{message} (see '{self.prog} --help')")


def build_parser() -> argparse.ArgumentParser:
    """Build the parser; the name of the command is in the attribute `command` of its result."""
    parser = _Parser(
        prog="skdec", description="Deep Embedded Clustering of the samples in a table."
    )
    parser.add_argument("--version", action="version", version=f"skdec {__version__}")
    commands = parser.add_subparsers(
        title="commands", dest="command", required=True, metavar="COMMAND"
    )

    compare = commands.add_parser(
        "compare", help="compare k-means, autoencoder + k-means and DEC on the same samples"
    )
    _add_data(compare, default="digits")
    _add_fit_options(compare)
    compare.add_argument(
        "--methods",
        type=lambda text: tuple(text.split(",")),
        default=("kmeans", "autoencoder+kmeans", "dec"),
        metavar="NAME,...",
        help="which of kmeans, autoencoder+kmeans, dec (all)",
    )
    compare.add_argument("--json", type=Path, metavar="FILE", help="write the scores to FILE")
    html_report.add_report_option(compare)

    fit = commands.add_parser("fit", help="fit DEC and save the model and the clusters")
    _add_data(fit)
    fit.add_argument("--model", type=Path, required=True, metavar="FILE", help="save the model")
    _add_labels(fit)
    _add_fit_options(fit)

    predict = commands.add_parser("predict", help="predict clusters with a model from 'fit'")
    predict.add_argument("model", type=Path, metavar="MODEL", help="a file from 'skdec fit'")
    _add_data(predict)
    _add_labels(predict)

    html_report.add_arguments(commands.add_parser("report", help=html_report.HELP))
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
        "--labels", type=Path, metavar="OUT.csv", help="write the cluster of each sample, in order"
    )


def _add_fit_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--label", metavar="COLUMN", help="column with the classes, used for evaluation only")
    add("--n-clusters", type=int, metavar="N", help="number of clusters (that of the classes)")
    add(
        "--dims",
        type=_parse_widths,
        default=(500, 500, 2000, 10),
        metavar="N,...",
        help="widths of the encoder's layers, the embedding last (500,500,2000,10)",
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
    add("--scale", choices=SCALES, default="none", help="scale the features first (none)")
    add("--seed", type=int, metavar="N", help="random seed, for reproducible results")


def _parse_number_or_auto(text: str) -> int | str:
    try:
        return text if text == "auto" else int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a whole number nor auto") from None


def _parse_widths(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(width) for width in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a list of whole numbers such as 500,500,2000,10"
        ) from None
