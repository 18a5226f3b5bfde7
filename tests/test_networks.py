"""The autoencoder: its layers, its activation and its initial weights."""

import copy
import random
from itertools import chain

import keras
import numpy as np
import pytest

from skdec import DECClusterer
from skdec.dec.training.checkpoint import describe
from skdec.networks import Architecture, build_autoencoder, build_convolutional_autoencoder

X = np.random.default_rng(0).normal(size=(10, 6)).astype(np.float32)
dense = keras.layers.Dense


def get_kernels(networks):
    return networks.autoencoder.get_weights()[::2]


def test_layers_of_the_published_network():
    networks = build_autoencoder(784, (500, 500, 2000, 10))
    layers = [
        [(layer.name, layer.units) for layer in model.layers if hasattr(layer, "units")]
        for model in (networks.encoder, networks.decoder)
    ]
    names = [f"encoder_{i}" for i in range(4)], [f"decoder_{i}" for i in (3, 2, 1, 0)]
    assert layers[0] == list(zip(names[0], (500, 500, 2000, 10), strict=True))
    assert layers[1] == list(zip(names[1], (2000, 500, 500, 784), strict=True))
    assert networks.autoencoder.input_shape == networks.autoencoder.output_shape == (None, 784)


def test_only_hidden_layers_have_an_activation_and_models_share_weights():
    networks = build_autoencoder(6, (5, 4, 2), activation="tanh", seed=0)
    weights = networks.autoencoder.get_weights()
    weights = [np.random.default_rng(1).normal(size=weight.shape) for weight in weights]
    networks.autoencoder.set_weights(weights)
    hidden = X
    for position, (kernel, bias) in enumerate(zip(weights[::2], weights[1::2], strict=True)):
        hidden = hidden @ kernel + bias
        if position == 2:
            np.testing.assert_allclose(networks.encoder(X), hidden, rtol=1e-4)
        if position not in (2, 5):
            hidden = np.tanh(hidden)
    np.testing.assert_allclose(networks.autoencoder(X), hidden, rtol=1e-4)
    np.testing.assert_allclose(networks.decoder(networks.encoder(X)), hidden, rtol=1e-4)


def test_the_seed_determines_the_weights_and_no_two_layers_have_the_same():
    seeds = (3, 3, 4, None, None)
    kernels = [get_kernels(build_autoencoder(6, (6, 6), seed=seed)) for seed in seeds]
    for one, other in zip(*kernels[:2], strict=True):
        np.testing.assert_array_equal(one, other)
    different = [kernel.tobytes() for network in kernels[1:] for kernel in network]
    assert len(set(different)) == len(different) == 16


def test_default_weights_are_uniform_within_one_over_the_root_of_the_number_of_inputs():
    networks = build_autoencoder(400, (900, 25), seed=0)
    for kernel in get_kernels(networks):
        bound = 1 / np.sqrt(kernel.shape[0])  # sqrt(3 * scale / fan_in) of VarianceScaling
        assert np.abs(kernel).max() <= bound * (1 + 1e-6)
        # A uniform distribution comes close to its bound, whose square is three times the variance.
        assert np.abs(kernel).max() > 0.99 * bound
        np.testing.assert_allclose(kernel.var(), bound**2 / 3, rtol=0.05)
    for bias in networks.autoencoder.get_weights()[1::2]:
        np.testing.assert_array_equal(bias, 0)


@pytest.mark.parametrize(
    "initializer",
    [
        "he_normal",
        keras.initializers.HeNormal(seed=5),
        keras.initializers.serialize(keras.initializers.HeNormal()),
    ],
)
def test_a_given_initializer_is_seeded_and_not_modified(initializer):
    before = copy.deepcopy(getattr(initializer, "__dict__", initializer))
    one, other = (
        get_kernels(build_autoencoder(300, (200,), kernel_initializer=initializer, seed=1))
        for _ in range(2)
    )
    np.testing.assert_array_equal(one[0], other[0])
    assert not np.array_equal(one[0], one[1].T)
    np.testing.assert_allclose(one[0].std(), np.sqrt(2 / 300), rtol=0.05)
    assert getattr(initializer, "__dict__", initializer) == before


@pytest.mark.parametrize(
    ("initializer", "value"), [("zeros", 0), (keras.initializers.Ones(), 1), (keras.ops.ones, 1)]
)
def test_initializers_without_a_seed(initializer, value):
    for kernel in get_kernels(build_autoencoder(3, (2,), kernel_initializer=initializer)):
        assert (kernel == value).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, (2,)), "must be at least 1 .* got .*n_features=0"),
        ((5, ()), r"must be at least 1 .* got .*dims=\(\)"),
        ((5, [3, -2]), r"must be at least 1 .* got .*dims=\[3, -2\]"),
        ((3, (2,), "relu", "no_such"), "no_such"),
    ],
)
def test_invalid_arguments_raise(arguments, message):
    with pytest.raises(ValueError, match=message):
        build_autoencoder(*arguments)


# ---- convolutional autoencoder


@pytest.mark.parametrize("image_shape", [(7, 10, 3), (8, 8), (1, 1)])
@pytest.mark.parametrize("filters", [(4,), (4, 8, 6)])
def test_convolutional_autoencoder_takes_images_of_any_size(image_shape, filters):
    n_features = int(np.prod(image_shape))
    networks = build_convolutional_autoencoder(n_features, image_shape, filters, 3, seed=0)
    samples = np.random.default_rng(0).random((5, n_features), dtype=np.float32)
    z = networks.encoder(samples)
    assert z.shape == (5, 3)
    assert networks.decoder(z).shape == samples.shape
    np.testing.assert_allclose(networks.autoencoder(samples), networks.decoder(z), rtol=1e-5)


def test_convolutional_layers_are_those_of_the_paper():
    """Kernels of 5, 5 and 3 pixels with 32, 64 and 128 filters, mirrored."""
    networks = build_convolutional_autoencoder(784, (28, 28))
    layers = [*networks.encoder.layers, *networks.decoder.layers]
    kernels = [tuple(layer.kernel.shape) for layer in layers if hasattr(layer, "kernel")]
    convolutions = [(5, 5, 1, 32), (5, 5, 32, 64), (3, 3, 64, 128)]
    width = 4 * 4 * 128
    assert kernels == [*convolutions, (width, 10), (10, width), *convolutions[::-1]]
    assert networks.decoder.layers[-3].activation is keras.activations.linear


def test_channels_are_last_in_the_features():
    """The first convolution sees the three values of a pixel together."""
    networks = build_convolutional_autoencoder(12, (2, 2, 3), (4,), 2)
    reshaped = networks.encoder.layers[1](np.arange(12.0)[None])
    np.testing.assert_array_equal(reshaped[0, 0, 1], [3, 4, 5])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_features": 783}, r"image_shape=\(28, 28\) has 784 values; .* n_features=783"),
        ({"filters": ()}, r"filters=\(\)"),
        ({"embedding_width": 0}, "embedding_width=0"),
    ],
)
def test_invalid_arguments_of_the_convolutional_autoencoder_raise(arguments, message):
    with pytest.raises(ValueError, match=message):
        build_convolutional_autoencoder(**{"n_features": 784, "image_shape": (28, 28)} | arguments)


# ---- networks of the user


def stack(n_inputs, *layers):
    return keras.Sequential([keras.Input((n_inputs,)), *layers])


def build_pair(n_features, *, width=3, seed=None):
    initializer = keras.initializers.HeNormal(seed)
    encoder = stack(n_features, dense(width, kernel_initializer=initializer))
    return encoder, stack(width, dense(n_features))


def test_given_models_are_copied_with_their_weights():
    models = build_pair(7)
    architecture = Architecture.create(models, 7)
    expected = [weight for model in models for weight in model.get_weights()]
    for found, own in zip(chain(*architecture.create_weights(0)), expected, strict=True):
        np.testing.assert_array_equal(found, own)
    networks = architecture.build()
    networks.autoencoder.set_weights([weight + 1 for weight in expected])
    np.testing.assert_array_equal(models[0].get_weights()[0], expected[0])


def test_models_that_were_trained_are_copied_without_their_loss(tiny, samples, tmp_path):
    """Their use, before or between the fits, changes nothing."""
    encoder, decoder = build_pair(6)
    stacked = keras.Sequential([keras.Input((6,)), encoder, decoder])
    stacked.compile("adam", lambda x, y: keras.ops.mean((x - y) ** 2))
    stacked.fit(samples, samples, verbose=0)
    encoder.compile("sgd", lambda x, y: 0.0)
    parameters = tiny | {"autoencoder": (encoder, decoder)}
    dec = DECClusterer(**parameters, memory=tmp_path, warm_start=True).fit(samples)
    first = dec.cluster_centers_
    before = describe((encoder, decoder))
    encoder.predict(samples, verbose=0)
    stacked.predict(samples, verbose=0)
    assert describe((encoder, decoder)) == before
    dec.fit(samples)
    again = DECClusterer(**parameters, memory=tmp_path).fit(samples)
    np.testing.assert_array_equal(again.cluster_centers_, first)


def test_an_autoencoder_of_this_module_may_be_given():
    networks = build_autoencoder(7, (4, 3))
    assert Architecture.create(networks, 7).embedding_width == 3
    assert Architecture.create(lambda n: build_autoencoder(n, (4, 2)), 7).embedding_width == 2


def make_scaling(factor):
    return lambda values: factor * values


class BuiltLate(keras.layers.Layer):
    def __init__(self, width):
        super().__init__()
        self.width = width

    def build(self, shape):
        glorot = keras.initializers.GlorotUniform()
        self.kernel = self.add_weight(shape=(shape[-1], self.width), initializer=glorot)

    def call(self, samples):
        return samples @ self.kernel


def test_networks_without_weights_follow_the_seed_when_they_are_first_called():
    models = [keras.Sequential([dense(4), dense(width)]) for width in (3, 7)]

    def build(n_features):
        return keras.Sequential([BuiltLate(3)]), keras.Sequential([BuiltLate(n_features)])

    for source in (tuple(models), build):
        weights = []
        for global_seed, seed in ((1, 0), (2, 0), (1, 1)):
            random.seed(global_seed)
            state = random.getstate()
            weights.append([*chain(*Architecture.create(source, 7).create_weights(seed))])
            assert random.getstate() == state
        for one, same, other in zip(*weights, strict=True):
            np.testing.assert_array_equal(one, same)
            assert one.ndim == 1 or not np.array_equal(one, other)


@pytest.mark.slow
def test_layers_may_compute_in_another_precision(tiny, samples):
    def build(n_features):
        return build_autoencoder(n_features, (8, 2), dtype="mixed_bfloat16")

    dec = DECClusterer(**tiny, autoencoder=build).fit(samples)
    assert dec.transform(samples).dtype == np.float32
    assert dec.encoder_.output.dtype == dec.autoencoder_.output.dtype == "float32"
    np.testing.assert_array_equal(dec.labels_, dec.predict(samples))


class Noisy(keras.layers.Layer):
    def call(self, inputs):
        return inputs + keras.random.normal(keras.ops.shape(inputs))


SHARED = dense(7)


def make_models_that_cannot_be_copied():
    scaled = dense(3, activation=make_scaling(2.0))
    return stack(7, scaled), stack(3, dense(7))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (make_models_that_cannot_be_copied(), "cannot be copied.* give a function that builds"),
        (
            lambda n: build_autoencoder(n, (4, 3), dtype="float64"),
            "weights of the encoder of autoencoder must be float32; .* is float64",
        ),
        (
            lambda n: (stack(5, dense(3)), stack(3, dense(n))),
            r"encoder of autoencoder fails on inputs of shape \(n, 7\): .*shape=\(4, 7\)",
        ),
        (
            lambda n: (stack(n, keras.layers.Reshape((7, 1), name="last")), build_pair(n)[1]),
            r"must map inputs of shape \(n, 7\) to shape \(n, d\); its last layer 'last' returns "
            r"\(n, 7, 1\)",
        ),
        (
            lambda n: (build_pair(n)[0], stack(3, dense(6, name="last"))),
            r"decoder .* \(n, 3\) to shape \(n, 7\); its last layer 'last' returns \(n, 6\)",
        ),
        (
            lambda n: (stack(n, dense(3), Noisy(name="noisy")), build_pair(n)[1]),
            r"encoder .* draws random numbers there \(noisy\)",
        ),
        (lambda n: (stack(n, SHARED), stack(7, SHARED)), "must not share weights"),
        (lambda n: build_pair(n)[0], r"must return a pair \(encoder, decoder\)"),
        (lambda n: ("encoder", "decoder"), "encoder of autoencoder must be a Keras model; got"),
        (lambda n: 1 / 0, "fails for n_features=7: division by zero"),
        (
            lambda n: (stack(n, dense(3, lambda z: z * np.nan)), build_pair(n)[1]),
            "encoder of autoencoder returns values that are NaN",
        ),
    ],
)
def test_networks_that_do_not_fit_are_refused(source, message):
    with pytest.raises(ValueError, match=message):
        Architecture.create(source, 7)


@pytest.mark.parametrize("is_built", [False, True])
def test_networks_may_normalize_the_samples(tiny, samples, is_built):
    """Models that are given, with a layer that has been adapted and others that are not built."""
    normalization = keras.layers.Normalization()
    normalization.adapt(samples * 3 + 5)
    encoder, decoder = keras.Sequential([normalization, dense(3)]), keras.Sequential([dense(6)])
    if is_built:
        decoder(encoder(samples))
    untrained = tiny | {"pretrain_epochs": 0, "max_iter": 0}
    dec = DECClusterer(**untrained, autoencoder=(encoder, decoder)).fit(samples * 3 + 5)
    kernel, bias = dec.encoder_.get_weights()[-2:]
    scaled = (samples - samples.mean(axis=0)) / samples.std(axis=0)
    np.testing.assert_allclose(dec.transform(samples * 3 + 5), scaled @ kernel + bias, atol=1e-4)
    np.testing.assert_allclose(dec.encoder_(samples * 3 + 5), scaled @ kernel + bias, atol=1e-4)
    assert encoder.built == is_built
