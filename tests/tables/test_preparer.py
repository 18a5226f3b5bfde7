"""`TablePreparer`: kinds of columns, equal influence, gaps, new values, containers, pipelines."""

import pickle
import sys
import warnings
from types import SimpleNamespace

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp
import sklearn
import skrub
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdec import NeighborClusterer, TablePreparer
from skdec.tables._preparer import clean_table, describe_columns

N_ROWS = 120
KINDS = {
    "income": "number",
    "visits": "number",
    "member": "number",
    "price": "number",
    "city": "category",
    "plan": "category",
    "joined": "date",
    "seen": "date",
    "note": "text",
}


@pytest.fixture(scope="module")
def table():
    """Customers with columns of all kinds, gaps, and columns that say nothing."""
    random = np.random.default_rng(0)
    pick = random.choice
    adjectives, things = ["small", "large", "broken"], ["parcel", "letter", "box", "crate"]
    frame = pd.DataFrame(
        {
            "income": random.lognormal(10, 1, N_ROWS),
            "visits": random.integers(0, 9, N_ROWS),
            "member": random.random(N_ROWS) < 0.4,
            "price": [f"{price:.2f}" for price in random.random(N_ROWS)],
            "city": pick(["Bern", "Oslo", "Rome"], N_ROWS, p=[0.5, 0.3, 0.2]),
            "plan": pd.Categorical(pick(["a", "b"], N_ROWS)),
            "joined": pd.date_range("2020-01-01", periods=N_ROWS, freq="13D"),
            "seen": [
                f"{day:02}.{month:02}.2023"
                for day, month in random.integers(1, [29, 13], (N_ROWS, 2))
            ],
            "note": [f"{pick(adjectives)} {pick(things)} number {i}" for i in range(N_ROWS)],
            "customer": [f"c-{i:04}" for i in random.permutation(N_ROWS)],
            "row": random.permutation(N_ROWS) + 1000,
            "country": "CH",
            "empty": np.nan,
        }
    )
    frame.loc[3:9, ["income", "city", "joined"]] = None
    return frame


@pytest.fixture(scope="module")
def prepared(table):
    return TablePreparer(random_state=0).fit(table)


def get_block(preparer, features, column):
    """Return the features that come from the values of one column, without the mark of gaps."""
    is_of_column = [name.startswith(column) for name in preparer.get_feature_names_out()]
    return features[:, is_of_column]


def test_each_column_has_its_kind_or_a_reason_and_its_variance(prepared, table):
    assert prepared.column_kinds_ == KINDS
    assert prepared.dropped_columns_ == {
        "customer": "an identifier, different in each row",
        "row": "it counts the rows",
        "country": "constant",
        "empty": "it has only missing values",
    }
    before = table.copy()
    features = prepared.transform(table)
    pd.testing.assert_frame_equal(table, before)
    for column, kind in KINDS.items():
        block = get_block(prepared, features, column)
        assert block.shape[1] > (kind != "number")
        tolerance = 0.1 if column == "income" else 1e-4  # gaps are filled after scaling
        np.testing.assert_allclose(block.mean(axis=0), 0, atol=tolerance)
        variance = 0.25 if column in ("city", "plan", "member", "visits") else 1
        assert block.var(axis=0).sum() == pytest.approx(variance, rel=tolerance)


def test_two_even_values_are_one_standard_deviation_apart():
    frame = pd.DataFrame({"kind": ["a", "b"] * 20, "n": np.arange(40) ** 2, "flag": [0, 1] * 20})
    features = TablePreparer().fit_transform(frame)
    assert features[:, 2].std() == pytest.approx(1)
    assert np.linalg.norm(features[1, :2] - features[0, :2]) == pytest.approx(1)
    assert abs(features[1, 3] - features[0, 3]) == pytest.approx(1)
    features = TablePreparer(category_weight=1).fit_transform(frame)
    assert np.linalg.norm(features[1, :2] - features[0, :2]) == pytest.approx(2)


def test_values_are_those_of_the_table_vectorizer(table):
    """skrub's features, centered and divided by one number for each column, are the reference."""
    complete = table.ffill()
    preparer = TablePreparer(random_state=0).fit(complete)
    kept = complete.drop(columns=list(preparer.dropped_columns_)).astype({"plan": str})
    vectorizer = skrub.TableVectorizer(
        cardinality_threshold=31,
        numeric=skrub.SquashingScaler(),
        low_cardinality=OneHotEncoder(sparse_output=False, dtype=np.float32),
        high_cardinality=preparer.transformers_["note"],
        datetime=make_pipeline(
            skrub.DatetimeEncoder(periodic_encoding="circular"), StandardScaler()
        ),
    )
    expected = vectorizer.fit_transform(kept)
    assert expected.columns.tolist() == preparer.get_feature_names_out().tolist()
    expected = (expected.to_numpy(float) - preparer.mean_) / preparer.scale_
    np.testing.assert_allclose(preparer.transform(complete), expected, atol=1e-4)
    assert len(np.unique(get_block(preparer, preparer.scale_[None], "joined"))) == 1


def test_gaps_are_predicted_and_marked(prepared, table):
    features = pd.DataFrame(prepared.transform(table), columns=prepared.get_feature_names_out())
    is_gap = table["income"].isna()
    marks = features["missingindicator_income"]
    assert (marks[is_gap].min(), marks[~is_gap].max()) == (marks.max(), marks.min())
    assert marks.max() - marks.min() == pytest.approx(0.5)  # standard deviations
    assert [name for name in features if "missing" in name] == [
        "missingindicator_income", "missingindicator_joined"
    ]  # fmt: skip
    assert (features["city_nan"] > 0).tolist() == table["city"].isna().tolist()
    observed = features[~is_gap].drop(columns=["income", "missingindicator_income"])
    ridge = Ridge().fit(observed, features["income"][~is_gap])
    expected = ridge.predict(features[is_gap][observed.columns])
    np.testing.assert_allclose(features["income"][is_gap], expected, atol=1e-3)


def test_gaps_do_not_make_clusters():
    random = np.random.default_rng(0)
    truth = np.arange(240) % 2
    table = pd.DataFrame(random.normal(truth[:, None] * 8, 1, (240, 3)), columns=list("abc"))
    table = table.mask(random.random(table.shape) < 0.08)
    labels = NeighborClusterer(2, random_state=0).fit_predict(TablePreparer().fit_transform(table))
    assert adjusted_rand_score(truth, labels) == 1


def test_a_rare_value_is_not_magnified():
    table = pd.DataFrame({"kind": ["a"] * 999 + ["b"], "n": np.arange(1000) % 10})
    features = TablePreparer(min_frequency=0).fit_transform(table)
    block = features[:, :2]
    variance = 2 * 0.001 * 0.999
    expected = 0.25 * variance / (2 * 0.05 * 0.95)
    assert block.var(axis=0).sum() == pytest.approx(expected, rel=1e-3)


def test_what_could_be_meant_otherwise_is_said():
    n = np.linspace(0, 1, 40)
    table = pd.DataFrame({"a": ["1", "2", "4", "7"] * 9 + ["oops"] + ["1"] * 3, "n": n})
    with pytest.warns(UserWarning, match="'a' has values that are no numbers .*: 'oops'") as caught:
        TablePreparer().fit(table)
    assert len(caught) == 1
    table = pd.DataFrame({"a": [*range(1, 38), -99, -99, -99], "n": n})
    with pytest.warns(UserWarning, match=r"-99 in 3 rows, far from .* missing_values=\[-99\]"):
        plain = TablePreparer().fit_transform(table)
    preparer = TablePreparer(missing_values=[-99])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        features = preparer.fit_transform(table)
    assert features.shape[1] == plain.shape[1] + 1
    assert describe_columns(preparer) == ["a: numbers; 3 gaps", "n: numbers"]


@pytest.mark.parametrize(
    ("others", "expected"), [(["1,5", "2,25"], 1.234), (["1.5", "2.25"], 1234), (["1", "2"], 1234)]
)
def test_other_columns_tell_the_decimal_mark(others, expected):
    table = pd.DataFrame({"a": ["1,234", "2,500"], "b": others, "c": ["x", "y"]})
    preparer = TablePreparer().fit(table)
    cleaned = clean_table(preparer, table)
    assert cleaned["a"].iloc[0] == expected


def test_numbers_and_times_far_from_zero_stay_distinct(random):
    millis = 1_700_000_000_000 + np.arange(120) ** 2
    table = pd.DataFrame({"t": millis, "a": random(0).normal(size=120)})
    table["at"] = pd.to_datetime("2024-05-05") + pd.to_timedelta(np.arange(120) * 3, unit="s")
    features = TablePreparer().set_output(transform="pandas").fit_transform(table)
    assert features["t"].nunique() == 120
    assert features["at_total_seconds"].nunique() == 120
    ratio = np.diff(features["at_total_seconds"])
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-3)


def test_one_odd_word_is_a_gap_in_its_cell_alone(random):
    flags = random(0).random(200) < 0.5
    table = pd.DataFrame({"flag": flags, "n": random(1).normal(size=200)})
    preparer = TablePreparer().fit(table)
    expected = preparer.transform(table)
    np.testing.assert_array_equal(preparer.transform(table.astype(str)), expected)
    odd = table.astype({"flag": object})
    odd.loc[7, "flag"] = "perhaps"
    with pytest.warns(UserWarning, match="'flag' has values that are no truth values") as caught:
        features = preparer.transform(odd)
    assert len(caught) == 1
    np.testing.assert_array_equal(np.delete(features, 7, 0), np.delete(expected, 7, 0))


@pytest.mark.parametrize("output", ["pandas", "polars"])
def test_the_output_of_scikit_learn_may_be_set(output, table):
    """A table of Polars has the same features."""
    expected = TablePreparer(random_state=0).fit(table)
    with sklearn.config_context(transform_output=output):
        preparer = TablePreparer(random_state=0)
        features = preparer.fit_transform(table if output == "pandas" else pl.from_pandas(table))
        again = expected.transform(table)
    names = list(features.columns)
    assert names == expected.get_feature_names_out().tolist() == list(again.columns)
    np.testing.assert_allclose(features.to_numpy(), expected.transform(table), atol=1e-5)
    np.testing.assert_array_equal(again.to_numpy(), expected.transform(table))


def test_an_array_is_read_by_position():
    frame = pd.DataFrame({"a": ["x", "y", "x", "z"], "b": [1.5, 2, 4, 9]})
    preparer = TablePreparer().fit(frame)
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        features = preparer.transform(frame.to_numpy())
    np.testing.assert_array_equal(features, preparer.transform(frame))
    with pytest.raises(ValueError, match="X has 3 features, but TablePreparer is expecting 2"):
        preparer.transform(np.zeros((2, 3)))
    preparer = TablePreparer().fit(frame.to_numpy())
    with pytest.warns(UserWarning, match="X has feature names"):
        np.testing.assert_array_equal(preparer.transform(frame), features)
    numbers = frame[["b"]].assign(c=1.0)
    with pytest.warns(UserWarning, match="X has feature names"):
        transformed = TablePreparer().fit(numbers.to_numpy()).transform(numbers)
    np.testing.assert_array_equal(transformed, numbers)


def test_names_of_features_are_unique():
    frame = pd.DataFrame({"pet": list("abcabc"), "pet_a": [1.0, 2, 4, 8, 9, 5]})
    preparer = TablePreparer().set_output(transform="pandas")
    assert preparer.fit_transform(frame).columns.tolist() == ["pet_a", "pet_b", "pet_c", "pet_a_2"]


def test_numbers_may_pass_as_they_are():
    table = pd.DataFrame({"a": ["$1", "$2.5"], "b": ["(3)", "4"]})
    preparer = TablePreparer(passthrough=True).fit(table)
    np.testing.assert_array_equal(preparer.transform(table), [[1, -3], [2.5, 4]])
    assert preparer.get_feature_names_out().tolist() == ["a", "b"]
    table = pd.DataFrame({"a": [1, np.nan, np.inf] * 4, "b": ["2", "red", "?"] * 4})
    with pytest.raises(ValueError, match="row 1, column 'a': the value is missing") as caught:
        TablePreparer(passthrough=True).fit(table)
    message = str(caught.value)
    assert "row 1, column 'b': 'red' is not a number" in message
    assert "row 2, column 'a': the value is infinite" in message
    assert "and 8 more. Leave such columns out (--drop)" in message


def test_rare_values_become_one_feature():
    kinds = ["a"] * 50 + ["b"] * 48 + ["c", "d"]
    preparer = TablePreparer(min_frequency=0.1).fit(pd.DataFrame({"kind": kinds}))
    names = preparer.get_feature_names_out().tolist()
    assert names == ["kind_a", "kind_b", "kind_infrequent_sklearn"]
    features = preparer.transform(pd.DataFrame({"kind": ["c", "d"]}))
    np.testing.assert_array_equal(features[0], features[1])


def test_many_values_are_a_text_and_few_a_category():
    words = [f"word {i % 12}" for i in range(60)]
    frame = pd.DataFrame({"word": words})
    assert TablePreparer(max_categories=12).fit(frame).column_kinds_ == {"word": "category"}
    preparer = TablePreparer(max_categories=11, n_text_components=4).fit(frame)
    assert preparer.column_kinds_ == {"word": "text"}
    assert preparer.get_feature_names_out().tolist() == [f"word_{i}" for i in range(4)]


def test_new_values_are_said_and_taken_as_rare_or_missing(prepared, table):
    new = table.iloc[20:23].copy()
    new["city"] = ["Nice", "Bern", "Lyon"]
    new["price"] = ["0.5", "cheap", ""]
    with pytest.warns(UserWarning, match="Column 'city'") as caught:
        features = prepared.transform(new)
    messages = [str(warning.message) for warning in caught]
    assert messages == [
        "Column 'price' has 1 missing value, of which fit has seen none: the median takes their "
        "place.",
        "Column 'price' has values that are no numbers and count as missing: 'cheap'.",
        "Column 'city' has values that fit has not seen, encoded like rare ones: 'Lyon', 'Nice'.",
    ]
    assert np.isfinite(features).all()
    cities = get_block(prepared, features, "city")
    np.testing.assert_array_equal(cities[0], cities[2])
    assert not np.array_equal(cities[0], cities[1])


def test_the_fitted_table_and_a_part_of_it_cause_no_warning(prepared, table):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        features = prepared.transform(table)
        np.testing.assert_allclose(prepared.transform(table[40:50]), features[40:50], atol=1e-6)


def test_other_columns_are_refused_as_by_scikit_learn(prepared, table):
    for other in (table.assign(new=1), table.drop(columns="city"), table[table.columns[::-1]]):
        with pytest.raises(ValueError, match="feature names should match those that were passed"):
            prepared.transform(other)


@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
def test_arrays_and_sparse_matrices_pass_through(dtype, random):
    X = random(0).integers(0, 255, (10, 4)).astype(dtype)
    preparer = TablePreparer().fit(X)
    assert preparer.transform(X) is X
    assert preparer.get_feature_names_out().tolist() == ["x0", "x1", "x2", "x3"]
    sparse = sp.csr_matrix(X)
    assert TablePreparer().fit(sparse).transform(sparse) is sparse


def test_columns_on_one_scale_pass_through(random):
    pixels = pd.DataFrame(random(0).integers(0, 3, (50, 20)) * 8)
    pixels[[0, 1, 2]] = 0
    preparer = TablePreparer().fit(pixels)
    assert preparer.column_kinds_ == preparer.dropped_columns_ == {}
    np.testing.assert_array_equal(preparer.transform(pixels), pixels)
    # A gap, a word, one column of another range or few columns, and the table is prepared.
    for other in (
        pixels.astype(float).mask(pixels.index.to_series() == 4),
        pixels.assign(word="a"),
        pixels.assign(wide=pixels[5] * 10),
        pixels[range(3, 15)],
    ):
        assert TablePreparer().fit(other.rename(columns=str)).column_kinds_


@pytest.mark.parametrize(
    ("values", "is_dropped"),
    [
        (range(7, 37), True),
        ([1.0, *range(3, 32)], False),  # a gap in the count
        (range(0, 60, 2), False),
        (["x"] * 30, True),
        ([f"{i:08x}-9f" for i in range(30)], True),
        ([f"name {i}" for i in range(30)], False),
        ([f"2020-01-{i + 1:02}" for i in range(30)], False),
        (["", None] * 15, True),
        (["012", "120", None] * 10, False),
        ([f"{i}.25" for i in range(30)], False),
    ],
    ids=str,
)
def test_identifiers_and_constants_are_dropped(values, is_dropped):
    frame = pd.DataFrame({"column": list(values), "other": np.arange(30) % 4})
    assert ("column" in TablePreparer().fit(frame).dropped_columns_) == is_dropped


@pytest.fixture
def coded(random):
    codes = random(0).choice([110, 120, 300], size=200)
    return pd.DataFrame({"age": random(1).normal(40, 9, size=200), "code": codes})


def test_numbers_may_be_declared_names(coded):
    table = coded
    preparer = TablePreparer(categories=("code",)).fit(table)
    assert preparer.column_kinds_ == {"age": "number", "code": "category"}
    names = ["age", "code_110", "code_120", "code_300"]
    assert preparer.get_feature_names_out().tolist() == names
    expected = preparer.transform(table)
    by_dtype = TablePreparer().fit_transform(table.astype({"code": "category"}))
    np.testing.assert_array_equal(expected, by_dtype)
    # Gaps make floats of the numbers of a column; files may have words.
    for kind in (float, str, "Int64"):
        np.testing.assert_array_equal(preparer.transform(table.astype({"code": kind})), expected)
    gap = table.astype({"code": float})
    gap.loc[0, "code"] = np.nan
    np.testing.assert_array_equal(preparer.transform(gap)[1:], expected[1:])
    for X in (table.to_numpy(), sp.csr_array(table.to_numpy())):
        kinds = TablePreparer(categories=np.array(["x1"])).fit(X).column_kinds_
        assert kinds["x1"] == "category"


TIMES = pd.Series(pd.date_range("2020-01-01", periods=50, freq="31h"))
TOKYO = TIMES.dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo")


@pytest.mark.parametrize(
    ("column", "times"),
    [
        (TOKYO, TIMES),
        (TOKYO.astype(str), TIMES),
        (TOKYO.astype("timestamp[us, tz=Asia/Tokyo][pyarrow]"), TIMES),
        (TIMES.astype("timestamp[us][pyarrow]").astype("date32[pyarrow]"), TIMES.dt.normalize()),
        # Objects of Python, whose offsets differ in winter and summer.
        (TOKYO.dt.tz_convert("Europe/Berlin").astype(object), TIMES),
        (TIMES.dt.to_period("h"), TIMES),
        (TIMES.dt.to_period("h").astype(object), TIMES),
    ],
    ids=["zone", "words", "Arrow", "days of Arrow", "objects", "periods", "objects of periods"],
)
def test_times_of_any_type_are_prepared_as_utc(column, times):
    preparer = TablePreparer()
    expected = preparer.fit_transform(pd.DataFrame({"t": times}))
    converted = pd.DataFrame({"t": column})
    np.testing.assert_allclose(TablePreparer().fit_transform(converted), expected, atol=1e-6)
    np.testing.assert_allclose(preparer.transform(converted), expected, atol=1e-6)


@pytest.mark.parametrize("dtype", ["object", "duration[us][pyarrow]"])
def test_durations_are_prepared_as_seconds(dtype, random):
    seconds = random(0).integers(1, 10**6, 50)
    durations = pd.DataFrame({"d": pd.to_timedelta(seconds, unit="s")}).astype(dtype)
    expected = TablePreparer().fit_transform(pd.DataFrame({"d": seconds.astype(float)}))
    np.testing.assert_allclose(TablePreparer().fit_transform(durations), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples(["ab", "ac"])), "several levels"),
        (pd.DataFrame([[1, 2]], columns=[1, "1"]), r"the columns \['1'\] more than once"),
        (pd.DataFrame({"z": [1j, 2j]}, dtype=object), "Column 'z' has complex numbers"),
        (np.array([["x", 1j], ["y", 2j]], dtype=object), "Column 'x1' has complex numbers"),
        (pd.DataFrame({"z": [[1], [2]]}), r"Column 'z' has values such as \[1\], which are no"),
        (pd.DataFrame({"a": [1, 1], "b": None}), "No column of X is left .*: 'a': constant"),
    ],
)
def test_tables_without_columns_that_can_be_told_apart_are_refused(table, message):
    with pytest.raises(ValueError, match=message):
        TablePreparer().fit(table)


def test_nullable_types_are_those_of_numpy(random):
    n, flag = random(0).integers(0, 50, 40), random(1).random(40) < 0.5
    plain = pd.DataFrame({"n": n, "flag": flag, "word": np.where(flag, "a", "b")})
    nullable = plain.convert_dtypes()
    expected = TablePreparer().fit_transform(plain)
    np.testing.assert_allclose(TablePreparer().fit_transform(nullable), expected, atol=1e-6)
    pixels = pd.DataFrame(random(0).integers(0, 3, (50, 20)))
    assert TablePreparer().fit_transform(pixels.convert_dtypes()).dtype == np.float64


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"max_categories": 0}, "max_categories must be an integer of at least 1; got 0"),
        ({"category_weight": 0}, "category_weight must be a number from 1e-20"),
        ({"min_frequency": 1}, "min_frequency must be a number from 0 to below 1; got 1"),
        ({"categories": ["zip"]}, "has the name 'zip'; X has the columns 'age', 'code'"),
        ({"categories": "code"}, "categories must be a list of names of columns; got 'code'"),
        ({"categories": None}, "categories must be a list of names"),
    ],
)
def test_invalid_parameters_are_refused(parameters, message, coded):
    with pytest.raises((ValueError, TypeError), match=message):
        TablePreparer(**parameters).fit(coded)


def test_without_skrub_the_extra_is_named(table, monkeypatch):
    monkeypatch.setitem(sys.modules, "skrub", None)
    with pytest.raises(ImportError, match=r"pip install '\.\[tables\]'"):
        TablePreparer().fit(table)
    TablePreparer().fit(np.zeros((3, 2)))


def test_clean_table_parses_numbers_and_dates(prepared, table):
    cleaned = clean_table(prepared, table)
    assert cleaned.columns.tolist() == list(KINDS)
    np.testing.assert_allclose(cleaned["price"], table["price"].astype(float), rtol=1e-15)
    assert (cleaned["seen"] == pd.to_datetime(table["seen"], dayfirst=True)).all()
    assert cleaned["member"].dtype == bool


def test_sparse_columns_are_prepared_like_dense_ones(random):
    dense = pd.DataFrame({"a": random(0).random(40) * (random(1).random(40) < 0.3), "b": range(40)})
    sparse = dense.astype({"a": pd.SparseDtype(float, 0.0)})
    features = TablePreparer().fit_transform(sparse)
    np.testing.assert_array_equal(features, TablePreparer().fit_transform(dense))


CONTAINERS = {
    "arrow": pa.table,
    "stream": lambda frame: SimpleNamespace(__arrow_c_stream__=pa.table(frame).__arrow_c_stream__),
    "interchange": lambda frame: SimpleNamespace(__dataframe__=frame.__dataframe__),
}


@pytest.mark.filterwarnings("ignore:The Dataframe Interchange Protocol")
@pytest.mark.parametrize("container", CONTAINERS)
def test_other_containers_are_tables(container, random):
    frame = pd.DataFrame({"a": random(0).normal(size=30), "b": ["x", "y", "z"] * 10})
    features = TablePreparer().fit_transform(CONTAINERS[container](frame))
    np.testing.assert_array_equal(features, TablePreparer().fit_transform(frame))


def test_anndata_is_its_matrix(random):
    X = random(0).normal(size=(30, 2))
    given = SimpleNamespace(X=X, obsm={}, var_names=["a", "b"])
    np.testing.assert_array_equal(TablePreparer().fit_transform(given), X)
    labels = [NeighborClusterer(2, random_state=0).fit_predict(data) for data in (given, X)]
    np.testing.assert_array_equal(*labels)


@parametrize_with_checks([TablePreparer()])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def test_a_pipeline_is_searched_cloned_and_pickled(table):
    model = make_pipeline(TablePreparer(random_state=0), NeighborClusterer(3, random_state=0))
    for frame in (table, pl.from_pandas(table)):
        grid = {"tablepreparer__category_weight": [0.25]}
        search = GridSearchCV(model, grid, cv=2, error_score="raise").fit(frame)
        labels = search.best_estimator_.predict(frame)
        np.testing.assert_array_equal(clone(search.best_estimator_).fit_predict(frame), labels)
        copy = pickle.loads(pickle.dumps(search.best_estimator_))
        np.testing.assert_array_equal(copy.predict(frame), labels)
