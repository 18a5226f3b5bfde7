"""Clusters on a neighbor graph, without a network."""

from skdec.cluster._neighbor_clusterer import NeighborClusterer

__all__ = ["NeighborClusterer"]
