"""Progress on standard error, bars in a terminal or a notebook, lines elsewhere; tables of text.

The steps of a fit open bars wherever they are; what is shown is decided once, by `show_progress`
around the whole fit.
"""

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from functools import partial, wraps
from importlib.util import find_spec
from numbers import Integral
from threading import Lock
from typing import Any, Concatenate, ParamSpec, TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text

SECONDS_PER_LINE = 10
# Characters that the columns take at most, the most important first.
_WIDTHS = {"name": 11, "done": 6, "time": 17, "values": 26, "bar": 11, "rate": 14}
_LONG_BAR = 14  # further characters of a bar where there is room

_P = ParamSpec("_P")
_R = TypeVar("_R")


class Bar:
    """Progress of one step of a fit; this one shows nothing.

    Used as a context manager: a step is over at its end, also after fewer units than announced.
    """

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def update(self, n_done: int, values: Mapping[str, float] | None = None) -> None:
        """Report how many units are done, and values such as the loss."""

    def advance(self, n_units: int) -> None:
        """Report that so many further units are done, from any thread."""

    def close(self) -> None:
        """Report the end of the step."""


HIDDEN_BAR = Bar()

# What opens a bar for a step's name, its number of units if it is known, and their name; and what
# writes a line.
_Display = tuple[Callable[[str, int | None, str], Bar], Callable[[str], None]]
_display: ContextVar[_Display | None] = ContextVar("display", default=None)


def open_bar(name: str, total: int | None = None, unit: str = "") -> Bar:
    """Open a bar for a step of the current fit.

    Parameters
    ----------
    name : str
        Name of the step.
    total : int, default=None
        Number of units, at most; None if it is not known. A step of none has no bar.
    unit : str, default=""
        What is counted, in the plural; training steps by default, whose rate is shown.

    Returns
    -------
    Bar
        The bar. It shows nothing unless `show_progress` is in force.
    """
    display = _display.get()
    return HIDDEN_BAR if display is None or total == 0 else display[0](name, total, unit)


def report_result(text: str) -> None:
    """Write a line about what a fit has found, if its progress is shown."""
    display = _display.get()
    if display is not None:
        display[1](text)


@contextmanager
def show_progress() -> Iterator[None]:
    """Show the bars that are opened meanwhile in this thread."""
    console = Console(stderr=True)
    if _is_live(console):
        columns = _choose_columns(console.width)
        with (
            Progress(*columns, console=console, refresh_per_second=5) as progress,
            _use_display((partial(_LiveBar, progress), console.out)),
        ):
            yield
    else:
        with _use_display((_LineBar, write_line)):
            yield


def hide_progress() -> AbstractContextManager[None]:
    """Hide the bars that are opened meanwhile in this thread, such as those of parts of a step."""
    return _use_display(None)


@contextmanager
def _use_display(display: _Display | None) -> Iterator[None]:
    token = _display.set(display)
    try:
        yield
    finally:
        _display.reset(token)


def report_progress(
    method: Callable[Concatenate[Any, _P], _R],
) -> Callable[Concatenate[Any, _P], _R]:
    """Decorate a method of an estimator to show its progress if `verbose` is above 0."""

    @wraps(method)
    def reporting(self: Any, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        if not isinstance(self.verbose, Integral) or self.verbose <= 0 or _display.get():
            return method(self, *args, **kwargs)
        with show_progress():
            return method(self, *args, **kwargs)

    return reporting


def _is_live(console: Console) -> bool:
    """Whether lines can be redrawn; in a notebook rich needs ipywidgets for it."""
    if console.is_jupyter:
        return find_spec("ipywidgets") is not None
    return console.is_terminal and not console.is_dumb_terminal


class _LiveBar(Bar):
    """A line of rich's progress display."""

    def __init__(self, progress: Progress, name: str, total: int | None, unit: str) -> None:
        self._progress = progress
        self._task: TaskID = progress.add_task(name, total=total, values="", unit=unit)

    def update(self, n_done: int, values: Mapping[str, float] | None = None) -> None:
        if values:
            self._progress.update(self._task, values=format_values(values))
        self._progress.update(self._task, completed=n_done)

    def advance(self, n_units: int) -> None:
        self._progress.advance(self._task, n_units)

    def close(self) -> None:
        (task,) = (task for task in self._progress.tasks if task.id == self._task)
        if task.total is None:
            self._progress.update(self._task, total=1, completed=1)
        self._progress.stop_task(self._task)


class _LineBar(Bar):
    """A line at the end, and one every ten seconds until then, with the time left.

    ``sys.stderr`` is looked up for each line, so that redirections are followed.
    """

    def __init__(self, name: str, total: int | None, unit: str) -> None:
        self._name, self._total, self._unit = name, total, unit
        self._n_done, self._values = 0, ""
        self._start = self._last_line = time.perf_counter()
        self._lock = Lock()

    def update(self, n_done: int, values: Mapping[str, float] | None = None) -> None:
        if values:
            self._values = format_values(values)
            self._set_done(n_done)
        elif self._total is None:
            self._n_done = n_done

    def advance(self, n_units: int) -> None:
        with self._lock:
            self._set_done(self._n_done + n_units)

    def close(self) -> None:
        seconds = time.perf_counter() - self._start
        done = f" {self._format_done()}" if self._n_done or self._total else ""
        write_line(f"{self._name}{done}, {seconds:.1f} s{_prefix(self._values)}")

    def _set_done(self, n_done: int) -> None:
        self._n_done = n_done
        now = time.perf_counter()
        if self._total and 0 < n_done < self._total and now - self._last_line >= SECONDS_PER_LINE:
            self._last_line = now
            left = (now - self._start) / n_done * (self._total - n_done)
            done = f"{self._format_done()}, {_format_seconds(left)} left"
            write_line(f"{self._name} {done}{_prefix(self._values)}")

    def _format_done(self) -> str:
        total = "" if self._total is None else f"/{self._total}"
        return f"{self._n_done}{total} {self._unit}".rstrip()


def write_line(line: str) -> None:
    """Write a line to standard error, at once."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def format_values(values: Mapping[str, float]) -> str:
    """Format the loss and the fraction of labels that an update has changed."""
    formats = {"loss": "loss {:.4g}", "changed": "{:.2%} changed"}
    return ", ".join(formats[name].format(values[name]) for name in formats if name in values)


def _prefix(text: str) -> str:
    return f", {text}" if text else ""


def _choose_columns(width: int) -> list[ProgressColumn]:
    """Return as many columns as a terminal of this width has room for."""
    chosen = set()
    for name in _WIDTHS:
        if _WIDTHS[name] <= width:
            chosen.add(name)
            width -= _WIDTHS[name]
    columns: dict[str, ProgressColumn] = {
        "name": TextColumn("{task.description}"),
        "bar": BarColumn(bar_width=10 + (_LONG_BAR if width >= _LONG_BAR else 0)),
        "done": _DoneColumn(),
        "time": _TimeColumn(),
        "rate": _RateColumn(),
        "values": TextColumn("{task.fields[values]}"),
    }
    return [column for name, column in columns.items() if name in chosen]


class _DoneColumn(ProgressColumn):
    """The percentage done; while the total is not known, the number of units."""

    def render(self, task: Task) -> Text:
        if task.total is None:
            return Text(f"{task.completed:,.0f}" if task.completed else "")
        return Text(f"{task.percentage:>3.0f} %")


class _RateColumn(ProgressColumn):
    """Training steps per second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        is_known = speed is not None and task.total is not None and not task.fields["unit"]
        return Text(f"{speed:,.0f} steps/s" if is_known else "")


class _TimeColumn(ProgressColumn):
    """The time left while a step runs, as far as it is known, and then the time that it took."""

    max_refresh = 0.5

    def render(self, task: Task) -> Text:
        is_running = task.stop_time is None
        if is_running and task.total is not None:
            left = task.time_remaining
            return Text("" if left is None else f"{_format_seconds(left)} left")
        return Text(_format_seconds(task.elapsed or 0.0))


def _format_seconds(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"


def format_table(rows: Sequence[Sequence[str]], align_left: int = 1) -> str:
    """Align the cells of each column, two spaces between columns, one line per row.

    The first `align_left` columns are aligned to the left, the others, of numbers, to the right.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if position < align_left else cell.rjust(width)
            for position, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


def join_first(
    texts: Sequence[str], n_shown: int, separator: str = ", ", n_texts: int | None = None
) -> str:
    """Join the first texts, and say how many more there are: of `n_texts`, or of those given."""
    n_more = (n_texts or len(texts)) - n_shown
    more = f"{separator}and {n_more:,} more" if n_more > 0 else ""
    return separator.join(texts[:n_shown]) + more
