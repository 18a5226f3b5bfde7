"""The confusion matrix after matching."""

import numpy as np
from matplotlib import pyplot
from sklearn.metrics import confusion_matrix

from skdec.display import ConfusionDisplay


def test_matched_clusters_are_on_the_diagonal(clustered, style, assert_no_overlap, random):
    moved = (clustered.labels + 1) % clustered.n_clusters
    wrong = random(0).integers(clustered.n_clusters, size=len(moved))
    clusters = np.where(random(1).random(len(moved)) < 0.2, wrong, moved)
    display = ConfusionDisplay.from_predictions(clustered.labels, clusters)
    expected = confusion_matrix(clustered.labels, (clusters - 1) % clustered.n_clusters)
    np.testing.assert_array_equal(display.confusion_matrix, expected)
    assert display.accuracy == np.trace(expected) / expected.sum()
    assert display.ax_.get_title() == f"Accuracy {display.accuracy:.3f}"
    assert [text.get_text() for text in display.texts_] == [str(n) for n in expected[expected > 0]]
    assert_no_overlap(display.figure_, display.texts_)


def test_long_names_are_turned_and_symbols_are_no_mathematics(assert_no_overlap):
    classes = [f"a name_of^class ${i}$" for i in range(6)]
    display = ConfusionDisplay.from_predictions(classes, [*range(6)])
    assert_no_overlap(display.figure_)
    large = ConfusionDisplay(np.diag([999, 9949, 1_500_000]), range(3), range(3)).plot()
    assert [text.get_text() for text in large.texts_] == ["999", "9.9k", "1.5M"]
    assert not any(label.get_parse_math() for label in display.ax_.get_yticklabels())


def test_counts_are_left_out_where_they_do_not_fit():
    _, ax = pyplot.subplots(figsize=(1, 1))
    display = ConfusionDisplay(np.full((30, 30), 1000), range(30), range(30)).plot(ax=ax)
    assert display.texts_ == []
    assert not ax.texts


def test_predictions_of_an_estimator_are_counted(fitted, samples):
    display = ConfusionDisplay.from_estimator(fitted, samples, fitted.labels_)
    assert display.confusion_matrix.tolist() == np.diag(np.bincount(fitted.labels_)).tolist()
