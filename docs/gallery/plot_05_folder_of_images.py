"""
Images of a folder
==================

Images of one size lie in a folder as files. Each becomes a sample, a list of its gray values; the
clusters are shown by their images again. On the command line, ``skdec fit FOLDER`` does the same.
"""

# %%
# A folder of 300 images, made for this example from the digits of scikit-learn.
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from skdec import NeighborClusterer

directory = TemporaryDirectory()
folder = Path(directory.name)
for number, image in enumerate(load_digits(n_class=6).images[:300]):
    Image.fromarray((image * 15.9).astype(np.uint8)).save(folder / f"{number:03}.png")

# %%
# Read the images in gray, bring them to one size, and flatten them: a row of ``images`` for each
# file, values from 0 to 1.
paths = sorted(folder.glob("*.png"))
shape = (8, 8)
images = np.array([Image.open(path).convert("L").resize(shape) for path in paths])
X = images.reshape(len(images), -1) / 255
print(f"{len(X)} images of {shape[0]} x {shape[1]} pixels")

# %%
# The clusters, and eight images of each, those first of which `predict_proba` is most certain.
clusterer = NeighborClusterer(6, random_state=0).fit(X)
certainty = clusterer.predict_proba(X).max(axis=1)
figure, axes = plt.subplots(6, 8, figsize=(7, 5.6), layout="constrained")
for cluster, row in enumerate(axes):
    members = np.flatnonzero(clusterer.labels_ == cluster)
    members = members[np.argsort(-certainty[members], kind="stable")]
    for ax, member in zip(row, members, strict=False):
        ax.imshow(images[member], cmap="gray_r")
        ax.set_title(paths[member].name, fontsize=6)
    for ax in row:
        ax.set(xticks=[], yticks=[])
    row[0].set_ylabel(f"{len(members)} images", fontsize=8)
plt.show()

# %%
# Move each file to a folder of its cluster.
for path, cluster in zip(paths, clusterer.labels_, strict=True):
    target = folder / f"cluster {cluster}"
    target.mkdir(exist_ok=True)
    path.rename(target / path.name)
for target in sorted(folder.iterdir()):
    print(target.name, "has", len(list(target.iterdir())), "files")
directory.cleanup()
