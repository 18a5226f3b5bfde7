"""`TablePreparer`: columns of numbers, words, texts and dates as features on like scales."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from skdec._utils.warnings import warn_user

# Names of skrub's kinds of columns in the words of this module.
_KINDS = {
    "numeric": "number",
    "low_cardinality": "category",
    "high_cardinality": "text",
    "datetime": "date",
}

# The total variance of a category with two values, one of which has 5 percent of the samples. What
# varies less is not magnified as much: a few samples would be far from all others.
_MIN_VARIANCE = 2 * 0.05 * 0.95

# The samples of a number with so few values are in as few points, like those of a category.
_FEW_VALUES = 10

# Fewer columns are too few to conclude from equal ranges that they are measured alike.
_MIN_COLUMNS_ON_ONE_SCALE = 16
# In fewer rows, numbers without gaps may be anything.
_MIN_COUNTED_ROWS = 20
_MAX_NAMES_IN_MESSAGE = 5
# Words that are meant as numbers: 12 %, $1,234.56, 61.6 kg.
_NUMBER_WITH_UNIT = re.compile(
    r"(?P<currency>[$€£¥]\s?)?[+-]?\d[\d.,]*(?(currency)|(\s?[%$€£¥]|\s[^\W\d_]{1,4}))"
)
_MOSTLY = 0.9


class TablePreparer(TransformerMixin, BaseEstimator):
    """Turn a table of numbers, words, texts and dates into features on like scales.

    The kinds of the columns are found by `skrub.TableVectorizer`. Then all features that come from
    one column are divided by one number, so that their variances add up to one, or to
    `category_weight`: on average over all pairs of samples, an income contributes as much to the
    squared distance as a date or a text, and a category with two values as much as one with ten.

    Parameters
    ----------
    categories : sequence of str, default=()
        Names of columns whose numbers are names, such as zip codes and codes of occupations.
    category_weight : float, default=0.25
        Total variance of the features of a category. The samples of a category are not spread, but
        in a few points, so that clusters follow it more than a number of the same variance. With
        0.25, the two values of an even category are one standard deviation of a number apart, in
        the range that is recommended for k-prototypes ([1]_).
    max_categories : int, default=30
        A column of words with at most this many different values is a category, one with more a
        text.
    min_frequency : float, default=0.01
        Values of a category in a smaller fraction of the samples become one feature together.
    n_text_components : int, default=10
        Number of features of a text.
    random_state : int, RandomState instance or None, default=None
        Seed of the singular value decomposition of texts.

    Attributes
    ----------
    column_kinds_ : dict of str to {"number", "category", "text", "date"}
        The kind of each column that is used; empty if the samples stay as they are.
    dropped_columns_ : dict of str to str
        The columns that are not used, with the reason.
    transformers_ : dict of str to list of transformers
        The fitted steps of each column, in order.
    mean_ : ndarray of shape (n_features_out,), float64
        Subtracted from the features.
    scale_ : ndarray of shape (n_features_out,), float64
        What the features are divided by then, one number for all features of a column.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if `fit` has seen a data frame.

    See Also
    --------
    DECClusterer : The estimator that it prepares tables for.
    skrub.TableVectorizer : Finds the kinds of the columns and encodes them.

    Notes
    -----
    What becomes of a column:

    - **numbers** (also numbers that are words, and booleans) are centered at the median and divided
      by the interquartile range, outliers squashed to at most three in absolute value
      (`skrub.SquashingScaler`). Missing values become the median, and are marked by a feature.
    - **categories**, also codes with leading zeros such as 007, are one-hot encoded, with the
      missing value as a category. Values that `fit` has not seen are encoded like the rare ones,
      all zeros if there are none, with a warning.
    - **texts** are counted in 3- and 4-grams of letters, weighted by tf-idf and reduced by a
      singular value decomposition (`skrub.StringEncoder`).
    - **dates** become year, and month, day, hour as angles, and seconds since 1970
      (`skrub.DatetimeEncoder`), each standardized, with the missing ones imputed and marked. Times
      of a time zone are converted to UTC; durations are numbers of seconds.
    - **constant columns and identifiers** are dropped: words without a blank that are different in
      each row, and whole numbers that count the rows.

    Numbers with at most ten values, and booleans, have the variance of a category. A column whose
    features have a total variance below that of a category with two values, one of which has five
    percent of the samples, is only divided by as much as that category.

    A numeric array or sparse matrix has no columns of different kinds, and passes through
    unchanged. So does a data frame of at least 16 columns, all of them numbers without gaps, if at
    least half of them reach both the smallest and the largest value of the table: pixels, answers
    from 1 to 5, numbers that have been scaled to [0, 1].

    References
    ----------
    .. [1] Z. Huang, "Clustering large data sets with mixed numeric and categorical values", PAKDD
       1997.

    Examples
    --------
    >>> import pandas as pd
    >>> from skdec import TablePreparer
    >>> table = pd.DataFrame({"income": [20.0, None, 35.0, 90.0], "pet": ["cat", "dog"] * 2})
    >>> preparer = TablePreparer().set_output(transform="pandas")
    >>> preparer.fit_transform(table).columns.tolist()
    ['income', 'missingindicator_income', 'pet_cat', 'pet_dog']
    >>> preparer.column_kinds_
    {'income': 'number', 'pet': 'category'}
    """

    def __init__(
        self,
        *,
        categories: Sequence[str] = (),
        category_weight: float = 0.25,
        max_categories: int = 30,
        min_frequency: float = 0.01,
        n_text_components: int = 10,
        random_state: Any = None,
    ) -> None:
        self.categories = categories
        self.category_weight = category_weight
        self.max_categories = max_categories
        self.min_frequency = min_frequency
        self.n_text_components = n_text_components
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> TablePreparer:
        """Find the kinds of the columns, and how to encode and scale them.

        Parameters
        ----------
        X : {data frame, array-like, sparse matrix} of shape (n_samples, n_features)
            The table.
        y : None
            Ignored.

        Returns
        -------
        TablePreparer
            The fitted transformer.

        Raises
        ------
        ImportError
            If a table is to be prepared and skrub is not installed.
        ValueError
            If no column is left, `categories` names one that `X` does not have, or a parameter is
            out of its range.
        """
        self.fit_transform(X)
        return self

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """Fit, and return the features of the same table.

        Parameters
        ----------
        X : {data frame, array-like, sparse matrix} of shape (n_samples, n_features)
            The table.
        y : None
            Ignored.

        Returns
        -------
        ndarray of shape (n_samples, n_features_out), float32
            The features; samples that pass through are returned as they are.
        """
        self._check_parameters()
        self.column_kinds_: dict[str, str] = {}
        self.dropped_columns_: dict[str, str] = {}
        self.transformers_: dict[str, list[Any]] = {}
        table = self._validate(X, reset=True)
        if not isinstance(table, pd.DataFrame) or is_on_one_scale(table):
            self._names_out = self._name_samples(table)
            return _to_matrix(table)
        self.dropped_columns_ = find_uninformative_columns(table)
        kept = table.drop(columns=list(self.dropped_columns_))
        if kept.empty:
            raise ValueError(
                f"No column of X is left to cluster by: {format_dropped(self.dropped_columns_)}."
            )
        marked = _mark_categories(kept, self.categories)
        _warn_about_numbers_in_words(marked)
        vectorizer = self._build_vectorizer().fit(marked)
        self.column_kinds_ = {
            name: _KINDS[vectorizer.column_to_kind_[name]] for name in kept.columns
        }
        self.transformers_ = {
            name: _use_utc(_select_steps(vectorizer.all_processing_steps_[name]), kept[name])
            for name in kept.columns
        }
        blocks = self._encode(kept)
        self._names_out = [name for block in blocks for name in block.columns]
        features = np.concatenate([block.to_numpy(np.float32) for block in blocks], axis=1)
        self.mean_ = features.mean(axis=0, dtype=np.float64)
        is_category = kept.nunique() <= _FEW_VALUES
        for name, kind in self.column_kinds_.items():
            is_category[name] |= kind == "category"
        self.scale_ = np.concatenate(
            [
                _compute_scale(block, self.category_weight if is_category[name] else 1.0)
                for name, block in zip(kept.columns, blocks, strict=True)
            ]
        )
        return self._scale(features)

    def transform(self, X: Any) -> Any:
        """Return the features of a table.

        Parameters
        ----------
        X : {data frame, array-like, sparse matrix} of shape (n_samples, `n_features_in_`)
            A table with the columns that `fit` has seen.

        Returns
        -------
        ndarray of shape (n_samples, n_features_out), float32
            The features; samples that pass through are returned as they are.

        Raises
        ------
        ValueError
            If the columns are not those of `fit`.
        """
        check_is_fitted(self)
        table = self._validate(X, reset=False)
        if not self.transformers_:
            return _to_matrix(table)
        blocks = [block.to_numpy(np.float32) for block in self._encode(table)]
        return self._scale(np.concatenate(blocks, axis=1))

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the features.

        Parameters
        ----------
        input_features : None
            Ignored: the names follow from those of the columns.

        Returns
        -------
        ndarray of str
            The name of the column where it has one feature; else followed by the value of a
            category, the part of a date, or a number.
        """
        check_is_fitted(self)
        return np.array(self._names_out, dtype=object)

    def _check_parameters(self) -> None:
        names: Any = self.categories
        is_list = isinstance(names, Sequence | np.ndarray) and not isinstance(names, str)
        if not is_list or not all(isinstance(name, str) for name in names):
            raise TypeError(f"categories must be a list of names of columns; got {names!r}.")
        for name in ("max_categories", "n_text_components"):
            value = getattr(self, name)
            if not isinstance(value, Integral) or value < 1:
                raise ValueError(f"{name} must be an integer of at least 1; got {value!r}.")
        weight: Any = self.category_weight
        if not isinstance(weight, Real) or not 0 < float(weight) < np.inf:
            raise ValueError(f"category_weight must be a number above 0; got {weight!r}.")
        if not 0 <= self.min_frequency < 1:
            raise ValueError(
                f"min_frequency must be a fraction from 0 to below 1; got {self.min_frequency!r}."
            )

    def _validate(self, X: Any, *, reset: bool) -> Any:
        """Return a pandas data frame with strings as names, or a numeric array or sparse matrix."""
        if hasattr(X, "to_pandas"):  # polars
            X = X.to_pandas()
        if isinstance(X, pd.DataFrame):
            _check_names(X)
            validate_data(self, X, reset=reset, skip_check_array=True)
            if not len(X):
                raise ValueError(f"Found array with 0 sample(s) (shape={X.shape}).")
            return self._convert(X.rename(columns=str))
        X = validate_data(
            self, X, reset=reset, accept_sparse=True, dtype=None, ensure_all_finite=False
        )
        if X.dtype.kind in "biuf" and len(self.categories) == 0:
            return X
        if X.dtype.kind == "c":
            check_array(X)  # raises: complex numbers cannot be clustered
        X = X.toarray() if sp.issparse(X) else X
        return self._convert(pd.DataFrame(X, columns=self._name_samples(X)).infer_objects())

    def _convert(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return the table with dates in UTC, durations in seconds, and categories as words."""
        unknown = [name for name in self.categories if name not in table]
        if unknown:
            raise ValueError(
                f"categories has the name {unknown[0]!r}; X has the columns "
                f"{_format_values(table.columns.tolist())}."
            )
        table = _convert_columns(table)
        for name in self.categories:
            table[name] = _name_numbers(table[name])
        return table

    @staticmethod
    def _name_samples(X: Any) -> list[str]:
        if isinstance(X, pd.DataFrame):
            return X.columns.tolist()
        return [f"x{i}" for i in range(X.shape[1])]

    def _build_vectorizer(self) -> Any:
        skrub = _import_skrub()
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        impute = SimpleImputer(strategy="median", add_indicator=True)
        return skrub.TableVectorizer(
            cardinality_threshold=self.max_categories + 1,
            numeric=make_pipeline(skrub.SquashingScaler(), impute),
            low_cardinality=OneHotEncoder(
                min_frequency=self.min_frequency or None,
                handle_unknown="infrequent_if_exist",
                sparse_output=False,
                dtype=np.float32,
            ),
            high_cardinality=skrub.StringEncoder(self.n_text_components, random_state=seed),
            datetime=make_pipeline(
                skrub.DatetimeEncoder(periodic_encoding="circular"), StandardScaler(), impute
            ),
        )

    def _clean(self, X: Any) -> pd.DataFrame:
        """Return the columns that are used, with numbers and dates parsed."""
        table = self._validate(X, reset=False)
        columns = {
            # What is a number already would lose precision: the steps make it float32.
            name: table[name]
            if pd.api.types.is_numeric_dtype(table[name])
            else _clean_column(table[name], steps)
            for name, steps in self.transformers_.items()
        }
        return pd.DataFrame(columns, index=table.index)

    def _encode(self, table: pd.DataFrame) -> list[pd.DataFrame]:
        """Return the features of each column, before they are scaled."""
        return [
            _encode_column(table[name], steps, self.column_kinds_[name])
            for name, steps in self.transformers_.items()
        ]

    def _scale(self, features: np.ndarray) -> np.ndarray:
        features -= self.mean_.astype(np.float32)
        features /= self.scale_.astype(np.float32)
        return features

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.string = tags.input_tags.categorical = tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = []
        return tags


def is_on_one_scale(table: pd.DataFrame) -> bool:
    """Whether all columns are numbers that seem to be measured alike, such as pixels."""
    if table.shape[1] < _MIN_COLUMNS_ON_ONE_SCALE or any(
        not pd.api.types.is_numeric_dtype(dtype) for dtype in table.dtypes
    ):
        return False
    low, high = table.min(), table.max()
    n_full = int(((low == low.min()) & (high == high.max())).sum())
    return 2 * n_full >= table.shape[1] and not table.isna().to_numpy().any()


def find_uninformative_columns(table: pd.DataFrame) -> dict[str, str]:
    """Return the columns that cannot tell groups of samples apart, with the reason."""
    reasons = {}
    for name in table.columns:
        column = table[name]
        try:
            is_constant = column.nunique(dropna=False) <= 1
        except TypeError as error:  # lists and dicts have no hash
            raise ValueError(
                f"Column {name!r} has values such as {str(column.iloc[0])[:40]}, which are no "
                "numbers, words or dates. Leave it out, or split it into columns."
            ) from error
        if is_constant:
            reasons[name] = "it has only missing values" if column.isna().all() else "constant"
        elif _counts_rows(column):
            reasons[name] = "it counts the rows"
        elif _identifies_rows(column):
            reasons[name] = "an identifier, different in each row"
    return reasons


def format_dropped(dropped: dict[str, str]) -> str:
    """Return columns and reasons in one line."""
    return "; ".join(f"{name!r}: {reason}" for name, reason in dropped.items())


def _name_numbers(column: pd.Series) -> pd.Series:
    """Return a column with numbers as words, whole ones without a decimal point."""
    if not pd.api.types.is_numeric_dtype(column):
        return column
    names = [
        None if pd.isna(value) else str(int(value) if value % 1 == 0 else value) for value in column
    ]
    return pd.Series(names, column.index, dtype=object, name=column.name)


def _mark_categories(table: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Return the table with these columns, and codes such as 007, as categories.

    Their values are not parsed as numbers.
    """
    categories = {
        name: "category"
        for name in table.columns
        if name in names
        or (
            pd.api.types.is_string_dtype(table[name])
            and table[name].astype(str).str.fullmatch(r"0\d+").any()
        )
    }
    return table.astype(categories)


def _warn_about_numbers_in_words(table: pd.DataFrame) -> None:
    """Warn about columns of words most of which are numbers, alone or with a unit."""
    for name, column in table.items():
        given = column.dropna()
        if column.dtype == "category" or not pd.api.types.is_string_dtype(given):
            continue
        words = given.astype(str).str.strip()
        is_number = pd.to_numeric(words, errors="coerce").notna()
        has_unit = ~is_number & words.str.fullmatch(_NUMBER_WITH_UNIT)
        fraction = (is_number | has_unit).mean()
        if has_unit.any() and fraction >= _MOSTLY:
            what = f"numbers with a unit, such as {words[has_unit].iloc[0]!r}"
        elif _MOSTLY <= fraction < 1:
            what = f"numbers, and words such as {words[~is_number].iloc[0]!r}"
        else:
            continue
        warn_user(
            f"Column {name!r} has {what}: its values are taken as words. Write numbers alone, and "
            "leave out what is unknown, if they are measurements.",
        )


def _counts_rows(column: pd.Series) -> bool:
    """Whether the values are all whole numbers from a first to a last one, in any order."""
    n_rows = len(column)
    if n_rows < _MIN_COUNTED_ROWS or column.dtype.kind not in "iuf" or not column.is_unique:
        return False
    return bool(column.max() - column.min() == n_rows - 1 and (column % 1 == 0).all())


def _identifies_rows(column: pd.Series) -> bool:
    """Whether the values are words without a blank, different in each row, and no dates."""
    if not pd.api.types.is_string_dtype(column) or not column.is_unique or column.hasnans:
        return False
    if column.astype(str).str.contains(r"\s").any():
        return False
    cleaned = _import_skrub().Cleaner(parse_numbers=True).fit_transform(column.to_frame())
    return bool(pd.api.types.is_string_dtype(cleaned.iloc[:, 0]))


def _select_steps(steps: list[Any]) -> list[Any]:
    """Return skrub's steps of a column without those that change nothing here."""
    return [
        step
        for step in steps
        if isinstance(step, BaseEstimator) and type(step).__name__ != "DropUninformative"
    ]


def _check_names(table: pd.DataFrame) -> None:
    """Raise a ValueError unless each column has a name of its own."""
    if table.columns.nlevels > 1:
        raise ValueError(
            "X has names of columns in several levels; join them, for example by "
            "X.columns = X.columns.map('_'.join)."
        )
    names = table.columns.map(str)
    repeated = names[names.duplicated()].unique().tolist()
    if repeated:
        raise ValueError(f"X has the columns {repeated} more than once; rename them.")


def _convert_columns(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with dates in UTC without a time zone, and durations in seconds.

    They may be of NumPy, Arrow or Python. Raises a ValueError for complex numbers.
    """
    columns = {}
    for name, column in table.items():
        match pd.api.types.infer_dtype(column):
            case "datetime64" | "datetime" | "date" if column.dtype.type is not np.datetime64:
                columns[name] = column.astype("datetime64[us, UTC]").dt.tz_convert(None)
            case "timedelta64" | "timedelta":
                columns[name] = pd.to_timedelta(column).dt.total_seconds().astype(np.float64)
            case "complex":
                raise ValueError(f"Column {name!r} has complex numbers; split it into two columns.")
    return table.assign(**columns)


def _use_utc(steps: list[Any], column: pd.Series) -> list[Any]:
    """Return the steps of a column with times of a time zone, parsed from words, as UTC."""
    for step in steps:
        if getattr(step, "output_time_zone_", None) is not None:
            step.output_dtype_ = np.dtype(f"datetime64[{step.output_dtype_.unit}]")
            step.output_time_zone_ = None
            steps[-1].fit(_clean_column(column, steps).to_frame())
    return steps


def clean_table(estimator: Any, X: Any) -> Any:
    """Return a table with numbers and dates parsed, as a fitted preparer does before it encodes.

    The preparer is `estimator` or the first step of it. If neither is one, or it passes samples
    through unchanged, `X` itself is returned.
    """
    preparer = estimator[0] if isinstance(estimator, Pipeline) else estimator
    if not isinstance(preparer, TablePreparer) or not preparer.transformers_:
        return X
    return preparer._clean(X)


def _clean_column(column: pd.Series, steps: list[Any]) -> pd.Series:
    for cleaner in steps[:-1]:
        column = cleaner.transform(column)
    return column


def _encode_column(column: pd.Series, steps: list[Any], kind: str) -> pd.DataFrame:
    """Apply the steps: those that clean the column, then the one that encodes it."""
    cleaned, encoder = _clean_column(column, steps), steps[-1]
    if kind in ("number", "date"):
        _warn_about_new_gaps(column, cleaned, kind)
        _warn_about_first_gaps(column, encoder)
    elif kind == "category":
        _warn_about_new_categories(cleaned, encoder)
    with warnings.catch_warnings():
        # Said above, with the name of the column.
        warnings.filterwarnings("ignore", "Found unknown categories", UserWarning)
        features: pd.DataFrame = encoder.transform(
            cleaned if kind == "text" else cleaned.to_frame()
        )
    return features


def _warn_about_new_gaps(column: pd.Series, cleaned: pd.Series, kind: str) -> None:
    is_new = cleaned.isna().to_numpy() & ~column.isna().to_numpy()
    values = sorted({str(value) for value in column[is_new]} - {""})
    if values:
        warn_user(
            f"Column {column.name!r} has values that are no {kind}s and count as missing: "
            f"{_format_values(values)}.",
        )


def _warn_about_first_gaps(column: pd.Series, encoder: Pipeline) -> None:
    """Warn about missing values that no feature marks, as there were none in the fit."""
    n_gaps = int(column.isna().sum())
    if n_gaps and not encoder[-1].indicator_.features_.size:
        values = "value" if n_gaps == 1 else "values"
        warn_user(
            f"Column {column.name!r} has {n_gaps:,} missing {values}, of which fit has seen none: "
            "the median takes their place.",
        )


def _warn_about_new_categories(column: pd.Series, encoder: OneHotEncoder) -> None:
    known = set(encoder.categories_[0])
    values = sorted({str(value) for value in column.dropna().unique() if value not in known})
    if values:
        warn_user(
            f"Column {column.name!r} has values that fit has not seen, encoded like rare ones: "
            f"{_format_values(values)}.",
        )


def _format_values(values: list[str]) -> str:
    dots = ", ..." if len(values) > _MAX_NAMES_IN_MESSAGE else ""
    return ", ".join(repr(value[:40]) for value in values[:_MAX_NAMES_IN_MESSAGE]) + dots


def _compute_scale(block: pd.DataFrame, total_variance: float) -> np.ndarray:
    """Return what to divide the features of a column by, the same number for each of them."""
    variance = float(block.to_numpy(np.float64).var(axis=0).sum())
    scale = np.sqrt(max(variance, _MIN_VARIANCE) / total_variance)
    return np.full(block.shape[1], scale)


def _to_matrix(X: Any) -> Any:
    if not isinstance(X, pd.DataFrame):
        return X
    matrix = X.to_numpy()
    return matrix.astype(np.float64) if matrix.dtype == object else matrix  # pandas' own integers


def _import_skrub() -> Any:
    try:
        import skrub
    except ImportError as error:
        raise ImportError(
            "Preparing a table needs skrub: run pip install '.[tables]' in a clone of skdec. A "
            "table of numbers alone can be scaled with sklearn.preprocessing.StandardScaler "
            "instead (--scale standard on the command line)."
        ) from error
    return skrub
