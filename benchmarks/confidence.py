"""What confidence and deviation say of held-out samples, and of samples of other kinds.

Digits of scikit-learn: 70 percent of the samples are fitted, without labels, the others held out.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from _results import Item, Record, format_number, format_table

# Fractions of the samples of the fit whose confidence is lower.
QUANTILES = (0.0, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0)


def list_items(options: Namespace) -> Iterator[Item]:
    """Yield one fit for each seed."""
    yield from ({"seed": seed} for seed in options.seeds)


def make_other_samples(X: np.ndarray, random: np.random.Generator) -> dict[str, np.ndarray]:
    """Return samples that are no digits, some of them made from digits."""
    left, right = X[random.permutation(len(X))], X[random.permutation(len(X))]
    return {
        "held-out digits": X,
        "uniform noise": random.random((500, 64), dtype=np.float32),
        "digits, pixels permuted": random.permuted(X, axis=1),
        "digits, inverted": 1 - X,
        "digits, transposed": X.reshape(-1, 8, 8).transpose(0, 2, 1).reshape(-1, 64),
        "halves of two digits": np.where(np.arange(64) % 8 < 4, left, right),
        "black images": np.zeros((1, 64), np.float32),
    }


def measure(item: Item) -> dict[str, Any]:
    """Fit, and measure what happens to held-out and other samples."""
    from sklearn.model_selection import train_test_split

    from skdec import DECClusterer
    from skdec.datasets import load_digits
    from skdec.metrics import match_labels

    X, y = load_digits()
    fitted, held_out, y_fitted, y_held_out = train_test_split(
        X, y, test_size=0.3, random_state=item["seed"], stratify=y
    )
    dec = DECClusterer(10, random_state=item["seed"]).fit(fitted)
    # Clusters are matched to classes on the samples of the fit, for this evaluation only.
    class_of_cluster = dict(zip(dec.labels_, match_labels(y_fitted, dec.labels_), strict=True))
    q = dec.predict_proba(held_out)
    confidence, labels = q.max(axis=1), q.argmax(axis=1)
    is_correct = np.array([class_of_cluster.get(label) for label in labels]) == y_held_out
    limits = np.quantile(dec.predict_proba(fitted).max(axis=1), QUANTILES)
    limits[0], limits[-1] = 0, 1.01
    bins = np.digitize(confidence, limits[1:-1])
    others = make_other_samples(held_out, np.random.default_rng(item["seed"]))
    return {
        "limits": limits.tolist(),
        "count": np.bincount(bins, minlength=len(QUANTILES) - 1).tolist(),
        "correct": np.bincount(bins, is_correct, len(QUANTILES) - 1).tolist(),
        "confidence": np.bincount(bins, confidence, len(QUANTILES) - 1).tolist(),
        "others": {
            name: {
                "confidence": float(np.median(dec.predict_proba(samples).max(axis=1))),
                "doubtful": float((dec.predict_proba(samples).max(axis=1) < limits[3]).mean()),
                "unlike": float((dec.score_samples(samples) < -1).mean()),
            }
            for name, samples in others.items()
        },
    }


def format_page(records: list[Record]) -> str:
    """Format the reliability and the fractions that are recognized, over all seeds."""
    results = [record["result"] for record in records]
    count, correct, confidence = (
        np.sum([result[name] for result in results], axis=0)
        for name in ("count", "correct", "confidence")
    )
    bounds = [f"{100 * q:.0f}" for q in QUANTILES]
    reliability = [
        [
            f"{low} to {high} %",
            str(int(count[i])),
            format_number(confidence[i] / count[i], 2),
            format_number(correct[i] / count[i], 3),
        ]
        for i, (low, high) in enumerate(pairwise(bounds))
    ]
    rows = [
        [
            name,
            *(
                format_number(np.mean([r["others"][name][key] for r in results]), digits)
                for key, digits in (("confidence", 2), ("doubtful", 3), ("unlike", 3))
            ),
        ]
        for name in results[0]["others"]
    ]
    header = ("confidence among those of the fit", "held out", "mean confidence", "correct")
    other_header = ("samples", "median confidence", "doubtful", "deviation above 1")
    return f"""# Confidence and deviation of held-out and other samples

Digits, {len(records)} seeds: 70 percent of the samples are fitted, 30 percent held out.

{format_table(header, reliability)}

"correct" is the fraction of held-out samples whose cluster is that of their class, clusters being
matched to classes on the samples of the fit. The bins are bounded by quantiles of the confidence of
the samples of the fit.

{format_table(other_header, rows)}

"doubtful" is the fraction with a confidence below that of 90 percent of the samples of the fit,
"deviation above 1" the fraction with a score of `score_samples` below -1."""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4], help="seeds")
