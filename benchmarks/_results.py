"""What the benchmarks share: stored results, one format for all, and Markdown tables.

A file of results holds the runs of `run.py` (command, machine, versions) once each, and a line for
each measurement: its item, its result, its date, the load of the machine, and which run it was.
"""

import json
import os
import platform
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from time import perf_counter
from typing import Any

import joblib

PACKAGES = (
    "skdec",
    "tensorflow",
    "keras",
    "scikit-learn",
    "numpy",
    "scipy",
    "umap-learn",
    "clustpy",
    "torch",
    "pandas",
    "duckdb",
    "clevercsv",
    "charset-normalizer",
)

Item = dict[str, Any]
# A measurement: "item", "result", "date", "load", and "run": "command", "cores" and "versions".
Record = dict[str, Any]


def time_call(function: Callable[[], Any]) -> tuple[Any, float]:
    """Call `function` and return its result and the elapsed seconds."""
    before = perf_counter()
    value = function()
    return value, perf_counter() - before


def format_table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Format a Markdown table, the first column left-aligned and the others right-aligned."""
    lines = [titles, ["---", *["---:"] * (len(titles) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def format_number(value: float | None, digits: int = 3) -> str:
    """Format a number rounded to `digits` decimals, or a dash for None."""
    return "-" if value is None else f"{value:,.{digits}f}"


def describe_run(command: str) -> dict[str, Any]:
    """Collect the command, the number of cores and the versions of the packages."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return {"command": command, "cores": joblib.cpu_count(), "versions": versions}


def describe_moment() -> dict[str, Any]:
    """Return the date, and the load average of the machine."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {"date": now, "load": round(os.getloadavg()[0], 2)}


def read_records(path: Path) -> list[Record]:
    """Read the measurements of a file; none if it does not exist."""
    if not path.is_file():
        return []
    stored = json.loads(path.read_text())
    return [record | {"run": stored["runs"][record["run"]]} for record in stored["records"]]


def write_records(records: list[Record], path: Path) -> None:
    """Write the measurements, one a line, in place of the file."""
    runs: list[dict[str, Any]] = []
    lines = []
    for record in records:
        if record["run"] not in runs:
            runs.append(record["run"])
        lines.append(json.dumps(record | {"run": runs.index(record["run"])}))
    listed_runs = ",\n".join(map(json.dumps, runs))
    listed_records = ",\n".join(lines)
    text = f'{{"runs": [\n{listed_runs}\n],\n"records": [\n{listed_records}\n]}}\n'
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    temporary.write_text(text)
    temporary.replace(path)


def save_record(record: Record, path: Path) -> None:
    """Add a measurement to the file, replacing an earlier one of the same item."""
    others = [other for other in read_records(path) if other["item"] != record["item"]]
    write_records([*others, record], path)


def format_provenance(records: list[Record]) -> str:
    """Format the last section of a page: commands, dates, number of cores and versions."""
    runs = [record["run"] for record in records]
    commands = _remove_duplicates(run["command"] for run in runs)
    dates = sorted({record["date"][:10] for record in records})
    cores = _remove_duplicates(str(run["cores"]) for run in runs)
    loads = [record["load"] for record in records]
    versions: dict[str, list[str]] = {}
    for package, version in _remove_duplicates(
        pair for run in runs for pair in run["versions"].items()
    ):
        versions.setdefault(package, []).append(version)
    packages = ", ".join(f"{package} {' and '.join(found)}" for package, found in versions.items())
    return "\n".join(
        [
            "## How this was measured",
            "",
            "```console",
            *(f"$ {command}" for command in commands),
            "```",
            "",
            f"{' to '.join(dict.fromkeys([dates[0], dates[-1]]))}, {' or '.join(cores)} cores; "
            f"{packages}. Each measurement ran in a separate process, one at a time; the load "
            f"average before a measurement was between {min(loads)} and {max(loads)}.",
        ]
    )


def _remove_duplicates(values: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(values))
