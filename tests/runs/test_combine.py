"""What several workers told of parts of one benchmark, as what is true of the whole: exactly, or not at all."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lm_eval.api.metrics import mean, mean_stderr

from benchtui.routing.answers import RoutedFacts, Work
from benchtui.runs.answer_health import TaskHealth
from benchtui.runs.events import Ahead, Event
from benchtui.runs.kinds.benchmark.combine import BenchmarkCombine
from benchtui.runs.kinds.benchmark.events import (
    Mark,
    Marked,
    Planned,
    PlannedTask,
    Progress,
    Routed,
    RoutedAnswer,
    RoutedDocuments,
    Scores,
)
from benchtui.runs.live_score import LiveScore, mean_of_parts


def progress(done: int, total: int = 20, rate: float = 2.0) -> Progress:
    return Progress(
        t=1.0,
        task="arc",
        documents=done,
        documents_total=total,
        requests=4 * done,
        requests_total=4 * total,
        documents_per_second=rate,
    )


def mean_score(values: Sequence[float], metric: str = "acc") -> LiveScore:
    error = float(mean_stderr(list(values))) if len(values) > 1 else None
    return LiveScore(metric, "none", float(mean(list(values))), error, len(values), mean=True)


def scores(*found: LiveScore, health: TaskHealth | None = None) -> Scores:
    return Scores(t=1.0, task="arc", scores=list(found), health=health)


def told(combine: BenchmarkCombine, shard: int, *events: Event) -> list[Event]:
    for event in events:
        assert combine.take(shard, event) is None
    return list(combine.sums())


def only(events: Sequence[Event], kind: type) -> list:  # type: ignore[type-arg]
    return [event for event in events if isinstance(event, kind)]


@given(st.lists(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=8), min_size=1, max_size=6))
def test_the_mean_of_parts_is_lm_evals_mean_and_standard_error_of_all(parts: list[list[float]]) -> None:
    whole = [value for part in parts for value in part]
    found = mean_of_parts([mean_score(part) for part in parts])
    assert found is not None
    assert found.n == len(whole)
    assert found.value == pytest.approx(mean(whole), abs=1e-9)
    if len(whole) == 1:
        assert found.stderr is None
    else:
        assert found.stderr == pytest.approx(float(mean_stderr(whole)), rel=1e-6, abs=1e-6)


def test_a_value_that_is_no_number_makes_the_score_of_all_none() -> None:
    found = mean_of_parts([mean_score([1.0, 0.0]), LiveScore("acc", "none", None, None, 3, mean=True)])
    assert found == LiveScore("acc", "none", None, None, 5, mean=True)


def test_scores_of_parts_are_told_of_the_documents_of_both() -> None:
    combine = BenchmarkCombine()
    told(combine, 0, progress(2), scores(mean_score([1.0, 1.0]), health=TaskHealth(answers=2, cut=1, empty=0)))
    events = told(combine, 1, progress(3), scores(mean_score([1.0, 0.0, 0.0]), health=TaskHealth(answers=3, cut=1)))
    (whole,) = only(events, Scores)
    assert [(score.value, score.n) for score in whole.scores] == [(pytest.approx(0.6), 5)]
    assert whole.scores[0].stderr == pytest.approx(float(mean_stderr([1, 1, 1, 0, 0])))
    assert (whole.health.answers, whole.health.cut) == (5, 2)
    assert not whole.final


def test_a_score_that_is_no_mean_is_never_averaged_and_hides_the_others() -> None:
    combine = BenchmarkCombine()
    bleu = LiveScore("bleu", "none", 31.0, None, 4)
    told(combine, 0, progress(4), scores(bleu))
    (whole,) = only(told(combine, 1, progress(4), scores(bleu)), Scores)
    assert whole.scores == []


def test_beside_a_mean_main_score_others_that_are_no_means_are_left_out() -> None:
    combine = BenchmarkCombine()
    found = [mean_score([1.0, 0.0]), LiveScore("inst_level", "none", 0.7, None, 2)]
    (whole,) = only(told(combine, 0, progress(2), scores(*found)), Scores)
    assert [score.metric for score in whole.scores] == ["acc"]


def test_progress_of_a_task_is_told_once_however_many_workers_told_of_it() -> None:
    combine = BenchmarkCombine()
    for shard in range(5):
        combine.take(shard, progress(shard + 1))
    (whole,) = combine.sums()
    assert isinstance(whole, Progress)
    assert (whole.documents, whole.documents_total, whole.requests, whole.documents_per_second) == (15, 20, 60, 10.0)
    assert list(combine.sums()) == []


def test_what_a_lost_slot_answered_of_its_open_chunk_is_counted_by_whoever_answers_it_again() -> None:
    combine = BenchmarkCombine()
    told(combine, 0, progress(0), progress(4), scores(mean_score([1.0] * 4)))
    combine.settle(0)
    told(combine, 1, progress(0), progress(5), scores(mean_score([0.0] * 5)))
    told(combine, 0, progress(7), scores(mean_score([1.0] * 7)))
    combine.lose(0)
    events = list(combine.sums())
    assert [event.documents for event in only(events, Progress)] == [9]
    assert [(event.scores[0].n, event.scores[0].value) for event in only(events, Scores)] == [(9, pytest.approx(4 / 9))]
    events = told(combine, 1, progress(8), scores(mean_score([0.0] * 8)))  # the three that were open among them
    assert [event.documents for event in only(events, Progress)] == [12]
    assert [event.scores[0].n for event in only(events, Scores)] == [12]


def test_a_slot_lost_before_a_chunk_was_done_still_counts_what_was_answered_before_the_run_was_resumed() -> None:
    combine = BenchmarkCombine()
    told(combine, 0, progress(6), progress(9))
    combine.lose(0)
    assert [event.documents for event in only(list(combine.sums()), Progress)] == [6]


def test_what_was_answered_before_does_not_grow_with_workers_that_are_replaced() -> None:
    combine = BenchmarkCombine()

    def answered(shard: int, found: int) -> int:
        event = combine.take(shard, Planned(tasks=[PlannedTask("arc", 20, 80, found, "multiple_choice")]))
        assert isinstance(event, Planned)
        return event.tasks[0].answered

    assert answered(1, 0) == 0
    assert answered(0, 24) == 24
    assert answered(1, 16) == 24, "its own answers of this run"


def test_marks_are_told_as_they_come() -> None:
    event = Marked(task="arc", marks=[Mark(3, True)])
    assert BenchmarkCombine().take(1, event) == event


def test_routing_is_summed_and_the_newest_answers_of_all_are_told_once() -> None:
    def routed(small: int, large: int, doc_id: int) -> Routed:
        work = RoutedFacts(Work(chosen=small), Work(chosen=large, flops=1e9))
        return Routed(task="arc", work=work, documents=RoutedDocuments(1, 0, 1), answers=[RoutedAnswer(doc_id, 1, 1)])

    combine = BenchmarkCombine()
    told(combine, 0, routed(5, 2, 0))
    combine.take(0, routed(9, 4, 7))
    (whole,) = told(combine, 1, routed(10, 1, 8))
    assert isinstance(whole, Routed)
    assert (whole.work.small.chosen, whole.work.large.chosen, whole.work.large.flops) == (19, 5, 2e9)
    assert (whole.documents.small, whole.documents.both) == (2, 2)
    assert [answer.doc_id for answer in whole.answers] == [7, 8]


def test_the_score_of_one_document_has_no_standard_error() -> None:
    found = mean_of_parts([mean_score([1.0])])
    assert found is not None
    assert found.stderr is None
    assert not math.isnan(found.value or 0.0)


def test_what_a_lost_slot_was_ahead_of_its_last_chunk_is_not_counted() -> None:
    combine = BenchmarkCombine()
    told(combine, 0, progress(0), progress(4), scores(mean_score([1.0] * 4)))
    combine.settle(0)
    told(combine, 0, progress(9), scores(mean_score([1.0] * 9)))
    combine.settle(0, [Ahead("arc", 2, 8)])  # one chunk is done, two documents of the next are answered
    told(combine, 0, progress(12), scores(mean_score([1.0] * 12)))
    combine.lose(0)
    events = list(combine.sums())
    assert [(event.documents, event.requests) for event in only(events, Progress)] == [(7, 28)]
    assert [event.scores[0].n for event in only(events, Scores)] == [4], "of no document that is answered again"
