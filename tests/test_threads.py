"""Threads: limits that others set, many at once, and none left after a fork."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest

from skdec import DECClusterer
from skdec._threads import usable_threads


@pytest.mark.parametrize(("variable", "expected"), [("1", 1), ("1,2", 1), ("0", None), ("x", None)])
def test_openmp_s_variable_is_heeded(monkeypatch, variable, expected):
    monkeypatch.setenv("OMP_NUM_THREADS", variable)
    assert usable_threads() == (expected or joblib.cpu_count())


def test_no_more_threads_than_cores(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "4096")
    assert usable_threads() == joblib.cpu_count()
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert usable_threads() == joblib.cpu_count()


def thread_limit(dec, X):
    """In a worker: TensorFlow's limit of threads after a fit."""
    import tensorflow as tf

    dec.fit(X)
    return tf.config.threading.get_intra_op_parallelism_threads()


def test_workers_share_the_cores(tiny, rows):
    limits = joblib.Parallel(n_jobs=2)(
        joblib.delayed(thread_limit)(DECClusterer(**tiny), rows) for _ in range(2)
    )
    assert limits == [max(1, joblib.cpu_count() // 2)] * 2


@pytest.mark.parametrize("method", ["predict", "predict_proba", "transform", "score"])
def test_eight_threads_get_what_one_gets(fitted, rows, method):
    expected = getattr(fitted, method)(rows)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: getattr(fitted, method)(rows), range(40)))
    assert len(found) == 40
    for result in found:
        np.testing.assert_array_equal(result, expected)


def test_joblib_s_threads_get_what_one_gets(tiny, rows, fitted):
    fits = joblib.Parallel(n_jobs=4, backend="threading")(
        joblib.delayed(DECClusterer(**tiny).fit)(rows) for _ in range(4)
    )
    for dec in fits:
        np.testing.assert_array_equal(dec.cluster_centers_, fitted.cluster_centers_)


FORK = """
import os, sys
import numpy as np
from skdec import DECClusterer
X = np.random.default_rng(0).random((300, 6))
dec = DECClusterer(3, dims=(16, 4), pretrain_epochs=1, max_iter=2, random_state=0)
if sys.argv[1] == "after":
    dec.fit(X)
child = os.fork()
if child == 0:
    failures = 0
    for use in (dec.fit, dec.predict, dec.transform, lambda X: dec.encoder_):
        try:
            use(X)
        except RuntimeError as error:
            assert "forked after TensorFlow had begun" in str(error)
            failures += 1
    os._exit(failures)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")
@pytest.mark.parametrize(("when", "failures"), [("before", 0), ("after", 4)])
def test_a_fork_works_or_says_why_not(when, failures):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORK, when],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert int(done.stdout) == failures
