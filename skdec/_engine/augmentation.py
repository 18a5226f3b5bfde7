"""What training batches go through: corruption and augmentation, random but reproducible.

All random numbers follow from the seed of the training step, a pair of integers, so that a resumed
fit continues with the same ones.
"""

from dataclasses import dataclass
from typing import Any

import tensorflow as tf


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

    def __call__(self, values: Any, seed: Any, stream: int = 0) -> Any:
        """Return corrupted values; each `stream` of a step has random numbers of its own."""
        if not self.rate:
            return values
        seed = tf.random.experimental.stateless_fold_in(seed, stream)
        is_kept = tf.random.stateless_uniform(tf.shape(values), seed) >= self.rate
        return tf.where(is_kept, values / (1 - self.rate), tf.zeros_like(values))


NO_CORRUPTION = Corruption()
