"""All checks that scikit-learn has for such an estimator, none of them expected to fail."""

import pytest
from sklearn.cluster import KMeans
from sklearn.utils.estimator_checks import check_estimator

from skdec import DECClusterer


@pytest.fixture(scope="module")
def results():
    """Results of the checks; one layer, because each number of features is compiled anew."""
    small = DECClusterer(
        2, dims=(2,), pretrain_epochs=5, max_iter=10, n_init=1, batch_size=32, random_state=0
    )
    return check_estimator(small, on_skip=None, on_fail=None)


def get_names(results, status):
    return {result["check_name"] for result in results if result["status"] == status}


@pytest.mark.filterwarnings("ignore")  # checks have samples on which no clustering converges
def test_every_check_passes(results):
    failures = [
        f"{result['check_name']}: {result['exception']!r}"
        for result in results
        if result["status"] not in ("passed", "skipped")
    ]
    assert not failures, "\n".join(failures)
    assert not any(result["expected_to_fail"] for result in results)


@pytest.mark.filterwarnings("ignore")
def test_only_checks_that_kmeans_skips_are_skipped(results):
    kmeans_results = check_estimator(KMeans(), on_skip=None, on_fail=None)
    assert get_names(results, "skipped") <= get_names(kmeans_results, "skipped")


@pytest.mark.filterwarnings("ignore")
def test_the_most_relevant_checks_are_run(results):
    assert {
        "check_clustering",
        "check_methods_subset_invariance",
        "check_methods_sample_order_invariance",
        "check_estimator_sparse_matrix",
        "check_transformer_general",
        "check_readonly_memmap_input",
    } <= get_names(results, "passed")
