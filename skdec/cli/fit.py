"""``skdec fit``: fit DEC to a table and save preparation and estimator in one file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

from skdec._utils.process import silence_stderr
from skdec.cli.common import (
    add_columns,
    add_data,
    add_fit,
    add_messages,
    add_output,
    check_outputs,
    explain_fault,
    format_matching,
    get_columns,
    get_fit_parameters,
    is_standard_output,
    log,
    show_reading,
)
from skdec.cli.predict import check_id, write_predictions
from skdec.datasets import find_image_shape
from skdec.tables._reader import (
    STANDARD_INPUT,
    Table,
    check_data,
    has_named_columns,
    load_table,
)

HELP = "fit DEC and save the model and the clusters"
USAGE = "DATA"

_MAX_COLUMNS_SAID = 40
_MAX_CLUSTERS = 15
_MANY_ROWS = 1000  # have more distinct ones than clusters


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_data(parser)
    add = parser.add_argument
    add("--model", type=Path, metavar="FILE", help="save the model (DATA with the end .skdec)")
    add_output(parser, "DATA with the end .clusters.csv")
    add("--force", action="store_true", help="replace files that exist")
    add("--dry-run", action="store_true", help="only print what is understood of each column")
    add_columns(parser)
    add_fit(parser)
    add(
        "--init",
        choices=("neighbors", "k-means++"),
        default="neighbors",
        help="initialization of the clusters (neighbors)",
    )
    add("--n-neighbors", type=int, default=10, metavar="N", help="nearest neighbors (10)")
    add("--batch-size", type=int, default=256, metavar="N", help="samples in a step (256)")
    add(
        "--augment",
        choices=("none", "image"),
        default="none",
        help="image: train on shifted and rotated images as well (none)",
    )
    add("--memory", type=Path, metavar="DIR", help="cache of finished steps, for further fits")
    add("--checkpoint", type=Path, metavar="DIR", help="where a killed fit resumes; needs --seed")
    add_messages(parser)


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    check_id(arguments.id)
    check_data(arguments.data)
    if not arguments.dry_run:
        _choose_outputs(arguments)
    table, preparer, X = read_table(arguments)
    lines = describe_preparation(preparer)
    if arguments.dry_run:
        sys.stdout.write("\n".join([*table.notes, *lines, f"{len(X):,} samples"]) + "\n")
        return
    say_preparation(lines)
    n_clusters = get_n_clusters(arguments, table, X)
    with silence_stderr():
        from sklearn.pipeline import make_pipeline

        from skdec._persistence import save
        from skdec.dec._estimator import DECClusterer
        from skdec.describe._description import name_clusters
        from skdec.tables._preparer import clean_table
    clusterer = DECClusterer(
        n_clusters,
        init=arguments.init,
        n_neighbors=arguments.n_neighbors,
        batch_size=arguments.batch_size,
        augment=_build_augmentation(arguments, X),
        memory=arguments.memory,
        checkpoint=arguments.checkpoint,
        **get_fit_parameters(arguments),
    ).fit(X)
    model = clusterer
    if preparer is not None:
        model = make_pipeline(*(step for _, step in preparer.steps), clusterer)
        model.cluster_names_ = name_clusters(
            clean_table(model, table.X), clusterer.labels_
        ).tolist()
    save(model, arguments.model)
    write_predictions(arguments, model, [table])
    if log.is_quiet or is_standard_output(arguments.output):
        return
    n_found = len(np.unique(clusterer.labels_))
    sys.stdout.write(
        f"{len(X):,} samples in {n_found} clusters; the model is in {arguments.model}, the "
        f"clusters are in {arguments.output}\n"
    )
    if table.y is not None:
        sys.stdout.write(f"\n{format_matching(table.y, clusterer.labels_)}\n")


def _choose_outputs(arguments: argparse.Namespace) -> None:
    """Name the outputs beside the data, and check that they can be written and replace nothing."""
    data = arguments.data
    path = Path("stdin" if data == STANDARD_INPUT else data).expanduser()
    path = path.with_name(path.name.removesuffix(".gz"))
    stem = path if path.is_dir() else path.with_suffix("")
    if arguments.model is None:
        arguments.model = stem.with_name(f"{stem.name}.skdec")
    if arguments.output is None:
        arguments.output = stem.with_name(f"{stem.name}.clusters.csv")
    outputs = [arguments.model, arguments.output]
    check_outputs(outputs, data)
    existing = [str(path) for path in outputs if path.is_file() and not is_standard_output(path)]
    if existing and not arguments.force:
        verb = "exists" if len(existing) == 1 else "exist"
        raise ValueError(
            f"{' and '.join(existing)} {verb}; --force replaces, or name other files by --model "
            "and --output."
        )


def read_table(arguments: argparse.Namespace) -> tuple[Table, Any, Any]:
    """Return the whole table, its preparer or None, and the samples; say what was left out."""
    with show_reading():
        table = load_table(arguments.data, get_columns(arguments))
    if not getattr(arguments, "dry_run", False):
        for note in table.notes:
            log.write(note)
    preparer = _build_preparation(arguments)
    with explain_fault(arguments.data):
        X = table.X if preparer is None else preparer.fit_transform(table.X)
    return table, preparer, X


def _build_preparation(arguments: argparse.Namespace) -> Any:
    """Return the unfitted Pipeline of transformers for the samples, or None.

    A table is prepared, unless its numbers are scaled or taken as they are; arrays and images are
    not.
    """
    # Imported here, so that neither --help nor a refused file loads scikit-learn.
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler, StandardScaler

    scalers = {"none": None, "minmax": MinMaxScaler(), "standard": StandardScaler()}
    scaler = scalers[arguments.scale]
    is_prepared = arguments.scale == "none" and arguments.prepare == "auto"
    if arguments.categories and not is_prepared:
        raise ValueError(
            "--categories needs a table that is prepared: --prepare auto, without --scale."
        )
    steps: list[Any] = [] if scaler is None else [scaler]
    if has_named_columns(arguments.data):
        from skdec.tables._preparer import TablePreparer

        preparer = TablePreparer(
            categories=arguments.categories,
            missing_values=arguments.missing,
            passthrough=not is_prepared,
            random_state=arguments.seed,
        )
        steps.insert(0, preparer)
    return make_pipeline(*steps) if steps else None


def describe_preparation(preparer: Any) -> list[str]:
    """Return a line for each column of a table: what it was understood to be."""
    from skdec.tables._preparer import TablePreparer, describe_columns

    first = None if preparer is None else preparer[0]
    return describe_columns(first) if isinstance(first, TablePreparer) else []


def say_preparation(lines: list[str]) -> None:
    """Write what was understood as messages."""
    for line in lines[:_MAX_COLUMNS_SAID]:
        log.write(line)
    n_more = len(lines) - _MAX_COLUMNS_SAID
    if n_more > 0:
        log.write(f"and {n_more:,} columns more (skdec fit --dry-run shows all)")


def get_n_clusters(arguments: argparse.Namespace, table: Table, X: Any) -> int:
    """Return the number of clusters given, or that of the classes, or the one recommended."""
    if arguments.n_clusters is not None:
        return int(arguments.n_clusters)
    if table.y is not None:
        return len(set(table.y.tolist()))
    with silence_stderr():
        from skdec.model_selection import choose_n_clusters
    n_distinct = len(X) if len(X) > _MANY_ROWS else len(np.unique(np.asarray(X), axis=0))
    numbers = range(2, max(3, min(_MAX_CLUSTERS + 1, n_distinct // 2)))
    with explain_fault(arguments.data):
        choice = choose_n_clusters(X, n_clusters=numbers, random_state=arguments.seed)
    n_clusters = int(choice.recommended)
    log.write(f"number of clusters: {n_clusters}, recommended by the data (--n-clusters sets it)")
    return n_clusters


def _build_augmentation(arguments: argparse.Namespace, X: Any) -> Any:
    if arguments.augment == "none":
        return None
    shape = arguments.image_shape or find_image_shape(getattr(X, "columns", None))
    if shape is None:
        return "image"
    from skdec.layers import RandomAffine

    return RandomAffine(shape)
