"""What pictures and reports show of clusters."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn.cluster import HDBSCAN, KMeans
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler

import skdec
from skdec.describe._summary import (
    compute_means,
    compute_profiles,
    decode_centers,
    embed,
    get_feature_names,
    infer_image_shape,
    predict_clusters,
    select_members,
)


def test_clusters_are_predicted_with_the_largest_soft_assignment(fitted, samples):
    labels, confidence = predict_clusters(fitted, samples)
    np.testing.assert_array_equal(labels, fitted.labels_)
    np.testing.assert_array_equal(confidence, fitted.predict_proba(samples).max(axis=1))
    labels, confidence = predict_clusters(kmeans := KMeans(3).fit(samples), samples)
    np.testing.assert_array_equal(labels, kmeans.labels_)
    assert confidence is None


def test_samples_are_embedded_by_transform(fitted, samples):
    np.testing.assert_array_equal(embed(fitted, samples), fitted.transform(samples))
    np.testing.assert_array_equal(embed(HDBSCAN(), csr_matrix(samples)), samples)
    scaler = MinMaxScaler((0, 2)).fit(samples)
    for pipeline in (make_pipeline(scaler, HDBSCAN()), make_pipeline(HDBSCAN())):
        scaled = scaler.transform(samples) if len(pipeline) == 2 else samples
        np.testing.assert_array_equal(embed(pipeline, samples), scaled)


def test_members_are_the_extremes_and_in_one_list_only():
    labels = np.array([0, 0, 0, 0, 0, 1, 1, 1, 2])
    confidence = np.array([0.5, 0.9, 0.7, 0.6, 0.8, 0.1, 0.3, 0.2, 1.0])
    members = select_members(labels, confidence, 2)
    found = {label: (one.tolist(), other.tolist()) for label, (one, other) in members.items()}
    assert found == {0: ([1, 4], [0, 3]), 1: ([6, 7], [5]), 2: ([8], [])}


def test_centers_are_decoded_and_unscaled(fitted, samples):
    decoded = fitted.inverse_transform(fitted.cluster_centers_)
    np.testing.assert_array_equal(decode_centers(fitted), decoded)
    scaler = MinMaxScaler().fit(samples * 10)
    np.testing.assert_allclose(
        decode_centers(make_pipeline(scaler, fitted)),
        decoded * scaler.data_range_ + scaler.data_min_,
        rtol=1e-6,
    )
    kmeans = KMeans(3, n_init=1, random_state=0).fit(samples)
    np.testing.assert_array_equal(decode_centers(kmeans), kmeans.cluster_centers_)
    pipeline = make_pipeline(MinMaxScaler(), KMeans(3, random_state=0)).fit(samples * 10)
    expected = pipeline[0].inverse_transform(pipeline[1].cluster_centers_)
    np.testing.assert_array_equal(decode_centers(pipeline), expected)
    assert decode_centers(HDBSCAN(copy=True).fit(samples)) is None


@pytest.mark.parametrize("convert", [np.asarray, csr_matrix], ids=["dense", "sparse"])
def test_profiles_are_differences_in_standard_deviations(convert, random):
    X, labels = random(0).random((60, 4)) - 0.3, random(1).integers(3, size=60) * 2
    X[:, 3] = 0.1  # constant, with a variance of rounding errors
    means = np.array([X[labels == label].mean(axis=0) for label in (0, 2, 4)])
    np.testing.assert_allclose(compute_means(convert(X), labels), means)
    profiles = compute_profiles(convert(X), labels)
    expected = (means - X.mean(axis=0))[:, :3] / X.std(axis=0)[:3]
    np.testing.assert_allclose(profiles[:, :3], expected)
    assert (profiles[:, 3] == 0).all()


def test_names_are_those_of_the_frame_or_of_the_fit(samples):
    frame = pd.DataFrame(samples, columns=list("abcdef"))
    assert get_feature_names(frame) == list("abcdef")
    fitted = MinMaxScaler().fit(frame)
    assert get_feature_names(samples, fitted) == list("abcdef")
    assert get_feature_names(samples[:, :2]) == ["x0", "x1"]


@pytest.mark.parametrize(
    ("n_features", "given", "shape"),
    [(784, None, (28, 28)), (6, (2, 3), (2, 3)), (12, [2, 2, 3], (2, 2, 3)), (4, None, (2, 2))],
)
def test_the_shape_of_an_image(n_features, given, shape):
    assert infer_image_shape(n_features, given) == shape


@pytest.mark.parametrize("given", [None, (2, 2), (6,), (1, 3, 2), (1, 1, 6)])
def test_a_shape_that_does_not_fit_is_an_error(given):
    with pytest.raises(
        ValueError, match=r"image_shape must be .*\(height, width|6 features are no"
    ):
        infer_image_shape(6, given)


@pytest.mark.parametrize(
    "steps",
    [
        [SimpleImputer()],
        [SimpleImputer(add_indicator=True)],
        [FunctionTransformer(np.log1p)],
        [StandardScaler(), SimpleImputer()],
    ],
)
def test_centers_of_transformers_that_cannot_be_undone_are_not_decoded(steps, samples):
    X = samples.copy()
    if isinstance(steps[-1], SimpleImputer):
        X[::9, 1] = np.nan
    pipeline = make_pipeline(*steps, KMeans(3, n_init=1, random_state=0)).fit(X)
    assert decode_centers(pipeline) is None
    assert skdec.report(pipeline, X).content["clusters"]


def test_profiles_of_small_integers_are_those_of_floats(random):
    """Their squares do not fit into the same type."""
    X = (16 * random(0).integers(0, 16, size=(100, 4))).astype(np.uint8)
    labels = np.repeat([0, 1], 50)
    expected = compute_profiles(X.astype(np.float64), labels)
    assert np.abs(expected).max() > 0.1
    for converted in (X, csr_matrix(X)):
        np.testing.assert_allclose(compute_profiles(converted, labels), expected, atol=1e-12)


def test_profiles_of_numbers_far_from_zero_of_equal_ones_and_of_gaps(random):
    times = np.concatenate([random(0).normal(0, 1, 50), random(1).normal(10, 1, 50)])
    X = np.column_stack([1.7e9 + times, np.full(100, 0.19), times])
    profiles = compute_profiles(X, np.repeat([0, 1], 50))
    np.testing.assert_allclose(profiles[:, 0], profiles[:, 2], rtol=1e-5)
    assert not profiles[:, 1].any()
    gaps = np.array([[0.0, np.nan], [np.nan, np.nan], [2.0, np.nan], [4.0, np.nan]])
    filled, labels = np.array([[0.0], [2.0], [2.0], [4.0]]), np.array([0, 0, 1, 1])
    profiles = compute_profiles(gaps, labels)
    np.testing.assert_allclose(profiles[:, :1], compute_profiles(filled, labels))
    assert not profiles[:, 1].any()
