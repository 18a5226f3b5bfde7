"""Tests of DECClusterer: its invariants, every parameter, every fitted attribute and method."""

import copy
import pickle
import random as python_random
import threading
import tracemalloc
import warnings
from functools import partial

import joblib
import keras
import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
import tensorflow as tf
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_info

import skdec
from skdec import DECClusterer, NeighborClusterer
from skdec._utils import data
from skdec._utils import validation as _validation
from skdec.callbacks import LabelHistory
from skdec.cluster import _graph as neighbors
from skdec.dec import _estimator
from skdec.dec._parameters import resolve
from skdec.dec.training import inference
from skdec.dec.training import samples as samples_module
from skdec.dec.training.trainer import Trainer
from skdec.model_selection import NeighborInformationScorer
from skdec.networks import build_autoencoder

FITTED = ("labels_", "initial_labels_", "cluster_centers_")


def assert_same_fit(one, other):
    for name in FITTED:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert (one.n_iter_, one.stop_reason_) == (other.n_iter_, other.stop_reason_)


# ---- labels, predictions and soft assignments agree


@pytest.mark.parametrize("changes", [{}, {"init": "k-means++", "n_neighbors": 0}, {"max_iter": 0}])
def test_labels_predictions_and_soft_assignments_agree(tiny, samples, changes):
    dec = DECClusterer(**tiny | changes)
    labels = dec.fit_predict(samples)
    np.testing.assert_array_equal(labels, dec.labels_)
    np.testing.assert_array_equal(dec.predict(samples), labels)
    np.testing.assert_array_equal(dec.predict_proba(samples).argmax(axis=1), labels)


def test_soft_assignments_are_student_t_in_the_embedding(fitted, samples):
    z, centers = fitted.transform(samples).astype(float), fitted.cluster_centers_.astype(float)
    kernel = 1 / (1 + ((z[:, None] - centers[None]) ** 2).sum(axis=2))
    expected = kernel / kernel.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(fitted.predict_proba(samples), expected, rtol=1e-4, atol=1e-7)


def test_outputs_do_not_depend_on_the_other_samples(fitted, samples):
    for method in (fitted.predict_proba, fitted.transform):
        whole = method(samples)
        np.testing.assert_array_equal(method(samples[::-1])[::-1], whole)
        np.testing.assert_array_equal(
            np.concatenate([method(sample[None]) for sample in samples]), whole
        )


# ---- clusters are 0..k-1, and a collapse gives a warning


def test_separated_clusters_are_found(tiny):
    X, y = make_blobs(200, 6, centers=3, cluster_std=0.5, random_state=1)
    dec = DECClusterer(**tiny | {"pretrain_epochs": 20}).fit(X / np.abs(X).max())
    assert adjusted_rand_score(y, dec.labels_) == 1
    np.testing.assert_array_equal(np.unique(dec.labels_), [0, 1, 2])
    assert dec.labels_.dtype == np.int32


@pytest.mark.parametrize("init", ["neighbors", "k-means++"])
def test_collapse_gives_a_convergence_warning(tiny, init):
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
    assert dec.score(np.ones((40, 6))) == 0


def test_converged_fit_gives_no_warning(tiny, samples):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        DECClusterer(**tiny).fit(samples)


# ---- the random state determines the fit, and no global state changes


def test_same_random_state_gives_the_same_fit(tiny, samples, fitted):
    assert_same_fit(DECClusterer(**tiny).fit(samples), fitted)
    seeded = tiny | {"random_state": np.random.RandomState(0)}
    assert_same_fit(DECClusterer(**seeded).fit(samples), fitted)


def test_different_random_state_gives_a_different_fit(tiny, samples, fitted):
    other = DECClusterer(**tiny | {"random_state": 1}).fit(samples)
    assert not np.array_equal(other.cluster_centers_, fitted.cluster_centers_)


def test_random_state_instance_advances_between_fits(tiny, samples):
    shared = np.random.RandomState(0)
    one, other = (DECClusterer(**tiny | {"random_state": shared}).fit(samples) for _ in range(2))
    assert not np.array_equal(one.cluster_centers_, other.cluster_centers_)


def test_concurrent_threads_give_the_same_fit(tiny, samples, fitted):
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(DECClusterer(**tiny).fit(samples)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3
    for dec in found:
        assert_same_fit(dec, fitted)


def test_worker_process_gives_the_same_fit(tiny, samples, fitted):
    (dec,) = joblib.Parallel(n_jobs=2, backend="loky")(
        joblib.delayed(DECClusterer(**tiny).fit)(X) for X in [samples]
    )
    assert_same_fit(dec, fitted)
    np.testing.assert_array_equal(dec.predict_proba(samples), fitted.predict_proba(samples))


def test_global_random_states_are_not_modified(tiny, samples):
    def sample_all():
        return (
            python_random.random(),
            np.random.random(),  # noqa: NPY002 - the global state is tested
            float(tf.random.uniform(())),
            float(keras.random.uniform(())),
        )

    # No other test has these dims: the first fit compiles its programs, the second reuses them.
    for _ in range(2):
        keras.utils.set_random_seed(11)
        expected = sample_all()
        keras.utils.set_random_seed(11)
        DECClusterer(**tiny | {"dims": (7,)}).fit(samples).model_(samples)
        assert sample_all() == expected


def test_global_settings_are_not_modified(tiny, samples):
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
    DECClusterer(**tiny).fit(samples)
    assert settings() == before


# ---- X is neither modified nor copied whole


@pytest.mark.filterwarnings("ignore:Only")
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_input_is_not_modified(tiny, samples, dtype):
    X = np.array(samples * 100, dtype)
    before = X.copy()
    dec = DECClusterer(**tiny | {"pretrain_optimizer": keras.optimizers.Adam(1e-4)}).fit(X)
    dec.predict(X)
    np.testing.assert_array_equal(X, before)
    X.flags.writeable = False
    assert_same_fit(clone(dec).fit(X), dec)


@pytest.mark.filterwarnings("ignore:Only")
def test_memory_map_is_fitted_without_a_copy(tiny, tmp_path, monkeypatch):
    """NumPy's peak memory stays below the size of X as float32."""
    monkeypatch.setattr(data, "_CHUNK_BYTES", 2**18)
    monkeypatch.setattr(_validation, "_BLOCK_BYTES", 2**18)
    monkeypatch.setattr(neighbors, "_MAX_PCA_VALUES", 2**16)
    monkeypatch.setattr(neighbors, "_BLOCK_VALUES", 2**16)
    monkeypatch.setattr(neighbors, "_N_LIMIT_SAMPLES", 50)
    monkeypatch.setattr(samples_module, "_MAX_VALUES", 2**16)
    # Each thread holds a batch, so that the peak grows with the number of cores.
    monkeypatch.setattr(inference, "count_usable_threads", lambda: 2)
    n_samples, n_features = 3000, 1500
    X = np.memmap(tmp_path / "X", np.float64, "w+", shape=(n_samples, n_features))
    X[:] = np.random.default_rng(0).random((n_samples, 1)) + np.linspace(0, 1, n_features)
    X.flush()
    X = np.memmap(tmp_path / "X", np.float64, "r", shape=(n_samples, n_features))
    short = {
        "dims": (4,),
        "batch_size": 16,
        "pretrain_epochs": 1,
        "n_neighbors": 3,
        "init": "k-means++",
    }
    DECClusterer(**tiny | short).fit(np.asarray(X[:100]))  # compiles what the next fit needs
    tracemalloc.start()
    try:
        dec = DECClusterer(**tiny | short).fit(X)
        dec.predict(X)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert dec.labels_.shape == (n_samples,)
    assert peak < 4 * n_samples * n_features


@pytest.mark.parametrize("kind", [sp.csr_matrix, sp.csr_array, sp.csc_array])
def test_sparse_input_gives_the_same_fit_as_dense(tiny, samples, kind):
    X = np.where(samples > 0.2, samples, 0)
    dense, sparse = DECClusterer(**tiny).fit(X), DECClusterer(**tiny).fit(kind(X))
    assert_same_fit(sparse, dense)
    np.testing.assert_array_equal(sparse.predict_proba(kind(X)), dense.predict_proba(X))
    np.testing.assert_array_equal(sparse.transform(kind(X)), dense.transform(X))
    assert sparse.score(kind(X)) == pytest.approx(dense.score(X))


# ---- order and weights of the samples


def test_order_of_samples_does_not_matter(tiny, samples, fitted, random):
    order = random(0).permutation(150)
    dec = DECClusterer(**tiny).fit(samples[order])
    np.testing.assert_array_equal(dec.labels_, fitted.labels_[order])
    np.testing.assert_array_equal(dec.cluster_centers_, fitted.cluster_centers_)


def test_sample_weight_equals_repeated_samples(tiny, samples, random):
    weights = random(0).integers(0, 4, size=150)
    weighted = DECClusterer(**tiny).fit(samples, sample_weight=weights)
    copied = DECClusterer(**tiny).fit(np.repeat(samples, weights, axis=0))
    np.testing.assert_array_equal(weighted.cluster_centers_, copied.cluster_centers_)
    np.testing.assert_array_equal(np.repeat(weighted.labels_, weights), copied.labels_)
    # Samples of weight zero have no influence on the fit, but get a label.
    np.testing.assert_array_equal(weighted.predict(samples), weighted.labels_)


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
def test_invalid_sample_weight_raises(tiny, samples, weights, message):
    with pytest.raises(ValueError, match=message):
        DECClusterer(**tiny).fit(samples, sample_weight=weights)


# ---- fitted attributes and methods


def test_history_has_one_entry_per_epoch_and_update(fitted, tiny):
    pretrain, refine = fitted.history_["pretrain"], fitted.history_["refine"]
    assert {name: values.shape for name, values in pretrain.items()} == {
        "loss": (tiny["pretrain_epochs"],),
        "learning_rate": (tiny["pretrain_epochs"],),
        "seconds": (tiny["pretrain_epochs"],),
    }
    n_updates = -(-fitted.n_iter_ // tiny["update_interval"])
    assert {name: values.shape for name, values in refine.items()} == dict.fromkeys(
        ("loss", "changed", "clusters", "agreement", "score", "learning_rate", "seconds"),
        (n_updates,),
    )
    assert (np.diff(pretrain["learning_rate"]) < 0).all()  # the cosine decay
    for series in (pretrain["loss"], refine["loss"]):
        assert np.isfinite(series).all()
    assert (np.diff(pretrain["seconds"]) > 0).all()
    assert pretrain["loss"][-1] < pretrain["loss"][0]


def test_changed_is_the_fraction_of_labels_changed_by_an_update(tiny, samples):
    changes = {"max_iter": 10, "tol": 0, "optimizer": keras.optimizers.SGD(0.5)}
    history = DECClusterer(**tiny | changes, callbacks=[LabelHistory(samples)]).fit(samples)
    refine = history.history_["refine"]
    assert refine["changed"].shape == (2,)
    assert refine["changed"][1] == np.mean(refine["labels"][0] != refine["labels"][1])


def test_refinement_stops_at_tol_or_max_iter(tiny, samples):
    full = DECClusterer(**tiny | {"tol": 0}).fit(samples)
    assert (full.n_iter_, full.stop_reason_) == (20, "max_iter")
    early = DECClusterer(**tiny | {"tol": 1.0, "max_iter": 17}).fit(samples)
    assert early.history_["refine"]["changed"][0] < 1
    assert (early.n_iter_, early.stop_reason_) == (5, "tol")
    uneven = DECClusterer(**tiny | {"tol": 0, "max_iter": 17}).fit(samples)
    assert (uneven.n_iter_, len(uneven.history_["refine"]["loss"])) == (17, 4)


def test_refinement_stops_at_the_first_update_below_tol(tiny, samples):
    dec = DECClusterer(**tiny | {"tol": 0.05, "max_iter": 200}).fit(samples)
    changed = dec.history_["refine"]["changed"]
    assert dec.stop_reason_ == "tol"
    assert changed[-1] < 0.05
    assert (changed[:-1] >= 0.05).all()


def test_zero_max_iter_is_kmeans_on_the_embedding(tiny, samples):
    no_refinement = {"init": "k-means++", "n_neighbors": 0, "max_iter": 0}
    dec = DECClusterer(**tiny | no_refinement).fit(samples)
    z = dec.transform(samples)
    kmeans = KMeans(3, n_init=20, random_state=0).fit(z)
    assert dec.n_iter_ == 0
    assert dec.history_["refine"]["loss"].shape == (0,)
    np.testing.assert_array_equal(dec.labels_, dec.initial_labels_)
    # The same optimum, found with other seeds.
    inertia = ((z - dec.cluster_centers_[dec.labels_]) ** 2).sum()
    assert inertia == pytest.approx(kmeans.inertia_, rel=1e-3)


def test_auto_parameters_match_the_docstring(samples):
    """An epoch is 5 steps of 32: 60 epochs of pretraining, 300 steps with an update every 30.

    The 300 steps are repeated as long as less than 95 percent of the initial labels are learned.
    """
    epochs = []
    callback = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, _: epochs.append(epoch))
    dec = DECClusterer(3, dims=(16, 4), batch_size=32, tol=0, callbacks=[callback], random_state=0)
    dec.fit(samples)
    assert len(dec.history_["pretrain"]["loss"]) == 60
    n_cycles, rest = divmod(dec.n_iter_, 300)
    assert rest == 0
    assert epochs == [*range(60), *range(10 * n_cycles)]
    at_ends = dec.history_["refine"]["agreement"][9::10]
    assert (at_ends[:-1] < 0.95).all()
    assert at_ends[-1] >= 0.95 or n_cycles == 8


def test_keras_models_agree_with_the_methods(fitted, samples):
    X = samples.astype(np.float32)
    np.testing.assert_allclose(fitted.model_(X), fitted.predict_proba(X), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(fitted.encoder_(X), fitted.transform(X), rtol=1e-4, atol=1e-6)
    decoded = fitted.inverse_transform(fitted.transform(X))
    np.testing.assert_allclose(fitted.autoencoder_(X), decoded, rtol=1e-4, atol=1e-5)
    assert decoded.shape == X.shape
    clustering = fitted.model_.get_layer("clustering")
    np.testing.assert_array_equal(clustering.get_weights()[0], fitted.cluster_centers_)


def test_keras_models_are_updated_by_a_second_fit(tiny, samples):
    dec = DECClusterer(**tiny).fit(samples)
    before = np.asarray(dec.model_(samples))
    dec.set_params(random_state=5).fit(samples)
    np.testing.assert_allclose(
        dec.model_(samples), dec.predict_proba(samples), rtol=1e-4, atol=1e-6
    )
    assert not np.allclose(dec.model_(samples), before)


def test_inverse_transform_checks_the_width(fitted):
    with pytest.raises(ValueError, match="Z must have 4 columns, as the embedding; got 3"):
        fitted.inverse_transform(np.zeros((2, 3)))


def test_score_is_the_information_that_neighbors_share(fitted, samples):
    assert fitted.score(samples) == NeighborInformationScorer()(fitted, samples)
    assert fitted.score(samples[:1]) == 0
    assert fitted.score(samples[fitted.labels_ == 0]) == pytest.approx(0, abs=1e-6)


def test_alpha_is_used_in_soft_assignments(tiny, samples):
    soft, hard = (DECClusterer(**tiny | {"alpha": a}).fit(samples) for a in (1.0, 50.0))
    np.testing.assert_array_equal(soft.initial_labels_, hard.initial_labels_)
    z, centers = hard.transform(samples).astype(float), hard.cluster_centers_.astype(float)
    kernel = (1 + ((z[:, None] - centers[None]) ** 2).sum(axis=2) / 50) ** (-51 / 2)
    expected = kernel / kernel.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(hard.predict_proba(samples), expected, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(
    ("invalid", "message"),
    [
        (np.full((20, 6), np.nan), "contains NaN"),
        (np.zeros((2, 6)), "at least as many samples"),
        (np.zeros((20, 6, 2)), "dim 3"),
    ],
)
def test_a_failed_fit_leaves_the_estimator_as_it_was(invalid, message, tiny, fitted, samples):
    dec = DECClusterer(**tiny)
    with pytest.raises(ValueError, match=message):
        dec.fit(invalid)
    with pytest.raises(NotFittedError):
        dec.predict(samples)
    with pytest.raises(NotFittedError):
        dec.score_samples(samples)
    dec = copy.deepcopy(fitted)
    with pytest.raises(ValueError, match=message):
        dec.fit(invalid[:, :4])
    assert dec.n_features_in_ == 6
    np.testing.assert_array_equal(dec.predict(samples), fitted.labels_)


def test_warm_start_only_refines(tiny, samples):
    dec = DECClusterer(**tiny | {"warm_start": True, "tol": 0}).fit(samples)
    pretrained, centers = dec.history_["pretrain"], dec.cluster_centers_
    z = dec.transform(samples)
    dec.set_params(max_iter=0).fit(samples)
    assert dec.history_["pretrain"] is pretrained
    np.testing.assert_array_equal(dec.cluster_centers_, centers)
    np.testing.assert_array_equal(dec.transform(samples), z)
    dec.set_params(max_iter=20).fit(samples)
    assert not np.array_equal(dec.cluster_centers_, centers)


def test_partial_fit_refines_on_further_samples(tiny, samples):
    dec = DECClusterer(**tiny).partial_fit(samples)
    assert_same_fit(dec, DECClusterer(**tiny).fit(samples))
    centers = dec.cluster_centers_
    dec.partial_fit(samples[:64])
    assert dec.labels_.shape == (64,)
    assert dec.n_iter_ == 2
    assert not np.array_equal(dec.cluster_centers_, centers)
    np.testing.assert_array_equal(dec.labels_, dec.predict(samples[:64]))


def test_each_partial_fit_trains_on_other_batches(tiny, samples, monkeypatch, tmp_path):
    """Also after the estimator was saved and loaded; with equal seeds, the same ones."""
    batches = []
    run = Trainer.run

    def record(self, sources, learning_rates, seeds, scalars=()):
        batches.append((sources[0].tobytes(), seeds.tolist()))
        return run(self, sources, learning_rates, seeds, scalars)

    dec, same = (DECClusterer(**tiny).fit(samples) for _ in range(2))
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "run", record)
        dec.partial_fit(samples)
        dec.partial_fit(samples)
        skdec.save(dec, tmp_path / "model.skdec")
        skdec.load(tmp_path / "model.skdec").partial_fit(samples)
        assert len(batches) == len({repr(batch) for batch in batches}) == 3
        for _ in range(3):
            same.partial_fit(samples)
    assert batches[:3] == batches[3:]


def test_first_partial_fit_needs_a_distinct_sample_for_each_cluster(tiny, samples):
    dec = DECClusterer(**tiny)
    with pytest.raises(ValueError, match="at least n_clusters=3 distinct samples; X has 2"):
        dec.partial_fit(samples[[0, 0, 0, 1]])
    dec.partial_fit(samples[:3]).partial_fit(samples[:1])
    assert len(dec.cluster_centers_) == 3


def test_partial_fit_follows_drifting_clusters(tiny, random):
    """Three clusters move on a circle until each is nearer to where another one was at first."""
    rng, plane = random(0), random(1).normal(size=(2, 6))

    def batch(rotation, clusters=(0, 1, 2)):
        cluster = rng.choice(clusters, 300)
        angles = rotation + cluster * 2 * np.pi / 3
        points = 0.3 * np.column_stack([np.cos(angles), np.sin(angles)]) @ plane
        return points + rng.normal(scale=0.03, size=points.shape), cluster

    X, y = batch(0)
    dec = DECClusterer(**tiny | {"pretrain_epochs": 40, "init": NeighborClusterer(n_init=3)}).fit(X)
    label_of = np.array([np.bincount(dec.labels_[y == k]).argmax() for k in range(3)])
    np.testing.assert_array_equal(label_of[y], dec.labels_)
    not_updated = copy.deepcopy(dec)
    for rotation in np.linspace(0, np.pi / 2, 49)[1:]:
        dec.partial_fit(batch(rotation)[0])
    X, y = batch(np.pi / 2)
    assert np.mean(label_of[y] == not_updated.predict(X)) < 0.1
    assert np.mean(label_of[y] == dec.predict(X)) > 0.95
    for _ in range(5):  # batches without samples of one cluster
        dec.partial_fit(batch(np.pi / 2, clusters=(0, 1))[0])
    assert np.mean(label_of[y] == dec.predict(X)) > 0.95


# ---- callbacks, progress


class Recorder(keras.callbacks.Callback):
    """Records its calls and logs; `stop` is the phase and epoch after which to stop training."""

    def __init__(self, stop=None):
        super().__init__()
        self.calls, self.logs, self.stop = [], [], stop

    def on_train_begin(self, logs=None):
        self.calls.append(("begin", self.params["phase"], self.params["epochs"]))

    def on_epoch_end(self, epoch, logs=None):
        self.calls.append((self.params["phase"], epoch))
        self.logs.append(logs)
        if self.calls[-1] == self.stop:
            self.model.stop_training = True

    def on_train_end(self, logs=None):
        self.calls.append(("end", self.params["phase"]))


def test_callbacks_are_called_in_both_phases(tiny, samples, fitted):
    recorder = Recorder()
    dec = DECClusterer(**tiny | {"tol": 0, "callbacks": [recorder]}).fit(samples)
    assert recorder.calls == [
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


def test_callback_can_stop_either_phase(tiny, samples):
    refining = DECClusterer(**tiny | {"tol": 0, "callbacks": [Recorder(("refine", 1))]}).fit(
        samples
    )
    assert (refining.n_iter_, refining.stop_reason_) == (10, "callback")
    pretraining = DECClusterer(**tiny | {"tol": 0, "callbacks": [Recorder(("pretrain", 2))]})
    pretraining.fit(samples)
    assert len(pretraining.history_["pretrain"]["loss"]) == 3
    assert pretraining.stop_reason_ == "max_iter"  # the refinement runs all the same


def test_keras_early_stopping_works(tiny, samples):
    patience = keras.callbacks.EarlyStopping("loss", min_delta=10.0, patience=1)
    dec = DECClusterer(**tiny | {"callbacks": [patience]}).fit(samples)
    assert len(dec.history_["pretrain"]["loss"]) == 2


def test_verbose_writes_progress_to_standard_error(tiny, samples, capsys):
    DECClusterer(**tiny | {"verbose": 1}).fit(samples)
    out, err = capsys.readouterr()
    assert out == ""
    steps = [line.replace(",", " ").split()[0] for line in err.splitlines()]
    trained = [step for step in dict.fromkeys(steps) if step in ("pretrain", "refine", "decoder")]
    assert trained == ["pretrain", "refine", "decoder"]
    assert err.splitlines()[-1].startswith("3 clusters in ")
    n_steps = 5 * 5  # epochs of 150 samples in batches of 32
    assert f"pretrain {n_steps}/{n_steps}, " in err
    DECClusterer(**tiny).fit(samples)
    assert capsys.readouterr() == ("", "")


def test_warnings_point_to_the_line_that_fits(tiny, samples):
    scales = samples * [1, 1, 1, 1, 1, 1e6]
    two = np.repeat(samples[:2], 30, axis=0)
    simple = tiny | {"init": "k-means++", "n_neighbors": 0}
    diverging = simple | {"pretrain_optimizer": keras.optimizers.SGD(1e12)}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        DECClusterer(**simple).fit(scales)
        DECClusterer(**simple).fit(two)
        with pytest.raises(FloatingPointError, match="also at a lower learning rate"):
            make_pipeline(DECClusterer(**diverging)).fit(samples)
    messages = " ".join(str(warning.message) for warning in caught)
    assert "very different scales" in messages
    assert "Only 2 of n_clusters=3" in messages
    assert "The phase continues" in messages
    assert {warning.filename for warning in caught} == {__file__}


# ---- optimizers, networks


@pytest.mark.parametrize("phase", ["pretrain_optimizer", "optimizer"])
def test_optimizer_instance_is_used_and_not_modified(tiny, samples, fitted, phase):
    optimizer = keras.optimizers.RMSprop(0.01)
    config = optimizer.get_config()
    dec = DECClusterer(**tiny | {phase: optimizer, "tol": 0}).fit(samples)
    assert_same_fit(clone(dec).fit(samples), dec)
    assert optimizer.get_config() == config
    assert not optimizer.built
    assert getattr(dec, phase) is optimizer
    assert not np.array_equal(dec.cluster_centers_, fitted.cluster_centers_)


def test_activation_and_initializer_belong_to_the_builder(tiny, samples):
    build = partial(
        build_autoencoder, dims=(400, 4), activation="tanh", kernel_initializer="he_normal"
    )
    untrained = {"pretrain_epochs": 0, "max_iter": 0, "autoencoder": build}
    dec = DECClusterer(**tiny | untrained).fit(samples)
    w_0, b_0, w_1, b_1 = dec.encoder_.get_weights()
    np.testing.assert_allclose(w_1.std(), np.sqrt(2 / 400), rtol=0.1)
    hidden = np.tanh(samples @ w_0 + b_0)
    np.testing.assert_allclose(dec.transform(samples), hidden @ w_1 + b_1, rtol=1e-3, atol=1e-5)
    for name in ("activation", "kernel_initializer", "target", "n_init"):
        with pytest.raises(TypeError, match=name):
            DECClusterer(**{name: "relu"})
    assert len(DECClusterer().get_params()) == 23


COMMON_TO_BOTH_RECIPES = {
    "n_clusters": 7,
    "alpha": 2.0,
    "batch_size": 256,
    "init": "k-means++",
    "n_neighbors": 0,
    "max_iter": 20_000,
    "update_interval": 140,
    "tol": 1e-3,
    "reconstruction_weight": 0.0,
    "random_state": 3,
}
RECIPES = {
    "classic": {
        "pretraining": "layerwise",
        "corruption": 0.2,
        "pretrain_epochs": 365,
    },
    "tutorial": {
        "pretraining": "joint",
        "corruption": 0.0,
        "pretrain_epochs": 300,
    },
}


@pytest.mark.parametrize("recipe", RECIPES)
def test_recipes_have_the_published_parameters(recipe):
    parameters = getattr(DECClusterer, recipe)(7, random_state=3, alpha=2.0).get_params()
    expected = COMMON_TO_BOTH_RECIPES | RECIPES[recipe]
    assert {name: parameters[name] for name in expected} == expected
    assert parameters["autoencoder"].keywords["dims"] == (500, 500, 2000, 10)
    for name in ("pretrain_optimizer", "optimizer"):
        assert type(parameters[name]) is keras.optimizers.SGD
        assert parameters[name].momentum == 0.9
    assert float(parameters["optimizer"].learning_rate) == pytest.approx(0.01)


def test_classic_has_the_initial_weights_and_learning_rates_of_the_paper():
    """Gaussian weights; 0.1, divided by 10 every 20,000 of 50,000 and of 100,000 steps."""
    parameters = DECClusterer.classic().get_params()
    encoder, _ = resolve(DECClusterer.classic(), 1000, 784).architecture.create_weights(0)
    assert [weight.shape[-1] for weight in encoder[::2]] == [500, 500, 2000, 10]
    weights = encoder[2]
    np.testing.assert_allclose([weights.mean(), weights.std()], [0, 0.01], atol=2e-4)
    schedule = parameters["pretrain_optimizer"]._learning_rate
    rates = [float(schedule(step)) for step in (0, 19_999, 20_000, 45_000)]
    np.testing.assert_allclose(rates, [0.1, 0.1, 0.01, 0.001], rtol=1e-4)
    stages = resolve(DECClusterer.classic(10), 70_000, 784).stages
    steps = [stage.settings.n_steps for stage in stages]
    np.testing.assert_allclose(steps, [50_000] * 4 + [100_000], rtol=1e-3)
    assert [stage.corruption.rate for stage in stages] == [0.2] * 4 + [0.0]


@pytest.mark.parametrize(
    ("n_samples", "n_features", "dims"),
    [
        (70_000, 784, (500, 500, 2000, 10)),
        (13_000, 384, (500, 500, 2000, 10)),
        (4_999, 784, (250, 250, 1000, 10)),
        (1_797, 64, (250, 250, 1000, 10)),
        (150, 4, (62, 62, 250, 10)),
        (10_000, 2, (90, 90, 362, 10)),
        (20_000, 16, (256, 256, 1024, 10)),
        (100, 1, (62, 62, 250, 10)),
    ],
)
def test_widths_follow_the_numbers_of_samples_and_features(n_samples, n_features, dims):
    source = resolve(DECClusterer(), n_samples, n_features).architecture.source
    assert source.keywords["dims"] == dims


def test_tutorial_has_its_learning_rate():
    rate = DECClusterer.tutorial().pretrain_optimizer.learning_rate
    assert float(rate) == pytest.approx(1.0)


@pytest.mark.parametrize("recipe", RECIPES)
def test_recipes_fit(recipe, tiny, samples):
    changes = {name: tiny[name] for name in tiny if name not in ("n_clusters", "init")}
    dec = getattr(DECClusterer, recipe)(3, **changes | {"pretrain_epochs": 20})
    dec.fit(samples / np.sqrt(np.mean(samples**2)) if recipe == "classic" else samples)
    np.testing.assert_array_equal(np.unique(dec.labels_), [0, 1, 2])


# ---- cache of the finished steps


def test_memory_caches_the_pretraining(tiny, samples, tmp_path, monkeypatch):
    calls = []
    pretrain = _estimator.pretrain

    def pretrain_and_count(*args, **kwargs):
        calls.append(1)
        return pretrain(*args, **kwargs)

    monkeypatch.setattr(_estimator, "pretrain", pretrain_and_count)
    cached = tiny | {"memory": str(tmp_path), "max_iter": 5}

    def count_pretrainings(X=samples, **changes):
        calls.clear()
        DECClusterer(**cached | changes).fit(X)
        return len(calls)

    assert count_pretrainings() == 1
    for changes in (
        {},
        {"alpha": 2.0},
        {"init": "k-means++"},
        {"n_neighbors": 3},
        {"optimizer": keras.optimizers.SGD(0.05, 0.9, name="sgd")},
        {"max_iter": 3},
    ):
        assert count_pretrainings(**changes) == 0, changes
    for changes in (
        {"random_state": 1},
        {"autoencoder": partial(build_autoencoder, dims=(16, 4), activation="tanh")},
        {"callbacks": [Recorder()]},  # which may change it
        {"pretrain_epochs": 4},
        {"pretrain_optimizer": keras.optimizers.Adam(1e-3)},
        {"X": samples + 1e-3},
        {"X": samples[:-1]},
    ):
        assert count_pretrainings(**changes) == 1, changes


def test_cached_fit_is_identical(tiny, samples, fitted, tmp_path):
    cached = tiny | {"memory": joblib.Memory(tmp_path, verbose=0)}
    first, second = (DECClusterer(**cached).fit(samples) for _ in range(2))
    assert_same_fit(first, fitted)
    assert_same_fit(second, fitted)
    np.testing.assert_array_equal(
        first.history_["pretrain"]["seconds"], second.history_["pretrain"]["seconds"]
    )


# ---- copies


def copy_by_pickle(dec, directory):
    return pickle.loads(pickle.dumps(dec))


def copy_by_joblib(dec, directory):
    joblib.dump(dec, directory / "dec.joblib")
    return joblib.load(directory / "dec.joblib")


def copy_by_deepcopy(dec, directory):
    return copy.deepcopy(dec)


def copy_by_save(dec, directory):
    skdec.save(dec, directory / "dec.skdec")
    return skdec.load(directory / "dec.skdec")


@pytest.mark.parametrize(
    "make_copy", [copy_by_pickle, copy_by_joblib, copy_by_deepcopy, copy_by_save]
)
@pytest.mark.parametrize("models_built", [False, True])
def test_copies_are_bit_identical(tiny, samples, tmp_path, make_copy, models_built):
    frame = pd.DataFrame(samples, columns=[f"size {i}" for i in range(6)])
    settings = {"optimizer": keras.optimizers.Adam(0.01)}
    dec = DECClusterer(**tiny | settings).fit(frame)
    if models_built:
        dec.model_(samples)
    copied = make_copy(dec, tmp_path)
    assert_same_fit(copied, dec)
    for method in ("predict", "predict_proba", "transform"):
        np.testing.assert_array_equal(getattr(copied, method)(frame), getattr(dec, method)(frame))
    z = dec.transform(frame)
    np.testing.assert_array_equal(copied.inverse_transform(z), dec.inverse_transform(z))
    np.testing.assert_array_equal(copied.feature_names_in_, frame.columns)
    np.testing.assert_array_equal(copied.get_feature_names_out(), dec.get_feature_names_out())
    np.testing.assert_array_equal(copied.model_(samples), dec.model_(samples))
    for phase, series in dec.history_.items():
        for name, values in series.items():
            np.testing.assert_array_equal(copied.history_[phase][name], values)
    assert repr(copied) == repr(dec)
    assert_same_fit(copied.fit(frame), dec)


# ---- together with other tools of scikit-learn


def test_data_frames_set_feature_names(tiny, samples):
    frame = pd.DataFrame(samples, columns=list("abcdef"))
    dec = DECClusterer(**tiny).set_output(transform="pandas")
    z = dec.fit_transform(frame)
    assert list(z.columns) == [f"decclusterer{i}" for i in range(4)]
    np.testing.assert_array_equal(dec.feature_names_in_, list("abcdef"))
    np.testing.assert_array_equal(z, dec.transform(frame))


def test_pipeline_in_grid_search(tiny, samples):
    pipeline = make_pipeline(StandardScaler(), DECClusterer(**tiny))
    search = GridSearchCV(
        pipeline, {"decclusterer__n_clusters": [2, 3]}, cv=2, error_score="raise"
    ).fit(samples)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.predict(samples).shape == (150,)


# ---- unusual and invalid input


@pytest.mark.parametrize(
    "make_unusual",
    [
        lambda X: X * [1, 1, 1, 1, 0, 0],
        lambda X: X * [1, 1, 1, 1, 1, 0] + [0, 0, 0, 0, 0, 7],
        lambda X: np.repeat(X[:15], 10, axis=0),
        lambda X: X[:20],
        lambda X: X[:128],
        lambda X: X[:3],
    ],
    ids=[
        "features of zero",
        "constant feature",
        "repeated samples",
        "fewer samples than a batch",
        "samples a multiple of the batch size",
        "as many samples as clusters",
    ],
)
@pytest.mark.parametrize("init", ["neighbors", "k-means++"])
def test_unusual_input_is_fitted(tiny, samples, make_unusual, init):
    X = make_unusual(samples)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        dec = DECClusterer(**tiny | {"init": init}).fit(X)
    assert dec.labels_.shape == (len(X),)
    assert np.isfinite(dec.predict_proba(X)).all()
    assert np.isfinite(dec.history_["refine"]["loss"]).all()
    np.testing.assert_array_equal(dec.predict(X), dec.labels_)


@pytest.mark.parametrize(
    ("parameter", "value", "message"),
    [
        ("n_clusters", 0, r"n_clusters must be an integer of at least 1 or 'auto'; got 0"),
        (
            "dims",
            (8, 0),
            r"dims must be a sequence of integers of at least 1 or 'auto'; got \(8, 0",
        ),
        ("alpha", np.nan, r"alpha must be a number from 1e-20 to 1e\+20; got nan"),
        ("pretrain_epochs", "many", r"pretrain_epochs must be .* 'auto'; got 'many'"),
        ("pretrain_optimizer", "adma", r"must be a Keras optimizer or 'adam' or 'sgd'; got 'adma'"),
        ("init", "random", r"init must be 'neighbors' or 'k-means\+\+'.* got 'random'"),
        ("init", np.zeros((3, 9)), r"init must be .*=\(3, 4\); got .* shape \(3, 9\)"),
        ("init", NeighborClusterer(n_init=0), r"n_init must be an integer of at least 1"),
        ("init", KMeans, r"init must be an instance of a clusterer, not its class: KMeans\(\)"),
        ("warm_start", "no", "warm_start must be True or False; got 'no'"),
    ],
)
def test_invalid_parameter_is_named_in_the_error(tiny, samples, parameter, value, message):
    """As a ValueError and TypeError in one; more of them are in `test_properties`."""
    with pytest.raises((ValueError, TypeError), match=message):
        DECClusterer(**tiny | {parameter: value}).fit(samples)


def with_value(X, sample, feature, value):
    X = X.copy()
    X[sample, feature] = value
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
def test_non_finite_value_is_located_in_the_error(tiny, samples, fitted, value, what, kind):
    X = kind(with_value(samples, 37, 4, value))
    for use in (DECClusterer(**tiny).fit, fitted.predict, fitted.transform):
        with pytest.raises(ValueError, match=f"Input X contains .*{what}.* sample 37, feature 4"):
            use(X)


def test_missing_value_of_a_data_frame_is_located_by_feature_name(tiny, samples):
    frame = pd.DataFrame(with_value(samples, 2, 1, np.nan), columns=list("abcdef"))
    with pytest.raises(ValueError, match=r"sample 2, feature 1 \('b'\)"):
        DECClusterer(**tiny).fit(frame)


def test_fewer_samples_than_clusters_raise(tiny, samples):
    with pytest.raises(ValueError, match=r"n_clusters=3 clusters need .* n_samples=2"):
        DECClusterer(**tiny).fit(samples[:2])


DAYS = pd.date_range("2020-01-01", periods=20)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (DAYS.to_numpy()[:, None], "X has values of type datetime64"),
        ((DAYS - DAYS[0]).to_numpy()[:, None], "X has values of type timedelta64"),
        (pd.DataFrame({"a": range(20), "day": DAYS}), "Feature 'day' of X is of type datetime64"),
        (pd.DataFrame({"day": DAYS.tz_localize("UTC")}), r"Feature 'day' .*TablePreparer"),
        (pl.DataFrame({"a": range(20), "day": DAYS}), r"Feature 'day' of X is of type Datetime"),
        (pl.DataFrame({"days": DAYS - DAYS[0]}), r"Feature 'days' of X is of type Duration"),
    ],
)
def test_dates_are_refused_by_name(X, message, tiny):
    with pytest.raises(TypeError, match=message):
        DECClusterer(**tiny).fit(X)
