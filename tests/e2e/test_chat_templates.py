"""A chat template's date is one for both sides and every run compared; what is wrong with it is said before loading."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest

from tests.e2e.commands import Finished, benchtui, results_in, samples_in
from tests.e2e.local_tasks import write_choice_task, write_data
from tests.e2e.tiny import make_tiny_model

CHAT = "{% for m in messages %}{{ m['content'] }}\n{% endfor %}"
DATED = "{{ strftime_now('%d %b %Y %H:%M:%S') }}\n" + CHAT
NO_SYSTEM = (
    "{% if messages[0]['role'] == 'system' %}\n{{ raise_exception('System role not supported') }}{% endif %}" + CHAT
)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("templates")
    make_tiny_model(place / "base", chat_template=True)
    make_tiny_model(place / "outputs" / "tuned" / "merged_16bit", seed=1, chat_template=True)
    write_choice_task(place / "tasks", "mine", write_data(place / "data.jsonl"))
    write_choice_task(place / "tasks", "told", place / "data.jsonl", "description: Choose one.\n")
    return place


@pytest.fixture
def workspace(models: Path) -> Path:
    shutil.rmtree(models / "outputs" / "tuned" / "benchmarks", ignore_errors=True)
    return models


def run(place: Path, template: str, *more: str, task: str = "mine") -> Finished:
    for folder in (place / "base", place / "outputs" / "tuned" / "merged_16bit"):
        (folder / "chat_template.jinja").write_text(template)
    arguments = (
        "--base",
        str(place / "base"),
        "--tasks",
        task,
        "--include-path",
        "tasks",
        "--offline",
        "--device",
        "cpu",
    )
    return benchtui("run", "--no-readme", *arguments, *more, cwd=place)


def fine_tuned_runs(place: Path) -> list[Path]:
    return sorted((place / "outputs" / "tuned" / "benchmarks" / "fine-tuned").iterdir())


def prompts(folder: Path, task: str = "mine") -> list[str]:
    return [sample["arguments"]["gen_args_0"]["arg_0"] for sample in samples_in(folder / "lm-eval", task)]


@pytest.mark.parametrize("engine", ["fast", pytest.param("lm-eval", marks=pytest.mark.long)])
def test_the_date_is_one_for_both_sides_and_for_the_next_run(workspace: Path, engine: str) -> None:
    first = run(workspace, DATED, "--engine", engine)
    assert first.code == 0, first.err
    base = workspace / "outputs" / "tuned" / "benchmarks" / "base"
    date = json.loads((base / "run" / "plan.json").read_text())["prompts"]["template_date"]
    written = time.strftime("%d %b %Y %H:%M:%S", time.strptime(date, "%Y-%m-%dT%H:%M:%S"))
    (tuned,) = fine_tuned_runs(workspace)
    assert prompts(base) == prompts(tuned)
    assert {prompt.splitlines()[0] for prompt in prompts(base)} == {written}

    again = run(workspace, DATED, "--engine", engine)
    assert again.code == 0, again.err
    assert "Base results are reused" in again.err
    assert f"{date.replace('T', ' ')} is used as in the earlier run" in again.err
    assert prompts(fine_tuned_runs(workspace)[-1]) == prompts(base)


def test_a_broken_template_is_named_with_its_line_and_nothing_is_loaded(workspace: Path) -> None:
    done = run(workspace, "{% for m in messages %}\n{{ undefined_function(m) }}{% endfor %}")
    assert done.code == 1
    assert "merged_16bit/chat_template.jinja (line 2)" in done.err
    assert "'undefined_function' is undefined" in done.err
    assert not (workspace / "outputs" / "tuned" / "benchmarks").exists()
    assert "Traceback" not in done.err


def test_a_system_instruction_that_the_template_refuses_stops_the_run(workspace: Path) -> None:
    done = run(workspace, NO_SYSTEM, "--system-instruction", "Be brief.")
    assert done.code == 1
    assert "chat_template.jinja (line 2)" in done.err
    assert "System role not supported" in done.err


@pytest.mark.long
def test_a_description_that_the_template_refuses_is_left_out_and_said(workspace: Path) -> None:
    done = run(workspace, NO_SYSTEM, task="told")
    assert done.code == 0, done.err
    for folder in (workspace / "outputs" / "tuned" / "benchmarks" / "base", *fine_tuned_runs(workspace)):
        (caveat,) = results_in(folder / "lm-eval")["benchtui"]["resolved"]["caveats"]
        assert "refuses system messages: the description of told is left out" in caveat
        assert all("Choose one." not in prompt for prompt in prompts(folder, "told"))
