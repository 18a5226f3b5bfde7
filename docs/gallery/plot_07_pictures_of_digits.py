"""
Pictures of the clusters of the digits
======================================

The plots of `skdec.display`, of one fit to the 1,797 digits of 8 x 8 pixels.
"""

# %%
# One fit, with the default parameters.
from skdec import DECClusterer
from skdec.datasets import load_digits
from skdec.display import (
    ClusterSizesDisplay,
    ConfusionDisplay,
    EmbeddingDisplay,
    HistoryDisplay,
    ProfileDisplay,
    PrototypesDisplay,
    ReconstructionDisplay,
    SilhouetteDisplay,
)

X, y = load_digits()
dec = DECClusterer(10, random_state=0).fit(X)
print(f"{len(X):,} samples in {len(dec.cluster_centers_)} clusters")

# %%
# Its parameters, as a notebook shows them. The question mark leads to the API reference.
dec

# %%
# The embedding in a plane. Clusters that are apart are apart here; distances between them mean
# nothing.
embedding = EmbeddingDisplay.from_estimator(dec, X, y)

# %%
# The same positions, colored by what was not used in the fit: the digits.
embedding.plot(color_by="class")

# %%
# And by confidence: the samples between two clusters are the least certain.
embedding.plot(color_by="confidence")

# %%
# What is in the clusters: decoded centers, the most and the least certain members.
PrototypesDisplay.from_estimator(dec, X, image_shape=(8, 8))

# %%
# How large the clusters are, and how certain their members.
ClusterSizesDisplay.from_estimator(dec, X)

# %%
# Which pixels set them apart, in standard deviations from the mean of all images.
ProfileDisplay.from_estimator(dec, X, n_features=15)

# %%
# How well they are separated in the embedding.
SilhouetteDisplay.from_estimator(dec, X)

# %%
# Clusters against digits, in the order of the best matching.
ConfusionDisplay.from_estimator(dec, X, y)

# %%
# How the fit went.
HistoryDisplay.from_estimator(dec)

# %%
# What the embedding keeps of a sample: images above their reconstructions, the best on the left.
ReconstructionDisplay.from_estimator(dec, X, image_shape=(8, 8))
