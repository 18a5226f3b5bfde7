"""``skdec report``, and the option ``--report`` of ``skdec compare``: clusters as an HTML page."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skdec.cli.common import add_data, add_id, add_image_shape, add_messages, check_outputs
from skdec.cli.predict import add_model, check_model, load_model, load_samples
from skdec.datasets import find_image_shape
from skdec.tables._reader import check_data

if TYPE_CHECKING:
    from skdec._comparison import Comparison

USAGE = "MODEL DATA"
HELP = "show the clusters of a model from 'fit' in a web page"

IMAGE_SHAPES = {"digits": (8, 8), "mnist": (28, 28), "fashion_mnist": (28, 28)}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_model(parser)
    add_data(parser)
    parser.add_argument("--label", metavar="COLUMN", help="column with the classes, to compare")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("report.html"),
        metavar="FILE",
        help="the page to write (report.html)",
    )
    add_id(parser)
    add_image_shape(parser)
    add_messages(parser)


def add_report_option(parser: argparse.ArgumentParser) -> None:
    """Add the option to write a comparison as a page."""
    parser.add_argument("--report", type=Path, metavar="FILE", help="write a web page to FILE")


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    check_outputs([arguments.output], arguments.data, arguments.model)
    check_data(arguments.data)
    check_model(arguments.model)
    from skdec._report import check_plotly, report

    check_plotly()
    model = load_model(arguments.model)
    X, y, ids, *_ = load_samples(model, arguments)
    page = report(
        model,
        X,
        y,
        ids=None if ids.name == "index" else ids,
        image_shape=_get_image_shape(arguments)
        or find_image_shape(getattr(model, "feature_names_in_", None)),
        title=Path(arguments.data).name,
    )
    page.to_html(arguments.output)
    sys.stdout.write(f"{len(X):,} samples; the page is in {arguments.output}\n")


def check_report(arguments: argparse.Namespace) -> None:
    """Check before the comparison that its page can be written."""
    if arguments.report is not None:
        from skdec._report import check_plotly

        check_plotly()


def check_image_shape(arguments: argparse.Namespace, n_features: int) -> None:
    """Check before the comparison that its page can show the samples as images."""
    shape = _get_image_shape(arguments)
    if arguments.report is not None and shape is not None:
        from skdec.describe._summary import infer_image_shape

        infer_image_shape(n_features, shape)


def write_comparison(comparison: Comparison, table: Any, arguments: argparse.Namespace) -> None:
    """Write the page of a comparison of the clusters of a table."""
    shape = _get_image_shape(arguments)
    comparison.to_html(
        arguments.report, image_shape=shape, title=Path(arguments.data).name, table=table
    )


def _get_image_shape(arguments: argparse.Namespace) -> tuple[int, ...] | None:
    shape: tuple[int, ...] | None = arguments.image_shape
    return IMAGE_SHAPES.get(arguments.data) if shape is None else shape
