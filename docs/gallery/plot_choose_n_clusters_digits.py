"""
Choosing the number of clusters on digits
=========================================

How many clusters do the digits have, if the number is not given? `choose_n_clusters` fits DEC with
a range of numbers for three seeds. All fits with the same seed share one pretraining. It recommends
a number without using labels.
"""

# %%
# The default network is used. A smaller one, such as ``dims=(256, 10)``, is faster but less
# accurate: with it, the recommendation is 8.
import matplotlib.pyplot as plt

from skdec.datasets import load_digits
from skdec.model_selection import choose_n_clusters

X, y = load_digits()
choice = choose_n_clusters(
    X,
    y,  # only for the column "nmi"
    n_clusters=range(7, 13),
    random_state=0,
)
print(choice)

# %%
# Stability is the agreement between the seeds. The leak of a cluster is the fraction of neighbors
# of its samples that are in other clusters; the table shows the largest. Evidence is stability
# times the increase of the leak at the next number: an additional cluster requires a cut through a
# dense region. The generalizability of the DEC paper is constant here and not used for the
# decision.
choice.plot()
plt.show()

# %%
# ``pandas.DataFrame(choice.to_dict())`` converts the table to a DataFrame.
print("recommended:", choice.recommended)
