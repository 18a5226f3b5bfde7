"""All checks that scikit-learn has for such an estimator."""

import pytest
from sklearn.cluster import KMeans
from sklearn.utils.estimator_checks import check_estimator

from skdec import DECClusterer, NeighborClusterer

# scikit-learn takes every estimator with `predict_proba` for a classifier here: it reads the
# classifier tags, which a clusterer does not have, and expects two or four columns.
_REASON = "the check reads the classifier tags of every estimator with predict_proba"
EXPECTED_FAILURES = {
    "check_estimator_sparse_array": _REASON,
    "check_estimator_sparse_matrix": _REASON,
}


def run_checks(dec):
    return check_estimator(
        dec, on_skip=None, on_fail=None, expected_failed_checks=EXPECTED_FAILURES
    )


def get_names(results, status):
    return {result["check_name"] for result in results if result["status"] == status}


def assert_all_pass(results):
    failures = [
        f"{result['check_name']}: {result['exception']!r}"
        for result in results
        if result["status"] not in ("passed", "skipped", "xfail")
    ]
    assert not failures, "\n".join(failures)
    assert get_names(results, "xfail") == EXPECTED_FAILURES.keys()


@pytest.mark.filterwarnings("ignore")  # checks have samples on which no clustering converges
@pytest.mark.parametrize("kind", [pytest.param("network", marks=pytest.mark.slow), "neighbors"])
def test_every_check_passes(kind, tiny):
    """With one layer, because each number of features is compiled anew."""
    network = DECClusterer(**tiny | {"dims": (2,), "max_iter": 10})
    results = run_checks(network if kind == "network" else NeighborClusterer())
    assert_all_pass(results)
    kmeans_results = check_estimator(KMeans(), on_skip=None, on_fail=None)
    assert get_names(results, "skipped") <= get_names(kmeans_results, "skipped")
    assert {
        "check_clustering",
        "check_methods_subset_invariance",
        "check_methods_sample_order_invariance",
        "check_sample_weight_equivalence_on_sparse_data",
        "check_readonly_memmap_input",
    } <= get_names(results, "passed")
