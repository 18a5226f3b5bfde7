"""The candidates for the clusters and for their number, of which the criterion chooses.

They are found in three ways, as no single one is best for thin shapes, dense clouds and directions
in many features: by the search, by merging along the minimum spanning tree, and by k-means, whose
points or labels may be averaged over neighbors. Gaussians then set the borders between overlapping
clusters right.

If the number of clusters is asked for, clusterings of all numbers are compared, since too few
clusters can be cut at little cost, and too many have borders as dear as any cut. Samples without
clusters can be cut anywhere at nearly the same cost; but of many clusters, some border is cheap by
chance, the more the larger the number.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from scipy.special import softmax
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, pairwise_distances_argmin

from skdec._utils.files import load_or_compute
from skdec._utils.process import run_in_threads, use_one_thread
from skdec._utils.terminal import Bar, open_bar
from skdec.cluster._criterion import (
    average_cuts,
    compute_border_scores,
    measure_costs,
    score_candidates,
)
from skdec.cluster._graph import (
    MAX_FEW_SAMPLES,
    Neighbors,
    compute_neighbor_targets,
    connect_by_halves,
    take_subset,
)
from skdec.cluster._search import (
    MAX_KMEANS_SAMPLES,
    SETTINGS,
    Clustering,
    NeighborGraph,
    build_spanning_tree,
    count_search_threads,
    merge_along_tree,
    search_clusters,
)

# More samples than this are searched by a random subset of them.
_MAX_SEARCH_SAMPLES = 70_000
# Bounds on the Gini index of the sizes of clusters that are merged along the spanning tree.
MAX_GINIS = (0.1, 0.3, 0.5, 0.7, 1.0)
# Rounds of agreement among neighbors for the clusters of the tree.
_N_TREE_ROUNDS = 8
# Rounds of averaging: of points before two runs of k-means, and of labels.
_POINT_ROUNDS, _N_SMOOTHING_ROUNDS = (4, 16), 32
# Runs of k-means of the points themselves.
_N_KMEANS_RUNS = 3
# Rounds of fitting Gaussians; to each variance such a fraction of the mean one is added.
_N_GAUSSIAN_ROUNDS, _ADDED_VARIANCE = 10, 1e-3
# The score of the clusters of Gaussians may be so much lower than that of those they start from.
_GAUSSIAN_ALLOWANCE = 0.25
# Without further instructions, numbers up to this one are compared, on at most so many samples.
_MAX_NUMBER, _MAX_SAMPLES, _N_SEEDS = 20, 20_000, 2
# The search merges from the largest number, and again from a small one: at a few clusters, those
# that were merged from many are not the best.
_FEW_CLUSTERS = 6
# Of each number, so many of a seed's clusterings are compared, those that share most information
# with the neighbors.
_N_COMPARED = 2
# In uniform and normal samples without clusters, the ratio of the cheapest cuts to the borders of k
# clusters grows with k at most like this power, which is chosen on the mean over families of data.
_CHANCE_POWER = 0.3
# Above this there are clusters: noise in two features can reach 1.06.
MIN_CONTRAST = 1.15


class NeighborClusters(NamedTuple):
    """Clusters that neighbors share.

    Attributes
    ----------
    labels : ndarray of shape (n,), int32
        Cluster of each sample, from 0 to k-1.
    power : float
        Power of the cluster frequency by which targets towards these clusters divide. Less than 1
        keeps clusters of different sizes.
    """

    labels: np.ndarray
    power: float = 1.0


def find_clusters(
    neighbors: Neighbors,
    n_clusters: int | str,
    n_init: int | str,
    sample_weight: np.ndarray,
    seed: int,
    memory: Any = None,
) -> NeighborClusters:
    """Find the clusters whose borders are the cheapest beside other cuts.

    Parameters
    ----------
    neighbors : Neighbors
        Neighbor graph, and the points between which it was built.
    n_clusters : int or "auto"
        Number of clusters; fewer are found if there are fewer samples. "auto" is the number whose
        borders cost least.
    n_init : int or "auto"
        Number of runs of the search. "auto" is two for each of its settings, one above 5,000
        samples.
    sample_weight : ndarray of shape (n,)
        Weights of the samples.
    seed : int
        Seed of the runs.
    memory : str, path-like, joblib.Memory or None
        Cache of the result.

    Returns
    -------
    NeighborClusters
        The clusters.
    """
    n_samples = len(sample_weight)
    if isinstance(n_clusters, str):
        n_clusters = find_number(neighbors, sample_weight, seed, memory)
    n_clusters = min(n_clusters, n_samples)
    if neighbors.graph is None or n_clusters == 1:
        return NeighborClusters(np.zeros(n_samples, dtype=np.int32))
    n_turns = 2 if n_samples <= MAX_FEW_SAMPLES else 1  # the runs differ more as well
    n_runs = n_turns * len(SETTINGS) if isinstance(n_init, str) else n_init

    def compute() -> NeighborClusters:
        random_state = np.random.RandomState(seed)
        with use_one_thread(), open_bar("search", n_runs + 2, "runs") as bar:
            subset, part = take_subset(neighbors, _MAX_SEARCH_SAMPLES, random_state)
            assert part.points is not None
            weights = sample_weight[subset]
            halves = connect_by_halves(part, np.random.RandomState(seed))
            candidates = find_candidates(
                part, halves, n_clusters, n_runs, weights, random_state, bar
            )
            labels, power = select_candidate(
                candidates, part.points, halves, part.n_neighbors, weights
            )
            if len(subset) < n_samples:
                labels = _extend_labels(labels, subset, neighbors, sample_weight)
        return NeighborClusters(labels, power)

    key = neighbors.graph, neighbors.points, n_clusters, n_runs, sample_weight, seed
    return load_or_compute(memory, "clusters", key, compute)


def find_candidates(
    neighbors: Neighbors,
    halves: sp.csr_array,
    n_clusters: int,
    n_init: int,
    sample_weight: np.ndarray,
    random_state: np.random.RandomState,
    bar: Bar,
) -> list[tuple[np.ndarray, float]]:
    """Return labels of candidates, each with the power that keeps the sizes of its clusters.

    They are the runs of `search_clusters`; the clusters of the spanning tree for each bound on the
    Gini index, as they are and after agreement among neighbors; k-means of points averaged over
    their neighbors; and k-means, as it is and after its labels have been averaged over the
    neighbors in `halves` of the features.
    """
    graph, points, nearest = neighbors.graph, neighbors.points, neighbors.nearest
    assert graph is not None
    assert points is not None
    assert nearest is not None
    runs = search_clusters(points, graph, n_clusters, sample_weight, n_init, random_state, bar=bar)
    candidates = [(run.best.labels, run.setting.power) for run in runs]
    neighbor_graph = NeighborGraph(graph, sample_weight)
    edges = build_spanning_tree(points, nearest)
    for max_gini in MAX_GINIS:
        labels = merge_along_tree(edges, [n_clusters], max_gini)[n_clusters]
        agreed = neighbor_graph.agree_on(labels, _N_TREE_ROUNDS, power=0.0)
        candidates += [(labels, 0.0), (agreed, 0.0)]
    bar.advance(1)
    averaged = points
    for i in range(1, max(_POINT_ROUNDS) + 1):
        averaged = graph @ averaged
        if i in _POINT_ROUNDS:
            centers = run_kmeans(averaged, n_clusters, 1, sample_weight, random_state)
            candidates.append((find_nearest_center(averaged, centers), 1.0))
    centers = run_kmeans(points, n_clusters, _N_KMEANS_RUNS, sample_weight, random_state)
    labels = find_nearest_center(points, centers)
    smoothed = smooth_labels(labels, n_clusters, halves, sample_weight).argmax(axis=1)
    candidates += [(labels, 1.0), (smoothed.astype(np.int32), 1.0)]
    bar.advance(1)
    return [(labels, power) for labels, power in candidates if _is_complete(labels, n_clusters)]


def select_candidate(
    candidates: list[tuple[np.ndarray, float]],
    points: np.ndarray,
    halves: sp.csr_array,
    n_neighbors: int,
    sample_weight: np.ndarray,
) -> tuple[np.ndarray, float]:
    """Return the candidate with the highest score of borders and agreement, the first of several.

    A candidate with a cluster that is too small is chosen only if all have such: with no more
    samples than a sample has neighbors, and at most half as many as clusters have on average.

    The samples that neighbors left on the wrong side of a border are set right by Gaussians that
    start from these clusters, unless the score says that the clusters have another shape.
    """
    labelings = [labels for labels, _ in candidates]
    best = int(_score(labelings, halves, n_neighbors, sample_weight).argmax())
    labels, power = candidates[best]
    gaussian = fit_gaussians(labels, points, sample_weight)
    if gaussian is not None:
        scores = _score([*labelings, gaussian], halves, n_neighbors, sample_weight)
        if scores[-1] > scores[best] - _GAUSSIAN_ALLOWANCE:
            labels = gaussian
    return labels, power


def _score(
    labelings: list[np.ndarray], halves: sp.csr_array, n_neighbors: int, sample_weight: np.ndarray
) -> np.ndarray:
    """Return the score of each clustering; minus infinity for those with a cluster too small."""
    scores = score_candidates(halves, sample_weight, labelings)
    sizes = [np.bincount(labels) for labels in labelings]
    is_large = np.array([size.min() > min(n_neighbors, size.mean() / 2) for size in sizes])
    if is_large.any():
        scores[~is_large] = -np.inf
    return scores


def fit_gaussians(
    labels: np.ndarray, points: np.ndarray, sample_weight: np.ndarray
) -> np.ndarray | None:
    """Return the clusters of a mixture of Gaussians that starts from the given clusters.

    Each Gaussian has a covariance of its own, fitted to at most 20,000 samples by expectation
    maximization (C. Bishop, "Pattern recognition and machine learning", 2006, section 9.2);
    scikit-learn's mixture takes no weights of samples. None if a cluster has no more samples than
    there are features: no covariance can be fitted to it.
    """
    n_clusters = int(labels.max()) + 1
    step = -(-len(points) // MAX_KMEANS_SAMPLES)  # distinct samples have no order
    part, given = points[::step].astype(np.float64), sample_weight[::step].astype(np.float64)
    weights = encode_one_hot(labels[::step], n_clusters) * given[:, None]
    for _ in range(_N_GAUSSIAN_ROUNDS):
        if weights.sum(axis=0).min() <= points.shape[1]:
            return None
        gaussians = _fit_gaussians(part, weights)
        weights = softmax(_compute_densities(part, gaussians), axis=1) * given[:, None]
    found = _compute_densities(points, gaussians).argmax(axis=1).astype(np.int32)
    return found if _is_complete(found, n_clusters) else None


def _fit_gaussians(points: np.ndarray, weights: np.ndarray) -> list[tuple[Any, ...]]:
    """Return weight, mean and inverse root of the covariance of a Gaussian for each column."""
    added = _ADDED_VARIANCE * points.var(axis=0).mean() * np.eye(points.shape[1])
    gaussians = []
    for weight, size in zip(weights.T, weights.sum(axis=0), strict=True):
        mean = weight @ points / size
        centered = (points - mean) * np.sqrt(weight)[:, None]
        root = np.linalg.cholesky(centered.T @ centered / size + added)
        gaussians.append((size, mean, np.linalg.inv(root).T))
    return gaussians


def _compute_densities(points: np.ndarray, gaussians: list[tuple[Any, ...]]) -> np.ndarray:
    """Return the logarithm of each Gaussian's density, times its weight, but for a constant."""
    densities = np.empty((len(points), len(gaussians)))
    for c, (size, mean, root) in enumerate(gaussians):
        scaled = (points - mean) @ root
        logarithm = np.log(size) + np.log(np.diag(root)).sum()
        densities[:, c] = logarithm - np.einsum("ij,ij->i", scaled, scaled) / 2
    return densities


def _is_complete(labels: np.ndarray, n_clusters: int) -> bool:
    return len(np.unique(labels)) == n_clusters


def _extend_labels(
    labels: np.ndarray, subset: np.ndarray, neighbors: Neighbors, sample_weight: np.ndarray
) -> np.ndarray:
    """Return labels of all samples from those of a subset.

    They spread from neighbor to neighbor, then neighbors agree. A sample that is not connected to
    the subset belongs to the cluster of the nearest mean.
    """
    assert neighbors.graph is not None
    assert neighbors.points is not None
    q = np.zeros((len(sample_weight), labels.max() + 1), dtype=np.float32)
    q[subset, labels] = 1
    unknown = np.setdiff1d(np.arange(len(q)), subset)
    while len(unknown):
        votes = neighbors.graph[unknown] @ q
        is_reached = votes.any(axis=1)
        if not is_reached.any():
            break
        q[unknown[is_reached], votes[is_reached].argmax(axis=1)] = 1
        unknown = unknown[~is_reached]
    if len(unknown):
        means = q.T @ neighbors.points / q.sum(axis=0)[:, None]
        q[unknown, find_nearest_center(neighbors.points[unknown], means)] = 1
    smoothed = smooth_labels(q.argmax(axis=1), q.shape[1], neighbors.graph, sample_weight)
    return smoothed.argmax(axis=1).astype(np.int32)


def smooth_labels(
    labels: np.ndarray,
    n_clusters: int,
    graph: sp.csr_array,
    sample_weight: np.ndarray,
    power: float = 1.0,
    n_rounds: int = _N_SMOOTHING_ROUNDS,
) -> np.ndarray:
    """Return targets (n, k) that average the labels over neighbors, for many rounds.

    The rounds end before one in which a cluster would lose its last sample.
    """
    q = encode_one_hot(labels, n_clusters)
    n_found = len(np.unique(labels))
    for _ in range(n_rounds):
        smoothed = compute_neighbor_targets(q, graph, 1, sample_weight, power)
        if len(np.unique(smoothed.argmax(axis=1))) < n_found:
            break
        q = smoothed
    return q


def run_kmeans(
    z: np.ndarray,
    n_clusters: int,
    n_init: int,
    sample_weight: np.ndarray,
    random_state: np.random.RandomState,
) -> np.ndarray:
    """Return the centers of the k-means run with the lowest inertia, initialized by k-means++."""
    kmeans = KMeans(n_clusters, n_init=n_init, random_state=random_state)
    return kmeans.fit(z, sample_weight=sample_weight).cluster_centers_.astype(np.float32)


def find_nearest_center(z: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """Return the index of the nearest center of each sample, int32."""
    return pairwise_distances_argmin(z, centers).astype(np.int32)


def encode_one_hot(labels: np.ndarray, n_clusters: int) -> np.ndarray:
    """Return assignments (n, k) of 1 to the cluster of each sample, float32."""
    return np.eye(n_clusters, dtype=np.float32)[labels]


class NumberedClusters(NamedTuple):
    """The best clusterings of one number.

    Attributes
    ----------
    n_clusters : int
        Number of clusters.
    labels : list of ndarray of shape (n,)
        For each seed, the clusters of the highest contrast.
    contrast : float
        Mean over the seeds.
    agreement : float
        Mean adjusted Rand index of two seeds.
    lost : ndarray of shape (n_seeds,)
        Fraction of the entropy that is lost in the step to a neighbor.
    cheapest : ndarray of shape (n_seeds,)
        Fraction that the cheapest cuts lose, the mean over the clusters by size.
    """

    n_clusters: int
    labels: list[np.ndarray]
    contrast: float
    agreement: float
    lost: np.ndarray
    cheapest: np.ndarray


def find_number(
    neighbors: Neighbors, sample_weight: np.ndarray, seed: int, memory: Any = None
) -> int:
    """Return the number of clusters, from 1 to 20, whose borders cost least.

    Parameters
    ----------
    neighbors : Neighbors
        Neighbor graph, and the points between which it was built. Of more than 20,000 samples, a
        random subset is used.
    sample_weight : ndarray of shape (n,)
        Weights of the samples.
    seed : int
        Seed of the subset and the searches.
    memory : str, path-like, joblib.Memory or None
        Cache of the result.

    Returns
    -------
    int
        The number.
    """
    if neighbors.graph is None or len(sample_weight) <= 3:
        return 1

    def compute() -> int:
        random_state = np.random.RandomState(seed)
        with use_one_thread(), open_bar("number"):
            subset, part = take_subset(neighbors, _MAX_SAMPLES, random_state)
            numbers = range(2, min(_MAX_NUMBER, len(subset) - 1) + 1)
            seeds = random_state.randint(np.iinfo(np.int32).max, size=_N_SEEDS).tolist()
            return choose_number(compare_numbers(part, numbers, sample_weight[subset], seeds))

    key = neighbors.graph, neighbors.points, sample_weight, seed
    return int(load_or_compute(memory, "number", key, compute))


def choose_number(found: Sequence[NumberedClusters]) -> int:
    """Return the number of the highest contrast times agreement; 1 if that is at most 1.15."""
    best = max(found, key=lambda clusters: clusters.contrast * clusters.agreement, default=None)
    if best is None or best.contrast * best.agreement <= MIN_CONTRAST:
        return 1
    return best.n_clusters


def compare_numbers(
    neighbors: Neighbors, numbers: Sequence[int], sample_weight: np.ndarray, seeds: Sequence[int]
) -> list[NumberedClusters]:
    """Find the best clusterings of each number, with what their borders cost.

    Parameters
    ----------
    neighbors : Neighbors
        Neighbor graph, and the points between which it was built.
    numbers : sequence of int
        Numbers of clusters, each from 2 to n - 1, in ascending order.
    sample_weight : ndarray of shape (n,)
        Weights of the samples.
    seeds : sequence of int
        Seeds of the searches.

    Returns
    -------
    list of NumberedClusters
        One for each number, in the same order. Numbers of which no clustering was found are left
        out.
    """
    points, graph, nearest = neighbors.points, neighbors.graph, neighbors.nearest
    assert points is not None
    assert graph is not None
    assert nearest is not None
    # One more, so that the clusters of the largest number are cut, too.
    largest = min(numbers[-1] + 1, len(points))
    wanted = range(2, largest + 1)

    def search(seed: int) -> list[np.ndarray]:
        random_state = np.random.RandomState(seed)
        found = []
        for first in sorted({largest, min(largest, _FEW_CLUSTERS)}):
            runs = search_clusters(
                points, graph, first, sample_weight, len(SETTINGS), random_state, min_clusters=1
            )
            found += [
                one.labels for run in runs for k, one in run.by_number.items() if 2 <= k <= first
            ]
        return found

    def merge(max_gini: float) -> list[np.ndarray]:
        return list(merge_along_tree(edges, wanted, max_gini).values())

    edges = build_spanning_tree(points, nearest)
    shared = [labels for some in map(merge, MAX_GINIS[:-1]) for labels in some]
    by_seed = run_in_threads(search, seeds, count_search_threads(len(points)))
    labelings, owner = [], []
    for i, some in enumerate([shared, *by_seed], -1):
        kept = _keep_best(NeighborGraph(graph, sample_weight), some)
        labelings += kept
        owner += [i] * len(kept)
    costs = measure_costs(graph, sample_weight, labelings)
    lost, cheapest = costs.lost, average_cuts(costs)
    counts = np.array([labels.max() + 1 for labels in labelings])
    contrasts = compute_border_scores(costs) - _CHANCE_POWER * np.log(counts)
    owners = np.array(owner)
    result = []
    for number in numbers:
        is_number = counts == number
        best = []
        for i in range(len(seeds)):
            places = np.flatnonzero(is_number & ((owners == i) | (owners == -1)))
            best.append(places[contrasts[places].argmax()])
        labels = [labelings[i] for i in best]
        pairs = combinations(labels, 2)
        agreement = float(np.mean([adjusted_rand_score(a, b) for a, b in pairs] or [1.0]))
        contrast = float(np.exp(contrasts[best].mean()))
        result.append(
            NumberedClusters(number, labels, contrast, agreement, lost[best], cheapest[best])
        )
    return result


def _keep_best(neighbors: NeighborGraph, labelings: list[np.ndarray]) -> list[np.ndarray]:
    """Return, of each number of clusters, the clusterings of the highest neighbor information."""
    by_number: dict[int, list[Clustering]] = {}
    for labels in labelings:
        by_number.setdefault(int(labels.max()) + 1, []).append(neighbors.measure(labels))
    return [
        clustering.labels
        for some in by_number.values()
        for clustering in sorted(some, key=lambda one: one.score, reverse=True)[:_N_COMPARED]
    ]
