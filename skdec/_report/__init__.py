"""Reports of clusters as one HTML file that needs no network.

The module is private because `skdec.report` is the function: a module of the same name would
replace it in the package as soon as it is imported.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import issparse
from sklearn.cluster import KMeans

from skdec._report.content import Clustering, Content, build_content
from skdec._utils.files import write_atomically
from skdec.describe._summary import (
    check_names,
    decode_centers,
    embed,
    get_feature_names,
    split_pipeline,
    to_frame,
)
from skdec.metrics import convert_labels
from skdec.tables._preparer import clean_table


@dataclass(frozen=True)
class Report:
    """Page that shows clusters in a browser: `to_html` writes it, notebooks display it.

    Parameters
    ----------
    title : str
        Title of the page.
    content : dict
        What the page shows.

    See Also
    --------
    skdec.report : Build the report of a fitted clusterer.
    skdec.Comparison.to_html : Write the report of a comparison.
    """

    title: str
    content: Content = field(repr=False)

    def to_html(self, path: Any = None) -> str | None:
        """Return the page, or write it to a file.

        The page is one file of about 5 MB and more, which needs no network: the script of plotly
        and the samples are in it.

        Parameters
        ----------
        path : str or path-like, default=None
            The file, replaced if it exists.

        Returns
        -------
        str or None
            The page; None if it was written to a file.

        Raises
        ------
        ImportError
            If plotly is not installed.
        """
        page = self._render()
        if path is None:
            return page
        with write_atomically(Path(path)) as temporary:
            temporary.write_text(page, encoding="utf-8")
        return None

    def _render(self) -> str:
        folder = files("skdec._report")
        page, style, script = (
            (folder / name).read_text(encoding="utf-8")
            for name in ("page.html", "page.css", "page.js")
        )
        content = {"title": self.title, "version": version("skdec"), **self.content}
        return Template(page).substitute(
            style=style,
            plotly=_get_plotly_script(),
            content=escape_json(content),
            script=script,
        )

    def _repr_html_(self) -> str:
        """Return a frame with the page, for notebooks."""
        from html import escape

        return (
            f'<iframe title="{escape(self.title)}" srcdoc="{escape(self._render())}" '
            'style="width: 100%; height: 90vh; border: 0"></iframe>'
        )


def report(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    ids: Any = None,
    image_shape: tuple[int, ...] | None = None,
    feature_names: Any = None,
    title: str = "Clusters",
    random_state: int = 0,
) -> Report:
    """Report the clusters that a fitted estimator finds in samples.

    The page begins with what was found: each cluster with its name (`name_clusters`), its size and
    what sets it apart, how many samples lie between clusters, and how k-means compares. Then it
    shows the embedding, or the samples themselves if the estimator has none, to zoom, filter,
    select with a lasso and export as CSV; a card for each cluster with its prototype or the columns
    that set it apart, described as by `describe_clusters`, its most and its least certain members;
    the history of the fit; and, given classes, the confusion matrix.

    Parameters
    ----------
    estimator : object
        Fitted clusterer with a `predict`, such as `DECClusterer` or `NeighborClusterer`, or a
        Pipeline that ends in one.
    X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        Samples. Of more than 50,000, or fewer if they have many columns, a random subset is drawn,
        so that the page stays below 10 MB; what it says is about all of them.
    y : array-like of shape (n_samples,), default=None
        Known classes.
    ids : array-like of shape (n_samples,), default=None
        What identifies each sample in the page, such as a column of names. By default it is the
        position in `X`, from 0.
    image_shape : tuple of int, default=None
        Height and width of the samples, if they are images, and 3 or 4 if they have colors.
    feature_names : array-like of str of shape (n_features,), default=None
        Names of the columns of an array, or the words of a sparse matrix, which name the clusters.
    title : str, default="Clusters"
        Title of the page.
    random_state : int, default=0
        Seed of the layout and of the subset.

    Returns
    -------
    Report
        The page: `Report.to_html` returns or writes it; notebooks display it.

    Raises
    ------
    ValueError
        If `y`, `ids` or `feature_names` do not match `X`, or `image_shape` does not fit to the
        features.

    See Also
    --------
    skdec.describe_clusters : The description of the clusters as a table.
    skdec.compare : Compare methods; the result has a report of its own.
    skdec.display : Plots with matplotlib.

    Examples
    --------
    >>> import skdec
    >>> skdec.report(dec, X, image_shape=(28, 28)).to_html("report.html")  # doctest: +SKIP
    """
    X = X if hasattr(X, "shape") else np.asarray(X)
    clustering = build_clustering(estimator, X, y, ids=ids, feature_names=feature_names)
    content = build_content(clustering, image_shape=image_shape, random_state=random_state)
    return Report(title, content)


def report_comparison(
    comparison: Any,
    method: str,
    image_shape: tuple[int, ...] | None,
    title: str,
    table: Any = None,
) -> Report:
    """Build the report of a comparison, which shows the clusters of one method.

    Parameters
    ----------
    comparison : Comparison
        The comparison, with samples and estimators.
    method : str
        Name of the method whose clusters have cards.
    image_shape : tuple of int or None
        As in `report`.
    title : str
        Title of the page.
    table : data frame or None
        What the samples were prepared from, to describe the clusters by if they are no images.

    Returns
    -------
    Report
        The page.
    """
    result = comparison[method]
    clustering = build_clustering(
        result.estimator,
        comparison.X,
        comparison.y,
        labels=result.labels,
        table=table if image_shape is None else None,
        others={name: comparison[name].labels for name in comparison.methods if name != method},
    )
    content = build_content(
        clustering,
        method=method,
        image_shape=image_shape,
        random_state=comparison.random_state,
    )
    columns, *rows = comparison.to_rows()
    return Report(title, {**content, "comparison": {"columns": columns, "rows": rows}})


def build_clustering(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    labels: np.ndarray | None = None,
    table: Any = None,
    ids: Any = None,
    feature_names: Any = None,
    others: Mapping[str, np.ndarray] | None = None,
) -> Clustering:
    """Collect what an estimator knows about its clusters, by default those that it predicts."""
    clusterer, points = split_pipeline(estimator, X)
    is_soft = hasattr(clusterer, "predict_proba")
    q = np.asarray(clusterer.predict_proba(points)) if is_soft else None
    if labels is None:
        labels = np.asarray(clusterer.predict(points)) if q is None else q.argmax(axis=1)
    classes = None if y is None else convert_labels(y, "y")
    if classes is not None:
        _check_length(classes, "y", "labels", len(labels))
    if ids is not None:
        ids = pd.Series(ids).reset_index(drop=True)
        ids = ids.rename("id") if ids.name is None else ids
        _check_length(ids, "ids", "values", len(labels))
    source = X if table is None else table
    shown, names = _get_shown(estimator, source)
    if feature_names is not None:
        check_names(feature_names, len(names))
        names = [str(name) for name in feature_names]
    is_named = feature_names is not None or hasattr(source, "columns")
    return Clustering(
        shown,
        labels,
        embed(clusterer, points),
        names,
        is_named=is_named or hasattr(estimator, "feature_names_in_"),
        points=None if isinstance(clusterer, KMeans) else points,
        metric="cosine" if getattr(clusterer, "metric", None) == "cosine" else "euclidean",
        ids=ids,
        classes=classes,
        prototypes=decode_centers(estimator),
        history=getattr(clusterer, "history_", None),
        soft_assignments=q,
        others=others or {},
    )


def _check_length(values: Any, name: str, what: str, n_samples: int) -> None:
    if len(values) != n_samples:
        raise ValueError(f"{name} has {len(values)} {what}, but X has {n_samples} samples.")


def _get_shown(estimator: Any, X: Any) -> tuple[Any, list[str]]:
    """Return samples as the user knows them, with the names of their features.

    Numbers are an array or a sparse matrix; a table with words, dates or booleans is a data frame.
    """
    if issparse(X):
        return X.tocsr(), get_feature_names(X, estimator)
    if np.asarray(X).dtype.kind in "biuf":
        return np.asarray(X), get_feature_names(X, estimator)
    table = to_frame(clean_table(estimator, X))
    return table, get_feature_names(table)


def escape_json(content: Any) -> str:
    """Return JSON that can stand in a script element: no character begins or ends a tag."""
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    return text.translate({ord(character): f"\\u{ord(character):04x}" for character in "<>&"})


def check_plotly() -> None:
    """Raise an ImportError that names the extra unless plotly is installed."""
    if find_spec("plotly") is None:
        raise ImportError("A report needs plotly: run `pip install '.[plot]'` in a clone of skdec.")


def _get_plotly_script() -> str:
    check_plotly()
    from plotly.offline import get_plotlyjs

    script: str = get_plotlyjs()
    return script.replace("</script", r"<\/script")
