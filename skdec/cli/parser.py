"""The parser of the command line; each command adds its own arguments."""

import argparse
from typing import NoReturn

from skdec._version import __version__
from skdec.cli import compare, describe, fit, html_report, info, predict

# In the order of --help.
_COMMANDS = {
    "compare": compare,
    "fit": fit,
    "predict": predict,
    "describe": describe,
    "report": html_report,
    "info": info,
}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Raise a ValueError of one line, without the usage that --help shows."""
        raise ValueError(f"{message} (see '{self.prog} --help')")


def build_parser() -> argparse.ArgumentParser:
    """Build the parser; the function of the command is in the attribute `run` of its result."""
    parser = _Parser(
        prog="skdec", description="Deep Embedded Clustering of the samples in a table."
    )
    parser.add_argument("--version", action="version", version=f"skdec {__version__}")
    commands = parser.add_subparsers(
        title="commands", dest="command", required=True, metavar="COMMAND"
    )
    for name, command in _COMMANDS.items():
        command_parser = commands.add_parser(name, help=command.HELP)
        command.add_arguments(command_parser)
        command_parser.set_defaults(run=command.run)
    return parser
