"""Ctrl-C: real SIGINTs before and in the refinement, with a cache and with a checkpoint."""

import copy
import os
import signal

import keras
import numpy as np
import pytest
from same_fit import assert_same_fit
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

from skdec import DECClusterer


class Interrupt(keras.callbacks.Callback):
    """Send SIGINT to this process after an epoch of a phase, as Ctrl-C does."""

    def __init__(self, phase, epoch=1):
        super().__init__()
        self.phase, self.epoch = phase, epoch

    def on_epoch_end(self, epoch, logs=None):
        if self.params["phase"] == self.phase and epoch == self.epoch:
            interrupt()


def interrupt(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture(autouse=True)
def default_handler():
    """Python's own handler, also where the tests were started in the background without one."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, previous)


@pytest.fixture
def parameters(tiny):
    return {**tiny, "tol": 0.0}


def fit_interrupted(dec, X):
    with pytest.raises(KeyboardInterrupt):
        dec.fit(X)
    return dec


def list_fitted(dec):
    return {name: value for name, value in vars(dec).items() if name.endswith("_")}


@pytest.mark.parametrize("epoch", [0, 2])
def test_the_last_completed_update_is_kept(parameters, samples, epoch):
    """Ctrl-C comes in the callbacks of an update, which is not completed."""
    dec = DECClusterer(**parameters, callbacks=[Interrupt("refine", epoch)])
    fit_interrupted(dec, samples)
    assert (dec.stop_reason_, dec.n_iter_) == ("interrupted", 5 * epoch)
    assert len(dec.history_["refine"]["loss"]) == epoch
    np.testing.assert_array_equal(dec.labels_, dec.predict(samples))
    assert np.isfinite(dec.score_samples(samples)).all()
    assert dec.transform(samples).shape == (150, 4)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rebuild_neighbors", "train_decoder"])
def test_after_the_refinement_its_result_is_kept(parameters, samples, monkeypatch, name):
    monkeypatch.setattr(f"skdec.dec._estimator.{name}", interrupt)
    dec = fit_interrupted(DECClusterer(**parameters, augment=lambda x: x), samples)
    assert dec.stop_reason_ == "interrupted"
    assert dec.n_iter_ == (20 if name == "rebuild_neighbors" else 30)
    np.testing.assert_array_equal(dec.labels_, dec.predict(samples))


@pytest.mark.parametrize(
    "name", ["find_neighbors", "find_clusters", "initialize_from_clusters", "pretraining"]
)
def test_before_the_refinement_nothing_changes(tiny, fitted, samples, monkeypatch, name):
    callbacks = [Interrupt("pretrain")] if name == "pretraining" else None
    if callbacks is None:
        monkeypatch.setattr(f"skdec.dec._estimator.{name}", interrupt)
    dec = copy.deepcopy(fitted).set_params(callbacks=callbacks)
    before = list_fitted(dec)
    fit_interrupted(dec, samples[:, :4])
    assert list_fitted(dec) == before
    with pytest.raises(NotFittedError):
        fit_interrupted(DECClusterer(**tiny, callbacks=callbacks), samples).predict(samples)


@pytest.mark.parametrize("phase", ["pretrain", "refine"])
def test_a_checkpoint_resumes_with_identical_results(parameters, samples, tmp_path, phase):
    dec = DECClusterer(**parameters, checkpoint=tmp_path, callbacks=[Interrupt(phase)])
    fit_interrupted(dec, samples)
    assert any(tmp_path.iterdir())
    dec.set_params(callbacks=None).fit(samples)
    fresh = DECClusterer(**parameters).fit(samples)
    assert_same_fit(dec, fresh)
    assert not any(tmp_path.iterdir())


def test_nothing_partial_is_kept_in_the_cache(parameters, samples, monkeypatch, tmp_path):
    with monkeypatch.context() as patch:
        patch.setattr("skdec.dec._pretraining._join_histories", interrupt)
        fit_interrupted(DECClusterer(**parameters, memory=tmp_path), samples)
    later = DECClusterer(**parameters, memory=tmp_path).fit(samples)
    fresh = DECClusterer(**parameters).fit(samples)
    np.testing.assert_array_equal(later.cluster_centers_, fresh.cluster_centers_)


def test_a_search_ends(parameters, samples):
    dec = DECClusterer(**parameters, callbacks=[Interrupt("refine")])
    search = GridSearchCV(dec, {"alpha": [0.5, 1.0]}, cv=2)
    fit_interrupted(search, samples)
    assert not hasattr(search, "best_score_")


def test_an_interrupted_partial_fit_changes_nothing(parameters, samples):
    dec = DECClusterer(**parameters).fit(samples)
    before = list_fitted(dec)
    dec.set_params(callbacks=[Interrupt("refine", epoch=0)])
    with pytest.raises(KeyboardInterrupt):
        dec.partial_fit(samples[:50])
    assert list_fitted(dec) == before
