"""`TablePreparer`: columns of numbers, words, texts and dates as features on like scales."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
import sklearn
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from skdec._utils.data import to_frame_or_array
from skdec._utils.process import warn_user
from skdec._utils.terminal import join_first
from skdec._utils.validation import FRACTION_BELOW_ONE, POSITIVE, Constraint, Integer
from skdec.tables._cells import (
    ColumnFormat,
    find_sentinel,
    format_values,
    is_missing,
    is_number,
    understand,
)

# Parts of a date that recur, and after how many.
_PERIODS = {"month": 12, "day": 30, "hour": 24}
_DATE_PARTS = [
    "year",
    "total_seconds",
    *(f"{part}_circular_{i}" for part in _PERIODS for i in range(2)),
]

# The total variance of a category with two values, one of which has 5 percent of the samples. What
# varies less is not magnified as much: a few samples would be far from all others.
_MIN_VARIANCE = 2 * 0.05 * 0.95

# How far a sample with a gap is from one without, in standard deviations of a number. More, and the
# samples with gaps were clusters of their own.
_MARK_OF_GAPS = 0.5

_MAX_ROWS_REGRESSED = 20_000

# The samples of a number with so few values are in as few points, like those of a category.
_FEW_VALUES = 10

# Fewer columns are too few to conclude from equal ranges that they are measured alike.
_MIN_COLUMNS_ON_ONE_SCALE = 16
# In fewer rows, numbers without gaps may be anything.
_MIN_COUNTED_ROWS = 20
_MAX_FAULTS = 8


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence | np.ndarray) and not isinstance(value, str)


def _are_words(value: Any) -> bool:
    return _is_list(value) and all(isinstance(word, str) for word in value)


_PARAMETERS = {
    "categories": Constraint("a list of names of columns", _are_words),
    "category_weight": POSITIVE,
    "max_categories": Integer(1),
    "min_frequency": FRACTION_BELOW_ONE,
    "n_text_components": Integer(1),
    "missing_values": Constraint("a list", _is_list),
}


class TablePreparer(TransformerMixin, BaseEstimator):
    """Turn a table of numbers, words, texts and dates into features on like scales.

    Each column is understood from all of its cells, at the fit, and what was understood parses the
    cells of any further table. Then all features that come from one column are divided by one
    number, so that their variances add up to one, or to `category_weight`: on average over all
    pairs of samples, an income contributes as much to the squared distance as a date or a text, and
    a category with two values as much as one with ten.

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
    missing_values : sequence of float or str, default=()
        Values that stand for a gap, such as -999, beside the usual marks.
    passthrough : bool, default=False
        Return the numbers of the table as they are: no column is encoded, scaled or left out, and
        words and gaps are an error.
    random_state : int, RandomState instance or None, default=None
        Seed of the singular value decomposition of texts.

    Attributes
    ----------
    column_kinds_ : dict of str to {"number", "category", "text", "date"}
        The kind of each column that is used; empty if the samples stay as they are.
    dropped_columns_ : dict of str to str
        The columns that are not used, with the reason.
    formats_ : dict of str to ColumnFormat
        What the cells of each column mean; empty for an array of numbers.
    transformers_ : dict of str to transformer
        The fitted encoder of each column that is used.
    mean_ : ndarray of shape (n_features_out,), float64
        Subtracted from the features.
    scale_ : ndarray of shape (n_features_out,), float64
        What the features are divided by then, one number for all features of a column but the
        mark of gaps.
    gap_weights_ : ndarray of shape (n_columns_with_gaps, n_features_out + 3), float64
        What predicts the missing numbers of a column from the features of the others: weights,
        intercept, and the smallest and largest prediction.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if `fit` has seen a data frame.

    See Also
    --------
    DECClusterer : The estimator that it prepares tables for.
    skrub.TableVectorizer : Encodes tables for supervised learning.

    Notes
    -----
    What becomes of a column:

    - **numbers**, in any spelling ("$1,234.56", "(3,5 %)", "61.7 kg", "30.7k"), truth values, and
      durations (as seconds) are centered at the median and divided by the interquartile range,
      outliers squashed to at most three in absolute value (`skrub.SquashingScaler`). Missing values
      are predicted from the other columns, by a ridge regression, and marked by a feature that
      moves a sample by half a standard deviation.
    - **categories**, also codes with leading zeros such as 007, are one-hot encoded, with the
      missing value as a category. Values that `fit` has not seen are encoded like the rare ones,
      all zeros if there are none, with a warning.
    - **texts** are counted in 3- and 4-grams of letters, weighted by tf-idf and reduced by a
      singular value decomposition (`skrub.StringEncoder`).
    - **dates** become year, seconds since 1970, and month, day and hour (if any) as angles, each
      standardized, with the missing ones imputed and marked. Times of a time zone are converted to
      UTC.
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
        missing_values: Sequence[Any] = (),
        passthrough: bool = False,
        random_state: Any = None,
    ) -> None:
        self.categories = categories
        self.category_weight = category_weight
        self.max_categories = max_categories
        self.min_frequency = min_frequency
        self.n_text_components = n_text_components
        self.missing_values = missing_values
        self.passthrough = passthrough
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
            If no column is left, `categories` names one that `X` does not have, a column has
            numbers in different units, or a parameter is out of its range.
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
        for parameter, constraint in _PARAMETERS.items():
            constraint.check(parameter, getattr(self, parameter))
        self.formats_: dict[str, ColumnFormat] = {}
        self.column_kinds_: dict[str, str] = {}
        self.dropped_columns_: dict[str, str] = {}
        self.transformers_: dict[str, Any] = {}
        self._marked: list[str] = []
        table = self._validate(X, reset=True)
        if not isinstance(table, pd.DataFrame):
            self._names_out = _name_columns(table)
            return table
        self.formats_ = _understand_table(table, self.categories, self.missing_values)
        cleaned = self._parse(table)
        if self.passthrough or is_on_one_scale(cleaned):
            self._names_out = _name_columns(cleaned)
            return _to_matrix(table, cleaned)
        _warn_about_sentinels(cleaned)
        self.dropped_columns_ = find_uninformative_columns(cleaned)
        kept = cleaned.drop(columns=list(self.dropped_columns_))
        if kept.empty:
            reasons = [f"{name!r}: {reason}" for name, reason in self.dropped_columns_.items()]
            raise ValueError(f"No column of X is left to cluster by: {'; '.join(reasons)}.")
        self.column_kinds_ = {name: self._get_kind(kept[name]) for name in kept.columns}
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        with sklearn.config_context(transform_output="default"):
            self.transformers_ = {
                name: self._build_encoder(kind, seed).fit(_to_input(kept[name], kind, None))
                for name, kind in self.column_kinds_.items()
            }
        numbers = [name for name, kind in self.column_kinds_.items() if kind in ("number", "date")]
        self._marked = [name for name in numbers if kept[name].isna().any()]
        blocks = self._encode(kept)
        widths = [block.shape[1] for block in blocks.values()]
        self._starts = [sum(widths[:i]) for i in range(len(widths))]
        names = [f"{part}" for name, block in blocks.items() for part in self._name(name, block)]
        self._names_out = _make_unique(names)
        self.mean_ = np.concatenate([block.mean(axis=0) for block in blocks.values()])
        few = {name for name in kept.columns if kept[name].nunique() <= _FEW_VALUES}
        few |= {name for name, kind in self.column_kinds_.items() if kind == "category"}
        self.scale_ = np.concatenate(
            [
                self._compute_scale(name, block, self.category_weight if name in few else 1.0)
                for name, block in blocks.items()
            ]
        )
        features = self._scale(blocks)
        self.gap_weights_ = self._regress_gaps(features, kept, seed)
        return self._fill_gaps(features, kept)

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
            If the columns are not those of `fit`, or one has dates where it had numbers, or the
            reverse.
        """
        check_is_fitted(self)
        table = self._validate(X, reset=False)
        if not isinstance(table, pd.DataFrame):
            return table
        cleaned = self._parse(table)
        if not self.transformers_:
            return _to_matrix(table, cleaned)
        return self._fill_gaps(self._scale(self._encode(cleaned)), cleaned)

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

    def _validate(self, X: Any, *, reset: bool) -> Any:
        """Return a pandas data frame with strings as names, or a numeric array or sparse matrix."""
        X = to_frame_or_array(X)
        is_known = not reset and bool(self.formats_)
        if isinstance(X, pd.DataFrame):
            _check_names(X)
            validate_data(self, X, reset=reset, skip_check_array=True)
            if not len(X):
                raise ValueError(f"Found array with 0 sample(s) (shape={X.shape}).")
            if reset or is_known:
                return X.set_axis(list(self.formats_) if is_known else X.columns.map(str), axis=1)
            X = X.to_numpy()  # by position, as the fit has seen an array
        X = validate_data(
            self, X, reset=reset, accept_sparse=True, dtype=None, ensure_all_finite=False
        )
        if X.dtype.kind in "biuf" and not is_known and not len(self.categories):
            return X
        if not reset and not is_known:  # objects where there were numbers
            return check_array(X, dtype="numeric", ensure_all_finite=False)
        X = X.toarray() if sp.issparse(X) else X
        names = list(self.formats_) if is_known else _name_columns(X)
        return pd.DataFrame(X, columns=names).infer_objects()

    def _parse(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return the columns that are used, parsed."""
        columns = {
            name: column_format.parse(table[name])
            for name, column_format in self.formats_.items()
            if name not in self.dropped_columns_
        }
        return pd.DataFrame(columns, index=table.index, copy=False)

    def _get_kind(self, column: pd.Series) -> str:
        kind = self.formats_[str(column.name)].kind
        if kind in ("word", "code"):
            return "category" if column.nunique() <= self.max_categories else "text"
        return "date" if kind == "date" else "number"

    def _build_encoder(self, kind: str, seed: int) -> Any:
        impute = SimpleImputer(strategy="median")
        if kind == "date":
            return make_pipeline(StandardScaler(), impute)
        if kind == "category":
            return OneHotEncoder(
                min_frequency=self.min_frequency or None,
                handle_unknown="infrequent_if_exist",
                sparse_output=False,
                dtype=np.float32,
            )
        skrub = _import_skrub()
        if kind == "text":
            return skrub.StringEncoder(self.n_text_components, random_state=seed)
        return make_pipeline(skrub.SquashingScaler(), impute)

    def _encode(self, cleaned: pd.DataFrame) -> dict[str, np.ndarray]:
        """Return the features of each column as float64, before they are centered and scaled."""
        blocks = {}
        with sklearn.config_context(transform_output="default"), warnings.catch_warnings():
            # Said by name.
            warnings.filterwarnings("ignore", "Found unknown categories", UserWarning)
            for name, encoder in self.transformers_.items():
                column, kind = cleaned[name], self.column_kinds_[name]
                if kind == "category":
                    _warn_about_new_categories(column, encoder)
                block = np.asarray(encoder.transform(_to_input(column, kind, encoder)), np.float64)
                is_marked = name in self._marked
                blocks[name] = np.column_stack([block, column.isna()]) if is_marked else block
        return blocks

    def _name(self, name: str, block: np.ndarray) -> list[str]:
        """Return the names of the features of a column."""
        kind = self.column_kinds_[name]
        if kind == "category":
            encoder = self.transformers_[name]
            return [str(part) for part in encoder.get_feature_names_out([name])]
        if kind == "text":
            return [f"{name}_{i}" for i in range(block.shape[1])]
        is_marked = name in self._marked
        parts = [name]
        if kind == "date":
            parts = [f"{name}_{part}" for part in _DATE_PARTS[: block.shape[1] - is_marked]]
        return [*parts, f"missingindicator_{name}"] if is_marked else parts

    def _compute_scale(self, name: str, block: np.ndarray, total_variance: float) -> np.ndarray:
        """Return what to divide the features of a column by, one number but for a mark of gaps."""
        is_marked = name in self._marked
        n_features = block.shape[1] - is_marked
        variance = max(block.var(axis=0)[:n_features].sum(), _MIN_VARIANCE)
        scale = np.full(n_features, np.sqrt(variance / total_variance))
        return np.append(scale, 1 / _MARK_OF_GAPS) if is_marked else scale

    def _scale(self, blocks: dict[str, np.ndarray]) -> np.ndarray:
        features = np.empty((len(next(iter(blocks.values()))), len(self.mean_)), np.float32)
        for first, block in zip(self._starts, blocks.values(), strict=True):
            part = slice(first, first + block.shape[1])
            features[:, part] = (block - self.mean_[part]) / self.scale_[part]
        return features

    def _regress_gaps(self, features: np.ndarray, cleaned: pd.DataFrame, seed: int) -> np.ndarray:
        """Return what predicts each number with gaps from the features of the other columns.

        In each row weights, intercept, and the smallest and largest value to predict.
        """
        rows = []
        for name, part in self._find_gaps():
            observed = np.flatnonzero(cleaned[name].notna())
            if len(observed) > _MAX_ROWS_REGRESSED:
                chosen = np.random.RandomState(seed).permutation(len(observed))
                observed = np.sort(observed[chosen[:_MAX_ROWS_REGRESSED]])
            X = features[observed].astype(np.float64)
            y = X[:, part.start].copy()
            X[:, part] = 0
            ridge = Ridge().fit(X, y)
            rows.append([*ridge.coef_, ridge.intercept_, y.min(), y.max()])
        return np.array(rows, dtype=np.float64).reshape(len(rows), features.shape[1] + 3)

    def _fill_gaps(self, features: np.ndarray, cleaned: pd.DataFrame) -> np.ndarray:
        """Predict numbers that are missing from the other columns, in place."""
        gaps = [(part.start, cleaned[name].isna().to_numpy()) for name, part in self._find_gaps()]
        filled = [
            np.clip(features[gap] @ row[:-3] + row[-3], row[-2], row[-1])
            for row, (_, gap) in zip(self.gap_weights_, gaps, strict=True)
        ]
        for (position, gap), values in zip(gaps, filled, strict=True):
            features[gap, position] = values
        return features

    def _find_gaps(self) -> list[tuple[str, slice]]:
        """Return the numbers that had gaps in the fit, and where their features are."""
        starts = dict(zip(self.transformers_, self._starts, strict=True))
        numbers = (name for name in self._marked if self.column_kinds_[name] == "number")
        return [(name, slice(starts[name], starts[name] + 2)) for name in numbers]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.string = tags.input_tags.categorical = tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = []
        return tags


def is_on_one_scale(table: pd.DataFrame) -> bool:
    """Whether all columns are numbers that seem to be measured alike, such as pixels."""
    if table.shape[1] < _MIN_COLUMNS_ON_ONE_SCALE or any(
        dtype.kind not in "biuf" for dtype in table.dtypes
    ):
        return False
    low, high = table.min(), table.max()
    n_full = int(((low == low.min()) & (high == high.max())).sum())
    return 2 * n_full >= table.shape[1] and not table.isna().to_numpy().any()


def find_uninformative_columns(cleaned: pd.DataFrame) -> dict[str, str]:
    """Return the columns that cannot tell groups of samples apart, with the reason."""
    reasons = {}
    for name, column in cleaned.items():
        if column.isna().all():
            reasons[name] = "it has only missing values"
        elif column.nunique(dropna=False) <= 1:
            reasons[name] = "constant"
        elif _counts_rows(column):
            reasons[name] = "it counts the rows"
        elif _identifies_rows(column):
            reasons[name] = "an identifier, different in each row"
    return reasons


def describe_columns(preparer: TablePreparer) -> list[str]:
    """Return a line for each column: what it is, its unit and gaps, or why it is not used."""
    lines = []
    for name, column_format in preparer.formats_.items():
        kind = preparer.column_kinds_.get(name, "")
        what = column_format.describe()
        if name in preparer.dropped_columns_:
            what = f"not used: {preparer.dropped_columns_[name]}"
        elif kind in ("category", "text"):
            what = what.replace("names", kind).replace("words", kind)
        lines.append(f"{name}: {what}")
    return lines


def clean_table(estimator: Any, X: Any) -> Any:
    """Return the columns that a fitted preparer uses, parsed, before they are encoded.

    The preparer is `estimator` or the first step of it. If neither is one, or it has seen an array
    of numbers, `X` itself is returned.
    """
    preparer = estimator[0] if isinstance(estimator, Pipeline) else estimator
    if not isinstance(preparer, TablePreparer) or not preparer.formats_:
        return X
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # said by `transform`
        cleaned = preparer._parse(preparer._validate(X, reset=False))
    for name, column_format in preparer.formats_.items():
        if column_format.kind == "truth" and name in cleaned and cleaned[name].notna().all():
            cleaned[name] = cleaned[name].astype(bool)
    return cleaned


def _understand_table(
    table: pd.DataFrame, categories: Sequence[str], missing: Sequence[Any]
) -> dict[str, ColumnFormat]:
    """Understand each column; where 1,234 leaves the decimal mark open, the others tell."""
    for name in categories:
        if name not in table:
            raise ValueError(
                f"categories has the name {name!r}; X has the columns "
                f"{format_values(table.columns.tolist())}."
            )
    formats = {
        name: understand(column, missing=missing, is_code=name in categories)
        for name, column in table.items()
    }
    if any(found.decimal == "," and not found.note for found in formats.values()):
        for name, found in formats.items():
            if found.note and found.kind == "number":
                formats[name] = understand(table[name], decimal=",", missing=missing)
    return formats


def _warn_about_sentinels(cleaned: pd.DataFrame) -> None:
    for name, column in cleaned.items():
        found = find_sentinel(column) if column.dtype.kind == "f" else None
        if found is not None:
            warn_user(
                f"Column {name!r} has {found[0]:.15g} in {found[1]:,} rows, far from all other "
                f"values. If it stands for a gap, give missing_values=[{found[0]:.15g}] (--missing "
                f"{found[0]:.15g} on the command line)."
            )


def _counts_rows(column: pd.Series) -> bool:
    """Whether the values are all whole numbers from a first to a last one, in any order."""
    n_rows = len(column)
    if n_rows < _MIN_COUNTED_ROWS or column.dtype.kind != "f" or not column.is_unique:
        return False
    return bool(column.max() - column.min() == n_rows - 1 and (column % 1 == 0).all())


def _identifies_rows(column: pd.Series) -> bool:
    """Whether the values are words without a blank, different in each row."""
    if column.dtype != object or not column.is_unique or column.hasnans:
        return False
    return not column.str.contains(r"\s").any()


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


def _name_columns(X: Any) -> list[str]:
    return (
        X.columns.tolist() if isinstance(X, pd.DataFrame) else [f"x{i}" for i in range(X.shape[1])]
    )


def _make_unique(names: list[str]) -> list[str]:
    """Return names of which no two are equal, by a number after the later ones."""
    unique: dict[str, None] = {}
    for name in names:
        number, tried = 2, name
        while tried in unique:
            tried, number = f"{name}_{number}", number + 1
        unique[tried] = None
    return list(unique)


def _to_input(column: pd.Series, kind: str, encoder: Any) -> Any:
    """Return a column as its encoder takes it, which is None before it is fitted."""
    if kind == "text":
        return column
    if kind == "category":
        return column.where(column.notna(), np.nan).to_frame()
    if kind == "date":
        parts = _split_dates(column)
        if encoder is not None:
            return parts[:, : encoder.n_features_in_]
        has_hours = np.nanstd(parts[:, -2:], axis=0).any()
        return parts if has_hours else parts[:, :-2]
    return column.to_numpy(np.float64)[:, None]


def _split_dates(column: pd.Series) -> np.ndarray:
    """Return year, seconds, and the sine and cosine of month, day and hour of each date."""
    dates = column.dt
    times = column.to_numpy("datetime64[us]")
    seconds = np.where(np.isnat(times), np.nan, times.astype(np.int64) / 1e6)
    parts = [dates.year.to_numpy(np.float64), seconds]
    for part, period in _PERIODS.items():
        angle = getattr(dates, part).to_numpy(np.float64) / period * 2 * np.pi
        parts += [np.sin(angle), np.cos(angle)]
    return np.column_stack(parts)


def _warn_about_new_categories(column: pd.Series, encoder: OneHotEncoder) -> None:
    values = sorted(set(column.dropna().unique()) - set(encoder.categories_[0]))
    if values:
        warn_user(
            f"Column {column.name!r} has values that fit has not seen, encoded like rare ones: "
            f"{format_values(values)}.",
        )


def _to_matrix(table: pd.DataFrame, cleaned: pd.DataFrame) -> np.ndarray:
    """Return the numbers of a table, in their own type where they have one, or name the faults."""
    if all(isinstance(dtype, np.dtype) and dtype.kind in "biuf" for dtype in table.dtypes):
        matrix = table.to_numpy()
        if np.isfinite(matrix).all():
            return matrix
    faults, n_faults, label = [], 0, table.index.name or "row"
    for name, column in cleaned.items():
        is_fault = ~np.isfinite(column) if column.dtype.kind == "f" else _find_words(column)
        n_faults += int(is_fault.sum())
        for row in np.flatnonzero(is_fault)[:_MAX_FAULTS].tolist():
            what = _explain_fault(table[name].iloc[row], column.iloc[row])
            faults.append((row, f"{label} {table.index[row]}, column {name!r}: {what}"))
    if not faults:
        return cleaned.to_numpy(np.float64)
    shown = join_first([text for _, text in sorted(faults)], _MAX_FAULTS, "; ", n_faults)
    raise ValueError(
        f"{shown}. Leave such columns out (--drop), name the one with the classes (--label), or "
        "have the table prepared (--prepare auto, without --scale)."
    )


def _find_words(column: pd.Series) -> pd.Series:
    """Return which cells are no numbers; all of them if each is one, such as 007."""
    is_word = ~column.map(lambda cell: is_number(str(cell)))
    return is_word if is_word.any() else ~is_word


def _explain_fault(given: Any, parsed: Any) -> str:
    """Return why a value, given as it is in the table, is no finite number."""
    if isinstance(parsed, float) and np.isinf(parsed):
        return "the value is infinite"
    if pd.isna(given) or is_missing(str(given)):
        return "the value is missing"
    return f"{str(given).strip()[:40]!r} is not a number"


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
