"""Append an answer that was seen to a file of one's own, as a row that becomes a test: question, expected, wrong."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from benchtui.errors import BenchtuiError
from benchtui.text import one_line

KEPT = Path("tasks", "kept.jsonl")
KEPT_CHOICES = Path("tasks", "kept-choices.jsonl")
"""Where rows are kept, beside the folder of models: those of multiple choice apart, since a task is of one kind."""
_LARGEST = 256 * 1024 * 1024


@dataclass(frozen=True)
class KeptRow:
    """What is kept: the question, the answer that is expected, answers that are wrong, and where they were seen.

    `choices` are the endings of a multiple choice, empty for a written answer.
    """

    question: str
    answer: str
    wrong: tuple[str, ...]
    seen: str
    choices: tuple[str, ...] = ()

    def record(self) -> dict[str, object]:
        choices = {"choices": list(self.choices)} if self.choices else {}
        return {
            "question": self.question,
            **choices,
            "answer": self.answer,
            "wrong": [text for text in self.wrong if text != self.answer],
            "seen": self.seen,
        }


def keep_row(file: Path, row: KeptRow) -> int | None:
    """Append `row` to the JSONL `file`, which is made where it is not there. Returns its number, from 1; None where
    the same question with the same answers stands there already.

    Raises BenchtuiError where the file is a link or no regular file, cannot be written, or is no JSONL.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(file, flags, 0o644)
        with os.fdopen(descriptor, "r+b") as opened:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise BenchtuiError(f"{file} is not a regular file.", "Move it out of the way.")
            return _append(file, opened.read(_LARGEST + 1), descriptor, row)
    except OSError as error:
        raise BenchtuiError(f"{file} cannot be written: {error.strerror}.", "Check that path.") from None


def _append(file: Path, before: bytes, descriptor: int, row: KeptRow) -> int | None:
    if len(before) > _LARGEST:
        raise BenchtuiError(f"{file} is larger than {_LARGEST // 1024 // 1024} MB.", "Begin a new file.")
    lines = [line for line in before.split(b"\n") if line.strip()]
    record = row.record()
    for number, line in enumerate(lines, 1):
        if _same(_read(file, number, line), record):
            return None
    # Escaped to ASCII: no character of an answer can break a line or an encoding.
    text = json.dumps(record).encode("ascii") + b"\n"
    if before and not before.endswith(b"\n"):
        text = b"\n" + text
    os.write(descriptor, text)
    os.fsync(descriptor)
    return len(lines) + 1


def _read(file: Path, number: int, line: bytes) -> dict[str, object]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise BenchtuiError(
            f"{file}: row {number} is no JSON object: {one_line(line.decode('utf-8', 'replace'), 60)}.",
            "Correct it; nothing was written.",
        )
    return found


def _same(first: dict[str, object], second: dict[str, object]) -> bool:
    return all(first.get(key) == second.get(key) for key in ("question", "choices", "answer", "wrong"))
