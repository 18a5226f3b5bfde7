"""Shared code of the benchmarks: separate processes, stored results and Markdown pages.

A benchmark is a list of items (plain dicts) and a function that measures one of them.
`run_benchmark` measures the items one at a time, each in a fresh process, and writes each result
as soon as it is available. An item that has a result is not measured again, so an interrupted
benchmark can be resumed at any time.
"""

import argparse
import json
import os
import platform
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from time import perf_counter
from typing import Any

import joblib

HERE = Path(__file__).parent
PAGES = HERE.parent / "docs" / "benchmarks"
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
)

Item = dict[str, Any]
# A stored measurement: "item", "result", and under "run" the command, date, machine and versions.
Record = dict[str, Any]


def build_parser(description: str | None) -> argparse.ArgumentParser:
    """Build a parser with the options common to all benchmarks."""
    name = Path(sys.argv[0]).stem
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--output", type=Path, default=HERE / "results" / f"{name}.json", help="results, as JSON"
    )
    parser.add_argument(
        "--page", type=Path, default=PAGES / f"{name}.md", help="tables, as Markdown"
    )
    parser.add_argument(
        "--again", action="store_true", help="measure again the items that already have a result"
    )
    parser.add_argument(
        "--page-only", action="store_true", help="measure nothing, only rewrite the page"
    )
    parser.add_argument("--item", type=json.loads, help=argparse.SUPPRESS)
    parser.add_argument("--into", type=Path, help=argparse.SUPPRESS)
    return parser


def run_benchmark(
    parser: argparse.ArgumentParser,
    list_items: Callable[[argparse.Namespace], Iterable[Item]],
    measure: Callable[[Item], dict[str, Any]],
    format_page: Callable[[list[Record]], str],
) -> int:
    """Measure the items selected on the command line, write the page, return the exit status."""
    options = parser.parse_args()
    if options.item is not None:  # in the process that measures this item
        options.into.write_text(json.dumps(measure(options.item)))
        return 0
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    n_failed = 0
    try:
        if not options.page_only:
            n_failed = _measure_missing_items(list(list_items(options)), options)
    except KeyboardInterrupt:
        _print_line("interrupted; run the same command again to resume")
        return 130
    records = _read_records(options.output)
    if records:
        options.page.parent.mkdir(parents=True, exist_ok=True)
        options.page.write_text(
            f"{format_page(records).strip()}\n\n{_format_provenance(records)}\n"
        )
        _print_line(f"{options.page} written")
    return 1 if n_failed else 0


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


def _measure_missing_items(items: list[Item], options: argparse.Namespace) -> int:
    """Measure the items without a result one after the other; return how many failed."""
    measured = [] if options.again else [rec["item"] for rec in _read_records(options.output)]
    missing = [item for item in items if item not in measured]
    _print_line(f"{len(items)} items, {len(items) - len(missing)} of them have a result")
    n_failed = 0
    for position, item in enumerate(missing, start=1):
        name = " ".join(f"{key}={value}" for key, value in item.items())
        _print_line(f"[{position}/{len(missing)}] {name}")
        environment = _describe_environment()
        result, seconds = time_call(lambda item=item: _measure_in_process(item))
        if result is None:
            n_failed += 1
            _print_line(f"    failed after {seconds:.0f} s")
            continue
        _save_record({"item": item, "result": result, "run": environment}, options.output)
        _print_line(f"    {seconds:.0f} s: {_summarize(result)}")
    return n_failed


def _measure_in_process(item: Item) -> dict[str, Any] | None:
    """Measure one item in a separate process; return its result, or None if that fails."""
    with tempfile.TemporaryDirectory() as folder:
        into = Path(folder, "result.json")
        command = [sys.executable, sys.argv[0], "--item", json.dumps(item), "--into", str(into)]
        if subprocess.run(command, check=False).returncode != 0:
            return None
        return json.loads(into.read_text())


def _describe_environment() -> dict[str, Any]:
    """Collect command, date, number of cores, load average of the machine and versions."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return {
        "command": shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": joblib.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "versions": versions,
    }


def _read_records(path: Path) -> list[Record]:
    return json.loads(path.read_text()) if path.is_file() else []


def _save_record(record: Record, path: Path) -> None:
    """Add a record to the file, replacing an earlier one of the same item."""
    records = [other for other in _read_records(path) if other["item"] != record["item"]]
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    temporary.write_text(json.dumps([*records, record], indent=1) + "\n")
    temporary.replace(path)


def _format_provenance(records: list[Record]) -> str:
    """Format the last section of a page: commands, dates, number of cores and versions."""
    runs = [record["run"] for record in records]
    commands = _remove_duplicates(run["command"] for run in runs)
    dates = sorted({run["date"][:10] for run in runs})
    cores = _remove_duplicates(str(run["cores"]) for run in runs)
    loads = [run["load"] for run in runs]
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


def _summarize(result: dict[str, Any]) -> str:
    """Format a result in one line of at most 400 characters and an ellipsis."""
    text = json.dumps(_round_values(result))
    return text if len(text) <= 400 else f"{text[:400]} ..."


def _round_values(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _round_values(inner) for key, inner in value.items()}
    return float(f"{value:.4g}") if isinstance(value, float) else value


def _print_line(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
