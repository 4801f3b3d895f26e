"""Scores of a task: live, final and recovered from the same code, over whole documents only."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from lm_eval.api.instance import Instance

from benchtui.plans.benchmark import BenchmarkPlan
from benchtui.worker.benchmark.answers.scoring import TaskScorer
from benchtui.worker.benchmark.tasks.building import build_requests
from benchtui.worker.benchmark.tasks.load import LoadedTask
from tests.worker.instances import NoModel, small_plan, small_task

ANSWERS = {0: "0", 1: "wrong", 2: "2", 3: "3", 4: "wrong", 5: "5", 6: "6", 7: "wrong"}


@pytest.fixture
def plan(tmp_path: Path) -> BenchmarkPlan:
    return small_plan(tmp_path)


def requests(plan: BenchmarkPlan) -> tuple[LoadedTask, list[Instance]]:
    loaded = small_task(plan)
    return loaded, build_requests(loaded, plan, NoModel())


def answered(plan: BenchmarkPlan, order: list[int], **how: Any) -> TaskScorer:
    """A scorer to which these documents were answered one after another."""
    loaded, instances = requests(plan)
    scorer = TaskScorer(loaded.task, instances, loaded.docs(), **how)
    for doc_id in order:
        instances[doc_id].resps = [ANSWERS[doc_id]]
        scorer.score(doc_id)
    return scorer


def test_the_order_of_the_answers_changes_nothing(plan: BenchmarkPlan) -> None:
    reference = answered(plan, list(range(8))).final()
    for seed in range(5):
        order = random.Random(seed).sample(range(8), 8)  # noqa: S311
        found = answered(plan, order).final()
        assert found.raw_metrics == reference.raw_metrics
        assert found.logged_samples == reference.logged_samples
    assert reference.raw_metrics == {("right", "none"): [1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0]}


def test_what_was_never_scored_live_is_scored_at_the_end(plan: BenchmarkPlan) -> None:
    """As after a resume or a kill: the answers are there, nobody has looked at them."""
    loaded, instances = requests(plan)
    for doc_id, text in ANSWERS.items():
        instances[doc_id].resps = [text]
    found = TaskScorer(loaded.task, instances, loaded.docs()).final()
    assert found.raw_metrics == answered(plan, list(range(8))).final().raw_metrics


def test_documents_without_all_their_answers_do_not_count(plan: BenchmarkPlan) -> None:
    scorer = answered(plan, [0, 3, 4])
    found = scorer.final()
    assert found.documents == (0, 3, 4)
    assert found.raw_metrics == {("right", "none"): [1.0, 1.0, 0.0]}
    assert [sample["doc_id"] for sample in found.logged_samples] == [0, 3, 4]
    (live,) = scorer.live()
    assert (live.metric, live.n) == ("right", 3)
    assert live.value == pytest.approx(2 / 3)


def test_nothing_answered_is_nothing_scored(plan: BenchmarkPlan) -> None:
    scorer = answered(plan, [])
    assert scorer.live() == []
    assert scorer.final().documents == ()


def test_the_document_in_hand_is_named_before_the_tasks_own_code_runs(plan: BenchmarkPlan) -> None:
    named: list[int] = []
    loaded, instances = requests(plan)
    scorer = TaskScorer(loaded.task, instances, loaded.docs(), named.append)
    process = loaded.task.process_results

    def hanging(doc: Any, results: Any) -> Any:
        if doc["number"] == 2:
            raise TimeoutError
        return process(doc, results)

    loaded.task.process_results = hanging
    for doc_id in (0, 1, 2):
        instances[doc_id].resps = ["x"]
    scorer.score(0)
    with pytest.raises(TimeoutError):
        scorer.score(2)
    assert named[-1] == 2


def test_a_filter_over_all_documents_has_the_last_word(plan: BenchmarkPlan) -> None:
    """Such a filter sees one document when it is scored live, and all of them at the end."""
    loaded, instances = requests(plan)

    class MostFrequent:
        name = "most_frequent"

        def apply(self, group: list[Instance]) -> None:
            texts = [instance.resps[0] for instance in group]
            for instance in group:
                instance.filtered_resps["most_frequent"] = max(set(texts), key=texts.count)

    loaded.task._filters = [MostFrequent()]
    scorer = TaskScorer(loaded.task, instances, loaded.docs())
    for doc_id, text in enumerate(["1", "1", "2"]):
        instances[doc_id].resps = [text]
        scorer.score(doc_id)
    assert scorer.final().raw_metrics == {("right", "most_frequent"): [0.0, 1.0, 0.0]}
