"""Result files become records: lm-eval's own, ours, partial ones, damaged ones."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from benchtui.errors import BenchtuiError
from benchtui.results.read import read_run
from benchtui.results.records import is_share
from benchtui.runs.answer_health import TaskHealth
from benchtui.tasks.primary_metric import primary
from tests.lm_eval_runs import RealRuns
from tests.synthetic import STAMP, Task, ifeval, write_run


def test_a_real_run_of_lm_eval_is_read_whole(real_runs: RealRuns) -> None:
    results = read_run(real_runs.first)
    assert results.model_name == "tiny-first"
    assert results.state == "finished"
    assert results.lm_eval_version.startswith("0.4.")
    assert results.top_level == ("say", "obey", "pages", "school", "plainschool")
    assert {group.name: group.leaves for group in results.groups}["school"] == (
        "school_alpha",
        "school_beta",
        "school_gamma",
    )
    acc = results.score("school_alpha", "acc", "none")
    assert acc is not None
    assert (acc.n, acc.total, acc.higher_is_better) == (14, 14, True)
    assert acc.stderr is not None
    inst = results.score("obey", "inst_level_strict_acc", "none")
    assert inst is not None
    assert inst.stderr is None  # lm-eval says "N/A"
    perplexity = results.score("pages", "word_perplexity", "none")
    assert perplexity is not None
    assert not perplexity.higher_is_better
    facts = results.task("say")
    assert facts is not None
    assert json.loads(facts.generation)["max_gen_toks"] == 6


def test_the_values_are_the_files_own(real_runs: RealRuns) -> None:
    results = read_run(real_runs.second)
    raw = json.loads(results.file.read_text())["results"]
    for score in results.scores:
        if results.group(score.task) is None:
            assert score.value == raw[score.task][score.key]


def test_a_run_is_found_by_folder_lm_eval_folder_and_file(real_runs: RealRuns, tmp_path: Path) -> None:
    inner = next(real_runs.first.iterdir())
    run = tmp_path / "benchmarks" / "fine-tuned" / "2026-11-20T10-30-15"
    shutil.copytree(inner, run / "lm-eval")
    for place in (real_runs.first, inner, run, run / "lm-eval", next(run.glob("lm-eval/results_*.json"))):
        assert len(read_run(place).scores) > 15
    assert read_run(run).role == "fine-tuned"
    assert read_run(run).run == run


def test_the_latest_of_several_result_files_counts_with_its_own_samples(tmp_path: Path) -> None:
    write_run(tmp_path, {"ifeval": ifeval([False] * 4)}, stamp="2026-11-19T23-59-59.9")
    write_run(tmp_path, {"ifeval": ifeval([True] * 4)}, stamp="2026-11-20T00-00-00.1")
    results = read_run(tmp_path)
    assert results.stamp == "2026-11-20T00-00-00.1"
    assert results.scores[0].value == 1.0
    assert results.created.isoformat() == "2026-11-20T00:00:00.100000"


def test_a_partial_run_is_marked_and_counts_what_was_done(tmp_path: Path) -> None:
    block = {
        "partial": True,
        "fingerprint": "abc",
        "documents": {"ifeval": {"done": 3, "total": 5, "unanswered": [3, 4]}},
    }
    results = read_run(write_run(tmp_path, {"ifeval": ifeval([True, False, True])}, block=block))
    assert [(p.task, p.done, p.total, p.unanswered) for p in results.partial] == [("ifeval", 3, 5, (3, 4))]
    assert results.scores[0].n == 3
    assert results.fingerprint == "abc"
    assert results.state == "partial"


def test_a_group_with_a_partial_task_is_partial(tmp_path: Path) -> None:
    tasks = {name: Task({("acc", "none"): [1.0] * 10}) for name in ("a", "b")}
    block = {"documents": {"a": {"done": 4, "total": 10}, "b": {"done": 10, "total": 10}}}
    results = read_run(write_run(tmp_path, tasks, groups={"both": ["a", "b"]}, block=block))
    found = results.partial_of("both")
    assert found is not None
    assert (found.done, found.total) == (14, 20)
    assert results.partial_of("b") is None


def test_a_run_directory_without_done_record_is_no_finished_run(tmp_path: Path) -> None:
    write_run(tmp_path, {"ifeval": ifeval([True])})
    (tmp_path / "run").mkdir()
    assert read_run(tmp_path).state != "finished"
    (tmp_path / "run" / "done.json").write_text(json.dumps({"status": "finished", "message": "", "t": 1.0}))
    assert read_run(tmp_path).state == "finished"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "damaged or not an lm-eval result file"),
        ('{"results": {"ifeval": {', "damaged or not an lm-eval result file"),
        ('{"nothing": 1}', "damaged or not an lm-eval result file"),
        ("[1, 2]", "damaged or not an lm-eval result file"),
        ('{"results": "all good"}', "damaged or not an lm-eval result file"),
    ],
)
def test_a_damaged_result_file_is_named(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / f"results_{STAMP}.json").write_text(content)
    with pytest.raises(BenchtuiError, match=words) as caught:
        read_run(tmp_path)
    assert f"results_{STAMP}.json" in str(caught.value)


def test_a_score_that_is_not_a_number_is_a_score_and_words_are_none(tmp_path: Path) -> None:
    scores = {"alias": "t", "acc,none": float("nan"), "ppl,none": float("inf"), "f1,none": "N/A", "em,none": 0.5}
    (tmp_path / f"results_{STAMP}.json").write_text(json.dumps({"results": {"t": scores}}))
    found = {score.key: score.finite for score in read_run(tmp_path).scores}
    assert found == {"acc,none": False, "ppl,none": False, "em,none": True}


def test_caveats_and_health_are_read_where_a_run_wrote_them(tmp_path: Path) -> None:
    scores = {"t": {"alias": "t", "em,none": 0.5}}
    health = {"t": {"answers": 4, "cut": 1, "cut_at": [256, 256], "tokens": 400, "mean_tokens": 100.0}}
    block = {"resolved": {"caveats": ["12 tensors of the file are not used.", 7]}, "health": health}
    (tmp_path / f"results_{STAMP}.json").write_text(json.dumps({"results": scores, "benchtui": block}))
    found = read_run(tmp_path)
    assert found.caveats == ("12 tensors of the file are not used.",)
    assert found.health_of("t") == TaskHealth(answers=4, cut=1, cut_at=(256, 256), tokens=400, mean_tokens=100.0)
    assert found.health_of("another") is None


def test_an_empty_folder_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BenchtuiError, match="holds no results_"):
        read_run(tmp_path)
    with pytest.raises(BenchtuiError, match="does not exist"):
        read_run(tmp_path / "nowhere")


def test_results_of_several_models_must_be_told_apart(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"results_{STAMP}.json").write_text('{"results": {}}')
    with pytest.raises(BenchtuiError, match="several models: one, two"):
        read_run(tmp_path)


def test_groups_that_contain_themselves_do_not_hang(tmp_path: Path) -> None:
    document = {
        "results": {"t": {"acc,none": 1.0}},
        "groups": {"g": {"acc,none": 1.0}},
        "group_subtasks": {"g": ["g", "t"]},
    }
    (tmp_path / f"results_{STAMP}.json").write_text(json.dumps(document))
    assert read_run(tmp_path).groups[0].leaves == ("t",)


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        (["inst_level_loose_acc", "prompt_level_strict_acc", "acc"], "prompt_level_strict_acc"),
        (["acc", "acc_norm"], "acc_norm"),
        (["acc"], "acc"),
        (["bleu", "chrf"], "bleu"),
        (["acc", "exact_match"], "exact_match"),
    ],
)
def test_the_primary_metric(tmp_path: Path, metrics: list[str], expected: str) -> None:
    results = read_run(write_run(tmp_path, {"t": Task({(metric, "none"): [1.0, 0.0] for metric in metrics})}))
    assert primary(results.scores).metric == expected


def test_what_is_a_share_and_what_is_not() -> None:
    assert is_share("acc_norm", 0.4)
    assert is_share("f1", 1.0)
    assert not is_share("word_perplexity", 0.9)
    assert not is_share("bits_per_byte", 0.8)
    assert not is_share("bleu", 0.5)
    assert not is_share("acc", 40.0)


def test_a_group_that_stopped_early_is_not_partial(tmp_path: Path) -> None:
    stop = {
        "task": "both",
        "metric": "acc",
        "filter": "none",
        "decision": "higher",
        "n": 9,
        "total": 20,
        "difference": 0.4,
        "low": 0.1,
        "high": 0.7,
        "delta": 0.02,
        "alpha": 0.05,
    }
    tasks = {name: Task({("acc", "none"): [1.0] * n}) for name, n in (("a", 4), ("b", 5))}
    block = {
        "decide_early": {"both": stop},
        "documents": {"a": {"done": 4, "total": 10}, "b": {"done": 5, "total": 10}},
    }
    results = read_run(write_run(tmp_path, tasks, groups={"both": ["a", "b"]}, block=block))
    assert results.partial == ()
    found = results.early_of("both")
    assert found is not None
    assert (found.decision, found.n) == ("higher", 9)
