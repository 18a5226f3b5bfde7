"""The clustering layer of DEC as a Keras layer."""

from typing import Any

import keras

from skdec._math import soft_assignment

__all__ = ["ClusteringLayer"]


@keras.saving.register_keras_serializable(package="skdec")
class ClusteringLayer(keras.layers.Layer):
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

    def __init__(self, n_clusters: int, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if n_clusters < 1:
            raise ValueError(f"n_clusters must be at least 1; got {n_clusters!r}.")
        if not alpha > 0:
            raise ValueError(f"alpha must be above 0; got {alpha!r}.")
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

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor.

        Returns
        -------
        dict
            Configuration from which `from_config` creates an equal layer.
        """
        return {**super().get_config(), "n_clusters": self.n_clusters, "alpha": self.alpha}
