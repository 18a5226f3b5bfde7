"""Saved estimators: what comes back, bit for bit, and that no file can do harm."""

import io
import json
import os
import pickle
import re
import subprocess
import sys
import time
import tracemalloc
import zipfile
from pathlib import Path

import joblib
import keras
import numpy as np
import pandas as pd
import pytest
from hostile import STATE, members_of, npy, with_state, write_members
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.exceptions import NotFittedError

from skdec import DECClusterer

DATA = Path(__file__).parent / "data"
OPTIMIZER = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.01, 20), beta_1=0.8)


@pytest.fixture(scope="module")
def saved(fitted, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "model.skdec"
    fitted.save(path)
    return path


@pytest.fixture
def members(saved):
    return members_of(saved)


@pytest.fixture
def changed(fitted):
    """A function from attributes to a copy of the fitted estimator that has them."""

    def copy_with(**attributes):
        copy = pickle.loads(pickle.dumps(fitted))
        for name, value in attributes.items():
            setattr(copy, name, value)
        return copy

    return copy_with


def assert_same(found, expected, new_rows):
    for name in ("labels_", "initial_labels_", "cluster_centers_"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), strict=True)
    assert (found.n_iter_, found.stop_reason_) == (expected.n_iter_, expected.stop_reason_)
    assert found.n_features_in_ == expected.n_features_in_
    assert found.history_.keys() == expected.history_.keys()
    for phase, series in expected.history_.items():
        assert found.history_[phase].keys() == series.keys()
        for name, values in series.items():
            np.testing.assert_array_equal(found.history_[phase][name], values, strict=True)
    for weight, other in zip(
        found.autoencoder_.get_weights(), expected.autoencoder_.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(weight, other, strict=True)
    for method in ("predict", "predict_proba", "transform"):
        np.testing.assert_array_equal(
            getattr(found, method)(new_rows), getattr(expected, method)(new_rows), strict=True
        )


def refusal(path):
    """The one ValueError in which a load ends, at once and without taking memory."""
    tracemalloc.start()
    began = time.perf_counter()
    with pytest.raises(ValueError, match="cannot be read as a saved estimator: ") as caught:
        DECClusterer.load(path)
    assert time.perf_counter() - began < 5
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**22 + 5 * path.stat().st_size
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400 + len(str(path))
    return str(caught.value)


def test_a_loaded_estimator_is_the_saved_one(fitted, saved, rows, random):
    loaded = DECClusterer.load(saved)
    assert type(loaded) is DECClusterer
    assert str(loaded.get_params()) == str(fitted.get_params())
    assert_same(loaded, fitted, random(1).random((70, rows.shape[1])))
    np.testing.assert_array_equal(loaded.predict(rows), loaded.labels_)


def test_a_loaded_estimator_can_be_saved_cloned_and_changed(saved, tmp_path):
    loaded = DECClusterer.load(saved)
    loaded.save(tmp_path / "again")
    assert members_of(tmp_path / "again") == members_of(saved)
    clone(loaded)
    loaded.labels_[0] = 0
    loaded.cluster_centers_[0] = 0


def test_names_of_columns_come_back(changed, rows, tmp_path):
    names = ["a", "b", "größe", "d", "e", '"; \u2028']
    named = changed(feature_names_in_=np.array(names, dtype=object))
    named.save(tmp_path / "named")
    loaded = DECClusterer.load(tmp_path / "named")
    assert loaded.feature_names_in_.tolist() == names
    loaded.predict(pd.DataFrame(rows, columns=names))
    with pytest.raises(ValueError, match="feature names"):
        loaded.predict(pd.DataFrame(rows, columns=names[::-1]))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("optimizer", OPTIMIZER),
        ("optimizer", keras.optimizers.SGD(0.25, nesterov=True, clipnorm=1.0)),
        ("pretrain_optimizer", keras.optimizers.Lion(0.001)),
        ("kernel_initializer", keras.initializers.HeNormal(seed=3)),
        ("kernel_initializer", keras.initializers.Constant(0.5)),
    ],
)
def test_keras_objects_come_back_as_configured(name, value, changed, tmp_path):
    changed(**{name: value}).save(tmp_path / "model")
    loaded = getattr(DECClusterer.load(tmp_path / "model"), name)
    assert type(loaded) is type(value)
    assert loaded.get_config() == value.get_config()


def test_numbers_of_numpy_and_other_spellings_come_back_as_plain_ones(changed, tmp_path):
    spelled = changed(
        batch_size=np.int64(32), alpha=np.float32(0.5), activation=keras.activations.gelu,
        kernel_initializer="uniform", random_state=np.random.RandomState(0),
    )  # fmt: skip
    spelled.save(tmp_path / "model")
    loaded = DECClusterer.load(tmp_path / "model")
    assert (loaded.batch_size, loaded.alpha, loaded.activation) == (32, 0.5, "gelu")
    assert isinstance(loaded.kernel_initializer, keras.initializers.RandomUniform)
    assert loaded.random_state is None


def test_parameters_that_were_changed_after_the_fit_stay_changed(changed, rows, tmp_path):
    changed(n_clusters=5, dims=(8, 2)).save(tmp_path / "model")
    loaded = DECClusterer.load(tmp_path / "model")
    assert (loaded.n_clusters, loaded.dims) == (5, (8, 2))
    assert loaded.predict_proba(rows).shape == (len(rows), 3)


def test_centres_given_as_the_start_come_back(changed, tmp_path):
    changed(init=np.arange(12.0).reshape(3, 4)).save(tmp_path / "model")
    init = DECClusterer.load(tmp_path / "model").init
    np.testing.assert_array_equal(init, np.arange(12.0).reshape(3, 4))


def test_callbacks_and_folders_are_left_out(changed, tmp_path):
    changed(callbacks=[keras.callbacks.Callback()], memory=str(tmp_path)).save(tmp_path / "model")
    loaded = DECClusterer.load(tmp_path / "model")
    assert loaded.callbacks is loaded.memory is None


def test_partial_fit_goes_on_from_a_file(fitted, saved, members, tmp_path, rows):
    expected = pickle.loads(pickle.dumps(fitted)).partial_fit(rows[:40])
    found = DECClusterer.load(saved).partial_fit(rows[:40])
    np.testing.assert_array_equal(found.cluster_centers_, expected.cluster_centers_)
    first = {name: content for name, content in members.items() if name != "frequencies.npy"}
    loaded = DECClusterer.load(write_members(tmp_path / "first", first))
    np.testing.assert_array_equal(loaded._frequencies, np.bincount(fitted.labels_, minlength=3))


def test_files_of_format_1_are_read_for_ever():
    """`format_1.skdec` was written by the first version; never write it anew."""
    expected = json.loads((DATA / "format_1.json").read_text())
    loaded = DECClusterer.load(DATA / "format_1.skdec")
    assert loaded.feature_names_in_.tolist() == ["length", "width", "größe"]
    assert loaded.labels_.tolist() == expected["labels_"]
    assert loaded.history_["pretrain"]["loss"].tolist() == expected["loss"]
    rows = pd.DataFrame(expected["rows"], columns=loaded.feature_names_in_)
    for method in ("predict_proba", "transform"):
        found = getattr(loaded, method)(rows)
        np.testing.assert_allclose(found, expected[method], rtol=1e-4, atol=1e-6)
    decoded = loaded.inverse_transform(expected["transform"])
    np.testing.assert_allclose(decoded, expected["inverse_transform"], rtol=1e-4, atol=1e-6)
    assert loaded.pretrain_optimizer.get_config() == OPTIMIZER.get_config() | {"name": "adam"}
    assert loaded.kernel_initializer.get_config()["seed"] == 3
    assert (loaded.activation, loaded.alpha, loaded.dims) == ("tanh", 1.5, (4, 2))


def test_a_file_is_replaced_as_a_whole_or_not_at_all(fitted, changed, saved, tmp_path, monkeypatch):
    path = tmp_path / "model"
    fitted.save(path)
    with pytest.raises(ValueError, match="cannot be saved"):
        changed(activation=np.tanh).save(path)

    def full_disk(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("numpy.save", full_disk)
    with pytest.raises(OSError, match="No space"):
        fitted.save(path)
    assert path.read_bytes()[-22:] == saved.read_bytes()[-22:]
    assert members_of(path) == members_of(saved)
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_has_the_rights_of_any_new_file(saved):
    umask = os.umask(0)
    os.umask(umask)
    assert saved.stat().st_mode & 0o777 == 0o666 & ~umask


class Slower(keras.optimizers.SGD):
    pass


@keras.saving.register_keras_serializable("tests")
class Registered(keras.optimizers.SGD):
    pass


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"activation": np.tanh}, "activation=<ufunc 'tanh'> cannot be saved: .* no other code"),
        ({"activation": lambda x: x}, "activation=<function .* cannot be saved"),
        ({"optimizer": Slower(0.1)}, "optimizer 'Slower' is none of Keras' own"),
        ({"optimizer": Registered(0.1)}, "optimizer 'Registered' is none of Keras' own"),
        (
            {"optimizer": keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1))},
            "inner_optimizer is no plain value",
        ),
        ({"init": KMeans(3)}, r"init=KMeans\(n_clusters=3\) cannot be saved"),
        ({"alpha": -1.0}, "alpha must be"),
        ({"cluster_centers_": np.full((3, 4), np.nan, np.float32)}, "NaN or infinite"),
        ({"labels_": np.arange(150, dtype=np.int32)}, "labels_ are not from 0 to"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_could_not_be_read_back_is_refused_when_saved(attributes, message, changed, tmp_path):
    with pytest.raises(ValueError, match=message):
        changed(**attributes).save(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_only_what_is_fitted_can_be_saved(tmp_path):
    with pytest.raises(NotFittedError):
        DECClusterer().save(tmp_path / "model")


def test_what_is_no_file_is_an_oserror(tmp_path):
    with pytest.raises(FileNotFoundError):
        DECClusterer.load(tmp_path / "absent")
    with pytest.raises(IsADirectoryError):
        DECClusterer.load(tmp_path)


def test_a_load_unpickles_nothing(saved, monkeypatch):
    def forbidden(*_, **__):
        pytest.fail("unpickled")

    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, forbidden)
    DECClusterer.load(saved)


def test_every_truncation_is_refused(saved, tmp_path):
    content = saved.read_bytes()
    for length in (0, 1, 21, 22, 100, len(content) // 2, len(content) - 1):
        (tmp_path / "cut").write_bytes(content[:length])
        refusal(tmp_path / "cut")


def test_compressed_members_are_refused_unread(members, tmp_path):
    bomb = members | {"weights.0.npy": members["weights.0.npy"] + bytes(2**27)}
    path = write_members(tmp_path / "bomb", bomb, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 2**20
    assert "claim to be larger than the file" in refusal(path)
    small = write_members(tmp_path / "small", members, zipfile.ZIP_DEFLATED)
    assert "compressed" in refusal(small) or "claim to be larger" in refusal(small)


def test_members_that_share_their_bytes_are_refused(members, tmp_path):
    """A hundred entries of the directory, all for the same ten kilobytes."""
    path = write_members(tmp_path / "model", members | {"a" * 8: bytes(10_000)})
    content = path.read_bytes()
    at = content.rindex(b"PK\x01\x02")
    end = content.index(b"PK\x05\x06", at)
    entries = [content[at:end].replace(b"a" * 8, f"{i:08}".encode()) for i in range(100)]
    count = len(members) + len(entries) + 1
    directory_size = int.from_bytes(content[end + 12 : end + 16], "little")
    directory_size += sum(map(len, entries))
    tail = bytearray(content[end:])
    tail[8:12] = count.to_bytes(2, "little") * 2
    tail[12:16] = directory_size.to_bytes(4, "little")
    path.write_bytes(content[:end] + b"".join(entries) + tail)
    refusal(path)


def test_a_directory_of_very_many_members_is_refused_unread(members, tmp_path):
    many = members | {f"{i:06}": b"" for i in range(30_000)}
    assert "too many members" in refusal(write_members(tmp_path / "many", many))


def test_members_of_the_same_name_are_refused(saved, tmp_path):
    path = tmp_path / "twice"
    path.write_bytes(saved.read_bytes())
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr(STATE, "{}")
    assert "the same name" in refusal(path)


@pytest.mark.parametrize("name", ["../../evil", "/etc/evil", "C:\\evil", "evil.npy", "x/../evil"])
def test_strange_members_are_refused_and_never_unpacked(name, members, tmp_path):
    write_members(tmp_path / "model", members | {name: b"evil"})
    assert "which is none of a saved estimator" in refusal(tmp_path / "model")
    assert list(tmp_path.iterdir()) == [tmp_path / "model"]


def test_missing_members_are_refused(members, tmp_path):
    for name in members.keys() - {"frequencies.npy"}:
        rest = {other: content for other, content in members.items() if other != name}
        assert name in refusal(write_members(tmp_path / "model", rest))


F4 = "'<f4'"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("weights.0", npy(F4, (10**9, 10**9), b""), r"not float32 of \(6, 16\)"),
        ("weights.0", npy(F4, (6, 16), bytes(2**16)), "takes more bytes"),
        ("weights.0", npy(F4, (6, 16), bytes(383)), "more or less values"),
        ("weights.0", npy(F4, (6, 16), bytes(380)), "more or less values"),
        ("weights.0", npy(F4, (16, 6), bytes(384)), r"not float32 of \(6, 16\)"),
        ("weights.0", npy(F4, (96,), bytes(384)), r"not float32 of \(6, 16\)"),
        ("weights.0", npy(F4, (6, -16), bytes(384)), r"not float32"),
        ("weights.0", npy("'<f2'", (6, 16), bytes(192)), "is float16 .*, not float32"),
        ("weights.0", npy("'<c8'", (6, 16), bytes(768)), "is complex64"),
        ("weights.0", npy("'|O'", (6, 16), pickle.dumps([1])), "is object"),
        ("weights.0", npy("'|V4'", (6, 16), bytes(384)), r"is \|V4|is void"),
        ("weights.0", npy("[('a', '<f4')]", (6, 16), bytes(384)), "'a'"),
        ("weights.0", npy("'<f4' * 9", (6, 16), bytes(384)), "damaged header"),
        ("weights.0", npy(F4, "(" * 200, bytes(384)), "damaged header"),
        ("weights.0", npy(F4, "-" * 400 + "1", bytes(384)), "damaged header|shape"),
        ("weights.0", npy(F4, (6, 16), bytes(384), version=(3, 0)), "damaged header"),
        ("weights.0", npy(F4, (6, 16), np.full(96, np.nan, "<f4").tobytes()), "NaN or infinite"),
        ("weights.0", npy(F4, (6, 16), np.full(96, np.inf, "<f4").tobytes()), "NaN or infinite"),
        ("weights.0", npy(F4, (6, 16), np.full(96, 3e38, "<f4").tobytes()), "overflow"),
        ("weights.0", b"", "damaged header"),
        ("weights.0", b"\x80\x04.", "damaged header"),
        ("cluster_centers_", npy(F4, (2, 4), bytes(32)), r"not float32 of \(3, 4\)"),
        ("labels_", npy("'<i4'", (10**12,), bytes(600)), "more or less values"),
        ("labels_", npy("'<i4'", (0,), b""), "shape|labels_"),
        ("frequencies", npy("'<f8'", (3,), np.array([1, np.nan, 1]).tobytes()), "frequencies"),
        ("frequencies", npy("'<f8'", (3,), np.array([1.0, -1, 1]).tobytes()), "frequencies"),
        ("labels_", npy("'<i8'", (150,), bytes(1200)), "not int32"),
        ("labels_", npy("'<i4'", (150,), np.full(150, 3, "<i4").tobytes()), "labels_ are not"),
        ("initial_labels_", npy("'<i4'", (150,), np.full(150, -1, "<i4").tobytes()), "are not"),
        ("initial_labels_", npy("'<i4'", (149,), bytes(596)), r"not int32 of \(150,\)"),
        ("history.refine.loss", npy("'<U4'", (1,), bytes(16)), "is <U4"),
        ("history.refine.loss", npy("'<f8'", (1, 1), bytes(8)), r"of shape \(1, 1\)"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(name, content, message, members, tmp_path):
    assert f"{name}.npy" in members
    path = write_members(tmp_path / "model", members | {f"{name}.npy": content})
    assert re.search(message, refusal(path))


def test_an_array_in_the_order_of_fortran_is_read(fitted, members, rows, tmp_path):
    buffer = io.BytesIO()
    np.save(buffer, np.asfortranarray(np.load(io.BytesIO(members["weights.0.npy"]))))
    path = write_members(tmp_path / "model", members | {"weights.0.npy": buffer.getvalue()})
    np.testing.assert_array_equal(DECClusterer.load(path).transform(rows), fitted.transform(rows))


@pytest.mark.parametrize(
    "text",
    [
        b"", b"{", b"null", b"[]", b"1", b'"x"', b"{}", b"\xff\xfe", b"NaN", b"[" * 100_000,
        b'{"a":' * 100_000, b"9" * 10_000, b'{"format": 1}', b" " * (2**23 + 1),
        b'{"format": ' + b"9" * 5000 + b"}",
    ],
    ids=lambda text: f"{text[:12]!r}...{len(text)}",
)  # fmt: skip
def test_states_that_are_none_are_refused(text, members, tmp_path):
    refusal(write_members(tmp_path / "model", members | {STATE: text}))


def parameter(**values):
    return lambda state: state["parameters"].update(values)


def entry(**values):
    return lambda state: state.update(values)


def keras_object(kind, room, name, registered=None, **config):
    config = {"module": room, "class_name": name, "config": config, "registered_name": registered}
    return {kind: config}


LAMBDA = {"class_name": "__lambda__", "config": {"value": "4wEAAAA="}}
SGD = "keras.optimizers", "SGD"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (entry(format=2), "written by a newer version"),
        (entry(format=0), "format must be"),
        (entry(format="1"), "format must be"),
        (entry(format=True), "format must be"),
        (lambda state: state.pop("dims") and None, "it has no 'dims'"),
        (entry(dims=[]), "dims"),
        (entry(dims=[16, 0]), r"dims\[1\]"),
        (entry(dims=[16, 4, 4]), "8 weights are not those of"),
        (entry(dims=[10**9, 4]), r"not float32 of \(6, 1000000000\)"),
        (entry(dims=[1] * 100_000, n_weights=400_000), "members are missing"),
        (entry(dims="16"), "dims"),
        (entry(n_features=5), "more bytes|shape"),
        (entry(n_features=10**30), "shape"),
        (entry(n_features=6.0), "n_features must be"),
        (entry(n_weights=7), "7 weights"),
        (entry(n_iter=-1), "n_iter must be"),
        (entry(stop_reason=None), "stop_reason is no str"),
        (entry(feature_names=["a"]), "no 6 strings"),
        (entry(feature_names=[1, 2, 3, 4, 5, 6]), "no 6 strings"),
        (entry(feature_names="abcdef"), "feature_names is no list"),
        (entry(history={"pretrain": 1}), ""),
        (entry(history={"pretrain": [["loss"]]}), ""),
        (entry(history={}), "none of a saved estimator"),
        (entry(activation="Lambda"), "activation 'Lambda' is none of Keras' own"),
        (entry(activation="tests>Registered"), "none of Keras' own"),
        (entry(activation="get"), "none of Keras' own"),
        (entry(activation=LAMBDA), ""),
        (parameter(activation="__class__"), ""),
        (parameter(activation=LAMBDA), ""),
        (entry(n_clusters=4), r"not float32 of \(4, 4\)"),
        (entry(n_clusters=10**30), r"not float32 of"),
        (entry(n_clusters=None), "n_clusters must be"),
        (parameter(n_clusters=-1), "n_clusters must be"),
        (parameter(n_clusters=None), "n_clusters must be"),
        (parameter(alpha="1"), "alpha must be"),
        (parameter(alpha=10**400), ""),
        (parameter(tol=[[[0.1]]]), "tol must be"),
        (parameter(random_state="x"), "random_state must be"),
        (parameter(random_state=-1), "random_state must be"),
        (parameter(unheard_of=1), "parameter 'unheard_of', which a file cannot set"),
        (parameter(memory="/tmp"), "parameter 'memory', which a file cannot set"),
        (parameter(callbacks=[]), "parameter 'callbacks', which a file cannot set"),
        (parameter(optimizer__learning_rate=1), "which a file cannot set"),
        (parameter(optimizer={}), ""),
        (parameter(optimizer={"layer": {}}), "no optimizer and no initializer"),
        (parameter(optimizer={"optimizer": LAMBDA}), "'__lambda__' is none of Keras' own"),
        (parameter(optimizer={"optimizer": None}), ""),
        (parameter(optimizer=keras_object("optimizer", "os", "system")), "none of Keras' own"),
        (parameter(optimizer=keras_object("optimizer", "os", "SGD")), "not said to be Keras'"),
        (
            parameter(optimizer=keras_object("optimizer", *SGD, registered="tests>Registered")),
            "not said to be Keras'",
        ),
        (
            parameter(optimizer=keras_object("optimizer", "tests", "Registered")),
            "none of Keras' own",
        ),
        (
            parameter(optimizer=keras_object("optimizer", "keras.optimizers", "Optimizer")),
            "none of Keras' own",
        ),
        (
            parameter(optimizer=keras_object("optimizer", *SGD, learning_rate=LAMBDA)),
            "'__lambda__' is none of Keras' own",
        ),
        (parameter(optimizer=keras_object("optimizer", *SGD, momentum=LAMBDA)), "no plain value"),
        (parameter(optimizer=keras_object("optimizer", *SGD, momentum=7)), "momentum"),
        (parameter(optimizer=keras_object("optimizer", *SGD, evil=1)), "evil"),
        (
            parameter(kernel_initializer=keras_object("initializer", "keras.layers", "Lambda")),
            "none of Keras' own",
        ),
        (parameter(kernel_initializer="Lambda"), "none of Keras' own"),
        (parameter(kernel_initializer="deserialize"), "none of Keras' own"),
    ],
)
def test_states_that_ask_for_the_impossible_are_refused(change, message, members, tmp_path):
    path = write_members(tmp_path / "model", with_state(members, change))
    assert re.search(message, refusal(path))


def test_members_of_the_command_line_are_let_be(members, tmp_path):
    path = write_members(tmp_path / "model", members | {"skdec-cli/preparation.json": b"{}"})
    DECClusterer.load(path)


ELSEWHERE = """
import pickle, sys, joblib, numpy as np
from skdec import DECClusterer
rows = np.load("rows.npy")
with open("model.pickle", "rb") as file:
    estimators = [pickle.load(file), joblib.load("model.joblib"), DECClusterer.load("model.skdec")]
for i, estimator in enumerate(estimators):
    np.save(f"q{i}.npy", estimator.predict_proba(rows))
    assert (estimator.predict(rows) == estimator.predict_proba(rows).argmax(axis=1)).all()
    np.save(f"z{i}.npy", estimator.transform(rows))
"""


def test_another_process_gets_the_same_bits_by_pickle_joblib_and_file(
    fitted, saved, rows, random, tmp_path
):
    new = random(2).random((33, rows.shape[1]))
    np.save(tmp_path / "rows.npy", new)
    (tmp_path / "model.pickle").write_bytes(pickle.dumps(fitted))
    joblib.dump(fitted, tmp_path / "model.joblib")
    (tmp_path / "model.skdec").write_bytes(saved.read_bytes())
    subprocess.run([sys.executable, "-c", ELSEWHERE], cwd=tmp_path, check=True, timeout=120)
    for i in range(3):
        np.testing.assert_array_equal(np.load(tmp_path / f"q{i}.npy"), fitted.predict_proba(new))
        np.testing.assert_array_equal(np.load(tmp_path / f"z{i}.npy"), fitted.transform(new))


SERVING = """
import sys, numpy as np, tensorflow as tf
rows = np.load("rows.npy")
exported = tf.saved_model.load("exported")
served = exported.serve(rows)
assert not any(name.split(".")[0] == "skdec" for name in sys.modules)
np.save("exported.npy", served)

import keras
try:
    keras.models.load_model("model.keras")
except (TypeError, ValueError) as error:
    assert "ClusteringLayer" in str(error)
else:
    raise AssertionError("Keras knew ClusteringLayer by itself")
import skdec.layers
assert "skdec._dec" not in sys.modules
np.save("keras.npy", keras.models.load_model("model.keras")(rows))
"""


def test_the_model_serves_without_the_estimator(fitted, rows, tmp_path):
    new = rows[:20].astype(np.float32)
    np.save(tmp_path / "rows.npy", new)
    fitted.model_.save(tmp_path / "model.keras")
    fitted.model_.export(tmp_path / "exported", verbose=False)
    subprocess.run([sys.executable, "-c", SERVING], cwd=tmp_path, check=True, timeout=120)
    for name in ("keras", "exported"):
        q = np.load(tmp_path / f"{name}.npy")
        np.testing.assert_allclose(q, fitted.predict_proba(new), rtol=1e-5, atol=1e-6)
