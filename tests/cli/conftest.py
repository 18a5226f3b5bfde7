"""A small fitted table that the tests of all commands share."""

import numpy as np
import pandas as pd
import pytest

from skdec.cli import main

NETWORK = ["--dims", "8,3", "--epochs", "3", "--max-iter", "4", "--seed", "0"]


@pytest.fixture(scope="session")
def network():
    """Options of a network that is fitted quickly."""
    return NETWORK


@pytest.fixture(scope="session")
def plain(tmp_path_factory):
    """A table of numbers without a name of the outputs, standardized, and its model beside it."""
    directory = tmp_path_factory.mktemp("plain")
    rows = np.random.default_rng(0).normal(size=(60, 3)) + np.repeat([[0, 0, 0], [9, 9, 9]], 30, 0)
    frame = pd.DataFrame(rows.round(3), columns=list("abc"))
    frame["d"] = [f"${value:,.2f}" for value in rows[:, 0] * 1000]
    frame.to_csv(directory / "plain.csv", index=False)
    assert main(["fit", str(directory / "plain.csv"), "--scale", "standard", *NETWORK]) == 0
    return directory
