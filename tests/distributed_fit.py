"""A fit by a process of its own, as a strategy says; the tests of `_strategy` start it.

python distributed_fit.py '{"devices": 2, "result": "fit.npz", "parameters": {}}'
python distributed_fit.py '{"workers": ["127.0.0.1:1234", ...], "index": 0, ...}'
"""

import json
import os
import signal
import sys
from contextlib import nullcontext

import keras
import numpy as np
import tensorflow as tf
from sklearn.datasets import make_blobs

from skdec import DECClusterer, _checkpoint

ORDER = json.loads(sys.argv[1])


def strategy():
    """The strategy asked for, made before anything else, as TensorFlow demands; or None."""
    if "workers" in ORDER:
        task = {"type": "worker", "index": ORDER["index"]}
        os.environ["TF_CONFIG"] = json.dumps(
            {"cluster": {"worker": ORDER["workers"]}, "task": task}
        )
        return tf.distribute.MultiWorkerMirroredStrategy()
    if "devices" not in ORDER:
        return None
    devices = [tf.config.LogicalDeviceConfiguration()] * ORDER["devices"]
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], devices)
    return tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(ORDER["devices"])])


class KillsItself(keras.callbacks.Callback):
    """At the end of an epoch of a phase."""

    def on_epoch_end(self, epoch, logs=None):
        if [self.params["phase"], epoch] == ORDER["killed_at"]:
            os.kill(os.getpid(), signal.SIGKILL)


def main():
    scope = strategy()
    _checkpoint._PATIENCE = 0  # at every epoch and update
    X, _ = make_blobs(300, 6, centers=3, cluster_std=1.5, random_state=0)
    parameters = {
        "n_clusters": 3,
        "dims": [16, 4],
        "batch_size": 32,
        "pretrain_epochs": 4,
        "max_iter": 40,
        "update_interval": 10,
        "tol": 0,
        "random_state": 0,
        "callbacks": [KillsItself()] if "killed_at" in ORDER else None,
        **ORDER.get("parameters", {}),
    }
    if "clipnorm" in ORDER:
        parameters["optimizer"] = keras.optimizers.SGD(0.1, clipnorm=ORDER["clipnorm"])
    with scope.scope() if scope else nullcontext():
        dec = DECClusterer(**parameters).fit(X / 10)
        predicted = dec.predict(X / 10)
        assert type(dec.model_.trainable_variables[0].value).__name__ == "ResourceVariable"
    if scope:  # what was compiled for the replicas stays with them
        np.testing.assert_array_equal(
            DECClusterer(**parameters | {"checkpoint": None}).fit_predict(X / 10), dec.labels_
        )
    np.savez(
        ORDER["result"],
        labels=dec.labels_,
        predicted=predicted,
        centers=dec.cluster_centers_,
        pretrain=dec.history_["pretrain"]["loss"],
        refine=dec.history_["refine"]["loss"],
        **{f"weight_{i}": weight for i, weight in enumerate(dec._weights)},
    )


if __name__ == "__main__":
    main()
