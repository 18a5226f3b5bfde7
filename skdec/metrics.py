"""Clusters against the classes that someone knows: accuracy and relabelling by the best match.

A cluster's number means nothing, so both functions first pair clusters with classes, one to one,
such that as many rows as possible agree (the assignment problem, solved by SciPy).
"""

from __future__ import annotations

from collections.abc import Hashable
from numbers import Integral
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.metrics.cluster import contingency_matrix

__all__ = ["clustering_accuracy", "match_labels"]

NOISE = -1


def clustering_accuracy(y_true: Any, y_pred: Any) -> float:
    """
    Share of rows that agree when clusters are matched to classes in the best way.

    Each cluster is paired with at most one class and each class with at most one cluster.
    A row counts as right if its cluster is paired with its class.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Classes: integers, booleans, whole floats or strings. Here -1 is a class like any other.
    y_pred : array-like of shape (n_samples,)
        Clusters, of the same kinds; they need not be of the kind of the classes. There may be
        more or fewer of them than classes. The number -1 marks noise, as in scikit-learn: it is
        never paired, so each of its rows counts as wrong.

    Returns
    -------
    float
        Between 0 and 1, where 1 says that clusters and classes are the same up to their names.

    Raises
    ------
    ValueError
        If an argument is empty, not one-dimensional, has missing values or numbers that are not
        whole, or if the two differ in length.
    TypeError
        If labels are neither numbers nor strings, or a mixture of both.

    See Also
    --------
    match_labels : The clusters under the names of the classes.

    Examples
    --------
    >>> from skdec.metrics import clustering_accuracy
    >>> clustering_accuracy(["cat", "cat", "dog", "dog"], [1, 1, 0, 1])
    0.75
    >>> clustering_accuracy([0, 0, 1, 1], [5, 5, -1, -1])
    0.5
    """
    classes, clusters = _label_pair(y_true, y_pred)
    n_right = sum(
        np.count_nonzero((clusters == cluster) & (classes == label))
        for cluster, label in _best_match(classes, clusters).items()
    )
    return float(n_right / len(classes))


def match_labels(y_true: Any, y_pred: Any) -> np.ndarray:
    """
    Rename clusters to the classes that they match best.

    The result reads well in scikit-learn's `confusion_matrix` and `classification_report`, and
    ``accuracy_score(y_true, match_labels(y_true, y_pred))`` equals
    ``clustering_accuracy(y_true, y_pred)``, always.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Classes: integers, booleans, whole floats or strings.
    y_pred : array-like of shape (n_samples,)
        Clusters, of the same kinds; the number -1 marks noise.

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
    clustering_accuracy : The share of rows on which the result agrees with `y_true`.

    Notes
    -----
    A cluster that is left over, because there are more clusters than classes, gets a name that
    no class has, and so does noise:

    - where classes are numbers, the left-over clusters become ``max(y_true) + 1`` (0 at least),
      ``max(y_true) + 2`` and so on in their own order; noise stays -1, or becomes
      ``min(y_true) - 1`` where -1 is itself a class;
    - where classes are strings, a left-over cluster 3 becomes ``"cluster 3"`` and noise
      ``"noise"``; should a class already have that name, underscores are appended.

    Examples
    --------
    >>> from skdec.metrics import match_labels
    >>> match_labels([0, 0, 1, 1, 1], [7, 7, 3, 3, 7]).tolist()
    [0, 0, 1, 1, 0]
    >>> match_labels(["No", "Yes", "Yes"], [0, 1, 2]).tolist()
    ['No', 'Yes', 'cluster 2']
    """
    classes, clusters = _label_pair(y_true, y_pred)
    name_of_cluster = _best_match(classes, clusters)
    left_over = [label for label in np.unique(clusters).tolist() if label not in name_of_cluster]
    if classes.dtype.kind == "U":
        name_of_cluster |= _string_names(left_over, set(classes.tolist()))
    else:
        name_of_cluster |= _number_names(left_over, set(classes.tolist()))
    return np.array([name_of_cluster[cluster] for cluster in clusters.tolist()])


def label_array(labels: Any, name: str) -> np.ndarray:
    """
    Labels as a one-dimensional array of int64 or of strings.

    Parameters
    ----------
    labels : array-like of shape (n_samples,)
        Integers, booleans, whole floats or strings.
    name : str
        What messages call the argument.

    Returns
    -------
    ndarray of shape (n_samples,)
        The labels, of dtype int64 or ``<U``.

    Raises
    ------
    ValueError
        If there are none, or if they are not one-dimensional, missing or not whole.
    TypeError
        If they are neither numbers nor strings, or a mixture of both.

    Examples
    --------
    >>> from skdec.metrics import label_array
    >>> label_array([True, False], "y")
    array([1, 0])
    """
    array = np.asarray(labels)
    if array.ndim != 1:
        raise ValueError(f"{name} must be one-dimensional, got shape {array.shape}.")
    if array.size == 0:
        raise ValueError(f"{name} is empty; at least one label is needed.")
    if array.dtype.kind in "biu":
        return array.astype(np.int64)
    if array.dtype.kind == "f":
        return _whole_numbers(array, name)
    if array.dtype.kind == "U":
        return _as_given(array, labels, name)
    if array.dtype.kind in "OT":
        return _from_objects(array, name)
    raise TypeError(f"{name} must hold integers or strings, got dtype {array.dtype}.")


def _label_pair(y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray]:
    classes, clusters = label_array(y_true, "y_true"), label_array(y_pred, "y_pred")
    if len(classes) != len(clusters):
        raise ValueError(
            "y_true and y_pred must have the same length, "
            f"got {len(classes)} and {len(clusters)} labels."
        )
    return classes, clusters


def _best_match(classes: np.ndarray, clusters: np.ndarray) -> dict[Hashable, Any]:
    """The class of each cluster that gets one; noise is not offered to the matching."""
    offered = np.ones(len(clusters), bool) if clusters.dtype.kind == "U" else clusters != NOISE
    if not offered.any():
        return {}
    # Classes that only noise rows have must not be lost: they are absent from the table, and
    # pairing them with a cluster could not make any row right.
    classes, clusters = classes[offered], clusters[offered]
    rows, columns = linear_sum_assignment(contingency_matrix(classes, clusters), maximize=True)
    class_names, cluster_names = np.unique(classes), np.unique(clusters)
    return dict(zip(cluster_names[columns].tolist(), class_names[rows].tolist(), strict=True))


def _number_names(left_over: list[Any], classes: set[int]) -> dict[Hashable, Any]:
    noise_name = NOISE if NOISE not in classes else min(classes) - 1
    clusters = [label for label in left_over if label != NOISE]
    first = max(*classes, NOISE) + 1
    names = {label: name for name, label in enumerate(clusters, start=first)}
    return {NOISE: noise_name, **names}


def _string_names(left_over: list[Any], taken: set[str]) -> dict[Hashable, Any]:
    names: dict[Hashable, Any] = {}
    for label in left_over:
        name = "noise" if label == NOISE else f"cluster {label}"
        while name in taken:
            name += "_"
        taken.add(name)
        names[label] = name
    return names


def _whole_numbers(array: np.ndarray, name: str) -> np.ndarray:
    broken = np.flatnonzero(~np.isfinite(array))
    if broken.size:
        raise ValueError(f"{name}[{broken[0]}] is {array[broken[0]]}; every row needs a label.")
    fractions = np.flatnonzero(array != np.round(array))
    if fractions.size:
        raise ValueError(
            f"{name}[{fractions[0]}] is {array[fractions[0]]}; labels must be whole numbers "
            "or strings."
        )
    return array.astype(np.int64)


def _from_objects(array: np.ndarray, name: str) -> np.ndarray:
    """Labels from a column of Python objects, such as pandas hands out."""
    for row, label in enumerate(array):
        _raise_if_unusable(label, f"{name}[{row}]")
    is_string = [isinstance(label, str) for label in array]
    if all(is_string):
        return array.astype(str)
    if any(is_string):
        row = is_string.index(True)
        raise TypeError(f"{name} mixes strings with numbers: {name}[{row}] is {array[row]!r}.")
    if any(isinstance(label, (float, np.floating)) for label in array):
        return _whole_numbers(array.astype(np.float64), name)
    return array.astype(np.int64)


def _raise_if_unusable(label: object, where: str) -> None:
    # pandas' NA and NaT are no floats and compare with nothing: their types' names tell them.
    if label is None or type(label).__name__ in {"NAType", "NaTType"} or label != label:
        raise ValueError(f"{where} is {label}; every row needs a label.")
    if not isinstance(label, (str, Integral, float, np.floating, np.bool_)):
        raise TypeError(f"{where} is of type {type(label).__name__}; use integers or strings.")


def _as_given(array: np.ndarray, labels: Any, name: str) -> np.ndarray:
    """Refuse a list that NumPy has silently turned to strings, as it does with ``[1, "a"]``."""
    if isinstance(labels, (list, tuple)) and not all(isinstance(label, str) for label in labels):
        return _from_objects(np.array(labels, dtype=object), name)
    return array
