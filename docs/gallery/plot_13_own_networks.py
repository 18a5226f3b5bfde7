"""
Networks of your own
====================

``autoencoder=`` takes a function that builds the networks for a number of features, or Keras
models. Everything else stays: search, refinement, history, checkpoints, saving.
"""

# %%
# Three builders: the fully connected default with another activation, a convolutional network, and
# one written in Keras.
from functools import partial

import keras
import matplotlib.pyplot as plt

from skdec import DECClusterer
from skdec.datasets import load_digits
from skdec.metrics import clustering_accuracy
from skdec.networks import build_autoencoder, build_convolutional_autoencoder

X, y = load_digits()
X, y = X[:700], y[:700]  # to save time


def build_with_noise(n_features):
    """Build an encoder that sees its input through noise, and a decoder of one layer."""
    noisy = [keras.layers.GaussianNoise(0.1), keras.layers.Dense(64, activation="gelu")]
    encoder = keras.Sequential([keras.Input((n_features,)), *noisy, keras.layers.Dense(10)])
    decoder = keras.Sequential([keras.Input((10,)), keras.layers.Dense(n_features)])
    return encoder, decoder


builders = {
    "default, tanh": partial(build_autoencoder, dims=(64, 10), activation="tanh"),
    "convolutional": partial(
        build_convolutional_autoencoder, image_shape=(8, 8), filters=(8, 16), embedding_width=10
    ),
    "own, with noise": build_with_noise,
}

# %%
# The same fit with each. The clusters come from the search, and the networks learn them; they
# differ in what they can reconstruct.
fitted = {
    name: DECClusterer(10, autoencoder=build, random_state=0).fit(X)
    for name, build in builders.items()
}
for name, dec in fitted.items():
    print(
        f"{name:16}{dec.autoencoder_.count_params():8,} weights   "
        f"accuracy {clustering_accuracy(y, dec.labels_):.3f}   "
        f"reconstruction error {dec.history_['pretrain']['loss'][-1]:.4f}"
    )

# %%
# Six images, and what each network reconstructs from ten numbers.
rows = {"image": X[:6]} | {
    name: dec.inverse_transform(dec.transform(X[:6])) for name, dec in fitted.items()
}
figure, axes = plt.subplots(len(rows), 6, figsize=(7, 4.6), layout="constrained")
for row, (name, images) in zip(axes, rows.items(), strict=True):
    for ax, image in zip(row, images, strict=True):
        ax.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
    row[0].set_ylabel(name, fontsize=8)
plt.show()
