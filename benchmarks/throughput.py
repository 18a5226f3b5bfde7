"""Rows per second of both phases, beside Keras, ClustPy and the machine's own matrix products.

All contenders run in turn, several times, each in a process of its own; what counts is the median
over the turns of the ratios within a turn. Peers come with `pip install "skdec[bench]"`; the rows
are MNIST's, looked for in the folder named by the environment variable SKDEC_DATA_HOME.
"""

import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from itertools import pairwise
from statistics import median
from typing import Any

import numpy as np
from _results import Item, Record, benchmark_parser, number, run, table, timed

from skdec.datasets import load_mnist

N_FEATURES, N_CLUSTERS = 784, 10
DIMS = (500, 500, 2000, 10)
PRODUCT_WIDTH, N_PRODUCTS = 4096, 10
# Epochs that are measured, after one that is not.
N_EPOCHS = 3
FREQUENT = 4

CEILING = "ceiling"


def ceiling() -> dict[str, float]:
    """Floating-point operations per second of a square float32 matrix product by TensorFlow."""
    import tensorflow as tf

    generator = np.random.default_rng(0)
    shape = (2, PRODUCT_WIDTH, PRODUCT_WIDTH)
    left, right = tf.constant(generator.standard_normal(shape, dtype=np.float32))

    def products() -> None:
        for _ in range(N_PRODUCTS):
            tf.linalg.matmul(left, right).numpy()

    products()
    _, seconds = timed(products)
    return {"operations_per_second": 2 * PRODUCT_WIDTH**3 * N_PRODUCTS / seconds}


def skdec_pretraining(X: np.ndarray, batch_size: int) -> dict[str, float]:
    """Epochs of the pretraining after the first, by the estimator's own clock."""
    from skdec import DECClusterer

    dec = DECClusterer(
        N_CLUSTERS,
        dims=DIMS,
        batch_size=batch_size,
        pretrain_epochs=1 + N_EPOCHS,
        init="k-means++",
        n_init=1,
        n_neighbors=0,
        max_iter=0,
        random_state=0,
    ).fit(X)
    steps = N_EPOCHS * -(-len(X) // batch_size)
    seconds = dec.history_["pretrain"]["seconds"]
    return {"rows_per_second": steps * batch_size / (seconds[-1] - seconds[0])}


def skdec_refinement(X: np.ndarray, batch_size: int) -> dict[str, float]:
    """Refinement with new targets every half epoch, and the share of its time they take.

    Steps and updates are told apart by a second fit that updates every few steps.
    """
    half_epoch = -(-len(X) // batch_size) // 2
    usual = _interval_seconds(X, batch_size, half_epoch, 2 * N_EPOCHS)
    frequent = _interval_seconds(X, batch_size, FREQUENT, 2 * N_EPOCHS)
    step = (usual - frequent) / (half_epoch - FREQUENT)
    return {
        "rows_per_second": half_epoch * batch_size / usual,
        "rows_per_second_of_steps": batch_size / step,
        "share_of_updates": 1 - half_epoch * step / usual,
    }


def _interval_seconds(X: np.ndarray, batch_size: int, interval: int, n_intervals: int) -> float:
    """Median seconds from one target update to the next, the first interval left out."""
    from skdec import DECClusterer

    dec = DECClusterer(
        N_CLUSTERS,
        dims=DIMS,
        batch_size=batch_size,
        pretrain_epochs=1,
        n_init=1,
        max_iter=interval * (1 + n_intervals),
        update_interval=interval,
        tol=0,
        random_state=0,
    ).fit(X)
    return float(np.median(np.diff(dec.history_["refine"]["seconds"])))


def keras_pretraining(X: np.ndarray, batch_size: int) -> dict[str, float]:
    """Keras' `fit` of the same network with Adam."""
    import keras

    from skdec.networks import build_autoencoder

    autoencoder = build_autoencoder(N_FEATURES, DIMS, seed=0).autoencoder
    autoencoder.compile(keras.optimizers.Adam(1e-3), loss="mse")
    autoencoder.fit(X, X, batch_size=batch_size, verbose=0)
    _, seconds = timed(
        lambda: autoencoder.fit(X, X, batch_size=batch_size, epochs=N_EPOCHS, verbose=0)
    )
    return {"rows_per_second": N_EPOCHS * len(X) / seconds}


def clustpy_pretraining(X: np.ndarray, batch_size: int) -> dict[str, float]:
    """ClustPy's training of its autoencoder with Adam."""
    from clustpy.deep.neural_networks import FeedforwardAutoencoder

    network = FeedforwardAutoencoder([N_FEATURES, *DIMS], random_state=0)
    network.fit(n_epochs=1, batch_size=batch_size, data=X)
    _, seconds = timed(lambda: network.fit(n_epochs=N_EPOCHS, batch_size=batch_size, data=X))
    return {"rows_per_second": N_EPOCHS * len(X) / seconds}


def clustpy_refinement(X: np.ndarray, batch_size: int) -> dict[str, float]:
    """Epochs of ClustPy's DEC: the difference between a longer fit and one of a single epoch."""
    from clustpy.deep import DEC
    from clustpy.deep.neural_networks import FeedforwardAutoencoder

    network = FeedforwardAutoencoder([N_FEATURES, *DIMS], random_state=0)
    network.fit(n_epochs=1, batch_size=batch_size, data=X)

    def seconds(n_epochs: int) -> float:
        dec = DEC(
            N_CLUSTERS,
            batch_size=batch_size,
            neural_network=network,
            clustering_epochs=n_epochs,
            random_state=0,
        )
        return timed(lambda: dec.fit(X))[1]

    seconds(1)
    return {"rows_per_second": N_EPOCHS * len(X) / (seconds(1 + N_EPOCHS) - seconds(1))}


# Name of a contender: its function, batch size, and whether the decoder is trained as well.
Contender = tuple[Callable[[np.ndarray, int], dict[str, float]], int, bool]
CONTENDERS: dict[str, Contender] = {
    "skdec, pretraining": (skdec_pretraining, 256, True),
    "skdec, pretraining, batch 1024": (skdec_pretraining, 1024, True),
    "Keras fit, pretraining": (keras_pretraining, 256, True),
    "Keras fit, pretraining, batch 1024": (keras_pretraining, 1024, True),
    "ClustPy, pretraining": (clustpy_pretraining, 256, True),
    "skdec, refinement": (skdec_refinement, 256, False),
    "ClustPy, refinement": (clustpy_refinement, 256, False),
}
# What is compared with what, and the ratio of rows per second that is aimed at.
RATIOS = (
    ("skdec, pretraining", "Keras fit, pretraining", 2.0),
    ("skdec, pretraining", "ClustPy, pretraining", 1.4),
    ("skdec, pretraining, batch 1024", "Keras fit, pretraining, batch 1024", None),
    ("skdec, refinement", "ClustPy, refinement", 1.4),
)
GOALS = {"skdec, pretraining": 0.80, "skdec, pretraining, batch 1024": 0.90}


def items(options: Namespace) -> Iterator[Item]:
    """One turn after the other, each of the ceiling and all contenders."""
    for turn in range(options.turns):
        for method in options.methods:
            yield {"method": method, "turn": turn, "rows": options.rows}


def measure(item: Item) -> dict[str, Any]:
    """Rate of one contender; the ceiling's is that of operations."""
    if item["method"] == CEILING:
        return ceiling()
    function, batch_size, _ = CONTENDERS[item["method"]]
    return function(load_mnist()[0][: item["rows"]], batch_size)


def page(records: list[Record]) -> str:
    """Medians over the turns of rates, shares of the ceiling and ratios."""
    turns: dict[int, dict[str, dict[str, float]]] = {}
    for record in records:
        item = record["item"]
        turns.setdefault(item["turn"], {})[item["method"]] = record["result"]
    rates = [
        [
            name,
            str(sum(name in turn for turn in turns.values())),
            number(_median(turn[name]["rows_per_second"] for turn in _with(turns, name)), 0),
            number(_median(_share(turn, name) for turn in _with(turns, name, CEILING)), 2),
            number(GOALS.get(name), 2),
        ]
        for name in CONTENDERS
    ]
    ratios = [
        [
            f"{ours} / {theirs}",
            number(
                _median(
                    turn[ours]["rows_per_second"] / turn[theirs]["rows_per_second"]
                    for turn in _with(turns, ours, theirs)
                ),
                2,
            ),
            number(goal, 2),
        ]
        for ours, theirs, goal in RATIOS
    ]
    refined = _with(turns, "skdec, refinement")
    updates = _median(turn["skdec, refinement"]["share_of_updates"] for turn in refined)
    products = _median(
        turn[CEILING]["operations_per_second"] / 1e9 for turn in _with(turns, CEILING)
    )
    return f"""# Throughput of the two phases

Network {N_FEATURES}-{"-".join(map(str, DIMS))}, batches of 256 unless said otherwise, Adam in all
pretrainings; skdec refines with SGD, its default, and ClustPy with Adam, its own.
{records[0]["item"]["rows"]:,} rows of MNIST, {N_EPOCHS} epochs after a first one that is not
measured. The ceiling is a float32 matrix product of width {PRODUCT_WIDTH:,} by TensorFlow in the
same turn, {number(products, 0)} GFLOP/s in the median; the share of it counts 6 operations per
parameter, row and step. Medians over the turns.

{table(("phase", "turns", "rows per second", "of the ceiling", "goal"), rates)}

{table(("rows per second, ratio within a turn", "median", "goal"), ratios)}

A target update every half epoch takes {number(updates, 2)} of skdec's refinement (goal: at most
0.33), the consensus of the neighbours included. Its rows per second above include the updates;
ClustPy has none, it takes targets from each batch alone."""


def _with(turns: dict[int, Any], *names: str) -> list[dict[str, dict[str, float]]]:
    """The turns in which all these were measured."""
    return [turn for turn in turns.values() if all(name in turn for name in names)]


def _share(turn: dict[str, dict[str, float]], name: str) -> float:
    _, _, decoder = CONTENDERS[name]
    operations = 6 * _n_parameters(decoder) * turn[name]["rows_per_second"]
    return operations / turn[CEILING]["operations_per_second"]


def _n_parameters(decoder: bool) -> int:
    """Number of weights and biases of the encoder, with those of the decoder if asked for."""
    widths = [N_FEATURES, *DIMS]
    pairs = list(pairwise(widths))
    count = sum((before + 1) * after for before, after in pairs)
    return count + sum((after + 1) * before for before, after in pairs) if decoder else count


def _median(values: Iterator[float]) -> float | None:
    found = list(values)
    return median(found) if found else None


def main() -> int:
    methods = (CEILING, *CONTENDERS)
    parser = benchmark_parser(__doc__)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--methods", nargs="+", choices=methods, default=methods)
    parser.add_argument("--rows", type=int, default=20_480)
    return run(parser, items, measure, page)


if __name__ == "__main__":
    sys.exit(main())
