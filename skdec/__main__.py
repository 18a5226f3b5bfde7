"""``python -m skdec`` is the command ``skdec``."""

import sys

from skdec.cli import main

if __name__ == "__main__":
    sys.exit(main())
