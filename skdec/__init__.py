"""Deep Embedded Clustering as a scikit-learn estimator."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from skdec._version import __version__

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
    from skdec._report import Report, report
    from skdec.cluster import NeighborClusterer
    from skdec.dec._estimator import DECClusterer
    from skdec.describe._description import describe_clusters, find_examples, name_clusters
    from skdec.tables._preparer import TablePreparer

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
    "Comparison": "skdec._comparison",
    "DECClusterer": "skdec.dec._estimator",
    "NeighborClusterer": "skdec.cluster",
    "Report": "skdec._report",
    "TablePreparer": "skdec.tables._preparer",
    "compare": "skdec._comparison",
    "describe_clusters": "skdec.describe._description",
    "find_examples": "skdec.describe._description",
    "name_clusters": "skdec.describe._description",
    "report": "skdec._report",
}

__all__ = [
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


def save(model: Any, path: Any) -> None:
    """Write a fitted model to one file, without pickle.

    Parameters
    ----------
    model : DECClusterer or sklearn.pipeline.Pipeline
        The fitted estimator, or a Pipeline of a `TablePreparer` or a scaler of scikit-learn and
        the estimator.
    path : str or path-like
        The file, replaced if it exists.

    Raises
    ------
    ValueError
        If a file cannot hold a part of the model; the message names it.
    sklearn.exceptions.NotFittedError
        If the model has not been fitted.

    See Also
    --------
    load : Read the file.

    Examples
    --------
    >>> import skdec
    >>> skdec.save(make_pipeline(TablePreparer(), DECClusterer(3)).fit(table), "model.skdec")
    ... # doctest: +SKIP
    """
    from skdec._model_file import save_model

    save_model(model, path)


def load(path: Any) -> Any:
    """Read a model written by ``skdec fit`` or `save`; no code in the file is run.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    DECClusterer or sklearn.pipeline.Pipeline
        The fitted estimator, after its scaler if it was fitted to scaled samples: a Pipeline
        takes the samples as they are.

    Raises
    ------
    ValueError
        If the file is damaged, of another kind, or was written by a newer version.

    See Also
    --------
    save : Write a fitted model.

    Examples
    --------
    >>> import skdec
    >>> model = skdec.load("model.skdec")  # doctest: +SKIP
    >>> model.predict(X)  # doctest: +SKIP
    """
    from skdec._model_file import load_model
    from skdec.dec._estimator import DECClusterer

    return load_model(DECClusterer, path)


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"skdec.{name}")
    if name in _MODULE_OF_NAME:
        return getattr(import_module(_MODULE_OF_NAME[name]), name)
    raise AttributeError(f"module 'skdec' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
