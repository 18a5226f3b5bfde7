"""Callbacks for experiments: what they add to the history of a fit."""

import keras
import numpy as np
import pytest
from epoch_recorder import EpochRecorder
from sklearn.metrics import normalized_mutual_info_score

import skdec
from skdec import DECClusterer
from skdec.callbacks import LabelHistory
from skdec.dec.training import checkpoint as checkpoint_module
from skdec.metrics import clustering_accuracy

CLASSES = np.arange(150) % 3


@pytest.fixture(scope="module")
def parameters(tiny):
    return tiny | {"tol": 0.0, "n_neighbors": 0, "alpha": 2.0}


@pytest.fixture(scope="module")
def recorded(parameters, samples):
    return DECClusterer(**parameters, callbacks=[LabelHistory(samples, CLASSES)]).fit(samples)


def test_labels_and_scores_of_each_update(recorded, samples, parameters, tmp_path):
    history = recorded.history_["refine"]
    assert history["labels"].shape == (4, 150)
    scores = history["labels"], history["accuracy"], history["nmi"]
    for labels, accuracy, nmi in zip(*scores, strict=True):
        assert accuracy == clustering_accuracy(CLASSES, labels)
        assert nmi == normalized_mutual_info_score(CLASSES, labels)
    np.testing.assert_array_equal(history["labels"][-1], recorded.labels_)  # the last is kept
    plain = DECClusterer(**parameters).fit(samples)
    np.testing.assert_array_equal(plain.predict_proba(samples), recorded.predict_proba(samples))
    assert "labels" not in recorded.history_["pretrain"]
    dec = DECClusterer(**parameters, callbacks=[LabelHistory(samples[:7])]).fit(samples)
    assert dec.history_["refine"]["labels"].shape == (4, 7)
    assert "nmi" not in dec.history_["refine"]
    skdec.save(recorded, tmp_path / "model.skdec")
    saved = skdec.load(tmp_path / "model.skdec").history_["refine"]["labels"]
    np.testing.assert_array_equal(saved, history["labels"])


def test_later_callbacks_see_the_scores_and_not_the_labels(parameters, samples, tmp_path):
    class Recorder(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(dict(logs))

    seen = []
    callbacks = [LabelHistory(samples, CLASSES), Recorder(), keras.callbacks.TensorBoard(tmp_path)]
    dec = DECClusterer(**parameters, callbacks=callbacks).fit(samples)
    assert seen[-1]["nmi"] == dec.history_["refine"]["nmi"][-1]
    assert "labels" not in seen[-1]
    assert dec.history_["refine"]["labels"].shape == (4, 150)


def test_a_resumed_fit_has_the_whole_history(parameters, recorded, samples, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint_module, "_MIN_INTERVAL", 0)
    history, kill = LabelHistory(samples, CLASSES), EpochRecorder("refine", 2, SystemExit)
    resumable = parameters | {"checkpoint": tmp_path}
    with pytest.raises(SystemExit):
        DECClusterer(**resumable, callbacks=[history, kill]).fit(samples)
    dec = DECClusterer(**resumable, callbacks=[history]).fit(samples)
    history, expected = dec.history_["refine"], recorded.history_["refine"]
    for name in ("labels", "nmi", "loss"):
        np.testing.assert_array_equal(history[name], expected[name])


def test_arrays_of_changing_length_are_left_out(parameters, samples):
    class Log(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs |= {"growing": np.arange(epoch), "word": "x", "epoch": epoch}

    history = DECClusterer(**parameters, callbacks=[Log()]).fit(samples).history_["pretrain"]
    assert history["epoch"].tolist() == [0, 1, 2, 3, 4]
    assert not {"growing", "word"} & history.keys()


@pytest.mark.parametrize("alpha", [0.5, 2.0])
def test_callbacks_see_the_model_with_alpha_and_learning_rate_of_this_fit(
    alpha, parameters, samples
):
    """The model is shared with the fits of other values."""
    optimizer = keras.optimizers.SGD(0.01 * alpha)

    class Predict(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            if self.params["phase"] == "refine":
                self.rate = float(self.model.optimizer.learning_rate)

        def on_train_end(self, logs=None):
            if self.params["phase"] == "refine":
                self.q = self.model.predict(samples, verbose=0)

    callback = Predict()
    changes = {"alpha": alpha, "optimizer": optimizer, "callbacks": [callback]}
    dec = DECClusterer(**parameters | changes).fit(samples)
    assert callback.rate == pytest.approx(0.01 * alpha)
    np.testing.assert_allclose(callback.q, dec.predict_proba(samples), rtol=1e-4, atol=1e-6)


def test_a_learning_rate_set_when_the_training_begins_is_used(parameters, samples):
    class Slow(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            if self.params["phase"] == "refine":
                self.model.optimizer.learning_rate = 1e-5

    dec = DECClusterer(
        **parameters | {"optimizer": keras.optimizers.SGD(0.1), "callbacks": [Slow()]}
    ).fit(samples)
    np.testing.assert_allclose(dec.history_["refine"]["learning_rate"], 1e-5, rtol=1e-6)


def test_labels_are_those_of_weights_that_a_callback_restores(parameters, random):
    X = random(0).normal(size=(300, 6))
    early = keras.callbacks.EarlyStopping("loss", patience=2, restore_best_weights=True)
    unstable = {"optimizer": keras.optimizers.SGD(1.0), "max_iter": 300, "n_clusters": 5}
    dec = DECClusterer(**parameters | unstable, callbacks=[early]).fit(X)
    assert dec.stop_reason_ == "callback"
    np.testing.assert_array_equal(dec.labels_, dec.predict(X))

    class Halve(keras.callbacks.Callback):
        def on_train_end(self, logs=None):
            if self.params["phase"] == "refine":
                self.model.set_weights([0.5 * weight for weight in self.model.get_weights()])

    dec = DECClusterer(**parameters, callbacks=[Halve()]).fit(X)
    np.testing.assert_array_equal(dec.labels_, dec.predict(X))
