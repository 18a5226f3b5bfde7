"""Thread limits that others set are heeded."""

import joblib
import pytest

from skdec._threads import usable_threads


@pytest.mark.parametrize(("variable", "expected"), [("1", 1), ("1,2", 1), ("0", None), ("x", None)])
def test_openmp_s_variable_is_heeded(monkeypatch, variable, expected):
    monkeypatch.setenv("OMP_NUM_THREADS", variable)
    assert usable_threads() == (expected or joblib.cpu_count())


def test_no_more_threads_than_cores(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "4096")
    assert usable_threads() == joblib.cpu_count()
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert usable_threads() == joblib.cpu_count()
