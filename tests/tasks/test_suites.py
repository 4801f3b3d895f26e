import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchtui.cli.suites import command
from benchtui.errors import UsageError
from benchtui.settings.config import load_config
from benchtui.tasks.catalogue import load_catalogue
from benchtui.tasks.suites import Suite, TaskPlan, find_suite, suites
from benchtui.tasks.words import task_words


def test_the_four_suites() -> None:
    tasks = {name: suite.tasks for name, suite in suites(()).items()}
    ifeval, gsm8k, hellaswag, mmlu = (
        TaskPlan("ifeval"), TaskPlan("gsm8k", 5), TaskPlan("hellaswag", 0), TaskPlan("mmlu", 5),
    )  # fmt: skip
    assert tasks == {
        "test": (TaskPlan("ifeval", limit=5.0),),
        "quick": (ifeval,),
        "core": (ifeval, gsm8k, hellaswag),
        "full": (ifeval, gsm8k, hellaswag, mmlu),
    }


def test_every_suite_task_exists_and_says_in_plain_words_what_it_tests(tmp_path: Path) -> None:
    catalogue = load_catalogue(cache=tmp_path)
    for suite in suites(()).values():
        for task in suite.tasks:
            assert task.name in catalogue
            assert task_words(task.name)


def test_a_configured_suite_may_replace_a_built_in_one() -> None:
    mine = Suite("quick", "Quick", "", (TaskPlan("piqa"),), "", source="benchtui.toml")
    assert find_suite("quick", (mine,)) is mine


@pytest.mark.parametrize(("typed", "meant"), [("quik", "quick"), ("cor", "core"), ("Full", "full")])
def test_an_unknown_suite_names_the_nearest(typed: str, meant: str) -> None:
    with pytest.raises(UsageError) as caught:
        find_suite(typed, ())
    assert repr(typed) in caught.value.what
    assert meant in caught.value.next_step


def test_a_suite_like_none_lists_them_all() -> None:
    with pytest.raises(UsageError, match="test, quick, core, full"):
        find_suite("zzzz", ())


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("benchtui.settings.config.user_config_file", lambda: tmp_path / "none.toml")
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


def test_the_command_shows_tasks_sizes_and_ones_own(project: Path) -> None:
    (project / "benchtui.toml").write_text('[suites.mine]\ntasks = [{name = "gsm8k", limit = 0.5}]', encoding="utf-8")
    shown = CliRunner().invoke(command, catch_exceptions=False)
    assert "Instruction-Following  541 samples" in shown.stdout
    assert "10,042 samples, 0-shot" in shown.stdout
    assert "0.5 of 1,319 samples" in shown.stdout
    assert "From benchtui.toml." in shown.stdout
    assert max(len(line) for line in shown.stdout.splitlines()) <= 80
    assert "--suite" in shown.stderr
    assert "--suite" not in shown.stdout


def test_the_command_speaks_json(project: Path) -> None:
    shown = json.loads(CliRunner().invoke(command, ["--json"], catch_exceptions=False).stdout)
    assert [suite["name"] for suite in shown] == [
        *("test", "quick", "core", "full"),
        *("open-llm-leaderboard-v1", "open-llm-leaderboard-v2"),
    ]
    assert shown[2]["tasks"][1] == {
        "name": "gsm8k",
        "title": "Grade-School Maths",
        "tests": "Word problems of two to eight steps; the final number must be right.",
        "documents": 1319,
        "num_fewshot": 5,
        "limit": None,
    }


def test_escape_sequences_in_a_suite_never_reach_the_terminal(project: Path) -> None:
    (project / "benchtui.toml").write_text(
        '[suites.mine]\ndescription = "\\u001b[31mred"\ntasks = ["a\\u001b]0;x\\u0007b"]', encoding="utf-8"
    )
    assert load_config().suites[0].description == "\x1b[31mred"
    shown = CliRunner().invoke(command, color=True, catch_exceptions=False).stdout
    assert "\x1b[31m" not in shown
    assert "\x1b]0" not in shown
