"""Fixtures of the tests of single steps: samples, initial weights, and faults in the training."""

import numpy as np
import pytest
from numpy_training import N_SAMPLES

from skdec._utils.data import DistinctSamples
from skdec.dec.training.trainer import Trainer
from skdec.networks import build_autoencoder


@pytest.fixture(scope="module", params=[False, True], ids=["equal weights", "sample weights"])
def distinct_samples(request):
    X = np.random.default_rng(0).normal(size=(N_SAMPLES, 5))
    sample_weight = np.random.default_rng(3).random(N_SAMPLES) if request.param else None
    return DistinctSamples(X, sample_weight)


@pytest.fixture(scope="module")
def X(distinct_samples):  # noqa: N802
    """Samples as an array, in the order in which `DistinctSamples` numbers them."""
    return distinct_samples[np.arange(N_SAMPLES)].astype(float)


@pytest.fixture(scope="session")
def weights():
    """Initial weights of an autoencoder."""
    return build_autoencoder(5, (7, 3), seed=1).autoencoder.get_weights()


@pytest.fixture(scope="session")
def centers():
    """Initial cluster centers."""
    return np.random.default_rng(1).normal(size=(4, 3)).astype(np.float32) * 0.3


@pytest.fixture
def diverge(monkeypatch):
    """Function that makes the given number of next calls of the compiled loop diverge."""
    n_left, run = [0], Trainer.run

    def run_and_diverge(self, *args):
        losses = run(self, *args)
        n_left[0] -= 1
        if n_left[0] < 0:
            return losses
        self.reset([np.full_like(array, np.nan) for array in self.get_weights()])
        return np.full_like(losses, np.nan)

    monkeypatch.setattr(Trainer, "run", run_and_diverge)
    return lambda n_calls: n_left.__setitem__(0, n_calls)
