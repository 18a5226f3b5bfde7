"""Equality of two fits, bit by bit."""

import numpy as np


def assert_same_fit(dec, expected):
    """Compare all that a fit has found, except for the seconds that it took."""
    weights = zip(dec._weights.autoencoder, expected._weights.autoencoder, strict=True)
    for found, one in weights:
        np.testing.assert_array_equal(found, one)
    for name in ("labels_", "initial_labels_", "cluster_centers_"):
        np.testing.assert_array_equal(getattr(dec, name), getattr(expected, name))
    assert (dec.n_iter_, dec.stop_reason_) == (expected.n_iter_, expected.stop_reason_)
    for phase, history in expected.history_.items():
        for name in history.keys() - {"seconds"}:
            np.testing.assert_array_equal(dec.history_[phase][name], history[name])
