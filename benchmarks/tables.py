"""Tables with words and gaps: k-means, UMAP + mixture and skdec on the same prepared columns.

penguins.csv, titanic.csv and german.csv are read from the folder named by the environment variable
SKDEC_DATA_HOME.
"""

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from statistics import mean
from typing import Any

from _results import Item, Record, format_number, format_table, time_call

LABELS = {"penguins": "species", "titanic": "survived", "german": "risk"}
METHODS = ("k-means", "UMAP + mixture", "skdec")


def list_items(options: Namespace) -> Iterator[Item]:
    """Yield one fit for each table, method and seed."""
    yield from (
        {"table": table, "method": method, "seed": seed}
        for table in LABELS
        for method in METHODS
        for seed in options.seeds
    )


def measure(item: Item) -> dict[str, Any]:
    """Cluster the prepared columns, and compare the clusters with the held back column."""
    import pandas as pd
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score, silhouette_score

    from skdec import TablePreparer
    from skdec.metrics import clustering_accuracy

    frame = pd.read_csv(Path(os.environ["SKDEC_DATA_HOME"]) / f"{item['table']}.csv")
    y = frame.pop(LABELS[item["table"]])
    X = TablePreparer(random_state=item["seed"]).fit_transform(frame)
    labels, seconds = time_call(lambda: cluster(X, y.nunique(), item["method"], item["seed"]))
    return {
        "accuracy": clustering_accuracy(y, labels),
        "nmi": normalized_mutual_info_score(y, labels),
        "ari": adjusted_rand_score(y, labels),
        "silhouette": float(silhouette_score(X, labels)),
        "seconds": seconds,
    }


def cluster(X: Any, n_clusters: int, method: str, seed: int) -> Any:
    """Return the labels of one method."""
    if method == "k-means":
        from sklearn.cluster import KMeans

        return KMeans(n_clusters, n_init=20, random_state=seed).fit_predict(X)
    if method == "skdec":
        from skdec import DECClusterer

        return DECClusterer(n_clusters, random_state=seed).fit_predict(X)
    from sklearn.mixture import GaussianMixture
    from umap import UMAP

    z = UMAP(n_components=5, n_neighbors=20, min_dist=0, random_state=seed).fit_transform(X)
    return GaussianMixture(n_clusters, n_init=5, random_state=seed).fit_predict(z)


def format_page(records: list[Record]) -> str:
    """Format the means over the seeds."""
    rows = []
    for table in LABELS:
        for method in METHODS:
            results = [
                record["result"]
                for record in records
                if (record["item"]["table"], record["item"]["method"]) == (table, method)
            ]
            means = [
                format_number(mean(result[name] for result in results), digits)
                for name, digits in (("accuracy", 3), ("nmi", 3), ("ari", 3), ("silhouette", 3))
            ]
            rows.append([table, method, *means])
    seeds = ", ".join(map(str, sorted({record["item"]["seed"] for record in records})))
    header = ("table", "method", "accuracy", "NMI", "ARI", "silhouette")
    return f"""# Tables with words and gaps

`TablePreparer`, then each method with as many clusters as the column that is held back has values:
species, survived, risk. Mean over the seeds {seeds}. The classes are only what one column of a
table says, and on titanic and german they are hardly visible in the others; the silhouette is that
in the prepared columns.

{format_table(header, rows)}"""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="seeds")
