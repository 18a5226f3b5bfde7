"""``skdec report``, and the option ``--report`` of ``skdec compare``: clusters as an HTML page."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from skdec.cli.common import add_data, add_id, add_image_shape, add_messages
from skdec.cli.predict import add_model, load_samples, open_model
from skdec.datasets import find_image_shape

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


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    from skdec._report import check_plotly, report

    check_plotly()
    model = open_model(arguments)
    X, y, ids, *_ = load_samples(model, arguments)
    page = report(
        model,
        X,
        y,
        ids=None if ids.name == "index" else ids,
        image_shape=get_image_shape(arguments)
        or find_image_shape(getattr(model, "feature_names_in_", None)),
        title=Path(arguments.data).name,
    )
    page.to_html(arguments.output)
    sys.stdout.write(f"{len(X):,} samples; the page is in {arguments.output}\n")


def get_image_shape(arguments: argparse.Namespace) -> tuple[int, ...] | None:
    """Return the shape that is given, or that of the images of a known data set."""
    shape: tuple[int, ...] | None = arguments.image_shape
    return IMAGE_SHAPES.get(arguments.data) if shape is None else shape
