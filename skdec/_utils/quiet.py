"""TensorFlow without the lines that it writes on standard error when it begins."""

import os
import sys
import tempfile
from importlib import import_module

_LEVEL = "TF_CPP_MIN_LOG_LEVEL"


def import_tensorflow_quietly() -> None:
    """Import TensorFlow without its start-up lines, unless the user has set its log level.

    What it writes is shown if the import fails.
    """
    if "tensorflow" in sys.modules or _LEVEL in os.environ or sys.stderr is None:
        return
    os.environ[_LEVEL] = "3"
    # Some lines come before TensorFlow looks at the level.
    sys.stderr.flush()
    standard_error = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            import_module("tensorflow")
        except BaseException:
            file.seek(0)
            os.write(standard_error, file.read())
            raise
        finally:
            os.dup2(standard_error, 2)
            os.close(standard_error)
