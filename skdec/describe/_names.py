"""Short names of clusters: what holds for most of their samples and for few others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import entropy

from skdec.describe._summary import compute_information, compute_means, find_yes, is_number

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


def number_clusters(labels: np.ndarray) -> pd.Series:
    """Return "cluster 0" and so on, indexed by cluster."""
    clusters = np.unique(labels)
    names = ["noise" if is_noise(label) else f"cluster {label}" for label in clusters.tolist()]
    return _to_series(clusters, names)


def is_noise(label: Any) -> bool:
    """Whether a label is that of noise, -1."""
    return bool(label == -1) and not isinstance(label, bool)


def name_described(
    table: pd.DataFrame, labels: np.ndarray, order: Sequence[Sequence[Any]]
) -> pd.Series:
    """Name clusters by the columns of a table, given for each those that tell most first."""
    clusters, codes = np.unique(labels, return_inverse=True)
    columns = _Columns(table)
    candidates = [
        columns.list_claims(best[:_N_COLUMNS], codes == code) for code, best in enumerate(order)
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


class _Columns:
    """The columns of a table, with what is the same for all clusters computed once."""

    def __init__(self, table: pd.DataFrame) -> None:
        self._columns, self._shared = {}, {}
        words: list[str] = []
        for name, column in table.items():
            if not isinstance(name, str):
                continue  # of an unnamed column
            column = column.reset_index(drop=True)
            is_missing = column.isna()
            claims = [_Claim(f"{shorten_name(name)} missing", is_missing.to_numpy())]
            yes = find_yes(column)
            if yes is not None:
                column = pd.Series(yes, dtype="boolean")
            elif _is_date(column):
                pass
            elif is_number(column):
                column = column.astype(np.float64)
                claims += _compare_with_all(name, column)
            else:
                column = column.astype(object).where(is_missing, column.astype(str))
                words += column.dropna().unique().tolist()
            self._columns[name], self._shared[name] = column, claims
        self._n_columns_with = Counter(words)

    def list_claims(self, names: Any, is_member: np.ndarray) -> list[_Claim]:
        """Return the claims that hold for at least two thirds of the members."""
        claims = [
            claim
            for name in names
            if name in self._columns
            for claim in self._shared[name] + self._state(name, is_member)
        ]
        return [claim for claim in claims if _holds_for_most(claim.holds, is_member)]

    def _state(self, name: str, is_member: np.ndarray) -> list[_Claim]:
        """Return the claims that are made for this cluster."""
        column = self._columns[name]
        members = column[is_member].dropna()
        if members.empty:
            return []
        if column.dtype == "boolean":
            return _state_fractions(name, column, is_member)
        if _is_date(column):
            return [_state_dates(name, column, members)]
        if is_number(column):
            return _state_numbers(name, column, members)
        return [self._state_word(name, column, members)]

    def _state_word(self, name: str, column: pd.Series, members: pd.Series) -> _Claim:
        word = members.mode().iloc[0]
        text = shorten_name(word)
        # Alone, a number, or a word of two columns, would say nothing.
        if self._n_columns_with[word] > 1 or not (word.isalpha() and len(word) > 2):
            text = f"{shorten_name(name)} {text}"
        return _Claim(text, (column == word).to_numpy(), is_word=True)


def _is_date(column: pd.Series) -> bool:
    return pd.api.types.is_datetime64_any_dtype(column)


def _compare_with_all(name: str, column: pd.Series) -> list[_Claim]:
    values = column.to_numpy()
    low, median, high = column.quantile([0.25, 0.5, 0.75])
    is_count = (
        name.endswith("s")
        and not name.endswith("ss")
        and column.min() >= 0
        and median <= _MAX_COUNT
        and bool((column.dropna() % 1 == 0).all())
    )
    text = shorten_name(name)
    return [
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


def _holds_for_most(holds: np.ndarray, is_member: np.ndarray) -> bool:
    return bool(3 * np.count_nonzero(holds & is_member) >= 2 * np.count_nonzero(is_member))


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
    clusters = np.unique(labels)
    sizes = np.array([(labels == cluster).sum() for cluster in clusters])
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
        plain[cluster] if not name or is_noise(cluster) else name
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
