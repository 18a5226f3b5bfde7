"""
From a CSV to named clusters
============================

A table as people have it: numbers, words, dates and gaps. `TablePreparer` turns it into numbers on
like scales, `NeighborClusterer` finds the clusters, and `name_clusters` says in a few words what
sets each apart. On the command line, ``skdec fit customers.csv`` does all of it.
"""

# sphinx_gallery_thumbnail_number = 2

# %%
# The table
# ---------
# Customers of a shop, made for this example. Nobody has told the program that there are four kinds
# of them.
import io

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline

from skdec import NeighborClusterer, TablePreparer, describe_clusters, name_clusters
from skdec.model_selection import choose_n_clusters

KINDS = {  # age, yearly income, visits a month, share of orders online, most frequent payment
    "students": (22, 14_000, 7, 0.9, "wallet"),
    "families": (41, 52_000, 9, 0.4, "card"),
    "professionals": (36, 88_000, 2, 0.8, "card"),
    "pensioners": (71, 31_000, 5, 0.1, "cash"),
}


def write_customers(n_customers=480):
    """Write the table, and return its text."""
    random = np.random.default_rng(0)
    rows = []
    for number in range(n_customers):
        age, income, visits, online, payment = list(KINDS.values())[number % len(KINDS)]
        usual = random.random() < 0.85
        rows.append(
            {
                "customer": f"C{number:04}",
                "age": max(18, round(random.normal(age, 4))),
                "income": round(random.normal(income, income / 7), -2),
                "visits": random.poisson(visits),
                "online": round(float(np.clip(random.normal(online, 0.08), 0, 1)), 2),
                "payment": payment if usual else random.choice(["card", "cash", "wallet"]),
            }
        )
    table = pd.DataFrame(rows).sample(frac=1, random_state=0)
    table.loc[table.sample(frac=0.05, random_state=1).index, "income"] = np.nan
    return table.to_csv(index=False)


file = io.StringIO(write_customers())
table = pd.read_csv(file, index_col="customer")
table.head()

# %%
# How many clusters?
# ------------------
# `choose_n_clusters` compares all numbers in seconds, without labels.
X = TablePreparer().fit_transform(table)
choice = choose_n_clusters(X, random_state=0)
choice.plot()
plt.show()
print("recommended:", choice.recommended)

# %%
# The clusters and their names
# ----------------------------
# A name never states what does not hold for most of the cluster.
model = make_pipeline(
    TablePreparer(), NeighborClusterer(choice.recommended or 4, random_state=0)
).fit(table)
labels = model[-1].labels_
names = name_clusters(table, labels)
named = table.assign(cluster=names[labels].to_numpy())
print(named["cluster"].value_counts().to_string())

# %%
# Two columns, colored by cluster.
figure, ax = plt.subplots(figsize=(7.5, 4.5), layout="constrained")
for name, members in named.groupby("cluster"):
    ax.scatter(members["age"], members["income"], s=12, label=name)
ax.set(xlabel="age", ylabel="income")
ax.grid(alpha=0.3)
ax.legend(title="cluster", fontsize="small")
plt.show()

# %%
# What sets them apart
# --------------------
# Each column of each cluster against all customers, the most telling first.
describe_clusters(table, labels).groupby("cluster").head(3)

# %%
# New customers
# -------------
# The same Pipeline labels them, gaps included.
new = pd.DataFrame(
    {
        "age": [23, 69],
        "income": [np.nan, 33_000],
        "visits": [8, 4],
        "online": [0.95, 0.15],
        "payment": ["wallet", "cash"],
    }
)
print(names[model.predict(new)].tolist())
