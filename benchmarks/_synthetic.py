"""Random rows on a plane of few dimensions, which an autoencoder can learn."""

from pathlib import Path

import numpy as np

_RANK = 20
_BLOCK = 10_000


def low_rank_rows(n_rows: int, n_features: int) -> np.ndarray:
    """Rows (n_rows, n_features), float32."""
    rows = np.empty((n_rows, n_features), np.float32)
    _fill(rows)
    return rows


def write_low_rank_rows(path: Path, n_rows: int, n_features: int) -> None:
    """Write such rows to a ``.npy`` file, a block at a time."""
    rows = np.lib.format.open_memmap(path, "w+", np.float32, (n_rows, n_features))
    _fill(rows)
    rows.flush()


def _fill(rows: np.ndarray) -> None:
    generator = np.random.default_rng(0)
    directions = generator.random((_RANK, rows.shape[1]), dtype=np.float32) / _RANK
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        block[:] = generator.random((len(block), _RANK), dtype=np.float32) @ directions
