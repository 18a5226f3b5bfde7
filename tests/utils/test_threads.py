"""Threads: limits set by others, many threads at once, and processes that were forked."""

import os
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest
from sklearn.datasets import load_digits

from skdec import DECClusterer
from skdec._utils.process import count_usable_threads, keep_warning_filters


@pytest.mark.parametrize("variable", ["1", "1,2", "0", "x", "4096", None])
def test_openmp_variable_limits_the_threads(monkeypatch, variable):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if variable is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", variable)
    assert count_usable_threads() == (1 if variable in ("1", "1,2") else joblib.cpu_count())


def fit_and_get_thread_limit(dec, X):
    """Fit in a worker process and return TensorFlow's limit of threads there."""
    import tensorflow as tf

    dec.fit(X)
    return tf.config.threading.get_intra_op_parallelism_threads()


@pytest.mark.slow
def test_joblib_workers_divide_the_cores(tiny, samples):
    limits = joblib.Parallel(n_jobs=2)(
        joblib.delayed(fit_and_get_thread_limit)(DECClusterer(**tiny), samples) for _ in range(2)
    )
    assert limits == [max(1, joblib.cpu_count() // 2)] * 2


@pytest.mark.slow
def test_fits_at_the_defaults_are_equal_in_processes_with_as_many_threads():
    X = load_digits().data[:400] / 16
    fits = joblib.Parallel(n_jobs=2)(
        joblib.delayed(DECClusterer(10, random_state=0).fit)(X) for _ in range(2)
    )
    for name in ("labels_", "cluster_centers_", "initial_labels_"):
        np.testing.assert_array_equal(*(getattr(fit, name) for fit in fits))


def test_the_last_of_several_fits_puts_the_warning_filters_back():
    """In the middle of one, another one begins, which puts back what it has found too late."""

    @keep_warning_filters
    def fit(meanwhile):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            meanwhile()

    @keep_warning_filters
    def leave_changed():
        warnings.simplefilter("ignore")

    filters = list(warnings.filters)
    fit(lambda: fit(leave_changed))
    assert list(warnings.filters) == filters
    leave_changed()
    assert list(warnings.filters) == filters
    with pytest.raises(ZeroDivisionError):
        fit(lambda: leave_changed() or 1 / 0)
    assert list(warnings.filters) == filters


@pytest.mark.parametrize("method", ["predict_proba", "transform", "score"])
def test_eight_threads_get_the_result_of_one(fitted, samples, method):
    expected = getattr(fitted, method)(samples)
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: getattr(fitted, method)(samples), range(40)))
    assert len(results) == 40
    for result in results:
        np.testing.assert_array_equal(result, expected)


def test_fits_in_joblib_threads_equal_a_single_fit(tiny, samples, fitted):
    fits = joblib.Parallel(n_jobs=2, backend="threading")(
        joblib.delayed(DECClusterer(**tiny).fit)(samples) for _ in range(3)
    )
    for dec in fits:
        np.testing.assert_array_equal(dec.cluster_centers_, fitted.cluster_centers_)


# Forks once before the first fit and once after it, and prints how many methods fail in each child.
FORK = """
import os
import numpy as np
from skdec import DECClusterer

X = np.random.default_rng(0).random((300, 6))
dec = DECClusterer(
    3, dims=(4,), pretrain_epochs=1, init="k-means++", max_iter=2, random_state=0
)

def count_failures_in_fork():
    child = os.fork()
    if child == 0:
        n_failures = 0
        for use in (dec.fit, dec.predict, dec.transform, lambda X: dec.encoder_):
            try:
                use(X)
            except RuntimeError as error:
                assert "forked after TensorFlow had started its threads" in str(error)
                n_failures += 1
        os._exit(n_failures)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

before = count_failures_in_fork()
dec.fit(X)
print(before, count_failures_in_fork())
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")
def test_fork_works_before_the_first_fit_and_raises_after_it():
    command = [sys.executable, "-W", "ignore", "-c", FORK]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=600)
    assert done.stdout.split() == ["0", "4"]
