"""
Clusters of any shape
=====================

Five data sets from scikit-learn's comparison of clusterers, and one without clusters. `KMeans`
draws straight borders half-way between centers. `NeighborClusterer` asks which samples have
neighbors in common, so that rings, moons and streaks are found whole.
"""

# %%
# The data sets, and the number of their clusters.
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs, make_circles, make_moons
from sklearn.metrics import adjusted_rand_score
from sklearn.preprocessing import StandardScaler

from skdec import NeighborClusterer

X, y = make_blobs(500, random_state=170)
shapes = {
    "circles": make_circles(500, factor=0.5, noise=0.05, random_state=30),
    "moons": make_moons(500, noise=0.05, random_state=30),
    "varied": make_blobs(500, cluster_std=[1.0, 2.5, 0.5], random_state=170),
    "stretched": (X @ [[0.6, -0.6], [-0.4, 0.8]], y),
    "blobs": make_blobs(500, random_state=8),
    "no structure": (np.random.RandomState(30).rand(500, 2), np.repeat([0, 1, 2], [166, 167, 167])),
}

# %%
# Both clusterers get the number of clusters and nothing else. The adjusted Rand index compares with
# the groups that were drawn: 1 if all samples agree, about 0 for clusters at random.
figure, axes = plt.subplots(2, 6, figsize=(12, 4.4), layout="constrained")
for column, (name, (X, y)) in zip(axes.T, shapes.items(), strict=True):
    X = StandardScaler().fit_transform(X)
    n_clusters = len(np.unique(y))
    for ax, create in zip(column, (KMeans, NeighborClusterer), strict=True):
        before = perf_counter()
        labels = create(n_clusters, random_state=0).fit_predict(X)
        seconds = perf_counter() - before
        ax.scatter(*X.T, c=labels, s=4, cmap="viridis")
        score = "" if name == "no structure" else f"{adjusted_rand_score(y, labels):.2f}, "
        ax.set(xticks=[], yticks=[], xlabel=f"{score}{seconds:.1f} s")
    column[0].set_title(name)
axes[0, 0].set_ylabel("KMeans")
axes[1, 0].set_ylabel("NeighborClusterer")
plt.show()

# %%
# The last data set has no clusters, yet both divide it: neither says by itself that there is
# nothing. `skdec.model_selection.choose_n_clusters` compares the numbers of clusters, and the
# information that neighbors share says how good a division is, as a fraction of what it could be at
# most.
for name, (X, y) in shapes.items():
    clusterer = NeighborClusterer(len(np.unique(y)), random_state=0).fit(X)
    print(f"{name:14}{clusterer.information_ / clusterer.entropy_:.2f}")
