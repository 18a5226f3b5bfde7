"""What a second worker saves: seconds per epoch with one process and with two, on loopback.

Each process computes with one thread, so that two of them have twice what one has. Both run on
this machine, so gradients travel through its memory rather than through a network.
"""

import json
import os
import subprocess
import sys
import tempfile
from argparse import Namespace
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from socket import socket
from statistics import median
from typing import Any

import numpy as np
from _results import Item, Record, benchmark_parser, number, run, table
from _synthetic import low_rank_rows

N_FEATURES, DIMS = 784, (500, 500, 2000, 10)
N_PARAMETERS = 3_330_794  # of the autoencoder, four bytes each
N_EPOCHS, N_UPDATES = 4, 3
NETWORKS = {"10 Gbit/s": 10e9 / 8, "1 Gbit/s": 1e9 / 8}
HOSTS = (1, 2, 4, 8, 16)
BATCHES = (256, 1024)


def items(options: Namespace) -> Iterator[Item]:
    """One worker and two in turn, with small and large batches."""
    for turn in range(options.turns):
        for batch in BATCHES:
            for workers in (1, 2):
                yield {"workers": workers, "batch": batch, "rows": options.rows, "turn": turn}


def measure(item: Item) -> dict[str, Any]:
    """Median seconds of an epoch of pretraining, and of an update with a pass of steps."""
    if "index" in item:
        return _epoch_seconds(item)
    addresses = [f"127.0.0.1:{port}" for port in _free_ports(item["workers"])]
    with tempfile.TemporaryDirectory() as folder:
        processes = [
            _started(item | {"index": index, "addresses": addresses}, Path(folder, f"{index}.json"))
            for index in range(item["workers"])
        ]
        statuses = [process.wait() for process in processes]
        if any(statuses):
            raise RuntimeError(f"The workers ended with {statuses}.")
        return json.loads(Path(folder, "0.json").read_text())


def _started(item: Item, into: Path) -> subprocess.Popen:
    command = [sys.executable, sys.argv[0], "--into", str(into), "--item", json.dumps(item)]
    return subprocess.Popen(command, env=os.environ | {"OMP_NUM_THREADS": "1"})


def _free_ports(n_ports: int) -> list[int]:
    sockets = [socket() for _ in range(n_ports)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _epoch_seconds(item: Item) -> dict[str, Any]:
    cluster = {"worker": item["addresses"]}
    os.environ["TF_CONFIG"] = json.dumps(
        {"cluster": cluster, "task": {"type": "worker", "index": item["index"]}}
    )
    import tensorflow as tf

    # Without other workers, the fit that everybody gets who asks for no strategy.
    several = item["workers"] > 1
    scope = tf.distribute.MultiWorkerMirroredStrategy().scope() if several else nullcontext()
    from skdec import DECClusterer

    X = low_rank_rows(item["rows"], N_FEATURES)
    steps = -(-item["rows"] // item["batch"])
    dec = DECClusterer(
        10,
        dims=DIMS,
        batch_size=item["batch"],
        pretrain_epochs=N_EPOCHS,
        init="k-means++",
        n_init=1,
        max_iter=N_UPDATES * steps,
        update_interval=steps,
        tol=0,
        random_state=0,
    )
    with scope:
        dec.fit(X)
    clocks = {phase: dec.history_[phase]["seconds"] for phase in ("pretrain", "refine")}
    return {phase: float(np.median(np.diff(clock))) for phase, clock in clocks.items()}


def page(records: list[Record]) -> str:
    """Medians of the turns, and what follows for more hosts."""
    rows_of = records[0]["item"]["rows"]
    medians = {
        (batch, workers): _medians(records, {"batch": batch, "workers": workers})
        for batch in BATCHES
        for workers in (1, 2)
    }
    measured = []
    for batch in BATCHES:
        for phase in ("pretrain", "refine"):
            one, two = (medians[batch, workers][phase] for workers in (1, 2))
            name = f"{phase}, batches of {batch:,}"
            measured.append([name, number(one, 2), number(two, 2), number(one / two, 2)])
    small, large = BATCHES
    steps = {key: found["pretrain"] / -(-rows_of // key[0]) for key, found in medians.items()}
    per_row = (steps[large, 1] - steps[small, 1]) / (large - small)
    update = max(steps[small, 1] - small * per_row, 0.0)
    extra = median(steps[batch, 2] - (batch / 2 * per_row + update) for batch in BATCHES)

    def speed_up(hosts: int, batch: int, network: float) -> float:
        sent = 2 * (hosts - 1) / hosts * 4 * N_PARAMETERS
        together = batch / hosts * per_row + update + extra + sent / network
        return (batch * per_row + update) / together if hosts > 1 else 1.0

    expected = [
        [f"batches of {batch:,}, {name}", *(number(speed_up(n, batch, speed), 1) for n in HOSTS)]
        for batch in (*BATCHES, 8192)
        for name, speed in NETWORKS.items()
    ]
    return f"""# What a second worker saves

Seconds per epoch of {rows_of:,} rows of {N_FEATURES} columns, the default network; refinement with
one update per epoch. Two workers are two processes on this machine under
`MultiWorkerMirroredStrategy`; every process computes with one thread.

{table(("seconds", "one process", "two workers", "times as fast"), measured)}

## On paper

Every step sends the gradients of {N_PARAMETERS:,} weights, {4 * N_PARAMETERS / 1e6:.1f} MB; a ring
of N workers sends and receives 2 (N - 1) / N times that. From the two batch sizes above, one thread
takes {1e3 * per_row:.3f} ms per row of a batch, which the workers share, and
{1e3 * update:.0f} ms per step, which they do not (the optimizer's update of all weights). Two
workers take {1e3 * extra:.0f} ms a step more than that, without any network: gradients go through
TensorFlow's collectives, and the update is no longer compiled together with the gradient. If
nothing overlaps, and the network carries what it promises, N workers pretrain so many times as fast
as one:

{table(("", *(f"N = {hosts}" for hosts in HOSTS)), expected)}

So it pays with large batches and slow processors, and ends where a worker's share of a batch takes
no longer than sending and updating: more workers then add nothing."""


def _medians(records: list[Record], wanted: dict[str, int]) -> dict[str, float]:
    found = [rec["result"] for rec in records if wanted.items() <= rec["item"].items()]
    return {phase: median(seconds[phase] for seconds in found) for phase in found[0]}


def main() -> int:
    parser = benchmark_parser(__doc__)
    parser.add_argument("--rows", type=int, default=20_000, help="number of rows")
    parser.add_argument("--turns", type=int, default=3, help="times that all is measured")
    return run(parser, items, measure, page)


if __name__ == "__main__":
    sys.exit(main())
