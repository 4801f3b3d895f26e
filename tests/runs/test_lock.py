"""One supervisor at a time, whoever died before."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from benchtui.errors import BenchtuiError
from benchtui.runs.lock import FolderLock

HOLD = textwrap.dedent(
    """
    import pathlib, sys, time
    from benchtui.runs.lock import FolderLock
    lock = FolderLock(pathlib.Path(sys.argv[1]), "my-llama")
    print("held", flush=True)
    time.sleep(1000)
    """
)


def hold(path: Path) -> subprocess.Popen[bytes]:
    holder = subprocess.Popen([sys.executable, "-c", HOLD, path], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    return holder


def test_the_second_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "benchmarks" / ".lock"
    holder = hold(path)
    try:
        with pytest.raises(BenchtuiError) as caught:
            FolderLock(path, "my-llama")
        assert f"process {holder.pid} on " in caught.value.what
        assert "my-llama" in caught.value.what
        assert "benchtui attach" in caught.value.next_step
    finally:
        holder.kill()
        holder.wait()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_dead_holders_lock_is_taken_over(tmp_path: Path, number: signal.Signals) -> None:
    path = tmp_path / ".lock"
    holder = hold(path)
    holder.send_signal(number)
    holder.wait()
    assert path.exists()
    with FolderLock(path, "my-llama"), pytest.raises(BenchtuiError):
        FolderLock(path, "my-llama")
    with FolderLock(path, "my-llama"):
        pass


def test_a_child_process_does_not_keep_the_lock(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    with FolderLock(path, "x"):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"], close_fds=False)
    try:
        with FolderLock(path, "x"):
            pass
    finally:
        child.kill()
        child.wait()


@pytest.mark.parametrize("garbage", [b"", b"\xff\x00garbage", b"{}", b'{"pid":1'])
def test_a_lock_file_with_nonsense_in_it(tmp_path: Path, garbage: bytes) -> None:
    path = tmp_path / ".lock"
    path.write_bytes(garbage * 2000)
    with FolderLock(path, "x"):
        with pytest.raises(BenchtuiError, match="process"):
            FolderLock(path, "x")
        path.write_bytes(garbage)
        with pytest.raises(BenchtuiError, match="another benchtui"):
            FolderLock(path, "x")


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BenchtuiError, match="cannot be written"):
        FolderLock(tmp_path / "file" / "benchmarks" / ".lock", "x")
