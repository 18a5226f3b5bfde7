"""
DEC by hand in Keras
====================

The steps of the Keras tutorial with the two public Keras components: an autoencoder
784-500-500-2000-10 pretrained by SGD, k-means on its embedding, and a clustering layer trained to
reduce the divergence from the target distribution. `DECClusterer.tutorial` runs the same steps
in one call.

The tutorial uses MNIST and pretrains for 300 epochs. To save time, this example uses scikit-learn's
digits and 30 epochs; `skdec.datasets.load_mnist` has the data of the tutorial.
"""

# %%
# The data, and the baseline: k-means on the pixels.
import keras
import matplotlib.pyplot as plt
import numpy as np
from sklearn.cluster import KMeans

from skdec.datasets import load_digits
from skdec.layers import ClusteringLayer
from skdec.metrics import clustering_accuracy
from skdec.networks import build_autoencoder

X, y = load_digits()
baseline = KMeans(n_clusters=10, n_init=20, random_state=0).fit_predict(X)
print(f"k-means on the pixels: {clustering_accuracy(y, baseline):.3f}")

# %%
# The autoencoder: ReLU in the hidden layers, linear embedding and output, uniform initial weights.
initializer = keras.initializers.VarianceScaling(1 / 3, mode="fan_in", distribution="uniform")
autoencoder, encoder, _ = build_autoencoder(
    X.shape[1], (500, 500, 2000, 10), kernel_initializer=initializer, seed=0
)
autoencoder.compile(optimizer=keras.optimizers.SGD(1.0, momentum=0.9), loss="mse")
autoencoder.fit(X, X, batch_size=256, epochs=30, verbose=0)

# %%
# The clustering layer on top of the encoder, its centers initialized by k-means on the embedding.
clustering = ClusteringLayer(10, name="clustering")
model = keras.Model(encoder.input, clustering(encoder.output))
kmeans = KMeans(n_clusters=10, n_init=20, random_state=0)
labels = kmeans.fit_predict(encoder.predict(X, verbose=0))
clustering.set_weights([kmeans.cluster_centers_])
print(f"autoencoder + k-means: {clustering_accuracy(y, labels):.3f}")


# %%
# The target distribution sharpens the soft assignments of all samples. Between two updates of it,
# the model is trained towards it.
def target_distribution(q):
    weight = q**2 / q.sum(axis=0)
    return (weight.T / weight.sum(axis=1)).T


model.compile(optimizer=keras.optimizers.SGD(0.01, momentum=0.9), loss="kld")
batches = np.array_split(np.random.RandomState(0).permutation(len(X)), -(-len(X) // 256))
accuracies = [clustering_accuracy(y, labels)]
for _update in range(4):
    p = target_distribution(model.predict(X, verbose=0))
    for batch in batches:
        model.train_on_batch(X[batch], p[batch])
    labels = model.predict(X, verbose=0).argmax(axis=1)
    accuracies.append(clustering_accuracy(y, labels))
print(f"DEC: {accuracies[-1]:.3f}")

# %%
# What each update gains, above k-means on the pixels.
figure, ax = plt.subplots(figsize=(7, 3.5), layout="constrained")
ax.plot(range(len(accuracies)), accuracies, marker="o", label="DEC by hand")
ax.axhline(clustering_accuracy(y, baseline), color="gray", linestyle=":", label="k-means on pixels")
ax.set(xlabel="updates of the targets", ylabel="accuracy", xticks=range(len(accuracies)))
ax.grid(alpha=0.3)
ax.legend()
plt.show()
