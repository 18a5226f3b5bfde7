"""Fit, predict and transform on a file three times as large as the memory limit of the process.

Requires Linux, permission to create a control group, and disk space for the file. The limit applies
to all memory of the process, the page cache of the file included; the kernel kills a process that
needs more.
"""

import os
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from _results import Item, Record, format_number, format_table, time_call
from _synthetic import write_low_rank_samples

N_FEATURES = 3072
FILE_TO_LIMIT_RATIO = 3
CONTROL_GROUPS = Path("/sys/fs/cgroup")
BLOCK_SIZE = 10_000


def list_items(options: Namespace) -> Iterator[Item]:
    """Yield one item per way of passing the samples to the estimator."""
    yield from ({"way": way, "limit": options.limit} for way in options.ways)


def measure(item: Item) -> dict[str, Any]:
    """Measure seconds of each method and the peak of memory under the limit."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "samples.npy")
        n_samples = -(-FILE_TO_LIMIT_RATIO * item["limit"] // (4 * N_FEATURES))
        write_low_rank_samples(path, n_samples, N_FEATURES)
        _drop_page_cache(path)
        group = _enter_control_group(item["limit"])
        try:
            from skdec import DECClusterer, NeighborClusterer

            read_before = _get_bytes_read()
            X = np.load(path, mmap_mode="r")
            dec = DECClusterer(
                10, pretrain_epochs=1, init=NeighborClusterer(n_init=1), random_state=0
            )
            steps = -(-n_samples // dec.batch_size)
            dec.set_params(max_iter=steps, update_interval=steps)
            seconds = {}
            if item["way"] == "memory map":
                _, seconds["fit"] = time_call(lambda: dec.fit(X))
            else:
                firsts = range(0, n_samples, BLOCK_SIZE)
                blocks = (X[first : first + BLOCK_SIZE] for first in firsts)
                _, seconds["fit"] = time_call(lambda: dec.fit_blocks(blocks, folder=folder))
            labels, seconds["predict"] = time_call(lambda: dec.predict(X))
            Z, seconds["transform"] = time_call(lambda: dec.transform(X))
            assert (labels == dec.labels_).all()
            assert Z.shape == (n_samples, 10)
            peak = _read_number(group, "memory.max_usage_in_bytes", "memory.peak")
        finally:
            _leave_control_group(group)
    read = _get_bytes_read() - read_before
    return {"n_samples": n_samples, "file": X.nbytes, "peak": peak, "read": read, **seconds}


def _drop_page_cache(path: Path) -> None:
    """Drop the pages of a file that the system caches outside of the control group."""
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _enter_control_group(limit: int) -> Path:
    """Create a control group with a memory limit in bytes and move this process into it."""
    version_1 = CONTROL_GROUPS / "memory"
    parent = version_1 if version_1.is_dir() else CONTROL_GROUPS
    group = parent / f"skdec_{os.getpid()}"
    group.mkdir()
    limit_version_1, limit_version_2 = group / "memory.limit_in_bytes", group / "memory.max"
    (limit_version_1 if limit_version_1.exists() else limit_version_2).write_text(str(limit))
    (group / "cgroup.procs").write_text(str(os.getpid()))
    return group


def _get_bytes_read() -> int:
    """Return the number of bytes read from disk on behalf of this process."""
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(fields["read_bytes"])


def _read_number(group: Path, *names: str) -> int:
    """Read the number in the first of these files that exists."""
    return next(int((group / name).read_text()) for name in names if (group / name).exists())


def _leave_control_group(group: Path) -> None:
    """Move this process out of the control group and remove the group."""
    (group.parent / "cgroup.procs").write_text(str(os.getpid()))
    group.rmdir()


def format_page(records: list[Record]) -> str:
    """Format limit, peak of memory and seconds for each way of passing the samples."""
    rows = [
        [
            record["item"]["way"],
            f"{record['result']['n_samples']:,}",
            *(
                format_number(value / 2**30, 1)
                for value in (
                    record["result"]["file"],
                    record["item"]["limit"],
                    record["result"]["peak"],
                    record["result"]["read"],
                )
            ),
            *(format_number(record["result"][name], 0) for name in ("fit", "predict", "transform")),
        ]
        for record in records
    ]
    titles = (
        "samples from",
        "samples",
        "GiB, file",
        "limit",
        "peak",
        "read",
        "seconds, fit",
        "predict",
        "transform",
    )
    return f"""# Larger than memory

A float32 file of {N_FEATURES:,} features, {FILE_TO_LIMIT_RATIO} times as large as the memory limit
that a control group sets for the whole process, TensorFlow and the page cache of the file included.
One epoch of pretraining and one epoch of refinement with the default network; `fit` on the memory
map, or `fit_blocks` on blocks of {BLOCK_SIZE:,} samples; then `predict` and `transform` on the
memory map. The peak reaches the limit because the page cache uses the memory that is left. "Read"
is the total read from disk: a fit reads the file a dozen times, in random order.

{format_table(titles, rows)}"""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument(
        "--ways", nargs="+", default=["memory map", "blocks"], help="of passing samples"
    )
    parser.add_argument("--limit", type=int, default=2**31, help="memory limit in bytes")
