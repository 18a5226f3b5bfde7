"""Pretraining of the autoencoder, as a whole or layer by layer, and training of its decoder."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import keras
import numpy as np

from skdec._utils.data import DistinctSamples
from skdec.dec.training.checkpoint import Checkpoint
from skdec.dec.training.distribute import check_workers_agree
from skdec.dec.training.inference import DECWeights
from skdec.dec.training.samples import NO_AUGMENTATION, Augmentation, Scaling
from skdec.dec.training.trainer import borrow_decoder_trainer, borrow_pretraining_trainer
from skdec.dec.training.training_loop import TrainingLoop, TrainingSettings
from skdec.networks import Architecture

# The first kernel is larger by this number over the root of the number of features, if that is
# above one, and its units switch up to so many units from the center of the scaled samples.
_STEEPNESS, _REACH = 7.0, 2.0


@dataclass(frozen=True)
class Stage:
    """What is trained in one stage of the pretraining, and how.

    Attributes
    ----------
    settings : TrainingSettings
        Steps, steps per epoch, batch size and optimizer.
    corruption : float
        Fraction of the values that are set to zero in the inputs; the clean ones are reconstructed.
    augmentation : Augmentation
        What the samples go through before; the augmented ones are reconstructed.
    layer : int or None, default=None
        The layer of the encoder that is trained, with the one of the decoder that mirrors it, to
        reconstruct the output of the layers before it; None for the whole autoencoder.
    """

    settings: TrainingSettings
    corruption: float = 0.0
    augmentation: Augmentation = NO_AUGMENTATION
    layer: int | None = None

    @property
    def phase(self) -> str:
        """Name for callbacks and checkpoints."""
        return "pretrain" if self.layer is None else f"layer_{self.layer}"


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


def create_weights(architecture: Architecture, scaling: Scaling | None, seed: int) -> DECWeights:
    """Create the weights with which the pretraining begins.

    Of few features, samples lie densely and the borders between clusters may be winding. There the
    units of the first layer switch all over the scaled samples, not only at their center, and the
    more steeply the fewer features there are.

    Parameters
    ----------
    architecture : Architecture
        The networks. Those of the user keep the weights that they come with.
    scaling : Scaling or None
        What samples go through before the networks; None for networks of the user.
    seed : int
        Seed of the initializers.

    Returns
    -------
    DECWeights
        Initial weights of the encoder and the decoder.
    """
    encoder, decoder = architecture.create_weights(seed)
    factor = _STEEPNESS / np.sqrt(architecture.n_features)
    if scaling is not None and factor > 1:
        kernel = factor * encoder[0]
        lengths = np.linalg.norm(kernel, axis=0)
        distances = np.random.RandomState(seed).uniform(-_REACH, _REACH, len(lengths))
        encoder[:2] = kernel.astype(np.float32), (distances * lengths).astype(np.float32)
    return DECWeights(architecture, encoder, decoder, scaling=scaling)


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
    with borrow_pretraining_trainer(
        weights.architecture,
        stage.settings.batch_size,
        stage.settings.optimizer,
        stage.corruption,
        stage.augmentation,
        stage.layer,
    ) as trainer:
        trainer.reset(weights.autoencoder)
        loop = TrainingLoop(
            trainer,
            stage.settings,
            samples.sample_weight,
            random_state,
            phase=stage.phase,
            callbacks=callbacks,
            checkpoint=checkpoint,
            scaling=weights.scaling,
        )
        loop.resume()
        check_workers_agree(lambda: (stage.phase, samples.digest, loop.get_state()))
        with loop:
            while loop.is_running:
                loss = loop.train_epoch([weights.scale(samples)])
                loop.record(loss=loss)
                if loop.is_running:  # at the end, callbacks may still change the weights
                    loop.save_checkpoint()
        loop.save_checkpoint(force=True)
        return weights.replace_networks(trainer.get_weights()), loop.history


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
        loop = TrainingLoop(trainer, settings, samples.sample_weight, random_state, phase="decoder")
        try:
            with loop:
                while loop.is_running:
                    loop.record(loss=loop.train_epoch([weights.scale(samples), z]))
        except FloatingPointError:  # the clusters do not depend on the decoder
            return weights
        return replace(weights, decoder=trainer.get_weights())
