"""Every variant of the method fits digits and keeps the promises of the estimator."""

import pickle
from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf
from epoch_recorder import EpochRecorder
from same_fit import assert_same_fit
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits

import skdec
from skdec import DECClusterer, NeighborClusterer
from skdec.dec._parameters import resolve
from skdec.dec.training import checkpoint as checkpoint_module
from skdec.dec.training.trainer import Trainer
from skdec.layers import RandomAffine
from skdec.metrics import clustering_accuracy
from skdec.networks import build_autoencoder, build_convolutional_autoencoder


def build_networks_with_state(n_features):
    """Networks with batch normalization and dropout."""
    encoder = keras.Sequential(
        [
            keras.Input((n_features,)),
            keras.layers.Dense(16, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.1),
            keras.layers.Dense(4),
        ]
    )
    decoder = keras.Sequential([keras.Input((4,)), keras.layers.Dense(n_features)])
    return encoder, decoder


VARIANTS = {
    "IDEC": {"reconstruction_weight": 1.0},
    "denoising": {"corruption": 0.2},
    "layerwise": {"pretraining": "layerwise", "corruption": 0.2},
    "augmentation": {"augment": RandomAffine((2, 3), shift=0.3)},
    "convolutional": {
        "autoencoder": partial(
            build_convolutional_autoencoder, image_shape=(2, 3), filters=(8,), embedding_width=4
        )
    },
    "own models": {"autoencoder": tuple(build_autoencoder(6, (16, 4), seed=5)[1:])},
    "all": {
        "augment": RandomAffine((2, 3), shift=0.3),
        "autoencoder": build_networks_with_state,
        "corruption": 0.1,
        "reconstruction_weight": 1.0,
    },
}


@pytest.fixture(scope="module")
def variant_fit(variant, tiny, samples):
    return DECClusterer(**tiny | variant).fit(samples)


NOT_SAVED = ("own models", "all")  # in a file


# The others only on digits: each of their parts is in one of these.
@pytest.fixture(
    scope="module",
    params=[
        "layerwise",
        "convolutional",
        *(pytest.param(name, marks=pytest.mark.slow) for name in NOT_SAVED),
    ],
)
def variant(request):
    return VARIANTS[request.param]


# What differs where the samples are images of 8 by 8 pixels.
FOR_DIGITS = {
    "augmentation": {"augment": "image"},
    "convolutional": {
        "autoencoder": partial(
            build_convolutional_autoencoder, image_shape=(8, 8), filters=(16, 32)
        )
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["layerwise", "augmentation", "IDEC", "convolutional"])
def test_variant_clusters_digits(name):
    """Better than k-means; labels judge, after the fit."""
    X, y = load_digits(return_X_y=True)
    variant = VARIANTS[name] | FOR_DIGITS.get(name, {})
    parameters = {"dims": (128, 64, 10), "pretrain_epochs": 20, "random_state": 0}
    parameters["init"] = NeighborClusterer(n_init=2)
    dec = DECClusterer(10, **parameters | variant).fit(X / 16)
    kmeans = KMeans(10, n_init=5, random_state=0).fit_predict(X)
    assert clustering_accuracy(y, dec.labels_) > clustering_accuracy(y, kmeans) + 0.03
    reconstructed = dec.inverse_transform(dec.transform(X / 16))
    assert np.mean((reconstructed - X / 16) ** 2) < 0.9 * np.var(X / 16, axis=0).mean()


def test_a_second_fit_is_equal_and_traces_nothing(variant, variant_fit, tiny, samples, monkeypatch):
    if variant.get("autoencoder") is build_networks_with_state:
        pytest.skip("programs of code that could have changed are not shared")
    built = []
    initialize = Trainer.__init__
    monkeypatch.setattr(
        Trainer,
        "__init__",
        lambda self, *args, **options: built.append(self) or initialize(self, *args, **options),
    )
    assert_same_fit(clone(DECClusterer(**tiny | variant)).fit(samples), variant_fit)
    assert not built


def test_a_saved_or_pickled_estimator_predicts_alike(variant, variant_fit, samples, tmp_path):
    if variant in [VARIANTS[name] for name in NOT_SAVED]:
        with pytest.raises(ValueError, match=r"autoencoder.* cannot be saved.* pickle"):
            skdec.save(variant_fit, tmp_path / "model.skdec")
        assert not list(tmp_path.iterdir())
        again = pickle.loads(pickle.dumps(variant_fit))
    else:
        skdec.save(variant_fit, tmp_path / "model.skdec")
        again = skdec.load(tmp_path / "model.skdec")
        assert repr(again) == repr(variant_fit)
    np.testing.assert_array_equal(again.predict_proba(samples), variant_fit.predict_proba(samples))
    z = variant_fit.transform(samples)
    np.testing.assert_array_equal(again.inverse_transform(z), variant_fit.inverse_transform(z))


@pytest.mark.slow
def test_a_killed_fit_resumes(variant, variant_fit, tiny, samples, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint_module, "_MIN_INTERVAL", 0)
    parameters = tiny | variant | {"checkpoint": tmp_path}
    for phase in variant_fit.history_:
        killed = "layer_1" if phase == "layers" else phase, 1
        killer, recorder = EpochRecorder(*killed, SystemExit), EpochRecorder()
        with pytest.raises(SystemExit):
            DECClusterer(**parameters, callbacks=[killer]).fit(samples)
        assert_same_fit(DECClusterer(**parameters, callbacks=[recorder]).fit(samples), variant_fit)
        assert recorder.epochs[0] == killed
        assert not list(tmp_path.iterdir())


@pytest.mark.filterwarnings("ignore:The pretraining is not stored")
def test_memory_returns_the_same_fit(variant, variant_fit, tiny, samples, tmp_path):
    for _ in range(2):
        dec = DECClusterer(**tiny | variant | {"memory": str(tmp_path)}).fit(samples)
        assert_same_fit(dec, variant_fit)


def test_partial_fit_and_warm_start_continue(variant, tiny, samples):
    dec = DECClusterer(**tiny | variant | {"warm_start": True}).fit(samples)
    before = dec._weights.encoder[0].copy()
    dec.partial_fit(samples[:60])
    assert np.abs(dec._weights.encoder[0] - before).max() > 0
    assert dec.fit(samples).labels_.shape == (150,)


def flip_bright_samples(samples):
    """Change samples by a Python condition on a tensor and a Python loop over one."""
    total = tf.zeros(())
    for sample in samples:
        total += tf.reduce_mean(sample)
    if total > 0:
        return samples[:, ::-1]
    return samples


@pytest.mark.slow
def test_functions_of_the_user_may_branch_on_tensors(tiny, samples):
    flipped = DECClusterer(**tiny, augment=flip_bright_samples).fit(samples + 10)
    always = DECClusterer(**tiny, augment=lambda samples: samples[:, ::-1]).fit(samples + 10)
    np.testing.assert_array_equal(flipped.transform(samples), always.transform(samples))
    never = DECClusterer(**tiny, augment=lambda samples: samples).fit(samples + 10)
    assert not np.array_equal(flipped.transform(samples), never.transform(samples))


@pytest.mark.slow
def test_neighbors_are_rebuilt_only_where_targets_use_them(tiny, samples):
    augment = {"augment": keras.layers.GaussianNoise(0.1)}
    one = DECClusterer(**tiny | augment | {"n_clusters": 1}).fit(samples[:1])  # has no neighbors
    assert "rebuilt" not in one.history_
    assert "rebuilt" in DECClusterer(**tiny | augment).fit(samples).history_
    for changes in ({"n_neighbors": 0}, {"n_neighbors": 0, "init": "k-means++"}):
        assert "rebuilt" not in DECClusterer(**tiny | augment | changes).fit(samples).history_


def test_augmentation_has_one_long_cycle(tiny, samples):
    """It lets the network correct initial labels, so that more steps need not make them agree."""
    parameters = tiny | {"max_iter": "auto", "tol": 0.0, "update_interval": 50, "n_neighbors": 3}
    refinement = resolve(DECClusterer(**parameters, augment=lambda x: x), 150, 6).refinement
    plain = resolve(DECClusterer(**parameters), 150, 6).refinement
    assert refinement.n_steps * refinement.max_cycles == 3 * plain.n_steps
    assert refinement.waits_for_score == plain.waits_for_score is True
    given = DECClusterer(**parameters | {"max_iter": 7})
    assert not resolve(given, 150, 6).refinement.waits_for_score


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"augment": "image"}, "6 features, which is no square number"),
        (VARIANTS["convolutional"] | {"pretraining": "layerwise"}, "of build_autoencoder"),
        ({"n_clusters": "auto", "init": "k-means++"}, "is the number that a NeighborClusterer"),
    ],
)
def test_settings_that_do_not_fit_are_refused(parameters, message, tiny, samples):
    with pytest.raises(ValueError, match=message):
        DECClusterer(**tiny | parameters).fit(samples)


def test_idec_reconstructs_better_the_larger_the_weight(tiny, samples):
    def measure_error(weight):
        paper = {"init": "k-means++", "n_neighbors": 0, "max_iter": 150, "tol": 0.0}
        dec = DECClusterer(**tiny | paper, reconstruction_weight=weight).fit(samples)
        return np.mean((dec.inverse_transform(dec.transform(samples)) - samples) ** 2)

    assert measure_error(100.0) < measure_error(0.01)


def test_layers_have_a_history_and_callbacks(tiny, samples, tmp_path):
    logger = keras.callbacks.CSVLogger(tmp_path / "log.csv")
    variant = VARIANTS["layerwise"]
    dec = DECClusterer(**tiny | variant | {"pretrain_epochs": 6}, callbacks=[logger]).fit(samples)
    layers = dec.history_["layers"]
    np.testing.assert_array_equal(layers["layer"], [0, 0, 0, 1, 1, 1])
    assert (np.diff(layers["learning_rate"].reshape(2, 3)) < 0).all()  # each its own cosine decay
    n_updates = len(dec.history_["refine"]["loss"])
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 1 + 6 + 6 + n_updates
