"""Clusters of unequal sizes: subsets of MNIST with keep rates from 0.1 to 0.9, as in the paper.

The images of class 0 are kept with the smallest rate, those of class 9 with probability one, the
classes between them with rates in between (section 5 of Xie, Girshick and Farhadi, ICML 2016). The
alternatives are installed by `pip install -e ".[bench]"`; MNIST is read from the folder named by
the environment variable SKDEC_DATA_HOME. Labels are used for scoring only.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from statistics import mean
from typing import Any

import numpy as np
from _peers import (
    N_CLUSTERS,
    Outcome,
    create_best_mixture,
    fit_autoencoder_kmeans,
    fit_defaults,
    fit_kmeans,
    fit_umap,
    score_labels,
)
from _results import Item, Record, format_number, format_table

from skdec.datasets import load_mnist

RATES = (0.1, 0.3, 0.5, 0.7, 0.9)
DATA = {"mnist-test": "the 10,000 test images", "mnist": "all 70,000 images"}


def fit_umap_mixture(X: np.ndarray, seed: int) -> Outcome:
    """Run the best of ten Gaussian mixtures in UMAP's embedding."""
    return fit_umap(X, {"best of 10 Gaussian mixtures": create_best_mixture(seed)})


METHODS: dict[str, Callable[[np.ndarray, int], Outcome]] = {
    "kmeans": fit_kmeans,
    "autoencoder": fit_autoencoder_kmeans,
    "umap": fit_umap_mixture,
    "skdec": fit_defaults,
}
# The names of their results, in the order of the table.
NAMES = (
    "k-means on pixels",
    "autoencoder, k-means",
    "UMAP, best of 10 Gaussian mixtures",
    "skdec, initialization",
    "skdec, defaults",
)


def load_subset(data: str, rate: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Load MNIST, class 0 thinned to `rate`, class 9 complete, the others linearly in between."""
    X, y = load_mnist()
    if data == "mnist-test":
        X, y = X[60_000:], y[60_000:]
    rates = np.linspace(rate, 1, N_CLUSTERS)
    is_kept = np.random.RandomState(seed).uniform(size=len(y)) < rates[y]
    return X[is_kept], y[is_kept]


def list_items(options: Namespace) -> Iterator[Item]:
    """Yield all methods for one subset after the other, so that machine load affects all alike."""
    for data in options.data:
        for seed in options.seeds:
            for rate in options.rates:
                for method in options.methods:
                    item = {"data": data, "rate": rate, "method": method, "seed": seed}
                    yield item if options.samples is None else item | {"samples": options.samples}


def measure(item: Item) -> dict[str, Any]:
    """Compute scores and seconds of one method on one subset, by name in the table."""
    X, y = load_subset(item["data"], item["rate"], item["seed"])
    X, y = X[: item.get("samples")], y[: item.get("samples")]
    outcome = METHODS[item["method"]](X, item["seed"])
    return {
        name: {**score_labels(y, values["labels"]), "n_samples": len(y), **_drop_labels(values)}
        for name, values in outcome.items()
    }


def _drop_labels(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name != "labels"}


def format_page(records: list[Record]) -> str:
    """Format accuracy and NMI of each method and rate for each data set."""
    sections = [
        _format_data(title, [record for record in records if record["item"]["data"] == data])
        for data, title in DATA.items()
    ]
    tables = "\n\n".join(section for section in sections if section)
    return f"""# Clusters of unequal sizes

Subsets of MNIST as in section 5 of the paper: the images of class 0 are kept with the smallest keep
rate, those of class 9 with probability one, the classes between them with rates in between. The
same seed selects the subset and initializes the methods. Labels are used for scoring only. K-means
has 20 runs. UMAP has 10 dimensions, 20 neighbors and `min_dist=0`. "skdec, defaults" is
`DECClusterer(10, random_state=seed)`, "initialization" the labels before its refinement. Every fit
ran with one thread (`OMP_NUM_THREADS=1`) beside other jobs; [quality on MNIST](mnist_quality.md)
has times.

{tables}"""


def _format_data(title: str, records: list[Record]) -> str:
    """Format the tables of one data set, or nothing without records."""
    runs: dict[tuple[str, float], list[dict[str, Any]]] = {}
    for record in records:
        for name, values in record["result"].items():
            runs.setdefault((name, record["item"]["rate"]), []).append(values)
    rates = sorted({rate for _, rate in runs})
    if not rates:
        return ""
    names = [name for name in NAMES if any((name, rate) in runs for rate in rates)]
    titles = [f"rate {rate}" for rate in rates]
    n_samples = [
        format_number(
            mean(run["n_samples"] for key in runs if key[1] == rate for run in runs[key]), 0
        )
        for rate in rates
    ]
    seeds = sorted({record["item"]["seed"] for record in records})

    def format_rows(format_runs: Callable[[list[dict[str, Any]]], str]) -> list[list[str]]:
        return [
            [name, *(format_runs(runs.get((name, rate), [])) for rate in rates)] for name in names
        ]

    n_samples_row = ["samples, mean", *n_samples]
    tables = [
        format_table(["accuracy / NMI", *titles], [n_samples_row, *format_rows(_format_scores)])
    ]
    if len(seeds) > 1:
        tables.append(format_table(["worst accuracy", *titles], format_rows(_format_worst)))
    return "\n\n".join(
        [f"## MNIST, {title}", f"Mean of the seeds: {', '.join(map(str, seeds))}.", *tables]
    )


def _format_scores(runs: list[dict[str, Any]]) -> str:
    if not runs:
        return "-"
    accuracy, nmi = (mean(run[name] for run in runs) for name in ("accuracy", "nmi"))
    return f"{format_number(accuracy)} / {format_number(nmi)}"


def _format_worst(runs: list[dict[str, Any]]) -> str:
    return format_number(min((run["accuracy"] for run in runs), default=None))


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--data", nargs="+", choices=DATA, default=["mnist-test"])
    parser.add_argument("--rates", type=float, nargs="+", default=list(RATES))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--samples", type=int, help="so many only, to try the script")
