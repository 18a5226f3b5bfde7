"""Random samples in a subspace of few dimensions, which an autoencoder can learn."""

from pathlib import Path

import numpy as np

_RANK = 20
_BLOCK_SIZE = 10_000


def make_low_rank_samples(n_samples: int, n_features: int) -> np.ndarray:
    """Generate samples of shape (n_samples, n_features), float32."""
    X = np.empty((n_samples, n_features), np.float32)
    _fill(X)
    return X


def write_low_rank_samples(path: Path, n_samples: int, n_features: int) -> None:
    """Write such samples to a ``.npy`` file, one block at a time."""
    X = np.lib.format.open_memmap(path, "w+", np.float32, (n_samples, n_features))
    _fill(X)
    X.flush()


def _fill(X: np.ndarray) -> None:
    generator = np.random.default_rng(0)
    directions = generator.random((_RANK, X.shape[1]), dtype=np.float32) / _RANK
    for first in range(0, len(X), _BLOCK_SIZE):
        block = X[first : first + _BLOCK_SIZE]
        block[:] = generator.random((len(block), _RANK), dtype=np.float32) @ directions
