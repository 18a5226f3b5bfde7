"""Keras objects that users pass: callbacks, optimizers, schedules, policies."""

import csv

import keras
import numpy as np
import pytest
from keras.callbacks import (
    CSVLogger,
    ReduceLROnPlateau,
    TensorBoard,
)

import skdec
from skdec import DECClusterer
from skdec.dec.training.checkpoint import describe


class ScaledSGD(keras.optimizers.SGD):
    """An optimizer class of the user's, not registered with Keras."""


class HalvingSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule class of the user's, not registered with Keras."""

    def __call__(self, step):
        return 0.1 * 0.5 ** (keras.ops.cast(step, "float32") / 10)

    def get_config(self):
        return {}


class CountBatches(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.losses = {"pretrain": [], "refine": []}
        self.n_begun = 0

    def on_train_batch_begin(self, batch, logs=None):
        self.n_begun += 1

    def on_train_batch_end(self, batch, logs=None):
        self.losses[self.params["phase"]].append(logs["loss"])


def test_csv_logger_writes_both_phases(tiny, samples, tmp_path):
    path = tmp_path / "history.csv"
    logger = CSVLogger(path)
    for _ in range(2):  # the second fit replaces what the first has written
        dec = DECClusterer(**tiny, callbacks=[logger]).fit(samples)
    with path.open() as file:
        lines = list(csv.DictReader(file))
    n_pretrain, n_refine = (len(dec.history_[phase]["loss"]) for phase in ("pretrain", "refine"))
    assert len(lines) == n_pretrain + n_refine
    losses = [float(line["loss"]) for line in lines]
    expected = np.concatenate([dec.history_[phase]["loss"] for phase in ("pretrain", "refine")])
    np.testing.assert_allclose(losses, expected)
    assert {line["changed"] for line in lines[:n_pretrain]} == {"NA"}
    changed = [float(line["changed"]) for line in lines[n_pretrain:]]
    np.testing.assert_allclose(changed, dec.history_["refine"]["changed"])
    assert not logger.append


def test_tensorboard_writes_events(tiny, samples, tmp_path):
    DECClusterer(**tiny, callbacks=[TensorBoard(tmp_path, write_graph=False)]).fit(samples)
    content = b"".join(path.read_bytes() for path in tmp_path.rglob("events.out.tfevents*"))
    for name in (b"epoch_loss", b"epoch_changed", b"epoch_learning_rate"):
        assert name in content


def test_batch_hooks_are_called_at_every_step(tiny, samples):
    counter = CountBatches()
    dec = DECClusterer(**tiny, tol=0.0, callbacks=[counter]).fit(samples)
    plain = DECClusterer(**tiny, tol=0.0).fit(samples)
    np.testing.assert_array_equal(dec.cluster_centers_, plain.cluster_centers_)
    n_steps = 5 * -(-len(samples) // tiny["batch_size"])
    assert len(counter.losses["pretrain"]) == n_steps
    assert len(counter.losses["refine"]) == dec.n_iter_
    assert counter.n_begun == n_steps + dec.n_iter_
    np.testing.assert_allclose(
        np.mean(counter.losses["pretrain"][:5]), dec.history_["pretrain"]["loss"][0], rtol=1e-5
    )


def test_batch_hooks_of_a_lambda_callback_are_called(tiny, samples):
    batches = []
    record = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: batches.append(batch)
    )
    dec = DECClusterer(**tiny, tol=0.0, callbacks=[record]).fit(samples)
    assert len(batches) == 5 * -(-len(samples) // tiny["batch_size"]) + dec.n_iter_


def test_reduce_lr_on_plateau_lowers_the_learning_rate(tiny, samples):
    rates = []

    class Record(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            rates.append(float(self.model.optimizer.learning_rate))

    plateau = ReduceLROnPlateau(monitor="loss", factor=0.5, patience=1, min_delta=10.0)
    parameters = {**tiny, "pretrain_optimizer": keras.optimizers.SGD(0.08), "max_iter": 0}
    DECClusterer(**parameters, callbacks=[plateau, Record()]).fit(samples)
    np.testing.assert_allclose(rates, [0.08, 0.08, 0.04, 0.02, 0.01], rtol=1e-5)


@pytest.mark.parametrize("name", ["pretrain_optimizer", "optimizer"])
@pytest.mark.parametrize(
    "optimizer",
    [keras.optimizers.RMSprop(0.01), ScaledSGD(0.05), keras.optimizers.SGD(HalvingSchedule())],
    ids=["instance", "class", "schedule"],
)
def test_optimizers_are_used_and_not_modified(tiny, samples, fitted, name, optimizer):
    config = describe(optimizer, by_name=True)
    dec = DECClusterer(**{**tiny, name: optimizer}).fit(samples)
    assert describe(optimizer, by_name=True) == config
    assert not optimizer.built
    assert not np.array_equal(dec.cluster_centers_, fitted.cluster_centers_)
    again = DECClusterer(**{**tiny, name: optimizer}).fit(samples)
    np.testing.assert_array_equal(dec.labels_, again.labels_)
    assert np.isfinite(dec.cluster_centers_).all()


def make_decaying(exclusions=(), **settings):
    optimizer = keras.optimizers.AdamW(0.05, weight_decay=0.5, **settings)
    if exclusions:
        optimizer.exclude_from_weight_decay(var_names=exclusions)
    return optimizer


@pytest.mark.slow
def test_exclusions_from_weight_decay_are_copied(tiny, samples, tmp_path):
    def fit(*exclusions, **options):
        optimizer = make_decaying(exclusions)
        return DECClusterer(**tiny, optimizer=optimizer, **options).fit(samples)

    everything, nothing = fit(), fit("kernel", "bias", "centers")
    assert np.linalg.norm(everything.cluster_centers_) < np.linalg.norm(nothing.cluster_centers_)
    without_decay = keras.optimizers.AdamW(0.05, weight_decay=0.0)
    expected = DECClusterer(**tiny, optimizer=without_decay).fit(samples)
    np.testing.assert_allclose(nothing.cluster_centers_, expected.cluster_centers_, atol=1e-5)
    descriptions = [describe(make_decaying(names)) for names in ("ab", "ba", "")]
    assert descriptions[0] == descriptions[1] != descriptions[2]
    with pytest.raises(ValueError, match=r"^optimizer=.* cannot be saved"):
        skdec.save(nothing, tmp_path / "model.skdec")


def test_settings_without_effect_are_refused(tiny, samples):
    by_variable = keras.optimizers.AdamW()
    by_variable.exclude_from_weight_decay(var_list=[keras.Variable([1.0])])
    averaging = {"use_ema": True, "ema_momentum": 0.5}
    for optimizer, message in [
        (keras.optimizers.SGD(lambda: 0.01), "learning rate of optimizer is a function"),
        (make_decaying(**averaging), "use_ema=True, which has an effect only"),
        (by_variable, "exclude them by var_names"),
    ]:
        with pytest.raises(ValueError, match=message):
            DECClusterer(**tiny, optimizer=optimizer).fit(samples)
    averaged = make_decaying(**averaging, ema_overwrite_frequency=2)
    centers = [
        DECClusterer(**tiny, optimizer=optimizer).fit(samples).cluster_centers_
        for optimizer in (averaged, make_decaying())
    ]
    assert not np.allclose(*centers)


def test_a_global_policy_changes_nothing(tiny, samples, fitted):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        dec = DECClusterer(**tiny).fit(samples)
        assert dec.model_(samples[:2].astype(np.float32)).dtype == "float32"
    finally:
        keras.config.set_dtype_policy(before)
    np.testing.assert_array_equal(dec.cluster_centers_, fitted.cluster_centers_)
