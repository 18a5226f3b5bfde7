"""The cache of steps: finished results only, by contents, settings and versions."""

import enum
import json
import os
import subprocess
import sys
from functools import partial
from textwrap import dedent, indent
from threading import Lock

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.base import clone

from skdec import DECClusterer
from skdec._utils import cache as cache_module
from skdec._utils.cache import StepCache
from skdec.dec.training.identity import describe, describe_versions


class StopAtFirstEpoch(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = self.params["phase"] == "pretrain"


def count_calls(memory, key, results):
    """Get the same step for each result to be computed; return what was returned and computed."""
    computed = []

    def compute(result):
        computed.append(result)
        return result

    returned = [StepCache(memory).get("step", key, lambda r=r: compute(r)) for r in results]
    return returned, computed


def test_a_result_is_computed_once(tmp_path):
    assert count_calls(tmp_path, ("a", 1), [1, 2]) == ([1, 1], [1])
    assert count_calls(tmp_path, ("a", 2), [3]) == ([3], [3])


def test_nothing_is_stored_without_memory():
    assert count_calls(None, ("a", 1), [1, 2]) == ([1, 2], [1, 2])


def test_unfinished_results_are_returned_and_not_stored(tmp_path):
    cache = StepCache(tmp_path)
    assert cache.get("step", (1,), lambda: "partial", lambda r: r != "partial") == "partial"
    assert cache.get("step", (1,), lambda: "whole", lambda r: r != "partial") == "whole"
    assert cache.get("step", (1,), lambda: "again", lambda r: r != "partial") == "whole"


def test_results_of_other_versions_are_not_used(tmp_path, monkeypatch):
    assert StepCache(tmp_path).get("step", (1,), lambda: "old") == "old"
    other = describe_versions() | {"keras": "0.0"}
    monkeypatch.setattr(cache_module, "describe_versions", lambda: other)
    assert StepCache(tmp_path).get("step", (1,), lambda: "new") == "new"


def test_versions_name_the_packages_and_the_source():
    versions = describe_versions()
    assert {"skdec", "tensorflow", "keras", "numpy", "scikit-learn"} <= versions.keys()
    assert versions["keras"] == keras.__version__
    assert "+" in versions["skdec"]
    json.dumps(versions)


def test_a_pretraining_that_a_callback_stopped_is_not_reused(tmp_path, tiny, samples):
    stopped = DECClusterer(**tiny, memory=tmp_path, callbacks=[StopAtFirstEpoch()]).fit(samples)
    assert len(stopped.history_["pretrain"]["loss"]) == 1
    full = DECClusterer(**tiny, memory=tmp_path).fit(samples)
    assert len(full.history_["pretrain"]["loss"]) == tiny["pretrain_epochs"]
    np.testing.assert_array_equal(full.labels_, DECClusterer(**tiny).fit(samples).labels_)


@pytest.mark.parametrize(
    "change",
    [lambda X: X[::-1], np.asfortranarray, lambda X: X.astype(np.float32).astype(np.float64)],
    ids=["reversed", "fortran", "float32"],
)
def test_the_same_samples_in_another_form_are_not_pretrained_again(
    tmp_path, tiny, samples, change, monkeypatch
):
    X = samples.astype(np.float32).astype(np.float64)
    first = DECClusterer(**tiny, memory=tmp_path).fit(X)
    monkeypatch.setattr("skdec.dec._estimator.pretrain", None)  # cannot be called
    second = DECClusterer(**tiny, memory=tmp_path).fit(change(X))
    np.testing.assert_array_equal(first.cluster_centers_, second.cluster_centers_)


def test_lambdas_differ_by_their_code():
    def make(factor):
        return lambda x: factor * x

    assert describe(lambda x: x) != describe(lambda x: 2 * x)
    assert describe(make(1)) == describe(make(1))
    assert describe(make(1)) != describe(make(2))


def test_a_lambda_as_activation_works_with_memory_and_checkpoint(tmp_path, tiny, samples):
    dec = DECClusterer(
        **tiny,
        activation=lambda x: keras.ops.relu(x),
        memory=tmp_path / "cache",
        checkpoint=tmp_path / "checkpoint",
    )
    labels = dec.fit(samples).labels_
    np.testing.assert_array_equal(clone(dec).fit(samples).labels_, labels)


def test_what_cannot_be_pickled_is_refused_by_name():
    class Unpicklable:
        def __reduce__(self):
            raise RuntimeError("no pickle")

        def __repr__(self):
            return "<the culprit>"

    with pytest.raises(ValueError, match="<the culprit>"):
        describe((1, Unpicklable()))


SHIFT = 1.0


def shift(x):
    return x + SHIFT


def shift_often(x, n):
    return shift_often(shift(x), n - 1) if n else x


def test_functions_differ_by_the_variables_that_they_read(monkeypatch):
    functions = (shift, shift_often, partial(shift_often, n=2), lambda x: [shift(y) for y in x])
    before = list(map(describe, functions))
    assert list(map(describe, functions)) == before
    monkeypatch.setitem(globals(), "SHIFT", 2.0)
    assert all(one != other for one, other in zip(map(describe, functions), before, strict=True))


def test_functions_that_call_each_other_have_an_identity():
    def make(last):
        def is_even(n):
            return n == last or is_odd(n - 1)

        def is_odd(n):
            return n != last and is_even(n - 1)

        return is_even

    assert describe(make(0)) == describe(make(0)) != describe(make(1))


def test_functions_of_packages_are_told_apart_by_their_code():
    """Not by what they read, which may be impossible to pickle."""
    assert describe(lambda x: dedent(x)) == describe(lambda x: dedent(x))
    assert describe(dedent) != describe(indent)
    assert describe(keras.activations.relu) != describe(keras.activations.gelu)


def test_compiled_functions_have_the_identity_of_their_code(monkeypatch):
    compiled = tf.function(shift)
    before = describe(lambda x: compiled(x))
    assert describe(compiled) == describe(shift)
    monkeypatch.setitem(globals(), "SHIFT", 2.0)
    assert describe(lambda x: compiled(x)) != before


LOCK = Lock()


def test_augmentation_that_reads_a_lock_works_without_cache_and_checkpoint(tiny, samples, tmp_path):
    def augment(x):
        with LOCK:
            return x + 1

    dec = DECClusterer(**tiny, augment=augment)
    expected = DECClusterer(**tiny, augment=lambda x: x + 1).fit(samples)
    np.testing.assert_array_equal(dec.fit(samples).cluster_centers_, expected.cluster_centers_)
    with pytest.raises(ValueError, match=r"lock object .* which memory= and checkpoint= need"):
        dec.set_params(memory=tmp_path).fit(samples)


def assert_equal_in_other_processes(script):
    """Run a script that prints descriptions; Python orders sets otherwise in each process."""
    outputs = {
        subprocess.run(
            [sys.executable, "-c", f"from skdec.dec.training.identity import describe\n{script}"],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in "123"
    }
    assert len(outputs) == 1
    assert outputs.pop().strip()


def test_identity_is_equal_in_other_processes():
    assert_equal_in_other_processes(
        "print(describe(lambda x: x in {'one', 'two', 'three', 'four', 'five'}))"
    )


def test_augmentation_with_another_global_is_not_the_compiled_one(tiny, samples, monkeypatch):
    def fit():
        return DECClusterer(**tiny, augment=shift).fit(samples).cluster_centers_

    first = fit()
    monkeypatch.setitem(globals(), "SHIFT", 5.0)
    assert not np.array_equal(fit(), first)


def make_builder_class(factor):
    class Builder:
        def __call__(self, x):
            return self.scale(x)

        @staticmethod
        def scale(x):
            return factor * x

    return Builder


def test_classes_outside_of_packages_have_the_identity_of_their_methods(monkeypatch):
    """Redefined in a notebook, a class has the same name."""
    one, same, other = (make_builder_class(factor) for factor in (1, 1, 2))
    assert describe(one) == describe(same) != describe(other)
    assert describe(lambda x: one()(x)) == describe(lambda x: one()(x))
    assert describe(keras.Model) == "keras.src.models.model.Model"

    def describe_instances(kind):
        kind.__qualname__ = "Builder"
        monkeypatch.setitem(globals(), "Builder", kind)  # where pickle looks it up
        return describe(kind()), describe(kind().__call__)

    assert describe_instances(one) == describe_instances(same)
    for instance, another in zip(describe_instances(one), describe_instances(other), strict=True):
        assert instance != another


def test_a_method_that_calls_that_of_its_base_class_has_an_identity():
    def make(factor):
        class Scaled(keras.layers.Dense):
            def call(self, x):
                return factor * super().call(x)

        return Scaled

    assert describe(make(1)) == describe(make(1)) != describe(make(2))


def test_a_value_that_refers_to_itself_is_refused():
    values = []
    values.append(values)
    with pytest.raises(ValueError, match="refers to itself"):
        describe(values)


def test_redefined_networks_are_not_those_of_the_cache(tiny, samples, tmp_path):
    """Of equal configurations and code, but another class."""

    def fit(factor):
        class Scaled(keras.Model):
            def __init__(self, **options):
                super().__init__(**options)
                self.dense = keras.layers.Dense(2)

            def call(self, x):
                return factor * self.dense(x)

        def build(n_features):
            decoder = keras.Sequential([keras.Input((2,)), keras.layers.Dense(n_features)])
            return Scaled(), decoder

        return DECClusterer(**tiny, autoencoder=build, memory=tmp_path).fit(samples)

    one, other = fit(1.0), fit(10.0)
    for dec in (one, other):
        z = dec.encoder_.predict(samples, verbose=0)
        np.testing.assert_allclose(dec.transform(samples), z, rtol=1e-4)
    assert not np.array_equal(one.history_["pretrain"]["loss"], other.history_["pretrain"]["loss"])


class Mode(enum.IntEnum):
    A = 8
    B = 9


class Registry:
    NAMES = frozenset({"relu", "tanh", "gelu"})

    def get(self):
        return REGISTRY


REGISTRY = Registry()


def test_values_that_lead_back_to_their_class_are_described(monkeypatch):
    assert describe(lambda: Mode.A) == describe(lambda: Mode.A)
    assert describe(Mode.A) != describe(Mode.B)
    before = describe(lambda: REGISTRY.get())
    assert describe(lambda: REGISTRY.get()) == before
    monkeypatch.setattr(REGISTRY, "width", 3, raising=False)
    assert describe(lambda: REGISTRY.get()) != before


def test_sets_are_described_alike_in_other_processes():
    assert_equal_in_other_processes(
        "class A:\n    NAMES = frozenset({'one', 'two', 'three', 'four', 'five'})\n"
        "print(describe(A), describe({'one', 'two', 'three', 'four'}))"
    )
