"""A page of hostile names, shared by the tests."""

import numpy as np
import pytest
from hostile_page import CLASSES, COLUMNS

import skdec

pytest.importorskip("plotly", reason="plotly is in the extra plot")


@pytest.fixture(scope="session")
def table(samples):
    pd = pytest.importorskip("pandas")
    return pd.DataFrame(samples, columns=COLUMNS)


@pytest.fixture(scope="session")
def classes(fitted):
    """The clusters under hostile names, with some errors."""
    names = np.array(CLASSES)[fitted.labels_]
    names[:5] = CLASSES[0]
    return names


class Named:
    """A fitted estimator that takes a data frame, whose names a fit without names warns about."""

    def __init__(self, estimator):
        self._estimator = estimator

    def __getattr__(self, name):
        attribute = getattr(self._estimator, name)
        if name not in ("predict_proba", "transform", "predict"):
            return attribute
        return lambda X: attribute(np.asarray(X))


@pytest.fixture(scope="session")
def built(fitted, table, classes):
    return skdec.report(Named(fitted), table, classes, title="<script>alert(3)</script>")
