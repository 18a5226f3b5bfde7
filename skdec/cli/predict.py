"""``skdec predict``: the clusters of the rows of a table, read and written in chunks.

What the commands that read a model share is here as well.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from skdec._utils.process import silence_stderr
from skdec.cli.common import (
    add_data,
    add_id,
    add_messages,
    add_output,
    check_outputs,
    explain_fault,
    log,
    show_reading,
    write_frames,
)
from skdec.datasets import find_image_shape
from skdec.tables._reader import (
    Columns,
    Table,
    check_data,
    concatenate_tables,
    has_named_columns,
    iterate_table,
)

if TYPE_CHECKING:
    import pandas as pd

HELP = "predict clusters with a model from 'fit'"
USAGE = "MODEL DATA"

_OUTPUT_COLUMN = re.compile(r"cluster(_name)?|confidence|deviation|(assignment|embedding)_\d+")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_model(parser)
    add_data(parser)
    add_output(parser)
    add_id(parser)
    add_messages(parser)


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    check_id(arguments.id)
    model = open_model(arguments)
    write_predictions(arguments, model, iterate_samples(model, arguments))


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add the file of the model to the arguments of a command."""
    parser.add_argument("model", type=Path, metavar="MODEL", help="a file from 'skdec fit'")


def check_model(path: Path) -> None:
    """Raise a FileNotFoundError unless there is a file."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not a file; 'skdec fit' writes a model.")


def check_id(name: str | None) -> None:
    """Raise a ValueError if predictions have a column of this name besides that of the ids."""
    if name is not None and _OUTPUT_COLUMN.fullmatch(name):
        raise ValueError(
            f"--id {name}: the output has a column of this name itself; rename that of the table."
        )


def open_model(arguments: argparse.Namespace) -> Any:
    """Load a model, once all that the command reads and writes has been checked."""
    check_outputs([arguments.output], arguments.data, arguments.model)
    check_data(arguments.data)
    check_model(arguments.model)
    from skdec._persistence import load

    with silence_stderr():
        return load(arguments.model)


def iterate_samples(model: Any, arguments: argparse.Namespace) -> Iterator[Table]:
    """Iterate over the rows of a table in chunks, each with the columns that the model uses."""
    import pandas as pd

    from skdec.tables._preparer import TablePreparer

    data, label = arguments.data, getattr(arguments, "label", None)
    names = [str(name) for name in getattr(model, "feature_names_in_", ())]
    only = names or None if has_named_columns(data) else None
    columns = Columns(label, arguments.id, only, (), arguments.part, find_image_shape(names))
    parser = model[0] if hasattr(model, "steps") else None
    unused: tuple[str, ...] = ()
    with show_reading():
        for table in iterate_table(data, columns):
            for note in table.notes:
                log.write(note)
            if table.unused != unused:
                unused = table.unused
                log.write(f"columns that the model does not use: {', '.join(unused)}.")
            with explain_fault(data):
                # Of a model that was saved in Python, the first chunk tells what the columns are.
                if isinstance(table.X, pd.DataFrame) and not isinstance(parser, TablePreparer):
                    parser = TablePreparer(passthrough=True).fit(table.X)
                X = _match(model, parser, table.X)
            yield table._replace(X=X)


def load_samples(model: Any, arguments: argparse.Namespace) -> Table:
    """Load all rows of a table, with the columns that the model uses."""
    return concatenate_tables(list(iterate_samples(model, arguments)))


def _match(model: Any, parser: Any, X: Any) -> Any:
    """Return samples as the model has seen them in its fit: with or without names."""
    import pandas as pd

    if X.shape[1] != model.n_features_in_:
        raise ValueError(
            f"it has {X.shape[1]} columns, but the model was fitted on {model.n_features_in_}."
        )
    names = getattr(model, "feature_names_in_", None)
    if not isinstance(X, pd.DataFrame):
        return X if names is None else pd.DataFrame(X, columns=names, copy=False)
    if not parser.column_kinds_:  # numbers as they are
        X = pd.DataFrame(parser.transform(X), X.index, X.columns, copy=False)
    return X if names is not None else X.to_numpy()


def write_predictions(arguments: argparse.Namespace, model: Any, tables: Iterable[Table]) -> None:
    """Write the clusters of tables, one after the other, to a file or to standard output."""
    write_frames(arguments.output, (_build_predictions(arguments, model, t) for t in tables))


def _build_predictions(arguments: argparse.Namespace, model: Any, table: Table) -> pd.DataFrame:
    """Return id, cluster and its name, confidence and deviation of each row, and on request more.

    A deviation above one means that the row is unlike those of the fit.
    """
    import pandas as pd

    from skdec.describe._summary import split_pipeline

    with explain_fault(arguments.data):
        clusterer, X = split_pipeline(model, table.X)
        q = clusterer.predict_proba(X)
        labels = q.argmax(axis=1)
        columns = {str(table.ids.name): table.ids.to_numpy(), "cluster": labels}
        if hasattr(model, "cluster_names_"):  # of a table, as the fit has named them
            columns["cluster_name"] = np.array(model.cluster_names_, dtype=object)[labels]
        columns |= {"confidence": q.max(axis=1), "deviation": -clusterer.score_samples(X)}
        if arguments.soft_assignments:
            columns |= {f"assignment_{i}": column for i, column in enumerate(q.T)}
        if arguments.embedding:
            columns |= {
                f"embedding_{i}": column for i, column in enumerate(clusterer.transform(X).T)
            }
        return pd.DataFrame(columns)
