"""The same defaults on many data sets: plain k-means, autoencoder with k-means, and DEC.

Labels are used for scoring alone. Digits, iris, wine and breast cancer ship with scikit-learn;
MNIST, Fashion-MNIST and College.csv are looked for in the folder named by the environment variable
SKDEC_DATA_HOME and left out where they are not.
"""

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
from _results import Item, Record, benchmark_parser, number, run, table
from sklearn.datasets import load_breast_cancer, load_iris, load_wine, make_blobs
from sklearn.preprocessing import minmax_scale, scale

from skdec.datasets import load_digits, load_fashion_mnist, load_mnist

Labelled = tuple[np.ndarray, np.ndarray]
METHODS = ("kmeans", "autoencoder+kmeans", "dec")
# With more rows, k-means on them runs for one seed: it takes minutes and hardly varies.
SLOW_ROWS = 20_000


def some_digits() -> Labelled:
    """The first 200 digits."""
    X, y = load_digits()
    return X[:200], y[:200]


def mnist_test() -> Labelled:
    """MNIST's own test rows alone."""
    X, y = load_mnist()
    return X[60_000:], y[60_000:]


def college() -> Labelled:
    """The U.S. colleges, standardised; whether they are private is held back."""
    with _at_hand("College.csv").open() as file:
        cells = np.loadtxt(file, delimiter=",", skiprows=1, dtype=str)
    return scale(cells[:, 1:].astype(np.float64)).astype(np.float32), cells[:, 0]


def blobs(n_clusters: int) -> Labelled:
    """Gaussian blobs in 50 dimensions."""
    X, y = make_blobs(3000, n_features=50, centers=n_clusters, cluster_std=4.0, random_state=0)
    return _scaled(X, y)


def _scaled(X: np.ndarray, y: np.ndarray) -> Labelled:
    return minmax_scale(X).astype(np.float32), y


def _at_hand(name: str) -> Path:
    return Path(os.environ.get("SKDEC_DATA_HOME", "."), name)


DATA: dict[str, Callable[[], Labelled]] = {
    "digits": load_digits,
    "digits, 200 rows": some_digits,
    "iris": lambda: _scaled(*load_iris(return_X_y=True)),
    "wine": lambda: _scaled(*load_wine(return_X_y=True)),
    "breast cancer": lambda: _scaled(*load_breast_cancer(return_X_y=True)),
    "College": college,
    "3 blobs": lambda: blobs(3),
    "10 blobs": lambda: blobs(10),
    "30 blobs": lambda: blobs(30),
    "MNIST, test rows": mnist_test,
    "MNIST": load_mnist,
    "Fashion-MNIST": load_fashion_mnist,
}
# Files without which a data set is left out.
FILES = {
    "College": "College.csv",
    "MNIST, test rows": "mnist.npz",
    "MNIST": "mnist.npz",
    "Fashion-MNIST": "fashion_mnist.npz",
}


def items(options: Namespace) -> Iterator[Item]:
    """Each data set that is at hand, once per seed."""
    for data in options.data:
        if data in FILES and not _at_hand(FILES[data]).is_file():
            sys.stdout.write(f"{data} is left out: no {FILES[data]} in SKDEC_DATA_HOME\n")
            continue
        yield from ({"data": data, "seed": seed} for seed in options.seeds)


def measure(item: Item) -> dict[str, Any]:
    """Scores of the three methods on one data set with one seed."""
    from skdec import compare

    X, y = DATA[item["data"]]()
    methods = METHODS if len(X) <= SLOW_ROWS or item["seed"] == 0 else METHODS[1:]
    return compare(X, y, methods=methods, random_state=item["seed"]).to_dict()


def page(records: list[Record]) -> str:
    """One line per data set, its seeds taken together."""
    found: dict[str, list[dict[str, Any]]] = {}
    order = list(DATA)
    for record in sorted(records, key=lambda record: order.index(record["item"]["data"])):
        found.setdefault(record["item"]["data"], []).append(record["result"])
    seeds = sorted({record["item"]["seed"] for record in records})
    titles = (
        "data",
        "rows",
        "columns",
        "clusters",
        "k-means",
        "autoencoder, k-means",
        "skdec",
        "above k-means",
        "above autoencoder, k-means",
        "worst seed",
        "seconds",
    )
    return f"""# One set of defaults for all data

Accuracy of plain k-means (20 restarts), of k-means on the embedding of the pretrained autoencoder
(20 restarts) and of `DECClusterer(n_clusters, random_state=seed)`, means over the seeds
{", ".join(map(str, seeds))}. Differences are in points of a hundred; the worst seed is the one with
the smallest difference to the autoencoder with k-means. Columns are scaled to [0, 1], those of
College standardised. Beyond {SLOW_ROWS:,} rows plain k-means runs for seed 0 alone. Labels are
used for scoring alone.

{table(titles, (_line(data, results) for data, results in found.items()))}"""


def _line(data: str, results: list[dict[str, Any]]) -> list[str]:
    scores = [{told["method"]: told for told in result["results"]} for result in results]
    plain = mean(told["kmeans"]["accuracy"] for told in scores if "kmeans" in told)
    start = [told["autoencoder+kmeans"]["accuracy"] for told in scores]
    ours = [told["dec"]["accuracy"] for told in scores]
    gains = [100 * (after - before) for before, after in zip(start, ours, strict=True)]
    return [
        data,
        *(number(results[0][size], 0) for size in ("n_samples", "n_features", "n_clusters")),
        *(number(value) for value in (plain, mean(start), mean(ours))),
        f"{100 * (mean(ours) - plain):+.1f}",
        f"{mean(gains):+.1f}",
        f"{min(gains):+.1f}",
        number(mean(told["dec"]["seconds"] for told in scores), 1),
    ]


def main() -> int:
    parser = benchmark_parser(__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--data", nargs="+", choices=DATA, default=list(DATA))
    return run(parser, items, measure, page)


if __name__ == "__main__":
    sys.exit(main())
