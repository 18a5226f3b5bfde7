"""What a report shows, against the samples that it was built from."""

import base64

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn.cluster import HDBSCAN, KMeans
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import skdec
from skdec._cluster_summary import compute_profiles, select_members
from skdec._report.content import Clustering, build_content, encode_array
from skdec.metrics import clustering_accuracy


def decode(encoded):
    dtype = {"float32": "<f4", "int32": "<i4", "uint8": "<u1"}[encoded["dtype"]]
    return np.frombuffer(base64.b64decode(encoded["data"]), dtype)


@pytest.fixture(scope="module")
def content(built):
    return built.content


@pytest.mark.parametrize(
    "values", [np.array([0.5, -1e30]), np.array([3, -1]), np.array([True, False])]
)
def test_arrays_are_encoded(values):
    np.testing.assert_array_equal(decode(encode_array(values)), values.astype(np.float32))


def test_each_sample_has_its_cluster_class_confidence_and_columns(content, fitted, table, classes):
    shown = content["samples"]
    rows = decode(shown["ids"])
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
    values = decode(shown["columns"]["values"]).reshape(150, 6)
    np.testing.assert_array_equal(
        values, table[shown["columns"]["names"]].to_numpy(np.float32)[rows]
    )
    assert shown["images"] is None


def test_cards_have_sizes_profiles_and_members(content, fitted, table):
    rows = decode(content["samples"]["ids"])
    confidence = fitted.predict_proba(table.to_numpy()).max(axis=1)
    members = select_members(fitted.labels_, confidence, 6)
    profiles = compute_profiles(table.to_numpy(), fitted.labels_)
    for label, card in enumerate(content["clusters"]):
        is_member = fitted.labels_ == label
        assert card["size"] == is_member.sum()
        assert card["confidence"][2] == pytest.approx(np.median(confidence[is_member]))
        typical, doubtful = rows[card["typical"]], rows[card["doubtful"]]
        np.testing.assert_allclose(confidence[typical], confidence[members[label][0]])
        np.testing.assert_allclose(confidence[doubtful], confidence[members[label][1]])
        differences = [column["difference"] for column in card["profile"]]
        assert (np.diff(np.abs(differences)) <= 0).all()
        names = [content["samples"]["columns"]["names"][one["column"]] for one in card["profile"]]
        positions = [table.columns.get_loc(name) for name in names]
        np.testing.assert_allclose(differences, profiles[label, positions])
        means = [column["mean"] for column in card["profile"]]
        np.testing.assert_allclose(means, table[is_member][names].mean())


def test_history_and_confusion_are_those_of_the_fit(content, fitted, classes):
    loss = next(one for one in content["history"] if one["title"] == "Pretraining: loss")
    assert loss["values"] == fitted.history_["pretrain"]["loss"].tolist()
    confusion = content["confusion"]
    assert confusion["accuracy"] == clustering_accuracy(classes, fitted.labels_)
    assert np.sum(confusion["counts"]) == 150
    assert np.trace(confusion["counts"]) == confusion["accuracy"] * 150
    assert confusion["classes"] == sorted(set(classes.tolist()))


def test_images_replace_the_columns(fitted, samples):
    content = skdec.report(fitted, samples, image_shape=(2, 3)).content
    assert content["samples"]["columns"] is None
    assert (content["samples"]["images"]["width"], content["prototypes"]["height"]) == (3, 2)
    assert content["clusters"][0]["profile"] == []
    assert content["confusion"] is None


def test_of_many_samples_a_subset_is_shown(samples, random):
    labels = random(0).integers(3, size=150)
    clustering = Clustering(csr_matrix(samples), labels, samples, list("abcdef"))
    content = build_content(clustering, max_samples=40)
    assert content["nSamples"] == 150
    assert len(decode(content["samples"]["ids"])) == 40
    assert sum(card["size"] for card in content["clusters"]) == 150
    assert content["samples"]["confidence"] is None
    again = build_content(clustering, max_samples=40)
    assert content == again


def test_noise_and_estimators_without_predictions_are_shown(samples):
    methods = (HDBSCAN(min_cluster_size=30, copy=True), KMeans(3))
    comparison = skdec.compare(samples, methods=methods, random_state=0)
    page = comparison.to_html(method="HDBSCAN", image_shape=(2, 3))
    assert '"noise"' in page
    assert '"KMeans"' in page


def test_a_table_with_words_is_shown_as_its_pipeline_prepares_it(random):
    table = pd.DataFrame({"n": random(0).random(60), "word": np.repeat(["a", "b", "c"], 20)})
    encode = make_column_transformer((OneHotEncoder(), ["word"]), (StandardScaler(), ["n"]))
    pipeline = make_pipeline(encode, KMeans(3, random_state=0)).fit(table)
    names = skdec.report(pipeline, table).content["samples"]["columns"]["names"]
    assert sorted(names) == [
        "onehotencoder__word_a",
        "onehotencoder__word_b",
        "onehotencoder__word_c",
        "standardscaler__n",
    ]


def test_classes_of_another_length_are_an_error(fitted, samples):
    with pytest.raises(ValueError, match="y has 3 labels, but X has 150 samples"):
        skdec.report(fitted, samples, [0, 1, 2])
