"""Dask: a search with a real scheduler and two workers on loopback, one of which is killed."""

import os
import subprocess
import sys
import time
from itertools import chain
from threading import Thread

import distributed
import joblib
import numpy as np
import pytest
from cache_entries import find_cached_results
from sklearn.model_selection import GridSearchCV, KFold

from skdec import DECClusterer

pytestmark = pytest.mark.slow


def start_dask(*arguments):
    """Start a process of the `dask` command, which is not restarted when it dies."""
    command = [sys.executable, "-c", "from dask.__main__ import main; main()", *arguments]
    return subprocess.Popen(
        [*command, "--no-dashboard"],
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@pytest.fixture
def workers(tmp_path):
    """Processes of two workers, with a client of their scheduler as Dask's default."""
    address_file = tmp_path / "scheduler.json"
    scheduler_file = ["--scheduler-file", str(address_file)]
    scheduler = start_dask("scheduler", "--host", "127.0.0.1", "--port", "0", *scheduler_file)
    options = [*scheduler_file, "--nthreads", "1", "--no-nanny", "--local-directory", str(tmp_path)]
    processes = [start_dask("worker", *options) for _ in range(2)]
    try:
        deadline = time.monotonic() + 300
        while not address_file.exists():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        with distributed.Client(scheduler_file=str(address_file)) as client:
            client.wait_for_workers(2, timeout=300)
            client.amm.stop()  # it would keep the samples on one worker only
            yield processes
    finally:
        for process in (*processes, scheduler):
            process.kill()
            process.wait()


def test_search_is_complete_after_the_loss_of_a_worker(workers, tiny, samples, tmp_path):
    alphas = [0.5, 1.0, 2.0, 4.0]
    memory = tmp_path / "memory"
    X = np.tile(samples, (3, 1))  # so many that joblib scatters the indices of the splits, too
    splits = list(KFold(3, shuffle=True, random_state=0).split(X))
    search = GridSearchCV(DECClusterer(**tiny, memory=memory), {"alpha": alphas}, cv=splits)

    def kill_in_the_middle():
        while not find_cached_results(memory):
            time.sleep(0.01)
        workers[0].kill()

    killer = Thread(target=kill_in_the_middle, daemon=True)
    killer.start()
    with joblib.parallel_config("dask", scatter=[X, *chain.from_iterable(splits)]):
        search.fit(X)
    killer.join(timeout=0)
    assert not killer.is_alive()
    assert workers[0].wait() != 0
    assert workers[1].poll() is None

    alone = GridSearchCV(DECClusterer(**tiny), {"alpha": alphas}, cv=splits).fit(X)
    for name in ("mean_test_score", "split0_test_score", "rank_test_score"):
        np.testing.assert_array_equal(search.cv_results_[name], alone.cv_results_[name])
    np.testing.assert_array_equal(search.best_estimator_.labels_, alone.best_estimator_.labels_)
