"""``skdec predict``: the clusters of the rows of a table, read and written in chunks."""

import argparse

from skdec.cli.models import add_model, check_model, iterate_samples, load_model
from skdec.cli.options import add_data, add_id, add_messages, add_output, check_outputs
from skdec.cli.predictions import check_id, write_predictions
from skdec.tables._reader import check_data

HELP = "predict clusters with a model from 'fit'"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_model(parser)
    add_data(parser)
    add_output(parser)
    add_id(parser)
    add_messages(parser)


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    check_outputs([arguments.output], arguments.data, arguments.model)
    check_id(arguments.id)
    check_data(arguments.data)
    check_model(arguments.model)
    model = load_model(arguments.model)
    write_predictions(
        arguments.output,
        model,
        iterate_samples(model, arguments.data, arguments.id),
        soft_assignments=arguments.soft_assignments,
        embedding=arguments.embedding,
    )
