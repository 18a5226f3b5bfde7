"""Positions of embedded samples in a plane, such that clusters that are apart stay apart."""

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import check_random_state
from threadpoolctl import threadpool_limits

MAX_ANCHORS = 2500
_MIN_ANCHORS_PER_CLUSTER = 20
_PERPLEXITY = 30
_N_ITERATIONS = 500
_N_NEIGHBORS = 5
_MAX_MEDOID_CANDIDATES = 300


def lay_out(
    Z: np.ndarray,
    labels: np.ndarray | None = None,
    *,
    max_anchors: int = MAX_ANCHORS,
    random_state: int = 0,
) -> np.ndarray:
    """Compute positions in the plane: t-SNE of a sample, the others beside their neighbors.

    Projections such as PCA draw clusters over each other that are apart in more than two
    dimensions; t-SNE does not, but takes minutes for tens of thousands of samples. So it lays out
    a random subset, the anchors; each other sample is placed at the mean of its nearest anchors'
    positions, weighted by a Gaussian kernel of the distance.

    Parameters
    ----------
    Z : ndarray of shape (n_samples, n_dims)
        Embedded samples. Two dimensions are returned as they are.
    labels : ndarray of shape (n_samples,), default=None
        Clusters; some samples of each, however small, are among the anchors.
    max_anchors : int, default=2500
        Number of samples that are laid out by t-SNE.
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
    anchors = _select_anchors(n_samples, labels, max_anchors, random)
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


def _select_anchors(
    n_samples: int, labels: np.ndarray | None, n_anchors: int, random: np.random.RandomState
) -> np.ndarray:
    """Return sorted indices of a random subset with some samples of each cluster."""
    if n_samples <= n_anchors:
        return np.arange(n_samples)
    order = random.permutation(n_samples)
    selected = [order[:n_anchors]]
    if labels is not None:
        shuffled = labels[order]
        selected += [
            order[shuffled == label][:_MIN_ANCHORS_PER_CLUSTER] for label in np.unique(labels)
        ]
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
