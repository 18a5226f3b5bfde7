"""Make the pictures of README and of the pages, in docs/images.

    python docs/make_pictures.py          # all
    python docs/make_pictures.py shapes   # one

Pictures with a light and a dark variant have a transparent background.
"""

import sys
import warnings
from pathlib import Path
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image
from sklearn.cluster import HDBSCAN, AgglomerativeClustering, KMeans, SpectralClustering
from sklearn.datasets import make_blobs, make_circles, make_moons
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import kneighbors_graph
from sklearn.preprocessing import StandardScaler

from skdec import DECClusterer, NeighborClusterer
from skdec.datasets import load_digits
from skdec.display import EmbeddingDisplay
from skdec.metrics import match_labels

FOLDER = Path(__file__).parent / "images"
# Digits with one way of writing them, so that two dimensions are enough.
FIVE_DIGITS = [0, 2, 4, 6, 7]
THEMES = {
    "light": ("#1f2328", ["#2f6fde", "#f08c00", "#2b9a4b"], "#b0b6bd"),
    "dark": ("#e6edf3", ["#6ea8fe", "#ffb454", "#56d364"], "#59616b"),
}


def make_shapes(n_samples=500):
    """Make the data sets of scikit-learn's comparison of clusterers: X and classes by name."""
    X, y = make_blobs(n_samples, random_state=170)
    shapes = {
        "circles": make_circles(n_samples, factor=0.5, noise=0.05, random_state=30),
        "moons": make_moons(n_samples, noise=0.05, random_state=30),
        "varied": make_blobs(n_samples, cluster_std=[1.0, 2.5, 0.5], random_state=170),
        "stretched": (X @ [[0.6, -0.6], [-0.4, 0.8]], y),
        "blobs": make_blobs(n_samples, random_state=8),
        "no structure": (np.random.RandomState(30).rand(n_samples, 2), None),
    }
    return {name: (StandardScaler().fit_transform(X), y) for name, (X, y) in shapes.items()}


def create_clusterers(X, n_clusters):
    """Create the clusterers, those of scikit-learn with the settings of its comparison."""
    connectivity = kneighbors_graph(X, n_neighbors=10, include_self=False)
    return {
        "KMeans": KMeans(n_clusters, random_state=0),
        "Spectral\nClustering": SpectralClustering(
            n_clusters, eigen_solver="arpack", affinity="nearest_neighbors", random_state=0
        ),
        "Ward": AgglomerativeClustering(
            n_clusters, linkage="ward", connectivity=0.5 * (connectivity + connectivity.T)
        ),
        "HDBSCAN": HDBSCAN(min_samples=3, min_cluster_size=15, copy=True),
        "Gaussian\nMixture": GaussianMixture(n_clusters, random_state=0),
        "skdec\nNeighborClusterer": NeighborClusterer(n_clusters, random_state=0),
        "skdec\nDECClusterer": DECClusterer(n_clusters, random_state=0),
    }


def plot_shapes():
    """Plot what seven clusterers find in six data sets of two features, with the seconds."""
    shapes = make_shapes()
    found = {}
    for name, (X, y) in shapes.items():
        n_clusters = 3 if y is None else len(np.unique(y))
        DECClusterer(n_clusters, pretrain_epochs=1, max_iter=1).fit(X)  # compiles its programs
        for method, clusterer in create_clusterers(X, n_clusters).items():
            before = perf_counter()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a connectivity in several parts
                labels = clusterer.fit_predict(X)
            found[name, method] = labels, perf_counter() - before
            score = np.nan if y is None else adjusted_rand_score(y, labels)
            title = f"{name}, {' '.join(method.split())}"
            print(f"{title:40}{score:6.2f}{found[name, method][1]:8.2f} s")
    for theme, colors in THEMES.items():
        yield f"shapes-{theme}", draw_shapes(shapes, found, *colors)


def draw_shapes(shapes, found, ink, colors, gray):
    """Draw one panel for each data set and method; dots in gray are noise."""
    methods = list(dict.fromkeys(method for _, method in found))
    figure, axes = plt.subplots(len(shapes), len(methods), figsize=(9.6, 6.6), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02)
    for row, (name, (X, y)) in enumerate(shapes.items()):
        for column, method in enumerate(methods):
            ax = axes[row, column]
            labels, seconds = found[name, method]
            # Clusters get the color of the class that they have most of, to be compared by eye.
            matched = labels if y is None else match_labels(y, labels)
            shown = np.where(labels < 0, gray, np.array(colors)[np.maximum(matched, 0) % 3])
            ax.scatter(*X.T, s=3, c=shown, linewidths=0)
            ax.text(
                0.98,
                0.01,
                f"{seconds:.2f} s",
                transform=ax.transAxes,
                ha="right",
                va="bottom",
                size=7,
                color=ink,
            )
            ax.set(xticks=[], yticks=[], xlim=(-2.6, 2.6), ylim=(-3.1, 2.6))
            for spine in ax.spines.values():
                is_right = y is not None and adjusted_rand_score(y, labels) > 0.9
                spine.set(color=colors[2] if is_right else gray, linewidth=1.8 if is_right else 0.6)
            if row == 0:
                weight = "bold" if method.startswith("skdec") else "normal"
                ax.set_title(method, size=9, color=ink, weight=weight)
            if column == 0:
                ax.set_ylabel(name, size=9, color=ink)
    return figure


def plot_digits():
    """Plot the embedding of the digits, colored by cluster and by digit."""
    X, y = load_digits()
    dec = DECClusterer(10, random_state=0).fit(X)
    figure, axes = plt.subplots(1, 2, figsize=(10, 5), layout="constrained")
    display = EmbeddingDisplay.from_estimator(dec, X, y, ax=axes[0], s=4)
    display.plot(color_by="class", ax=axes[1], s=4)
    axes[0].set_title("Clusters found by skdec")
    axes[1].set_title("Digits, not used in the fit")
    yield "digits", figure


def plot_how_dec_works():
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
    yield "how_dec_works", figure


PICTURES = {"shapes": plot_shapes, "digits": plot_digits, "how_dec_works": plot_how_dec_works}

if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name in sys.argv[1:] or PICTURES:
        for file, figure in PICTURES[name]():
            path = FOLDER / f"{file}.png"
            figure.savefig(path, dpi=100, transparent=file.endswith(tuple(THEMES)))
            # 64 colors are a quarter of the size.
            Image.open(path).quantize(64, Image.Quantize.FASTOCTREE).save(path, optimize=True)
