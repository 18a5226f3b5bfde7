"""Pretraining of the autoencoder, as a whole or layer by layer, and training of its decoder."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import NamedTuple

import keras
import numpy as np

from skdec._utils.data import DistinctSamples
from skdec.dec.training.augmentation import NO_AUGMENTATION, NO_CORRUPTION, Augmentation, Corruption
from skdec.dec.training.checkpoint import Checkpoint
from skdec.dec.training.distribute import check_workers_agree
from skdec.dec.training.inference import DECWeights
from skdec.dec.training.trainer import (
    Trainer,
    borrow_decoder_trainer,
    borrow_layer_trainer,
    borrow_pretraining_trainer,
)
from skdec.dec.training.training_loop import TrainingLoop, TrainingSettings
from skdec.networks import Architecture

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

    def borrow_trainer(self, architecture: Architecture) -> AbstractContextManager[Trainer]:
        """Borrow the compiled training step."""
        arguments = self.settings.batch_size, self.settings.optimizer
        changes = self.corruption, self.augmentation
        if self.layer is None:
            return borrow_pretraining_trainer(architecture, *arguments, *changes)
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
    """

    weights: DECWeights
    history: dict[str, dict[str, np.ndarray]]


def create_weights(samples: DistinctSamples, architecture: Architecture, seed: int) -> DECWeights:
    """Create the weights with which the pretraining begins.

    Where the samples are far from zero compared with their spread, such as temperatures in Kelvin,
    the first biases of the encoder subtract their mean, and the last ones of the decoder add it.
    Otherwise that mean alone would decide the outputs of the networks and their gradients.

    Parameters
    ----------
    samples : DistinctSamples
        Samples.
    architecture : Architecture
        The networks. Those of the user keep the weights that they come with.
    seed : int
        Seed of the initializers.

    Returns
    -------
    DECWeights
        Initial weights of the encoder and the decoder.
    """
    encoder, decoder = architecture.create_weights(seed)
    if architecture.is_fully_connected:
        # Distinct samples are in no order, so the first ones are like all others.
        some = samples[:_N_MEAN_SAMPLES].astype(np.float64)
        mean, spread = some.mean(axis=0), np.sqrt(some.var(axis=0).sum())
        if np.linalg.norm(mean) > _MAX_OFFSET * spread:
            kernel, bias = encoder[:2]
            encoder[1] = (bias - mean @ kernel).astype(np.float32)
            decoder[-1] = (decoder[-1] + mean).astype(np.float32)
    return DECWeights(architecture, encoder, decoder)


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
    for stage in stages:
        weights, histories[stage.layer] = _train_stage(
            samples, weights, stage, random_state, callbacks, checkpoint
        )
    return PretrainingResult(weights, _join_histories(histories))


def _train_stage(
    samples: DistinctSamples,
    weights: DECWeights,
    stage: Stage,
    random_state: np.random.RandomState,
    callbacks: Sequence[keras.callbacks.Callback],
    checkpoint: Checkpoint,
) -> tuple[DECWeights, dict[str, np.ndarray]]:
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
        loop.save_checkpoint(force=True)
        return weights.replace_autoencoder(trainer.get_weights()), loop.history


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


def train_decoder(
    samples: DistinctSamples,
    weights: DECWeights,
    settings: TrainingSettings,
    random_state: np.random.RandomState,
) -> DECWeights:
    """Train the decoder to reconstruct the samples from their refined embedding.

    The refinement moves the encoder away from the decoder of the pretraining. Training the decoder
    alone afterwards repairs that and cannot change the clusters.

    Parameters
    ----------
    samples : DistinctSamples
        Samples and their weights.
    weights : DECWeights
        Refined weights.
    settings : TrainingSettings
        Steps, batch size and optimizer.
    random_state : RandomState
        Shuffles the samples.

    Returns
    -------
    DECWeights
        The same encoder and centers, the trained decoder; it stays as it was if it diverges.
    """
    architecture = weights.architecture
    z = weights.embed(samples)
    with borrow_decoder_trainer(architecture, settings.batch_size, settings.optimizer) as trainer:
        trainer.reset(weights.decoder)
        loop = TrainingLoop(
            trainer,
            settings,
            samples.sample_weight,
            random_state,
            phase="decoder",
            metrics=("loss",),
            callbacks=(),
            checkpoint=Checkpoint(None),
        )
        try:
            with loop:
                while loop.is_running:
                    loop.record(loss=loop.train_epoch([samples, z]))
        except FloatingPointError:  # the clusters do not depend on the decoder
            return weights
        return replace(weights, decoder=trainer.get_weights())
