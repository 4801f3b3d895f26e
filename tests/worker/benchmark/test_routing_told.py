"""What is told of two models while they answer: sums over whole documents, and the newest answers, not too often."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchtui.routing.answers import RoutedFacts, Run, Work
from benchtui.runs.answer_health import AnswerFacts
from benchtui.runs.event_reader import EventReader
from benchtui.runs.events import EventWriter
from benchtui.runs.kinds.benchmark.events import Routed, RoutedDocuments
from benchtui.worker.benchmark.answers import routing
from benchtui.worker.benchmark.answers.health import Asked
from benchtui.worker.benchmark.answers.routing import RoutingTold
from benchtui.worker.report import Reporter


def text(*runs: Run, calls: int = 1) -> Asked:
    chosen = {side: sum(run.tokens for run in runs if run.side == side) for side in ("a", "b")}
    facts = RoutedFacts(Work(9, 30, chosen["a"]), Work(calls, 20, chosen["b"]), runs)
    return Asked("generate_until", ("p", {}), "answer", AnswerFacts(5, routed=facts))


def choice(small: int, large: int) -> Asked:
    return Asked(
        "loglikelihood",
        ("q", " a"),
        (-1.0, False),
        AnswerFacts(5, routed=RoutedFacts(Work(1, 5, small), Work(1, 5, large))),
    )


@pytest.fixture
def told(tmp_path: Path) -> tuple[RoutingTold, EventReader]:
    return RoutingTold(Reporter(EventWriter(tmp_path / "events.jsonl")), "t"), EventReader(tmp_path / "events.jsonl")


def events(reader: EventReader) -> list[Routed]:
    return [event for event in reader.read() if isinstance(event, Routed)]


def test_sums_are_over_all_answers_and_each_answer_is_told_once(told: tuple[RoutingTold, EventReader]) -> None:
    counter, reader = told
    counter.add(0, [text(Run("a", 3, 9), Run("b", 1, 2))])
    counter.add(1, [choice(2, 0), choice(0, 3)])
    counter.tell(force=True)
    counter.add(2, [choice(4, 0)])
    counter.add(3, [text(Run("b", 5, 5), calls=5)])
    counter.tell(force=True)
    first, second = events(reader)
    assert [(one.doc_id, one.small, one.large, one.strip) for one in first.answers] == [
        (0, 3, 1, "0008"),
        (1, 2, 3, "08"),
    ]
    assert [one.doc_id for one in second.answers] == [2, 3]
    assert (second.work.small.chosen, second.work.large.chosen, second.work.large.calls) == (9, 9, 9)
    assert second.documents == RoutedDocuments(small=1, large=1, both=2)


def test_a_task_that_one_model_answers_tells_nothing(told: tuple[RoutingTold, EventReader]) -> None:
    counter, reader = told
    counter.add(
        0, [Asked("generate_until", ("p", {}), "answer", AnswerFacts(5)), Asked("generate_until", (), "", None)]
    )
    counter.tell(force=True)
    assert events(reader) == []


def test_a_fast_worker_tells_twice_a_second_and_the_newest_answers(
    told: tuple[RoutingTold, EventReader], monkeypatch: pytest.MonkeyPatch
) -> None:
    counter, reader = told
    now = 1000.0
    monkeypatch.setattr(routing.time, "monotonic", lambda: now)
    for doc_id in range(5000):
        counter.add(doc_id, [text(*(Run("ab"[n % 2], 1, 1) for n in range(200)))])  # type: ignore[arg-type]
        counter.tell()
        now += 0.001
    found = events(reader)
    assert len(found) == 10
    assert found[-1].answers[-1].doc_id >= 4500
    assert all(len(event.answers) <= routing.SHOWN for event in found)
