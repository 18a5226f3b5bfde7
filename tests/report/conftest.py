"""A page of hostile names, shared by the tests."""

import numpy as np
import pandas as pd
import pytest
from hostile_page import CLASSES, COLUMNS
from sklearn.base import clone
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline

import skdec

pytest.importorskip("plotly", reason="plotly is in the extra plot")


@pytest.fixture(scope="session")
def fitted(samples):
    """Reports use public methods alone, so that no network is needed."""
    return skdec.NeighborClusterer(3, n_init=1, random_state=0).fit(samples)


@pytest.fixture(scope="session")
def table(samples):
    return pd.DataFrame(samples, columns=COLUMNS)


@pytest.fixture(scope="session")
def classes(fitted):
    """The clusters under hostile names, with some errors."""
    names = np.array(CLASSES)[fitted.labels_]
    names[:5] = CLASSES[0]
    return names


@pytest.fixture(scope="session")
def built(fitted, table, classes):
    return skdec.report(clone(fitted).fit(table), table, classes, title="<script>alert(3)</script>")


@pytest.fixture(scope="session")
def mixed_table():
    """A table of words, one of them a tag, dates, codes and gaps, and an identifier."""
    random = np.random.default_rng(0)
    kind = np.repeat([0, 1, 2], 20)
    table = pd.DataFrame(
        {
            "id": [f"<i>{i:02}" for i in random.permutation(60)],
            "income": (kind * 20_000 + random.normal(30_000, 2_000, 60)).round(2),
            "<script>": np.array(["<b>Bern</b>", 'Oslo, "N"', "Rome"])[kind],
            "joined": pd.date_range("2021-03-01", periods=60).astype(str),
            "code": [f"0{code}" for code in random.integers(10, 14, 60)],
        }
    )
    table.loc[4:6, ["income", "<script>", "joined"]] = None
    return table


@pytest.fixture(scope="session")
def mixed_model(mixed_table):
    pytest.importorskip("skrub", reason="skrub is in the extra tables")
    mixture = GaussianMixture(3, reg_covar=0.01, random_state=0)
    return make_pipeline(skdec.TablePreparer(random_state=0), mixture).fit(mixed_table)
