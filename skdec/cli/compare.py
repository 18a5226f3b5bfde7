"""``skdec compare``: k-means, autoencoder + k-means, neighbors and DEC on the same samples."""

import argparse
import json
import sys
from importlib.metadata import version
from pathlib import Path

from skdec._utils.files import write_atomically
from skdec._utils.process import silence_stderr
from skdec.cli.common import (
    add_columns,
    add_data,
    add_fit,
    add_messages,
    check_outputs,
    format_matching,
    get_fit_parameters,
    parse_count,
)
from skdec.cli.fit import describe_preparation, get_n_clusters, read_table, say_preparation
from skdec.cli.report import get_image_shape
from skdec.tables._reader import check_data

USAGE = "[DATA]"
HELP = "compare k-means, autoencoder + k-means, neighbors and DEC on the same samples"
_METHODS = ("kmeans", "autoencoder+kmeans", "neighbors", "dec")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_data(parser, default="digits")
    add_columns(parser)
    add_fit(parser)
    parser.add_argument(
        "--methods",
        type=_parse_methods,
        default=_METHODS,
        metavar="NAME,...",
        help=f"which of {', '.join(_METHODS)} (all)",
    )
    parser.add_argument(
        "--n-seeds",
        type=parse_count,
        default=1,
        metavar="N",
        help="fit with N seeds in a row, and print means and standard deviations (1)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the scores to FILE")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write a web page to FILE")
    add_messages(parser)


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    check_outputs([arguments.json, arguments.report], arguments.data)
    if arguments.report is not None:
        from skdec._report import check_plotly

        check_plotly()
    check_data(arguments.data)
    table, preparer, X = read_table(arguments)
    say_preparation(describe_preparation(preparer))
    is_prepared = preparer is not None and arguments.scale == "none" and arguments.prepare == "auto"
    preparation = "columns prepared" if is_prepared else f"scale {arguments.scale}"
    n_clusters = get_n_clusters(arguments, table, X)
    shape = get_image_shape(arguments)
    if arguments.report is not None and shape is not None:
        from skdec.describe._summary import infer_image_shape

        infer_image_shape(X.shape[1], shape)
    with silence_stderr():
        from skdec._comparison import compare
        from skdec.tables._preparer import clean_table
    comparison = compare(
        X,
        table.y,
        methods=arguments.methods,
        n_clusters=n_clusters,
        n_seeds=arguments.n_seeds,
        **get_fit_parameters(arguments),
    )
    sys.stdout.write(
        f"{arguments.data}: {comparison.n_samples:,} samples, {comparison.n_features:,} features, "
        f"{comparison.n_clusters} clusters, {preparation}, seed {comparison.random_state}\n\n"
        f"{comparison}\n"
    )
    for result in comparison.results:
        if table.y is not None and result.method in ("kmeans", "dec"):
            matching = format_matching(table.y, result.labels)
            sys.stdout.write(f"\n{result.method}, clusters matched to classes\n\n{matching}\n")
    if arguments.json is not None:
        settings = {
            "skdec": version("skdec"),
            "data": arguments.data,
            "label": arguments.label,
            "columns": arguments.columns,
            "drop": arguments.drop,
            "categories": arguments.categories,
            "preparation": preparation,
            "scale": arguments.scale,
        }
        with write_atomically(arguments.json) as path:
            path.write_text(json.dumps(settings | comparison.to_dict(), indent=2) + "\n")
    if arguments.report is not None:
        comparison.to_html(
            arguments.report,
            image_shape=shape,
            title=Path(arguments.data).name,
            table=clean_table(preparer, table.X),
        )


def _parse_methods(text: str) -> tuple[str, ...]:
    methods = tuple(text.split(","))
    unknown = [method for method in methods if method not in _METHODS]
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is not one of {', '.join(_METHODS)}")
    return methods
