"""Memory: many fits in one process leave none behind."""

import subprocess
import sys

import pytest

GROWTH = """
import os
import numpy as np
import psutil
from sklearn.datasets import make_blobs
from skdec import DECClusterer
X = make_blobs(1000, 20, centers=3, random_state=0)[0].astype(np.float32)
resident = []
for seed in range(30):
    DECClusterer(
        3, dims=(64, 4), pretrain_epochs=2, max_iter=20, random_state=seed
    ).fit(X)
    resident.append(psutil.Process().memory_info().rss)
print(resident[29] / resident[9])
"""


@pytest.mark.slow
def test_many_fits_do_not_grow_memory():
    command = [sys.executable, "-W", "ignore", "-c", GROWTH]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=3600)
    assert float(done.stdout) < 1.05
