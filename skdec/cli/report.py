"""Clusters compared with classes as plain text: scores, confusion matrix, classification report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sklearn.metrics import classification_report

from skdec._utils.text_table import format_table
from skdec.metrics import convert_labels, count_matches, match_labels

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
    # The precision of a class to which no cluster is matched is undefined; 0 avoids a warning.
    report = classification_report(
        classes, match_labels(classes, y_pred), digits=3, zero_division=0
    )
    return f"{format_confusion_matrix(classes, y_pred)}\n\n{report.rstrip()}"


def format_confusion_matrix(y_true: Any, y_pred: Any) -> str:
    """Format the number of samples of each class in each cluster, one line per class.

    The clusters have their own numbers, in the order of the classes that they are matched to.

    Examples
    --------
    >>> from skdec.cli.report import format_confusion_matrix
    >>> print(format_confusion_matrix(["No", "Yes", "Yes"], [1, 0, 0]))
    class \\ cluster  1  0
    No               1  0
    Yes              0  2
    """
    counts, classes, clusters = count_matches(y_true, y_pred)
    rows = [["class \\ cluster", *clusters]]
    rows += [[name, *map(str, row)] for name, row in zip(classes, counts, strict=True)]
    return format_table(rows)
