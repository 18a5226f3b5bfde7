"""What the command line writes besides reports."""

import io

import numpy as np

from skdec.cli.output import write_labels


def test_labels_are_lines_in_the_order_of_the_samples():
    file = io.StringIO()
    write_labels(file, np.array([2, 0]), np.array([0.5, 1 / 3], dtype=np.float32))
    assert file.getvalue() == "cluster,confidence\n2,0.5\n0,0.333333\n"
