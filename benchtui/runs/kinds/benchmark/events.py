"""What happens in a benchmark and in no other kind of run: the tasks planned, how far they are, how answers score."""

from __future__ import annotations

from typing import Literal

import msgspec

from benchtui.routing.answers import RoutedFacts
from benchtui.runs.answer_health import TaskHealth
from benchtui.runs.events import Event
from benchtui.runs.live_score import LiveScore


class PlannedTask(msgspec.Struct, frozen=True):
    task: str
    documents: int
    requests: int
    answered: int
    kind: Literal["generate_until", "loglikelihood", "loglikelihood_rolling", "multiple_choice", "mixed"]


class Planned(Event, frozen=True, kw_only=True, tag="planned"):
    """Leaf tasks with their sizes, a few hundred to an event; emitted again when more is known. `answered` requests
    were found in the journal."""

    tasks: list[PlannedTask]


class Progress(Event, frozen=True, kw_only=True, tag="progress"):
    task: str
    documents: int
    documents_total: int
    requests: int
    requests_total: int
    documents_per_second: float = 0.0
    tokens_per_second: float = 0.0


class Mark(msgspec.Struct, frozen=True):
    """Whether an answer is right; None where the task gives marks between 0 and 1 (F1, BLEU)."""

    doc_id: int
    right: bool | None
    first_line: str = ""


class Marked(Event, frozen=True, kw_only=True, tag="marked"):
    """How the newest answers of a task were marked, oldest first; a fast worker leaves some out."""

    task: str
    marks: list[Mark]


class RoutedAnswer(msgspec.Struct, frozen=True):
    """How many tokens of a document's answer are the small and the large model's; `strip` shows where they are
    (benchtui/routing/strip.py), a cell for each choice where choices were scored."""

    doc_id: int
    small: int
    large: int
    strip: str = ""


class RoutedDocuments(msgspec.Struct, frozen=True):
    """How many documents one of two models answered alone, and how many both."""

    small: int = 0
    large: int = 0
    both: int = 0


class Routed(Event, frozen=True, kw_only=True, tag="routed"):
    """What a small and a large model did for the documents of a task that are completely answered, without their runs,
    and who wrote the newest answers, oldest first; a fast worker leaves some out."""

    task: str
    work: RoutedFacts
    documents: RoutedDocuments = RoutedDocuments()
    answers: list[RoutedAnswer]


class Scores(Event, frozen=True, kw_only=True, tag="scores"):
    """The running scores of a task over the documents completely answered so far, and the health of the answers to them
    (None in events of earlier versions); `final` after the last, which comes
    `early` when the task was decided before all its documents were asked."""

    task: str
    scores: list[LiveScore]
    health: TaskHealth | None = None
    final: bool = False
    early: bool = False
