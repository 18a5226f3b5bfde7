"""Blocks of samples stored in one temporary file, which can be larger than the memory."""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from skdec._utils.containers import check_samples
from skdec._utils.data import to_float32
from skdec._utils.progress import open_bar
from skdec._utils.validation import check_finite


@contextmanager
def store_blocks(
    blocks: Iterable[Any], directory: Any
) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """Store blocks of samples in a temporary file.

    Parameters
    ----------
    blocks : iterable of {array-like, sparse matrix, DataFrame} of shape (n, n_features)
        Read once.
    directory : path-like or None
        Directory of the file; None is the system's for temporary files.

    Yields
    ------
    X : memmap of shape (n_samples, n_features), float32
        All samples.
    feature_names : ndarray of shape (n_features,) or None
        Names of the columns, if all are strings.

    Raises
    ------
    ValueError
        If there are no samples, or a block has other columns than the first, or a value that is
        not finite.
    """
    n_samples, first = 0, None
    with tempfile.TemporaryFile(dir=directory) as file:
        with open_bar("read") as bar:
            for position, block in enumerate(blocks):
                samples, names = _read_block(block, position)
                first = first or (samples.shape[1], names)
                if (samples.shape[1], names) != first:
                    raise ValueError(
                        f"All blocks must have the columns of the first; that has "
                        f"{_format_columns(*first)}, block {position} has "
                        f"{_format_columns(samples.shape[1], names)}."
                    )
                file.write(samples.data)
                n_samples += len(samples)
                bar.update(n_samples)
        if first is None or n_samples == 0:
            raise ValueError(
                "There are no samples in blocks; note that an iterator can be read only once."
            )
        file.flush()
        n_features, names = first
        X = np.memmap(file, np.float32, "r", shape=(n_samples, n_features))
        yield X, None if names is None else np.array(names, dtype=object)


def _read_block(block: Any, position: int) -> tuple[np.ndarray, list[str] | None]:
    """Return the samples of a block as float32, and the names of its columns, if all strings."""
    columns = list(getattr(block, "columns", []))
    try:
        values = check_samples(block)
        check_finite(values, columns or None)
    except (ValueError, TypeError) as error:
        raise ValueError(f"Block {position}: {error}") from error
    is_named = bool(columns) and all(isinstance(column, str) for column in columns)
    return to_float32(values, slice(None)), columns if is_named else None


def _format_columns(n_features: int, names: list[str] | None) -> str:
    return f"{n_features} columns" + (f" named {', '.join(names)}" if names else "")
