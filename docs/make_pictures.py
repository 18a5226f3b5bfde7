"""Make the pictures of README and of the pages, in docs/images: `python docs/make_pictures.py`."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from skdec import DECClusterer
from skdec.datasets import load_digits
from skdec.display import EmbeddingDisplay
from skdec.metrics import match_labels

FOLDER = Path(__file__).parent / "images"
# Digits with one way of writing them, so that two dimensions are enough.
FIVE_DIGITS = [0, 2, 4, 6, 7]


def plot_digits():
    """Plot the embedding of the digits, colored by cluster and by digit."""
    X, y = load_digits()
    dec = DECClusterer(10, random_state=0).fit(X)
    figure, axes = plt.subplots(1, 2, figsize=(10, 5), layout="constrained")
    display = EmbeddingDisplay.from_estimator(dec, X, y, ax=axes[0], s=4)
    display.plot(color_by="class", ax=axes[1], s=4)
    axes[0].set_title("Clusters found by skdec")
    axes[1].set_title("Digits, not used in the fit")
    return figure


def plot_two_dimensions():
    """Plot an embedding of two dimensions after the pretraining and after the refinement."""
    X, y = load_digits()
    is_shown = np.isin(y, FIVE_DIGITS)
    X, y = X[is_shown], y[is_shown]
    figure, axes = plt.subplots(1, 2, figsize=(10, 5), layout="constrained")
    titles = {0: "After the pretraining", "auto": "After the refinement"}
    for ax, (max_iter, title) in zip(axes, titles.items(), strict=True):
        dec = DECClusterer(
            len(FIVE_DIGITS), dims=(256, 256, 2), max_iter=max_iter, random_state=0
        ).fit(X)
        labels = match_labels(y, dec.labels_)
        for digit in FIVE_DIGITS:
            ax.scatter(*dec.transform(X)[labels == digit].T, s=4)
        ax.plot(*dec.cluster_centers_.T, "kx", markersize=9, label="centers")
        ax.set(title=title, xticks=[], yticks=[])
    axes[0].legend()
    return figure


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, plot in [("digits", plot_digits), ("how_dec_works", plot_two_dimensions)]:
        plot().savefig(FOLDER / f"{name}.png", dpi=100)
