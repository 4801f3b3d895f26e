"""Answers of a task that was broken off count only if the server still says the same of a known text."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchtui.runs.journal.journal import Journal, RequestKey
from benchtui.worker.answering.protocol import ModelChangedError
from benchtui.worker.benchmark import same_scores

FIRST = (-1.0, -3.0, -3.5)
NAMES = ("closed", "broken off", "texts")


def context_of(journal: Journal) -> Any:
    kinds = ("multiple_choice", "multiple_choice", "generate_until")
    tasks = [
        SimpleNamespace(name=name, task=SimpleNamespace(OUTPUT_TYPE=kind))
        for name, kind in zip(NAMES, kinds, strict=True)
    ]
    return SimpleNamespace(journal=journal, tasks=SimpleNamespace(tasks=tasks))


def answering(*told: float) -> Any:
    return SimpleNamespace(known_text=lambda: told)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """Of a run that was killed in its second task."""
    found = Journal(tmp_path / "journal.sqlite")
    same_scores.begin(context_of(found), answering(*FIRST))
    for name in NAMES:
        same_scores.asked(found, name)
        found.record(RequestKey(name, 0, 0), "digest", -1.0)
        if name == "closed":
            same_scores.still_the_same(found, answering(*FIRST), name)
    return found


@pytest.mark.parametrize("now", [FIRST, (-1.02, -3.01, -3.5)])
def test_what_rounding_explains_is_the_same_model(journal: Journal, now: tuple[float, ...]) -> None:
    same_scores.begin(context_of(journal), answering(*now))
    assert [journal.count(name) for name in NAMES] == [1, 1, 1]


@pytest.mark.parametrize("now", [(-1.0, -3.2, -3.7), (-1.05, -3.1, -3.65), (-1.0, -3.0), (-1.0, -3.0, float("nan"))])
def test_another_model_voids_what_was_not_compared_afterwards(journal: Journal, now: tuple[float, ...]) -> None:
    with pytest.raises(ModelChangedError, match="others than at the start of the run"):
        same_scores.begin(context_of(journal), answering(*now))
    assert [journal.count(name) for name in NAMES] == [1, 0, 1]


def test_a_model_in_this_process_is_asked_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.sqlite")
    same_scores.begin(context_of(journal), answering())
    same_scores.still_the_same(journal, answering(), "closed")
    assert journal.noted("log-probabilities of a known text") is None
