"""What the networks see of samples: centered, of unit spread, far ones brought nearer."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from skdec._utils.data import DistinctSamples, to_dense, to_float32
from skdec.layers import SampleScaling
from skdec.networks import Autoencoder

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
        arguments = self.center.tolist(), self.scale, self._limit
        samples = keras.Input((len(self.center),), name="samples")
        encoded = SampleScaling(*arguments, name="scaling", dtype="float32")(samples)
        for layer in networks.encoder.layers[1:]:
            encoded = layer(encoded)
        decoded = networks.decoder.output
        unscale = SampleScaling(*arguments, invert=True, name="unscaling", dtype="float32")
        encoder = keras.Model(samples, encoded, name="encoder")
        decoder = keras.Model(networks.decoder.input, unscale(decoded), name="decoder")
        return Autoencoder(
            keras.Model(samples, decoder(encoded), name="autoencoder"), encoder, decoder
        )

    def build_model_of_samples(self, model: keras.Model, reconstructs: bool) -> keras.Model:
        """Return a model with the layers and optimizer of one that is trained on scaled samples.

        Its input are samples as they are, and so are its reconstructions if it makes such.
        """
        arguments = self.center.tolist(), self.scale, self._limit
        samples = keras.Input((len(self.center),), name="samples")
        outputs = SampleScaling(*arguments, name="scaling", dtype="float32")(samples)
        for layer in model.layers[1:]:
            outputs = layer(outputs)
        if reconstructs:
            unscale = SampleScaling(*arguments, invert=True, name="unscaling", dtype="float32")
            outputs = unscale(outputs)
        of_samples = keras.Model(samples, outputs, name=model.name)
        of_samples.compile(optimizer=model.optimizer)
        return of_samples

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
