"""What a report shows, against the samples that it was built from."""

import base64
import json

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hostile_page import parse_content
from scipy.sparse import csr_matrix
from sklearn.cluster import HDBSCAN, KMeans
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import skdec
from skdec import DECClusterer, NeighborClusterer
from skdec._report.content import Clustering, _encode_column, build_content
from skdec.callbacks import LabelHistory
from skdec.describe._summary import select_members
from skdec.metrics import clustering_accuracy, neighbor_information


def decode(encoded):
    dtype = {"float32": "<f4", "float64": "<f8", "int32": "<i4", "uint8": "<u1"}[encoded["dtype"]]
    return np.frombuffer(base64.b64decode(encoded["data"]), dtype)


def read_column(column):
    """Return the values of a column as the page shows them."""
    if column["numbers"] is not None:
        return decode(column["numbers"]).tolist()
    return [column["texts"][code] if code >= 0 else "" for code in decode(column["codes"])]


def test_each_sample_has_its_cluster_class_confidence_and_columns(built, fitted, table, classes):
    shown = built.content["samples"]
    rows = decode(shown["positions"])
    assert shown["ids"] is None
    assert sorted(rows) == list(range(150))
    assert rows.tolist() != sorted(rows)  # in random order
    for coloring, labels in zip(
        shown["colorings"], [fitted.labels_.astype(str), classes], strict=True
    ):
        names = np.array([group["name"] for group in coloring["groups"]])
        np.testing.assert_array_equal(names[decode(coloring["codes"])], labels[rows])
        assert sum(group["size"] for group in coloring["groups"]) == 150
    np.testing.assert_array_equal(
        decode(shown["confidence"]), fitted.predict_proba(table.to_numpy()).max(axis=1)[rows]
    )
    assert {column["name"] for column in shown["columns"]} == set(table.columns)
    for column in shown["columns"]:
        assert read_column(column) == table[column["name"]].to_numpy()[rows].tolist()
    assert shown["images"] is None


def test_cards_have_sizes_profiles_and_members(built, fitted, table):
    content = built.content
    rows = decode(content["samples"]["positions"])
    confidence = fitted.predict_proba(table.to_numpy()).max(axis=1)
    members = select_members(fitted.labels_, confidence, 6)
    described = skdec.describe_clusters(table, fitted.labels_)
    for label, card in enumerate(content["clusters"]):
        is_member = fitted.labels_ == label
        assert card["size"] == is_member.sum()
        assert card["confidence"][2] == pytest.approx(np.median(confidence[is_member]))
        typical, doubtful = rows[card["typical"]], rows[card["doubtful"]]
        np.testing.assert_allclose(confidence[typical], confidence[members[label][0]])
        np.testing.assert_allclose(confidence[doubtful], confidence[members[label][1]])
        names = [content["samples"]["columns"][one["column"]]["name"] for one in card["profile"]]
        expected = described.loc[label].head(6)
        assert names == expected.index.tolist()
        for name in ("typical", "overall", "difference"):
            assert [one[name] for one in card["profile"]] == expected[name].tolist()


def test_the_confusion_is_that_of_the_clusters(built, fitted, classes):
    confusion = built.content["confusion"]
    assert confusion["accuracy"] == clustering_accuracy(classes, fitted.labels_)
    assert np.sum(confusion["counts"]) == 150
    assert np.trace(confusion["counts"]) == pytest.approx(confusion["accuracy"] * 150)
    assert confusion["classes"] == sorted(set(classes.tolist()))


def test_the_page_begins_with_what_was_found(mixed_table):
    table = mixed_table.drop(columns="id")
    model = make_pipeline(skdec.TablePreparer(random_state=0), NeighborClusterer(3, random_state=0))
    labels = model.fit_predict(table)
    classes = np.repeat(["a", "b", "c"], 20)
    content = skdec.report(model, table, classes).content
    summary, sure, kmeans = content["found"]
    assert summary == "3 clusters in 60 samples of 4 features."
    q = np.sort(model.predict_proba(table), axis=1)
    assert f"median confidence is {np.median(q[:, -1]):.2f}; " in sure
    n_between = np.count_nonzero(q[:, -2] > q[:, -1] / 2)
    assert (f"{n_between} sample" if n_between else "no sample lies") in sure
    points = model[0].transform(table)
    other = KMeans(3, n_init=3, random_state=0).fit_predict(points)
    assert f"agrees on {clustering_accuracy(labels, other):.0%}" in kmeans
    assert f"{neighbor_information(points, other):.2f} nats" in kmeans
    assert f"these {neighbor_information(points, labels):.2f} (" in kmeans
    assert f"k-means finds {clustering_accuracy(classes, other):.1%}" in kmeans
    names = skdec.name_clusters(table, labels).tolist()
    assert [cluster["title"] for cluster in content["clusters"]] == names
    groups = content["samples"]["colorings"][0]["groups"]
    assert [group["title"] for group in groups] == names
    assert any("Bern" in name for name in names)
    row = skdec.describe_clusters(table, labels).loc[0].iloc[0]
    assert row["typical"].split(" (")[0].split("%")[0] in content["clusters"][0]["line"]


def test_clusters_of_texts_are_named_by_their_words(random):
    labels = np.repeat([0, 1], 20)
    X = csr_matrix(random(0).random((40, 3)) * np.c_[labels == 0, labels == 1, np.ones(40)])
    model = KMeans(2, n_init=1, random_state=0).fit(X)
    content = skdec.report(model, X, feature_names=["goal", "engine", "the"]).content
    titles = {cluster["title"].split(", ")[0] for cluster in content["clusters"]}
    assert titles == {"goal", "engine"}
    assert [column["name"] for column in content["samples"]["columns"]] != ["x0", "x1", "x2"]
    with pytest.raises(ValueError, match="feature_names has 1 names, but X has 3 features"):
        skdec.report(model, X, feature_names=["goal"])


def test_of_many_values_fewer_samples_are_drawn_so_that_the_page_stays_small(random):
    X = pd.DataFrame(random(0).random((20_000, 30)))
    X["id"] = [f"a rather long name of sample {i}" for i in range(len(X))]
    labels = random(1).integers(2, size=len(X))
    clustering = Clustering(X, labels, X[[0, 1]].to_numpy(), [f"{name}" for name in X])
    content = build_content(clustering)
    assert 3_500_000 < len(json.dumps(content)) < 5_000_000
    n_drawn = len(decode(content["samples"]["positions"]))
    assert content["found"][-1] == f"Of the samples, a random {n_drawn:,} are drawn."


def test_the_history_is_that_of_the_fit_without_labels(samples, tiny):
    dec = DECClusterer(**tiny, callbacks=[LabelHistory(samples, np.arange(150) % 3)]).fit(samples)
    curves = {one["title"]: one["values"] for one in skdec.report(dec, samples).content["history"]}
    assert curves["Pretraining: loss"] == dec.history_["pretrain"]["loss"].tolist()
    assert "Refinement: NMI" in curves
    assert "Refinement: labels" not in curves


def test_images_replace_the_columns(fitted, samples):
    content = skdec.report(fitted, samples, image_shape=(2, 3)).content
    assert content["samples"]["columns"] is None
    assert (content["samples"]["images"]["width"], content["prototypes"]["height"]) == (3, 2)
    assert content["clusters"][0]["profile"] == []
    assert content["confusion"] is None


def test_of_many_samples_a_subset_is_shown(samples, random, monkeypatch):
    monkeypatch.setattr("skdec._report.content._MAX_SAMPLES", 40)
    labels = random(0).integers(3, size=150)
    clustering = Clustering(csr_matrix(samples), labels, samples, list("abcdef"))
    content = build_content(clustering)
    assert content["nSamples"] == 150
    assert len(decode(content["samples"]["positions"])) == 40
    assert sum(card["size"] for card in content["clusters"]) == 150
    assert content["samples"]["confidence"] is None
    again = build_content(clustering)
    assert content == again


def test_noise_and_estimators_without_predictions_are_shown(samples):
    methods = (HDBSCAN(min_cluster_size=30, copy=True), KMeans(3))
    comparison = skdec.compare(samples, methods=methods, random_state=0)
    page = comparison.to_html(method="HDBSCAN", image_shape=(2, 3))
    assert '"noise"' in page
    assert '"KMeans"' in page


def test_a_table_is_shown_as_it_was_before_its_pipeline_prepared_it(random):
    table = pd.DataFrame({"n": random(0).random(60), "word": np.repeat(["a", "b", "c"], 20)})
    encode = make_column_transformer((OneHotEncoder(), ["word"]), (StandardScaler(), ["n"]))
    pipeline = make_pipeline(encode, KMeans(3, random_state=0)).fit(table)
    content = skdec.report(pipeline, table).content
    rows = decode(content["samples"]["positions"])
    columns = {column["name"]: read_column(column) for column in content["samples"]["columns"]}
    assert columns == {name: table[name][rows].tolist() for name in ("n", "word")}
    assert content["found"][0] == "3 clusters in 60 samples of 2 features."


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_words_dates_and_gaps_are_those_of_the_table(container, mixed_table, mixed_model):
    table = pl.from_pandas(mixed_table) if container == "polars" else mixed_table
    content = skdec.report(mixed_model, table, ids=mixed_table["id"]).content
    rows = decode(content["samples"]["positions"])
    shown = {column["name"]: read_column(column) for column in content["samples"]["columns"]}
    assert set(shown) == {"income", "<script>", "joined", "code"}  # the others tell nothing
    expected = mixed_table.iloc[rows]
    np.testing.assert_array_equal(shown["income"], expected["income"])
    assert np.isnan(shown["income"]).sum() == 3
    assert shown["<script>"] == expected["<script>"].fillna("").tolist()
    assert shown["joined"] == expected["joined"].fillna("").tolist()
    assert shown["code"] == expected["code"].tolist()
    ids = content["samples"]["ids"]
    assert (ids["name"], read_column(ids)) == ("id", expected["id"].tolist())


def test_values_are_encoded_as_they_are():
    times = pd.Series(pd.to_datetime(["2020-01-01 12:30", None]), name="time")
    assert read_column(_encode_column(times)) == ["2020-01-01T12:30:00", ""]
    days = pd.Series(pd.to_datetime(["2020-01-01", "2021-12-31"]), name="day")
    assert read_column(_encode_column(days)) == ["2020-01-01", "2021-12-31"]
    large = pd.Series([2**60 + 1, 5], name="account")
    assert read_column(_encode_column(large)) == [str(2**60 + 1), "5"]
    assert read_column(_encode_column(pd.Series([True, False]))) == ["True", "False"]
    nullable = pd.Series([1, None], dtype="Int64")
    np.testing.assert_array_equal(read_column(_encode_column(nullable)), [1, np.nan])
    assert read_column(_encode_column(pd.Series([None, 2**60], dtype="Int64"))) == ["", str(2**60)]


@pytest.mark.parametrize("container", ["array", "sparse", "gaps", "table"])
def test_of_very_many_columns_those_that_differ_are_described(container, random, monkeypatch):
    labels = np.repeat([0, 1], 30)
    X = random(0).random((60, 500))
    X[:, [70, 300]] += 2 * labels[:, None]
    names = [f"column {i}" for i in range(500)]
    described = []
    monkeypatch.setattr(
        "skdec._report.content.describe_clusters",
        lambda table, labels: described.append(table) or skdec.describe_clusters(table, labels),
    )
    if container == "gaps":
        X[3, 300] = np.nan
    samples = csr_matrix(X) if container == "sparse" else X
    if container == "table":
        samples = pd.DataFrame(X).assign(word=np.array(["a", "b"])[labels])
        names += ["word"]
    content = build_content(Clustering(samples, labels, X[:, :2], names))
    shown = [column["name"] for column in content["samples"]["columns"]]
    best = {"column 70", "column 300"} | ({"word"} if container == "table" else set())
    assert set(shown[: len(best)]) == best
    assert len(shown) == 24
    assert described[0].shape[1] < 50


def test_a_comparison_shows_the_table_that_was_prepared_or_images_of_its_samples(samples):
    table = pd.DataFrame({"word": np.repeat(["a", "b", "c"], 50)})
    comparison = skdec.compare(samples, methods=("kmeans",), n_clusters=3, random_state=0)
    (column,) = parse_content(comparison.to_html(table=table))["samples"]["columns"]
    assert column["name"] == "word"
    pages = [comparison.to_html(image_shape=(2, 3), table=table) for table in (None, 100 * samples)]
    images = [parse_content(page)["samples"]["images"] for page in pages]
    assert images[0] == images[1]


def test_each_cluster_has_a_sample_among_those_that_are_shown(random, monkeypatch):
    """Cards and colors belong together by their position."""
    monkeypatch.setattr("skdec._report.content._MAX_SAMPLES", 50)
    X = random(0).normal(size=(300, 2))
    clustering = Clustering(X, np.repeat([0, 1, 2], [150, 149, 1]), X, ["a", "b"])
    for seed in range(5):
        content = build_content(clustering, random_state=seed)
        groups = content["samples"]["colorings"][0]["groups"]
        names = [group["name"] for group in groups]
        assert names == [cluster["name"] for cluster in content["clusters"]] == ["0", "1", "2"]
        assert sum(group["size"] for group in groups) in (50, 51)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"y": [0, 1, 2]}, "y has 3 labels, but X has 60 samples"),
        ({"ids": ["a", "b", "c"]}, "ids has 3 values, but X has 60 samples"),
        ({"image_shape": (2, 2)}, "needs samples that are numbers"),
    ],
)
def test_what_does_not_belong_to_the_samples_is_refused(
    arguments, message, mixed_model, mixed_table
):
    with pytest.raises(ValueError, match=message):
        skdec.report(mixed_model, mixed_table, **arguments)
