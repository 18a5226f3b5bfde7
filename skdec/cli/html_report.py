"""``skdec report``, and the option ``--report`` of ``skdec compare``: clusters as an HTML page."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skdec._files import check_writable
from skdec.cli.output import silence_stderr
from skdec.cli.tables import Table, load_table
from skdec.datasets import load_digits, load_fashion_mnist, load_mnist

if TYPE_CHECKING:
    from skdec._comparison import Comparison

HELP = "show the clusters of a model from 'fit' in a web page"

DATASETS = {"digits": load_digits, "mnist": load_mnist, "fashion_mnist": load_fashion_mnist}
IMAGE_SHAPES = {"digits": (8, 8), "mnist": (28, 28), "fashion_mnist": (28, 28)}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("model", type=Path, metavar="MODEL", help="a file from 'skdec fit'")
    parser.add_argument("data", metavar="DATA", help="the data, as for 'skdec predict'")
    parser.add_argument("--label", metavar="COLUMN", help="column with the classes, to compare")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("report.html"),
        metavar="FILE",
        help="the page to write (report.html)",
    )
    _add_image_shape(parser)


def add_report_option(parser: argparse.ArgumentParser) -> None:
    """Add the option to write a comparison as a page."""
    parser.add_argument("--report", type=Path, metavar="FILE", help="write a web page to FILE")
    _add_image_shape(parser)


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    check_writable(arguments.output)
    if arguments.output.resolve() in (arguments.model.resolve(), Path(arguments.data).resolve()):
        raise ValueError(f"{arguments.output} is read; name another file to write.")
    if not arguments.model.is_file():
        raise FileNotFoundError(f"{arguments.model} is not a file; 'skdec fit' writes a model.")
    with silence_stderr():
        from skdec._estimator import DECClusterer
        from skdec._model_file import load_model
        from skdec._report import check_plotly, report
    check_plotly()
    model = load_model(DECClusterer, arguments.model)
    X, y = _load_samples(model, arguments)
    page = report(model, X, y, image_shape=_get_image_shape(arguments), title=arguments.data)
    page.to_html(arguments.output)
    sys.stdout.write(f"{len(X):,} samples; the page is in {arguments.output}\n")


def check_report(arguments: argparse.Namespace) -> None:
    """Check before the comparison that its page can be written."""
    if arguments.report is not None:
        from skdec._report import check_plotly

        check_plotly()


def write_comparison(comparison: Comparison, arguments: argparse.Namespace) -> None:
    """Write the page of a comparison, if the option is given."""
    if arguments.report is not None:
        shape = _get_image_shape(arguments)
        comparison.to_html(arguments.report, image_shape=shape, title=arguments.data)


def _load_samples(model: Any, arguments: argparse.Namespace) -> tuple[Any, Any]:
    """Load the columns that the model was fitted on, and the classes."""
    names = getattr(model, "feature_names_in_", None)
    if arguments.data in DATASETS:
        table = Table(*DATASETS[arguments.data](), feature_names=None)
    else:
        columns = None if names is None else names.tolist()
        table = load_table(arguments.data, arguments.label, columns)
    X, y = table.X, table.y
    if X.shape[1] != model.n_features_in_:
        raise ValueError(
            f"{arguments.data} has {X.shape[1]} columns, but the model was fitted on "
            f"{model.n_features_in_}."
        )
    if names is None:
        return X, y
    import pandas as pd

    return pd.DataFrame(X, columns=names, copy=False), y


def _add_image_shape(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--image-shape",
        type=_parse_shape,
        metavar="HEIGHT,WIDTH",
        help="show the samples as images in the page (those of the built-in data sets)",
    )


def _get_image_shape(arguments: argparse.Namespace) -> tuple[int, ...] | None:
    shape: tuple[int, ...] | None = arguments.image_shape
    return IMAGE_SHAPES.get(arguments.data) if shape is None else shape


def _parse_shape(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(side) for side in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a height and width such as 28,28"
        ) from None
