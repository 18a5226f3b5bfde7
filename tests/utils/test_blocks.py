"""Blocks: samples in blocks give the fit of all samples at once, also beyond the memory."""

import resource
import subprocess
import sys
import warnings

import keras
import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp

from skdec import DECClusterer


def split_into_blocks(X, kind=np.asarray):
    return (kind(X[start : start + 40]) for start in range(0, len(X), 40))


def make_flags(X):
    """Return a data frame with a column of booleans beside columns of numbers."""
    return pd.DataFrame({0: X[:, 0] > 0.5, **{i: X[:, i] for i in range(1, 6)}})


KINDS = {
    "float32": np.float32,
    "list": np.ndarray.tolist,
    "csr": sp.csr_array,
    "bsr": sp.bsr_array,
    "nullable": lambda X: pd.DataFrame(X).astype("Float64"),
    "object": lambda X: X.astype(object),
    "bool beside float": make_flags,
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_blocks_of_any_kind_are_fitted_as_all_samples_at_once(
    kind, tiny, samples, random, tmp_path
):
    weights = random(0).integers(0, 3, len(samples)).astype(float)
    dec = DECClusterer(**tiny).fit_blocks(
        split_into_blocks(samples, kind), weights, folder=tmp_path
    )
    X = make_flags(samples) if kind is make_flags else samples
    fitted = DECClusterer(**tiny).fit(X, sample_weight=weights)
    np.testing.assert_array_equal(dec.labels_, fitted.labels_)
    np.testing.assert_array_equal(dec.transform(samples), fitted.transform(samples))
    assert not hasattr(dec, "feature_names_in_")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame])
def test_feature_names_are_kept(kind, tiny, samples, fitted):
    names = [f"column {i}" for i in range(samples.shape[1])]
    frames = split_into_blocks(samples, lambda block: kind(dict(zip(names, block.T, strict=True))))
    dec = DECClusterer(**tiny).fit_blocks(frames)
    assert dec.feature_names_in_.tolist() == names
    np.testing.assert_array_equal(dec.labels_, fitted.labels_)
    frame = kind(dict(zip(names, samples.T, strict=True)))
    np.testing.assert_array_equal(dec.predict(frame), fitted.labels_)
    with pytest.raises(ValueError, match="feature names"):
        dec.predict(pd.DataFrame(samples, columns=names[::-1]))


def test_warm_start_refuses_features_in_another_order(tiny, samples):
    names = list("abcdef")
    frame = pd.DataFrame(samples, columns=names)
    dec = DECClusterer(**tiny, warm_start=True).fit_blocks([frame])
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the samples in the file have lost their names
        dec.fit_blocks([frame[:75], frame[75:]])
    assert dec.feature_names_in_.tolist() == names
    with pytest.raises(ValueError, match="feature names should match"):
        dec.fit_blocks([frame[names[::-1]]])


def test_feature_names_are_kept_by_an_interrupted_fit(tiny, samples):
    frame = pd.DataFrame(samples, columns=list("abcdef"))

    class Interrupt(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if self.params["phase"] == "refine" and epoch == 1:
                raise KeyboardInterrupt

    dec = DECClusterer(**tiny | {"tol": 0}, callbacks=[Interrupt()])
    with pytest.raises(KeyboardInterrupt):
        dec.fit_blocks([frame])
    assert dec.feature_names_in_.tolist() == frame.columns.tolist()
    np.testing.assert_array_equal(dec.predict(frame), dec.labels_)


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ([], "no samples in blocks; note that an iterator can be read only once"),
        ([np.ones((2, 3)), np.ones((2, 4))], "first; that has 3 columns, block 1 has 4 columns"),
        ([pd.DataFrame({name: [1.0]}) for name in "ab"], "columns named a, block 1 .* named b"),
        ([np.ones(3)], "Block 0: Expected 2D array, got 1D array"),
        ([pd.DataFrame({"a": [1.0, np.nan]})], r"Block 0: .*NaN, in sample 1, feature 0 \('a'\)"),
        (
            [pd.DataFrame({"a": 1, "b": pd.array([2.0, b], "Float64")}) for b in (3.0, pd.NA)],
            r"Block 1: .*NaN, in sample 1, feature 1 \('b'\)",
        ),
    ],
)
def test_invalid_blocks_are_refused(blocks, message, tiny, tmp_path):
    with pytest.raises(ValueError, match=message):
        DECClusterer(**tiny).fit_blocks(blocks, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


# Only the first page of each sample is written, so that the file takes a fortieth of its size.
LIMITED = """
import resource, sys
import numpy as np
from skdec import DECClusterer

path, limit = sys.argv[1], int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
try:
    np.ones(limit)
except MemoryError:
    print("limited")
X = np.load(path, mmap_mode="r")
assert X.nbytes >= 3 * limit
dec = DECClusterer(
    3, dims=(16, 4), batch_size=32, pretrain_epochs=1, max_iter=100, n_neighbors=3, random_state=0
).fit(X)
assert (dec.predict(X) == dec.labels_).all()
print(dec.transform(X).shape)
"""


@pytest.mark.slow
def test_file_of_three_times_the_memory_is_fitted(tmp_path, random):
    """The limit includes all memory that a process can write to, that of its threads, too."""
    limit, n_features = 2**31, 40_000
    n_samples = -(-3 * limit // (4 * n_features))
    samples = np.lib.format.open_memmap(
        tmp_path / "samples.npy", "w+", np.float32, (n_samples, n_features)
    )
    groups = random(0).random((3, 100), dtype=np.float32)
    for start in range(0, n_samples, 1000):
        part = samples[start : start + 1000, :100]
        part[:] = groups[np.arange(len(part)) % 3] + random(start).random(part.shape) / 10
    samples.flush()
    assert resource.getrlimit(resource.RLIMIT_DATA)[1] == resource.RLIM_INFINITY
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LIMITED, str(tmp_path / "samples.npy"), str(limit)],
        capture_output=True,
        text=True,
        timeout=3600,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines() == ["limited", f"({n_samples}, 4)"]
