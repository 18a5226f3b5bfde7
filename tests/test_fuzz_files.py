"""Saved files with random damage, seeded: each is refused by one ValueError, or works.

``SKDEC_FUZZ=20000`` tries as many, ``SKDEC_FUZZ_SEED=7`` others.
"""

import json
import os
import resource
import time

import numpy as np
import pytest
from figures import Figures
from hostile import STATE, members_of, with_state, write_members

from skdec import DECClusterer

COUNT = int(os.environ.get("SKDEC_FUZZ", "400"))
SEED = int(os.environ.get("SKDEC_FUZZ_SEED", "0"))

# No other valid activation among them: each would be compiled, for seconds.
ODD_VALUES = [
    None, True, False, 0, 1, -1, 2, 3, 1e300, -0.0, 0.5, 10**18, 10**400, "", "x", "\ud800", "relu",
    "../../x", [], {}, [[]], [1, 2], {"a": 1}, {"optimizer": {}}, {"initializer": {}}, "__lambda__",
    {"class_name": "__lambda__", "config": {"value": "x"}}, "x" * 10_000, list(range(1000)),
]  # fmt: skip


@pytest.fixture(scope="module")
def figures(request):
    return Figures("damaged files", request.config)


@pytest.fixture(scope="module")
def saved(fitted, tmp_path_factory):
    """A model with an optimizer, an initializer and column names: all that a file can hold."""
    import keras

    schedule = keras.optimizers.schedules.CosineDecay(0.01, 20)
    loaded_parameters = {
        "optimizer": keras.optimizers.Adam(schedule),
        "kernel_initializer": keras.initializers.HeNormal(seed=3),
    }
    folder = tmp_path_factory.mktemp("fuzz")
    fitted.save(folder / "plain")
    rich = DECClusterer.load(folder / "plain").set_params(**loaded_parameters)
    rich.feature_names_in_ = np.array(list("abcdef"), dtype=object)
    rich.save(folder / "rich")
    return folder / "rich"


def bytes_flipped(random, content, n_most=8, first=0):
    changed = bytearray(content)
    for _ in range(random.integers(1, n_most + 1)):
        changed[random.integers(first, len(changed))] ^= 1 << int(random.integers(8))
    return bytes(changed)


def flipped(random, path, saved):
    """Bytes of the file as they may rot, checksums and directory among them."""
    path.write_bytes(bytes_flipped(random, saved.read_bytes()))


def flipped_directory(random, path, saved):
    """Bytes of the archive's directory alone: names, sizes, offsets, flags."""
    content = saved.read_bytes()
    path.write_bytes(bytes_flipped(random, content, first=content.index(b"PK\x01\x02")))


def truncated(random, path, saved):
    content = saved.read_bytes()
    path.write_bytes(content[: random.integers(len(content))])


def spliced(random, path, saved):
    """A piece of the file moved to another place."""
    content = saved.read_bytes()
    start, end, at = sorted(random.integers(len(content), size=3))
    path.write_bytes(content[at:] + content[start:end] + content[:at])


def members_swapped(random, path, saved):
    members = members_of(saved)
    one, other = random.choice(list(members), 2, replace=False)
    members[one], members[other] = members[other], members[one]
    write_members(path, members)


def member_gone_or_renamed(random, path, saved):
    members = members_of(saved)
    content = members.pop(random.choice(list(members)))
    if random.random() < 0.5:
        members["/".join([".."] * random.integers(4)) + "x.npy"] = content
    write_members(path, members)


def state_edited(random, path, saved):
    """One to three places of the JSON removed or made something odd."""

    def edit(state):
        for _ in range(random.integers(1, 4)):
            holder, key = place(random, state)
            if random.random() < 0.2:
                del holder[key]
            else:
                holder[key] = ODD_VALUES[random.integers(len(ODD_VALUES))]

    write_members(path, with_state(members_of(saved), edit))


def place(random, holder):
    """A container in the state, at any depth, and a key or index of it."""
    while True:
        keys = list(holder) if isinstance(holder, dict) else range(len(holder))
        key = keys[random.integers(len(keys))]
        if not isinstance(holder[key], (dict, list)) or not holder[key] or random.random() < 0.3:
            return holder, key
        holder = holder[key]


def state_bytes_flipped(random, path, saved):
    members = members_of(saved)
    write_members(path, members | {STATE: bytes_flipped(random, members[STATE], 3)})


def header_edited(random, path, saved):
    """Bytes of one array's header, digits of its shape among them, under a right checksum."""
    members = members_of(saved)
    name = random.choice([name for name in members if name.endswith(".npy")])
    header, content = members[name][:128], members[name][128:]
    if random.random() < 0.5:
        header = header.replace(b"(", b"(9" if random.random() < 0.5 else b"(-", 1)
    else:
        header = bytes_flipped(random, header, 3)
    write_members(path, members | {name: header + content})


def values_changed(random, path, saved):
    """Bits of the weights, labels or history themselves, under a right checksum."""
    members = members_of(saved)
    name = random.choice([name for name in members if name.endswith(".npy")])
    header, content = members[name][:128], members[name][128:]
    write_members(path, members | {name: header + bytes_flipped(random, content)})


MUTATIONS = [
    flipped, flipped_directory, truncated, spliced, members_swapped, member_gone_or_renamed,
    state_edited, state_edited, state_bytes_flipped, header_edited, values_changed,
]  # fmt: skip


def outcome(path, rows):
    """What came of a load, in a word, where it came to one of two good ends."""
    try:
        estimator = DECClusterer.load(path)
    except ValueError as error:
        message = str(error)
        good = "cannot be read as a saved estimator: " in message and "\n" not in message
        return "refused" if good else message
    q = estimator.predict_proba(rows)
    good = q.shape == (len(rows), len(estimator.cluster_centers_)) and np.isfinite(q).all()
    return "harmless" if good else "not finite"


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_damaged_files_are_refused_or_work(saved, rows, tmp_path, figures):
    DECClusterer.load(saved).predict(rows)
    path = tmp_path / "damaged"
    peak_before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for seed in range(SEED, SEED + COUNT):
        random = np.random.default_rng(seed)
        mutate = MUTATIONS[seed % len(MUTATIONS)]
        mutate(random, path, saved)
        began = time.perf_counter()
        what = outcome(path, rows)
        assert what in ("refused", "harmless"), (what, seed, mutate)
        assert time.perf_counter() - began < 10, (seed, mutate)
        figures[what] += 1
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert peak - peak_before < 200 * 1024, "kilobytes beyond what the process had"


def test_the_damage_is_real(saved, tmp_path):
    """Every kind of damage changes the file, and the same seed damages it in the same way."""
    for mutate in MUTATIONS:
        damaged = []
        for name in ("once", "again"):
            mutate(np.random.default_rng(1), tmp_path / name, saved)
            damaged.append((tmp_path / name).read_bytes())
        assert damaged[0] != saved.read_bytes(), mutate
        assert len(damaged[0]) == len(damaged[1]), mutate
    json.loads(members_of(saved)[STATE])
