"""The command ``skdec``: which of its commands runs, and how errors are reported.

Results are written to standard output, progress and warnings to standard error. Exit code 2 means
an error that the user can correct; one line on standard error says how.
"""

import os
import sys
from collections.abc import Sequence

from skdec.cli.output import log, show_warnings_in_one_line
from skdec.cli.parser import build_parser

# TensorFlow, Keras, pandas and scikit-learn are imported by the functions that need them, so that
# --help and refused arguments take no time.

# A message may quote the user's file, whose names and fields may be of any length.
MAX_MESSAGE_LENGTH = 600


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
