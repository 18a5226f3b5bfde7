"""The variants of the method on digits and MNIST: DEC, IDEC, layerwise, augmentation, convolutions.

Requires only skdec; MNIST is read from the folder named by the environment variable
SKDEC_DATA_HOME. All variants have the defaults of `DECClusterer` but for what their name says.
Labels are used for scoring only. The full budgets of the paper and of the Keras tutorial take
hours on MNIST: they run only if they are named, and resume from checkpoints in `--checkpoints`.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np
from _peers import N_CLUSTERS, score_labels
from _results import Item, Record, format_number, format_table, time_call

from skdec.datasets import load_digits, load_mnist

DATA = {
    "digits": "digits, 1,797 images of 8 x 8",
    "mnist-test": "MNIST, the 10,000 test images",
    "mnist": "MNIST, all 70,000 images",
}
QUICK_DATA = ("digits", "mnist-test")


def build_variants(image_shape: tuple[int, int]) -> dict[str, Callable[..., Any]]:
    """Return a function for each variant that takes further parameters and returns an estimator."""
    from skdec import DECClusterer
    from skdec.networks import build_convolutional_autoencoder

    # Three halvings of 8 x 8 pixels would leave a single one.
    filters = (32, 64, 128) if min(image_shape) > 8 else (32, 64)
    convolutional = partial(
        build_convolutional_autoencoder, image_shape=image_shape, filters=filters
    )
    return {
        "DEC, defaults": partial(DECClusterer, N_CLUSTERS),
        "IDEC": partial(DECClusterer, N_CLUSTERS, reconstruction_weight=10.0),
        "denoising": partial(DECClusterer, N_CLUSTERS, corruption=0.2),
        "layerwise": partial(DECClusterer, N_CLUSTERS, pretraining="layerwise", corruption=0.2),
        "augmentation": partial(DECClusterer, N_CLUSTERS, augment="image"),
        "convolutional": partial(DECClusterer, N_CLUSTERS, autoencoder=convolutional),
        "convolutional, augmentation": partial(
            DECClusterer, N_CLUSTERS, autoencoder=convolutional, augment="image"
        ),
        "classic, the paper": partial(DECClusterer.classic, N_CLUSTERS),
        "tutorial": partial(DECClusterer.tutorial, N_CLUSTERS),
    }


FULL_BUDGETS = ("classic, the paper", "tutorial")
VARIANTS = (
    "DEC, defaults",
    "IDEC",
    "denoising",
    "layerwise",
    "augmentation",
    "convolutional",
    "convolutional, augmentation",
    *FULL_BUDGETS,
)


def load_samples(data: str, *, has_unit_mean_square: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return pixels from 0 to 1, or scaled as in the paper so that their mean square is 1."""
    X, y = load_digits() if data == "digits" else load_mnist()
    if data == "mnist-test":
        X, y = X[60_000:], y[60_000:]
    return (X / np.sqrt(np.mean(np.square(X))) if has_unit_mean_square else X), y


def list_items(options: Namespace) -> Iterator[Item]:
    """Yield all variants for one seed after the other, so that machine load affects all alike."""
    for data in options.data:
        for seed in options.seeds:
            for variant in options.variants:
                item = {"data": data, "variant": variant, "seed": seed}
                if variant in FULL_BUDGETS:
                    item["checkpoints"] = str(options.checkpoints.absolute())
                yield item


def measure(item: Item) -> dict[str, Any]:
    """Compute scores and seconds of one fit."""
    data, variant, seed = item["data"], item["variant"], item["seed"]
    X, y = load_samples(data, has_unit_mean_square=variant == "classic, the paper")
    width = int(np.sqrt(X.shape[1]))
    parameters = {"random_state": seed}
    if "checkpoints" in item:
        name = f"{data}_{variant.split(',')[0]}_{seed}"
        parameters["checkpoint"] = str(Path(item["checkpoints"]) / name)
    dec = build_variants((width, width))[variant](**parameters)
    _, seconds = time_call(lambda: dec.fit(X))
    reconstructed = dec.inverse_transform(dec.transform(X))
    return {
        **score_labels(y, dec.labels_),
        "initial": score_labels(y, dec.initial_labels_),
        "seconds": seconds,
        "phases": {phase: float(dec.history_[phase]["seconds"][-1]) for phase in dec.history_},
        "n_iter": int(dec.n_iter_),
        "stop_reason": dec.stop_reason_,
        "explained": float(1 - np.mean((reconstructed - X) ** 2) / X.var(axis=0).mean()),
    }


def format_page(records: list[Record]) -> str:
    """Format a table for each data set, one line per variant, aggregated over its seeds."""
    sections = []
    for data, title in DATA.items():
        rows = []
        for variant in VARIANTS:
            runs = [
                record["result"]
                for record in records
                if record["item"]["data"] == data and record["item"]["variant"] == variant
            ]
            if runs:
                rows.append([variant, str(len(runs)), *_format_runs(runs)])
        if rows:
            titles = (
                "variant",
                "seeds",
                "accuracy, mean",
                "worst",
                "best",
                "NMI, mean",
                "ARI, mean",
                "initial accuracy",
                "variance explained",
                "seconds, median",
            )
            sections.append(f"## {title}\n\n{format_table(titles, rows)}")
    tables = "\n\n".join(sections)
    return f"""# The variants of the method

Every variant has the defaults of `DECClusterer` but for what its name says: IDEC
`reconstruction_weight=10.0`, the ratio of its paper; denoising `corruption=0.2`; layerwise
`pretraining="layerwise"` and `corruption=0.2`; augmentation `augment="image"`; convolutional
`autoencoder=partial(build_convolutional_autoencoder, image_shape=...)`. "classic" and "tutorial"
are the recipes of the paper and of the Keras tutorial with their full budgets. "classic" was killed
several times, beside other jobs, and resumed from its checkpoints by commit 26a1030; its seconds
are those of the last part. Most other fits ran beside other jobs, too: on MNIST, the same fit took
between 66 and 212 s. Labels are used for scoring only. "initial accuracy" is that of the labels
before the refinement; "variance explained" is the fraction of the variance of the pixels that
`inverse_transform` reconstructs.

The settings of the variants are those of their papers (`corruption=0.2`), or were chosen without
labels before these runs; the strength of the augmentation was looked at on MNIST.

{tables}"""


def _format_runs(runs: list[dict[str, Any]]) -> list[str]:
    accuracies = [run["accuracy"] for run in runs]
    return [
        format_number(mean(accuracies)),
        format_number(min(accuracies)),
        format_number(max(accuracies)),
        format_number(mean(run["nmi"] for run in runs)),
        format_number(mean(run["ari"] for run in runs)),
        format_number(mean(run["initial"]["accuracy"] for run in runs)),
        format_number(mean(run["explained"] for run in runs)),
        format_number(median(run["seconds"] for run in runs), 0),
    ]


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--data", nargs="+", choices=DATA, default=list(QUICK_DATA))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument(
        "--variants",
        nargs="+",
        choices=VARIANTS,
        default=[variant for variant in VARIANTS if variant not in FULL_BUDGETS],
    )
    parser.add_argument(
        "--checkpoints",
        type=Path,
        default=Path("checkpoints"),
        help="directory from which the full budgets resume",
    )
