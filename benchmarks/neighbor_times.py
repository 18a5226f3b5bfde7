"""Seconds and memory of `NeighborClusterer`, from its import to a million samples."""

import os
import resource
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from _results import Item, Record, format_number, format_table, time_call
from sklearn.datasets import load_digits, make_blobs, make_moons

N_TURNS = 5
# Name, and how to make the samples and the number of clusters.
DATA = {
    "500 samples of 5 features": lambda: (make_blobs(500, 5, centers=5, random_state=0)[0], 5),
    "digits": lambda: (load_digits().data / 16, 10),
    "10,000 points in a plane": lambda: (make_moons(10_000, noise=0.05, random_state=0)[0], 2),
    "embeddings of 13,083 texts, 77 clusters": lambda: (_load_texts("banking77"), 77),
    "1,000,000 samples of 20 features": lambda: (
        make_blobs(1_000_000, 20, centers=20, cluster_std=3, random_state=0)[0],
        20,
    ),
}
IMPORTS = {
    "import skdec; skdec.NeighborClusterer": "import skdec; skdec.NeighborClusterer",
    "import sklearn.cluster": "import sklearn.cluster",
}


def _load_texts(name: str) -> np.ndarray:
    path = Path(os.environ.get("SKDEC_DATA_HOME", "."), "text", f"{name}.npz")
    return np.load(path)["X"].astype(np.float32)


def list_items(options: Namespace) -> Iterator[Item]:
    """Yield the imports, then each data set that is available."""
    yield {"what": "imports"}
    for name in options.data:
        if name.startswith("embeddings") and "SKDEC_DATA_HOME" not in os.environ:
            continue
        yield {"what": name}


def measure(item: Item) -> dict[str, Any]:
    """Measure the imports in turn, in fresh processes; or a fit, `predict`, and the memory."""
    if item["what"] == "imports":
        seconds: dict[str, list[float]] = {name: [] for name in IMPORTS}
        for _ in range(N_TURNS):
            for name, code in IMPORTS.items():
                command = [sys.executable, "-c", code]
                seconds[name].append(time_call(lambda c=command: subprocess.run(c, check=True))[1])
        return {"imports": {name: median(values) for name, values in seconds.items()}}

    from skdec import NeighborClusterer

    X, n_clusters = DATA[item["what"]]()
    metric = "cosine" if item["what"].startswith("embeddings") else "euclidean"
    n_fits = 1 if len(X) > 100_000 else 3
    fits = []
    for _ in range(n_fits):
        clusterer = NeighborClusterer(n_clusters, metric=metric, random_state=0)
        fits.append(time_call(lambda c=clusterer: c.fit(X))[1])
    _, predict = time_call(lambda: clusterer.predict(X[:10_000]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"fits": fits, "predict": predict, "n_predicted": min(len(X), 10_000), "peak": peak}


def format_page(records: list[Record]) -> str:
    """Format the seconds of imports and fits, and the peak of memory."""
    imports = [one["result"]["imports"] for one in records if one["item"]["what"] == "imports"]
    rows = [
        [
            record["item"]["what"],
            format_number(record["result"]["fits"][0], 1),
            format_number(median(record["result"]["fits"]), 1),
            format_number(record["result"]["predict"], 1),
            format_number(record["result"]["peak"] / 2**30, 1),
        ]
        for record in records
        if "fits" in record["result"]
    ]
    titles = ("samples", "seconds, first fit", "median of fits", "predict 10,000", "GiB, peak")
    lines = "\n".join(
        f"- `{name}`: {format_number(seconds, 2)} s"
        for one in imports
        for name, seconds in one.items()
    )
    return f"""# Times of NeighborClusterer

`NeighborClusterer(n_clusters, random_state=0)`; `metric="cosine"` for the embeddings. No TensorFlow
is loaded. The memory is the peak of the whole process, samples and packages included. Whole
processes that only import, in turn, the median of {N_TURNS}:

{lines}

{format_table(titles, rows)}"""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--data", nargs="+", choices=DATA, default=list(DATA))
