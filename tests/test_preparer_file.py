"""Model files with a `TablePreparer`: restored to the bit, and hostile ones refused."""

import copy
import json
import zipfile

import numpy as np
import pandas as pd
import pytest
from hostile import TRANSFORMERS, members_of, with_state, with_transformers, write_members
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler

import skdec
from skdec import DECClusterer, TablePreparer
from skdec._model_file import check_can_be_saved, save_model

N_ROWS = 60


@pytest.fixture(scope="module")
def table():
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "n": random.normal(size=N_ROWS),
            "word": random.choice(["a", "b", "c"], N_ROWS),
            "day": pd.date_range("2020-01-01", periods=N_ROWS, freq="9D"),
            "text": [f"the {random.choice(['red', 'blue'])} item {i}" for i in range(N_ROWS)],
            "zeros": (random.random(N_ROWS) < 0.1) * 1.0,
            "constant": 1,
        }
    )
    frame.loc[2:4, ["n", "word", "day"]] = None
    return frame


@pytest.fixture(scope="module")
def fitted(table, tiny):
    return make_pipeline(
        TablePreparer(n_text_components=3, random_state=0), DECClusterer(**tiny)
    ).fit(table)


@pytest.fixture(scope="module")
def saved(fitted, tmp_path_factory):
    path = tmp_path_factory.mktemp("preparer") / "model"
    save_model(fitted, path)
    return path


@pytest.fixture(scope="module")
def members(saved):
    return members_of(saved)


def test_a_loaded_pipeline_equals_the_saved_one(fitted, saved, table):
    loaded = skdec.load(saved)
    assert [name for name, _ in loaded.steps] == ["tablepreparer", "decclusterer"]
    np.testing.assert_array_equal(loaded.predict_proba(table), fitted.predict_proba(table))
    preparer, expected = loaded[0], fitted[0]
    assert vars(preparer).keys() == vars(expected).keys()
    assert preparer.get_params() == expected.get_params()
    for name in ("column_kinds_", "dropped_columns_", "n_features_in_"):
        assert getattr(preparer, name) == getattr(expected, name)
    assert preparer.get_feature_names_out().tolist() == expected.get_feature_names_out().tolist()
    save_model(loaded, saved.with_name("again"))
    assert members_of(saved.with_name("again")).keys() == members_of(saved).keys()


def test_names_of_steps_and_data_frames_are_restored(table, tiny, tmp_path):
    preparer = TablePreparer(random_state=np.random.RandomState(0)).set_output(transform="pandas")
    model = Pipeline([("prepare", preparer), ("cluster", DECClusterer(**tiny))]).fit(table)
    save_model(model, tmp_path / "model")
    loaded = skdec.load(tmp_path / "model")
    assert list(loaded.named_steps) == ["prepare", "cluster"]
    assert loaded[0].random_state is None
    assert isinstance(loaded[0].transform(table), pd.DataFrame)
    np.testing.assert_array_equal(loaded.predict(table), model.predict(table))


def test_a_preparer_that_passes_samples_on_is_restored(tiny, samples, tmp_path):
    model = make_pipeline(TablePreparer(), DECClusterer(**tiny)).fit(samples)
    save_model(model, tmp_path / "model")
    loaded = skdec.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict(samples), model.predict(samples))
    assert TRANSFORMERS not in members_of(tmp_path / "model")


def test_an_estimator_is_not_loaded_without_its_preparer(saved):
    with pytest.raises(ValueError, match=r"it has a preparer of tables as well.*use skdec\.load"):
        DECClusterer.load(saved)


def refuse(members, tmp_path, message=""):
    path = write_members(tmp_path / "model", members)
    with pytest.raises(ValueError, match="cannot be read as a saved estimator: .*" + message):
        skdec.load(path)


def edit_preparer(members, change):
    return with_state(members, lambda state: change(state["preparer"]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.update(more=1), "should not have, the entry 'more'"),
        (lambda state: state.pop("parameters") and None, "lacks.* 'parameters'"),
        (lambda state: state["parameters"].update(max_categories="9"), "none of a TablePreparer"),
        (lambda state: state["parameters"].update(copy=True), "none of a TablePreparer"),
        (lambda state: state["parameters"].update(min_frequency=2), "min_frequency"),
        (lambda state: state.update(n_features=3), "columns are not those of the table"),
        (lambda state: state["feature_names"].append("x"), "columns are not those of the table"),
        (lambda state: state["feature_names"].__setitem__(0, 1), "no list of strings"),
        (lambda state: state["column_kinds"].update(n="image"), "unknown kinds"),
        (lambda state: state["column_kinds"].update(n=1), "no strings"),
        (lambda state: state["column_kinds"].update(n="text"), ""),
        (lambda state: state.update(column_kinds={}), ""),
        (lambda state: state.update(column_kinds=None), ""),
        (lambda state: state.update(dropped_columns=[]), ""),
        (lambda state: state["names_out"].pop() and None, "float64 of shape"),
        (lambda state: state.update(steps=["a"]), ""),
        (lambda state: state.update(steps=["a", "a"]), "names of the steps"),
    ],
)
def test_invalid_states_are_refused(change, message, members, tmp_path):
    refuse(edit_preparer(members, change), tmp_path, message)


@pytest.mark.parametrize("name", ["preparer.mean_", "preparer.scale_"])
@pytest.mark.parametrize("value", [np.nan, np.inf, None])
def test_invalid_scales_are_refused(name, value, members, tmp_path):
    dtype, shape, content = members[name]
    numbers = np.frombuffer(content, "<f8").copy()
    if value is None:
        changed = ("F64", [len(numbers) - 1], numbers[1:].tobytes())
    else:
        numbers[0] = value
        changed = (dtype, shape, numbers.tobytes())
    refuse(members | {name: changed}, tmp_path, f"'{name}'")


def test_a_scale_of_zero_is_refused(members, tmp_path):
    dtype, shape, content = members["preparer.scale_"]
    refuse(members | {"preparer.scale_": (dtype, shape, bytes(len(content)))}, tmp_path, "positive")


def find_nodes(node, class_name):
    """Yield the nodes of skops' schema that describe objects of a class."""
    if isinstance(node, dict):
        if node.get("__class__") == class_name and "content" in node:
            yield node
        for child in node.values():
            yield from find_nodes(child, class_name)
    elif isinstance(node, list):
        for child in node:
            yield from find_nodes(child, class_name)


def rename(old, module, new, loader=None):
    """Return a change of the schema: an object becomes one of another class."""

    def change(schema):
        node = next(find_nodes(schema, old))
        node.update(__module__=module, __class__=new)
        if loader is not None:
            node["__loader__"] = loader

    return change


def set_attribute(class_name, attribute, value):
    """Return a change of the schema: an attribute of an object becomes another plain value."""
    plain = {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode"}

    def change(schema):
        node = next(find_nodes(schema, class_name))
        node["content"]["content"][attribute] = plain | {"content": json.dumps(value)}

    return change


def test_transformers_that_are_written_again_are_read(members, table, fitted, tmp_path):
    loaded = skdec.load(write_members(tmp_path / "model", with_transformers(members)))
    np.testing.assert_array_equal(loaded.predict(table), fitted.predict(table))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (rename("SimpleImputer", "os", "system"), "'os.system', which is not allowed"),
        (rename("SimpleImputer", "builtins", "eval", "FunctionNode"), "'builtins.eval', which"),
        (rename("SimpleImputer", "skops.io", "loads", "MethodNode"), "which is not allowed"),
        # Trusted by skops itself, but none of ours.
        (rename("SimpleImputer", "sklearn.svm._classes", "SVC"), "_classes.SVC', which is not"),
        (rename("SimpleImputer", "functools", "partial", "PartialNode"), "which is not allowed"),
        (rename("ndarray", "numpy", "memmap"), "'numpy.memmap', which is not allowed"),
        (set_attribute("Pipeline", "memory", "directory"), "another memory than None"),
        (set_attribute("TfidfVectorizer", "input", "filename"), "another input than 'content'"),
        (set_attribute("SimpleImputer", "n_jobs", 10_000), "another n_jobs than None"),
        (set_attribute("SimpleImputer", "statistics_", "x"), ""),
        (set_attribute("OneHotEncoder", "categories_", 1), ""),
        (set_attribute("StringEncoder", "n_components_", 5), ""),
        (lambda schema: schema.clear(), ""),
        (lambda schema: schema.update(__loader__="NoNode"), "which is not allowed"),
        (lambda schema: schema["content"].popitem() and None, ""),
    ],
)
def test_hostile_transformers_are_refused(change, message, members, tmp_path):
    refuse(with_transformers(members, change), tmp_path, message)


def test_compressed_transformers_are_refused(members, tmp_path):
    refuse(with_transformers(members, compression=zipfile.ZIP_DEFLATED), tmp_path, "are compressed")


def test_members_that_claim_more_than_the_file_are_refused(members, tmp_path):
    content = bytearray(members[TRANSFORMERS][2])
    start = content.rindex(b"PK\x01\x02")  # the last entry of the zip's directory
    content[start + 24 : start + 28] = (2**31).to_bytes(4, "little")
    changed = members | {TRANSFORMERS: ("U8", [len(content)], bytes(content))}
    refuse(changed, tmp_path, "larger than the file")


@pytest.mark.parametrize("content", [b"", b"PK", b"x" * 100])
def test_bytes_that_are_no_archive_are_refused(content, members, tmp_path):
    refuse(members | {TRANSFORMERS: ("U8", [len(content)], content)}, tmp_path)


def test_missing_and_unknown_arrays_are_refused(members, tmp_path):
    without = {name: content for name, content in members.items() if name != TRANSFORMERS}
    refuse(without, tmp_path, f"it has no array '{TRANSFORMERS}'")
    refuse(
        members | {"preparer.more": members[TRANSFORMERS]},
        tmp_path,
        "'preparer.more', which is none",
    )
    without = with_state(members, lambda state: state.update(preparer=None))
    refuse(without, tmp_path, "which is none")


def test_load_unpickles_nothing(saved, monkeypatch):
    def fail(*_, **__):
        raise AssertionError("unpickled")

    monkeypatch.setattr("pickle.loads", fail)
    monkeypatch.setattr("pickle.load", fail)
    skdec.load(saved)


TIMES = pd.date_range("2020-01-01", periods=N_ROWS, freq="13h", tz="Europe/Berlin")


@pytest.mark.parametrize(
    "times",
    [
        TIMES,
        TIMES.astype(str),
        TIMES.tz_convert("UTC").strftime("%Y-%m-%dT%H:%M:%SZ"),
        TIMES.tz_convert("UTC").tz_localize(None),
        TIMES - TIMES[0],
        TIMES.date,
    ],
    ids=["time zone", "words", "UTC in words", "no time zone", "durations", "days"],
)
def test_times_of_every_kind_are_restored(times, table, tiny, tmp_path):
    table = table[["n", "word"]].assign(time=times)
    model = make_pipeline(TablePreparer(random_state=0), DECClusterer(**tiny)).fit(table)
    save_model(model, tmp_path / "model")
    loaded = skdec.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_proba(table), model.predict_proba(table))


def test_transformers_that_no_file_can_hold_are_refused_before_the_training(fitted):
    check_can_be_saved(fitted[0])
    preparer = copy.deepcopy(fitted[0])
    preparer.transformers_["n"] = [*preparer.transformers_["n"][:-1], MinMaxScaler()]
    with pytest.raises(ValueError, match="cannot be saved: its transformers have a 'sklearn"):
        check_can_be_saved(preparer)
