"""Properties of every fit, over rows of many kinds and parameters good and bad.

Networks and numbers of clusters are of a few shapes only, since each is compiled for seconds; the
rows are what varies. ``-m slow`` adds more inputs.
"""

import tempfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from figures import Figures
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.exceptions import ConvergenceWarning

from skdec import DECClusterer

N_FEATURES = 6  # as the rows of the other tests, so that programs are compiled once
QUICK = {"n_init": 1, "pretrain_epochs": 1, "max_iter": 4, "update_interval": 2}
DTYPES = (
    np.float16, np.float32, np.float64, np.int8, np.int16, np.int32, np.int64, np.uint8, np.bool_
)  # fmt: skip

quick = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
instant = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
thorough = settings(max_examples=600, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def figures(request):
    return Figures("property tests", request.config)


def values_of(dtype):
    if np.issubdtype(dtype, np.floating):
        return st.floats(-100, 100, width=np.finfo(dtype).bits, allow_subnormal=False)
    if dtype == np.bool_:
        return st.booleans()
    info = np.iinfo(dtype)
    return st.integers(max(info.min, -(10**4)), min(info.max, 10**4))


@st.composite
def matrices(draw, min_rows=1, max_rows=40):
    """Plain arrays (n, 6) of any dtype, with constant columns and repeated rows among them."""
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    n_rows = draw(st.integers(min_rows, max_rows))
    n_distinct = draw(st.one_of(st.just(n_rows), st.integers(1, n_rows)))
    distinct = draw(hnp.arrays(dtype, (n_distinct, N_FEATURES), elements=values_of(dtype)))
    if draw(st.booleans()):  # hypothesis likes zeros: half of the time, no two values are alike
        random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        distinct = (random.normal(0, 30, distinct.shape) * (1 + (dtype != np.bool_))).astype(dtype)
    X = distinct[np.arange(n_rows) % n_distinct]
    for column in draw(st.sets(st.integers(0, N_FEATURES - 1), max_size=N_FEATURES)):
        X[:, column] = X[0, column]
    return X


def strided(X):
    wide = np.zeros((2 * X.shape[0], 3 * X.shape[1]), X.dtype)
    wide[::2, 1::3] = X
    return wide[::2, 1::3]


def read_only(X):
    X = X.copy()
    X.flags.writeable = False
    return X


def memory_mapped(X):
    path = Path(tempfile.mkdtemp()) / "rows.npy"
    np.save(path, X)
    return np.load(path, mmap_mode="r")


def names():
    return [f"column {i}" for i in range(N_FEATURES)]


FORMS = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "strided": strided,
    "reversed": lambda X: X[::-1, ::-1].copy()[::-1, ::-1],
    "read-only": read_only,
    "memory map": memory_mapped,
    "big-endian": lambda X: X.astype(X.dtype.newbyteorder(">")),
    "pandas": lambda X: pd.DataFrame(X, columns=names()),
    "polars": lambda X: pl.DataFrame(X.astype(np.float32) if X.dtype == np.float16 else X, names()),
    "list": lambda X: X.tolist(),
    "object": lambda X: X.astype(object),
    "sparse": lambda X: sp.csr_array(X.astype(np.float32) if X.dtype == np.float16 else X),
    "CSC matrix": lambda X: sp.csc_matrix(X.astype(np.float64)),
}


def dense_copy(X):
    return X.toarray() if sp.issparse(X) else np.array(X, copy=True)


def check_fit(clusterer, X):
    """Fit, and assert what holds after every fit."""
    before = dense_copy(X)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        labels = clusterer.fit_predict(X)
    q = clusterer.predict_proba(X)
    np.testing.assert_array_equal(dense_copy(X), before)
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


@given(X=matrices(min_rows=3), form=st.sampled_from(list(FORMS)))
@quick
def test_rows_of_every_kind_can_be_fitted(X, form, tiny, figures):
    figures["fits"] += 1
    check_fit(DECClusterer(**tiny | QUICK), FORMS[form](X))


@pytest.mark.slow
@given(X=matrices(min_rows=3), form=st.sampled_from(list(FORMS)))
@thorough
def test_rows_of_every_kind_can_be_fitted_thoroughly(X, form, tiny, figures):
    figures["fits"] += 1
    check_fit(DECClusterer(**tiny | QUICK), FORMS[form](X))


@given(n_clusters=st.sampled_from([1, 2, 3]), data=st.data())
@settings(quick, max_examples=10)
def test_as_few_rows_as_clusters_will_do(n_clusters, data, tiny, figures):
    figures["fits"] += 1
    X = data.draw(matrices(min_rows=n_clusters, max_rows=n_clusters + 2))
    check_fit(DECClusterer(**tiny | QUICK | {"n_clusters": n_clusters}), X)


@given(X=matrices(), form=st.sampled_from(list(FORMS)))
@instant
def test_the_form_of_rows_changes_no_bit(X, form, fitted, figures):
    """Fortran's order, strides, a memory map, a DataFrame: the same numbers, the same outputs."""
    figures["predictions"] += 1
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "X has feature names")
        found = fitted.predict_proba(FORMS[form](X))
    np.testing.assert_array_equal(found, fitted.predict_proba(X))
    np.testing.assert_array_equal(found[::-1], fitted.predict_proba(X[::-1]))
    np.testing.assert_array_equal(found[:1], fitted.predict_proba(X[:1]))


FAULTY = {
    "NaN": lambda X: spoiled(X, np.nan),
    "infinity": lambda X: spoiled(X, -np.inf),
    "beyond float32": lambda X: spoiled(X, 1e300),
    "text": lambda X: spoiled(X.astype(object), "a"),
    "None": lambda X: spoiled(X.astype(object), None),
    "nothing": lambda X: None,
    "a word": lambda X: "rows",
    "a number": lambda X: 3,
    "complex": lambda X: X + 1j,
    "one row flat": lambda X: X[0],
    "three axes": lambda X: X[None],
    "no rows": lambda X: X[:0],
    "no columns": lambda X: X[:, :0],
    "ragged": lambda X: [[1, 2], [3]],
    "too few rows": lambda X: X[:2],
    "dates": lambda X: X.astype("datetime64[s]"),
    "strings": lambda X: X.astype(str).astype(object) + "x",
    "sparse NaN": lambda X: sp.csr_array(spoiled(X, np.nan)),
}


def spoiled(X, value):
    X = X.astype(np.float64) if X.dtype != object else X.copy()
    X[len(X) // 2, -1] = value
    return X


@given(X=matrices(min_rows=3), fault=st.sampled_from(list(FAULTY)))
@instant
def test_rows_that_cannot_be_are_refused_in_words(X, fault, tiny, fitted, figures):
    figures["faulty inputs"] += 1
    faulty = FAULTY[fault](X)
    with pytest.raises((ValueError, TypeError)) as caught:
        DECClusterer(**tiny | QUICK).fit(faulty)
    assert str(caught.value)
    if fault != "too few rows":
        with pytest.raises((ValueError, TypeError)):
            fitted.predict(faulty)


VALID = st.fixed_dictionaries(
    {},
    optional={
        "alpha": st.one_of(st.floats(1e-4, 1e6), st.integers(1, 9), st.just(np.float32(0.5))),
        "dims": st.sampled_from([(16, 4), [16, 4], (np.int64(16), 4)]),
        "activation": st.just("relu"),
        "kernel_initializer": st.sampled_from([None, "glorot_uniform", "HeNormal", "zeros"]),
        "pretrain_epochs": st.integers(0, 2),
        "init": st.sampled_from(["landmarks", "k-means++"]),
        "n_init": st.sampled_from([1, 2, np.int32(3), "auto"]),
        "n_neighbors": st.integers(1, 200),
        "max_iter": st.integers(0, 6),
        "update_interval": st.sampled_from([1, 2, 5, 10**6, "auto"]),
        "tol": st.one_of(st.floats(0, 1), st.sampled_from([0, 1])),
        "random_state": st.one_of(
            st.none(), st.integers(0, 2**32 - 1), st.just(np.random.RandomState(3))
        ),
    },
)


@given(parameters=VALID, X=matrices(min_rows=3))
@quick
def test_every_valid_parameter_fits(parameters, X, tiny, figures):
    figures["parameter sets that fit"] += 1
    check_fit(DECClusterer(**tiny | QUICK | parameters), X)


@pytest.mark.slow
@given(parameters=VALID, X=matrices(min_rows=3))
@thorough
def test_every_valid_parameter_fits_thoroughly(parameters, X, tiny, figures):
    figures["parameter sets that fit"] += 1
    check_fit(DECClusterer(**tiny | QUICK | parameters), X)


ODD = [
    None, True, False, "", "x", "AUTO", b"auto", -1, -(2**70), 0.5, 1.5, -0.5, np.nan, np.inf,
    -np.inf, 1 + 2j, (), [], {}, [1], "1", object(), int, len, np.array([1, 2]), np.array(1.5),
    float, pd.NA, np.float64("nan"),
]  # fmt: skip
INTEGERS = ("n_clusters", "batch_size", "pretrain_epochs", "n_init", "max_iter", "update_interval")


def odd_but(*good):
    return [value for value in ODD if not any(value is each for each in good)]


HALF, MORE = ODD[9], ODD[10]
BAD = {
    **dict.fromkeys((*INTEGERS, "n_neighbors"), ODD),
    "dims": [value for value in ODD if np.shape(value) not in ((1,), (2,))]
    + [[0], (4, -1), (4, 2.5), "16", ("16", 4), [None], [[16, 4]], (2**70,), {16, 4}, {16: 4}],
    "alpha": [*odd_but(HALF, MORE), 0, 0.0, -1e-9, 1e300, 1e-300, 10**400, "1"],
    "tol": [*odd_but(HALF), 1.0001, -1e-9, 2],
    "activation": [
        *(value for value in ODD if not callable(value)),
        "Relu",
        "Lambda",
        "get",
        "glu",
    ],
    "kernel_initializer": [*odd_but(None), "Dense", "get"],
    "pretrain_optimizer": [*ODD, "SGD", "rmsprop", {"class_name": "SGD"}],
    "optimizer": [*ODD, "SGD", "rmsprop", {"class_name": "SGD"}],
    "init": [*ODD, "random", "kmeans", "k-means"],
    "callbacks": [3, "x", [3], [None], object()],
    "random_state": ["x", -1, 2**32, 1.5, [], {}, object(), np.nan, 1j],
}


def answer(name, value, tiny, rows):
    """What a fit says to a bad parameter, or None if it is a good answer: one line by its name."""
    try:
        DECClusterer(**tiny | QUICK | {name: value}).fit(rows)
    except (ValueError, TypeError) as error:
        message = str(error)
        return None if name in message and "\n" not in message else f"{name}={value!r}: {message}"
    return f"{name}={value!r} was fitted"


@pytest.mark.parametrize("name", BAD)
def test_every_bad_parameter_is_refused_by_name(name, tiny, rows, figures):
    figures["bad parameters"] += len(BAD[name])
    answers = [answer(name, value, tiny, rows) for value in BAD[name]]
    assert [text for text in answers if text] == []


@example(scale=1e-30, alpha=1.0)
@example(scale=1e6, alpha=1e-4)
@given(scale=st.floats(1e-30, 1e6), alpha=st.floats(1e-3, 1e4))
@settings(quick, max_examples=10)
def test_rows_on_any_scale_give_finite_outputs(scale, alpha, tiny, rows, figures):
    figures["fits"] += 1
    check_fit(DECClusterer(**tiny | QUICK | {"alpha": alpha}), rows * scale)
