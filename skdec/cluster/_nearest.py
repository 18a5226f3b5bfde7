"""Search for the nearest neighbors of each sample, approximate where there are many samples."""

from collections.abc import Iterable, Iterator

import numpy as np
from sklearn.cluster import KMeans
from sklearn.neighbors import NearestNeighbors

from skdec._utils.process import count_usable_threads, run_in_threads, use_one_thread
from skdec._utils.terminal import Bar, open_bar

# Exact search is quadratic in the number of samples.
_MAX_EXACT_SAMPLES = 70_000
_SAMPLES_PER_SEARCH = 8192
# A tree of the samples is faster with few features only.
_MAX_TREE_FEATURES = 8
# Of more samples, each is compared with about so many of the nearest k-means cells, in several
# divisions into cells of about this size, which so many iterations on some of the samples find.
_N_COMPARED, _CELL_SIZE, _N_DIVISIONS = 4_000, 2_000, 4
_MAX_CELL_SAMPLES, _CELL_ITER = 50_000, 5
# Then so many times with the neighbors of its neighbors, in blocks of so many values.
_N_ROUNDS = 2
_BLOCK_VALUES = 2**22

# Indices (n, k) of the neighbors of each sample, and the distances to them.
Found = tuple[np.ndarray, np.ndarray]


def find_nearest_neighbors(
    points: np.ndarray, n_neighbors: int, random_state: np.random.RandomState
) -> Found:
    """Return the nearest other samples of each sample, and the distances to them.

    They are exact for up to 70,000 samples. Of more, each sample is compared with those of the
    nearest of many k-means cells, about 4,000 samples, so that the time grows with the number of
    samples and not with its square. This misses neighbors beyond the border of the cells, which
    would make clusters end there. So it is done for four divisions into cells, whose borders are
    elsewhere, and in the end each sample is compared with the neighbors of its neighbors, twice.

    Parameters
    ----------
    points : ndarray of shape (n, d)
        Samples.
    n_neighbors : int
        Number of neighbors, below n.
    random_state : RandomState
        Initializes the cells.

    Returns
    -------
    neighbors : ndarray of shape (n, n_neighbors), int32
        Indices, the nearest first.
    distances : ndarray of shape (n, n_neighbors), float32
        Euclidean distances.
    """
    n_samples = len(points)
    if n_samples <= _MAX_EXACT_SAMPLES:
        with open_bar("neighbors", n_samples, "samples") as bar:
            return _search(points, n_neighbors, _compare_with_all(n_samples), bar)
    with open_bar("neighbors", (_N_DIVISIONS + _N_ROUNDS) * n_samples, "samples") as bar:
        found = _search_in_cells(points, n_neighbors, random_state, bar)
        for _ in range(_N_DIVISIONS - 1):
            more = _search_in_cells(points, n_neighbors, random_state, bar)
            neighbors, distances = (np.hstack(both) for both in zip(found, more, strict=True))
            found = _keep_nearest(neighbors, distances, n_neighbors)
        for _ in range(_N_ROUNDS):
            found = _search_neighbors_of_neighbors(points, found[0], bar)
    return found


def _search_in_cells(
    points: np.ndarray, n_neighbors: int, random_state: np.random.RandomState, bar: Bar
) -> Found:
    cells = _divide_into_cells(points, random_state)
    n_compared = max(_N_COMPARED, n_neighbors + 1)
    return _search(points, n_neighbors, _compare_with_cells(points, cells, n_compared), bar)


def _search(
    points: np.ndarray,
    n_neighbors: int,
    comparisons: Iterable[tuple[np.ndarray, np.ndarray]],
    bar: Bar,
) -> Found:
    """Return the nearest of those that each sample is compared with."""
    shape = (len(points), n_neighbors)
    neighbors, distances = np.empty(shape, np.int32), np.empty(shape, np.float32)
    algorithm = "kd_tree" if points.shape[1] <= _MAX_TREE_FEATURES else "brute"
    for samples, compared in comparisons:
        search = NearestNeighbors(n_neighbors=n_neighbors + 1, algorithm=algorithm)
        distance, position = search.fit(points[compared]).kneighbors(points[samples])
        found = _remove_self(distance, compared[position], samples)
        distances[samples], neighbors[samples] = found
        bar.advance(len(samples))
    return neighbors, distances


def _compare_with_all(n_samples: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the indices of the samples block by block, and of those that they are compared with."""
    everything = np.arange(n_samples)
    for start in range(0, n_samples, _SAMPLES_PER_SEARCH):
        yield everything[start : start + _SAMPLES_PER_SEARCH], everything


def _compare_with_cells(
    points: np.ndarray, cells: list[np.ndarray], n_compared: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the indices of the samples of each cell, and of these and the nearest other cells."""
    centers = np.stack([points[cell].mean(axis=0) for cell in cells])
    sizes = np.array([len(cell) for cell in cells])
    for i, cell in enumerate(cells):
        nearest = np.argsort(((centers - centers[i]) ** 2).sum(axis=1), kind="stable")
        n_cells = 1 + np.searchsorted(np.cumsum(sizes[nearest]), n_compared)
        yield cell, np.concatenate([cell, *(cells[j] for j in nearest[:n_cells] if j != i)])


def _divide_into_cells(points: np.ndarray, random_state: np.random.RandomState) -> list[np.ndarray]:
    """Return the indices of the samples nearest to each of many k-means centers."""
    n_cells = -(-len(points) // _CELL_SIZE)
    subset = random_state.permutation(len(points))[:_MAX_CELL_SAMPLES]
    with use_one_thread():
        kmeans = KMeans(
            n_cells, init="random", n_init=1, max_iter=_CELL_ITER, random_state=random_state
        )
        labels = kmeans.fit(points[subset]).predict(points)
    order = np.argsort(labels, kind="stable")
    cells = np.split(order, np.cumsum(np.bincount(labels, minlength=n_cells))[:-1])
    return [cell for cell in cells if len(cell)]


def _remove_self(
    distances: np.ndarray, neighbors: np.ndarray, samples: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Drop from the neighbors of the samples each sample itself."""
    is_self = neighbors == samples[:, None]
    is_self[~is_self.any(axis=1), 0] = True  # more samples at no distance than were asked for
    shape = (len(samples), -1)
    return distances[~is_self].reshape(shape), neighbors[~is_self].reshape(shape)


def _search_neighbors_of_neighbors(points: np.ndarray, neighbors: np.ndarray, bar: Bar) -> Found:
    """Return the nearest of the neighbors of each sample and of the neighbors of these."""
    n_samples, n_neighbors = neighbors.shape
    n_candidates = n_neighbors * (1 + n_neighbors)
    size = max(1, _BLOCK_VALUES // (n_candidates * points.shape[1]))

    def search(start: int) -> Found:
        own = neighbors[start : start + size]
        candidates = np.hstack([own, neighbors[own].reshape(len(own), -1)])
        difference = points[candidates] - points[start : start + size, None]
        distances = np.sqrt(np.einsum("ijk,ijk->ij", difference, difference))
        is_self = candidates == np.arange(start, start + len(own))[:, None]
        distances[is_self] = np.inf
        bar.advance(len(own))
        return _keep_nearest(candidates, distances, n_neighbors)

    found = run_in_threads(search, range(0, n_samples, size), count_usable_threads())
    nearest, distances = map(np.concatenate, zip(*found, strict=True))
    return nearest, distances


def _keep_nearest(neighbors: np.ndarray, distances: np.ndarray, n_neighbors: int) -> Found:
    """Return the nearest of several neighbors (n, m), each once, and the distances to them."""
    order = np.argsort(neighbors, axis=1, kind="stable")
    neighbors, distances = _take(neighbors, order), _take(distances, order)
    distances[:, 1:][neighbors[:, 1:] == neighbors[:, :-1]] = np.inf
    order = np.argsort(distances, axis=1, kind="stable")[:, :n_neighbors]
    return _take(neighbors, order), _take(distances, order)


def _take(values: np.ndarray, columns: np.ndarray) -> np.ndarray:
    return np.take_along_axis(values, columns, axis=1)
