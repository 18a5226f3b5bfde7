"""Model files: loaded estimators equal the saved ones bit for bit, and no file can do harm."""

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


def assert_same(found, expected, new_samples):
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
            getattr(found, method)(new_samples), getattr(expected, method)(new_samples), strict=True
        )


# What a load may take beyond a multiple of the file's size, for messages and Keras objects.
BASE_BYTES = 2**20


def load_and_get_error(path):
    """Return the message of the one ValueError in which a load ends, quickly and in little memory.

    Memory is measured in a second load: the first one may import modules and fill caches.
    """
    messages = []
    for is_traced in (False, True):
        if is_traced:
            tracemalloc.start()
        start = time.process_time()
        try:
            with pytest.raises(ValueError, match="cannot be read as a saved estimator: ") as caught:
                DECClusterer.load(path)
            assert time.process_time() - start < 5
            if is_traced:
                assert tracemalloc.get_traced_memory()[1] < BASE_BYTES + 5 * path.stat().st_size
        finally:
            tracemalloc.stop()
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
    assert "\n" not in messages[0]
    assert len(messages[0]) < 400 + len(str(path))
    return messages[0]


def test_loaded_estimator_equals_the_saved_one(fitted, saved, samples, random):
    loaded = DECClusterer.load(saved)
    assert type(loaded) is DECClusterer
    assert str(loaded.get_params()) == str(fitted.get_params())
    assert_same(loaded, fitted, random(1).random((70, samples.shape[1])))
    np.testing.assert_array_equal(loaded.predict(samples), loaded.labels_)


def test_loaded_estimator_can_be_saved_cloned_and_changed(saved, tmp_path):
    loaded = DECClusterer.load(saved)
    loaded.save(tmp_path / "again")
    assert members_of(tmp_path / "again") == members_of(saved)
    clone(loaded)
    loaded.labels_[0] = 0
    loaded.cluster_centers_[0] = 0


def test_feature_names_are_restored(changed, samples, tmp_path):
    names = ["a", "b", "größe", "d", "e", '"; \u2028']
    named = changed(feature_names_in_=np.array(names, dtype=object))
    named.save(tmp_path / "named")
    loaded = DECClusterer.load(tmp_path / "named")
    assert loaded.feature_names_in_.tolist() == names
    loaded.predict(pd.DataFrame(samples, columns=names))
    with pytest.raises(ValueError, match="feature names"):
        loaded.predict(pd.DataFrame(samples, columns=names[::-1]))


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
def test_keras_objects_are_restored_as_configured(name, value, changed, tmp_path):
    changed(**{name: value}).save(tmp_path / "model")
    loaded = getattr(DECClusterer.load(tmp_path / "model"), name)
    assert type(loaded) is type(value)
    assert loaded.get_config() == value.get_config()


def test_equivalent_parameters_are_restored_as_plain_values(changed, tmp_path):
    equivalent = changed(
        batch_size=np.int64(32), alpha=np.float32(0.5), activation=keras.activations.gelu,
        kernel_initializer="uniform", random_state=np.random.RandomState(0),
    )  # fmt: skip
    equivalent.save(tmp_path / "model")
    loaded = DECClusterer.load(tmp_path / "model")
    assert (loaded.batch_size, loaded.alpha, loaded.activation) == (32, 0.5, "gelu")
    assert isinstance(loaded.kernel_initializer, keras.initializers.RandomUniform)
    assert loaded.random_state is None


def test_parameters_changed_after_the_fit_are_restored(changed, samples, tmp_path):
    changed(n_clusters=5, dims=(8, 2)).save(tmp_path / "model")
    loaded = DECClusterer.load(tmp_path / "model")
    assert (loaded.n_clusters, loaded.dims) == (5, (8, 2))
    assert loaded.predict_proba(samples).shape == (len(samples), 3)


def test_centers_given_as_init_are_restored(changed, tmp_path):
    changed(init=np.arange(12.0).reshape(3, 4)).save(tmp_path / "model")
    init = DECClusterer.load(tmp_path / "model").init
    np.testing.assert_array_equal(init, np.arange(12.0).reshape(3, 4))


def test_callbacks_and_directories_are_not_saved(changed, tmp_path):
    changed(callbacks=[keras.callbacks.Callback()], memory=str(tmp_path)).save(tmp_path / "model")
    loaded = DECClusterer.load(tmp_path / "model")
    assert loaded.callbacks is loaded.memory is None


def test_partial_fit_continues_from_a_file(fitted, saved, members, tmp_path, samples):
    expected = pickle.loads(pickle.dumps(fitted)).partial_fit(samples[:40])
    found = DECClusterer.load(saved).partial_fit(samples[:40])
    np.testing.assert_array_equal(found.cluster_centers_, expected.cluster_centers_)
    first = {name: content for name, content in members.items() if name != "frequencies.npy"}
    loaded = DECClusterer.load(write_members(tmp_path / "first", first))
    np.testing.assert_array_equal(loaded._frequencies, np.bincount(fitted.labels_, minlength=3))


def test_files_of_format_1_can_be_read():
    """`format_1.skdec` was written by the first version and must never be replaced."""
    expected = json.loads((DATA / "format_1.json").read_text())
    loaded = DECClusterer.load(DATA / "format_1.skdec")
    assert loaded.feature_names_in_.tolist() == ["length", "width", "größe"]
    assert loaded.labels_.tolist() == expected["labels_"]
    assert loaded.history_["pretrain"]["loss"].tolist() == expected["loss"]
    samples = pd.DataFrame(expected["samples"], columns=loaded.feature_names_in_)
    for method in ("predict_proba", "transform"):
        found = getattr(loaded, method)(samples)
        np.testing.assert_allclose(found, expected[method], rtol=1e-4, atol=1e-6)
    decoded = loaded.inverse_transform(expected["transform"])
    np.testing.assert_allclose(decoded, expected["inverse_transform"], rtol=1e-4, atol=1e-6)
    assert loaded.pretrain_optimizer.get_config() == OPTIMIZER.get_config() | {"name": "adam"}
    assert loaded.kernel_initializer.get_config()["seed"] == 3
    assert (loaded.activation, loaded.alpha, loaded.dims) == ("tanh", 1.5, (4, 2))


def test_file_is_replaced_atomically(fitted, changed, saved, tmp_path, monkeypatch):
    path = tmp_path / "model"
    fitted.save(path)
    with pytest.raises(ValueError, match="cannot be saved"):
        changed(activation=np.tanh).save(path)

    def raise_disk_full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("numpy.save", raise_disk_full)
    with pytest.raises(OSError, match="No space"):
        fitted.save(path)
    assert path.read_bytes()[-22:] == saved.read_bytes()[-22:]
    assert members_of(path) == members_of(saved)
    assert list(tmp_path.iterdir()) == [path]


def test_file_has_default_permissions(saved):
    umask = os.umask(0)
    os.umask(umask)
    assert saved.stat().st_mode & 0o777 == 0o666 & ~umask


class UserSGD(keras.optimizers.SGD):
    pass


@keras.saving.register_keras_serializable("tests")
class RegisteredSGD(keras.optimizers.SGD):
    pass


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"activation": np.tanh}, "activation=<ufunc 'tanh'> cannot be saved: .* no other code"),
        ({"activation": lambda x: x}, "activation=<function .* cannot be saved"),
        ({"optimizer": UserSGD(0.1)}, "optimizer 'UserSGD' is none of Keras' own"),
        ({"optimizer": RegisteredSGD(0.1)}, "optimizer 'RegisteredSGD' is none of Keras' own"),
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
def test_estimator_that_cannot_be_loaded_is_refused_by_save(attributes, message, changed, tmp_path):
    with pytest.raises(ValueError, match=message):
        changed(**attributes).save(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_unfitted_estimator_cannot_be_saved(tmp_path):
    with pytest.raises(NotFittedError):
        DECClusterer().save(tmp_path / "model")


def test_missing_file_raises_an_oserror(tmp_path):
    with pytest.raises(FileNotFoundError):
        DECClusterer.load(tmp_path / "absent")
    with pytest.raises(IsADirectoryError):
        DECClusterer.load(tmp_path)


def test_load_unpickles_nothing(saved, monkeypatch):
    def fail(*_, **__):
        pytest.fail("unpickled")

    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, fail)
    DECClusterer.load(saved)


def test_truncated_files_are_refused(saved, tmp_path):
    content = saved.read_bytes()
    for length in (0, 1, 21, 22, 100, len(content) // 2, len(content) - 1):
        (tmp_path / "cut").write_bytes(content[:length])
        load_and_get_error(tmp_path / "cut")


def test_compressed_members_are_refused_without_reading_them(members, tmp_path):
    bomb = members | {"weights.0.npy": members["weights.0.npy"] + bytes(2**27)}
    path = write_members(tmp_path / "bomb", bomb, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 2**20
    assert "claim to be larger than the file" in load_and_get_error(path)
    small = write_members(tmp_path / "small", members, zipfile.ZIP_DEFLATED)
    assert "compressed" in load_and_get_error(small) or "claim to be larger" in load_and_get_error(
        small
    )


def test_overlapping_members_are_refused(members, tmp_path):
    """A hundred entries of the directory refer to the same ten kilobytes."""
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
    load_and_get_error(path)


def test_directory_of_too_many_members_is_refused_without_reading_it(members, tmp_path):
    many = members | {f"{i:06}": b"" for i in range(30_000)}
    assert "too many members" in load_and_get_error(write_members(tmp_path / "many", many))


def test_members_with_the_same_name_are_refused(saved, tmp_path):
    path = tmp_path / "twice"
    path.write_bytes(saved.read_bytes())
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr(STATE, "{}")
    assert "the same name" in load_and_get_error(path)


@pytest.mark.parametrize("name", ["../../evil", "/etc/evil", "C:\\evil", "evil.npy", "x/../evil"])
def test_unknown_members_are_refused_and_not_extracted(name, members, tmp_path):
    write_members(tmp_path / "model", members | {name: b"evil"})
    assert "which is none of a saved estimator" in load_and_get_error(tmp_path / "model")
    assert list(tmp_path.iterdir()) == [tmp_path / "model"]


def test_missing_members_are_refused(members, tmp_path):
    for name in members.keys() - {"frequencies.npy"}:
        rest = {other: content for other, content in members.items() if other != name}
        assert name in load_and_get_error(write_members(tmp_path / "model", rest))


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
def test_invalid_arrays_are_refused(name, content, message, members, tmp_path):
    assert f"{name}.npy" in members
    path = write_members(tmp_path / "model", members | {f"{name}.npy": content})
    assert re.search(message, load_and_get_error(path))


def test_array_in_fortran_order_is_read(fitted, members, samples, tmp_path):
    buffer = io.BytesIO()
    np.save(buffer, np.asfortranarray(np.load(io.BytesIO(members["weights.0.npy"]))))
    path = write_members(tmp_path / "model", members | {"weights.0.npy": buffer.getvalue()})
    np.testing.assert_array_equal(
        DECClusterer.load(path).transform(samples), fitted.transform(samples)
    )


@pytest.mark.parametrize(
    "text",
    [
        b"", b"{", b"null", b"[]", b"1", b'"x"', b"{}", b"\xff\xfe", b"NaN", b"[" * 100_000,
        b'{"a":' * 100_000, b"9" * 10_000, b'{"format": 1}', b" " * (2**23 + 1),
        b'{"format": ' + b"9" * 5000 + b"}",
    ],
    ids=lambda text: f"{text[:12]!r}...{len(text)}",
)  # fmt: skip
def test_text_that_is_no_state_is_refused(text, members, tmp_path):
    load_and_get_error(write_members(tmp_path / "model", members | {STATE: text}))


def parameter(**values):
    return lambda state: state["parameters"].update(values)


def entry(**values):
    return lambda state: state.update(values)


def keras_object(kind, module, name, registered=None, **config):
    config = {"module": module, "class_name": name, "config": config, "registered_name": registered}
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
        (entry(activation="tests>RegisteredSGD"), "none of Keras' own"),
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
            parameter(optimizer=keras_object("optimizer", *SGD, registered="tests>RegisteredSGD")),
            "not said to be Keras'",
        ),
        (
            parameter(optimizer=keras_object("optimizer", "tests", "RegisteredSGD")),
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
def test_invalid_states_are_refused(change, message, members, tmp_path):
    path = write_members(tmp_path / "model", with_state(members, change))
    assert re.search(message, load_and_get_error(path))


def test_members_of_the_command_line_are_accepted(members, tmp_path):
    path = write_members(tmp_path / "model", members | {"skdec-cli/preparation.json": b"{}"})
    DECClusterer.load(path)


# Needs TensorFlow alone for the first model, Keras and `skdec.layers` for the second one.
USE_ELSEWHERE = """
import pickle, sys
import numpy as np
import tensorflow as tf

samples = np.load("samples.npy")
exported = tf.saved_model.load("exported")
served = exported.serve(samples.astype(np.float32))
assert not any(name.split(".")[0] == "skdec" for name in sys.modules)
np.save("q_exported.npy", served)

import keras
try:
    keras.models.load_model("model.keras")
except (TypeError, ValueError) as error:
    assert "ClusteringLayer" in str(error)
else:
    raise AssertionError("Keras knew ClusteringLayer by itself")
import skdec.layers
assert "skdec._estimator" not in sys.modules
np.save("q_keras.npy", keras.models.load_model("model.keras")(samples.astype(np.float32)))

import joblib
from skdec import DECClusterer
with open("model.pickle", "rb") as file:
    pickled = pickle.load(file)
estimators = {
    "pickle": pickled,
    "joblib": joblib.load("model.joblib"),
    "file": DECClusterer.load("model.skdec"),
}
for kind, estimator in estimators.items():
    q = estimator.predict_proba(samples)
    assert (estimator.predict(samples) == q.argmax(axis=1)).all()
    np.save(f"q_{kind}.npy", q)
    np.save(f"z_{kind}.npy", estimator.transform(samples))
"""


@pytest.fixture(scope="module")
def new_samples(samples, random):
    return random(2).random((33, samples.shape[1]))


@pytest.fixture(scope="module")
def used_elsewhere(fitted, saved, new_samples, tmp_path_factory):
    """Directory with outputs of another process that loaded the estimator in five ways."""
    directory = tmp_path_factory.mktemp("elsewhere")
    np.save(directory / "samples.npy", new_samples)
    (directory / "model.pickle").write_bytes(pickle.dumps(fitted))
    joblib.dump(fitted, directory / "model.joblib")
    (directory / "model.skdec").write_bytes(saved.read_bytes())
    fitted.model_.save(directory / "model.keras")
    fitted.model_.export(directory / "exported", verbose=False)
    subprocess.run([sys.executable, "-c", USE_ELSEWHERE], cwd=directory, check=True, timeout=600)
    return directory


@pytest.mark.parametrize("kind", ["pickle", "joblib", "file"])
def test_another_process_gets_the_same_bits(kind, fitted, new_samples, used_elsewhere):
    q, z = (np.load(used_elsewhere / f"{name}_{kind}.npy") for name in "qz")
    np.testing.assert_array_equal(q, fitted.predict_proba(new_samples))
    np.testing.assert_array_equal(z, fitted.transform(new_samples))


@pytest.mark.parametrize("kind", ["keras", "exported"])
def test_keras_model_serves_without_the_estimator(kind, fitted, new_samples, used_elsewhere):
    q = np.load(used_elsewhere / f"q_{kind}.npy")
    np.testing.assert_allclose(q, fitted.predict_proba(new_samples), rtol=1e-5, atol=1e-6)
