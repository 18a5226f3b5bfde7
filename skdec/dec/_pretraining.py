"""Pretraining: train the autoencoder to reconstruct the samples, as a whole or layer by layer."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple

import keras
import numpy as np

from skdec._utils.data import DistinctSamples
from skdec.dec.training.augmentation import NO_AUGMENTATION, NO_CORRUPTION, Augmentation, Corruption
from skdec.dec.training.checkpoint import Checkpoint
from skdec.dec.training.distribute import check_workers_agree
from skdec.dec.training.inference import DECWeights
from skdec.dec.training.trainer import Trainer, borrow_layer_trainer, borrow_pretraining_trainer
from skdec.dec.training.training_loop import TrainingLoop, TrainingSettings
from skdec.networks import AnyArchitecture, Architecture

# Distance of the mean from zero, in root mean squared distances of the samples from it, up to which
# the networks learn as well as around zero.
_MAX_OFFSET = 4.0
_N_MEAN_SAMPLES = 256


@dataclass(frozen=True)
class Stage:
    """What is trained in one stage of the pretraining, and how.

    Attributes
    ----------
    settings : TrainingSettings
        Steps, steps per epoch, batch size and optimizer.
    corruption : Corruption
        Makes the inputs from which the clean ones are reconstructed.
    augmentation : Augmentation
        What the samples go through before; the augmented ones are reconstructed.
    layer : int or None, default=None
        The layer of the encoder that is trained, with the one of the decoder that mirrors it, to
        reconstruct the output of the layers before it; None for the whole autoencoder.
    """

    settings: TrainingSettings
    corruption: Corruption = NO_CORRUPTION
    augmentation: Augmentation = NO_AUGMENTATION
    layer: int | None = None

    @property
    def phase(self) -> str:
        """Name for callbacks and checkpoints."""
        return "pretrain" if self.layer is None else f"layer_{self.layer}"

    def borrow_trainer(self, architecture: AnyArchitecture) -> AbstractContextManager[Trainer]:
        """Borrow the compiled training step."""
        arguments = self.settings.batch_size, self.settings.optimizer
        changes = self.corruption, self.augmentation
        if self.layer is None:
            return borrow_pretraining_trainer(architecture, *arguments, *changes)
        assert isinstance(architecture, Architecture)
        return borrow_layer_trainer(architecture, self.layer, *arguments, *changes)


class PretrainingResult(NamedTuple):
    """Result of the pretraining.

    Attributes
    ----------
    weights : DECWeights
        Weights of the autoencoder.
    history : dict of dict of ndarray
        "pretrain": values recorded in each epoch of the whole autoencoder; "layers": those of the
        layers, if they were trained one by one.
    stop_reason : str
        "max_iter", or why a stage ended earlier.
    """

    weights: DECWeights
    history: dict[str, dict[str, np.ndarray]]
    stop_reason: str


def create_weights(
    samples: DistinctSamples, architecture: AnyArchitecture, seed: int
) -> DECWeights:
    """Create the weights with which the pretraining begins.

    Where the samples are far from zero compared with their spread, such as temperatures in Kelvin,
    the first biases of the encoder subtract their mean, and the last ones of the decoder add it.
    Otherwise that mean alone would decide the outputs of the networks and their gradients.

    Parameters
    ----------
    samples : DistinctSamples
        Samples.
    architecture : Architecture or CustomArchitecture
        The networks. Those of the user keep the weights that they come with.
    seed : int
        Seed of the initializers.

    Returns
    -------
    DECWeights
        Initial weights of the encoder and the decoder.
    """
    weights = architecture.create_weights(seed)
    if isinstance(architecture, Architecture):
        # Distinct samples are in no order, so the first ones are like all others.
        some = samples[:_N_MEAN_SAMPLES].astype(np.float64)
        mean, spread = some.mean(axis=0), np.sqrt(some.var(axis=0).sum())
        if np.linalg.norm(mean) > _MAX_OFFSET * spread:
            kernel, bias = weights[:2]
            weights[1] = (bias - mean @ kernel).astype(np.float32)
            weights[-1] = (weights[-1] + mean).astype(np.float32)
    return DECWeights.from_autoencoder(architecture, weights)


def pretrain(
    samples: DistinctSamples,
    weights: DECWeights,
    stages: Sequence[Stage],
    random_state: np.random.RandomState,
    callbacks: Sequence[keras.callbacks.Callback],
    checkpoint: Checkpoint,
) -> PretrainingResult:
    """Train the autoencoder to reconstruct the samples, by their mean squared error.

    Parameters
    ----------
    samples : DistinctSamples
        Samples and their weights.
    weights : DECWeights
        Initial weights of the encoder and the decoder.
    stages : sequence of Stage
        What is trained, one stage after the other.
    random_state : RandomState
        Shuffles the samples.
    callbacks : sequence of keras.callbacks.Callback
        Called in every epoch.
    checkpoint : Checkpoint
        Where the state is saved and resumed from.

    Returns
    -------
    PretrainingResult
        Trained weights and history.
    """
    histories: dict[int | None, dict[str, np.ndarray]] = {}
    stop_reasons = ["max_iter"]
    for stage in stages:
        weights, histories[stage.layer], stop_reason = _train_stage(
            samples, weights, stage, random_state, callbacks, checkpoint
        )
        if stop_reason != "max_iter":
            stop_reasons.append(stop_reason)
        if stop_reason == "interrupted":
            break
    return PretrainingResult(weights, _join_histories(histories), stop_reasons[-1])


def _train_stage(
    samples: DistinctSamples,
    weights: DECWeights,
    stage: Stage,
    random_state: np.random.RandomState,
    callbacks: Sequence[keras.callbacks.Callback],
    checkpoint: Checkpoint,
) -> tuple[DECWeights, dict[str, np.ndarray], str]:
    with stage.borrow_trainer(weights.architecture) as trainer:
        trainer.reset(weights.autoencoder)
        loop = TrainingLoop(
            trainer,
            stage.settings,
            samples.sample_weight,
            random_state,
            phase=stage.phase,
            metrics=("loss",),
            callbacks=callbacks,
            checkpoint=checkpoint,
        )
        loop.resume()
        check_workers_agree(lambda: (stage.phase, samples.digest, loop.get_state()))
        with loop:
            while loop.is_running:
                loss = loop.train_epoch([samples])
                loop.record(loss=loss)
                if loop.is_running:  # at the end, callbacks may still change the weights
                    loop.save_checkpoint()
        if loop.stop_reason != "interrupted":
            loop.save_checkpoint(force=True)
        trained = DECWeights.from_autoencoder(weights.architecture, trainer.get_weights())
        return trained, loop.history, loop.stop_reason


def _join_histories(
    histories: dict[int | None, dict[str, np.ndarray]],
) -> dict[str, dict[str, np.ndarray]]:
    """Return the history of the whole autoencoder and, if there were any, of the layers."""
    nothing = {name: np.empty(0) for name in ("loss", "learning_rate", "seconds")}
    joined = {"pretrain": histories.pop(None, nothing)}
    if histories:
        joined["layers"] = {
            "layer": np.repeat(list(histories), [len(one["loss"]) for one in histories.values()]),
            **{name: np.concatenate([one[name] for one in histories.values()]) for name in nothing},
        }
    return joined
