from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.cli.results_commands import benchtui, one_line_error, write_model
from tests.run_stories import finish, make_run
from tests.synthetic import Task, write_run


def test_exit_codes_are_met_not_met_and_cannot_tell(tmp_path: Path) -> None:
    for name, fixed, broken, n, code, words in (
        ("gain", 90, 20, 541, 0, "Gate met: "),
        ("loss", 5, 90, 541, 4, "Gate not met: Instruction-Following"),
        ("few", 1, 0, 5, 3, "Inconclusive: Instruction-Following: 5 samples show nothing"),
    ):
        write_model(tmp_path, name, fixed, broken, n=n)
        ended = benchtui("gate", name, "--outputs", tmp_path)
        assert ended.code == code, ended.out
        assert ended.out.startswith(words)
        assert ended.out.count("\n") == 1


def test_a_wanted_gain_on_one_task(tmp_path: Path) -> None:
    model = write_model(tmp_path, "gain", 90, 20)
    assert benchtui("gate", model, "--min-gain", "0", "--task", "ifeval").code == 0
    assert benchtui("gate", model, "--min-gain", "30", "--task", "ifeval").code == 4
    assert benchtui("gate", model, "--min-gain", "12", "--task", "ifeval").code == 3


def test_json_has_every_check(tmp_path: Path) -> None:
    ended = benchtui("gate", write_model(tmp_path, "gain", 90, 20), "--json")
    document = json.loads(ended.out)
    assert document["outcome"] == "met"
    assert [check["task"] for check in document["checks"]] == ["ifeval", "gsm8k"]
    assert document["checks"][0]["low"] > 0


def test_two_runs_may_be_named(tmp_path: Path) -> None:
    model = write_model(tmp_path, "gain", 90, 20)
    run = next((model / "benchmarks" / "fine-tuned").iterdir())
    assert benchtui("gate", run, model / "benchmarks" / "base").code == 4


def test_a_model_that_should_be_the_same_is_checked_for_gains_too(tmp_path: Path) -> None:
    for name, fixed, broken, code, words in (
        ("alike", 6, 6, 0, "difference of at most 4 points shown"),
        ("better", 90, 20, 4, "Gate not met: Instruction-Following +12.9"),
        ("worse", 20, 90, 4, "Gate not met: Instruction-Following −12.9"),
        ("unclear", 50, 45, 3, "difference of at most 4 points neither shown nor refuted"),
    ):
        model = write_model(tmp_path, name, fixed, broken)
        ended = benchtui("gate", model, "--same-within", "4")
        assert (ended.code, words in ended.out) == (code, True), ended.out
    document = json.loads(benchtui("gate", model, "--same-within", "4", "--json").out)
    assert {(check["demand"], check["limit"]) for check in document["checks"]} == {("difference", 4.0)}


def test_flags_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    model = write_model(tmp_path, "gain", 90, 20)
    one_line_error(
        benchtui("gate", model, "--same-within", "1", "--max-loss", "3"),
        2,
        ["--max-loss", "no loss over 1 point either"],
    )
    one_line_error(benchtui("gate", model, "--same-within", "2", "--min-gain", "1"), 2, ["--min-gain", "--max-loss"])
    one_line_error(benchtui("gate", model, "--same-within", "0"), 2, ["--same-within"])
    one_line_error(benchtui("gate", model, "--task", "ifeval"), 2, ["--min-gain"])
    one_line_error(benchtui("gate", model, "--min-gain", "1"), 2, ["needs --task", "ifeval, gsm8k"])
    one_line_error(benchtui("gate", model, "--min-gain", "1", "--task", "mmlu"), 2, ["'mmlu'", "ifeval"])
    one_line_error(benchtui("gate", model, "--max-loss", "-1"), 2, ["--max-loss"])


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "-nan"])
def test_a_limit_that_everything_would_meet_is_refused(tmp_path: Path, number: str) -> None:
    model = write_model(tmp_path, "gain", 90, 20)
    for option in ("--max-loss", "--min-gain", "--same-within"):
        one_line_error(benchtui("gate", model, option, number, "--task", "ifeval", "--json"), 2, [option])


def runs(folder: Path, base: Sequence[str], tuned: Sequence[str]) -> tuple[Path, Path]:
    """A model's base and fine-tuned run, equally good at the tasks that each has."""
    right = [i % 2 == 0 for i in range(2000)]
    places = folder / "m" / "benchmarks" / "base", folder / "m" / "benchmarks" / "fine-tuned" / "run"
    for place, names in zip(places, (base, tuned), strict=True):
        write_run(place, {name: Task({("acc", "none"): right}) for name in names})
    return places


def test_a_task_that_a_run_lacks_keeps_the_gate_from_being_met(tmp_path: Path) -> None:
    runs(tmp_path, ("arc_easy", "gsm8k"), ("arc_easy",))
    ended = benchtui("gate", tmp_path / "m")
    assert ended.code == 3
    assert ended.out == "Inconclusive: Grade-School Maths (gsm8k) has no result in the Fine-tuned run.\n"
    document = json.loads(benchtui("gate", tmp_path / "m", "--json").out)
    assert document["lacking"] == ["Grade-School Maths (gsm8k) has no result in the Fine-tuned run"]
    named = benchtui("gate", tmp_path / "m", "--task", "arc_easy", "--min-gain", "-3")
    assert named.code == 0, "the task was named"


def test_a_base_that_was_reused_may_hold_more_tasks_than_the_run_was_asked_for(tmp_path: Path) -> None:
    _, tuned = runs(tmp_path, ("arc_easy", "gsm8k"), ("arc_easy",))
    finish(make_run(tuned, leaves={"arc_easy": ["arc_easy"]}))
    assert benchtui("gate", tmp_path / "m").code == 0


def test_what_the_plan_asked_for_must_have_results_in_both(tmp_path: Path) -> None:
    for lacking, base, tuned in (
        ("Fine-tuned", ("arc_easy", "gsm8k"), ("arc_easy",)),
        ("Base", ("arc_easy",), ("arc_easy", "gsm8k")),
        ("Base and the Fine-tuned", ("arc_easy",), ("arc_easy",)),
    ):
        _, place = runs(tmp_path / lacking, base, tuned)
        finish(make_run(place, leaves={"arc_easy": ["arc_easy"], "gsm8k": ["gsm8k"]}))
        ended = benchtui("gate", tmp_path / lacking / "m")
        assert ended.code == 3
        assert f"Grade-School Maths (gsm8k) has no result in the {lacking} run" in ended.out


def test_a_group_without_a_score_of_its_own_is_there_when_its_tasks_are(tmp_path: Path) -> None:
    for missing, code in ((0, 0), (1, 3)):
        tasks = ("g_one", "g_two")
        _, place = runs(tmp_path / str(missing), tasks, tasks[missing:])
        finish(make_run(place, leaves={"g": tasks}))
        assert benchtui("gate", tmp_path / str(missing) / "m").code == code


def test_what_else_the_runs_differ_in_is_named(tmp_path: Path) -> None:
    right = [i % 2 == 0 for i in range(2000)]
    base = {"version": 1.0, "generation": {"max_gen_toks": 256}}
    tuned = {"version": 2.0, "generation": {"max_gen_toks": 1280}}
    for name, task, dtype, block in (
        ("base", base, "torch.bfloat16", {"plan": {"4-bit": False}}),
        ("fine-tuned/run", tuned, "torch.float16", {"plan": {"4-bit": True}}),
    ):
        config = {"model": "hf", "model_args": {"pretrained": name}, "model_dtype": dtype}
        write_run(
            tmp_path / "m" / "benchmarks" / name,
            {"gsm8k": Task({("exact_match", "none"): right}, **task)},  # type: ignore[arg-type]
            settings={"config": config},
            block=block,
        )
    ended = benchtui("gate", tmp_path / "m")
    assert ended.code == 0
    words = (
        "4-bit: not set (Base), on (Fine-tuned)",
        "dtype: bfloat16 (Base), float16 (Fine-tuned)",
        "Grade-School Maths task version: 1.0 (Base), 2.0 (Fine-tuned)",
        "Grade-School Maths generation settings: max_gen_toks: 256 (Base), 1280 (Fine-tuned)",
    )
    assert "points shown; but the runs also differ in " in ended.out
    for difference in words:
        assert difference in ended.out
    assert set(json.loads(benchtui("gate", tmp_path / "m", "--json").out)["differences"]) == set(words)
