"""Deep Embedded Clustering as a scikit-learn estimator."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from skdec._version import __version__

if TYPE_CHECKING:
    from skdec import datasets, display, layers, metrics, model_selection, networks
    from skdec._compare import Comparison, compare
    from skdec._dec import DECClusterer

# Importing skdec imports neither TensorFlow nor Keras: a name's room opens when it is asked for.
_ROOMS = {"DECClusterer": "skdec._dec", "compare": "skdec._compare", "Comparison": "skdec._compare"}
_MODULES = ("datasets", "display", "layers", "metrics", "model_selection", "networks")

__all__ = [
    "Comparison",
    "DECClusterer",
    "__version__",
    "compare",
    "datasets",
    "display",
    "layers",
    "metrics",
    "model_selection",
    "networks",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"skdec.{name}")
    if name in _ROOMS:
        return getattr(import_module(_ROOMS[name]), name)
    raise AttributeError(f"module 'skdec' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
