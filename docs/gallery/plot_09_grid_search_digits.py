"""
Searching over dims and alpha on digits
=======================================

`DECClusterer` in scikit-learn's `GridSearchCV`: which network, and how many degrees of freedom of
Student's t? The selection uses no labels; they only show afterwards whether it was good. Plain
k-means on the same samples is the baseline.
"""

# %%
# The data
# --------
# 1,797 handwritten digits of 8 x 8 pixels, gray values from 0 to 1.
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import normalized_mutual_info_score
from sklearn.model_selection import GridSearchCV, ShuffleSplit

from skdec import DECClusterer
from skdec.datasets import load_digits
from skdec.metrics import clustering_accuracy
from skdec.model_selection import NeighborInformationScorer, clustering_accuracy_scorer

X, y = load_digits()

# %%
# The search
# ----------
# The information that neighbors share selects the parameters; it is also what `score` computes. The
# accuracy, which requires labels, is computed to show how far that can be trusted. The three values
# of alpha share one pretraining for each `dims`, because of `memory`. There is one split, with a
# third of the samples held out.
grid = {"dims": [(32, 5), (100, 100, 10)], "alpha": [0.5, 1.0, 2.0]}
scoring = {"information": NeighborInformationScorer(), "accuracy": clustering_accuracy_scorer}
held_out = ShuffleSplit(1, test_size=1 / 3, random_state=0)

with TemporaryDirectory() as memory:
    dec = DECClusterer(10, memory=memory, random_state=0)
    search = GridSearchCV(dec, grid, scoring=scoring, refit="information", cv=held_out).fit(X, y)

results = search.cv_results_
print(f"{'dims':18}{'alpha':>6}{'information':>13}{'accuracy':>10}")
for rank, params, information, accuracy in zip(
    results["rank_test_information"],
    results["params"],
    results["mean_test_information"],
    results["mean_test_accuracy"],
    strict=True,
):
    mark = "  <- selected" if rank == 1 else ""
    print(
        f"{params['dims']!s:18}{params['alpha']:6}{information:13.3f}{accuracy:10.3f}{mark}",
    )

# %%
# Against k-means
# ---------------
# On the held-out samples, by a search with a single candidate; then on all samples, with the
# selected candidate refitted to them.
baseline = KMeans(10, n_init=20, random_state=0)
plain = GridSearchCV(baseline, {}, scoring=scoring, refit="information", cv=held_out).fit(X, y)
print(f"{'':14}{'held out':>12}{'all samples':>13}{'NMI':>8}")
for name, searched in [("k-means", plain), ("DEC, selected", search)]:
    labels = searched.best_estimator_.labels_
    print(
        f"{name:14}{searched.cv_results_['mean_test_accuracy'][searched.best_index_]:12.3f}"
        f"{clustering_accuracy(y, labels):13.3f}{normalized_mutual_info_score(y, labels):8.3f}"
    )

# %%
# The score against the accuracy
# ------------------------------
# The score compares fits of DEC with each other and with k-means.
fig, ax = plt.subplots()
for dims in grid["dims"]:
    has_dims = np.array([params["dims"] == dims for params in results["params"]])
    ax.scatter(
        results["mean_test_information"][has_dims],
        results["mean_test_accuracy"][has_dims],
        label=f"DEC, dims={dims}",
    )
ax.scatter(
    plain.cv_results_["mean_test_information"],
    plain.cv_results_["mean_test_accuracy"],
    marker="*",
    s=100,
    color="black",
    label="k-means",
)
ax.set(xlabel="Information shared by neighbors, held out (nats)", ylabel="Accuracy, held out")
ax.legend()
plt.show()
