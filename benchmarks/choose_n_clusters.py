"""The recommended number of clusters and the true one, on subsets of digits, blobs and tables."""

from argparse import Namespace
from collections.abc import Iterator
from typing import Any

import numpy as np
from _results import Item, Record, format_number, format_table, time_call
from no_tuning import DATA, list_available
from sklearn.datasets import make_blobs

from skdec.model_selection import choose_n_clusters

DIGITS = ("02467", "139", "0146", "3589", "023578", "1245679", "0123456789")
MNIST = ("02467", "0123568", "0123456789")
# Number of blobs, seed, dimensions, standard deviation.
BLOBS = ((2, 5, 5, 1.0), (3, 0, 10, 1.0), (4, 1, 5, 1.5), (5, 2, 10, 2.0), (6, 3, 8, 1.5))
BLOBS += ((7, 6, 20, 3.0), (8, 4, 10, 2.0), (12, 7, 10, 2.0))
TABLES = ("iris", "wine", "breast cancer", "penguins", "College")
MAX_MNIST_SAMPLES = 4_000


def list_items(options: Namespace) -> Iterator[Item]:
    """Yield the data sets: classes of images, blobs and tables."""
    yield from ({"data": "digits", "classes": classes} for classes in DIGITS)
    for name in list_available(["MNIST, test samples"]):
        yield from ({"data": name, "classes": classes} for classes in MNIST)
    yield from ({"data": "blobs", "blobs": list(blobs)} for blobs in BLOBS)
    yield {"data": "blobs", "blobs": [[500, 300, 100, 50, 50], 5, 8, 1.5]}
    yield from ({"data": name} for name in list_available(TABLES))


def load(item: Item) -> tuple[np.ndarray, np.ndarray]:
    """Load the samples and classes of an item."""
    if item["data"] == "blobs":
        sizes, seed, n_features, deviation = item["blobs"]
        n_samples, centers = (sizes, None) if isinstance(sizes, list) else (600, sizes)
        return make_blobs(
            n_samples, n_features, centers=centers, cluster_std=deviation, random_state=seed
        )
    X, y = DATA[item["data"]]()
    if "classes" in item:
        is_selected = np.isin(y, [int(digit) for digit in item["classes"]])
        X, y = X[is_selected][:MAX_MNIST_SAMPLES], y[is_selected][:MAX_MNIST_SAMPLES]
    return X, y


def measure(item: Item) -> dict[str, Any]:
    """Measure the recommendation, its contrast, and the seconds that it takes."""
    X, y = load(item)
    choice, seconds = time_call(lambda: choose_n_clusters(X, random_state=0))
    return {
        "true": len(np.unique(y)),
        "recommended": choice.recommended,
        "contrast": float(choice.contrast.max()),
        "n_samples": len(X),
        "seconds": seconds,
    }


def format_page(records: list[Record]) -> str:
    """Format the numbers of all data sets, and how many are right."""
    results = [record["result"] for record in records]
    errors = np.array([abs(result["recommended"] - result["true"]) for result in results])
    rows = [
        [
            f"{record['item']['data']} {record['item'].get('classes', '')}".strip(),
            f"{result['n_samples']:,}",
            str(result["true"]),
            str(result["recommended"]),
            format_number(result["contrast"], 2),
            format_number(result["seconds"], 1),
        ]
        for record, result in zip(records, results, strict=True)
    ]
    titles = ("data", "samples", "classes", "recommended", "contrast", "seconds")
    return f"""# The recommended number of clusters

`choose_n_clusters(X, random_state=0)`, beside the number of classes: right on {sum(errors == 0)} of
{len(errors)} data sets, at most one off on {sum(errors <= 1)}. The rule was chosen among a dozen on
these data sets and a few more, so they are no independent test. A small contrast means that no
number stands out.

{format_table(titles, rows)}"""
