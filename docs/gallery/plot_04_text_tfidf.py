"""
Clustering texts by tf-idf
==========================

`TfidfVectorizer` and `DECClusterer` in one Pipeline. The samples stay sparse: only one batch at a
time is converted to a dense array.

The texts are the documentation of SciPy's functions and classes, which is on every machine that has
skdec. They belong to six subpackages. Can these be found again from the words alone? Not easily:
"array", "axis" and "parameters" are everywhere, `scipy.special` has a dozen families of functions,
and much of linear algebra is also optimization.
"""

# %%
# The texts
# ---------
import importlib
import inspect

import matplotlib.pyplot as plt
import numpy as np
from sklearn.cluster import KMeans
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import confusion_matrix, normalized_mutual_info_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skdec import DECClusterer
from skdec.display import EmbeddingDisplay
from skdec.metrics import clustering_accuracy, match_labels

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
for subpackage in SUBPACKAGES:
    print(f"{subpackage:10}{np.sum(subpackages == subpackage):5} texts")

# %%
# The Pipeline
# ------------
# Samples of tf-idf have norm one in many features, so each value is small, and the autoencoder
# would learn to output zeros. Multiplied by the square root of the number of features, the values
# have a mean square of one. `StandardScaler` with ``with_mean=False`` would also keep the samples
# sparse, but give rare words a large influence.


def scale(X):
    """Scale the samples to a mean square of one."""
    return X * np.sqrt(X.shape[1])


def build_pipeline(clusterer):
    """Build a Pipeline with the same transformers before each clusterer."""
    return make_pipeline(
        TfidfVectorizer(max_features=2000, stop_words="english", sublinear_tf=True),
        FunctionTransformer(scale, accept_sparse=True),
        clusterer,
    )


n_clusters = len(SUBPACKAGES)
methods = {
    "k-means": build_pipeline(KMeans(n_clusters, n_init=20, random_state=0)),
    "DEC": build_pipeline(DECClusterer(n_clusters, random_state=0)),
}

# %%
# Against k-means
# ---------------
# The subpackages are not used in the fits. At most a hundred texts of each are taken at random,
# three times, because one choice says little: here one method is ahead, there the other. On the
# mean of the three, neither is clearly better, and both are far from finding all subpackages.
for random_state in (2, 1, 0):
    texts, subpackages = load_docstrings(random_state=random_state)
    for name, method in methods.items():
        labels = method.fit_predict(texts)
        print(
            f"texts {random_state}  {name:8} "
            f"accuracy {clustering_accuracy(subpackages, labels):.3f}  "
            f"NMI {normalized_mutual_info_score(subpackages, labels):.3f}"
        )

# %%
# With all texts, `special` alone has a third of them, and k-means is better: the search for
# clusters prefers clusters of similar size. ``load_docstrings(max_texts=1000)`` has them all.

# %%
# The last clusters of DEC against the subpackages, in the order of `SUBPACKAGES`:
dec = methods["DEC"]
matched = match_labels(subpackages, dec[-1].labels_)
print(confusion_matrix(subpackages, matched, labels=SUBPACKAGES))

# %%
# Typical words of the clusters, and a new text
# ---------------------------------------------
# A word is typical if its mean tf-idf in the cluster exceeds that in all texts most.
words = dec[0].get_feature_names_out()
tfidf = dec[0].transform(texts)
for cluster in range(n_clusters):
    mean = np.asarray(tfidf[dec[-1].labels_ == cluster].mean(axis=0)).ravel()
    typical = (mean - np.asarray(tfidf.mean(axis=0)).ravel()).argsort()[-7:][::-1]
    print(cluster, " ".join(words[typical]))
new = ["Compute the eigenvalues of a real symmetric matrix"]
print("new text: cluster", dec.predict(new)[0], "with confidence", dec.predict_proba(new).max())

# %%
# The texts in a plane
# --------------------
display = EmbeddingDisplay.from_predictions(dec.transform(texts), dec[-1].labels_, y=subpackages)

# %%
# The same positions, colored by subpackage.
display.plot(color_by="class")
plt.show()
