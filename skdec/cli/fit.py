"""``skdec fit``: fit DEC to a table and save preparation and estimator in one file."""

import argparse
import sys
from pathlib import Path

import numpy as np

from skdec.cli.options import (
    add_columns,
    add_data,
    add_fit,
    add_messages,
    add_output,
    check_outputs,
    get_columns,
    get_n_clusters,
    get_network_parameters,
)
from skdec.cli.output import build_callbacks, log, show_reading, silence_stderr
from skdec.cli.predictions import check_id, write_predictions
from skdec.cli.preparation import build_preparation, report_preparation
from skdec.tables._reader import load_table

HELP = "fit DEC and save the model and the clusters"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_data(parser)
    add = parser.add_argument
    add("--model", type=Path, required=True, metavar="FILE", help="save the model")
    add_output(parser)
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
    add("--memory", type=Path, metavar="DIR", help="cache of finished steps, for further fits")
    add("--checkpoint", type=Path, metavar="DIR", help="where a killed fit resumes; needs --seed")
    add_messages(parser)


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    check_outputs([arguments.model, arguments.output], arguments.data)
    check_id(arguments.id)
    with show_reading():
        table = load_table(arguments.data, get_columns(arguments))
    n_clusters = get_n_clusters(arguments, table)
    preparer, X = build_preparation(arguments, table.X)
    with silence_stderr():
        from sklearn.pipeline import make_pipeline

        from skdec._persistence import check_can_be_saved, save
        from skdec.cli.report import format_matching
        from skdec.dec._estimator import DECClusterer
    features = X
    if preparer is not None:
        features = preparer.fit_transform(X)
        check_can_be_saved(preparer)
        report_preparation(preparer)
    clusterer = DECClusterer(
        n_clusters,
        init=arguments.init,
        n_neighbors=arguments.n_neighbors,
        batch_size=arguments.batch_size,
        memory=arguments.memory,
        checkpoint=arguments.checkpoint,
        callbacks=build_callbacks(),
        verbose=int(not log.is_quiet and not log.is_json),
        random_state=arguments.seed,
        **get_network_parameters(arguments),
    )
    clusterer.fit(features)
    model = clusterer if preparer is None else make_pipeline(preparer, clusterer)
    save(model, arguments.model)
    if arguments.output is not None:
        write_predictions(
            arguments.output,
            model,
            [table._replace(X=X)],
            soft_assignments=arguments.soft_assignments,
            embedding=arguments.embedding,
        )
    if log.is_quiet:
        return
    n_found = len(np.unique(clusterer.labels_))
    sys.stdout.write(
        f"{len(X):,} samples in {n_found} clusters; the model is in {arguments.model}\n"
    )
    if table.y is not None:
        sys.stdout.write(f"\n{format_matching(table.y, clusterer.labels_)}\n")
