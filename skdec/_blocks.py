"""Rows that come in blocks, more of them than fit into memory."""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from skdec._rows import float32_rows
from skdec._validation import check_finite


class BlocksMixin:
    """Adds `fit_blocks` to an estimator whose `fit` reads a memory map bit by bit."""

    def fit_blocks(
        self: Any, blocks: Iterable[Any], sample_weight: Any = None, *, folder: Any = None
    ) -> Any:
        """Cluster rows that come in blocks and need not fit into memory.

        The blocks are gone through once; their rows are kept in a nameless file, four bytes a
        value, from which `fit` reads a few dozen megabytes at a time. The file is gone with the
        fit, however that ends.

        Parameters
        ----------
        blocks : iterable of {array-like, sparse matrix, DataFrame} of shape (n, n_features)
            Rows of finite numbers, such as an iterator over the row groups of a Parquet file.
        sample_weight : array-like of shape (n_samples,) or float, default=None
            Weights of the rows of all blocks.
        folder : str or pathlib.Path, default=None
            Where the file of rows is. None is the system's folder for temporary files, which on
            some systems lies in memory.

        Returns
        -------
        object
            The estimator itself; `labels_` are those of all rows in their order.

        Raises
        ------
        ValueError
            If there are no rows, or a block has other columns than the first, or a value that is
            not finite; otherwise as `fit` does.
        """
        with _stored(blocks, folder) as (X, feature_names):
            self.fit(X, sample_weight=sample_weight)
        if feature_names is not None:
            self.feature_names_in_ = feature_names
        return self


@contextmanager
def _stored(blocks: Iterable[Any], folder: Any) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """Rows of all blocks as a memory map, and the names of their columns, if they are strings."""
    n_rows, first = 0, None
    with tempfile.TemporaryFile(dir=folder) as file:
        for position, block in enumerate(blocks):
            rows, names = _rows_of(block, position)
            first = first or (rows.shape[1], names)
            if (rows.shape[1], names) != first:
                raise ValueError(
                    f"All blocks must have the columns of the first; that has {_told(*first)}, "
                    f"block {position} has {_told(rows.shape[1], names)}."
                )
            file.write(rows.data)
            n_rows += len(rows)
        if first is None or n_rows == 0:
            raise ValueError("There are no rows in blocks; an iterator can be gone through once.")
        file.flush()
        n_features, names = first
        X = np.memmap(file, np.float32, "r", shape=(n_rows, n_features))
        yield X, None if names is None else np.array(names, dtype=object)


def _rows_of(block: Any, position: int) -> tuple[np.ndarray, list[str] | None]:
    """Rows of a block as float32, and the names of its columns, if they are strings."""
    columns = list(getattr(block, "columns", []))
    values = block if hasattr(block, "toarray") else np.asarray(block)
    if values.ndim != 2 or values.shape[1] == 0 or values.dtype.kind not in "fiub":
        raise ValueError(
            f"A block must be a table of numbers, of shape (n, n_features); block {position} has "
            f"the shape {values.shape} and the dtype {values.dtype}."
        )
    try:
        check_finite(values, columns or None)
    except ValueError as error:
        raise ValueError(f"Block {position}: {error}") from error
    named = bool(columns) and all(isinstance(column, str) for column in columns)
    return float32_rows(values, slice(None)), columns if named else None


def _told(n_features: int, names: list[str] | None) -> str:
    return f"{n_features} columns" + (f" named {', '.join(names)}" if names else "")
