"""The documents of tasks, by a process of its own that loads their data sets as a run would, and no model."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

import msgspec

from benchtui.errors import BenchtuiError
from benchtui.interpreter import this_python
from benchtui.models.hub.asking import hub_is_offline
from benchtui.plans.environment import library_environment
from benchtui.results.documents import BenchmarkDocument
from benchtui.runs.task_documents import DOCUMENTS, ERROR, REQUEST, DocumentsRequest, RequestError
from benchtui.runs.worker_contract import SUPERVISOR_PID
from benchtui.tasks.resolve import ResolvedTasks
from benchtui.text import one_line

_PATIENCE = 0.5
_END = 4096
"""Bytes of what the process printed that are looked at when it failed."""


def task_documents(
    tasks: ResolvedTasks, waiting: Callable[[], None] = lambda: None, *, offline: bool = False
) -> list[BenchmarkDocument]:
    """Return the documents of `tasks`, task by task; `offline` from the cache alone. `waiting` is called about twice a
    second.

    Raises BenchtuiError naming the task whose data cannot be loaded.
    """
    with tempfile.TemporaryDirectory(prefix="benchtui-documents-") as name:
        folder = Path(name)
        request = DocumentsRequest(tasks.names, dict(tasks.task_files))
        (folder / REQUEST).write_bytes(msgspec.json.encode(request))
        complaint = _run(folder, waiting, offline)
        if (folder / ERROR).exists():
            error = msgspec.json.decode((folder / ERROR).read_bytes(), type=RequestError)
            raise BenchtuiError(error.what, error.next_step)
        if complaint is not None:
            raise BenchtuiError(f"The documents of {', '.join(tasks.names)} cannot be read: {complaint}.")
        with (folder / DOCUMENTS).open("rb") as lines:
            return [msgspec.json.decode(line, type=BenchmarkDocument) for line in lines]


def _run(folder: Path, waiting: Callable[[], None], offline: bool) -> str | None:
    """Run the process to its end; return its last line where it failed. It dies with this process."""
    reading, writing = os.pipe()  # open as long as this process lives: the other one watches it
    environment = {
        **os.environ,
        **library_environment(offline=offline or hub_is_offline()),
        SUPERVISOR_PID: str(os.getpid()),
    }
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(
                this_python("-m", "benchtui.worker.documents", str(folder)),
                stdin=reading,
                stdout=said,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )
            try:
                while (status := _status(process)) is None:
                    waiting()
            finally:
                process.kill()
                process.wait()
        finally:
            os.close(reading)
            os.close(writing)
        return None if status == 0 else _last_line(said) or f"its process ended with status {status}"


def _status(process: subprocess.Popen[bytes]) -> int | None:
    try:
        return process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        return None


def _last_line(said: IO[bytes]) -> str:
    said.seek(max(said.seek(0, os.SEEK_END) - _END, 0))
    lines = said.read(_END).decode(errors="replace").strip().splitlines()
    return one_line(lines[-1], 300) if lines else ""
