"""How a worker went: what that was, and in words."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Literal

from benchtui.files import UnsafePlaceError
from benchtui.runs.worker_contract import NO_ROOM
from benchtui.supervise.watched import Watched

Ending = Literal["finished", "stopped", "killed now", "timed out", "out of memory", "no room", "deleted", "failed"]


def what_failed(current: Watched, code: int, *, killed_for_memory: bool) -> Ending:
    """What it was that a worker failed of, by itself or not."""
    if current.deleted:
        return "deleted"
    if code == -signal.SIGKILL and killed_for_memory:
        return "out of memory"
    return "no room" if code == NO_ROOM else "failed"


def failure_words(current: Watched, code: int, log: Path) -> str:
    """What the worker said of it, or what is known where it said nothing; `log` is where its output went."""
    if current.failed is None:
        return _without_a_word(code, log)
    step = current.failed.next_step
    return f"{current.failed.message} → {step}" if step else current.failed.message


def not_started_words(error: OSError) -> str:
    if isinstance(error, UnsafePlaceError):
        return f"{error.filename} is not used: {error.strerror}. → Delete it, then try again."
    return f"The worker could not be started: {error.strerror or error}."


def no_room_words(current: Watched) -> str:
    if current.failed is not None:
        return f"{current.failed.message} → {current.failed.next_step}"
    return (
        f"The disk with {current.run.path} is full. Everything answered before is kept. → Free some space, then "
        "`benchtui resume`."
    )


def no_memory_words(current: Watched, *, killed: bool) -> str:
    if current.failed is not None:
        return f"{current.failed.message} → {current.failed.next_step}"
    step = "Use --format merged_4bit, a smaller --max-length, a GGUF, or a larger machine."
    return f"{memory_words(killed=killed)}, even for one sequence at a time. → {step}"


def memory_words(*, killed: bool) -> str:
    return "The operating system ended the worker because memory ran out" if killed else "Memory ran out"


def exit_words(code: int) -> str:
    if code >= 0:
        return f"exit status {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"


def _without_a_word(code: int, log: Path) -> str:
    said = f"The worker ended without a word ({exit_words(code)})."
    if code == -signal.SIGKILL:
        return f"{said} → Something else killed it, often a limit on memory; `benchtui resume` goes on from there."
    return f"{said} → {log} may say why; `benchtui resume` goes on from there."
