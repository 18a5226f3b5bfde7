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


def dense_layers(model):
    return [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]


def get_kernels(networks):
    return networks.autoencoder.get_weights()[::2]


def test_layers_of_the_published_network():
    networks = build_autoencoder(784, (500, 500, 2000, 10))
    assert [(layer.name, layer.units) for layer in dense_layers(networks.encoder)] == [
        ("encoder_0", 500),
        ("encoder_1", 500),
        ("encoder_2", 2000),
        ("encoder_3", 10),
    ]
    assert [(layer.name, layer.units) for layer in dense_layers(networks.decoder)] == [
        ("decoder_3", 2000),
        ("decoder_2", 500),
        ("decoder_1", 500),
        ("decoder_0", 784),
    ]
    assert networks.autoencoder.input_shape == networks.autoencoder.output_shape == (None, 784)


def test_only_hidden_layers_have_an_activation_and_models_share_weights():
    networks = build_autoencoder(6, (5, 4, 2), activation="tanh", seed=0)
    networks.autoencoder.set_weights(
        [np.random.default_rng(1).normal(size=w.shape) for w in networks.autoencoder.get_weights()]
    )
    hidden = X
    for position, (kernel, bias) in enumerate(
        zip(*[iter(networks.autoencoder.get_weights())] * 2, strict=True)
    ):
        hidden = hidden @ kernel + bias
        if position == 2:
            np.testing.assert_allclose(networks.encoder(X), hidden, rtol=1e-4)
        if position not in (2, 5):
            hidden = np.tanh(hidden)
    np.testing.assert_allclose(networks.autoencoder(X), hidden, rtol=1e-4)
    np.testing.assert_allclose(networks.decoder(networks.encoder(X)), hidden, rtol=1e-4)


def test_an_autoencoder_of_one_layer_is_linear():
    networks = build_autoencoder(6, (2,), seed=0)
    w_in, b_in, w_out, b_out = networks.autoencoder.get_weights()
    np.testing.assert_allclose(
        networks.autoencoder(X), (X @ w_in + b_in) @ w_out + b_out, rtol=1e-4, atol=1e-6
    )


def test_the_seed_determines_the_weights():
    first, second = (build_autoencoder(6, (6, 6), seed=3) for _ in range(2))
    for one, other in zip(get_kernels(first), get_kernels(second), strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(
        get_kernels(first), get_kernels(build_autoencoder(6, (6, 6), seed=4)), strict=True
    ):
        assert not np.array_equal(one, other)


def test_no_two_layers_have_the_same_initial_weights():
    initial = [kernel.tobytes() for kernel in get_kernels(build_autoencoder(6, (6, 6, 6), seed=0))]
    assert len(set(initial)) == len(initial) == 6


def test_without_a_seed_weights_differ_from_call_to_call():
    one, other = (get_kernels(build_autoencoder(6, (3,))) for _ in range(2))
    assert not np.array_equal(one[0], other[0])


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
        "HeNormal",
        keras.initializers.HeNormal(),
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


def test_initializers_without_a_seed():
    zeros = get_kernels(build_autoencoder(3, (2,), kernel_initializer="zeros"))
    ones = get_kernels(build_autoencoder(3, (2,), kernel_initializer=keras.initializers.Ones()))
    by_function = get_kernels(build_autoencoder(3, (2,), kernel_initializer=keras.ops.ones))
    for zero, one, result in zip(zeros, ones, by_function, strict=True):
        assert (zero == 0).all()
        assert (one == 1).all()
        assert (result == 1).all()


def test_an_unknown_initializer_raises():
    with pytest.raises(ValueError, match="no_such"):
        build_autoencoder(3, (2,), kernel_initializer="no_such")


@pytest.mark.parametrize(
    "initializer",
    [
        None,
        "glorot_uniform",
        keras.initializers.HeNormal(),
        keras.initializers.serialize(keras.initializers.HeNormal()),
    ],
)
def test_global_random_states_are_not_modified(initializer):
    def generate():
        # NumPy's legacy state is the one under test.
        return random.random(), np.random.random(), float(keras.random.uniform(()))  # noqa: NPY002

    keras.utils.set_random_seed(7)
    expected = generate()
    keras.utils.set_random_seed(7)
    build_autoencoder(6, (5, 2), kernel_initializer=initializer, seed=0)
    assert generate() == expected


@pytest.mark.parametrize(
    ("n_features", "dims", "got"),
    [
        (0, (2,), "n_features=0"),
        (-1, (2,), "n_features=-1"),
        (5, (), r"dims=\(\)"),
        (5, (3, 0), r"dims=\(3, 0\)"),
        (5, [3, -2], r"dims=\[3, -2\]"),
    ],
)
def test_invalid_widths_raise(n_features, dims, got):
    with pytest.raises(ValueError, match=f"must be at least 1 .* got .*{got}"):
        build_autoencoder(n_features, dims)


# ---- convolutional autoencoder


@pytest.mark.parametrize("image_shape", [(28, 28), (7, 10, 3), (8, 8), (1, 1)])
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
    kernels = [
        tuple(layer.kernel.shape)
        for network in (networks.encoder, networks.decoder)
        for layer in network.layers
        if hasattr(layer, "kernel")
    ]
    assert kernels == [
        (5, 5, 1, 32),
        (5, 5, 32, 64),
        (3, 3, 64, 128),
        (4 * 4 * 128, 10),
        (10, 4 * 4 * 128),
        (3, 3, 64, 128),
        (5, 5, 32, 64),
        (5, 5, 1, 32),
    ]
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
        ({"image_shape": 28}, "image_shape must be"),
        ({"filters": ()}, r"filters=\(\)"),
        ({"filters": (4, 0)}, r"filters=\(4, 0\)"),
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
    encoder = stack(n_features, keras.layers.Dense(width, kernel_initializer=initializer))
    return encoder, stack(width, keras.layers.Dense(n_features))


def test_architecture_of_a_function():
    architecture = Architecture.create(build_pair, 7)
    assert architecture.embedding_width == 3
    networks = architecture.build()
    encoder, decoder = architecture.create_weights(0)
    shapes = [weight.shape for weight in (*encoder, *decoder)]
    assert shapes == [(7, 3), (3,), (3, 7), (7,)]
    assert [weight.shape for weight in networks.autoencoder.weights] == shapes


def test_initial_weights_follow_the_seed_and_leave_the_random_state():
    architecture = Architecture.create(build_pair, 7)
    state = random.getstate()
    one, again, other = (architecture.create_weights(seed)[0][0] for seed in (1, 1, 2))
    assert random.getstate() == state
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


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


dense = keras.layers.Dense


def make_scaling(factor):
    return lambda values: factor * values


class BuiltLate(keras.layers.Layer):
    def __init__(self, width, **options):
        super().__init__(**options)
        self.width = width

    def build(self, shape):
        self.kernel = self.add_weight(
            shape=(shape[-1], self.width), initializer=keras.initializers.GlorotUniform()
        )

    def call(self, samples):
        return samples @ self.kernel


def test_networks_without_weights_follow_the_seed_when_they_are_first_called():
    models = [
        keras.Sequential([keras.layers.Dense(4), keras.layers.Dense(width)]) for width in (3, 7)
    ]

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


def test_layers_may_compute_in_another_precision(tiny, samples):
    def build(n_features):
        return build_autoencoder(n_features, (8, 2), dtype="mixed_bfloat16")

    dec = DECClusterer(**tiny, autoencoder=build).fit(samples)
    assert dec.transform(samples).dtype == np.float32
    assert dec.encoder_.output.dtype == dec.autoencoder_.output.dtype == "float32"
    np.testing.assert_array_equal(dec.labels_, dec.predict(samples))


class Noisy(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(0)

    def call(self, inputs):
        return inputs + keras.random.normal(keras.ops.shape(inputs), seed=self.seed_generator)


SHARED = keras.layers.Dense(7)


def make_models_that_cannot_be_copied():
    scaled = keras.layers.Dense(3, activation=make_scaling(2.0))
    return stack(7, scaled), stack(3, keras.layers.Dense(7))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (make_models_that_cannot_be_copied(), "cannot be copied.* give a function that builds"),
        (
            lambda n: build_autoencoder(n, (4, 3), dtype="float64"),
            "weights of the encoder of autoencoder must be float32; .* is float64",
        ),
        (
            lambda n: (stack(5, keras.layers.Dense(3)), stack(3, keras.layers.Dense(n))),
            r"encoder of autoencoder fails on inputs of shape \(n, 7\): .*shape=\(4, 7\)",
        ),
        (
            lambda n: (stack(n, keras.layers.Reshape((7, 1), name="last")), build_pair(n)[1]),
            r"must map inputs of shape \(n, 7\) to shape \(n, d\); its last layer 'last' returns "
            r"\(n, 7, 1\)",
        ),
        (
            lambda n: (build_pair(n)[0], stack(3, keras.layers.Dense(6, name="last"))),
            r"decoder .* \(n, 3\) to shape \(n, 7\); its last layer 'last' returns \(n, 6\)",
        ),
        (
            lambda n: (stack(n, keras.layers.Dense(3), Noisy(name="noisy")), build_pair(n)[1]),
            r"encoder .* draws random numbers there \(noisy\)",
        ),
        (lambda n: (stack(n, SHARED), stack(7, SHARED)), "must not share weights"),
        (lambda n: build_pair(n)[0], r"must return a pair \(encoder, decoder\)"),
        (
            lambda n: ("encoder", "decoder"),
            "encoder of autoencoder must be a Keras model; got 'enc",
        ),
        (lambda n: 1 / 0, "fails for n_features=7: division by zero"),
        (
            lambda n: (
                stack(
                    n, keras.layers.Dense(3, bias_initializer=keras.initializers.Constant(np.nan))
                ),
                build_pair(n)[1],
            ),
            "encoder of autoencoder returns values that are NaN",
        ),
    ],
)
def test_networks_that_do_not_fit_are_refused(source, message):
    with pytest.raises(ValueError, match=message):
        Architecture.create(source, 7)


def test_a_builder_may_fit_an_estimator_with_networks_of_its_own(tiny, samples):
    def build_from_fitted(n_features):
        inner = DECClusterer(**tiny, autoencoder=build_pair).fit(samples)
        return inner.encoder_, build_pair(n_features)[1]

    dec = DECClusterer(**tiny | {"pretrain_epochs": 0}, autoencoder=build_from_fitted).fit(samples)
    np.testing.assert_array_equal(dec.labels_, dec.predict(samples))


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
