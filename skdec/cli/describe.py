"""``skdec describe``: what sets each cluster of a table apart."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from skdec._utils.terminal import format_table
from skdec.cli.common import (
    add_data,
    add_id,
    add_messages,
    parse_count,
    parse_table_file,
    write_frames,
)
from skdec.cli.predict import add_model, load_samples, open_model

if TYPE_CHECKING:
    import pandas as pd

USAGE = "MODEL DATA"
HELP = "describe the clusters of a table with a model from 'fit'"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_model(parser)
    add_data(parser)
    add = parser.add_argument
    for name, default, what in (("--n-columns", 5, "columns"), ("--n-examples", 3, "samples")):
        shown = f"{what} shown of a cluster ({default})"
        add(name, type=parse_count, default=default, metavar="N", help=shown)
    add(
        "--output",
        type=parse_table_file,
        metavar="FILE",
        help="write the description of all columns to a .csv or .parquet file",
    )
    add_id(parser)
    add_messages(parser)


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    model = open_model(arguments)
    from skdec.describe._description import describe_clusters, find_examples
    from skdec.tables._preparer import clean_table

    X, _, ids, *_ = load_samples(model, arguments)
    examples = find_examples(model, X, arguments.n_examples)
    described = describe_clusters(clean_table(model, X), model.predict(X))
    if arguments.output is not None:
        write_frames(arguments.output, [described.reset_index()])
    parts = [
        _format_cluster(
            described.loc[[cluster]].head(arguments.n_columns),
            examples[examples["cluster"] == cluster],
            ids,
        )
        for cluster in described.index.unique("cluster")
    ]
    sys.stdout.write("\n\n".join(parts) + "\n")


def _format_cluster(described: pd.DataFrame, examples: pd.DataFrame, ids: pd.Series) -> str:
    """Return the size of a cluster, the columns that set it apart, and its examples."""
    first = described.iloc[0]
    cluster = described.index[0][0]
    rows = [("column", "in the cluster", "in all", "difference", "information")]
    for (_, name), row in described.iterrows():
        value = f" of {row['value'][:20]!r}" if isinstance(row["value"], str) else ""
        difference, information = f"{row['difference']:+.2f}{value}", f"{row['information']:.2f}"
        rows.append((str(name), row["typical"], row["overall"], difference, information))
    title = f"cluster {cluster}"
    if first["name"] != title:
        title = f"{title}, {first['name']}"
    lines = [f"{title}: {first['size']:,} samples, {first['fraction']:.1%}"]
    lines += ["  " + line for line in format_table(rows, align_left=4).splitlines()]
    for kind, samples in examples.groupby("kind", sort=False):
        shown = [
            f"{ids.iloc[sample]} ({confidence:.2f})"
            for sample, confidence in zip(samples["sample"], samples["confidence"], strict=True)
        ]
        lines.append(f"  {kind}, with confidence: {', '.join(shown)}")
    return "\n".join(lines)
