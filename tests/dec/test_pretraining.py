"""Pretraining compared with backpropagation in NumPy, step by step."""

import numpy as np
import pytest
from numpy_training import (
    N_SAMPLES,
    NumPyNet,
    assert_all_close,
    draw_batches,
    draw_batches_of_stages,
    initialize_in_one_cluster,
    run_pretraining,
    run_refinement,
    sgd,
)
from sklearn.exceptions import ConvergenceWarning

from skdec._utils.data import DistinctSamples


@pytest.mark.parametrize("has_decay", [False, True])
def test_pretraining_equals_backpropagation(distinct_samples, X, weights, has_decay):
    n_epochs, epoch_steps = 4, 4  # 30 samples in batches of 8
    result = run_pretraining(distinct_samples, weights, sgd(0.05), n_epochs, has_decay)
    net, losses = NumPyNet(weights, linear=(1, 3)), []
    for step, indices in enumerate(
        draw_batches(n_epochs * epoch_steps, distinct_samples.sample_weight)
    ):
        activations = net.compute_activations(X[indices])
        error = activations[-1] - X[indices]
        losses.append(np.mean(error**2))
        learning_rate = 0.05
        if has_decay:
            learning_rate *= (1 + np.cos(np.pi * step / (n_epochs * epoch_steps))) / 2
        gradients = net.compute_gradients(activations, 2 * error / error.size)
        net.step(gradients, learning_rate)
    assert_all_close(result.weights.autoencoder, net.parameters)
    epoch_losses = np.reshape(losses, (n_epochs, epoch_steps)).mean(axis=1)
    np.testing.assert_allclose(result.history["pretrain"]["loss"], epoch_losses, rtol=1e-4)
    assert epoch_losses[-1] < epoch_losses[0]


def test_layers_are_trained_one_by_one(distinct_samples, X, weights):
    """Each layer with its mirror image, to reconstruct what the layers before it return."""
    n_epochs, learning_rate = 3, 0.05
    result = run_pretraining(distinct_samples, weights, sgd(learning_rate), n_epochs, layers=(0, 1))
    batches = draw_batches_of_stages(2, n_epochs * 4, distinct_samples.sample_weight)
    parameters, inputs, losses = [np.array(array, float) for array in weights], X, []
    for layer, (encoder, decoder, linear) in enumerate([(0, 6, (1,)), (2, 4, (0,))]):
        positions = [encoder, encoder + 1, decoder, decoder + 1]
        net = NumPyNet([parameters[i] for i in positions], linear)
        for indices in batches[layer]:
            activations = net.compute_activations(inputs[indices])
            error = activations[-1] - inputs[indices]
            losses.append(np.mean(error**2))
            net.step(net.compute_gradients(activations, 2 * error / error.size), learning_rate)
        for i, array in zip(positions, net.parameters, strict=True):
            parameters[i] = array
        inputs = net.compute_activations(inputs)[1]
    assert_all_close(result.weights.autoencoder, parameters)
    layers = result.history["layers"]
    np.testing.assert_array_equal(layers["layer"], [0, 0, 0, 1, 1, 1])
    np.testing.assert_allclose(layers["loss"], np.reshape(losses, (6, 4)).mean(axis=1), rtol=1e-4)
    assert result.history["pretrain"]["loss"].size == 0


@pytest.mark.parametrize("phase", ["pretrain", "refine"])
def test_what_diverged_is_repeated_once_at_a_tenth_of_the_learning_rate(
    weights, centers, diverge, phase
):
    def train(learning_rate):
        samples = DistinctSamples(np.random.default_rng(0).normal(size=(N_SAMPLES, 5)))
        if phase == "pretrain":
            return run_pretraining(samples, weights, sgd(learning_rate), 2)
        initialization = initialize_in_one_cluster(centers)
        return run_refinement(samples, weights, initialization, sgd(learning_rate), max_iter=6)

    diverge(1)
    with pytest.warns(ConvergenceWarning, match=r"became nan after 0 steps.* 0\.1 times"):
        result = train(0.1)
    diverge(0)
    runs = result, train(0.1), train(0.01)
    kernel, fast_kernel, slow_kernel = (run.weights.encoder[0] for run in runs)
    assert not np.allclose(kernel, fast_kernel, atol=1e-4)
    # The batches are others, the learning rate is the same: the weights change about as much.
    changes = [np.abs(array - weights[0]).sum() for array in (kernel, slow_kernel)]
    assert 0.5 < changes[0] / changes[1] < 2
    assert np.isfinite(result.history[phase]["loss"]).all()
    diverge(2)
    error = pytest.raises(FloatingPointError, match="Scale the features of X alike")
    with pytest.warns(ConvergenceWarning), error:
        train(0.1)
    train(0.1)  # the next one succeeds
