"""Run a benchmark: `python benchmarks/run.py NAME`, with `--help` for its options.

NAME is a module of this folder with

- `list_items(options)`: what is to be measured, as plain dicts;
- `measure(item)`: the result of one of them, a plain dict;
- `format_page(records)`: the page with the tables, from the records of all items;
- `add_arguments(parser)`: options of its own, if it has any.

The items are measured one at a time, each in a fresh process, and each result is written as soon as
it is available, to `results/NAME.json`. An item that has a result is not measured again, so an
interrupted benchmark is resumed by the same command. The page is `docs/benchmarks/NAME.md`.
"""

import argparse
import json
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from _results import (
    Item,
    describe_moment,
    describe_run,
    format_provenance,
    read_records,
    save_record,
    time_call,
)

HERE = Path(__file__).parent
PAGES = HERE.parent / "docs" / "benchmarks"


def list_names() -> list[str]:
    """List the benchmarks: the modules that have items."""
    return sorted(
        path.stem for path in HERE.glob("*.py") if "\ndef list_items(" in path.read_text()
    )


def build_parser(name: str, benchmark: ModuleType) -> argparse.ArgumentParser:
    """Build the parser of a benchmark, with the options that all have and its own."""
    parser = argparse.ArgumentParser(
        prog=f"run.py {name}",
        description=benchmark.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    results, page = HERE / "results" / f"{name}.json", PAGES / f"{name}.md"
    parser.add_argument("--output", type=Path, default=results, help="results, as JSON")
    parser.add_argument("--page", type=Path, default=page, help="tables, as Markdown")
    parser.add_argument(
        "--again", action="store_true", help="measure again the items that already have a result"
    )
    parser.add_argument(
        "--page-only", action="store_true", help="measure nothing, only rewrite the page"
    )
    parser.add_argument("--item", type=json.loads, help=argparse.SUPPRESS)
    parser.add_argument("--into", type=Path, help=argparse.SUPPRESS)
    if hasattr(benchmark, "add_arguments"):
        benchmark.add_arguments(parser)
    return parser


def run(name: str, arguments: Sequence[str]) -> int:
    """Measure what is missing, write the page, and return the exit status."""
    benchmark = import_module(name)
    options = build_parser(name, benchmark).parse_args(arguments)
    if options.item is not None:  # in the process that measures this item
        options.into.write_text(json.dumps(benchmark.measure(options.item)))
        return 0
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    n_failed = 0
    if not options.page_only:
        command = shlex.join(["python", "benchmarks/run.py", name, *arguments])
        # As they are read from the results, where a tuple is a list.
        items = json.loads(json.dumps(list(benchmark.list_items(options))))
        try:
            n_failed = measure_missing(name, items, options, command)
        except KeyboardInterrupt:
            print("interrupted; run the same command again to resume")
            return 130
    records = read_records(options.output)
    if records:
        options.page.parent.mkdir(parents=True, exist_ok=True)
        text = f"{benchmark.format_page(records).strip()}\n\n{format_provenance(records)}\n"
        options.page.write_text(text)
        print(f"{options.page} written")
    return 1 if n_failed else 0


def measure_missing(name: str, items: list[Item], options: argparse.Namespace, command: str) -> int:
    """Measure the items without a result one after the other; return how many failed."""
    measured = [] if options.again else [record["item"] for record in read_records(options.output)]
    missing = [item for item in items if item not in measured]
    print(f"{len(items)} items, {len(items) - len(missing)} of them have a result", flush=True)
    n_failed = 0
    for position, item in enumerate(missing, start=1):
        title = " ".join(f"{key}={value}" for key, value in item.items())
        print(f"[{position}/{len(missing)}] {title}", flush=True)
        record = {"item": item} | describe_moment()
        result, seconds = time_call(lambda item=item: measure_in_process(name, item))
        if result is None:
            n_failed += 1
            print(f"    failed after {seconds:.0f} s", flush=True)
            continue
        save_record(record | {"result": result, "run": describe_run(command)}, options.output)
        print(f"    {seconds:.0f} s: {summarize(result)}", flush=True)
    return n_failed


def measure_in_process(name: str, item: Item) -> dict[str, Any] | None:
    """Measure one item in a separate process; return its result, or None if that fails."""
    with tempfile.TemporaryDirectory() as folder:
        into = Path(folder, "result.json")
        arguments = [name, "--item", json.dumps(item), "--into", str(into)]
        process = subprocess.run([sys.executable, __file__, *arguments], check=False)
        return json.loads(into.read_text()) if process.returncode == 0 else None


def summarize(result: dict[str, Any]) -> str:
    """Format a result in one line of at most 400 characters and an ellipsis."""
    text = json.dumps(round_values(result))
    return text if len(text) <= 400 else f"{text[:400]} ..."


def round_values(value: Any) -> Any:
    """Round the numbers of a result to four digits."""
    if isinstance(value, dict):
        return {key: round_values(inner) for key, inner in value.items()}
    return float(f"{value:.4g}") if isinstance(value, float) else value


if __name__ == "__main__":
    names = list_names()
    if len(sys.argv) < 2 or sys.argv[1] not in names:
        sys.exit(f"{__doc__}\nNAME is one of {', '.join(names)}.")
    sys.exit(run(sys.argv[1], sys.argv[2:]))
