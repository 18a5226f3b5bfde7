"""`NeighborClusterer` as users use it, and its numbers against direct computations."""

import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.datasets import load_digits, make_blobs, make_moons
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import adjusted_rand_score, mutual_info_score
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, normalize, scale

from skdec import DECClusterer, NeighborClusterer
from skdec.metrics import neighbor_information
from skdec.model_selection import NeighborInformationScorer


@pytest.fixture(scope="module")
def moons():
    return make_moons(400, noise=0.06, random_state=0)


@pytest.fixture(scope="module")
def fitted_moons(moons):
    return NeighborClusterer(2, random_state=0).fit(moons[0])


@pytest.fixture(scope="module")
def directions():
    """Samples of three directions and very different lengths."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], 80)
    X = np.eye(3)[y] + 0.15 * rng.normal(size=(240, 3))
    return X * np.exp(rng.normal(scale=2, size=(240, 1))), y


def test_clusters_may_have_any_shape(moons, fitted_moons):
    assert adjusted_rand_score(moons[1], fitted_moons.labels_) == 1
    assert fitted_moons.labels_.dtype == np.int32
    new, y = make_moons(500, noise=0.06, random_state=1)
    assert np.mean(fitted_moons.predict(new) == fitted_moons.labels_[0] ^ moons[1][0] ^ y) > 0.99


def test_labels_are_the_predictions(moons, fitted_moons):
    X, _ = moons
    np.testing.assert_array_equal(fitted_moons.predict(X), fitted_moons.labels_)
    np.testing.assert_array_equal(
        NeighborClusterer(2, random_state=0).fit_predict(X), fitted_moons.labels_
    )
    one_by_one = [fitted_moons.predict_proba(x[None])[0] for x in X[:20]]
    np.testing.assert_array_equal(one_by_one, fitted_moons.predict_proba(X)[:20])


def test_votes_are_those_of_the_nearest_samples(moons, fitted_moons, random):
    X = moons[0].astype(np.float32)
    new = random(0).uniform(X.min(axis=0), X.max(axis=0), size=(50, 2)).astype(np.float32)
    distances, nearest = NearestNeighbors(n_neighbors=10).fit(X).kneighbors(new)
    weights = np.exp(-((distances / distances[:, 6:7]) ** 2))
    votes = np.stack(
        [(weights * (fitted_moons.labels_[nearest] == k)).sum(axis=1) for k in range(2)], axis=1
    )
    expected = votes / votes.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(fitted_moons.predict_proba(new), expected, atol=1e-5)
    of_fit = fitted_moons.predict_proba(X)
    assert ((of_fit.max(axis=1) > 0.5) & (of_fit.max(axis=1) <= 1)).all()


def test_information_is_that_of_the_labels_of_neighbors(random):
    X = random(0).normal(size=(60, 3))
    clusterer = NeighborClusterer(3, n_neighbors=4, random_state=0).fit(X)
    sizes = np.bincount(clusterer.labels_) / 60
    assert clusterer.entropy_ == pytest.approx(-(sizes * np.log(sizes)).sum(), rel=0.05)
    assert 0 < clusterer.information_ <= clusterer.entropy_
    score = clusterer.score(X)
    assert score == neighbor_information(X, clusterer.labels_)
    labels = np.array([0, 0, 1, 1])
    by_hand = mutual_info_score(labels, labels[[1, 0, 3, 2]])
    far = [[0.0], [0.1], [5.0], [5.1]]
    assert neighbor_information(far, labels, n_neighbors=1) == pytest.approx(by_hand)


def test_further_merges_join_clusters_that_touch():
    X, y = make_blobs([60] * 4, centers=[(0, 0), (5, 0), (20, 0), (25, 0)], random_state=0)
    clusterer = NeighborClusterer(4, random_state=0).fit(X)
    assert adjusted_rand_score(y, clusterer.labels_) > 0.9
    assert adjusted_rand_score(y // 2, clusterer.cut_tree(2)) == 1
    np.testing.assert_array_equal(clusterer.cut_tree(4), clusterer.labels_)
    np.testing.assert_array_equal(clusterer.cut_tree(1), 0)
    assert clusterer.children_.shape == (3, 2)
    with pytest.raises(ValueError, match="n_clusters must be at most n_clusters_=4; got 5"):
        clusterer.cut_tree(5)


def test_cosine_takes_the_direction_alone(directions):
    X, y = directions
    clusterer = NeighborClusterer(3, metric="cosine", random_state=0).fit(X)
    assert adjusted_rand_score(y, clusterer.labels_) == 1
    assert adjusted_rand_score(y, NeighborClusterer(3, random_state=0).fit(X).labels_) < 0.9
    assert np.mean(clusterer.predict(X * 100) == clusterer.labels_) > 0.98
    unit = NeighborClusterer(3, random_state=0).fit(normalize(X))
    assert adjusted_rand_score(unit.labels_, clusterer.labels_) == 1
    assert clusterer.score(X) == neighbor_information(X, clusterer.labels_, metric="cosine")
    wide = np.hstack([X, np.zeros((240, 60))])
    for kind in (np.asarray, sp.csr_matrix):
        of_wide = clone(clusterer).fit(kind(wide))
        assert adjusted_rand_score(y, of_wide.labels_) == 1
        np.testing.assert_array_equal(of_wide.predict(kind(wide)), of_wide.labels_)


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array])
def test_a_sample_of_zeros_has_no_direction(directions, kind):
    X = directions[0].copy()
    X[7] = 0
    with pytest.raises(ValueError, match="Sample 7 of X is zero in all features"):
        NeighborClusterer(3, metric="cosine").fit(kind(X))
    with pytest.raises(ValueError, match="Sample 7 of X is zero"):
        DECClusterer(3, init=NeighborClusterer(metric="cosine")).fit(kind(X))


def test_repeated_samples_equal_weights(random):
    X = make_blobs(120, 3, centers=4, random_state=0)[0]
    repeats = random(0).integers(0, 4, size=120)
    weighted = NeighborClusterer(4, random_state=0).fit(X, sample_weight=repeats)
    repeated = NeighborClusterer(4, random_state=0).fit(np.repeat(X, repeats, axis=0))
    np.testing.assert_array_equal(np.repeat(weighted.labels_, repeats), repeated.labels_)
    np.testing.assert_array_equal(weighted.predict(X), weighted.labels_)
    assert weighted.information_ == pytest.approx(repeated.information_)


def test_the_same_seed_gives_the_same_clusters_everywhere(tmp_path):
    X = load_digits().data[:600]
    expected = NeighborClusterer(10, n_init=4, random_state=3).fit(X).labels_

    def fit(_):
        return NeighborClusterer(10, n_init=4, random_state=3).fit(X).labels_

    with ThreadPoolExecutor(2) as threads:
        for labels in threads.map(fit, range(2)):
            np.testing.assert_array_equal(labels, expected)
    order = np.random.RandomState(0).permutation(600)
    shuffled = NeighborClusterer(10, n_init=4, random_state=3).fit(X[order])
    np.testing.assert_array_equal(shuffled.labels_, expected[order])
    np.save(tmp_path / "X.npy", X)
    code = (
        "import numpy as np; from skdec import NeighborClusterer; X = np.load('X.npy', 'r'); "
        "np.save('labels.npy', NeighborClusterer(10, n_init=4, random_state=3).fit(X).labels_)"
    )
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, env=environment)
    np.testing.assert_array_equal(np.load(tmp_path / "labels.npy"), expected)


def test_it_initializes_a_network_with_its_labels(samples, tiny):
    for search in (NeighborClusterer(n_neighbors=20, n_init=2), NeighborClusterer(random_state=5)):
        dec = DECClusterer(**tiny | {"init": search}).fit(samples)
        seed = 0 if search.random_state is None else 5
        alone = clone(search).set_params(n_clusters=3, random_state=seed).fit(samples)
        np.testing.assert_array_equal(dec.initial_labels_, alone.labels_)
        assert not hasattr(search, "labels_")
    by_default = DECClusterer(**tiny | {"init": "neighbors"}).fit(samples)
    alone = NeighborClusterer(3, random_state=0).fit(samples)
    np.testing.assert_array_equal(by_default.initial_labels_, alone.labels_)


def test_it_is_searched_over_cached_copied_and_pickled(moons, tmp_path):
    X, _ = moons
    pipeline = make_pipeline(StandardScaler(), NeighborClusterer(2, n_init=2, random_state=0))
    grid = {"neighborclusterer__n_neighbors": [5, 10], "neighborclusterer__n_clusters": [2, 3]}
    search = GridSearchCV(pipeline, grid, scoring=NeighborInformationScorer(), cv=2).fit(X)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    cached = NeighborClusterer(2, memory=tmp_path, random_state=0)
    first = cached.fit(X).labels_
    assert list(tmp_path.rglob("output.pkl"))
    np.testing.assert_array_equal(clone(cached).fit(X).labels_, first)
    loaded = pickle.loads(pickle.dumps(cached))
    np.testing.assert_array_equal(loaded.predict_proba(X), cached.predict_proba(X))


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"n_clusters": 0}, ValueError, "n_clusters must be an integer of at least 1 or 'auto'"),
        ({"n_clusters": 500}, ValueError, "n_clusters=500 clusters need at least as many samples"),
        ({"n_neighbors": 0}, ValueError, "n_neighbors must be an integer of at least 1; got 0"),
        ({"n_neighbors": 2.5}, TypeError, "n_neighbors must be an integer"),
        ({"metric": "manhattan"}, ValueError, "metric must be 'euclidean' or 'cosine'; got 'manh"),
        ({"n_init": "many"}, ValueError, "n_init must be an integer of at least 1 or 'auto'"),
        ({"random_state": "a"}, ValueError, "random_state must be None, an integer"),
    ],
)
def test_invalid_parameters_are_named_and_the_estimator_stays(moons, parameters, error, message):
    clusterer = NeighborClusterer(2, random_state=0).fit(moons[0][:100])
    labels = clusterer.labels_
    clusterer.set_params(**parameters)
    with pytest.raises(error, match=message):
        clusterer.fit(moons[0])
    assert clusterer.labels_ is labels


def test_invalid_samples_are_named(moons):
    X = moons[0].copy()
    X[3, 1] = np.nan
    with pytest.raises(ValueError, match="NaN, in sample 3, feature 1"):
        NeighborClusterer(2).fit(X)
    with pytest.raises(NotFittedError):
        NeighborClusterer(2).predict(moons[0])


def test_few_distinct_samples():
    X = np.repeat([[0.0, 1.0], [4.0, 0.0], [0.0, 9.0]], 5, axis=0)
    with (
        pytest.warns(ConvergenceWarning, match=r"Only 3 of n_clusters=4"),
        pytest.warns(UserWarning, match=r"n_neighbors=10 is more than the other 2 distinct"),
    ):
        clusterer = NeighborClusterer(4, random_state=0).fit(X)
    assert clusterer.n_clusters_ == 3
    assert adjusted_rand_score(np.repeat([0, 1, 2], 5), clusterer.labels_) == 1
    with pytest.warns(UserWarning, match="more than the other 0 distinct"):
        single = NeighborClusterer(1).fit(X[:5])
    assert (single.n_clusters_, single.information_, single.entropy_) == (1, 0, 0)
    np.testing.assert_array_equal(single.predict_proba(X), np.ones((15, 1)))
    np.testing.assert_array_equal(single.predict(X), 0)


@pytest.mark.parametrize("n_features", [4, 5, 6])
def test_columns_of_yes_and_no_divide_no_clusters(n_features, random):
    """Standardized, they are as wide as the other features, and nothing lies between them."""
    X, y = make_blobs(300, n_features, centers=3, cluster_std=2, random_state=0)
    answers = random(0).random((len(X), 2)) < [0.5, 0.3]
    mixed = scale(np.column_stack([scale(X), answers]))
    labels = NeighborClusterer(3, random_state=0).fit_predict(mixed)
    assert adjusted_rand_score(y, labels) > 0.8
