"""Properties of every fit, with samples of many kinds and with valid and invalid parameters.

The networks and numbers of clusters have only a few shapes, because each is compiled for seconds;
the samples vary.
"""

import tempfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.exceptions import ConvergenceWarning

from skdec import DECClusterer, NeighborClusterer

N_FEATURES = 6  # as in the other tests, so that programs are compiled once
QUICK = {
    "init": NeighborClusterer(n_init=1),
    "pretrain_epochs": 1,
    "max_iter": 4,
    "update_interval": 2,
}
DTYPES = (
    np.float16, np.float32, np.float64, np.int8, np.int16, np.int32, np.int64, np.uint8, np.bool_
)  # fmt: skip

quick = settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
instant = settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])


def choose_values(dtype):
    if np.issubdtype(dtype, np.floating):
        return st.floats(-100, 100, width=np.finfo(dtype).bits, allow_subnormal=False)
    if dtype == np.bool_:
        return st.booleans()
    info = np.iinfo(dtype)
    return st.integers(max(info.min, -(10**4)), min(info.max, 10**4))


@st.composite
def matrices(draw, min_samples=1, max_samples=40):
    """Arrays (n, 6) of any dtype, some with constant features or repeated samples."""
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    n_samples = draw(st.integers(min_samples, max_samples))
    n_distinct = draw(st.one_of(st.just(n_samples), st.integers(1, n_samples)))
    distinct = draw(hnp.arrays(dtype, (n_distinct, N_FEATURES), elements=choose_values(dtype)))
    if draw(st.booleans()):  # hypothesis prefers zeros: half of the arrays have no equal values
        random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        distinct = (random.normal(0, 30, distinct.shape) * (1 + (dtype != np.bool_))).astype(dtype)
    X = distinct[np.arange(n_samples) % n_distinct]
    for feature in draw(st.sets(st.integers(0, N_FEATURES - 1), max_size=N_FEATURES)):
        X[:, feature] = X[0, feature]
    return X


def make_strided(X):
    wide = np.zeros((2 * X.shape[0], 3 * X.shape[1]), X.dtype)
    wide[::2, 1::3] = X
    return wide[::2, 1::3]


def make_memory_map(X):
    path = Path(tempfile.mkdtemp()) / "X.npy"
    np.save(path, X)
    return np.load(path, mmap_mode="r")  # read-only


NAMES = [f"feature {i}" for i in range(N_FEATURES)]
CONTAINERS = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "strided": make_strided,
    "reversed": lambda X: X[::-1, ::-1].copy()[::-1, ::-1],
    "memory map": make_memory_map,
    "big-endian": lambda X: X.astype(X.dtype.newbyteorder(">")),
    "pandas": lambda X: pd.DataFrame(X, columns=NAMES),
    "polars": lambda X: pl.DataFrame(X.astype(np.float32) if X.dtype == np.float16 else X, NAMES),
    "list": lambda X: X.tolist(),
    "object": lambda X: X.astype(object),
    "sparse": lambda X: sp.csr_array(X.astype(np.float32) if X.dtype == np.float16 else X),
    "CSC matrix": lambda X: sp.csc_matrix(X.astype(np.float64)),
}


def copy_dense(X):
    return X.toarray() if sp.issparse(X) else np.array(X, copy=True)


def check_fit(clusterer, X):
    """Fit, and check what holds after every fit."""
    before = copy_dense(X)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        labels = clusterer.fit_predict(X)
    q = clusterer.predict_proba(X)
    np.testing.assert_array_equal(copy_dense(X), before)
    np.testing.assert_array_equal(labels, clusterer.labels_)
    np.testing.assert_array_equal(labels, clusterer.predict(X))
    np.testing.assert_array_equal(labels, q.argmax(axis=1))
    assert (labels.dtype, q.dtype) == (np.int32, np.float32)
    assert q.shape == (len(before), len(clusterer.cluster_centers_))
    np.testing.assert_allclose(q.sum(axis=1), 1, atol=1e-5)
    assert q.min() >= 0
    z = clusterer.transform(X)
    assert np.isfinite(z).all()
    assert np.isfinite(clusterer.inverse_transform(z)).all()
    assert np.isfinite(clusterer.cluster_centers_).all()


@given(X=matrices(min_samples=3), container=st.sampled_from(list(CONTAINERS)))
@quick
def test_samples_of_every_kind_are_fitted(X, container, tiny):
    check_fit(DECClusterer(**tiny | QUICK), CONTAINERS[container](X))


@given(n_clusters=st.sampled_from([1, 2, 3]), data=st.data())
@settings(quick, max_examples=5)
def test_as_few_samples_as_clusters_are_fitted(n_clusters, data, tiny):
    X = data.draw(matrices(min_samples=n_clusters, max_samples=n_clusters + 2))
    check_fit(DECClusterer(**tiny | QUICK | {"n_clusters": n_clusters}), X)


@given(X=matrices(), container=st.sampled_from(list(CONTAINERS)))
@instant
def test_container_of_the_samples_changes_no_bit(X, container, fitted):
    """The same numbers give the same outputs in any memory layout, container and order."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "X has feature names")
        found = fitted.predict_proba(CONTAINERS[container](X))
    np.testing.assert_array_equal(found, fitted.predict_proba(X))
    np.testing.assert_array_equal(found[::-1], fitted.predict_proba(X[::-1]))
    np.testing.assert_array_equal(found[:1], fitted.predict_proba(X[:1]))


INVALID_SAMPLES = {
    "NaN": lambda X: set_one_value(X, np.nan),
    "infinity": lambda X: set_one_value(X, -np.inf),
    "beyond float32": lambda X: set_one_value(X, 1e300),
    "text": lambda X: set_one_value(X.astype(object), "a"),
    "None": lambda X: set_one_value(X.astype(object), None),
    "no input": lambda X: None,
    "a string": lambda X: "samples",
    "a number": lambda X: 3,
    "complex": lambda X: X + 1j,
    "one dimension": lambda X: X[0],
    "three dimensions": lambda X: X[None],
    "no samples": lambda X: X[:0],
    "no features": lambda X: X[:, :0],
    "ragged": lambda X: [[1, 2], [3]],
    "too few samples": lambda X: X[:2],
    "dates": lambda X: X.astype("datetime64[s]"),
    "strings": lambda X: X.astype(str).astype(object) + "x",
    "sparse NaN": lambda X: sp.csr_array(set_one_value(X, np.nan)),
}


def set_one_value(X, value):
    X = X.astype(np.float64) if X.dtype != object else X.copy()
    X[len(X) // 2, -1] = value
    return X


@given(X=matrices(min_samples=3), fault=st.sampled_from(list(INVALID_SAMPLES)))
@instant
def test_invalid_samples_raise_with_a_message(X, fault, tiny, fitted):
    invalid = INVALID_SAMPLES[fault](X)
    with pytest.raises((ValueError, TypeError)) as caught:
        DECClusterer(**tiny | QUICK).fit(invalid)
    assert str(caught.value)
    if fault != "too few samples":
        with pytest.raises((ValueError, TypeError)):
            fitted.predict(invalid)


VALID_PARAMETERS = st.fixed_dictionaries(
    {},
    optional={
        "alpha": st.one_of(st.floats(1e-4, 1e6), st.integers(1, 9), st.just(np.float32(0.5))),
        "dims": st.sampled_from([(16, 4), [16, 4], (np.int64(16), 4)]),
        "pretrain_epochs": st.integers(0, 2),
        "pretraining": st.sampled_from(["joint", "layerwise"]),
        "corruption": st.sampled_from([0, 0.2, np.float32(0.9)]),
        "reconstruction_weight": st.one_of(st.floats(0, 100), st.integers(0, 9)),
        "init": st.sampled_from(["neighbors", "k-means++"]),
        "n_neighbors": st.integers(1, 200),
        "max_iter": st.integers(0, 6),
        "update_interval": st.sampled_from([1, 2, 5, 10**6, "auto"]),
        "tol": st.one_of(st.floats(0, 1), st.sampled_from([0, 1])),
        "random_state": st.one_of(
            st.none(), st.integers(0, 2**32 - 1), st.just(np.random.RandomState(3))
        ),
    },
)


@pytest.mark.slow
@given(parameters=VALID_PARAMETERS, X=matrices(min_samples=3))
@quick
def test_every_valid_parameter_is_accepted(parameters, X, tiny):
    check_fit(DECClusterer(**tiny | QUICK | parameters), X)


UNUSUAL = [
    None, True, False, "", "x", "AUTO", b"auto", -1, -(2**70), 0.5, 1.5, -0.5, np.nan, np.inf,
    -np.inf, 1 + 2j, (), [], {}, [1], "1", object(), int, len, np.array([1, 2]), np.array(1.5),
    float, pd.NA, np.float64("nan"),
]  # fmt: skip
INTEGERS = ("n_clusters", "batch_size", "pretrain_epochs", "max_iter", "update_interval")


def unusual_except(*good):
    return [value for value in UNUSUAL if not any(value is each for each in good)]


HALF, MORE = UNUSUAL[9], UNUSUAL[10]
NO_FUNCTIONS = [v for v in unusual_except(None) if not callable(v) or isinstance(v, type)]
INVALID_PARAMETERS = {
    **dict.fromkeys((*INTEGERS, "n_neighbors"), UNUSUAL),
    "n_clusters": unusual_except(None),  # as many as the clusterer given as init finds
    "dims": [value for value in UNUSUAL if np.shape(value) not in ((1,), (2,))]
    + [[0], (4, -1), (4, 2.5), "16", ("16", 4), [None], [[16, 4]], (2**70,), {16, 4}, {16: 4}],
    "alpha": [*unusual_except(HALF, MORE), 0, 0.0, -1e-9, 1e300, 1e-300, 10**400, "1"],
    "tol": [*unusual_except(HALF), 1.0001, -1e-9, 2],
    "autoencoder": NO_FUNCTIONS,
    "pretraining": [*UNUSUAL, "Layerwise"],
    "corruption": [*unusual_except(HALF), 1, 1.0, -1e-9],
    "reconstruction_weight": [*unusual_except(HALF, MORE), -1e-9, 1e300, "1"],
    "augment": [*NO_FUNCTIONS, "Image"],
    "pretrain_optimizer": [*UNUSUAL, "SGD", "rmsprop", {"class_name": "SGD"}],
    "optimizer": [*UNUSUAL, "SGD", "rmsprop", {"class_name": "SGD"}],
    "init": [*UNUSUAL, "random", "k-means", np.zeros((3, 9)), NeighborClusterer],
    "callbacks": [3, "x", [3], [None], object()],
    "random_state": ["x", -1, 2**32, 1.5, [], {}, object(), np.nan, 1j],
}


def describe_failure(name, value, tiny, samples):
    """Return None if the error for an invalid parameter is one line that names it."""
    try:
        DECClusterer(**tiny | QUICK | {name: value}).fit(samples)
    except (ValueError, TypeError) as error:
        message = str(error)
        return None if name in message and "\n" not in message else f"{name}={value!r}: {message}"
    return f"{name}={value!r} was fitted"


@pytest.mark.parametrize("name", INVALID_PARAMETERS)
def test_every_invalid_parameter_is_named_in_the_error(name, tiny, samples):
    failures = [describe_failure(name, value, tiny, samples) for value in INVALID_PARAMETERS[name]]
    assert [failure for failure in failures if failure] == []


@example(scale=1e-30, alpha=1.0)
@example(scale=1e6, alpha=1e-4)
@given(scale=st.floats(1e-30, 1e6), alpha=st.floats(1e-3, 1e4))
@settings(quick, max_examples=5)
def test_samples_of_any_scale_give_finite_outputs(scale, alpha, tiny, samples):
    check_fit(DECClusterer(**tiny | QUICK | {"alpha": alpha}), samples * scale)
