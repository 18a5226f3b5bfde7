"""Refinement: train the encoder and the cluster centers together towards sharpened targets.

The paper calls this step "parameter optimization".
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
import scipy.sparse as sp
from sklearn.exceptions import ConvergenceWarning

from skdec._engine.checkpoint import Checkpoint
from skdec._engine.data import DistinctSamples
from skdec._engine.distribute import check_workers_agree, get_local_slice, sum_over_workers
from skdec._engine.inference import DECWeights
from skdec._engine.trainer import Trainer, borrow_refinement_trainer
from skdec._engine.training_loop import TrainingLoop, TrainingSettings
from skdec._math import target_distribution
from skdec._steps.initialization import Initialization
from skdec._steps.neighbors import compute_neighbor_targets

# Few rounds of averaging over neighbors, so that the assignments of the network matter.
_N_ROUNDS = 4


@dataclass(frozen=True)
class Targets:
    """How the target distribution is computed from the soft assignments.

    Attributes
    ----------
    sample_weight : ndarray of shape (n,)
        Weights of the samples.
    graph : sparse array of shape (n, n), or None
        Affinities of neighbors, whose assignments are averaged; None for the targets of the paper.
    previous_frequencies : ndarray of shape (k,) or float
        Cluster frequencies of earlier samples (`partial_fit`), added to those of these samples.
    """

    sample_weight: np.ndarray
    graph: sp.csr_array | None = None
    previous_frequencies: Any = 0.0

    def compute(self, q: np.ndarray) -> np.ndarray:
        """Return the targets p (n, k) of soft assignments q (n, k)."""
        if self.graph is None:
            return target_distribution(q, self.sample_weight, self.previous_frequencies)
        return compute_neighbor_targets(q, self.graph, _N_ROUNDS, self.sample_weight)


@dataclass(frozen=True)
class RefinementResult:
    """Refined weights, soft assignments of all samples, values recorded at each update."""

    weights: DECWeights
    q: np.ndarray
    history: dict[str, np.ndarray]
    n_iter: int
    stop_reason: str


def refine(
    samples: DistinctSamples,
    weights: DECWeights,
    initialization: Initialization,
    targets: Targets,
    settings: TrainingSettings,
    random_state: np.random.RandomState,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    checkpoint: Checkpoint = Checkpoint(None),  # noqa: B008  (it has no state)
) -> RefinementResult:
    """Train encoder and centers, updating the targets after every epoch.

    The first targets are those of the initialization, if it has any: centers alone cannot describe
    clusters that are not convex. An update that leaves a cluster without samples is undone and
    repeated at a lower learning rate; the second time it ends the refinement.

    Parameters
    ----------
    samples : DistinctSamples
        Samples and their weights.
    weights : DECWeights
        Weights of the encoder to begin with; the decoder's stay as they are.
    initialization : Initialization
        Centers to begin with, labels and first targets.
    targets : Targets
        Computes the targets from the soft assignments.
    settings : TrainingSettings
        Steps, steps between two updates, batch size, optimizer and tolerance.
    random_state : RandomState
        Shuffles the samples.
    callbacks : sequence of keras.callbacks.Callback
        Called at every update.
    checkpoint : Checkpoint
        Where the state is saved and resumed from.

    Returns
    -------
    RefinementResult
        Refined weights, soft assignments and history.
    """
    weights = replace(weights, centers=initialization.centers)
    with borrow_refinement_trainer(
        weights.architecture, len(initialization.centers), settings.batch_size, settings.optimizer
    ) as trainer:
        trainer.reset([*weights.encoder, weights.centers])
        loop = TrainingLoop(
            trainer,
            settings,
            samples.sample_weight,
            random_state,
            phase="refine",
            metrics=("loss", "changed", "clusters"),
            callbacks=callbacks,
            checkpoint=checkpoint,
        )
        p, labels, q = initialization.targets, initialization.labels, None
        n_clusters = len(np.unique(labels if p is None else p.argmax(axis=1)))
        if loop.resume() or p is None or not loop.is_running:
            q = _assign(samples, weights, trainer)
            p = targets.compute(q)
            labels = q.argmax(axis=1) if loop.n_steps else labels
        check_workers_agree(
            lambda: ("refine", p, settings.epoch_steps, settings.tol, loop.get_state())
        )
        with loop:
            while loop.is_running:
                loss = loop.train_epoch([samples, p], [weights.alpha])
                q = _assign(samples, weights, trainer)
                new_labels = q.argmax(axis=1)
                changed = np.average(new_labels != labels, weights=samples.sample_weight)
                n_found = len(np.unique(new_labels))
                loop.record(loss=loss, changed=float(changed), clusters=n_found)
                if n_found < n_clusters:
                    q = None
                    _undo_collapsed_update(loop, n_found, n_clusters)
                    continue
                labels = new_labels
                if changed < settings.tol:
                    loop.stop_reason = "tol"
                elif loop.is_running:
                    p = targets.compute(q)
                    loop.save_checkpoint()
        refined = _get_weights(weights, trainer)
        if q is None or loop.stop_reason == "interrupted":
            q = _assign(samples, weights, trainer)
    return RefinementResult(refined, q, loop.history, loop.n_steps, loop.stop_reason)


def _get_weights(weights: DECWeights, trainer: Trainer) -> DECWeights:
    *encoder, centers = trainer.get_weights()
    return replace(weights, encoder=encoder, centers=centers)


def _assign(samples: DistinctSamples, weights: DECWeights, trainer: Trainer) -> np.ndarray:
    """Return the current soft assignments of all samples, divided among the workers."""
    local = get_local_slice(samples.shape[0])
    return sum_over_workers(_get_weights(weights, trainer).assign(samples, local))


def _undo_collapsed_update(loop: TrainingLoop, n_found: int, n_clusters: int) -> None:
    if not loop.undo():
        loop.stop_reason = "collapse"
        return
    loop.stop_reason = "max_iter"
    warnings.warn(
        f"After {loop.n_steps} steps of the refinement an update left {n_found} of {n_clusters} "
        "clusters with samples. It is undone and repeated with a lower learning rate.",
        ConvergenceWarning,
        stacklevel=4,
    )
