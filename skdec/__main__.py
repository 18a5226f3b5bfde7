"""Run the command line by ``python -m skdec``."""

import sys

from skdec.cli import main

if __name__ == "__main__":
    sys.exit(main())
