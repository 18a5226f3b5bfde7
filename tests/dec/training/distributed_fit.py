"""A fit in the scope of a distribution strategy, also as a process of its own.

python distributed_fit.py '{"devices": 2, "result": "fit.npz", "parameters": {}}'
python distributed_fit.py '{"workers": ["127.0.0.1:1234", ...], "index": 0, ...}'
"""

import json
import os
import signal
import sys
from contextlib import nullcontext
from functools import partial

import keras
import numpy as np
import tensorflow as tf
from sklearn.datasets import make_blobs

from skdec import DECClusterer, NeighborClusterer
from skdec.dec.training import checkpoint
from skdec.layers import RandomAffine
from skdec.networks import build_convolutional_autoencoder

PARAMETERS = {"n_clusters": 3, "dims": [16, 4], "batch_size": 32, "pretrain_epochs": 4}
PARAMETERS |= {"init": NeighborClusterer(n_init=2), "random_state": 0}
PARAMETERS |= {"max_iter": 40, "update_interval": 10, "tol": 0}


class KillOnEpochEnd(keras.callbacks.Callback):
    """Kill this process at the end of an epoch of a phase."""

    def __init__(self, phase, epoch):
        super().__init__()
        self.kill_at = [phase, epoch]

    def on_epoch_end(self, epoch, logs=None):
        if [self.params["phase"], epoch] == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)


def make_samples():
    X, _ = make_blobs(300, 6, centers=3, cluster_std=1.5, random_state=0)
    return X / 10


def build_regularized_networks(n_features):
    hidden = keras.layers.Dense(4, kernel_regularizer="l2", activity_regularizer="l2")
    encoder = keras.Sequential([keras.Input((n_features,)), hidden])
    return encoder, keras.Sequential([keras.Input((4,)), keras.layers.Dense(n_features)])


def make_parameters(settings):
    """Return the parameters of the settings, and those that JSON cannot hold."""
    build = partial(build_convolutional_autoencoder, image_shape=(2, 3), filters=(8,))
    networks = {
        "images": {"augment": RandomAffine((2, 3)), "autoencoder": build},
        "regularized": {"autoencoder": build_regularized_networks},
    }
    return settings.get("parameters", {}) | networks.get(settings.get("networks"), {})


def create_strategy(settings):
    """Create the strategy of the settings before anything else, as TensorFlow demands; or None."""
    if "workers" in settings:
        task = {"type": "worker", "index": settings["index"]}
        os.environ["TF_CONFIG"] = json.dumps(
            {"cluster": {"worker": settings["workers"]}, "task": task}
        )
        return tf.distribute.MultiWorkerMirroredStrategy()
    if "devices" not in settings:
        return None
    devices = [tf.config.LogicalDeviceConfiguration()] * settings["devices"]
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], devices)
    return tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(settings["devices"])])


def fit(strategy=None, again_outside=False, **parameters):
    """Return the results of a fit as arrays by name."""
    X, parameters = make_samples(), PARAMETERS | parameters
    with strategy.scope() if strategy else nullcontext():
        dec = DECClusterer(**parameters).fit(X)
        predicted = dec.predict(X)
        assert type(dec.model_.trainable_variables[0].value).__name__ == "ResourceVariable"
    if again_outside:  # of the scope, where nothing compiled for the replicas is reused
        np.testing.assert_array_equal(DECClusterer(**parameters).fit_predict(X), dec.labels_)
    return {
        "labels": dec.labels_,
        "predicted": predicted,
        "centers": dec.cluster_centers_,
        "pretrain": dec.history_["pretrain"]["loss"],
        "refine": dec.history_["refine"]["loss"],
        **{f"weight_{i}": weight for i, weight in enumerate(dec._weights.autoencoder)},
    }


def catch_error(strategy, **parameters):
    """Return the type and message of the error that a fit raises."""
    try:
        fit(strategy, **parameters)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "no error"


def main():
    settings = json.loads(sys.argv[1])
    strategy = create_strategy(settings)
    checkpoint._MIN_INTERVAL = 0  # save at every epoch and update
    parameters = make_parameters(settings)
    if "kill_at" in settings:
        parameters["callbacks"] = [KillOnEpochEnd(*settings["kill_at"])]
    results = fit(strategy, again_outside="errors" in settings, **parameters)
    if "errors" in settings:
        clipping = keras.optimizers.SGD(0.1, clipnorm=1.0)
        results["batch_size_error"] = catch_error(strategy, batch_size=33)
        results["clipnorm_error"] = catch_error(strategy, optimizer=clipping)
    np.savez(settings["result"], **results)


if __name__ == "__main__":
    main()
