"""DECClusterer as its users meet it: the invariants of DESIGN section 5, and every parameter."""

import copy
import pickle
import random as python_random
import threading
import tracemalloc
import warnings

import joblib
import keras
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import tensorflow as tf
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import adjusted_rand_score, silhouette_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_info

from skdec import DECClusterer, _neighbors, _phases, _rows, _validation

FITTED = ("labels_", "initial_labels_", "cluster_centers_")


def assert_same_fit(one, other):
    for name in FITTED:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert (one.n_iter_, one.stop_reason_) == (other.n_iter_, other.stop_reason_)


# ---- invariant 1: labels, predictions and assignments say the same


@pytest.mark.parametrize("changes", [{}, {"init": "k-means++", "n_neighbors": 0}, {"max_iter": 0}])
def test_labels_are_predictions_are_the_surest_assignments(tiny, rows, changes):
    dec = DECClusterer(**tiny | changes)
    labels = dec.fit_predict(rows)
    np.testing.assert_array_equal(labels, dec.labels_)
    np.testing.assert_array_equal(dec.predict(rows), labels)
    np.testing.assert_array_equal(dec.predict_proba(rows).argmax(axis=1), labels)


def test_assignments_are_student_t_of_the_embedding(fitted, rows):
    z, centers = fitted.transform(rows).astype(float), fitted.cluster_centers_.astype(float)
    kernel = 1 / (1 + ((z[:, None] - centers[None]) ** 2).sum(axis=2))
    expected = kernel / kernel.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(fitted.predict_proba(rows), expected, rtol=1e-4, atol=1e-7)


def test_outputs_do_not_depend_on_the_other_rows(fitted, rows):
    for method in (fitted.predict_proba, fitted.transform):
        whole = method(rows)
        np.testing.assert_array_equal(method(rows[::-1])[::-1], whole)
        np.testing.assert_array_equal(np.concatenate([method(row[None]) for row in rows]), whole)


# ---- invariant 3: clusters 0..k-1, and collapse is told


def test_separate_groups_are_found(tiny):
    X, y = make_blobs(200, 6, centers=3, cluster_std=0.5, random_state=1)
    dec = DECClusterer(**tiny | {"pretrain_epochs": 20}).fit(X / np.abs(X).max())
    assert adjusted_rand_score(y, dec.labels_) == 1
    np.testing.assert_array_equal(np.unique(dec.labels_), [0, 1, 2])
    assert dec.labels_.dtype == np.int32


@pytest.mark.parametrize("init", ["landmarks", "k-means++"])
def test_collapse_is_told(tiny, init):
    dec = DECClusterer(**tiny | {"init": init})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        dec.fit(np.ones((40, 6)))
    mine = [str(w.message) for w in caught if "n_clusters=3" in str(w.message)]
    assert len(mine) == 1
    assert "Only 1 of" in mine[0]
    assert "Lower n_clusters" in mine[0]
    assert [w.category for w in caught if "n_clusters=3" in str(w.message)] == [ConvergenceWarning]
    assert dec.stop_reason_ == "collapse"
    assert dec.score(np.ones((40, 6))) == -1


def test_a_good_fit_warns_of_nothing(tiny, rows):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        DECClusterer(**tiny).fit(rows)


# ---- invariant 4: the seed fixes the fit, and nothing global moves


def test_the_same_seed_gives_the_same_fit(tiny, rows, fitted):
    assert_same_fit(DECClusterer(**tiny).fit(rows), fitted)
    seeded = tiny | {"random_state": np.random.RandomState(0)}
    assert_same_fit(DECClusterer(**seeded).fit(rows), fitted)


def test_another_seed_gives_another_fit(tiny, rows, fitted):
    other = DECClusterer(**tiny | {"random_state": 1}).fit(rows)
    assert not np.array_equal(other.cluster_centers_, fitted.cluster_centers_)


def test_a_random_state_is_drawn_from(tiny, rows):
    shared = np.random.RandomState(0)
    one, other = (DECClusterer(**tiny | {"random_state": shared}).fit(rows) for _ in range(2))
    assert not np.array_equal(one.cluster_centers_, other.cluster_centers_)


def test_threads_at_once_give_the_same_fit(tiny, rows, fitted):
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(DECClusterer(**tiny).fit(rows)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3
    for dec in found:
        assert_same_fit(dec, fitted)


def test_a_worker_process_gives_the_same_fit(tiny, rows, fitted):
    (dec,) = joblib.Parallel(n_jobs=2, backend="loky")(
        joblib.delayed(DECClusterer(**tiny).fit)(X) for X in [rows]
    )
    assert_same_fit(dec, fitted)
    np.testing.assert_array_equal(dec.predict_proba(rows), fitted.predict_proba(rows))


def test_global_random_states_are_left_alone(tiny, rows):
    def draws():
        return (
            python_random.random(),
            np.random.random(),  # noqa: NPY002 - the global state is what is looked at
            float(tf.random.uniform(())),
            float(keras.random.uniform(())),
        )

    given = keras.initializers.GlorotNormal()
    # Dims of no other test: the first turn has to build its programs, the others find them.
    for initializer in (None, "he_normal", given):
        dec = DECClusterer(**tiny | {"dims": (9, 2), "kernel_initializer": initializer})
        keras.utils.set_random_seed(11)
        expected = draws()
        keras.utils.set_random_seed(11)
        dec.fit(rows).model_(rows)
        assert draws() == expected, initializer


def test_global_settings_are_left_alone(tiny, rows):
    def settings():
        return (
            [(pool["filepath"], pool["num_threads"]) for pool in threadpool_info()],
            np.geterr(),
            list(warnings.filters),
            keras.config.floatx(),
            keras.mixed_precision.global_policy().name,
            tf.config.experimental.is_op_determinism_enabled()
            if hasattr(tf.config.experimental, "is_op_determinism_enabled")
            else None,
        )

    before = settings()
    DECClusterer(**tiny).fit(rows)
    assert settings() == before


# ---- invariant 6: X stays as it is, where it is


@pytest.mark.filterwarnings("ignore:Only")
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_x_is_not_modified(tiny, rows, dtype):
    X = np.array(rows * 100, dtype)
    before = X.copy()
    dec = DECClusterer(**tiny | {"pretrain_optimizer": keras.optimizers.Adam(1e-4)}).fit(X)
    dec.predict(X)
    np.testing.assert_array_equal(X, before)
    X.flags.writeable = False
    assert_same_fit(clone(dec).fit(X), dec)


@pytest.mark.filterwarnings("ignore:Only")
def test_a_memory_map_is_fitted_without_a_copy(tiny, tmp_path, monkeypatch):
    """NumPy's peak stays below X as float32, where X is large beside what is read at once."""
    monkeypatch.setattr(_rows, "_CHUNK_BYTES", 2**18)
    monkeypatch.setattr(_validation, "_FINITE_CHECK_BYTES", 2**18)
    monkeypatch.setattr(_neighbors, "_COMPONENT_VALUES", 2**16)
    monkeypatch.setattr(_neighbors, "_BLOCK_VALUES", 2**16)
    n_rows, n_features = 3000, 1500
    X = np.memmap(tmp_path / "rows", np.float64, "w+", shape=(n_rows, n_features))
    for row, level in enumerate(np.random.default_rng(0).random(n_rows)):
        X[row] = level + np.linspace(0, 1, n_features)
    X.flush()
    X = np.memmap(tmp_path / "rows", np.float64, "r", shape=(n_rows, n_features))
    short = {"batch_size": 16, "pretrain_epochs": 1, "n_neighbors": 3, "init": "k-means++"}
    DECClusterer(**tiny | short).fit(np.asarray(X[:100]))  # compiles what the next fit needs
    tracemalloc.start()
    try:
        dec = DECClusterer(**tiny | short).fit(X)
        dec.predict(X)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert dec.labels_.shape == (n_rows,)
    assert peak < 4 * n_rows * n_features


@pytest.mark.parametrize("kind", [sp.csr_matrix, sp.csr_array, sp.csc_array])
def test_sparse_is_the_same_as_dense(tiny, rows, kind):
    X = np.where(rows > 0.2, rows, 0)
    dense, sparse = DECClusterer(**tiny).fit(X), DECClusterer(**tiny).fit(kind(X))
    assert_same_fit(sparse, dense)
    np.testing.assert_array_equal(sparse.predict_proba(kind(X)), dense.predict_proba(X))
    np.testing.assert_array_equal(sparse.transform(kind(X)), dense.transform(X))
    assert sparse.score(kind(X)) == pytest.approx(dense.score(X))


# ---- rows count by their weight and contents, not by their order


def test_the_order_of_rows_does_not_matter(tiny, rows, fitted, random):
    order = random(0).permutation(150)
    dec = DECClusterer(**tiny).fit(rows[order])
    np.testing.assert_array_equal(dec.labels_, fitted.labels_[order])
    np.testing.assert_array_equal(dec.cluster_centers_, fitted.cluster_centers_)


def test_a_weight_is_a_number_of_copies(tiny, rows, random):
    weights = random(0).integers(0, 4, size=150)
    weighted = DECClusterer(**tiny).fit(rows, sample_weight=weights)
    copied = DECClusterer(**tiny).fit(np.repeat(rows, weights, axis=0))
    np.testing.assert_array_equal(weighted.cluster_centers_, copied.cluster_centers_)
    np.testing.assert_array_equal(np.repeat(weighted.labels_, weights), copied.labels_)
    # Rows of weight zero have no part in the fit, and get a label all the same.
    np.testing.assert_array_equal(weighted.predict(rows), weighted.labels_)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(149), r"sample_weight\.shape == \(149,\), expected \(150,\)"),
        (-np.ones(150), "not negative"),
        (np.zeros(150), "not zero everywhere"),
        (np.full(150, np.nan), "finite"),
        (np.ones((150, 1)), "1D"),
    ],
)
def test_wrong_weights_are_refused(tiny, rows, weights, message):
    with pytest.raises(ValueError, match=message):
        DECClusterer(**tiny).fit(rows, sample_weight=weights)


# ---- what a fit leaves


def test_histories_have_an_entry_an_epoch_and_an_update(fitted, tiny):
    pretrain, refine = fitted.history_["pretrain"], fitted.history_["refine"]
    assert {name: values.shape for name, values in pretrain.items()} == {
        "loss": (tiny["pretrain_epochs"],),
        "seconds": (tiny["pretrain_epochs"],),
    }
    n_updates = -(-fitted.n_iter_ // tiny["update_interval"])
    assert {name: values.shape for name, values in refine.items()} == dict.fromkeys(
        ("loss", "changed", "clusters", "seconds"), (n_updates,)
    )
    for series in (pretrain["loss"], refine["loss"]):
        assert np.isfinite(series).all()
    assert (np.diff(pretrain["seconds"]) > 0).all()
    assert pretrain["loss"][-1] < pretrain["loss"][0]


def test_changed_counts_rows_since_the_update_before(tiny, rows):
    one, two = (
        DECClusterer(**tiny | {"max_iter": n, "tol": 0, "optimizer": keras.optimizers.SGD(0.5)})
        for n in (5, 10)
    )
    one.fit(rows), two.fit(rows)
    changed = two.history_["refine"]["changed"]
    assert changed.shape == (2,)
    assert changed[1] == np.mean(one.labels_ != two.labels_)


def test_stops_at_tol_or_at_max_iter(tiny, rows):
    whole = DECClusterer(**tiny | {"tol": 0}).fit(rows)
    assert (whole.n_iter_, whole.stop_reason_) == (20, "max_iter")
    early = DECClusterer(**tiny | {"tol": 1.0, "max_iter": 17}).fit(rows)
    if early.history_["refine"]["changed"][0] < 1:
        assert (early.n_iter_, early.stop_reason_) == (5, "tol")
    uneven = DECClusterer(**tiny | {"tol": 0, "max_iter": 17}).fit(rows)
    assert (uneven.n_iter_, len(uneven.history_["refine"]["loss"])) == (17, 4)


def test_tol_stops_at_the_first_update_below_it(tiny, rows):
    dec = DECClusterer(**tiny | {"tol": 0.05, "max_iter": 200}).fit(rows)
    changed = dec.history_["refine"]["changed"]
    assert dec.stop_reason_ == "tol"
    assert changed[-1] < 0.05
    assert (changed[:-1] >= 0.05).all()


def test_no_steps_are_kmeans_on_the_embedding(tiny, rows):
    only_started = {"init": "k-means++", "n_init": 10, "n_neighbors": 0, "max_iter": 0}
    dec = DECClusterer(**tiny | only_started).fit(rows)
    z = dec.transform(rows)
    kmeans = KMeans(3, n_init=10, random_state=0).fit(z)
    assert dec.n_iter_ == 0
    assert dec.history_["refine"]["loss"].shape == (0,)
    np.testing.assert_array_equal(dec.labels_, dec.initial_labels_)
    # The same optimum, found from other seeds.
    inertia = ((z - dec.cluster_centers_[dec.labels_]) ** 2).sum()
    assert inertia == pytest.approx(kmeans.inertia_, rel=1e-3)


def test_auto_is_what_the_docstring_says(rows):
    """150 rows are five passes of 32: 1,000 steps are 200 epochs; 500 steps, updates every 50."""
    told = []
    tell = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: told.append(epoch))
    dec = DECClusterer(3, dims=(16, 4), batch_size=32, tol=0, callbacks=[tell], random_state=0)
    dec.fit(rows)
    assert len(dec.history_["pretrain"]["loss"]) == 200
    assert dec.n_iter_ == 500
    assert told == [*range(200), *range(10)]


def test_models_agree_with_the_methods(fitted, rows):
    X = rows.astype(np.float32)
    np.testing.assert_allclose(fitted.model_(X), fitted.predict_proba(X), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(fitted.encoder_(X), fitted.transform(X), rtol=1e-4, atol=1e-6)
    decoded = fitted.inverse_transform(fitted.transform(X))
    np.testing.assert_allclose(fitted.autoencoder_(X), decoded, rtol=1e-4, atol=1e-5)
    assert decoded.shape == X.shape
    clustering = fitted.model_.get_layer("clustering")
    np.testing.assert_array_equal(clustering.get_weights()[0], fitted.cluster_centers_)


def test_models_follow_a_second_fit(tiny, rows):
    dec = DECClusterer(**tiny).fit(rows)
    before = np.asarray(dec.model_(rows))
    dec.set_params(random_state=5).fit(rows)
    np.testing.assert_allclose(dec.model_(rows), dec.predict_proba(rows), rtol=1e-4, atol=1e-6)
    assert not np.allclose(dec.model_(rows), before)


def test_decoding_needs_the_embeddings_width(fitted):
    with pytest.raises(ValueError, match="Z must have 4 columns, as the embedding; got 3"):
        fitted.inverse_transform(np.zeros((2, 3)))


def test_score_is_the_silhouette(fitted, rows):
    assert fitted.score(rows) == pytest.approx(silhouette_score(rows, fitted.labels_))
    assert fitted.score(rows[:1]) == -1
    assert fitted.score(rows[fitted.labels_ == 0]) == -1


def test_alpha_reaches_the_assignments(tiny, rows):
    soft, hard = (DECClusterer(**tiny | {"alpha": a}).fit(rows) for a in (1.0, 50.0))
    np.testing.assert_array_equal(soft.initial_labels_, hard.initial_labels_)
    z, centers = hard.transform(rows).astype(float), hard.cluster_centers_.astype(float)
    kernel = (1 + ((z[:, None] - centers[None]) ** 2).sum(axis=2) / 50) ** (-51 / 2)
    expected = kernel / kernel.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(hard.predict_proba(rows), expected, rtol=1e-3, atol=1e-6)


def test_before_a_fit_there_is_nothing():
    for use in ("predict", "predict_proba", "transform", "inverse_transform", "score"):
        with pytest.raises(NotFittedError):
            getattr(DECClusterer(), use)(np.zeros((2, 2)))


def test_warm_start_only_refines(tiny, rows):
    dec = DECClusterer(**tiny | {"warm_start": True, "tol": 0}).fit(rows)
    pretrained, centers = dec.history_["pretrain"], dec.cluster_centers_
    z = dec.transform(rows)
    dec.set_params(max_iter=0).fit(rows)
    assert dec.history_["pretrain"] is pretrained
    np.testing.assert_array_equal(dec.cluster_centers_, centers)
    np.testing.assert_array_equal(dec.transform(rows), z)
    dec.set_params(max_iter=20).fit(rows)
    assert not np.array_equal(dec.cluster_centers_, centers)


def test_partial_fit_takes_rows_in_parts(tiny, rows):
    dec = DECClusterer(**tiny).partial_fit(rows)
    assert_same_fit(dec, DECClusterer(**tiny).fit(rows))
    centers = dec.cluster_centers_
    dec.partial_fit(rows[:64])
    assert dec.labels_.shape == (64,)
    assert dec.n_iter_ == 2
    assert not np.array_equal(dec.cluster_centers_, centers)
    np.testing.assert_array_equal(dec.labels_, dec.predict(rows[:64]))


def test_partial_fit_follows_clusters_that_drift(tiny, random):
    """Three groups go round a circle, until each stands nearer to another's first place."""
    rng, plane = random(0), random(1).normal(size=(2, 6))

    def batch(turn, groups=(0, 1, 2)):
        group = rng.choice(groups, 300)
        angles = turn + group * 2 * np.pi / 3
        points = 0.3 * np.column_stack([np.cos(angles), np.sin(angles)]) @ plane
        return points + rng.normal(scale=0.03, size=points.shape), group

    X, group = batch(0)
    dec = DECClusterer(**tiny | {"pretrain_epochs": 40, "n_init": 3}).fit(X)
    name = np.array([np.bincount(dec.labels_[group == g]).argmax() for g in range(3)])
    np.testing.assert_array_equal(name[group], dec.labels_)
    left_behind = copy.deepcopy(dec)
    for turn in np.linspace(0, np.pi / 2, 49)[1:]:
        dec.partial_fit(batch(turn)[0])
    X, group = batch(np.pi / 2)
    assert np.mean(name[group] == left_behind.predict(X)) < 0.1
    assert np.mean(name[group] == dec.predict(X)) > 0.95
    for _ in range(5):  # a group stays away
        dec.partial_fit(batch(np.pi / 2, groups=(0, 1))[0])
    assert np.mean(name[group] == dec.predict(X)) > 0.95


# ---- callbacks, progress


class Recorder(keras.callbacks.Callback):
    """Notes all that it is told; stops a phase after an epoch, if asked to."""

    def __init__(self, stop=None):
        super().__init__()
        self.told, self.logs, self.stop = [], [], stop

    def on_train_begin(self, logs=None):
        self.told.append(("begin", self.params["phase"], self.params["epochs"]))

    def on_epoch_end(self, epoch, logs=None):
        self.told.append((self.params["phase"], epoch))
        self.logs.append(logs)
        if self.told[-1] == self.stop:
            self.model.stop_training = True

    def on_train_end(self, logs=None):
        self.told.append(("end", self.params["phase"]))


def test_callbacks_hear_of_both_phases(tiny, rows, fitted):
    recorder = Recorder()
    dec = DECClusterer(**tiny | {"tol": 0, "callbacks": [recorder]}).fit(rows)
    assert recorder.told == [
        ("begin", "pretrain", 5),
        *[("pretrain", epoch) for epoch in range(5)],
        ("end", "pretrain"),
        ("begin", "refine", 4),
        *[("refine", epoch) for epoch in range(4)],
        ("end", "refine"),
    ]
    losses = [logs["loss"] for logs in recorder.logs]
    expected = [*dec.history_["pretrain"]["loss"], *dec.history_["refine"]["loss"]]
    np.testing.assert_array_equal(losses, expected)
    changed = [logs["changed"] for logs in recorder.logs[5:]]
    np.testing.assert_array_equal(changed, dec.history_["refine"]["changed"])


def test_a_callback_can_stop_either_phase(tiny, rows):
    refining = DECClusterer(**tiny | {"tol": 0, "callbacks": [Recorder(("refine", 1))]}).fit(rows)
    assert (refining.n_iter_, refining.stop_reason_) == (10, "callback")
    pretraining = DECClusterer(**tiny | {"tol": 0, "callbacks": [Recorder(("pretrain", 2))]})
    pretraining.fit(rows)
    assert len(pretraining.history_["pretrain"]["loss"]) == 3
    assert pretraining.stop_reason_ == "max_iter"  # the refinement is a phase of its own


def test_early_stopping_of_keras_works(tiny, rows):
    patience = keras.callbacks.EarlyStopping("loss", min_delta=10.0, patience=1)
    dec = DECClusterer(**tiny | {"callbacks": [patience]}).fit(rows)
    assert len(dec.history_["pretrain"]["loss"]) == 2


def test_verbose_tells_of_both_phases_on_standard_error(tiny, rows, capsys):
    DECClusterer(**tiny | {"verbose": 1}).fit(rows)
    out, err = capsys.readouterr()
    assert out == ""
    assert "pretrain 5/5" in err
    assert "refine" in err
    DECClusterer(**tiny).fit(rows)
    assert capsys.readouterr() == ("", "")


# ---- optimizers, networks


@pytest.mark.parametrize("phase", ["pretrain_optimizer", "optimizer"])
def test_a_given_optimizer_is_used_and_not_touched(tiny, rows, fitted, phase):
    optimizer = keras.optimizers.RMSprop(0.01)
    config = optimizer.get_config()
    dec = DECClusterer(**tiny | {phase: optimizer, "tol": 0}).fit(rows)
    assert_same_fit(clone(dec).fit(rows), dec)
    assert optimizer.get_config() == config
    assert not optimizer.built
    assert getattr(dec, phase) is optimizer
    assert not np.array_equal(dec.cluster_centers_, fitted.cluster_centers_)


@pytest.mark.parametrize("activation", ["tanh", keras.activations.gelu])
def test_the_activation_is_used(tiny, rows, activation):
    only_started = {"pretrain_epochs": 0, "max_iter": 0}  # it is trained with in test_compiled
    dec = DECClusterer(**tiny | only_started | {"activation": activation}).fit(rows)
    w_0, b_0, w_1, b_1 = dec.encoder_.get_weights()
    hidden = np.asarray(keras.activations.get(activation)(rows.astype(np.float32) @ w_0 + b_0))
    np.testing.assert_allclose(dec.transform(rows), hidden @ w_1 + b_1, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("initializer", ["he_normal", keras.initializers.HeNormal()])
def test_the_initializer_is_used(tiny, rows, initializer):
    only_started = {"pretrain_epochs": 0, "max_iter": 0, "dims": (400, 4)}
    dec = DECClusterer(**tiny | only_started | {"kernel_initializer": initializer}).fit(rows)
    kernel = dec.encoder_.get_layer("encoder_1").get_weights()[0]
    np.testing.assert_allclose(kernel.std(), np.sqrt(2 / 400), rtol=0.1)


def test_classic_is_the_tutorial():
    dec = DECClusterer.classic(7, random_state=3, alpha=2.0)
    parameters = dec.get_params()
    for name, rate in (("pretrain_optimizer", 1.0), ("optimizer", 0.01)):
        optimizer = parameters.pop(name)
        assert type(optimizer) is keras.optimizers.SGD
        assert float(optimizer.learning_rate) == pytest.approx(rate)
        assert optimizer.momentum == 0.9
    published = {
        "n_clusters": 7,
        "dims": (500, 500, 2000, 10),
        "alpha": 2.0,
        "activation": "relu",
        "kernel_initializer": None,  # VarianceScaling(1/3, fan_in, uniform): test_networks
        "batch_size": 256,
        "pretrain_epochs": 300,
        "init": "k-means++",
        "n_init": 20,
        "n_neighbors": 0,
        "max_iter": 20_000,
        "update_interval": 140,
        "tol": 1e-3,
        "random_state": 3,
    }
    assert {name: parameters[name] for name in published} == published


def test_classic_fits(tiny, rows):
    changes = {name: tiny[name] for name in tiny if name not in ("n_clusters", "n_init")}
    dec = DECClusterer.classic(3, pretrain_optimizer=keras.optimizers.SGD(0.1, 0.9), **changes).fit(
        rows
    )
    np.testing.assert_array_equal(np.unique(dec.labels_), [0, 1, 2])


# ---- memory


def test_memory_pays_for_a_pretraining_once(tiny, rows, tmp_path, monkeypatch):
    runs = []
    train = _phases.pretrain

    def counted(*args, **kwargs):
        runs.append(1)
        return train(*args, **kwargs)

    monkeypatch.setattr(_phases, "pretrain", counted)
    remembered = tiny | {"memory": str(tmp_path), "max_iter": 5}

    def runs_of(X=rows, **changes):
        runs.clear()
        DECClusterer(**remembered | changes).fit(X)
        return len(runs)

    assert runs_of() == 1
    for changes in (
        {},
        {"alpha": 2.0},
        {"init": "k-means++"},
        {"n_neighbors": 3},
        {"optimizer": keras.optimizers.SGD(0.05, 0.9, name="sgd")},
        {"max_iter": 3},
        {"callbacks": [Recorder()]},
    ):
        assert runs_of(**changes) == 0, changes
    for changes in (
        {"random_state": 1},
        {"kernel_initializer": "he_normal"},
        {"pretrain_epochs": 4},
        {"pretrain_optimizer": keras.optimizers.Adam(1e-3)},
        {"X": rows + 1e-3},
        {"X": rows[:-1]},
    ):
        assert runs_of(**changes) == 1, changes


def test_a_remembered_fit_is_the_same_fit(tiny, rows, fitted, tmp_path):
    remembered = tiny | {"memory": joblib.Memory(tmp_path, verbose=0)}
    first, second = (DECClusterer(**remembered).fit(rows) for _ in range(2))
    assert_same_fit(first, fitted)
    assert_same_fit(second, fitted)
    np.testing.assert_array_equal(
        first.history_["pretrain"]["seconds"], second.history_["pretrain"]["seconds"]
    )


# ---- copies and files


def through_pickle(dec, folder):
    return pickle.loads(pickle.dumps(dec))


def through_joblib(dec, folder):
    joblib.dump(dec, folder / "dec.joblib")
    return joblib.load(folder / "dec.joblib")


def through_deepcopy(dec, folder):
    return copy.deepcopy(dec)


def through_save(dec, folder):
    dec.save(folder / "dec.skdec")
    return DECClusterer.load(folder / "dec.skdec")


@pytest.mark.parametrize(
    "through", [through_pickle, through_joblib, through_deepcopy, through_save]
)
@pytest.mark.parametrize("models_built", [False, True])
def test_copies_are_the_same_bit_for_bit(tiny, rows, tmp_path, through, models_built):
    frame = pd.DataFrame(rows, columns=[f"size {at}" for at in range(6)])
    settings = {"optimizer": keras.optimizers.Adam(0.01), "kernel_initializer": "he_normal"}
    dec = DECClusterer(**tiny | settings).fit(frame)
    if models_built:
        dec.model_(rows)
    again = through(dec, tmp_path)
    assert_same_fit(again, dec)
    for method in ("predict", "predict_proba", "transform"):
        np.testing.assert_array_equal(getattr(again, method)(frame), getattr(dec, method)(frame))
    z = dec.transform(frame)
    np.testing.assert_array_equal(again.inverse_transform(z), dec.inverse_transform(z))
    np.testing.assert_array_equal(again.feature_names_in_, frame.columns)
    np.testing.assert_array_equal(again.get_feature_names_out(), dec.get_feature_names_out())
    np.testing.assert_array_equal(again.model_(rows), dec.model_(rows))
    for phase, series in dec.history_.items():
        for name, values in series.items():
            np.testing.assert_array_equal(again.history_[phase][name], values)
    parameters = again.get_params()
    assert parameters.pop("optimizer").get_config() == dec.optimizer.get_config()
    assert parameters == {name: dec.get_params()[name] for name in parameters}
    assert_same_fit(again.fit(frame), dec)


def test_a_clone_is_unfitted_and_equal(fitted):
    copied = clone(fitted)
    assert copied.get_params() == fitted.get_params()
    assert not hasattr(copied, "labels_")


# ---- among scikit-learn's tools


def test_frames_keep_their_names(tiny, rows):
    frame = pd.DataFrame(rows, columns=list("abcdef"))
    dec = DECClusterer(**tiny).set_output(transform="pandas")
    z = dec.fit_transform(frame)
    assert list(z.columns) == [f"decclusterer{at}" for at in range(4)]
    np.testing.assert_array_equal(dec.feature_names_in_, list("abcdef"))
    np.testing.assert_array_equal(z, dec.transform(frame))


def test_pipelines_and_searches_take_it(tiny, rows):
    pipeline = make_pipeline(StandardScaler(), DECClusterer(**tiny))
    search = GridSearchCV(
        pipeline, {"decclusterer__n_clusters": [2, 3]}, cv=2, error_score="raise"
    ).fit(rows)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.predict(rows).shape == (150,)


# ---- input that is odd, and input that is wrong


@pytest.mark.parametrize(
    "make_odd",
    [
        lambda X: X * [1, 1, 1, 1, 0, 0],
        lambda X: X * [1, 1, 1, 1, 1, 0] + [0, 0, 0, 0, 0, 7],
        lambda X: np.repeat(X[:15], 10, axis=0),
        lambda X: X[:20],
        lambda X: X[:128],
        lambda X: X[:3],
    ],
    ids=[
        "zero columns",
        "constant column",
        "duplicate rows",
        "fewer rows than a batch",
        "rows a multiple of the batch",
        "rows as many as clusters",
    ],
)
@pytest.mark.parametrize("init", ["landmarks", "k-means++"])
def test_odd_input_is_fitted(tiny, rows, make_odd, init):
    X = make_odd(rows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        dec = DECClusterer(**tiny | {"init": init}).fit(X)
    assert dec.labels_.shape == (len(X),)
    assert np.isfinite(dec.predict_proba(X)).all()
    assert np.isfinite(dec.history_["refine"]["loss"]).all()
    np.testing.assert_array_equal(dec.predict(X), dec.labels_)


@pytest.mark.parametrize(
    ("parameter", "value", "error", "message"),
    [
        ("n_clusters", 0, ValueError, r"n_clusters must be an integer of at least 1; got 0"),
        ("n_clusters", 2.5, TypeError, r"n_clusters .* got 2\.5 of type float"),
        ("n_clusters", True, TypeError, r"n_clusters .* got True of type bool"),
        ("verbose", "x", TypeError, r"verbose must be an integer of at least 0; got 'x'"),
        ("verbose", -1, ValueError, r"verbose must be an integer of at least 0; got -1"),
        ("dims", (), ValueError, r"dims must name at least one width.* got \(\)"),
        ("dims", (8, 0), ValueError, r"dims\[1\] must be an integer of at least 1; got 0"),
        ("dims", (-3, 2), ValueError, r"dims\[0\] must be an integer of at least 1; got -3"),
        ("dims", (8.0, 2), TypeError, r"dims\[0\] must be an integer"),
        ("dims", 10, TypeError, r"dims must be a sequence .* got 10 of type int"),
        ("dims", "8,2", TypeError, r"dims must be a sequence .* got '8,2'"),
        ("alpha", 0, ValueError, r"alpha must be a finite number above 0; got 0"),
        ("alpha", -1.0, ValueError, r"alpha must be a finite number above 0; got -1\.0"),
        ("alpha", np.nan, ValueError, r"alpha must be a finite number above 0; got nan"),
        ("alpha", np.inf, ValueError, r"alpha must be a finite number above 0; got inf"),
        ("alpha", "1", TypeError, r"alpha must be .* got '1' of type str"),
        ("activation", "reul", ValueError, r"activation must be .* got 'reul'"),
        ("activation", 3, ValueError, r"activation must be .* got 3"),
        ("kernel_initializer", "no_such", ValueError, r"kernel_initializer must be .* 'no_such'"),
        ("batch_size", 0, ValueError, r"batch_size must be an integer of at least 1; got 0"),
        ("pretrain_epochs", -1, ValueError, r"pretrain_epochs must be .* 'auto'; got -1"),
        ("pretrain_epochs", "many", ValueError, r"pretrain_epochs must be .* 'auto'; got 'many'"),
        ("pretrain_optimizer", "adma", ValueError, r"pretrain_optimizer must be 'adam' or 'sgd'"),
        ("optimizer", 0.1, ValueError, r"optimizer must be 'adam' or 'sgd' or .* got 0\.1"),
        ("init", "random", ValueError, r"init must be 'landmarks' or 'k-means\+\+'.* got 'random'"),
        ("init", np.zeros((3, 9)), ValueError, r"init must be .*=\(3, 4\); got .* shape \(3, 9\)"),
        ("n_init", 0, ValueError, r"n_init must be an integer of at least 1"),
        ("n_neighbors", 0, ValueError, r"init='landmarks' .* needs n_neighbors of at least 1; got"),
        ("n_neighbors", -1, ValueError, r"n_neighbors must be an integer of at least 0; got -1"),
        ("max_iter", -1, ValueError, r"max_iter must be an integer of at least 0"),
        ("update_interval", 0, ValueError, r"update_interval must be an integer of at least 1"),
        ("tol", -0.1, ValueError, r"tol must be a number from 0 to 1; got -0\.1"),
        ("tol", 2, ValueError, r"tol must be a number from 0 to 1; got 2"),
        ("random_state", "zero", ValueError, r"zero"),
    ],
)
def test_a_wrong_parameter_is_named(tiny, rows, parameter, value, error, message):
    with pytest.raises(error, match=message):
        DECClusterer(**tiny | {parameter: value}).fit(rows)


def with_value(rows, row, column, value):
    X = rows.copy()
    X[row, column] = value
    return X


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (np.nan, "NaN"),
        (np.inf, "infinity"),
        (-np.inf, "infinity"),
        (1e300, "too large for"),
    ],
)
@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array])
def test_a_value_that_is_not_finite_is_placed(tiny, rows, fitted, value, what, kind):
    X = kind(with_value(rows, 37, 4, value))
    for use in (DECClusterer(**tiny).fit, fitted.predict, fitted.transform):
        with pytest.raises(ValueError, match=f"Input X contains .*{what}.* row 37, column 4"):
            use(X)


def test_a_missing_value_of_a_frame_is_placed_by_name(tiny, rows):
    frame = pd.DataFrame(with_value(rows, 2, 1, np.nan), columns=list("abcdef"))
    with pytest.raises(ValueError, match=r"row 2, column 1 \('b'\)"):
        DECClusterer(**tiny).fit(frame)


def test_fewer_rows_than_clusters(tiny, rows):
    with pytest.raises(ValueError, match=r"n_clusters=3 clusters need .* n_samples=2"):
        DECClusterer(**tiny).fit(rows[:2])


@pytest.mark.parametrize("use", ["predict", "predict_proba", "transform", "score"])
def test_another_number_of_columns(fitted, rows, use):
    with pytest.raises(ValueError, match="X has 5 features, but DECClusterer is expecting 6"):
        getattr(fitted, use)(rows[:, :5])


def test_text_columns_are_refused(tiny):
    frame = pd.DataFrame({"size": [1.0, 2.0, 3.0, 4.0], "kind": ["a", "b", "a", "b"]})
    with pytest.raises(ValueError, match="could not convert string to float"):
        DECClusterer(**tiny).fit(frame)


def test_one_dimension_is_refused(tiny):
    with pytest.raises(ValueError, match="Expected 2D array, got 1D array"):
        DECClusterer(**tiny).fit(np.arange(20.0))
