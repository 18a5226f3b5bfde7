"""The command line ``skdec``: compare, fit and predict."""

from skdec.cli.main import main

__all__ = ["main"]
