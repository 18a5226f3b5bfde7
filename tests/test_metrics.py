"""Matching compared with an exhaustive search, and labels of every type."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, classification_report, confusion_matrix

from skdec.metrics import clustering_accuracy, count_matches, match_labels


def accuracy_by_search(y_true, y_pred):
    """The best accuracy of all one-to-one matchings, by exhaustive search."""
    classes, clusters = sorted(set(y_true)), sorted(set(y_pred) - {-1})
    # With None among the candidates, any cluster can remain unmatched.
    candidates = classes + [None] * len(clusters)
    best = 0
    for chosen in permutations(candidates, len(clusters)):
        class_of = dict(zip(clusters, chosen, strict=True))
        hits = sum(class_of.get(c) == t for t, c in zip(y_true, y_pred, strict=True))
        best = max(best, hits)
    return best / len(y_true)


label_pairs = st.lists(st.tuples(st.integers(0, 3), st.integers(-1, 3)), min_size=1, max_size=25)
label_types = st.sampled_from(["numbers", "strings", "negative"])


def convert(labels, label_type):
    if label_type == "strings":
        return [f"class {label}" for label in labels]
    return [label - 2 for label in labels] if label_type == "negative" else labels


@given(label_pairs, label_types)
def test_the_best_of_all_matchings_is_found_and_keeps_the_partition(pairs, label_type):
    y_true, y_pred = map(list, zip(*pairs, strict=True))
    y_true = convert(y_true, label_type)
    accuracy, matched = clustering_accuracy(y_true, y_pred), match_labels(y_true, y_pred)
    assert accuracy == accuracy_by_search(y_true, y_pred)
    assert accuracy == accuracy_score(y_true, matched)
    assert len(set(zip(matched.tolist(), y_pred, strict=True))) == len(set(y_pred))
    assert len(set(matched.tolist())) == len(set(y_pred))


@given(label_pairs, st.permutations([10, 20, 30, 40]))
def test_accuracy_does_not_depend_on_the_labels_of_the_clusters(pairs, names):
    y_true, y_pred = map(list, zip(*pairs, strict=True))
    renamed = [c if c == -1 else names[c] for c in y_pred]
    assert clustering_accuracy(y_true, renamed) == clustering_accuracy(y_true, y_pred)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=25))
def test_accuracy_is_symmetric_and_bounded_without_noise(pairs):
    left, right = map(list, zip(*pairs, strict=True))
    accuracy = clustering_accuracy(left, right)
    assert accuracy == clustering_accuracy(right, left)
    assert 1 / len(pairs) <= accuracy <= 1


def test_minus_one_is_noise_among_clusters_and_an_ordinary_class_and_string():
    assert clustering_accuracy([0, 0, 1, 1], [-1, -1, 4, 4]) == 0.5
    assert clustering_accuracy(["a", "b"], [-1, -1]) == 0.0
    assert clustering_accuracy([-1, -1, 1], [0, 0, 2]) == 1.0
    assert clustering_accuracy(["x", "x", "y"], ["-1", "-1", "0"]) == 1.0


def test_other_numbers_of_clusters_than_of_classes():
    y_true, y_pred = [0, 0, 0, 3, 3, 3], [5, 5, 9, 2, 2, 1]
    assert clustering_accuracy(y_true, y_pred) == pytest.approx(4 / 6)
    # The unmatched clusters, 1 and 9, get the numbers after the greatest class, in their order.
    assert match_labels(y_true, y_pred).tolist() == [0, 0, 5, 3, 3, 4]
    assert match_labels([0, 1, 1, 2], [8, 6, 6, 6]).tolist() == [0, 1, 1, 1]


@pytest.mark.parametrize(
    ("y_true", "expected"),
    [([0, 0, 1], [0, 0, -1]), ([-1, -1, 1], [-1, -1, -2]), ([-7, -7, 1], [-7, -7, -1])],
)
def test_noise_gets_a_number_that_is_not_a_class(y_true, expected):
    assert match_labels(y_true, [3, 3, -1]).tolist() == expected


def test_unmatched_clusters_and_noise_get_strings_that_are_not_classes():
    y_true = ["noise", "noise", "cluster 2", "cluster 2", "noise"]
    matched = match_labels(y_true, [0, 0, 1, 2, -1])
    assert matched.tolist() == ["noise", "noise", "cluster 2", "cluster 2_", "noise_"]


def test_matched_labels_work_in_scikit_learns_reports():
    y_true, y_pred = ["No", "No", "Yes", "Yes", "Yes"], [1, 1, 0, 0, 1]
    matched = match_labels(y_true, y_pred)
    assert confusion_matrix(y_true, matched).tolist() == [[2, 0], [1, 2]]
    assert classification_report(y_true, matched, output_dict=True)["accuracy"] == 0.8


@pytest.mark.parametrize(
    "labels",
    [
        [True, False, True],
        np.array([200, 3, 200], dtype=np.uint8),
        np.array([1.0, 2.0, 1.0], dtype=np.float32),
        pd.Series([1, 2, 1], dtype="Int64"),
        pd.Series(["u", "v", "u"], dtype="category"),
        np.array(["u", "v", "u"], dtype=object),
        np.array([2**60, 2**60 + 1, 2**60], dtype=object),
    ],
    ids=str,
)
def test_every_type_of_labels_is_accepted(labels):
    assert clustering_accuracy(labels, [4, 0, 4]) == 1.0
    assert clustering_accuracy([4, 0, 4], labels) == 1.0
    assert clustering_accuracy(labels, [4, 4, 4]) == pytest.approx(2 / 3)


def test_unmatched_clusters_do_not_overflow_a_narrow_dtype():
    assert match_labels(np.array([255, 255], dtype=np.uint8), [0, 1]).tolist() in (
        [255, 256],
        [256, 255],
    )


@pytest.mark.parametrize(
    ("y_true", "y_pred", "error", "message"),
    [
        ([0, 1], [0], ValueError, "same length, got 2 and 1"),
        ([], [], ValueError, "y_true is empty"),
        ([[0, 1]], [0, 1], ValueError, r"y_true must be one-dimensional, got shape \(1, 2\)"),
        ([0, 1], [0, np.nan], ValueError, r"y_pred\[1\] is nan"),
        ([0, 1], [0, np.inf], ValueError, r"y_pred\[1\] is inf"),
        ([0, 0.5], [0, 1], ValueError, r"y_true\[1\] is 0.5; labels must be whole"),
        (["a", None], [0, 1], ValueError, r"y_true\[1\] is None"),
        (["a", np.nan], [0, 1], ValueError, r"y_true\[1\] is nan"),
        (np.array([1, pd.NA], dtype=object), [0, 1], ValueError, r"y_true\[1\] is <NA>"),
        ([1, "a"], [0, 1], TypeError, r"y_true mixes strings with numbers: y_true\[1\] is 'a'"),
        (np.array([1j, 2]), [0, 1], TypeError, "y_true must hold integers or strings"),
        (np.array([(1,), 2], dtype=object), [0, 1], TypeError, r"y_true\[0\] is of type tuple"),
    ],
    ids=str,
)
def test_invalid_labels_raise_with_the_name_of_the_argument(y_true, y_pred, error, message):
    with pytest.raises(error, match=message):
        clustering_accuracy(y_true, y_pred)
    with pytest.raises(error, match=message):
        match_labels(y_true, y_pred)


def test_clusters_are_in_the_order_of_their_classes():
    counts, classes, clusters = count_matches(["No", "No", "Yes", "Yes", "Yes"], [1, 1, 0, 0, 2])
    assert counts.tolist() == [[2, 0, 0], [0, 2, 1]]
    assert classes == ["No", "Yes"]
    assert clusters == ["1", "0", "2"]
    counts, _, clusters = count_matches([0, 0, 1, 1, 1, 1], [1, 1, 0, 0, 2, -1])
    assert counts.tolist() == [[2, 0, 0, 0], [0, 2, 1, 1]]
    assert clusters == ["1", "0", "2", "noise"]
    counts, _, clusters = count_matches([0, 1, 1, 2], [5, 5, 5, 3])
    assert counts.tolist() == [[1, 0], [2, 0], [0, 1]]
    assert clusters == ["5", "3"]
