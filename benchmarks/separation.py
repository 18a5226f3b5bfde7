"""Blobs of unequal sizes, in the plane and in ten dimensions, by skdec and the alternatives.

A few blobs are large, others small; some touch, some do not. `pip install -e ".[bench]"` installs
the alternatives. Labels are used for scoring only.
"""

import warnings
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from statistics import mean
from typing import Any

import numpy as np
from _results import Item, Record, format_number, format_table
from no_tuning import run_kmeans, run_skdec, run_spectral, run_umap
from sklearn.cluster import HDBSCAN
from sklearn.datasets import make_blobs
from sklearn.metrics import normalized_mutual_info_score
from sklearn.mixture import GaussianMixture
from sklearn.preprocessing import scale

SIZES = ((2000, 100, 30), (1500, 300, 100, 30), (1000, 500, 100, 100, 50), (300, 300, 30))
# The standard deviation of a blob by the number of features.
STANDARD_DEVIATIONS = {2: 1.0, 10: 3.0}


def run_on_samples(X: np.ndarray, k: int, seed: int) -> dict[str, np.ndarray]:
    """Run the best of ten Gaussian mixtures, and HDBSCAN, on the samples themselves."""
    mixture = GaussianMixture(k, n_init=10, random_state=seed, reg_covar=1e-4)
    return {
        "Gaussian mixtures": mixture.fit_predict(X),
        "HDBSCAN": HDBSCAN(min_cluster_size=max(5, len(X) // 100)).fit_predict(X),
    }


RUNS: dict[str, Callable[[np.ndarray, int, int], dict[str, np.ndarray]]] = {
    "kmeans": run_kmeans,
    "samples": run_on_samples,
    "spectral": run_spectral,
    "umap": run_umap,
    "skdec": run_skdec,
}
METHODS = (
    "k-means",
    "Gaussian mixtures",
    "HDBSCAN",
    "spectral",
    "UMAP + mixtures",
    "UMAP + HDBSCAN",
    "no network",
    "skdec",
)


def list_items(options: Namespace) -> Iterator[Item]:
    """Yield each run on each set of blobs."""
    for seed in options.seeds:
        for n_features in STANDARD_DEVIATIONS:
            for sizes in SIZES:
                for run in options.runs:
                    yield {"sizes": sizes, "n_features": n_features, "seed": seed, "run": run}


def measure(item: Item) -> dict[str, Any]:
    """Compute the NMI of what a run finds."""
    warnings.simplefilter("ignore")
    n_features, seed = item["n_features"], item["seed"]
    X, y = make_blobs(
        item["sizes"],
        n_features,
        cluster_std=STANDARD_DEVIATIONS[n_features],
        random_state=seed,
    )
    found = RUNS[item["run"]](scale(X), len(item["sizes"]), seed)
    return {
        method: float(normalized_mutual_info_score(y, labels)) for method, labels in found.items()
    }


def format_page(records: list[Record]) -> str:
    """Format the NMI of each method, mean over the seeds."""
    seeds = sorted({record["item"]["seed"] for record in records})
    sections = [
        f"## {n_features} features\n\n{_format_table(records, n_features)}"
        for n_features in STANDARD_DEVIATIONS
    ]
    tables = "\n\n".join(sections)
    return f"""# Blobs of unequal sizes

NMI of blobs by `make_blobs(sizes, n_features, cluster_std=..., random_state=seed)`, standardized,
mean over the seeds {", ".join(map(str, seeds))}; the standard deviation is 1 for two features and
3 for ten. The centers are drawn at random, so that some blobs overlap: no method can find all of
them. Every method but HDBSCAN gets the number of blobs. HDBSCAN gets a smallest cluster of one
percent of the samples; its noise counts as a cluster. "no network" are skdec's labels before the
training. Such blobs with the seeds 0 to 3 are among the data on which [the criterion](criterion.md)
was chosen.

{tables}"""


def _format_table(records: list[Record], n_features: int) -> str:
    of_features = [record for record in records if record["item"]["n_features"] == n_features]
    rows = []
    for sizes in SIZES:
        of_sizes = [one["result"] for one in of_features if one["item"]["sizes"] == list(sizes)]
        rows.append([", ".join(map(str, sizes)), *_format_means(of_sizes)])
    rows.append(["mean", *_format_means([one["result"] for one in of_features])])
    return format_table(["sizes", *METHODS], rows)


def _format_means(results: list[dict[str, float]]) -> list[str]:
    values = {method: [one[method] for one in results if method in one] for method in METHODS}
    return [format_number(mean(found) if found else None) for found in values.values()]


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--seeds", type=int, nargs="+", default=[6, 7, 8])
    parser.add_argument("--runs", nargs="+", choices=RUNS, default=list(RUNS))
