"""Target distributions by a function of the user's."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from skdec._utils.assignments import target_distribution

# Computes targets p (n, k) as `target_distribution` does, of which it has the parameters.
TargetFunction = Callable[[np.ndarray, np.ndarray, Any, float], np.ndarray]

_MAX_ROW_ERROR = 1e-3


@dataclass(frozen=True)
class CustomTarget:
    """A function of the user's in place of `target_distribution`; what it returns is checked.

    Attributes
    ----------
    function : callable
        Maps soft assignments q (n, k) and, if it has a parameter of that name, `sample_weight` (n,)
        to targets p (n, k).
    """

    function: Callable[..., Any]

    def __call__(
        self,
        q: np.ndarray,
        sample_weight: np.ndarray,
        previous_frequencies: Any = 0.0,
        power: float = 1.0,
    ) -> np.ndarray:
        """Return the targets, float32, or raise a ValueError; cluster frequencies have no part."""
        q = q.view()
        q.flags.writeable = False  # it is used further
        has_weights = "sample_weight" in inspect.signature(self.function).parameters
        try:
            p = np.asarray(
                self.function(q, sample_weight=sample_weight) if has_weights else self.function(q),
                dtype=np.float32,
            )
        except Exception as error:  # the user's code may raise anything
            reason = " ".join(str(error).split())
            raise ValueError(
                f"target={self.function!r} fails on soft assignments {q.shape}: {reason}"
            ) from error
        if p.shape != q.shape:
            raise self._describe_fault(f"the shape {q.shape} of its argument", f"shape {p.shape}")
        if not np.isfinite(p).all() or p.min() < 0:
            raise self._describe_fault("finite values of at least 0", "others")
        sums = p.sum(axis=1)
        if np.abs(sums - 1).max() > _MAX_ROW_ERROR:
            raise self._describe_fault(
                "rows that sum to 1", f"sums from {sums.min():.3g} to {sums.max():.3g}"
            )
        return p

    def _describe_fault(self, expected: str, found: str) -> ValueError:
        return ValueError(f"target={self.function!r} must return {expected}; it returned {found}.")


def create_target_function(function: Any, n_clusters: int | None = None) -> TargetFunction:
    """Return DEC's own target distribution for None, or a function's.

    The function is tried before any training, unless the number of clusters is not known yet.
    """
    if function is None:
        return target_distribution
    target = CustomTarget(function)
    if n_clusters is not None:
        q = np.random.RandomState(0).dirichlet(np.ones(n_clusters), size=5).astype(np.float32)
        target(q, np.ones(len(q), np.float32))
    return target
