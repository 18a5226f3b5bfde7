"""What the networks see of samples: centered, of unit spread, far ones brought nearer.

In training also corrupted and augmented, at random but reproducibly: all random numbers follow from
the seed of the step, a pair of integers, so that a resumed fit continues with the same ones.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from skdec._utils.data import DistinctSamples, to_dense, to_float32
from skdec.dec.training.checkpoint import identify
from skdec.layers import SampleScaling
from skdec.networks import Autoencoder, connect, copy_layer, join_lines

# Samples farther from the center than so many times the root mean squared distance are brought
# nearer, to less than twice that distance.
MAX_DISTANCE = 10.0
_N_SAMPLES = 2000
_MAX_VALUES = 2**22


@dataclass(frozen=True, eq=False)
class Scaling:
    """Maps samples to what the networks see, and reconstructions back.

    One scale for all features keeps their proportions. So the networks learn as well from samples
    far from zero, of any unit, and with single values that are far too large.

    Attributes
    ----------
    center : ndarray of shape (n_features,), float64
        Subtracted from the samples.
    scale : float
        By which they are divided.
    """

    center: np.ndarray
    scale: float

    @classmethod
    def fit(cls, samples: DistinctSamples) -> "Scaling":
        """Center samples at their mean and scale them to a mean variance of one.

        Without the samples that are more than ten times as far from the median as half of them.
        """
        # Distinct samples are in no order, so the first ones are like all others.
        n_samples = min(_N_SAMPLES, max(1, _MAX_VALUES // samples.shape[1]))
        some = samples[:n_samples].astype(np.float64)
        distances = np.linalg.norm(some - np.median(some, axis=0), axis=1)
        some = some[distances <= MAX_DISTANCE * np.median(distances)]
        center, spread = some.mean(axis=0), float(np.sqrt(some.var(axis=0).mean()))
        if samples.origin is not None:
            center = center + samples.origin
        return cls(center, spread or 1.0)

    def read(self, X: Any, selection: Any) -> np.ndarray:
        """Return selected samples of `X` as the networks see them, a dense float32 array."""
        # Where float32 holds the samples well, they are equal in all dtypes.
        is_far = np.abs(self.center).max() > 2**10 * self.scale
        samples = to_dense(X, selection, np.float64 if is_far else np.float32)
        with np.errstate(over="ignore"):
            scaled = (samples - self.center.astype(samples.dtype)) / self.scale
            distances = np.sqrt(np.einsum("ij,ij->i", scaled, scaled))
        limit = self._limit
        far = np.flatnonzero(~(distances <= limit))
        if len(far):  # whose squares float32 may not hold
            exact = (samples[far].astype(np.float64) - self.center) / self.scale
            distances = np.linalg.norm(exact, axis=1, keepdims=True)
            scaled[far] = exact * (limit * (2 - limit / distances) / distances)
        return scaled.astype(np.float32, copy=False)

    @property
    def _limit(self) -> float:
        """Distance from the center, after scaling, from which on samples are brought nearer."""
        return float(MAX_DISTANCE * np.sqrt(len(self.center)))

    def add_to(self, networks: Autoencoder) -> Autoencoder:
        """Return fully connected networks with this scaling as their first and last layer."""
        _, encoder, decoder = networks
        decoded = self._build_layer(invert=True)(decoder.output)
        return connect(*self._scale_before(encoder), decoder.input, decoded)

    def build_model_of_samples(self, model: keras.Model, reconstructs: bool) -> keras.Model:
        """Return a model with the layers and optimizer of one that is trained on scaled samples.

        Its input are samples as they are, and so are its reconstructions if it makes such.
        """
        samples, outputs = self._scale_before(model)
        if reconstructs:
            outputs = self._build_layer(invert=True)(outputs)
        of_samples = keras.Model(samples, outputs, name=model.name)
        of_samples.compile(optimizer=model.optimizer)
        return of_samples

    def _scale_before(self, model: keras.Model) -> tuple[Any, Any]:
        """Return samples as they are, and what the layers of a model make of scaled ones."""
        samples = keras.Input((len(self.center),), name="samples")
        outputs = self._build_layer(invert=False)(samples)
        for layer in model.layers[1:]:
            outputs = layer(outputs)
        return samples, outputs

    def _build_layer(self, *, invert: bool) -> SampleScaling:
        name = "unscaling" if invert else "scaling"
        arguments = self.center.tolist(), self.scale, self._limit
        return SampleScaling(*arguments, invert=invert, name=name, dtype="float32")

    def invert(self, reconstructed: np.ndarray) -> np.ndarray:
        """Return the samples of reconstructions by the networks, float32; far ones stay near."""
        return (reconstructed * self.scale + self.center).astype(np.float32)


class ScaledSamples:
    """Samples as the networks see them, read from `X` when they are indexed.

    Parameters
    ----------
    X : {ndarray, sparse matrix, SampleSubset} of shape (n_samples, n_features)
        Samples.
    scaling : Scaling or None
        None leaves them as they are.
    """

    def __init__(self, X: Any, scaling: Scaling | None) -> None:
        self._X, self._scaling = X, scaling
        self.shape = X.shape

    def __getitem__(self, selection: Any) -> np.ndarray:
        """Return selected samples as a dense float32 array."""
        if self._scaling is None:
            return to_float32(self._X, selection)
        return self._scaling.read(self._X, selection)


def corrupt(values: Any, rate: float, seed: Any) -> Any:
    """Return the values with this fraction set to zero at random, as for a denoising autoencoder.

    The others are divided by the probability of keeping one, as in dropout.
    """
    return values * create_mask(tf.shape(values), rate, seed) if rate else values


def create_mask(shape: Any, rate: float, seed: Any, stream: int = 0) -> Any:
    """Return the factors that corrupt values; each `stream` of a step has its own random numbers.

    Made outside of programs compiled by XLA, whose random numbers take several times as long.
    """
    seed = tf.random.experimental.stateless_fold_in(seed, stream)
    is_kept = tf.random.stateless_uniform(shape, seed) >= rate
    return tf.cast(is_kept, tf.float32) / (1 - rate)


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
            raise ValueError(
                f"augment={source!r} fails on samples {samples.shape}: {join_lines(error)}"
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
