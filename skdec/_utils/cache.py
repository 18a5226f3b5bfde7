"""Cache of the finished steps of fits, by the data, settings and versions they depend on."""

import os
from collections.abc import Callable
from functools import cache
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import Any

import joblib
from sklearn.utils.validation import check_memory

from skdec._version import __version__

_PACKAGES = ("tensorflow", "keras", "numpy", "scipy", "scikit-learn")


@cache
def describe_versions() -> dict[str, str]:
    """Return the versions of all packages that the result of a fit depends on.

    That of skdec is followed by a digest of its source, so that results of a changed checkout are
    not taken for those of the release.
    """
    digest = blake2b(digest_size=8)
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(path.read_bytes())
    return {
        "skdec": f"{__version__}+{digest.hexdigest()}",
        **{package: version(package) for package in _PACKAGES},
    }


class StepCache:
    """Look up the result of a step, or compute and store it.

    Parameters
    ----------
    memory : str, path-like, joblib.Memory or None
        Directory of the cache; None stores nothing.
    """

    def __init__(self, memory: Any) -> None:
        path = os.fspath(memory) if isinstance(memory, os.PathLike) else memory
        self._cache: joblib.Memory = check_memory(path)

    def get(
        self,
        step: str,
        key: tuple[Any, ...],
        compute: Callable[[], Any],
    ) -> Any:
        """Return the result stored for `step` and `key`, else that of `compute`.

        Parameters
        ----------
        step : str
            Name of the step.
        key : tuple
            All that the result depends on, beside the versions of the installed packages: values
            that joblib can hash.
        compute : callable
            Computes the result.

        Returns
        -------
        object
            The result.
        """
        if self._cache.location is None:
            return compute()
        run = self._cache.cache(_run_step, ignore=["compute"])
        return run(step, joblib.hash(key), describe_versions(), compute)


def _run_step(step: str, key: str, versions: dict[str, str], compute: Callable[[], Any]) -> Any:
    return compute()
