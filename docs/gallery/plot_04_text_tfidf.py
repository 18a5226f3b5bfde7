"""
Clustering texts by tf-idf
==========================

`TfidfVectorizer` and `DECClusterer` in one Pipeline. The samples stay sparse: only one batch at a
time is converted to a dense array.

The corpus is four of the 20 newsgroups if scikit-learn has downloaded them before, and short
generated texts otherwise.
"""

# %%
# The texts
# ---------
import matplotlib.pyplot as plt
import numpy as np
from sklearn.cluster import KMeans
from sklearn.datasets import fetch_20newsgroups
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import normalized_mutual_info_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skdec import DECClusterer
from skdec.metrics import clustering_accuracy
from skdec.model_selection import SilhouetteScorer

SUBJECTS = {
    "space": "orbit rocket launch moon satellite engine fuel mission crew lander telescope probe",
    "cooking": "oven butter garlic simmer onion flour sauce pepper roast dough knife recipe",
    "hockey": "goal puck skate referee playoff coach league penalty rink captain season trade",
    "medicine": "doctor patient dose symptom fever clinic therapy virus nurse diagnosis trial pain",
}
COMMON = "today people think really question maybe year time read write problem answer good number"


def generate_texts(n_texts=1200, random_state=0):
    """Generate texts of 30 words: six of one subject, five of any subject, 19 common words."""
    random = np.random.default_rng(random_state)
    words = [text.split() for text in SUBJECTS.values()]
    any_subject, common = np.concatenate(words), COMMON.split()
    subjects = random.integers(len(words), size=n_texts)
    texts = []
    for subject in subjects:
        parts = [(words[subject], 6), (any_subject, 5), (common, 19)]
        texts.append(" ".join(np.concatenate([random.choice(*part) for part in parts])))
    return texts, subjects


def load_newsgroups():
    """Load texts and subjects of four newsgroups, if they have been downloaded before."""
    bunch = fetch_20newsgroups(
        categories=["sci.space", "rec.sport.hockey", "sci.med", "talk.politics.mideast"],
        remove=("headers", "footers", "quotes"),
        download_if_missing=False,
    )
    return bunch.data, bunch.target


try:
    texts, subjects = load_newsgroups()
except OSError:
    texts, subjects = generate_texts()
print(len(texts), "texts, for example:", texts[0][:70])

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


dec = build_pipeline(DECClusterer(4, dims=(256, 10), pretrain_epochs=40, random_state=0)).fit(texts)
kmeans = build_pipeline(KMeans(4, n_init=20, random_state=0)).fit(texts)

# %%
# Scores
# ------


for name, fitted in [("k-means", kmeans), ("DEC", dec)]:
    labels = fitted[-1].labels_
    print(
        f"{name:8} accuracy {clustering_accuracy(subjects, labels):.3f}  "
        f"NMI {normalized_mutual_info_score(subjects, labels):.3f}  "
        f"silhouette {SilhouetteScorer()(fitted, texts):.3f}"
    )

# %%
# Typical words of the clusters, and a new text
# ---------------------------------------------
names = dec[0].get_feature_names_out()
tfidf = dec[0].transform(texts)
for cluster in range(4):
    mean = np.asarray(tfidf[dec[-1].labels_ == cluster].mean(axis=0)).ravel()
    typical = (mean - np.asarray(tfidf.mean(axis=0)).ravel()).argsort()[-6:][::-1]
    print(cluster, " ".join(names[typical]))
new = ["The crew of the mission watched the launch of the rocket to the moon"]
print("new text: cluster", dec.predict(new)[0], "with", dec.predict_proba(new).max())

# %%
# The embedding in two principal components
# -----------------------------------------

plane = PCA(2, random_state=0).fit_transform(dec.transform(texts))
fig, ax = plt.subplots()
ax.scatter(*plane.T, c=dec[-1].labels_, s=6, cmap="tab10")
ax.set(title="Texts in the embedding", xticks=[], yticks=[])
plt.show()
