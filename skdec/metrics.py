"""Compare clusters with known classes: accuracy and relabeling by the best matching.

The labels of clusters are arbitrary, so both functions first match clusters to classes, one to
one, such that as many samples as possible agree (the assignment problem, solved by SciPy).
"""

from collections.abc import Hashable
from numbers import Integral
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.metrics.cluster import contingency_matrix

from skdec.cluster._criterion import border_scores, neighbor_information

__all__ = ["border_scores", "clustering_accuracy", "match_labels", "neighbor_information"]

NOISE = -1


def clustering_accuracy(y_true: Any, y_pred: Any) -> float:
    """Fraction of samples that agree after the best matching of clusters to classes.

    Each cluster is matched to at most one class and each class to at most one cluster. A sample
    counts as correct if its cluster is matched to its class.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Classes: integers, booleans, whole floats or strings. The number -1 is a class like any
        other.
    y_pred : array-like of shape (n_samples,)
        Clusters, with labels of the same types; they may differ in type from the classes. There
        may be more or fewer clusters than classes. The number -1 means noise, as in scikit-learn:
        it is never matched, so each noise sample counts as incorrect.

    Returns
    -------
    float
        Between 0 and 1; 1 if clusters and classes are the same partition.

    Raises
    ------
    ValueError
        If an argument is empty, not one-dimensional, has missing values or numbers that are not
        whole, or if the two differ in length.
    TypeError
        If labels are neither numbers nor strings, or a mixture of both.

    See Also
    --------
    match_labels : Rename the clusters to the matched classes.

    Examples
    --------
    >>> from skdec.metrics import clustering_accuracy
    >>> clustering_accuracy(["cat", "cat", "dog", "dog"], [1, 1, 0, 1])
    0.75
    >>> clustering_accuracy([0, 0, 1, 1], [5, 5, -1, -1])
    0.5
    """
    classes = convert_labels(y_true, "y_true")
    return float(np.mean(match_labels(classes, y_pred) == classes))


def match_labels(y_true: Any, y_pred: Any) -> np.ndarray:
    """Rename clusters to the classes that they match best.

    The result can be passed to scikit-learn's `confusion_matrix` and `classification_report`, and
    ``accuracy_score(y_true, match_labels(y_true, y_pred))`` always equals
    ``clustering_accuracy(y_true, y_pred)``.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Classes: integers, booleans, whole floats or strings.
    y_pred : array-like of shape (n_samples,)
        Clusters, with labels of the same types; the number -1 means noise.

    Returns
    -------
    ndarray of shape (n_samples,)
        Integers (int64) if the classes are numbers, strings if they are strings.

    Raises
    ------
    ValueError
        If an argument is empty, not one-dimensional, has missing values or numbers that are not
        whole, or if the two differ in length.
    TypeError
        If labels are neither numbers nor strings, or a mixture of both.

    See Also
    --------
    clustering_accuracy : Fraction of samples on which the result agrees with `y_true`.

    Notes
    -----
    A cluster that remains unmatched, because there are more clusters than classes, gets a label
    that no class has, and so does noise:

    - if classes are numbers, the unmatched clusters become ``max(y_true) + 1`` (at least 0),
      ``max(y_true) + 2`` and so on, in their order; noise stays -1, or becomes
      ``min(y_true) - 1`` if -1 is itself a class;
    - if classes are strings, an unmatched cluster 3 becomes ``"cluster 3"`` and noise ``"noise"``;
      if a class already has that name, underscores are appended.

    Examples
    --------
    >>> from skdec.metrics import match_labels
    >>> match_labels([0, 0, 1, 1, 1], [7, 7, 3, 3, 7]).tolist()
    [0, 0, 1, 1, 0]
    >>> match_labels(["No", "Yes", "Yes"], [0, 1, 2]).tolist()
    ['No', 'Yes', 'cluster 2']
    """
    classes, clusters = convert_labels(y_true, "y_true"), convert_labels(y_pred, "y_pred")
    if len(classes) != len(clusters):
        raise ValueError(
            "y_true and y_pred must have the same length, "
            f"got {len(classes)} and {len(clusters)} labels."
        )
    new_labels = _match_clusters(classes, clusters)
    unmatched = [label for label in np.unique(clusters).tolist() if label not in new_labels]
    if classes.dtype.kind == "U":
        new_labels |= _create_string_labels(unmatched, set(classes.tolist()))
    else:
        new_labels |= _create_number_labels(unmatched, set(classes.tolist()))
    return np.array([new_labels[cluster] for cluster in clusters.tolist()])


def count_matches(y_true: Any, y_pred: Any) -> tuple[np.ndarray, list[str], list[str]]:
    """Count the samples of each class in each cluster; return the names of both as well.

    The clusters are in the order of the classes that they are matched to, then those without a
    class, and noise last.
    """
    classes, clusters = convert_labels(y_true, "y_true"), convert_labels(y_pred, "y_pred")
    matched = match_labels(classes, clusters)
    labels, first = np.unique(clusters, return_index=True)
    names = np.unique(classes).tolist()
    positions = {name: position for position, name in enumerate(names)}
    order = np.lexsort(
        [labels == NOISE, [positions.get(label, len(names)) for label in matched[first].tolist()]]
    )
    counts = contingency_matrix(classes, clusters)[:, order]
    cluster_names = ["noise" if label == NOISE else str(label) for label in labels[order].tolist()]
    return counts, [str(name) for name in names], cluster_names


def convert_labels(labels: Any, name: str) -> np.ndarray:
    """Convert labels to a one-dimensional array of int64 or of strings.

    Parameters
    ----------
    labels : array-like of shape (n_samples,)
        Integers, booleans, whole floats or strings.
    name : str
        Name of the argument in error messages.

    Returns
    -------
    ndarray of shape (n_samples,)
        The labels, of dtype int64 or ``<U``.

    Raises
    ------
    ValueError
        If there are no labels, or labels are not one-dimensional, missing or not whole numbers.
    TypeError
        If labels are neither numbers nor strings, or a mixture of both.

    Examples
    --------
    >>> from skdec.metrics import convert_labels
    >>> convert_labels([True, False], "y")
    array([1, 0])
    """
    array = np.asarray(labels)
    if array.ndim != 1:
        raise ValueError(f"{name} must be one-dimensional, got shape {array.shape}.")
    if array.size == 0:
        raise ValueError(f"{name} is empty; at least one label is needed.")
    if array.dtype.kind in "biu":
        return array.astype(np.int64)
    # Not the array of a list: NumPy makes strings of the numbers in [1, "a"].
    is_list = isinstance(labels, (list, tuple))
    if array.dtype.kind == "U" and not is_list:
        return array
    values = list(labels if is_list else array)
    for position, label in enumerate(values):
        _check_label(label, name, position)
    is_string = [isinstance(label, str) for label in values]
    if all(is_string):
        return np.array(values, dtype=str)
    if any(is_string):
        position = is_string.index(True)
        raise TypeError(
            f"{name} mixes strings with numbers: {name}[{position}] is {values[position]!r}."
        )
    return np.array(values, dtype=object).astype(np.int64)


def _check_label(label: Any, name: str, position: int) -> None:
    is_missing = label is None or type(label).__name__ in {"NAType", "NaTType"}  # of pandas
    if is_missing or label != label or label in (np.inf, -np.inf):
        raise ValueError(f"{name}[{position}] is {label}; every sample needs a label.")
    if not isinstance(label, (str, Integral, float, np.floating, np.bool_)):
        raise TypeError(
            f"{name} must hold integers or strings, but {name}[{position}] is of type "
            f"{type(label).__name__}."
        )
    if isinstance(label, (float, np.floating)) and label % 1:
        raise ValueError(f"{name}[{position}] is {label}; labels must be whole numbers or strings.")


def _match_clusters(classes: np.ndarray, clusters: np.ndarray) -> dict[Hashable, Any]:
    """Map each matched cluster to its class; noise is never matched."""
    is_cluster = clusters != NOISE
    if not is_cluster.any():
        return {}
    # Classes of which all samples are noise may be left out: matching them to a cluster would not
    # make any sample correct.
    classes, clusters = classes[is_cluster], clusters[is_cluster]
    rows, columns = linear_sum_assignment(contingency_matrix(classes, clusters), maximize=True)
    class_labels, cluster_labels = np.unique(classes), np.unique(clusters)
    return dict(zip(cluster_labels[columns].tolist(), class_labels[rows].tolist(), strict=True))


def _create_number_labels(unmatched: list[Any], classes: set[int]) -> dict[Hashable, Any]:
    noise_label = NOISE if NOISE not in classes else min(classes) - 1
    clusters = [cluster for cluster in unmatched if cluster != NOISE]
    first = max(*classes, NOISE) + 1
    labels = {cluster: label for label, cluster in enumerate(clusters, start=first)}
    return {NOISE: noise_label, **labels}


def _create_string_labels(unmatched: list[Any], existing: set[str]) -> dict[Hashable, Any]:
    labels: dict[Hashable, Any] = {}
    for cluster in unmatched:
        label = "noise" if cluster == NOISE else f"cluster {cluster}"
        while label in existing:
            label += "_"
        existing.add(label)
        labels[cluster] = label
    return labels
