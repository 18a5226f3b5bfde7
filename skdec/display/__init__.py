"""Plots that follow scikit-learn's Display convention; matplotlib is imported when needed."""

from skdec.display._agreement import ConfusionDisplay
from skdec.display._cluster_count import ClusterCountDisplay
from skdec.display._comparison import ComparisonDisplay
from skdec.display._embedding import EmbeddingDisplay
from skdec.display._history import HistoryDisplay
from skdec.display._images import PrototypesDisplay, ReconstructionDisplay
from skdec.display._profile import ProfileDisplay
from skdec.display._sizes import ClusterSizesDisplay, SilhouetteDisplay

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
