"""What the parameters of `DECClusterer` may be, and what "auto" and names stand for."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from numbers import Integral
from os import PathLike
from typing import Any

import keras
import numpy as np
from sklearn.utils import check_random_state

from skdec._utils.validation import (
    FRACTION_BELOW_ONE,
    LARGEST,
    POSITIVE,
    SEED,
    VERBOSITY,
    WIDTHS,
    Constraint,
    Integer,
    Number,
    Word,
)
from skdec.cluster import NeighborClusterer
from skdec.cluster._neighbor_clusterer import check_parameters as check_search
from skdec.dec._pretraining import Stage
from skdec.dec.training.checkpoint import HAVE_CONFIG, get_config
from skdec.dec.training.samples import NO_AUGMENTATION, Augmentation
from skdec.dec.training.training_loop import TrainingSettings
from skdec.layers import RandomAffine
from skdec.networks import Architecture, build_autoencoder

_OPTIMIZERS = {
    "adam": lambda: keras.optimizers.Adam(1e-3, name="adam"),
    "sgd": lambda: keras.optimizers.SGD(0.1, momentum=0.9, name="sgd"),
}
_INIT_METHODS = ("neighbors", "k-means++")

# What "auto" stands for: epochs, and the least number of steps.
_PRETRAIN_EPOCHS, _MIN_PRETRAIN_STEPS = 2, 300
_REFINE_EPOCHS, _MIN_REFINE_STEPS = 4, 300
_AUGMENTED_FACTOR = 3  # more steps of the refinement pay where no two epochs are equal
# Networks that learn slowly, such as those with an embedding of two features, get up to so many
# times these steps.
_MAX_REFINE_CYCLES = 8
_UPDATE_EPOCHS, _MIN_UPDATE_STEPS = 1, 30
_DECODER_EPOCHS, _MIN_DECODER_STEPS = 1, 100
# Widths of the paper's encoder, halved for every time that there are four times fewer samples, and
# smaller for few features: the first is at most so many times the square root of their number.
_MAX_WIDTH_RATIO = 64
PAPER_DIMS, _MIN_PAPER_SAMPLES, _MAX_HALVINGS = (500, 500, 2000, 10), 5_000, 3
_N_SEARCH_NEIGHBORS = 10


def _are_networks(value: Any) -> bool:
    if isinstance(value, tuple):
        return len(value) in (2, 3) and all(isinstance(model, keras.Model) for model in value)
    return value is None or (callable(value) and not isinstance(value, type | keras.layers.Layer))


def _is_layer_or_function(value: Any) -> bool:
    return value is None or (callable(value) and not isinstance(value, type))


def _are_callbacks(value: Any) -> bool:
    callbacks = () if value is None else value
    return isinstance(callbacks, Sequence) and all(
        isinstance(callback, keras.callbacks.Callback) for callback in callbacks
    )


_OPTIMIZER = Constraint(
    "a Keras optimizer", lambda value: isinstance(value, keras.optimizers.Optimizer), _OPTIMIZERS
)
# Parameters that can be checked by themselves, in the order of the constructor.
PARAMETERS: Mapping[str, Constraint] = {
    "dims": WIDTHS,
    "alpha": POSITIVE,
    "batch_size": Integer(1),
    "pretrain_epochs": Integer(0, words=("auto",)),
    "pretrain_optimizer": _OPTIMIZER,
    "pretraining": Word(("joint", "layerwise")),
    "corruption": FRACTION_BELOW_ONE,
    "autoencoder": Constraint(
        "None, a function of the number of features that returns an encoder and a decoder, or a "
        "tuple (encoder, decoder) of Keras models",
        _are_networks,
    ),
    "n_neighbors": Integer(0),
    "optimizer": _OPTIMIZER,
    "max_iter": Integer(0, words=("auto",)),
    "update_interval": Integer(1, words=("auto",)),
    "tol": Number(0, 1),
    "reconstruction_weight": Number(0, LARGEST),
    "augment": Constraint(
        "None, a Keras layer or model, a function of a batch", _is_layer_or_function, ("image",)
    ),
    "callbacks": Constraint("None or a list of Keras callbacks", _are_callbacks),
    "checkpoint": Constraint(
        "None or the path of a directory", lambda value: isinstance(value, str | PathLike | None)
    ),
    "warm_start": Constraint("True or False", lambda value: isinstance(value, bool | np.bool_)),
    "verbose": VERBOSITY,
    "random_state": SEED,
}


@dataclass(frozen=True)
class Settings:
    """The parameters of one fit with "auto" and names resolved.

    Attributes
    ----------
    architecture : Architecture
        The networks.
    augmentation : Augmentation
        What the samples go through in training.
    scales_samples : bool
        Whether the networks see samples centered and scaled. Networks of the user and what changes
        samples in training get them as they are.
    stages : tuple of Stage
        Stages of the pretraining.
    refinement, rebuilt, decoder, partial : TrainingSettings
        Steps, batch size and optimizer of the refinement, first and with rebuilt neighbors, of the
        training of the decoder, and of `partial_fit`.
    search : NeighborClusterer or None
        Finds the initial clusters among the samples; None if they are found in the embedding.
    pretrain_seed, init_seed, neighbors_seed, refine_seed, decoder_seed : int
        Seeds of the steps.
    """

    architecture: Architecture
    augmentation: Augmentation
    scales_samples: bool
    stages: tuple[Stage, ...]
    refinement: TrainingSettings
    rebuilt: TrainingSettings
    decoder: TrainingSettings
    partial: TrainingSettings
    search: NeighborClusterer | None
    pretrain_seed: int
    init_seed: int
    neighbors_seed: int
    refine_seed: int
    decoder_seed: int


def check_parameters(estimator: Any) -> None:
    """Raise a ValueError or TypeError that names the first parameter out of its range."""
    if estimator.n_clusters is not None or not hasattr(estimator.init, "fit_predict"):
        Integer(1, words=("auto",)).check("n_clusters", estimator.n_clusters)
    if isinstance(estimator.n_clusters, str) and _resolve_search(estimator) is None:
        raise ValueError(
            "n_clusters='auto' is the number that a NeighborClusterer finds; got "
            f"init={estimator.init!r}. Give a number, or init='neighbors'."
        )
    for name, constraint in PARAMETERS.items():
        constraint.check(name, getattr(estimator, name))
    for name in ("pretrain_optimizer", "optimizer"):
        if not isinstance(getattr(estimator, name), str):
            _check_optimizer(name, getattr(estimator, name))
    if estimator.autoencoder is None:
        is_word = isinstance(estimator.dims, str)
        _check_init(estimator, PAPER_DIMS[-1] if is_word else estimator.dims[-1])
    if estimator.checkpoint is not None and not isinstance(estimator.random_state, Integral):
        raise ValueError(
            "checkpoint needs an integer as random_state, because no other fit could resume with "
            f"identical results; got random_state={estimator.random_state!r}."
        )


def _check_optimizer(name: str, optimizer: keras.optimizers.Optimizer) -> None:
    """Raise a ValueError for settings that would have no effect, or fail late."""
    rate = optimizer._learning_rate
    if callable(rate) and not isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
        raise ValueError(
            f"The learning rate of {name} is a function; give a number, or a schedule of "
            "keras.optimizers.schedules."
        )
    if optimizer.use_ema and not optimizer.ema_overwrite_frequency:
        raise ValueError(
            f"{name} has use_ema=True, which has an effect only where the optimizer sets the "
            "weights to their average: give ema_overwrite_frequency as well."
        )
    if getattr(optimizer, "_exclude_from_weight_decay", None):
        raise ValueError(
            f"{name} excludes variables of another model from weight decay (var_list); each fit "
            "has variables of its own, so exclude them by var_names."
        )


def _check_init(estimator: Any, width: int) -> None:
    init, shape = estimator.init, (estimator.n_clusters, width)
    if isinstance(init, type):
        raise TypeError(
            f"init must be an instance of a clusterer, not its class: {init.__name__}()."
        )
    if isinstance(init, NeighborClusterer):
        check_search(init)
    if hasattr(init, "fit_predict") or (isinstance(init, str) and init in _INIT_METHODS):
        return
    words = " or ".join(map(repr, _INIT_METHODS))
    allowed = f"{words}, a scikit-learn clusterer or mixture, or an array of centers"
    if not isinstance(init, (Sequence, np.ndarray)) or isinstance(init, (str, bytes)):
        raise ValueError(f"init must be {allowed}; got {init!r}.")
    centers = np.asarray(init, dtype=np.float32)
    if centers.shape != shape or not np.isfinite(centers).all():
        raise ValueError(
            f"init must be {allowed}, finite and of shape (n_clusters, dims[-1])={shape}; got an "
            f"array of shape {centers.shape}."
        )


def resolve(estimator: Any, n_samples: int, n_features: int) -> Settings:
    """Return the settings of a fit of checked parameters on `n_samples` distinct samples."""
    architecture = _resolve_architecture(estimator, n_samples, n_features)
    augmentation = _resolve_augmentation(estimator.augment, n_features)
    batch_size = estimator.batch_size
    if n_samples < batch_size:
        batch_size = 2 ** (n_samples.bit_length() - 1)
    steps_per_epoch = -(-n_samples // batch_size)
    pretrain_epochs, max_iter = estimator.pretrain_epochs, estimator.max_iter
    is_auto = isinstance(max_iter, str)
    update_interval = estimator.update_interval
    if pretrain_epochs == "auto":
        pretrain_epochs = max(_PRETRAIN_EPOCHS, -(-_MIN_PRETRAIN_STEPS // steps_per_epoch))
    if is_auto:
        max_iter = max(_REFINE_EPOCHS * steps_per_epoch, _MIN_REFINE_STEPS)
        max_iter *= _AUGMENTED_FACTOR if augmentation else 1
    if update_interval == "auto":
        update_interval = max(_UPDATE_EPOCHS * steps_per_epoch, _MIN_UPDATE_STEPS)
    seeds = check_random_state(estimator.random_state).randint(2**31 - 1, size=5).tolist()
    pretrain_seed, init_seed, neighbors_seed, refine_seed, decoder_seed = seeds
    search = _resolve_search(estimator)
    if search is not None and search.random_state is not None:
        # The same seeds as in its own fit.
        own = check_random_state(search.random_state).randint(2**31 - 1, size=3).tolist()
        _, init_seed, neighbors_seed = own
    create_settings = partial(TrainingSettings, batch_size=batch_size)
    pretraining = create_settings(
        n_steps=pretrain_epochs * steps_per_epoch,
        epoch_steps=steps_per_epoch,
        **_resolve_optimizer(estimator.pretrain_optimizer),
    )
    # IDEC trains the decoder in the refinement.
    decoder_steps = max(_DECODER_EPOCHS * steps_per_epoch, _MIN_DECODER_STEPS)
    trains_decoder = max_iter > 0 and not estimator.reconstruction_weight
    refinement = create_settings(
        n_steps=max_iter,
        epoch_steps=update_interval,
        tol=estimator.tol,
        # With augmentation the network corrects the initial labels, which it need not learn.
        max_cycles=_MAX_REFINE_CYCLES if is_auto and not augmentation else 1,
        waits_for_score=is_auto,
        # Clusters of the search are better than what a network makes of them.
        keeps_labels=search is not None and not augmentation,
        **_resolve_optimizer(estimator.optimizer),
    )
    return Settings(
        architecture=architecture,
        augmentation=augmentation,
        scales_samples=estimator.autoencoder is None and not augmentation,
        stages=_list_stages(
            Stage(pretraining, float(estimator.corruption), augmentation),
            estimator.pretraining,
            architecture,
        ),
        refinement=refinement,
        # Rebuilt neighbors know more where the encoder has learned to ignore changes.
        rebuilt=replace(refinement, n_steps=max_iter // 2 if augmentation else 0),
        decoder=create_settings(
            n_steps=decoder_steps * trains_decoder,
            epoch_steps=decoder_steps,
            **_resolve_optimizer("adam"),
        ),
        partial=create_settings(
            n_steps=steps_per_epoch,
            epoch_steps=update_interval,
            # In a single epoch, "adam" would hardly move the centers.
            **_resolve_optimizer("sgd" if estimator.optimizer == "adam" else estimator.optimizer),
        ),
        search=search,
        pretrain_seed=pretrain_seed,
        init_seed=init_seed,
        neighbors_seed=neighbors_seed,
        refine_seed=refine_seed,
        decoder_seed=decoder_seed,
    )


def _resolve_search(estimator: Any) -> NeighborClusterer | None:
    """Return the clusterer that finds the initial clusters among the samples, if one does."""
    if isinstance(estimator.init, NeighborClusterer):
        return estimator.init
    if isinstance(estimator.init, str) and estimator.init == "neighbors":
        return NeighborClusterer(n_neighbors=estimator.n_neighbors or _N_SEARCH_NEIGHBORS)
    return None


def _resolve_architecture(estimator: Any, n_samples: int, n_features: int) -> Architecture:
    if estimator.autoencoder is not None:
        architecture = Architecture.create(estimator.autoencoder, n_features)
        _check_init(estimator, architecture.embedding_width)
        return architecture
    dims = _resolve_dims(estimator.dims, n_samples, n_features)
    return Architecture.create_default(n_features, dims)


def _list_stages(whole: Stage, pretraining: str, architecture: Architecture) -> tuple[Stage, ...]:
    """Return the stages of the pretraining; layers are trained for half as many steps each."""
    if pretraining == "joint":
        return (whole,)
    if not architecture.is_fully_connected:
        raise ValueError(
            f"pretraining={pretraining!r} needs the layers of build_autoencoder; with other "
            "networks, use pretraining='joint'."
        )
    half = replace(whole.settings, n_steps=whole.settings.n_steps // 2)
    n_layers = len(architecture.source.keywords["dims"])
    layers = [replace(whole, settings=half, layer=i) for i in range(n_layers)]
    return (*layers, replace(whole, corruption=0.0))


def _resolve_augmentation(augment: Any, n_features: int) -> Augmentation:
    if augment is None:
        return NO_AUGMENTATION
    if isinstance(augment, str):
        width = math.isqrt(n_features)
        if width**2 != n_features:
            raise ValueError(
                f"augment={augment!r} needs square images of one channel; X has {n_features} "
                "features, which is no square number. Give the shape of the images: "
                "augment=skdec.layers.RandomAffine((height, width))."
            )
        augment = RandomAffine((width, width))
    return Augmentation.create(augment, n_features)


def _resolve_dims(dims: Any, n_samples: int, n_features: int) -> tuple[int, ...]:
    if not isinstance(dims, str):
        return tuple(map(int, dims))
    n_halvings = 0
    while n_halvings < _MAX_HALVINGS and n_samples * 4**n_halvings < _MIN_PAPER_SAMPLES:
        n_halvings += 1
    *widths, embedding_width = PAPER_DIMS
    largest = _MAX_WIDTH_RATIO * math.sqrt(n_features)
    factor = min(2**-n_halvings, largest / widths[0])
    return (*(int(factor * width) for width in widths), embedding_width)


def _resolve_optimizer(given: Any) -> dict[str, Any]:
    # The learning rate decays where a name leaves it to the estimator.
    is_name = isinstance(given, str)
    return {"optimizer": _OPTIMIZERS[given]() if is_name else given, "has_decay": is_name}


def format_as_call(value: Any) -> str:
    """Return Keras objects, and a `functools.partial`, as the calls that create them.

    Of Keras objects with the settings that differ from the defaults, and the learning rate.
    """
    positional: Sequence[Any] = ()
    if isinstance(value, float):
        return repr(float(f"{value:.7g}"))  # as float32 holds it
    if isinstance(value, partial):
        positional, settings = (value.func, *value.args), value.keywords
    elif isinstance(value, HAVE_CONFIG):
        settings = get_config(value)
        is_layer = isinstance(value, keras.layers.Layer)
        try:
            defaults = (keras.layers.Layer if is_layer else type(value))().get_config()
        except TypeError:  # it has arguments without a default
            defaults = {}
        defaults.pop("learning_rate", None)
        settings = {
            k: one for k, one in settings.items() if k not in defaults or one != defaults[k]
        }
    else:
        return getattr(value, "__name__", repr(value))
    keywords = [f"{name}={format_as_call(one)}" for name, one in settings.items()]
    return f"{type(value).__name__}({', '.join([*map(format_as_call, positional), *keywords])})"


def published_parameters(dims: Sequence[int]) -> dict[str, Any]:
    """Return the parameters of DEC as in the paper, where they differ from the defaults."""
    initializer = keras.initializers.RandomNormal(stddev=0.01)
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 20_000, 0.1, staircase=True)
    return {
        **tutorial_parameters(dims),
        "autoencoder": partial(build_autoencoder, dims=dims, kernel_initializer=initializer),
        "pretrain_epochs": 365,  # on MNIST 100,000 steps, and 50,000 for each layer
        "pretrain_optimizer": keras.optimizers.SGD(schedule, momentum=0.9),
        "pretraining": "layerwise",
        "corruption": 0.2,
    }


def tutorial_parameters(dims: Sequence[int]) -> dict[str, Any]:
    """Return the parameters of the Keras tutorial, where they differ from the defaults."""
    return {
        # Given networks get the samples as they are.
        "autoencoder": partial(build_autoencoder, dims=dims),
        "pretrain_epochs": 300,
        "pretrain_optimizer": keras.optimizers.SGD(1.0, momentum=0.9),
        "init": "k-means++",
        "n_neighbors": 0,
        "optimizer": keras.optimizers.SGD(0.01, momentum=0.9),
        "max_iter": 20_000,
        "update_interval": 140,
        "tol": 1e-3,
    }
