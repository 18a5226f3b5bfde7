"""Deep Embedded Clustering as a scikit-learn estimator."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skdec import (
        callbacks,
        cluster,
        datasets,
        display,
        layers,
        metrics,
        model_selection,
        networks,
    )
    from skdec._comparison import Comparison, compare
    from skdec._persistence import TRUSTED_TYPES, load, save
    from skdec._report import Report, report
    from skdec.cluster import NeighborClusterer
    from skdec.dec._estimator import DECClusterer
    from skdec.describe._description import describe_clusters, find_examples, name_clusters
    from skdec.tables._preparer import TablePreparer

    __version__: str

# Submodules are imported lazily on first access: `import skdec` loads neither TensorFlow nor Keras.
_MODULES = (
    "callbacks",
    "cluster",
    "datasets",
    "display",
    "layers",
    "metrics",
    "model_selection",
    "networks",
)
_MODULE_OF_NAME = {
    "TRUSTED_TYPES": "skdec._persistence",
    "Comparison": "skdec._comparison",
    "DECClusterer": "skdec.dec._estimator",
    "NeighborClusterer": "skdec.cluster",
    "Report": "skdec._report",
    "TablePreparer": "skdec.tables._preparer",
    "compare": "skdec._comparison",
    "describe_clusters": "skdec.describe._description",
    "find_examples": "skdec.describe._description",
    "load": "skdec._persistence",
    "name_clusters": "skdec.describe._description",
    "report": "skdec._report",
    "save": "skdec._persistence",
}

__all__ = [
    "TRUSTED_TYPES",
    "Comparison",
    "DECClusterer",
    "NeighborClusterer",
    "Report",
    "TablePreparer",
    "__version__",
    "callbacks",
    "cluster",
    "compare",
    "datasets",
    "describe_clusters",
    "display",
    "find_examples",
    "layers",
    "load",
    "metrics",
    "model_selection",
    "name_clusters",
    "networks",
    "report",
    "save",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("importlib.metadata").version("skdec")
    if name in _MODULES:
        return import_module(f"skdec.{name}")
    if name in _MODULE_OF_NAME:
        return getattr(import_module(_MODULE_OF_NAME[name]), name)
    raise AttributeError(f"module 'skdec' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
