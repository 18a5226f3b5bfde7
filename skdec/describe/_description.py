"""What sets clusters apart in the columns of a table, and names and samples that show it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import issparse
from scipy.stats import entropy
from sklearn.utils import check_consistent_length, check_scalar

from skdec.describe._summary import (
    check_names,
    compute_information,
    compute_means,
    find_yes,
    is_date,
    is_number,
    split_pipeline,
    to_frame,
)

_MISSING = "(missing)"
_N_VALUES_SHOWN = 3
_MAX_VALUE_LENGTH = 30
_N_BINS = 10
# Of more values, the most frequent are counted one by one and all others together, as are those
# that occur once, such as names.
_N_VALUES_COUNTED = 30
_DOUBTFUL_QUANTILE = 0.1
_N_CLAIMS = 2
_N_COLUMNS = 12
_N_WORDS = 3
# What a claim adds at least, as a fraction of the entropy of membership; and, so that it is not
# there by chance, twice the number of samples times the information in nats, which has a
# chi-squared distribution of one degree of freedom if it tells nothing.
_MIN_GAIN = 0.03
_MIN_CHI_SQUARED = 10
_MAX_LENGTH = 24
_MAX_COUNT = 100


def describe_clusters(X: Any, labels: Any) -> pd.DataFrame:
    """Describe each cluster by the columns of a table, those that set it apart most first.

    Parameters
    ----------
    X : {data frame, array-like} of shape (n_samples, n_columns)
        The table as it was before it was prepared or scaled: numbers, words, dates and gaps.
    labels : array-like of shape (n_samples,)
        Cluster of each sample, from any clusterer.

    Returns
    -------
    pandas.DataFrame
        A row for each cluster and column, indexed by both, with

        - ``name``: what `name_clusters` calls the cluster;
        - ``size`` and ``fraction``: samples in the cluster, and their fraction of all;
        - ``typical``: of a number or date, the median and the quartiles in the cluster, of a word
          the most frequent values with their percentages. Booleans and numbers that are all 0 or 1
          are the words yes and no;
        - ``overall``: the same of all samples;
        - ``difference``: standardized difference, the mean in the cluster minus the mean of all
          samples, divided by their standard deviation. Of a word, it is that of being the value
          named in ``value``, the one with the largest absolute difference;
        - ``value``: that value; missing for numbers and dates;
        - ``information``: the mutual information of the column and of being in the cluster, as a
          fraction of the entropy of the latter: 0 where the column says nothing, 1 where it says
          all. Numbers are counted in ten bins of equal frequency, of words the 30 most frequent
          values and all others together. What values that say nothing share by chance is
          subtracted (the bias of Miller, [1]_).

    Raises
    ------
    ValueError
        If there are not as many labels as samples.

    See Also
    --------
    name_clusters : A short name of each cluster.
    find_examples : Typical and doubtful samples of each cluster.

    References
    ----------
    .. [1] G. A. Miller, "Note on the bias of information estimates", Information Theory in
       Psychology, 1955.

    Examples
    --------
    >>> import pandas as pd
    >>> from skdec import describe_clusters
    >>> table = pd.DataFrame({"age": [20, 22, 60, 64], "pet": ["cat", "dog", "cat", "dog"]})
    >>> described = describe_clusters(table, [0, 0, 1, 1])
    >>> described.loc[0, "typical"].to_dict()
    {'age': '21 (20.5 to 21.5)', 'pet': 'cat 50%, dog 50%'}
    """
    table, labels = to_frame(X), np.asarray(labels)
    check_consistent_length(table, labels)
    clusters, codes = np.unique(labels, return_inverse=True)
    members = [np.flatnonzero(codes == code) for code in range(len(clusters))]
    columns = [_describe_column(column, members) for _, column in table.items()]
    described = [
        sorted((column[i] for column in columns), key=lambda row: -row["information"])
        for i in range(len(clusters))
    ]
    if hasattr(X, "columns"):
        names = name_described(
            table, labels, [[row["column"] for row in rows] for rows in described]
        )
    else:
        names = number_clusters(labels)
    rows = []
    for i, cluster in enumerate(clusters):
        size = len(members[i])
        about = {"cluster": cluster, "name": names.iloc[i], "size": size}
        about["fraction"] = size / len(table)
        rows += [about | row for row in described[i]]
    return pd.DataFrame(rows).set_index(["cluster", "column"])


def name_clusters(X: Any, labels: Any, *, feature_names: Any = None) -> pd.Series:
    """Name each cluster by what sets it apart, such as "high income, few visits".

    Parameters
    ----------
    X : {data frame, array-like, sparse matrix} of shape (n_samples, n_features)
        The table as it was before it was prepared or scaled, as for `describe_clusters`; or a
        sparse matrix of counts or tf-idf of words.
    labels : array-like of shape (n_samples,)
        Cluster of each sample, from any clusterer; -1 is "noise".
    feature_names : array-like of str of shape (n_features,), default=None
        Names of the columns of an array, or the words of a sparse matrix. Without them, the
        clusters are "cluster 0" and so on: a feature without a name, such as a pixel, names
        nothing.

    Returns
    -------
    pandas.Series of shape (n_clusters,)
        Names, all different, indexed by cluster.

    Raises
    ------
    ValueError
        If there are not as many labels as samples, or not as many names as features.

    See Also
    --------
    describe_clusters : All columns of each cluster, and how much they tell.

    Notes
    -----
    What a name says, taken together, holds for at least two thirds of its cluster. "high" and
    "many" are above the median of all samples, "low" and "few" below it, "medium" is between the
    quartiles. Of booleans, numbers that are all 0 or 1, and the words yes and no, a name has the
    fraction, rounded down; of dates the range, and of numbers where clusters would have the same
    name otherwise. Of all that holds, a name has the two statements at most that together have most
    mutual information with being in the cluster, as `describe_clusters` computes it. A cluster of
    which nothing tells anything is "cluster 0".

    The words of a sparse matrix are the three with the largest class-based tf-idf ([1]_). They are
    frequent in the cluster compared with others, not in each of its samples.

    References
    ----------
    .. [1] M. Grootendorst, "BERTopic: Neural topic modeling with a class-based TF-IDF procedure",
       arXiv:2203.05794, 2022.

    Examples
    --------
    >>> import pandas as pd
    >>> from skdec import name_clusters
    >>> table = pd.DataFrame({"age": [20, 22, 25, 31, 60, 63, 64, 71], "pet": ["cat", "dog"] * 4})
    >>> name_clusters(table, [0, 0, 0, 0, 1, 1, 1, 1]).tolist()
    ['low age', 'high age']
    """
    labels = np.asarray(labels)
    if issparse(X):
        check_consistent_length(X, labels)
        if feature_names is None:
            return number_clusters(labels)
        check_names(feature_names, X.shape[1])
        return name_by_words(X, labels, feature_names)
    if feature_names is not None:
        table = to_frame(X)
        check_names(feature_names, table.shape[1])
        X = table.set_axis([str(name) for name in feature_names], axis=1)
    names = describe_clusters(X, labels)["name"].groupby(level="cluster").first()
    return names.rename("cluster_name")


def find_examples(model: Any, X: Any, n_examples: int = 3) -> pd.DataFrame:
    """Find the samples nearest to the center of each cluster, the least certain and unlike ones.

    Parameters
    ----------
    model : DECClusterer or Pipeline that ends in one
        Fitted estimator.
    X : {data frame, array-like, sparse matrix} of shape (n_samples, n_features)
        Samples, as `model` takes them.
    n_examples : int, default=3
        Number of samples of each kind in a cluster.

    Returns
    -------
    pandas.DataFrame
        For each cluster ``n_examples`` rows of ``kind`` "exemplar", nearest in the embedding to
        the center of their cluster, up to as many "doubtful" ones, with the lowest confidence
        and among the tenth of all samples that have the least, and up to as many "outlier" ones,
        unlike the samples of the fit: ``cluster``, ``kind``,
        ``sample`` (the position in `X`, from 0), ``distance`` from the center, ``confidence``, the
        largest soft assignment, and ``score``, that of `DECClusterer.score_samples`, below -1 for
        outliers.

    See Also
    --------
    describe_clusters : The columns that set the clusters apart.

    Examples
    --------
    >>> from skdec import DECClusterer, find_examples
    >>> dec = DECClusterer(3, random_state=0).fit(X)  # doctest: +SKIP
    >>> find_examples(dec, X)  # doctest: +SKIP
    """
    check_scalar(n_examples, "n_examples", Integral, min_val=1)
    clusterer, X = split_pipeline(model, X)
    q, z = clusterer.predict_proba(X), np.asarray(clusterer.transform(X))
    samples = pd.DataFrame({"cluster": q.argmax(axis=1), "sample": np.arange(len(q))})
    samples["distance"] = np.linalg.norm(z - clusterer.cluster_centers_[samples["cluster"]], axis=1)
    samples["confidence"] = q.max(axis=1)
    samples["score"] = clusterer.score_samples(X)
    is_doubtful = samples["confidence"] <= samples["confidence"].quantile(_DOUBTFUL_QUANTILE)
    ranked = {
        "exemplar": samples.sort_values("distance", kind="stable"),
        "doubtful": samples[is_doubtful].sort_values("confidence", kind="stable"),
        "outlier": samples[samples["score"] < -1].sort_values("score", kind="stable"),
    }
    kinds = [
        found.groupby("cluster").head(n_examples).assign(kind=kind)
        for kind, found in ranked.items()
    ]
    examples = pd.concat(kinds).sort_values("cluster", kind="stable", ignore_index=True)
    return examples[["cluster", "kind", "sample", "distance", "confidence", "score"]]


def _describe_column(column: pd.Series, members: list[np.ndarray]) -> list[dict[str, Any]]:
    """Describe a column in each cluster, given the positions of its members."""
    named: Sequence[tuple[float, str | None]]
    format_: Callable[[pd.Series], str]
    yes = find_yes(column)
    if yes is not None and not isinstance(column.dropna().iloc[0], str):
        column = pd.Series(yes, name=column.name).map({1.0: "yes", 0.0: "no"})
    if is_number(column):
        values, format_ = column, _format_numbers
        counts = _count(_bin_numbers(column), members)
        named = [(difference, None) for difference in _compare_numbers(column, members)]
    else:
        values = column.astype(object).where(column.notna(), _MISSING).astype(str)
        format_ = _format_words
        bins, names = _bin_words(values)
        counts = _count(bins, members)
        named = _compare_words(counts, names)
    overall = format_(values)
    return [
        {
            "column": column.name,
            "typical": format_(values.iloc[positions]),
            "overall": overall,
            "difference": difference,
            "value": value,
            "information": compute_information(inside, counts.sum(axis=0) - inside),
        }
        for positions, inside, (difference, value) in zip(members, counts, named, strict=True)
    ]


def _bin_numbers(column: pd.Series) -> np.ndarray:
    """Return the bin of each number, from 1 to 10; 0 is a missing one."""
    ranks = _to_float(column).rank(pct=True)
    return np.ceil(ranks.fillna(0.0) * _N_BINS).to_numpy().astype(int)


def _bin_words(words: pd.Series) -> tuple[np.ndarray, pd.Index]:
    """Return the position of each word among the most frequent ones, and those.

    The others have the position behind the last.
    """
    counts = words.value_counts()
    names = counts.index[counts > 1][:_N_VALUES_COUNTED]
    positions = names.get_indexer(words)
    return np.where(positions < 0, len(names), positions), names


def _count(bins: np.ndarray, members: list[np.ndarray]) -> np.ndarray:
    """Return the number of members of each cluster in each bin."""
    n_bins = bins.max(initial=0) + 1
    return np.stack([np.bincount(bins[positions], minlength=n_bins) for positions in members])


def _compare_numbers(column: pd.Series, members: list[np.ndarray]) -> list[float]:
    """Return the standardized difference of each cluster."""
    numbers = _to_float(column).replace([np.inf, -np.inf], np.nan)
    mean, deviation = numbers.mean(), numbers.std(ddof=0)
    if not numbers.max() > numbers.min():  # the deviation of equal ones may be above 0
        return [0.0] * len(members)
    differences = [(numbers.iloc[positions].mean() - mean) / deviation for positions in members]
    return [0.0 if np.isnan(difference) else float(difference) for difference in differences]


def _compare_words(counts: np.ndarray, names: pd.Index) -> list[tuple[float, str | None]]:
    """Return the largest standardized difference of each cluster, and the word that has it."""
    if names.empty:
        return [(0.0, None)] * len(counts)
    overall = counts.sum(axis=0) / counts.sum()
    deviation = np.sqrt(overall * (1 - overall))
    differences = counts / counts.sum(axis=1, keepdims=True) - overall
    differences = differences / np.where(deviation > 0, deviation, np.inf)
    compared: list[tuple[float, str | None]] = []
    for row in differences[:, : len(names)]:
        # Of two words, whose differences are opposite, the one that is more frequent inside.
        best = np.lexsort((-row, -np.abs(row).round(9)))[0]
        compared.append((float(row[best]), str(names[best])))
    return compared


def _format_numbers(column: pd.Series) -> str:
    quartiles = column.quantile([0.5, 0.25, 0.75])
    if quartiles.isna().any():
        return _MISSING
    if is_date(column):
        middle, low, high = (f"{value:%Y-%m-%d}" for value in quartiles)
    else:
        middle, low, high = map(_format_number, quartiles)
    n_missing = int(column.isna().sum())
    missing = f", missing {n_missing / len(column):.0%}" if n_missing else ""
    return f"{middle} ({low} to {high}){missing}"


def _format_number(value: float) -> str:
    """Return four digits; of a larger number all before the point."""
    return f"{value:.0f}" if 1e4 <= abs(value) < 1e15 else f"{value:.4g}"


def _format_words(words: pd.Series) -> str:
    frequencies = words.value_counts(normalize=True).iloc[:_N_VALUES_SHOWN]
    return ", ".join(
        f"{str(value)[:_MAX_VALUE_LENGTH]} {frequency:.0%}"
        for value, frequency in frequencies.items()
    )


def _to_float(column: pd.Series) -> pd.Series:
    if is_date(column):
        return (column - column.min()).dt.total_seconds()
    return column.astype(np.float64)


def number_clusters(labels: np.ndarray) -> pd.Series:
    """Return "cluster 0" and so on, indexed by cluster."""
    clusters = np.unique(labels)
    names = ["noise" if label == -1 else f"cluster {label}" for label in clusters.tolist()]
    return _to_series(clusters, names)


def name_described(
    table: pd.DataFrame, labels: np.ndarray, order: Sequence[Sequence[Any]]
) -> pd.Series:
    """Name clusters by the columns of a table, given for each those that tell most first."""
    clusters, codes = np.unique(labels, return_inverse=True)
    # What has no name, such as the column 0, names nothing.
    columns = {name: _convert(column) for name, column in table.items() if isinstance(name, str)}
    shared = {name: _compare_with_all(name, column) for name, column in columns.items()}
    words = [column for column in columns.values() if column.dtype == object]
    n_columns_with = Counter(word for column in words for word in column.dropna().unique())
    candidates = [
        [
            claim
            for name in best[:_N_COLUMNS]
            if name in columns
            for claim in shared[name] + _state(name, columns[name], codes == code, n_columns_with)
        ]
        for code, best in enumerate(order)
    ]
    names = []
    for code, claims in enumerate(candidates):
        simple = [claim for claim in claims if not claim.is_range]
        names.append(_join(_select_claims(simple, codes == code), codes == code))
    repeated = Counter(names)
    for code, claims in enumerate(candidates):
        if not names[code] or repeated[names[code]] > 1:
            chosen = _select_claims(claims, codes == code, _N_CLAIMS + 1)
            names[code] = _join(chosen, codes == code)
    return _make_unique(clusters, names)


@dataclass(frozen=True)
class _Claim:
    """What may be said of a cluster.

    `holds` is true for the samples it is true of; `is_word` ones are said to hold "mostly".
    """

    text: str
    holds: np.ndarray
    is_word: bool = False
    is_range: bool = False


def _convert(column: pd.Series) -> pd.Series:
    """Return booleans of yes and no, numbers as floats, dates as they are and all else as words."""
    column = column.reset_index(drop=True)
    yes = find_yes(column)
    if yes is not None:
        return pd.Series(yes, dtype="boolean")
    if is_number(column):
        return column if is_date(column) else column.astype(np.float64)
    return column.astype(object).where(column.isna(), column.astype(str))


def _state(
    name: str, column: pd.Series, is_member: np.ndarray, n_columns_with: Counter[str]
) -> list[_Claim]:
    """Return the claims that are made for one cluster, whether they hold or not."""
    members = column[is_member].dropna()
    if members.empty:
        return []
    if column.dtype == "boolean":
        return _state_fractions(name, column, is_member)
    if is_date(column):
        return [_state_dates(name, column, members)]
    if is_number(column):
        return _state_numbers(name, column, members)
    word = members.mode().iloc[0]
    text = shorten_name(word)
    # Alone, a number, or a word of two columns, would say nothing.
    if n_columns_with[word] > 1 or not (word.isalpha() and len(word) > 2):
        text = f"{shorten_name(name)} {text}"
    return [_Claim(text, (column == word).to_numpy(), is_word=True)]


def _compare_with_all(name: str, column: pd.Series) -> list[_Claim]:
    """Return the claims that are the same for all clusters."""
    text, values = shorten_name(name), column.to_numpy()
    claims = [_Claim(f"{text} missing", column.isna().to_numpy())]
    if column.dtype != np.float64:
        return claims
    low, median, high = column.quantile([0.25, 0.5, 0.75])
    is_count = (
        name.endswith("s")
        and not name.endswith("ss")
        and column.min() >= 0
        and median <= _MAX_COUNT
        and bool((column.dropna() % 1 == 0).all())
    )
    return [
        *claims,
        _Claim(f"{'many' if is_count else 'high'} {text}", values > median),
        _Claim(f"{'few' if is_count else 'low'} {text}", values < median),
        _Claim(f"medium {text}", (values >= low) & (values <= high)),
    ]


def _state_fractions(name: str, column: pd.Series, is_member: np.ndarray) -> list[_Claim]:
    """Say how many samples of the cluster have what a column of yes and no is about."""
    verb, _, noun = name.replace("_", " ").partition(" ")
    text = shorten_name(noun if verb in ("is", "has") and noun else name)
    is_adjective = verb == "is" or name.endswith("ed")
    claims = []
    for answer, words in ((True, ("", "with ")), (False, ("not ", "without "))):
        holds = (column == answer).to_numpy(bool, na_value=False)
        fraction = holds[is_member].mean()
        amount = "" if fraction == 1 else f"{int(100 * fraction)}% "  # never more than holds
        claims.append(_Claim(f"{amount}{words[not is_adjective]}{text}", holds))
    return claims


def _state_numbers(name: str, column: pd.Series, members: pd.Series) -> list[_Claim]:
    """Say the value that most samples have, and the range of two thirds of them."""
    values, text = column.to_numpy(), shorten_name(name)
    mode = members.mode().iloc[0]
    claims = [_Claim(f"{text} {mode:.10g}", values == mode)]
    low = np.quantile(members, 1 / 6, method="lower")
    high = np.quantile(members, 5 / 6, method="higher")
    if np.isfinite([low, high]).all() and high > low:
        digits = 1 - int(np.floor(np.log10(high - low)))
        unit = 10.0**-digits
        low, high = np.floor(low / unit) * unit, np.ceil(high / unit) * unit
        texts = [f"{bound:,.{max(digits, 0)}f}" for bound in (low, high)]
        low, high = (float(bound.replace(",", "")) for bound in texts)
        holds = (values >= low) & (values <= high)
        claims.append(_Claim(f"{text} {texts[0]} to {texts[1]}", holds, is_range=True))
    return claims


def _state_dates(name: str, column: pd.Series, members: pd.Series) -> _Claim:
    """Say the years, the months or the days of two thirds of the samples."""
    low = members.quantile(1 / 6, interpolation="lower")
    high = members.quantile(5 / 6, interpolation="higher")
    days = (high - low).days
    unit = "Y" if days > 700 else "M" if days > 60 else "D"
    periods = column.dt.tz_localize(None).to_numpy().astype(f"datetime64[{unit}]")
    first, last = (
        bound.tz_localize(None).to_datetime64().astype(periods.dtype) for bound in (low, high)
    )
    span = str(first) if first == last else f"{first} to {last}"
    return _Claim(f"{shorten_name(name)} {span}", (periods >= first) & (periods <= last))


def shorten_name(text: str) -> str:
    """Return a name of a column or a value, cut if it is long, with blanks for underscores."""
    text = text.replace("_", " ").strip()
    return text if len(text) <= _MAX_LENGTH else f"{text[: _MAX_LENGTH - 1].rstrip()}…"


def _select_claims(
    claims: list[_Claim], is_member: np.ndarray, n_claims: int = _N_CLAIMS
) -> list[_Claim]:
    """Add, one by one, the claim after which all together tell most about being a member."""
    chosen: list[_Claim] = []
    if not claims or is_member.all():
        return chosen
    holds, told = np.ones(len(is_member), dtype=bool), 0.0
    total = 2 * len(is_member) * entropy([is_member.mean(), 1 - is_member.mean()])
    while len(chosen) < n_claims:
        information = [_measure(holds & claim.holds, is_member) for claim in claims]
        if max(information) < told + max(_MIN_GAIN, _MIN_CHI_SQUARED / total):
            break
        best = int(np.argmax(information))
        chosen.append(claims[best])
        holds, told = holds & claims[best].holds, information[best]
    return chosen


def _measure(holds: np.ndarray, is_member: np.ndarray) -> float:
    """Return what a statement tells about being a member; 0 unless it holds for most of them."""
    size, n_inside = np.count_nonzero(is_member), np.count_nonzero(holds & is_member)
    n_others, n_outside = len(holds) - size, np.count_nonzero(holds) - n_inside
    if 3 * n_inside < 2 * size or n_inside / size <= n_outside / n_others:
        return 0.0
    inside = np.array([size - n_inside, n_inside])
    outside = np.array([n_others - n_outside, n_outside])
    return compute_information(inside, outside)


def _join(claims: list[_Claim], is_member: np.ndarray) -> str:
    words = [claim for claim in claims if claim.is_word]
    is_certain = all(claim.holds[is_member].all() for claim in words)
    texts = [claim.text for claim in (*words, *(one for one in claims if not one.is_word))]
    return ("" if is_certain else "mostly ") + ", ".join(texts)


def name_by_words(X: Any, labels: np.ndarray, words: Any) -> pd.Series:
    """Name clusters of texts by the words with the largest class-based tf-idf."""
    clusters, sizes = np.unique(labels, return_counts=True)
    counts = np.maximum(compute_means(X, labels) * sizes[:, np.newaxis], 0)
    totals = counts.sum(axis=1, keepdims=True)
    frequencies = counts / np.where(totals > 0, totals, 1)
    overall = counts.sum(axis=0)
    scores = frequencies * np.log1p(totals.mean() / np.where(overall > 0, overall, np.inf))
    names = [
        ", ".join(str(words[i]) for i in np.argsort(-row, kind="stable")[:_N_WORDS] if row[i] > 0)
        for row in scores
    ]
    return _make_unique(clusters, names)


def _make_unique(clusters: np.ndarray, names: list[str]) -> pd.Series:
    """Name what has no name by its label, and add that to names that are not the only ones."""
    plain = number_clusters(clusters)
    names = [
        plain[cluster] if not name or cluster == -1 else name
        for cluster, name in zip(clusters.tolist(), names, strict=True)
    ]
    while len(set(names)) < len(names):
        repeated = Counter(names)
        names = [
            f"{name} ({plain[cluster]})" if repeated[name] > 1 else name
            for cluster, name in zip(clusters.tolist(), names, strict=True)
        ]
    return _to_series(clusters, names)


def _to_series(clusters: np.ndarray, names: list[str]) -> pd.Series:
    return pd.Series(
        names, index=pd.Index(clusters, name="cluster"), name="cluster_name", dtype=object
    )
