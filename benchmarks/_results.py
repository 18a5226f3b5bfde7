"""What the benchmarks share: items measured in processes of their own, results on disk, pages.

A benchmark is a list of items (plain dicts) and a function that measures one of them. `run` takes
the items one at a time, each in a fresh process, and writes a result as soon as it is there. An
item that has a result is not measured again, so a run can be stopped and taken up at any time.
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
from datetime import datetime, timezone
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
# What is kept of an item: "item", "result", and under "run" where, when and how it was measured.
Record = dict[str, Any]


def benchmark_parser(description: str | None) -> argparse.ArgumentParser:
    """Parser with the options that all benchmarks have."""
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
        "--again", action="store_true", help="measure anew what already has a result"
    )
    parser.add_argument(
        "--page-only", action="store_true", help="measure nothing, write the page anew"
    )
    parser.add_argument("--item", type=json.loads, help=argparse.SUPPRESS)
    parser.add_argument("--into", type=Path, help=argparse.SUPPRESS)
    return parser


def run(
    parser: argparse.ArgumentParser,
    items: Callable[[argparse.Namespace], Iterable[Item]],
    measure: Callable[[Item], dict[str, Any]],
    page: Callable[[list[Record]], str],
) -> int:
    """Measure the items that the command line asks for and write the page; the exit status."""
    options = parser.parse_args()
    if options.item is not None:  # this is the process of one item
        options.into.write_text(json.dumps(measure(options.item)))
        return 0
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    failed = 0
    try:
        if not options.page_only:
            failed = _measured(list(items(options)), options)
    except KeyboardInterrupt:
        _tell("stopped; the same command goes on from here")
        return 130
    records = _records(options.output)
    if records:
        options.page.parent.mkdir(parents=True, exist_ok=True)
        options.page.write_text(f"{page(records).strip()}\n\n{_provenance(records)}\n")
        _tell(f"{options.page} written")
    return 1 if failed else 0


def timed(function: Callable[[], Any]) -> tuple[Any, float]:
    """What `function` returns, and the seconds it takes."""
    begun = perf_counter()
    value = function()
    return value, perf_counter() - begun


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Markdown table, the first column to the left and the others to the right."""
    lines = [titles, ["---", *["---:"] * (len(titles) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def number(value: float | None, digits: int = 3) -> str:
    """A cell of a table: the number rounded, a dash where there is none."""
    return "-" if value is None else f"{value:,.{digits}f}"


def _measured(items: list[Item], options: argparse.Namespace) -> int:
    """Measure the items without a result one after the other; how many failed."""
    finished = [] if options.again else [record["item"] for record in _records(options.output)]
    waiting = [item for item in items if item not in finished]
    _tell(f"{len(items)} items, {len(items) - len(waiting)} of them have a result")
    failed = 0
    for position, item in enumerate(waiting, start=1):
        name = " ".join(f"{key}={value}" for key, value in item.items())
        _tell(f"[{position}/{len(waiting)}] {name}")
        circumstances = _circumstances()
        result, seconds = timed(lambda item=item: _result_of_process(item))
        if result is None:
            failed += 1
            _tell(f"    failed after {seconds:.0f} s")
            continue
        _keep({"item": item, "result": result, "run": circumstances}, options.output)
        _tell(f"    {seconds:.0f} s: {_summary(result)}")
    return failed


def _result_of_process(item: Item) -> dict[str, Any] | None:
    """Result of one item, measured in a process of its own; None if that fails."""
    with tempfile.TemporaryDirectory() as folder:
        into = Path(folder, "result.json")
        command = [sys.executable, sys.argv[0], "--item", json.dumps(item), "--into", str(into)]
        if subprocess.run(command, check=False).returncode != 0:
            return None
        return json.loads(into.read_text())


def _circumstances() -> dict[str, Any]:
    """Command, date, machine and versions; `load` says how busy others kept the machine."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return {
        "command": shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]]),
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "cores": joblib.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "versions": versions,
    }


def _records(path: Path) -> list[Record]:
    return json.loads(path.read_text()) if path.is_file() else []


def _keep(record: Record, path: Path) -> None:
    """Add a record to the file, or put it in the place of an older one of the same item."""
    records = [old for old in _records(path) if old["item"] != record["item"]]
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".part")
    beside.write_text(json.dumps([*records, record], indent=1) + "\n")
    beside.replace(path)


def _provenance(records: list[Record]) -> str:
    """Command, core count, versions and dates of the measurements, as the end of a page."""
    runs = [record["run"] for record in records]
    commands = _distinct(run["command"] for run in runs)
    dates = sorted({run["date"][:10] for run in runs})
    cores = _distinct(str(run["cores"]) for run in runs)
    loads = [run["load"] for run in runs]
    found = _distinct(pair for run in runs for pair in run["versions"].items())
    versions: dict[str, list[str]] = {}
    for package, version in found:
        versions.setdefault(package, []).append(version)
    listed = ", ".join(f"{package} {' and '.join(found)}" for package, found in versions.items())
    return "\n".join(
        [
            "## How this was measured",
            "",
            "```console",
            *(f"$ {command}" for command in commands),
            "```",
            "",
            f"{' to '.join(dict.fromkeys([dates[0], dates[-1]]))}, {' or '.join(cores)} cores; "
            f"{listed}. Each measurement ran in a process of its own, one at a time, with a load "
            f"average between {min(loads)} and {max(loads)} as it began.",
        ]
    )


def _distinct(values: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(values))


def _summary(result: dict[str, Any]) -> str:
    """A result in short, for the one who watches."""
    text = json.dumps(_rounded(result))
    return text if len(text) <= 400 else f"{text[:400]} ..."


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    return float(f"{value:.4g}") if isinstance(value, float) else value


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
