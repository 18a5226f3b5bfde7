"""The steps of a phase: their rates and batches, their history, and how to take them back."""

import time
import warnings
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skdec._checkpoint import State
from skdec._compiled import Trainer, has_own_schedule
from skdec._rows import chunk_steps, shuffled_batches

# How much lower the learning rate is after steps were taken back.
_RETRY_RATE = 0.1


class Course:
    """Trains for a number of steps, over shuffles of the rows, as far as it is told at a time.

    Parameters
    ----------
    trainer : Trainer
        With the weights to begin from.
    rates : ndarray of shape (n_steps,)
        Learning rate of every step.
    n_rows : int
        Number of rows.
    random_state : RandomState
        Draws the shuffles.
    *names : str
        What each entry of the history tells, beside the seconds since the beginning.
    """

    def __init__(
        self,
        trainer: Trainer,
        rates: np.ndarray,
        n_rows: int,
        random_state: np.random.RandomState,
        *names: str,
    ) -> None:
        self._trainer = trainer
        self._rates = rates
        self._batches = shuffled_batches(n_rows, trainer.batch_size, random_state)
        self._n_drawn = 0
        self._retried = False
        self._history: dict[str, list[float]] = {name: [] for name in (*names, "seconds")}
        self._begun = time.perf_counter()
        self.n_steps = 0

    @property
    def steps_left(self) -> int:
        """Steps until the end of the phase."""
        return len(self._rates) - self.n_steps

    @property
    def n_entries(self) -> int:
        """Entries of the history so far."""
        return len(self._history["seconds"])

    def advance(self, n_steps: int, sources: Sequence[Any], scalars: Sequence[float] = ()) -> float:
        """Train for some steps on the next batches of the sources; the mean loss.

        Where the loss is not finite, the steps are taken back and made once more at a lower rate;
        a second time is an error.
        """
        self._before = self.n_steps, self._trainer.weights()
        loss = self._trained(n_steps, sources, scalars)
        while not np.isfinite(loss):
            diverged = f"The loss became {loss} after {self._before[0]} steps"
            if not self.take_back():
                raise FloatingPointError(
                    f"{diverged} and did not recover at a lower learning rate. Scale the columns "
                    "of X alike, for example with MinMaxScaler, or pass an optimizer with a lower "
                    "learning rate."
                )
            warnings.warn(
                f"{diverged}. The phase goes on from there with {_RETRY_RATE} times the learning "
                "rate; scale the columns of X alike, or pass an optimizer with a lower one.",
                ConvergenceWarning,
                stacklevel=5,
            )
            loss = self._trained(n_steps, sources, scalars)
        return loss

    def take_back(self) -> bool:
        """Undo the last `advance`; whether it may be made again, once and at a lower rate."""
        self.n_steps, weights = self._before
        self._trainer.reset(weights)
        may_be_made_again = not self._retried and bool(self._rates.any())
        self._retried = True
        self._rates = self._rates * _RETRY_RATE
        return may_be_made_again

    def note(self, **values: float) -> None:
        """Add an entry to the history."""
        for name, value in values.items():
            self._history[name].append(value)
        self._history["seconds"].append(time.perf_counter() - self._begun)

    def history(self) -> dict[str, np.ndarray]:
        """What was noted so far."""
        return {name: np.array(values) for name, values in self._history.items()}

    def state(self) -> State:
        """All that it takes to go on from here in another process."""
        numbers = {"n_steps": self.n_steps, "n_drawn": self._n_drawn, "retried": self._retried}
        variables = {f"variable.{i}": value for i, value in enumerate(self._trainer.variables())}
        histories = {f"history.{name}": values for name, values in self.history().items()}
        return State(numbers, {"rates": self._rates, **variables, **histories})

    def go_on_from(self, state: State) -> None:
        """Continue where the course was that gave this state."""
        numbers, arrays = state
        self.n_steps, self._retried = numbers["n_steps"], numbers["retried"]
        self._rates = arrays["rates"]
        while self._n_drawn < numbers["n_drawn"]:
            self._next_batch()
        n_variables = sum(name.startswith("variable.") for name in arrays)
        self._trainer.restore([arrays[f"variable.{i}"] for i in range(n_variables)])
        self._history = {name: arrays[f"history.{name}"].tolist() for name in self._history}
        self._begun -= max(self._history["seconds"], default=0.0)

    def _trained(self, n_steps: int, sources: Sequence[Any], scalars: Sequence[float]) -> float:
        rates = self._rates[self.n_steps : self.n_steps + n_steps]
        losses = []
        chunk = chunk_steps(sources[0].shape[1], self._trainer.batch_size)
        for start in range(0, len(rates), chunk):
            chunk_rates = rates[start : start + chunk]
            batches = np.stack([self._next_batch() for _ in chunk_rates])
            indices = batches[:, self._trainer.own_rows]
            stacked = [source[indices.ravel()] for source in sources]
            shaped = [rows.reshape(*indices.shape, *rows.shape[1:]) for rows in stacked]
            losses.append(self._trainer.run(shaped, chunk_rates, scalars))
        self.n_steps += len(rates)
        return float(np.concatenate(losses).mean())

    def _next_batch(self) -> np.ndarray:
        self._n_drawn += 1
        return next(self._batches)


def learning_rates(optimizer: keras.optimizers.Optimizer, n_steps: int, decay: bool) -> np.ndarray:
    """Learning rate of every step: constant, or falling to zero by half a cosine."""
    if has_own_schedule(optimizer):
        return np.zeros(n_steps)  # the optimizer does not look at them
    rates = np.full(n_steps, float(optimizer.learning_rate.numpy()))
    return rates * 0.5 * (1 + np.cos(np.pi * np.arange(n_steps) / n_steps)) if decay else rates
