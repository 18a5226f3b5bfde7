"""The scaling of features, and its storage in the model file."""

import zipfile

import numpy as np
import pytest
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from skdec._validation import check_finite, compute_range_ratio
from skdec.cli.scaling import (
    MEMBER,
    Scaling,
    add_scaling,
    fit_scaling,
    read_scaling,
)
from skdec.datasets import load_digits

X = np.array([[1.0, 5.0, 100.0], [2.0, 5.0, -300.0], [4.0, 5.0, 0.0]])


@pytest.mark.parametrize(
    ("scale", "scaler"), [("standard", StandardScaler()), ("minmax", MinMaxScaler())]
)
def test_stored_scaling_equals_scikit_learns(scale, scaler, tmp_path):
    with zipfile.ZipFile(tmp_path / "model", "w") as archive:
        archive.writestr("weights.npy", b"weights")
    add_scaling(tmp_path / "model", fit_scaling(X, scale, ["a", "b", "c"]))
    scaling = read_scaling(tmp_path / "model")
    assert (scaling.scale, scaling.columns) == (scale, ["a", "b", "c"])
    new = np.array([[0.5, 6.0, 7.0]])
    np.testing.assert_allclose(scaling.apply(new), scaler.fit(X).transform(new), rtol=1e-12)
    with zipfile.ZipFile(tmp_path / "model") as archive:
        assert archive.read("weights.npy") == b"weights"


def test_scaling_keeps_float32_and_no_scaling_makes_no_copy():
    samples = X.astype(np.float32)
    assert fit_scaling(samples, "standard", None).apply(samples).dtype == np.float32
    assert fit_scaling(samples, "none", None).apply(samples) is samples


def test_another_number_of_columns_raises():
    with pytest.raises(ValueError, match="have 2 columns, but the model was fitted on 3"):
        fit_scaling(X, "minmax", None).apply(X[:, :2])


def test_a_model_saved_by_python_code_has_no_scaling(tmp_path):
    with zipfile.ZipFile(tmp_path / "model", "w") as archive:
        archive.writestr("weights.npy", b"weights")
    assert read_scaling(tmp_path / "model") == Scaling()
    with zipfile.ZipFile(tmp_path / "model", "a") as archive:
        archive.writestr(MEMBER, '{"unknown": 1}')
    with pytest.raises(ValueError, match="is damaged"):
        read_scaling(tmp_path / "model")


def ratio_of(X):
    return compute_range_ratio(check_finite(X))


def test_the_range_ratio_detects_one_wide_feature_and_ignores_dark_pixels():
    assert ratio_of(load_digits()[0]) < 10
    wide = np.hstack([np.tile([[0.0], [1.0]], 19), [[0.0], [500.0]]])
    assert ratio_of(wide) == 500
    assert ratio_of(np.ones((3, 2))) == 1
    assert ratio_of(np.array([[0, 0], [255, 1]], dtype=np.uint8)) == 255
