"""Ctrl-C: real SIGINTs in every phase, alone, in searches, in loops and on the command line."""

import copy
import importlib
import os
import signal
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.cluster import DBSCAN
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

from skdec import DECClusterer
from skdec.dec.training.training_loop import TrainingLoop


class Interrupt(keras.callbacks.Callback):
    """Send SIGINT to this process after an epoch of a phase, as Ctrl-C does."""

    def __init__(self, phase, epoch=1):
        super().__init__()
        self.phase, self.epoch = phase, epoch

    def on_epoch_end(self, epoch, logs=None):
        if self.params["phase"] == self.phase and epoch == self.epoch:
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


@pytest.mark.parametrize("phase", ["pretrain", "refine"])
def test_fit_sets_its_attributes_and_raises(parameters, samples, phase):
    dec = DECClusterer(**parameters, callbacks=[Interrupt(phase)])
    with pytest.raises(KeyboardInterrupt, match="interrupted after"):
        dec.fit(samples)
    assert dec.stop_reason_ == "interrupted"
    assert len(dec.history_[phase]["loss"]) == 2
    np.testing.assert_array_equal(dec.labels_, dec.predict(samples))
    assert np.isfinite(dec.transform(samples)).all()


def interrupt(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGINT)


def interrupt_once(patch, name):
    """Interrupt the first call of a function."""
    module, function = name.rsplit(".", 1)
    original, calls = getattr(importlib.import_module(module), function), []

    def run(*args, **kwargs):
        calls.append(args)
        return original(*args, **kwargs) if calls[1:] else interrupt()

    patch.setattr(name, run)


@pytest.mark.parametrize(
    ("name", "is_refined"),
    [
        ("skdec.dec._estimator.initialize_clusters", False),
        ("skdec.dec._initialization.choose_labels", False),
        ("skdec.dec._estimator.refine", False),
        ("skdec.dec._estimator.rebuild_neighbors", True),
        ("skdec.dec._estimator.train_decoder", True),
        ("skdec.dec._estimator._expand_labels", True),
        ("skdec.dec._estimator.compute_deviation_limits", True),
    ],
)
def test_an_interrupt_between_the_phases_keeps_what_was_trained(
    parameters, samples, monkeypatch, name, is_refined
):
    """Before the clusters are initialized, k-means finishes the fit."""
    dec = DECClusterer(**parameters, augment=lambda x: x)
    with monkeypatch.context() as patch:
        interrupt_once(patch, name)
        with pytest.raises(KeyboardInterrupt, match="interrupted after 5 epochs"):
            dec.fit(samples)
    assert dec.stop_reason_ == "interrupted"
    assert (dec.n_iter_ > 0) == is_refined
    np.testing.assert_array_equal(dec.labels_, dec.predict(samples))
    assert dec.score_samples(samples).shape == (150,)


def test_an_interrupt_after_the_last_step_keeps_the_refinement(parameters, samples, monkeypatch):
    """While the final labels are computed."""
    restore = TrainingLoop.restore_best
    with monkeypatch.context() as patch:

        def restore_best(loop):
            restore(loop)
            interrupt_once(patch, "skdec.dec._refinement._assign")

        patch.setattr(TrainingLoop, "restore_best", restore_best)
        dec = DECClusterer(**parameters)
        with pytest.raises(KeyboardInterrupt, match="5 epochs of the pretraining and 20 steps"):
            dec.fit(samples)
    np.testing.assert_array_equal(dec.labels_, dec.predict(samples))


def test_a_second_interrupt_leaves_the_fit_before(fitted, samples, monkeypatch):
    dec = copy.deepcopy(fitted)
    before = {name: value for name, value in vars(dec).items() if name.endswith("_")}
    monkeypatch.setattr("skdec.dec._estimator.compute_deviation_limits", interrupt)
    with pytest.raises(KeyboardInterrupt):
        dec.fit(samples[:100, :4])
    assert before == {name: value for name, value in vars(dec).items() if name.endswith("_")}
    np.testing.assert_array_equal(dec.predict(samples), fitted.labels_)


def test_an_interrupt_before_the_training_changes_nothing(fitted, samples, monkeypatch):
    dec = copy.deepcopy(fitted)
    monkeypatch.setattr("skdec.dec._estimator.find_neighbors", interrupt)
    with pytest.raises(KeyboardInterrupt):
        dec.fit(samples[:, :4])
    np.testing.assert_array_equal(dec.predict(samples), fitted.labels_)
    unfitted = clone(fitted)
    with pytest.raises(KeyboardInterrupt):
        unfitted.fit(samples)
    with pytest.raises(NotFittedError):
        unfitted.predict(samples)


def test_an_interrupt_without_a_number_of_clusters_leaves_no_clusters(parameters, samples):
    """k-means, which finishes an interrupted fit quickly, needs one."""
    dec = DECClusterer(
        **parameters | {"n_clusters": None, "init": DBSCAN()}, callbacks=[Interrupt("pretrain")]
    )
    with pytest.raises(KeyboardInterrupt):
        dec.fit(samples)
    assert not hasattr(dec, "labels_")


@pytest.mark.parametrize("phase", ["pretrain", "refine"])
def test_nothing_partial_is_kept_in_the_cache(parameters, samples, tmp_path, phase):
    interrupted = DECClusterer(**parameters, memory=tmp_path, callbacks=[Interrupt(phase)])
    with pytest.raises(KeyboardInterrupt):
        interrupted.fit(samples)
    later = DECClusterer(**parameters, memory=tmp_path).fit(samples)
    fresh = DECClusterer(**parameters).fit(samples)
    assert later.stop_reason_ == fresh.stop_reason_
    np.testing.assert_array_equal(later.cluster_centers_, fresh.cluster_centers_)


@pytest.mark.parametrize("phase", ["pretrain", "refine"])
def test_a_checkpoint_resumes_after_an_interrupt(parameters, samples, tmp_path, phase):
    interrupted = DECClusterer(**parameters, checkpoint=tmp_path, callbacks=[Interrupt(phase)])
    with pytest.raises(KeyboardInterrupt):
        interrupted.fit(samples)
    assert any(tmp_path.iterdir())
    resumed = DECClusterer(**parameters, checkpoint=tmp_path).fit(samples)
    fresh = DECClusterer(**parameters).fit(samples)
    np.testing.assert_array_equal(resumed.cluster_centers_, fresh.cluster_centers_)
    assert not any(tmp_path.iterdir())


def test_no_shortened_initialization_is_kept_in_the_cache(
    parameters, samples, monkeypatch, tmp_path
):
    """One run of k-means finishes the interrupted fit; this one has the same parameters."""
    parameters = parameters | {"init": "k-means++"}
    with monkeypatch.context() as patch:
        interrupt_once(patch, "skdec.dec._estimator.initialize_clusters")
        with pytest.raises(KeyboardInterrupt):
            DECClusterer(**parameters, memory=tmp_path).fit(samples)
    later = DECClusterer(**parameters, memory=tmp_path).fit(samples)
    fresh = DECClusterer(**parameters).fit(samples)
    np.testing.assert_array_equal(later.cluster_centers_, fresh.cluster_centers_)


def test_an_interrupted_initialization_does_not_resume_the_refinement(
    parameters, samples, monkeypatch, tmp_path
):
    """The checkpoint is of a refinement that Ctrl-C has ended before."""
    dec = DECClusterer(**parameters, checkpoint=tmp_path, callbacks=[Interrupt("refine")])
    with pytest.raises(KeyboardInterrupt):
        dec.fit(samples)
    dec.set_params(callbacks=None)
    with monkeypatch.context() as patch:
        interrupt_once(patch, "skdec.dec._estimator.initialize_clusters")
        with pytest.raises(KeyboardInterrupt):
            dec.fit(samples)
    assert dec.n_iter_ == 0
    fresh = DECClusterer(**parameters).fit(samples)
    np.testing.assert_array_equal(dec.fit(samples).cluster_centers_, fresh.cluster_centers_)


@pytest.mark.parametrize("phase", ["pretrain", "refine"])
def test_a_warm_start_resumes_the_interrupted_fit(parameters, samples, tmp_path, phase):
    parameters = parameters | {"warm_start": True}
    expected = DECClusterer(**parameters).fit(samples)
    dec = DECClusterer(**parameters, checkpoint=tmp_path, callbacks=[Interrupt(phase)])
    with pytest.raises(KeyboardInterrupt):
        dec.fit(samples)
    dec.set_params(callbacks=None).fit(samples)
    np.testing.assert_array_equal(dec.cluster_centers_, expected.cluster_centers_)
    # The further fit from there is interrupted and resumed as well.
    expected.fit(samples)
    dec.set_params(callbacks=[Interrupt("refine")])
    with pytest.raises(KeyboardInterrupt):
        dec.fit(samples)
    dec.set_params(callbacks=None).fit(samples)
    np.testing.assert_array_equal(dec.cluster_centers_, expected.cluster_centers_)
    assert not hasattr(dec, "_interrupted_weights")


def test_a_search_ends(parameters, samples):
    search = GridSearchCV(
        DECClusterer(**parameters, callbacks=[Interrupt("refine")]), {"alpha": [0.5, 1.0]}, cv=2
    )
    with pytest.raises(KeyboardInterrupt):
        search.fit(samples)
    assert not hasattr(search, "best_score_")


def test_a_loop_of_partial_fit_ends(parameters, samples):
    dec = DECClusterer(**parameters).fit(samples)
    dec.set_params(callbacks=[Interrupt("refine", epoch=0)])
    done = []

    def refine_in_batches():
        for start in (0, 50, 100):
            dec.partial_fit(samples[start : start + 50])
            done.append(start)

    with pytest.raises(KeyboardInterrupt):
        refine_in_batches()
    assert done == []
    assert dec.stop_reason_ == "interrupted"
    assert len(dec.labels_) == 50


COMMAND = """
import os, signal, sys
from skdec.dec.training.callbacks import PhaseCallbacks
phase = sys.argv[1]
del sys.argv[1]
report = PhaseCallbacks.on_epoch_end
def interrupt(self, epoch, logs=None):
    report(self, epoch, logs)
    if self.params["phase"] == phase:
        os.kill(os.getpid(), signal.SIGINT)
PhaseCallbacks.on_epoch_end = interrupt
from skdec.cli import main
sys.exit(main())
"""


@pytest.mark.parametrize("phase", ["pretrain", "refine"])
@pytest.mark.parametrize("command", ["fit", "compare"])
def test_the_command_line_exits_with_130_and_leaves_files(tmp_path, samples, phase, command):
    np.save(tmp_path / "samples.npy", samples)
    output = tmp_path / "output"
    output.write_text("from before")
    option = "--model" if command == "fit" else "--json"
    small = ["--n-clusters", "3", "--dims", "8,2", "--epochs", "3", "--max-iter", "20"]
    arguments = [command, "samples.npy", option, "output", *small]
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(COMMAND), phase, *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 130, done.stderr
    assert "interrupted after" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert output.read_text() == "from before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["output", "samples.npy"]
