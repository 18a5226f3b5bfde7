"""Clusters against classes as text to read: the table, the confusion matrix and the report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import classification_report, confusion_matrix

from skdec.metrics import label_array, match_labels

if TYPE_CHECKING:
    from skdec._compare import Comparison

__all__ = ["comparison_report", "confusion_table", "matching_report"]


def comparison_report(
    comparison: Comparison, y: Any = None, methods: Sequence[str] = ("kmeans", "dec")
) -> str:
    """
    The table of a comparison and, where there are classes, the details of some methods.

    Parameters
    ----------
    comparison : Comparison
        What `skdec.compare` returned.
    y : array-like of shape (n_samples,), default=None
        The classes that were compared with.
    methods : sequence of str, default=("kmeans", "dec")
        The methods to show in detail, if the comparison has them.

    Returns
    -------
    str
        Several lines without a line break at the end.

    See Also
    --------
    matching_report : The details of one method.

    Examples
    --------
    >>> from skdec import compare
    >>> from skdec.report import comparison_report
    >>> print(comparison_report(compare(X, y), y))  # doctest: +SKIP
    """
    parts = [str(comparison)]
    if y is not None:
        detailed = [result for result in comparison.results if result.method in methods]
        parts += [
            f"{result.method}, clusters matched to classes\n\n{matching_report(y, result.labels)}"
            for result in detailed
        ]
    return "\n\n".join(parts)


def matching_report(y_true: Any, y_pred: Any) -> str:
    """
    Confusion matrix and classification report after matching clusters to classes.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Classes.
    y_pred : array-like of shape (n_samples,)
        Clusters.

    Returns
    -------
    str
        Several lines without a line break at the end.

    See Also
    --------
    skdec.metrics.match_labels : The matching, and what left-over clusters are called.

    Examples
    --------
    >>> from skdec.report import matching_report
    >>> text = matching_report(["No", "Yes", "Yes"], [1, 0, 0])
    >>> "accuracy" in text
    True
    """
    classes = label_array(y_true, "y_true")
    matched = match_labels(classes, y_pred)
    # A class that no cluster was matched to has no precision; 0 says so without a warning.
    report = classification_report(classes, matched, digits=3, zero_division=0)
    return f"{confusion_table(classes, matched)}\n\n{report.rstrip()}"


def confusion_table(y_true: Any, y_pred: Any) -> str:
    """
    The confusion matrix with its names, a row per class, aligned.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Classes.
    y_pred : array-like of shape (n_samples,)
        Labels of the same kind, such as `match_labels` returns.

    Returns
    -------
    str
        One line per class under a line of names, without a line break at the end.

    See Also
    --------
    matching_report : This table with the classification report below it.

    Examples
    --------
    >>> from skdec.report import confusion_table
    >>> print(confusion_table(["No", "Yes", "Yes"], ["No", "No", "Yes"]))
    class \\ cluster  No  Yes
    No                1    0
    Yes               1    1
    """
    classes, columns = np.unique(y_true), np.unique(np.concatenate([y_true, y_pred]))
    counts = confusion_matrix(y_true, y_pred, labels=columns)
    lines = [["class \\ cluster", *map(str, columns)]]
    lines += [
        [str(name), *map(str, row)]
        for name, row in zip(columns, counts, strict=True)
        if name in classes
    ]
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])])
        for line in lines
    )
