"""The comparison of methods: its scores computed independently, and its measured time."""

import json
import re

import numpy as np
import pytest
from keras.callbacks import LambdaCallback
from sklearn.cluster import DBSCAN, HDBSCAN, KMeans
from sklearn.datasets import make_blobs
from sklearn.decomposition import PCA
from sklearn.metrics import (
    adjusted_rand_score,
    normalized_mutual_info_score,
    silhouette_score,
)
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline

from skdec import DECClusterer, NeighborClusterer, _comparison, compare
from skdec._comparison import Comparison, MethodResult
from skdec.metrics import clustering_accuracy

TINY = {"dims": (8, 3), "pretrain_epochs": 3, "max_iter": 6, "random_state": 0}


@pytest.fixture(scope="module")
def blobs():
    X, y = make_blobs(150, 5, centers=3, cluster_std=2.0, random_state=0)
    X = X.astype(np.float32)
    X.flags.writeable = y.flags.writeable = False  # no comparison modifies its input
    return X, y


@pytest.fixture(scope="module")
def compared(blobs):
    return compare(*blobs, **TINY)


@pytest.fixture
def fitted(monkeypatch):
    """The instances of DECClusterer that a comparison fits, in order."""
    estimators = []

    class Recorded(DECClusterer):
        def fit(self, X, y=None):
            estimators.append(self)
            return super().fit(X, y)

    monkeypatch.setattr(_comparison, "DECClusterer", Recorded)
    return estimators


def test_scores_are_those_of_the_labels_in_the_order_of_the_methods(compared, blobs):
    X, y = blobs
    assert [result.method for result in compared.results] == list(_comparison.METHODS)
    assert (compared.n_samples, compared.n_features, compared.n_clusters) == (150, 5, 3)
    for result in compared.results:
        assert result.accuracy == clustering_accuracy(y, result.labels)
        assert result.nmi == normalized_mutual_info_score(y, result.labels)
        assert result.ari == adjusted_rand_score(y, result.labels)
        assert result.silhouette is None
        assert result.n_clusters == len(np.unique(result.labels))
    with pytest.raises(KeyError, match="umap"):
        compared["umap"]
    assert compared.X is X
    np.testing.assert_array_equal(compared.y, y)
    dec = compared["dec"].estimator
    np.testing.assert_array_equal(dec.predict(X), compared["dec"].labels)
    assert dec.memory is None


def test_each_method_is_the_documented_estimator(compared, blobs):
    X, _ = blobs
    kmeans = KMeans(3, n_init=20, random_state=0).fit(X)
    np.testing.assert_array_equal(compared["kmeans"].labels, kmeans.labels_)
    without_refinement = {"init": "k-means++", "n_neighbors": 0, "max_iter": 0}
    initialized = DECClusterer(3, **TINY | without_refinement).fit(X)
    np.testing.assert_array_equal(compared["autoencoder+kmeans"].labels, initialized.labels_)
    embedding = initialized.transform(X)
    in_the_embedding = KMeans(3, n_init=20, random_state=0).fit(embedding)
    assert adjusted_rand_score(in_the_embedding.labels_, initialized.labels_) == 1
    neighbors = NeighborClusterer(3, random_state=0).fit(X)
    np.testing.assert_array_equal(compared["neighbors"].labels, neighbors.labels_)
    dec = DECClusterer(3, **TINY).fit(X)
    np.testing.assert_array_equal(compared["dec"].labels, dec.labels_)
    np.testing.assert_array_equal(dec.initial_labels_, neighbors.labels_)


def test_the_time_of_a_cached_pretraining_is_added_to_both_methods(blobs, fitted, monkeypatch):
    # With the clock of the comparison stopped, only the cached seconds remain.
    monkeypatch.setattr(_comparison, "perf_counter", lambda: 0.0)
    result = compare(*blobs, **TINY, methods=("autoencoder+kmeans", "dec"))
    first, second = (estimator.history_["pretrain"]["seconds"] for estimator in fitted)
    np.testing.assert_array_equal(first, second)
    assert [method.seconds for method in result.results] == [0.0, first[-1]]


def test_without_classes_the_silhouette_of_one_subset_is_computed(blobs, monkeypatch):
    X, _ = blobs
    monkeypatch.setattr(_comparison, "MAX_SILHOUETTE_SAMPLES", 60)
    subsets = []
    monkeypatch.setattr(
        _comparison,
        "silhouette_score",
        lambda subset, labels: subsets.append(subset) or silhouette_score(subset, labels),
    )
    result = compare(X, n_clusters=3, methods=("kmeans", "dec"), **TINY)
    assert [subset.shape for subset in subsets] == [(60, 5), (60, 5)]
    np.testing.assert_array_equal(subsets[0], subsets[1])
    indices = [int(np.flatnonzero((sample == X).all(axis=1))[0]) for sample in subsets[0]]
    assert len(set(indices)) == 60
    for method in result.results:
        expected = silhouette_score(X[indices], method.labels[indices])
        assert method.silhouette == pytest.approx(expected)
        assert (method.accuracy, method.nmi, method.ari) == (None, None, None)
    assert "silhouette" in str(result)
    assert "accuracy" not in str(result)


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


def test_the_table_shows_mean_and_deviation_over_seeds():
    scores = [(0.75, 3, 1.0), (0.25, 2, 2.0)]
    results = tuple(
        MethodResult("dec", np.zeros(2), n_clusters, seconds, accuracy, random_state=seed)
        for seed, (accuracy, n_clusters, seconds) in enumerate(scores)
    )
    deviation = np.std([0.75, 0.25], ddof=1)
    assert str(Comparison(results, 2, 3, 3, 0)).splitlines() == [
        "method       accuracy  clusters    seconds",
        f"dec     0.500 ± {deviation:.3f}       2-3  1.5 ± 0.7",
    ]


def test_seeds_follow_one_another(blobs):
    methods = ("kmeans", "dec")
    both = compare(*blobs, **TINY, methods=methods, n_seeds=2)
    frame = both.to_frame()
    assert frame["method"].tolist() == ["kmeans", "kmeans", "dec", "dec"]
    assert frame["random_state"].tolist() == [0, 1, 0, 1]
    second = compare(*blobs, **TINY | {"random_state": 1}, methods=methods)
    for result, alone in zip(both.results[1::2], second.results, strict=True):
        np.testing.assert_array_equal(result.labels, alone.labels)
        assert result.estimator is None
    assert both["dec"] is both.results[2]
    assert both["dec"].estimator.random_state == 0


def test_the_frame_has_the_scores_and_nan_for_none(compared, blobs):
    frame = compared.to_frame().set_index("method")
    assert frame.loc["dec", "ari"] == compared["dec"].ari
    assert frame["silhouette"].isna().all()
    assert frame.dtypes[["accuracy", "silhouette"]].eq(float).all()
    assert frame["n_clusters"].tolist() == [result.n_clusters for result in compared.results]


def test_any_clusterer_is_a_method(blobs):
    X, y = blobs
    pipeline = make_pipeline(PCA(2), KMeans(3, n_init=1))
    methods = (HDBSCAN(min_cluster_size=20, copy=True), ("pca", pipeline), GaussianMixture(3))
    result = compare(X, y, methods=methods, random_state=5)
    assert result.methods == ("HDBSCAN", "pca", "GaussianMixture")
    assert result.n_clusters is None
    hdbscan = HDBSCAN(min_cluster_size=20, copy=True).fit(X)
    np.testing.assert_array_equal(result["HDBSCAN"].labels, hdbscan.labels_)
    assert result["HDBSCAN"].n_clusters == hdbscan.labels_.max() + 1  # noise is no cluster
    seeded = make_pipeline(PCA(2, random_state=5), KMeans(3, n_init=1, random_state=5)).fit(X)
    np.testing.assert_array_equal(result["pca"].labels, seeded[-1].labels_)
    assert pipeline[-1].random_state is None
    assert not hasattr(pipeline[-1], "labels_")


def test_callbacks_are_called_not_copies_of_them(blobs):
    phases = []
    callback = LambdaCallback(on_train_begin=lambda logs: phases.append(callback.params["phase"]))
    compare(*blobs, **TINY, methods=("dec",), callbacks=[callback])
    assert phases == ["pretrain", "refine"]


def test_the_dict_can_be_written_as_json(compared):
    restored = json.loads(json.dumps(compared.to_dict()))
    assert restored["random_state"] == 0
    assert [result["method"] for result in restored["results"]] == list(_comparison.METHODS)
    assert restored["results"][-1]["accuracy"] == compared["dec"].accuracy
    assert not {"labels", "estimator", "X", "y"} & {*restored, *restored["results"][0]}


def test_a_generated_seed_is_reported_and_reproduces_the_result(blobs):
    settings = {"methods": ("kmeans",), "n_clusters": np.int64(3)}
    first = compare(blobs[0], **settings, random_state=np.random.RandomState(5))
    restored = json.loads(json.dumps(first.to_dict()))
    assert restored["n_clusters"] == 3
    again = compare(blobs[0], **settings, random_state=restored["random_state"])
    np.testing.assert_array_equal(first["kmeans"].labels, again["kmeans"].labels)


def test_verbose_reports_each_method_on_standard_error(blobs, capsys):
    compare(*blobs, methods=("kmeans",), verbose=1)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[0] == "kmeans: started"
    assert re.match(r"kmeans: \d+\.\d", err.splitlines()[1])
    compare(*blobs, methods=("kmeans",))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"methods": ("kmeans", "dbscan")}, "'dec', clusterers or .* got 'dbscan'"),
        ({"methods": "dec"}, r"methods must be a sequence, such as \('dec',\)"),
        ({"methods": ("dec", ("dec", KMeans()))}, "methods has two of the name 'dec'"),
        ({"n_seeds": 0}, "n_seeds must be an integer of at least 1; got 0"),
        ({"methods": ()}, "got none"),
        ({"y": None}, "n_clusters must be given"),
        ({"y": np.zeros(149)}, "y has 149 labels, but X has 150 samples"),
        ({"y": np.full(150, np.nan)}, r"y\[0\] is nan"),
        ({"n_clusters": 151}, "n_clusters must be at most the number of samples, 150; got 151"),
        ({"dims": (8, 0)}, r"dims must be a sequence of integers of at least 1"),
        ({"X": np.zeros(150)}, r"X must be two-dimensional, got shape \(150,\)"),
    ],
    ids=str,
)
def test_invalid_arguments_raise_before_any_fit(arguments, message, blobs, monkeypatch):
    monkeypatch.setattr(_comparison, "_fit_methods", lambda *_: pytest.fail("a method was fitted"))
    with pytest.raises(ValueError, match=message):
        compare(**{"X": blobs[0], "y": blobs[1], **arguments})


def test_noise_has_no_part_in_the_silhouette(random):
    X = np.concatenate([random(0).normal(size=(60, 2)), random(1).normal(size=(60, 2)) + 9])
    X = np.concatenate([X, random(2).uniform(-30, 30, size=(10, 2))])
    run = compare(X, methods=[DBSCAN(eps=1.5)]).results[0]
    labels = run.labels
    assert (labels == -1).any()
    expected = silhouette_score(X[labels >= 0], labels[labels >= 0])
    assert run.silhouette == pytest.approx(expected)
    one = compare(X[:60], methods=[DBSCAN(eps=1.5)]).results[0]
    assert (one.n_clusters, one.silhouette) == (1, None)
