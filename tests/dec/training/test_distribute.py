"""Fits on several devices and in several processes equal the same fit on one device."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import distributed_fit
import numpy as np
import pytest

SCRIPT = Path(distributed_fit.__file__)


def start_process(settings):
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), json.dumps(settings)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "ignore"},
    )


def wait_for_processes(processes):
    """Return the exit status and output of each process."""
    try:
        outputs = [process.communicate(timeout=600)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    statuses = [process.returncode for process in processes]
    return list(zip(statuses, outputs, strict=True))


def find_free_addresses(n_addresses):
    sockets = [socket.socket() for _ in range(n_addresses)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    addresses = [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
    for one in sockets:
        one.close()
    return addresses


def run_workers(directory, settings_per_worker, **common):
    """Run workers on loopback, each with its own settings; return their status and output."""
    common["workers"] = find_free_addresses(len(settings_per_worker))
    processes = []
    for index, settings in enumerate(settings_per_worker):
        own = {"index": index, "result": f"{directory}/worker_{index}.npz"}
        processes.append(start_process(common | own | settings))
    return wait_for_processes(processes)


def assert_all_succeeded(outcomes):
    for status, output in outcomes:
        assert status == 0, output


def assert_same_fit(fit, other, rtol=2e-4):
    np.testing.assert_array_equal(fit["labels"], fit["predicted"])
    np.testing.assert_array_equal(fit["labels"], other["labels"])
    for name in other.keys() - {"labels", "predicted"}:
        np.testing.assert_allclose(fit[name], other[name], rtol=rtol, atol=1e-5, err_msg=name)


@pytest.fixture(scope="module")
def single_device_fit():
    return distributed_fit.fit()


@pytest.fixture(scope="module")
def two_device_fit(tmp_path_factory):
    """Results on two devices of one process, and the errors of two fits that cannot run there."""
    path = tmp_path_factory.mktemp("devices") / "fit.npz"
    settings = {"devices": 2, "result": str(path), "errors": True}
    assert_all_succeeded(wait_for_processes([start_process(settings)]))
    return np.load(path)


@pytest.fixture(scope="module")
def two_process_fits(tmp_path_factory):
    directory = tmp_path_factory.mktemp("workers")
    assert_all_succeeded(run_workers(directory, [{}, {}]))
    return [np.load(directory / f"worker_{i}.npz") for i in range(2)]


def test_two_devices_give_the_fit_of_one(single_device_fit, two_device_fit):
    assert_same_fit(two_device_fit, single_device_fit)


VARIANTS = {
    "layerwise": {"parameters": {"pretraining": "layerwise", "corruption": 0.2}},
    "images": {"networks": "images"},
    "regularized": {"networks": "regularized", "parameters": {"reconstruction_weight": 1.0}},
}


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
def test_two_devices_fit_each_variant(variant, tmp_path):
    """The devices change their parts of a batch at random differently from one device."""
    settings, path = VARIANTS[variant], tmp_path / "fit.npz"
    process = start_process({"devices": 2, "result": str(path), **settings})
    assert_all_succeeded(wait_for_processes([process]))
    rtol = 2e-4 if variant == "regularized" else 0.3
    parameters = distributed_fit.make_parameters(settings)
    one, two = distributed_fit.fit(**parameters), np.load(path)
    np.testing.assert_array_equal(two["labels"], two["predicted"])
    assert np.mean(two["labels"] != one["labels"]) <= (0.01 if variant == "layerwise" else 0)
    for name in ("pretrain", "refine"):
        np.testing.assert_allclose(two[name], one[name], rtol=rtol)


@pytest.mark.slow
def test_two_processes_give_the_fit_of_one(single_device_fit, two_process_fits):
    first, second = two_process_fits
    assert_same_fit(first, single_device_fit)
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("error", "message"),
    [
        ("batch_size_error", "a multiple of the strategy's 2 replicas"),
        ("clipnorm_error", "An optimizer with clipnorm would be applied to each replica's part"),
    ],
)
def test_parameters_that_replicas_cannot_divide_are_refused(error, message, two_device_fit):
    assert str(two_device_fit[error]).startswith("ValueError: ")
    assert message in str(two_device_fit[error])


@pytest.mark.slow
def test_workers_with_different_fits_raise(tmp_path):
    for status, output in run_workers(tmp_path, [{}, {"parameters": {"random_state": 1}}]):
        assert status == 1
        assert "RuntimeError: The workers of the strategy do not run the same fit." in output


@pytest.mark.slow
@pytest.mark.parametrize("moment", [["pretrain", 2], ["refine", 1]])
def test_loss_of_a_worker_raises_and_the_fit_resumes(moment, two_process_fits, tmp_path):
    uninterrupted = two_process_fits[0]
    common = {"parameters": {"checkpoint": f"{tmp_path}/checkpoint"}}
    remaining, killed = run_workers(tmp_path, [{}, {"kill_at": moment}], **common)
    assert killed[0] == -signal.SIGKILL
    assert remaining[0] == 1
    assert "RuntimeError: Another worker of the strategy was lost." in remaining[1]
    assert (tmp_path / "checkpoint" / f"{moment[0]}.checkpoint").exists()
    assert_all_succeeded(run_workers(tmp_path, [{}, {}], **common))
    resumed = np.load(tmp_path / "worker_0.npz")
    for name in uninterrupted:
        np.testing.assert_array_equal(resumed[name], uninterrupted[name])
    assert not list((tmp_path / "checkpoint").iterdir())
