"""Tests of DECClusterer: its invariants, every parameter, every fitted attribute and method."""

import copy
import random as python_random
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
from same_fit import assert_same_fit
from sklearn.datasets import make_blobs
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import adjusted_rand_score
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_info

import skdec
from skdec import DECClusterer, NeighborClusterer
from skdec._utils import data
from skdec._utils import validation as _validation
from skdec.cluster import _graph as neighbors
from skdec.dec import _estimator
from skdec.dec._parameters import resolve
from skdec.dec.training import inference
from skdec.dec.training import samples as training_samples
from skdec.dec.training.trainer import Trainer
from skdec.model_selection import NeighborInformationScorer
from skdec.networks import build_autoencoder

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
    (warning,) = [w for w in caught if "n_clusters=3" in str(w.message)]
    assert warning.category is ConvergenceWarning
    assert "Only 1 of" in str(warning.message)
    assert dec.stop_reason_ == "collapse"
    assert dec.score(np.ones((40, 6))) == 0


# ---- the random state determines the fit, and no global state changes


def test_the_random_state_determines_the_fit(tiny, samples, fitted):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a fit that converges gives no warning
        assert_same_fit(DECClusterer(**tiny).fit(samples), fitted)
    shared = np.random.RandomState(0)
    one, other = (DECClusterer(**tiny | {"random_state": shared}).fit(samples) for _ in range(2))
    assert_same_fit(one, fitted)
    assert not np.array_equal(one.cluster_centers_, other.cluster_centers_)


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
        )

    before = settings()
    DECClusterer(**tiny).fit(samples)
    assert settings() == before


# ---- X is neither modified nor copied whole


@pytest.mark.filterwarnings("ignore:Only")
def test_memory_map_is_fitted_without_a_copy(tiny, tmp_path, monkeypatch):
    """NumPy's peak memory stays below the size of X as float32."""
    monkeypatch.setattr(data, "_CHUNK_BYTES", 2**18)
    monkeypatch.setattr(_validation, "_BLOCK_BYTES", 2**18)
    monkeypatch.setattr(neighbors, "_MAX_PCA_VALUES", 2**16)
    monkeypatch.setattr(neighbors, "_BLOCK_VALUES", 2**16)
    monkeypatch.setattr(neighbors, "_N_LIMIT_SAMPLES", 50)
    monkeypatch.setattr(training_samples, "_MAX_VALUES", 2**16)
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


@pytest.mark.parametrize("kind", [sp.csr_matrix, sp.csc_array])
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
        (0.0, "sample_weight must be finite"),
        (np.inf, "sample_weight must be finite"),
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


def test_refinement_stops_at_the_first_update_below_tol_or_at_max_iter(tiny, samples):
    uneven = DECClusterer(**tiny | {"tol": 0, "max_iter": 17}).fit(samples)
    assert (uneven.n_iter_, uneven.stop_reason_) == (17, "max_iter")
    assert len(uneven.history_["refine"]["loss"]) == 4
    early = DECClusterer(**tiny | {"tol": 0.05, "max_iter": 200}).fit(samples)
    changed = early.history_["refine"]["changed"]
    assert (early.n_iter_, early.stop_reason_) == (5 * len(changed), "tol")
    assert changed[-1] < 0.05
    assert (changed[:-1] >= 0.05).all()


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
    dec = copy.deepcopy(fitted)
    before = dec.model_(X)
    dec.set_params(random_state=5).fit(samples)
    np.testing.assert_allclose(dec.model_(X), dec.predict_proba(samples), rtol=1e-4, atol=1e-6)
    assert not np.allclose(dec.model_(X), before)
    with pytest.raises(ValueError, match="Z must have 4 columns, as the embedding; got 3"):
        fitted.inverse_transform(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="Z contains infinity or a value too large for dtype"):
        fitted.inverse_transform([[1e300, 0, 0, 0]])


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
        (np.zeros((2, 6)), "n_clusters=3 clusters need at least as many samples"),
        (np.zeros((20, 6, 2)), "dim 3"),
    ],
)
def test_a_failed_fit_leaves_the_estimator_as_it_was(invalid, message, tiny, fitted, samples):
    dec = DECClusterer(**tiny)
    with pytest.raises(ValueError, match=message):
        dec.fit(invalid)
    with pytest.raises(NotFittedError):
        dec.predict(samples)
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


def test_partial_fit_refines_on_further_samples(tiny, samples, fitted):
    dec = DECClusterer(**tiny)
    with pytest.raises(ValueError, match="at least n_clusters=3 distinct samples; X has 2"):
        dec.partial_fit(samples[[0, 0, 0, 1]])
    dec.partial_fit(samples)
    assert_same_fit(dec, fitted)
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


def test_callbacks_stop_either_phase(tiny, samples):
    patience = keras.callbacks.EarlyStopping("loss", min_delta=10.0, patience=1)  # stops both
    dec = DECClusterer(**tiny | {"tol": 0, "callbacks": [patience]}).fit(samples)
    assert len(dec.history_["pretrain"]["loss"]) == 2
    assert (dec.n_iter_, dec.stop_reason_) == (10, "callback")
    dec.set_params(callbacks=[Recorder(("pretrain", 2))]).fit(samples)
    assert len(dec.history_["pretrain"]["loss"]) == 3
    assert dec.stop_reason_ == "max_iter"  # the refinement runs all the same


def test_verbose_writes_progress_to_standard_error(tiny, samples, capsys):
    DECClusterer(**tiny | {"verbose": 1}).fit(samples)
    out, err = capsys.readouterr()
    assert out == ""
    steps = [line.replace(",", " ").split()[0] for line in err.splitlines()]
    assert [*dict.fromkeys(steps)][-4:] == ["pretrain", "refine", "decoder", "3"]
    assert "pretrain 25/25, " in err  # 5 epochs of 150 samples in batches of 32
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


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        ("classic", {"pretraining": "layerwise", "corruption": 0.2, "pretrain_epochs": 365}),
        ("tutorial", {"pretraining": "joint", "corruption": 0.0, "pretrain_epochs": 300}),
    ],
)
def test_recipes_have_the_published_parameters(recipe, expected):
    parameters = getattr(DECClusterer, recipe)(7, random_state=3).get_params()
    expected |= {"n_clusters": 7, "random_state": 3, "alpha": 1.0, "batch_size": 256}
    expected |= {"init": "k-means++", "n_neighbors": 0, "reconstruction_weight": 0.0}
    expected |= {"max_iter": 20_000, "update_interval": 140, "tol": 1e-3}
    assert {name: parameters[name] for name in expected} == expected
    assert parameters["autoencoder"].keywords["dims"] == (500, 500, 2000, 10)
    for name in ("pretrain_optimizer", "optimizer"):
        assert type(parameters[name]) is keras.optimizers.SGD
        assert parameters[name].momentum == 0.9
    assert float(parameters["optimizer"].learning_rate) == pytest.approx(0.01)


@pytest.mark.parametrize("recipe", ["classic", "tutorial"])
def test_recipes_fit(recipe, tiny, samples):
    changes = {name: tiny[name] for name in tiny if name not in ("n_clusters", "init")}
    dec = getattr(DECClusterer, recipe)(3, **changes | {"pretrain_epochs": 20})
    dec.fit(samples / np.sqrt(np.mean(samples**2)) if recipe == "classic" else samples)
    np.testing.assert_array_equal(np.unique(dec.labels_), [0, 1, 2])


def test_classic_has_the_initial_weights_and_learning_rates_of_the_paper():
    """Gaussian weights; 0.1, divided by 10 every 20,000 of 50,000 and of 100,000 steps."""
    rate = DECClusterer.tutorial().pretrain_optimizer.learning_rate
    assert float(rate) == pytest.approx(1.0)
    parameters = DECClusterer.classic().get_params()
    encoder, _ = resolve(DECClusterer.classic(), 1000, 784).architecture.create_weights(0)
    weights = encoder[2]
    np.testing.assert_allclose([weights.mean(), weights.std()], [0, 0.01], atol=2e-4)
    schedule = parameters["pretrain_optimizer"]._learning_rate
    rates = [float(schedule(step)) for step in (0, 19_999, 20_000, 45_000)]
    np.testing.assert_allclose(rates, [0.1, 0.1, 0.01, 0.001], rtol=1e-4)
    stages = resolve(DECClusterer.classic(10), 70_000, 784).stages
    steps = [stage.settings.n_steps for stage in stages]
    np.testing.assert_allclose(steps, [50_000] * 4 + [100_000], rtol=1e-3)
    assert [stage.corruption for stage in stages] == [0.2] * 4 + [0.0]


@pytest.mark.parametrize(
    ("n_samples", "n_features", "dims"),
    [
        (70_000, 784, (500, 500, 2000, 10)),
        (1_797, 64, (250, 250, 1000, 10)),
        (150, 4, (62, 62, 250, 10)),
        (20_000, 16, (256, 256, 1024, 10)),
        (100, 1, (62, 62, 250, 10)),
    ],
)
def test_widths_follow_the_numbers_of_samples_and_features(n_samples, n_features, dims):
    source = resolve(DECClusterer(), n_samples, n_features).architecture.source
    assert source.keywords["dims"] == dims


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
        {"optimizer": keras.optimizers.SGD(0.05, 0.9, name="sgd")},
    ):
        assert count_pretrainings(**changes) == 0, changes
    for changes in (
        {"random_state": 1},
        {"autoencoder": partial(build_autoencoder, dims=(16, 4), activation="tanh")},
        {"callbacks": [Recorder()]},  # which may change it
        {"pretrain_epochs": 4},
        {"X": samples + 1e-3},
    ):
        assert count_pretrainings(**changes) == 1, changes


# ---- copies


def copy_by_joblib(dec, path):
    joblib.dump(dec, path)
    return joblib.load(path)


def copy_by_save(dec, path):
    skdec.save(dec, path)
    return skdec.load(path)


@pytest.mark.parametrize(
    ("make_copy", "models_built"),
    [(lambda dec, _: copy.deepcopy(dec), False), (copy_by_joblib, True), (copy_by_save, True)],
)
def test_copies_are_bit_identical(tiny, samples, tmp_path, make_copy, models_built):
    frame = pd.DataFrame(samples, columns=[f"size {i}" for i in range(6)])
    settings = {"optimizer": keras.optimizers.Adam(0.01)}
    dec = DECClusterer(**tiny | settings).fit(frame)
    if models_built:
        dec.model_(samples)
    copied = make_copy(dec, tmp_path / "copy")
    assert_same_fit(copied, dec)
    for method in ("predict", "predict_proba", "transform"):
        np.testing.assert_array_equal(getattr(copied, method)(frame), getattr(dec, method)(frame))
    z = dec.transform(frame)
    np.testing.assert_array_equal(copied.inverse_transform(z), dec.inverse_transform(z))
    np.testing.assert_array_equal(copied.feature_names_in_, frame.columns)
    np.testing.assert_array_equal(copied.get_feature_names_out(), dec.get_feature_names_out())
    np.testing.assert_array_equal(copied.model_(samples), dec.model_(samples))
    assert repr(copied) == repr(dec)
    assert_same_fit(copied.fit(frame), dec)


# ---- unusual and invalid input


@pytest.mark.parametrize(
    ("value", "what"), [(np.nan, "NaN"), (-np.inf, "infinity"), (1e300, "too large for")]
)
@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array, pd.DataFrame])
def test_non_finite_value_is_located_in_the_error(tiny, samples, fitted, value, what, kind):
    X = samples.copy()
    X[37, 4] = value
    for use in (DECClusterer(**tiny).fit, fitted.predict, fitted.transform):
        with pytest.raises(ValueError, match=f"Input X contains .*{what}.* sample 37, feature 4"):
            use(kind(X))


DAYS = pd.date_range("2020-01-01", periods=20)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ((DAYS - DAYS[0]).to_numpy()[:, None], "X has values of type timedelta64"),
        (pd.DataFrame({"day": DAYS.tz_localize("UTC")}), r"Feature 'day' .*TablePreparer"),
        (pl.DataFrame({"days": DAYS - DAYS[0]}), r"Feature 'days' of X is of type Duration"),
    ],
)
def test_dates_are_refused_by_name(X, message, tiny):
    with pytest.raises(TypeError, match=message):
        DECClusterer(**tiny).fit(X)
