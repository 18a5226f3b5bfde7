"""The same defaults on many data sets: plain k-means, autoencoder + k-means, and DEC.

Labels are used for scoring only. Digits, iris, wine and breast cancer ship with scikit-learn;
MNIST, Fashion-MNIST and College.csv are read from the folder named by the environment variable
SKDEC_DATA_HOME and skipped if they are missing.
"""

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
from _results import Item, Record, build_parser, format_number, format_table, run_benchmark
from sklearn.datasets import load_breast_cancer, load_iris, load_wine, make_blobs
from sklearn.preprocessing import minmax_scale, scale

from skdec.datasets import load_digits, load_fashion_mnist, load_mnist

Labeled = tuple[np.ndarray, np.ndarray]
METHODS = ("kmeans", "autoencoder+kmeans", "dec")
# Above this number of samples, k-means on the features runs with one seed: it takes minutes and
# hardly varies.
MAX_SAMPLES_KMEANS = 20_000


def load_some_digits() -> Labeled:
    """Load the first 200 digits."""
    X, y = load_digits()
    return X[:200], y[:200]


def load_mnist_test() -> Labeled:
    """Load the test samples of MNIST."""
    X, y = load_mnist()
    return X[60_000:], y[60_000:]


def load_college() -> Labeled:
    """Load the U.S. colleges, standardized; the label is whether a college is private."""
    with _get_data_path("College.csv").open() as file:
        cells = np.loadtxt(file, delimiter=",", skiprows=1, dtype=str)
    return scale(cells[:, 1:].astype(np.float64)).astype(np.float32), cells[:, 0]


def generate_blobs(n_clusters: int) -> Labeled:
    """Generate Gaussian blobs in 50 dimensions, scaled to [0, 1]."""
    X, y = make_blobs(3000, n_features=50, centers=n_clusters, cluster_std=4.0, random_state=0)
    return _scale(X, y)


def _scale(X: np.ndarray, y: np.ndarray) -> Labeled:
    return minmax_scale(X).astype(np.float32), y


def _get_data_path(name: str) -> Path:
    return Path(os.environ.get("SKDEC_DATA_HOME", "."), name)


# Names as in the stored results and recorded commands; DISPLAYED_NAMES has those of the page.
DATA: dict[str, Callable[[], Labeled]] = {
    "digits": load_digits,
    "digits, 200 rows": load_some_digits,
    "iris": lambda: _scale(*load_iris(return_X_y=True)),
    "wine": lambda: _scale(*load_wine(return_X_y=True)),
    "breast cancer": lambda: _scale(*load_breast_cancer(return_X_y=True)),
    "College": load_college,
    "3 blobs": lambda: generate_blobs(3),
    "10 blobs": lambda: generate_blobs(10),
    "30 blobs": lambda: generate_blobs(30),
    "MNIST, test rows": load_mnist_test,
    "MNIST": load_mnist,
    "Fashion-MNIST": load_fashion_mnist,
}
DISPLAYED_NAMES = {
    "digits, 200 rows": "digits, 200 samples",
    "MNIST, test rows": "MNIST, test samples",
}
# Files that a data set is read from; without its file it is skipped.
FILES = {
    "College": "College.csv",
    "MNIST, test rows": "mnist.npz",
    "MNIST": "mnist.npz",
    "Fashion-MNIST": "fashion_mnist.npz",
}


def list_items(options: Namespace) -> Iterator[Item]:
    """Yield each available data set, once per seed."""
    for data in options.data:
        if data in FILES and not _get_data_path(FILES[data]).is_file():
            sys.stdout.write(f"{data} is skipped: no {FILES[data]} in SKDEC_DATA_HOME\n")
            continue
        yield from ({"data": data, "seed": seed} for seed in options.seeds)


def measure(item: Item) -> dict[str, Any]:
    """Compute the scores of the three methods on one data set with one seed."""
    from skdec import compare

    X, y = DATA[item["data"]]()
    methods = METHODS if len(X) <= MAX_SAMPLES_KMEANS or item["seed"] == 0 else METHODS[1:]
    return compare(X, y, methods=methods, random_state=item["seed"]).to_dict()


def format_page(records: list[Record]) -> str:
    """Format one line per data set, aggregated over its seeds."""
    results_of_data: dict[str, list[dict[str, Any]]] = {}
    order = list(DATA)
    for record in sorted(records, key=lambda record: order.index(record["item"]["data"])):
        results_of_data.setdefault(record["item"]["data"], []).append(record["result"])
    seeds = sorted({record["item"]["seed"] for record in records})
    titles = (
        "data",
        "samples",
        "features",
        "clusters",
        "k-means",
        "autoencoder + k-means",
        "skdec",
        "minus k-means",
        "minus autoencoder + k-means",
        "worst seed",
        "seconds",
    )
    lines = [_format_line(data, results) for data, results in results_of_data.items()]
    return f"""# One set of defaults on all data sets

Accuracy of plain k-means (20 runs), of k-means (20 runs) on the embedding of the pretrained
autoencoder, and of `DECClusterer(n_clusters, random_state=seed)`, means over the seeds
{", ".join(map(str, seeds))}. Differences are in percentage points; the last one is that of the seed
with the smallest difference between skdec and autoencoder + k-means. Features are scaled to [0, 1],
those of College standardized. Above {MAX_SAMPLES_KMEANS:,} samples plain k-means runs with seed 0
only. Labels are used for scoring only. The defaults were chosen on MNIST and digits.

{format_table(titles, lines)}"""


def _format_line(data: str, results: list[dict[str, Any]]) -> list[str]:
    scores = [{row["method"]: row for row in result["results"]} for result in results]
    kmeans = mean(methods["kmeans"]["accuracy"] for methods in scores if "kmeans" in methods)
    autoencoder = [methods["autoencoder+kmeans"]["accuracy"] for methods in scores]
    dec = [methods["dec"]["accuracy"] for methods in scores]
    gains = [100 * (after - before) for before, after in zip(autoencoder, dec, strict=True)]
    return [
        DISPLAYED_NAMES.get(data, data),
        *(format_number(results[0][size], 0) for size in ("n_samples", "n_features", "n_clusters")),
        *(format_number(value) for value in (kmeans, mean(autoencoder), mean(dec))),
        f"{100 * (mean(dec) - kmeans):+.1f}",
        f"{mean(gains):+.1f}",
        f"{min(gains):+.1f}",
        format_number(mean(methods["dec"]["seconds"] for methods in scores), 1),
    ]


def main() -> int:
    parser = build_parser(__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--data", nargs="+", choices=DATA, default=list(DATA))
    return run_benchmark(parser, list_items, measure, format_page)


if __name__ == "__main__":
    sys.exit(main())
