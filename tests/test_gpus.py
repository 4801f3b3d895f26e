"""Which GPUs a worker can be put on, as drivers and variables say."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchtui import gpus
from benchtui.errors import BenchtuiError, UsageError
from benchtui.gpus import CUDA, HIP, find_gpus
from benchtui.machine import MEMORY_PART
from benchtui.plans.devices import find_devices
from benchtui.supervise.placement import placements
from benchtui.supervise.settings import supervise_settings
from tests.gpus_here import BOARDS, DIVIDED, put_gpus_here

MIG = ["MIG-11111111-0000-0000-0000-000000000000", "MIG-22222222-0000-0000-0000-000000000000"]


@pytest.mark.parametrize(
    ("listed", "allowed", "names"),
    [
        (BOARDS, None, ["0", "1", "2"]),
        (BOARDS, "2,0", ["2", "0"]),
        (BOARDS, "", []),
        (BOARDS, "1,-1,0", ["1"]),
        (BOARDS, "1,7,0", ["1"]),
        (BOARDS, "GPU-6d90,GPU-5c89", ["GPU-6d90", "GPU-5c89"]),
        (BOARDS, "GPU-,1", []),
        (DIVIDED, None, [*MIG, "GPU-6d90c2bb-0000-0000-0000-000000000001"]),
        (DIVIDED, f"{MIG[1]},{MIG[0]}", MIG[::-1]),
        ("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n", None, []),
    ],
)
def test_what_the_driver_lists_and_the_variable_allows(
    listed: str, allowed: str | None, names: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_gpus_here(tmp_path / "bin", monkeypatch, listed)
    if allowed is not None:
        monkeypatch.setenv(CUDA, allowed)
    found = find_gpus()
    assert [gpu.name for gpu in found] == names
    assert [gpu.number for gpu in found] == list(range(len(names))), "as PyTorch counts what it sees"
    assert {gpu.variable for gpu in found} <= {CUDA}


def test_a_container_without_the_drivers_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("nvidia0", "nvidia4", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).write_text("")
    monkeypatch.setattr(gpus, "_DEVICE_FILES", tmp_path)
    assert [gpu.name for gpu in find_gpus({})] == ["0", "1"]


@pytest.mark.parametrize(
    ("said", "variable", "names"),
    [({}, HIP, ["0", "1"]), ({HIP: "1"}, HIP, ["1"]), ({CUDA: "1,0"}, CUDA, ["1", "0"])],
)
def test_gpus_of_amd(
    said: dict[str, str], variable: str, names: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(gpus, "_DEVICE_FILES", tmp_path)
    for node, units in enumerate((0, 256, 256)):
        (tmp_path / str(node)).mkdir()
        (tmp_path / str(node) / "properties").write_text(f"cpu_cores_count {8 - units // 32}\nsimd_count {units}\n")
    monkeypatch.setattr(gpus, "_NODES", tmp_path)
    found = find_gpus(said)
    assert ([gpu.name for gpu in found], {gpu.variable for gpu in found}) == (names, {variable})


def test_numbers_are_those_of_pytorch_where_a_variable_hides_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_gpus_here(tmp_path / "bin", monkeypatch)
    monkeypatch.setenv(CUDA, "2,0")
    (found,) = find_devices("1")
    assert (found.name, str(found)) == ("0", "GPU 1 (NVIDIA H100 80GB HBM3)")
    (only,) = placements(1, [found])
    assert only.environment[CUDA] == "0"


@pytest.mark.parametrize("device", ["auto", "cuda"])
def test_a_gpu_that_is_not_there(device: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_gpus_here(tmp_path / "bin", monkeypatch)
    with pytest.raises(UsageError) as caught:
        find_devices("0,1,2,3,4", device)
    assert caught.value.what.startswith(
        "--devices 0,1,2,3,4: there is no GPU 3, 4; there are 3: GPU 0 (NVIDIA H100 80GB HBM3)"
    )


def test_without_a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(gpus, "_DEVICE_FILES", tmp_path)
    monkeypatch.setattr(gpus, "_NODES", tmp_path / "none")
    assert supervise_settings(None, skip_stalled=False, workers="auto", devices="auto").workers == 1
    with pytest.raises(UsageError, match="there is no GPU 0; there is none here"):
        find_devices("0")


@pytest.mark.parametrize("device", ["cuda:1", "cpu", "mps"])
def test_device_says_something_else(device: str) -> None:
    with pytest.raises(UsageError, match="contradict"):
        find_devices("0,1", device)


def test_as_many_workers_as_devices_each_sees_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_gpus_here(tmp_path / "bin", monkeypatch)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    settings = supervise_settings(None, skip_stalled=False, workers="auto", devices="auto")
    placed = placements(settings.workers, settings.devices)
    assert [one.environment[CUDA] for one in placed] == ["0", "1", "2"]
    assert [one.environment[MEMORY_PART] for one in placed] == ["1.0", "1.0", "1.0"]
    five = supervise_settings(None, skip_stalled=False, workers=5, devices="0,1")
    placed = placements(five.workers, five.devices)
    assert [one.environment[CUDA] for one in placed] == ["0", "1", "0", "1", "0"]
    assert [float(one.environment[MEMORY_PART]) for one in placed] == [1 / 3, 1 / 2, 1 / 3, 1 / 2, 1 / 3]


def test_threads_are_shared_out_unless_the_user_says_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchtui.supervise.placement.usable_cores", lambda: 8)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert [one.environment["OMP_NUM_THREADS"] for one in placements(3)] == ["2"] * 3
    assert placements(1, models=4)[0].environment["OMP_NUM_THREADS"] == "2"
    assert placements(1, models=4)[0].environment[MEMORY_PART] == "0.25"
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert all("OMP_NUM_THREADS" not in one.environment for one in placements(3))
    assert os.environ["OMP_NUM_THREADS"] == "5"


@pytest.mark.parametrize("program", ["echo no driver >&2; exit 9", "exit 1", "exec /no/such/program"])
def test_a_driver_that_does_not_answer_is_no_machine_without_gpus(
    program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_gpus_here(tmp_path / "bin", monkeypatch)
    (tmp_path / "bin" / "nvidia-smi").write_text(f"#!/bin/sh\n{program}\n")
    with pytest.raises(BenchtuiError, match="does not say which GPUs there are"):
        find_gpus()


def test_an_order_that_only_cuda_knows_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_gpus_here(tmp_path / "bin", monkeypatch)
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "FASTEST_FIRST")
    with pytest.raises(BenchtuiError, match="CUDA_DEVICE_ORDER=FASTEST_FIRST"):
        find_gpus()
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    assert len(find_gpus()) == 3
