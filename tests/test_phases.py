"""The two phases against backpropagation written out in NumPy, update by update."""

import keras
import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from skdec import _compiled, _phases
from skdec._compiled import Trainer
from skdec._neighbors import leading_components, neighbor_graph
from skdec._phases import pretrain, refine
from skdec._rows import DistinctRows
from skdec._start import Start
from skdec.networks import Architecture, build_autoencoder

N_ROWS, BATCH, SEED = 30, 8, 4
ARCHITECTURE = Architecture(5, (7, 3), "relu")
N_ENCODER = 4  # kernels and biases
MOMENTUM = 0.9


@pytest.fixture(scope="module", params=[False, True], ids=["equal rows", "weighted rows"])
def rows(request):
    X = np.random.default_rng(0).normal(size=(N_ROWS, 5))
    return DistinctRows(X, np.random.default_rng(3).random(N_ROWS) if request.param else None)


@pytest.fixture(scope="module")
def X(rows):  # noqa: N802
    """The rows in the order in which the phases number them."""
    return rows[np.arange(N_ROWS)].astype(float)


@pytest.fixture(scope="module")
def weights():
    return build_autoencoder(*ARCHITECTURE, seed=1).autoencoder.get_weights()


@pytest.fixture(scope="module")
def centers():
    return np.random.default_rng(1).normal(size=(4, 3)).astype(np.float32) * 0.3


class NumPyNet:
    """Dense layers with ReLU between them, in double precision, trained by SGD with momentum."""

    def __init__(self, parameters, linear):
        self.parameters = [np.array(array, float) for array in parameters]
        self.linear = linear  # places of the layers without activation
        self.velocities = [np.zeros_like(array) for array in self.parameters]

    def activations(self, rows):
        found = [rows]
        for layer in range(len(self.parameters) // 2):
            sums = found[-1] @ self.parameters[2 * layer] + self.parameters[2 * layer + 1]
            found.append(sums if layer in self.linear else np.maximum(sums, 0))
        return found

    def gradients(self, activations, of_output):
        found = []
        for layer in reversed(range(len(activations) - 1)):
            if layer not in self.linear:
                of_output = of_output * (activations[layer + 1] > 0)
            found = [activations[layer].T @ of_output, of_output.sum(axis=0), *found]
            of_output = of_output @ self.parameters[2 * layer].T
        return found

    def step(self, gradients, rate):
        for at, gradient in enumerate(gradients):
            self.velocities[at] = MOMENTUM * self.velocities[at] - rate * gradient
            self.parameters[at] += self.velocities[at]


def stream(n_steps):
    """Batches of one shuffle of all rows after the other."""
    random = np.random.RandomState(SEED)
    shuffles = [random.permutation(N_ROWS) for _ in range(n_steps)]
    return np.concatenate(shuffles)[: n_steps * BATCH].reshape(n_steps, BATCH)


def student_t(z, centers, alpha):
    """Kernel (n, k) without its exponent, and soft assignments."""
    kernel = 1 / (1 + ((z[:, None] - centers[None]) ** 2).sum(axis=2) / alpha)
    q = kernel ** ((alpha + 1) / 2)
    return kernel, q / q.sum(axis=1, keepdims=True)


def sharpened(q, weights):
    p = q**2 / (weights @ q)
    return p / p.sum(axis=1, keepdims=True)


def in_one_cluster(centers):
    return Start(np.zeros(N_ROWS, int), centers, None)


def sgd(rate):
    return keras.optimizers.SGD(rate, momentum=MOMENTUM)


def pretrained(rows, weights, optimizer, n_epochs, decay=False, callbacks=()):
    return pretrain(
        rows,
        ARCHITECTURE,
        weights,
        optimizer,
        n_epochs=n_epochs,
        batch_size=BATCH,
        decay=decay,
        random_state=np.random.RandomState(SEED),
        callbacks=callbacks,
    )


def refined(rows, weights, start, optimizer, *, graph=None, alpha=1.0, **changes):
    settings = {"max_iter": 12, "update_interval": 5, "tol": 0.0, "decay": False, "callbacks": ()}
    return refine(
        rows,
        ARCHITECTURE,
        weights[:N_ENCODER],
        start,
        graph,
        alpha,
        optimizer,
        batch_size=BATCH,
        random_state=np.random.RandomState(SEED),
        **settings | changes,
    )


def assert_all_close(found, expected):
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=2e-4, atol=1e-5)


@pytest.mark.parametrize("decay", [False, True])
def test_pretraining_is_backpropagation(rows, X, weights, decay):
    n_epochs, epoch_steps = 4, 4  # 30 rows in batches of 8
    found = pretrained(rows, weights, sgd(0.05), n_epochs, decay)
    net, losses = NumPyNet(weights, linear=(1, 3)), []
    for step, indices in enumerate(stream(n_epochs * epoch_steps)):
        activations = net.activations(X[indices])
        error = activations[-1] - X[indices]
        weight = rows.weights[indices, None]
        losses.append(np.mean(weight * error**2))
        rate = 0.05
        if decay:
            rate *= (1 + np.cos(np.pi * step / (n_epochs * epoch_steps))) / 2
        net.step(net.gradients(activations, 2 * weight * error / error.size), rate)
    assert_all_close(found.weights, net.parameters)
    epoch_losses = np.reshape(losses, (n_epochs, epoch_steps)).mean(axis=1)
    np.testing.assert_allclose(found.history["loss"], epoch_losses, rtol=1e-4)
    assert epoch_losses[-1] < epoch_losses[0]


def four_neighbors(rows):
    components = leading_components(rows, np.random.RandomState(0))
    return neighbor_graph(components, N_ROWS, 4, np.random.RandomState(0))


def neighbors_agree(dense_graph):
    """Targets of four rounds of averaging over neighbours and sharpening."""

    def targets(q, weights):
        for _ in range(4):
            q = sharpened(dense_graph @ q, weights)
        return q

    return targets


@pytest.mark.parametrize("decay", [False, True])
@pytest.mark.parametrize("alpha", [1.0, 3.0])
@pytest.mark.parametrize("with_neighbors", [False, True])
def test_refinement_is_the_papers_gradient(rows, X, weights, centers, alpha, with_neighbors, decay):
    """Equations 4 and 5 of the paper, over the rows of a batch; targets from all rows."""
    max_iter, interval, rate = 12, 5, 0.2
    graph = four_neighbors(rows) if with_neighbors else None
    targets = neighbors_agree(graph.toarray()) if with_neighbors else sharpened
    start = Start(np.full(N_ROWS, -1), centers, None)
    found = refined(rows, weights, start, sgd(rate), graph=graph, alpha=alpha, decay=decay)

    net = NumPyNet([*weights[:N_ENCODER], centers], linear=(1,))
    labels, changed, losses = start.labels, [], []
    _, q = student_t(net_embedding(net, X), net.parameters[-1], alpha)
    p = targets(q, rows.weights)
    for step, indices in enumerate(stream(max_iter)):
        net_layers = encoder_of(net)
        activations = net_layers.activations(X[indices])
        z, mu = activations[-1], net.parameters[-1]
        kernel, q = student_t(z, mu, alpha)
        weight = rows.weights[indices]
        losses.append(np.mean(weight * np.sum(p[indices] * np.log(p[indices] / q), axis=1)))
        pull = (alpha + 1) / alpha * kernel * (p[indices] - q) * weight[:, None] / BATCH
        of_z = pull.sum(axis=1, keepdims=True) * z - pull @ mu
        of_mu = pull.sum(axis=0)[:, None] * mu - pull.T @ z
        cosine = (1 + np.cos(np.pi * step / max_iter)) / 2 if decay else 1
        net.step([*net_layers.gradients(activations, of_z), of_mu], rate * cosine)
        if (step + 1) % interval == 0 or step + 1 == max_iter:
            _, q = student_t(net_embedding(net, X), net.parameters[-1], alpha)
            changed.append(np.average(q.argmax(axis=1) != labels, weights=rows.weights))
            labels, p = q.argmax(axis=1), targets(q, rows.weights)

    assert_all_close([*found.weights, found.centers], net.parameters)
    np.testing.assert_allclose(found.q, q, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(found.history["changed"], changed)
    expected = [np.mean(losses[:5]), np.mean(losses[5:10]), np.mean(losses[10:])]
    np.testing.assert_allclose(found.history["loss"], expected, rtol=1e-3)
    assert found.n_iter == max_iter
    assert np.abs(found.centers - centers).max() > 0.01


def encoder_of(net):
    """The layers of a net whose last parameter is the centres; shares their arrays."""
    layers = NumPyNet([], net.linear)
    layers.parameters = net.parameters[:-1]
    return layers


def net_embedding(net, X):
    return encoder_of(net).activations(X)[-1]


def test_targets_of_the_start_come_first(rows, X, weights, centers):
    """One step towards given targets is the step that they alone decide."""
    targets = np.random.default_rng(2).dirichlet((9, 1, 1, 1), N_ROWS).astype(np.float32)
    targets[targets.argmax(axis=1) > 0] = 0.25  # no cluster but the first to lose
    start = Start(np.zeros(N_ROWS, int), centers, targets)
    found = refined(rows, weights, start, sgd(0.5), max_iter=1)
    net = NumPyNet([*weights[:N_ENCODER], centers], linear=(1,))
    (indices,) = stream(1)
    layers = encoder_of(net)
    activations = layers.activations(X[indices])
    kernel, q = student_t(activations[-1], centers, 1.0)
    pull = 2 * kernel * (targets[indices] - q) * rows.weights[indices, None] / BATCH
    of_z = pull.sum(axis=1, keepdims=True) * activations[-1] - pull @ centers
    of_mu = pull.sum(axis=0)[:, None] * centers - pull.T @ activations[-1]
    net.step([*layers.gradients(activations, of_z), of_mu], 0.5)
    assert_all_close([*found.weights, found.centers], net.parameters)


def test_no_steps_leave_the_start(rows, X, weights, centers):
    found = refined(rows, weights, in_one_cluster(centers), sgd(0.1), max_iter=0)
    assert found.n_iter == 0
    assert found.stop_reason == "max_iter"
    np.testing.assert_array_equal(found.centers, centers)
    for mine, given in zip(found.weights, weights, strict=False):
        np.testing.assert_array_equal(mine, given)
    net = NumPyNet([*weights[:N_ENCODER], centers], linear=(1,))
    _, q = student_t(net_embedding(net, X), centers, 1.0)
    np.testing.assert_allclose(found.q, q, rtol=1e-4)


def test_no_epochs_leave_the_initial_weights(rows, weights):
    found = pretrained(rows, weights, sgd(0.1), 0)
    for mine, given in zip(found.weights, weights, strict=True):
        np.testing.assert_array_equal(mine, given)
    assert found.history["loss"].shape == (0,)


def test_an_optimizer_object_is_not_touched(rows, weights, centers):
    optimizer = keras.optimizers.Adam(0.01)
    config = optimizer.get_config()
    pretrained(rows, weights, optimizer, 1)
    refined(rows, weights, in_one_cluster(centers), optimizer, max_iter=2)
    assert optimizer.get_config() == config
    assert not optimizer.built
    assert int(optimizer.iterations) == 0


def traces():
    """How often each program that is kept has been traced."""
    trainers = [trainer._loop for _, trainer in _compiled._idle]
    inference = [
        program(ARCHITECTURE)
        for program in (_compiled._encoder_program, _compiled._assignment_program)
    ]
    return {
        id(program): program.experimental_get_tracing_count() for program in trainers + inference
    }


def test_a_second_fit_of_the_same_shapes_traces_nothing(weights, centers):
    def fit(seed, rate, alpha):
        rows = DistinctRows(np.random.default_rng(seed).normal(size=(N_ROWS, 5)))
        weights_now = pretrained(rows, weights, sgd(rate), 2).weights
        refined(rows, weights_now, in_one_cluster(centers), sgd(rate), alpha=alpha)

    fit(0, 0.1, 1.0)
    before = traces()
    assert set(before.values()) <= {0, 1}
    fit(1, 0.2, 2.0)
    assert traces() == before


@pytest.fixture
def broken(monkeypatch):
    """A function that makes the next calls of a compiled loop diverge."""
    left, run = [0], Trainer.run

    def diverging(self, *args):
        losses = run(self, *args)
        left[0] -= 1
        if left[0] < 0:
            return losses
        self.reset([np.full_like(array, np.nan) for array in self.weights()])
        return np.full_like(losses, np.nan)

    monkeypatch.setattr(Trainer, "run", diverging)
    return lambda n_calls: left.__setitem__(0, n_calls)


def run_phase(phase, rate, weights, centers):
    rows = DistinctRows(np.random.default_rng(0).normal(size=(N_ROWS, 5)))
    if phase == "pretrain":
        return pretrained(rows, weights, sgd(rate), 2)
    return refined(rows, weights, in_one_cluster(centers), sgd(rate), max_iter=6)


@pytest.mark.parametrize("phase", ["pretrain", "refine"])
def test_a_diverging_loss_is_retried_at_a_tenth_of_the_rate(weights, centers, phase, broken):
    broken(1)
    with pytest.warns(ConvergenceWarning, match=r"became nan after 0 steps.* 0\.1 times"):
        found = run_phase(phase, 0.1, weights, centers)
    broken(0)
    for rate in (0.1, 0.01):
        plain = run_phase(phase, rate, weights, centers)
        if rate == 0.1:
            assert not np.allclose(found.weights[0], plain.weights[0], atol=1e-4)
    # Other batches, the same rate: about the same way, a tenth as far.
    moved = [np.abs(run.weights[0] - weights[0]).sum() for run in (found, plain)]
    assert 0.5 < moved[0] / moved[1] < 2
    assert np.isfinite(found.history["loss"]).all()


@pytest.mark.parametrize("phase", ["pretrain", "refine"])
def test_a_loss_that_diverges_again_is_an_error(weights, centers, phase, broken):
    broken(2)
    with (
        pytest.warns(ConvergenceWarning),
        pytest.raises(FloatingPointError, match="Scale the columns of X alike"),
    ):
        run_phase(phase, 0.1, weights, centers)
    run_phase(phase, 0.1, weights, centers)  # and the next fit is a fit


class Interrupt(keras.callbacks.Callback):
    """Presses Ctrl-C at the end of the second epoch or update."""

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            raise KeyboardInterrupt


def emptying(monkeypatch, *updates):
    """Give all clusters rows, but after these updates, counted from 0, only the first."""
    calls = iter(range(100))

    def assigned(*arguments):
        n_clusters = 1 if next(calls) in updates else 4
        return np.eye(4, dtype=np.float32)[np.arange(N_ROWS) % n_clusters]

    monkeypatch.setattr(_phases, "assigned", assigned)


def four_clusters(centers):
    labels = np.arange(N_ROWS) % 4
    return Start(labels, centers, np.eye(4, dtype=np.float32)[labels])


def in_steps(rows, weights, start, n_updates, rate):
    return refined(
        rows, weights, start, sgd(rate), max_iter=2 * n_updates, update_interval=2, tol=0.0
    )


def test_an_update_that_empties_a_cluster_is_made_again_gently(rows, weights, centers, monkeypatch):
    start = four_clusters(centers)
    monkeypatch.setattr(_phases, "_targets", lambda *arguments: start.targets)
    emptying(monkeypatch)
    after_one = in_steps(rows, weights, start, 1, 1e-3)
    undisturbed = in_steps(rows, weights, start, 2, 1e-3)
    assert undisturbed.history["clusters"].tolist() == [4, 4]
    emptying(monkeypatch, 1)
    with pytest.warns(ConvergenceWarning, match="update left 1 of 4 clusters with rows. It is und"):
        found = in_steps(rows, weights, start, 2, 1e-3)
    assert found.history["clusters"].tolist() == [4, 1, 4]
    assert (found.stop_reason, found.n_iter) == ("max_iter", 4)
    # The second update moves a tenth as far as without the fault.
    moved, expected = (
        np.linalg.norm(refined.centers - after_one.centers) for refined in (found, undisturbed)
    )
    assert 0.02 < moved / expected < 0.3


def test_a_second_collapse_ends_the_refinement_before_it(rows, weights, centers, monkeypatch):
    start = four_clusters(centers)
    emptying(monkeypatch)
    after_one = in_steps(rows, weights, start, 1, 1e-3)
    emptying(monkeypatch, 1, 2)
    with pytest.warns(ConvergenceWarning, match="It is undone"):
        found = in_steps(rows, weights, start, 4, 1e-3)
    assert (found.stop_reason, found.n_iter) == ("collapse", 2)
    assert found.history["clusters"].tolist() == [4, 1, 1]
    assert len(np.unique(found.q.argmax(axis=1))) == 4
    for mine, before in zip(found.weights, after_one.weights, strict=True):
        np.testing.assert_array_equal(mine, before)
    np.testing.assert_array_equal(found.centers, after_one.centers)


def test_ctrl_c_ends_a_phase_with_what_it_has(rows, weights, centers):
    found = pretrained(rows, weights, sgd(0.05), 5, callbacks=[Interrupt()])
    whole = pretrained(rows, weights, sgd(0.05), 2)
    assert found.interrupted
    assert_all_close(found.weights, whole.weights)
    start = in_one_cluster(centers)
    found = refined(rows, weights, start, sgd(0.05), callbacks=[Interrupt()])
    whole = refined(rows, weights, start, sgd(0.05), max_iter=10)
    assert (found.stop_reason, found.n_iter) == ("interrupted", 10)
    assert_all_close(
        [*found.weights, found.centers, found.q], [*whole.weights, whole.centers, whole.q]
    )
