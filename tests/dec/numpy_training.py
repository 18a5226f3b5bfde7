"""Training of small networks in plain NumPy, against which the steps of DEC are tested."""

import keras
import numpy as np

from skdec.dec._initialization import Initialization
from skdec.dec._pretraining import Stage, pretrain
from skdec.dec._refinement import Targets, refine
from skdec.dec.training.checkpoint import Checkpoint
from skdec.dec.training.inference import DECWeights
from skdec.dec.training.training_loop import TrainingSettings
from skdec.networks import Architecture

N_SAMPLES, BATCH_SIZE, SEED = 30, 8, 4
ARCHITECTURE = Architecture.create_default(5, (7, 3))
N_ENCODER = 4  # kernels and biases
MOMENTUM = 0.9


class NumPyNet:
    """Dense layers with ReLU between them, in double precision, trained by SGD with momentum."""

    def __init__(self, parameters, linear):
        self.parameters = [np.array(array, float) for array in parameters]
        self.linear = linear  # positions of the layers without activation
        self.velocities = [np.zeros_like(array) for array in self.parameters]

    def compute_activations(self, samples):
        activations = [samples]
        for layer in range(len(self.parameters) // 2):
            sums = activations[-1] @ self.parameters[2 * layer] + self.parameters[2 * layer + 1]
            activations.append(sums if layer in self.linear else np.maximum(sums, 0))
        return activations

    def compute_gradients(self, activations, output_gradient):
        gradients = []
        for layer in reversed(range(len(activations) - 1)):
            if layer not in self.linear:
                output_gradient = output_gradient * (activations[layer + 1] > 0)
            kernel_gradient = activations[layer].T @ output_gradient
            gradients = [kernel_gradient, output_gradient.sum(axis=0), *gradients]
            output_gradient = output_gradient @ self.parameters[2 * layer].T
        return gradients

    def step(self, gradients, learning_rate):
        for i, gradient in enumerate(gradients):
            self.velocities[i] = MOMENTUM * self.velocities[i] - learning_rate * gradient
            self.parameters[i] += self.velocities[i]


def get_encoder(net):
    """Return the encoder of a net whose last parameter is the centers; it shares their arrays."""
    encoder = NumPyNet([], net.linear)
    encoder.parameters = net.parameters[:-1]
    return encoder


def embed(net, X):
    return get_encoder(net).compute_activations(X)[-1]


def draw_batches(n_steps, sample_weight):
    """Return the indices of the samples in each batch, from consecutive epochs.

    With equal weights an epoch is a shuffle of all samples; otherwise systematic resampling draws
    them in proportion to their weights.
    """
    return draw_batches_of_stages(1, n_steps, sample_weight)[0]


def draw_batches_of_stages(n_stages, n_steps, sample_weight):
    """Return the batches of several stages, each of which begins with a new epoch."""
    random_state = np.random.RandomState(SEED)
    bounds = np.cumsum(sample_weight.astype(float)) / sample_weight.astype(float).sum()
    stages = []
    for _ in range(n_stages):
        drawn = np.empty(0, int)
        while len(drawn) < n_steps * BATCH_SIZE:
            epoch = random_state.permutation(N_SAMPLES)
            if np.ptp(sample_weight) > 0:
                points = (np.arange(N_SAMPLES) + random_state.uniform()) / N_SAMPLES
                chosen = [min(int((bounds < point).sum()), N_SAMPLES - 1) for point in points]
                epoch = np.array(chosen)[epoch]
            drawn = np.concatenate([drawn, epoch])
        stages.append(drawn[: n_steps * BATCH_SIZE].reshape(n_steps, BATCH_SIZE))
    return stages


def student_t(z, centers, alpha):
    """Return the kernel (n, k) without its exponent, and the soft assignments."""
    kernel = 1 / (1 + ((z[:, None] - centers[None]) ** 2).sum(axis=2) / alpha)
    q = kernel ** ((alpha + 1) / 2)
    return kernel, q / q.sum(axis=1, keepdims=True)


def sharpen(q, sample_weight=1.0, previous_frequencies=0.0):
    frequencies = np.sum(q * np.reshape(sample_weight, (-1, 1)), axis=0) + previous_frequencies
    p = q**2 / frequencies
    return p / p.sum(axis=1, keepdims=True)


def compute_divergence(z, centers, p, alpha=1.0):
    """Return the mean of KL(p || q), and its gradients by `z` and `centers` (equations 4 and 5)."""
    kernel, q = student_t(z, centers, alpha)
    pull = (alpha + 1) / alpha * kernel * (p - q) / len(z)
    z_gradient = pull.sum(axis=1, keepdims=True) * z - pull @ centers
    centers_gradient = pull.sum(axis=0)[:, None] * centers - pull.T @ z
    return np.mean(np.sum(p * np.log(p / q), axis=1)), z_gradient, centers_gradient


def initialize_in_one_cluster(centers):
    return Initialization(np.zeros(N_SAMPLES, int), centers, None)


def sgd(learning_rate):
    return keras.optimizers.SGD(learning_rate, momentum=MOMENTUM)


def run_pretraining(
    samples, weights, optimizer, n_epochs, has_decay=False, callbacks=(), layers=(None,)
):
    epoch_steps = -(-N_SAMPLES // BATCH_SIZE)
    n_steps = n_epochs * epoch_steps
    settings = TrainingSettings(n_steps, epoch_steps, BATCH_SIZE, optimizer, has_decay)
    return pretrain(
        samples,
        DECWeights(ARCHITECTURE, weights[:N_ENCODER], weights[N_ENCODER:]),
        [Stage(settings, layer=layer) for layer in layers],
        np.random.RandomState(SEED),
        callbacks,
        Checkpoint(None),
    )


def run_refinement(
    samples,
    weights,
    initialization,
    optimizer,
    *,
    graph=None,
    alpha=1.0,
    max_iter=12,
    update_interval=5,
    has_decay=False,
    callbacks=(),
    reconstruction_weight=0.0,
    **settings,
):
    """Return the last of the states of a refinement."""
    encoder, decoder = weights[:N_ENCODER], weights[N_ENCODER:]
    *_, last = refine(
        samples,
        DECWeights(ARCHITECTURE, encoder, decoder, alpha=alpha),
        initialization,
        Targets(samples.sample_weight, graph),
        TrainingSettings(max_iter, update_interval, BATCH_SIZE, optimizer, has_decay, **settings),
        np.random.RandomState(SEED),
        callbacks,
        reconstruction_weight=reconstruction_weight,
    )
    return last


def assert_all_close(found, expected):
    for value, expected_value in zip(found, expected, strict=True):
        np.testing.assert_allclose(value, expected_value, rtol=2e-4, atol=1e-5)
