"""Devices that --output names are written to, and no file takes their place."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchtui.cli.terminal.written import write_out
from benchtui.errors import BenchtuiError


def test_standard_output_by_its_name_is_written_to() -> None:
    here = Path("/dev/stdout").readlink()
    write = "from pathlib import Path; from benchtui.cli.terminal.written import write_out as w; "
    write += "w('text', Path('/dev/stdout'))"
    done = subprocess.run([sys.executable, "-c", write], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("text", "Written: /dev/stdout\n")
    assert Path("/dev/stdout").readlink() == here


def test_a_pipe_behind_a_number_is_written_to() -> None:
    reading, writing = os.pipe()
    write_out("text", Path(f"/dev/fd/{writing}"))
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        assert file.read() == b"text"


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="the system has no /dev/full")
def test_a_full_device_is_told_and_stays_one() -> None:
    with pytest.raises(BenchtuiError, match=r"/dev/full cannot be written: No space left on device\."):
        write_out("text", Path("/dev/full"))
    assert Path("/dev/full").is_char_device()
