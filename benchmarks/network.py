"""The labels of the network beside those of its initialization, and what the network costs.

Labels are used for scoring only. Sets that do not ship with scikit-learn are read from the folder
named by the environment variable SKDEC_DATA_HOME and skipped if they are missing.
"""

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from statistics import mean
from time import process_time
from typing import Any

import numpy as np
from _results import Item, Record, format_number, format_table, time_call
from no_tuning import DATA, FILES, SHAPES
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

NAMES = ("digits", "iris", "penguins", "MNIST", *SHAPES, "tweet", "agnews", "banking77")
# Sets that are fitted with several seeds.
SEVERAL = ("digits", "iris", "penguins")
TITLES = (
    *("data", "seeds", "steps", "agreement", "ARI, initialization", "ARI, network"),
    *("NMI, initialization", "NMI, network", "seconds, pretraining", "seconds, refinement"),
    "seconds of the processors, whole fit",
)


def list_items(options: Namespace) -> Iterator[Item]:
    """Yield each set that is at hand, with its seeds."""
    folder = Path(os.environ.get("SKDEC_DATA_HOME", "."))
    for name in options.data:
        if name in FILES and not (folder / FILES[name]).is_file():
            continue
        for seed in options.seeds if name in SEVERAL else options.seeds[:1]:
            yield {"data": name, "seed": seed}


def measure(item: Item) -> dict[str, Any]:
    """Fit at the defaults and compare both labels with the reference: the best, if several."""
    from skdec import DECClusterer

    X, labelings = DATA[item["data"]]()
    best: dict[str, Any] = {"final_ari": -1.0}
    for y in labelings if isinstance(labelings, list) else [labelings]:
        is_known = y != 0 if item["data"] in SHAPES else np.ones(len(y), bool)
        dec = DECClusterer(len(np.unique(y[is_known])), random_state=item["seed"])
        before = process_time()
        _, seconds = time_call(lambda dec=dec: dec.fit(X))
        result = {
            "n_steps": dec.n_iter_,
            "agreement": float(np.mean(dec.labels_ == dec.initial_labels_)),
            "seconds": seconds,
            "processor_seconds": process_time() - before,
            "pretrain_seconds": float(dec.history_["pretrain"]["seconds"][-1]),
            "refine_seconds": float(dec.history_["refine"]["seconds"][-1]),
        }
        for name, labels in (("initial", dec.initial_labels_), ("final", dec.labels_)):
            pair = y[is_known], labels[is_known]
            result[f"{name}_ari"] = float(adjusted_rand_score(*pair))
            result[f"{name}_nmi"] = float(normalized_mutual_info_score(*pair))
        best = max(best, result, key=lambda one: one["final_ari"])
    return best


def format_page(records: list[Record]) -> str:
    """Format a row for each set, means over its seeds."""
    found = {record["item"]["data"] for record in records}
    results = {
        name: [record["result"] for record in records if record["item"]["data"] == name]
        for name in NAMES
        if name in found
    }
    shapes = [result for name in SHAPES for result in results.get(name, [])]
    rows = [_format_row(name, of_name) for name, of_name in results.items()]
    rows += [_format_row("mean of these shapes", shapes)] if shapes else []
    every = [record["result"] for record in records]
    largest_loss = max(result["initial_ari"] - result["final_ari"] for result in every)
    return f"""# The network beside its initialization

`DECClusterer` at its defaults, told the number of clusters. "Agreement" is the fraction of the
samples whose label by the network is that of the initialization. The shapes are those of
gagolews/clustering-data-v1; the best of the reference labelings counts. Seconds are those of a
fresh process, in which everything is compiled; those of the processors add up both cores and hardly
depend on what else the machine does. The largest loss of ARI against the initialization is
{largest_loss:.3f}.

{format_table(TITLES, rows)}"""


def _format_row(name: str, results: list[dict[str, float]]) -> list[str]:
    def average(key: str, digits: int = 3) -> str:
        return format_number(mean(result[key] for result in results), digits)

    qualities = [f"{when}_{what}" for what in ("ari", "nmi") for when in ("initial", "final")]
    seconds = ("pretrain_seconds", "refine_seconds", "processor_seconds")
    return [
        *(name, str(len(results)), average("n_steps", 0), average("agreement")),
        *(average(key) for key in qualities),
        *(average(key, 1) for key in seconds),
    ]


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--data", nargs="+", default=list(NAMES), choices=NAMES, metavar="NAME")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
