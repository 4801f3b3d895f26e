"""Which of the same prompts two runs tokenised differently: their journals keep the length and the first tokens of
each."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from benchtui.errors import BenchtuiError
from benchtui.results.records import RunResults
from benchtui.runs.answer_health import AnswerFacts
from benchtui.runs.directory import RunDirectory
from benchtui.runs.journal.journal import Journal

_Key = tuple[str, int, int]
"""Task, document and number of its request."""


@dataclass(frozen=True)
class Unlike:
    """`samples` of the `compared` ones have a prompt that is tokenised differently. `sample` is the first of them,
    `told` what each side's journal says of its prompt."""

    samples: int
    compared: int
    sample: int
    told: tuple[str, str]


def unlike_prompts(first: RunResults, second: RunResults, tasks: Sequence[str]) -> Unlike | None:
    """Compare the prompts of equal text that both runs were asked; None where a journal does not tell of any."""
    sides = [_prompts(journal := RunDirectory(results.run).journal, _stamp(journal), tuple(tasks))
             for results in (first, second)]  # fmt: skip
    asked: dict[tuple[str, int], bool] = {}
    found: tuple[int, tuple[str, str]] | None = None
    for key in sorted(sides[0].keys() & sides[1].keys()):
        (text, one), (other_text, other) = sides[0][key], sides[1][key]
        if text != other_text or not one.first or not other.first:
            continue
        unlike = (one.prompt, one.first) != (other.prompt, other.first)
        asked[key[:2]] = asked.get(key[:2], False) or unlike
        if unlike and found is None:
            found = key[1], (_told(one), _told(other))
    if not asked:
        return None
    sample, told = found or (0, ("", ""))
    return Unlike(sum(asked.values()), len(asked), sample, told)


def _told(facts: AnswerFacts) -> str:
    return f"{facts.prompt:,} tokens from {' '.join(map(str, facts.first))}"


def _stamp(journal: Path) -> int:
    try:
        return journal.stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=8)
def _prompts(journal: Path, stamp: int, tasks: tuple[str, ...]) -> dict[_Key, tuple[str, AnswerFacts]]:
    """The digest of each request and what was counted of its prompt; nothing where there is no journal to read."""
    if not stamp:
        return {}
    try:
        with Journal(journal, read_only=True) as opened:
            found = {}
            for task in tasks:
                answers, facts = opened.answers(task), opened.facts(task)
                found.update(
                    {(key.task, key.doc_id, key.idx): (answers[key][0], facts[key]) for key in facts.keys() & answers}
                )
            return found
    except (sqlite3.Error, BenchtuiError):
        return {}
