"""Ctrl-C: real SIGINTs in every phase, alone, in searches, in loops and on the command line."""

import copy
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
from skdec import _estimator as estimator_module


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


@pytest.mark.parametrize("step", ["initialize_clusters", "choose_labels", "rebuild_neighbors"])
def test_an_interrupt_between_the_phases_keeps_what_was_trained(
    parameters, samples, monkeypatch, step
):
    """In `initialize_clusters` at its first call: after it, k-means finishes the fit."""
    names = {"choose_labels": "skdec._steps.initialization.choose_labels"}
    name = names.get(step, f"skdec._estimator.{step}")
    with monkeypatch.context() as patch:
        if step == "initialize_clusters":
            original, calls = estimator_module.initialize_clusters, []

            def interrupt_first(*args):
                calls.append(args)
                return original(*args) if calls[1:] else interrupt()

            patch.setattr(name, interrupt_first)
        else:
            patch.setattr(name, interrupt)
        augment = (lambda x: x) if step == "rebuild_neighbors" else None
        dec = DECClusterer(**parameters, augment=augment)
        with pytest.raises(KeyboardInterrupt, match="interrupted after 5 epochs"):
            dec.fit(samples)
    assert dec.stop_reason_ == "interrupted"
    assert (dec.n_iter_ > 0) == (step == "rebuild_neighbors")
    np.testing.assert_array_equal(dec.labels_, dec.predict(samples))
    assert dec.score_samples(samples).shape == (150,)


def test_an_interrupt_before_the_training_changes_nothing(fitted, samples, monkeypatch):
    dec = copy.deepcopy(fitted)
    monkeypatch.setattr("skdec._estimator.find_neighbors", interrupt)
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
from skdec._engine.callbacks import PhaseCallbacks
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
