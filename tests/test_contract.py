"""What users rely on beyond scikit-learn's checks: clear refusals, advice, side effects."""

import os
import re
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_info

from skdec import DECClusterer, compare
from skdec.cluster._graph import target_distribution
from skdec.display import ProfileDisplay, SilhouetteDisplay
from skdec.model_selection import choose_n_clusters


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dims": (8, 2)}, r"dims=\(16, 4\), .* has built; dims or autoencoder is now another"),
        ({"n_clusters": 4}, "the 3 clusters of the previous fit further; n_clusters is 4"),
    ],
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_further_training_with_other_networks_is_refused(tiny, samples, changes, message, method):
    dec = DECClusterer(**tiny, warm_start=True).fit(samples)
    dec.set_params(**changes)
    with pytest.raises(ValueError, match=message):
        getattr(dec, method)(samples)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_equal_widths_of_another_type_are_the_same(tiny, samples, method):
    dec = DECClusterer(**tiny | {"dims": np.array([16, 4])}, warm_start=True).fit(samples)
    getattr(dec, method)(samples)
    getattr(dec.set_params(dims=[16, 4]), method)(samples)


def test_more_clusters_than_the_first_samples_had_are_refused(tiny, samples):
    parameters = tiny | {"n_clusters": 5, "warm_start": True}
    with pytest.warns(ConvergenceWarning, match="Only 3 of n_clusters=5"):
        dec = DECClusterer(**parameters).fit(np.repeat(samples[:3], 10, axis=0))
    with pytest.raises(ValueError, match=r"the 3 clusters of the .* Set n_clusters=3, or fit from"):
        dec.fit(samples)


def test_the_first_partial_fit_checks_parameters_and_weights(tiny, samples):
    with pytest.raises(TypeError, match="n_clusters must be an integer"):
        DECClusterer("3").partial_fit(samples)
    weights = np.zeros(len(samples))
    weights[:2] = 1
    with pytest.raises(ValueError, match="at least n_clusters=3 distinct samples; X has 2"):
        DECClusterer(**tiny).partial_fit(samples, sample_weight=weights)


def test_fits_side_by_side_leave_filters_and_thread_limits(tiny, samples):
    filters = list(warnings.filters)
    threads = [pool["num_threads"] for pool in threadpool_info()]
    barrier = threading.Barrier(2)

    def fit(seed):
        barrier.wait()
        return DECClusterer(**tiny | {"random_state": seed}).fit(samples)

    with ThreadPoolExecutor(2) as executor:
        list(executor.map(fit, range(2)))
    assert list(warnings.filters) == filters
    assert [pool["num_threads"] for pool in threadpool_info()] == threads


def test_the_published_parameters_print_well():
    text = repr(DECClusterer.classic())
    assert "optimizer=SGD(learning_rate=0.01, momentum=0.9)" in text
    assert "object at" not in text
    assert "kernel_initializer=RandomNormal(stddev=0.01)" in text
    assert "pretrain_optimizer=SGD(learning_rate=ExponentialDecay(initial_learning_rate=0.1" in text


@pytest.mark.parametrize("mass", [2e-40, 1e-38, 1e-30, 0.0])
def test_a_cluster_of_hardly_any_mass_has_finite_targets(mass):
    q = np.full((5, 3), 0.5, np.float32)
    q[:, 2] = mass
    p = target_distribution(q)
    assert np.isfinite(p).all()
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-6)


def test_samples_of_weight_zero_of_a_memory_map_are_read_in_batches(tiny, samples, tmp_path):
    X = np.tile(samples, (40, 1)).astype(np.float32)
    np.save(tmp_path / "X.npy", X)
    X = np.load(tmp_path / "X.npy", mmap_mode="r")
    weights = np.zeros(len(X))
    weights[:150] = 1
    dec = DECClusterer(**tiny).fit(X, sample_weight=weights)
    np.testing.assert_array_equal(dec.labels_, np.tile(dec.labels_[:150], 40))


def test_words_and_dates_are_refused_with_what_makes_features_of_them():
    table = pd.DataFrame({"city": ["Kyoto", "Bergen"] * 20, "x": range(40)})
    dated = pd.DataFrame({"day": pd.date_range("2020-01-01", periods=40), "x": range(40)})
    labels = np.arange(40) % 2
    for X, error, start in (
        (table, ValueError, "could not convert .*'Kyoto'. Feature 'city' of X holds"),
        (dated, TypeError, "Feature 'day' of X is of type datetime64"),
    ):
        for use in (
            DECClusterer(2).fit,
            lambda X: compare(X, n_clusters=2, methods=("kmeans",)),
            lambda X: choose_n_clusters(X, n_clusters=range(2, 4)),
            lambda X: ProfileDisplay.from_predictions(X, labels),
            lambda X: SilhouetteDisplay.from_predictions(X, labels),
        ):
            with pytest.raises(error, match=start) as caught:
                use(X)
            assert "skdec.TablePreparer makes features" in str(caught.value)


@pytest.mark.parametrize(
    "odd",
    [
        pd.array([[1, 2]] * 40, dtype=pd.ArrowDtype(pa.list_(pa.int64()))),
        pd.Series([1.0] * 39 + [pd.Timestamp("2020-01-01")], dtype=object),
        ["1.5"] * 39 + ["two"],
    ],
    ids=["lists", "date", "words"],
)
def test_what_is_no_number_is_named_with_its_column(odd):
    frame = pd.DataFrame({"x": np.arange(40.0), "odd": odd})
    for X, column in ((frame, "'odd'"), (frame.to_numpy(), "1")):
        with pytest.raises((ValueError, TypeError), match=f"Feature {column} of X holds "):
            DECClusterer(2).fit(X)


@pytest.mark.slow
def test_tensorflow_begins_without_lines_on_standard_error():
    """Nor in workers. The last line of the progress says what was found; errors are shown."""
    script = (
        "import joblib, numpy as np, skdec.layers; from skdec import DECClusterer; "
        "X = np.random.default_rng(0).random((60, 3)); dec = DECClusterer(2, dims=(8, 2), "
        "pretrain_epochs=1, max_iter=4, verbose=1, random_state=0).fit(X); "
        "joblib.Parallel(2)(joblib.delayed(dec.predict)(X) for _ in range(2)); "
        "raise SystemExit('an error')"
    )
    environment = {name: os.environ[name] for name in os.environ if name != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=600
    )
    *progress, summary, error = done.stderr.splitlines()
    steps = {line.split()[0].rstrip(",") for line in progress}
    assert steps <= {"components", "neighbors", "search", "pretrain", "refine", "decoder"}
    assert re.fullmatch(
        r"2 clusters in [\d.]+ s: (refined, .*|those of the initialization)", summary
    )
    assert error == "an error"
