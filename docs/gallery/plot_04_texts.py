"""
Clusters of texts by their embeddings
=====================================

Texts become vectors, vectors of one direction become clusters, clusters get names by their words.
Any embedding will do: the output of a sentence encoder, or, as here, tf-idf reduced to a hundred
dimensions, which needs nothing but scikit-learn.

The texts are the documentation of SciPy's functions and classes, which is on every machine that has
skdec. They belong to six subpackages. Can these be found again from the words alone?
"""

# sphinx_gallery_thumbnail_number = 2

# %%
# The texts
# ---------
import importlib
import inspect

import matplotlib.pyplot as plt
import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.metrics import normalized_mutual_info_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer

from skdec import DECClusterer, NeighborClusterer
from skdec.display import ConfusionDisplay, EmbeddingDisplay
from skdec.metrics import clustering_accuracy

SUBPACKAGES = ["stats", "signal", "special", "optimize", "linalg", "ndimage"]


def load_docstrings(max_texts=100, min_length=300, random_state=0):
    """Load docstrings of public functions and classes, at most so many of each subpackage."""
    random, texts, subpackages = np.random.default_rng(random_state), [], []
    for subpackage in SUBPACKAGES:
        module = importlib.import_module(f"scipy.{subpackage}")
        objects = [getattr(module, name) for name in sorted(module.__all__)]
        docstrings = {inspect.getdoc(item) or "" for item in objects if callable(item)}
        found = sorted(text for text in docstrings if len(text) >= min_length)
        texts += random.permutation(found)[:max_texts].tolist()
        subpackages += [subpackage] * min(len(found), max_texts)
    return texts, np.array(subpackages)


texts, subpackages = load_docstrings()
print(len(texts), "texts, such as:", texts[0].splitlines()[0])

# %%
# The embedding
# -------------
# Vectors of length one: only their direction matters, which is what the cosine compares. With a
# sentence encoder, this cell is ``X = SentenceTransformer("all-MiniLM-L6-v2").encode(texts)``.
embed = make_pipeline(
    TfidfVectorizer(stop_words="english", sublinear_tf=True, min_df=2),
    TruncatedSVD(100, random_state=0),
    Normalizer(),
)
X = embed.fit_transform(texts).astype(np.float32)

# %%
# The clusters
# ------------
# `NeighborClusterer` needs a second or two. `DECClusterer` begins with its clusters, and learns an
# embedding of a few dimensions, in which they can be drawn. The subpackages serve for comparison.
# k-means is no worse on these texts: their six kinds lie around centers, once they are reduced to a
# hundred dimensions.
n_clusters = len(SUBPACKAGES)
neighbors = NeighborClusterer(n_clusters, metric="cosine", random_state=0)
methods = {
    "k-means": KMeans(n_clusters, n_init=20, random_state=0),
    "NeighborClusterer": neighbors,
    "DECClusterer": DECClusterer(n_clusters, dims=(64, 8), init=neighbors, random_state=0),
}
for name, method in methods.items():
    labels = method.fit_predict(X)
    print(
        f"{name:18} accuracy {clustering_accuracy(subpackages, labels):.3f}  "
        f"NMI {normalized_mutual_info_score(subpackages, labels):.3f}"
    )

# %%
# Names
# -----
# A word names a cluster if it is frequent in it and rare elsewhere. Take all texts of a cluster as
# one, and count: this is the class-based tf-idf of Grootendorst (2022), in six lines.


def find_words(texts, labels, n_words=6):
    """Find the words of each cluster with the largest class-based tf-idf, and their values."""
    counter = CountVectorizer(stop_words="english", min_df=5, token_pattern=r"[a-zA-Z]{3,}")
    counts = counter.fit_transform(texts)
    clusters = np.unique(labels)
    sums = np.array([counts[labels == cluster].sum(axis=0).A1 for cluster in clusters])
    frequency = sums / sums.sum(axis=1, keepdims=True)
    weights = frequency * np.log(1 + sums.sum() / len(clusters) / sums.sum(axis=0))
    order = np.argsort(-weights, axis=1)[:, :n_words]
    words = counter.get_feature_names_out()
    return {
        int(cluster): dict(zip(words[best], row[best], strict=True))
        for cluster, best, row in zip(clusters, order, weights, strict=True)
    }


dec = methods["DECClusterer"]
words = find_words(texts, dec.labels_)
figure, axes = plt.subplots(2, 3, figsize=(9, 4.6), layout="constrained")
for ax, (cluster, weights) in zip(axes.flat, words.items(), strict=False):
    ax.barh(list(weights), list(weights.values()), color=f"C{cluster}")
    ax.invert_yaxis()
    ax.set_xticks([])
    ax.set_title(f"{cluster}: {np.sum(dec.labels_ == cluster)} texts", fontsize="medium")
plt.show()

# %%
# In the plane
# ------------
# The embedding of `DECClusterer`, colored by cluster and by subpackage. The clusters that mix two
# subpackages do so because they share their words: much of linear algebra is also optimization.
figure, axes = plt.subplots(1, 2, figsize=(10, 5), layout="constrained")
display = EmbeddingDisplay.from_estimator(dec, X, subpackages, ax=axes[0], s=6)
display.plot(color_by="class", ax=axes[1], s=6)
plt.show()

# %%
ConfusionDisplay.from_estimator(dec, X, subpackages)
plt.show()

# %%
# A new text
# ----------
new = embed.transform(["Compute the eigenvalues of a real symmetric matrix"]).astype(np.float32)
cluster = int(dec.predict(new)[0])
print(f"cluster {cluster}: {', '.join(words[cluster])}")
