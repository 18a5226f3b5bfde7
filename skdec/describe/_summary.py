"""What pictures and reports show of clusters: members, prototypes, profiles and a layout."""

from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix, issparse
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.metrics import mutual_info_score
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import check_random_state
from sklearn.utils.sparsefuncs import mean_variance_axis
from threadpoolctl import threadpool_limits

from skdec._utils.data import to_frame_or_array

_MAX_ANCHORS = 2500
_MIN_ANCHORS_PER_CLUSTER = 20
_PERPLEXITY = 30
_N_ITERATIONS = 500
_N_NEIGHBORS = 5
_MAX_MEDOID_CANDIDATES = 300
_YES_OR_NO = dict.fromkeys(("yes", "y", "true", "1", "1.0"), 1) | dict.fromkeys(
    ("no", "n", "false", "0", "0.0"), 0
)


def predict_clusters(estimator: Any, X: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """Predict clusters and, with a `predict_proba`, the largest soft assignment of each sample.

    Returns
    -------
    labels : ndarray of shape (n_samples,)
        Clusters.
    confidence : ndarray of shape (n_samples,) or None
        Largest soft assignment of each sample, that of its predicted cluster.
    """
    if not hasattr(estimator, "predict_proba"):
        return np.asarray(estimator.predict(X)), None
    q = np.asarray(estimator.predict_proba(X))
    return q.argmax(axis=1), q.max(axis=1)


def split_pipeline(estimator: Any, X: Any) -> tuple[Any, Any]:
    """Return the clusterer at the end of a Pipeline, and `X` transformed by the steps before it."""
    if not isinstance(estimator, Pipeline):
        return estimator, X
    if len(estimator.steps) > 1:
        X = estimator[:-1].transform(X)
    return estimator[-1], X


def embed(estimator: Any, X: Any) -> np.ndarray:
    """Return the output of the estimator's `transform`; without one, the samples it clusters."""
    if hasattr(estimator, "transform"):
        return to_dense(estimator.transform(X))
    return to_dense(split_pipeline(estimator, X)[1])


def to_dense(X: Any) -> np.ndarray:
    """Return samples of any container as an array."""
    return X.toarray() if issparse(X) else np.asarray(X)


def select_members(
    labels: np.ndarray, confidence: np.ndarray, n_members: int
) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Return, by cluster, the indices of its most and of its least certain members.

    The first of both are the most extreme. A small cluster's members are divided among them, so
    that none is in both.
    """
    members = {}
    for label in np.unique(labels):
        indices = np.flatnonzero(labels == label)
        indices = indices[np.argsort(-confidence[indices], kind="stable")]
        n_typical = min(n_members, (len(indices) + 1) // 2)
        n_doubtful = min(n_members, len(indices) - n_typical)
        doubtful = indices[len(indices) - n_doubtful :][::-1]
        members[int(label)] = indices[:n_typical], doubtful
    return members


def decode_centers(estimator: Any) -> np.ndarray | None:
    """Return the centers of the clusters as samples, None if that is not possible.

    The centers of a `DECClusterer` are decoded; in a Pipeline, the steps before it are undone.
    """
    *steps, clusterer = estimator if isinstance(estimator, Pipeline) else [estimator]
    if any(isinstance(step, FunctionTransformer) and step.inverse_func is None for step in steps):
        return None  # scikit-learn would return what it is given
    centers = getattr(clusterer, "cluster_centers_", None)
    if centers is None:
        return None
    if hasattr(clusterer, "inverse_transform"):
        centers = clusterer.inverse_transform(centers)
    try:
        if steps:
            centers = estimator[:-1].inverse_transform(centers)
    except Exception:  # not every transformer can be undone, whatever attributes it has
        return None
    centers = np.asarray(centers)
    n_features = getattr(estimator, "n_features_in_", centers.shape[1])
    return centers if centers.shape[1] == n_features else None


def compute_means(X: Any, labels: np.ndarray) -> np.ndarray:
    """Return the mean of each cluster's samples, in the order of the sorted labels."""
    codes = np.unique(labels, return_inverse=True)[1]
    indicator = csr_matrix((np.ones(len(codes)), (codes, np.arange(len(codes)))))
    return to_dense(indicator @ X) / np.bincount(codes)[:, np.newaxis]


def compute_profiles(X: Any, labels: np.ndarray) -> np.ndarray:
    """Return how far each cluster's mean is from the mean of all, in standard deviations.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        Samples. Missing values (NaN) of an array count as the mean.
    labels : ndarray of shape (n_samples,)
        Clusters.

    Returns
    -------
    ndarray of shape (n_clusters, n_features)
        Differences in the order of the sorted labels; 0 for a feature that does not vary.
    """
    X = X.astype(np.float64)  # the squares of small integers may be large
    if issparse(X):
        mean, variance = mean_variance_axis(X.tocsr(), axis=0)
        deviation = np.sqrt(variance)
        is_constant = deviation <= 1e-6 * np.abs(mean)
        differences = compute_means(X, labels) - mean
    else:
        is_given = ~np.isnan(X)
        is_constant = np.fmax.reduce(X) <= np.fmin.reduce(X)
        # Subtracted first: the squares of numbers far from zero would lose the differences.
        X -= X.sum(axis=0, where=is_given) / np.maximum(is_given.sum(axis=0), 1)
        X[~is_given] = 0
        deviation = X.std(axis=0)
        differences = compute_means(X, labels)
    is_constant |= ~(deviation > 0)
    return np.where(is_constant, 0.0, differences / np.where(is_constant, 1.0, deviation))


def get_feature_names(X: Any, estimator: Any = None) -> list[str]:
    """Return the columns of a DataFrame, the names that the estimator was fitted with, or x0..."""
    columns = getattr(X, "columns", getattr(estimator, "feature_names_in_", None))
    if columns is None:
        columns = [f"x{i}" for i in range(np.shape(X)[1])]
    return [str(column) for column in columns]


def infer_image_shape(n_features: int, image_shape: tuple[int, ...] | None) -> tuple[int, ...]:
    """Return the shape of an image with these features, a square if it is not given."""
    if image_shape is None:
        side = round(n_features**0.5)
        if side * side != n_features:
            raise ValueError(
                f"image_shape must be given, such as (28, 28) or (32, 32, 3): {n_features} "
                "features are no square image."
            )
        return side, side
    shape = tuple(image_shape)
    is_image = len(shape) == 2 or (len(shape) == 3 and shape[2] in (3, 4))
    if not is_image or np.prod(shape) != n_features:
        raise ValueError(
            f"image_shape must be (height, width), (height, width, 3) or (height, width, 4) with "
            f"as many values as there are features, {n_features}; got {image_shape!r}."
        )
    return shape


def to_frame(X: Any) -> pd.DataFrame:
    """Return a table of any container as a data frame of pandas."""
    X = to_frame_or_array(X)
    if not isinstance(X, pd.DataFrame):
        X = pd.DataFrame(np.asarray(X)).add_prefix("x")
    table: pd.DataFrame = X.infer_objects()
    return table


def is_number(column: pd.Series) -> bool:
    """Whether a column is described by its quartiles: numbers and dates, but not booleans."""
    types = pd.api.types
    is_boolean = types.is_bool_dtype(column)
    return is_date(column) or (types.is_numeric_dtype(column) and not is_boolean)


def is_date(column: pd.Series) -> bool:
    """Whether a column is one of dates, also of a time zone."""
    return pd.api.types.is_datetime64_any_dtype(column)


def find_yes(column: pd.Series) -> np.ndarray | None:
    """Return 1 for yes, 0 for no and NaN for a gap; None for a column of anything else.

    Columns of yes and no are booleans, numbers that are all 0 or 1, and words such as "Yes" and
    "no", if both values occur.
    """
    values = column.dropna().unique()
    meanings = {value: _YES_OR_NO.get(str(value).lower()) for value in values[:2]}
    if len(values) != 2 or set(meanings.values()) != {0, 1}:
        return None
    return column.astype(object).map(meanings).to_numpy(np.float64, na_value=np.nan)


def compute_information(inside: np.ndarray, outside: np.ndarray) -> float:
    """Return the mutual information with being a member, divided by the entropy of the latter.

    Of both, the information is subtracted that independent columns share on average.
    """
    sizes = np.array([inside.sum(), outside.sum()])
    if not sizes.all():
        return 0.0
    entropy = mutual_info_score(None, None, contingency=np.diag(sizes))
    counts = np.stack([inside, outside])
    bias = (np.count_nonzero(counts.sum(axis=0)) - 1) / (2 * sizes.sum())
    information = mutual_info_score(None, None, contingency=counts)
    return float(max(0.0, information - bias) / (entropy - bias)) if entropy > bias else 0.0


def check_names(names: Any, n_features: int) -> None:
    """Raise a ValueError unless there is one name for each feature."""
    if len(names) != n_features:
        raise ValueError(f"feature_names has {len(names)} names, but X has {n_features} features.")


def lay_out(Z: np.ndarray, labels: np.ndarray, *, random_state: int = 0) -> np.ndarray:
    """Compute positions in the plane: t-SNE of a sample, the others beside their neighbors.

    Projections such as PCA draw clusters over each other that are apart in more than two
    dimensions; t-SNE does not, but takes minutes for tens of thousands of samples. So it lays out
    a random subset, the anchors; each other sample is placed at the mean of its nearest anchors'
    positions, weighted by a Gaussian kernel of the distance.

    Parameters
    ----------
    Z : ndarray of shape (n_samples, n_dims)
        Embedded samples. Two dimensions are returned as they are.
    labels : ndarray of shape (n_samples,)
        Clusters; some samples of each, however small, are among the anchors.
    random_state : int, default=0
        Seed of the subset and of t-SNE.

    Returns
    -------
    ndarray of shape (n_samples, 2), float32
        Positions. Distances within and between clusters have no unit.
    """
    Z = np.asarray(Z, dtype=np.float32)
    n_samples, n_dims = Z.shape
    if n_dims == 1:
        return np.hstack([Z, np.zeros_like(Z)])
    if n_dims == 2 or n_samples < 5:
        return Z[:, :2]
    random = check_random_state(random_state)
    anchors = _select_anchors(labels, random)
    layout = _run_tsne(Z[anchors], random)
    if len(anchors) == n_samples:
        return layout
    positions = np.empty((n_samples, 2), dtype=np.float32)
    positions[anchors] = layout
    others = np.setdiff1d(np.arange(n_samples), anchors)
    positions[others] = _place_beside_neighbors(Z[others], Z[anchors], layout)
    return positions


def find_medoid(positions: np.ndarray) -> np.ndarray:
    """Return the position with the least summed distance to the others, among a few hundred."""
    step = -(-len(positions) // _MAX_MEDOID_CANDIDATES)
    candidates = positions[::step]
    distances = np.linalg.norm(candidates[:, None] - candidates, axis=2)
    return candidates[distances.sum(axis=1).argmin()]


def _select_anchors(labels: np.ndarray, random: np.random.RandomState) -> np.ndarray:
    """Return sorted indices of a random subset with some samples of each cluster."""
    if len(labels) <= _MAX_ANCHORS:
        return np.arange(len(labels))
    order = random.permutation(len(labels))
    shuffled = labels[order]
    selected = [order[:_MAX_ANCHORS]]
    selected += [order[shuffled == label][:_MIN_ANCHORS_PER_CLUSTER] for label in np.unique(labels)]
    return np.unique(np.concatenate(selected))


def _run_tsne(Z: np.ndarray, random: np.random.RandomState) -> np.ndarray:
    tsne = TSNE(
        perplexity=min(_PERPLEXITY, (len(Z) - 1) / 3),
        init=_initialize(Z, random),
        max_iter=_N_ITERATIONS,
        random_state=random,
    ).set_output(transform="default")
    # With so few samples, threads wait for each other longer than they compute, many times longer
    # where other processes use the cores.
    with threadpool_limits(1, user_api="openmp"):
        return tsne.fit_transform(Z).astype(np.float32)


def _initialize(Z: np.ndarray, random: np.random.RandomState) -> np.ndarray:
    """Return the leading principal components, scaled as t-SNE expects its initialization.

    The noise separates samples that are equal.
    """
    is_constant = not np.ptp(Z, axis=0).any()
    pca = PCA(2, random_state=random).set_output(transform="default")
    components = Z[:, :2] * 0 if is_constant else pca.fit_transform(Z)
    components *= 1e-4 / (components[:, 0].std() or 1.0)
    return (components + random.normal(0, 1e-6, components.shape)).astype(np.float32)


def _place_beside_neighbors(
    Z: np.ndarray, anchors: np.ndarray, anchor_positions: np.ndarray
) -> np.ndarray:
    neighbors = NearestNeighbors(n_neighbors=_N_NEIGHBORS).fit(anchors)
    distances, indices = neighbors.kneighbors(Z)
    widths = np.maximum(distances.mean(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    weights = np.exp(-((distances / widths) ** 2))
    weights /= weights.sum(axis=1, keepdims=True)
    return np.einsum("nk,nkd->nd", weights, anchor_positions[indices]).astype(np.float32)
