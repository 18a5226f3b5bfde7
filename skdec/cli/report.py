"""Clusters compared with classes as plain text: scores, confusion matrix, classification report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import classification_report, confusion_matrix

from skdec._text_table import format_table
from skdec.metrics import convert_labels, match_labels

if TYPE_CHECKING:
    from skdec._comparison import Comparison


def format_comparison(
    comparison: Comparison, y: Any = None, methods: Sequence[str] = ("kmeans", "dec")
) -> str:
    """Format the table of a comparison and, given classes `y`, the matching of some methods."""
    parts = [str(comparison)]
    if y is not None:
        detailed = [result for result in comparison.results if result.method in methods]
        parts += [
            f"{result.method}, clusters matched to classes\n\n{format_matching(y, result.labels)}"
            for result in detailed
        ]
    return "\n\n".join(parts)


def format_matching(y_true: Any, y_pred: Any) -> str:
    """Format confusion matrix and classification report of clusters after matching to classes.

    Examples
    --------
    >>> from skdec.cli.report import format_matching
    >>> text = format_matching(["No", "Yes", "Yes"], [1, 0, 0])
    >>> "accuracy" in text
    True
    """
    classes = convert_labels(y_true, "y_true")
    matched = match_labels(classes, y_pred)
    # The precision of a class to which no cluster is matched is undefined; 0 avoids a warning.
    report = classification_report(classes, matched, digits=3, zero_division=0)
    return f"{format_confusion_matrix(classes, matched)}\n\n{report.rstrip()}"


def format_confusion_matrix(y_true: Any, y_pred: Any) -> str:
    """Format a confusion matrix with its labels, one line per class.

    `y_pred` are labels of the same kind as the classes `y_true`, such as `match_labels` returns.

    Examples
    --------
    >>> from skdec.cli.report import format_confusion_matrix
    >>> print(format_confusion_matrix(["No", "Yes", "Yes"], ["No", "No", "Yes"]))
    class \\ cluster  No  Yes
    No                1    0
    Yes               1    1
    """
    classes, labels = np.unique(y_true), np.unique(np.concatenate([y_true, y_pred]))
    counts = confusion_matrix(y_true, y_pred, labels=labels)
    rows = [["class \\ cluster", *map(str, labels)]]
    rows += [
        [str(label), *map(str, row)]
        for label, row in zip(labels, counts, strict=True)
        if label in classes
    ]
    return format_table(rows)
