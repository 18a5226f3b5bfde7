"""The scaler for each choice of ``--scale``."""

import numpy as np
import pytest
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from skdec._validation import check_finite, compute_range_ratio
from skdec.cli.scaling import SCALES, build_scaler
from skdec.datasets import load_digits


@pytest.mark.parametrize(
    ("scale", "kind"),
    [("none", type(None)), ("minmax", MinMaxScaler), ("standard", StandardScaler)],
)
def test_each_scale_has_its_scaler(scale, kind):
    assert scale in SCALES
    assert type(build_scaler(scale)) is kind


def ratio_of(X):
    return compute_range_ratio(check_finite(X))


def test_the_range_ratio_detects_one_wide_feature_and_ignores_dark_pixels():
    assert ratio_of(load_digits()[0]) < 10
    wide = np.hstack([np.tile([[0.0], [1.0]], 19), [[0.0], [500.0]]])
    assert ratio_of(wide) == 500
    assert ratio_of(np.ones((3, 2))) == 1
    assert ratio_of(np.array([[0, 0], [255, 1]], dtype=np.uint8)) == 255
