"""Fixtures that all tests share: quiet TensorFlow, and networks so small that a fit is instant."""

import os
from importlib.metadata import version

# Read when TensorFlow is imported, so before any test module.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest
from hypothesis import settings
from sklearn.datasets import make_blobs
from sklearn.preprocessing import MinMaxScaler

from skdec import NeighborClusterer

settings.register_profile("skdec", deadline=None, max_examples=50)
settings.load_profile("skdec")


def pytest_configure(config):
    """Share compiled programs among all test processes: compiling takes half of a small fit."""
    folder = config.cache.mkdir(f"programs_tensorflow_{version('tensorflow')}")
    flags = (
        f"--tf_xla_persistent_cache_directory={folder} --tf_xla_persistent_cache_device_types=CPU"
    )
    os.environ.setdefault("TF_XLA_FLAGS", flags)


@pytest.fixture(scope="session")
def tiny():
    """Parameters of a small, fast fit; fits that use them share their compiled programs."""
    return {
        "n_clusters": 3,
        "dims": (16, 4),
        "batch_size": 32,
        "pretrain_epochs": 5,
        "init": NeighborClusterer(n_init=1),
        "max_iter": 20,
        "update_interval": 5,
        "random_state": 0,
    }


@pytest.fixture(scope="session")
def samples():
    """150 samples of 6 features in three clusters, read-only so that no fit can modify them."""
    X, _ = make_blobs(150, 6, centers=3, cluster_std=1.5, random_state=0)
    X = MinMaxScaler().fit_transform(X)
    X.flags.writeable = False
    return X


@pytest.fixture(scope="session")
def fitted(tiny, samples):
    """Estimator fitted with the parameters `tiny`, shared by all tests: do not modify it."""
    from skdec import DECClusterer

    return DECClusterer(**tiny).fit(samples)


@pytest.fixture(scope="session")
def random():
    """Generators of test data, by seed."""
    return np.random.default_rng
