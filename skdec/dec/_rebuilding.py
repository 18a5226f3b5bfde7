"""Rebuilding: neighbors in the embedding of an encoder that has learned to ignore changes.

An encoder that is trained on augmented samples maps a sample and its changed copies close to each
other, so neighbors in its embedding belong to the same cluster more often than those in the input.
"""

from typing import NamedTuple

import numpy as np

from skdec._utils.data import DistinctSamples
from skdec.cluster._graph import Neighbors, build_neighbor_graph
from skdec.cluster._selection import smooth_labels
from skdec.dec._initialization import Initialization
from skdec.dec.training.inference import DECWeights


class Rebuilding(NamedTuple):
    """Neighbors in the embedding, and clusters to begin with that they agree on."""

    neighbors: Neighbors
    initialization: Initialization


def rebuild_neighbors(
    samples: DistinctSamples,
    weights: DECWeights,
    q: np.ndarray,
    n_neighbors: int,
    power: float,
    seed: int,
) -> Rebuilding:
    """Build the neighbor graph of the embedded samples, and smooth the labels over it.

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
    Rebuilding
        Neighbors, and the clusters, centers and targets to begin with.
    """
    z = weights.embed(samples)
    graph = build_neighbor_graph(z, n_neighbors, np.random.RandomState(seed))
    targets = smooth_labels(q.argmax(axis=1), q.shape[1], graph, samples.sample_weight)
    labels = targets.argmax(axis=1).astype(np.int32)
    return Rebuilding(
        Neighbors(graph, z, n_neighbors), Initialization(labels, weights.centers, targets, power)
    )
