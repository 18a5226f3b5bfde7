"""
Watching, stopping and resuming a fit
=====================================

A long fit is killed, by Ctrl-C, a power cut, or the end of a time slot. With ``checkpoint=`` the
next call of `fit` resumes it, and ends with the same result as if nothing had happened, bit for
bit. Keras callbacks watch both phases.
"""

# %%
# A fit without interruption, for comparison. `LabelHistory` keeps the labels after each update of
# the targets.
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
from keras.callbacks import Callback, CSVLogger

from skdec import DECClusterer
from skdec.datasets import load_digits

X, _ = load_digits()
settings = {"n_clusters": 10, "dims": (64, 10), "pretrain_epochs": 30, "random_state": 0}
whole = DECClusterer(**settings).fit(X)


class Interrupt(Callback):
    """Interrupt the pretraining after some epochs, as Ctrl-C would."""

    def on_epoch_end(self, epoch, logs=None):
        if self.params["phase"] == "pretrain" and epoch == 11:
            raise KeyboardInterrupt


# %%
# The same fit, interrupted after twelve epochs, and resumed. A line of the CSV file is an epoch of
# the pretraining or an update of the targets.
with TemporaryDirectory() as directory:
    log, checkpoint = Path(directory, "history.csv"), Path(directory, "checkpoint")
    dec = DECClusterer(**settings, checkpoint=checkpoint, callbacks=[CSVLogger(log), Interrupt()])
    try:
        dec.fit(X)
    except KeyboardInterrupt:
        print("interrupted after", len(log.read_text().splitlines()) - 1, "epochs")
    dec.set_params(callbacks=[CSVLogger(log, append=True)]).fit(X)
    print("\n".join(log.read_text().splitlines()[:4]), "\n...")

print("same labels:", np.array_equal(dec.labels_, whole.labels_))
print("same centers:", np.array_equal(dec.cluster_centers_, whole.cluster_centers_))

# %%
# The two histories lie on each other.
figure, ax = plt.subplots(figsize=(7, 3.5), layout="constrained")
for name, fitted, style in [("not interrupted", whole, "-"), ("resumed", dec, "--")]:
    loss = fitted.history_["pretrain"]["loss"]
    ax.semilogy(np.arange(1, len(loss) + 1), loss, style, label=name, linewidth=2)
ax.axvline(12.5, color="gray", linestyle=":", label="interruption")
ax.set(xlabel="epoch of the pretraining", ylabel="reconstruction error")
ax.legend()
plt.show()
