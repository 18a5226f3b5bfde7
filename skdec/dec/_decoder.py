"""Decoder: train it on the refined embedding, so that it reconstructs samples again.

The refinement moves the encoder away from the decoder of the pretraining. Training the decoder
alone afterwards repairs that and cannot change the clusters.
"""

from dataclasses import replace

import numpy as np

from skdec._utils.data import DistinctSamples
from skdec.dec.training.checkpoint import Checkpoint
from skdec.dec.training.inference import DECWeights
from skdec.dec.training.trainer import borrow_decoder_trainer
from skdec.dec.training.training_loop import TrainingLoop, TrainingSettings


def train_decoder(
    samples: DistinctSamples,
    weights: DECWeights,
    settings: TrainingSettings,
    random_state: np.random.RandomState,
) -> tuple[DECWeights, str]:
    """Train the decoder to reconstruct the samples from their embedding.

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
    weights : DECWeights
        The same encoder and centers, the trained decoder.
    stop_reason : str
        "max_iter", "interrupted" by Ctrl-C, or "diverged", which leaves the decoder as it was.
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
            return weights, "diverged"
        return replace(weights, decoder=trainer.get_weights()), loop.stop_reason
