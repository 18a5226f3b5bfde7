"""Feeding rows: any X that scikit-learn takes, handed out as float32 a few rows at a time.

Nothing here copies X whole: a memory map is read and a sparse matrix made dense only as far as
the batches in hand reach.
"""

from collections.abc import Callable, Iterator
from hashlib import blake2b
from typing import Any

import numpy as np

from skdec._maps import read_rows
from skdec._threads import side_by_side, usable_threads

# Rows that go through a network at once outside training. One fixed shape, because the order in
# which a matrix product adds up, and so the last bits of a row's result, depends on the shape.
INFERENCE_BATCH = 256

# Bytes of rows gathered ahead for one call of a compiled loop.
_CHUNK_BYTES = 2**24
_MAX_CHUNK_STEPS = 128
# Rows gathered at a time: of a memory map each brings up to a megabyte around it into memory.
_ROWS_AT_A_TIME = 64


class DistinctRows:
    """The distinct rows of a dense or sparse `X`, each with the summed weight of its copies.

    Their order depends on their contents alone. So a fit depends neither on the order of the
    rows, nor on whether a row comes twice or with twice the weight, and a row of weight zero is
    not there. `X` is indexed, never copied.

    Attributes
    ----------
    weights : ndarray of shape (n,), float32
        Weights of the distinct rows, one on average.
    shape : tuple of int
        Number of distinct rows, number of features.
    digest : str
        Equal for equal rows of equal weights.
    """

    def __init__(self, X: Any, sample_weight: np.ndarray | None = None) -> None:
        self._X = X
        weighted = np.arange(X.shape[0]) if sample_weight is None else np.flatnonzero(sample_weight)
        digests, first, self._copy_of = np.unique(
            _digests(X, weighted), return_index=True, return_inverse=True
        )
        self._positions, self._weighted = weighted[first], weighted
        given = None if sample_weight is None else sample_weight[weighted]
        weights = np.bincount(self._copy_of, weights=given)
        self.weights = (weights / weights.mean()).astype(np.float32)
        self.shape = (len(first), X.shape[1])
        self.digest = blake2b(digests.tobytes() + weights.tobytes()).hexdigest()

    def __getitem__(self, selection: Any) -> np.ndarray:
        """Selected distinct rows, dense float32."""
        return float32_rows(self._X, self._positions[selection])

    def spread(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Values of distinct rows for each row of weight above zero, and which rows these are."""
        return values[self._copy_of], self._weighted


def _digests(X: Any, positions: np.ndarray) -> np.ndarray:
    """A 16 byte digest of the contents of each row."""
    digests = np.empty(len(positions), dtype="S16")
    block = max(1, _CHUNK_BYTES // (4 * X.shape[1]))
    for start in range(0, len(positions), block):
        rows = float32_rows(X, positions[start : start + block]) + np.float32(0)  # no -0
        for i, row in enumerate(rows, start):
            digests[i] = blake2b(row, digest_size=16).digest()
    return digests


def float32_rows(X: Any, selection: slice | np.ndarray) -> np.ndarray:
    """Selected rows of a dense or sparse `X` as a dense float32 array."""
    if isinstance(selection, slice):
        return np.ascontiguousarray(_dense(read_rows(X, selection)), dtype=np.float32)
    rows = np.empty((len(selection), X.shape[1]), dtype=np.float32)
    for start in range(0, len(selection), _ROWS_AT_A_TIME):
        part = slice(start, start + _ROWS_AT_A_TIME)
        rows[part] = _dense(read_rows(X, selection[part]))
    return rows


def _dense(rows: Any) -> np.ndarray:
    return rows.toarray() if hasattr(rows, "toarray") else rows


def shuffled_batches(
    n_rows: int, batch_size: int, random_state: np.random.RandomState
) -> Iterator[np.ndarray]:
    """Yield batches of row indices without end, all of the same size.

    One shuffle of all rows follows the other; a batch that reaches the end of one takes its rest
    from the next. So no batch is short or empty, and every row comes equally often.
    """
    queue = np.empty(0, dtype=np.intp)
    while True:
        while len(queue) < batch_size:
            queue = np.concatenate([queue, random_state.permutation(n_rows)])
        yield queue[:batch_size]
        queue = queue[batch_size:]


def chunk_steps(n_features: int, batch_size: int) -> int:
    """Steps whose rows are gathered at once, within a few megabytes."""
    return int(np.clip(_CHUNK_BYTES // (4 * n_features * batch_size), 1, _MAX_CHUNK_STEPS))


def batched_output(
    run: Callable[[np.ndarray], Any], X: Any, width: int, part: slice = slice(None)
) -> np.ndarray:
    """Outputs (n, width) of `run` over the rows of `X`, float32; zero for those not in `part`.

    `run` always sees `INFERENCE_BATCH` rows, the last batch filled up with zeros: a row's output
    depends on that row only, bit for bit.
    """
    first, end, _ = part.indices(X.shape[0])
    output = np.zeros((X.shape[0], width), dtype=np.float32)

    def fill(start: int) -> None:
        stop = min(start + INFERENCE_BATCH, end)
        rows = float32_rows(X, slice(start, stop))
        if len(rows) < INFERENCE_BATCH:
            padding = np.zeros((INFERENCE_BATCH - len(rows), X.shape[1]), dtype=np.float32)
            rows = np.concatenate([rows, padding])
        output[start:stop] = run(rows)[: stop - start]

    # While one batch waits for the slowest of its threads, the next ones are under way.
    n_threads = 1 if end - first <= INFERENCE_BATCH else usable_threads() + 1
    side_by_side(fill, range(first, end, INFERENCE_BATCH), n_threads)
    return output
