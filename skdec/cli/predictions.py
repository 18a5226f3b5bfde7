"""Clusters of the rows of a table as a table."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skdec.cli.output import open_output
from skdec.tables._reader import Table

if TYPE_CHECKING:
    import pandas as pd

_OUTPUT_COLUMN = re.compile(r"cluster|confidence|deviation|(assignment|embedding)_\d+")


def check_id(name: str | None) -> None:
    """Raise a ValueError if predictions have a column of this name besides that of the ids."""
    if name is not None and _OUTPUT_COLUMN.fullmatch(name):
        raise ValueError(
            f"--id {name}: the output has a column of this name itself; rename that of the table."
        )


def split_model(model: Any) -> tuple[Any, Any]:
    """Return the transformer of a model, or None, and its clusterer."""
    return (model[0], model[-1]) if hasattr(model, "steps") else (None, model)


def write_predictions(
    path: Path | None,
    model: Any,
    tables: Iterable[Table],
    *,
    soft_assignments: bool = False,
    embedding: bool = False,
) -> None:
    """Write the clusters of tables, one after the other, to a file or to standard output."""
    with open_output(path) as write:
        for table in tables:
            write(build_predictions(model, table, soft_assignments, embedding))


def build_predictions(
    model: Any, table: Table, soft_assignments: bool = False, embedding: bool = False
) -> pd.DataFrame:
    """Return id, cluster, confidence and deviation of each row, and on request more.

    A deviation above one means that the row is unlike those of the fit.
    """
    import pandas as pd

    preparer, clusterer = split_model(model)
    X = table.X if preparer is None else preparer.transform(table.X)
    q = clusterer.predict_proba(X)
    columns = {
        str(table.ids.name): table.ids.to_numpy(),
        "cluster": q.argmax(axis=1),
        "confidence": q.max(axis=1),
    }
    if hasattr(clusterer, "_deviation_limits"):  # not in files of earlier versions
        columns["deviation"] = -clusterer.score_samples(X)
    if soft_assignments:
        columns |= {f"assignment_{i}": column for i, column in enumerate(q.T)}
    if embedding:
        columns |= {f"embedding_{i}": column for i, column in enumerate(clusterer.transform(X).T)}
    return pd.DataFrame(columns)
