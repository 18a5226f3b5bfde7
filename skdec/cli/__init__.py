"""The command ``skdec``: which of its commands runs, and how errors are reported.

Results are written to standard output, progress and warnings to standard error. Exit code 2 means
an error that the user can correct; one line on standard error says how.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import NoReturn

from skdec.cli import compare, describe, fit, info, predict, report
from skdec.cli.common import log, show_warnings_in_one_line

# TensorFlow, Keras, pandas and scikit-learn are imported by the functions that need them, so that
# --help and refused arguments take no time.

# In the order of --help.
_COMMANDS = {
    "compare": compare,
    "fit": fit,
    "predict": predict,
    "describe": describe,
    "report": report,
    "info": info,
}

# A message may quote the user's file, whose names and fields may be of any length.
MAX_MESSAGE_LENGTH = 600


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Raise a ValueError of one line, without the usage that --help shows."""
        raise ValueError(f"{message} (see '{self.prog} --help')")


def build_parser() -> argparse.ArgumentParser:
    """Build the parser; the function of the command is in the attribute `run` of its result."""
    parser = _Parser(
        prog="skdec", description="Deep Embedded Clustering of the samples in a table."
    )
    parser.add_argument("--version", action="version", version=f"skdec {version('skdec')}")
    commands = parser.add_subparsers(
        title="commands", dest="command", required=True, metavar="COMMAND"
    )
    for name, command in _COMMANDS.items():
        command_parser = commands.add_parser(
            name, help=command.HELP, usage=f"skdec {name} [options] {command.USAGE}"
        )
        command.add_arguments(command_parser)
        command_parser.set_defaults(run=command.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command ``skdec``.

    Parameters
    ----------
    argv : sequence of str, default=None
        Arguments after the command's name; those of the process by default.

    Returns
    -------
    int
        Exit code: 0 for success, 2 for an error that the user can correct, 130 after Ctrl-C.

    Examples
    --------
    >>> from skdec.cli import main
    >>> main(["compare", "digits", "--seed", "0"])  # doctest: +SKIP
    """
    with show_warnings_in_one_line():
        try:
            arguments = build_parser().parse_args(argv)
            log.is_quiet, log.is_json = arguments.quiet, arguments.log_json
            arguments.run(arguments)
            sys.stdout.flush()
        except BrokenPipeError:
            # The reader, such as head, has closed the pipe; Python would report it at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except (ValueError, OSError, FloatingPointError, ImportError) as error:
            message = " ".join(str(error).split())
            if len(message) > MAX_MESSAGE_LENGTH:
                message = f"{message[:MAX_MESSAGE_LENGTH]} ..."
            log.write(message, "error")
            return 2
        except KeyboardInterrupt as interrupt:
            # A fit says how far it got; what comes after it writes no file in part.
            place = str(interrupt).split(";")[0] or "interrupted"
            log.write(f"{place}; no file was written.", "error")
            return 130
    return 0
