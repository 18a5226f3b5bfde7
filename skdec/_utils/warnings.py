"""Warnings that point at the code of the user."""

import inspect
import os
import warnings
from importlib.util import find_spec
from pathlib import Path

_SKLEARN = find_spec("sklearn")  # without importing it, which takes a second
assert _SKLEARN is not None
_INTERNAL = tuple(
    str(folder) + os.sep
    for folder in (Path(__file__).parents[1], Path(str(_SKLEARN.origin)).parent)
)


def warn_user(message: str, category: type[Warning] = UserWarning) -> None:
    """Issue a warning for the line outside of skdec and scikit-learn that has led here."""
    frame, level = inspect.currentframe(), 1
    while frame is not None and frame.f_code.co_filename.startswith(_INTERNAL):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
