"""The training loop of one phase: batches, learning rates, history, callbacks, checkpoints."""

import copy
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skdec._utils.data import count_steps_per_chunk, iterate_shuffled_batches
from skdec._utils.process import warn_user
from skdec._utils.terminal import open_bar
from skdec.dec.training.checkpoint import Checkpoint, CheckpointState, has_own_schedule
from skdec.dec.training.distribute import has_other_workers
from skdec.dec.training.samples import Scaling
from skdec.dec.training.trainer import Trainer

# Factor of the learning rate after steps were undone.
_RETRY_FACTOR = 0.1
# Fraction of what a metric lacks by which so many steps must raise it to be done once more.
_MIN_GAIN = 0.1
# Bounds the steps of a `partial_fit` on samples of large weight.
_MAX_PARTIAL_STEPS = 100
_BATCH_HOOKS = ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end")
# Columns of a CSVLogger: all that any of the phases reports.
_CSV_COLUMNS = ("loss", "changed", "clusters", "agreement", "score")


@dataclass(frozen=True)
class TrainingSettings:
    """How long and with which optimizer a phase is trained.

    Attributes
    ----------
    n_steps : int
        Number of training steps.
    epoch_steps : int
        Steps between two entries of the history: an epoch of the pretraining, an update of the
        targets in the refinement.
    batch_size : int
        Samples in a step.
    optimizer : keras.optimizers.Optimizer
        Never used itself; trainers use copies.
    has_decay : bool
        Whether the learning rate falls to zero by a cosine decay.
    tol : float, default=0.0
        The refinement ends when an update changes a smaller fraction of the labels.
    max_cycles : int, default=1
        How often the steps, with their learning rates, may be done in all.
    waits_for_score : bool, default=False
        Whether `tol` does not end the refinement before labels have had the score of the initial
        ones.
    keeps_labels : bool, default=False
        Whether weights are kept first by how well their labels agree with the initial ones.
    """

    n_steps: int
    epoch_steps: int
    batch_size: int
    optimizer: keras.optimizers.Optimizer
    has_decay: bool
    tol: float = 0.0
    max_cycles: int = 1
    waits_for_score: bool = False
    keeps_labels: bool = False

    def for_partial_fit(self, n_samples: int, total_weight: float) -> "TrainingSettings":
        """Return the settings of one epoch of distinct samples with this total weight."""
        n_steps = min(np.ceil(total_weight / self.batch_size), _MAX_PARTIAL_STEPS)
        return replace(self, n_steps=max(-(-n_samples // self.batch_size), int(n_steps)))

    def compute_learning_rates(self) -> np.ndarray:
        """Return the learning rate of every step, shape (n_steps,)."""
        if has_own_schedule(self.optimizer):
            return np.zeros(self.n_steps)  # not used: the optimizer has its own
        rates = np.full(self.n_steps, float(self.optimizer.learning_rate.numpy()))
        if self.has_decay:
            rates *= 0.5 * (1 + np.cos(np.pi * np.arange(self.n_steps) / max(self.n_steps, 1)))
        return rates


class TrainingLoop:
    """Run training steps over shuffled mini-batches.

    Used as a context manager: Keras callbacks are called at its beginning and end.

    Parameters
    ----------
    trainer : Trainer
        With the initial weights set.
    settings : TrainingSettings
        Number of steps, learning rates.
    sample_weight : ndarray of shape (n_samples,)
        Samples are drawn in proportion to their weight.
    random_state : RandomState
        Shuffles the samples, and seeds the steps.
    phase : str
        Name of the phase, for callbacks and checkpoints.
    metrics : sequence of str, default=("loss",)
        Names of the values that `record` is called with.
    callbacks : sequence of keras.callbacks.Callback, default=()
        Called at the start and end of every epoch.
    checkpoint : Checkpoint
        Where the state is saved; by default nowhere.
    scaling : Scaling or None
        What has been done to the samples that the networks are trained on; the model that the
        callbacks see takes samples as they are.

    Attributes
    ----------
    n_steps : int
        Steps done so far.
    """

    def __init__(
        self,
        trainer: Trainer,
        settings: TrainingSettings,
        sample_weight: np.ndarray,
        random_state: np.random.RandomState,
        *,
        phase: str,
        metrics: Sequence[str] = ("loss",),
        callbacks: Sequence[keras.callbacks.Callback] = (),
        checkpoint: Checkpoint = Checkpoint(None),  # noqa: B008  (it has no state)
        scaling: Scaling | None = None,
    ) -> None:
        self._trainer = trainer
        self._model = trainer.model
        # A model has variables, which all workers create or none, even if only one has callbacks.
        if scaling is not None and (callbacks or has_other_workers()):
            reconstructs = phase not in ("refine", "rebuilt")
            self._model = scaling.build_model_of_samples(trainer.model, reconstructs)
        self._learning_rates = settings.compute_learning_rates()
        self._max_steps = settings.max_cycles * settings.n_steps
        self._cycle_steps = settings.n_steps
        self._epoch_steps = settings.epoch_steps
        # From a copy: the batches do not depend on whether anything else is random.
        self._seed = int(copy.deepcopy(random_state).randint(np.iinfo(np.int32).max))
        self._has_own_schedule = has_own_schedule(settings.optimizer)
        self._batches = iterate_shuffled_batches(sample_weight, trainer.batch_size, random_state)
        self._n_batches = 0
        self._has_retried = False
        self._history: dict[str, list[Any]] = {
            name: [] for name in (*metrics, "learning_rate", "seconds")
        }
        self._start_time = time.perf_counter()
        self._phase = phase
        self._checkpoint = checkpoint
        self._callbacks = PhaseCallbacks(
            callbacks,
            self._model,
            phase=phase,
            epochs=-(-settings.n_steps // settings.epoch_steps),
            steps=settings.epoch_steps,
        )
        self._best: tuple[tuple[float, ...], list[np.ndarray]] | None = None
        self._stop_reason: str | None = None
        self.n_steps = 0

    def __enter__(self) -> "TrainingLoop":
        self._bar = open_bar(self._phase, self._cycle_steps)
        with self._apply_learning_rate_of_callbacks():
            self._callbacks.on_train_begin()
        return self

    def __exit__(self, kind: type | None, *_: object) -> None:
        self._bar.close()
        if kind is None:
            self._callbacks.on_train_end()

    @property
    def is_running(self) -> bool:
        """Whether there are steps left and nothing has stopped the phase."""
        return self.n_steps < len(self._learning_rates) and self._stop_reason is None

    @property
    def stop_reason(self) -> str:
        """Why the phase ended: "max_iter" if all steps were done, or what `stop` was given."""
        return self._stop_reason or "max_iter"

    def stop(self, reason: str) -> None:
        """End the phase, unless something else has ended it already."""
        self._stop_reason = self._stop_reason or reason

    @property
    def history(self) -> dict[str, np.ndarray]:
        """The recorded values, one entry per epoch: numbers, or arrays of one shape."""
        stacked = {name: _stack(values) for name, values in self._history.items()}
        return {name: values for name, values in stacked.items() if values is not None}

    def train_epoch(self, sources: Sequence[Any], scalars: Sequence[float] = ()) -> float:
        """Train for the steps of one epoch and return their mean loss.

        If the loss is not finite, the steps are undone and repeated once at a lower learning rate.

        Parameters
        ----------
        sources : sequence of array-like
            Indexed by samples, in the order of the trainer's batch tensors.
        scalars : sequence of float, default=()
            Further arguments of the loss.

        Returns
        -------
        float
            Mean loss of the steps.

        Raises
        ------
        FloatingPointError
            If the loss is not finite a second time.
        """
        with self._apply_learning_rate_of_callbacks():
            self._callbacks.on_epoch_begin(len(self._history["seconds"]))
        self._undo_state = self.n_steps, self._trainer.get_weights()
        while True:
            losses: list[np.ndarray] = []
            for batches, learning_rates, seeds in self._gather_chunks(sources):
                if self._callbacks.has_batch_hooks:
                    self._callbacks.on_train_batch_begin(len(losses))
                losses.append(self._trainer.run(batches, learning_rates, seeds, scalars))
                if self._callbacks.has_batch_hooks:
                    logs = {"loss": float(losses[-1][0])}
                    self._callbacks.on_train_batch_end(len(losses) - 1, logs)
                self._bar.update(min(self.n_steps + sum(map(len, losses)), self._cycle_steps))
            loss = float(np.concatenate(losses).mean())
            if np.isfinite(loss):
                self.n_steps += sum(map(len, losses))
                return loss
            self._retry_after_divergence(loss)

    def record(self, **values: float) -> None:
        """Add an entry to the history and call the callbacks with it.

        What they add to their logs becomes part of the history, too: numbers, and arrays that have
        the same shape every time.
        """
        epoch, logs = len(self._history["seconds"]), dict(values)
        self._bar.update(min(self.n_steps, self._cycle_steps), values)
        recorded = {
            **values,
            "learning_rate": self._trainer.learning_rate,  # of the last step
            "seconds": time.perf_counter() - self._start_time,
        }
        with self._apply_learning_rate_of_callbacks():
            self._callbacks.on_epoch_end(epoch, logs)
        for name, value in {**logs, **recorded}.items():
            self._history.setdefault(name, []).append(value)
        if self._model.stop_training:
            self.stop("callback")

    def extend(self, metric: str) -> bool:
        """Do the steps of the phase once more when all are done; return whether that is allowed.

        It is if the settings allow it, and if the last so many steps have brought the metric a
        good part nearer to one.
        """
        values, n_epochs = self.history[metric], -(-self._cycle_steps // self._epoch_steps)
        missing = 1 - max(values[:-n_epochs], default=-np.inf)
        if 1 - max(values[-n_epochs:]) > (1 - _MIN_GAIN) * missing:
            return False
        n_steps = len(self._learning_rates)
        if self.n_steps >= n_steps < self._max_steps:
            cycle = self._learning_rates[: self._cycle_steps]
            self._learning_rates = np.concatenate([self._learning_rates, cycle])
        return self._max_steps > self._cycle_steps

    def undo(self) -> bool:
        """Undo the last epoch and lower the learning rate; return whether to repeat it.

        It is repeated only once in a phase.
        """
        self.n_steps, weights = self._undo_state
        self._trainer.reset(weights)
        can_retry = not self._has_retried and bool(self._learning_rates.any())
        self._has_retried = True
        self._learning_rates = self._learning_rates * _RETRY_FACTOR
        return can_retry

    def keep_best(self, rank: tuple[float, ...]) -> None:
        """Keep a copy of the weights if they rank higher than all before."""
        if self._best is None or rank > self._best[0]:
            self._best = rank, self._trainer.get_weights()

    def restore_best(self) -> None:
        """Restore the kept weights, if there are any."""
        if self._best is not None:
            self._trainer.reset(self._best[1])

    def resume(self) -> bool:
        """Resume from the checkpoint, if there is one; return whether there was."""
        state = self._checkpoint.load(self._phase)
        if state is None:
            return False
        numbers, arrays = state
        self.n_steps, self._has_retried = numbers["n_steps"], numbers["has_retried"]
        self._stop_reason = numbers["stop_reason"]
        self._learning_rates = arrays["learning_rates"]
        while self._n_batches < numbers["n_batches"]:
            self._next_batch()
        self._trainer.set_variables(_list_arrays(arrays, "variable"))
        if numbers["best_rank"] is not None:
            self._best = tuple(numbers["best_rank"]), _list_arrays(arrays, "best")
        for name in (key.removeprefix("history.") for key in arrays if key.startswith("history.")):
            self._history[name] = list(arrays[f"history.{name}"])
        self._start_time -= max(self._history["seconds"], default=0.0)
        return True

    def save_checkpoint(self, *, force: bool = False) -> None:
        """Save the state if it is due, or `force`."""
        self._checkpoint.save(self._phase, self.get_state, force=force)

    def get_state(self) -> CheckpointState:
        """Return all that another process needs to resume from here."""
        numbers = {
            "n_steps": self.n_steps,
            "n_batches": self._n_batches,
            "has_retried": self._has_retried,
            "stop_reason": self._stop_reason,
            "best_rank": None if self._best is None else self._best[0],
        }
        variables = {f"variable.{i}": v for i, v in enumerate(self._trainer.get_variables())}
        histories = {f"history.{name}": values for name, values in self.history.items()}
        best = () if self._best is None else self._best[1]
        arrays = {"learning_rates": self._learning_rates, **variables, **histories}
        arrays |= {f"best.{i}": value for i, value in enumerate(best)}
        return numbers, arrays

    def _gather_chunks(
        self, sources: Sequence[Any]
    ) -> Iterator[tuple[list[np.ndarray], np.ndarray, np.ndarray]]:
        """Yield batches, learning rates and seeds of an epoch, a few megabytes at a time."""
        learning_rates = self._learning_rates[self.n_steps : self.n_steps + self._epoch_steps]
        size = count_steps_per_chunk(sources[0].shape[1], self._trainer.batch_size)
        size = 1 if self._callbacks.has_batch_hooks else size
        for start in range(0, len(learning_rates), size):
            chunk = learning_rates[start : start + size]
            seeds = np.array([(self._seed, self._n_batches + i) for i in range(len(chunk))])
            indices = np.stack([self._next_batch() for _ in chunk])[:, self._trainer.batch_slice]
            gathered = [source[indices.ravel()] for source in sources]
            batches = [values.reshape(*indices.shape, *values.shape[1:]) for values in gathered]
            yield batches, chunk, seeds

    @contextmanager
    def _apply_learning_rate_of_callbacks(self) -> Iterator[None]:
        """Scale the remaining learning rates by the factor by which a callback changes it."""
        is_at_end = self.n_steps >= len(self._learning_rates)
        if is_at_end or self._has_own_schedule or not self._callbacks.callbacks:
            yield
            return
        self._trainer.learning_rate = float(self._learning_rates[self.n_steps])
        current = self._trainer.learning_rate  # rounded to float32
        yield
        changed = self._trainer.learning_rate
        if changed != current and current:
            self._learning_rates[self.n_steps :] *= changed / current

    def _next_batch(self) -> np.ndarray:
        self._n_batches += 1
        return next(self._batches)

    def _retry_after_divergence(self, loss: float) -> None:
        n_steps = self._undo_state[0]
        divergence = f"The loss became {loss} after {n_steps} steps"
        if not self.undo():
            has_retried = "" if self._has_own_schedule else ", also at a lower learning rate"
            raise FloatingPointError(
                f"{divergence}{has_retried}. Scale the features of X alike, for example with "
                "MinMaxScaler, or pass an optimizer with a lower learning rate."
            )
        warn_user(
            f"{divergence}. The phase continues from there with {_RETRY_FACTOR} times the "
            "learning rate; scale the features of X alike, or pass an optimizer with a lower one.",
            ConvergenceWarning,
        )


def _stack(values: list[Any]) -> np.ndarray | None:
    """Return numbers or arrays of one shape as an array; None for anything else."""
    try:
        stacked = np.array(values)
    except ValueError:  # several shapes
        return None
    return stacked if stacked.dtype.kind in "biuf" else None


def _list_arrays(arrays: dict[str, np.ndarray], prefix: str) -> list[np.ndarray]:
    """Return the arrays named "prefix.0", "prefix.1" and so on."""
    return [array for name, array in arrays.items() if name.startswith(f"{prefix}.")]


class PhaseCallbacks(keras.callbacks.CallbackList):
    """The callbacks of one training phase.

    A `keras.callbacks.CSVLogger` writes all phases of a fit to one file, with "NA" for what a
    phase does not report.

    Parameters
    ----------
    callbacks : sequence of keras.callbacks.Callback
        Callbacks of the user.
    model : keras.Model
        The model that they see.
    **params : dict
        Their ``params``: phase, epochs, steps.

    Attributes
    ----------
    has_batch_hooks : bool
        Whether a callback does something at every batch, which makes the training slower.
    """

    def __init__(
        self, callbacks: Sequence[keras.callbacks.Callback], model: keras.Model, **params: Any
    ) -> None:
        loggers = [one for one in callbacks if isinstance(one, keras.callbacks.CSVLogger)]
        self._csv_loggers = [
            (logger, _is_next(params["phase"], (logger.params or {}).get("phase")))
            for logger in loggers
        ]
        super().__init__(list(callbacks), model=model, verbose=1, **params)
        self.has_batch_hooks = any(map(_has_batch_hooks, callbacks))

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Call the callbacks at the beginning of the phase."""
        appends = [logger.append for logger, _ in self._csv_loggers]
        for logger, is_continued in self._csv_loggers:
            logger.append = logger.append or is_continued
            logger.append_header = True  # Keras resets it only where it appends
        super().on_train_begin(logs)
        for (logger, _), append in zip(self._csv_loggers, appends, strict=True):
            logger.append = append
            logger.keys = list(_CSV_COLUMNS)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        """Call the callbacks at the end of an epoch; what they add to `logs` is kept there.

        Arrays are kept from the callbacks after the one that adds them: many log all values as
        numbers.
        """
        arrays: dict[str, Any] = {}
        for callback in self.callbacks:
            callback.on_epoch_end(epoch, logs)
            arrays |= {name: logs.pop(name) for name in list(logs) if np.ndim(logs[name])}
        logs |= arrays


def _is_next(phase: str, previous: str | None) -> bool:
    """Return whether a fit can be in this phase after the previous one."""
    if previous is None or phase == "layer_0":
        return False
    if phase in ("refine", "rebuilt"):
        return previous == {"refine": "pretrain", "rebuilt": "refine"}[phase]
    return previous.startswith("layer_") and previous != phase


def _has_batch_hooks(callback: keras.callbacks.Callback) -> bool:
    base = keras.callbacks.Callback
    for name in _BATCH_HOOKS:
        hook = getattr(callback, name)  # a method, or a function given to a LambdaCallback
        if getattr(hook, "__func__", hook) is not getattr(base, name):
            return True
    return False
