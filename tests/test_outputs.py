"""Files that commands write, the scaling they keep in a model's file, and their progress."""

import io
import sys
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from skdec._outputs import raise_if_unwritable, write_labels, written_whole
from skdec._preparation import (
    MEMBER,
    Preparation,
    add_preparation,
    learned_preparation,
    range_ratio,
    stored_preparation,
)
from skdec.datasets import load_digits

ROWS = np.array([[1.0, 5.0, 100.0], [2.0, 5.0, -300.0], [4.0, 5.0, 0.0]])


def write_half(path):
    with written_whole(path) as part:
        part.write_text("half")
        raise KeyboardInterrupt


def test_a_file_takes_its_place_only_when_it_is_whole(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("before")
    with pytest.raises(KeyboardInterrupt):
        write_half(path)
    assert path.read_text() == "before"
    with written_whole(path) as part:
        assert part.suffix == ".csv"
        part.write_text("after")
    assert path.read_text() == "after"
    assert list(tmp_path.iterdir()) == [path]


def test_threads_may_write_to_one_path(tmp_path):
    path, together = tmp_path / "labels.csv", threading.Barrier(4)

    def write(number):
        with written_whole(path) as part:
            part.write_text(str(number))
            together.wait(10)  # all have begun before any ends

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(write, range(4))) == [None] * 4
    assert path.read_text() in "0123"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_keeps_pointing_to_the_file(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "file")
    with written_whole(tmp_path / "link") as part:
        part.write_text("content")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text() == "content"


def test_a_look_at_a_writable_path_leaves_nothing(tmp_path):
    raise_if_unwritable(tmp_path / "new.csv")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "is no regular file"),
        ("absent/new.csv", "is no folder; make it"),
        ("file/new.csv", "is no folder; make it"),
        ("x" * 254, "cannot be written"),
    ],
)
def test_an_unwritable_path_is_refused(name, message, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=message):
        raise_if_unwritable(tmp_path / name)


def test_labels_are_lines_in_the_order_of_the_rows():
    file = io.StringIO()
    write_labels(file, np.array([2, 0]), np.array([0.5, 1 / 3], dtype=np.float32))
    assert file.getvalue() == "cluster,confidence\n2,0.5\n0,0.333333\n"


@pytest.mark.parametrize(
    ("scale", "scaler"), [("standard", StandardScaler()), ("minmax", MinMaxScaler())]
)
def test_scaling_is_scikit_learns_and_survives_the_file(scale, scaler, tmp_path):
    with zipfile.ZipFile(tmp_path / "model", "w") as archive:
        archive.writestr("weights.npy", b"weights")
    add_preparation(tmp_path / "model", learned_preparation(ROWS, scale, ["a", "b", "c"]))
    stored = stored_preparation(tmp_path / "model")
    assert (stored.scale, stored.columns) == (scale, ["a", "b", "c"])
    new = np.array([[0.5, 6.0, 7.0]])
    np.testing.assert_allclose(stored.applied(new), scaler.fit(ROWS).transform(new), rtol=1e-12)
    with zipfile.ZipFile(tmp_path / "model") as archive:
        assert archive.read("weights.npy") == b"weights"


def test_float32_stays_and_no_scaling_copies_nothing():
    rows = ROWS.astype(np.float32)
    assert learned_preparation(rows, "standard", None).applied(rows).dtype == np.float32
    assert learned_preparation(rows, "none", None).applied(rows) is rows


def test_another_number_of_columns_is_refused():
    with pytest.raises(ValueError, match="have 2 columns, but the model was fitted on 3"):
        learned_preparation(ROWS, "minmax", None).applied(ROWS[:, :2])


def test_a_model_written_by_python_is_not_prepared(tmp_path):
    with zipfile.ZipFile(tmp_path / "model", "w") as archive:
        archive.writestr("weights.npy", b"weights")
    assert stored_preparation(tmp_path / "model") == Preparation()
    with zipfile.ZipFile(tmp_path / "model", "a") as archive:
        archive.writestr(MEMBER, '{"unknown": 1}')
    with pytest.raises(ValueError, match="is damaged"):
        stored_preparation(tmp_path / "model")


def test_the_range_ratio_finds_one_wide_column_and_passes_over_dark_pixels():
    assert range_ratio(load_digits()[0]) < 10
    wide = np.hstack([np.tile([[0.0], [1.0]], 19), [[0.0], [500.0]]])
    assert range_ratio(wide) == 500
    assert range_ratio(np.ones((3, 2))) == 1
    assert range_ratio(np.array([[0, 0], [255, 1]], dtype=np.uint8)) == 255


class Terminal(io.StringIO):
    def isatty(self):
        return True


def reported(monkeypatch, stream, n_epochs, done):
    """What the callback writes when a phase of `n_epochs` ends after `done` of them."""
    from skdec._progress import PhaseProgress

    monkeypatch.setattr(sys, "stderr", stream)
    progress = PhaseProgress()
    progress.set_params({"phase": "refine", "epochs": n_epochs})
    progress.on_train_begin()
    for epoch in range(done):
        progress.on_epoch_end(epoch, {"loss": 10.0 ** -(2 * epoch + 1), "changed": 0.5})
    progress.on_train_end()
    return stream.getvalue()


def test_progress_is_one_line_on_a_terminal(monkeypatch):
    text = reported(monkeypatch, Terminal(), 40, 3)
    assert text.count("\n") == 1
    assert text.endswith("\n")
    _, first, second, third = text.rstrip("\n").split("\r")
    assert first == "refine 1/40, loss 0.1, 50.00% of rows changed"
    assert second == "refine 2/40, loss 0.001, 50.00% of rows changed"
    # Shorter than the one before: blanks wipe out the rest.
    assert third.rstrip() == "refine 3/40, loss 1e-05, 50.00% of rows changed"
    assert len(third) >= len(second)


def test_progress_is_ten_lines_when_piped_and_the_last_state(monkeypatch):
    whole = reported(monkeypatch, io.StringIO(), 40, 40).splitlines()
    assert [line.split(",")[0] for line in whole] == [f"refine {n}/40" for n in range(4, 41, 4)]
    stopped = reported(monkeypatch, io.StringIO(), 40, 6).splitlines()
    assert [line.split(",")[0] for line in stopped] == ["refine 4/40", "refine 6/40"]
    assert reported(monkeypatch, io.StringIO(), 40, 0) == ""
