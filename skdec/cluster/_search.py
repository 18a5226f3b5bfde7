"""Two searches for clusters on the neighbor graph: by information, and along the spanning tree.

The first looks for clusters whose labels share the most information with their neighbors' labels.
Let I be the mutual information between the cluster of a random sample and that of a random
neighbor of it, and H the entropy of the clusters: of the information H, I is kept in the step to a
neighbor. Clusterings are compared by the information kept times the fraction kept, I (I / H). I
alone would prefer clusters of similar size, I / H alone few clusters, one of them very large.

Each run merges many small k-means clusters pair by pair (agglomerative information bottleneck,
[1]_), and between the merges lets neighboring samples agree on their cluster.

The second merges along the edges of the minimum spanning tree, on which clusters of any shape hang
together, thin ones too. Along short edges alone (single linkage) most samples would end in one
cluster. So where the sizes of the clusters have become too unequal, by their Gini index, the
smallest cluster is merged next ([2]_).

References
----------
.. [1] N. Slonim and N. Tishby, "Agglomerative information bottleneck", NIPS 1999.
.. [2] M. Gagolewski, M. Bartoszuk and A. Cena, "Genie: A new, fast, and outlier-resistant
   hierarchical clustering algorithm", Information Sciences 363, 2016.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable
from itertools import product
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree
from sklearn.cluster import KMeans
from sklearn.metrics import pairwise_distances_argmin_min

from skdec._utils.process import count_usable_threads, run_in_threads, use_one_thread
from skdec._utils.terminal import HIDDEN_BAR, Bar
from skdec.cluster._nearest import Found

# k-means is fitted on at most so many samples.
MAX_KMEANS_SAMPLES = 20_000
# Micro-clusters: a fifth of the samples, at most 400, or half as many again as the number of
# clusters at which neighbors begin to agree.
_SAMPLES_PER_MICRO_CLUSTER = 5
_MAX_MICRO_CLUSTERS = 400
_KMEANS_ITER = 10
# Rounds of agreement before each merge, and at the end.
_N_ROUNDS, _N_LAST_ROUNDS = 3, 32
# Fraction of the clusters merged at once, before and after neighbors begin to agree; one pair
# where there are few.
_MICRO_MERGE_FRACTION, _MERGE_FRACTION = 0.2, 0.05
# Smaller soft assignments are dropped.
_MIN_ASSIGNMENT = 0.01
# Two samples are at least as far from each other as each is from this neighbor of it.
_CORE_NEIGHBOR = 5
# Where the graph is not connected, the nearest samples of other parts are looked for from about so
# many samples of all parts together.
_MAX_JOINED = 5_000
# Up to so many samples, runs in several threads mostly wait for the interpreter.
_MAX_SERIAL_SAMPLES = 1_500


class SearchSetting(NamedTuple):
    """How one run merges and agrees.

    Attributes
    ----------
    power : float
        Power of the cluster frequency by which sharpening divides.
    loss_weight : float
        Weight of lost information when merging.
    agreement_factor : int
        Neighbors begin to agree at this multiple of the number of clusters.
    """

    power: float
    loss_weight: float
    agreement_factor: int


# The settings of the runs, in turn. The first finds clusters of similar size, the next two
# clusters of different sizes, then clusters of any shape, and those that hardly touch, whatever
# their sizes. Chosen with the criterion on the mean over the data sets of
# docs/benchmarks/no_tuning.md.
SETTINGS = (
    SearchSetting(1.0, 0.0, 8),
    SearchSetting(0.5, 1.0, 8),
    SearchSetting(0.0, 1.0, 8),
    SearchSetting(0.5, 4.0, 1),
    SearchSetting(0.0, 16.0, 8),
)
_MAX_AGREEMENT_FACTOR = max(setting.agreement_factor for setting in SETTINGS)


class Clustering(NamedTuple):
    """Clusters of all samples.

    Attributes
    ----------
    labels : ndarray of shape (n,), int32
        Cluster of each sample, from 0 without gaps.
    information : float
        Mutual information, in nats, of a sample's cluster and that of a random neighbor.
    entropy : float
        Entropy of the clusters, in nats.
    """

    labels: np.ndarray
    information: float
    entropy: float

    @property
    def score(self) -> float:
        """Information kept in the step to a neighbor times the fraction kept, in nats."""
        return self.information**2 / self.entropy if self.entropy > 0 else 0.0


class NestedClusterings(NamedTuple):
    """What one run of the search found.

    Attributes
    ----------
    setting : SearchSetting
        How it merged and agreed.
    best : Clustering
        The wanted number of clusters, after the last rounds of agreement.
    by_number : dict of int to Clustering
        The clusterings on the way, by their number of clusters: every one up to the wanted number.
        Above it, several are merged at once.
    """

    setting: SearchSetting
    best: Clustering
    by_number: dict[int, Clustering]


def search_clusters(
    points: np.ndarray,
    graph: sp.csr_array,
    n_clusters: int,
    sample_weight: np.ndarray,
    n_init: int,
    random_state: np.random.RandomState,
    min_clusters: int | None = None,
    bar: Bar = HIDDEN_BAR,
) -> list[NestedClusterings]:
    """Run the search several times.

    Parameters
    ----------
    points : ndarray of shape (n, d)
        Samples, or their leading principal components.
    graph : sparse array of shape (n, n)
        Affinities of neighbors, each row summing to one.
    n_clusters : int
        Wanted number of clusters.
    sample_weight : ndarray of shape (n,)
        Weights of the samples.
    n_init : int
        Number of runs. They use the `SETTINGS` in turn; each turn has its own micro-clusters.
    random_state : RandomState
        Seeds the micro-clusters, the only random part.
    min_clusters : int, default=None
        Continue merging down to this number of clusters. None is `n_clusters`.
    bar : Bar
        Advances by one at the end of each run.

    Returns
    -------
    list of NestedClusterings
        One per run.
    """

    def sort_by_cell(seed: int) -> tuple[np.ndarray, np.ndarray, NeighborGraph]:
        with use_one_thread():
            random_state = np.random.RandomState(seed)
            cells = find_micro_clusters(points, n_clusters, sample_weight, random_state)
        # Reading is faster where the samples of a cell are adjacent in memory.
        order = np.argsort(cells, kind="stable")
        return order, cells[order], NeighborGraph(graph[order][:, order], sample_weight[order])

    def merge(
        run: tuple[tuple[np.ndarray, np.ndarray, NeighborGraph], SearchSetting],
    ) -> NestedClusterings:
        (order, cells, neighbors), setting = run
        with use_one_thread():
            found = merge_with_agreement(neighbors, cells, n_clusters, setting, min_clusters)
        bar.advance(1)
        return _restore_order(found, order)

    n_threads = count_search_threads(len(points))
    n_turns = -(-n_init // len(SETTINGS))
    seeds = random_state.randint(np.iinfo(np.int32).max, size=n_turns)
    runs = list(product(run_in_threads(sort_by_cell, seeds, n_threads), SETTINGS))
    return run_in_threads(merge, runs[:n_init], n_threads)


def count_search_threads(n_samples: int) -> int:
    """Return the number of threads in which runs of the search take the least time."""
    return count_usable_threads() if n_samples > _MAX_SERIAL_SAMPLES else 1


def find_micro_clusters(
    points: np.ndarray,
    n_clusters: int,
    sample_weight: np.ndarray,
    random_state: np.random.RandomState,
) -> np.ndarray:
    """Return the labels of many small k-means clusters, from 0 without gaps."""
    n_samples = len(points)
    n_micro = max(
        min(_MAX_MICRO_CLUSTERS, n_samples // _SAMPLES_PER_MICRO_CLUSTER),
        min(3 * _MAX_AGREEMENT_FACTOR * n_clusters // 2, n_samples // 2),
        min(2 * n_clusters, n_samples),
    )
    subset = random_state.permutation(n_samples)[:MAX_KMEANS_SAMPLES]
    n_micro = min(n_micro, len(subset))
    # k-means++ would take longer than all else, and of so many centers some are everywhere.
    kmeans = KMeans(
        n_micro, init="random", n_init=1, max_iter=_KMEANS_ITER, random_state=random_state
    )
    kmeans.fit(points[subset], sample_weight=sample_weight[subset])
    return np.unique(kmeans.predict(points), return_inverse=True)[1]


def merge_with_agreement(
    neighbors: "NeighborGraph",
    micro: np.ndarray,
    n_clusters: int,
    setting: SearchSetting,
    min_clusters: int | None = None,
) -> NestedClusterings:
    """Merge small clusters down to `n_clusters`, alternating with agreement among neighbors.

    Parameters
    ----------
    neighbors : NeighborGraph
        Affinities of neighbors.
    micro : ndarray of shape (n,)
        Micro-cluster of each sample.
    n_clusters : int
        Wanted number of clusters.
    setting : SearchSetting
        How to merge and agree.
    min_clusters : int, default=None
        Continue merging down to this number of clusters. None is `n_clusters`.

    Returns
    -------
    NestedClusterings
        The wanted clustering, and those on the way.
    """
    n_micro = micro.max() + 1
    n_clusters = min(n_clusters, n_micro)
    n_last = n_clusters if min_clusters is None else min(min_clusters, n_clusters)
    power, loss_weight, agreement_factor = setting
    n_first = min(agreement_factor * n_clusters, n_micro)
    joint = neighbors.count_joint(micro, n_micro)
    merged = merge_clusters(joint, n_first, loss_weight, _MICRO_MERGE_FRACTION)
    labels = merged[micro]
    q = _assign_sparsely(labels, n_first)
    best: Clustering | None = None
    by_number: dict[int, Clustering] = {}
    while True:
        q, labels = _agree_without_loss(neighbors, q, labels, power, n_clusters, n_last)
        k = q.shape[1]
        joint = neighbors.count_joint(labels, k)
        by_number[k] = _measure(labels, joint)
        if best is None and k <= n_clusters:
            agreed = _take_largest(neighbors.agree(q, _N_LAST_ROUNDS, power))
            is_complete = len(np.unique(agreed)) == k
            best = neighbors.measure(agreed) if is_complete else by_number[k]
        if k <= n_last:
            assert best is not None
            return NestedClusterings(setting, best, by_number)
        n_next = k - 1
        if k > n_clusters:
            n_next = max(n_clusters, min(n_next, int(k * (1 - _MERGE_FRACTION))))
        merged = merge_clusters(joint, n_next, loss_weight)
        q = _merge_columns(q, merged, n_next)
        labels = merged[labels]


class NeighborGraph:
    """Affinities of neighbors and weights of samples, for counting, measuring and agreement.

    Parameters
    ----------
    graph : sparse array of shape (n, n)
        Affinities of neighbors, each row summing to one.
    sample_weight : ndarray of shape (n,)
        Weights of the samples.
    """

    def __init__(self, graph: sp.csr_array, sample_weight: np.ndarray) -> None:
        self.graph = graph.astype(np.float32, copy=False)
        self.sample_weight = (sample_weight / sample_weight.mean()).astype(np.float32)
        self._samples = np.repeat(np.arange(len(sample_weight)), np.diff(graph.indptr))
        fractions = sample_weight / sample_weight.sum()
        self._probabilities = self.graph.data * fractions[self._samples]

    def count_joint(self, labels: np.ndarray, n_clusters: int) -> np.ndarray:
        """Return the symmetric joint distribution (k, k) of a sample's and a neighbor's cluster."""
        cells = (labels * n_clusters)[self._samples] + labels[self.graph.indices]
        joint = np.bincount(cells, self._probabilities, n_clusters**2).reshape(n_clusters, -1)
        return (joint + joint.T) / 2

    def measure(self, labels: np.ndarray) -> Clustering:
        """Return labels from 0 without gaps with their information and entropy."""
        labels = np.unique(labels, return_inverse=True)[1]
        return _measure(labels, self.count_joint(labels, labels.max() + 1))

    def agree_on(self, labels: np.ndarray, n_rounds: int, power: float) -> np.ndarray:
        """Return the labels after rounds of agreement, from which clusters may be missing."""
        q = _assign_sparsely(labels, labels.max() + 1)
        return _take_largest(self.agree(q, n_rounds, power)).astype(np.int32)

    def agree(self, q: sp.csr_array, n_rounds: int, power: float) -> sp.csr_array:
        """Average sparse assignments over neighbors and sharpen them, for several rounds.

        With a power of 1 this is `compute_neighbor_targets`. With less, small clusters do not
        grow as much towards the size of large ones.
        """
        for _ in range(n_rounds):
            q = self.graph @ q
            sizes = np.diff(q.indptr)
            weighted = q.data * np.repeat(self.sample_weight, sizes)
            frequencies = np.bincount(q.indices, weighted, q.shape[1])
            scale = np.where(frequencies > 0, frequencies, 1) ** -power
            data = q.data**2 * scale.astype(np.float32)[q.indices]
            data /= np.repeat(np.add.reduceat(data, q.indptr[:-1]), sizes)
            kept = np.flatnonzero(data >= min(_MIN_ASSIGNMENT, 0.5 / q.shape[1]))
            ends = np.searchsorted(kept, q.indptr).astype(np.int32)
            q = sp.csr_array((data[kept], q.indices[kept], ends), q.shape)
        return q


def merge_clusters(
    joint: np.ndarray, n_clusters: int, loss_weight: float = 0.0, fraction: float = 1.0
) -> np.ndarray:
    """Merge clusters until `n_clusters` are left.

    Pairs that lose least are merged together, none of them twice, then pairs of what remains.

    Parameters
    ----------
    joint : ndarray of shape (k, k)
        Joint distribution of the clusters of neighbors.
    n_clusters : int
        Number of clusters that remain.
    loss_weight : float, default=0.0
        Weight of lost information.
    fraction : float, default=1.0
        Largest fraction of the clusters merged together.

    Returns
    -------
    ndarray of shape (k,)
        The new cluster of each.
    """
    merged = np.arange(len(joint))
    while len(joint) > n_clusters:
        losses = compute_merge_losses(joint, loss_weight)
        partner, lowest = losses.argmin(axis=1), losses.min(axis=1)
        n_merges = min(len(joint) - n_clusters, max(1, int(fraction * len(joint))))
        target = np.arange(len(joint))
        is_free = np.ones(len(joint), dtype=bool)
        for a in np.argsort(lowest, kind="stable"):
            b = partner[a]
            if n_merges and is_free[a] and is_free[b]:
                target[max(a, b)] = min(a, b)
                is_free[[a, b]] = False
                n_merges -= 1
        target = np.unique(target, return_inverse=True)[1]
        indicator = np.eye(target.max() + 1)[target]
        joint = indicator.T @ joint @ indicator
        merged = target[merged]
    return merged


def list_merges(joint: np.ndarray) -> np.ndarray:
    """Return the pairs of clusters (k - 1, 2) that are merged one after the other.

    In each merge the information that is lost is the smallest. Merge i makes cluster k + i.
    """
    numbers, merges = list(range(len(joint))), []
    for new in range(len(joint), 2 * len(joint) - 1):
        losses = compute_merge_losses(joint)
        a, b = sorted(np.unravel_index(losses.argmin(), losses.shape))
        merges.append((numbers[a], numbers[b]))
        indicator = np.delete(np.eye(len(joint)), b, axis=1)
        indicator[b, a] = 1
        joint = indicator.T @ joint @ indicator
        del numbers[b]
        numbers[a] = new
    return np.array(merges, dtype=int).reshape(-1, 2)


def compute_merge_losses(joint: np.ndarray, loss_weight: float = 0.0) -> np.ndarray:
    """Return the decrease of I - loss_weight (H - I) by merging each pair of clusters, (k, k).

    It is divided by 1 + loss_weight; the diagonal is infinite.
    """
    sizes, inside = joint.sum(axis=1), np.diag(joint)
    shared, terms = np.zeros_like(joint), xlogx(joint)
    for row, row_terms in zip(joint, terms, strict=True):
        # What two clusters have in common with this third one: `_entropy_gain` of all pairs,
        # without the logarithms that `terms` has, and of zero.
        near = np.flatnonzero(row)
        x, of_x = row[near], row_terms[near]
        both = x[:, None] + x
        shared[near[:, None], near] += of_x[:, None] + of_x - both * np.log(both)
    own = _entropy_gain(inside[:, None], joint)
    shared -= own + own.T
    whole = inside[:, None] + inside + 2 * joint
    block = xlogx(inside)[:, None] + xlogx(inside) + 2 * xlogx(joint) - xlogx(whole)
    entropy = -_entropy_gain(sizes[:, None], sizes)
    losses = 2 * shared + block + (2 - loss_weight / (1 + loss_weight)) * entropy
    np.fill_diagonal(losses, np.inf)
    return losses


def _agree_without_loss(
    neighbors: NeighborGraph,
    q: sp.csr_array,
    labels: np.ndarray,
    power: float,
    n_clusters: int,
    n_last: int,
) -> tuple[sp.csr_array, np.ndarray]:
    """Let neighbors agree, unless fewer clusters than wanted would have samples afterwards."""
    k = q.shape[1]
    agreed = neighbors.agree(q, _N_ROUNDS, power)
    agreed_labels = _take_largest(agreed)
    is_present = np.bincount(agreed_labels, minlength=k) > 0
    if is_present.all():
        return agreed, agreed_labels
    if is_present.sum() >= max(n_last, min(n_clusters, k)):
        labels = np.cumsum(is_present)[agreed_labels] - 1
        return _assign_sparsely(labels, is_present.sum()), labels
    return q, labels


def _measure(labels: np.ndarray, joint: np.ndarray) -> Clustering:
    entropy = -xlogx(joint.sum(axis=1)).sum()
    information = xlogx(joint).sum() + 2 * entropy
    return Clustering(labels.astype(np.int32), float(information), float(entropy))


def _restore_order(run: NestedClusterings, order: np.ndarray) -> NestedClusterings:
    def restore(clustering: Clustering) -> Clustering:
        labels = np.empty_like(clustering.labels)
        labels[order] = clustering.labels
        return clustering._replace(labels=labels)

    by_number = {k: restore(clustering) for k, clustering in run.by_number.items()}
    return run._replace(best=restore(run.best), by_number=by_number)


def _assign_sparsely(labels: np.ndarray, n_clusters: int) -> sp.csr_array:
    """Return sparse assignments (n, k) of 1 to the cluster of each sample."""
    ends = np.arange(len(labels) + 1, dtype=np.int32)
    values = np.ones(len(labels), np.float32)
    return sp.csr_array((values, labels.astype(np.int32), ends), (len(labels), n_clusters))


def _take_largest(q: sp.csr_array) -> np.ndarray:
    """Return the column of the largest value of each row, the first stored of several."""
    largest = np.maximum.reduceat(q.data, q.indptr[:-1])
    places = np.flatnonzero(q.data == np.repeat(largest, np.diff(q.indptr)))
    return q.indices[places[np.searchsorted(places, q.indptr[:-1])]]


def _merge_columns(q: sp.csr_array, merged: np.ndarray, n_clusters: int) -> sp.csr_array:
    columns = merged.astype(np.int32)[q.indices]
    joined = sp.csr_array((q.data, columns, q.indptr), (q.shape[0], n_clusters))
    joined.sum_duplicates()
    return joined


def _entropy_gain(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return xlogx(x) + xlogx(y) - xlogx(x + y)


def xlogx(x: np.ndarray) -> np.ndarray:
    """Return x log x, which is 0 for 0."""
    return x * np.log(np.where(x > 0, x, 1))


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
