"""A fit, labels and embeddings of a file of three times the memory that the process may have.

Needs Linux and the right to make a control group, and disk for the file. The limit counts all that
the process has in memory, the system's cache of the file included; the kernel kills what needs
more.
"""

import os
import sys
import tempfile
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from _results import Item, Record, benchmark_parser, number, run, table, timed
from _synthetic import write_low_rank_rows

N_FEATURES = 3072
TIMES = 3
GROUPS = Path("/sys/fs/cgroup")
BLOCK = 10_000


def items(options: Namespace) -> Iterator[Item]:
    """One fit per way of giving the rows."""
    yield from ({"way": way, "limit": options.limit} for way in options.ways)


def measure(item: Item) -> dict[str, Any]:
    """Seconds and peak memory of each method, under the limit."""
    with tempfile.TemporaryDirectory() as folder:
        path, n_rows = Path(folder, "rows.npy"), -(-TIMES * item["limit"] // (4 * N_FEATURES))
        write_low_rank_rows(path, n_rows, N_FEATURES)
        _forget(path)
        group = _limited_group(item["limit"])
        try:
            from skdec import DECClusterer

            before = _bytes_read()
            X = np.load(path, mmap_mode="r")
            dec = DECClusterer(10, pretrain_epochs=1, n_init=1, random_state=0)
            steps = -(-n_rows // dec.batch_size)
            dec.set_params(max_iter=steps, update_interval=steps)
            seconds = {}
            if item["way"] == "memory map":
                _, seconds["fit"] = timed(lambda: dec.fit(X))
            else:
                blocks = (X[at : at + BLOCK] for at in range(0, n_rows, BLOCK))
                _, seconds["fit"] = timed(lambda: dec.fit_blocks(blocks, folder=folder))
            labels, seconds["predict"] = timed(lambda: dec.predict(X))
            Z, seconds["transform"] = timed(lambda: dec.transform(X))
            assert (labels == dec.labels_).all()
            assert Z.shape == (n_rows, 10)
            peak = _number_in(group, "memory.max_usage_in_bytes", "memory.peak")
        finally:
            _left(group)
    read = _bytes_read() - before
    return {"rows": n_rows, "file": X.nbytes, "peak": peak, "read": read, **seconds}


def _forget(path: Path) -> None:
    """Have the system drop what it has kept of a file, which would not count."""
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _limited_group(limit: int) -> Path:
    """A new control group with this process in it and so many bytes of memory for it."""
    of_version_1 = GROUPS / "memory"
    group = (of_version_1 if of_version_1.is_dir() else GROUPS) / f"skdec_{os.getpid()}"
    group.mkdir()
    one, two = group / "memory.limit_in_bytes", group / "memory.max"
    (one if one.exists() else two).write_text(str(limit))
    (group / "cgroup.procs").write_text(str(os.getpid()))
    return group


def _bytes_read() -> int:
    """Bytes that this process had the system read from disks so far."""
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(fields["read_bytes"])


def _number_in(group: Path, *names: str) -> int:
    return next(int((group / name).read_text()) for name in names if (group / name).exists())


def _left(group: Path) -> None:
    """Take this process out of the group, and the group away."""
    (group.parent / "cgroup.procs").write_text(str(os.getpid()))
    group.rmdir()


def page(records: list[Record]) -> str:
    """Limit, peak and seconds of either way."""
    rows = [
        [
            record["item"]["way"],
            f"{record['result']['rows']:,}",
            *(
                number(value / 2**30, 1)
                for value in (
                    record["result"]["file"],
                    record["item"]["limit"],
                    record["result"]["peak"],
                    record["result"]["read"],
                )
            ),
            *(number(record["result"][name], 0) for name in ("fit", "predict", "transform")),
        ]
        for record in records
    ]
    titles = ("rows as", "rows", "GiB, file", "limit", "peak", "read", "seconds, fit", "predict")
    return f"""# Larger than memory

A float32 file of {N_FEATURES:,} columns, {TIMES} times as large as the memory that a control group
allows the process for everything, TensorFlow and the system's cache of the file included. One
epoch of pretraining and one pass of refinement with the default network; `fit` of the memory map,
or `fit_blocks` of blocks of {BLOCK:,} rows; then `predict` and `transform` of the memory map. The
peak is at the limit where the cache takes what is left; read is what came from the disk in all,
over a dozen passes in random order.

{table((*titles, "transform"), rows)}"""


def main() -> int:
    parser = benchmark_parser(__doc__)
    parser.add_argument("--ways", nargs="+", default=["memory map", "blocks"], help="of the rows")
    parser.add_argument("--limit", type=int, default=2**31, help="bytes of memory")
    return run(parser, items, measure, page)


if __name__ == "__main__":
    sys.exit(main())
