"""
k-means, neighbors or a network?
================================

`skdec.compare` fits four methods to the same samples, from the simplest to the most elaborate.
Take the simplest that is as good as the others on your data.
"""

# %%
# On digits
# ---------
# Clusters in images are not round, so neighbors find what k-means does not. The network adds
# little to the labels here: what it adds is an embedding, soft assignments and a decoder.
import matplotlib.pyplot as plt
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler

from skdec import compare
from skdec.datasets import load_digits
from skdec.display import ComparisonDisplay, ConfusionDisplay

X, y = load_digits()
comparison = compare(X, y, dims=(100, 10), random_state=0)
print(comparison)
ComparisonDisplay.from_comparison(comparison)
plt.show()

# %%
# On wine
# -------
# 178 wines of three cultivars, with 13 measurements each: groups around centers, which is what
# k-means looks for. It is as good, and done at once.
wines, cultivars = load_wine(return_X_y=True)
wines = StandardScaler().fit_transform(wines)
print(compare(wines, cultivars, random_state=0))

# %%
# Without classes
# ---------------
# Your data have none. What can be compared then is how well the clusters of neighbors agree
# (`skdec.metrics.neighbor_information`), and how far two methods agree with each other: if they
# do, take the simpler one.
from sklearn.metrics import adjusted_rand_score

from skdec.metrics import neighbor_information

for method in comparison.methods:
    labels = comparison[method].labels
    agreement = adjusted_rand_score(comparison["dec"].labels, labels)
    print(
        f"{method:20} neighbor information {neighbor_information(X, labels):.3f}   "
        f"agreement with dec {agreement:.3f}"
    )

# %%
# Which digits k-means mixes up: clusters against classes, in the order of the best matching.
ConfusionDisplay.from_predictions(y, comparison["kmeans"].labels)
plt.show()
