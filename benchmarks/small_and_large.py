"""Time and memory on small and large data: imports, fits of 150 samples, large files, scaling.

Requires only skdec, and Linux, because memory is read from /proc.
"""

import subprocess
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from statistics import median
from threading import Event, Thread
from typing import Any

import numpy as np
from _results import Item, Record, format_number, format_table, time_call
from _synthetic import make_low_rank_samples, write_low_rank_samples
from sklearn.datasets import load_iris

N_FEATURES = 784
BATCH_SIZE = 256
STATEMENTS = (
    "import skdec",
    "from sklearn.cluster import KMeans",
    "from skdec import DECClusterer",
)
N_IMPORTS = 7
N_SMALL_FITS = 5
N_FITS = 60
N_SAMPLES_SMALL, N_SAMPLES_LARGE = 7_000, 70_000
SAMPLING_SECONDS = 0.01


def measure_imports(item: Item) -> dict[str, Any]:
    """Measure the median seconds of imports, each in a fresh interpreter."""
    seconds: dict[str, list[float]] = {statement: [] for statement in STATEMENTS}
    for _ in range(1 + N_IMPORTS):
        for statement in STATEMENTS:
            seconds[statement].append(_time_import(statement))
    # The first import of each may read files that are not yet in the page cache.
    return {statement: median(values[1:]) for statement, values in seconds.items()}


def _time_import(statement: str) -> float:
    code = f"import time; before = time.perf_counter(); {statement}; after = time.perf_counter()"
    command = [sys.executable, "-c", f"{code}; import sys; sys.stdout.write(str(after - before))"]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measure_small_fits(item: Item) -> dict[str, Any]:
    """Measure fits of 150 samples with one epoch per phase, after a first one in the process."""
    X = load_iris().data
    _, first = time_call(lambda: _fit_small(X, 0))
    with record_traced_graphs() as graphs:
        later = [
            time_call(lambda seed=seed: _fit_small(X, seed))[1] for seed in range(N_SMALL_FITS)
        ]
    return {"first": first, "median": median(later), "slowest": max(later), "traced": graphs}


def _fit_small(X: np.ndarray, seed: int) -> None:
    from skdec import DECClusterer

    DECClusterer(3, pretrain_epochs=1, max_iter=1, update_interval=1, random_state=seed).fit(X)


@contextmanager
def record_traced_graphs() -> Iterator[list[str]]:
    """Record the names of the graphs that TensorFlow traces inside the context.

    The graphs in which Keras infers the shapes of a model while building it are not counted.
    """
    import tensorflow as tf

    graph = tf.__internal__.FuncGraph
    original_init = graph.__init__
    names: list[str] = []

    def recording_init(self: Any, name: str, *args: Any, **kwargs: Any) -> None:
        if not name.startswith("scratch_graph"):
            names.append(name)
        original_init(self, name, *args, **kwargs)

    graph.__init__ = recording_init
    try:
        yield names
    finally:
        graph.__init__ = original_init


def measure_memory(item: Item) -> dict[str, Any]:
    """Measure the peak of memory in a fit on a memory-mapped float32 file.

    The memory of the interpreter with TensorFlow loaded is subtracted. Resident memory includes
    the pages of the file that are in the process; anonymous memory is not backed by a file.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "samples.npy")
        write_low_rank_samples(path, item["n_samples"], N_FEATURES)
        from skdec import DECClusterer

        X = np.load(path, mmap_mode="r")
        dec = DECClusterer(10, pretrain_epochs=1, random_state=0, **_one_epoch(item["n_samples"]))
        before = _get_memory()
        with track_peak_memory() as peak:
            _, seconds = time_call(lambda: dec.fit(X))
    increase = {name: (peak[name] - before[name]) / 2**20 for name in before}
    return {"file": item["n_samples"] * N_FEATURES * 4 / 2**20, "seconds": seconds, **increase}


def _one_epoch(n_samples: int) -> dict[str, int]:
    """Return parameters for one epoch of refinement with two target updates."""
    steps = -(-n_samples // BATCH_SIZE)
    return {"max_iter": steps, "update_interval": -(-steps // 2), "tol": 0}


@contextmanager
def track_peak_memory() -> Iterator[dict[str, int]]:
    """Track the peaks of resident and anonymous memory, in bytes, inside the context."""
    peak = _get_memory()
    finished = Event()

    def sample() -> None:
        while not finished.wait(SAMPLING_SECONDS):
            for name, size in _get_memory().items():
                peak[name] = max(peak[name], size)

    sampler = Thread(target=sample, daemon=True)
    sampler.start()
    try:
        yield peak
    finally:
        finished.set()
        sampler.join()


def _get_memory() -> dict[str, int]:
    """Return the resident and the anonymous memory of this process in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    names = {"resident": "VmRSS", "anonymous": "RssAnon"}
    return {name: int(fields[field].split()[0]) * 1024 for name, field in names.items()}


def measure_scaling(item: Item) -> dict[str, Any]:
    """Measure seconds per epoch of both phases, and of the rest, at two numbers of samples."""
    X = make_low_rank_samples(N_SAMPLES_LARGE, N_FEATURES)
    _time_phases(X[:N_SAMPLES_SMALL])  # not measured: compiles
    small, large = _time_phases(X[:N_SAMPLES_SMALL]), _time_phases(X)
    return {phase: {"small": small[phase], "large": large[phase]} for phase in small}


def _time_phases(X: np.ndarray) -> dict[str, float]:
    from skdec import DECClusterer

    steps = -(-len(X) // BATCH_SIZE)
    dec = DECClusterer(
        10, pretrain_epochs=4, max_iter=4 * steps, update_interval=steps, tol=0, random_state=0
    )
    _, seconds = time_call(lambda: dec.fit(X))
    clocks = {phase: dec.history_[phase]["seconds"] for phase in ("pretrain", "refine")}
    epochs = {phase: float(np.median(np.diff(clock))) for phase, clock in clocks.items()}
    return {**epochs, "rest": seconds - sum(float(clock[-1]) for clock in clocks.values())}


def measure_repeated_fits(item: Item) -> dict[str, Any]:
    """Measure anonymous memory in megabytes after a tenth of many small fits and after all."""
    X = load_iris().data
    sizes = []
    for seed in range(N_FITS):
        _fit_small(X, seed)
        sizes.append(_get_memory()["anonymous"] / 2**20)
    return {"fits": N_FITS, "early": sizes[N_FITS // 10], "late": sizes[-1]}


PARTS = {
    "import": measure_imports,
    "small": measure_small_fits,
    "memory": measure_memory,
    "growth": measure_scaling,
    "fits": measure_repeated_fits,
}


def list_items(options: Namespace) -> Iterator[Item]:
    """Yield the selected parts; memory is measured for each number of samples."""
    for part in options.parts:
        sizes: list[dict[str, int]] = [{"n_samples": n} for n in options.samples]
        yield from ({"part": part, **size} for size in (sizes if part == "memory" else [{}]))


def measure(item: Item) -> dict[str, Any]:
    """Measure one part."""
    return PARTS[item["part"]](item)


def format_page(records: list[Record]) -> str:
    """Format the measured values beside their goals."""
    formatters = {
        "import": _format_imports,
        "small": _format_small_fits,
        "memory": _format_memory,
        "growth": _format_scaling,
        "fits": _format_repeated_fits,
    }
    order = list(PARTS)
    records = sorted(records, key=lambda record: order.index(record["item"]["part"]))
    rows = chain.from_iterable(formatters[record["item"]["part"]](record) for record in records)
    return f"""# Small and large data

{format_table(("quantity", "measured", "goal"), rows)}

Imports: medians over {N_IMPORTS} fresh interpreters. Small fits: 150 samples, 4 features (iris),
one epoch per phase, otherwise the defaults. Memory: a fit with one epoch per phase on a float32
`.npy` file with {N_FEATURES} features, opened with `mmap_mode="r"`; the memory of the interpreter
with TensorFlow loaded is subtracted, and memory is read every {1000 * SAMPLING_SECONDS:.0f} ms.
Resident memory includes the pages of the file that are in the process; anonymous memory is not
backed by a file. Scaling: {N_SAMPLES_SMALL:,} and {N_SAMPLES_LARGE:,} samples with {N_FEATURES}
features, compiled before; an epoch of refinement has one target update; the rest is the neighbor
graph, the initialization and the labels."""


Lines = Iterator[tuple[str, str, str]]


def _format_imports(record: Record) -> Lines:
    skdec, kmeans, estimator = (record["result"][statement] for statement in STATEMENTS)
    for statement, seconds in zip(STATEMENTS, (skdec, kmeans, estimator), strict=True):
        yield f"`{statement}`", f"{format_number(seconds, 2)} s", ""
    yield f"`{STATEMENTS[0]}` / `{STATEMENTS[1]}`", format_number(skdec / kmeans, 2), "under 1.2"


def _format_small_fits(record: Record) -> Lines:
    result = record["result"]
    yield "first fit of 150 samples in a process", f"{format_number(result['first'], 2)} s", ""
    yield "later fits, median", f"{format_number(result['median'], 3)} s", "under 0.3 s"
    yield "graphs traced by the later fits", str(len(result["traced"])), "0"


def _format_memory(record: Record) -> Lines:
    result = record["result"]
    data = f"{record['item']['n_samples']:,} samples, {format_number(result['file'], 0)} MB"
    yield f"peak of resident memory, {data}", f"{format_number(result['resident'], 0)} MB", "700 MB"
    yield f"peak of anonymous memory, {data}", f"{format_number(result['anonymous'], 0)} MB", ""


def _format_scaling(record: Record) -> Lines:
    names = {
        "pretrain": "epoch of pretraining",
        "refine": "epoch of refinement",
        "rest": "the rest",
    }
    for phase, seconds in record["result"].items():
        ratio = format_number(seconds["large"] / seconds["small"], 1)
        both = f"{format_number(seconds['small'], 2)} s to {format_number(seconds['large'], 2)} s"
        goal = "" if phase == "rest" else "at most 10.5 times"
        yield f"10 times the samples, {names[phase]}", f"{ratio} times ({both})", goal


def _format_repeated_fits(record: Record) -> Lines:
    result = record["result"]
    growth = f"{format_number(result['late'] - result['early'], 1)} MB"
    fits = f"from fit {result['fits'] // 10} to fit {result['fits']} of 150 samples"
    yield f"growth of memory {fits}", growth, "none"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument(
        "--samples", type=int, nargs="+", default=[100_000, 500_000], help="of the large files"
    )
