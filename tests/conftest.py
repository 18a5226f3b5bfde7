"""What the rooms' tests share: quiet TensorFlow, and networks so small that a fit is instant."""

import os

# Read when TensorFlow is imported, so before any test module.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest
from hypothesis import settings
from sklearn.datasets import make_blobs
from sklearn.preprocessing import MinMaxScaler

settings.register_profile("skdec", deadline=None, max_examples=50)
settings.load_profile("skdec")


@pytest.fixture(scope="session")
def tiny():
    """Parameters of fits that all share their compiled programs."""
    return {
        "n_clusters": 3,
        "dims": (16, 4),
        "batch_size": 32,
        "pretrain_epochs": 5,
        "n_init": 1,
        "max_iter": 20,
        "update_interval": 5,
        "random_state": 0,
    }


@pytest.fixture(scope="session")
def rows():
    """Three groups, 150 rows of 6 columns, read-only so that no fit can write to them."""
    X, _ = make_blobs(150, 6, centers=3, cluster_std=1.5, random_state=0)
    X = MinMaxScaler().fit_transform(X)
    X.flags.writeable = False
    return X


@pytest.fixture(scope="session")
def fitted(tiny, rows):
    """Leave it as it is: the whole session shares it."""
    from skdec import DECClusterer

    return DECClusterer(**tiny).fit(rows)


@pytest.fixture(scope="session")
def random():
    """Generators of test data, by seed."""
    return np.random.default_rng
