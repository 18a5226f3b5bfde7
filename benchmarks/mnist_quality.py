"""MNIST's 70,000 digits: what the defaults give, beside what a user would run instead.

Peers come with `pip install "skdec[bench]"`; the digits are looked for in the folder named by the
environment variable SKDEC_DATA_HOME. Labels are used for scoring alone.
"""

import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from statistics import mean, median
from typing import Any

import numpy as np
from _results import Item, Record, benchmark_parser, number, run, table, timed
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.mixture import GaussianMixture

from skdec.datasets import load_mnist
from skdec.metrics import clustering_accuracy

N_CLUSTERS = 10
DIMS = (500, 500, 2000, 10)
BATCH_SIZE = 256
# The budget of the defaults on 70,000 rows, given to ClustPy as well.
PRETRAIN_EPOCHS, REFINE_EPOCHS = 10, 4
TUTORIAL_EPOCHS, TUTORIAL_STEPS, TUTORIAL_INTERVAL = 300, 20_000, 140

MIXTURE = "UMAP, Gaussian mixture"
TUTORIAL = "the tutorial's recipe, estimated"
TUTORIAL_PRETRAINING = "its 300 epochs of pretraining alone, estimated"

# Rows of the table that a method makes: under each name its labels, seconds and what else is told.
Outcome = dict[str, dict[str, Any]]


def defaults(X: np.ndarray, seed: int) -> Outcome:
    """`DECClusterer` as a user writes it."""
    from skdec import DECClusterer

    dec, seconds = timed(lambda: DECClusterer(N_CLUSTERS, random_state=seed).fit(X))
    phases = {phase: float(dec.history_[phase]["seconds"][-1]) for phase in dec.history_}
    return {
        "skdec, defaults": {
            "labels": dec.labels_,
            "seconds": seconds,
            "phases": phases,
            "n_iter": int(dec.n_iter_),
            "stop_reason": dec.stop_reason_,
        },
        "skdec, the start of its refinement": {
            "labels": dec.initial_labels_,
            "seconds": seconds - phases["refine"],
        },
    }


def autoencoder_kmeans(X: np.ndarray, seed: int) -> Outcome:
    """K-means on the embedding of the same pretraining."""
    from skdec import DECClusterer

    start = DECClusterer(
        N_CLUSTERS, init="k-means++", n_init=20, n_neighbors=0, max_iter=0, random_state=seed
    )
    _, seconds = timed(lambda: start.fit(X))
    return {"autoencoder, k-means": {"labels": start.initial_labels_, "seconds": seconds}}


def kmeans(X: np.ndarray, seed: int) -> Outcome:
    """K-means on the pixels."""
    fitted, seconds = timed(lambda: KMeans(N_CLUSTERS, n_init=20, random_state=seed).fit(X))
    return {"k-means on pixels": {"labels": fitted.labels_, "seconds": seconds}}


def umap(X: np.ndarray, seed: int) -> Outcome:
    """UMAP as fast as it goes: on all cores, and so without a seed of its own."""
    return _umap_outcome(X, seed, "UMAP", random_state=None)


def umap_seeded(X: np.ndarray, seed: int) -> Outcome:
    """UMAP reproducible, which keeps it to one thread."""
    return _umap_outcome(X, seed, "UMAP with random_state", random_state=seed)


def _umap_outcome(X: np.ndarray, seed: int, name: str, random_state: int | None) -> Outcome:
    # umap looks for TensorFlow on import, for a class not used here; where the LLVM of TensorFlow
    # and that of numba differ, the two in one process end it.
    sys.modules["tensorflow"] = None
    from umap import UMAP

    reducer = UMAP(n_components=10, n_neighbors=20, min_dist=0.0, random_state=random_state)
    Z, embedding_seconds = timed(lambda: reducer.fit_transform(X))
    clusterings = {
        "k-means": KMeans(N_CLUSTERS, n_init=20, random_state=seed),
        "Gaussian mixture": GaussianMixture(N_CLUSTERS, random_state=seed),
        "best of 10 Gaussian mixtures": GaussianMixture(N_CLUSTERS, n_init=10, random_state=seed),
    }
    outcome = {}
    for clustering, estimator in clusterings.items():
        labels, seconds = timed(lambda estimator=estimator: estimator.fit_predict(Z))
        outcome[f"{name}, {clustering}"] = {
            "labels": labels,
            "seconds": embedding_seconds + seconds,
            "phases": {"embedding": embedding_seconds, "clustering": seconds},
        }
    return outcome


def clustpy_dec(X: np.ndarray, seed: int) -> Outcome:
    """ClustPy's DEC."""
    return _clustpy_outcome("DEC", X, seed)


def clustpy_idec(X: np.ndarray, seed: int) -> Outcome:
    """ClustPy's IDEC."""
    return _clustpy_outcome("IDEC", X, seed)


def _clustpy_outcome(name: str, X: np.ndarray, seed: int) -> Outcome:
    # Its default network has these layers too, with leaky rectifiers.
    from clustpy import deep
    from clustpy.deep.neural_networks import FeedforwardAutoencoder

    method = getattr(deep, name)(
        N_CLUSTERS,
        batch_size=BATCH_SIZE,
        neural_network=(FeedforwardAutoencoder, {"layers": [X.shape[1], *DIMS]}),
        embedding_size=DIMS[-1],
        pretrain_epochs=PRETRAIN_EPOCHS,
        clustering_epochs=REFINE_EPOCHS,
        random_state=seed,
    )
    _, seconds = timed(lambda: method.fit(X))
    return {
        # labels_ come from a k-means of their own, dec_labels_ from the trained assignment.
        f"ClustPy {name}": {"labels": method.labels_, "seconds": seconds},
        f"ClustPy {name}, its dec_labels_": {"labels": method.dec_labels_, "seconds": seconds},
    }


def tutorial(X: np.ndarray, seed: int) -> Outcome:
    """Time of the recipe of the well-known Keras tutorial, from a few epochs and updates."""
    import keras

    from skdec.layers import ClusteringLayer
    from skdec.networks import build_autoencoder

    autoencoder, encoder, _ = build_autoencoder(X.shape[1], DIMS, seed=seed)
    autoencoder.compile(keras.optimizers.SGD(1.0, momentum=0.9), loss="mse")
    autoencoder.fit(X, X, batch_size=BATCH_SIZE, verbose=0)  # traces
    _, epochs_seconds = timed(
        lambda: autoencoder.fit(X, X, batch_size=BATCH_SIZE, epochs=2, verbose=0)
    )
    clustering = ClusteringLayer(N_CLUSTERS)
    model = keras.Model(encoder.input, clustering(encoder.output))
    clustering.set_weights([encoder.predict(X[:N_CLUSTERS], verbose=0)])
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), loss="kld")

    def interval() -> None:
        q = model.predict(X, verbose=0)
        weight = q**2 / q.sum(axis=0)
        p = (weight.T / weight.sum(axis=1)).T
        for step in range(TUTORIAL_INTERVAL):
            rows = np.arange(step * BATCH_SIZE, (step + 1) * BATCH_SIZE) % len(X)
            model.train_on_batch(X[rows], p[rows])

    interval()  # traces
    _, interval_seconds = timed(interval)
    pretraining = TUTORIAL_EPOCHS * epochs_seconds / 2
    refinement = TUTORIAL_STEPS / TUTORIAL_INTERVAL * interval_seconds
    return {
        TUTORIAL: {
            "seconds": pretraining + refinement,
            "phases": {"pretrain": pretraining, "refine": refinement},
        },
        TUTORIAL_PRETRAINING: {"seconds": pretraining},
    }


# Each method with the greatest number of seeds that it is run for: the slow ones get fewer.
METHODS: dict[str, tuple[Callable[[np.ndarray, int], Outcome], int]] = {
    "defaults": (defaults, 1000),
    "autoencoder": (autoencoder_kmeans, 1000),
    "umap": (umap, 1000),
    "clustpy-dec": (clustpy_dec, 3),
    "clustpy-idec": (clustpy_idec, 3),
    "tutorial": (tutorial, 1),
    "kmeans": (kmeans, 1),
    "umap-seeded": (umap_seeded, 1),
}


def items(options: Namespace) -> Iterator[Item]:
    """All methods for one seed after the other, so that a slow hour meets them all."""
    for position, seed in enumerate(options.seeds):
        for method in options.methods:
            if position < METHODS[method][1]:
                yield {"method": method, "seed": seed, "rows": options.rows}


def measure(item: Item) -> dict[str, Any]:
    """Scores and seconds of one method with one seed, by row of the table."""
    X, y = load_mnist()
    rows = np.linspace(0, len(X) - 1, min(item["rows"], len(X))).astype(int)
    if len(rows) < len(X):
        X, y = X[rows], y[rows]
    outcome = METHODS[item["method"]][0](X, item["seed"])
    return {name: _scored(y, **told) for name, told in outcome.items()}


def _scored(y: np.ndarray, labels: np.ndarray | None = None, **told: Any) -> dict[str, Any]:
    if labels is None:
        return told
    return {
        "accuracy": clustering_accuracy(y, labels),
        "nmi": float(normalized_mutual_info_score(y, labels)),
        "ari": float(adjusted_rand_score(y, labels)),
        "clusters": len(np.unique(labels)),
        **told,
    }


def page(records: list[Record]) -> str:
    """One line per method, its seeds taken together."""
    found: dict[str, list[dict[str, Any]]] = {}
    order = list(METHODS)
    for record in sorted(records, key=lambda record: order.index(record["item"]["method"])):
        for name, told in record["result"].items():
            found.setdefault(name, []).append(told)
    seconds = {name: median(told["seconds"] for told in runs) for name, runs in found.items()}
    against = [seconds.get(name) for name in (MIXTURE, TUTORIAL, TUTORIAL_PRETRAINING)]
    rows = [
        [
            name,
            str(len(runs)),
            *_agreement(runs),
            number(seconds[name], 0),
            *(number(other and seconds[name] / other, 2) for other in against),
        ]
        for name, runs in found.items()
    ]
    titles = (
        "method",
        "seeds",
        "accuracy, mean",
        "worst",
        "spread",
        "NMI, mean",
        "ARI, mean",
        "seconds, median",
        "of UMAP, mixture",
        "of the tutorial",
        "of its pretraining",
    )
    n_rows = ", ".join(sorted({f"{record['item']['rows']:,}" for record in records}))
    return f"""# MNIST: quality and cost of the defaults

The {n_rows} rows of MNIST divided by 255, no augmentation; labels are used for scoring alone. The
spread is the difference between the best and the worst seed. Seconds are those of the whole fit,
the compilation of its programs included and imports not. The goals for the defaults: accuracy at
least 0.97 in the mean and 0.95 at worst, NMI at least 0.925, at most 1.5 times the seconds of UMAP
with a mixture and 0.1 times those of the tutorial.

{table(titles, rows)}

UMAP: 10 dimensions, 20 neighbours, `min_dist=0`. Without `random_state` it uses all cores and no
two runs are alike; with one it is reproducible and keeps to one thread. K-means runs 20 times
everywhere. A Gaussian mixture has full covariances; the best of 10 is the one with the greatest
likelihood. ClustPy gets the layers 784-500-500-2000-10 and the budget of skdec's defaults:
{PRETRAIN_EPOCHS} epochs of pretraining, {REFINE_EPOCHS} of refinement, batches of {BATCH_SIZE};
the labels it hands out are those of a last k-means, those of its trained assignment are called
`dec_labels_`.

The tutorial's recipe is SGD with rate 1 and momentum 0.9 by Keras' `fit` for {TUTORIAL_EPOCHS}
epochs, then {TUTORIAL_STEPS:,} refinement steps with new targets every {TUTORIAL_INTERVAL}. Its
time is multiplied out from two epochs and one such interval, each after a first one. It may stop
earlier by its tolerance, so the last column compares with its pretraining alone."""


def _agreement(runs: list[dict[str, Any]]) -> list[str]:
    if "accuracy" not in runs[0]:
        return ["-"] * 5
    accuracies = [told["accuracy"] for told in runs]
    return [
        number(mean(accuracies)),
        number(min(accuracies)),
        number(max(accuracies) - min(accuracies)),
        number(mean(told["nmi"] for told in runs)),
        number(mean(told["ari"] for told in runs)),
    ]


def main() -> int:
    parser = benchmark_parser(__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--rows", type=int, default=70_000, help="fewer, to try the script")
    return run(parser, items, measure, page)


if __name__ == "__main__":
    sys.exit(main())
