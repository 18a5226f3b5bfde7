"""Model files: loaded estimators equal the saved ones bit for bit, and no file can do harm."""

import dataclasses
import gzip
import json
import os
import pickle
import re
import resource
import subprocess
import sys
import time
import tracemalloc
import zipfile
from functools import partial
from pathlib import Path

import joblib
import keras
import numpy as np
import pandas as pd
import pytest
from hostile import (
    STATE,
    arrays_of,
    describe,
    members_of,
    with_state,
    write_file,
    write_members,
)
from safetensors.numpy import save_file
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

import skdec
from skdec import DECClusterer
from skdec._model_file import save_model
from skdec.cli import main
from skdec.networks import build_autoencoder, build_convolutional_autoencoder

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


@pytest.fixture(scope="module")
def pipeline(fitted, samples):
    """A Pipeline of a fitted scaler and the fitted estimator, on samples of another scale."""
    names = ["a", "b", "größe", "d", "e", '"; \u2028']
    scaler = MinMaxScaler((0, 1)).fit(pd.DataFrame(samples * 1000 - 7, columns=names))
    return Pipeline([("scale", scaler), ("cluster", fitted)])


@pytest.fixture(scope="module")
def saved_pipeline(pipeline, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "pipeline.skdec"
    save_model(pipeline, path)
    return path


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


def load_and_get_error(path, load=DECClusterer.load):
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
                load(path)
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


def test_alpha_of_the_fit_is_restored_beside_a_changed_parameter(
    fitted, changed, samples, tmp_path
):
    dec = changed(alpha=5.0)
    dec.save(tmp_path / "model")
    loaded = DECClusterer.load(tmp_path / "model")
    assert loaded.alpha == 5.0
    expected = fitted.predict_proba(samples)
    for estimator in (dec, loaded):
        np.testing.assert_array_equal(estimator.predict_proba(samples), expected)
        np.testing.assert_allclose(
            estimator.model_(samples.astype(np.float32)), expected, rtol=1e-4
        )


def test_centers_given_as_init_are_restored(changed, tmp_path):
    changed(init=np.arange(12.0).reshape(3, 4)).save(tmp_path / "model")
    init = DECClusterer.load(tmp_path / "model").init
    np.testing.assert_array_equal(init, np.arange(12.0).reshape(3, 4))


def test_callbacks_and_directories_are_not_saved(changed, tmp_path):
    changed(callbacks=[keras.callbacks.Callback()], memory=str(tmp_path)).save(tmp_path / "model")
    loaded = DECClusterer.load(tmp_path / "model")
    assert loaded.callbacks is loaded.memory is None


def test_partial_fit_continues_from_a_file(fitted, saved, samples):
    expected = pickle.loads(pickle.dumps(fitted)).partial_fit(samples[:40])
    found = DECClusterer.load(saved).partial_fit(samples[:40])
    np.testing.assert_array_equal(found.cluster_centers_, expected.cluster_centers_)


def test_load_returns_the_estimator_of_a_file_without_scaler(fitted, saved, random):
    loaded = skdec.load(saved)
    assert type(loaded) is DECClusterer
    assert_same(loaded, fitted, random(1).random((20, 6)))


@pytest.mark.parametrize(
    "scaler",
    [
        StandardScaler(), StandardScaler(with_mean=False), StandardScaler(with_std=False),
        StandardScaler(with_mean=False, with_std=False), MinMaxScaler(),
        MinMaxScaler((-1, 3), clip=True),
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_pipeline_of_a_scaler_is_restored(scaler, dtype, fitted, samples, tmp_path):
    X = (samples * [1, 2, 3, 500, -7, 1]).astype(dtype)
    save_model(make_pipeline(scaler.fit(X), fitted), tmp_path / "model")
    loaded = skdec.load(tmp_path / "model")
    assert [name for name, _ in loaded.steps] == [type(scaler).__name__.lower(), "decclusterer"]
    assert loaded[0].get_params() == scaler.get_params()
    assert vars(loaded[0]).keys() == vars(scaler).keys()
    for name, value in vars(scaler).items():
        np.testing.assert_array_equal(getattr(loaded[0], name), value)
    for method in ("transform", "inverse_transform"):
        np.testing.assert_array_equal(
            getattr(loaded[0], method)(X), getattr(scaler, method)(X), strict=True
        )
    assert_same(loaded[-1], fitted, scaler.transform(X))
    clone(loaded)


def test_a_pipeline_restores_the_names_of_features_and_steps(pipeline, saved_pipeline, samples):
    loaded = skdec.load(saved_pipeline)
    assert [name for name, _ in loaded.steps] == ["scale", "cluster"]
    assert loaded.feature_names_in_.tolist() == pipeline.feature_names_in_.tolist()
    frame = pd.DataFrame(samples * 1000 - 7, columns=loaded.feature_names_in_)
    np.testing.assert_array_equal(loaded.predict(frame), pipeline.predict(frame))
    with pytest.raises(ValueError, match="feature names"):
        loaded.predict(frame.iloc[:, ::-1])


@pytest.mark.filterwarnings("error")
def test_a_scaler_that_returns_data_frames_is_restored(pipeline, changed, samples, tmp_path):
    names = pipeline.feature_names_in_
    scaler = clone(pipeline[0]).set_output(transform="pandas")
    frame = pd.DataFrame(samples, columns=names)
    model = make_pipeline(scaler.fit(frame), changed(feature_names_in_=names))
    save_model(model, tmp_path / "model")
    loaded = skdec.load(tmp_path / "model")
    assert loaded[1].feature_names_in_.tolist() == names.tolist()
    np.testing.assert_array_equal(loaded.predict(frame), model.predict(frame))


def test_an_estimator_is_not_loaded_without_its_scaler(saved_pipeline):
    assert "use skdec.load, which returns a Pipeline" in load_and_get_error(saved_pipeline)


class UserScaler(StandardScaler):
    pass


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda X, dec: make_pipeline(RobustScaler().fit(X), dec), r"^RobustScaler\(\) cannot be"),
        (lambda X, dec: make_pipeline(UserScaler().fit(X), dec), r"^UserScaler\(\) cannot be"),
        (lambda X, dec: make_pipeline("passthrough", dec), "^'passthrough' cannot be saved"),
        (
            lambda X, dec: make_pipeline(StandardScaler(), KMeans(2)).fit(X),
            r"^KMeans\(n_clusters=2",
        ),
        (lambda X, dec: make_pipeline(*[StandardScaler().fit(X)] * 2, dec), "^Pipeline"),
        (lambda X, dec: make_pipeline(dec), "^Pipeline"),
        (lambda X, dec: KMeans(2).fit(X), "^KMeans.* cannot be saved"),
        (lambda X, dec: "model", "^'model' cannot be saved"),
        (
            lambda X, dec: make_pipeline(StandardScaler().fit(X[:, :4]), dec),
            r"'scaler.mean_' is float64 of shape \(4,\), not",
        ),
    ],
)
def test_other_models_are_refused_by_name(build, message, fitted, samples, tmp_path):
    with pytest.raises(ValueError, match=message):
        save_model(build(samples, fitted), tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_unfitted_pipelines_cannot_be_saved(tmp_path):
    with pytest.raises(NotFittedError):
        save_model(make_pipeline(StandardScaler(), DECClusterer()), tmp_path / "model")


def test_files_of_format_1_can_be_read():
    """The files were written by version 0.1.0 and must never be replaced."""
    expected = json.loads((DATA / "format_1.json").read_text())
    loaded = DECClusterer.load(DATA / "format_1.safetensors")
    assert loaded.feature_names_in_.tolist() == ["length", "width", "größe"]
    assert loaded.labels_.tolist() == expected["labels_"]
    assert loaded.history_["pretrain"]["loss"].tolist() == expected["loss"]
    samples = pd.DataFrame(expected["samples"], columns=loaded.feature_names_in_)
    for method in ("predict_proba", "transform"):
        found = getattr(loaded, method)(samples)
        np.testing.assert_allclose(found, expected[method], rtol=1e-4, atol=1e-6)
    for scaler in ("standard", "minmax"):
        pipeline = skdec.load(DATA / f"format_1_{scaler}.safetensors")
        unscaled = pipeline[0].inverse_transform(samples)
        found = pipeline.predict_proba(pd.DataFrame(unscaled, columns=pipeline.feature_names_in_))
        np.testing.assert_allclose(found, expected["predict_proba"], rtol=1e-4, atol=1e-6)
    decoded = loaded.inverse_transform(expected["transform"])
    np.testing.assert_allclose(decoded, expected["inverse_transform"], rtol=1e-4, atol=1e-6)
    assert loaded.pretrain_optimizer.get_config() == OPTIMIZER.get_config() | {"name": "adam"}
    assert loaded.kernel_initializer.get_config()["seed"] == 3
    assert (loaded.activation, loaded.alpha, loaded.dims) == ("tanh", 1.5, (4, 2))


def test_file_is_replaced_atomically(fitted, changed, saved, tmp_path):
    path = tmp_path / "model"
    fitted.save(path)
    with pytest.raises(ValueError, match="cannot be saved"):
        changed(activation=np.tanh).save(path)

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            fitted.save(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == saved.read_bytes()
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
        ({"labels_": np.array([None] * 150)}, "labels_ is an array of object, which a file cannot"),
        ({"labels_": np.zeros(150, complex)}, "labels_ is an array of complex128, which"),
        ({"labels_": np.zeros(150, ">i4")}, "labels_ is an array of >i4, which a file cannot"),
        ({"labels_": np.zeros(150, "U1")}, "labels_ is an array of <U1, which a file cannot"),
        ({"labels_": np.zeros(150, "M8[s]")}, "labels_ is an array of datetime64.*, which"),
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


def test_load_unpickles_nothing(saved, saved_pipeline, monkeypatch):
    def fail(*_, **__):
        pytest.fail("unpickled")

    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, fail)
    DECClusterer.load(saved)
    skdec.load(saved_pipeline)


def test_arrays_in_fortran_order_are_saved_with_the_same_values(changed, samples, fitted, tmp_path):
    centers = np.asfortranarray(fitted.cluster_centers_)
    assert not centers.flags.c_contiguous
    changed(cluster_centers_=centers).save(tmp_path / "model")
    loaded = DECClusterer.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.cluster_centers_, fitted.cluster_centers_)


def test_truncated_and_padded_files_are_refused(saved, tmp_path):
    content = saved.read_bytes()
    header_size = int.from_bytes(content[:8], "little")
    ends = (8, 9, 100, 8 + header_size - 1, 8 + header_size, 9 + header_size)
    for length in (0, 1, 7, *ends, len(content) // 2, len(content) - 1):
        (tmp_path / "cut").write_bytes(content[:length])
        load_and_get_error(tmp_path / "cut")
    for padding in (b"\0", b" ", bytes(100_000), content):
        (tmp_path / "padded").write_bytes(content + padding)
        assert "larger or smaller than its arrays" in load_and_get_error(tmp_path / "padded")
        (tmp_path / "padded").write_bytes(padding + content)
        load_and_get_error(tmp_path / "padded")


def test_files_of_other_kinds_are_refused(saved, tmp_path):
    path = tmp_path / "other"
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    with zipfile.ZipFile(tmp_path / "other.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("letter", bytes(2**24))  # 16 megabytes in 16 kilobytes
    contents = {
        "npz": (tmp_path / "other.npz").read_bytes(),
        "zip": (tmp_path / "other.zip").read_bytes(),
        "gzip": gzip.compress(saved.read_bytes()),
        "pickle": pickle.dumps({"format": 1}),
        "text": b"dear reader, this is a letter\n",
        "zeros": bytes(5000),
        "ones": b"\xff" * 5000,
    }
    for content in contents.values():
        path.write_bytes(content)
        assert "it is no file that skdec has written" in load_and_get_error(path)


@pytest.mark.parametrize(
    "metadata",
    [None, {}, {"format": "np"}, {"format": "np", STATE: "{}"}, {STATE: ""}, {"x": "{}"}],
)
def test_safetensors_of_other_programs_are_refused(metadata, tmp_path):
    save_file({"weights.0": np.zeros((6, 16), np.float32)}, tmp_path / "other", metadata)
    load_and_get_error(tmp_path / "other")


def test_headers_that_claim_to_be_large_are_refused_without_reading_them(members, tmp_path):
    header, values = describe(members)
    path = tmp_path / "model"
    for size in (2**64 - 1, 2**63, 2**40, 2**24, len(json.dumps(header)) + len(values) + 1):
        assert "its end is missing" in load_and_get_error(write_file(path, header, values, size))
    for size in (0, 1, 100):
        load_and_get_error(write_file(path, header, values, size))
    large = write_members(path, members | {STATE: members[STATE] + " " * 2**23})
    assert "its header is larger than" in load_and_get_error(large)


@pytest.mark.parametrize("metadata", [{"more": "x"}, {"more": "x" * 1000}, {"a": "b", "c": "d"}])
def test_more_metadata_are_refused(metadata, members, tmp_path):
    path = tmp_path / "model"
    header, values = describe(members, {STATE: members[STATE], **metadata})
    assert "metadata of another program" in load_and_get_error(write_file(path, header, values))


def offsets(name, change):
    """Change the positions of an array in a header."""

    def edit(header):
        header[name]["data_offsets"] = change(*header[name]["data_offsets"])

    return edit


def repeat(name, n_times):
    """Have many arrays at the position of another one."""

    def edit(header):
        header.update({f"copy{i}": header[name] for i in range(n_times)})

    return edit


@pytest.mark.parametrize(
    "edit",
    [
        offsets("weights.0", lambda first, last: [first - 4, last - 4]),
        offsets("weights.0", lambda first, last: [first + 4, last + 4]),
        offsets("weights.0", lambda first, last: [first, last + 4]),
        offsets("weights.0", lambda first, last: [first, last - 4]),
        offsets("weights.0", lambda first, last: [last, first]),
        offsets("weights.0", lambda first, last: [0, last - first]),
        offsets("weights.0", lambda first, last: [-4, last]),
        offsets("weights.0", lambda first, last: [first, 2**64 - 1]),
        offsets("weights.0", lambda first, last: [first, 2**64]),
        offsets("weights.0", lambda first, last: [2**63, 2**63 + last - first]),
        offsets("weights.0", lambda first, last: [first, 10**400]),
        offsets("weights.0", lambda first, last: [first, 10**12]),
        offsets("weights.0", lambda first, last: [first]),
        offsets("weights.0", lambda first, last: [first, last, last]),
        offsets("weights.0", lambda first, last: [float(first), float(last)]),
        offsets("weights.0", lambda first, last: [str(first), str(last)]),
        offsets("weights.0", lambda first, last: [None, None]),
        offsets("weights.0", lambda first, last: None),
        offsets("weights.0", lambda first, last: {"0": first, "1": last}),
        repeat("weights.0", 1),
        repeat("weights.0", 100),
        lambda header: header.update(a={"dtype": "U8", "shape": [0], "data_offsets": [0, 0]}),
        lambda header: header.pop("labels_") and None,
        lambda header: header["labels_"].update(more=1),
        lambda header: header["labels_"].pop("shape") and None,
        lambda header: header.update(labels_=None),
        lambda header: header.update(labels_=[1, 2]),
        lambda header: header.update(labels_="x"),
        lambda header: header["labels_"].update(dtype=["I32"]),
        lambda header: header["labels_"].update(dtype=None),
        lambda header: header["labels_"].update(dtype={}),
        lambda header: header["labels_"].update(shape=150),
        lambda header: header["labels_"].update(shape=[float("nan")]),
        lambda header: header["labels_"].update(shape=[float("inf")]),
        lambda header: header["labels_"].update(shape="150"),
        lambda header: header.update(__metadata__=header["labels_"]),
        lambda header: header.update(__metadata__={STATE: 1}),
        lambda header: header.update(__metadata__={STATE: {"format": 1}}),
        lambda header: header.pop("__metadata__") and None,
    ],
)
def test_invalid_headers_are_refused(edit, members, tmp_path):
    """Positions with gaps and overlaps, of wrong types and beyond the file, and other entries."""
    header, values = describe(members)
    edit(header)
    load_and_get_error(write_file(tmp_path / "model", header, values))


@pytest.mark.parametrize(
    "header",
    [
        b"", b"{", b"{}", b"[]", b"null", b'"x"', b"NaN", b"\xff\xfe", "{größe}".encode(), b" " * 8,
        b"[" * 100_000, b'{"a":' * 100_000, b"9" * 10_000, b'{"__metadata__":{"skdec":"',
        b'{"__metadata__":{"skdec":"{}"', b'{"__metadata__":{"skdec":"{}"}}',
        b'{"__metadata__":{"skdec":"{}"},"a":' + b"[" * 100_000,
        b'{"__metadata__":{"skdec":"{}"},"a":' + b"[" * 4_000_000,
        b'{"__metadata__":{"skdec":"{}"},"a":' + b'{"a":' * 20_000,
        b'{"__metadata__":{"skdec":"{}"},"a":' + b"9" * 100_000,
        b'{"__metadata__":{"skdec":' + b"[" * 4_000_000,
        b'{"__metadata__":{"skdec":"' + b"\\" * 2_000_001,
        b'{"__metadata__":{"skdec":"{}"}} and more', b'{"__metadata__":{"skdec":"{}"}}{}',
        b' {"__metadata__":{"skdec":"{}"}}', b'{"__metadata__":{"skdec":"\xc3\x28"}}',
    ],
    ids=lambda text: f"{text[:30]!r}...{len(text)}",
)  # fmt: skip
def test_text_that_is_no_header_is_refused(header, tmp_path):
    load_and_get_error(write_file(tmp_path / "model", header))
    load_and_get_error(write_file(tmp_path / "model", header, bytes(1000)))


def test_too_many_arrays_are_refused_without_reading_their_list(members, tmp_path):
    many = members | {f"{i:06}": ("U8", [0], b"") for i in range(30_000)}
    assert "too many arrays" in load_and_get_error(write_members(tmp_path / "many", many))


def test_members_with_the_same_name_are_refused(members, tmp_path):
    header, values = describe(members)
    text = json.dumps(header, separators=(",", ":"))
    entry = json.dumps({"labels_": header["labels_"]}, separators=(",", ":"))[1:-1]
    assert entry in text
    state = json.dumps(members[STATE])
    for old, new in (
        (entry, f"{entry},{entry}"),
        (entry, f"{entry},{entry.replace('I32', 'F32')}"),
        (entry, entry.replace('"shape"', '"dtype":"I32","shape"')),
        (f'"skdec":{state}', f'"skdec":{state},"skdec":{state}'),
        (f'"skdec":{state}}}', f'"skdec":{state}}},"__metadata__":{{}}'),
    ):
        path = write_file(tmp_path / "twice", text.replace(old, new, 1), values)
        assert "the same name" in load_and_get_error(path)
    state = members[STATE]
    for old, new in (
        ('"format": 1', '"format": 1, "format": 1'),
        ('"alpha":', '"alpha": 2.0, "alpha":'),
    ):
        assert old in state
        path = write_members(tmp_path / "twice", members | {STATE: state.replace(old, new, 1)})
        assert "the same name" in load_and_get_error(path)


@pytest.mark.parametrize("name", ["../../evil", "/etc/evil", "C:\\evil", "evil", "x/../evil", ""])
def test_unknown_arrays_are_refused_and_not_extracted(name, members, tmp_path):
    write_members(tmp_path / "model", members | {name: ("U8", [4], b"evil")})
    assert "which is none of a saved estimator" in load_and_get_error(tmp_path / "model")
    assert list(tmp_path.iterdir()) == [tmp_path / "model"]


def test_missing_arrays_are_refused(members, tmp_path):
    for name in set(arrays_of(members)) - {"deviation_limits"}:  # which older files have not
        rest = {other: content for other, content in members.items() if other != name}
        assert name in load_and_get_error(write_members(tmp_path / "model", rest))


def float32(*shape, n_bytes=384, dtype="F32", value=None):
    """Return an array of the same value in 96 places, zero by default."""
    return (
        dtype,
        list(shape),
        bytes(n_bytes) if value is None else np.full(96, value, "<f4").tobytes(),
    )


def float64(*values):
    return "F64", [len(values)], np.array(values, "<f8").tobytes()


def int32(value, length):
    return "I32", [length], np.full(length, value, "<i4").tobytes()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("weights.0", float32(10**9, 10**9, n_bytes=0), "sizes of their shapes"),
        ("weights.0", float32(2**63, 2**63), "sizes of their shapes"),
        ("weights.0", float32(2**64, 2**64), "sizes of their shapes"),
        ("weights.0", float32(6, 16, n_bytes=2**16), "sizes of their shapes"),
        ("weights.0", float32(6, 16, n_bytes=383), "sizes of their shapes"),
        ("weights.0", float32(6, 16, n_bytes=380), "sizes of their shapes"),
        ("weights.0", float32(16, 6), r"is float32 of shape \(16, 6\), not float32 of \(6, 16\)"),
        ("weights.0", float32(96), r"not float32 of \(6, 16\)"),
        ("weights.0", float32(6, 16, 1), r"not float32 of \(6, 16\)"),
        ("weights.0", float32(n_bytes=4), r"of shape \(\), not float32 of \(6, 16\)"),
        ("weights.0", float32(0, 10**18, n_bytes=0), r"not float32 of \(6, 16\)"),
        ("weights.0", float32(0, 2**63, n_bytes=0), ""),
        ("weights.0", float32(*[1] * 70, n_bytes=4), ""),
        ("weights.0", float32(6, -16), "sizes of their shapes"),
        ("weights.0", float32(6.0, 16), "sizes of their shapes"),
        ("weights.0", float32("6", 16), "sizes of their shapes"),
        ("weights.0", float32(6, 16, n_bytes=192, dtype="F16"), "is float16 .*, not float32"),
        ("weights.0", float32(6, 16, n_bytes=192, dtype="BF16"), "unknown dtype 'BF16'"),
        ("weights.0", float32(6, 16, n_bytes=768, dtype="C64"), "unknown dtype 'C64'"),
        ("weights.0", float32(6, 16, n_bytes=96, dtype="F8_E4M3"), "unknown dtype 'F8_E4M3'"),
        ("weights.0", float32(6, 16, n_bytes=48, dtype="F4"), "unknown dtype 'F4'"),
        ("weights.0", float32(6, 16, dtype="O"), "unknown dtype 'O'"),
        ("weights.0", float32(6, 16, dtype="f32"), "unknown dtype 'f32'"),
        ("weights.0", float32(6, 16, dtype=""), "unknown dtype ''"),
        ("weights.0", float32(6, 16, dtype="I32"), "is int32 .*, not float32"),
        ("weights.0", float32(6, 16, value=np.nan), "NaN or infinite"),
        ("weights.0", float32(6, 16, value=np.inf), "NaN or infinite"),
        ("weights.0", float32(6, 16, value=3e38), "overflow"),
        ("cluster_centers_", float32(2, 4, n_bytes=32), r"not float32 of \(3, 4\)"),
        ("labels_", ("I32", [10**12], bytes(600)), "sizes of their shapes"),
        ("labels_", int32(0, 0), "shape|labels_"),
        ("frequencies", float64(1, np.nan, 1), "frequencies"),
        ("frequencies", float64(1, -1, 1), "frequencies"),
        ("deviation_limits", float64(1, np.inf), "is not finite or not positive"),
        ("deviation_limits", float64(0, 1), "is not finite or not positive"),
        ("deviation_limits", float64(1), r"not float64 of \(2,\)"),
        ("frequencies", float64(1, 1), r"not float64 of \(3,\)"),
        ("labels_", ("I64", [150], bytes(1200)), "not int32"),
        ("labels_", int32(3, 150), "labels_ are not"),
        ("initial_labels_", int32(-1, 150), "are not"),
        ("initial_labels_", int32(0, 149), r"not int32 of \(150,\)"),
        ("history.refine.loss", ("U8", [1], bytes(1)), "is uint8"),
        ("history.refine.loss", ("F64", [1, 1], bytes(8)), r"of shape \(1, 1\)"),
    ],
)
def test_invalid_arrays_are_refused(name, content, message, members, tmp_path):
    assert name in members
    path = write_members(tmp_path / "model", members | {name: content})
    assert re.search(message, load_and_get_error(path))


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "null", "[]", "1", '"x"', "{}", "\xff\xfe", "\ud800", "NaN", "[" * 100_000,
        '{"a":' * 100_000, "9" * 10_000, '{"format": 1}', " " * (2**23 + 1),
        '{"format": ' + "9" * 5000 + "}", '{"format": NaN}', '{"format": -Infinity}',
        '{"format": 1e999}',
    ],
    ids=lambda text: f"{text[:20]!r}...{len(text)}",
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
        (entry(dims=[1] * 100_000, n_weights=400_000), "arrays are missing"),
        (entry(dims="16"), "dims"),
        (entry(n_features=5), r"not float32 of \(5, 16\)"),
        (entry(n_features=10**30), "shape"),
        (entry(n_features=6.0), "n_features must be"),
        (entry(n_weights=7), "7 weights"),
        (entry(more=1), "it has an entry 'more'"),
        (lambda state: state.pop("n_clusters") and None, "it has no 'n_clusters'"),
        (lambda state: ["format", 1], "no JSON object"),
        (entry(scaler=0), "scaler is no dict"),
        (entry(scaler=[]), "scaler is no dict"),
        (lambda state: state.pop("scaler") and None, "it has no 'scaler'|use skdec.load"),
        (entry(alpha=float("inf")), "Infinity for a number"),
        (entry(alpha=0.0), "alpha must be"),
        (entry(alpha="1"), "alpha must be"),
        (parameter(alpha=float("nan")), "NaN for a number"),
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


def scaler(**values):
    return lambda state: state["scaler"].update(values)


def scaler_parameters(**values):
    return lambda state: state["scaler"]["parameters"].update(values)


def test_a_file_with_a_scaler_is_rebuilt_from_its_members(pipeline, saved_pipeline, tmp_path):
    loaded = skdec.load(write_members(tmp_path / "model", members_of(saved_pipeline)))
    np.testing.assert_array_equal(loaded[0].scale_, pipeline[0].scale_)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (entry(scaler=None), "'scaler.data_max_', which is none"),
        (entry(scaler={}), "its scaler lacks"),
        (entry(scaler={"class": "MinMaxScaler"}), "its scaler lacks"),
        (scaler(more=1), "should not have, the entry 'more'"),
        (scaler(**{"class": "StandardScaler"}), "parameters are not those of StandardScaler"),
        (scaler(**{"class": "RobustScaler"}), "'RobustScaler' is none of StandardScaler, Min"),
        (scaler(**{"class": "os.system"}), "'os.system' is none of"),
        (scaler(**{"class": "x" * 10_000}), "is none of"),
        (scaler(**{"class": None}), ""),
        (scaler(**{"class": ["MinMaxScaler"]}), ""),
        (
            scaler(**{"class": "StandardScaler"}, parameters={"with_mean": True, "with_std": True}),
            "'scaler.data_max_', which is none",
        ),
        (scaler(parameters=None), ""),
        (scaler(parameters={}), "parameters are not those of MinMaxScaler"),
        (scaler_parameters(copy=False), "parameters are not those of MinMaxScaler"),
        (scaler_parameters(steps=[]), "parameters are not those of MinMaxScaler"),
        (scaler_parameters(clip=None), "clip is no bool"),
        (scaler_parameters(clip=1), "clip is no bool"),
        (scaler_parameters(clip={"optimizer": {}}), "clip is no bool"),
        (scaler_parameters(feature_range=None), ""),
        (scaler_parameters(feature_range=[0]), ""),
        (scaler_parameters(feature_range=[1, 0]), "no range of numbers"),
        (scaler_parameters(feature_range=[0, 0]), "no range of numbers"),
        (scaler_parameters(feature_range=[0, 10**400]), ""),
        (scaler_parameters(feature_range=[0, None]), "no range of numbers"),
        (scaler_parameters(feature_range=["0", "1"]), "no range of numbers"),
        (scaler_parameters(feature_range="01"), "no range of numbers"),
        (scaler(feature_names=None), "no 6 strings"),
        (scaler(feature_names="abcdef"), "no 6 strings"),
        (scaler(feature_names=["a"]), "no 6 strings"),
        (scaler(feature_names=[1, 2, 3, 4, 5, 6]), "no 6 strings"),
        (entry(feature_names=list("abcdef")), "not those that its scaler returns"),
        (scaler(steps=None), ""),
        (scaler(steps=[]), ""),
        (scaler(steps=["a"]), ""),
        (scaler(steps=["a", "b", "c"]), ""),
        (scaler(steps=["a", "a"]), "names of the steps"),
        (scaler(steps=["a", "b__c"]), "names of the steps"),
        (scaler(steps=["a", "memory"]), "names of the steps"),
        (scaler(steps=["a", 1]), "names of the steps"),
        (scaler(steps=["a", []]), ""),
    ],
)
def test_invalid_scalers_are_refused(change, message, saved_pipeline, tmp_path):
    path = write_members(tmp_path / "model", with_state(members_of(saved_pipeline), change))
    assert re.search(message, load_and_get_error(path, skdec.load))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("scale_", float64(1, 1, 1, 1, 1, np.nan), "NaN or infinite"),
        ("scale_", float64(1, 1, 1, 1, 1, np.inf), "NaN or infinite"),
        ("scale_", float64(1, 1, 1, 1, 1, 1.7e308), "overflows"),
        ("scale_", float64(1, 1, 1), r"not float64 .* of \(6,\)"),
        ("scale_", ("F64", [6, 1], bytes(48)), r"not float64 .* of \(6,\)"),
        ("scale_", ("F16", [6], bytes(12)), "is float16"),
        ("min_", float64(1, 1, 1, 1, 1, np.nan), "NaN or infinite"),
        ("min_", float64(1, 1, 1, 1, -np.inf, 1), "NaN or infinite"),
        ("data_min_", float64(), r"of shape \(0,\)"),
        ("n_samples_seen_", float64(1, 1), r"of shape \(2,\), not .* of \(\)"),
        ("n_samples_seen_", ("U8", [], b"1"), "is uint8"),
    ],
)
def test_invalid_arrays_of_a_scaler_are_refused(name, content, message, saved_pipeline, tmp_path):
    members = members_of(saved_pipeline)
    assert f"scaler.{name}" in members
    path = write_members(tmp_path / "model", members | {f"scaler.{name}": content})
    assert re.search(message, load_and_get_error(path, skdec.load))


def test_missing_and_unknown_arrays_of_a_scaler_are_refused(saved_pipeline, tmp_path):
    members = members_of(saved_pipeline)
    for name in set(arrays_of(members)) - {"deviation_limits"}:
        rest = {other: content for other, content in members.items() if other != name}
        assert name in load_and_get_error(write_members(tmp_path / "model", rest), skdec.load)
    for name in ("scaler.mean_", "scaler.transform", "scaler.", "scaler"):
        path = write_members(tmp_path / "model", members | {name: float64(*[1.0] * 6)})
        assert f"{name!r}, which is none of" in load_and_get_error(path, skdec.load)


def test_a_standard_scaler_that_divides_by_zero_is_refused(fitted, samples, tmp_path):
    path = tmp_path / "model"
    save_model(make_pipeline(StandardScaler().fit(samples), fitted), path)
    write_members(path, members_of(path) | {"scaler.scale_": float64(1, 0, 1, 1, 1, 1)})
    assert "divides by zero" in load_and_get_error(path, skdec.load)


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
assert "skdec.dec._estimator" not in sys.modules
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


# ---- networks by the builders of skdec

BUILDS = {
    "convolutional": partial(
        build_convolutional_autoencoder, image_shape=(2, 3), filters=(8, 5), embedding_width=4
    ),
    "dense": partial(
        build_autoencoder,
        dims=[8, 4],
        activation="gelu",
        kernel_initializer=keras.initializers.HeNormal(seed=3),
        seed=7,
        dtype="float32",
    ),
}


@pytest.fixture(scope="module", params=BUILDS)
def built_fit(request, tiny, samples):
    return DECClusterer(**tiny, autoencoder=BUILDS[request.param]).fit(samples)


@pytest.fixture(scope="module")
def saved_build(built_fit, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "model.skdec"
    built_fit.save(path)
    return path


def test_networks_of_a_known_builder_are_restored(built_fit, saved_build, samples, random):
    loaded = skdec.load(saved_build)
    new_samples = random(1).random((70, 6))
    assert_same(loaded, built_fit, new_samples)
    Z = loaded.transform(new_samples)
    np.testing.assert_array_equal(loaded.inverse_transform(Z), built_fit.inverse_transform(Z))
    np.testing.assert_array_equal(
        loaded.score_samples(new_samples), built_fit.score_samples(new_samples)
    )
    assert loaded.autoencoder.func is built_fit.autoencoder.func
    assert loaded.autoencoder.keywords.keys() == built_fit.autoencoder.keywords.keys()
    expected = pickle.loads(pickle.dumps(built_fit)).partial_fit(samples[:40])
    found = loaded.partial_fit(samples[:40])
    np.testing.assert_array_equal(found.cluster_centers_, expected.cluster_centers_)
    clone(loaded).fit(samples)


def test_a_pipeline_with_networks_of_a_known_builder_is_restored(built_fit, samples, tmp_path):
    model = make_pipeline(StandardScaler().fit(samples), built_fit)
    save_model(model, tmp_path / "model")
    np.testing.assert_array_equal(
        skdec.load(tmp_path / "model").predict(samples), model.predict(samples)
    )


def test_the_command_predicts_with_networks_of_a_known_builder(
    built_fit, saved_build, samples, tmp_path, capsys
):
    np.save(tmp_path / "X.npy", samples)
    arguments = [str(saved_build), str(tmp_path / "X.npy")]
    assert main(["predict", *arguments, "--output", str(tmp_path / "labels.csv")]) == 0
    labels = pd.read_csv(tmp_path / "labels.csv")["cluster"]
    np.testing.assert_array_equal(labels, built_fit.labels_)
    capsys.readouterr()
    assert main(["info", str(saved_build)]) == 0
    assert f"{built_fit.autoencoder.func.__name__}(" in capsys.readouterr().out


class Builder(partial):
    """A partial function of a class of the user's."""


@pytest.mark.parametrize(
    ("autoencoder", "message"),
    [
        (lambda n_features: build_autoencoder(n_features, (4,)), "with this autoencoder cannot be"),
        (Builder(build_autoencoder, dims=(4,)), "with this autoencoder cannot be saved"),
        (tuple(build_autoencoder(6, (4,))), "with this autoencoder cannot be saved"),
        (
            partial(build_autoencoder, dims=(4,), activation=np.tanh),
            "activation=.* cannot be saved",
        ),
    ],
)
def test_other_networks_are_refused_before_anything_is_written(
    autoencoder, message, built_fit, changed, tmp_path
):
    refused = pickle.loads(pickle.dumps(built_fit))
    source = dataclasses.replace(refused._weights.architecture, source=autoencoder)
    refused._weights = dataclasses.replace(refused._weights, architecture=source)
    with pytest.raises(ValueError, match=message):
        refused.save(tmp_path / "model")
    with pytest.raises(ValueError, match="cannot be saved"):  # as a parameter alone
        changed(autoencoder=autoencoder).save(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def convolutional_members(tiny, samples, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "model"
    DECClusterer(**tiny, autoencoder=BUILDS["convolutional"]).fit(samples).save(path)
    return members_of(path)


def networks(**values):
    """Change the arguments of the builder of a file's networks."""
    return lambda state: next(iter(state["networks"].values())).update(values)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (entry(networks={"system": {}}), "'system' is none of skdec's own"),
        (entry(networks={"copy_layer": {}}), "'copy_layer' is none of skdec's own"),
        (entry(networks={}), ""),
        (entry(networks=[1]), ""),
        (entry(networks=None), ""),
        (entry(networks={"build_autoencoder": []}), ""),
        (entry(networks={"build_autoencoder": {"dims": [4]}}), "12 weights are not those of its"),
        (entry(dims=[4], activation="relu"), "describes its networks twice"),
        (parameter(autoencoder={"os": {}}), "autoencoder 'os' is none of skdec's own"),
        (parameter(autoencoder={"initializer": {}}), "'initializer' is none of skdec's own"),
        (parameter(autoencoder=1), "autoencoder must be"),
        (networks(filters=[8, 10**6]), r"not float32 of \(3, 3, 8, 1000000\)"),
        (networks(filters=[8, 10**9]), "with 1000000000 filters are larger than"),
        (networks(filters=[8] * 100_000), "12 weights are not those of its networks"),
        (networks(filters=[8, "5"]), ""),
        (networks(filters=8), ""),
        (networks(filters=[8, -5]), "must be at least 1"),
        (networks(embedding_width=5), r"not float32 of \(10, 5\)|not float32 of \(5, 5\)"),
        (networks(embedding_width=None), ""),
        (networks(image_shape=[3, 2, 1.0]), "image_shape must be"),
        (networks(image_shape=[2, 4]), r"image_shape=\(2, 4\) has 8 values"),
        (networks(activation="Lambda"), "activation 'Lambda' is none of Keras' own"),
        (networks(activation={"function": "os.system"}), "no optimizer and no initializer"),
        (networks(kernel_initializer="get"), "kernel_initializer 'get' is none of Keras' own"),
        (networks(dtype="int8_from_float32"), "not of dtype float32"),
        (networks(seed=-1), ""),
        (networks(n_features=6), "n_features"),
        (networks(evil=1), "evil"),
    ],
)
def test_invalid_networks_in_a_file_are_refused(change, message, convolutional_members, tmp_path):
    write_members(tmp_path / "model", with_state(convolutional_members, change))
    assert re.search(message, load_and_get_error(tmp_path / "model"))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_small_file_of_large_images_is_refused(tiny, samples, tmp_path):
    """Each halving of the image keeps the weights as they are."""
    n_halvings = 20
    build = partial(build_convolutional_autoencoder, image_shape=(2, 3), filters=[1] * n_halvings)
    dec = DECClusterer(**tiny | {"pretrain_epochs": 0, "max_iter": 0}, autoencoder=build)
    dec.fit(samples).save(tmp_path / "model")
    size = 2**n_halvings

    def enlarge(state):
        state["n_features"] = size**2
        networks(image_shape=[size, size])(state)

    write_members(tmp_path / "model", with_state(members_of(tmp_path / "model"), enlarge))
    assert "its images of 1099511627776 values" in load_and_get_error(tmp_path / "model")


def test_networks_that_overflow_are_refused(built_fit, tmp_path):
    broken = pickle.loads(pickle.dumps(built_fit))
    broken._weights.encoder[0][:] = 1e30
    with pytest.raises(ValueError, match="so large that its networks overflow"):
        broken.save(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []
