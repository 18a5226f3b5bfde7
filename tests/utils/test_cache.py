"""Cache: finished steps are reused by other fits and processes, damaged entries computed again."""

import logging
import signal
import subprocess
import sys
import time

import joblib
import numpy as np
import pytest
from cache_entries import find_cached_results
from sklearn.base import clone

from skdec import DECClusterer


@pytest.fixture
def caching(tiny, tmp_path):
    return DECClusterer(**tiny | {"memory": str(tmp_path)})


@pytest.mark.parametrize("damage", ["truncated", "empty", "foreign", "half-written"])
def test_damaged_entry_is_computed_again_with_a_warning(
    caching, samples, fitted, tmp_path, caplog, damage
):
    caching.fit(samples)
    (entry,) = find_cached_results(tmp_path)
    whole = entry.read_bytes()
    if damage == "half-written":  # as a process killed while writing leaves it
        entry.rename(f"{entry}.thread-1-pid-1")
    else:
        entry.write_bytes({"truncated": whole[: len(whole) // 2], "empty": b""}.get(damage, b"?"))
    with caplog.at_level(logging.WARNING):
        caching.fit(samples)
    assert ("Exception while loading results" in caplog.text) == (damage != "half-written")
    np.testing.assert_array_equal(caching.cluster_centers_, fitted.cluster_centers_)
    assert entry.stat().st_size == len(whole)


@pytest.mark.slow
def test_worker_processes_share_one_cache(caching, samples, fitted, tmp_path):
    fits = joblib.Parallel(n_jobs=2)(
        joblib.delayed(clone(caching).set_params(alpha=alpha).fit)(samples)
        for alpha in (0.5, 1.0, 1.0, 2.0)
    )
    assert len(find_cached_results(tmp_path)) == 1
    np.testing.assert_array_equal(fits[1].cluster_centers_, fitted.cluster_centers_)
    np.testing.assert_array_equal(fits[2].cluster_centers_, fitted.cluster_centers_)


SEARCH = """
import sys
import numpy as np
from sklearn.model_selection import GridSearchCV
from skdec import DECClusterer, NeighborClusterer

X = np.random.default_rng(0).random((400, 6))
short = {"batch_size": 32, "pretrain_epochs": 40, "max_iter": 5}
init = NeighborClusterer(n_init=1)
dec = DECClusterer(2, **short, init=init, memory=sys.argv[1], random_state=0)
dims = [(16 + i, 3) for i in range(3)]
GridSearchCV(dec, {"dims": dims}, cv=[(range(400), range(400))], refit=False).fit(X)
"""


@pytest.mark.slow
def test_killed_search_does_not_repeat_finished_pretrainings(tmp_path):
    command = [sys.executable, "-c", SEARCH, str(tmp_path)]
    killed = subprocess.Popen(command)
    while not find_cached_results(tmp_path):
        assert killed.poll() is None
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    finished = {entry: entry.stat().st_mtime_ns for entry in find_cached_results(tmp_path)}
    assert 1 <= len(finished) < 3
    subprocess.run(command, check=True, timeout=600)
    assert len(find_cached_results(tmp_path)) == 3
    assert {entry: entry.stat().st_mtime_ns for entry in finished} == finished
