"""Clusters of real data at the default parameters: labels measure, and choose nothing."""

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.metrics import normalized_mutual_info_score
from sklearn.preprocessing import StandardScaler

from skdec import DECClusterer, NeighborClusterer
from skdec.metrics import clustering_accuracy


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X / 16, y


def test_neighbors_find_digits_at_the_defaults(digits):
    """K-means has an accuracy of 0.79 and an NMI of 0.74; see docs/benchmarks/no_tuning.md."""
    X, y = digits
    labels = NeighborClusterer(10, random_state=0).fit_predict(X)
    assert clustering_accuracy(y, labels) > 0.92
    assert normalized_mutual_info_score(y, labels) > 0.89
    np.testing.assert_array_equal(np.unique(labels), np.arange(10))


@pytest.mark.slow
def test_digits_at_the_defaults(digits):
    X, y = digits
    dec = DECClusterer(10, random_state=0).fit(X)
    assert clustering_accuracy(y, dec.labels_) > 0.92
    final = normalized_mutual_info_score(y, dec.labels_)
    assert final > 0.89
    assert final > normalized_mutual_info_score(y, dec.initial_labels_) - 0.01
    np.testing.assert_array_equal(dec.labels_, dec.predict(X))
    np.testing.assert_array_equal(np.unique(dec.labels_), np.arange(10))
    error = np.mean((dec.inverse_transform(dec.transform(X)) - X) ** 2)
    assert error < 0.6 * X.var(axis=0).mean()


@pytest.mark.slow
def test_small_tables_are_clustered_as_well_as_by_kmeans_on_average():
    """On breast cancer better, on iris and wine worse; see docs/benchmarks/no_tuning.md."""
    differences = []
    for load in (load_iris, load_wine, load_breast_cancer):
        X, y = load(return_X_y=True)
        X = StandardScaler().fit_transform(X)
        dec = DECClusterer(y.max() + 1, random_state=0).fit(X)
        kmeans = KMeans(y.max() + 1, n_init=20, random_state=0).fit(X)
        scores = [normalized_mutual_info_score(y, one.labels_) for one in (dec, kmeans)]
        differences.append(scores[0] - scores[1])
    assert np.mean(differences) > -0.02
    assert min(differences) > -0.1


@pytest.mark.slow
def test_samples_far_from_zero_are_clustered_as_well():
    """A hundred standard deviations away, as temperatures in Kelvin may be."""
    offset = -100.0
    X, y = load_wine(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    near = DECClusterer(3, random_state=0).fit(X)
    far = DECClusterer(3, random_state=0).fit(X + offset)
    scores = [normalized_mutual_info_score(y, dec.labels_) for dec in (near, far)]
    assert scores[1] > scores[0] - 0.05
    error = np.mean((far.inverse_transform(far.transform(X + offset)) - X - offset) ** 2)
    assert error < 0.5


@pytest.mark.slow
def test_a_network_that_learns_slowly_gets_more_steps(digits):
    X, y = digits
    init = NeighborClusterer(n_init=4)
    dec = DECClusterer(10, dims=(128, 128, 2), init=init, random_state=0).fit(X)
    assert dec.n_iter_ > 300
    assert clustering_accuracy(y, dec.labels_) > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_digits_at_the_defaults_with_other_seeds(digits, seed):
    X, y = digits
    dec = DECClusterer(10, random_state=seed).fit(X)
    assert clustering_accuracy(y, dec.labels_) > 0.92
