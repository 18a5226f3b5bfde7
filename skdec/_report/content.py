"""What a report shows, as plain values that can be written as JSON."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import issparse

from skdec._report.images import build_sheets
from skdec._utils.colors import ON_DARK, ON_LIGHT, assign_colors
from skdec.describe._description import describe_clusters, is_number
from skdec.describe._layout import find_medoid, lay_out
from skdec.describe._summary import (
    compute_means,
    compute_profiles,
    infer_image_shape,
    select_members,
    to_dense,
)
from skdec.display._history import list_quantities
from skdec.metrics import clustering_accuracy, count_matches

# Of more samples, a random subset is shown.
MAX_SAMPLES = 100_000
_N_MEMBERS = 6
_N_COLUMNS_OF_CARD = 6
_MAX_COLUMNS = 24
# Of more columns of numbers, those in which the clusters differ most are described.
_MAX_NUMBERS_DESCRIBED = 48
# Larger integers are not exact as numbers of JavaScript.
_MAX_INTEGER = 2**53
_PERCENTILES = (5, 25, 50, 75, 95)

Content = dict[str, Any]


@dataclass(frozen=True)
class Clustering:
    """Clusters of samples, and what is known about them.

    Parameters
    ----------
    X : {ndarray, sparse matrix, DataFrame} of shape (n_samples, n_features)
        The samples as the user knows them.
    labels : ndarray of shape (n_samples,), int
        Clusters; -1 is noise.
    Z : ndarray of shape (n_samples, n_dims)
        The samples as the clusterer embeds them.
    feature_names : sequence of str
        Names of the features.
    ids : Series of shape (n_samples,) or None
        What identifies each sample, beside its position.
    confidence : ndarray of shape (n_samples,) or None
        Largest soft assignment of each sample.
    classes : ndarray of shape (n_samples,) or None
        Known classes.
    prototypes : ndarray of shape (n_clusters, n_features) or None
        Decoded centers, one for each number from 0.
    history : mapping or None
        Quantities recorded in the fit, by phase and name.
    others : mapping of str to ndarray of shape (n_samples,)
        Clusters of other methods, by name.
    """

    X: Any
    labels: np.ndarray
    Z: np.ndarray
    feature_names: Sequence[str]
    ids: pd.Series | None = None
    confidence: np.ndarray | None = None
    classes: np.ndarray | None = None
    prototypes: np.ndarray | None = None
    history: Mapping[str, Any] | None = None
    others: Mapping[str, np.ndarray] = field(default_factory=dict)


def build_content(
    clustering: Clustering,
    *,
    method: str = "cluster",
    image_shape: tuple[int, ...] | None = None,
    random_state: int = 0,
    max_samples: int = MAX_SAMPLES,
) -> Content:
    """Collect all that the page shows of a clustering.

    Parameters
    ----------
    clustering : Clustering
        The clusters.
    method : str, default="cluster"
        Name of the coloring by these clusters.
    image_shape : tuple of int, default=None
        Shape of the samples as images; None shows the columns that set the clusters apart.
    random_state : int, default=0
        Seed of the layout, and of the subset of more than `max_samples` samples.
    max_samples : int, default=100000
        Number of samples to show, and one of each cluster that has none among them.

    Returns
    -------
    dict
        Plain values; arrays are encoded by `encode_array`.
    """
    n_samples, n_features = clustering.X.shape
    # In random order, no cluster covers another in the plot.
    order = np.random.default_rng(random_state).permutation(n_samples)
    rows = _select_rows(order, clustering.labels, max_samples).astype(np.int32)
    positions = lay_out(clustering.Z[rows], clustering.labels[rows], random_state=random_state)
    samples: Content = {
        "positions": encode_array(rows),
        "ids": None if clustering.ids is None else _encode_column(clustering.ids.iloc[rows]),
        "x": encode_array(positions[:, 0].astype(np.float32)),
        "y": encode_array(positions[:, 1].astype(np.float32)),
        "confidence": _encode_optional(clustering.confidence, rows),
        "colorings": [
            _describe_coloring(name, labels[rows], positions)
            for name, labels in _list_colorings(clustering, method).items()
        ],
        "images": None,
        "columns": None,
    }
    clusters = _describe_clusters(clustering, rows)
    if image_shape is None:
        samples["columns"] = _add_columns(clusters, clustering, rows)
        prototypes = None
    else:
        shape = infer_image_shape(n_features, image_shape)
        if isinstance(clustering.X, pd.DataFrame):
            raise ValueError(
                f"image_shape={image_shape!r} needs samples that are numbers without gaps, but X "
                "has columns of other kinds."
            )
        images = to_dense(clustering.X[rows])
        value_range = float(images.min()), float(images.max())
        samples["images"] = build_sheets(images, shape, value_range)
        centers = _get_prototypes(clustering)
        prototypes = build_sheets(centers, shape, value_range)
    return {
        "nSamples": n_samples,
        "nFeatures": n_features,
        "palettes": {"light": list(ON_LIGHT), "dark": list(ON_DARK)},
        "samples": samples,
        "clusters": clusters,
        "prototypes": prototypes,
        "history": _describe_history(clustering.history),
        "confusion": _describe_confusion(clustering),
    }


def encode_array(values: np.ndarray) -> dict[str, str]:
    """Return the dtype and, in base64, the little-endian bytes of an array.

    Floats keep their precision, integers have 4 bytes and booleans one.
    """
    values = np.asarray(values)
    kind = values.dtype.kind
    if kind == "f":
        name = "float32" if values.dtype.itemsize <= 4 else "float64"
    else:
        name = "uint8" if kind == "b" else "int32"
    data = np.ascontiguousarray(values, dtype=np.dtype(name).newbyteorder("<")).tobytes()
    return {"dtype": name, "data": base64.b64encode(data).decode()}


def _encode_column(column: pd.Series) -> Content:
    """Return the values of a column: numbers, or words and dates as texts and their positions.

    Missing values are NaN, or the position -1.
    """
    content: Content = {"name": str(column.name), "numbers": None, "codes": None, "texts": None}
    is_date = pd.api.types.is_datetime64_any_dtype(column)
    if is_number(column) and not is_date and not _has_large_integers(column):
        dtype = np.float32 if column.dtype == np.float32 else np.float64
        numbers = column.to_numpy(dtype=dtype, na_value=np.nan)
        return {**content, "numbers": encode_array(numbers)}
    codes, values = pd.factorize(column)
    texts = _format_dates(values) if is_date else [str(value) for value in values]
    return {**content, "codes": encode_array(codes), "texts": texts}


def _has_large_integers(column: pd.Series) -> bool:
    is_integer = pd.api.types.is_integer_dtype(column)
    return is_integer and bool((column.abs() > _MAX_INTEGER).any())


def _format_dates(dates: pd.DatetimeIndex) -> list[str]:
    """Return dates in ISO format, without the time if it is midnight in all."""
    if (dates == dates.normalize()).all():
        return dates.strftime("%Y-%m-%d").tolist()
    return [date.isoformat() for date in dates]


def _encode_optional(values: np.ndarray | None, rows: np.ndarray) -> dict[str, str] | None:
    return None if values is None else encode_array(values[rows])


def _select_rows(order: np.ndarray, labels: np.ndarray, max_samples: int) -> np.ndarray:
    """Return the first samples in this order, and the first of each cluster without any of them."""
    rows = order[:max_samples]
    others = order[max_samples:]
    is_lost = ~np.isin(labels[others], np.unique(labels[rows]))
    _, first = np.unique(labels[others[is_lost]], return_index=True)
    return np.concatenate([rows, others[is_lost][first]])


def _list_colorings(clustering: Clustering, method: str) -> dict[str, np.ndarray]:
    colorings = {method: clustering.labels, **clustering.others}
    if clustering.classes is not None:
        name = "class" if "class" not in colorings else "known class"
        colorings[name] = clustering.classes
    return colorings


def _describe_coloring(name: str, labels: np.ndarray, positions: np.ndarray) -> Content:
    groups, codes = np.unique(labels, return_inverse=True)
    on_light, on_dark = (assign_colors(groups.tolist(), dark=dark) for dark in (False, True))
    return {
        "name": name,
        "codes": encode_array(codes),
        "groups": [
            {
                "name": _name_group(group),
                "size": int(size),
                "light": on_light[group],
                "dark": on_dark[group],
                "place": find_medoid(positions[codes == code]).tolist(),
                "isNoise": _is_noise(group),
            }
            for code, (group, size) in enumerate(
                zip(groups.tolist(), np.bincount(codes), strict=True)
            )
        ],
    }


def _is_noise(group: Any) -> bool:
    return bool(group == -1)


def _name_group(group: Any) -> str:
    return "noise" if _is_noise(group) else str(group)


def _describe_clusters(clustering: Clustering, rows: np.ndarray) -> list[Content]:
    """Return size, confidence and, as positions in `rows`, members of each cluster."""
    labels, confidence = clustering.labels, clustering.confidence
    members = (
        {} if confidence is None else select_members(labels[rows], confidence[rows], _N_MEMBERS)
    )
    clusters = []
    for label in np.unique(labels).tolist():
        is_member = labels == label
        typical, doubtful = members.get(label, ((), ()))
        clusters.append(
            {
                "name": _name_group(label),
                "size": int(is_member.sum()),
                "confidence": None
                if confidence is None
                else np.percentile(confidence[is_member], _PERCENTILES).tolist(),
                "typical": [int(row) for row in typical],
                "doubtful": [int(row) for row in doubtful],
                "profile": [],
            }
        )
    return clusters


def _add_columns(
    clusters: list[Content], clustering: Clustering, rows: np.ndarray
) -> list[Content]:
    """Add the columns that set each cluster apart; return the values of all of them."""
    table = _select_columns(clustering)
    described = describe_clusters(table, clustering.labels)
    information = described["information"].groupby(level="column").max()
    best = information.sort_values(ascending=False, kind="stable").index[:_MAX_COLUMNS].tolist()
    for cluster, (_, columns) in zip(clusters, described.groupby(level="cluster"), strict=True):
        columns = columns.droplevel("cluster")
        columns = columns[columns.index.isin(best)].iloc[:_N_COLUMNS_OF_CARD]
        cluster["profile"] = [
            {
                "column": best.index(position),
                "typical": column["typical"],
                "overall": column["overall"],
                "difference": column["difference"],
                "value": column["value"] if isinstance(column["value"], str) else None,
            }
            for position, column in columns.iterrows()
        ]
    return [
        {**_encode_column(table[position].iloc[rows]), "name": clustering.feature_names[position]}
        for position in best
    ]


def _select_columns(clustering: Clustering) -> pd.DataFrame:
    """Return the columns to describe, named by their positions.

    Of very many numbers, these are those in which the clusters differ most; a gap counts as the
    mean.
    """
    X, labels = clustering.X, clustering.labels
    if isinstance(X, pd.DataFrame):
        table = X.set_axis(range(X.shape[1]), axis=1)
        numbers = table.select_dtypes("number").columns.to_numpy()
        if len(numbers) <= _MAX_NUMBERS_DESCRIBED:
            return table
        values = table[numbers].to_numpy(np.float64, na_value=np.nan)
        kept = numbers[_find_differing(values, labels)]
        return table.drop(columns=np.setdiff1d(numbers, kept))
    kept = np.arange(X.shape[1])
    if len(kept) > _MAX_NUMBERS_DESCRIBED:
        kept = _find_differing(X, labels)
    return pd.DataFrame(to_dense(X[:, kept]), columns=kept)


def _find_differing(X: Any, labels: np.ndarray) -> np.ndarray:
    """Return the positions of the features in which the means of the clusters differ most."""
    samples = X if issparse(X) else np.asarray(X, dtype=np.float64)
    differences = np.abs(compute_profiles(samples, labels)).max(axis=0)
    return np.argsort(-differences, kind="stable")[:_MAX_NUMBERS_DESCRIBED]


def _get_prototypes(clustering: Clustering) -> np.ndarray:
    """Return the decoded center of each cluster that has samples, or else its mean."""
    found = np.unique(clustering.labels)
    if clustering.prototypes is None or found[0] < 0:
        return compute_means(clustering.X, clustering.labels)
    return clustering.prototypes[found]


def _describe_history(history: Mapping[str, Any] | None) -> list[Content]:
    return [
        {
            "title": quantity.title,
            "x": quantity.x_title,
            "values": [value if np.isfinite(value) else None for value in quantity.values.tolist()],
        }
        for quantity in (list_quantities(history) if history else ())
    ]


def _describe_confusion(clustering: Clustering) -> Content | None:
    if clustering.classes is None:
        return None
    counts, classes, columns = count_matches(clustering.classes, clustering.labels)
    return {
        "classes": classes,
        "clusters": columns,
        "counts": counts.tolist(),
        "accuracy": clustering_accuracy(clustering.classes, clustering.labels),
    }
