"""Pipelines of scikit-learn: data frames, column transformers, text, steps before and after."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import adjusted_rand_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder

from skdec import DECClusterer

NAMES = [f"decclusterer{i}" for i in range(4)]


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_transform_returns_the_requested_data_frame(fitted, tiny, samples, container):
    columns = dict(zip("abcdef", samples.T, strict=True))
    frame = pd.DataFrame(columns) if container == "pandas" else pl.DataFrame(columns)
    pipeline = make_pipeline(MinMaxScaler(), DECClusterer(**tiny)).set_output(transform=container)
    z = pipeline.fit(frame).transform(frame)
    assert type(z) is type(frame)
    assert list(z.columns) == list(pipeline.get_feature_names_out()) == NAMES
    np.testing.assert_allclose(z.to_numpy(), fitted.transform(samples), atol=1e-5)


def test_between_a_column_transformer_and_a_classifier(tiny, samples, fitted):
    """Numerical and categorical columns are embedded, then classified."""
    color = np.array(["red", "blue", "green"])[fitted.labels_]
    # Three numbers and three colors are as many features as those of `tiny`, already compiled.
    frame = pd.DataFrame(samples[:, :3], columns=list("abc")).assign(color=color)
    columns = ColumnTransformer(
        [
            ("numbers", MinMaxScaler(), make_column_selector(dtype_include=np.number)),
            ("words", OneHotEncoder(), ["color"]),
        ]
    )
    pipeline = make_pipeline(columns, DECClusterer(**tiny), LogisticRegression())
    assert pipeline.fit(frame, color).score(frame, color) > 0.95
    assert pipeline[:-1].transform(frame).shape == (150, 4)


def test_inside_a_column_transformer(tiny, samples, fitted):
    frame = pd.DataFrame(samples, columns=list("abcdef"))
    columns = ColumnTransformer(
        [("embedded", DECClusterer(**tiny), list("abcdef")), ("kept", "passthrough", ["a"])]
    ).set_output(transform="pandas")
    found = columns.fit_transform(frame)
    assert list(found.columns) == [*(f"embedded__{name}" for name in NAMES), "kept__a"]
    np.testing.assert_array_equal(found.iloc[:, :4], fitted.transform(samples))


WORDS = {
    "sea": ["ship", "wave", "harbor", "sail", "tide", "anchor", "crew", "storm"],
    "kitchen": ["oven", "bread", "butter", "knife", "salt", "plate", "spoon", "flour"],
    "garden": ["rose", "soil", "seed", "spade", "tree", "leaf", "hedge", "lawn"],
}


def make_texts(rng, n_texts=240):
    """Return texts of twelve words, three in four of them on one topic, and their topics."""
    topics = rng.choice(list(WORDS), n_texts)
    all_words = [word for words in WORDS.values() for word in words]
    texts = [
        " ".join([*rng.choice(WORDS[topic], 9), *rng.choice(all_words, 3)]) for topic in topics
    ]
    return texts, topics


def test_texts_are_clustered_by_topic_and_stay_sparse(random, monkeypatch):
    texts, topics = make_texts(random(0))
    vectorizer = TfidfVectorizer()
    batch_sizes = []
    toarray = type(vectorizer.fit_transform(texts)).toarray

    def record_and_convert(matrix, *args, **kwargs):
        batch_sizes.append(matrix.shape[0])
        return toarray(matrix, *args, **kwargs)

    monkeypatch.setattr(type(vectorizer.fit_transform(texts)), "toarray", record_and_convert)
    monkeypatch.setattr("skdec._utils.data._CHUNK_BYTES", 16 * 4 * 24)
    monkeypatch.setattr("skdec._utils.data._GATHER_SIZE", 16)
    monkeypatch.setattr("skdec.dec.training.inference.INFERENCE_BATCH_SIZE", 16)
    network = {"dims": (24, 3), "batch_size": 16, "pretrain_epochs": 40}
    dec = DECClusterer(3, **network, init="k-means++", n_neighbors=0, random_state=0)
    labels = make_pipeline(vectorizer, dec).fit_predict(texts)
    assert adjusted_rand_score(topics, labels) > 0.9
    assert batch_sizes
    assert max(batch_sizes) <= 16
