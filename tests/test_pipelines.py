"""Among scikit-learn's tools: frames, column transformers, text, and steps before and after."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import adjusted_rand_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, OneHotEncoder

from skdec import DECClusterer

NAMES = [f"decclusterer{i}" for i in range(4)]


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_embedded_rows_come_as_the_frames_that_are_asked_for(fitted, tiny, rows, container):
    columns = dict(zip("abcdef", rows.T, strict=True))
    frame = pd.DataFrame(columns) if container == "pandas" else pl.DataFrame(columns)
    pipeline = make_pipeline(MinMaxScaler(), DECClusterer(**tiny)).set_output(transform=container)
    z = pipeline.fit(frame).transform(frame)
    assert type(z) is type(frame)
    assert list(z.columns) == list(pipeline.get_feature_names_out()) == NAMES
    np.testing.assert_allclose(z.to_numpy(), fitted.transform(rows), atol=1e-5)


def test_names_of_columns_are_checked(tiny, rows):
    frame = pd.DataFrame(rows, columns=list("abcdef"))
    dec = DECClusterer(**tiny).fit(frame)
    with pytest.raises(ValueError, match="feature names should match"):
        dec.predict(frame.rename(columns={"a": "z"}))
    with pytest.raises(ValueError, match="feature names should match"):
        dec.transform(frame[list("bacdef")])
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        dec.predict(rows)


def test_between_columns_and_a_classifier(tiny, rows, fitted):
    """A table of numbers and words, embedded, then classified."""
    colour = np.array(["red", "blue", "green"])[fitted.labels_]
    frame = pd.DataFrame(rows, columns=list("abcdef")).assign(colour=colour)
    columns = ColumnTransformer(
        [
            ("numbers", MinMaxScaler(), make_column_selector(dtype_include=np.number)),
            ("words", OneHotEncoder(), ["colour"]),
        ]
    )
    pipeline = make_pipeline(columns, DECClusterer(**tiny), LogisticRegression())
    assert pipeline.fit(frame, colour).score(frame, colour) > 0.95
    assert pipeline[:-1].transform(frame).shape == (150, 4)


def test_as_one_of_the_transformers_of_columns(tiny, rows, fitted):
    frame = pd.DataFrame(rows, columns=list("abcdef"))
    columns = ColumnTransformer(
        [("embedded", DECClusterer(**tiny), list("abcdef")), ("kept", "passthrough", ["a"])]
    ).set_output(transform="pandas")
    found = columns.fit_transform(frame)
    assert list(found.columns) == [*(f"embedded__{name}" for name in NAMES), "kept__a"]
    np.testing.assert_array_equal(found.iloc[:, :4], fitted.transform(rows))


WORDS = {
    "sea": ["ship", "wave", "harbour", "sail", "tide", "anchor", "crew", "storm"],
    "kitchen": ["oven", "bread", "butter", "knife", "salt", "plate", "spoon", "flour"],
    "garden": ["rose", "soil", "seed", "spade", "tree", "leaf", "hedge", "lawn"],
}


def corpus(rng, n_texts=240):
    """Texts of twelve words, three in four of them on one theme."""
    themes = rng.choice(list(WORDS), n_texts)
    everything = [word for words in WORDS.values() for word in words]
    texts = [
        " ".join([*rng.choice(WORDS[theme], 9), *rng.choice(everything, 3)]) for theme in themes
    ]
    return texts, themes


def test_texts_are_clustered_by_theme_and_stay_sparse(random, monkeypatch):
    texts, themes = corpus(random(0))
    vectorizer = TfidfVectorizer()
    largest = []
    toarray = type(vectorizer.fit_transform(texts)).toarray

    def noted(matrix, *args, **kwargs):
        largest.append(matrix.shape[0])
        return toarray(matrix, *args, **kwargs)

    monkeypatch.setattr(type(vectorizer.fit_transform(texts)), "toarray", noted)
    monkeypatch.setattr("skdec._rows._CHUNK_BYTES", 16 * 4 * 24)
    monkeypatch.setattr("skdec._rows.INFERENCE_BATCH", 16)
    dec = DECClusterer(
        3,
        dims=(24, 3),
        batch_size=16,
        pretrain_epochs=40,
        init="k-means++",
        n_neighbors=0,
        random_state=0,
    )
    labels = make_pipeline(vectorizer, dec).fit_predict(texts)
    assert adjusted_rand_score(themes, labels) > 0.9
    assert largest
    assert max(largest) <= 16


def test_a_function_may_come_before(tiny, rows):
    pipeline = make_pipeline(FunctionTransformer(np.log1p), DECClusterer(**tiny))
    np.testing.assert_array_equal(
        pipeline.fit_predict(rows), DECClusterer(**tiny).fit_predict(np.log1p(rows))
    )
