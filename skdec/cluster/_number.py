"""The number of clusters: the one at which borders cost least beside the cheapest cut elsewhere.

Clusterings of all numbers are compared, since too few clusters can be cut at little cost, and too
many have borders as dear as any cut. Samples without clusters can be cut anywhere at nearly the
same cost; but of many clusters, some border is cheap by chance, the more the larger the number.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from sklearn.metrics import adjusted_rand_score

from skdec._utils.cache import StepCache
from skdec._utils.progress import open_bar
from skdec._utils.threads import count_usable_threads, run_in_threads, use_one_thread
from skdec.cluster._criterion import compute_log_ratio, fill_cuts, measure_costs
from skdec.cluster._graph import Neighbors, take_subset
from skdec.cluster._search import SETTINGS, Clustering, NeighborGraph, search_clusters
from skdec.cluster._tree import build_spanning_tree, merge_along_tree

# Without further instructions, numbers up to this one are compared, on at most so many samples.
_MAX_NUMBER, _MAX_SAMPLES, _N_SEEDS = 20, 20_000, 2
# The search merges from the largest number, and again from a small one: at a few clusters, those
# that were merged from many are not the best.
_FEW_CLUSTERS = 6
_MAX_GINIS = (0.1, 0.3, 0.5, 0.7)
# Of each number, so many of a seed's clusterings are compared, those that share most information
# with the neighbors.
_N_COMPARED = 2
# A cut counts if it divides a cluster at least as evenly as 12 to 88.
_MIN_CUT_ENTROPY = 0.35
# In uniform and normal samples without clusters, the contrast of k clusters is about k to this
# power.
_CHANCE_POWER = 0.4
# Above this there are clusters: noise in two features can reach 1.1.
MIN_CONTRAST = 1.25
# Cheaper cuts count as this.
_SMALLEST_CUT = 1e-6


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
        Fraction that the cheapest cuts lose, the geometric mean over the clusters.
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
    return int(StepCache(memory).get("number", key, compute))


def choose_number(found: Sequence[NumberedClusters]) -> int:
    """Return the number of the highest contrast times agreement; 1 if that is at most 1.25."""
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

    n_threads = count_usable_threads()
    edges = build_spanning_tree(points, nearest)
    shared = [labels for some in map(merge, _MAX_GINIS) for labels in some]
    by_seed = run_in_threads(search, seeds, min(len(seeds), n_threads))
    labelings, owner = [], []
    for i, some in enumerate([shared, *by_seed], -1):
        kept = _keep_best(NeighborGraph(graph, sample_weight), some)
        labelings += kept
        owner += [i] * len(kept)
    contrasts, lost, cheapest = _measure_contrasts(graph, sample_weight, labelings)
    counts = np.array([labels.max() + 1 for labels in labelings])
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


def _measure_contrasts(
    graph: sp.csr_array, sample_weight: np.ndarray, labelings: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return log contrast, lost fraction and cheapest cut of each clustering."""
    costs = measure_costs(graph, sample_weight, labelings, min_cut_entropy=_MIN_CUT_ENTROPY)
    # The geometric mean, so that a few cheap cuts count, but not a single one of many clusters.
    cheapest = np.array(
        [
            np.exp(np.average(np.log(np.maximum(cuts, _SMALLEST_CUT)), weights=sizes))
            for cuts, sizes in zip(fill_cuts(costs), costs.sizes, strict=True)
        ]
    )
    counts = np.array([labels.max() + 1 for labels in labelings])
    ratios = [
        compute_log_ratio(costs, cut, loss) for cut, loss in zip(cheapest, costs.lost, strict=True)
    ]
    return np.array(ratios) - _CHANCE_POWER * np.log(counts), costs.lost, cheapest
