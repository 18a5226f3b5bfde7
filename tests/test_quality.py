"""Clusters of real data at the default parameters: labels measure, and choose nothing."""

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, load_iris, load_wine
from sklearn.metrics import normalized_mutual_info_score
from sklearn.preprocessing import StandardScaler

from skdec import DECClusterer, NeighborClusterer
from skdec.metrics import clustering_accuracy


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X / 16, y


@pytest.fixture(scope="module")
def fit_to_digits(digits):
    return DECClusterer(10, random_state=0).fit(digits[0])


def test_digits_at_the_defaults(fit_to_digits, digits):
    """K-means has an accuracy of 0.79 and an NMI of 0.74; see docs/benchmarks/no_tuning.md."""
    X, y = digits
    assert clustering_accuracy(y, fit_to_digits.labels_) > 0.92
    assert normalized_mutual_info_score(y, fit_to_digits.labels_) > 0.89
    np.testing.assert_array_equal(fit_to_digits.labels_, fit_to_digits.predict(X))
    np.testing.assert_array_equal(np.unique(fit_to_digits.labels_), np.arange(10))


def test_the_network_keeps_what_the_initialization_found(fit_to_digits, digits):
    initial = normalized_mutual_info_score(digits[1], fit_to_digits.initial_labels_)
    final = normalized_mutual_info_score(digits[1], fit_to_digits.labels_)
    assert final > initial - 0.01


def test_the_decoder_reconstructs_digits(fit_to_digits, digits):
    X, _ = digits
    error = np.mean((fit_to_digits.inverse_transform(fit_to_digits.transform(X)) - X) ** 2)
    assert error < 0.6 * X.var(axis=0).mean()


def test_small_tables_are_clustered_as_well_as_by_kmeans_on_average():
    """On iris the network is better, on wine worse; see docs/benchmarks/no_tuning.md."""
    differences = []
    for load in (load_iris, load_wine):
        X, y = load(return_X_y=True)
        X = StandardScaler().fit_transform(X)
        dec = DECClusterer(3, random_state=0).fit(X)
        kmeans = KMeans(3, n_init=20, random_state=0).fit(X)
        scores = [normalized_mutual_info_score(y, one.labels_) for one in (dec, kmeans)]
        differences.append(scores[0] - scores[1])
    assert np.mean(differences) > -0.02
    assert min(differences) > -0.1


@pytest.mark.parametrize("offset", [10.0, -100.0])
def test_samples_far_from_zero_are_clustered_as_well(offset):
    """Such as temperatures in Kelvin: ten and a hundred standard deviations from zero."""
    X, y = load_wine(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    near = DECClusterer(3, random_state=0).fit(X)
    far = DECClusterer(3, random_state=0).fit(X + offset)
    scores = [normalized_mutual_info_score(y, dec.labels_) for dec in (near, far)]
    assert scores[1] > scores[0] - 0.05
    error = np.mean((far.inverse_transform(far.transform(X + offset)) - X - offset) ** 2)
    assert error < 0.5


def test_a_network_that_learns_slowly_gets_more_steps(digits):
    X, y = digits
    dec = DECClusterer(
        10, dims=(128, 128, 2), init=NeighborClusterer(n_init=4), random_state=0
    ).fit(X)
    assert dec.n_iter_ > 300
    assert clustering_accuracy(y, dec.labels_) > 0.9
    given = DECClusterer(
        10, dims=(128, 128, 2), init=NeighborClusterer(n_init=4), max_iter=60, random_state=0
    ).fit(X)
    assert given.n_iter_ <= 60


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_digits_at_the_defaults_with_other_seeds(digits, seed):
    X, y = digits
    dec = DECClusterer(10, random_state=seed).fit(X)
    assert clustering_accuracy(y, dec.labels_) > 0.92
