"""Refinement compared with the paper's gradients in NumPy, step by step and update by update."""

import warnings

import keras
import numpy as np
import pytest
from numpy_training import (
    ARCHITECTURE,
    N_ENCODER,
    N_SAMPLES,
    NumPyNet,
    assert_all_close,
    compute_divergence,
    draw_batches,
    embed,
    get_encoder,
    initialize_in_one_cluster,
    run_pretraining,
    run_refinement,
    sgd,
    sharpen,
    student_t,
)
from sklearn.exceptions import ConvergenceWarning

from skdec._utils.data import DistinctSamples
from skdec.cluster._graph import build_neighbor_graph
from skdec.dec._initialization import Initialization
from skdec.dec._refinement import Targets
from skdec.dec.training import inference, trainer
from skdec.dec.training.inference import DECWeights


def build_graph_of_four_neighbors(samples):
    return build_neighbor_graph(samples[np.arange(N_SAMPLES)], 4, np.random.RandomState(0))


def average_and_sharpen(dense_graph):
    """Return a function that computes targets by four rounds of averaging and sharpening."""

    def compute_targets(q, sample_weight):
        for _ in range(4):
            q = sharpen(dense_graph @ q, sample_weight)
        return q

    return compute_targets


@pytest.mark.parametrize("has_decay", [False, True])
@pytest.mark.parametrize("alpha", [1.0, 3.0])
@pytest.mark.parametrize("with_neighbors", [False, True])
def test_refinement_follows_the_gradient_of_the_paper(
    distinct_samples, X, weights, centers, alpha, with_neighbors, has_decay
):
    """Equations 4 and 5 of the paper, over the samples of a batch; targets from all samples."""
    max_iter, update_interval, learning_rate = 12, 5, 0.2
    graph = build_graph_of_four_neighbors(distinct_samples) if with_neighbors else None
    compute_targets = average_and_sharpen(graph.toarray()) if with_neighbors else sharpen
    sample_weight = distinct_samples.sample_weight
    initialization = Initialization(np.full(N_SAMPLES, -1), centers, None)
    result = run_refinement(
        distinct_samples,
        weights,
        initialization,
        sgd(learning_rate),
        graph=graph,
        alpha=alpha,
        has_decay=has_decay,
    )

    net = NumPyNet([*weights[:N_ENCODER], centers], linear=(1,))
    labels, changed, losses = initialization.labels, [], []
    _, q = student_t(embed(net, X), net.parameters[-1], alpha)
    p = compute_targets(q, sample_weight)
    kept, best_rank = None, (0, -np.inf)
    score = Targets(sample_weight, graph).score
    for step, indices in enumerate(draw_batches(max_iter, sample_weight)):
        encoder = get_encoder(net)
        activations = encoder.compute_activations(X[indices])
        loss, z_gradient, mu_gradient = compute_divergence(
            activations[-1], net.parameters[-1], p[indices], alpha
        )
        losses.append(loss)
        decay = (1 + np.cos(np.pi * step / max_iter)) / 2 if has_decay else 1
        gradients = [*encoder.compute_gradients(activations, z_gradient), mu_gradient]
        net.step(gradients, learning_rate * decay)
        if (step + 1) % update_interval == 0 or step + 1 == max_iter:
            _, q = student_t(embed(net, X), net.parameters[-1], alpha)
            changed.append(np.average(q.argmax(axis=1) != labels, weights=sample_weight))
            labels, p = q.argmax(axis=1), compute_targets(q, sample_weight)
            rank = (len(np.unique(labels)), score(labels))
            if not with_neighbors or rank > best_rank:
                best_rank, kept = rank, (q, [array.copy() for array in net.parameters])

    q, parameters = kept  # with neighbors those with the highest score, else the last
    assert_all_close([*result.weights.encoder, result.weights.centers], parameters)
    for array, pretrained in zip(result.weights.decoder, weights[N_ENCODER:], strict=True):
        np.testing.assert_array_equal(array, pretrained)  # not refined
    np.testing.assert_allclose(result.q, q, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(result.history["refine"]["changed"], changed)
    expected = [np.mean(losses[:5]), np.mean(losses[5:10]), np.mean(losses[10:])]
    np.testing.assert_allclose(result.history["refine"]["loss"], expected, rtol=1e-3)
    assert result.n_iter == max_iter
    assert np.abs(result.weights.centers - centers).max() > 0.01


def test_idec_adds_the_gradient_of_the_reconstruction_error(distinct_samples, X, weights, centers):
    """Of encoder and decoder; one update interval, so that the targets are constant."""
    n_steps, learning_rate, weight = 4, 0.2, 0.7
    initialization = initialize_in_one_cluster(centers)
    result = run_refinement(
        distinct_samples,
        weights,
        initialization,
        sgd(learning_rate),
        max_iter=n_steps,
        reconstruction_weight=weight,
    )
    net = NumPyNet([*weights, centers], linear=(1, 3))
    _, q = student_t(embed(NumPyNet([*weights[:N_ENCODER], centers], (1,)), X), centers, 1.0)
    p, losses = sharpen(q, distinct_samples.sample_weight), []
    for indices in draw_batches(n_steps, distinct_samples.sample_weight):
        autoencoder = get_encoder(net)
        activations = autoencoder.compute_activations(X[indices])
        divergence, z_gradient, mu_gradient = compute_divergence(
            activations[2], net.parameters[-1], p[indices]
        )
        error = activations[-1] - X[indices]
        losses.append(divergence + weight * np.mean(error**2))
        gradients = autoencoder.compute_gradients(activations, weight * 2 * error / error.size)
        encoder = NumPyNet([], linear=(1,))
        encoder.parameters = net.parameters[:N_ENCODER]
        for i, gradient in enumerate(encoder.compute_gradients(activations[:3], z_gradient)):
            gradients[i] = gradients[i] + gradient
        net.step([*gradients, mu_gradient], learning_rate)
    assert_all_close([*result.weights.autoencoder, result.weights.centers], net.parameters)
    np.testing.assert_allclose(result.history["refine"]["loss"], np.mean(losses), rtol=1e-3)
    assert np.abs(result.weights.decoder[0] - weights[N_ENCODER]).max() > 0.001


def test_first_targets_are_those_of_the_initialization(distinct_samples, X, weights, centers):
    """One step towards given targets depends on these alone."""
    targets = np.random.default_rng(2).dirichlet((9, 1, 1, 1), N_SAMPLES).astype(np.float32)
    targets[targets.argmax(axis=1) > 0] = 0.25  # only the first cluster has samples to lose
    initialization = Initialization(np.zeros(N_SAMPLES, int), centers, targets)
    result = run_refinement(distinct_samples, weights, initialization, sgd(0.5), max_iter=1)
    net = NumPyNet([*weights[:N_ENCODER], centers], linear=(1,))
    (indices,) = draw_batches(1, distinct_samples.sample_weight)
    encoder = get_encoder(net)
    activations = encoder.compute_activations(X[indices])
    _, z_gradient, mu_gradient = compute_divergence(activations[-1], centers, targets[indices])
    net.step([*encoder.compute_gradients(activations, z_gradient), mu_gradient], 0.5)
    assert_all_close([*result.weights.encoder, result.weights.centers], net.parameters)


def count_traces():
    """Return how often each of the compiled programs has been traced."""
    programs = [
        *(idle._run_steps for _, idle in trainer._idle_trainers),
        *inference.compile_programs(ARCHITECTURE),
    ]
    return {id(program): program.experimental_get_tracing_count() for program in programs}


def test_second_fit_of_the_same_shapes_traces_nothing(weights, centers):
    def train(seed, learning_rate, alpha):
        samples = DistinctSamples(np.random.default_rng(seed).normal(size=(N_SAMPLES, 5)))
        pretrained = run_pretraining(samples, weights, sgd(learning_rate), 2).weights.autoencoder
        initialization = initialize_in_one_cluster(centers)
        run_refinement(samples, pretrained, initialization, sgd(learning_rate), alpha=alpha)

    train(0, 0.1, 1.0)
    before = count_traces()
    assert set(before.values()) <= {0, 1}
    train(1, 0.2, 2.0)
    assert count_traces() == before


@pytest.fixture
def empty_clusters(monkeypatch):
    """Function that leaves samples only in the first cluster after the given updates, from 0."""

    def empty_after(*updates):
        n_calls = iter(range(-1, 100))  # the first call is before all updates

        def assign(self, X, selection=slice(None)):
            n_clusters = 1 if next(n_calls) in updates else 4
            return np.eye(4, dtype=np.float32)[np.arange(N_SAMPLES) % n_clusters]

        monkeypatch.setattr(DECWeights, "assign", assign)

    return empty_after


def initialize_in_four_clusters(centers):
    labels = np.arange(N_SAMPLES) % 4
    return Initialization(labels, centers, np.eye(4, dtype=np.float32)[labels])


def refine_updates(samples, weights, centers, n_updates, **options):
    initialization = initialize_in_four_clusters(centers)
    options |= {"max_iter": 2 * n_updates, "update_interval": 2}
    return run_refinement(samples, weights, initialization, sgd(1e-3), **options)


def test_collapsed_update_is_repeated_at_a_lower_learning_rate(
    distinct_samples, weights, centers, empty_clusters, monkeypatch
):
    targets = initialize_in_four_clusters(centers).targets
    monkeypatch.setattr(Targets, "compute", lambda self, q: targets)
    empty_clusters()
    one_update = refine_updates(distinct_samples, weights, centers, 1)
    undisturbed = refine_updates(distinct_samples, weights, centers, 2)
    assert undisturbed.history["refine"]["clusters"].tolist() == [4, 4]
    empty_clusters(1)
    message = "update left 1 of 4 clusters with samples. It is undone"
    with pytest.warns(ConvergenceWarning, match=message):
        result = refine_updates(distinct_samples, weights, centers, 2)
    assert result.history["refine"]["clusters"].tolist() == [4, 1, 4]
    assert (result.stop_reason, result.n_iter) == ("max_iter", 4)
    # The repeated update changes the centers a tenth as much as the undisturbed one.
    change, undisturbed_change = (
        np.linalg.norm(run.weights.centers - one_update.weights.centers)
        for run in (result, undisturbed)
    )
    assert 0.02 < change / undisturbed_change < 0.3


def test_a_callback_ends_the_refinement_at_an_update_that_is_undone(
    distinct_samples, weights, centers, empty_clusters
):
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = logs["clusters"] < 4

    empty_clusters(1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nothing is repeated
        result = refine_updates(distinct_samples, weights, centers, 4, callbacks=[Stop()])
    assert (result.stop_reason, result.n_iter) == ("callback", 2)
    assert len(np.unique(result.q.argmax(axis=1))) == 4


def test_second_collapse_ends_the_refinement_before_it(
    distinct_samples, weights, centers, empty_clusters
):
    empty_clusters()
    one_update = refine_updates(distinct_samples, weights, centers, 1)
    empty_clusters(1, 2)
    with pytest.warns(ConvergenceWarning, match="It is undone"):
        result = refine_updates(distinct_samples, weights, centers, 4)
    assert (result.stop_reason, result.n_iter) == ("collapse", 2)
    assert result.history["refine"]["clusters"].tolist() == [4, 1, 1]
    assert len(np.unique(result.q.argmax(axis=1))) == 4
    for array, before in zip(result.weights.encoder, one_update.weights.encoder, strict=True):
        np.testing.assert_array_equal(array, before)
    np.testing.assert_array_equal(result.weights.centers, one_update.weights.centers)


@pytest.fixture
def refine_to_labels(X, distinct_samples, weights, centers, monkeypatch):
    """Function that runs a refinement whose updates misplace the given numbers of samples."""

    def run(numbers, **settings):
        labels = (X[:, 0] > 0).astype(int)
        assigned = iter([0, *numbers])  # the first one is before all updates

        def assign(self, samples, selection=slice(None)):
            wrong = np.where(np.arange(N_SAMPLES) < next(assigned), 1 - labels, labels)
            return np.eye(4, dtype=np.float32)[wrong]

        monkeypatch.setattr(DECWeights, "assign", assign)
        initialization = Initialization(labels, centers, np.eye(4, dtype=np.float32)[labels])
        graph = build_graph_of_four_neighbors(distinct_samples)
        initial_score = Targets(distinct_samples.sample_weight, graph).score(labels)
        result = run_refinement(
            distinct_samples,
            weights,
            initialization,
            sgd(1e-3),
            graph=graph,
            update_interval=2,
            **settings,
        )
        return result.stop_reason, result.history["refine"], initial_score

    return run


def test_equal_labels_end_the_refinement_only_with_the_score_of_the_initial_ones(refine_to_labels):
    n_wrong, steps = [1, 1, 0, 0, 0], {"max_iter": 20, "tol": 0.01}
    stop_reason, history, initial_score = refine_to_labels(n_wrong, waits_for_score=True, **steps)
    assert history["changed"][1] == 0
    assert history["score"][1] < initial_score == history["score"][3]
    assert (stop_reason, len(history["score"])) == ("tol", 4)
    # A given number of steps is never exceeded, nor needed.
    stop_reason, history, _ = refine_to_labels(n_wrong, **steps)
    assert (stop_reason, len(history["score"])) == ("tol", 2)


def test_steps_are_repeated_while_more_samples_agree_with_the_initial_labels(refine_to_labels):
    n_wrong = [5, 5, 4, 4, 4, 4, 4, 4, 4]
    stop_reason, history, _ = refine_to_labels(n_wrong, max_iter=4, max_cycles=4)
    assert (stop_reason, len(history["agreement"])) == ("max_iter", 6)
    assert history["agreement"][0] < history["agreement"][2] == history["agreement"][5]
