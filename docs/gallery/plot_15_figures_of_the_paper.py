"""
Figures of the paper
====================

Three figures of Xie, Girshick and Farhadi (2016), drawn with skdec on the digits of scikit-learn:
accuracy over the refinement, the gradient against the certainty of a sample, and the embedding over
the refinement.
"""

# sphinx_gallery_thumbnail_number = 3

# %%
# DEC's own targets from k-means centers and SGD, as in the paper, with an embedding of two
# dimensions that can be drawn as they are. `LabelHistory` keeps the labels after each update of the
# targets; a callback of ours keeps the embedding.
import matplotlib.pyplot as plt
import numpy as np
from keras.callbacks import Callback
from keras.optimizers import SGD

from skdec import DECClusterer
from skdec.callbacks import LabelHistory
from skdec.datasets import load_digits
from skdec.metrics import clustering_accuracy

X, y = load_digits()
is_shown = np.isin(y, [0, 2, 4, 6, 7])
X, y = X[is_shown], y[is_shown]
X = X / np.sqrt(np.mean(X**2))  # the scale for which the learning rate of the paper is meant


class EmbeddingHistory(Callback):
    """Keep embedding and centers after each update of the targets."""

    def __init__(self):
        super().__init__()
        self.embeddings, self.centers = [], []

    def on_epoch_end(self, epoch, logs=None):
        if self.params["phase"] == "refine":
            _, *encoder, clustering = self.model.layers  # after the input
            Z = X
            for layer in encoder:
                Z = layer(Z)
            self.embeddings.append(np.array(Z))
            self.centers.append(np.array(clustering.get_weights()[0]))


history = EmbeddingHistory()
dec = DECClusterer(
    5,
    dims=(256, 256, 2),
    init="k-means++",
    n_neighbors=0,
    optimizer=SGD(0.01, momentum=0.9),
    max_iter=600,
    update_interval=20,
    tol=0,
    callbacks=[LabelHistory(X, y), history],
    random_state=0,
).fit(X)
print(f"accuracy {clustering_accuracy(y, dec.initial_labels_):.3f} by k-means in the embedding, ")
print(f"         {clustering_accuracy(y, dec.labels_):.3f} after the refinement")

# %%
# Accuracy over the refinement
# ----------------------------
# Each update moves the labels a little closer to the digits, which the fit does not see.
figure, ax = plt.subplots(figsize=(7, 3.5), layout="constrained")
for name in ("accuracy", "nmi"):
    ax.plot(dec.history_["refine"][name], marker="o", markersize=3, label=name)
ax.set(xlabel="updates of the targets", ylabel="agreement with the digits")
ax.grid(alpha=0.3)
ax.legend()
plt.show()

# %%
# The gradient against q
# ----------------------
# The size of the gradient that pulls a sample towards its center, against its soft assignment: the
# samples that are sure already pull least, those on the way to a center most.
Z, centers = history.embeddings[0], history.centers[0]
differences = Z[:, None] - centers
kernel = 1 / (1 + (differences**2).sum(axis=2))
q = kernel / kernel.sum(axis=1, keepdims=True)
p = q**2 / q.sum(axis=0)
p /= p.sum(axis=1, keepdims=True)
gradient = 2 * np.einsum("ij,ij,ijd->id", kernel, p - q, differences)

figure, ax = plt.subplots(figsize=(7, 3.5), layout="constrained")
certainty, size = q.max(axis=1), np.linalg.norm(gradient, axis=1)
points = ax.scatter(certainty, size, s=6, c=q.argmax(axis=1), cmap="tab10", vmax=9)
ax.set(xlabel="soft assignment q of the nearest center", ylabel="norm of the gradient")
ax.grid(alpha=0.3)
plt.show()

# %%
# The embedding over the refinement
# ---------------------------------
# Colors are digits, crosses centers. The paper needs t-SNE for this figure; this embedding has two
# dimensions.
n_updates = len(history.embeddings)
figure, axes = plt.subplots(1, 4, figsize=(12, 3.3), layout="constrained")
for ax, update in zip(axes, np.linspace(0, n_updates - 1, 4).astype(int), strict=True):
    ax.scatter(*history.embeddings[update].T, s=3, c=y, cmap="tab10", vmax=9)
    ax.plot(*history.centers[update].T, "kx", markersize=8)
    ax.set(xticks=[], yticks=[], title=f"update {update + 1}")
plt.show()
