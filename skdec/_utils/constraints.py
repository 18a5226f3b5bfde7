"""Constraints on single parameters, with messages that name the value given and what is allowed."""

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Protocol

import numpy as np
from sklearn.utils import check_random_state

_SMALLEST, _LARGEST = 1e-20, 1e20
_MAX_WIDTH = 2**31 - 1


class Constraint(Protocol):
    """What a parameter may be."""

    def check(self, name: str, value: Any) -> None:
        """Raise a ValueError or TypeError that names the parameter unless `value` is allowed."""


@dataclass(frozen=True)
class Integer:
    """An integer of at least `minimum`, or one of `words`."""

    minimum: int
    words: Collection[str] = ()

    def check(self, name: str, value: Any) -> None:
        """Raise unless `value` is allowed."""
        if isinstance(value, str) and value in self.words:
            return
        allowed = f"an integer of at least {self.minimum}" + join_words(self.words)
        check_type(name, value, Integral, allowed)
        if value < self.minimum:
            raise ValueError(f"{name} must be {allowed}; got {value!r}.")


@dataclass(frozen=True)
class Positive:
    """A finite number above 0 that float32 can represent safely."""

    def check(self, name: str, value: Any) -> None:
        """Raise unless `value` is allowed."""
        allowed = "a finite number above 0"
        check_type(name, value, Real, allowed)
        if not 0 < value < np.inf:
            raise ValueError(f"{name} must be {allowed}; got {value!r}.")
        if not _SMALLEST <= value <= _LARGEST:
            raise ValueError(f"{name} must be from {_SMALLEST} to {_LARGEST}; got {value!r}.")


@dataclass(frozen=True)
class NotNegative:
    """A finite number of at least 0 that float32 can represent."""

    def check(self, name: str, value: Any) -> None:
        """Raise unless `value` is allowed."""
        allowed = f"a number from 0 to {_LARGEST}"
        check_type(name, value, Real, allowed)
        if not 0 <= value <= _LARGEST:
            raise ValueError(f"{name} must be {allowed}; got {value!r}.")


@dataclass(frozen=True)
class Fraction:
    """A number from 0 to 1, or below 1."""

    allows_one: bool = True

    def check(self, name: str, value: Any) -> None:
        """Raise unless `value` is allowed."""
        allowed = "a number from 0 to 1" if self.allows_one else "a number from 0 to below 1"
        check_type(name, value, Real, allowed)
        if not 0 <= value <= 1 or (value == 1 and not self.allows_one):
            raise ValueError(f"{name} must be {allowed}; got {value!r}.")


@dataclass(frozen=True)
class Word:
    """One of `words`."""

    words: Collection[str]

    def check(self, name: str, value: Any) -> None:
        """Raise unless `value` is allowed."""
        if not isinstance(value, str) or value not in self.words:
            raise ValueError(f"{name} must be {join_words(self.words)[4:]}; got {value!r}.")


@dataclass(frozen=True)
class Boolean:
    """True or False."""

    def check(self, name: str, value: Any) -> None:
        """Raise unless `value` is allowed."""
        if not isinstance(value, bool | np.bool_):
            raise TypeError(f"{name} must be True or False; got {value!r}.")


@dataclass(frozen=True)
class Verbosity:
    """A boolean, or an integer of at least 0."""

    def check(self, name: str, value: Any) -> None:
        """Raise unless `value` is allowed."""
        if not isinstance(value, bool):
            Integer(0).check(name, value)


@dataclass(frozen=True)
class Widths:
    """A sequence of integers of at least 1 that is not empty, or one of `words`."""

    words: Collection[str] = ()

    def check(self, name: str, value: Any) -> None:
        """Raise unless `value` is allowed."""
        if isinstance(value, str) and value in self.words:
            return
        is_sequence = isinstance(value, Sequence) or np.ndim(value) == 1
        if isinstance(value, (str, bytes)) or not is_sequence:
            raise TypeError(
                f"{name} must be a sequence of integers of at least 1{join_words(self.words)}; got "
                f"{value!r} of type {type(value).__name__}."
            )
        if len(value) == 0:
            raise ValueError(
                f"{name} must name at least one width, that of the embedding; got {value!r}."
            )
        for position, width in enumerate(value):
            Integer(1).check(f"{name}[{position}]", width)
            if width > _MAX_WIDTH:
                raise ValueError(f"{name}[{position}] must be at most {_MAX_WIDTH}; got {width!r}.")


@dataclass(frozen=True)
class Directory:
    """None, or the path of a directory."""

    def check(self, name: str, value: Any) -> None:
        """Raise unless `value` is allowed."""
        if value is not None and not isinstance(value, str | os.PathLike):
            raise TypeError(f"{name}={value!r} must be the path of a directory, or None.")


@dataclass(frozen=True)
class Seed:
    """What scikit-learn accepts as `random_state`."""

    def check(self, name: str, value: Any) -> None:
        """Raise unless `value` is allowed."""
        try:
            check_random_state(value)
        except ValueError as error:
            raise ValueError(
                f"{name} must be None, an integer from 0 to 2**32 - 1 or a RandomState; got "
                f"{value!r}."
            ) from error


def join_words(words: Collection[str]) -> str:
    """Return the words in quotes, each after an "or"."""
    return "".join(f" or {word!r}" for word in words)


def check_type(name: str, value: Any, kind: type, allowed: str) -> None:
    if isinstance(value, kind) and not isinstance(value, (bool, np.bool_)):
        return
    # A string where strings are allowed is a wrong value, anything else a wrong type.
    error = ValueError if isinstance(value, str) and "'" in allowed else TypeError
    raise error(f"{name} must be {allowed}; got {value!r} of type {type(value).__name__}.")
