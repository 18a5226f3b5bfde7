"""What training batches go through: corruption and augmentation, random but reproducible.

All random numbers follow from the seed of the training step, a pair of integers, so that a resumed
fit continues with the same ones.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from skdec.dec.training.identity import identify
from skdec.networks import copy_layer


@dataclass(frozen=True)
class Corruption:
    """Masking noise: set values to zero at random, as in a denoising autoencoder.

    The other values are divided by the probability of keeping one, as in dropout.

    Attributes
    ----------
    rate : float, default=0.0
        Probability of setting a value to zero, below 1; 0 changes nothing.
    """

    rate: float = 0.0

    def __call__(self, values: Any, seed: Any) -> Any:
        """Return corrupted values."""
        return values * self.create_mask(tf.shape(values), seed) if self.rate else values

    def create_mask(self, shape: Any, seed: Any, stream: int = 0) -> Any:
        """Return the factors of the values; each `stream` of a step has random numbers of its own.

        Made outside of programs compiled by XLA, whose random numbers take several times as long.
        """
        seed = tf.random.experimental.stateless_fold_in(seed, stream)
        is_kept = tf.random.stateless_uniform(shape, seed) >= self.rate
        return tf.cast(is_kept, tf.float32) / (1 - self.rate)


NO_CORRUPTION = Corruption()


@dataclass(frozen=True)
class Augmentation:
    """Random changes of the samples on which the networks are trained.

    Attributes
    ----------
    source : keras.layers.Layer, callable or None, default=None
        A layer or model, which is called in training mode, or a function of a batch and, if it has
        a parameter of that name, a `seed`; None changes nothing.
    identity : str
        Equal for equal sources, which share compiled programs.
    """

    source: Any = field(default=None, compare=False)
    identity: str = ""

    def __bool__(self) -> bool:
        """Whether anything is changed."""
        return self.source is not None

    @classmethod
    def create(cls, source: Any, n_features: int) -> "Augmentation":
        """Create the augmentation by a layer, function or None, and check what it returns.

        Raises a ValueError unless it returns samples of the same shape, equal ones for equal seeds.
        """
        augmentation = cls(source, identify(source))
        samples = np.random.RandomState(0).uniform(size=(4, n_features)).astype(np.float32)
        augment = augmentation.build()
        try:
            one, other = (augment(tf.constant(samples), tf.constant([1, 2])) for _ in range(2))
        except Exception as error:  # the user's code may raise anything
            reason = " ".join(str(error).split())
            raise ValueError(
                f"augment={source!r} fails on samples {samples.shape}: {reason}"
            ) from error
        if not np.array_equal(one, other):
            raise ValueError(
                f"augment={source!r} returns something else for equal samples and an equal seed. "
                "Take a parameter `seed` and give it to the functions tf.random.stateless_*."
            )
        return augmentation

    def build(self) -> Callable[[Any, Any], Any]:
        """Return the function of a batch and a seed, a pair of integers."""
        if self.source is None:
            return lambda samples, seed: samples
        if isinstance(self.source, keras.layers.Layer):
            augment = _make_stateless(copy_layer(self.source))
        elif "seed" in inspect.signature(self.source).parameters:
            augment = lambda samples, seed: self.source(samples, seed=seed)  # noqa: E731
        else:
            augment = lambda samples, seed: self.source(samples)  # noqa: E731
        # The shape and dtype that the compiled step expects.
        return lambda samples, seed: tf.ensure_shape(
            tf.cast(augment(samples, seed), tf.float32), samples.shape
        )


NO_AUGMENTATION = Augmentation()


def _make_stateless(layer: keras.layers.Layer) -> Callable[[Any, Any], Any]:
    """Return a function that calls a layer with a given seed in place of its random state."""

    def augment(samples: Any, seed: Any) -> Any:
        if not layer.built:
            layer(samples, training=True)
        weights = {id(weight) for weight in layer.weights}
        state = [
            variable
            if id(variable) in weights
            else tf.cast(tf.add(seed, [0, 2**16 * i]), variable.dtype)  # of each generator
            for i, variable in enumerate(layer.non_trainable_variables)
        ]
        return layer.stateless_call(layer.trainable_variables, state, samples, training=True)[0]

    return augment
