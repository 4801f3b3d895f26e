"""The names that columns go by, and the choices that are a column each."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

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
_ONE_CHOICE = re.compile(r"(|option|options|choice|ending|answer|op|opt|sol|alternative)[ _-]?([a-j]|[0-9])")


def plain(name: str) -> str:
    """Return a column's name as the tables have it: "Answer key" is answer_key, answerKey is answerkey."""
    return re.sub(r"[\s-]+", "_", name.strip().lower())


def choice_columns(columns: Mapping[str, str], taken: Collection[str | None]) -> tuple[str, ...] | None:
    """Return the columns A, B, C, D, or option_a, option_b, …, or choice1, choice2, …: at least two, none left out.

    `columns` has them by their plain names; those that are `taken` hold something else.
    """
    series: dict[str, dict[str, str]] = {}
    for name, column in columns.items():
        if column not in taken and (found := _ONE_CHOICE.fullmatch(name)):
            series.setdefault(found[1], {})[found[2]] = column
    for prefix, by_end in series.items():
        for first in "a10":
            names = [chr(ord(first) + step) for step in range(10)]
            run = [by_end[name] for name in names[: _run(names, by_end)]]
            if len(run) == len(by_end) and len(run) >= 2 and (prefix or "".join(run).isupper()):
                return tuple(run)
    return None


def _run(names: Sequence[str], found: Collection[str]) -> int:
    return next((place for place, name in enumerate(names) if name not in found), len(names))
