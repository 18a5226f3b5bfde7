"""Scorers, compared with scikit-learn and used in its searches; choosing the number of clusters."""

import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.stats import entropy, spearmanr
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.cluster import AgglomerativeClustering, KMeans, SpectralClustering
from sklearn.datasets import load_digits, make_blobs
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.metrics import (
    calinski_harabasz_score,
    davies_bouldin_score,
    normalized_mutual_info_score,
    silhouette_score,
)
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.utils import resample

from skdec import DECClusterer
from skdec.cluster._graph import build_neighbor_graph
from skdec.display import ClusterCountDisplay
from skdec.metrics import clustering_accuracy
from skdec.model_selection import (
    CalinskiHarabaszScorer,
    ClusterCountChoice,
    DaviesBouldinScorer,
    NeighborInformationScorer,
    SilhouetteScorer,
    choose_n_clusters,
    clustering_accuracy_scorer,
    generalizability,
)

SPACE_SCORERS = {
    SilhouetteScorer: silhouette_score,
    DaviesBouldinScorer: lambda X, labels: -davies_bouldin_score(X, labels),
    CalinskiHarabaszScorer: calinski_harabasz_score,
}
SCORERS = {
    "accuracy": clustering_accuracy_scorer,
    "neighbor information": NeighborInformationScorer(),
}
SCORERS |= {
    f"{scorer.__name__} in the {space}": scorer(space)
    for scorer in SPACE_SCORERS
    for space in ("input", "embedding")
}


@pytest.fixture(scope="module")
def classes():
    """Classes of the fixture `samples`."""
    return make_blobs(150, 6, centers=3, cluster_std=1.5, random_state=0)[1]


class Fixed(ClusterMixin, BaseEstimator):
    """Predicts given labels; its embedding is the first feature."""

    def __init__(self, labels):
        self.labels = labels

    def fit(self, X, y=None):
        return self

    def predict(self, X):
        return np.asarray(self.labels)[: X.shape[0]]

    def transform(self, X):
        return X[:, :1]


@pytest.mark.parametrize("scorer", SPACE_SCORERS)
def test_scores_equal_those_of_scikit_learn(scorer, fitted, samples):
    """In a Pipeline the input is that of the last step."""
    metric = SPACE_SCORERS[scorer]
    scaled = StandardScaler().fit_transform(samples)
    pipeline = make_pipeline(StandardScaler(), KMeans(3, n_init=1, random_state=0)).fit(samples)
    for estimator, X, points in (
        (fitted, samples, samples),
        (pipeline, samples, scaled),
        (make_pipeline(pipeline[-1]), scaled, scaled),
    ):
        labels = estimator.predict(X)
        assert scorer()(estimator, X) == pytest.approx(metric(points, labels))
        expected = metric(estimator.transform(X), labels)
        assert scorer("embedding")(estimator, X) == pytest.approx(expected)


def test_accuracy_scorer_matches_clusters_to_classes(fitted, samples, classes):
    expected = clustering_accuracy(classes, fitted.predict(samples))
    assert clustering_accuracy_scorer(fitted, samples, classes) == expected
    with pytest.raises(ValueError, match=r"needs classes.*NeighborInformationScorer"):
        clustering_accuracy_scorer(fitted, samples, None)


@pytest.mark.parametrize("labels", [np.zeros(20, int), np.arange(20)], ids=["one", "all"])
@pytest.mark.parametrize(
    ("scorer", "worst"),
    [(SilhouetteScorer, -1.0), (DaviesBouldinScorer, -1e6), (CalinskiHarabaszScorer, 0.0)],
)
@pytest.mark.parametrize("space", ["input", "embedding"])
def test_clusters_with_an_undefined_score_get_the_worst(scorer, worst, space, labels, random):
    X = random(0).normal(size=(20, 3))
    assert scorer(space)(Fixed(labels), X) == worst
    assert scorer(space)(Fixed(np.arange(20) % 2), X) > worst


def test_many_samples_are_subsampled_with_a_seed(random):
    X = random(0).normal(size=(60, 2))
    labels = np.arange(60) % 3
    score = SilhouetteScorer(max_samples=40, random_state=7)(Fixed(labels), X)
    expected = resample(X, labels, replace=False, n_samples=40, random_state=7)
    assert score == silhouette_score(*expected)
    assert SilhouetteScorer(max_samples=None)(Fixed(labels), X) == silhouette_score(X, labels)


@pytest.mark.parametrize("scorer", SPACE_SCORERS)
def test_sparse_samples_score_like_dense_ones(scorer, random):
    X = random(0).normal(size=(60, 4)) * (random(1).random(size=(60, 4)) < 0.5)
    for max_samples in (30, None):
        dense, sparse = (
            scorer(max_samples=max_samples)(Fixed(np.arange(60) % 3), given)
            for given in (X, sp.csr_array(X))
        )
        assert sparse == pytest.approx(dense)


@pytest.mark.parametrize(
    ("scorer", "arguments", "message"),
    [
        (SilhouetteScorer, {"space": "output"}, "'input' or 'embedding'; got 'output'"),
        (NeighborInformationScorer, {"n_neighbors": 0}, "an integer of at least 1; got 0"),
        *(
            (scorer, {"max_samples": max_samples}, "None or an integer of at least 2; got")
            for scorer in (SilhouetteScorer, NeighborInformationScorer)
            for max_samples in (1, 2.5, "all")
        ),
    ],
)
def test_scorers_check_their_parameters(scorer, arguments, message):
    with pytest.raises(ValueError, match=f"{next(iter(arguments))} must be {message}"):
        scorer(**arguments)


@pytest.mark.parametrize("name", SCORERS)
def test_scorers_can_be_pickled(name):
    assert pickle.loads(pickle.dumps(SCORERS[name])) == SCORERS[name]


def compute_loss(q):
    """The loss of the paper, computed by its formulas."""
    weight = q**2 / q.sum(axis=0)
    p = weight / weight.sum(axis=1, keepdims=True)
    return np.sum(p * np.log(p / q)) / len(q)


def test_generalizability_is_that_of_the_paper(fitted, samples):
    q = fitted.predict_proba(samples).astype(float)
    expected = compute_loss(q[:100]) / compute_loss(q[100:])
    for estimator in (fitted, make_pipeline("passthrough", fitted)):
        found = generalizability(estimator, samples[:100], samples[100:])
        assert found == pytest.approx(expected, rel=1e-6)


class Identity(BaseEstimator):
    """Returns the samples as soft assignments."""

    def predict_proba(self, X):
        return X


def test_generalizability_without_loss():
    certain, uncertain = np.eye(2), np.array([[0.9, 0.1], [0.3, 0.7]])
    assert generalizability(Identity(), np.ones((3, 1)), np.ones((2, 1))) == 1.0
    assert generalizability(Identity(), certain, uncertain) == pytest.approx(0, abs=1e-12)
    assert generalizability(Identity(), uncertain, np.ones((2, 1))) == np.inf


GRID = {"dims": [(8, 2), (16, 4)], "alpha": [0.5, 1.0]}


@pytest.fixture(scope="module")
def multimetric_search(tiny, samples, classes):
    """A search with all scorers, so that each fit runs once."""
    dec = DECClusterer(**tiny)
    with warnings.catch_warnings():
        # scikit-learn warns about scores that are not finite and scorers that fail; skdec warns
        # about empty clusters.
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        return GridSearchCV(dec, GRID, scoring=SCORERS, cv=2, refit=False).fit(samples, classes)


@pytest.mark.parametrize("name", SCORERS)
def test_grid_search_over_dims_and_alpha(name, multimetric_search):
    scores = multimetric_search.cv_results_[f"mean_test_{name}"]
    assert len(scores) == 4
    assert np.isfinite(scores).all()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_single_cluster_does_not_stop_a_search(tiny, samples):
    dec = DECClusterer(**{**tiny, "dims": (8, 2)})
    scoring = {scorer.__name__: scorer("embedding") for scorer in SPACE_SCORERS}
    grid = {"n_clusters": [1, 3]}
    search = GridSearchCV(dec, grid, scoring=scoring, cv=2, refit="SilhouetteScorer").fit(samples)
    for name in scoring:
        assert np.isfinite(search.cv_results_[f"mean_test_{name}"]).all()
        assert search.cv_results_[f"rank_test_{name}"].tolist() == [2, 1]
    assert search.best_params_ == {"n_clusters": 3}


def test_search_in_a_pipeline_and_without_classes(tiny, samples):
    pipeline = make_pipeline(MinMaxScaler(), DECClusterer(**tiny))
    grid = {"decclusterer__alpha": [0.5, 2.0]}
    search = GridSearchCV(pipeline, grid, scoring=SilhouetteScorer(), cv=2).fit(samples)
    means = search.cv_results_["mean_test_score"]
    assert search.best_index_ == np.argmax(means)
    fold = search.cv_results_["split0_test_score"][search.best_index_]
    half = samples[75:]
    again = pipeline.set_params(**search.best_params_).fit(half)
    assert SilhouetteScorer()(again, samples[:75]) == fold


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_randomized_and_halving_search(tiny, samples, classes):
    dec = DECClusterer(**tiny)
    randomized = RandomizedSearchCV(
        dec, GRID, n_iter=2, scoring=clustering_accuracy_scorer, cv=2, random_state=0
    ).fit(samples, classes)
    assert np.isfinite(randomized.best_score_)
    halving = HalvingGridSearchCV(
        dec,
        {"alpha": [0.5, 1.0, 2.0]},
        factor=3,
        min_resources=40,
        scoring=SilhouetteScorer(),
        cv=2,
        random_state=0,
    ).fit(samples)
    assert np.isfinite(halving.best_score_)


SEARCH_IN_WORKERS = """
{imports}
import numpy as np
from sklearn.datasets import make_blobs
X, _ = make_blobs(150, 6, centers=3, random_state=0)
dec = DECClusterer(3, dims=(16, 4), batch_size=32, pretrain_epochs=3, max_iter=10, random_state=0)
scorer = SilhouetteScorer()
searches = [
    GridSearchCV(dec, {{"alpha": [0.5, 1.0]}}, scoring=scorer, cv=2, n_jobs=n_jobs, refit=False)
    for n_jobs in (2, 1)
]
scores = [search.fit(X).cv_results_["mean_test_score"] for search in searches]
assert np.isfinite(scores).all()
assert np.array_equal(*scores), scores
"""
SKDEC = "from skdec import DECClusterer\nfrom skdec.model_selection import SilhouetteScorer"
SEARCH = "from sklearn.model_selection import GridSearchCV"


@pytest.mark.slow
@pytest.mark.parametrize(
    "imports",
    [f"import tensorflow\n{SEARCH}\n{SKDEC}", f"{SEARCH}\n{SKDEC}\nimport tensorflow"],
    ids=["tensorflow first", "tensorflow last"],
)
def test_parallel_searches_compute_the_same_scores(imports):
    code = SEARCH_IN_WORKERS.format(imports=imports)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


def measure_score(X, labels, n_neighbors=10):
    """I (I / H) in the graph of neighbors, by dense sums and SciPy's entropies."""
    graph = build_neighbor_graph(X.astype(np.float32), n_neighbors, np.random.RandomState(0))
    indicator = np.eye(labels.max() + 1)[labels]
    joint = indicator.T @ graph.toarray() @ indicator / len(X)
    joint = (joint + joint.T) / 2
    clusters = entropy(joint.sum(axis=1))
    information = 2 * clusters - entropy(joint.ravel())
    return information**2 / clusters


def test_neighbor_information_equals_a_dense_computation(fitted, samples):
    labels = fitted.predict(samples)
    expected = measure_score(samples, labels)
    assert NeighborInformationScorer()(fitted, samples) == pytest.approx(expected, rel=1e-4)
    assert fitted.score(samples) == pytest.approx(expected, rel=1e-4)
    scaled = StandardScaler().fit_transform(samples)
    pipeline = make_pipeline(StandardScaler(), KMeans(3, n_init=1, random_state=0)).fit(samples)
    found = NeighborInformationScorer(n_neighbors=4)(pipeline, samples)
    expected = measure_score(scaled, pipeline.predict(samples), 4)
    assert found == pytest.approx(expected, rel=1e-4)
    assert NeighborInformationScorer()(fitted, sp.csr_array(samples)) > 0


def test_neighbor_information_counts_repeated_samples(random):
    X, labels = random(0).normal(size=(40, 3)), np.arange(40) % 2
    twice = NeighborInformationScorer()(Fixed(np.tile(labels, 2)), np.tile(X, (2, 1)))
    assert twice == pytest.approx(NeighborInformationScorer()(Fixed(labels), X))


def test_neighbor_information_of_trivial_clusters(random):
    X = random(0).normal(size=(30, 2))
    scorer = NeighborInformationScorer()
    assert scorer(Fixed(np.zeros(30, int)), X) == 0
    assert scorer(Fixed(np.zeros(1, int)), X[:1]) == 0
    separated = X + 100 * (np.arange(30) % 2)[:, None]
    assert scorer(Fixed(np.arange(30) % 2), separated) == pytest.approx(np.log(2), rel=1e-3)


def test_neighbor_information_of_many_samples_is_that_of_a_subset(random):
    X, labels = random(0).normal(size=(60, 2)), np.arange(60) % 3
    score = NeighborInformationScorer(max_samples=40, random_state=7)(Fixed(labels), X)
    subset, subset_labels = resample(X, labels, replace=False, n_samples=40, random_state=7)
    assert score == NeighborInformationScorer(random_state=7)(Fixed(subset_labels), subset)


def test_neighbor_information_ranks_clusterings_of_digits_where_the_silhouette_does_not():
    X, y = load_digits(return_X_y=True)
    clusterers = [
        KMeans(10, n_init=1, random_state=0),
        AgglomerativeClustering(10),
        AgglomerativeClustering(10, linkage="average"),
        SpectralClustering(10, affinity="nearest_neighbors", random_state=0),
        GaussianMixture(10, covariance_type="tied", random_state=0),
    ]
    labels = [clusterer.fit_predict(X) for clusterer in clusterers]
    quality = [normalized_mutual_info_score(y, one) for one in labels]
    scores = [NeighborInformationScorer()(Fixed(one), X) for one in labels]
    silhouettes = [silhouette_score(X, one) for one in labels]
    assert spearmanr(quality, scores).statistic >= 0.8
    assert spearmanr(quality, silhouettes).statistic < 0.8


@pytest.fixture(scope="module")
def choice():
    X, y = make_blobs(200, 6, centers=4, random_state=3)
    return choose_n_clusters(X, y, n_clusters=[5, 3, 4], n_seeds=2, random_state=0)


def test_the_number_of_blobs_is_recommended(choice):
    assert choice.recommended == 4
    assert choice.n_clusters.tolist() == [3, 4, 5]
    assert choice.agreement[1] == 1.0
    assert choice.nmi[1].tolist() == [1.0, 1.0]
    assert choice.cheapest.shape == choice.lost.shape == choice.nmi.shape == (3, 2)
    assert choice.lost[1] == pytest.approx(0, abs=0.01)
    assert (choice.lost[2] > choice.lost[1]).all()  # a cluster is divided
    assert (choice.cheapest[0] < choice.cheapest[1]).all()  # two clusters are merged


def test_contrast_is_the_cheapest_cut_beside_the_borders():
    X, _ = make_blobs([150, 90, 60], 2, cluster_std=1.5, random_state=3)
    choice = choose_n_clusters(X, n_clusters=range(2, 8), n_seeds=2, random_state=0)
    ratios = choice.cheapest / choice.lost / choice.n_clusters[:, None] ** 0.3
    # Between 0 and 0.5: whether sizes are uneven.
    penalties = np.log(np.exp(np.log(ratios).mean(axis=1)) / choice.contrast)
    assert ((penalties >= 0) & (penalties < 0.5)).all()
    unevenness = 1 - entropy([150, 90, 60]) / np.log(3)
    assert penalties[1] == pytest.approx(0.5 * unevenness / (unevenness + 0.02), abs=0.1)
    best = (choice.contrast * choice.agreement).argmax()
    assert choice.recommended == choice.n_clusters[best]


def test_a_few_far_samples_are_no_cluster(random):
    X, _ = make_blobs(300, 4, centers=3, random_state=3)
    X[:8] = 100 + random(0).normal(size=(8, 4))
    assert choose_n_clusters(X, n_seeds=2, random_state=0).recommended == 3


@pytest.mark.parametrize(
    "n_blobs", [3, 6, *(pytest.param(n, marks=pytest.mark.slow) for n in (2, 9))]
)
def test_the_number_of_blobs_is_recommended_among_many(n_blobs):
    X, _ = make_blobs(400, 8, centers=n_blobs, random_state=n_blobs)
    assert choose_n_clusters(X, n_seeds=2, random_state=0).recommended == n_blobs


@pytest.mark.parametrize(
    ("n_samples", "n_blobs", "largest"),
    [(400, 25, 30), pytest.param(700, 45, 60, marks=pytest.mark.slow)],
)
def test_every_number_up_to_a_large_one_is_found(n_samples, n_blobs, largest):
    X, _ = make_blobs(n_samples, 8, centers=n_blobs, cluster_std=0.2, random_state=0)
    counts = (k for k in np.arange(2, largest + 1))
    choice = choose_n_clusters(X, n_clusters=counts, n_seeds=2, random_state=0)
    assert choice.n_clusters.tolist() == list(range(2, largest + 1))
    assert choice.recommended == n_blobs


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"n_clusters": 3}, TypeError, r"such as range\(2, 21\); got 3"),
        ({"n_clusters": np.array(3)}, TypeError, r"such as range\(2, 21\); got array\(3\)"),
        ({"n_clusters": [2.5]}, TypeError, "each of n_clusters must be an integer"),
        ({"n_clusters": []}, ValueError, "at least one number of clusters; got none"),
        ({"n_clusters": [1, 2]}, ValueError, "each of n_clusters must be .* at least 2; got 1"),
        ({"n_clusters": [2, 150]}, ValueError, "number of distinct samples, 150; got 150"),
        ({"max_samples": 0}, ValueError, "max_samples must be an integer of at least 1"),
        ({"max_samples": 9.5}, TypeError, "max_samples must be an integer of at least 1"),
        ({"n_seeds": 1}, ValueError, "n_seeds must be an integer of at least 2; got 1"),
        ({"n_neighbors": 0}, ValueError, "n_neighbors must be an integer of at least 1; got 0"),
        ({"y": [0, 1, 2]}, ValueError, "y has 3 labels, but X has 150 samples"),
        ({"X": np.full((20, 2), np.nan)}, ValueError, "NaN"),
    ],
)
def test_invalid_arguments_of_the_choice_are_refused(arguments, error, message, samples):
    with pytest.raises(error, match=message):
        choose_n_clusters(**{"X": samples} | arguments)


def test_five_digits_are_counted():
    X, y = load_digits(return_X_y=True)
    X = X[np.isin(y, [0, 2, 4, 6, 7])]
    assert choose_n_clusters(X, n_clusters=range(2, 9), random_state=0).recommended == 5


def test_choice_prints_as_a_table(choice):
    header, *lines, blank, statement = str(choice).splitlines()
    assert not blank
    assert statement.startswith("4 clusters: contrast times agreement is ")
    assert header.split() == list(choice.to_dict())
    assert len({len(line) for line in [header, *lines]}) == 1
    assert [line.split()[0] for line in lines] == ["3", "*4", "5"]
    assert f"{choice.nmi[1].mean():.3f}" in lines[1]


def test_choice_as_a_dict(choice):
    columns = choice.to_dict()
    assert columns["n_clusters"] == [3, 4, 5]
    assert columns["lost"] == choice.lost.mean(axis=1).tolist()
    assert columns["contrast"] == choice.contrast.tolist()
    unlabeled = ClusterCountChoice(**{**vars(choice), "nmi": None})
    assert "nmi" not in unlabeled.to_dict()


def test_choice_is_plotted(choice):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("agg")
    display = choice.plot()
    assert isinstance(display, ClusterCountDisplay)
    assert set(display.lines_) == {"contrast", "agreement", "NMI"}
    pyplot.close("all")


def test_recommendation_ignores_classes_and_is_reproducible(choice):
    X, _ = make_blobs(200, 6, centers=4, random_state=3)
    again = choose_n_clusters(X, n_clusters=[3, 4, 5], n_seeds=2, random_state=0)
    assert again.nmi is None
    np.testing.assert_array_equal(again.lost, choice.lost)
    np.testing.assert_array_equal(again.contrast, choice.contrast)


def test_sparse_samples_with_many_features(random):
    values = random(0).random((60, 80))
    X = sp.csr_array(np.where(values > 0.9, values, 0))
    arguments = {"n_clusters": [2, 3], "n_seeds": 2, "random_state": 0}
    choice = choose_n_clusters(X, **arguments)
    dense = choose_n_clusters(X.toarray(), **arguments)
    assert choice.recommended == dense.recommended
    np.testing.assert_array_equal(choice.contrast, dense.contrast)


def test_of_many_samples_a_subset_is_used(random):
    X, y = make_blobs(500, 6, centers=4, random_state=3)
    choice = choose_n_clusters(
        X, y, n_clusters=range(2, 7), n_seeds=2, max_samples=150, random_state=0
    )
    assert choice.recommended == 4
    assert choice.nmi[2].tolist() == [1.0, 1.0]


def test_a_sample_that_outweighs_all_others_hides_no_clusters():
    X, _ = make_blobs(200, 6, centers=4, random_state=3)
    X[0, 0] = -1e12
    assert choose_n_clusters(X, n_seeds=2, random_state=0).recommended == 4


def test_numbers_that_are_nearly_as_good_are_named():
    choice = ClusterCountChoice(
        recommended=3,
        n_clusters=np.array([2, 3, 4]),
        contrast=np.array([1.9, 2.0, 1.2]),
        agreement=np.ones(3),
        lost=np.ones((3, 2)),
        cheapest=np.ones((3, 2)),
    )
    assert str(choice).endswith(
        "is 2.00, and nearly the same for all of 2, 3: none of them stands out."
    )
