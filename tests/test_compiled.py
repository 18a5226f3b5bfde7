"""Compiled programs: any Keras optimizer, each equal to Keras' own update; lent and used again."""

import threading

import keras
import numpy as np
import pytest
import tensorflow as tf

from skdec import _compiled
from skdec._compiled import borrowed_pretrainer, has_own_schedule
from skdec.networks import Architecture, build_autoencoder

ARCHITECTURE = Architecture(5, (6, 2), "tanh")
BATCH = 8
NOT_SINGLE = ("Optimizer", "LossScaleOptimizer", "MultiOptimizer", "OptimizerMap")
USUAL = ("SGD", "Adam", "AdamW", "RMSprop", "ScheduleFreeAdamW")
BUILT_IN = {
    name: made
    for name, made in vars(keras.optimizers).items()
    if isinstance(made, type)
    and issubclass(made, keras.optimizers.Optimizer)
    and name not in NOT_SINGLE
}


def initial_weights():
    return build_autoencoder(*ARCHITECTURE, seed=0).autoencoder.get_weights()


def batches(n_steps):
    """Rows and their weights."""
    random = np.random.default_rng(0)
    rows, weights = random.normal(size=(n_steps, BATCH, 5)), random.random((n_steps, BATCH))
    return [rows.astype(np.float32), weights.astype(np.float32)]


def trained_by_keras(optimizer, stacked, rates):
    """Weights and losses of the plain Keras loop; no rates leave the optimizer its own."""
    model = build_autoencoder(*ARCHITECTURE).autoencoder
    model.set_weights(initial_weights())
    losses = []
    for step, (batch, weights) in enumerate(zip(*stacked, strict=True)):
        if rates is not None:
            optimizer.learning_rate = rates[step]
        with tf.GradientTape() as tape:
            errors = tf.reduce_mean(tf.square(model(batch) - batch), axis=1)
            loss = tf.reduce_mean(weights * errors)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)
        losses.append(float(loss))
    return model.get_weights(), losses


def assert_equal_to_keras(optimizer, rates, rtol=1e-4, atol=2e-6):
    stacked = batches(5)
    config = optimizer.get_config()
    with borrowed_pretrainer(ARCHITECTURE, BATCH, optimizer) as trainer:
        trainer.reset(initial_weights())
        losses = trainer.run(stacked, np.zeros(5) if rates is None else rates)
        weights = trainer.weights()
    assert optimizer.get_config() == config
    assert not optimizer.built
    expected, expected_losses = trained_by_keras(
        type(optimizer).from_config(config), stacked, rates
    )
    np.testing.assert_allclose(losses, expected_losses, rtol=rtol)
    for mine, keras_own, initial in zip(weights, expected, initial_weights(), strict=True):
        np.testing.assert_allclose(mine, keras_own, rtol=rtol, atol=atol)
        assert not np.array_equal(mine, initial)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] * (name not in USUAL)) for name in BUILT_IN],
)
def test_every_optimizer_of_keras_steps_as_in_keras(name):
    assert_equal_to_keras(BUILT_IN[name](), np.array([0.02, 0.01, 0.03, 0.0, 0.01]))


@pytest.mark.parametrize(
    "optimizer",
    [
        keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
        keras.optimizers.SGD(0.1, weight_decay=0.01),
        keras.optimizers.SGD(0.1, momentum=0.9, clipnorm=0.05),
        keras.optimizers.Adam(0.01, amsgrad=True),
        keras.optimizers.Adam(0.01, beta_1=0.5, epsilon=1e-3, clipvalue=0.01),
        keras.optimizers.Adam(0.01, use_ema=True, ema_overwrite_frequency=2),
        keras.optimizers.AdamW(0.01, weight_decay=0.1, global_clipnorm=0.1),
        keras.optimizers.SGD(0.1, momentum=0.5, gradient_accumulation_steps=2),
    ],
    ids=lambda optimizer: optimizer.name,
)
def test_so_do_their_options(optimizer):
    assert_equal_to_keras(optimizer, np.full(5, 0.01))


@pytest.mark.parametrize("made", [keras.optimizers.SGD, keras.optimizers.Adam])
def test_a_schedule_of_the_optimizers_own_is_followed(made):
    optimizer = made(keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5, staircase=True))
    assert has_own_schedule(optimizer)
    assert_equal_to_keras(optimizer, None)


class Anchored(keras.optimizers.SGD):
    """Pulls the weights back to where they started."""

    def build(self, variables):
        super().build(variables)
        self.anchors = [self.add_variable_from_reference(v, "anchor") for v in variables]
        for anchor, variable in zip(self.anchors, variables, strict=True):
            anchor.assign(variable)

    def update_step(self, gradient, variable, learning_rate):
        super().update_step(gradient, variable, learning_rate)
        anchor = self.anchors[self._get_variable_index(variable)]
        self.assign_add(variable, 0.1 * (anchor - variable))


def test_an_optimizer_may_start_from_the_weights():
    assert_equal_to_keras(Anchored(0.1), np.full(5, 0.1))


def test_a_reset_forgets_the_fit_before():
    stacked, rates = batches(4), np.full(4, 0.01)

    def run(trainer):
        trainer.reset(initial_weights())
        return trainer.run(stacked, rates), trainer.weights()

    with borrowed_pretrainer(ARCHITECTURE, BATCH, keras.optimizers.Adam()) as trainer:
        (losses, weights), (again, weights_again) = run(trainer), run(trainer)
    np.testing.assert_array_equal(losses, again)
    for one, other in zip(weights, weights_again, strict=True):
        np.testing.assert_array_equal(one, other)


def test_many_steps_at_once_are_the_same_as_few():
    stacked, rates = batches(7), np.linspace(0.1, 0.01, 7)
    with borrowed_pretrainer(ARCHITECTURE, BATCH, keras.optimizers.SGD(0.1, 0.9)) as trainer:
        trainer.reset(initial_weights())
        at_once = trainer.run(stacked, rates)
        weights = trainer.weights()
        trainer.reset(initial_weights())
        parts = [
            trainer.run([part[s] for part in stacked], rates[s]) for s in (slice(0, 1), slice(1, 7))
        ]
        np.testing.assert_array_equal(np.concatenate(parts), at_once)
        for one, other in zip(trainer.weights(), weights, strict=True):
            np.testing.assert_array_equal(one, other)
        assert trainer._loop.experimental_get_tracing_count() == 1


def test_rates_share_a_program_and_other_options_do_not():
    def borrowed(optimizer):
        with borrowed_pretrainer(ARCHITECTURE, BATCH, optimizer) as trainer:
            return trainer

    first = borrowed(keras.optimizers.SGD(0.3, momentum=0.25))
    assert borrowed(keras.optimizers.SGD(0.7, momentum=0.25, name="another")) is first
    assert borrowed(keras.optimizers.SGD(0.3, momentum=0.5)) is not first
    assert borrowed(keras.optimizers.Adam(0.3)) is not first


@pytest.fixture
def empty_pool(monkeypatch):
    """A pool of its own, so that the programs of other tests stay warm."""
    monkeypatch.setattr(_compiled, "_idle", [])
    return _compiled._idle


def test_one_borrower_at_a_time(empty_pool):
    with _compiled._borrowed("key", object) as first:
        with _compiled._borrowed("key", object) as second:
            assert second is not first
        with _compiled._borrowed("key", object) as third:
            assert third is second
    with _compiled._borrowed("other", object) as other:
        assert other not in (first, second)


def test_two_threads_borrow_two_programs(empty_pool):
    together, lent = threading.Barrier(2, timeout=30), []

    def borrow():
        with _compiled._borrowed("key", object) as program:
            together.wait()
            lent.append(program)
            together.wait()

    threads = [threading.Thread(target=borrow) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lent) == 2
    assert lent[0] is not lent[1]
    assert {id(program) for _, program in empty_pool} == {id(program) for program in lent}


def test_the_pool_keeps_the_latest_few(empty_pool):
    for key in range(50):
        with _compiled._borrowed(key, object):
            pass
    kept = [key for (_, key), _ in empty_pool]
    assert kept == list(range(50 - _compiled._MAX_IDLE_PROGRAMS, 50))


def test_a_program_whose_borrower_failed_is_not_kept(empty_pool):
    with pytest.raises(KeyboardInterrupt), _compiled._borrowed("key", object):
        raise KeyboardInterrupt
    assert empty_pool == []
