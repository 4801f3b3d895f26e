"""The names that columns go by, and the choices that are a column each."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, takewhile

from benchtui.errors import UsageError
from benchtui.tasks.data.documents.templates import listed
from benchtui.text import one_line

IDS = ("id", "_id", "uid", "uuid", "qid", "question_id", "example_id", "sample_id", "doc_id")
SYSTEM = ("system", "system_prompt", "system_message")
PROMPTS = (
    ("prompt", "question", "instruction", "query", "problem"),
    ("input", "inputs", "ctx", "goal", "task", "user", "human", "stem", "request", "source"),
    ("text", "sentence", "content"),
)
ANSWERS = (
    (
        *("answer", "answers", "answerkey", "answer_key", "target", "targets", "output", "outputs", "response"),
        *("completion", "reference", "references", "expected", "expected_output", "expected_answer", "gold", "label"),
        *("correct_answer", "ideal"),
    ),
    ("solution", "solutions", "summary", "translation", "highlights", "assistant", "gpt", "category", "class"),
)
RIGHT = (
    (
        *("answer", "answerkey", "answer_key", "label", "gold", "target", "correct", "correct_answer", "answer_idx"),
        *("answer_index", "correct_option", "correct_choice", "correct_index", "gold_index", "gold_idx", "cop"),
    ),
    ("output", "response", "solution", "reference", "expected"),
)
CHOICES = ("choices", "options", "endings", "candidates", "alternatives", "answer_choices", "answer_options")
CONTEXTS = ("context", "passage", "article", "paragraph", "story", "background")
TEXTS = ("text", "content", "document", "body", "page", "article", "story", "passage", "sentence", "code")
CHOSEN, REJECTED = "chosen", "rejected"
_ONE_CHOICE = re.compile(
    r"(|option|options|choice|ending|answer|op|opt|sol|alternative)[ _-]?([a-rt-z]|(?<![a-z])s|[0-9]{1,3})"
)
"""A prefix and what tells the choices apart; an s right after the prefix makes a plural, as in "answers"."""


def plain(name: str) -> str:
    """Return a column's name as the tables have it: "Answer key" is answer_key, answerKey is answerkey."""
    return re.sub(r"[\s-]+", "_", name.strip().lower())


def choice_columns(columns: Mapping[str, str], taken: Collection[str | None]) -> tuple[str, ...] | None:
    """Return the columns A, B, C, D, or option_a, option_b, …, or choice1, choice2, …: at least two, none left out.

    `columns` has them by their plain names; those that are `taken` hold something else. Raises UsageError where two
    such series are there, or columns of one do not continue it.
    """
    found = [each for each in _series(columns, taken) if len(each.run) > 1]
    if not found:
        return None
    first = found[0]
    if len(found) > 1:
        raise UsageError(
            f"Both {listed(first.run)} and {listed(found[1].run)} could be the choices.",
            f"Say which: {_flag(first.run)}",
        )
    if first.left:
        raise UsageError(
            f"{listed(first.run)} could be the choices, but {listed(first.left)} would be left out.",
            f"Name all choices, for example {_flag(first.run + first.left)}",
        )
    return first.run


@dataclass(frozen=True)
class _Series:
    """Columns of one prefix: those that count without a gap from a, 0 or 1, and those that are `left`."""

    run: tuple[str, ...]
    left: tuple[str, ...]


def _series(columns: Mapping[str, str], taken: Collection[str | None]) -> Iterator[_Series]:
    members: dict[tuple[str, bool], list[tuple[int, str]]] = {}
    for name, column in columns.items():
        found = _ONE_CHOICE.fullmatch(name)
        if found and column not in taken and (found[1] or column.isupper()):
            end = found[2]
            number = int(end) if end.isdecimal() else ord(end) - ord("a")
            members.setdefault((found[1], end.isdecimal()), []).append((number, column))
    for (_, counted), numbered in members.items():
        by_number = dict(reversed(numbered))
        start = 1 if counted and 0 not in by_number else 0
        run = tuple(by_number[number] for number in takewhile(by_number.__contains__, count(start)))
        yield _Series(run, tuple(column for _, column in numbered if column not in run))


def _flag(run: Sequence[str]) -> str:
    return f"--choices {shlex.quote(one_line(','.join(run), 10_000))}"
