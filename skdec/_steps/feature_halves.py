"""Comparison of clusterings by what they share with neighbors in random halves of the features.

In a table of a few features a single one can decide which samples are neighbors: a column of two
values divides the samples into two parts that hardly have neighbors in common. Clusters that follow
such a column share much information with the neighbors in all features, but none with those in the
features without it. Clusters on which several features agree show in almost every half of them, so
their quartile over the halves counts: the lower one of a score, the upper one of a loss.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np

from skdec._engine.progress import hide_progress
from skdec._engine.threads import count_usable_threads, run_in_threads, use_one_thread
from skdec._steps.cluster_search import Clustering, NeighborGraph
from skdec._steps.neighbors import build_neighbor_graph

_N_HALVES = 32
_MAX_SAMPLES = 5_000
# Halves of fewer features have hardly a shape left: a ring of two features is a line in one.
MIN_FEATURES = 4
# Of many equal samples, random ones are neighbors: noise, in standard deviations, decides.
_NOISE = 1e-3


def measure_in_halves(
    clusterings: Sequence[np.ndarray],
    points: np.ndarray,
    n_neighbors: int,
    sample_weight: np.ndarray,
    random_state: np.random.RandomState,
) -> list[list[Clustering]]:
    """Measure clusterings by the neighbors in random halves of the features.

    In every half the neighbors are found anew among at most 5,000 samples, drawn in proportion to
    their weight.

    Parameters
    ----------
    clusterings : sequence of ndarray of shape (n,)
        Labels.
    points : ndarray of shape (n, d)
        Samples, or their leading principal components.
    n_neighbors : int
        Number of nearest neighbors.
    sample_weight : ndarray of shape (n,)
        Weights of the samples.
    random_state : RandomState
        Chooses samples and features.

    Returns
    -------
    list of list of Clustering
        The clusterings of the chosen samples, for each half.
    """
    chosen = _choose_samples(sample_weight, random_state)
    seeds = random_state.randint(np.iinfo(np.int32).max, size=_N_HALVES)
    measure = partial(
        _measure_in_half, points[chosen], [labels[chosen] for labels in clusterings], n_neighbors
    )
    return run_in_threads(measure, seeds, count_usable_threads())


def _measure_in_half(
    points: np.ndarray, clusterings: Sequence[np.ndarray], n_neighbors: int, seed: int
) -> list[Clustering]:
    random_state = np.random.RandomState(seed)
    n_samples, n_features = points.shape
    half = points[:, random_state.permutation(n_features)[: -(-n_features // 2)]]
    noise = random_state.normal(size=half.shape) * half.std() * _NOISE
    with use_one_thread(), hide_progress():
        graph = build_neighbor_graph((half + noise).astype(np.float32), n_neighbors, random_state)
    neighbors = NeighborGraph(graph, np.ones(n_samples))
    return [neighbors.measure(labels) for labels in clusterings]


def _choose_samples(sample_weight: np.ndarray, random_state: np.random.RandomState) -> np.ndarray:
    """Return indices in proportion to the weights, each sample once if all weights are equal."""
    n_samples = len(sample_weight)
    size = min(n_samples, _MAX_SAMPLES)
    order = random_state.permutation(n_samples)
    ends = np.cumsum(sample_weight[order], dtype=float)
    middles = (np.arange(size) + 0.5) / size * ends[-1]
    return order[np.searchsorted(ends, middles)]
