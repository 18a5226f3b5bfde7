"""Descriptions of clusters and examples of them, against numbers computed by hand."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skdec import describe_clusters, find_examples


@pytest.fixture(scope="module")
def table():
    return pd.DataFrame(
        {
            "age": [20.0, 24.0, 22.0, np.nan, 60.0, 62.0, 64.0, 66.0],
            "sex": ["f", "f", "f", "m", "m", "m", "m", None],
            "day": pd.to_datetime(["2020-01-01", "2020-01-03"] * 4),
            "same": 1,
        }
    )


LABELS = [0, 0, 0, 0, 1, 1, 1, 1]


def test_sizes_and_typical_values(table):
    described = describe_clusters(table, LABELS)
    assert described.index.names == ["cluster", "column"]
    assert described["size"].tolist() == [4] * 8
    assert described["fraction"].tolist() == [0.5] * 8
    for cluster in (0, 1):  # what tells most comes first
        assert (np.diff(described.loc[cluster, "information"]) <= 0).all()
    young = described.loc[0]
    assert young.index[0] == "age"
    assert young.loc["age", "typical"] == "22 (21 to 23), missing 25%"
    assert young.loc["age", "overall"] == "60 (23 to 63), missing 12%"
    assert young.loc["sex", "typical"] == "f 75%, m 25%"
    assert young.loc["sex", "overall"] == "m 50%, f 38%, (missing) 12%"
    assert young.loc["day", "typical"] == "2020-01-02 (2020-01-01 to 2020-01-03)"


def test_differences_are_standardized(table):
    described = describe_clusters(table, LABELS)
    age = table["age"]
    expected = (age[:4].mean() - age.mean()) / age.std(ddof=0)
    assert described.loc[(0, "age"), "difference"] == pytest.approx(expected)
    # Being "f" has a frequency of 3/8 in all and 3/4 in the cluster.
    fraction = 3 / 8
    expected = (3 / 4 - fraction) / np.sqrt(fraction * (1 - fraction))
    assert described.loc[(0, "sex"), "difference"] == pytest.approx(expected)
    assert described.loc[(0, "sex"), "value"] == "f"
    assert pd.isna(described.loc[(0, "age"), "value"])
    assert described.loc[(0, "same"), "difference"] == 0


def test_information_is_the_fraction_of_the_entropy_of_membership():
    table = pd.DataFrame(
        {"tells": ["a", "a", "b", "b"], "half": ["a", "a", "a", "b"], "no": [1] * 4}
    )
    information = describe_clusters(table, [0, 0, 1, 1]).loc[0, "information"]
    assert information["tells"] == pytest.approx(1)
    joint = np.array([[1 / 2, 0], [1 / 4, 1 / 4]])
    independent = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0)
    positive = joint > 0
    mutual = (joint[positive] * np.log(joint[positive] / independent[positive])).sum()
    chance = (2 - 1) * (2 - 1) / (2 * 4)  # of two values in four samples
    assert information["half"] == pytest.approx((mutual - chance) / (np.log(2) - chance))
    assert information["no"] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("n_samples", [60, 150, 1000])
def test_columns_of_chance_tell_hardly_anything(n_samples, random):
    """Whatever the number of their values, and even if the rows are sorted by cluster."""
    labels = np.sort(random(0).integers(3, size=n_samples))
    table = pd.DataFrame(
        {
            "number": random(1).normal(size=n_samples),
            "code": random(2).integers(120, size=n_samples).astype(str),
            "category": random(3).integers(4, size=n_samples).astype(str),
            "comment": [f"comment {i}" for i in range(n_samples)],
            "real": random(4).normal(size=n_samples) + labels,
        }
    )
    information = describe_clusters(table, labels)["information"].groupby("column").mean()
    assert information["comment"] == 0
    assert (information[["number", "code", "category"]] < 0.12).all()
    assert information["real"] > 0.15


@pytest.mark.parametrize("container", ["polars", "array"])
def test_other_containers_give_the_same(container, random):
    X = pd.DataFrame(random(0).normal(size=(30, 3)), columns=["x0", "x1", "x2"])
    labels = random(1).integers(0, 3, 30)
    described = describe_clusters(X, labels)
    other = describe_clusters(pl.from_pandas(X) if container == "polars" else X.to_numpy(), labels)
    assert described["name"].groupby("cluster").nunique().eq(1).all()
    pd.testing.assert_frame_equal(other, described)


def test_yes_and_no_are_described_by_fractions_and_large_numbers_without_exponent():
    flags = {"flag": [1, 1, 0, 0], "bool": [True, True, False, None]}
    table = pd.DataFrame({**flags, "two": [1, 2] * 2, "n": [69_961.28, 1_234_567.0, 0.00012, 5]})
    typical = describe_clusters(table, [0, 0, 0, 1])["typical"]
    assert typical[0, "flag"] == "yes 67%, no 33%"
    assert typical[0, "bool"] == "yes 67%, no 33%"
    assert typical[1, "bool"] == "(missing) 100%"
    assert typical[0, "two"] == "1 (1 to 1.5)"
    assert typical[0, "n"] == "69961 (34981 to 652264)"


def test_examples_are_nearest_least_certain_and_unlike(fitted, samples):
    for n_examples in (0, 1.5):
        with pytest.raises((TypeError, ValueError), match="n_examples"):
            find_examples(fitted, samples, n_examples)
    X = np.vstack([samples, samples[:2] + 5])
    q, z = fitted.predict_proba(X), fitted.transform(X)
    examples = find_examples(fitted, X, n_examples=2)
    labels = q.argmax(axis=1)
    for cluster in range(3):
        members = np.flatnonzero(labels == cluster)
        found = examples[examples["cluster"] == cluster].set_index("kind")["sample"]
        distances = np.linalg.norm(z[members] - fitted.cluster_centers_[cluster], axis=1)
        assert found["exemplar"].tolist() == members[np.argsort(distances)[:2]].tolist()
        lowest = members[np.argsort(q[members].max(axis=1), kind="stable")[:2]]
        is_doubtful = q[lowest].max(axis=1) <= np.quantile(q.max(axis=1), 0.1)
        assert found[found.index == "doubtful"].tolist() == lowest[is_doubtful].tolist()
    assert "doubtful" in examples["kind"].tolist()
    outliers = examples[examples["kind"] == "outlier"]
    assert (outliers["score"] < -1).all()
    assert {150, 151} <= set(outliers["sample"])
    np.testing.assert_allclose(examples["confidence"], q.max(axis=1)[examples["sample"]])


def test_examples_of_a_pipeline_are_those_of_its_last_step(fitted, samples):
    pipeline = make_pipeline(FunctionTransformer(lambda X: X / 10), fitted)
    found = find_examples(pipeline, samples * 10)
    pd.testing.assert_frame_equal(found, find_examples(fitted, samples), atol=1e-5)
    alone = find_examples(make_pipeline(fitted), samples)
    pd.testing.assert_frame_equal(alone, find_examples(fitted, samples))


@pytest.mark.parametrize("value", [0.1, 0.19, 7.0])
@pytest.mark.parametrize("n_samples", [3, 7, 100, 999])
def test_equal_numbers_do_not_differ(value, n_samples):
    """The standard deviation of equal floats may be a rounding error."""
    table = pd.DataFrame({"rate": value, "number": np.arange(n_samples)})
    labels = np.arange(n_samples) > n_samples // 3
    differences = describe_clusters(table, labels.astype(int)).difference
    assert not differences.xs("rate", level="column").any()


def test_infinite_numbers_are_missing_in_differences():
    table = pd.DataFrame({"v": np.r_[np.arange(49.0), np.inf, np.arange(1000.0, 1050.0)]})
    labels = np.repeat([0, 1], 50)
    found = describe_clusters(table, labels).difference
    expected = describe_clusters(table.replace(np.inf, np.nan), labels).difference
    np.testing.assert_allclose(found, expected)
    assert found.abs().min() > 0.9
