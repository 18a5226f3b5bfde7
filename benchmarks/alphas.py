"""A grid of eight alphas over one network, which `memory=` makes pay for one pretraining.

MNIST is looked for in the folder named by the environment variable SKDEC_DATA_HOME.
"""

import sys
import tempfile
from argparse import Namespace
from collections.abc import Iterator
from statistics import median
from typing import Any

import numpy as np
from _results import Item, Record, benchmark_parser, number, run, table, timed

from skdec.datasets import load_mnist

ALPHAS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0, 8.0)


def items(options: Namespace) -> Iterator[Item]:
    """Turns, each one search and what it is compared with."""
    yield from ({"rows": options.rows, "turn": turn} for turn in range(options.turns))


def measure(item: Item) -> dict[str, Any]:
    """Seconds of one fit, of its refinement, and of the search, programs compiled before."""
    from sklearn.model_selection import GridSearchCV

    from skdec import DECClusterer

    X, _ = load_mnist()
    X = X[np.linspace(0, len(X) - 1, item["rows"]).astype(int)]
    dec = DECClusterer(10, random_state=item["turn"])
    DECClusterer(10, pretrain_epochs=1, max_iter=1, random_state=0).fit(X[:500])
    _, one_fit = timed(lambda: dec.fit(X))
    every_row = [(np.arange(len(X)), np.arange(len(X)))]
    with tempfile.TemporaryDirectory() as folder:
        search = GridSearchCV(
            dec.set_params(memory=folder), {"alpha": ALPHAS}, cv=every_row, refit=False
        )
        _, searched = timed(lambda: search.fit(X))
    results = search.cv_results_
    return {
        "one fit": one_fit,
        "its refinement": float(dec.history_["refine"]["seconds"][-1]),
        "fits of the search": float(np.sum(results["mean_fit_time"])),
        "search with scores": searched,
    }


def page(records: list[Record]) -> str:
    """The medians of the turns and their ratio."""
    told = [record["result"] for record in records]
    seconds = {name: median(turn[name] for turn in told) for name in told[0]}
    budgets = [turn["one fit"] + (len(ALPHAS) - 1) * turn["its refinement"] for turn in told]
    ratio = median(
        turn["fits of the search"] / budget for turn, budget in zip(told, budgets, strict=True)
    )
    rows = [[name, number(value, 1)] for name, value in seconds.items()]
    rows.append([f"one fit and {len(ALPHAS) - 1} refinements", number(median(budgets), 1)])
    rows.append(["fits of the search, of that", number(ratio, 2)])
    return f"""# A grid of {len(ALPHAS)} alphas with one pretraining

`GridSearchCV` over `alpha` with `memory=`, on {records[0]["item"]["rows"]:,} rows of MNIST, every
fit on all rows, no refit. Medians of {len(records)} turns. The goal: at most 1.4 times one fit and
seven refinements. Scoring (the silhouette of 5,000 rows) is no part of a fit.

{table(("seconds", ""), rows)}"""


def main() -> int:
    parser = benchmark_parser(__doc__)
    parser.add_argument("--rows", type=int, default=10_000, help="rows of MNIST")
    parser.add_argument("--turns", type=int, default=3, help="times that all is measured")
    return run(parser, items, measure, page)


if __name__ == "__main__":
    sys.exit(main())
