"""Fits that are killed go on where they were, and end as if nothing had been."""

import os
import random as python_random
import resource
import subprocess
import sys

import keras
import numpy as np
import pytest

from skdec import DECClusterer, _checkpoint


@pytest.fixture
def every_time(monkeypatch):
    """Checkpoints at every epoch and update, however long they take."""
    monkeypatch.setattr(_checkpoint, "_PATIENCE", 0)


class Moments(keras.callbacks.Callback):
    """Notes the epochs and updates, and raises in one of them."""

    def __init__(self, phase=None, at=None, error=KeyboardInterrupt):
        super().__init__()
        self.phase, self.at, self.error, self.told = phase, at, error, []

    def on_epoch_begin(self, epoch, logs=None):
        self.told.append((self.params["phase"], epoch))
        if self.told[-1] == (self.phase, self.at):
            raise self.error


class Killed(BaseException):
    pass


def killed(parameters, X, phase, at):
    with pytest.raises(Killed):
        DECClusterer(**parameters, callbacks=[Moments(phase, at, Killed)]).fit(X)


def assert_as_undisturbed(dec, fitted):
    for one, other in zip(dec._weights, fitted._weights, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(dec.cluster_centers_, fitted.cluster_centers_)
    np.testing.assert_array_equal(dec.labels_, fitted.labels_)
    assert dec.n_iter_ == fitted.n_iter_
    for phase, history in fitted.history_.items():
        for name in set(history) - {"seconds"}:
            np.testing.assert_array_equal(dec.history_[phase][name], history[name])
        assert (np.diff(dec.history_[phase]["seconds"]) >= 0).all()


@pytest.mark.parametrize(
    ("phase", "at", "left"),
    [
        ("pretrain", 0, [("pretrain", 0)]),
        ("pretrain", 3, [("pretrain", 3)]),
        ("refine", 0, [("refine", 0)]),
        ("refine", 2, [("refine", 2)]),
    ],
)
@pytest.mark.usefixtures("every_time")
def test_only_what_is_missing_is_made(tiny, rows, fitted, tmp_path, phase, at, left):
    parameters = tiny | {"checkpoint": tmp_path / "new" / "folder"}
    killed(parameters, rows, phase, at)
    moments = Moments()
    dec = DECClusterer(**parameters, callbacks=[moments]).fit(rows)
    assert moments.told[: len(left)] == left
    assert_as_undisturbed(dec, fitted)
    assert not list((tmp_path / "new" / "folder").iterdir())


@pytest.mark.usefixtures("every_time")
def test_a_stop_by_a_callback_is_remembered(tiny, rows, tmp_path):
    class Stop(Moments):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = self.params["phase"] == "pretrain" and epoch == 2

    parameters = tiny | {"checkpoint": tmp_path}
    with pytest.raises(Killed):
        DECClusterer(**parameters, callbacks=[Stop("refine", 1, Killed)]).fit(rows)
    dec = DECClusterer(**parameters, callbacks=[Stop()]).fit(rows)
    assert_as_undisturbed(dec, DECClusterer(**tiny, callbacks=[Stop()]).fit(rows))
    assert len(dec.history_["pretrain"]["loss"]) == 3


@pytest.mark.usefixtures("every_time")
def test_after_ctrl_c_the_next_fit_goes_on(tiny, rows, fitted, tmp_path):
    parameters = tiny | {"checkpoint": str(tmp_path)}
    with pytest.warns(UserWarning, match="interrupted"):
        DECClusterer(**parameters, callbacks=[Moments("refine", 2)]).fit(rows)
    moments = Moments()
    dec = DECClusterer(**parameters, callbacks=[moments]).fit(rows)
    assert moments.told[0] == ("refine", 2)
    assert_as_undisturbed(dec, fitted)


@pytest.mark.usefixtures("every_time")
def test_a_refinement_that_goes_on_from_another_fit(tiny, rows, tmp_path):
    def after_a_fit(**changes):
        dec = DECClusterer(**tiny | {"warm_start": True}).fit(rows)
        return dec.set_params(max_iter=15, tol=0.0, **changes)

    expected = after_a_fit().fit(rows)
    with pytest.raises(Killed):
        after_a_fit(checkpoint=tmp_path, callbacks=[Moments("refine", 2, Killed)]).fit(rows)
    moments = Moments()
    assert_as_undisturbed(after_a_fit(checkpoint=tmp_path, callbacks=[moments]).fit(rows), expected)
    assert moments.told == [("refine", 2)]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"alpha": 2.0}, "alpha"),
        ({"random_state": 1}, "random_state"),
        ({"optimizer": "adam"}, "optimizer"),
        ({"optimizer": keras.optimizers.SGD(0.3)}, "optimizer"),
        ({"activation": keras.activations.tanh}, "activation"),
        ({"init": np.zeros((3, 4))}, "init"),
    ],
)
@pytest.mark.usefixtures("every_time")
def test_of_another_fit_it_is_refused(tiny, rows, tmp_path, changes, told):
    killed(tiny | {"checkpoint": tmp_path}, rows, "pretrain", 3)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ValueError, match=f"checkpoint of another fit, which differs by {told}\\."):
        DECClusterer(**tiny | {"checkpoint": tmp_path} | changes).fit(rows)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.usefixtures("every_time")
def test_of_other_rows_or_an_older_version_it_is_refused(tiny, rows, tmp_path, monkeypatch):
    parameters = tiny | {"checkpoint": tmp_path}
    killed(parameters, rows, "pretrain", 3)
    with pytest.raises(ValueError, match="differs by its rows or their weights"):
        DECClusterer(**parameters).fit(rows[1:])
    with pytest.raises(ValueError, match="differs by its rows or their weights"):
        DECClusterer(**parameters).fit(rows, sample_weight=np.arange(150))
    monkeypatch.setattr(_checkpoint, "version", lambda package: "0.0")
    with pytest.raises(ValueError, match="differs by the version of skdec, the version of tens"):
        DECClusterer(**parameters).fit(rows)


def test_equal_parameters_are_the_same_fit():
    def identity(**parameters):
        return _checkpoint.Checkpoint("/tmp", "", parameters)._identity

    equal = [keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1)]
    assert identity(optimizer=equal[0]) == identity(optimizer=equal[1])
    assert identity(verbose=1, memory="a") == identity(verbose=2, memory="b") == identity()


@pytest.mark.usefixtures("every_time")
def test_torn_or_damaged_it_is_refused(tiny, rows, fitted, tmp_path):
    parameters = tiny | {"checkpoint": tmp_path}
    killed(parameters, rows, "pretrain", 3)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    rng = python_random.Random(0)
    for length in [0, 1, len(whole) - 1, *rng.sample(range(len(whole)), 10)]:
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="cannot be read as a checkpoint"):
            DECClusterer(**parameters).fit(rows)
    path.write_bytes(whole)
    assert_as_undisturbed(DECClusterer(**parameters).fit(rows), fitted)


@pytest.mark.usefixtures("every_time")
def test_a_full_disk_is_told_and_leaves_the_earlier_one_whole(tiny, rows, fitted, tmp_path):
    class FullDisk(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if self.params["phase"] == "pretrain" and epoch == 2:
                (path,) = tmp_path.iterdir()
                self.earlier = path.read_bytes()
                resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))

    parameters, full = tiny | {"checkpoint": tmp_path}, FullDisk()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with pytest.raises(OSError, match=r"checkpoint .* cannot be written .*make room"):
            DECClusterer(**parameters, callbacks=[full]).fit(rows)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    (path,) = tmp_path.iterdir()
    assert path.read_bytes() == full.earlier
    assert_as_undisturbed(DECClusterer(**parameters).fit(rows), fitted)


@pytest.mark.parametrize("random_state", [None, np.random.RandomState(0)])
def test_a_fit_that_no_other_repeats_is_refused(tiny, rows, tmp_path, random_state):
    dec = DECClusterer(**tiny | {"checkpoint": tmp_path, "random_state": random_state})
    with pytest.raises(ValueError, match="checkpoint needs an integer as random_state"):
        dec.fit(rows)


def test_what_names_no_folder_is_refused(tiny, rows, tmp_path):
    with pytest.raises(TypeError, match="checkpoint=3 must be the path of a folder"):
        DECClusterer(**tiny | {"checkpoint": 3}).fit(rows)
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        DECClusterer(**tiny | {"checkpoint": tmp_path / "file"}).fit(rows)


# A process that has imported everything, but computed nothing, forks one process per fit, and
# kills it a moment after some epoch or update, or within the start between the two phases.
KILLS = """
import os, random, signal, sys, time
import keras
import numpy as np
from skdec import DECClusterer, _checkpoint

folder, seed, n_kills = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
rng = random.Random(seed)
X = np.random.default_rng(0).random((2000, 12)).astype(np.float32)
PARAMETERS = dict(
    n_clusters=4, dims=(32, 4), batch_size=64, pretrain_epochs=12, max_iter=120,
    update_interval=10, tol=0.0, random_state=0,
)
MOMENTS = [("pretrain", i) for i in range(12)] + [("refine", i) for i in range(12)]
if seed % 2:
    _checkpoint._PATIENCE = 0

class Tell(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        os.write(self.pipe, b"%d," % MOMENTS.index((self.params["phase"], epoch)))
    def on_train_end(self, logs=None):
        os.write(self.pipe, b"%d," % (100 if self.params["phase"] == "pretrain" else 200))

def fit(path, moment):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        tell = Tell()
        tell.pipe = writing
        DECClusterer(**PARAMETERS, checkpoint=path and folder, callbacks=[tell]).fit(X).save(
            folder + "/" + (path or "undisturbed")
        )
        os._exit(0)
    os.close(writing)
    told = ""
    while moment is not None and (part := os.read(reading, 100).decode()):
        told += part
        if any(int(at) >= moment for at in told.split(",")[:-1]):
            time.sleep(rng.uniform(0, 0.3 if moment == 100 else 0.02))
            os.kill(child, signal.SIGKILL)
            break
    status = os.waitpid(child, 0)[1]
    first = told.split(",")[0]
    return status, first

assert fit(None, None) == (0, "")
kills = [100, *(rng.randrange(24) for _ in range(n_kills - 1))]
kills.sort(key=lambda moment: 11.5 if moment == 100 else moment)
n_killed = 0
for moment in kills:
    status, first = fit("resumed", moment)
    n_killed += status == signal.SIGKILL
    print(moment, status, first, flush=True)
    if status == 0:
        break
else:
    assert fit("resumed", None)[0] == 0
undisturbed, resumed = (
    DECClusterer.load(f"{folder}/{name}") for name in ("undisturbed", "resumed")
)
for one, other in zip(undisturbed._weights, resumed._weights):
    assert np.array_equal(one, other)
assert np.array_equal(undisturbed.cluster_centers_, resumed.cluster_centers_)
assert np.array_equal(undisturbed.labels_, resumed.labels_)
print("killed", n_killed)
"""


@pytest.mark.slow
def test_killed_at_any_moment_it_ends_alike(tmp_path):
    n_killed = 0
    for seed in range(4):
        folder = tmp_path / str(seed)
        folder.mkdir()
        done = subprocess.run(
            [sys.executable, "-c", KILLS, str(folder), str(seed), "6"],
            capture_output=True,
            text=True,
            timeout=600,
            env=os.environ | {"PYTHONWARNINGS": "ignore"},
        )
        assert done.returncode == 0, done.stdout + done.stderr
        n_killed += int(done.stdout.split()[-1])
    assert n_killed >= 20
