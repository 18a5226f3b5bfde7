"""Pretraining: train the autoencoder to reconstruct the samples."""

from collections.abc import Sequence
from typing import NamedTuple

import keras
import numpy as np

from skdec._engine.checkpoint import Checkpoint
from skdec._engine.data import DistinctSamples
from skdec._engine.distribute import check_workers_agree
from skdec._engine.inference import DECWeights
from skdec._engine.trainer import borrow_pretraining_trainer
from skdec._engine.training_loop import TrainingLoop, TrainingSettings


class PretrainingResult(NamedTuple):
    """Weights of the autoencoder, values recorded in each epoch, and why the training ended."""

    weights: DECWeights
    history: dict[str, np.ndarray]
    stop_reason: str


def pretrain(
    samples: DistinctSamples,
    weights: DECWeights,
    settings: TrainingSettings,
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
    settings : TrainingSettings
        Steps, steps per epoch, batch size and optimizer.
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
    architecture = weights.architecture
    with borrow_pretraining_trainer(
        architecture, settings.batch_size, settings.optimizer
    ) as trainer:
        trainer.reset(weights.autoencoder)
        loop = TrainingLoop(
            trainer,
            settings,
            samples.sample_weight,
            random_state,
            phase="pretrain",
            metrics=("loss",),
            callbacks=callbacks,
            checkpoint=checkpoint,
        )
        loop.resume()
        check_workers_agree(lambda: ("pretrain", samples.digest, loop.get_state()))
        with loop:
            while loop.is_running:
                loss = loop.train_epoch([samples])
                loop.record(loss=loss)
                if loop.is_running:  # at the end, callbacks may still change the weights
                    loop.save_checkpoint()
        if loop.stop_reason != "interrupted":
            loop.save_checkpoint(force=True)
        trained = DECWeights.from_autoencoder(architecture, trainer.get_weights())
        return PretrainingResult(trained, loop.history, loop.stop_reason)
