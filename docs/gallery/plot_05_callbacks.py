"""
Watching a fit with Keras callbacks
===================================

`keras.callbacks.CSVLogger` writes the history of both phases of a fit to one file, and
`keras.callbacks.TensorBoard` writes the events that ``tensorboard --logdir`` shows.
"""

# %%
# A small network on the digits, with both callbacks.
from pathlib import Path
from tempfile import TemporaryDirectory

from keras.callbacks import CSVLogger, TensorBoard

from skdec import DECClusterer
from skdec.datasets import load_digits

X, _ = load_digits()

with TemporaryDirectory() as directory:
    log, events = Path(directory, "history.csv"), Path(directory, "events")
    callbacks = [CSVLogger(log), TensorBoard(events, write_graph=False)]
    DECClusterer(10, dims=(64, 10), pretrain_epochs=5, callbacks=callbacks, random_state=0).fit(X)
    lines = log.read_text().splitlines()
    n_event_files = len(list(events.rglob("events.out.tfevents*")))

# %%
# A line of the file is an epoch of the pretraining or an update of the targets. What a phase does
# not report is "NA".
print("\n".join(lines[:8]))
print(n_event_files, "files of TensorBoard events")
