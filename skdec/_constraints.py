"""Constraints on single parameters, with messages that name the value given and what is allowed."""

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Protocol

import keras
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
        _check_type(name, value, Integral, allowed)
        if value < self.minimum:
            raise ValueError(f"{name} must be {allowed}; got {value!r}.")


@dataclass(frozen=True)
class Positive:
    """A finite number above 0 that float32 can represent safely."""

    def check(self, name: str, value: Any) -> None:
        """Raise unless `value` is allowed."""
        allowed = "a finite number above 0"
        _check_type(name, value, Real, allowed)
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
        _check_type(name, value, Real, allowed)
        if not 0 <= value <= _LARGEST:
            raise ValueError(f"{name} must be {allowed}; got {value!r}.")


@dataclass(frozen=True)
class Fraction:
    """A number from 0 to 1, or below 1."""

    allows_one: bool = True

    def check(self, name: str, value: Any) -> None:
        """Raise unless `value` is allowed."""
        allowed = "a number from 0 to 1" if self.allows_one else "a number from 0 to below 1"
        _check_type(name, value, Real, allowed)
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
class Activation:
    """The name of a Keras activation, or a function that keeps the shape of its input."""

    def check(self, name: str, value: Any) -> None:
        """Raise unless `value` is allowed."""
        is_name = isinstance(value, str) and _is_known_to_keras(keras.activations, value)
        if not callable(value) and not is_name:
            raise ValueError(
                f"{name} must be a function or the name of a Keras activation, such as 'relu', "
                f"'gelu' or 'tanh'; got {value!r}."
            )
        try:
            shape = tuple(keras.activations.get(value)(np.zeros((2, 4), np.float32)).shape)
        except Exception as error:  # the user's function may raise anything
            reason = " ".join(str(error).split())
            raise ValueError(f"{name}={value!r} fails on an array (2, 4): {reason}") from error
        if getattr(value, "weights", None):
            raise ValueError(
                f"{name}={value!r} has weights, which the layers of the networks would share. Use "
                "it in networks of your own, given as autoencoder."
            )
        if shape != (2, 4):
            raise ValueError(
                f"{name}={value!r} must keep the shape of its input; (2, 4) became {shape}."
            )


@dataclass(frozen=True)
class Initializer:
    """None, a Keras initializer or the name of one."""

    def check(self, name: str, value: Any) -> None:
        """Raise unless `value` is allowed."""
        # `get` creates an initializer, with a seed from Python's global generator; looked up by
        # attribute first to avoid that.
        is_name = isinstance(value, str) and (
            isinstance(getattr(keras.initializers, value, None), type)
            or _is_known_to_keras(keras.initializers, value)
        )
        is_initializer = value is None or isinstance(value, keras.initializers.Initializer)
        if not is_name and not is_initializer:
            raise ValueError(
                f"{name} must be None, a Keras initializer or the name of one, such as "
                f"'glorot_uniform'; got {value!r}."
            )


@dataclass(frozen=True)
class Networks:
    """None, a function that builds networks, or a pair of Keras models."""

    def check(self, name: str, value: Any) -> None:
        """Raise unless `value` is allowed."""
        is_function = callable(value) and not isinstance(value, type | keras.layers.Layer)
        are_models = (
            isinstance(value, tuple)
            and len(value) in (2, 3)
            and all(isinstance(model, keras.Model) for model in value)
        )
        if value is not None and not is_function and not are_models:
            raise TypeError(
                f"{name} must be None, a function of the number of features that returns an "
                "encoder and a decoder, or a tuple (encoder, decoder) of Keras models; got "
                f"{value!r}."
            )


@dataclass(frozen=True)
class Function:
    """None, or a function."""

    def check(self, name: str, value: Any) -> None:
        """Raise unless `value` is allowed."""
        if value is not None and not callable(value):
            raise TypeError(f"{name} must be None or a function; got {value!r}.")


@dataclass(frozen=True)
class LayerOrFunction:
    """None, a Keras layer or model, a function, or one of `words`."""

    words: Collection[str]

    def check(self, name: str, value: Any) -> None:
        """Raise unless `value` is allowed."""
        is_word = isinstance(value, str) and value in self.words
        is_function = callable(value) and not isinstance(value, type)
        if value is not None and not is_word and not is_function:
            raise ValueError(
                f"{name} must be None, a Keras layer or model, a function of a batch"
                f"{join_words(self.words)}; got {value!r}."
            )


@dataclass(frozen=True)
class Optimizer:
    """One of `words`, or a Keras optimizer."""

    words: Collection[str]

    def check(self, name: str, value: Any) -> None:
        """Raise unless `value` is allowed."""
        is_word = isinstance(value, str) and value in self.words
        if not is_word and not isinstance(value, keras.optimizers.Optimizer):
            raise ValueError(
                f"{name} must be {join_words(self.words)[4:]} or a Keras optimizer; got {value!r}."
            )
        if not is_word:
            _check_optimizer(name, value)


def _check_optimizer(name: str, optimizer: keras.optimizers.Optimizer) -> None:
    """Raise a ValueError for settings that would have no effect, or fail late."""
    rate = optimizer._learning_rate
    if callable(rate) and not isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
        raise ValueError(
            f"The learning rate of {name} is a function; give a number, or a schedule of "
            "keras.optimizers.schedules."
        )
    if optimizer.use_ema and not optimizer.ema_overwrite_frequency:
        raise ValueError(
            f"{name} has use_ema=True, which has an effect only where the optimizer sets the "
            "weights to their average: give ema_overwrite_frequency as well."
        )
    if getattr(optimizer, "_exclude_from_weight_decay", None):
        raise ValueError(
            f"{name} excludes variables of another model from weight decay (var_list); each fit "
            "has variables of its own, so exclude them by var_names."
        )


@dataclass(frozen=True)
class Callbacks:
    """None, or a sequence of Keras callbacks."""

    def check(self, name: str, value: Any) -> None:
        """Raise unless `value` is allowed."""
        if value is None:
            return
        are_callbacks = isinstance(value, Sequence) and all(
            isinstance(callback, keras.callbacks.Callback) for callback in value
        )
        if not are_callbacks:
            raise TypeError(f"{name} must be None or a list of Keras callbacks; got {value!r}.")


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


def _is_known_to_keras(registry: Any, word: str) -> bool:
    try:
        registry.get(word)
    except ValueError:
        return False
    return True


def _check_type(name: str, value: Any, kind: type, allowed: str) -> None:
    if isinstance(value, kind) and not isinstance(value, (bool, np.bool_)):
        return
    # A string where strings are allowed is a wrong value, anything else a wrong type.
    error = ValueError if isinstance(value, str) and "'" in allowed else TypeError
    raise error(f"{name} must be {allowed}; got {value!r} of type {type(value).__name__}.")
