"""Checkpoints: killed fits resume from them with the results of an uninterrupted fit."""

import random as python_random
import resource
import shutil
import signal
import subprocess
import sys
import time
from functools import partial

import keras
import numpy as np
import pytest
from epoch_recorder import EpochRecorder
from same_fit import assert_same_fit

import skdec
from skdec import DECClusterer
from skdec.dec.training import checkpoint as checkpoint_module
from skdec.networks import build_autoencoder


@pytest.fixture(scope="module", autouse=True)
def save_every_epoch():
    """Save a checkpoint at every epoch and update, however long that takes."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(checkpoint_module, "_MIN_INTERVAL", 0)
        yield


class Killed(BaseException):
    pass


def kill_fit(parameters, X, phase, epoch):
    with pytest.raises(Killed):
        DECClusterer(**parameters, callbacks=[EpochRecorder(phase, epoch, Killed)]).fit(X)


@pytest.fixture(scope="module")
def saved_checkpoint(tiny, samples, tmp_path_factory):
    """Checkpoint of a fit killed in the fourth epoch of its pretraining."""
    directory = tmp_path_factory.mktemp("checkpoint")
    kill_fit(tiny | {"checkpoint": directory}, samples, "pretrain", 3)
    return directory


@pytest.fixture
def killed_fit(saved_checkpoint, tiny, tmp_path):
    """Parameters of the killed fit, with a copy of its checkpoint in `tmp_path`."""
    shutil.copytree(saved_checkpoint, tmp_path, dirs_exist_ok=True)
    return tiny | {"checkpoint": tmp_path}


@pytest.mark.parametrize(
    ("phase", "epoch"), [("pretrain", 0), ("pretrain", 3), ("refine", 0), ("refine", 2)]
)
def test_fit_resumes_at_the_epoch_where_it_was_killed(
    tiny, samples, fitted, tmp_path, phase, epoch
):
    parameters = tiny | {"checkpoint": tmp_path / "new" / "directory"}
    kill_fit(parameters, samples, phase, epoch)
    recorder = EpochRecorder()
    without_effect = {"callbacks": [recorder], "memory": tmp_path / "memory", "verbose": 1}
    dec = DECClusterer(**parameters, **without_effect).fit(samples)
    assert recorder.epochs[0] == (phase, epoch)
    assert_same_fit(dec, fitted)
    assert not list((tmp_path / "new" / "directory").iterdir())


def test_stop_by_a_callback_is_kept(tiny, samples, tmp_path):
    class Stop(EpochRecorder):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = self.params["phase"] == "pretrain" and epoch == 2

    parameters = tiny | {"checkpoint": tmp_path}
    with pytest.raises(Killed):
        DECClusterer(**parameters, callbacks=[Stop("refine", 1, Killed)]).fit(samples)
    dec = DECClusterer(**parameters, callbacks=[Stop()]).fit(samples)
    assert_same_fit(dec, DECClusterer(**tiny, callbacks=[Stop()]).fit(samples))
    assert len(dec.history_["pretrain"]["loss"]) == 3


def test_warm_start_resumes(tiny, samples, tmp_path):
    def make_warm_start(**changes):
        dec = DECClusterer(**tiny | {"warm_start": True}).fit(samples)
        return dec.set_params(max_iter=15, tol=0.0, **changes)

    expected = make_warm_start().fit(samples)
    killer, recorder = EpochRecorder("refine", 2, Killed), EpochRecorder()
    with pytest.raises(Killed):
        make_warm_start(checkpoint=tmp_path, callbacks=[killer]).fit(samples)
    dec = make_warm_start(checkpoint=tmp_path, callbacks=[recorder]).fit(samples)
    assert_same_fit(dec, expected)
    assert recorder.epochs == [("refine", 2)]


@pytest.mark.parametrize(
    ("changes", "parameter"),
    [
        ({"alpha": 2.0}, "alpha"),
        ({"optimizer": keras.optimizers.SGD(0.3)}, "optimizer"),
        ({"autoencoder": partial(build_autoencoder, dims=(16, 4))}, "autoencoder"),
        ({"init": np.zeros((3, 4))}, "init"),
    ],
)
def test_checkpoint_with_other_parameters_is_refused(
    killed_fit, samples, tmp_path, changes, parameter
):
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    message = f"checkpoint of another fit, which differs in {parameter}\\."
    with pytest.raises(ValueError, match=message):
        DECClusterer(**killed_fit | changes).fit(samples)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_checkpoint_of_other_samples_or_versions_is_refused(killed_fit, samples, monkeypatch):
    with pytest.raises(ValueError, match="differs in its samples or their weights"):
        DECClusterer(**killed_fit).fit(samples[1:])
    with pytest.raises(ValueError, match="differs in its samples or their weights"):
        DECClusterer(**killed_fit).fit(samples, sample_weight=np.arange(150))
    versions = dict.fromkeys(checkpoint_module.describe_versions(), "0.0")
    monkeypatch.setattr(checkpoint_module, "describe_versions", lambda: versions)
    with pytest.raises(ValueError, match="differs in the version of skdec, the version of tens"):
        DECClusterer(**killed_fit).fit(samples)


def test_truncated_checkpoint_is_refused(killed_fit, samples, fitted, tmp_path):
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    rng = python_random.Random(0)
    for length in [0, 1, len(whole) - 1, *rng.sample(range(len(whole)), 5)]:
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="cannot be read as a checkpoint"):
            DECClusterer(**killed_fit).fit(samples)
    path.write_bytes(whole)
    assert_same_fit(DECClusterer(**killed_fit).fit(samples), fitted)


def test_full_disk_raises_and_leaves_the_previous_checkpoint_intact(
    tiny, samples, fitted, tmp_path
):
    class FullDisk(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if self.params["phase"] == "pretrain" and epoch == 2:
                (path,) = tmp_path.iterdir()
                self.previous = path.read_bytes()
                resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))

    parameters, full = tiny | {"checkpoint": tmp_path}, FullDisk()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with pytest.raises(OSError, match=r"checkpoint .* cannot be written .*make room"):
            DECClusterer(**parameters, callbacks=[full]).fit(samples)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    (path,) = tmp_path.iterdir()
    assert path.read_bytes() == full.previous
    assert_same_fit(DECClusterer(**parameters).fit(samples), fitted)


@pytest.mark.parametrize("random_state", [None, np.random.RandomState(0)])
def test_checkpoint_without_integer_random_state_is_refused(tiny, samples, tmp_path, random_state):
    dec = DECClusterer(**tiny | {"checkpoint": tmp_path, "random_state": random_state})
    with pytest.raises(ValueError, match="checkpoint needs an integer as random_state"):
        dec.fit(samples)
    with pytest.raises(TypeError, match="checkpoint must be None or the path of a directory"):
        dec.set_params(checkpoint=3).fit(samples)


FIT = """
import sys
import numpy as np
import skdec
from skdec.dec.training import checkpoint

checkpoint._MIN_INTERVAL = 0
X = np.random.default_rng(0).random((2000, 12)).astype(np.float32)
dec = skdec.DECClusterer(
    4, dims=(32, 4), batch_size=64, pretrain_epochs=12, max_iter=120, update_interval=10, tol=0.0,
    checkpoint=sys.argv[1] or None, random_state=0,
)
skdec.save(dec.fit(X), sys.argv[2])
"""


@pytest.mark.slow
def test_fit_killed_at_any_moment_resumes_with_equal_results(tmp_path):
    """Twice in the pretraining and once in the refinement, by the system."""

    def start(checkpoint, name):
        return subprocess.Popen([sys.executable, "-c", FIT, checkpoint, tmp_path / name])

    def find_time(path):
        return path.stat().st_mtime_ns if path.exists() else None

    directory = tmp_path / "checkpoint"
    assert start("", "whole").wait(600) == 0
    for phase, delay in [("pretrain", 0), ("pretrain", 0.02), ("refine", 0.02)]:
        path = directory / f"{phase}.checkpoint"
        before, process = find_time(path), start(directory, "resumed")
        while find_time(path) == before:
            assert process.poll() is None
            time.sleep(0.005)
        time.sleep(delay)
        process.kill()
        assert process.wait() == -signal.SIGKILL
    assert start(directory, "resumed").wait(600) == 0
    assert_same_fit(skdec.load(tmp_path / "resumed"), skdec.load(tmp_path / "whole"))
