from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from tests.cli.results_commands import benchtui, one_line_error, write_model


def test_a_plan_answers_whether_the_samples_are_enough(tmp_path: Path) -> None:
    ended = benchtui("plan", "--gain", "3", "--tasks", "core", "--gate", "3", "--outputs", tmp_path)
    assert ended.code == 0
    words = " ".join(ended.out.split())
    assert "Instruction-Following 541 20 % 18 % 6.3 2,380" in words
    assert "Enough for Common Sense, not for Instruction-Following and Grade-School Maths" in words
    assert "20 % assumed" in words
    assert "in % of runs" in words


def test_a_suite_may_be_named_either_way(tmp_path: Path) -> None:
    by_tasks, by_suite = (
        json.loads(benchtui("plan", option, "core", "--json", "--outputs", tmp_path).out)
        for option in ("--tasks", "--suite")
    )
    assert by_tasks == by_suite
    assert [task["task"] for task in by_tasks["tasks"]] == ["ifeval", "gsm8k", "hellaswag"]


def test_the_changes_of_the_models_own_comparison_are_used(tmp_path: Path) -> None:
    model = write_model(tmp_path, "tuned", 40, 20, n=200)
    assert benchtui("summarize", model).code == 0
    for named in ([model], []):  # without a name the model benchmarked last
        document = json.loads(benchtui("plan", *named, "--json", "--outputs", tmp_path).out)
        (task,) = document["tasks"]
        assert task["discordant"] == pytest.approx(61 / 202)
        assert task["discordant_from"] == "as in the last comparison (200 samples)"
    (task,) = json.loads(benchtui("plan", model, "--discordance", "10%", "--json").out)["tasks"]
    assert task["discordant"] == 0.1


def test_what_makes_no_sense_is_refused(tmp_path: Path) -> None:
    one_line_error(benchtui("plan", "--gain", "0"), 2, ["--gain"])
    one_line_error(benchtui("plan", "--gain", "nan"), 2, ["--gain"])
    one_line_error(benchtui("plan", "--gate", "nan"), 2, ["--gate"])
    one_line_error(benchtui("plan", "--limit", "nan"), 2, ["--limit"])
    one_line_error(benchtui("plan", "--discordance", "150%"), 2, ["150%", "such as 20%"])
    one_line_error(benchtui("plan", "--discordance", "nan"), 2, ["share of samples"])
    one_line_error(benchtui("plan", "--tasks", "core", "--suite", "core"), 2, ["Give one of them"])
    one_line_error(benchtui("plan", "--suite", "cor"), 2, ["core"])
    one_line_error(benchtui("plan", "--tasks", " , "), 2, ["names no task"])
    one_line_error(benchtui("plan", "nobody", "--outputs", tmp_path), 1, ["nobody"])


def test_the_command_to_type_next_is_one_that_runs(tmp_path: Path) -> None:
    ended = benchtui("plan", "--tasks", "ifeval,gsm8k", "--limit", "50", "--decide-early", "--outputs", tmp_path)
    line = ended.err.split("Run it with: ")[1].strip()
    assert shlex.split(" ".join(line.split())) == [
        "benchtui", "run", "--tasks", "ifeval,gsm8k", "--limit", "50", "--decide-early",
    ]  # fmt: skip
    assert "Stops" in ended.out


def test_suites_and_tasks_together_are_run_by_the_names_of_the_tasks(tmp_path: Path) -> None:
    ended = benchtui("plan", "--tasks", "core,mmlu", "--limit", "1000000", "--outputs", tmp_path)
    line = " ".join(ended.err.split("Run it with: ")[1].split())
    assert line == "benchtui run --tasks ifeval,gsm8k,hellaswag,mmlu --limit 1000000"


def test_a_gate_that_bears_no_loss_can_be_planned(tmp_path: Path) -> None:
    ended = benchtui("plan", "--tasks", "ifeval", "--gate", "0", "--json", "--outputs", tmp_path)
    assert ended.code == 0
    assert json.loads(ended.out)["tasks"][0]["gate"]


def test_a_leaderboard_can_be_planned(tmp_path: Path) -> None:
    ended = benchtui("plan", "--tasks", "gsm8k", "--models", "10", "--gain", "5", "--json", "--outputs", tmp_path)
    document = json.loads(ended.out)
    assert (document["models"], document["tests"]) == (10, 10)
    assert 0 < document["tasks"][0]["best"] < document["tasks"][0]["power"]
    one_line_error(benchtui("plan", "--models", "0"), 2, ["--models"])
