"""What keeps two runs from being compared is named, in words and beside the numbers."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from benchtui.compare.compare import compare_runs
from benchtui.compare.records import Comparison, Kind, Verdict
from benchtui.compare.verdicts.gate import Outcome, gate
from benchtui.errors import BenchtuiError
from benchtui.reports.tables import plain_table
from benchtui.results.read import read_run
from tests.synthetic import Task, early_stop, ifeval, write_run

RIGHT = [i % 3 == 0 for i in range(60)]


def compare(folder: Path, first: Task, second: Task, **second_run: Any) -> Comparison:
    base = read_run(write_run(folder / "base", {"ifeval": first}))
    return compare_runs(base, read_run(write_run(folder / "fine-tuned" / "1", {"ifeval": second}, **second_run)))


def verdict(found: Comparison) -> Verdict:
    assert found.headlines[0].verdict is not None
    return found.headlines[0].verdict


def test_another_limit(tmp_path: Path) -> None:
    found = verdict(compare(tmp_path, ifeval(RIGHT), ifeval(RIGHT[:5])))
    assert found.kind is Kind.NOT_COMPARABLE
    assert "55 of 60 samples have no partner" in found.sentence
    assert "more than 5%" in found.sentence
    assert "samples: 60 of 541 (Base), 5 of 541 (Fine-tuned)" in found.sentence
    assert "On the 5 samples in both" in found.sentence


def test_another_chat_template(tmp_path: Path) -> None:
    found = compare(
        tmp_path, ifeval(RIGHT), ifeval(RIGHT, prompt="<|user|>"), settings={"chat_template": "{{ messages }}"}
    )
    assert verdict(found).kind is Kind.NOT_COMPARABLE
    assert "60 of 60 were asked with another prompt" in verdict(found).sentence
    assert "chat template: none (Base)" in verdict(found).sentence
    assert found.headlines[0].difference is None


def test_a_few_other_prompts_are_left_out_and_it_is_said(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / side, {"ifeval": ifeval(RIGHT)}) for side in ("base", "fine-tuned/1")]
    (file,) = (runs[1] / "lm-eval").glob("samples_*")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    for line in lines:
        if line["doc_id"] < 2:
            line["prompt_hash"] = "of a prompt with another beginning"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = compare_runs(*map(read_run, runs))
    assert found.headlines[0].difference is not None
    assert found.headlines[0].difference.n == len(RIGHT) - 2
    said = "2 of 60 samples were asked with another prompt in the Fine-tuned run and were left out"
    assert any(said in warning for warning in found.warnings)
    assert said in " ".join(plain_table(found).split())


def test_other_shots(tmp_path: Path) -> None:
    found = verdict(compare(tmp_path, ifeval(RIGHT), ifeval(RIGHT, prompt="example", shots=5)))
    assert "shots: 0 (Base), 5 (Fine-tuned)" in found.sentence


def test_a_partial_run(tmp_path: Path) -> None:
    block = {"partial": True, "documents": {"ifeval": {"done": 20, "total": 60, "unanswered": list(range(20, 60))}}}
    found = compare(tmp_path, ifeval(RIGHT), ifeval(RIGHT[:20]), block=block)
    assert verdict(found).kind is Kind.NOT_COMPARABLE
    assert "the Fine-tuned run is partial (20/60)" in verdict(found).sentence
    assert found.partial
    assert found.headlines[0].second.n == 20


def test_a_few_unpaired_documents_are_no_obstacle(tmp_path: Path) -> None:
    found = compare(tmp_path, ifeval(RIGHT), ifeval(RIGHT[:-2]))
    assert verdict(found).kind is Kind.NO_DIFFERENCE
    assert found.headlines[0].difference is not None
    assert found.headlines[0].difference.n == 58


def test_the_change_is_over_the_documents_in_both(tmp_path: Path) -> None:
    """The base got its first 20 documents right and 40 others wrong: a copy of it that ends after 20 is no better."""
    first, second = [i < 20 for i in range(60)], [True] * 20
    row = compare(tmp_path, ifeval(first), ifeval(second)).headlines[0]
    assert [row.first.value, row.second.value] == pytest.approx([1 / 3, 1.0])
    assert (row.change, row.relative, row.improved, row.paired_on) == (0.0, 0.0, None, 20)


def test_where_all_documents_pair_the_change_is_of_the_scores(tmp_path: Path) -> None:
    row = compare(tmp_path, ifeval(RIGHT), ifeval([not right for right in RIGHT])).headlines[0]
    assert row.change == row.second.value - row.first.value
    assert row.paired_on is None


def test_precision_generation_settings_and_versions_are_named(tmp_path: Path) -> None:
    found = compare(
        tmp_path,
        ifeval(RIGHT),
        ifeval(RIGHT, version=5.0, generation={"until": [], "max_gen_toks": 640}),
        settings={
            "config": {"model": "hf", "model_args": {"pretrained": "x", "load_in_4bit": True}, "model_dtype": "float16"}
        },
    )
    assert "dtype: bfloat16 (Base), float16 (Fine-tuned)" in found.settings
    assert "4-bit: not set (Base), on (Fine-tuned)" in found.settings
    notes = " ".join(found.headlines[0].notes)
    assert "task version: 1.0 (Base), 5.0 (Fine-tuned)" in notes
    assert "max_gen_toks: 1280 (Base), 640 (Fine-tuned)" in notes


def test_missing_samples(tmp_path: Path) -> None:
    found = compare(tmp_path, ifeval(RIGHT), ifeval(RIGHT), samples=False)
    assert verdict(found).kind is Kind.NOT_COMPARABLE
    assert "--log_samples" in verdict(found).sentence
    assert str(tmp_path / "fine-tuned" / "1") in verdict(found).sentence


def test_samples_that_do_not_make_the_score(tmp_path: Path) -> None:
    task = Task({("acc", "none"): RIGHT}, scores={"acc,none": 0.9})
    runs = [read_run(write_run(tmp_path / name, {"t": task})) for name in "ab"]
    assert "does not add up to lm-eval's score" in verdict(compare_runs(*runs)).sentence


def test_tasks_of_only_one_run_are_listed(tmp_path: Path) -> None:
    first = read_run(write_run(tmp_path / "base", {"ifeval": ifeval(RIGHT)}))
    second = read_run(
        write_run(tmp_path / "fine-tuned" / "1", {"gsm8k": Task({("exact_match", "strict-match"): RIGHT})})
    )
    found = compare_runs(first, second)
    assert found.rows == ()
    assert found.sentence == "Nothing could be compared."
    assert found.missing == (
        "Instruction-Following is only in the Base run",
        "Grade-School Maths is only in the Fine-tuned run",
    )


def test_a_run_that_died_is_named(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "fine-tuned" / "1", {"ifeval": ifeval(RIGHT)})
    (folder / "run").mkdir()
    base = read_run(write_run(tmp_path / "base", {"ifeval": ifeval(RIGHT)}))
    assert any("did not finish" in warning for warning in compare_runs(base, read_run(folder)).warnings)


def test_a_damaged_sample_file_is_named_with_its_line(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "fine-tuned" / "1", {"ifeval": ifeval(RIGHT)})
    file = next((folder / "lm-eval").glob("samples_*.jsonl"))
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join([lines[0], "{broken\n", *lines[2:]]))
    base = read_run(write_run(tmp_path / "base", {"ifeval": ifeval(RIGHT)}))
    with pytest.raises(BenchtuiError, match=r"samples_ifeval_.* is damaged in line 2"):
        compare_runs(base, read_run(folder))


def stopped_early(
    folder: Path, second: Task, block: dict[str, Any], first: Task | None = None, base: str = "base-1"
) -> Comparison:
    """A run that stopped early against a run of all 541 documents, of which the base was the run called "base-1"."""
    whole = first or ifeval([i % 3 == 0 for i in range(541)])
    runs = (
        write_run(folder / "base", {"ifeval": whole}, block={"plan": {"backend": "hf"}, "fingerprint": base}),
        write_run(folder / "fine-tuned" / "1", {"ifeval": second}, block=block),
    )
    return compare_runs(*(read_run(run) for run in runs))


def test_an_early_stop_is_judged_by_its_own_interval(tmp_path: Path) -> None:
    """McNemar's p-value means nothing after looking at every sample; the decision that stopped the run does."""
    found = stopped_early(tmp_path, ifeval([not r for r in RIGHT]), early_stop("higher", 0.02, 0.4))
    assert verdict(found).kind is Kind.BETTER
    assert "stopped early at 60 of 541 samples" in verdict(found).sentence
    assert "Only the sign is claimed" in verdict(found).sentence
    assert (found.tests, found.settings) == (1, ())
    row = next(line for line in plain_table(found).splitlines() if "Instruction" in line)
    assert " 2.0 to 40.0   " in row
    assert "0.0" not in row.split("40.0")[1], "a p-value of one look"


def test_a_decision_outlives_a_base_that_was_gone_on_with_and_interrupted(tmp_path: Path) -> None:
    half = {
        "plan": {"backend": "hf"},
        "fingerprint": "base-1",
        "partial": True,
        "documents": {"ifeval": {"done": 100, "total": 541}},
    }
    base = read_run(write_run(tmp_path / "base", {"ifeval": ifeval([i % 3 == 0 for i in range(100)])}, block=half))
    tuned = write_run(tmp_path / "fine-tuned" / "1", {"ifeval": ifeval(RIGHT)}, block=early_stop("higher", 0.02, 0.4))
    found = compare_runs(base, read_run(tuned))
    assert verdict(found).kind is Kind.BETTER
    assert gate(found, max_loss=3).outcome is Outcome.MET
    assert not any("partial" in warning for warning in found.warnings)


def test_an_early_stop_inside_delta_says_what_it_does_not_claim(tmp_path: Path) -> None:
    comparison = stopped_early(tmp_path, ifeval(RIGHT), early_stop("within", -0.02, 0.02))
    found = verdict(comparison)
    assert found.kind is Kind.WITHIN
    assert "surely within ±2 points" in found.sentence
    assert "It says nothing of samples outside this set" in found.sentence
    assert comparison.sentence == "No relevant difference on Instruction-Following."
    assert "too few samples" not in comparison.sentence, "it was not a test that ended it"


@pytest.mark.parametrize(("decided", "first"), [("base-1", "another"), ("", ""), ("base-1", "")])
def test_a_decision_is_about_one_base_and_no_other_run(tmp_path: Path, decided: str, first: str) -> None:
    """It was "better" than its base; against a run that answers all of these documents alike it is nothing."""
    found = stopped_early(tmp_path, ifeval(RIGHT), early_stop("higher", 0.02, 0.4, base=decided), base=first)
    assert verdict(found).kind is Kind.NOT_COMPARABLE
    assert (
        "the Fine-tuned run stopped early, at a moment chosen by its scores against another run"
        in verdict(found).sentence
    )
    row = found.headlines[0]
    assert row.early is None
    assert row.difference is not None
    assert (row.difference.n, row.difference.value, found.tests) == (60, 0.0, 1)
    assert (row.tested, row.interval) == (None, None), "a p-value of documents that were chosen by looking"
    assert gate(found, max_loss=3).outcome is Outcome.INCONCLUSIVE
    assert any(
        "over the 60 samples in both runs: the Fine-tuned run, which asks in random order, stopped early" in w
        for w in found.warnings
    )


def test_a_decision_does_not_outlive_another_prompt(tmp_path: Path) -> None:
    found = stopped_early(tmp_path, ifeval(RIGHT, prompt="<|user|>"), early_stop("higher", 0.02, 0.4))
    assert found.headlines[0].early is None
    assert verdict(found).kind is Kind.NOT_COMPARABLE
    assert "60 of 60 were asked with another prompt" in verdict(found).sentence


def test_two_runs_that_both_stopped_early_share_the_shorter_one(tmp_path: Path) -> None:
    first = read_run(write_run(tmp_path / "a", {"ifeval": ifeval(RIGHT)}, block=early_stop("higher", 0.02, 0.4)))
    second = read_run(
        write_run(tmp_path / "b", {"ifeval": ifeval(RIGHT[:40])}, block=early_stop("lower", -0.4, -0.02, n=40))
    )
    found = compare_runs(first, second, names=("A", "B"))
    assert "both runs stopped early, at moments chosen by their scores against other runs" in verdict(found).sentence
    assert found.sentence == verdict(found).sentence, "the reason, once"
    assert any("40 samples in both runs: both, which ask in random order" in warning for warning in found.warnings)


def test_a_decision_holds_the_other_way_round(tmp_path: Path) -> None:
    found = stopped_early(tmp_path, ifeval([not r for r in RIGHT]), early_stop("higher", 0.02, 0.4))
    swapped = compare_runs(found.second, found.first, names=("A", "B"))
    assert verdict(swapped).kind is Kind.WORSE
    assert "−21.0 points (96 % CI −40.0 to −2.0, valid at every look)" in verdict(swapped).sentence
    row = swapped.headlines[0]
    assert row.early is not None
    assert (row.early.decision, row.change) == ("lower", pytest.approx(-0.21))


def test_a_document_given_up_on_makes_an_early_run_partial(tmp_path: Path) -> None:
    block = early_stop("higher", 0.02, 0.4)
    block["documents"]["ifeval"]["unanswered"] = [7]
    found = stopped_early(tmp_path, ifeval([not r for r in RIGHT]), block)
    assert verdict(found).kind is Kind.BETTER
    assert any("Fine-tuned run of Instruction-Following is partial: 60/61" in warning for warning in found.warnings)


def test_samples_without_hashes_are_paired_by_number_and_it_is_said(tmp_path: Path) -> None:
    """As other tools and old versions write them."""
    runs = []
    for side in ("a", "b"):
        folder = write_run(tmp_path / side, {"ifeval": ifeval(RIGHT, prompt=side)})
        (file,) = (folder / "lm-eval").glob("samples_*")
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        for line in lines:
            del line["doc_hash"], line["prompt_hash"]
        file.write_text("".join(json.dumps(line) + "\n" for line in lines))
        runs.append(read_run(folder))
    found = compare_runs(*runs)
    assert any("60 samples are paired by their number alone" in warning for warning in found.warnings)


def test_every_reason_is_named(tmp_path: Path) -> None:
    first, second = ifeval([True] * 60, version=1.0), ifeval([True] * 30, version=2.0)
    documents = [f"another {i}" for i in range(30)]
    found = compare(tmp_path, first, dataclasses.replace(second, documents=documents))
    assert "task version: 1.0 (Base), 2.0 (Fine-tuned)" in verdict(found).sentence
    assert "samples: 60 of 541 (Base), 30 of 541 (Fine-tuned)" in verdict(found).sentence


def watched_to_its_end(points: float) -> dict[str, Any]:
    """A result file's block for a run with --decide-early whose task was never decided."""
    return {"plan": {"backend": "hf", "decide early": points}, "decide_early": {}, "fingerprint": "tuned-1"}


@pytest.mark.parametrize("points", [2.0, 0.0])
def test_a_watched_run_pays_for_the_looks_at_its_end(tmp_path: Path, points: float) -> None:
    """The same samples: a difference when the run was meant to go to its end, not enough when it might have stopped."""
    first, second = [i < 60 for i in range(200)], [i < 60 or i % 6 == 0 for i in range(200)]
    for i in range(0, 60, 6):
        second[i] = False
    plain = compare(tmp_path / "plain", ifeval(first), ifeval(second))
    watched = compare(tmp_path / "watched", ifeval(first), ifeval(second), block=watched_to_its_end(points))
    p = plain.headlines[0].difference
    assert p is not None
    assert 0.01 < p.p < 0.05
    assert verdict(plain).kind.is_gain
    assert verdict(watched).kind is Kind.NO_DIFFERENCE
    assert "99 % CI" in verdict(watched).sentence
    assert {row.level_of_interval for row in watched.rows} == {0.99}, "headline and details alike"
    assert watched.headlines[0].difference is not None
    assert (watched.headlines[0].difference.detectable or 0) > 1.1 * (p.detectable or 0), "judged more strictly"
    assert "which a run that might have stopped early shows too often by chance" in verdict(watched).sentence
    assert watched.settings == ()


def data(digest: str, *, total: int = 60, revision: str = "") -> dict[str, Any]:
    found = {"documents": digest, "count": 60, "total": total, "revision": revision}
    return {"data": {"ifeval": found, "arc": found}}


def with_data(folder: Path, first: dict[str, Any], second: dict[str, Any]) -> Comparison:
    tasks, groups = {"ifeval": ifeval(RIGHT), "arc": ifeval(RIGHT)}, {"both": ["arc", "ifeval"]}
    runs = [write_run(folder / str(i), tasks, groups=groups, block=data) for i, data in enumerate((first, second))]
    return compare_runs(*map(read_run, runs))


def test_other_data_under_the_same_name(tmp_path: Path) -> None:
    """Every sample pairs here: only the digests tell, of what no sample file shows."""
    found = with_data(tmp_path / "same", data("a"), data("a"))
    assert verdict(found).kind is not Kind.NOT_COMPARABLE
    found = with_data(tmp_path / "other", data("a", revision="1" * 40), data("b", revision="2" * 40))
    assert verdict(found).kind is Kind.NOT_COMPARABLE
    assert "the data of arc changed between the runs" in verdict(found).sentence
    assert "revision: 11111111" in verdict(found).sentence
    found = with_data(tmp_path / "grown", data("a"), data("a", total=61))
    assert "samples: 60 (" in verdict(found).sentence
    unknown = with_data(tmp_path / "unknown", data("a"), {})
    assert verdict(unknown).kind is not Kind.NOT_COMPARABLE, "a run of an earlier version kept no digests"
