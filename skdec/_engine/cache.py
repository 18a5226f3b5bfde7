"""Cache of the finished steps of fits, by the data, settings and versions they depend on."""

import os
from collections.abc import Callable
from typing import Any

from joblib import Memory
from sklearn.utils.validation import check_memory


class StepCache:
    """Look up the result of a step, or compute and store it.

    Parameters
    ----------
    memory : str, path-like, joblib.Memory or None
        Directory of the cache; None stores nothing.
    """

    def __init__(self, memory: Any) -> None:
        path = os.fspath(memory) if isinstance(memory, os.PathLike) else memory
        cache: Memory = check_memory(path)
        self._run = cache.cache(_run_step, ignore=["compute"])

    def get(self, step: str, key: Any, compute: Callable[[], Any]) -> Any:
        """Return the result stored for `step` and `key`, else that of `compute`.

        Parameters
        ----------
        step : str
            Name of the step.
        key : object
            All that the result depends on; compared by its contents.
        compute : callable
            Computes the result.

        Returns
        -------
        object
            The result.
        """
        return self._run(step, key, compute)


def _run_step(step: str, key: Any, compute: Callable[[], Any]) -> Any:
    return compute()
