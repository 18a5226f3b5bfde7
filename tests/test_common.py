"""Every check that scikit-learn has for an estimator like this, none expected to fail."""

import pytest
from sklearn.cluster import KMeans
from sklearn.utils.estimator_checks import check_estimator

from skdec import DECClusterer


@pytest.fixture(scope="module")
def results():
    quick = DECClusterer(
        2, dims=(8, 2), pretrain_epochs=20, max_iter=40, n_init=1, batch_size=32, random_state=0
    )
    return check_estimator(quick, on_skip=None, on_fail=None)


def names(results, status):
    return {result["check_name"] for result in results if result["status"] == status}


@pytest.mark.filterwarnings("ignore")  # checks feed rows that no clustering converges on
def test_every_check_passes(results):
    failures = [
        f"{result['check_name']}: {result['exception']!r}"
        for result in results
        if result["status"] not in ("passed", "skipped")
    ]
    assert not failures, "\n".join(failures)
    assert not any(result["expected_to_fail"] for result in results)


@pytest.mark.filterwarnings("ignore")
def test_only_what_kmeans_skips_is_skipped(results):
    of_kmeans = names(check_estimator(KMeans(), on_skip=None, on_fail=None), "skipped")
    assert names(results, "skipped") <= of_kmeans


@pytest.mark.filterwarnings("ignore")
def test_the_checks_that_matter_here_were_run(results):
    assert {
        "check_clustering",
        "check_methods_subset_invariance",
        "check_methods_sample_order_invariance",
        "check_estimator_sparse_matrix",
        "check_transformer_general",
        "check_readonly_memmap_input",
    } <= names(results, "passed")
