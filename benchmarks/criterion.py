"""How uneven sizes, agreement and halves count in the criterion, on six families of data.

Labels are used for scoring only. Shapes, texts and some tables are read from the folder that the
environment variable SKDEC_DATA_HOME names, and skipped if they are missing.
"""

from argparse import Namespace
from collections.abc import Iterator
from itertools import product
from statistics import mean
from typing import Any

import numpy as np
from _results import Item, Record, format_number, format_table
from no_tuning import DATA, SHAPES, list_available
from separation import SIZES, STANDARD_DEVIATIONS
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.preprocessing import scale

from skdec._utils.data import DistinctSamples
from skdec._utils.terminal import HIDDEN_BAR
from skdec.cluster import _criterion, _selection
from skdec.cluster._graph import connect_by_halves, find_neighbors
from skdec.cluster._search import SETTINGS
from skdec.cluster._selection import find_candidates, select_candidate

# Weight of uneven sizes, the unevenness at which half of it counts, the weight of agreement, how
# much more the clusters of Gaussians may cost, and the features in which costs are measured.
FORMS = [(0.5, 0.02, 1.5, 0.25, "halves")]
FORMS += [(0.5, 0.02, agreement, 0.25, "halves") for agreement in (0.0, 1.0, 2.0, 3.0)]
FORMS += [(weight, 0.02, 1.5, 0.25, "halves") for weight in (0.0, 0.4, 0.6)]
FORMS += [(0.5, half, 1.5, 0.25, "halves") for half in (0.005, 0.05)]
FORMS += [(0.5, 0.02, 1.5, allowance, "halves") for allowance in (-np.inf, 0.0, 0.1, 0.4)]
FORMS += [(0.5, 0.02, 1.5, 0.25, "all")]
CONSTANTS = (
    (_criterion, "_UNEVENNESS_WEIGHT"),
    (_criterion, "_HALF_UNEVENNESS"),
    (_criterion, "_AGREEMENT_WEIGHT"),
    (_selection, "_GAUSSIAN_ALLOWANCE"),
)
MAX_SAMPLES = 6_000
TABLES = ("iris", "wine", "breast cancer", "vehicle", "vowel", "letter")
# These tables with two more columns of yes or no, at random.
MIXED = ("iris", "wine", "breast cancer", "penguins", "banknotes", "body measurements", "vehicle")
TEXTS = ("tweet", "agnews")


def list_items(options: Namespace) -> Iterator[Item]:
    """Yield each data set of each family, with the seed of the search."""
    for n_features, sizes, seed in product(STANDARD_DEVIATIONS, SIZES, (0, 1, 6)):
        yield {"family": "blobs", "sizes": list(sizes), "n_features": n_features, "seed": seed}
    for seed in range(5):
        yield {"family": "digits", "data": "digits", "seed": seed}
    families = {"tables": TABLES, "mixed": MIXED, "texts": TEXTS, "shapes": tuple(SHAPES)}
    for family, names in families.items():
        for name in list_available(names):
            yield {"family": family, "data": name, "seed": 0}


def load(item: Item) -> tuple[np.ndarray, list[np.ndarray]]:
    """Load the samples, at most so many, and their labelings."""
    if item["family"] == "blobs":
        spread = STANDARD_DEVIATIONS[item["n_features"]]
        X, y = make_blobs(
            item["sizes"], item["n_features"], cluster_std=spread, random_state=item["seed"]
        )
        return scale(X), [y]
    X, labels = DATA[item["data"]]()
    labelings = labels if isinstance(labels, list) else [labels]
    subset = np.sort(np.random.default_rng(0).permutation(len(X))[:MAX_SAMPLES])
    if item["family"] == "mixed":
        X = np.column_stack([X, np.random.default_rng(0).random((len(X), 2)) < [0.5, 0.3]])
    is_table = item["family"] in ("tables", "mixed")
    return (scale(X) if is_table else X)[subset], [np.asarray(y)[subset] for y in labelings]


def measure(item: Item) -> dict[str, Any]:
    """Return the score of the clusters that each form chooses, for the best labeling."""
    X, labelings = load(item)
    is_shape = item["family"] == "shapes"
    metric = adjusted_rand_score if is_shape else normalized_mutual_info_score
    _, search_seed, graph_seed = np.random.RandomState(item["seed"]).randint(2**31 - 1, size=3)
    samples = DistinctSamples(X)
    distance = "cosine" if item["family"] == "texts" else "euclidean"
    neighbors = find_neighbors(samples, 10, int(graph_seed), distance)
    halves = connect_by_halves(neighbors, np.random.RandomState(search_seed))
    graphs = {"halves": halves, "all": neighbors.graph}
    scores: list[list[float]] = [[] for _ in FORMS]
    for y in labelings:
        is_labeled = y != 0 if is_shape else np.ones(len(y), dtype=bool)  # 0 is noise
        candidates = find_candidates(
            neighbors,
            halves,
            len(np.unique(y[is_labeled])),
            2 * len(SETTINGS),
            samples.sample_weight,
            np.random.RandomState(search_seed),
            HIDDEN_BAR,
        )
        for i, (*constants, features) in enumerate(FORMS):
            for (module, name), value in zip(CONSTANTS, constants, strict=True):
                setattr(module, name, value)
            labels, _ = select_candidate(
                candidates, neighbors.points, graphs[features], 10, samples.sample_weight
            )
            found = samples.expand(labels)[0]
            scores[i].append(float(metric(y[is_labeled], found[is_labeled])))
    return {"scores": [max(of_form) for of_form in scores]}


def format_page(records: list[Record]) -> str:
    """Format the mean score of each form and family."""
    families: dict[str, list[list[float]]] = {}
    for record in records:
        families.setdefault(record["item"]["family"], []).append(record["result"]["scores"])
    means = {
        family: [mean(column) for column in zip(*scores, strict=True)]
        for family, scores in families.items()
    }
    rows = [
        [
            *("none" if part == -np.inf else str(part) for part in form),
            *(format_number(values[i]) for values in means.values()),
            format_number(mean(values[i] for values in means.values())),
        ]
        for i, form in enumerate(FORMS)
    ]
    titles = [
        "w",
        "h",
        "a",
        "g",
        "features",
        *(f"{name} ({len(families[name])})" for name in families),
        "mean",
    ]
    return f"""# How much uneven sizes, agreement and halves count

Which of the candidates is kept depends on `log(cheapest / lost) - w u / (u + h) + a ARI`, where
`u = 1 - H / log k` is zero for even sizes, and ARI is the mean adjusted Rand index between the
candidate and all different ones. The table has the mean score of the clusters that
`NeighborClusterer` would keep: ARI for the shapes, NMI for the other families; at most
{MAX_SAMPLES:,} samples of each data set. "Mixed" are {len(MIXED)} tables with two more columns of
yes or no that have nothing to do with the classes. By at most `g` the score of the clusters of
Gaussians may be below that of those from which they start; without them in the row "none". The
first row is what is used. In the last one,
costs are measured among neighbors in all features instead of random halves of them. The numbers
were chosen on the mean over these families and over the tables and images of
[one set of defaults](no_tuning.md). Around them the means change little.

{format_table(titles, rows)}"""
