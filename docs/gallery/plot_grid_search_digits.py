"""
Searching over dims and alpha on digits
=======================================

`DECClusterer` in scikit-learn's `GridSearchCV`: which network, and how heavy the tails of the
Student's t? No labels choose; they only tell afterwards whether the choice was good. Plain
k-means on the same rows is the baseline.
"""

# %%
# The rows
# --------
# 1,797 handwritten digits of 8 x 8 pixels, grey values from 0 to 1.
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import normalized_mutual_info_score
from sklearn.model_selection import GridSearchCV, ShuffleSplit

from skdec import DECClusterer
from skdec.datasets import load_digits
from skdec.metrics import clustering_accuracy
from skdec.model_selection import SilhouetteScorer, clustering_accuracy_scorer

X, y = load_digits()

# %%
# The search
# ----------
# The silhouette chooses. It is taken among the pixels: in the embedding it could not compare
# networks, as each of them would be judged by its own work. The accuracy is measured beside it,
# which a user without labels could not do, to see how far the silhouette can be trusted. The
# three values of alpha share one pretraining for each `dims`, by way of `memory`. One split, a
# third of the rows held out.
grid = {"dims": [(32, 5), (100, 100, 10), (500, 200, 10)], "alpha": [0.5, 1.0, 2.0]}
scoring = {"silhouette": SilhouetteScorer(), "accuracy": clustering_accuracy_scorer}
held_out = ShuffleSplit(1, test_size=1 / 3, random_state=0)

with TemporaryDirectory() as memory:
    dec = DECClusterer(10, memory=memory, random_state=0)
    search = GridSearchCV(dec, grid, scoring=scoring, refit="silhouette", cv=held_out).fit(X, y)

results = search.cv_results_
print(f"{'dims':18}{'alpha':>6}{'silhouette':>12}{'accuracy':>10}")
for rank, params, silhouette, accuracy in zip(
    results["rank_test_silhouette"],
    results["params"],
    results["mean_test_silhouette"],
    results["mean_test_accuracy"],
    strict=True,
):
    chosen = "  <- chosen" if rank == 1 else ""
    print(
        f"{params['dims']!s:18}{params['alpha']:6}{silhouette:12.3f}{accuracy:10.3f}{chosen}",
    )

# %%
# The candidates differ by less than what chance does to any of them: on these rows neither the
# network nor alpha decides, and a search is a check of that rather than a way to more accuracy.

# %%
# Against k-means
# ---------------
# On the held out rows, by a search over nothing; then the chosen candidate, fitted to all rows.
baseline = KMeans(10, n_init=20, random_state=0)
plain = GridSearchCV(baseline, {}, scoring=scoring, refit="silhouette", cv=held_out).fit(X, y)
print(f"{'':12}{'held out':>10}{'all rows':>10}{'NMI':>8}")
for name, searched in [("k-means", plain), ("DEC, chosen", search)]:
    labels = searched.best_estimator_.labels_
    print(
        f"{name:12}{searched.cv_results_['mean_test_accuracy'][searched.best_index_]:10.3f}"
        f"{clustering_accuracy(y, labels):10.3f}{normalized_mutual_info_score(y, labels):8.3f}"
    )

# %%
# The silhouette against the accuracy
# -----------------------------------
# k-means minimises what the silhouette among the pixels looks at, and is right less often: this
# score may compare one DEC with another, but not DEC with k-means.
fig, ax = plt.subplots()
for dims in grid["dims"]:
    chosen = np.array([params["dims"] == dims for params in results["params"]])
    ax.scatter(
        results["mean_test_silhouette"][chosen],
        results["mean_test_accuracy"][chosen],
        label=f"DEC, dims={dims}",
    )
ax.scatter(
    plain.cv_results_["mean_test_silhouette"],
    plain.cv_results_["mean_test_accuracy"],
    marker="*",
    s=100,
    color="black",
    label="k-means",
)
ax.set(xlabel="Silhouette among the pixels, held out rows", ylabel="Accuracy, held out rows")
ax.legend()
plt.show()
