"""
Saving a model, and serving it
==============================

A model is one file without pickle, and safe to open. A program that serves it loads it once and
labels samples as they come: how fast is that?
"""

# %%
# A Pipeline of a scaler and a small network, fitted and saved.
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skdec
from skdec import DECClusterer, NeighborClusterer
from skdec.datasets import load_digits

X, _ = load_digits()
dec = DECClusterer(10, dims=(64, 10), pretrain_epochs=30, random_state=0)
model = make_pipeline(StandardScaler(), dec).fit(X)

with TemporaryDirectory() as directory:
    path = Path(directory, "digits.skdec")
    skdec.save(model, path)
    print(f"{path.stat().st_size / 1e3:,.0f} kB")
    served = skdec.load(path)

print("same labels:", np.array_equal(served.predict(X), model.predict(X)))

# %%
# Samples per second, for requests of one sample and of many, beside `NeighborClusterer`, which
# has to look for the nearest of all samples of the fit.
neighbors = make_pipeline(StandardScaler(), NeighborClusterer(10, random_state=0)).fit(X)
models = {"DECClusterer": served, "NeighborClusterer": neighbors}
sizes = [1, 10, 100, 1000]
rates = {name: [] for name in models}
for size in sizes:
    batch = X[:size]
    for name, fitted in models.items():
        fitted.predict(batch)  # compiles the program for batches of this size
        before = perf_counter()
        for _ in range(5):
            fitted.predict(batch)
        rates[name].append(5 * size / (perf_counter() - before))

figure, ax = plt.subplots(figsize=(7, 3.5), layout="constrained")
for name, values in rates.items():
    ax.loglog(sizes, values, marker="o", label=name)
ax.set(xlabel="samples in a request", ylabel="samples per second")
ax.grid(alpha=0.3)
ax.legend()
plt.show()
