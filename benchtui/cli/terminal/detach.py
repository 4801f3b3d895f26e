"""`--detach`: the same command in the background, returning once its launch record exists."""

from __future__ import annotations

import os
import secrets
import subprocess
import time
from pathlib import Path

import click
import msgspec
from platformdirs import user_state_path

from benchtui.errors import BenchtuiError, ExitCode
from benchtui.files import write_atomic
from benchtui.interpreter import this_python
from benchtui.runs.directory import RunDirectory

LAUNCH_FILE = "BENCHTUI_LAUNCH_FILE"
LOGS_KEPT = 50
PATIENCE = 120.0
"""Seconds until the launch record must exist: the hub may be slow to describe a base model."""


def in_background() -> bool:
    """Tell whether this process was started in the background: it finds the same flag --detach in its arguments."""
    return LAUNCH_FILE in os.environ


def start_detached(arguments: list[str]) -> int:
    """Start `benchtui` with `arguments` in a session of its own. Raises BenchtuiError with its words if it fails."""
    folder = _log_folder()
    name = secrets.token_hex(6)
    launch, log = folder / f"{name}.json", folder / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            this_python("-m", "benchtui", *arguments),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, LAUNCH_FILE: str(launch)},
        )
    try:
        runs = _wait_for_launch(process, launch, log)
    finally:
        launch.unlink(missing_ok=True)
    for run in runs:
        click.echo(str(run))
    click.echo(f"Running in the background (process {process.pid}). Watch: benchtui attach {runs[-1]}", err=True)
    click.echo(f"Stop: benchtui cancel {runs[-1]}", err=True)
    return ExitCode.DONE


def _log_folder() -> Path:
    """Return the folder for the output of detached runs, after deleting the oldest files in it. Raises
    BenchtuiError."""
    folder = user_state_path("benchtui") / "detached"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for old in sorted(folder.glob("*.log"), key=lambda log: log.stat().st_mtime)[:-LOGS_KEPT]:
            old.unlink(missing_ok=True)
    except OSError as error:
        raise BenchtuiError(
            f"{folder} cannot be written: {error.strerror}.",
            "Set XDG_STATE_HOME to a folder that you may write to, or run without --detach.",
        ) from None
    return folder


def _wait_for_launch(process: subprocess.Popen[bytes], launch: Path, log: Path) -> list[Path]:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if launch.exists():
            return [Path(path) for path in msgspec.json.decode(launch.read_bytes(), type=list[str])]
        if process.poll() is not None:
            words = log.read_text(errors="replace").strip()
            raise BenchtuiError(f"The run did not start: {words[-2000:] or 'it said nothing'}")
        time.sleep(0.05)
    process.terminate()
    raise BenchtuiError(f"The run did not start within {PATIENCE:.0f} s.", f"{log} has what it said.")


def announce_launch(runs: tuple[RunDirectory, ...]) -> None:
    """Tell the command that started us in the background that the launch records exist; does nothing in the
    foreground."""
    if path := os.environ.pop(LAUNCH_FILE, None):
        write_atomic(Path(path), msgspec.json.encode([str(run.path.resolve()) for run in runs]))
