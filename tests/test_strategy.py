"""Fits on several devices and in several processes, against the same fit on one device."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parent / "distributed_fit.py"


def started(order):
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), json.dumps(order)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "ignore"},
    )


def ended(processes):
    """Status and output of each, all of them within two minutes."""
    try:
        outputs = [process.communicate(timeout=120)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [
        (process.returncode, output) for process, output in zip(processes, outputs, strict=True)
    ]


def free_addresses(n_addresses):
    sockets = [socket.socket() for _ in range(n_addresses)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    addresses = [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
    for one in sockets:
        one.close()
    return addresses


def workers(folder, orders, **common):
    """Outcomes of two workers on loopback, each with its own order."""
    addresses = free_addresses(len(orders))
    return ended(
        [
            started(
                {
                    "workers": addresses,
                    "index": index,
                    "result": f"{folder}/worker_{index}.npz",
                    **common,
                    **order,
                }
            )
            for index, order in enumerate(orders)
        ]
    )


def one_device(path, **order):
    assert_all_well(ended([started({"result": str(path), **order})]))
    return np.load(path)


def assert_all_well(outcomes):
    for status, output in outcomes:
        assert status == 0, output


def assert_same_fit(fit, other, rtol=2e-4):
    np.testing.assert_array_equal(fit["labels"], fit["predicted"])
    np.testing.assert_array_equal(fit["labels"], other["labels"])
    for name in set(fit) - {"labels", "predicted"}:
        np.testing.assert_allclose(fit[name], other[name], rtol=rtol, atol=1e-5, err_msg=name)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return one_device(tmp_path_factory.mktemp("one") / "fit.npz")


def test_two_devices_give_the_fit_of_one(undisturbed, tmp_path):
    mirrored = one_device(tmp_path / "fit.npz", devices=2)
    assert_same_fit(mirrored, undisturbed)


def test_two_processes_give_the_fit_of_one(undisturbed, tmp_path):
    assert_all_well(workers(tmp_path, [{}, {}]))
    first, second = (np.load(tmp_path / f"worker_{i}.npz") for i in range(2))
    assert_same_fit(first, undisturbed)
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])


@pytest.mark.parametrize(
    ("order", "message"),
    [
        ({"parameters": {"batch_size": 33}}, "a multiple of the strategy's 2 replicas"),
        ({"clipnorm": 1.0}, "An optimizer with clipnorm would look at each replica's part"),
    ],
)
def test_what_replicas_cannot_share_is_refused(order, message, tmp_path):
    ((status, output),) = ended([started({"devices": 2, "result": str(tmp_path), **order})])
    assert status == 1
    assert message in output.splitlines()[-1]


@pytest.mark.slow
def test_workers_that_do_not_the_same_are_told(tmp_path):
    for status, output in workers(tmp_path, [{}, {"parameters": {"random_state": 1}}]):
        assert status == 1
        assert "RuntimeError: The workers of the strategy do not do the same." in output


@pytest.mark.slow
@pytest.mark.parametrize("moment", [["pretrain", 2], ["refine", 1]])
def test_the_loss_of_a_worker_is_told_and_survived(moment, tmp_path):
    assert_all_well(workers(tmp_path, [{}, {}]))
    whole = dict(np.load(tmp_path / "worker_0.npz"))
    common = {"parameters": {"checkpoint": f"{tmp_path}/checkpoint"}}
    left, lost = workers(tmp_path, [{}, {"killed_at": moment}], **common)
    assert lost[0] == -signal.SIGKILL
    assert left[0] == 1
    assert "RuntimeError: Another worker of the strategy was lost." in left[1]
    assert (tmp_path / "checkpoint" / f"{moment[0]}.checkpoint").exists()
    assert_all_well(workers(tmp_path, [{}, {}], **common))
    resumed = np.load(tmp_path / "worker_0.npz")
    for name in whole:
        np.testing.assert_array_equal(resumed[name], whole[name])
    assert not list((tmp_path / "checkpoint").iterdir())
