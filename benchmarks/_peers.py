"""Clusterings that several benchmarks compare: skdec, k-means and UMAP with mixtures."""

import sys
from typing import Any

import numpy as np
from _results import time_call
from sklearn.base import ClusterMixin
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.mixture import GaussianMixture

from skdec.metrics import clustering_accuracy

N_CLUSTERS = 10

# Results of a method by their name in the table: labels, seconds and other values to store.
Outcome = dict[str, dict[str, Any]]


def fit_defaults(X: np.ndarray, seed: int) -> Outcome:
    """Fit `DECClusterer` with its defaults."""
    from skdec import DECClusterer

    dec, seconds = time_call(lambda: DECClusterer(N_CLUSTERS, random_state=seed).fit(X))
    phases = {phase: float(dec.history_[phase]["seconds"][-1]) for phase in dec.history_}
    return {
        "skdec, defaults": {
            "labels": dec.labels_,
            "seconds": seconds,
            "phases": phases,
            "n_iter": int(dec.n_iter_),
            "stop_reason": dec.stop_reason_,
        },
        "skdec, initialization": {
            "labels": dec.initial_labels_,
            "seconds": seconds - phases["refine"],
        },
    }


def fit_autoencoder_kmeans(X: np.ndarray, seed: int, n_clusters: int = N_CLUSTERS) -> Outcome:
    """Run k-means on the embedding after the same pretraining."""
    from skdec import DECClusterer

    dec = DECClusterer(n_clusters, init="k-means++", n_neighbors=0, max_iter=0, random_state=seed)
    _, seconds = time_call(lambda: dec.fit(X))
    return {"autoencoder, k-means": {"labels": dec.initial_labels_, "seconds": seconds}}


def fit_kmeans(X: np.ndarray, seed: int) -> Outcome:
    """Run k-means on the pixels."""
    estimator, seconds = time_call(lambda: KMeans(N_CLUSTERS, n_init=20, random_state=seed).fit(X))
    return {"k-means on pixels": {"labels": estimator.labels_, "seconds": seconds}}


def create_best_mixture(seed: int) -> GaussianMixture:
    """Create the Gaussian mixture with the greatest likelihood of ten."""
    return GaussianMixture(N_CLUSTERS, n_init=10, random_state=seed)


def create_umap(random_state: int | None) -> Any:
    """Create the UMAP that all benchmarks use: 10 dimensions, 20 neighbors."""
    # umap imports TensorFlow for a class that is not used here. Both TensorFlow and numba load
    # LLVM, and a process with two different versions of it can abort.
    sys.modules["tensorflow"] = None
    from umap import UMAP

    return UMAP(n_components=10, n_neighbors=20, min_dist=0.0, random_state=random_state)


def fit_umap(
    X: np.ndarray,
    clusterings: dict[str, ClusterMixin | GaussianMixture],
    name: str = "UMAP",
    random_state: int | None = None,
) -> Outcome:
    """Cluster UMAP's embedding in several ways; without a seed it uses all cores."""
    reducer = create_umap(random_state)
    Z, embedding_seconds = time_call(lambda: reducer.fit_transform(X))
    outcome = {}
    for clustering, estimator in clusterings.items():
        labels, seconds = time_call(lambda estimator=estimator: estimator.fit_predict(Z))
        outcome[f"{name}, {clustering}"] = {
            "labels": labels,
            "seconds": embedding_seconds + seconds,
            "phases": {"embedding": embedding_seconds, "clustering": seconds},
        }
    return outcome


def score_labels(y: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """Score labels by the classes `y`."""
    return {
        "accuracy": clustering_accuracy(y, labels),
        "nmi": float(normalized_mutual_info_score(y, labels)),
        "ari": float(adjusted_rand_score(y, labels)),
        "clusters": len(np.unique(labels)),
    }
