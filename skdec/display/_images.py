"""Samples that are images: prototypes of clusters, and reconstructions."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.utils import resample

from skdec.describe._summary import (
    compute_means,
    decode_centers,
    infer_image_shape,
    predict_clusters,
    select_members,
    to_dense,
)
from skdec.display._axes import create_axes, is_dark, share_docstrings

_MAX_RECONSTRUCTED = 2000


@share_docstrings
@dataclass(eq=False, repr=False)
class PrototypesDisplay:
    """Images of each cluster: its center, and its most and least certain members.

    Use `from_estimator` to create one.

    Parameters
    ----------
    labels : sequence of int of length n_clusters
        Clusters.
    prototypes : ndarray of shape (n_clusters, n_features)
        Center, or mean, of each cluster.
    typical, doubtful : sequence of ndarray of shape (n_members, n_features)
        The most and the least certain members of each cluster; both may be fewer in some clusters.
    image_shape : tuple of int
        Height and width of the images, and 3 or 4 if they have colors.

    Attributes
    ----------
    {figure}
    image_ : matplotlib.image.AxesImage
        All images, one row for each cluster.

    Examples
    --------
    >>> from skdec.display import PrototypesDisplay
    >>> PrototypesDisplay.from_estimator(dec, X, image_shape=(28, 28))  # doctest: +SKIP
    """

    labels: Sequence[int]
    prototypes: np.ndarray
    typical: Sequence[np.ndarray]
    doubtful: Sequence[np.ndarray]
    image_shape: tuple[int, ...] = field(kw_only=True)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        image_shape: tuple[int, ...] | None = None,
        n_members: int = 5,
        ax: Any = None,
    ) -> "PrototypesDisplay":
        """Plot the prototypes and members of the predicted clusters.

        Parameters
        ----------
        estimator : object
            Fitted clusterer with a `predict_proba`, or a Pipeline that ends in one. The prototypes
            are its decoded centers; if it has none, the means of the clusters.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples, each an image in the order of its rows.
        image_shape : tuple of int, default=None
            Height and width of the images, and 3 or 4 if they have colors. None is a square.
        n_members : int, default=5
            Number of the most, and of the least, certain members.
        {ax}

        {plot}

        Raises
        ------
        ValueError
            If `image_shape` does not fit to the number of features.
        TypeError
            If the estimator has no `predict_proba`.
        """
        labels, confidence = predict_clusters(estimator, X)
        if confidence is None:
            raise TypeError(
                f"The members are ordered by predict_proba, which {type(estimator).__name__} "
                "does not have."
            )
        X = to_dense(X)
        members = select_members(labels, confidence, n_members)
        found = list(members)
        centers = decode_centers(estimator)
        return cls(
            found,
            compute_means(X, labels) if centers is None else centers[found],
            [X[typical] for typical, _ in members.values()],
            [X[doubtful] for _, doubtful in members.values()],
            image_shape=infer_image_shape(X.shape[1], image_shape),
        ).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> "PrototypesDisplay":
        """Plot the images, one row for each cluster.

        Parameters
        ----------
        {ax}

        {itself}
        """
        n_typical, n_doubtful = max(map(len, self.typical)), max(map(len, self.doubtful))
        # Columns: the prototype, a gap, typical members, a gap, doubtful members.
        first_typical, first_doubtful = 1.5, 2.0 + n_typical
        mosaic = Mosaic(len(self.labels), first_doubtful + n_doubtful, self.image_shape)
        rows = zip(self.prototypes, self.typical, self.doubtful, strict=True)
        for row, (prototype, typical, doubtful) in enumerate(rows):
            mosaic.add(row, 0, prototype)
            for first, images in ((first_typical, typical), (first_doubtful, doubtful)):
                for column, image in enumerate(images):
                    mosaic.add(row, first + column, image)
        ax = create_axes(ax, mosaic.compute_figsize())
        self.image_ = mosaic.show(ax)
        headings = [("center", 0, 1), ("most certain", first_typical, n_typical)]
        if n_doubtful:
            headings.append(("least certain", first_doubtful, n_doubtful))
        mosaic.name_rows(ax, [str(label) for label in self.labels])
        mosaic.name_columns(ax, headings)
        ax.set_ylabel("Cluster")
        self.ax_, self.figure_ = ax, ax.figure
        return self


@share_docstrings
@dataclass(eq=False, repr=False)
class ReconstructionDisplay:
    """Images above their reconstructions by the autoencoder, from the best to the worst.

    Use `from_estimator` to create one.

    Parameters
    ----------
    originals, reconstructions : ndarray of shape (n_images, n_features)
        Images before and after the autoencoder.
    image_shape : tuple of int
        Height and width of the images, and 3 or 4 if they have colors.

    Attributes
    ----------
    {figure}
    image_ : matplotlib.image.AxesImage
        All images.

    Examples
    --------
    >>> from skdec.display import ReconstructionDisplay
    >>> ReconstructionDisplay.from_estimator(dec, X, image_shape=(28, 28))  # doctest: +SKIP
    """

    originals: np.ndarray
    reconstructions: np.ndarray
    image_shape: tuple[int, ...] = field(kw_only=True)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        image_shape: tuple[int, ...] | None = None,
        n_images: int = 10,
        random_state: int = 0,
        ax: Any = None,
    ) -> "ReconstructionDisplay":
        """Plot samples and their reconstructions.

        Parameters
        ----------
        estimator : DECClusterer or Pipeline
            Fitted estimator with an `inverse_transform`.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples, each an image in the order of its rows.
        image_shape : tuple of int, default=None
            Height and width of the images, and 3 or 4 if they have colors. None is a square.
        n_images : int, default=10
            Number of images: those at equal steps from the smallest to the largest error among at
            most 2,000 samples.
        random_state : int, default=0
            Seed of the random subset of more samples.
        {ax}

        {plot}

        Raises
        ------
        ValueError
            If `image_shape` does not fit to the number of features.
        """
        n_samples = min(np.shape(X)[0], _MAX_RECONSTRUCTED)
        X = resample(X, replace=False, n_samples=n_samples, random_state=random_state)
        reconstructed = np.asarray(estimator.inverse_transform(estimator.transform(X)))
        X = to_dense(X)
        shape = infer_image_shape(X.shape[1], image_shape)
        order = np.argsort(np.square(X - reconstructed).mean(axis=1))
        selected = order[np.linspace(0, n_samples - 1, min(n_images, n_samples)).astype(int)]
        return cls(X[selected], reconstructed[selected], image_shape=shape).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> "ReconstructionDisplay":
        """Plot the images in two rows, with the mean squared error of each below.

        Parameters
        ----------
        {ax}

        {itself}
        """
        mosaic = Mosaic(2, len(self.originals), self.image_shape)
        for column, pair in enumerate(zip(self.originals, self.reconstructions, strict=True)):
            for row, image in enumerate(pair):
                mosaic.add(row, column, image)
        errors = np.square(self.originals - self.reconstructions).mean(axis=1)
        ax = create_axes(ax, mosaic.compute_figsize(cell=0.7))
        self.image_ = mosaic.show(ax)
        mosaic.name_rows(ax, ["original", "reconstructed"])
        names = [(f"{error:.2g}", column, 1) for column, error in enumerate(errors)]
        mosaic.name_columns(ax, names, top=False)
        ax.set_xlabel("Mean squared error")
        self.ax_, self.figure_ = ax, ax.figure
        return self


class Mosaic:
    """Images side by side in one large image, each with the range of the values of all.

    Parameters
    ----------
    n_rows : int
        Number of rows.
    n_columns : float
        Number of columns; fractions are gaps.
    image_shape : tuple of int
        Height, width and, for colors, 3 or 4.
    """

    _GAP = 0.12  # between images, of their height and width

    def __init__(self, n_rows: int, n_columns: float, image_shape: tuple[int, ...]) -> None:
        self._image_shape = image_shape
        self._step = np.ceil(np.array(image_shape[:2]) * (1 + self._GAP))
        height, width = np.ceil(self._step * (n_rows, n_columns)).astype(int)
        self._values = np.full((height, width, *image_shape[2:]), np.nan)

    def add(self, row: int, column: float, image: np.ndarray) -> None:
        """Set the image in a place; the column may be a fraction."""
        top, left = np.floor(self._step * (row, column)).astype(int)
        height, width = self._image_shape[:2]
        self._values[top : top + height, left : left + width] = image.reshape(self._image_shape)

    def compute_figsize(self, cell: float = 0.42) -> tuple[float, float]:
        """Return the size of a figure in which an image is about `cell` inches wide."""
        height, width = np.array(self._values.shape[:2]) / self._step[1] * cell
        return float(width + 1.2), float(height + 0.9)

    def show(self, ax: Any) -> Any:
        """Draw all images, dark on light or, in dark axes, light on dark."""
        values = self._values
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
        if len(self._image_shape) == 2:
            colormap = "gray" if is_dark(ax) else "gray_r"
            return ax.imshow(np.ma.masked_invalid(values), cmap=colormap, interpolation="nearest")
        lowest, highest = np.nanmin(values), np.nanmax(values)
        scaled = (values - lowest) / ((highest - lowest) or 1.0)
        opaque = ~np.isnan(values[..., :1])
        colors = np.nan_to_num(scaled[..., :3])
        return ax.imshow(np.concatenate([colors, opaque], axis=2), interpolation="nearest")

    def name_rows(self, ax: Any, names: Sequence[str]) -> None:
        """Write a name to the left of each row."""
        middles = np.arange(len(names)) * self._step[0] + self._image_shape[0] / 2
        ax.set_yticks(middles, names)

    def name_columns(self, ax: Any, names: Any, *, top: bool = True) -> None:
        """Write names above or below the columns from ``first`` to ``first + n``."""
        middles = [
            (first + (n - 1) / 2) * self._step[1] + self._image_shape[1] / 2
            for _, first, n in names
        ]
        ax.set_xticks(middles, [name for name, *_ in names])
        ax.xaxis.set_tick_params(labeltop=top, labelbottom=not top)
