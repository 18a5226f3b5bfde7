"""What the network adds to the clusters: an embedding for few labels, and new samples.

Digits of scikit-learn: 70 percent of the samples are fitted, without labels, the others held out.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from statistics import mean, median
from typing import Any

import numpy as np
from _results import Item, Record, format_number, format_table, time_call

N_LABELED = (20, 50, 100, 300)
N_CHOICES, N_TURNS = 10, 5
# Held-out samples are repeated so often, for batches of the size that a service labels.
N_REPETITIONS = 20


def list_items(options: Namespace) -> Iterator[Item]:
    """Yield one split and fit for each seed."""
    yield from ({"seed": seed} for seed in options.seeds)


def measure(item: Item) -> dict[str, Any]:
    """Fit both estimators, label the held-out samples, and fit classifiers to few labels."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import train_test_split

    from skdec import DECClusterer, NeighborClusterer
    from skdec.datasets import load_digits
    from skdec.metrics import match_labels

    X, y = load_digits()
    X, X_new, y, y_new = train_test_split(X, y, test_size=0.3, random_state=item["seed"])
    clusterers = {
        "neighbors": NeighborClusterer(10, random_state=item["seed"]).fit(X),
        "network": DECClusterer(10, random_state=item["seed"]).fit(X),
    }
    many = np.tile(X_new, (N_REPETITIONS, 1))
    held_out, rates = {}, {}
    for name, clusterer in clusterers.items():
        classes = match_labels(y, clusterer.labels_)
        of_clusters = dict(zip(clusterer.labels_.tolist(), classes.tolist(), strict=True))
        found = [of_clusters[label] for label in clusterer.predict(X_new).tolist()]
        held_out[name] = float(np.mean(found == y_new))
        turns = [time_call(lambda c=clusterer: c.predict(many))[1] for _ in range(N_TURNS)]
        rates[name] = len(many) / median(turns)
    spaces = {
        "pixels": (X, X_new),
        "embedding": [clusterers["network"].transform(samples) for samples in (X, X_new)],
    }
    accuracies: dict[str, dict[str, float]] = {name: {} for name in spaces}
    for n_labeled in N_LABELED:
        choices = [
            np.random.RandomState(i).permutation(len(y))[:n_labeled] for i in range(N_CHOICES)
        ]
        for name, (known, new) in spaces.items():
            scores = [
                LogisticRegression(max_iter=2000).fit(known[i], y[i]).score(new, y_new)
                for i in choices
            ]
            accuracies[name][str(n_labeled)] = mean(scores)
    return {"held_out": held_out, "rates": rates, "accuracies": accuracies}


def format_page(records: list[Record]) -> str:
    """Format the accuracies, and how many new samples are labeled in a second."""
    results = [record["result"] for record in records]

    def average(*keys: str) -> float:
        values = list(results)
        for key in keys:
            values = [value[key] for value in values]
        return mean(values)

    rows = [
        [
            str(n),
            *(
                format_number(average("accuracies", name, str(n)))
                for name in ("pixels", "embedding")
            ),
        ]
        for n in N_LABELED
    ]
    new = [
        [name, format_number(average("held_out", name)), f"{average('rates', name):,.0f}"]
        for name in ("neighbors", "network")
    ]
    return f"""# What the network adds

Digits, 70 percent of them fitted without labels; means over {len(records)} splits.

## A few labels

Accuracy on the other 30 percent of a logistic regression, fitted to the labels of a few of the
fitted digits, on their pixels and on the embedding of `DECClusterer`; mean over {N_CHOICES} choices
of the labeled digits.

{format_table(["labeled digits", "pixels", "embedding"], rows)}

## New samples

Fraction of the other 30 percent that are in the cluster of their class, and how many of them
`predict` labels in a second ({N_REPETITIONS} times as many at once).

{format_table(["by", "accuracy", "samples in a second"], new)}"""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="seeds")
