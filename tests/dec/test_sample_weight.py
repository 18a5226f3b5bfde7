"""Weights and repeated samples: equal results, no spikes of the gradient, absolute frequencies."""

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits

from skdec import DECClusterer
from skdec._utils.data import iterate_shuffled_batches
from skdec.metrics import clustering_accuracy


def draw_epochs(sample_weight, n_epochs, seed=0):
    """Count how often each sample occurs in so many epochs, drawn in batches of 7."""
    batches = iterate_shuffled_batches(sample_weight, 7, np.random.RandomState(seed))
    n_samples = len(sample_weight)
    indices = np.concatenate([next(batches) for _ in range(-(-n_epochs * n_samples // 7))])
    return np.bincount(indices[: n_epochs * n_samples], minlength=n_samples)


def test_equal_weights_draw_every_sample_once_an_epoch():
    assert (draw_epochs(np.full(11, 3.0, np.float32), 4) == 4).all()


def test_samples_are_drawn_in_proportion_to_their_weight():
    weights = np.array([0.1, 0.4, 1.0, 2.5, 6.0], np.float32)
    counts = draw_epochs(weights, 2_000)
    np.testing.assert_allclose(counts / counts.sum(), weights / weights.sum(), atol=2e-3)
    one_epoch = draw_epochs(weights, 1)
    expected = 5 * weights / weights.sum()
    assert (one_epoch >= np.floor(expected)).all()
    assert (one_epoch <= np.ceil(expected)).all()


def test_a_repeated_sample_makes_no_gradient_larger(tiny, samples, fitted):
    """The losses stay of the size of those without repetition: no spikes."""
    repeats = np.where(np.arange(len(samples)) == 3, 2_000, 1)
    repeated = DECClusterer(**tiny).fit(samples, sample_weight=repeats)
    assert repeated.history_["pretrain"]["loss"].max() < 2 * fitted.history_["pretrain"]["loss"][0]


def test_partial_fit_carries_absolute_frequencies(tiny, samples):
    dec = DECClusterer(**tiny).fit(samples)
    np.testing.assert_allclose(dec._frequencies.sum(), len(samples), rtol=1e-5)
    dec.partial_fit(samples[:40], sample_weight=1_000.0)
    np.testing.assert_allclose(dec._frequencies.sum(), len(samples) + 40_000, rtol=1e-5)


def test_a_clusterer_as_init_gets_seed_and_weights(tiny, samples):
    init = KMeans(3, n_init=1, init="random", max_iter=1)
    parameters = {**tiny, "init": init, "max_iter": 0}
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    centers = [DECClusterer(**parameters).fit(samples).cluster_centers_ for _ in range(3)]
    assert all((one == centers[0]).all() for one in centers[1:])
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002
    assert init.random_state is None
    weights = np.where(np.arange(len(samples)) < 75, 100.0, 1.0)
    weighted = DECClusterer(**parameters).fit(samples, sample_weight=weights)
    assert (weighted.cluster_centers_ != centers[0]).any()


@pytest.mark.slow
def test_many_copies_of_one_digit_do_not_destroy_the_clusters():
    X, y = load_digits(return_X_y=True)
    X = X / 16
    repeats = np.where(np.arange(len(X)) == 0, 300, 1)  # more than a cluster has samples
    dec = DECClusterer(10, random_state=0).fit(X, sample_weight=repeats)
    kmeans = KMeans(10, n_init=20, random_state=0).fit(X, sample_weight=repeats)
    accuracy = clustering_accuracy(y, dec.labels_)
    assert accuracy > clustering_accuracy(y, kmeans.labels_)
