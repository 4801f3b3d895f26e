"""Files that replace others: the old one or the new one, never half of one."""

from __future__ import annotations

import errno
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchtui.files import no_room, unwritable, write_atomic


@settings(max_examples=30, deadline=None)
@given(first=st.binary(max_size=200), second=st.binary(max_size=200))
def test_the_new_content_replaces_the_old(
    tmp_path_factory: pytest.TempPathFactory, first: bytes, second: bytes
) -> None:
    path = tmp_path_factory.mktemp("files") / "folder" / "file.json"
    write_atomic(path, first)
    write_atomic(path, second)
    assert path.read_bytes() == second
    assert [entry.name for entry in path.parent.iterdir()] == ["file.json"]


def test_a_full_disk_leaves_the_old_content_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    write_atomic(path, "old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OSError, match="large") as caught:
            write_atomic(path, "new" * 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.json"]
    assert no_room(caught.value)


def test_a_reader_never_sees_half_a_file_and_a_kill_leaves_a_whole_one(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    script = textwrap.dedent(
        """
        import pathlib, sys
        from benchtui.files import write_atomic
        path, number = pathlib.Path(sys.argv[1]), 0
        while True:
            number += 1
            write_atomic(path, f"{number % 10}" * 200_000)
        """
    )
    writer = subprocess.Popen([sys.executable, "-c", script, path])
    try:
        seen = set()
        while len(seen) < 5:
            assert writer.poll() is None
            if path.exists():
                content = path.read_text()
                assert len(content) == 200_000
                assert len(set(content)) == 1
                seen.add(content[0])
    finally:
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    assert len(path.read_text()) == 200_000


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_no_room(number: int, tmp_path: Path) -> None:
    error = OSError(number, os.strerror(number))
    assert no_room(error)
    assert "Free some space" in unwritable(tmp_path, error).next_step


def test_other_failures_are_not_for_want_of_room(tmp_path: Path) -> None:
    assert not no_room(PermissionError(errno.EACCES, "Permission denied"))
    assert not no_room(ValueError("the disk is full of values"))
    assert not no_room(sqlite3.OperationalError("database is locked"))
    error = unwritable(tmp_path, OSError(errno.EROFS, "Read-only file system"))
    assert "Read-only file system" in error.what
    assert "--outputs" in error.next_step


def test_sqlites_word_for_a_full_disk(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "small.sqlite", isolation_level=None)
    database.execute("PRAGMA max_page_count=3")
    database.execute("CREATE TABLE t (x)")
    with pytest.raises(sqlite3.OperationalError) as caught:
        database.execute("INSERT INTO t VALUES (?)", ("x" * 100_000,))
    assert no_room(caught.value)
