"""Several answers to each document: scored one by one, never fewer than asked, refused where they would be equal."""

from __future__ import annotations

import itertools
import random
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from lm_eval.api.instance import Instance
from lm_eval.filters.selection import MajorityVoteFilter

from benchtui.errors import BenchtuiError, UsageError
from benchtui.evidence.shares import pass_at
from benchtui.plans.benchmark import BenchmarkPlan
from benchtui.worker.benchmark.answers.scoring import TaskScorer
from benchtui.worker.benchmark.tasks.building import build_requests
from benchtui.worker.benchmark.tasks.load import LoadedTask
from tests.worker.instances import NoModel, small_plan, small_task

K = 4
DRAWN = {"do_sample": True, "temperature": 0.7}


def plan(folder: Path, repeats: int = K, extra: str = "", **gen_kwargs: Any) -> BenchmarkPlan:
    made = small_plan(folder)
    if extra:
        file = folder / "small_writes.yaml"
        file.write_text(file.read_text() + extra)
    prompts = msgspec.structs.replace(made.prompts, gen_kwargs=gen_kwargs)
    return msgspec.structs.replace(made, repeats=repeats, prompts=prompts)


def loaded(plan: BenchmarkPlan) -> tuple[LoadedTask, list[Instance]]:
    task = small_task(plan)
    return task, build_requests(task, plan, NoModel())  # type: ignore[arg-type]


def texts(documents: int = 8, repeats: int = K) -> list[list[str]]:
    """For each document answers of which some are its number, some another and some agree with each other."""
    chance = random.Random(5)  # noqa: S311
    return [[chance.choice([str(doc), str(doc), "x", "y"]) for _ in range(repeats)] for doc in range(documents)]


def scorer(plan: BenchmarkPlan, answers: list[list[str]]) -> TaskScorer:
    task, instances = loaded(plan)
    found = TaskScorer(task.task, instances, task.docs(), repeats=task.repeats)
    for instance, given in zip(instances, answers, strict=True):
        instance.resps = given
    return found


def test_each_document_is_asked_k_times(tmp_path: Path) -> None:
    task, instances = loaded(plan(tmp_path, **DRAWN))
    assert task.repeats == K
    assert [instance.repeats for instance in instances] == [K] * 8
    assert task.task.dump_config()["repeats"] == K, "lm-eval's result file says it"


def test_scores_are_means_pass_at_k_and_the_majoritys(tmp_path: Path) -> None:
    answers = texts()
    found = scorer(plan(tmp_path, **DRAWN), answers).final()
    right = [[text == str(doc) for text in given] for doc, given in enumerate(answers)]
    assert found.raw_metrics["right", "none"] == [float(np.mean(one)) for one in right]
    for k in (2, 4):
        any_right = [np.mean([any(some) for some in itertools.combinations(one, k)]) for one in right]
        assert found.raw_metrics[f"right_pass@{k}", "none"] == pytest.approx(any_right)
    votes = [vote[0] for vote in MajorityVoteFilter().apply(answers, None)]
    assert found.raw_metrics[f"right_maj@{K}", "none"] == [float(vote == str(doc)) for doc, vote in enumerate(votes)]


def test_sample_files_hold_every_answer_and_its_score(tmp_path: Path) -> None:
    answers = texts()
    found = scorer(plan(tmp_path, **DRAWN), answers).final()
    sample = found.logged_samples[3]
    assert sample["resps"] == sample["filtered_resps"] == [answers[3]]
    assert sample["repeats"] == {"right": [float(text == "3") for text in answers[3]]}
    assert sample["right"] == np.mean(sample["repeats"]["right"])
    assert sample["metrics"] == ["right", "right_pass@2", "right_pass@4", "right_maj@4"]


def test_the_variance_is_split_between_and_within_documents(tmp_path: Path) -> None:
    answers = texts()
    spread = scorer(plan(tmp_path, **DRAWN), answers).final().spreads["right,none"]
    scores = np.array([[text == str(doc) for text in given] for doc, given in enumerate(answers)], dtype=float)
    within = scores.var(axis=1, ddof=1).mean()
    assert (spread.answers, spread.documents) == (K, 8)
    assert spread.within == pytest.approx(within)
    assert spread.between == pytest.approx(max(0, scores.mean(axis=1).var(ddof=1) - within / K))
    assert spread.stderr == pytest.approx(scores.mean(axis=1).std(ddof=1) / np.sqrt(8)), "documents count, not answers"


def test_a_document_with_fewer_answers_than_asked_does_not_count(tmp_path: Path) -> None:
    answers = texts()
    found = scorer(plan(tmp_path, **DRAWN), [*answers[:5], [], answers[6][: K - 1], answers[7]]).final()
    assert found.documents == (0, 1, 2, 3, 4, 7)


def test_live_and_final_scores_are_the_same(tmp_path: Path) -> None:
    answers = texts()
    live = scorer(plan(tmp_path, **DRAWN), answers)
    for doc in (3, 0, 7, 1, 2, 6, 5, 4):
        live.score(doc)
    assert live.final() == scorer(plan(tmp_path, **DRAWN), answers).final()
    (shown,) = live.live()
    assert shown.value == pytest.approx(np.mean(live.final().raw_metrics["right", "none"]))


def test_scores_of_no_right_or_wrong_have_a_mean_alone(tmp_path: Path) -> None:
    made = plan(tmp_path, **DRAWN)
    (tmp_path / "documents.py").write_text(
        (tmp_path / "documents.py").read_text().replace('float(results[0] == doc["answer"])', "len(results[0]) / 2")
    )
    found = scorer(made, [["a", "ab", "abc", ""]] * 8).final()
    assert found.raw_metrics == {("right", "none"): [0.75] * 8}


def test_a_corpus_metric_is_that_of_all_answers(tmp_path: Path) -> None:
    """A task's own aggregation of several numbers a document; the sample files lead to the same score."""
    made = plan(tmp_path, **DRAWN)
    (tmp_path / "documents.py").write_text(
        (tmp_path / "documents.py")
        .read_text()
        .replace('float(results[0] == doc["answer"])', '[float(results[0] == doc["answer"]), 1.0 + len(results[0])]')
        + "\n\ndef ratio(items):\n    return sum(a for a, _ in items) / sum(b for _, b in items)\n"
    )
    file = tmp_path / "small_writes.yaml"
    file.write_text(file.read_text().replace("aggregation: mean", "aggregation: !function documents.ratio"))
    found = scorer(made, answers := texts())
    whole = found.final()
    score = found.task.aggregation()["right"](whole.raw_metrics["right", "none"])
    right = sum(text == str(doc) for doc, given in enumerate(answers) for text in given)
    assert score == pytest.approx(right / sum(1 + len(text) for given in answers for text in given))
    summed = np.sum([sample["right"] for sample in whole.logged_samples], axis=0)
    assert score == pytest.approx(summed[0] / summed[1])
    assert list(whole.raw_metrics) == [("right", "none")], "there is no pass@k of what is neither right nor wrong"


@pytest.mark.parametrize(
    ("gen_kwargs", "extra", "why"),
    [
        ({}, "", "would get 4 equal answers to each sample: small_writes takes the likeliest token"),
        ({"temperature": 0.7}, "", "temperature=0.7 would change nothing: small_writes takes the likeliest token"),
        ({"top_p": 0.9}, "", "top_p=0.9 would change nothing"),
        (DRAWN, "repeats: 3\n", "asks each sample 3 times by itself"),
        ({**DRAWN, "temperature": None}, "", "temperature to null"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(
    tmp_path: Path, gen_kwargs: dict[str, Any], extra: str, why: str
) -> None:
    made = plan(tmp_path, extra=extra, **gen_kwargs)
    if extra:
        file = tmp_path / "small_writes.yaml"
        file.write_text(file.read_text().replace("repeats: 1\n", ""))
    with pytest.raises(BenchtuiError, match=why) as refused:
        small_task(made)
    assert len(str(refused.value).splitlines()) == 1


def test_a_setting_of_sampling_without_effect_is_refused_without_repeats_too(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"min_p=0\.1 would change nothing"):
        small_task(plan(tmp_path, 1, min_p=0.1))
    assert small_task(plan(tmp_path, 1, temperature=0)).repeats == 1


def test_plans_without_repeats_keep_their_fingerprint(tmp_path: Path) -> None:
    once, thrice = plan(tmp_path, 1), plan(tmp_path, 3)
    assert "repeats" not in once.score_settings()
    assert once.fingerprint != thrice.fingerprint
    assert thrice.differences(once) == ["repeats: None there, 3 now"]


@pytest.mark.parametrize("drawn", [1, 5, 16, 200])
def test_pass_at_k_is_that_of_its_authors_code(drawn: int) -> None:
    """The published numerically stable form (arXiv 2107.03374, figure 3)."""

    def published(n: int, c: int, k: int) -> float:
        if n - c < k:
            return 1.0
        return float(1.0 - np.prod(1.0 - k / np.arange(n - c + 1, n + 1)))

    for right in range(drawn + 1):
        for k in {1, (drawn + 1) // 2, drawn}:
            assert pass_at(drawn, right, k) == pytest.approx(published(drawn, right, k), abs=1e-12)
    with pytest.raises(ValueError, match="cannot be told"):
        pass_at(drawn, 0, drawn + 1)
