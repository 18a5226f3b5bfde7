"""The reports of the command line: aligned, with every count in its place."""

import numpy as np
import pytest
from sklearn.metrics import classification_report

from skdec.cli.report import format_confusion_matrix, format_matching


def test_the_confusion_matrix_has_the_clusters_under_their_own_numbers():
    """In the order of the classes that they are matched to, those without a class at the end."""
    y_true = ["No", "No", "Yes", "Yes", "Yes"]
    assert format_confusion_matrix(y_true, [2, 0, 0, 0, 1]).splitlines() == [
        "class \\ cluster  2  0  1",
        "No               1  1  0",
        "Yes              0  2  1",
    ]


def test_columns_are_as_wide_as_their_counts():
    y = np.repeat([0, 1], [1234, 5])
    assert format_confusion_matrix(y, 1 - y).splitlines() == [
        "class \\ cluster     1  0",
        "0                1234  0",
        "1                   0  5",
    ]


@pytest.mark.filterwarnings("error")
def test_the_classification_report_is_scikit_learns_after_matching():
    y_true, y_pred = [0, 0, 1, 1, 2], [5, 5, 3, 3, 3]
    text = format_matching(y_true, y_pred)
    assert format_confusion_matrix(y_true, y_pred) in text
    expected = classification_report(y_true, [0, 0, 1, 1, 1], digits=3, zero_division=0)
    assert expected.rstrip() in text
