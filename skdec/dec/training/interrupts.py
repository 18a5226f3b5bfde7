"""Ctrl-C between the training loops of a fit, which handle it themselves."""

from collections.abc import Callable
from typing import TypeVar

from skdec.dec.training.distribute import has_other_workers

_R = TypeVar("_R")


def run_again_if_interrupted(step: Callable[[bool], _R]) -> tuple[_R, bool]:
    """Run a step of a fit, and once more if Ctrl-C interrupts it.

    Parameters
    ----------
    step : callable
        Called with whether it has been interrupted, and so should be quick. It must not depend on
        how far the first call got.

    Returns
    -------
    result : object
        What the step returned.
    is_interrupted : bool
        Whether it was interrupted.

    Raises
    ------
    KeyboardInterrupt
        If the second call is interrupted as well, or other workers wait for this one.
    """
    try:
        return step(False), False
    except KeyboardInterrupt:
        if has_other_workers():
            raise
        return step(True), True
