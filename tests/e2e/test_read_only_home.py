"""Folders that cannot be written: each is named with the variable that chooses it, in one line."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchtui.errors import BenchtuiError
from benchtui.models.hub.cache import unwritable_cache
from tests.conftest import Hub
from tests.e2e.commands import Finished
from tests.e2e.local_tasks import write_choice_task, write_data
from tests.e2e.tiny import make_tiny_model

pytestmark = pytest.mark.slow

POWERLESS = ("setpriv", "--bounding-set=-all", "--inh-caps=-all") if os.getuid() == 0 else ()
"""What root starts so that permissions count for it as for everybody."""
needs_permissions = pytest.mark.skipif(
    bool(POWERLESS) and shutil.which("setpriv") is None, reason="root cannot give up its powers here"
)


def powerless(*arguments: str | Path, cwd: Path, env: dict[str, str], without: tuple[str, ...] = ()) -> Finished:
    environment = {name: value for name, value in os.environ.items() if name not in without} | env
    finished = subprocess.run(
        [*POWERLESS, sys.executable, "-P", "-m", "benchtui", *map(str, arguments)],
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    return Finished(finished.returncode, finished.stdout, finished.stderr)


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o555)
    yield folder
    folder.chmod(0o755)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    make_tiny_model(tmp_path / "outputs" / "tuned" / "merged_16bit")
    write_choice_task(tmp_path / "tasks", "mine", write_data(tmp_path / "data.jsonl"))
    return tmp_path


LOCAL = ("run", "--tasks", "mine", "--include-path", "tasks", "--no-base", "--no-readme")


def one_line(finished: Finished, *words: str) -> None:
    assert finished.code != 0
    assert "Traceback" not in finished.err
    for word in words:
        assert word in finished.err


@needs_permissions
def test_a_cache_that_the_hubs_library_cannot_write(place: Path, locked: Path, hub: Hub) -> None:
    env = hub.env | {"HF_HOME": str(locked)}
    arguments = ("run", "--base", "tinyllamas/stories260K", "--tasks", "mine", "--include-path", "tasks", "--no-readme")
    finished = powerless(*arguments, cwd=place, env=env)
    one_line(finished, f"The cache folder {locked} cannot be written: Permission denied", "Set HF_HOME")
    assert "cannot be reached" not in finished.err


@needs_permissions
def test_a_cache_that_the_data_sets_library_cannot_write(place: Path, locked: Path) -> None:
    finished = powerless(*LOCAL, cwd=place, env={"HF_HOME": str(locked)})
    one_line(finished, f"The cache folder {locked} cannot be written: Permission denied", "Set HF_HOME")
    assert "benchtui tasks" not in finished.err, "nothing is wrong with the task"
    named = powerless(*LOCAL, cwd=place, env={"HF_DATASETS_CACHE": str(locked / "sets")})
    one_line(named, f"The cache folder {locked / 'sets'} cannot be written", "Set HF_DATASETS_CACHE")


@needs_permissions
@pytest.mark.long
def test_a_home_that_cannot_be_written_or_is_not_there(place: Path, locked: Path) -> None:
    without = ("HF_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
    for home in (locked, Path("/proc/nobody")):
        finished = powerless(*LOCAL, cwd=place, env={"HOME": str(home)}, without=without)
        one_line(finished, f"The cache folder {home}/.cache/huggingface cannot be written", "Set HF_HOME")
        detached = powerless(*LOCAL, "--detach", cwd=place, env={"HOME": str(home)}, without=without)
        one_line(detached, f"{home}/.local/state/benchtui/detached cannot be written", "XDG_STATE_HOME")
        listed = powerless("models", cwd=place, env={"HOME": str(home)}, without=without)
        assert listed.code == 0, listed.err


def test_a_user_whom_no_file_knows_and_without_home(tmp_path: Path) -> None:
    script = (
        "import pwd\ndef nobody(_): raise KeyError\npwd.getpwuid = nobody\n"
        "from benchtui.cli.main import main\nmain(['models'])"
    )
    environment = {name: value for name, value in os.environ.items() if name != "HOME"}
    finished = subprocess.run(
        [sys.executable, "-P", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 1
    assert finished.stderr.splitlines()[0] == "benchtui: This user has no home folder."
    assert "Set HOME" in finished.stderr
    assert not list(tmp_path.iterdir())


def test_errors_about_other_files_are_not_the_caches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    inside, other = str(tmp_path / "hf" / "hub" / "x"), str(tmp_path / "data.jsonl")
    (tmp_path / "hf").mkdir()
    assert unwritable_cache(PermissionError(13, "Permission denied", other)) is None
    assert unwritable_cache(FileNotFoundError(2, "No such file", inside)) is None, "one file that is missing"
    assert unwritable_cache(OSError("no file at all")) is None
    wrapped = ValueError("cannot load")
    wrapped.__cause__ = OSError(30, "Read-only file system", inside)
    found = unwritable_cache(wrapped)
    assert isinstance(found, BenchtuiError)
    assert found.what == f"The cache folder {tmp_path / 'hf'} cannot be written: Read-only file system."
