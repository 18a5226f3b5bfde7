"""Plots that follow scikit-learn's Display convention; matplotlib is imported when needed."""

from skdec.display._clusters import (
    ClusterSizesDisplay,
    ConfusionDisplay,
    ProfileDisplay,
    SilhouetteDisplay,
)
from skdec.display._embedding import EmbeddingDisplay
from skdec.display._images import PrototypesDisplay, ReconstructionDisplay
from skdec.display._scores import ClusterCountDisplay, ComparisonDisplay, HistoryDisplay

__all__ = [
    "ClusterCountDisplay",
    "ClusterSizesDisplay",
    "ComparisonDisplay",
    "ConfusionDisplay",
    "EmbeddingDisplay",
    "HistoryDisplay",
    "ProfileDisplay",
    "PrototypesDisplay",
    "ReconstructionDisplay",
    "SilhouetteDisplay",
]
