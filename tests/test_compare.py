"""The comparison: every number again by other means, and honest seconds."""

import json
import time

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.metrics import (
    adjusted_rand_score,
    normalized_mutual_info_score,
    silhouette_score,
)
from sklearn.utils.validation import check_is_fitted

from skdec import DECClusterer, _compare, compare
from skdec._compare import Comparison, MethodResult
from skdec.metrics import clustering_accuracy

TINY = {"dims": (8, 3), "pretrain_epochs": 3, "max_iter": 6, "random_state": 0}


@pytest.fixture(scope="module")
def blobs():
    X, y = make_blobs(150, 5, centers=3, cluster_std=2.0, random_state=0)
    return X.astype(np.float32), y


@pytest.fixture(scope="module")
def compared(blobs):
    return compare(*blobs, **TINY)


@pytest.fixture
def fitted(monkeypatch):
    """The DECClusterers that a comparison fits, in order."""
    estimators = []

    class Recorded(DECClusterer):
        def fit(self, X, y=None):
            estimators.append(self)
            return super().fit(X, y)

    monkeypatch.setattr(_compare, "DECClusterer", Recorded)
    return estimators


def test_all_methods_come_in_order(compared):
    assert [result.method for result in compared.results] == list(_compare.METHODS)
    assert (compared.n_samples, compared.n_features, compared.n_clusters) == (150, 5, 3)


def test_scores_are_those_of_the_labels(compared, blobs):
    _, y = blobs
    for result in compared.results:
        assert result.accuracy == clustering_accuracy(y, result.labels)
        assert result.nmi == normalized_mutual_info_score(y, result.labels)
        assert result.ari == adjusted_rand_score(y, result.labels)
        assert result.silhouette is None
        assert result.n_clusters == len(np.unique(result.labels))


def test_each_method_is_the_estimator_it_says(compared, blobs):
    X, _ = blobs
    kmeans = KMeans(3, n_init=20, random_state=0).fit(X)
    np.testing.assert_array_equal(compared["kmeans"].labels, kmeans.labels_)
    only_started = {"init": "k-means++", "n_init": 20, "n_neighbors": 0, "max_iter": 0}
    start = DECClusterer(3, **TINY | only_started).fit(X)
    np.testing.assert_array_equal(compared["autoencoder+kmeans"].labels, start.labels_)
    code = start.transform(X)
    on_the_code = KMeans(3, n_init=20, random_state=0).fit(code)
    assert adjusted_rand_score(on_the_code.labels_, start.labels_) == 1
    dec = DECClusterer(3, **TINY).fit(X)
    np.testing.assert_array_equal(compared["dec"].labels, dec.labels_)


def test_a_shared_pretraining_counts_in_both_methods(blobs, fitted, monkeypatch):
    # With the comparison's own clock stopped, only the seconds of the other fit are left.
    monkeypatch.setattr(_compare, "perf_counter", lambda: 0.0)
    result = compare(*blobs, **TINY, methods=("autoencoder+kmeans", "dec"))
    first, second = (estimator.history_["pretrain"]["seconds"] for estimator in fitted)
    np.testing.assert_array_equal(first, second)
    assert [method.seconds for method in result.results] == [0.0, first[-1]]


def test_seconds_are_those_of_the_fit(blobs, fitted):
    begun = time.perf_counter()
    result = compare(*blobs, **TINY, methods=("dec",))
    assert fitted[0].history_["pretrain"]["seconds"][-1] <= result["dec"].seconds
    assert result["dec"].seconds <= time.perf_counter() - begun


@pytest.mark.parametrize(
    ("clocks", "borrowed"),
    [([[1.0, 2.0], [1.0, 2.0]], [0, 2]), ([[1.0, 2.0], [1.0, 2.5]], [0, 0]), ([[], []], [0, 0])],
)
def test_only_the_seconds_of_a_pretraining_read_from_the_cache_are_added(clocks, borrowed):
    paid, added = [], []
    for clock in clocks:
        estimator = DECClusterer()
        estimator.history_ = {"pretrain": {"seconds": np.array(clock)}}
        added.append(_compare._borrowed_seconds(estimator, paid))
    assert added == borrowed


def test_without_classes_the_silhouette_of_one_sample_is_taken(blobs, monkeypatch):
    X, _ = blobs
    monkeypatch.setattr(_compare, "SILHOUETTE_ROWS", 60)
    samples = []
    monkeypatch.setattr(
        _compare,
        "silhouette_score",
        lambda rows, labels: samples.append(rows) or silhouette_score(rows, labels),
    )
    result = compare(X, n_clusters=3, methods=("kmeans", "dec"), **TINY)
    assert [sample.shape for sample in samples] == [(60, 5), (60, 5)]
    np.testing.assert_array_equal(samples[0], samples[1])
    rows = [int(np.flatnonzero((row == X).all(axis=1))[0]) for row in samples[0]]
    assert len(set(rows)) == 60
    for method in result.results:
        assert method.silhouette == pytest.approx(silhouette_score(X[rows], method.labels[rows]))
        assert (method.accuracy, method.nmi, method.ari) == (None, None, None)
    assert "silhouette" in str(result)
    assert "accuracy" not in str(result)


def test_one_cluster_has_no_silhouette(blobs):
    result = compare(blobs[0], n_clusters=1, methods=("kmeans",), random_state=0)
    assert result["kmeans"].silhouette is None
    assert result["kmeans"].n_clusters == 1


def test_the_table_is_aligned():
    results = (
        MethodResult("kmeans", np.zeros(2), 10, 1.25, 0.7923, 0.742, 0.668),
        MethodResult("dec", np.zeros(2), 9, 1234.5, 1.0, 1.0, 1.0),
    )
    assert str(Comparison(results, 2, 3, 10, 0)).splitlines() == [
        "method  accuracy    NMI    ARI  clusters  seconds",
        "kmeans     0.792  0.742  0.668        10      1.2",
        "dec        1.000  1.000  1.000         9   1234.5",
    ]


def test_the_dict_goes_through_json(compared):
    restored = json.loads(json.dumps(compared.to_dict()))
    assert restored["random_state"] == 0
    assert [result["method"] for result in restored["results"]] == list(_compare.METHODS)
    assert restored["results"][2]["accuracy"] == compared["dec"].accuracy
    assert "labels" not in restored["results"][0]


def test_a_drawn_seed_is_reported_and_repeats_the_run(blobs):
    first = compare(*blobs, methods=("kmeans",), random_state=np.random.RandomState(5))
    again = compare(*blobs, methods=("kmeans",), random_state=first.random_state)
    np.testing.assert_array_equal(first["kmeans"].labels, again["kmeans"].labels)


def test_verbose_tells_of_each_method_on_standard_error(blobs, capsys):
    compare(*blobs, methods=("kmeans",), verbose=1)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[0] == "kmeans: started"
    assert err.splitlines()[1].startswith("kmeans: 0.")
    compare(*blobs, methods=("kmeans",))
    assert capsys.readouterr().err == ""


def test_the_rows_are_left_as_they_are(blobs):
    X, y = blobs[0].copy(), blobs[1].copy()
    compare(X, y, **TINY)
    np.testing.assert_array_equal(X, blobs[0])
    np.testing.assert_array_equal(y, blobs[1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"methods": ("kmeans", "dbscan")},
            "'kmeans', 'autoencoder\\+kmeans', 'dec'; got 'dbscan'",
        ),
        ({"methods": "dec"}, r"methods must be a sequence of names, such as \('dec',\)"),
        ({"methods": ()}, "got none"),
        ({"y": None}, "n_clusters must be given"),
        ({"y": np.zeros(149)}, "y has 149 labels, but X has 150 rows"),
        ({"y": np.full(150, np.nan)}, r"y\[0\] is nan"),
        ({"n_clusters": 151}, "n_clusters must be at most the number of rows, 150; got 151"),
        ({"n_clusters": 0}, "n_clusters must be an integer of at least 1"),
        ({"dims": (8, 0)}, r"dims\[1\] must be an integer of at least 1; got 0"),
        ({"alpha": 0}, "alpha must be a finite number above 0; got 0"),
        ({"pretrain_epochs": -1}, "pretrain_epochs must be"),
        ({"max_iter": "all"}, "max_iter must be"),
        ({"X": np.zeros(150)}, r"X must have rows and columns, got shape \(150,\)"),
    ],
    ids=str,
)
def test_bad_arguments_are_refused_before_any_work(arguments, message, blobs, monkeypatch):
    monkeypatch.setattr(_compare, "_results", lambda *_: pytest.fail("the work has begun"))
    with pytest.raises(ValueError, match=message):
        compare(**{"X": blobs[0], "y": blobs[1], **arguments})


def test_an_unknown_method_is_no_key(compared):
    with pytest.raises(KeyError, match="umap"):
        compared["umap"]


def test_estimators_are_fitted_once_each(blobs, fitted):
    compare(*blobs, **TINY)
    assert len(fitted) == 2
    for estimator in fitted:
        check_is_fitted(estimator)
