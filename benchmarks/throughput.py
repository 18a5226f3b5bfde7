"""Samples per second of both phases, compared with Keras, ClustPy and the roofline of the machine.

The roofline of a step is the time of its operations at the rate of the fastest matrix product, of
TensorFlow or NumPy, and of the optimizer's reads and writes at the bandwidth of the memory.

Each turn measures all methods one after the other, each in a separate process; reported are medians
over the turns, of ratios within a turn. Keras comes with skdec, ClustPy with
`pip install -e ".[bench]"`; MNIST is read from the folder named by the environment variable
SKDEC_DATA_HOME.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from itertools import pairwise
from statistics import median
from typing import Any

import numpy as np
from _results import Item, Record, format_number, format_table, time_call

from skdec.datasets import load_mnist

N_FEATURES, N_CLUSTERS = 784, 10
DIMS = (500, 500, 2000, 10)
MATRIX_WIDTH, N_PRODUCTS = 4096, 10
# Measured epochs, after one that is not measured.
N_EPOCHS = 3
# Steps between target updates in the second fit that separates steps from updates.
SHORT_INTERVAL = 4

ROOFLINE = "roofline"
# Adam reads a weight, its gradient and two moments, and writes the weight and the moments.
BYTES_OF_ADAM = 7 * 4


def measure_roofline() -> dict[str, float]:
    """Measure operations per second of float32 matrix products, and bytes per second of sums."""
    import tensorflow as tf

    generator = np.random.default_rng(0)
    shape = (2, MATRIX_WIDTH, MATRIX_WIDTH)
    arrays = generator.standard_normal(shape, dtype=np.float32)
    tensors = tf.unstack(tf.constant(arrays))

    def time_best(function: Callable[..., Any]) -> float:
        function()
        return min(time_call(function)[1] for _ in range(N_PRODUCTS))

    product = min(
        time_best(lambda: tf.linalg.matmul(*tensors).numpy()),
        time_best(lambda: np.matmul(*arrays)),
    )
    # A sum reads two arrays and writes one; waiting for one of its elements copies nothing.
    total = time_best(lambda: tf.add(*tensors)[0, 0].numpy())
    return {
        "operations_per_second": 2 * MATRIX_WIDTH**3 / product,
        "bytes_per_second": 3 * arrays[0].nbytes / total,
    }


def measure_skdec_pretraining(X: np.ndarray, batch_size: int) -> dict[str, float]:
    """Measure the epochs of pretraining after the first, by the seconds in `history_`."""
    from skdec import DECClusterer

    dec = DECClusterer(
        N_CLUSTERS,
        dims=DIMS,
        batch_size=batch_size,
        pretrain_epochs=1 + N_EPOCHS,
        init="k-means++",
        n_neighbors=0,
        max_iter=0,
        random_state=0,
    ).fit(X)
    steps = N_EPOCHS * -(-len(X) // batch_size)
    seconds = dec.history_["pretrain"]["seconds"]
    return {"samples_per_second": steps * batch_size / (seconds[-1] - seconds[0])}


def measure_skdec_refinement(X: np.ndarray, batch_size: int) -> dict[str, float]:
    """Measure refinement with a target update every half epoch, and the fraction of updates.

    A second fit with an update every few steps separates the time of steps and of updates.
    """
    half_epoch = -(-len(X) // batch_size) // 2
    long = _time_interval(X, batch_size, half_epoch, 2 * N_EPOCHS)
    short = _time_interval(X, batch_size, SHORT_INTERVAL, 2 * N_EPOCHS)
    step = (long - short) / (half_epoch - SHORT_INTERVAL)
    return {
        "samples_per_second": half_epoch * batch_size / long,
        "samples_per_second_of_steps": batch_size / step,
        "fraction_of_updates": 1 - half_epoch * step / long,
    }


def _time_interval(X: np.ndarray, batch_size: int, interval: int, n_intervals: int) -> float:
    """Measure the median seconds between two target updates, without the first interval."""
    from skdec import DECClusterer, NeighborClusterer

    dec = DECClusterer(
        N_CLUSTERS,
        dims=DIMS,
        batch_size=batch_size,
        pretrain_epochs=1,
        init=NeighborClusterer(n_init=1),
        max_iter=interval * (1 + n_intervals),
        update_interval=interval,
        tol=0,
        random_state=0,
    ).fit(X)
    return float(np.median(np.diff(dec.history_["refine"]["seconds"])))


def measure_keras_pretraining(X: np.ndarray, batch_size: int) -> dict[str, float]:
    """Measure Keras' `fit` of the same network with Adam."""
    import keras

    from skdec.networks import build_autoencoder

    autoencoder = build_autoencoder(N_FEATURES, DIMS, seed=0).autoencoder
    autoencoder.compile(keras.optimizers.Adam(1e-3), loss="mse")
    autoencoder.fit(X, X, batch_size=batch_size, verbose=0)
    _, seconds = time_call(
        lambda: autoencoder.fit(X, X, batch_size=batch_size, epochs=N_EPOCHS, verbose=0)
    )
    return {"samples_per_second": N_EPOCHS * len(X) / seconds}


def measure_clustpy_pretraining(X: np.ndarray, batch_size: int) -> dict[str, float]:
    """Measure the training of ClustPy's autoencoder with Adam."""
    from clustpy.deep.neural_networks import FeedforwardAutoencoder

    network = FeedforwardAutoencoder([N_FEATURES, *DIMS], random_state=0)
    network.fit(n_epochs=1, batch_size=batch_size, data=X)
    _, seconds = time_call(lambda: network.fit(n_epochs=N_EPOCHS, batch_size=batch_size, data=X))
    return {"samples_per_second": N_EPOCHS * len(X) / seconds}


def measure_clustpy_refinement(X: np.ndarray, batch_size: int) -> dict[str, float]:
    """Measure epochs of ClustPy's DEC: a longer fit minus a fit of one epoch."""
    from clustpy.deep import DEC
    from clustpy.deep.neural_networks import FeedforwardAutoencoder

    network = FeedforwardAutoencoder([N_FEATURES, *DIMS], random_state=0)
    network.fit(n_epochs=1, batch_size=batch_size, data=X)

    def time_fit(n_epochs: int) -> float:
        dec = DEC(
            N_CLUSTERS,
            batch_size=batch_size,
            neural_network=network,
            clustering_epochs=n_epochs,
            random_state=0,
        )
        return time_call(lambda: dec.fit(X))[1]

    time_fit(1)
    return {"samples_per_second": N_EPOCHS * len(X) / (time_fit(1 + N_EPOCHS) - time_fit(1))}


# Function of a method, its batch size, and whether the decoder is trained as well.
Method = tuple[Callable[[np.ndarray, int], dict[str, float]], int, bool]
METHODS: dict[str, Method] = {
    "skdec, pretraining": (measure_skdec_pretraining, 256, True),
    "skdec, pretraining, batch 1024": (measure_skdec_pretraining, 1024, True),
    "Keras fit, pretraining": (measure_keras_pretraining, 256, True),
    "Keras fit, pretraining, batch 1024": (measure_keras_pretraining, 1024, True),
    "ClustPy, pretraining": (measure_clustpy_pretraining, 256, True),
    "skdec, refinement": (measure_skdec_refinement, 256, False),
    "ClustPy, refinement": (measure_clustpy_refinement, 256, False),
}
# Pairs of methods to compare, and the goal for the ratio of their samples per second.
RATIOS = (
    ("skdec, pretraining", "Keras fit, pretraining", 2.0),
    ("skdec, pretraining", "ClustPy, pretraining", 1.4),
    ("skdec, pretraining, batch 1024", "Keras fit, pretraining, batch 1024", None),
    ("skdec, refinement", "ClustPy, refinement", 1.4),
)
GOALS = {"skdec, pretraining": 0.85}


def list_items(options: Namespace) -> Iterator[Item]:
    """Yield one turn after the other, each with the roofline and all methods."""
    for turn in range(options.turns):
        for method in options.methods:
            yield {"method": method, "turn": turn, "n_samples": options.samples}


def measure(item: Item) -> dict[str, Any]:
    """Measure samples per second of one method, or the rates of the roofline."""
    if item["method"] == ROOFLINE:
        return measure_roofline()
    function, batch_size, _ = METHODS[item["method"]]
    return function(load_mnist()[0][: item["n_samples"]], batch_size)


def format_page(records: list[Record]) -> str:
    """Format medians over the turns of rates, fractions of the roofline and ratios."""
    turns: dict[int, dict[str, dict[str, float]]] = {}
    for record in records:
        item = record["item"]
        turns.setdefault(item["turn"], {})[item["method"]] = record["result"]
    rates = [
        [
            name,
            str(sum(name in turn for turn in turns.values())),
            format_number(
                _median(turn[name]["samples_per_second"] for turn in _select_turns(turns, name)), 0
            ),
            format_number(
                _median(
                    _compute_fraction(turn, name) for turn in _select_turns(turns, name, ROOFLINE)
                ),
                2,
            ),
            format_number(GOALS.get(name), 2),
        ]
        for name in METHODS
    ]
    ratios = [
        [
            f"{method} / {reference}",
            format_number(
                _median(
                    turn[method]["samples_per_second"] / turn[reference]["samples_per_second"]
                    for turn in _select_turns(turns, method, reference)
                ),
                2,
            ),
            format_number(goal, 2),
        ]
        for method, reference, goal in RATIOS
    ]
    updates = _median(
        turn["skdec, refinement"]["fraction_of_updates"]
        for turn in _select_turns(turns, "skdec, refinement")
    )
    rooflines = [turn[ROOFLINE] for turn in _select_turns(turns, ROOFLINE)]
    operations, bandwidth = (
        format_number(_median(roofline[name] / 1e9 for roofline in rooflines), 0)
        for name in ("operations_per_second", "bytes_per_second")
    )
    return f"""# Throughput of the two phases

Network {N_FEATURES}-{"-".join(map(str, DIMS))}, batch size 256 unless stated otherwise, Adam
everywhere. {records[0]["item"]["n_samples"]:,} samples of MNIST, {N_EPOCHS} epochs after one that
is not measured. Training performs 6 operations per parameter and sample, and Adam reads and writes
{BYTES_OF_ADAM} bytes per parameter and step. The roofline is the time of both at the rates measured
in the same turn: {operations} GFLOP/s, the faster of TensorFlow's and NumPy's float32 product of
matrices of width {MATRIX_WIDTH:,}, and {bandwidth} GB/s, a sum of such matrices (medians). All
numbers are medians over the turns.

{format_table(("phase", "turns", "samples per second", "fraction of the roofline", "goal"), rates)}

{format_table(("samples per second, ratio within a turn", "median", "goal"), ratios)}

In skdec's refinement with a target update every half epoch, updates take a fraction of
{format_number(updates, 2)} of the time (goal: at most 0.33), averaging over neighbors included. Its
samples per second above include the updates; ClustPy has no updates, it computes targets from each
batch alone."""


def _select_turns(turns: dict[int, Any], *names: str) -> list[dict[str, dict[str, float]]]:
    """Select the turns in which all of these methods were measured."""
    return [turn for turn in turns.values() if all(name in turn for name in names)]


def _compute_fraction(turn: dict[str, dict[str, float]], name: str) -> float:
    """Compute the seconds per sample by the roofline, divided by those measured."""
    _, batch_size, decoder = METHODS[name]
    roofline = turn[ROOFLINE]
    seconds = 6 / roofline["operations_per_second"]
    seconds += BYTES_OF_ADAM / batch_size / roofline["bytes_per_second"]
    return seconds * _count_parameters(decoder) * turn[name]["samples_per_second"]


def _count_parameters(decoder: bool) -> int:
    """Count the weights and biases of the encoder, with those of the decoder on request."""
    widths = [N_FEATURES, *DIMS]
    pairs = list(pairwise(widths))
    count = sum((before + 1) * after for before, after in pairs)
    return count + sum((after + 1) * before for before, after in pairs) if decoder else count


def _median(values: Iterator[float]) -> float | None:
    measured = list(values)
    return median(measured) if measured else None


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of this benchmark."""
    methods = (ROOFLINE, *METHODS)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--methods", nargs="+", choices=methods, default=methods)
    parser.add_argument("--samples", type=int, default=20_480)
