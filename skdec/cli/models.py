"""Read a model, and the tables that it can be applied to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from skdec.cli.output import log, show_reading, silence_stderr
from skdec.cli.predictions import split_model
from skdec.tables._reader import Columns, Table, has_named_columns, iterate_table, to_numbers

if TYPE_CHECKING:
    import argparse


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add the file of the model to the arguments of a command."""
    parser.add_argument("model", type=Path, metavar="MODEL", help="a file from 'skdec fit'")


def check_model(path: Path) -> None:
    """Raise a FileNotFoundError unless there is a file."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not a file; 'skdec fit' writes a model.")


def load_model(path: Path) -> Any:
    """Load a model from 'skdec fit', or one that was saved in Python."""
    from skdec._persistence import load

    with silence_stderr():
        return load(path)


def iterate_samples(
    model: Any, data: str, id_column: str | None = None, label: str | None = None
) -> Iterator[Table]:
    """Iterate over the rows of a table in chunks, each with the columns that the model uses."""
    columns = Columns(label, id=id_column)
    if has_named_columns(data):
        names = [str(name) for name in getattr(model, "feature_names_in_", ())]
        kinds = getattr(split_model(model)[0], "column_kinds_", {})
        kinds = kinds or dict.fromkeys(names, "number")
        as_text = [name for name in kinds if kinds[name] in ("category", "text")]
        as_number = [name for name in kinds if kinds[name] == "number"]
        columns = Columns(label, id_column, names or None, as_text=as_text, as_number=as_number)
    unused: tuple[str, ...] = ()
    n_rows = 0
    with show_reading():
        for table in iterate_table(data, columns):
            if table.unused != unused:
                unused = table.unused
                log.write(f"columns that the model does not use: {', '.join(unused)}.")
            yield table._replace(X=_match_features(table.X, model, data, n_rows))
            n_rows += len(table.X)


def load_samples(
    model: Any, data: str, id_column: str | None = None, label: str | None = None
) -> Table:
    """Load all rows of a table, with the columns that the model uses."""
    import pandas as pd

    tables = list(iterate_samples(model, data, id_column, label))
    X = pd.concat([pd.DataFrame(table.X) for table in tables], ignore_index=True)
    y = None if tables[0].y is None else np.concatenate([table.y for table in tables])
    ids = pd.concat([table.ids for table in tables], ignore_index=True)
    return Table(X if hasattr(model, "feature_names_in_") else X.to_numpy(), y, ids)


def _match_features(X: Any, model: Any, data: str, n_before: int) -> Any:
    """Return samples as the model has seen them in its fit: with or without names.

    They begin after `n_before` rows of the table.
    """
    import pandas as pd

    if X.shape[1] != model.n_features_in_:
        raise ValueError(
            f"{data} has {X.shape[1]} columns, but the model was fitted on {model.n_features_in_}."
        )
    names = getattr(model, "feature_names_in_", None)
    if not isinstance(X, pd.DataFrame):
        return X if names is None else pd.DataFrame(X, columns=names, copy=False)
    if not getattr(split_model(model)[0], "column_kinds_", {}):
        X = to_numbers(X, data, n_before)
    return X if names is not None else X.to_numpy()
