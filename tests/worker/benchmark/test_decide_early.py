"""In which order documents are asked, and what is no ground for a decision."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from benchtui.evidence.pairing import HashedDocument
from benchtui.evidence.sequential import DOCUMENTS_A_LOOK
from benchtui.results.records import EarlyStop
from benchtui.runs.event_reader import read_events
from benchtui.runs.events import Decision, Event, EventWriter, Warned
from benchtui.tasks.primary_metric import MetricName
from benchtui.worker.benchmark.early_stop.decide import ask_until_decided
from benchtui.worker.benchmark.tasks.load import LoadedTask
from benchtui.worker.benchmark.tasks.units import Unit
from benchtui.worker.report import Reporter
from tests.worker.instances import small_plan

ACC = MetricName("acc", "none")


class Side:
    """One model on one task: document n, of those not in `without`, scores `scores[n]`."""

    fingerprint = "base"

    def __init__(self, scores: Mapping[int, float], *, without: frozenset[int] = frozenset()) -> None:
        self.size = len(scores)
        self.asked: list[frozenset[int]] = []
        self._scores = scores
        self._without = without

    def numbers(self) -> frozenset[int]:
        return frozenset(n for n in self._scores if n not in self._without)

    def documents(self, leaf: str = "") -> list[HashedDocument]:
        return [HashedDocument(n, f"document {n}", "prompt") for n in self.numbers()]

    def metric(self) -> MetricName | None:
        return ACC if self.asked else None


class Tuned(Side):
    def ask(self, only: frozenset[int] | None = None) -> None:
        self.asked.append(only if only is not None else self.numbers())

    def value(self, doc_id: int, metric: MetricName) -> float | None:
        return self._scores[doc_id]


class Base(Side):
    def ask(self, leaf: str, only: frozenset[int] | None = None) -> None:
        self.asked.append(only if only is not None else self.numbers())

    def value(self, leaf: str, doc_id: int, metric: MetricName) -> float | None:
        return self._scores[doc_id]


def decide(
    folder: Path,
    base: Base,
    tuned: Tuned,
    *,
    in_full: str = "",
    leaves: tuple[LoadedTask, ...] = (),
    for_loss: bool = False,
) -> tuple[EarlyStop | None, list[Event]]:
    import msgspec

    events = folder / "events.jsonl"
    events.unlink(missing_ok=True)
    plan = msgspec.structs.replace(small_plan(folder), decide_early=2.0)
    if for_loss:
        plan = msgspec.structs.replace(plan, decide_for=("sign", "loss"), decide_loss=3.0)
    reporter = Reporter(EventWriter(events))
    runners: Any = {"task": tuned}
    stop = ask_until_decided(Unit("task", leaves, in_full=in_full), runners, base, plan, 0.04, reporter)
    reporter.close()
    return stop, read_events(events)


ALIKE = dict.fromkeys(range(500), 0.0)
BETTER = dict.fromkeys(range(500), 1.0)


def test_both_are_asked_the_same_documents_and_stop_together(tmp_path: Path) -> None:
    base, tuned = Base(ALIKE), Tuned(BETTER)
    stop, events = decide(tmp_path, base, tuned)
    assert stop is not None
    assert (stop.decision, stop.n, stop.total) == ("higher", DOCUMENTS_A_LOOK, 500)
    assert base.asked == tuned.asked
    assert sum(map(len, base.asked)) == DOCUMENTS_A_LOOK
    assert [type(event) for event in events] == [Decision]


def test_what_is_higher_is_worse_where_less_is_better(tmp_path: Path) -> None:
    class Rate:
        def higher_is_better(self) -> dict[str, bool]:
            return {"acc": False}

        def aggregation(self) -> dict[str, Any]:
            return {}

    rate: Any = LoadedTask("task", Rate(), None)  # type: ignore[arg-type]
    stop, events = decide(tmp_path, Base(ALIKE), Tuned(BETTER), leaves=(rate,))
    assert stop is not None
    assert stop.decision == "higher"
    assert isinstance(events[0], Decision)
    assert events[0].choice.startswith("worse than the base")


def test_a_score_that_is_no_mean_of_its_documents_needs_them_all(tmp_path: Path) -> None:
    class Median:
        def aggregation(self) -> dict[str, Any]:
            return {"acc": statistics.median}

    task: Any = LoadedTask("task", Median(), None)  # type: ignore[arg-type]
    tuned = Tuned(BETTER)
    stop, events = decide(tmp_path, Base(ALIKE), tuned, leaves=(task,))
    assert stop is None
    assert frozenset.union(*tuned.asked) == frozenset(BETTER)
    assert isinstance(events[0], Warned)
    assert "its score is no mean over its samples" in events[0].message


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("before", [True, False])
def test_where_a_sample_was_lost_nothing_is_decided_early(tmp_path: Path, side: int, before: bool) -> None:
    """It was lost because of its answer, say: over the others a model that breaks some looks better than it is."""
    scores = [dict(ALIKE), dict(BETTER)]
    sides: tuple[Any, Any] = Base(scores[0]), Tuned(scores[1])
    if before:  # in an earlier worker, which was ended for it
        sides = tuple(type(one)(scores[i], without=frozenset({7} if i == side else ())) for i, one in enumerate(sides))
    else:
        scores[side] |= dict.fromkeys(range(500), None)
        sides = Base(scores[0]), Tuned(scores[1])
    stop, events = decide(tmp_path, *sides)
    assert stop is None
    assert sides[1].asked[-1] == sides[1].numbers()
    (warned,) = (event for event in events if isinstance(event, Warned))
    assert "task cannot stop early: a sample was given up on or has no partner" in warned.message


@pytest.mark.parametrize("odd", [1.5, -0.1, math.nan])
@pytest.mark.parametrize("side", [0, 1])
def test_scores_that_cannot_be_watched_are_evaluated_in_full(tmp_path: Path, odd: float, side: int) -> None:
    """NaN stands for a list, a text, or a metric that this part of a group does not have."""
    scores = [dict(BETTER), dict(ALIKE)]
    scores[side] = dict.fromkeys(range(500), odd)
    base, tuned = Base(scores[0]), Tuned(scores[1])
    stop, events = decide(tmp_path, base, tuned)
    assert stop is None
    assert base.asked[-1] == tuned.asked[-1] == frozenset(range(500))
    (warned,) = (event for event in events if isinstance(event, Warned))
    assert warned.message == "task cannot stop early: not every sample has a score between 0 and 1."


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_to_compare(tmp_path: Path, count: int) -> None:
    scores = dict.fromkeys(range(count), 0.0)
    base, tuned = Base(scores), Tuned(scores)
    assert decide(tmp_path, base, tuned)[0] is None
    assert tuned.asked == base.asked == [frozenset(range(count))]


def test_a_unit_that_needs_every_document_says_why(tmp_path: Path) -> None:
    base, tuned = Base(ALIKE), Tuned(BETTER)
    stop, events = decide(tmp_path, base, tuned, in_full="it counts in several groups")
    assert stop is None
    assert base.asked == tuned.asked == [frozenset(range(500))]
    assert "task cannot stop early: it counts in several groups." in str(events)


def test_a_run_that_is_gated_says_what_became_of_the_loss(tmp_path: Path) -> None:
    stop, events = decide(tmp_path, Base(ALIKE), Tuned(BETTER), for_loss=True)
    assert stop is not None
    assert (stop.decision, stop.asked, stop.max_loss) == ("higher", ("sign", "loss"), 0.03)
    assert stop.ends[0] >= -0.03
    assert isinstance(events[0], Decision)
    assert events[0].choice == "better than the base; no loss over 3 points: shown, at 24 of 500 samples"
    stop, events = decide(tmp_path, Base(BETTER), Tuned(ALIKE), for_loss=True)
    assert stop is not None
    assert stop.ends[1] < -0.03
    assert isinstance(events[0], Decision)
    assert events[0].choice.startswith("worse than the base; a loss over 3 points: shown, at ")


def test_models_alike_are_asked_until_a_loss_is_excluded_elsewhere_too(tmp_path: Path) -> None:
    scores = dict.fromkeys(range(3000), 0.0)
    sign, _ = decide(tmp_path, Base(scores), Tuned(scores))
    gated, events = decide(tmp_path, Base(scores), Tuned(scores), for_loss=True)
    assert sign is not None
    assert gated is not None
    assert sign.decision == gated.decision == "within"
    assert gated.ends[0] >= -0.03
    assert "no relevant difference; no loss over 3 points: shown" in str(events)


def test_documents_are_paired_as_the_comparison_pairs_them(tmp_path: Path) -> None:
    """By their content, whatever their numbers: here the base has the same documents in the other order."""

    class Reversed(Base):
        def documents(self, leaf: str = "") -> list[HashedDocument]:
            return [HashedDocument(499 - n, f"document {n}", "prompt") for n in self.numbers()]

    right = {n: float(n < 250) for n in range(500)}
    base, tuned = Reversed({499 - n: score for n, score in right.items()}), Tuned(right)
    stop, _ = decide(tmp_path, base, tuned)
    assert stop is not None
    assert (stop.decision, stop.difference) == ("within", 0.0)
    assert [frozenset(499 - n for n in asked) for asked in base.asked] == tuned.asked
