"""Which score without labels ranks clusterings as the classes do: rank correlations with NMI.

Each data set is clustered by many methods; the scores of the clusterings are compared with their
normalized mutual information with the classes.
"""

import warnings
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import Any

import numpy as np
from _results import Item, Record, format_number, format_table
from no_tuning import DATA, list_available
from scipy.stats import spearmanr
from sklearn.base import BaseEstimator
from sklearn.cluster import AgglomerativeClustering, BisectingKMeans, KMeans, SpectralClustering
from sklearn.metrics import normalized_mutual_info_score
from sklearn.mixture import GaussianMixture

from skdec import DECClusterer, NeighborClusterer
from skdec.model_selection import (
    CalinskiHarabaszScorer,
    DaviesBouldinScorer,
    NeighborInformationScorer,
    SilhouetteScorer,
)

SCORERS = {
    "neighbor information": NeighborInformationScorer(),
    "silhouette": SilhouetteScorer(),
    "Davies-Bouldin": DaviesBouldinScorer(),
    "Calinski-Harabasz": CalinskiHarabaszScorer(),
}
# Of larger data sets, a random subset of this size is used.
MAX_SAMPLES = 3_000
NEAREST = {"affinity": "nearest_neighbors", "assign_labels": "cluster_qr"}


class Found(BaseEstimator):
    """A clusterer that has found these labels."""

    def __init__(self, labels: np.ndarray) -> None:
        self.labels = labels

    def predict(self, X: Any) -> np.ndarray:
        """Return the labels of the samples that they were found in."""
        return self.labels


def build_clusterers(k: int) -> list[Any]:
    """Build clusterers of several kinds, some of them with several seeds or neighbors."""
    return [
        *(KMeans(k, n_init=1, random_state=seed) for seed in range(3)),
        BisectingKMeans(k, random_state=0),
        *(
            GaussianMixture(k, covariance_type=kind, random_state=0, reg_covar=1e-3)
            for kind in ("full", "tied", "diag", "spherical")
        ),
        *(AgglomerativeClustering(k, linkage=kind) for kind in ("ward", "average", "complete")),
        *(SpectralClustering(k, n_neighbors=n, random_state=0, **NEAREST) for n in (5, 10, 20)),
        *(NeighborClusterer(k, n_init=1, random_state=seed) for seed in range(3)),
        NeighborClusterer(k, n_init=12, random_state=0),
        DECClusterer(k, init="k-means++", n_neighbors=0, random_state=0),
    ]


def list_items(options: Namespace) -> Iterator[Item]:
    """Yield each available data set."""
    for data in list_available(options.data):
        yield {"data": data}


def measure(item: Item) -> dict[str, Any]:
    """Measure the rank correlation of each score with NMI."""
    warnings.simplefilter("ignore")
    X, y = DATA[item["data"]]()
    subset = np.random.RandomState(0).permutation(len(X))[:MAX_SAMPLES]
    X, y = X[subset], y[subset]
    found = []
    for clusterer in build_clusterers(len(np.unique(y))):
        labels = clusterer.fit_predict(X)
        # Without the training of the network: the labels of the initialization.
        found.append(labels if getattr(clusterer, "max_iter", 1) else clusterer.initial_labels_)
    nmi = [normalized_mutual_info_score(y, labels) for labels in found]
    correlations = {
        name: float(spearmanr(nmi, [scorer(Found(labels), X) for labels in found]).statistic)
        for name, scorer in SCORERS.items()
    }
    return {"n_samples": len(X), "n_clusterings": len(found), "correlations": correlations}


def format_page(records: list[Record]) -> str:
    """Format the correlations of all data sets, and their means."""
    by_data = {record["item"]["data"]: record["result"] for record in records}
    rows = [
        [data, f"{by_data[data]['n_samples']:,}"]
        + [format_number(by_data[data]["correlations"][name], 2) for name in SCORERS]
        for data in DATA
        if data in by_data
    ]
    means = [
        format_number(np.mean([result["correlations"][name] for result in by_data.values()]), 2)
        for name in SCORERS
    ]
    rows.append([f"mean of {len(by_data)}", "", *means])
    n_clusterings = max(result["n_clusterings"] for result in by_data.values())
    return f"""# Scores without labels, compared with classes

Spearman's rank correlation between a score without labels and the normalized mutual information
with the classes, over {n_clusterings} clusterings of each data set (k-means, mixtures,
agglomerative, spectral, skdec's search, DEC with the initialization and targets of the paper).
1 means that the score ranks clusterings as the classes do, 0 that it is of no use.
`DECClusterer.score` is the neighbor information; the form of it was chosen on these data sets,
among others.

{format_table(("data", "samples", *SCORERS), rows)}"""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--data", nargs="+", choices=DATA, default=list(DATA))
