"""
New samples every day: partial_fit
==================================

A model is fitted once, then samples keep arriving, and slowly they change. `predict` labels them at
network speed; `partial_fit` lets the clusters follow.
"""

# %%
# Three groups of customers, say, whose habits drift: every day the centers move a little.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_blobs

from skdec import DECClusterer
from skdec.metrics import clustering_accuracy

centers = np.random.default_rng(0).normal(scale=4, size=(3, 8))
drift = np.random.default_rng(1).normal(scale=0.35, size=(3, 8))


def load_day(day, n_samples=400):
    """Make the samples of a day and the groups that they belong to."""
    return make_blobs(n_samples, centers=centers + day * drift, random_state=day)


X, y = load_day(0)
network = {"dims": (32, 4), "pretrain_epochs": 20, "random_state": 0}
frozen = DECClusterer(3, **network).fit(X)
followed = DECClusterer(3, **network).fit(X)

# %%
# Each day both models label the new samples first, then one of them is refined on them.
days = range(1, 26)
accuracies = {"fitted once": [], "partial_fit every day": []}
for day in days:
    X, y = load_day(day)
    accuracies["fitted once"].append(clustering_accuracy(y, frozen.predict(X)))
    accuracies["partial_fit every day"].append(clustering_accuracy(y, followed.predict(X)))
    followed.partial_fit(X)

figure, ax = plt.subplots(figsize=(7, 3.5), layout="constrained")
for name, values in accuracies.items():
    ax.plot(days, values, marker="o", markersize=4, label=name)
ax.set(xlabel="day", ylabel="accuracy on the samples of the day", ylim=(0, 1.05))
ax.grid(alpha=0.3)
ax.legend()
plt.show()

# %%
# The labels stay those of the same groups: no day renames the clusters.
print("fitted once:", np.round(accuracies["fitted once"][-5:], 3))
print("followed:   ", np.round(accuracies["partial_fit every day"][-5:], 3))
