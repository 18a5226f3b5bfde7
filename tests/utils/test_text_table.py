"""Plain-text tables."""

from skdec._utils.terminal import format_table

ROWS = [["method", "accuracy", "n"], ["kmeans", "0.5", "10"], ["dec", "0.75", "9"]]


def test_columns_are_aligned():
    lines = ["method  accuracy   n", "kmeans       0.5  10", "dec         0.75   9"]
    assert format_table(ROWS).splitlines() == lines
    assert format_table(ROWS, align_left=0).splitlines()[2] == "   dec      0.75   9"
    assert format_table(ROWS, align_left=2).splitlines()[2] == "dec     0.75       9"
