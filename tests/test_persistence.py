"""Model files: loaded models predict the same bits, and no file can do harm."""

import io
import json
import os
import pickle
import resource
import subprocess
import sys
import time
import tracemalloc
import zipfile
from functools import partial

import joblib
import keras
import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler

import skdec
from skdec import DECClusterer, NeighborClusterer, TablePreparer
from skdec._persistence import read_header
from skdec.layers import RandomAffine
from skdec.networks import build_autoencoder, build_convolutional_autoencoder

N_ROWS = 60
N_FILES = int(os.environ.get("SKDEC_FUZZ", "60"))  # with random damage
CONVOLUTIONAL = partial(
    build_convolutional_autoencoder, image_shape=(2, 3), filters=(8, 5), embedding_width=4
)
DENSE = partial(
    build_autoencoder,
    dims=[8, 4],
    activation=keras.activations.gelu,
    kernel_initializer=keras.initializers.HeNormal(seed=3),
)


@pytest.fixture(scope="module")
def table():
    """A table with columns of all kinds."""
    random = np.random.default_rng(0)
    times = pd.date_range("2020-01-01", periods=N_ROWS, freq="13h", tz="Europe/Berlin")
    frame = pd.DataFrame(
        {
            "n": random.normal(size=N_ROWS),
            "word": random.choice(["a", "b", "c"], N_ROWS),
            "memory": [f"the {random.choice(['red', 'blue'])} item {i}" for i in range(N_ROWS)],
            "zoned": times,
            "days": times.tz_localize(None).date,
            "written": times.tz_convert("UTC").strftime("%Y-%m-%dT%H:%M:%SZ"),
            "duration": times - times[0],
            "zeros": (random.random(N_ROWS) < 0.1) * 1.0,
            "constant": 1,
        }
    )
    frame.loc[2:4, ["n", "word", "days"]] = None
    return frame


@pytest.fixture(scope="module")
def models(fitted, tiny, samples, table):
    """Fitted models with the samples that they take, by name."""
    named = pd.DataFrame(samples * 1000 - 7, columns=["a", "b", "größe", "d", "e", '"; \u2028'])
    wide = np.hstack([samples] * 10)
    neighbors = NeighborClusterer(3, random_state=0)
    preparer = TablePreparer(n_text_components=3, random_state=np.random.RandomState(0))
    found = {
        "DEC": (fitted, samples),
        "scaler": (Pipeline([("scale", MinMaxScaler().fit(named)), ("dec", fitted)]), named),
        "neighbors": (clone(neighbors).fit(samples), samples),
        "components": (clone(neighbors).fit(wide), wide),
        "steps": (make_pipeline(FunctionTransformer(np.sqrt), PCA(3), neighbors), samples),
        "table": (make_pipeline(preparer.set_output(transform="pandas"), neighbors), table),
        "passed_on": (make_pipeline(TablePreparer(), neighbors), samples),
    }
    for name in ("steps", "table", "passed_on"):
        found[name] = (clone(found[name][0]).fit(found[name][1]), found[name][1])
    for name, build in (("convolutional", CONVOLUTIONAL), ("dense", DENSE)):
        untrained = tiny | {"pretrain_epochs": 0, "max_iter": 0, "dims": "auto"}
        found[name] = (DECClusterer(**untrained, autoencoder=build).fit(samples), samples)
    return found


@pytest.fixture(scope="module")
def saved(models, tmp_path_factory):
    """Files of the models, by name."""
    directory = tmp_path_factory.mktemp("saved")
    for name, (model, _) in models.items():
        skdec.save(model, directory / name)
    return {name: directory / name for name in models}


def change(estimator, **attributes):
    """Return a copy of a fitted estimator with other attributes."""
    copy = pickle.loads(pickle.dumps(estimator))
    vars(copy).update(attributes)
    return copy


def assert_same(found, expected, X):
    for method in ("predict", "predict_proba", "transform", "score_samples"):
        if hasattr(expected, method):
            np.testing.assert_array_equal(getattr(found, method)(X), getattr(expected, method)(X))


# ---- what is restored


@pytest.mark.parametrize("position", range(9))
def test_a_loaded_model_equals_the_saved_one(position, models, saved, tmp_path):
    kind = list(models)[position]
    model, X = models[kind]
    loaded = skdec.load(saved[kind])
    assert type(loaded) is type(model)
    assert_same(loaded, model, X)
    final, expected = (one[-1] if hasattr(one, "steps") else one for one in (loaded, model))
    assert vars(final).keys() == vars(expected).keys() - {"_networks", "model_", "_augmentation"}
    np.testing.assert_array_equal(final.labels_, expected.labels_, strict=True)
    if isinstance(model, Pipeline):
        assert list(loaded.named_steps) == list(model.named_steps)
    clone(loaded)
    skdec.save(loaded, tmp_path / "again")
    assert read_header(tmp_path / "again")["versions"] == read_header(saved[kind])["versions"]
    assert_same(skops.io.load(saved[kind], trusted=skdec.TRUSTED_TYPES), model, X)


def test_training_and_histories_continue_from_a_file(fitted, saved, samples):
    loaded = skdec.load(saved["DEC"])
    assert (loaded.n_iter_, loaded.stop_reason_) == (fitted.n_iter_, fitted.stop_reason_)
    for phase, series in fitted.history_.items():
        for name, values in series.items():
            np.testing.assert_array_equal(loaded.history_[phase][name], values, strict=True)
    expected = change(fitted).partial_fit(samples[:40])
    found = loaded.partial_fit(samples[:40])
    np.testing.assert_array_equal(found.cluster_centers_, expected.cluster_centers_)
    named = pd.DataFrame(samples, columns=list("abcdef"))
    with pytest.warns(UserWarning, match="feature names"):
        skdec.load(saved["DEC"]).predict(named)


SCHEDULE = keras.optimizers.schedules.CosineDecay(0.01, 20)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("optimizer", keras.optimizers.Adam(SCHEDULE, beta_1=0.8)),
        ("pretrain_optimizer", keras.optimizers.SGD(0.25, nesterov=True, clipnorm=1.0)),
        ("augment", RandomAffine((2, 3), rotation=0.1)),
        ("init", np.arange(12.0).reshape(3, 4)),
        ("n_clusters", np.int64(3)),
    ],
)
def test_parameters_are_restored(name, value, fitted, tmp_path):
    skdec.save(change(fitted, **{name: value}), tmp_path / "model")
    loaded = getattr(skdec.load(tmp_path / "model"), name)
    assert type(loaded) is type(value)
    if hasattr(value, "get_config"):
        assert loaded.get_config() | {"name": ""} == value.get_config() | {"name": ""}
    else:
        assert str(loaded) == str(value)


def test_what_no_prediction_needs_is_left_out(fitted, tmp_path):
    left_out = {
        "callbacks": [keras.callbacks.Callback()],
        "memory": str(tmp_path),
        "random_state": np.random.RandomState(0),
        "init": NeighborClusterer(n_init=1, memory=joblib.Memory(tmp_path)),
    }
    skdec.save(make_pipeline(change(fitted, **left_out)), tmp_path / "model")
    loaded = skdec.load(tmp_path / "model")[-1]
    assert loaded.callbacks is loaded.memory is loaded.random_state is loaded.init.memory is None
    assert left_out["init"].memory is not None


ELSEWHERE = """
import numpy as np, skdec, joblib
X = np.load("X.npy")
np.save("file.npy", skdec.load("model").predict_proba(X))
np.save("joblib.npy", joblib.load("model.joblib").predict_proba(X))
"""


@pytest.mark.slow
def test_another_process_gets_the_same_bits(fitted, saved, samples, tmp_path):
    (tmp_path / "model").write_bytes(saved["DEC"].read_bytes())
    joblib.dump(fitted, tmp_path / "model.joblib")
    np.save(tmp_path / "X.npy", samples)
    subprocess.run([sys.executable, "-c", ELSEWHERE], cwd=tmp_path, check=True, timeout=600)
    for kind in ("file", "joblib"):
        found = np.load(tmp_path / f"{kind}.npy")
        np.testing.assert_array_equal(found, fitted.predict_proba(samples))


# ---- what is refused by save


class UserSGD(keras.optimizers.SGD):
    pass


class UserScaler(StandardScaler):
    pass


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda X, dec: change(dec, optimizer=UserSGD(0.1)), "^optimizer=.* cannot be saved"),
        (lambda X, dec: change(dec, autoencoder=lambda n: n), "^autoencoder=<function .* pickle"),
        (lambda X, dec: change(dec, augment=keras.layers.Identity()), "^augment=.* cannot be"),
        (lambda X, dec: change(dec, alpha=-1.0), "alpha must be"),
        (lambda X, dec: change(dec, cluster_centers_=np.zeros((3, 5))), "cluster_centers_"),
        (lambda X, dec: make_pipeline(UserScaler().fit(X), dec), "UserScaler'.* not allowed"),
        (lambda X, dec: make_pipeline(StandardScaler().fit(X[:, :4]), dec), "StandardScaler does"),
        (lambda X, dec: KMeans(2).fit(X), "^KMeans.* cannot be saved: a file holds a DECCl"),
    ],
)
def test_what_a_file_cannot_hold_is_named(build, message, fitted, samples, tmp_path):
    (tmp_path / "model").write_bytes(b"before")
    with pytest.raises(ValueError, match=message):
        skdec.save(build(samples, fitted), tmp_path / "model")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"before"]


def test_unfitted_models_and_missing_files(tmp_path):
    for model in (DECClusterer(), make_pipeline(StandardScaler(), NeighborClusterer())):
        with pytest.raises(NotFittedError):
            skdec.save(model, tmp_path / "model")
    with pytest.raises(FileNotFoundError):
        skdec.load(tmp_path / "absent")


# ---- hostile files: each is refused by one ValueError, quickly and in little memory

BASE_BYTES = 2**20  # what a load may take beyond a multiple of the file's size


def members_of(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pack(members, compression=zipfile.ZIP_STORED):
    """Return a zip archive of members, or of pairs of names and contents."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items() if isinstance(members, dict) else members:
            archive.writestr(name, content)
    return buffer.getvalue()


def pack_array(array):
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def find_nodes(node, key, value):
    """Return the nodes of a schema that have a value."""
    found = [node] if isinstance(node, dict) and node.get(key) == value else []
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else []
    return found + [one for child in children for one in find_nodes(child, key, value)]


def get_attributes(schema, name):
    return find_nodes(schema, "__class__", name)[0]["content"]["content"]


@pytest.fixture
def refuse(tmp_path):
    def load_and_get_error(content, message=""):
        path = tmp_path / "hostile"
        path.write_bytes(content)
        start = time.process_time()
        tracemalloc.start()
        try:
            with pytest.raises(ValueError, match=message) as caught:
                skdec.load(path)
            used = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert time.process_time() - start < 5
        assert used < BASE_BYTES + 5 * len(content)
        text = str(caught.value)
        assert "cannot be read as a saved estimator: " in text
        assert "\n" not in text
        assert len(text) < 400 + len(str(path))
        assert [one.name for one in tmp_path.iterdir()] == ["hostile"]

    return load_and_get_error


@pytest.fixture(scope="module")
def content(saved):
    return saved["scaler"].read_bytes()


@pytest.fixture(scope="module")
def members(saved):
    return members_of(saved["scaler"])


@pytest.mark.parametrize("end", [0, 1, 7, 21, 22, 100, 0.3, 0.5, 0.9, -22, -4, -1])
def test_truncated_files_are_refused(end, content, refuse):
    refuse(content[: int(end * len(content)) if isinstance(end, float) else end])


def overwrite(content, start, value, size=4):
    return content[:start] + value.to_bytes(size, "little") + content[start + size :]


DIRECTORY = b"PK\x01\x02"  # begins each entry of a zip's directory; its sizes are at 20 and 24
OLD = b'{"__metadata__":{"skdec":"{}"}}'
WHOLE_FILES = {
    "text": (lambda content, members: b"dear reader" * 10, "is no file that skdec has written"),
    "pickle": (lambda content, members: pickle.dumps({"format": 1}), "is no file"),
    "npz": (lambda content, members: pack({"a.npy": pack_array(np.zeros(3))}), "has no|no item"),
    "development": (lambda *_: len(OLD).to_bytes(8, "little") + OLD, "development version of skd"),
    "more behind": (lambda content, members: content + bytes(100), "its end is missing"),
    "more before": (lambda content, members: bytes(100) + content, "is no file"),
    "twice": (lambda content, members: content * 2, "before its members"),
    "comment": (lambda content, members: overwrite(content, len(content) - 2, 5, 2) + b"hello", ""),
    "deflated": (lambda content, members: pack(members, zipfile.ZIP_DEFLATED), "compressed"),
    "bomb": (lambda *_: pack({"a": bytes(2**24)}, zipfile.ZIP_BZIP2), "compressed"),
    "inflated": (
        lambda content, members: overwrite(
            content, content.rindex(DIRECTORY) + 20, 2**63 + 2**31, 8
        ),
        "larger than the file",
    ),
    "encrypted": (
        lambda content, members: overwrite(content, content.rindex(DIRECTORY) + 8, 1, 2),
        "encrypted",
    ),
    "flipped": (lambda content, members: overwrite(content, len(content) // 2, 0, 3), ""),
    "same name": (lambda content, members: pack([*members.items()] * 2), "the same name"),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("kind", WHOLE_FILES)
def test_files_that_are_no_archive_of_ours_are_refused(kind, content, members, refuse):
    build, message = WHOLE_FILES[kind]
    refuse(build(content, members), message)


@pytest.mark.parametrize(
    "name",
    ["../../evil", "/etc/evil", "C:\\evil", "evil.py", "x/../evil", "1.npy", "1.pkl", "schema"],
)
def test_other_members_are_refused_and_not_extracted(name, members, refuse):
    refuse(pack(members | {name: b"evil"}), "should not have, the member")


def test_missing_members_are_refused(members, refuse):
    for name in members:
        rest = {other: content for other, content in members.items() if other != name}
        refuse(pack(rest), name)


@pytest.mark.parametrize("member", ["schema.json", "skdec.json"])
@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "null", "[]", "1", '"x"', "{}", "\xff\xfe", "NaN", '{"format": 1e999}'),
        *("[" * 100_000, '{"a":' * 100_000, "9" * 10_000, "[" + "[]," * 300_000 + "[]]"),
        '{"protocol": 2, "a": ' + "[" * 200 + " " * 9000 + "]" * 200 + "}",
        '{"format": 2, "format": 2}',
    ],
    ids=lambda text: f"{text[:20]!r}...{len(text)}",
)
def test_other_json_is_refused(member, text, members, refuse):
    refuse(pack(members | {member: text.encode()}))


@pytest.mark.parametrize(
    ("update", "message"),
    [
        ({"format": 3}, "newer version of skdec"),
        ({"format": True}, "no number of a format"),
        ({"summary": None}, ""),
        ({"summary": [["a", 1]]}, "no list of pairs"),
        ({"versions": []}, ""),
    ],
)
def test_other_headers_are_refused(update, message, members, refuse):
    header = json.loads(members["skdec.json"]) | update
    refuse(pack(members | {"skdec.json": json.dumps(header)}), message)


def resize(array, *shape):
    """Return an array whose header claims another shape."""
    content = pack_array(array)
    header = str(array.shape).encode()
    claimed = str(shape).encode()
    return content.replace(header + b", }", (claimed + b", }").ljust(len(header) + 3), 1)


CENTERS = np.zeros((3, 4), np.float32)
ARRAYS = [
    ("DECClusterer", "cluster_centers_", CENTERS[:2], ""),
    ("DECClusterer", "cluster_centers_", CENTERS.astype(float), "cluster_centers_"),
    ("DECClusterer", "cluster_centers_", CENTERS * np.nan, "not finite"),
    ("DECClusterer", "labels_", np.zeros(0, np.int32), "labels_"),
    ("DECClusterer", "labels_", np.full(150, 3, np.int32), "labels_ are not from 0"),
    ("DECClusterer", "labels_", np.zeros(150, np.int64), "labels_ are no integers"),
    ("DECClusterer", "initial_labels_", np.full(150, -1, np.int32), "initial_labels_ are"),
    ("DECClusterer", "initial_labels_", np.zeros(149, np.int32), "initial_labels_ are"),
    ("DECClusterer", "_frequencies", np.array([1, np.nan, 1]), "_frequencies is not finite"),
    ("DECClusterer", "_deviation_limits", np.array([1, np.inf]), "_deviation_limits"),
    ("DECClusterer", "labels_", np.array([{}]), "dtype object"),
    ("DECClusterer", "labels_", np.zeros(2, complex), "dtype complex128"),
    ("DECClusterer", "labels_", np.zeros(2, [("a", "f4")]), "dtype"),
    ("DECClusterer", "labels_", resize(CENTERS, 3, 10**9), "size of its shape"),
    ("DECClusterer", "labels_", resize(CENTERS, 2**63, 2**63), "size of its shape"),
    ("DECClusterer", "labels_", pack_array(CENTERS)[:-1], "size of its shape"),
    ("DECClusterer", "labels_", pack_array(CENTERS) + b"x", "size of its shape"),
    ("DECClusterer", "labels_", pickle.dumps(CENTERS), "magic"),
    ("DECClusterer", "labels_", pack({"a.npy": pack_array(CENTERS)}), "magic"),
    ("MinMaxScaler", "scale_", np.array([1, 1, 1, 1, 1, np.nan]), "MinMaxScaler does not ret"),
    ("MinMaxScaler", "scale_", np.array([1, 1, 1, 1, 1, 1.7e308]), "MinMaxScaler does not ret"),
    ("MinMaxScaler", "min_", np.ones((6, 1)), ""),
]


@pytest.mark.parametrize(("owner", "attribute", "array", "message"), ARRAYS)
def test_other_arrays_are_refused(owner, attribute, array, message, members, refuse):
    name = get_attributes(json.loads(members["schema.json"]), owner)[attribute]["file"]
    content = array if isinstance(array, bytes) else pack_array(array)
    refuse(pack(members | {name: content}), message)


@pytest.mark.parametrize(
    ("name", "attributes", "message"),
    [
        ("neighbors", {"_hashes": np.arange(3)}, "other numbers of points, labels and hashes"),
        ("neighbors", {"_origin": np.zeros(7)}, "origin is not that of its features"),
        ("neighbors", {"n_clusters_": 4}, "labels are not those of its clusters"),
        ("DEC", {"cluster_centers_": CENTERS}, "cluster_centers_ are not those of its networks"),
        ("DEC", {"_n_features_out": 5}, "numbers of features are not those of its networks"),
        ("DEC", {"history_": {"refine": {"loss": np.array(["a"])}}}, "else than numbers"),
        ("DEC", {"stop_reason_": 3}, "history_ or stop_reason_"),
    ],
    ids=str,
)
def test_attributes_that_do_not_belong_together_are_refused(
    name, attributes, message, models, tmp_path
):
    """A file is loaded once when it is saved."""
    with pytest.raises(ValueError, match=message):
        skdec.save(change(models[name][0], **attributes), tmp_path / "model")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30, "transposed"])
def test_other_weights_are_refused(value, members, refuse):
    changed = dict(members)
    for name, content in members.items():
        if name.endswith(".npy") and (array := np.load(io.BytesIO(content))).shape == (6, 16):
            array = array.T if value == "transposed" else np.full_like(array, value)
            changed[name] = pack_array(array)
    assert changed != members
    refuse(pack(changed), "shapes of its networks|NaN or infinite|overflow")


def plain(value):
    node = {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode"}
    return node | {"content": json.dumps(value)}


def update_dict(node, values):
    """Set plain values of a dict; skops reads as many of its keys as it has types of keys."""
    new = values.keys() - node["content"].keys()
    node["key_types"]["content"] += [{**types_of("TypeNode", "str"), "__id__": None}] * len(new)
    node["content"].update({name: plain(value) for name, value in values.items()})


def set_attribute(owner, **values):
    def edit(schema):
        update_dict(find_nodes(schema, "__class__", owner)[0]["content"], values)

    return edit


def set_network(**values):
    def edit(schema):
        described = get_attributes(schema, "DECClusterer")["_weights"]["content"]["skdec weights"]
        if not values.keys() <= described["content"].keys():
            described = described["content"]["networks"]["content"]["arguments"]
        update_dict(described, values)

    return edit


def rename(old, module, new, loader=None):
    """Have an object of another class."""

    def edit(schema):
        node = find_nodes(schema, "__class__", old)[0]
        node.update(__module__=module, __class__=new, __loader__=loader or node["__loader__"])

    return edit


def optimizer(module="keras.optimizers", name="SGD", **config):
    described = {"module": module, "class_name": name, "registered_name": None}
    return {"keras": described | {"config": {"learning_rate": 0.1, **config}}}


def set_parameter(name, value):
    """Set a parameter to a value of dicts, lists and plain values."""

    def describe(value):
        if isinstance(value, dict):
            types = {**plain(0), "__class__": "str", "__loader__": "TypeNode"}
            types = {**types_of("ListNode", "list"), "content": [types] * len(value)}
            content = {key: describe(one) for key, one in value.items()}
            return {**types_of("DictNode", "dict"), "content": content, "key_types": types}
        return plain(value)

    return lambda schema: get_attributes(schema, "DECClusterer").update({name: describe(value)})


def types_of(loader, name):
    return {"__class__": name, "__module__": "builtins", "__loader__": loader}


def nest(n_levels, n_copies):
    """A list of lists that repeats a short reference to each: small to write, huge to build."""

    def edit(schema):
        node = {**types_of("ListNode", "list"), "content": [], "__id__": 1}
        for level in range(2, n_levels):
            short = {**types_of("ListNode", "list"), "content": [], "__id__": level - 1}
            content = [node, *[short] * n_copies]
            node = {**types_of("ListNode", "list"), "content": content, "__id__": level}
        get_attributes(schema, "DECClusterer")["more"] = node

    return edit


def share_file(schema):
    array = find_nodes(schema, "type", "numpy")[0]
    copies = [{**array, "__id__": i + 1} for i in range(100)]
    node = {**types_of("ListNode", "list"), "content": copies}
    get_attributes(schema, "DECClusterer")["more"] = node


LAMBDA = {"class_name": "__lambda__", "config": {"value": "4wEAAAA="}}
SCHEMAS = {
    "system": (rename("MinMaxScaler", "os", "system"), "'os.system', which is not allowed"),
    "eval": (rename("MinMaxScaler", "builtins", "eval", "FunctionNode"), "'builtins.eval', which"),
    "method": (rename("MinMaxScaler", "skops.io", "loads", "MethodNode"), "is not allowed"),
    "partial": (rename("MinMaxScaler", "functools", "partial", "PartialNode"), "is not allowed"),
    "reduce": (rename("MinMaxScaler", "os", "popen", "ConstructorFromReduceNode"), "not allowed"),
    "operator": (rename("tuple", "operator", "methodcaller", "OperatorFuncNode"), "not allowed"),
    "tree": (rename("MinMaxScaler", "sklearn.neighbors._kd_tree", "KDTree"), "which is not allo"),
    "memmap": (rename("ndarray", "numpy", "memmap"), "'numpy.memmap', which is not allowed"),
    "list of DEC": (rename("list", "skdec.dec._estimator", "DECClusterer"), "as a ListNode"),
    "function": (rename("MinMaxScaler", "numpy", "load", "FunctionNode"), "numpy.load|untrusted"),
    "unknown class": (rename("MinMaxScaler", "sklearn.preprocessing._data", "NoScaler"), "NoSca"),
    "long name": (rename("MinMaxScaler", "x" * 10_000, "y"), "which is not allowed"),
    "protocol": (lambda schema: schema.update(protocol=0), "older version of skops"),
    "new protocol": (lambda schema: schema.update(protocol=99), "protocol 99"),
    "no class": (lambda schema: schema.pop("__class__") and None, "it has no '__class__'"),
    "array by path": (
        lambda schema: find_nodes(schema, "type", "numpy")[0].update(file="../x.npy"),
        "not named by its number",
    ),
    "shared file": (share_file, "not named by its number"),
    "laughs": (nest(40, 10), "the same number"),
    "object arrays": (nest(12, 10), "the same number"),
    "deep": (nest(60, 0), "nested too deep"),
    "memory": (set_attribute("Pipeline", memory="dir"), "Pipeline has memory='dir'"),
    "DEC memory": (set_attribute("DECClusterer", memory="dir"), "DECClusterer has memory='dir'"),
    "checkpoint": (set_attribute("DECClusterer", checkpoint="d"), "DECClusterer has checkpoint"),
    "jobs": (set_attribute("MinMaxScaler", n_jobs=10_000), "n_jobs='10000'"),
    "input": (set_attribute("MinMaxScaler", input="filename"), "input='filename'"),
    "method hidden": (set_attribute("DECClusterer", predict=1), "'predict', which is a method"),
    "huge n_features": (set_attribute("DECClusterer", n_features_in_=10**30), ""),
    "alpha": (set_attribute("DECClusterer", alpha="1"), "alpha must be"),
    "steps": (set_attribute("Pipeline", steps=[]), ""),
    "fitted alpha": (set_network(alpha=float("inf")), "alpha is not positive"),
    "network features": (set_network(n_features=5), "shapes of its networks"),
    "many features": (set_network(n_features=10**30), ""),
    "dims": (set_network(dims=[16, 5]), "shapes of its networks"),
    "wide": (set_network(dims=[10**9, 4]), "shapes of its networks"),
    "long": (set_network(dims=[1] * 10_000), "8 weights are not those of its networks"),
    "optimizer class": (set_parameter("optimizer", optimizer("os", "system")), "it has no 'os'"),
    "optimizer base": (
        set_parameter("optimizer", optimizer(name="Optimizer")),
        "'Optimizer' is no class of keras.optimizers",
    ),
    "optimizer argument": (set_parameter("optimizer", optimizer(evil=1)), "evil"),
    "optimizer code": (set_parameter("optimizer", optimizer(momentum=LAMBDA)), "no plain value"),
    "schedule code": (set_parameter("optimizer", optimizer(learning_rate=LAMBDA)), "'module'"),
    "builder": (
        set_parameter("autoencoder", {"skdec builder": "copy_layer", "arguments": {}}),
        "it has no 'copy_layer'",
    ),
    "augment": (set_parameter("augment", {"augment": {"evil": 1}}), "RandomAffine"),
}  # fmt: skip


@pytest.mark.parametrize("kind", SCHEMAS)
def test_other_objects_are_refused(kind, members, refuse):
    edit, message = SCHEMAS[kind]
    schema = json.loads(members["schema.json"])
    edit(schema)
    text = json.dumps(schema, indent=2)
    refuse(pack(members | {"schema.json": text}), message)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"filters": [8, 10**9]}, "shapes of its networks"),
        ({"filters": [8] * 10_000}, "12 weights are not those of its networks"),
        ({"image_shape": [2, 4]}, "has 8 values"),
        ({"dtype": "int8_from_float32"}, "not of dtype float32"),
        ({"activation": "Lambda"}, "'Lambda' is none of Keras' own"),
        ({"evil": 1}, "evil"),
    ],
)
def test_other_networks_are_refused(arguments, message, saved, refuse):
    members = members_of(saved["convolutional"])
    schema = json.loads(members["schema.json"])
    set_network(**arguments)(schema)
    refuse(pack(members | {"schema.json": json.dumps(schema, indent=2)}), message)


# ---- random damage: each file is refused, or works

ODD_VALUES = [
    *(None, True, 0, -1, 3, 1e300, 0.5, 10**18, 10**400, "", "x", "../../x", [], {}, [[]], [1, 2]),
    *({"a": 1}, {"keras": {}}, {"skdec weights": {}}, "x" * 10_000, list(range(1000))),
]


def choose_place(random, holder):
    """Return a container in the schema, at any depth, and a key or index of it."""
    while True:
        keys = list(holder) if isinstance(holder, dict) else range(len(holder))
        key = keys[random.integers(len(keys))]
        if not isinstance(holder[key], (dict, list)) or not holder[key] or random.random() < 0.2:
            return holder, key
        holder = holder[key]


def damage(random, members):
    """Return members with one to three places of the schema or the arrays changed."""
    changed, schema = dict(members), json.loads(members["schema.json"])
    for _ in range(random.integers(1, 4)):
        kind, value = random.random(), ODD_VALUES[random.integers(len(ODD_VALUES))]
        if kind < 0.3:
            nodes = find_nodes(schema, "__loader__", "JsonNode")
            if nodes:
                nodes[random.integers(len(nodes))]["content"] = json.dumps(value)
        elif kind < 0.6:
            holder, key = choose_place(random, schema)
            holder[key] = value
            if random.random() < 0.2:
                del holder[key]
        else:
            names = [name for name in members if name.endswith(".npy")]
            name, other = random.choice(names, 2)
            flipped = bytearray(changed[name])
            flipped[random.integers(len(flipped))] ^= 1 << int(random.integers(8))
            changed[name] = bytes(flipped) if random.random() < 0.5 else changed[other]
        schema = schema or [0]
    return pack(changed | {"schema.json": json.dumps(schema, indent=2)})


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["scaler", "table"])
def test_damaged_files_are_refused_or_work(kind, models, saved, tmp_path):
    X, members = models[kind][1], members_of(saved[kind])
    outcomes = {"refused": 0, "works": 0}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for seed in range(N_FILES if kind == "scaler" else N_FILES // 4):
        (tmp_path / "damaged").write_bytes(damage(np.random.default_rng(seed), members))
        start = time.process_time()
        try:
            model = skdec.load(tmp_path / "damaged")
        except ValueError:
            outcomes["refused"] += 1
        else:
            features = model[0].transform(X)
            if np.abs(np.asarray(features, float)).max() < 1e15:  # else right for larger samples
                assert np.isfinite(model.predict_proba(X)).all(), seed
            outcomes["works"] += 1
        assert time.process_time() - start < 10, seed
    assert outcomes["refused"] > outcomes["works"]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert peak - before < 200 * 1024, "kilobytes beyond what the process had"


def test_a_fit_after_a_load_creates_no_weights_of_the_file(fitted, tiny, samples, tmp_path):
    """Keras keeps weights that it has not created for the next program that is traced."""
    skdec.save(fitted, tmp_path / "model.skdec")
    loaded = skdec.load(tmp_path / "model.skdec")
    two = np.repeat(samples[:2], 30, axis=0)
    simple = tiny | {"init": "k-means++", "n_neighbors": 0, "n_clusters": 2}
    assert set(DECClusterer(**simple).fit(two).labels_) == {0, 1}
    np.testing.assert_array_equal(loaded.predict(samples), fitted.labels_)
