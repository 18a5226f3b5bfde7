"""What a report shows, as plain values that can be written as JSON."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from skdec._cluster_summary import (
    compute_means,
    compute_profiles,
    infer_image_shape,
    select_members,
    to_dense,
)
from skdec._colors import ON_DARK, ON_LIGHT, assign_colors
from skdec._layout import find_medoid, lay_out
from skdec._report.images import build_sheets
from skdec.display._agreement import count_matches
from skdec.display._history import list_quantities
from skdec.metrics import clustering_accuracy

# Of more samples, a random subset is shown.
MAX_SAMPLES = 100_000
_N_MEMBERS = 6
_N_COLUMNS_OF_CARD = 6
_MAX_COLUMNS = 24
_PERCENTILES = (5, 25, 50, 75, 95)

Content = dict[str, Any]


@dataclass(frozen=True)
class Clustering:
    """Clusters of samples, and what is known about them.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        The samples.
    labels : ndarray of shape (n_samples,), int
        Clusters; -1 is noise.
    Z : ndarray of shape (n_samples, n_dims)
        The samples as the clusterer embeds them.
    feature_names : sequence of str
        Names of the features.
    confidence : ndarray of shape (n_samples,) or None
        Probability of the cluster.
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
        Number of samples to show.

    Returns
    -------
    dict
        Plain values; arrays are encoded by `encode_array`.
    """
    n_samples, n_features = clustering.X.shape
    # In random order, no cluster covers another in the plot.
    order = np.random.default_rng(random_state).permutation(n_samples)[:max_samples]
    rows = order.astype(np.int32)
    positions = lay_out(clustering.Z[rows], clustering.labels[rows], random_state=random_state)
    samples: Content = {
        "ids": encode_array(rows),
        "x": encode_array(positions[:, 0]),
        "y": encode_array(positions[:, 1]),
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
    """Return the dtype and, in base64, the bytes of an array: little-endian, of 4 bytes or one."""
    values = np.asarray(values)
    dtype = {"f": "<f4", "b": "<u1"}.get(values.dtype.kind, "<i4")
    data = np.ascontiguousarray(values, dtype=dtype).tobytes()
    names = {"<f4": "float32", "<u1": "uint8", "<i4": "int32"}
    return {"dtype": names[dtype], "data": base64.b64encode(data).decode()}


def _encode_optional(values: np.ndarray | None, rows: np.ndarray) -> dict[str, str] | None:
    return None if values is None else encode_array(values[rows])


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


def _add_columns(clusters: list[Content], clustering: Clustering, rows: np.ndarray) -> Content:
    """Add the columns that set each cluster apart; return the values of all of them."""
    profiles = compute_profiles(clustering.X, clustering.labels)
    means = compute_means(clustering.X, clustering.labels)
    best = np.argsort(-np.abs(profiles).max(axis=0), kind="stable")[:_MAX_COLUMNS]
    for cluster, profile, mean in zip(clusters, profiles, means, strict=True):
        columns = best[np.argsort(-np.abs(profile[best]), kind="stable")][:_N_COLUMNS_OF_CARD]
        cluster["profile"] = [
            {
                "column": int(np.flatnonzero(best == column)[0]),
                "difference": float(profile[column]),
                "mean": float(mean[column]),
            }
            for column in columns
        ]
    values = to_dense(clustering.X[rows][:, best])
    return {
        "names": [clustering.feature_names[column] for column in best],
        "values": encode_array(values.astype(np.float32)),
    }


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
