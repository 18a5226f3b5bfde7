"""The recommended number of clusters and the true one: images, blobs, tables, shapes and noise."""

from argparse import Namespace
from collections.abc import Iterator
from typing import Any

import numpy as np
from _results import Item, Record, format_number, format_table, time_call
from no_tuning import DATA, SHAPES, list_available
from sklearn.cluster import HDBSCAN, KMeans
from sklearn.datasets import make_blobs
from sklearn.decomposition import PCA
from sklearn.metrics import silhouette_score
from sklearn.mixture import GaussianMixture

from skdec.model_selection import choose_n_clusters

DIGITS = ("02467", "139", "0146", "3589", "023578", "1245679", "0123456789")
MNIST = ("02467", "0123568", "0123456789")
# Number of blobs, seed, dimensions, standard deviation.
BLOBS = ((2, 5, 5, 1.0), (3, 0, 10, 1.0), (4, 1, 5, 1.5), (5, 2, 10, 2.0), (6, 3, 8, 1.5))
BLOBS += ((7, 6, 20, 3.0), (8, 4, 10, 2.0), (12, 7, 10, 2.0))
TABLES = ("iris", "wine", "breast cancer", "penguins", "College")
MAX_MNIST_SAMPLES = 4_000
NOISE_FEATURES = (2, 3, 5, 10)
# Rivals get so many principal components of more features.
N_COMPONENTS = 50
# Shapes of more samples or clusters are left out.
MAX_SHAPE_SAMPLES, MAX_SHAPE_CLUSTERS = 4_100, 20


def list_items(options: Namespace) -> Iterator[Item]:
    """Yield the data sets: classes of images, blobs, tables, shapes, and noise."""
    yield from ({"data": "digits", "classes": classes} for classes in DIGITS)
    for name in list_available(["MNIST, test samples"]):
        yield from ({"data": name, "classes": classes} for classes in MNIST)
    yield from ({"data": "blobs", "blobs": list(blobs)} for blobs in BLOBS)
    yield {"data": "blobs", "blobs": [[500, 300, 100, 50, 50], 5, 8, 1.5]}
    yield from ({"data": name} for name in list_available(TABLES))
    for kind in ("uniform", "normal"):
        yield from ({"data": kind, "n_features": n_features} for n_features in NOISE_FEATURES)
    for name in list_available(SHAPES):
        X, labelings = DATA[name]()
        if len(X) <= MAX_SHAPE_SAMPLES and max(map(np.max, labelings)) <= MAX_SHAPE_CLUSTERS:
            yield {"data": name}


def load(item: Item) -> tuple[np.ndarray, list[np.ndarray]]:
    """Load the samples of an item, and one or several labelings; 0 is noise in shapes."""
    if item["data"] == "blobs":
        sizes, seed, n_features, deviation = item["blobs"]
        n_samples, centers = (sizes, None) if isinstance(sizes, list) else (600, sizes)
        X, y = make_blobs(
            n_samples, n_features, centers=centers, cluster_std=deviation, random_state=seed
        )
        return X, [y]
    if "n_features" in item:
        X = getattr(np.random.default_rng(0), item["data"])(size=(500, item["n_features"]))
        return X, [np.zeros(500, int)]
    X, y = DATA[item["data"]]()
    if item["data"] in SHAPES:
        return X, [labels[labels > 0] for labels in y]
    if "classes" in item:
        is_selected = np.isin(y, [int(digit) for digit in item["classes"]])
        X, y = X[is_selected][:MAX_MNIST_SAMPLES], y[is_selected][:MAX_MNIST_SAMPLES]
    return X, [y]


def choose_by_silhouette(X: np.ndarray) -> int:
    """Return the number from 2 to 20 at which k-means has the best silhouette."""
    numbers = range(2, 21)
    labels = [KMeans(k, n_init=3, random_state=0).fit_predict(X) for k in numbers]
    size = min(len(X), 2_000)
    scores = [silhouette_score(X, one, sample_size=size, random_state=0) for one in labels]
    return numbers[int(np.argmax(scores))]


def choose_by_mixtures(X: np.ndarray) -> int:
    """Return the number from 1 to 20 at which a Gaussian mixture has the lowest BIC."""
    mixtures = [GaussianMixture(k, reg_covar=1e-4, random_state=0).fit(X) for k in range(1, 21)]
    return 1 + int(np.argmin([mixture.bic(X) for mixture in mixtures]))


def measure(item: Item) -> dict[str, Any]:
    """Measure the recommendation, its contrast, the seconds that it takes, and rivals."""
    X, labelings = load(item)
    choice, seconds = time_call(lambda: choose_n_clusters(X, random_state=0))
    if X.shape[1] > N_COMPONENTS:
        X = PCA(N_COMPONENTS, random_state=0).fit_transform(X)
    by_density = HDBSCAN(min_cluster_size=max(5, len(X) // 100)).fit_predict(X)
    return {
        "true": sorted({len(np.unique(y)) for y in labelings}),
        "recommended": choice.recommended,
        "contrast": float((choice.contrast * choice.agreement).max()),
        "n_samples": len(X),
        "seconds": seconds,
        "rivals": {
            "HDBSCAN": max(1, len(set(by_density.tolist()) - {-1})),
            "k-means, silhouette": choose_by_silhouette(X),
            "mixtures, BIC": choose_by_mixtures(X),
        },
    }


def format_page(records: list[Record]) -> str:
    """Format the numbers of all data sets, and how often each method is right."""
    families: dict[str, list[Record]] = {}
    for record in records:
        data = record["item"]["data"]
        is_noise = "n_features" in record["item"]
        name = "shapes" if data in SHAPES else "noise" if is_noise else "images, blobs and tables"
        families.setdefault(name, []).append(record)
    sections = [
        f"## {name[0].upper()}{name[1:]}\n\n{_format_family(some)}"
        for name, some in families.items()
    ]
    text = "\n\n".join(sections)
    return f"""# The recommended number of clusters

`choose_n_clusters(X, random_state=0)`, beside the numbers of classes and the rivals: HDBSCAN with a
smallest cluster of one percent of the samples, k-means with the best silhouette, and Gaussian
mixtures with the lowest BIC, from 2 (1 for mixtures) to 20. Of more features than {N_COMPONENTS},
the rivals get so many principal components. The rule was chosen on these data sets, so they are no
independent test. A contrast of at most 1.15 means that no number stands out, and one cluster is
recommended. Shapes may have several numbers that are right.

{text}"""


def _format_family(records: list[Record]) -> str:
    results = [record["result"] for record in records]
    found = {
        "choose_n_clusters": [result["recommended"] for result in results],
        **{name: [result["rivals"][name] for result in results] for name in results[0]["rivals"]},
    }
    errors = {
        name: np.array(
            [
                min(abs(number - true) for true in result["true"])
                for number, result in zip(numbers, results, strict=True)
            ]
        )
        for name, numbers in found.items()
    }
    rows = [
        [
            _name(record["item"]),
            f"{result['n_samples']:,}",
            ", ".join(map(str, result["true"])),
            str(result["recommended"]),
            format_number(result["contrast"], 2),
            format_number(result["seconds"], 1),
            *(str(number) for number in result["rivals"].values()),
        ]
        for record, result in zip(records, results, strict=True)
    ]
    titles = ("data", "samples", "classes", "recommended", "contrast", "seconds")
    summary = "; ".join(
        f"{name} is right on {np.sum(error == 0)} of {len(error)}, at most one off on "
        f"{np.sum(error <= 1)}"
        for name, error in errors.items()
    )
    return f"{summary}.\n\n{format_table([*titles, *results[0]['rivals']], rows)}"


def _name(item: Item) -> str:
    words = [item["data"], item.get("classes", "")]
    if "n_features" in item:
        words.append(f"{item['n_features']} features")
    return " ".join(word for word in words if word)
