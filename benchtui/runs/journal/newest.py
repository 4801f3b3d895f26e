"""The newest answers of a run that is still running, read from its journal."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from benchtui.runs.directory import RunDirectory
from benchtui.runs.journal.journal import Journal

_READ = 200


@dataclass(frozen=True)
class NewestAnswer:
    """`answer` is the model's text; for a multiple choice how likely it found each of the choices answered so far."""

    task: str
    doc_id: int
    answer: str


def newest_answers(run: RunDirectory, limit: int = 20) -> list[NewestAnswer]:
    """The documents answered last, newest first; none when there is no journal yet, or it cannot be read."""
    if not run.journal.is_file():
        return []
    try:
        with Journal(run.journal, read_only=True) as journal:
            rows = journal.newest(max(limit * 8, _READ))
    except sqlite3.Error:
        return []
    found: dict[tuple[str, int], list[tuple[int, object]]] = {}
    for key, answer in rows:
        found.setdefault((key.task, key.doc_id), []).append((key.idx, answer))
    return [NewestAnswer(task, doc, _words(answers)) for (task, doc), answers in list(found.items())[:limit]]


def _words(answers: list[tuple[int, object]]) -> str:
    text = next((answer for _, answer in answers if isinstance(answer, str)), None)
    if text is not None:
        return text
    pairs = sorted((idx, answer[0]) for idx, answer in answers if isinstance(answer, list) and answer)
    numbers = [(idx, float(value)) for idx, value in pairs if isinstance(value, int | float)]
    if not numbers:
        return ""
    if len(numbers) == 1:
        return f"log-likelihood {numbers[0][1]:.2f}"
    likeliest = max(numbers, key=lambda pair: pair[1])
    return f"choice {likeliest[0] + 1} is the likeliest of {len(numbers)} ({likeliest[1]:.2f})"
