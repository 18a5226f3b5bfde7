"""Constraints on single parameters, with messages that name the value given and what is allowed."""

import os
from collections.abc import Callable, Collection, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

_SMALLEST, _LARGEST = 1e-20, 1e20  # that float32 can represent safely
_MAX_WIDTH = 2**31 - 1


class InvalidParameterError(ValueError, TypeError):
    """A parameter is not what it must be, as scikit-learn says it."""


class Constraint:
    """What a parameter may be.

    Parameters
    ----------
    allowed : str
        Ends the sentence "the parameter must be ...".
    is_allowed : callable
        Returns whether a value is allowed.
    words : collection of str, default=()
        Words that are allowed, too.
    """

    def __init__(
        self, allowed: str, is_allowed: Callable[[Any], bool], words: Collection[str] = ()
    ) -> None:
        choices = [allowed, *map(repr, words)] if allowed else list(map(repr, words))
        self.allowed = " or ".join(choices)
        self._is_allowed, self._words = is_allowed, words

    def check(self, name: str, value: Any) -> None:
        """Raise an error that names the parameter unless `value` is allowed."""
        is_word = isinstance(value, str) and value in self._words
        if not is_word and not self._is_allowed(value):
            raise InvalidParameterError(f"{name} must be {self.allowed}; got {value!r}.")


class Integer(Constraint):
    """An integer of at least `minimum`, or one of `words`."""

    def __init__(self, minimum: int, words: Collection[str] = ()) -> None:
        allowed = f"an integer of at least {minimum}"
        super().__init__(allowed, lambda value: is_number(value, Integral, minimum), words)


class Positive(Constraint):
    """A number above 0 that float32 can represent safely."""

    def __init__(self) -> None:
        allowed = f"a number from {_SMALLEST} to {_LARGEST}"
        super().__init__(allowed, lambda value: is_number(value, Real, _SMALLEST, _LARGEST))


class NotNegative(Constraint):
    """A number of at least 0 that float32 can represent."""

    def __init__(self) -> None:
        allowed = f"a number from 0 to {_LARGEST}"
        super().__init__(allowed, lambda value: is_number(value, Real, 0, _LARGEST))


class Fraction(Constraint):
    """A number from 0 to 1, or below 1."""

    def __init__(self, allows_one: bool = True) -> None:
        allowed = "a number from 0 to 1" if allows_one else "a number from 0 to below 1"
        super().__init__(
            allowed, lambda value: is_number(value, Real, 0, 1) and (allows_one or value < 1)
        )


class Word(Constraint):
    """One of `words`."""

    def __init__(self, words: Collection[str]) -> None:
        super().__init__("", lambda value: False, words)


class Boolean(Constraint):
    """True or False."""

    def __init__(self) -> None:
        super().__init__("True or False", lambda value: isinstance(value, bool | np.bool_))


class Verbosity(Constraint):
    """A boolean, or an integer of at least 0."""

    def __init__(self) -> None:
        allowed = "an integer of at least 0"
        super().__init__(
            allowed, lambda value: isinstance(value, bool) or is_number(value, Integral, 0)
        )


class Widths(Constraint):
    """A sequence of integers of at least 1 that is not empty, or one of `words`."""

    def __init__(self, words: Collection[str] = ()) -> None:
        super().__init__("a sequence of integers of at least 1", _are_widths, words)


class Directory(Constraint):
    """None, or the path of a directory."""

    def __init__(self) -> None:
        allowed = "None or the path of a directory"
        super().__init__(allowed, lambda value: isinstance(value, str | os.PathLike | None))


class Seed(Constraint):
    """What scikit-learn accepts as `random_state`."""

    def __init__(self) -> None:
        super().__init__("None, an integer from 0 to 2**32 - 1 or a RandomState", _is_seed)


def is_number(value: Any, kind: type, minimum: float, maximum: float = np.inf) -> bool:
    """Return whether a value is a number of this kind, in this range, and no boolean."""
    is_boolean = isinstance(value, bool | np.bool_)
    return isinstance(value, kind) and not is_boolean and bool(minimum <= value <= maximum)  # type: ignore[operator]


def _are_widths(value: Any) -> bool:
    is_sequence = isinstance(value, Sequence) or np.ndim(value) == 1
    return (
        is_sequence
        and not isinstance(value, str | bytes)
        and len(value) > 0
        and all(is_number(width, Integral, 1, _MAX_WIDTH) for width in value)
    )


def _is_seed(value: Any) -> bool:
    try:
        check_random_state(value)
    except ValueError:
        return False
    return True
