"""Places that no developer sits in: closed streams, foreign locales, names without end, no memory. One line each."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

COMMANDS = ("", "run", "run --help", "app", "--plain", "models --json", "suites", "tasks mmlu")
LONG = "n" * 5000


def shell(script: str, place: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """What `script` prints and ends with; `$B` is the benchtui command."""
    command = shlex.join([sys.executable, "-m", "benchtui"])
    return subprocess.run(
        ["bash", "-c", f'set -o pipefail; B() {{ {command} "$@"; }}; {script}'],
        cwd=place,
        env=os.environ | {"HF_ENDPOINT": "http://127.0.0.1:9"} | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def assert_no_traceback(done: subprocess.CompletedProcess[str]) -> None:
    assert "Traceback" not in done.stdout + done.stderr, done.stderr[-2000:]
    assert "Exception ignored" not in done.stderr
    assert done.returncode in (0, 1, 2, 120, 141), (done.returncode, done.stderr)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder without models; lm-eval's tasks have been read once."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "outputs").mkdir()
    shell("B tasks mmlu", folder)
    return folder


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_closed_streams(place: Path, closed: str) -> None:
    """Every command says what it would say with the streams open, as far as there is one; nothing ends up elsewhere."""
    for command in COMMANDS:
        whole = shell(f"B {command}", place)
        assert_no_traceback(whole)
        done = shell(f"B {command} {closed}", place)
        assert_no_traceback(done)
        assert done.returncode == whole.returncode, command
        if ">&-" not in closed.replace("2>&-", "") and "doctor" not in command:
            assert done.stdout == whole.stdout, command
        if "2>&-" not in closed:
            assert done.stderr == whole.stderr, command


def test_a_reader_that_leaves(place: Path) -> None:
    for command in COMMANDS:
        done = shell(f"B {command} | head -1", place)
        assert_no_traceback(done)
        assert len(done.stdout.splitlines()) <= 1


def test_a_full_disk_behind_stdout(place: Path) -> None:
    done = shell("B suites > /dev/full", place)
    assert done.returncode == 1
    assert done.stderr == "benchtui: A file cannot be written or read: No space left on device.\n"


@pytest.mark.parametrize("locale", ["C", "POSIX", "xx_YY.UTF-8", "de_DE.ISO-8859-1"])
def test_locales(place: Path, locale: str) -> None:
    """Text in any script arrives and is shown; what a terminal cannot show is written as escapes."""
    done = shell("B run --outputs 模型", place, LC_ALL=locale, LANG=locale)
    assert_no_traceback(done)
    said = [line for line in done.stderr.splitlines() if not line.startswith("bash: warning")]
    assert len(said) == 2
    assert "模型" in said[0] or "\\u6a21\\u578b" in said[0]
    model = place / "outputs" / "модель 模型"
    model.mkdir(exist_ok=True)
    (model / "config.json").write_text("{")
    done = shell("B models --json", place, LC_ALL=locale, LANG=locale)
    assert_no_traceback(done)
    assert "модель 模型" in done.stdout or "\\u" in done.stdout
    shutil.rmtree(model)


@pytest.mark.parametrize(
    "command",
    [
        "run --model L", "run --model ./L", "run --outputs /L", "run --base L", "run --format L", "run --suite L",
        "run --tasks L", "run --include-path L", "run --device L --model x", "models --outputs L", "models L", "runs L",
        "compare L", "resume L", "attach L", "cancel L", "history L", "readme L", "summarize L", "gate L", "note L x",
        "demo L", "L", "run --L", "tasks L", "app --plain --model L", "suites L", "doctor --outputs L",
    ],
)  # fmt: skip
def test_names_without_end(place: Path, command: str) -> None:
    done = shell("B " + command.replace("L", LONG), place)
    assert_no_traceback(done)
    assert len(done.stderr) < 2500
    assert len(done.stderr.splitlines()) <= 3
    if "doctor" not in command and command != "tasks L":
        assert done.returncode in (1, 2)
        assert done.stderr.startswith("benchtui: ")


@pytest.mark.parametrize("megabytes", [40, 60, 80])
def test_hardly_any_memory(place: Path, megabytes: int) -> None:
    for command in ("--help", "run", "models", "runs", "suites", "tasks mmlu", "history", "doctor"):
        done = shell(f"ulimit -v {megabytes * 1024}; B {command}", place)
        assert_no_traceback(done)
        assert len(done.stderr.splitlines()) <= 3
