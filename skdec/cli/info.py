"""``skdec info``: what is in a model, without loading TensorFlow."""

import argparse
import sys

from skdec._persistence import read_header
from skdec._utils.terminal import format_table
from skdec.cli.common import add_messages
from skdec.cli.predict import add_model, check_model

USAGE = "MODEL"
HELP = "show what is in a model: columns, preparation, clusters, versions"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_model(parser)
    add_messages(parser)


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    check_model(arguments.model)
    header = read_header(arguments.model)
    versions = ", ".join(f"{name} {number}" for name, number in header["versions"].items())
    rows = [*header["summary"], ["versions", versions]]
    # A terminal obeys some characters that do not print.
    shown = [["".join(c if c.isprintable() else "?" for c in text) for text in row] for row in rows]
    lines = format_table(shown, align_left=2).splitlines()
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in lines))
