"""``skdec info``: what is in a model, without loading TensorFlow."""

import argparse
import sys
from typing import Any

import numpy as np

from skdec._utils.archive import Archive, open_archive
from skdec._utils.text_table import format_table
from skdec.cli.models import add_model, check_model
from skdec.cli.options import add_messages

HELP = "show what is in a model: columns, preparation, clusters, versions"

_MAX_NAMES = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_model(parser)
    add_messages(parser)


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    check_model(arguments.model)
    with open_archive(arguments.model) as archive:
        text = format_model(archive)
    sys.stdout.write(f"{text}\n")


def format_model(archive: Archive) -> str:
    """Return what a model was fitted to, how and when it stopped, one line each."""
    state = archive.state
    sizes = np.bincount(archive.arrays["labels_"], minlength=state["n_clusters"])
    rows = [
        *_describe_columns(state),
        ("network", _describe_network(state)),
        ("parameters", _format_parameters(state["parameters"])),
        ("refinement", f"{state['n_iter']} steps, stopped by {state['stop_reason']!r}"),
        ("clusters", f"{state['n_clusters']}, of {sizes.sum():,} samples"),
        *((f"  {cluster}", f"{n:,} ({n / sizes.sum():.1%})") for cluster, n in enumerate(sizes)),
    ]
    versions = state.get("versions") or {}
    if versions:
        rows.append(("versions", ", ".join(f"{name} {versions[name]}" for name in versions)))
    return "\n".join(line.rstrip() for line in format_table(rows, align_left=2).splitlines())


def _describe_columns(state: dict[str, Any]) -> list[tuple[str, str]]:
    preparer, scaler = state.get("preparer"), state["scaler"]
    if preparer is None:
        names = state["feature_names"] or (scaler or {}).get("feature_names") or []
        what = "none" if scaler is None else scaler["class"]
        columns = f"{state['n_features']}{': ' * bool(names)}{_format_names(names)}"
        return [("columns", columns), ("preparation", what)]
    kinds, dropped = preparer["column_kinds"], preparer["dropped_columns"]
    rows = [
        ("columns", f"{preparer['n_features']}, as {state['n_features']} features"),
        ("preparation", "TablePreparer" if kinds else "TablePreparer, columns on one scale"),
    ]
    for kind in dict.fromkeys(kinds.values()):
        rows.append((f"  {kind}", _format_names([name for name in kinds if kinds[name] == kind])))
    return rows + [("  not used", f"{name}: {reason}") for name, reason in dropped.items()]


def _describe_network(state: dict[str, Any]) -> str:
    """Return the widths of the encoder, or the call that builds networks of another kind."""
    if "networks" not in state:
        return "-".join(map(str, [state["n_features"], *state["dims"]]))
    ((builder, arguments),) = state["networks"].items()
    shown = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    return f"{builder}({shown})"


def _format_names(names: list[str]) -> str:
    return ", ".join(names[:_MAX_NAMES]) + (", ..." if len(names) > _MAX_NAMES else "")


def _format_parameters(parameters: dict[str, Any]) -> str:
    """Return the parameters, objects by their kind."""
    shown = {
        name: next(iter(value)) if isinstance(value, dict) else value
        for name, value in parameters.items()
    }
    return ", ".join(f"{name}={value!r}" for name, value in shown.items())
