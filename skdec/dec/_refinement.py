"""Refinement: train the encoder and the cluster centers together towards sharpened targets.

The paper calls this step "parameter optimization".
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import keras
import numpy as np
import scipy.sparse as sp
from sklearn.exceptions import ConvergenceWarning

from skdec._utils.data import DistinctSamples
from skdec._utils.process import warn_user
from skdec.cluster._graph import (
    build_neighbor_graph,
    compute_neighbor_targets,
    target_distribution,
)
from skdec.cluster._search import NeighborGraph
from skdec.cluster._selection import smooth_labels
from skdec.dec._initialization import Initialization
from skdec.dec.training.checkpoint import Checkpoint
from skdec.dec.training.distribute import check_workers_agree, get_local_slice, sum_over_workers
from skdec.dec.training.inference import DECWeights
from skdec.dec.training.samples import NO_AUGMENTATION, Augmentation
from skdec.dec.training.trainer import Trainer, borrow_refinement_trainer
from skdec.dec.training.training_loop import TrainingLoop, TrainingSettings

# Few rounds of averaging over neighbors, so that the assignments of the network matter.
_N_ROUNDS = 4
# The network has learned the first targets once its labels agree with this fraction of the initial
# ones. From then on the targets follow it; until then, more steps are done while they help.
_MIN_AGREEMENT = 0.99


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
    power : float
        Power of the cluster frequencies by which the targets divide.
    """

    sample_weight: np.ndarray
    graph: sp.csr_array | None = None
    previous_frequencies: Any = 0.0
    power: float = 1.0

    def compute(self, q: np.ndarray) -> np.ndarray:
        """Return the targets p (n, k) of soft assignments q (n, k)."""
        if self.graph is None:
            return target_distribution(q, self.sample_weight, self.previous_frequencies, self.power)
        return compute_neighbor_targets(q, self.graph, _N_ROUNDS, self.sample_weight, self.power)

    def score(self, labels: np.ndarray) -> float:
        """Return the criterion of the initialization for these labels; NaN without neighbors."""
        return np.nan if self.graph is None else self._neighbors.measure(labels).score

    @cached_property
    def _neighbors(self) -> NeighborGraph:
        assert self.graph is not None
        return NeighborGraph(self.graph, self.sample_weight)


@dataclass(frozen=True)
class RefinementResult:
    """Refined weights, soft assignments of all samples, values recorded by phase and update."""

    weights: DECWeights
    q: np.ndarray
    history: dict[str, dict[str, np.ndarray]]
    n_iter: int
    stop_reason: str = ""


def refine(
    samples: DistinctSamples,
    weights: DECWeights,
    initialization: Initialization,
    targets: Targets,
    settings: TrainingSettings,
    random_state: np.random.RandomState,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    checkpoint: Checkpoint = Checkpoint(None),  # noqa: B008  (it has no state)
    reconstruction_weight: float = 0.0,
    augmentation: Augmentation = NO_AUGMENTATION,
    phase: str = "refine",
) -> Iterator[RefinementResult]:
    """Train encoder and centers, updating the targets after every epoch.

    The first targets are those of the initialization, if it has any: centers alone cannot describe
    clusters that are not convex. They stay until the network has learned most of them; then the
    targets follow the network, and an update that leaves a cluster without samples is undone and
    repeated at a lower learning rate; the second time it ends the refinement. With neighbors, the
    weights whose labels share the most information with the neighbors' labels are kept.

    Parameters
    ----------
    samples : DistinctSamples
        Samples and their weights.
    weights : DECWeights
        Weights to begin with; the decoder's stay as they are in DEC.
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
    reconstruction_weight : float, default=0.0
        Weight of the reconstruction error in the loss: 0 as in DEC, above 0 as in IDEC, where the
        decoder is trained as well.
    augmentation : Augmentation
        What the samples go through in training; the targets are those of the samples themselves.
    phase : {"refine", "rebuilt"}, default="refine"
        Name for the history, callbacks and checkpoints.

    Yields
    ------
    RefinementResult
        Refined weights, soft assignments and history: those at the beginning and after each update
        that was not undone, without a stop reason, and in the end those that are kept.
    """
    weights = replace(weights, centers=initialization.centers)
    n_clusters = len(np.unique(initialization.labels))
    decoder = weights.decoder if reconstruction_weight else []
    with borrow_refinement_trainer(
        weights.architecture,
        len(initialization.centers),
        weights.alpha,
        settings.batch_size,
        settings.optimizer,
        augmentation,
        has_decoder=bool(decoder),
    ) as trainer:
        trainer.reset([*weights.encoder, *decoder, weights.centers])
        loop = TrainingLoop(
            trainer,
            settings,
            samples.sample_weight,
            random_state,
            phase=phase,
            metrics=("loss", "changed", "clusters", "agreement", "score"),
            callbacks=callbacks,
            checkpoint=checkpoint,
            scaling=weights.scaling,
        )
        inputs = weights.scale(samples)
        p, labels = initialization.targets, initialization.labels
        initial_score = targets.score(labels)
        is_resumed = loop.resume()
        follows_network = p is None or bool((loop.history["agreement"] >= _MIN_AGREEMENT).any())
        current = _get_weights(weights, trainer)
        q = _assign(samples, current)
        yield RefinementResult(current, q, {phase: loop.history}, loop.n_steps)
        if loop.is_running and (is_resumed or follows_network):
            p = targets.compute(q) if follows_network else p
            labels = q.argmax(axis=1) if is_resumed else labels
        check_workers_agree(lambda: (phase, p, settings.epoch_steps, loop.get_state()))
        with loop:
            while loop.is_running:
                loss = loop.train_epoch([inputs, p], [weights.alpha, reconstruction_weight])
                current = _get_weights(weights, trainer)
                q = _assign(samples, current)
                new_labels = q.argmax(axis=1)
                changed = _compare(new_labels, labels, samples.sample_weight)
                agreement = 1 - _compare(new_labels, initialization.labels, samples.sample_weight)
                n_found, score = len(np.unique(new_labels)), targets.score(new_labels)
                loop.record(
                    loss=loss, changed=changed, clusters=n_found, agreement=agreement, score=score
                )
                if follows_network and n_found < n_clusters:
                    _undo_collapsed_update(loop, n_found, n_clusters)
                    continue
                if targets.graph is not None:
                    learned = min(agreement, _MIN_AGREEMENT) if settings.keeps_labels else 0.0
                    loop.keep_best((n_found, learned, score))
                labels = new_labels
                follows_network = follows_network or agreement >= _MIN_AGREEMENT
                is_extended = not follows_network and loop.extend("agreement")
                is_behind = settings.waits_for_score and all(loop.history["score"] < initial_score)
                if changed < settings.tol and not is_extended and not is_behind:
                    loop.stop("tol")
                if loop.is_running:
                    p = targets.compute(q) if follows_network else p
                    loop.save_checkpoint()
                yield RefinementResult(current, q, {phase: loop.history}, loop.n_steps)
        if loop.n_steps:
            loop.save_checkpoint(force=True)
        loop.restore_best()
        # Since the last update, callbacks may have changed the weights as well.
        final = _get_weights(weights, trainer)
        q = _assign(samples, final)
    yield RefinementResult(final, q, {phase: loop.history}, loop.n_steps, loop.stop_reason)


def run_until_interrupted(
    refinements: Iterator[RefinementResult],
) -> tuple[RefinementResult, KeyboardInterrupt | None]:
    """Return the last state of a refinement, and the Ctrl-C that has ended it, if one has."""
    last = next(refinements)
    try:
        for state in refinements:
            last = state
    except KeyboardInterrupt as interruption:
        return replace(last, stop_reason="interrupted"), interruption
    return last, None


def _compare(labels: np.ndarray, others: np.ndarray, sample_weight: np.ndarray) -> float:
    """Return the fraction of the samples, by weight, whose labels differ."""
    return float(np.average(labels != others, weights=sample_weight))


def _get_weights(weights: DECWeights, trainer: Trainer) -> DECWeights:
    *networks, centers = trainer.get_weights()
    return weights.replace_networks(networks, centers=centers)


def _assign(samples: DistinctSamples, weights: DECWeights) -> np.ndarray:
    """Return the soft assignments of all samples, divided among the workers."""
    return sum_over_workers(weights.assign(samples, get_local_slice(samples.shape[0])))


def _undo_collapsed_update(loop: TrainingLoop, n_found: int, n_clusters: int) -> None:
    if not loop.undo():
        loop.stop("collapse")
    elif loop.is_running:
        warn_user(
            f"After {loop.n_steps} steps of the refinement an update left {n_found} of "
            f"{n_clusters} clusters with samples. It is undone and repeated with a lower learning "
            "rate.",
            ConvergenceWarning,
        )


def rebuild_neighbors(
    samples: DistinctSamples,
    weights: DECWeights,
    q: np.ndarray,
    n_neighbors: int,
    power: float,
    seed: int,
) -> tuple[sp.csr_array, Initialization]:
    """Build the neighbor graph of the embedded samples, and smooth the labels over it.

    An encoder that is trained on augmented samples maps a sample and its changed copies close to
    each other, so neighbors in its embedding belong to the same cluster more often than those in
    the input.

    Parameters
    ----------
    samples : DistinctSamples
        Samples and their weights.
    weights : DECWeights
        Refined weights.
    q : ndarray of shape (n, k)
        Soft assignments by these weights.
    n_neighbors : int
        Number of nearest neighbors of each sample.
    power : float
        Power of the cluster frequencies by which targets divide.
    seed : int
        Seed of the cells in which neighbors of many samples are searched.

    Returns
    -------
    graph : sparse array of shape (n, n)
        Affinities of neighbors.
    initialization : Initialization
        The clusters, centers and targets to begin with.
    """
    z = weights.embed(samples)
    graph = build_neighbor_graph(z, n_neighbors, np.random.RandomState(seed))
    targets = smooth_labels(q.argmax(axis=1), q.shape[1], graph, samples.sample_weight)
    labels = targets.argmax(axis=1).astype(np.int32)
    return graph, Initialization(labels, weights.centers, targets, power)
