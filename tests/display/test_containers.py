"""Samples in any container that the estimator takes can be shown."""

import pandas as pd
import polars as pl
import pytest
from scipy.sparse import csr_matrix

from skdec.display import (
    ClusterSizesDisplay,
    EmbeddingDisplay,
    ProfileDisplay,
    PrototypesDisplay,
    ReconstructionDisplay,
    SilhouetteDisplay,
)

CONTAINERS = {
    "array": lambda X: X,
    "list": lambda X: X.tolist(),
    "sparse": csr_matrix,
    "pandas": lambda X: pd.DataFrame(X, columns=list("abcdef")),
    "polars": lambda X: pl.DataFrame(X, schema=list("abcdef")),
}
IMAGES = {"image_shape": (2, 3)}


@pytest.fixture(params=CONTAINERS)
def contained(request, samples):
    return CONTAINERS[request.param](samples)


@pytest.mark.filterwarnings("ignore:X has feature names")  # the fit had none
def test_samples_of_any_container_are_shown(fitted, contained):
    for display, arguments in {
        ClusterSizesDisplay: {},
        EmbeddingDisplay: {},
        ProfileDisplay: {},
        PrototypesDisplay: IMAGES,
        ReconstructionDisplay: IMAGES,
        SilhouetteDisplay: {"space": "input"},
    }.items():
        assert display.from_estimator(fitted, contained, **arguments).figure_ is not None
