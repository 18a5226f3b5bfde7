"""Feeding rows: fair shuffles, and outputs that do not depend on the batch."""

import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from skdec import _rows
from skdec._compiled import assignment, encoding
from skdec._rows import (
    INFERENCE_BATCH,
    DistinctRows,
    batched_output,
    chunk_steps,
    float32_rows,
    shuffled_batches,
)
from skdec.networks import Architecture, build_autoencoder


@pytest.mark.parametrize(("n", "batch"), [(10, 3), (12, 4), (5, 16), (7, 7), (1, 4), (9, 1)])
def test_every_row_comes_equally_often_in_full_batches(n, batch):
    batches = list(islice(shuffled_batches(n, batch, np.random.RandomState(0)), 3 * n))
    assert {len(indices) for indices in batches} == {batch}
    stream = np.concatenate(batches)
    for turn in range(len(stream) // n):
        # One shuffle of all rows after the other, also where it ends within a batch.
        np.testing.assert_array_equal(np.sort(stream[turn * n : (turn + 1) * n]), np.arange(n))
    np.testing.assert_array_equal(np.bincount(stream, minlength=n), 3 * batch)


def test_shuffles_differ_from_turn_to_turn_and_by_seed():
    def turns(seed):
        batches = shuffled_batches(50, 50, np.random.RandomState(seed))
        return [tuple(indices) for indices in islice(batches, 3)]

    assert turns(0) == turns(0)
    assert len({*turns(0), *turns(1)}) == 6


@pytest.mark.parametrize("n", [1, INFERENCE_BATCH - 1, INFERENCE_BATCH, 2 * INFERENCE_BATCH + 3])
def test_output_has_a_row_for_each_row(n):
    X = np.random.default_rng(0).normal(size=(n, 3))
    seen = []

    def run(rows):
        seen.append(rows.shape)
        return rows[:, :2] * 2

    output = batched_output(run, X, 2)
    np.testing.assert_array_equal(output, X[:, :2].astype(np.float32) * 2)
    assert output.dtype == np.float32
    assert set(seen) == {(INFERENCE_BATCH, 3)}


@pytest.mark.parametrize("program", ["encoding", "assignment"])
def test_a_rows_output_is_the_same_bits_in_every_batch(program):
    random = np.random.default_rng(0)
    architecture = Architecture(6, (16, 4), "relu")
    weights = build_autoencoder(*architecture, seed=0).encoder.get_weights()
    centers = random.normal(size=(5, 4)).astype(np.float32)
    runs = {
        "encoding": lambda X: batched_output(encoding(architecture, weights), X, 4),
        "assignment": lambda X: batched_output(
            assignment(architecture, weights, centers, 1.0), X, 5
        ),
    }
    X = random.normal(size=(INFERENCE_BATCH * 2 + 37, 6))
    whole = runs[program](X)
    order = random.permutation(len(X))
    np.testing.assert_array_equal(runs[program](X[order]), whole[order])
    np.testing.assert_array_equal(runs[program](X[300:303]), whole[300:303])
    np.testing.assert_array_equal(runs[program](X[[520]]), whole[[520]])


@pytest.mark.parametrize("kind", [sp.csr_matrix, sp.csr_array])
def test_sparse_rows_come_dense(kind):
    dense = np.random.default_rng(0).binomial(3, 0.2, (20, 5)).astype(float)
    rows = float32_rows(kind(dense), np.array([3, 3, 0]))
    assert type(rows) is np.ndarray
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows, dense[[3, 3, 0]])


def test_a_memory_map_is_read_only_where_asked(tmp_path):
    X = np.memmap(tmp_path / "rows", np.float64, "w+", shape=(50, 4))
    X[:] = np.arange(200).reshape(50, 4)
    rows = float32_rows(X, slice(10, 12))
    assert type(rows) is np.ndarray
    np.testing.assert_array_equal(rows, [[40, 41, 42, 43], [44, 45, 46, 47]])


@pytest.mark.parametrize(("n_features", "batch"), [(3, 4), (784, 256), (200_000, 256)])
def test_chunks_stay_within_their_bytes(n_features, batch):
    steps = chunk_steps(n_features, batch)
    assert 1 <= steps <= _rows._MAX_CHUNK_STEPS
    assert steps == 1 or steps * batch * n_features * 4 <= _rows._CHUNK_BYTES


# ---- distinct rows


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array])
def test_distinct_rows_sum_the_weights_of_copies(kind):
    X = np.array([[1.0, 2.0], [0.0, 5.0], [1.0, 2.0], [-0.0, 5.0], [3.0, 3.0], [7.0, 7.0]])
    given = np.array([1.0, 2.0, 3.0, 1.0, 2.0, 0.0])
    rows = DistinctRows(kind(X), given)
    assert rows.shape == (3, 2)
    found = {tuple(row): weight for row, weight in zip(rows[:], rows.weights, strict=True)}
    assert found == pytest.approx({(1.0, 2.0): 4 / 3, (0.0, 5.0): 1.0, (3.0, 3.0): 2 / 3})
    values, places = rows.spread(rows[:][:, 0])
    np.testing.assert_array_equal(places, [0, 1, 2, 3, 4])
    np.testing.assert_array_equal(values, X[places, 0])


def test_distinct_rows_do_not_depend_on_the_order_of_the_rows():
    X = np.random.default_rng(0).normal(size=(40, 3))
    order = np.random.default_rng(1).permutation(40)
    np.testing.assert_array_equal(DistinctRows(X)[:], DistinctRows(X[order])[:])
    twice = DistinctRows(np.repeat(X, 2, axis=0))
    np.testing.assert_array_equal(twice[:], DistinctRows(X)[:])
    np.testing.assert_array_equal(twice.weights, 1)


def resident_file_pages():
    fields = Path("/proc/self/status").read_text().split("RssFile:")[1]
    return int(fields.split()[0]) * 1024


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells what is resident")
@pytest.mark.parametrize("view", [np.asarray, lambda X: X, lambda X: X[5:]])
def test_a_map_that_was_read_leaves_no_pages(view, tmp_path):
    X = np.lib.format.open_memmap(tmp_path / "rows.npy", "w+", np.float32, (20_000, 500))
    X[:] = np.arange(500)
    X.flush()
    del X
    X = view(np.load(tmp_path / "rows.npy", mmap_mode="r"))
    before = resident_file_pages()
    X.sum()
    assert resident_file_pages() > before + X.nbytes * 0.9
    float32_rows(X, np.array([0]))
    assert resident_file_pages() < before + X.nbytes * 0.1
    np.testing.assert_array_equal(X[-1], np.arange(500))


def test_changes_that_are_in_no_file_are_kept(tmp_path):
    np.save(tmp_path / "rows.npy", np.zeros((2000, 3)))
    X = np.load(tmp_path / "rows.npy", mmap_mode="c")
    X += 1
    float32_rows(X, slice(0, 5))
    assert (X == 1).all()
