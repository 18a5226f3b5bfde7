"""What small and large data cost: imports, fits of 150 rows, memory of large files, growth.

Needs skdec alone. Linux, for the memory's size is read from /proc.
"""

import subprocess
import sys
import tempfile
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from statistics import median
from threading import Event, Thread
from typing import Any

import numpy as np
from _results import Item, Record, benchmark_parser, number, run, table, timed
from _synthetic import low_rank_rows, write_low_rank_rows
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
SMALL_ROWS, LARGE_ROWS = 7_000, 70_000
SAMPLING_SECONDS = 0.01


def import_seconds(item: Item) -> dict[str, Any]:
    """Median seconds of imports, each in a fresh interpreter, in turn."""
    seconds: dict[str, list[float]] = {statement: [] for statement in STATEMENTS}
    for _ in range(1 + N_IMPORTS):
        for statement in STATEMENTS:
            seconds[statement].append(_import_seconds(statement))
    # The first of each reads files that the system may not have had in its cache.
    return {statement: median(found[1:]) for statement, found in seconds.items()}


def _import_seconds(statement: str) -> float:
    code = f"import time; begun = time.perf_counter(); {statement}; seconds = time.perf_counter()"
    command = [sys.executable, "-c", f"{code}; import sys; sys.stdout.write(str(seconds - begun))"]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def small_fits(item: Item) -> dict[str, Any]:
    """Fits of 150 x 4 rows with one epoch per phase, after a first one in the process."""
    X = load_iris().data
    _, first = timed(lambda: _small_fit(X, 0))
    with traced_graphs() as graphs:
        later = [timed(lambda seed=seed: _small_fit(X, seed))[1] for seed in range(N_SMALL_FITS)]
    return {"first": first, "median": median(later), "slowest": max(later), "traced": graphs}


def _small_fit(X: np.ndarray, seed: int) -> None:
    from skdec import DECClusterer

    DECClusterer(3, pretrain_epochs=1, max_iter=1, update_interval=1, random_state=seed).fit(X)


@contextmanager
def traced_graphs() -> Iterator[list[str]]:
    """Names of the graphs that TensorFlow traces meanwhile.

    Those in which Keras works out the shapes of a model that is being built are left out.
    """
    import tensorflow as tf

    graph = tf.__internal__.FuncGraph
    begin = graph.__init__
    names: list[str] = []

    def noted(self: Any, name: str, *args: Any, **kwargs: Any) -> None:
        if not name.startswith("scratch_graph"):
            names.append(name)
        begin(self, name, *args, **kwargs)

    graph.__init__ = noted
    try:
        yield names
    finally:
        graph.__init__ = begin


def memory_of_file(item: Item) -> dict[str, Any]:
    """Peak memory of fitting a float32 .npy that is larger than it may take.

    Above the interpreter with TensorFlow loaded: all that is resident, which counts the file's
    own pages as far as the system keeps them, and what is not backed by any file.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rows.npy")
        write_low_rank_rows(path, item["rows"], N_FEATURES)
        from skdec import DECClusterer

        X = np.load(path, mmap_mode="r")
        dec = DECClusterer(10, pretrain_epochs=1, random_state=0, **_one_pass(item["rows"]))
        before = _memory()
        with peak_memory() as peak:
            _, seconds = timed(lambda: dec.fit(X))
    above = {name: (peak[name] - before[name]) / 2**20 for name in before}
    return {"file": item["rows"] * N_FEATURES * 4 / 2**20, "seconds": seconds, **above}


def _one_pass(n_rows: int) -> dict[str, int]:
    """Arguments for a refinement of one pass with an update in its middle and one at its end."""
    steps = -(-n_rows // BATCH_SIZE)
    return {"max_iter": steps, "update_interval": -(-steps // 2), "tol": 0}


@contextmanager
def peak_memory() -> Iterator[dict[str, int]]:
    """Largest resident memory in bytes meanwhile, in all and as far as no file backs it."""
    peak = _memory()
    over = Event()

    def sample() -> None:
        while not over.wait(SAMPLING_SECONDS):
            for name, size in _memory().items():
                peak[name] = max(peak[name], size)

    sampler = Thread(target=sample, daemon=True)
    sampler.start()
    try:
        yield peak
    finally:
        over.set()
        sampler.join()


def _memory() -> dict[str, int]:
    """Resident memory of this process in bytes: all of it, and what is anonymous."""
    lines = Path("/proc/self/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    names = {"resident": "VmRSS", "anonymous": "RssAnon"}
    return {name: int(fields[field].split()[0]) * 1024 for name, field in names.items()}


def growth(item: Item) -> dict[str, Any]:
    """Seconds per epoch of either phase, and of what comes between, at two numbers of rows."""
    X = low_rank_rows(LARGE_ROWS, N_FEATURES)
    _phase_seconds(X[:SMALL_ROWS])  # compiles
    small, large = _phase_seconds(X[:SMALL_ROWS]), _phase_seconds(X)
    return {phase: {"small": small[phase], "large": large[phase]} for phase in small}


def _phase_seconds(X: np.ndarray) -> dict[str, float]:
    from skdec import DECClusterer

    steps = -(-len(X) // BATCH_SIZE)
    dec = DECClusterer(
        10, pretrain_epochs=4, max_iter=4 * steps, update_interval=steps, tol=0, random_state=0
    )
    _, seconds = timed(lambda: dec.fit(X))
    clocks = {phase: dec.history_[phase]["seconds"] for phase in ("pretrain", "refine")}
    epochs = {phase: float(np.median(np.diff(clock))) for phase, clock in clocks.items()}
    return {**epochs, "rest": seconds - sum(float(clock[-1]) for clock in clocks.values())}


def growth_over_fits(item: Item) -> dict[str, Any]:
    """Anonymous memory in megabytes after a tenth of many small fits and after all."""
    X = load_iris().data
    sizes = []
    for seed in range(N_FITS):
        _small_fit(X, seed)
        sizes.append(_memory()["anonymous"] / 2**20)
    return {"fits": N_FITS, "early": sizes[N_FITS // 10], "late": sizes[-1]}


PARTS = {
    "import": import_seconds,
    "small": small_fits,
    "memory": memory_of_file,
    "growth": growth,
    "fits": growth_over_fits,
}


def items(options: Namespace) -> Iterator[Item]:
    """The parts asked for; the memory once for every number of rows."""
    for part in options.parts:
        sizes: list[dict[str, int]] = [{"rows": n} for n in options.rows]
        yield from ({"part": part, **size} for size in (sizes if part == "memory" else [{}]))


def measure(item: Item) -> dict[str, Any]:
    """Numbers of one part."""
    return PARTS[item["part"]](item)


def page(records: list[Record]) -> str:
    """Measured values beside what is aimed at."""
    lines = {
        "import": _import_lines,
        "small": _small_lines,
        "memory": _memory_lines,
        "growth": _growth_lines,
        "fits": _fits_lines,
    }
    order = list(PARTS)
    records = sorted(records, key=lambda record: order.index(record["item"]["part"]))
    rows = chain.from_iterable(lines[record["item"]["part"]](record) for record in records)
    return f"""# Small and large data

{table(("what", "measured", "goal"), rows)}

Imports: medians of {N_IMPORTS} fresh interpreters, in turn. Small fits: 150 x 4 rows (iris), one
epoch per phase, otherwise the defaults. Memory: one epoch per phase of a float32 `.npy` of
{N_FEATURES} columns opened with `mmap_mode="r"`, above the interpreter with TensorFlow loaded,
sampled every {1000 * SAMPLING_SECONDS:.0f} ms. Resident memory counts pages of the file as well,
as far as they are in the process. Growth: {SMALL_ROWS:,} against {LARGE_ROWS:,} rows of
{N_FEATURES} columns, programs compiled before; an epoch of the refinement has one target update,
the rest is the neighbours' graph, the start and the labels."""


Lines = Iterator[tuple[str, str, str]]


def _import_lines(record: Record) -> Lines:
    ours, theirs, estimator = (record["result"][statement] for statement in STATEMENTS)
    for statement, seconds in zip(STATEMENTS, (ours, theirs, estimator), strict=True):
        yield f"`{statement}`", f"{number(seconds, 2)} s", ""
    yield f"`{STATEMENTS[0]}` / `{STATEMENTS[1]}`", number(ours / theirs, 2), "under 1.2"


def _small_lines(record: Record) -> Lines:
    told = record["result"]
    yield "first fit of 150 rows in a process", f"{number(told['first'], 2)} s", ""
    yield "later fits, median", f"{number(told['median'], 3)} s", "under 0.3 s"
    yield "graphs traced by the later fits", str(len(told["traced"])), "0"


def _memory_lines(record: Record) -> Lines:
    told = record["result"]
    rows = f"{record['item']['rows']:,} rows, {number(told['file'], 0)} MB"
    yield f"peak of resident memory, {rows}", f"{number(told['resident'], 0)} MB", "700 MB"
    yield f"peak of what no file backs, {rows}", f"{number(told['anonymous'], 0)} MB", ""


def _growth_lines(record: Record) -> Lines:
    names = {
        "pretrain": "epoch of pretraining",
        "refine": "epoch of refinement",
        "rest": "the rest",
    }
    for phase, seconds in record["result"].items():
        ratio = number(seconds["large"] / seconds["small"], 1)
        both = f"{number(seconds['small'], 2)} s to {number(seconds['large'], 2)} s"
        goal = "" if phase == "rest" else "at most 10.5 times"
        yield f"10 times the rows, {names[phase]}", f"{ratio} times ({both})", goal


def _fits_lines(record: Record) -> Lines:
    told = record["result"]
    grown = f"{number(told['late'] - told['early'], 1)} MB"
    yield f"growth from fit {told['fits'] // 10} to fit {told['fits']} of 150 rows", grown, "none"


def main() -> int:
    parser = benchmark_parser(__doc__)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument(
        "--rows", type=int, nargs="+", default=[100_000, 500_000], help="of the large files"
    )
    return run(parser, items, measure, page)


if __name__ == "__main__":
    sys.exit(main())
