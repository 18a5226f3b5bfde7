"""
Choosing the number of clusters on digits
=========================================

How many clusters do the digits have, if the number is not given? `choose_n_clusters` searches for
clusters in the graph of nearest neighbors, for all numbers at once and without a network, and
recommends a number without using labels.
"""

# %%
# Five of the ten digits, which are written in one way each. The number is known here, but not used.
import matplotlib.pyplot as plt
import numpy as np

from skdec.datasets import load_digits
from skdec.model_selection import choose_n_clusters

X, y = load_digits()
is_selected = np.isin(y, [0, 2, 4, 6, 7])
choice = choose_n_clusters(
    X[is_selected],
    y[is_selected],  # only for the column "nmi"
    n_clusters=range(2, 13),
    random_state=0,
)
print(choice)

# %%
# The contrast is how many times cheaper the borders between the clusters are than the cheapest cuts
# through them; above 1.15, there are clusters. The agreement of the seeds is high for several
# numbers.
choice.plot()
plt.show()

# %%
# Of all ten digits, several are written in two ways, and more than one number is nearly as good.
print(choose_n_clusters(X, random_state=0))
