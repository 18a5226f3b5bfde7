"""The cache of finished steps, and the identity of what they depend on."""

import json
import sys
from functools import partial
from importlib import import_module

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.cluster import KMeans

from skdec import DECClusterer
from skdec._utils import files as cache_module
from skdec._utils.files import describe_versions, load_or_compute
from skdec.dec.training.checkpoint import UnidentifiedError, describe, identify
from skdec.layers import RandomAffine
from skdec.networks import build_autoencoder


def count_calls(memory, key, results):
    """Get the same step for each result to be computed; return what was returned and computed."""
    computed = []

    def compute(result):
        computed.append(result)
        return result

    returned = [load_or_compute(memory, "step", key, lambda r=r: compute(r)) for r in results]
    return returned, computed


def test_a_result_is_computed_once(tmp_path):
    assert count_calls(tmp_path, ("a", 1), [1, 2]) == ([1, 1], [1])
    assert count_calls(tmp_path, ("a", 2), [3]) == ([3], [3])
    assert count_calls(None, ("a", 1), [1, 2]) == ([1, 2], [1, 2])


def test_results_of_other_versions_are_not_used(tmp_path, monkeypatch):
    versions = describe_versions()
    assert {"skdec", "tensorflow", "keras", "numpy", "scikit-learn"} <= versions.keys()
    assert "+" in versions["skdec"]
    json.dumps(versions)
    assert load_or_compute(tmp_path, "step", 1, lambda: "old") == "old"
    monkeypatch.setattr(cache_module, "describe_versions", lambda: versions | {"keras": "0.0"})
    assert load_or_compute(tmp_path, "step", 1, lambda: "new") == "new"


def test_the_same_samples_in_another_form_are_not_pretrained_again(
    tmp_path, tiny, samples, monkeypatch
):
    X = samples.astype(np.float32).astype(np.float64)
    first = DECClusterer(**tiny, memory=tmp_path).fit(X)
    monkeypatch.setattr("skdec.dec._estimator.pretrain", None)  # cannot be called
    second = DECClusterer(**tiny, memory=tmp_path).fit(np.asfortranarray(X[::-1]))
    np.testing.assert_array_equal(first.cluster_centers_, second.cluster_centers_)


# ---- identity


def add_one(x):
    return x + 1


class OwnLayer(keras.layers.Layer):
    pass


class OwnRegularizer(keras.regularizers.Regularizer):
    def get_config(self):
        return {}


def stack(*layers):
    return keras.Sequential([keras.Input((3,)), *layers])


def build_networks(factor=0.1):
    dense = partial(keras.layers.Dense, kernel_initializer="zeros")
    encoder = stack(dense(2, "gelu"), RandomAffine((1, 2)))
    return encoder, stack(dense(3, kernel_regularizer=keras.regularizers.L2(factor)))


DIFFERENT = [
    *(1, True, "1", (1, 2), (2, 1), {"a": 1}, np.arange(3), np.arange(3.0), np.tanh),
    tf.nn.relu,
    KMeans(3),
    partial(build_autoencoder, dims=(4, 2)),
    partial(build_autoencoder, dims=(4, 3)),
    partial(build_autoencoder, dims=(4, 2), activation=keras.ops.tanh),
    keras.optimizers.Adam(0.1),
    keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, 10)),
    keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, 20)),
    build_networks(),
    build_networks(0.2),
    keras.layers.GaussianNoise(0.1),
    keras.layers.GaussianNoise(0.2),
]


def test_different_values_have_different_descriptions():
    descriptions = list(map(describe, DIFFERENT))
    assert len(set(descriptions)) == len(DIFFERENT)
    assert list(map(describe, DIFFERENT)) == descriptions


def test_equal_optimizers_and_networks_have_equal_descriptions():
    """Layers have other names in each; their weights have a part, and training of them has not."""
    assert describe(keras.optimizers.SGD(0.1)) == describe(keras.optimizers.SGD(0.1))
    one, other = build_networks(), build_networks()
    assert describe(one) == describe(other)
    one[0].compile("sgd", "mse")
    one[0].predict(np.zeros((2, 3)), verbose=0)
    assert describe(one) == describe(other)
    one[0].layers[0].bias.assign([1.0, 2.0])
    assert describe(one) != describe(other)


OWN = {
    "lambda": lambda x: x,
    "function": add_one,
    "compiled": tf.function(add_one),
    "class": OwnLayer,
    "layer": OwnLayer(),
    "activation": keras.layers.Dense(3, activation=add_one),
    "regularizer": keras.layers.Dense(3, kernel_regularizer=OwnRegularizer()),
    "model": stack(keras.layers.Lambda(add_one)),
    "method": OwnLayer().build,
    "object": object(),
}


@pytest.mark.parametrize("name", OWN)
def test_code_of_the_user_has_no_description_but_a_name(name):
    value = OWN[name]
    with pytest.raises(UnidentifiedError):
        describe([value])
    assert identify(value) != identify(value)
    assert describe(value, by_name=True) == describe(value, by_name=True)


@pytest.mark.parametrize("folder", ["site-packages", "dist-packages", "project"])
def test_packages_are_installed_for_a_user_or_the_system(folder, tmp_path, monkeypatch):
    (tmp_path / folder).mkdir()
    (tmp_path / folder / "own_activations.py").write_text("def double(x): return 2 * x\n")
    monkeypatch.syspath_prepend(tmp_path / folder)
    monkeypatch.delitem(sys.modules, "own_activations", raising=False)
    double = import_module("own_activations").double
    if folder == "project":
        with pytest.raises(UnidentifiedError, match="is not part of an installed package"):
            describe(double)
    else:
        assert "own_activations.double" in describe(double)


@pytest.mark.slow
def test_what_has_no_configuration_is_fitted_and_not_stored(tiny, samples, tmp_path):
    options = {"augment": add_one, "memory": tmp_path}
    with pytest.warns(UserWarning, match="not stored in memory, because augment .*installed pack"):
        dec = DECClusterer(**tiny | options).fit(samples)
    assert not list(tmp_path.rglob("*pretraining*"))
    again = DECClusterer(**tiny, augment=add_one).fit(samples)
    np.testing.assert_array_equal(dec.cluster_centers_, again.cluster_centers_)


def test_the_effects_of_callbacks_are_not_stored(tiny, samples, fitted, tmp_path):
    freeze = keras.callbacks.LearningRateScheduler(lambda epoch: 1e-9)
    frozen = DECClusterer(**tiny, memory=tmp_path, callbacks=[freeze]).fit(samples)
    plain = DECClusterer(**tiny, memory=tmp_path).fit(samples)
    np.testing.assert_array_equal(plain.cluster_centers_, fitted.cluster_centers_)
    again = DECClusterer(**tiny, memory=tmp_path, callbacks=[freeze]).fit(samples)
    np.testing.assert_array_equal(again.cluster_centers_, frozen.cluster_centers_)
    assert not np.array_equal(frozen.cluster_centers_, plain.cluster_centers_)


SIGN = 1.0


class Factor:
    VALUE = 1.0


@pytest.mark.slow
@pytest.mark.parametrize("place", ["augment", "activation"])
def test_code_that_reads_what_has_changed_is_not_the_compiled_one(
    tiny, samples, monkeypatch, place
):
    """A global variable, and an attribute of a class."""

    def scale(x):
        return SIGN * Factor.VALUE * x

    build = partial(build_autoencoder, dims=(16, 4), activation=scale)
    options = {"autoencoder": build} if place == "activation" else {"augment": scale}

    def fit():
        dec = DECClusterer(**tiny | options).fit(samples)
        z = dec.encoder_.predict(samples, verbose=0)
        np.testing.assert_allclose(dec.transform(samples), z, rtol=1e-3, atol=1e-4)
        return dec.history_["pretrain"]["loss"]

    losses = [fit()]
    monkeypatch.setitem(globals(), "SIGN", 3.0)
    losses.append(fit())
    monkeypatch.setattr(Factor, "VALUE", 5.0)
    losses.append(fit())
    assert len({loss.tobytes() for loss in losses}) == 3
