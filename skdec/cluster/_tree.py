"""Agglomeration along the minimum spanning tree, with a bound on how unequal the clusters become.

Clusters of any shape, thin ones too, hang together along the short edges of the tree. Merging
along these alone (single linkage) leaves most samples in one cluster. So where the sizes of the
clusters have become too unequal, by their Gini index, the smallest cluster is merged next ([1]_).

References
----------
.. [1] M. Gagolewski, M. Bartoszuk and A. Cena, "Genie: A new, fast, and outlier-resistant
   hierarchical clustering algorithm", Information Sciences 363, 2016.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree
from sklearn.metrics import pairwise_distances_argmin_min

from skdec.cluster._nearest import Found

# Two samples are at least as far from each other as each is from this neighbor of it.
_CORE_NEIGHBOR = 5
# Where the graph is not connected, the nearest samples of other parts are looked for from about so
# many samples of all parts together.
_MAX_JOINED = 5_000


def build_spanning_tree(points: np.ndarray, nearest: Found) -> np.ndarray:
    """Return the edges (n - 1, 2) of a minimum spanning tree, the short ones first.

    It is the tree of the neighbor graph under mutual reachability distances; parts of the graph
    that are not connected are joined where they are closest.

    Parameters
    ----------
    points : ndarray of shape (n, d)
        Samples.
    nearest : tuple of ndarray of shape (n, n_neighbors)
        Nearest neighbors of each sample, and the distances to them.

    Returns
    -------
    ndarray of shape (n - 1, 2), int
        Pairs of samples.
    """
    neighbors, distances = nearest
    n_samples, n_neighbors = neighbors.shape
    core = distances[:, min(_CORE_NEIGHBOR, n_neighbors) - 1].astype(float)
    lengths = np.maximum(distances, np.maximum(core[:, None], core[neighbors]))
    lengths += np.finfo(np.float32).tiny  # a stored zero would be no edge
    ends = np.arange(0, neighbors.size + 1, n_neighbors)
    graph = sp.csr_array((lengths.ravel(), neighbors.ravel(), ends), (n_samples, n_samples))
    tree = minimum_spanning_tree(graph.maximum(graph.T)).tocoo()
    edges, lengths = np.column_stack([tree.row, tree.col]), tree.data
    n_parts, parts = connected_components(graph, directed=False)
    while n_parts > 1:
        joining, joining_lengths = _find_joining_edges(points, core, parts, n_parts)
        # Of these edges, those that join parts without a circle.
        between = parts[joining]
        shape = (n_parts, n_parts)
        order = np.lexsort([joining_lengths, between.max(axis=1), between.min(axis=1)])
        low, high = between.min(axis=1)[order], between.max(axis=1)[order]
        is_first = np.r_[True, (np.diff(low) != 0) | (np.diff(high) != 0)]
        order, low, high = order[is_first], low[is_first], high[is_first]
        chosen = sp.csr_array((joining_lengths[order], (low, high)), shape)
        kept = minimum_spanning_tree(chosen).tocoo()
        numbers = sp.csr_array((np.arange(1, len(order) + 1), (low, high)), shape)
        order = order[np.asarray(numbers[kept.row, kept.col]).ravel() - 1]
        edges = np.vstack([edges, joining[order]])
        lengths = np.concatenate([lengths, joining_lengths[order]])
        n_parts, merged = connected_components(kept, directed=False)
        parts = merged[parts]
    return edges[np.argsort(lengths, kind="stable")]


def _find_joining_edges(
    points: np.ndarray, core: np.ndarray, parts: np.ndarray, n_parts: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return, of each part but the largest, the shortest edge found to another, and its length."""
    edges, lengths = [], []
    largest = np.bincount(parts).argmax()
    for part in range(n_parts):
        if part == largest:
            continue
        members, others = np.flatnonzero(parts == part), np.flatnonzero(parts != part)
        members = members[: -(-_MAX_JOINED // n_parts)]
        closest, distances = pairwise_distances_argmin_min(points[members], points[others])
        i = distances.argmin()
        a, b = members[i], others[closest[i]]
        edges.append((a, b))
        lengths.append(max(distances[i], core[a], core[b]) + np.finfo(np.float32).tiny)
    return np.array(edges), np.array(lengths, dtype=float)


def merge_along_tree(
    edges: np.ndarray, numbers: Iterable[int], max_gini: float
) -> dict[int, np.ndarray]:
    """Merge samples along the edges of a tree into clusters, down to the smallest number.

    Parameters
    ----------
    edges : ndarray of shape (n - 1, 2)
        Edges of a spanning tree, the short ones first.
    numbers : iterable of int
        Numbers of clusters, from 1 to n.
    max_gini : float
        While the Gini index of the cluster sizes is above this, the next edge is the shortest one
        of a smallest cluster, else the shortest of all. 1 is single linkage.

    Returns
    -------
    dict of int to ndarray of shape (n,), int32
        Labels, from 0 without gaps, for each number of clusters.
    """
    n_samples, numbers = len(edges) + 1, list(numbers)
    order = _order_merges(edges, n_samples - min(numbers), max_gini)
    labels = {}
    for number in numbers:
        row, column = edges[order[: n_samples - number]].T
        merged = sp.csr_array((np.ones(len(row)), (row, column)), (n_samples, n_samples))
        labels[number] = connected_components(merged, directed=False)[1].astype(np.int32)
    return labels


def _order_merges(edges: np.ndarray, n_merges: int, max_gini: float) -> list[int]:
    """Return the numbers of the edges along which clusters are merged, in turn."""
    n_edges, n_clusters = len(edges), len(edges) + 1
    a, b = edges.T.tolist()
    following, preceding = list(range(1, n_edges + 1)), list(range(-1, n_edges - 1))
    parents, sizes = list(range(n_clusters)), _Sizes(n_clusters)
    size_of = [1] * n_clusters
    head, place, smallest = 0, 0, 0
    order = []

    def find(i: int) -> int:
        while parents[i] != i:
            parents[i] = parents[parents[i]]
            i = parents[i]
        return i

    for _ in range(n_merges):
        edge = head
        if sizes.get_gini() > max_gini:
            if sizes.smallest != smallest:
                place, smallest = head, sizes.smallest
            edge = place
            while smallest not in (size_of[find(a[edge])], size_of[find(b[edge])]):
                edge = following[edge]
            place = following[edge]
        elif place == edge:
            place = following[edge]
        before, after = preceding[edge], following[edge]
        if before < 0:
            head = after
        else:
            following[before] = after
        if after < n_edges:
            preceding[after] = before
        i, j = find(a[edge]), find(b[edge])
        sizes.merge(size_of[i], size_of[j])
        parents[j] = i
        size_of[i] += size_of[j]
        order.append(edge)
    return order


class _Sizes:
    """Sizes of clusters, all one at first, and their Gini index."""

    def __init__(self, n_clusters: int) -> None:
        self._total = self._n_clusters = n_clusters
        self._counts, self._in_order = {1: n_clusters}, [1]
        self._differences = 0  # sum over all pairs of clusters

    @property
    def smallest(self) -> int:
        return self._in_order[0]

    def get_gini(self) -> float:
        if self._n_clusters == 1:
            return 0.0
        return self._differences / ((self._n_clusters - 1) * self._total)

    def merge(self, first: int, second: int) -> None:
        for size in (first, second):
            self._counts[size] -= 1
            if not self._counts[size]:
                del self._counts[size]
                del self._in_order[bisect_left(self._in_order, size)]
            self._differences -= self._sum_differences(size)
        size = first + second
        self._differences += self._sum_differences(size)
        if size not in self._counts:
            insort(self._in_order, size)
        self._counts[size] = self._counts.get(size, 0) + 1
        self._n_clusters -= 1

    def _sum_differences(self, size: int) -> int:
        return sum(abs(size - other) * count for other, count in self._counts.items())
