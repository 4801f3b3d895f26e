"""Free memory in a container: what its control group's files say, in both versions of them."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from benchtui import machine
from benchtui.machine import ContainerMemory, free_memory, memory_of_control_groups

MIB = 1 << 20
V1, V2 = "9:cpu,cpuacct:/job\n4:memory:/job/step\n", "0::/job/step\n"


def group(folder: Path, limit: str, used: int, droppable: int = 0, *, version: int = 2) -> None:
    """The files of one control group; sizes in bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    names = ("memory.max", "memory.current") if version == 2 else ("memory.limit_in_bytes", "memory.usage_in_bytes")
    (folder / names[0]).write_text(f"{limit}\n")
    (folder / names[1]).write_text(f"{used}\n")
    name = "inactive_file" if version == 2 else "total_inactive_file"
    (folder / "memory.stat").write_text(f"anon 1\ninactive_anon 7\n{name} {droppable}\nactive_file 5\n")


def free(membership: str, mount: Path) -> int | None:
    memory = memory_of_control_groups(membership, mount)
    return None if memory is None else memory.free


def test_the_limit_of_its_own_group_counts(tmp_path: Path) -> None:
    group(tmp_path / "job/step", str(800 * MIB), 300 * MIB)
    assert free(V2, tmp_path) == 500 * MIB


def test_the_tightest_of_the_groups_above_counts(tmp_path: Path) -> None:
    group(tmp_path / "job/step", "max", 300 * MIB)
    group(tmp_path / "job", str(400 * MIB), 350 * MIB)
    group(tmp_path, str(900 * MIB), 500 * MIB)
    assert free(V2, tmp_path) == 50 * MIB


def test_a_group_that_is_over_its_limit_has_nothing_free(tmp_path: Path) -> None:
    group(tmp_path / "job/step", str(100 * MIB), 130 * MIB)
    assert free(V2, tmp_path) == 0


def test_cached_files_that_can_be_dropped_are_free(tmp_path: Path) -> None:
    """A weights file that was read counts as used until somebody needs the memory."""
    group(tmp_path / "job/step", str(800 * MIB), 700 * MIB, droppable=600 * MIB)
    assert free(V2, tmp_path) == 700 * MIB


def test_in_a_container_the_top_of_what_is_mounted_counts(tmp_path: Path) -> None:
    group(tmp_path, str(800 * MIB), 300 * MIB)
    assert memory_of_control_groups("0::/\n", tmp_path) == ContainerMemory(800 * MIB, 500 * MIB)
    assert free("0::/docker/0123abcd\n", tmp_path) == 500 * MIB


def test_version_1_has_its_memory_apart(tmp_path: Path) -> None:
    group(tmp_path / "memory/job/step", str(800 * MIB), 300 * MIB, droppable=100 * MIB, version=1)
    group(tmp_path / "memory", "9223372036854771712", 5000 * MIB, version=1)
    group(tmp_path / "job/step", str(1 * MIB), 0, version=2)  # not a group of this process
    assert free(V1, tmp_path) == 600 * MIB


@pytest.mark.parametrize("membership", ["", V1, V2, "nonsense", "0::/../../etc\n"])
def test_without_a_limit_there_is_none(membership: str, tmp_path: Path) -> None:
    group(tmp_path / "memory/job/step", "9223372036854771712", 5000 * MIB, version=1)
    group(tmp_path / "job/step", "max", 5000 * MIB)
    assert free(membership, tmp_path) is None


def test_free_memory_is_the_smaller_of_machine_and_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    membership = Path("/proc/self/cgroup")
    if not membership.is_file():
        pytest.skip("control groups are Linux's")
    monkeypatch.setattr(machine, "_CGROUPS", tmp_path)
    assert 0 < free_memory() <= psutil.virtual_memory().total
    for top in (tmp_path, tmp_path / "memory"):  # whichever version this machine has
        group(top, str(7 * MIB), 2 * MIB, version=1 if top.name == "memory" else 2)
    assert free_memory() == 5 * MIB
