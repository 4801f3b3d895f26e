"""What is told of two models while they answer: sums over whole documents, and the newest answers, not too often."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchtui.routing.answers import RoutedFacts, Run, Work
from benchtui.runs.answer_health import AnswerFacts
from benchtui.runs.event_reader import EventReader
from benchtui.runs.events import EventWriter
from benchtui.runs.kinds.benchmark.events import Routed, RoutedDocuments
from benchtui.worker.benchmark.answers import routing
from benchtui.worker.benchmark.answers.health import Asked
from benchtui.worker.benchmark.answers.routing import RoutingTold, with_routing
from benchtui.worker.benchmark.answers.scoring import TaskScores
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


def test_samples_say_who_answered_as_they_have_the_answers() -> None:
    asked = {0: [choice(2, 0), choice(0, 3)], 1: [choice(1, 1), Asked("loglikelihood", ("q", " b"), (0.0, True), None)]}
    samples: list[dict[str, Any]] = [{"doc_id": n, "resps": [[1], [2]], "acc": 1.0} for n in (0, 1)]
    found = with_routing(TaskScores({}, samples, (0, 1)), asked.__getitem__).logged_samples
    assert [one["routed"] for one in found] == [
        [[{"small": 2, "large": 0}], [{"small": 0, "large": 3}]],
        [[{"small": 1, "large": 1}], [None]],
    ]
    assert "routed" not in samples[0]


def test_answers_drawn_to_one_request_stay_together() -> None:
    answers = [text(Run("a", 2, 5)), text(Run("b", 1, 3))]
    (found,) = with_routing(
        TaskScores({}, [{"doc_id": 0, "resps": [["yes", "no"]]}], (0,)), lambda _: answers
    ).logged_samples
    assert [one["runs"] for one in found["routed"][0]] == [[["small", 2, 5]], [["large", 1, 3]]]


def test_a_metric_of_that_name_is_kept_and_one_model_adds_nothing() -> None:
    own = {"doc_id": 0, "resps": [[""]], "routed": 0.5}
    assert with_routing(TaskScores({}, [own], (0,)), lambda _: [choice(1, 0)]).logged_samples == [own]
    plain = {"doc_id": 0, "resps": [[""]]}
    alone = [Asked("generate_until", ("p", {}), "answer", AnswerFacts(5))]
    assert with_routing(TaskScores({}, [plain], (0,)), lambda _: alone).logged_samples == [plain]
