"""Progress on standard error: bars in terminals of any width, lines where it is redirected."""

import io
import re
import sys
import threading

import pytest
from rich.console import Console

from skdec._utils import terminal
from skdec._utils.terminal import open_bar, report_progress, show_progress

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture
def open_terminal(monkeypatch):
    """Make standard error a terminal of a width; return what is written to it."""

    def open_terminal(width):
        stream = io.StringIO()
        settings = {"file": stream, "force_terminal": True, "width": width, "height": 30}
        monkeypatch.setattr(
            terminal, "Console", lambda stderr: Console(**settings, color_system=None)
        )
        return stream

    return open_terminal


def run_step(name, total, values, n_each=10):
    with open_bar(name, total) as bar:
        for i, value in enumerate(values, start=1):
            bar.update(i * n_each - n_each // 2)
            bar.update(i * n_each, value)


def read_screen(stream):
    """Return the lines as they were drawn last, without colors."""
    text = ESCAPE.sub("", stream.getvalue())
    drawn = [part.rstrip() for line in text.split("\n") for part in line.split("\r")]
    return [line for line in drawn if line]


def test_redirected_progress_is_a_line_per_step(capsys):
    with show_progress():
        run_step("refine", 400, [{"loss": 10.0**-i, "changed": 0.125} for i in range(40)])
    (line,) = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"refine 400/400, \d+\.\d s, loss 1e-39, 12\.50% changed", line)


def test_a_long_step_has_a_line_every_ten_seconds(capsys, monkeypatch):
    now = 0.0
    monkeypatch.setattr(terminal.time, "perf_counter", lambda: now)
    with show_progress(), open_bar("refine", 50) as bar:
        for i in range(1, 51):
            now += 0.5
            bar.update(i, {"loss": 1.0})
    assert capsys.readouterr().err.splitlines() == [
        "refine 20/50, 15 s left, loss 1",
        "refine 40/50, 5 s left, loss 1",
        "refine 50/50, 25.0 s, loss 1",
    ]


def test_a_step_may_end_early_or_have_no_total(capsys):
    with show_progress():
        run_step("refine", 400, [{"loss": 0.5}] * 3)
        with open_bar("refine", 20) as bar:
            for n_done in (2, 4, 4, 4, 6):
                bar.update(n_done, {"loss": 1.0})
        with open_bar("neighbors"):
            pass
        with open_bar("read") as bar:
            bar.update(1200)
        with open_bar("read", 10, "MB") as bar:
            bar.advance(4)
        run_step("decoder", 0, [])
    lines = [re.sub(r"\d+\.\d s", "0.0 s", line) for line in capsys.readouterr().err.splitlines()]
    assert lines == [
        "refine 30/400, 0.0 s, loss 0.5",
        "refine 6/20, 0.0 s, loss 1",
        "neighbors, 0.0 s",
        "read 1200, 0.0 s",
        "read 4/10 MB, 0.0 s",
    ]


def test_steps_advance_from_any_thread(capsys):
    with show_progress(), open_bar("initialize", 200, "runs") as bar:
        threads = [
            threading.Thread(target=lambda: [bar.advance(1) for _ in range(50)]) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    (line,) = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"initialize 200/200 runs, \d+\.\d s", line)


@pytest.mark.parametrize("width", [20, 60, 71, 85, 200])
def test_bars_fit_into_terminals_of_any_width(width, open_terminal):
    stream = open_terminal(width)
    with show_progress():
        with open_bar("components", 70_000, "samples") as bar:
            for _ in range(7):
                bar.advance(8192)
        with open_bar("initialize"):
            pass
        run_step("pretrain", 100, [{"loss": 0.012345}] * 10)
        run_step("refine", 4000, [{"loss": 123.456, "changed": 0.12345}] * 4)
    lines = read_screen(stream)
    assert max(map(len, lines)) <= width
    counted, first, second, third = lines[-4:]
    assert counted.split()[0] == "components"
    assert "82 %" in counted  # ended early
    assert "steps/s" not in counted
    assert first.split()[0] == "initialize"
    assert "100 %" in first  # how much there was to do is known at the end
    assert second.split()[0] == "pretrain"
    assert "100 %" in second
    assert third.split()[0] == "refine"
    assert "1 %" in third  # ended early: not all was done
    assert ("loss 123.5, 12.35% changed" in third) == (width >= 60)
    assert ("━━━━━━━━━━" in second) == (width >= 71)
    assert (" steps/s" in third) == (width >= 85)


def test_an_error_ends_the_display(open_terminal):
    open_terminal(80)
    stderr = sys.stderr
    with pytest.raises(KeyboardInterrupt), show_progress(), open_bar("refine", 10):
        raise KeyboardInterrupt
    assert type(open_bar("refine", 10)) is terminal.Bar
    assert sys.stderr is stderr


def test_threads_show_their_own_progress_only(capsys):
    run_step("refine", 100, [{"loss": 1.0}])  # nothing is shown
    with show_progress():
        thread = threading.Thread(target=run_step, args=("other", 10, [{"loss": 1.0}]))
        thread.start()
        thread.join()
    assert capsys.readouterr().err == ""


class Fit:
    def __init__(self, verbose):
        self.verbose = verbose

    @report_progress
    def fit(self, n_steps, *, inner=None):
        """Fit."""
        with open_bar("pretrain", n_steps) as bar:
            bar.update(n_steps, {"loss": 0.5})
        return inner.fit(n_steps) if inner else n_steps


@pytest.mark.parametrize("verbose", [0, 1, 2, "x"])
def test_a_method_reports_if_verbose(verbose, capsys):
    assert Fit(verbose).fit(3) == 3
    assert Fit.fit.__doc__ == "Fit."
    assert capsys.readouterr().err.count("pretrain") == (verbose in (1, 2))


def test_methods_within_methods_use_the_same_display(open_terminal):
    stream = open_terminal(80)
    assert Fit(1).fit(3, inner=Fit(1)) == 3
    assert [line.split()[0] for line in read_screen(stream)[-2:]] == ["pretrain", "pretrain"]


def test_notebooks_need_ipywidgets_for_bars(monkeypatch):
    console = Console(force_jupyter=True)
    monkeypatch.setattr(terminal, "find_spec", lambda name: None)
    assert not terminal._is_live(console)
    monkeypatch.setattr(terminal, "find_spec", lambda name: name == "ipywidgets")
    assert terminal._is_live(console)
    assert not terminal._is_live(Console(file=io.StringIO()))
