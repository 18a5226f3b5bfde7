"""Speedup by a second worker: seconds per epoch with one process and with two on one machine.

Each process computes with one thread, so two processes have twice the computing power of one. Both
run on this machine, so gradients are exchanged through its memory instead of a network.
"""

import json
import os
import subprocess
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from socket import socket
from statistics import median
from typing import Any

import numpy as np
from _results import Item, Record, format_number, format_table
from _synthetic import make_low_rank_samples

N_FEATURES, DIMS = 784, (500, 500, 2000, 10)
N_PARAMETERS = 3_330_794  # of the autoencoder, four bytes each
N_EPOCHS, N_UPDATES = 4, 3
NETWORKS = {"10 Gbit/s": 10e9 / 8, "1 Gbit/s": 1e9 / 8}
N_WORKERS = (1, 2, 4, 8, 16)
BATCH_SIZES = (256, 1024)


def list_items(options: Namespace) -> Iterator[Item]:
    """Yield one worker and two workers in turn, with small and large batches."""
    for turn in range(options.turns):
        for batch in BATCH_SIZES:
            for workers in (1, 2):
                yield {
                    "workers": workers,
                    "batch": batch,
                    "n_samples": options.samples,
                    "turn": turn,
                }


def measure(item: Item) -> dict[str, Any]:
    """Measure median seconds of an epoch of pretraining and of refinement with one update."""
    if "index" in item:
        return _time_epochs(item)
    addresses = [f"127.0.0.1:{port}" for port in _find_free_ports(item["workers"])]
    with tempfile.TemporaryDirectory() as folder:
        processes = [
            _start_worker(
                item | {"index": index, "addresses": addresses}, Path(folder, f"{index}.json")
            )
            for index in range(item["workers"])
        ]
        statuses = [process.wait() for process in processes]
        if any(statuses):
            raise RuntimeError(f"The workers exited with status {statuses}.")
        return json.loads(Path(folder, "0.json").read_text())


def _start_worker(item: Item, into: Path) -> subprocess.Popen:
    arguments = ["--into", str(into), "--item", json.dumps(item)]
    command = [sys.executable, sys.argv[0], "workers", *arguments]
    return subprocess.Popen(command, env=os.environ | {"OMP_NUM_THREADS": "1"})


def _find_free_ports(n_ports: int) -> list[int]:
    sockets = [socket() for _ in range(n_ports)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _time_epochs(item: Item) -> dict[str, Any]:
    cluster = {"worker": item["addresses"]}
    os.environ["TF_CONFIG"] = json.dumps(
        {"cluster": cluster, "task": {"type": "worker", "index": item["index"]}}
    )
    import tensorflow as tf

    # A single worker uses no strategy, like a usual fit.
    several = item["workers"] > 1
    scope = tf.distribute.MultiWorkerMirroredStrategy().scope() if several else nullcontext()
    from skdec import DECClusterer

    X = make_low_rank_samples(item["n_samples"], N_FEATURES)
    steps = -(-item["n_samples"] // item["batch"])
    dec = DECClusterer(
        10,
        dims=DIMS,
        batch_size=item["batch"],
        pretrain_epochs=N_EPOCHS,
        init="k-means++",
        max_iter=N_UPDATES * steps,
        update_interval=steps,
        tol=0,
        random_state=0,
    )
    with scope:
        dec.fit(X)
    clocks = {phase: dec.history_[phase]["seconds"] for phase in ("pretrain", "refine")}
    return {phase: float(np.median(np.diff(clock))) for phase, clock in clocks.items()}


def format_page(records: list[Record]) -> str:
    """Format medians over the turns, and the speedup that they predict for more workers."""
    n_samples = records[0]["item"]["n_samples"]
    medians = {
        (batch, workers): _compute_medians(records, {"batch": batch, "workers": workers})
        for batch in BATCH_SIZES
        for workers in (1, 2)
    }
    measured = []
    for batch in BATCH_SIZES:
        for phase in ("pretrain", "refine"):
            one, two = (medians[batch, workers][phase] for workers in (1, 2))
            name = f"{phase}, batch size {batch:,}"
            measured.append(
                [name, format_number(one, 2), format_number(two, 2), format_number(one / two, 2)]
            )
    small, large = BATCH_SIZES
    steps = {key: value["pretrain"] / -(-n_samples // key[0]) for key, value in medians.items()}
    per_sample = (steps[large, 1] - steps[small, 1]) / (large - small)
    update = max(steps[small, 1] - small * per_sample, 0.0)
    overhead = median(steps[batch, 2] - (batch / 2 * per_sample + update) for batch in BATCH_SIZES)

    def predict_speedup(workers: int, batch: int, network: float) -> float:
        sent = 2 * (workers - 1) / workers * 4 * N_PARAMETERS
        distributed = batch / workers * per_sample + update + overhead + sent / network
        return (batch * per_sample + update) / distributed if workers > 1 else 1.0

    expected = [
        [
            f"batch size {batch:,}, {name}",
            *(format_number(predict_speedup(n, batch, speed), 1) for n in N_WORKERS),
        ]
        for batch in (*BATCH_SIZES, 8192)
        for name, speed in NETWORKS.items()
    ]
    return f"""# Speedup by a second worker

Seconds per epoch of {n_samples:,} samples with {N_FEATURES} features, the default network;
refinement with one target update per epoch. Two workers are two processes on this machine under
`MultiWorkerMirroredStrategy`; each process computes with one thread.

{format_table(("seconds", "one process", "two workers", "speedup"), measured)}

## Predicted speedup

Each step sends the gradients of {N_PARAMETERS:,} weights, {4 * N_PARAMETERS / 1e6:.1f} MB; a ring
of N workers sends and receives 2 (N - 1) / N times that. According to the two batch sizes above,
one thread takes {1e3 * per_sample:.3f} ms per sample of a batch, which is divided among the
workers, and {1e3 * update:.0f} ms per step, which is not (the optimizer's update of all weights).
Two workers take {1e3 * overhead:.0f} ms per step in addition, without any network: gradients go
through TensorFlow's collectives, and the update is no longer compiled together with the gradient.
If communication and computation do not overlap and the network reaches its nominal rate, the
speedup of pretraining by N workers is:

{format_table(("", *(f"N = {workers}" for workers in N_WORKERS)), expected)}

More workers help with large batches and slow processors, until a worker's part of a batch takes no
longer than communication and update."""


def _compute_medians(records: list[Record], selection: dict[str, int]) -> dict[str, float]:
    results = [rec["result"] for rec in records if selection.items() <= rec["item"].items()]
    return {phase: median(seconds[phase] for seconds in results) for phase in results[0]}


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--samples", type=int, default=20_000, help="number of samples")
    parser.add_argument("--turns", type=int, default=3, help="number of repetitions")
