"""`benchtui tokens switch`: from the command line to seed 003's file, and what is refused before anything is loaded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchtui.cli.tokens.switch import command
from benchtui.errors import UsageError
from benchtui.plans.plan import read_plan
from benchtui.plans.switching import SwitchingPlan
from benchtui.routing.switching_file import read_switching
from benchtui.runs.directory import RunDirectory
from benchtui.runs.listing import list_runs
from tests.e2e.commands import benchtui
from tests.worker.switching.runs import make_pair


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project") / "outputs"
    make_pair(folder)
    return folder


@pytest.mark.slow
def test_two_models_write_behind_data_of_ones_own(outputs: Path, tmp_path: Path) -> None:
    data = tmp_path / "questions.jsonl"
    rows = [{"question": f"the quick brown fox {number}", "answer": "dog"} for number in range(3)]
    data.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    output = tmp_path / "switching.json"
    done = benchtui(
        "tokens", "switch", "first", "second", "--outputs", outputs, "--data", data, "--prompt", "{{question}} and",
        "--answer", "answer", "--threshold", "p80", "--min-stay", "2", "--max-new-tokens", "20", "--temperature",
        "0.8", "--seed", "5", "--stop", "zzz", "--device", "cpu", "--dtype", "float32", "--offline", "--output", output,
        cwd=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.err
    found = read_switching(output)
    assert (found.model_a, found.model_b, found.num_questions) == ("first", "second", 3)
    assert [line.question for line in found.results] == [f"the quick brown fox {n} and" for n in range(3)]
    assert found.benchtui.profile is not None
    assert f"{found.summary.total_switches} switches" in done.out
    assert "an instrument, and no way to save time" in " ".join(done.out.split())
    listed = list_runs(outputs)[0]
    assert (listed.kind, listed.state, listed.tasks) == ("switching", "finished", ("questions",))
    plan = read_plan(RunDirectory(Path(listed.path)).plan_file, SwitchingPlan)
    again = benchtui(*plan.command[1:], cwd=tmp_path)  # what is shown makes the same
    assert again.code == 0, again.err
    newest = max(path for path in (outputs / "first" / "switching").iterdir())
    assert (newest / "switching" / "switching.json").read_bytes() == output.read_bytes()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["first"], "Two models write by turns, and 1 is named"),
        (["first", "second", "first"], "and 3 are named"),
        (["first", "second", "--threshold", "0.1", "--back", "0.2"], "--back 0.2 is greater than --threshold 0.1"),
        (["first", "second", "--threshold", "p100"], "no quantile like p95"),
        (["first", "second", "--threshold", "-1"], "not a number from 0 on"),
        (["first", "second", "--threshold", "0.7"], "JS is never above 0.6931"),
        (["first", "second", "--threshold", "1", "--divergence", "tv"], "TV is never above 1"),
        (["first", "second", "--min-stay", "0"], "--min-stay"),
        (["first", "second", "--block", "0"], "--block"),
        (["first", "second", "--answer", "dog"], "--answer says which column of --data"),
    ],
)
def test_a_choice_that_makes_no_sense_is_refused(outputs: Path, words: list[str], said: str) -> None:
    ran = CliRunner().invoke(command, [*words, "--outputs", str(outputs), "--prompt", "the"])
    error = ran.exception if isinstance(ran.exception, UsageError) else None
    assert ran.exit_code != 0
    assert said in " ".join((ran.output + str(error or "")).split())
