"""Deep Embedded Clustering as a scikit-learn estimator."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from skdec._version import __version__

if TYPE_CHECKING:
    from skdec import datasets, display, layers, metrics, model_selection, networks
    from skdec._comparison import Comparison, compare
    from skdec._estimator import DECClusterer

# Submodules are imported lazily on first access: `import skdec` loads neither TensorFlow nor Keras.
_MODULES = ("datasets", "display", "layers", "metrics", "model_selection", "networks")
_MODULE_OF_NAME = {
    "Comparison": "skdec._comparison",
    "DECClusterer": "skdec._estimator",
    "compare": "skdec._comparison",
}

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
    if name in _MODULE_OF_NAME:
        return getattr(import_module(_MODULE_OF_NAME[name]), name)
    raise AttributeError(f"module 'skdec' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
