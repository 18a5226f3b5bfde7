"""Progress on standard error, on a terminal and redirected."""

import io
import sys

from skdec._engine.progress import ProgressCallback


class Terminal(io.StringIO):
    def isatty(self):
        return True


def run_phase(monkeypatch, stream, n_epochs, n_done):
    """Run a phase of `n_epochs` that ends after `n_done` of them; return what was written."""
    monkeypatch.setattr(sys, "stderr", stream)
    progress = ProgressCallback()
    progress.set_params({"phase": "refine", "epochs": n_epochs})
    progress.on_train_begin()
    for epoch in range(n_done):
        progress.on_epoch_end(epoch, {"loss": 10.0 ** -(2 * epoch + 1), "changed": 0.5})
    progress.on_train_end()
    return stream.getvalue()


def test_progress_is_one_line_on_a_terminal(monkeypatch):
    text = run_phase(monkeypatch, Terminal(), 40, 3)
    assert text.count("\n") == 1
    assert text.endswith("\n")
    _, first, second, third = text.rstrip("\n").split("\r")
    assert first == "refine 1/40, loss 0.1, 50.00% of samples changed"
    assert second == "refine 2/40, loss 0.001, 50.00% of samples changed"
    # Shorter than the previous line, the rest of which is erased by blanks.
    assert third.rstrip() == "refine 3/40, loss 1e-05, 50.00% of samples changed"
    assert len(third) >= len(second)


def test_redirected_progress_is_ten_lines_and_the_last_epoch(monkeypatch):
    complete = run_phase(monkeypatch, io.StringIO(), 40, 40).splitlines()
    assert [line.split(",")[0] for line in complete] == [f"refine {n}/40" for n in range(4, 41, 4)]
    stopped = run_phase(monkeypatch, io.StringIO(), 40, 6).splitlines()
    assert [line.split(",")[0] for line in stopped] == ["refine 4/40", "refine 6/40"]
    assert run_phase(monkeypatch, io.StringIO(), 40, 0) == ""
