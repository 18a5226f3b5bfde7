"""Time of a grid search over eight values of alpha that share one pretraining by `memory=`.

MNIST is read from the folder named by the environment variable SKDEC_DATA_HOME.
"""

import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from statistics import median
from typing import Any

import numpy as np
from _results import Item, Record, format_number, format_table, time_call

from skdec.datasets import load_mnist

ALPHAS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0, 8.0)


def list_items(options: Namespace) -> Iterator[Item]:
    """Yield the turns: in each, one search and the fit it is compared with."""
    yield from ({"n_samples": options.samples, "turn": turn} for turn in range(options.turns))


def measure(item: Item) -> dict[str, Any]:
    """Measure seconds of one fit, of its refinement and of the search, without compilation."""
    from sklearn.model_selection import GridSearchCV

    from skdec import DECClusterer

    X, _ = load_mnist()
    X = X[np.linspace(0, len(X) - 1, item["n_samples"]).astype(int)]
    dec = DECClusterer(10, random_state=item["turn"])
    DECClusterer(10, pretrain_epochs=1, max_iter=1, random_state=0).fit(X[:500])
    _, one_fit = time_call(lambda: dec.fit(X))
    all_samples = [(np.arange(len(X)), np.arange(len(X)))]
    with tempfile.TemporaryDirectory() as folder:
        search = GridSearchCV(
            dec.set_params(memory=folder), {"alpha": ALPHAS}, cv=all_samples, refit=False
        )
        _, search_seconds = time_call(lambda: search.fit(X))
    results = search.cv_results_
    return {
        "one fit": one_fit,
        "its refinement": float(dec.history_["refine"]["seconds"][-1]),
        "fits of the search": float(np.sum(results["mean_fit_time"])),
        "search with scores": search_seconds,
    }


def format_page(records: list[Record]) -> str:
    """Format the medians over the turns and their ratio."""
    turns = [record["result"] for record in records]
    seconds = {name: median(turn[name] for turn in turns) for name in turns[0]}
    references = [turn["one fit"] + (len(ALPHAS) - 1) * turn["its refinement"] for turn in turns]
    ratio = median(
        turn["fits of the search"] / reference
        for turn, reference in zip(turns, references, strict=True)
    )
    rows = [[name, format_number(value, 1)] for name, value in seconds.items()]
    rows.append(
        [f"one fit and {len(ALPHAS) - 1} refinements", format_number(median(references), 1)]
    )
    rows.append(["fits of the search, divided by that", format_number(ratio, 2)])
    return f"""# Grid search over {len(ALPHAS)} values of alpha with one pretraining

`GridSearchCV` over `alpha` with `memory=`, on {records[0]["item"]["n_samples"]:,} samples of MNIST,
each fit on all samples, no refit. Medians of {len(records)} turns. Goal: at most 1.4 times the
seconds of one fit and seven refinements. Scoring (the silhouette of 5,000 samples) is not part of
a fit.

{format_table(("seconds", ""), rows)}"""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--samples", type=int, default=10_000, help="samples of MNIST")
    parser.add_argument("--turns", type=int, default=3, help="number of repetitions")
