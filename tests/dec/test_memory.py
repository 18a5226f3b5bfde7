"""Memory: many fits in one process leave none behind."""

import os
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
for seed in range(50):
    DECClusterer(
        3, dims=(64, 4), pretrain_epochs=2, max_iter=20, random_state=seed
    ).fit(X)
    resident.append(psutil.Process().memory_info().rss)
print(resident[49] / resident[9])
"""


@pytest.mark.slow
def test_fifty_fits_do_not_grow_memory():
    done = subprocess.run(
        [sys.executable, "-c", GROWTH],
        check=True,
        capture_output=True,
        text=True,
        timeout=3600,
        env=os.environ | {"PYTHONWARNINGS": "ignore"},
    )
    assert float(done.stdout) < 1.05
