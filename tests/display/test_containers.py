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

IMAGES = {"image_shape": (2, 3)}
DISPLAYS = [
    (ClusterSizesDisplay, {}),
    (EmbeddingDisplay, {}),
    (ProfileDisplay, {}),
    (PrototypesDisplay, IMAGES),
    (ReconstructionDisplay, IMAGES),
    (SilhouetteDisplay, {"space": "input"}),
]


@pytest.mark.filterwarnings("ignore:X has feature names")  # the fit had none
@pytest.mark.parametrize("kind", [list, csr_matrix, pd.DataFrame, pl.DataFrame])
def test_samples_of_any_container_are_shown(kind, fitted, samples):
    columns = dict(zip("abcdef", samples.T, strict=True))
    contained = kind(columns if kind in (pd.DataFrame, pl.DataFrame) else samples)
    for display, arguments in DISPLAYS:
        assert display.from_estimator(fitted, contained, **arguments).figure_ is not None
