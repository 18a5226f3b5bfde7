"""Model files with random, seeded damage: each is refused by one ValueError, or works.

``SKDEC_FUZZ=20000`` sets the number of files, ``SKDEC_FUZZ_SEED=7`` the first seed.
"""

import json
import os
import resource
import time
from copy import deepcopy

import numpy as np
import pandas as pd
import pytest
from figures import Figures
from hostile import (
    STATE,
    arrays_of,
    describe,
    members_of,
    with_state,
    with_transformers,
    write_file,
    write_members,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skdec
from skdec import DECClusterer, TablePreparer
from skdec._model_file import save_model

N_FILES = int(os.environ.get("SKDEC_FUZZ", "400"))
SEED = int(os.environ.get("SKDEC_FUZZ_SEED", "0"))

# No other valid activation is among them, because each would be compiled for seconds.
ODD_VALUES = [
    None, True, False, 0, 1, -1, 2, 3, 1e300, -0.0, 0.5, 10**18, 10**400, "", "x", "\ud800", "relu",
    "../../x", [], {}, [[]], [1, 2], {"a": 1}, {"optimizer": {}}, {"initializer": {}}, "__lambda__",
    {"class_name": "__lambda__", "config": {"value": "x"}}, "x" * 10_000, list(range(1000)),
]  # fmt: skip


@pytest.fixture(scope="module")
def figures(request):
    return Figures("damaged files", request.config)


@pytest.fixture(scope="module")
def saved(fitted, samples, tmp_path_factory):
    """A model with an optimizer, an initializer, feature names and a scaler: all of a file."""
    import keras

    schedule = keras.optimizers.schedules.CosineDecay(0.01, 20)
    parameters = {
        "optimizer": keras.optimizers.Adam(schedule),
        "kernel_initializer": keras.initializers.HeNormal(seed=3),
    }
    directory = tmp_path_factory.mktemp("fuzz")
    fitted.save(directory / "plain")
    rich = DECClusterer.load(directory / "plain").set_params(**parameters)
    scaler = StandardScaler().fit(pd.DataFrame(samples, columns=list("abcdef")))
    save_model(make_pipeline(scaler, rich), directory / "rich")
    return directory / "rich"


@pytest.fixture(scope="module")
def table():
    """A table with columns of all kinds."""
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "n": np.where(random.random(60) < 0.2, np.nan, random.normal(size=60)),
            "word": random.choice(["a", "b", "c"], 60),
            "day": pd.date_range("2020-01-01", periods=60, freq="9D").astype(str),
            "text": [f"the {random.choice(['red', 'blue'])} item {i}" for i in range(60)],
            "zeros": (random.random(60) < 0.1) * 1.0,
        }
    )


@pytest.fixture(scope="module")
def saved_preparer(table, tiny, tmp_path_factory):
    """A model that prepares a table."""
    model = make_pipeline(TablePreparer(n_text_components=3), DECClusterer(**tiny)).fit(table)
    path = tmp_path_factory.mktemp("fuzz") / "prepared"
    save_model(model, path)
    return path


def flip_bits(random, content, max_flips=8, first=0):
    changed = bytearray(content)
    for _ in range(random.integers(1, max_flips + 1)):
        changed[random.integers(first, len(changed))] ^= 1 << int(random.integers(8))
    return bytes(changed)


def flip_file(random, path, saved):
    """Flip bits anywhere in the file."""
    path.write_bytes(flip_bits(random, saved.read_bytes()))


def flip_header(random, path, saved):
    """Flip bits of the size of the header, and of the names, dtypes, shapes and positions in it."""
    content = saved.read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    start = 0 if random.random() < 0.2 else content.index(b'"data_offsets"') - 200
    path.write_bytes(flip_bits(random, content[:end], 3, first=start) + content[end:])


def truncate(random, path, saved):
    content = saved.read_bytes()
    path.write_bytes(content[: random.integers(len(content))])


def splice(random, path, saved):
    """Move a piece of the file to another place."""
    content = saved.read_bytes()
    start, end, at = sorted(random.integers(len(content), size=3))
    path.write_bytes(content[at:] + content[start:end] + content[:at])


def pad(random, path, saved):
    """Add bytes at the beginning, at the end or inside."""
    content = saved.read_bytes()
    at = random.choice([0, 8, random.integers(len(content)), len(content)])
    path.write_bytes(content[:at] + random.bytes(random.integers(1, 100)) + content[at:])


def swap_arrays(random, path, saved):
    members = members_of(saved)
    one, other = random.choice(arrays_of(members), 2, replace=False)
    members[one], members[other] = members[other], members[one]
    write_members(path, members)


def remove_or_rename_array(random, path, saved):
    members = members_of(saved)
    content = members.pop(random.choice(arrays_of(members)))
    if random.random() < 0.5:
        members["/".join([".."] * random.integers(4)) + "x"] = content
    write_members(path, members)


def edit_state(random, path, saved):
    """Remove one to three places of the JSON, or replace them by odd values."""

    def edit(state):
        for _ in range(random.integers(1, 4)):
            holder, key = choose_place(random, state)
            if random.random() < 0.2:
                del holder[key]
            else:
                holder[key] = deepcopy(ODD_VALUES[random.integers(len(ODD_VALUES))])

    write_members(path, with_state(members_of(saved), edit))


def choose_place(random, holder):
    """Return a container in the state, at any depth, and a key or index of it."""
    while True:
        keys = list(holder) if isinstance(holder, dict) else range(len(holder))
        key = keys[random.integers(len(keys))]
        if not isinstance(holder[key], (dict, list)) or not holder[key] or random.random() < 0.3:
            return holder, key
        holder = holder[key]


def flip_state(random, path, saved):
    """Flip bits of the JSON, and those that are in its string."""
    members = members_of(saved)
    state = flip_bits(random, members[STATE].encode(), 3).decode("latin-1")
    write_members(path, members | {STATE: state})


def edit_header(random, path, saved):
    """Remove a place of the list of the arrays, or replace it by an odd value."""
    header, values = describe(members_of(saved))
    places = {name: header[name] for name in header if name != "__metadata__"}
    holder, key = choose_place(random, places)
    if holder is places:
        holder = header
    if random.random() < 0.2:
        del holder[key]
    else:
        holder[key] = deepcopy(ODD_VALUES[random.integers(len(ODD_VALUES))])
    write_file(path, header, values)


def move_array(random, path, saved):
    """Change an array's dtype or one number of its shape or positions: overlaps and gaps."""
    header, values = describe(members_of(saved))
    entry = header[random.choice([name for name in header if name != "__metadata__"])]
    key = random.choice(["dtype", "shape", "data_offsets"])
    if key == "dtype" or not entry[key]:
        entry["dtype"] = str(random.choice(["F64", "I64", "I32", "U32", "F16", "BF16", "U8", "O"]))
    else:
        position = random.integers(len(entry[key]))
        change = random.choice([-(2**40), -100, -8, -4, -1, 1, 4, 8, 100, 2**40, 2**62])
        entry[key][position] += int(change)
    write_file(path, header, values)


def flip_values(random, path, saved):
    """Flip bits of the weights, labels, history or scaler."""
    members = members_of(saved)
    name = random.choice(arrays_of(members))
    dtype, shape, content = members[name]
    write_members(path, members | {name: (dtype, shape, flip_bits(random, content))})


def edit_transformers(random, path, saved):
    """Remove one to three places of skops' description of the transformers, or replace them."""

    def edit(schema):
        for _ in range(random.integers(1, 4)):
            holder, key = choose_place(random, schema)
            if random.random() < 0.2:
                del holder[key]
            else:
                holder[key] = deepcopy(ODD_VALUES[random.integers(len(ODD_VALUES))])

    write_members(path, with_transformers(members_of(saved), edit))


def edit_plain_transformers(random, path, saved):
    """Replace plain values in skops' description of the transformers."""

    def edit(schema):
        nodes = find_plain_nodes(schema)
        for _ in range(random.integers(1, 4)):
            value = ODD_VALUES[random.integers(len(ODD_VALUES))]
            nodes[random.integers(len(nodes))]["content"] = json.dumps(value)

    write_members(path, with_transformers(members_of(saved), edit))


def find_plain_nodes(node):
    """Return the nodes of skops' description that hold a plain value."""
    if isinstance(node, dict):
        found = [node] if node.get("__loader__") == "JsonNode" else []
        return found + [plain for child in node.values() for plain in find_plain_nodes(child)]
    children = node if isinstance(node, list) else []
    return [plain for child in children for plain in find_plain_nodes(child)]


MUTATIONS = [
    flip_file, flip_header, truncate, splice, pad, swap_arrays, remove_or_rename_array,
    edit_state, edit_state, flip_state, edit_header, move_array, flip_values,
]  # fmt: skip


PREPARER_MUTATIONS = [edit_state, edit_transformers, edit_plain_transformers, flip_file, truncate]


def load_and_predict(path, samples):
    """Return "refused", "harmless" or "other scale", or else what is wrong after a load."""
    try:
        model = skdec.load(path)
    except ValueError as error:
        message = str(error)
        good = "cannot be read as a saved estimator: " in message and "\n" not in message
        return "refused" if good else message
    clusterer = model if isinstance(model, DECClusterer) else model[-1]
    if clusterer is not model and np.abs(model[0].transform(samples)).max() > 1e15:
        return "other scale"  # a scaler's numbers that would be right for far larger samples
    q = model.predict_proba(samples)
    good = q.shape == (len(samples), len(clusterer.cluster_centers_)) and np.isfinite(q).all()
    return "harmless" if good else "not finite"


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
@pytest.mark.filterwarnings("ignore:Column ")
@pytest.mark.parametrize("kind", ["scaler", "preparer"])
def test_damaged_files_are_refused_or_work(
    kind, saved, samples, saved_preparer, table, tmp_path, figures
):
    mutations, n_files = MUTATIONS, N_FILES
    if kind == "preparer":  # which takes longer to read
        saved, samples, mutations, n_files = saved_preparer, table, PREPARER_MUTATIONS, N_FILES // 4
    skdec.load(saved).predict(samples)
    path = tmp_path / "damaged"
    peak_before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for seed in range(SEED, SEED + n_files):
        random = np.random.default_rng(seed)
        mutate = mutations[seed % len(mutations)]
        mutate(random, path, saved)
        start = time.process_time()
        outcome = load_and_predict(path, samples)
        assert outcome in ("refused", "harmless", "other scale"), (outcome, seed, mutate)
        assert time.process_time() - start < 10, (seed, mutate)
        figures[outcome] += 1
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert peak - peak_before < 200 * 1024, "kilobytes beyond what the process had"


def test_damage_changes_the_file_and_is_reproducible(saved, tmp_path):
    """Every kind of damage changes the file, and equal seeds give files of equal size."""
    for mutate in MUTATIONS:
        damaged = []
        for name in ("once", "again"):
            mutate(np.random.default_rng(1), tmp_path / name, saved)
            damaged.append((tmp_path / name).read_bytes())
        assert damaged[0] != saved.read_bytes(), mutate
        assert len(damaged[0]) == len(damaged[1]), mutate
    json.loads(members_of(saved)[STATE])
