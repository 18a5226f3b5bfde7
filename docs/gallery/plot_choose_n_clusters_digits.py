"""
Choosing the number of clusters on digits
=========================================

How many kinds of digits are there, if nobody tells? `choose_n_clusters` fits DEC with a range of
numbers, for three seeds, each on one pretraining of its own that all numbers share, and
recommends one without seeing a label.
"""

# %%
# The default network: a smaller one, such as ``dims=(256, 10)``, is quicker and sees less (with it,
# the recommendation for these rows is 8).
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
# Stability is the agreement of the seeds; the leak says how many of the neighbours of a cluster's
# rows lie in other clusters, for the cluster that has most of them. Evidence is stability times
# the rise of the leak at the next number: a cluster too many has to be cut through dense ground.
# The generalizability of the DEC paper is flat here and decides nothing.
choice.plot()
plt.show()

# %%
# The table is plain columns, which pandas takes as they are:
# ``pandas.DataFrame(choice.to_dict())``.
print("recommended:", choice.recommended)
