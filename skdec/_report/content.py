"""What a report shows, as plain values that can be written as JSON."""

import base64
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.sparse import issparse
from sklearn.cluster import KMeans
from sklearn.utils import check_array

from skdec.describe._description import (
    describe_clusters,
    name_by_words,
    name_described,
    number_clusters,
)
from skdec.describe._summary import (
    compute_means,
    compute_profiles,
    find_medoid,
    infer_image_shape,
    is_date,
    is_number,
    lay_out,
    select_members,
    to_dense,
)
from skdec.display._axes import assign_colors, name_label
from skdec.display._scores import list_quantities
from skdec.metrics import clustering_accuracy, count_matches, neighbor_information

# Of more samples, a random subset is drawn, and of fewer where their values take more characters.
_MAX_SAMPLES = 50_000
_MAX_CHARACTERS = 4_000_000
# More are not needed to compare with k-means.
_N_COMPARED = 5000
_N_MEMBERS = 6
_N_COLUMNS_OF_CARD = 6
_N_COLUMNS_OF_LINE = 3
_MAX_COLUMNS = 24
# Of more columns of numbers, those in which the clusters differ most are described.
_MAX_NUMBERS_DESCRIBED = 48
# Larger integers are not exact as numbers of JavaScript.
_MAX_INTEGER = 2**53
_PERCENTILES = (5, 25, 50, 75, 95)

Content = dict[str, Any]
# Images with a longer side are reduced to it.
_MAX_SIDE = 32
_IMAGES_PER_ROW = 50
_IMAGES_PER_SHEET = _IMAGES_PER_ROW**2
_N_GRAY_LEVELS = 16


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
    is_named : bool
        Whether these names mean something, so that they can name clusters.
    soft_assignments : ndarray of shape (n_samples, n_clusters) or None
        Soft assignments of each sample.
    points : {ndarray, sparse matrix} of shape (n_samples, n_points) or None
        What the clusterer takes, for k-means to compare with; None compares with nothing.
    metric : {"euclidean", "cosine"}
        Distance between the points.
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
    is_named: bool = False
    soft_assignments: np.ndarray | None = None
    points: Any = None
    metric: str = "euclidean"
    classes: np.ndarray | None = None
    prototypes: np.ndarray | None = None
    history: Mapping[str, Any] | None = None
    others: Mapping[str, np.ndarray] = field(default_factory=dict)


class _Description(NamedTuple):
    """Columns of a table, named by their positions, and what they tell of the clusters."""

    table: pd.DataFrame
    by_cluster: pd.DataFrame
    shown: pd.DataFrame
    """Those that tell most."""


def build_content(
    clustering: Clustering,
    *,
    method: str = "cluster",
    image_shape: tuple[int, ...] | None = None,
    random_state: int = 0,
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
        Seed of the layout, and of the subset of more samples than are drawn.

    Returns
    -------
    dict
        Plain values; arrays are encoded by `encode_array`.
    """
    n_samples, n_features = clustering.X.shape
    q = clustering.soft_assignments
    confidence = None if q is None else q.max(axis=1)
    ids = [] if clustering.ids is None else [clustering.ids]
    if image_shape is None:
        description = _describe_columns(clustering)
        shown = [column for _, column in description.shown.items()]
        n_affordable = _count_affordable([*shown, *ids])
    else:
        description = None
        shape = infer_image_shape(n_features, image_shape)
        n_affordable = _count_affordable(ids, count_characters(shape))
    # In random order, no cluster covers another in the plot.
    order = np.random.default_rng(random_state).permutation(n_samples)
    rows = _select_rows(order, clustering.labels, min(_MAX_SAMPLES, n_affordable)).astype(np.int32)
    positions = lay_out(clustering.Z[rows], clustering.labels[rows], random_state=random_state)
    names = _name_clusters(clustering, description)
    colorings = {method: clustering.labels, **clustering.others}
    if clustering.classes is not None:
        colorings["class"] = clustering.classes
    samples: Content = {
        "positions": encode_array(rows),
        "ids": None if clustering.ids is None else _encode_column(clustering.ids.iloc[rows]),
        "x": encode_array(positions[:, 0].astype(np.float32)),
        "y": encode_array(positions[:, 1].astype(np.float32)),
        "confidence": None if confidence is None else encode_array(confidence[rows]),
        "colorings": [
            _describe_coloring(name, labels[rows], positions) for name, labels in colorings.items()
        ],
        "images": None,
        "columns": None,
    }
    for group, name in zip(samples["colorings"][0]["groups"], names, strict=True):
        group["title"] = name
    clusters = _describe_clusters(clustering, confidence, names, rows)
    prototypes = None
    if description is None:
        if isinstance(clustering.X, pd.DataFrame):
            raise ValueError(
                f"image_shape={image_shape!r} needs samples that are numbers without gaps, but X "
                "has columns of other kinds."
            )
        images = to_dense(clustering.X[rows])
        value_range = float(images.min()), float(images.max())
        samples["images"] = build_sheets(images, shape, value_range)
        prototypes = build_sheets(_get_prototypes(clustering), shape, value_range)
    else:
        _add_profiles(clusters, description, clustering.feature_names)
        samples["columns"] = [
            {**_encode_column(column.iloc[rows]), "name": clustering.feature_names[position]}
            for position, column in description.shown.items()
        ]
    return {
        "nSamples": n_samples,
        "found": _summarize(clustering, len(rows), random_state),
        "samples": samples,
        "clusters": clusters,
        "prototypes": prototypes,
        "history": _describe_history(clustering.history),
        "confusion": _describe_confusion(clustering),
    }


def _count_affordable(columns: Sequence[pd.Series], n_characters: float = 0) -> int:
    """Return of how many samples the values, and as many characters, take four million."""
    n_characters += 30  # of the position, cluster and confidence
    for column in columns:
        n_characters += 11  # of eight bytes in base64
        if not is_number(column):
            some = column.iloc[:1000].astype(str)
            n_characters += some.nunique() / len(some) * (some.str.len().mean() + 3)
    return max(1000, int(_MAX_CHARACTERS / n_characters))


def _name_clusters(clustering: Clustering, description: _Description | None) -> list[str]:
    """Return the names of the clusters, in the order of their labels."""
    labels, feature_names = clustering.labels, clustering.feature_names
    if description is None or not clustering.is_named:
        names = number_clusters(labels)
    elif issparse(clustering.X):
        names = name_by_words(clustering.X, labels, feature_names)
    else:
        table = description.table
        table = table.set_axis([feature_names[position] for position in table], axis=1)
        order = [
            [feature_names[position] for position in rows.index.get_level_values("column")]
            for _, rows in description.by_cluster.groupby(level="cluster")
        ]
        names = name_described(table, labels, order)
    return [str(name) for name in names]


def _summarize(clustering: Clustering, n_shown: int, random_state: int) -> list[str]:
    """Return the sentences that the page begins with."""
    labels, q = clustering.labels, clustering.soft_assignments
    n_samples, n_features = clustering.X.shape
    n_clusters = int(np.count_nonzero(np.unique(labels) != -1))
    sentences = [
        f"{n_clusters} cluster{'s' * (n_clusters != 1)} in {n_samples:,} samples of "
        f"{n_features:,} feature{'s' * (n_features != 1)}."
    ]
    if q is not None and q.shape[1] > 1:
        second, first = np.partition(q, -2, axis=1)[:, -2:].T
        n_between = np.count_nonzero(second > first / 2)
        between = "no sample lies"
        if n_between:
            noun, verb = ("sample", "lies") if n_between == 1 else ("samples", "lie")
            between = f"{n_between:,} {noun} ({n_between / n_samples:.1%}) {verb}"
        sentences.append(
            f"The median confidence is {np.median(first):.2f}; {between} between clusters, where "
            "another cluster has more than half of the confidence."
        )
    if clustering.points is not None and n_clusters > 1:
        sentences += _compare_with_kmeans(clustering, n_clusters, random_state)
    if n_shown < n_samples:
        sentences.append(f"Of the samples, a random {n_shown:,} are drawn.")
    return sentences


def _compare_with_kmeans(clustering: Clustering, n_clusters: int, random_state: int) -> list[str]:
    """Return a sentence on the clusters of k-means; none if it cannot take the samples."""
    rows = np.flatnonzero(clustering.labels != -1)
    if len(rows) > _N_COMPARED:
        rows = np.random.default_rng(random_state).choice(rows, _N_COMPARED, replace=False)
    try:
        points, labels = check_array(clustering.points, accept_sparse="csr"), clustering.labels
    except ValueError:  # words or gaps
        return []
    points, labels = points[rows], labels[rows]
    others = KMeans(n_clusters, n_init=3, random_state=random_state).fit_predict(points)
    own, other = (
        neighbor_information(points, found, metric=clustering.metric) for found in (labels, others)
    )
    sentence = (
        f"k-means agrees on {clustering_accuracy(labels, others):.0%} of the samples; its clusters "
        f"share {other:.2f} nats of information with nearest neighbors, these {own:.2f} (more is "
        "better)"
    )
    if clustering.classes is not None:
        known = clustering.classes[rows]
        own, other = (clustering_accuracy(known, found) for found in (labels, others))
        sentence += f"; of the classes, k-means finds {other:.1%}, these {own:.1%}"
    return [f"{sentence}."]


def encode_array(values: np.ndarray) -> dict[str, str]:
    """Return the dtype and, in base64, the little-endian bytes of an array.

    Floats keep their precision, integers have 4 bytes.
    """
    is_integer = values.dtype.kind in "iu"
    dtype = np.dtype(np.int32) if is_integer else np.result_type(values, np.float32)
    data = values.astype(dtype.newbyteorder("<")).tobytes()
    return {"dtype": dtype.name, "data": base64.b64encode(data).decode()}


def _encode_column(column: pd.Series) -> Content:
    """Return the values of a column: numbers, or words and dates as texts and their positions.

    Missing values are NaN, or the position -1.
    """
    content: Content = {"name": str(column.name), "numbers": None, "codes": None, "texts": None}
    is_large = pd.api.types.is_integer_dtype(column) and (column.abs() > _MAX_INTEGER).any()
    if is_number(column) and not is_date(column) and not is_large:
        dtype = np.float32 if column.dtype == np.float32 else np.float64
        numbers = column.to_numpy(dtype=dtype, na_value=np.nan)
        return {**content, "numbers": encode_array(numbers)}
    codes, values = pd.factorize(column)
    texts = _format_dates(values) if is_date(column) else [str(value) for value in values]
    return {**content, "codes": encode_array(codes), "texts": texts}


def _format_dates(dates: pd.DatetimeIndex) -> list[str]:
    """Return dates in ISO format, without the time if it is midnight in all."""
    if (dates == dates.normalize()).all():
        return dates.strftime("%Y-%m-%d").tolist()
    return [date.isoformat() for date in dates]


def _select_rows(order: np.ndarray, labels: np.ndarray, max_samples: int) -> np.ndarray:
    """Return the first samples in this order, and the first of each cluster without any of them."""
    rows, others = order[:max_samples], order[max_samples:]
    is_lost = ~np.isin(labels[others], np.unique(labels[rows]))
    _, first = np.unique(labels[others[is_lost]], return_index=True)
    return np.concatenate([rows, others[is_lost][first]])


def _describe_coloring(name: str, labels: np.ndarray, positions: np.ndarray) -> Content:
    groups, codes = np.unique(labels, return_inverse=True)
    on_light, on_dark = (assign_colors(groups.tolist(), dark=dark) for dark in (False, True))
    return {
        "name": name,
        "codes": encode_array(codes),
        "groups": [
            {
                "name": name_label(group),
                "size": int(size),
                "light": on_light[group],
                "dark": on_dark[group],
                "place": find_medoid(positions[codes == code]).tolist(),
                "isNoise": group == -1,
            }
            for code, (group, size) in enumerate(
                zip(groups.tolist(), np.bincount(codes), strict=True)
            )
        ],
    }


def _describe_clusters(
    clustering: Clustering,
    confidence: np.ndarray | None,
    names: Sequence[str],
    rows: np.ndarray,
) -> list[Content]:
    """Return name, size, confidence and, as positions in `rows`, members of each cluster."""
    labels = clustering.labels
    members = (
        {} if confidence is None else select_members(labels[rows], confidence[rows], _N_MEMBERS)
    )
    clusters = []
    for label, name in zip(np.unique(labels).tolist(), names, strict=True):
        is_member = labels == label
        typical, doubtful = members.get(label, ((), ()))
        clusters.append(
            {
                "name": name_label(label),
                "title": name,
                "size": int(is_member.sum()),
                "line": "",
                "confidence": None
                if confidence is None
                else np.percentile(confidence[is_member], _PERCENTILES).tolist(),
                "typical": [int(row) for row in typical],
                "doubtful": [int(row) for row in doubtful],
                "profile": [],
            }
        )
    return clusters


def _describe_columns(clustering: Clustering) -> _Description:
    table = _select_columns(clustering)
    described = describe_clusters(table, clustering.labels)
    information = described["information"].groupby(level="column").max()
    best = information.sort_values(ascending=False, kind="stable").index[:_MAX_COLUMNS]
    return _Description(table, described, table[best.tolist()])


def _add_profiles(
    clusters: list[Content], description: _Description, feature_names: Sequence[str]
) -> None:
    """Add the columns that set each cluster apart, and a line of the first of them."""
    best = description.shown.columns.tolist()
    by_cluster = description.by_cluster.groupby(level="cluster")
    for cluster, (_, columns) in zip(clusters, by_cluster, strict=True):
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
        told = columns[columns["information"] > 0].iloc[:_N_COLUMNS_OF_LINE]
        cluster["line"] = "; ".join(
            f"{feature_names[position]}: {_shorten(column)}" for position, column in told.iterrows()
        )


def _shorten(column: pd.Series) -> str:
    """Return the median, or the most frequent value, in the cluster and in all samples."""
    is_word = isinstance(column["value"], str)
    inside, overall = (
        re.split(r"(?<=\d%)(?:, |$)" if is_word else r" \(", column[name])[0]
        for name in ("typical", "overall")
    )
    return f"{inside} (all: {overall})"


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
    differences = np.abs(compute_profiles(X, labels)).max(axis=0)
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
        for quantity in list_quantities(history or {})
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


def build_sheets(
    images: np.ndarray, image_shape: tuple[int, ...], value_range: tuple[float, float]
) -> dict[str, Any]:
    """Put images side by side on sheets of 50 x 50, in the order of rows.

    Parameters
    ----------
    images : ndarray of shape (n_images, n_features)
        The images.
    image_shape : tuple of int
        Height and width, and 3 or 4 if they have colors.
    value_range : tuple of float
        The values that are black and white.

    Returns
    -------
    dict
        Size of an image, whether it is gray, images in a row and on a sheet, and the sheets as data
        URIs: PNG with 16 levels of gray, or JPEG.
    """
    step = _choose_step(image_shape)
    lowest, highest = value_range
    sheets = [
        _encode(_arrange(_scale(part, image_shape, step, lowest, highest)))
        for part in np.split(images, range(_IMAGES_PER_SHEET, len(images), _IMAGES_PER_SHEET))
    ]
    height, width = (-(-side // step) for side in image_shape[:2])
    return {
        "width": width,
        "height": height,
        "isGray": len(image_shape) == 2,
        "perRow": _IMAGES_PER_ROW,
        "perSheet": _IMAGES_PER_SHEET,
        "sheets": sheets,
    }


def count_characters(image_shape: tuple[int, ...]) -> float:
    """Return about how many characters an image takes on a sheet."""
    step = _choose_step(image_shape)
    per_pixel = 0.2 if len(image_shape) == 2 else 0.8
    return per_pixel * image_shape[0] * image_shape[1] / step**2


def _choose_step(image_shape: tuple[int, ...]) -> int:
    """Return the side of the blocks of pixels that are averaged."""
    return max(1, -(-max(image_shape[:2]) // _MAX_SIDE))


def _scale(
    images: np.ndarray, image_shape: tuple[int, ...], step: int, lowest: float, highest: float
) -> np.ndarray:
    """Return images of bytes with 1 or 3 colors, blocks of `step` x `step` pixels averaged."""
    values = (images - lowest) / ((highest - lowest) or 1.0)
    values = values.reshape(len(images), *image_shape[:2], -1)[..., :3]
    values = values.astype(np.float32)
    padding = [(0, 0), *((0, -side % step) for side in image_shape[:2]), (0, 0)]
    values = np.pad(values, padding, mode="edge")
    n, height, width, n_colors = values.shape
    blocks = values.reshape(n, height // step, step, width // step, step, n_colors)
    return np.round(np.clip(blocks.mean(axis=(2, 4)), 0, 1) * 255).astype(np.uint8)


def _arrange(images: np.ndarray) -> np.ndarray:
    """Return one large image of rows of images."""
    n, height, width, n_colors = images.shape
    n_rows = -(-n // _IMAGES_PER_ROW)
    sheet = np.zeros((n_rows * _IMAGES_PER_ROW, height, width, n_colors), dtype=np.uint8)
    sheet[:n] = images
    sheet = sheet.reshape(n_rows, _IMAGES_PER_ROW, height, width, n_colors)
    return sheet.transpose(0, 2, 1, 3, 4).reshape(n_rows * height, -1, n_colors)


def _encode(sheet: np.ndarray) -> str:
    from PIL import Image

    file = io.BytesIO()
    if sheet.shape[2] == 1:
        step = 255 // (_N_GRAY_LEVELS - 1)
        image = Image.fromarray(np.round(sheet[..., 0] / step).astype(np.uint8), mode="P")
        image.putpalette(np.repeat(np.arange(_N_GRAY_LEVELS) * step, 3).tolist())
        image.save(file, "PNG", bits=4, optimize=True)
        kind = "png"
    else:
        Image.fromarray(sheet, mode="RGB").save(file, "JPEG", quality=80)
        kind = "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode()}"
