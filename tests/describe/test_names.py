"""Names of clusters: true, all different, and what a reader would say."""

import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from skdec import name_clusters

TOWNS = ("Bern", "Oslo", "Rome")


def draw_table(seed, n_samples, n_clusters, strength):
    """Return a table whose columns follow the clusters more or less, with gaps, and the labels."""
    random = np.random.default_rng(seed)
    labels = random.integers(n_clusters, size=n_samples)
    follow = labels[:, np.newaxis] * strength + random.normal(size=(n_samples, 5))
    table = pd.DataFrame(
        {
            "income": (50_000 + 9_000 * follow[:, 0]).round(random.integers(-3, 3)),
            "visits": np.maximum(0, follow[:, 1] * 3).round(),
            "garage": follow[:, 2] > 1,
            "town": np.array(TOWNS)[follow[:, 3].astype(int) % 3],
            "joined": pd.Timestamp("2015-03-04")
            + pd.to_timedelta((follow[:, 4] * 10 ** random.integers(1, 4)).round(), "D"),
        }
    )
    for name in ("income", "town", "joined"):
        table.loc[random.random(n_samples) < random.choice([0, 0.1, 0.4]), name] = None
    return table, labels


def find_holding(statement, table):
    """Return for which samples a part of a name is true, by a reading of its own."""
    word, _, rest = statement.partition(" ")
    if statement in TOWNS:
        return table["town"] == statement
    if rest == "missing":
        return table[word].isna()
    if match := re.fullmatch(r"(?:\d+% )?(with|without) garage", statement):
        return table["garage"] == (match[1] == "with")
    if word in ("high", "many", "low", "few", "medium"):
        values = table[rest]
        if word == "medium":
            return values.between(values.quantile(0.25), values.quantile(0.75))
        is_high = word in ("high", "many")
        return values > values.median() if is_high else values < values.median()
    low, _, high = rest.partition(" to ")
    if word == "joined":
        dates = table["joined"].dt.strftime("%Y-%m-%d").str[: len(low)]
        return (dates >= low) & (dates <= (high or low))
    bounds = [float(bound.replace("_", "")) for bound in (low, high or low)]
    return table[word].between(*bounds)


@settings(max_examples=20)
@given(
    seed=st.integers(0, 2**31),
    n_samples=st.integers(8, 200),
    n_clusters=st.integers(1, 8),
    strength=st.sampled_from([0, 0.5, 1, 2, 5]),
)
def test_names_differ_and_are_true_of_two_thirds_of_the_cluster(
    seed, n_samples, n_clusters, strength
):
    table, labels = draw_table(seed, n_samples, n_clusters, strength)
    names = name_clusters(table, labels)
    assert names.index.tolist() == np.unique(labels).tolist()
    assert names.is_unique
    for label, name in names.items():
        is_member = labels == label
        name = name.removesuffix(f" (cluster {label})")
        if name == f"cluster {label}":
            continue
        text = re.sub(r"(?<=\d),(?=\d)", "_", name.removeprefix("mostly "))
        statements = text.split(", ")
        holds = np.logical_and.reduce([find_holding(one, table) for one in statements])
        assert holds[is_member].mean() >= 2 / 3, name
        for fraction in re.findall(r"(\d+)% (with\w*) garage", name):
            has = (table["garage"] == (fraction[1] == "with"))[is_member].mean()
            assert int(fraction[0]) <= 100 * has < int(fraction[0]) + 1
        if not name.startswith("mostly") and set(statements) & set(TOWNS):
            (town,) = set(statements) & set(TOWNS)
            assert (table["town"][is_member] == town).all()


def test_names_say_what_a_reader_would():
    labels = np.repeat([0, 1, 2, -1], 30)
    table = pd.DataFrame(
        {
            "income": np.r_[np.full(30, 90.0) + np.arange(30), np.arange(60) + 10, np.full(30, 50)],
            "visits": np.r_[np.arange(30) % 3, np.arange(30) % 5 + 20, np.arange(60) % 9 + 5],
            "garage": np.r_[np.ones(25), np.zeros(95)],
            "species": np.repeat(["Adelie", "Gentoo", "Chinstrap", "Gentoo"], 30),
        }
    )
    table.loc[[0, 1], "species"] = "Gentoo"
    names = name_clusters(table, labels)
    assert names.tolist() == ["noise", "mostly Adelie", "Gentoo, low income", "Chinstrap"]
    assert names.equals(name_clusters(pl.from_pandas(table), labels))
    for name, said in (("garage", "83% with garage"), ("is_rich", "83% rich")):
        assert name_clusters(table[["garage"]].set_axis([name], axis=1), labels)[0] == said


def test_clusters_of_one_column_are_told_apart_by_ranges_and_dates_by_spans():
    labels = np.repeat(np.arange(5), 40)
    numbers = labels * 1000 + np.tile(np.arange(40), 5)
    names = name_clusters(pd.DataFrame({"income": numbers}), labels)
    assert names.tolist() == [
        "income 6 to 33",
        "income 1,006 to 1,033",
        "medium income",
        "income 3,006 to 3,033",
        "income 4,006 to 4,033",
    ]
    days = pd.Timestamp("2010-01-01") + pd.to_timedelta(numbers, "D")
    names = name_clusters(pd.DataFrame({"joined": days}), labels)
    assert names[0] == "joined 2010-01-07 to 2010-02-03"


def test_what_tells_nothing_is_no_name(random):
    labels = random(0).integers(3, size=300)
    table = pd.DataFrame(random(1).normal(size=(300, 5)), columns=list("abcde"))
    numbered = [f"cluster {i}" for i in range(3)]
    assert name_clusters(table, labels).tolist() == numbered
    pixels = table.to_numpy() + labels[:, np.newaxis]
    assert name_clusters(pixels, labels).tolist() == numbered
    assert name_clusters(csr_matrix(pixels), labels).tolist() == numbered
    named = name_clusters(pixels, labels, feature_names=table.columns)
    assert "low" in named[0]
    assert "high" in named[2]


TEXTS = [
    *("the guitar and the chord of a band", "a guitar chord", "the band and its guitar"),
    *("the engine of a car", "a car and the brake", "the car engine and the brake"),
    *("the goal of the match", "a match and its referee", "the referee and the goal"),
]


@pytest.mark.parametrize("vectorizer", [CountVectorizer(), TfidfVectorizer()])
def test_texts_are_named_by_the_words_that_set_them_apart(vectorizer):
    X = vectorizer.fit_transform(TEXTS)
    labels = np.repeat([0, 1, 2], 3)
    names = name_clusters(X, labels, feature_names=vectorizer.get_feature_names_out())
    assert [set(name.split(", ")) for name in names] == [
        {"guitar", "chord", "band"},
        {"car", "engine", "brake"},
        {"match", "goal", "referee"},
    ]
    same = name_clusters(X[[0, 0, 0]], [4, 5, 5], feature_names=vectorizer.get_feature_names_out())
    assert same.is_unique


def test_a_wrong_number_of_labels_or_names_is_refused():
    for X in (np.ones((3, 2)), csr_matrix(np.ones((3, 2)))):
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            name_clusters(X, [0, 1])
        with pytest.raises(ValueError, match="feature_names has 1 names, but X has 2 features"):
            name_clusters(X, [0, 1, 1], feature_names=["a"])
