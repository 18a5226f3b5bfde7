"""Keras layers: the clustering layer of DEC, random affine maps of images, scaling of samples.

And the formulas of DEC for an embedding ``z`` (n, d), ``centers`` (k, d), soft assignments ``q``
and targets ``p`` (n, k). Equations are those of Xie, Girshick and Farhadi, "Unsupervised Deep
Embedding for Clustering Analysis", ICML 2016.
"""

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np

from skdec._utils.process import import_tensorflow_quietly

# Keras imports TensorFlow, which would begin with lines of its own on standard error.
import_tensorflow_quietly()
import keras  # noqa: E402
from keras import ops  # noqa: E402

__all__ = ["ClusteringLayer", "RandomAffine", "SampleScaling"]


class _SampleLayer(keras.layers.Layer):
    """A layer that is described by `ARGUMENTS`, attributes with the names of its arguments."""

    ARGUMENTS: tuple[str, ...]

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output.

        Parameters
        ----------
        input_shape : tuple
            Shape of the samples, (n, n_features).

        Returns
        -------
        tuple
            The same shape.
        """
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor.

        Returns
        -------
        dict
            Configuration from which `from_config` creates an equal layer.
        """
        own = {name: getattr(self, name) for name in self.ARGUMENTS}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="skdec")
class ClusteringLayer(_SampleLayer):
    """Soft assignment of embedded samples to trainable cluster centers.

    On top of an encoder, it turns an embedding of shape (n, d) into Student-t soft assignments of
    shape (n, n_clusters), which sum to one for each sample.

    Parameters
    ----------
    n_clusters : int
        Number of clusters, at least 1.
    alpha : float, default=1.0
        Degrees of freedom of Student's t, above 0. The larger, the faster an assignment decreases
        with the distance; in the limit of infinity the kernel is a Gaussian.
    **kwargs : dict
        Keyword arguments of every Keras layer, such as ``name`` and ``dtype``.

    Attributes
    ----------
    centers : keras.Variable of shape (n_clusters, d)
        The cluster centers, available once the layer is built.

    Raises
    ------
    ValueError
        If `n_clusters` or `alpha` is out of its range, or the input is not of rank 2.

    See Also
    --------
    skdec.networks.build_autoencoder : Build the encoder for this layer.

    Notes
    -----
    The centers are initialized at random with a fixed seed. Set them, usually to those of k-means
    in the embedding, with ``layer.set_weights([centers])``.

    References
    ----------
    .. [1] J. Xie, R. Girshick and A. Farhadi, "Unsupervised Deep Embedding for Clustering
       Analysis", ICML 2016, equation 1.

    Examples
    --------
    >>> import numpy as np
    >>> from skdec.layers import ClusteringLayer
    >>> layer = ClusteringLayer(2)
    >>> layer.build((None, 1))
    >>> layer.set_weights([np.array([[0.0], [3.0]])])
    >>> np.asarray(layer(np.array([[0.0], [1.5]]))).round(3)
    array([[0.909, 0.091],
           [0.5  , 0.5  ]], dtype=float32)
    """

    ARGUMENTS = ("n_clusters", "alpha")

    def __init__(self, n_clusters: int, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(n_clusters, int | Integral) or n_clusters < 1:
            raise ValueError(f"n_clusters must be an integer of at least 1; got {n_clusters!r}.")
        if not isinstance(alpha, float | Real) or not 0 < alpha < math.inf:
            raise ValueError(f"alpha must be a finite number above 0; got {alpha!r}.")
        self.n_clusters = n_clusters
        self.alpha = alpha
        self.input_spec = keras.layers.InputSpec(ndim=2)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the cluster centers.

        Parameters
        ----------
        input_shape : tuple
            Shape of the embedding, (n, d).
        """
        self.centers = self.add_weight(
            shape=(self.n_clusters, input_shape[-1]),
            # Without a seed Keras would take one from Python's global generator.
            initializer=keras.initializers.GlorotUniform(seed=0),
            name="centers",
        )

    def call(self, z: Any) -> Any:
        """Compute the soft assignments of embedded samples.

        Parameters
        ----------
        z : tensor of shape (n, d)
            Embedding.

        Returns
        -------
        tensor of shape (n, n_clusters)
            Soft assignments; those of each sample sum to one.
        """
        return soft_assignment(z, self.centers, self.alpha)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, int]:
        """Return the shape of the output.

        Parameters
        ----------
        input_shape : tuple
            Shape of the embedding, (n, d).

        Returns
        -------
        tuple
            Shape of the soft assignments, (n, n_clusters).
        """
        return (input_shape[0], self.n_clusters)


@keras.saving.register_keras_serializable(package="skdec")
class SampleScaling(_SampleLayer):
    """Center and scale samples as the networks of a fit see them, or the inverse.

    The first layer of `DECClusterer.encoder_` and the last one of its decoder. Samples that are
    farther from the center than `max_distance` are brought nearer, to less than twice of it; the
    inverse leaves them near.

    Parameters
    ----------
    center : sequence of float
        Subtracted from the samples.
    scale : float
        By which they are divided afterwards.
    max_distance : float
        Distance from the center, after the division, from which on samples are brought nearer.
    invert : bool, default=False
        Whether to map from scaled samples to samples.
    **kwargs : dict
        Keyword arguments of every Keras layer, such as ``name`` and ``dtype``.

    Examples
    --------
    >>> import numpy as np
    >>> from skdec.layers import SampleScaling
    >>> layer = SampleScaling([1.0, 2.0], 4.0, max_distance=10.0)
    >>> np.asarray(layer(np.array([[5.0, 0.0]])))
    array([[ 1. , -0.5]], dtype=float32)
    """

    ARGUMENTS = ("center", "scale", "max_distance", "invert")

    def __init__(
        self,
        center: Sequence[float],
        scale: float,
        max_distance: float,
        invert: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.center = [float(value) for value in center]
        self.scale, self.max_distance, self.invert = scale, max_distance, invert

    def call(self, samples: Any) -> Any:
        """Scale samples, or map scaled ones back.

        Parameters
        ----------
        samples : tensor of shape (n, n_features)
            Samples.

        Returns
        -------
        tensor of shape (n, n_features)
            Scaled samples.
        """
        center = ops.convert_to_tensor(self.center, dtype=self.compute_dtype)
        if self.invert:
            return samples * self.scale + center
        scaled = (samples - center) / self.scale
        # In two factors, since float32 does not hold the squares of large values.
        largest = ops.maximum(ops.max(ops.abs(scaled), axis=-1, keepdims=True), 1.0)
        lengths = ops.sqrt(ops.sum(ops.square(scaled / largest), axis=-1, keepdims=True))
        ratios = ops.maximum(largest / self.max_distance * lengths, 1.0)
        return scaled / ratios * (2.0 - 1.0 / ratios)


@keras.saving.register_keras_serializable(package="skdec")
class RandomAffine(_SampleLayer):
    """Random affine map of images that are given as samples, one row of pixels each.

    Every image is rotated, sheared, zoomed and shifted at random about its center, by one map with
    bilinear interpolation. Only in training; otherwise the samples are returned as they are.

    Parameters
    ----------
    image_shape : tuple of int
        Height and width, or height, width and channels, in the order of the features (channels
        last).
    rotation : float, default=0.2
        Largest angle of the rotation in radians, in both directions.
    shear : float, default=0.1
        Largest horizontal shift between two rows of pixels, in pixels, in both directions.
    zoom : float, default=0.1
        Largest change of height and width, each by a factor of its own between 1 - zoom and
        1 + zoom.
    shift : float, default=0.07
        Largest shift in each direction, as a fraction of height and width.
    **kwargs : dict
        Keyword arguments of every Keras layer, such as ``name`` and ``dtype``.

    Raises
    ------
    ValueError
        If `image_shape` is no shape of an image, a number is negative or not finite, or `zoom` is
        1 or more.

    See Also
    --------
    skdec.DECClusterer : Its parameter `augment` takes this layer, or "image" for its defaults.

    Notes
    -----
    What lies outside of an image is zero. The random numbers begin with a fixed seed.

    Examples
    --------
    >>> import numpy as np
    >>> from skdec.layers import RandomAffine
    >>> layer = RandomAffine((8, 8), rotation=0.1)
    >>> layer(np.ones((5, 64)), training=True).shape
    TensorShape([5, 64])
    """

    ARGUMENTS = ("image_shape", "rotation", "shear", "zoom", "shift")

    def __init__(
        self,
        image_shape: Sequence[int],
        rotation: float = 0.2,
        shear: float = 0.1,
        zoom: float = 0.1,
        shift: float = 0.07,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.image_shape = check_image_shape(image_shape)
        self.rotation, self.shear, self.zoom, self.shift = rotation, shear, zoom, shift
        for name, largest in (("rotation", 7), ("shear", 10), ("zoom", 1), ("shift", 1)):
            value = getattr(self, name)
            if not 0 <= value < largest:
                raise ValueError(f"{name} must be from 0 to below {largest}; got {value!r}.")
        self.seed_generator = keras.random.SeedGenerator(0)
        self.input_spec = keras.layers.InputSpec(axes={-1: math.prod(self.image_shape)}, ndim=2)

    def call(self, samples: Any, training: bool = False) -> Any:
        """Map the images of a batch.

        Parameters
        ----------
        samples : tensor of shape (n, n_features)
            Images as rows.
        training : bool, default=False
            Whether to map them.

        Returns
        -------
        tensor of shape (n, n_features)
            Mapped images as rows.
        """
        if not training:
            return samples
        height, width, *channels = self.image_shape
        images = ops.reshape(samples, (-1, height, width, *(channels or [1])))
        mapped = ops.image.affine_transform(
            images, self._create_maps(ops.shape(samples)[0]), data_format="channels_last"
        )
        return ops.reshape(mapped, (-1, math.prod(self.image_shape)))

    def _create_maps(self, n_samples: Any) -> Any:
        """Return for each sample the map (n, 8) from a pixel to where its value is read."""
        height, width, *_ = self.image_shape
        numbers = keras.random.uniform((6, n_samples), -1, 1, seed=self.seed_generator)
        angle, shear = self.rotation * numbers[0], self.shear * numbers[1]
        zoom_x, zoom_y = 1 + self.zoom * numbers[2], 1 + self.zoom * numbers[3]
        shift_x, shift_y = self.shift * width * numbers[4], self.shift * height * numbers[5]
        cosine, sine = ops.cos(angle), ops.sin(angle)
        xx, xy = zoom_x * cosine, zoom_x * (shear * cosine - sine)
        yx, yy = zoom_y * sine, zoom_y * (shear * sine + cosine)
        x, y = (width - 1) / 2, (height - 1) / 2  # the center stays where it is, but for the shift
        zero = ops.zeros_like(angle)
        return ops.stack(
            [
                *(xx, xy, x - xx * x - xy * y + shift_x),
                *(yx, yy, y - yx * x - yy * y + shift_y),
                *(zero, zero),
            ],
            axis=1,
        )


def check_image_shape(image_shape: Any) -> tuple[int, ...]:
    """Return the shape (height, width) or (height, width, channels), or raise a ValueError."""
    shape = tuple(image_shape) if isinstance(image_shape, Sequence) else ()
    if len(shape) not in (2, 3) or not all(isinstance(n, Integral) and int(n) > 0 for n in shape):
        raise ValueError(
            "image_shape must be (height, width) or (height, width, channels), integers of at "
            f"least 1; got {image_shape!r}."
        )
    return tuple(map(int, shape))


def soft_assignment(z: Any, centers: Any, alpha: float) -> Any:
    """Student-t similarity of samples to centers, normalized per sample (eq. 1)."""
    return ops.exp(log_soft_assignment(z, centers, alpha))


def log_soft_assignment(z: Any, centers: Any, alpha: float) -> Any:
    """Logarithm of `soft_assignment`, finite even for far outliers."""
    logits = -0.5 * (alpha + 1.0) * ops.log1p(squared_distances(z, centers) / alpha)
    return ops.log_softmax(logits, axis=-1)


def squared_distances(z: Any, centers: Any) -> Any:
    """Squared Euclidean distances (n, k), by one matrix product without an (n, k, d) array."""
    # Distances do not change under a shift, rounding errors do: near the origin the three terms
    # below have the size of their difference.
    origin = ops.mean(centers, axis=0)
    z, centers = z - origin, centers - origin
    norms = ops.sum(ops.square(z), axis=-1, keepdims=True) + ops.sum(ops.square(centers), axis=-1)
    return ops.maximum(norms - 2.0 * ops.matmul(z, ops.transpose(centers)), 0.0)


def kl_divergence(p: Any, log_q: Any) -> Any:
    """Kullback-Leibler divergence KL(p_i || q_i) of each sample (eq. 2 before its sum), (n,)."""
    # 0 log 0 is 0: the maximum keeps the logarithm finite where p is 0.
    log_p = ops.log(ops.maximum(p, np.finfo(np.float32).tiny))
    return ops.sum(p * (log_p - log_q), axis=-1)
