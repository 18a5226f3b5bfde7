"""What the estimator's parameters may be, and what "auto" and names stand for."""

import os
from numbers import Integral
from typing import Any

import keras
import numpy as np
from joblib import Memory
from sklearn.utils.validation import check_memory

from skdec._validation import (
    check_activation,
    check_callbacks,
    check_initializer,
    check_integer,
    check_optimizer,
    check_positive,
    check_seed,
    check_share,
    check_start,
    check_widths,
)

_OPTIMIZERS = {
    "adam": lambda: keras.optimizers.Adam(1e-3, name="adam"),
    "sgd": lambda: keras.optimizers.SGD(0.1, momentum=0.9, name="sgd"),
}
STARTS = ("landmarks", "k-means++")

# What "auto" stands for: passes over the rows, and the steps that they make up at least.
_PRETRAIN_PASSES, _PRETRAIN_STEPS = 10, 1000
_REFINE_PASSES, _REFINE_STEPS = 4, 500
_UPDATE_PASSES, _UPDATE_STEPS = 1, 50
_N_INIT = {"landmarks": 10, "k-means++": 20}


def check_parameters(estimator: Any) -> None:
    """Raise a ValueError or TypeError that names the first parameter out of its range."""
    if estimator.n_clusters is not None or not hasattr(estimator.init, "fit_predict"):
        check_integer("n_clusters", estimator.n_clusters, 1)
    check_widths("dims", estimator.dims)
    check_positive("alpha", estimator.alpha)
    check_activation("activation", estimator.activation)
    check_initializer("kernel_initializer", estimator.kernel_initializer)
    check_integer("batch_size", estimator.batch_size, 1)
    check_integer("pretrain_epochs", estimator.pretrain_epochs, 0, words=("auto",))
    check_optimizer("pretrain_optimizer", estimator.pretrain_optimizer, _OPTIMIZERS)
    check_start("init", estimator.init, STARTS, (estimator.n_clusters, estimator.dims[-1]))
    check_integer("n_init", estimator.n_init, 1, words=("auto",))
    check_integer("n_neighbors", estimator.n_neighbors, 0)
    check_optimizer("optimizer", estimator.optimizer, _OPTIMIZERS)
    check_integer("max_iter", estimator.max_iter, 0, words=("auto",))
    check_integer("update_interval", estimator.update_interval, 1, words=("auto",))
    check_share("tol", estimator.tol)
    check_callbacks("callbacks", estimator.callbacks)
    if not isinstance(estimator.verbose, bool):
        check_integer("verbose", estimator.verbose, 0)
    check_seed("random_state", estimator.random_state)
    if estimator.checkpoint is not None:
        _check_checkpoint(estimator.checkpoint, estimator.random_state)
    if estimator.n_neighbors == 0 and isinstance(estimator.init, str):
        _check_start_without_neighbors(estimator.init)


def _check_start_without_neighbors(init: str) -> None:
    if init == "landmarks":
        raise ValueError(
            "init='landmarks' judges its clusters by neighbours and needs n_neighbors of at least "
            "1; got n_neighbors=0. Set init='k-means++' to do without them."
        )


def _check_checkpoint(folder: Any, random_state: Any) -> None:
    if not isinstance(folder, str | os.PathLike):
        raise TypeError(f"checkpoint={folder!r} must be the path of a folder, or None.")
    if not isinstance(random_state, Integral):
        raise ValueError(
            "checkpoint needs an integer as random_state: no other fit would go on alike; got "
            f"random_state={random_state!r}."
        )


def published() -> dict[str, Any]:
    """Parameters of DEC as published, where they are not the defaults."""
    return {
        "pretrain_epochs": 300,
        "pretrain_optimizer": keras.optimizers.SGD(1.0, momentum=0.9),
        "init": "k-means++",
        "n_init": 20,
        "n_neighbors": 0,
        "optimizer": keras.optimizers.SGD(0.01, momentum=0.9),
        "max_iter": 20_000,
        "update_interval": 140,
        "tol": 1e-3,
    }


def pass_steps(n_rows: int, batch_size: int) -> int:
    """Steps that make up one pass over the rows."""
    return -(-n_rows // batch_size)


def pretrain_epochs(given: Any, n_rows: int, batch_size: int) -> int:
    """Passes over the rows in pretraining."""
    if given != "auto":
        return given
    return max(_PRETRAIN_PASSES, -(-_PRETRAIN_STEPS // pass_steps(n_rows, batch_size)))


def refinement_steps(given: Any, n_rows: int, batch_size: int) -> int:
    """Steps of the refinement."""
    if given != "auto":
        return given
    return max(_REFINE_PASSES * pass_steps(n_rows, batch_size), _REFINE_STEPS)


def update_steps(given: Any, n_rows: int, batch_size: int) -> int:
    """Steps between two updates of the targets."""
    if given != "auto":
        return given
    return max(_UPDATE_PASSES * pass_steps(n_rows, batch_size), _UPDATE_STEPS)


def restarts(given: Any, init: Any) -> int:
    """Draws of the start, of which the best is kept; one where `init` is no word for draws."""
    return (_N_INIT[init] if isinstance(init, str) else 1) if given == "auto" else given


def cache(memory: Any) -> Memory:
    """The joblib cache that `memory` names, or is."""
    return check_memory(os.fspath(memory) if isinstance(memory, os.PathLike) else memory)


def keras_optimizer(given: Any) -> keras.optimizers.Optimizer:
    """The optimizer that a name stands for, or the one given."""
    return _OPTIMIZERS[given]() if isinstance(given, str) else given


def decays(optimizer: Any) -> bool:
    """Whether the learning rate falls over the phase: where a name leaves it to the estimator."""
    return isinstance(optimizer, str)


def plain_seeds(random_state: np.random.RandomState, n_seeds: int) -> list[int]:
    """Seeds for the parts of a fit."""
    return [int(seed) for seed in random_state.randint(2**31 - 1, size=n_seeds)]
