"""Data of one's own among the tasks of a run: what they are called, what is said of them, what is made of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchtui.errors import BenchtuiError, UsageError
from benchtui.plans.choice import Choice
from benchtui.plans.tasks import PlannedTasks, plan_tasks
from benchtui.settings.config import load_config
from benchtui.tasks.catalogue import Catalogue, load_catalogue
from benchtui.tasks.suites import TaskPlan

QUESTIONS = [{"question": f"What is {n}?", "answer": f"{n:03}"} for n in range(6)]


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


@pytest.fixture
def planned(tmp_path: Path, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> Callable[..., PlannedTasks]:
    """Plan as `benchtui run` does in the folder, with what its benchtui.toml says."""
    monkeypatch.chdir(tmp_path)

    def plan(*data: str, **more: Any) -> PlannedTasks:
        choice = replace(Choice(Path("outputs"), data=data, suite="none"), **more)
        return plan_tasks(choice, load_config(tmp_path, user_file=tmp_path / "no.toml"), catalogue)

    return plan


def write(file: Path, rows: list[dict[str, str]] = QUESTIONS) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def names(found: PlannedTasks) -> list[str]:
    return [task.name for task in found.plans]


def test_a_file_becomes_a_task_of_its_name_beside_the_outputs(tmp_path: Path, planned: Callable[..., Any]) -> None:
    write(tmp_path / "data" / "My questions.jsonl")
    found = planned("data/My questions.jsonl")
    assert names(found) == ["My_questions"]
    assert found.resolved.task_files == {"My_questions": str(tmp_path / "tasks" / "My_questions.yaml")}
    (made,) = found.made
    assert made.documents == 6
    assert made.previews[0] == ("What is 0?", "000"), "zeros in front are text"
    assert found.data[0].source == str(tmp_path / "data" / "My questions.jsonl")


def test_no_name_is_that_of_another_task(tmp_path: Path, planned: Callable[..., Any]) -> None:
    for name in ("gsm8k.jsonl", "a/same.jsonl", "b/same.jsonl", "mine.jsonl"):
        write(tmp_path / name)
    own = tmp_path / "tasks" / "mine.yaml"
    own.parent.mkdir()
    own.write_text("task: mine\ndataset_path: json\n")
    found = planned("gsm8k.jsonl", "a/same.jsonl", "b/same.jsonl", "mine.jsonl")
    assert names(found) == ["gsm8k_own", "same", "same_2", "mine_own"]
    assert own.read_text() == "task: mine\ndataset_path: json\n", "a file that somebody wrote stays as it is"
    again = planned("gsm8k.jsonl", "a/same.jsonl", "b/same.jsonl", "mine.jsonl")
    assert names(again) == names(found)
    assert again.resolved.digests == found.resolved.digests


def test_it_runs_alone_or_beside_a_suite_or_tasks(tmp_path: Path, planned: Callable[..., Any]) -> None:
    write(tmp_path / "mine.jsonl")
    assert names(planned("mine.jsonl")) == ["mine"]
    beside = planned("mine.jsonl", suite="quick")
    assert (names(beside), beside.suite) == (["ifeval", "mine"], "quick")
    assert names(planned("mine.jsonl", tasks=("piqa",))) == ["piqa", "mine"]
    with pytest.raises(UsageError, match="nothing to evaluate"):
        planned()


def test_a_table_names_data_for_tasks_and_suites(tmp_path: Path, planned: Callable[..., Any]) -> None:
    write(tmp_path / "deep" / "file.jsonl", [{"q": "Who?", "a": "I", "id": f"{n}"} for n in range(40)])
    (tmp_path / "benchtui.toml").write_text(
        '[tasks.people]\ndata = "deep/file.jsonl"\nprompt = "q"\nanswer = "a"\nsample = 10\n'
        '[suites.own]\ntasks = ["piqa", {name = "people", limit = 7}]\n'
    )
    found = planned(tasks=("people",))
    assert names(found) == ["people"]
    assert found.made[0].documents == 10
    assert found.data[0].source == str(tmp_path / "deep" / "file.jsonl")
    in_suite = planned(suite="own")
    assert in_suite.plans == (TaskPlan("piqa"), TaskPlan("people", limit=7.0))
    assert planned(tasks=("people",), data_sample=20).made[0].documents == 20, "a flag is stronger than the file"


def test_a_table_with_a_name_of_lm_evals_is_refused(tmp_path: Path, planned: Callable[..., Any]) -> None:
    write(tmp_path / "mine.jsonl")
    (tmp_path / "benchtui.toml").write_text('[tasks.gsm8k]\ndata = "mine.jsonl"\n')
    with pytest.raises(UsageError, match=r"\[tasks.gsm8k\] .* has the name of another task"):
        planned(tasks=("gsm8k",))


def test_what_is_said_of_no_data_is_refused(tmp_path: Path, planned: Callable[..., Any]) -> None:
    with pytest.raises(UsageError, match="no data to say it of"):
        planned(tasks=("piqa",), prompt="question")
    write(tmp_path / "sub" / "mine.jsonl")
    with pytest.raises(UsageError, match="file of data") as refused:
        planned(tasks=("sub/mine.jsonl",))
    assert refused.value.next_step == "Give it as --data sub/mine.jsonl"


def test_a_hub_id_among_the_tasks_is_looked_for_on_the_hub(planned: Callable[..., Any]) -> None:
    for more in ({"tasks": ("nobody-has/this-one",)}, {"data": ("hub:nobody-has/this-one",)}):
        with pytest.raises(BenchtuiError, match="nobody-has/this-one"):
            planned(**more, offline=True)


def test_examples_never_come_from_the_questions_themselves(tmp_path: Path, planned: Callable[..., Any]) -> None:
    write(tmp_path / "mine.jsonl")
    write(tmp_path / "train.jsonl", [{"question": f"Is {n} even?", "answer": "yes"} for n in range(5)])
    with pytest.raises(UsageError, match="2 examples in every prompt") as refused:
        planned("mine.jsonl", num_fewshot=2)
    assert "--fewshot-from" in refused.value.next_step
    assert planned("mine.jsonl", default_num_fewshot=2).plans == (TaskPlan("mine"),), "a default is of other tasks"
    with pytest.raises(UsageError, match="no prompt holds any"):
        planned("mine.jsonl", fewshot_from="train.jsonl")
    found = planned("mine.jsonl", num_fewshot=2, fewshot_from="train.jsonl")
    assert found.plans == (TaskPlan("mine", num_fewshot=2),)
    assert found.data[0].fewshot_from == str(tmp_path / "train.jsonl")
    with pytest.raises(UsageError, match=f"mine has {found.made[0].examples} to take"):
        planned("mine.jsonl", num_fewshot=found.made[0].examples + 1, fewshot_from="train.jsonl")


def test_only_other_content_is_another_task(tmp_path: Path, planned: Callable[..., Any], monkeypatch: Any) -> None:
    """A project that was moved, a file that was touched: the same. Another answer, another metric: not the same."""
    here = tmp_path / "here"
    file = write(here / "mine.jsonl")
    monkeypatch.chdir(here)
    before = planned("mine.jsonl").resolved.digests["mine"]
    shutil.move(here, tmp_path / "there")
    monkeypatch.chdir(tmp_path / "there")
    assert planned("mine.jsonl").resolved.digests["mine"] == before
    assert planned("mine.jsonl", metrics=("contains",)).resolved.digests["mine"] != before
    write(tmp_path / "there" / file.name, [*QUESTIONS[:-1], {"question": "What is 5?", "answer": "5"}])
    assert planned("mine.jsonl").resolved.digests["mine"] != before
