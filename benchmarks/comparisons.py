"""Complete output of `skdec compare`, as it is printed.

College.csv is read from the folder named by the environment variable SKDEC_DATA_HOME.
"""

import os
import subprocess
import sys
from argparse import Namespace
from collections.abc import Iterator
from typing import Any

from _results import Item, Record, time_call

COLLEGE = ["College.csv", "--label", "Private"]
# Commands by the title of their section.
COMMANDS = {
    "Digits": [],
    "College, prepared column by column": COLLEGE,
    "College, standardized": [*COLLEGE, "--scale", "standard"],
    "College, as it is": [*COLLEGE, "--prepare", "none"],
}


def list_items(options: Namespace) -> Iterator[Item]:
    """Yield the commands."""
    yield from ({"arguments": arguments} for arguments in COMMANDS.values())


def measure(item: Item) -> dict[str, Any]:
    """Run the command where its data are, and keep what it prints, but for the progress."""
    command = [sys.executable, "-m", "skdec", "compare", *item["arguments"], "--seed", "0"]
    folder = os.environ.get("SKDEC_DATA_HOME", ".")
    done, seconds = time_call(
        lambda: subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    )
    lines = done.stderr.splitlines()
    warnings = [line for line in lines if line.startswith("skdec: warning")]
    return {"output": done.stdout, "warnings": warnings, "seconds": seconds}


def format_page(records: list[Record]) -> str:
    """Format a section for each command."""
    results = {tuple(record["item"]["arguments"]): record["result"] for record in records}
    sections = []
    for title, arguments in COMMANDS.items():
        result = results[tuple(arguments)]
        command = " ".join(["skdec compare", *arguments, "--seed 0"])
        printed = "\n".join([*dict.fromkeys(result["warnings"]), result["output"].strip()])
        sections.append(
            f"## {title}\n\n{result['seconds']:.0f} seconds from the return key, imports and "
            f"compilation included:\n\n```console\n$ {command}\n{printed}\n```"
        )
    return "\n\n".join(
        [
            "# Comparisons",
            "After this page you know what `skdec compare` prints. In College the label, whether a "
            "college\nis private, is held back; the clusters need not be private and public.",
            *sections,
        ]
    )
