"""The number of clusters: right where there are clusters, one where there are none."""

import numpy as np
import pytest
from sklearn.datasets import make_blobs, make_circles
from sklearn.metrics import adjusted_rand_score

from skdec import NeighborClusterer
from skdec.model_selection import choose_n_clusters


@pytest.mark.parametrize("n_blobs", [2, 5, 9])
def test_auto_finds_the_number_of_blobs(n_blobs):
    X, y = make_blobs(300, 6, centers=n_blobs, random_state=n_blobs)
    clusterer = NeighborClusterer("auto", random_state=0).fit(X)
    assert clusterer.n_clusters_ == n_blobs
    assert adjusted_rand_score(y, clusterer.labels_) == 1
    np.testing.assert_array_equal(clusterer.predict(X), clusterer.labels_)


def test_auto_finds_rings():
    X, y = make_circles(400, factor=0.5, noise=0.03, random_state=0)
    clusterer = NeighborClusterer("auto", random_state=0).fit(X)
    assert adjusted_rand_score(y, clusterer.labels_) == 1


@pytest.mark.parametrize(
    ("kind", "n_features"),
    [
        ("normal", 2),
        *(
            pytest.param(kind, n_features, marks=pytest.mark.slow)
            for kind in ("normal", "uniform")
            for n_features in (2, 5, 10)
            if (kind, n_features) != ("normal", 2)
        ),
    ],
)
def test_noise_is_one_cluster(random, kind, n_features):
    X = getattr(random(0), kind)(size=(300, n_features))
    choice = choose_n_clusters(X, n_seeds=2, random_state=0)
    assert choice.recommended == 1
    assert "No number of clusters stands out" in str(choice)
    clusterer = NeighborClusterer("auto", random_state=0).fit(X)
    assert clusterer.n_clusters_ == 1
    np.testing.assert_array_equal(clusterer.predict_proba(X), 1)


@pytest.mark.parametrize("n_samples", [1, 2, 3, 4, 8])
def test_auto_of_few_samples(random, n_samples):
    clusterer = NeighborClusterer("auto", n_neighbors=3, random_state=0)
    with np.errstate(all="raise"):
        labels = clusterer.fit_predict(random(0).normal(size=(n_samples, 2)))
    assert labels.max() + 1 == clusterer.n_clusters_ <= max(1, n_samples - 1)
