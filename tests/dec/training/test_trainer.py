"""Trainers: each step equals Keras' own update, for any optimizer; idle trainers are reused."""

from itertools import chain

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.regularizers import L1, L2

from skdec.dec.training import trainer as trainer_module
from skdec.dec.training.trainer import (
    borrow_pretraining_trainer,
    borrow_refinement_trainer,
    has_own_schedule,
)
from skdec.layers import kl_divergence, log_soft_assignment
from skdec.networks import Architecture, build_autoencoder

ARCHITECTURE = Architecture.create_default(5, (2,))
BATCH_SIZE = 8
WRAPPERS = ("Optimizer", "LossScaleOptimizer", "MultiOptimizer", "OptimizerMap")
COMMON = ("SGD", "Adam", "AdamW", "RMSprop", "ScheduleFreeAdamW")
KERAS_OPTIMIZERS = {
    name: cls
    for name, cls in vars(keras.optimizers).items()
    if isinstance(cls, type)
    and issubclass(cls, keras.optimizers.Optimizer)
    and name not in WRAPPERS
}


def get_initial_weights():
    return build_autoencoder(5, (2,), seed=0).autoencoder.get_weights()


def make_batches(n_steps):
    """Samples, stacked over the steps."""
    random = np.random.default_rng(0)
    samples = random.normal(size=(n_steps, BATCH_SIZE, 5))
    return [samples.astype(np.float32)]


def make_seeds(n_steps):
    return np.array([(7, step) for step in range(n_steps)])


def train_with_keras(optimizer, batches, learning_rates):
    """Weights and losses of a plain Keras loop; with None the optimizer keeps its own rates."""
    model = build_autoencoder(5, (2,)).autoencoder
    model.set_weights(get_initial_weights())
    losses = []
    for step, samples in enumerate(batches[0]):
        if learning_rates is not None:
            optimizer.learning_rate = learning_rates[step]
        with tf.GradientTape() as tape:
            errors = tf.reduce_mean(tf.square(model(samples) - samples), axis=1)
            loss = tf.reduce_mean(errors)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)
        losses.append(float(loss))
    return model.get_weights(), losses


def assert_equal_to_keras(optimizer, learning_rates, rtol=1e-4, atol=2e-6):
    batches = make_batches(5)
    config = optimizer.get_config()
    with borrow_pretraining_trainer(ARCHITECTURE, BATCH_SIZE, optimizer) as trainer:
        trainer.reset(get_initial_weights())
        rates = np.zeros(5) if learning_rates is None else learning_rates
        losses = trainer.run(batches, rates, make_seeds(5))
        weights = trainer.get_weights()
    assert optimizer.get_config() == config
    assert not optimizer.built
    expected, expected_losses = train_with_keras(
        type(optimizer).from_config(config), batches, learning_rates
    )
    np.testing.assert_allclose(losses, expected_losses, rtol=rtol)
    for found, keras_own, initial in zip(weights, expected, get_initial_weights(), strict=True):
        np.testing.assert_allclose(found, keras_own, rtol=rtol, atol=atol)
        assert not np.array_equal(found, initial)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] * (name not in COMMON))
        for name in KERAS_OPTIMIZERS
    ],
)
def test_every_keras_optimizer_steps_as_in_keras(name):
    assert_equal_to_keras(KERAS_OPTIMIZERS[name](), np.array([0.02, 0.01, 0.03, 0.0, 0.01]))


class AnchoredSGD(keras.optimizers.SGD):
    """SGD that pulls the weights back to their initial values."""

    def build(self, variables):
        super().build(variables)
        self.anchors = [self.add_variable_from_reference(v, "anchor") for v in variables]
        for anchor, variable in zip(self.anchors, variables, strict=True):
            anchor.assign(variable)

    def update_step(self, gradient, variable, learning_rate):
        super().update_step(gradient, variable, learning_rate)
        anchor = self.anchors[self._get_variable_index(variable)]
        self.assign_add(variable, 0.1 * (anchor - variable))


STAIRCASE = keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5, staircase=True)


@pytest.mark.parametrize(
    "optimizer",
    [
        keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
        keras.optimizers.Adam(0.01, beta_1=0.5, epsilon=1e-3, clipvalue=0.01),
        keras.optimizers.Adam(0.01, use_ema=True, ema_overwrite_frequency=2),
        keras.optimizers.AdamW(0.01, weight_decay=0.1, global_clipnorm=0.1),
        keras.optimizers.SGD(0.1, momentum=0.5, gradient_accumulation_steps=2),
        keras.optimizers.Adam(STAIRCASE),
        AnchoredSGD(0.1),
    ],
    ids=lambda optimizer: optimizer.name,
)
def test_options_of_optimizers_step_as_in_keras(optimizer):
    """Among them a learning rate schedule, and a state that depends on the initial weights."""
    assert_equal_to_keras(optimizer, None if has_own_schedule(optimizer) else np.full(5, 0.01))


def build_regularized_networks(n_features):
    """Networks with every kind of loss that a layer can have."""
    encoder = keras.Sequential(
        [
            keras.Input((n_features,)),
            keras.layers.Dense(4, "tanh", kernel_regularizer="l2"),
            keras.layers.Dense(2, bias_regularizer=L1(0.3), activity_regularizer=L2(0.02)),
        ]
    )
    decoder = keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dense(n_features, kernel_regularizer=L2(0.5)),
            keras.layers.ActivityRegularization(l1=0.01),
        ]
    )
    return encoder, decoder


def test_losses_of_layers_are_trained_as_by_keras():
    architecture = Architecture.create(build_regularized_networks, 5)
    (batches,), learning_rates = make_batches(5), np.full(5, 0.05)
    model = architecture.build().autoencoder
    model.set_weights([*chain(*architecture.create_weights(0))])
    model.compile(keras.optimizers.SGD(0.05), loss="mse")
    expected = [model.train_on_batch(samples, samples) for samples in batches]
    own = [loss - np.mean((model(x) - x) ** 2) for loss, x in zip(expected, batches, strict=True)]
    assert min(own) > 0.1  # so they matter
    optimizer = keras.optimizers.SGD(0.05)
    with borrow_pretraining_trainer(architecture, BATCH_SIZE, optimizer) as trainer:
        trainer.reset([*chain(*architecture.create_weights(0))])
        losses = trainer.run([batches], learning_rates, make_seeds(5))
        weights = trainer.get_weights()
    np.testing.assert_allclose(losses[0], expected[0], rtol=1e-5)
    for found, by_keras in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_allclose(found, by_keras, rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize("has_decoder", [False, True])
def test_losses_of_trained_layers_are_part_of_the_refinement(has_decoder):
    """Those of the decoder only where it is trained."""
    architecture = Architecture.create(build_regularized_networks, 5)
    encoder_weights, decoder_weights = architecture.create_weights(0)
    weights = [*encoder_weights, *decoder_weights]
    _, encoder, decoder = networks = architecture.build()
    networks.autoencoder.set_weights(weights)
    samples, p = make_batches(1)[0], np.full((1, BATCH_SIZE, 3), 1 / 3, np.float32)
    centers = np.random.default_rng(0).normal(size=(3, 2)).astype(np.float32)
    z = encoder(samples[0])
    expected = np.mean(kl_divergence(p[0], log_soft_assignment(z, centers, 1.0)))
    expected += sum(map(float, encoder.losses))
    if has_decoder:
        expected += 0.7 * np.mean((decoder(z) - samples[0]) ** 2) + sum(map(float, decoder.losses))
    else:
        weights = encoder_weights
    with borrow_refinement_trainer(
        architecture, 3, 1.0, BATCH_SIZE, keras.optimizers.SGD(), has_decoder=has_decoder
    ) as trainer:
        trainer.reset([*weights, centers])
        loss = trainer.run([samples, p], np.full(1, 0.1), make_seeds(1), [1.0, 0.7])
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


class Sampling(keras.layers.Layer):
    """The layer of a variational autoencoder: draws in training, and has a divergence as loss."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(0)

    def call(self, inputs, training=False):
        mean, log_variance = keras.ops.split(inputs, 2, axis=1)
        if not training:
            return mean
        terms = keras.ops.exp(log_variance) + mean**2 - 1 - log_variance
        self.add_loss(keras.ops.mean(keras.ops.sum(terms, axis=1)) / 2)
        noise = keras.random.normal(keras.ops.shape(mean), seed=self.seed_generator)
        return mean + keras.ops.exp(log_variance / 2) * noise


def test_a_variational_autoencoder_learns_the_prior():
    """The divergence alone, as the reconstruction of noise is worth less, pulls to N(0, 1)."""

    def build(n_features):
        inputs = keras.Input((n_features,))
        encoder = keras.Model(inputs, Sampling()(keras.layers.Dense(4)(inputs)))
        return encoder, keras.Sequential([keras.Input((2,)), keras.layers.Dense(n_features)])

    architecture = Architecture.create(build, 5)
    batches = make_batches(400)
    with borrow_pretraining_trainer(architecture, BATCH_SIZE, keras.optimizers.Adam()) as trainer:
        trainer.reset([*chain(*architecture.create_weights(0))])
        losses = trainer.run(batches, np.full(400, 0.02), make_seeds(400))
        kernel, bias, *_ = trainer.get_weights()
    assert losses[-50:].mean() < 0.7 * losses[:10].mean()
    mean, log_variance = np.split(batches[0].reshape(-1, 5) @ kernel + bias, 2, axis=1)
    assert np.abs(mean).mean() < 0.2
    assert np.abs(log_variance).mean() < 0.2


@pytest.mark.parametrize("rate", [0.0, 0.4])
def test_steps_do_not_depend_on_how_many_are_run_at_once(rate):
    """Nor on the training before, whose state is reset."""
    batches, learning_rates, seeds = make_batches(7), np.linspace(0.1, 0.01, 7), make_seeds(7)
    optimizer = keras.optimizers.Adam(0.1)
    with borrow_pretraining_trainer(ARCHITECTURE, BATCH_SIZE, optimizer, rate) as trainer:
        trainer.reset(get_initial_weights())
        at_once = trainer.run(batches, learning_rates, seeds)
        weights = trainer.get_weights()
        trainer.reset(get_initial_weights())
        parts = [
            trainer.run([source[steps] for source in batches], learning_rates[steps], seeds[steps])
            for steps in (slice(0, 1), slice(1, 7))
        ]
        np.testing.assert_array_equal(np.concatenate(parts), at_once)
        for one, other in zip(trainer.get_weights(), weights, strict=True):
            np.testing.assert_array_equal(one, other)
        assert trainer._run_steps.experimental_get_tracing_count() == 1


def test_learning_rates_reuse_a_trainer_and_other_options_do_not():
    def borrow(optimizer):
        with borrow_pretraining_trainer(ARCHITECTURE, BATCH_SIZE, optimizer) as trainer:
            return trainer

    first = borrow(keras.optimizers.SGD(0.3, momentum=0.25))
    assert borrow(keras.optimizers.SGD(0.7, momentum=0.25, name="another")) is first
    assert borrow(keras.optimizers.SGD(0.3, momentum=0.5)) is not first
    assert borrow(keras.optimizers.Adam(0.3)) is not first


def test_pool_keeps_the_trainers_used_last_for_one_borrower_each(monkeypatch):
    """One whose borrower failed is not kept."""
    pool = []  # so that the compiled trainers of other tests are kept
    monkeypatch.setattr(trainer_module, "_idle_trainers", pool)
    with pytest.raises(KeyboardInterrupt), trainer_module._borrow("key", object):
        raise KeyboardInterrupt
    assert pool == []
    with trainer_module._borrow("key", object) as first:
        with trainer_module._borrow("key", object) as second:
            assert second is not first
        with trainer_module._borrow("key", object) as third:
            assert third is second
    for key in range(50):
        with trainer_module._borrow(key, object):
            pass
    kept = [key for (_, key), _ in pool]
    assert kept == list(range(50 - trainer_module._MAX_IDLE_TRAINERS, 50))
