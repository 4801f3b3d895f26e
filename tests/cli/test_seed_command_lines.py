"""Command lines as seed 001 writes them for `tune eval`, and names that people use: each says what it means here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.cli.parameters.choice import choice_from_flags
from benchtui.cli.parameters.settings import joined_words
from benchtui.cli.run import command
from benchtui.errors import UsageError
from benchtui.plans.choice import Choice
from benchtui.plans.command import run_arguments
from benchtui.plans.tasks import PlannedTasks, plan_tasks
from benchtui.python_environment import PythonEnvironment
from benchtui.settings.config import Config
from benchtui.tasks.catalogue import Catalogue, load_catalogue
from benchtui.tasks.needs import check_packages, needs_words
from tests.cli.results_commands import benchtui


@pytest.fixture(autouse=True)
def nothing_is_said_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("benchtui.settings.config.user_config_file", lambda: tmp_path / "none.toml")


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


def parsed(line: str) -> Choice:
    with command.make_context("run", line.split()) as context:
        return choice_from_flags(context.params)


def choice(**said: Any) -> Choice:
    return Choice(outputs=Path("outputs"), **said)


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("--base-model org/base", choice(base="org/base")),
        ("--base-model llama2_7b", choice(base="meta-llama/Llama-2-7b-hf")),
        ("--base llama2_7b", choice(base="llama2_7b")),
        ("--num-gpus 0", choice(devices="cpu")),
        ("--num-gpus=1", choice(devices="0")),
        ("--num-gpus 4", choice(devices="0,1,2,3")),
        ("--tasks hellaswag truthfulqa", choice(tasks=("hellaswag", "truthfulqa"))),
        ("--tasks hellaswag, truthfulqa", choice(tasks=("hellaswag", "truthfulqa"))),
        ("--tasks=hellaswag truthfulqa --limit 5", choice(tasks=("hellaswag", "truthfulqa"), limit=5.0)),
        ("--tasks hellaswag,truthfulqa", choice(tasks=("hellaswag", "truthfulqa"))),
        ("--batch-size 4 --num-fewshot 5 --tasks bigbench", choice(batch_size=4, num_fewshot=5, tasks=("bigbench",))),
    ],
)
def test_a_spelling_says_the_same_as_ours(line: str, meant: Choice) -> None:
    assert parsed(line) == meant
    assert parsed(" ".join(run_arguments(meant))) == meant, "the shown command has the main spelling"


LLAMA, OWN = "meta-llama/Llama-2-7b-hf", "t/tokenizer.model"


@pytest.mark.parametrize("base", ["--model llama2_7b", "--base-model llama2_7b"])
@pytest.mark.parametrize(
    ("rest", "said"),
    [
        ("--tasks hellaswag truthfulqa", {"tasks": ("hellaswag", "truthfulqa")}),
        ("--tasks bigbench", {"tasks": ("bigbench",)}),
        ("--tasks hellaswag --num-gpus 1", {"tasks": ("hellaswag",), "devices": "0"}),
        ("--tasks open-llm-leaderboard", {"tasks": ("open-llm-leaderboard",)}),
        ("--tasks m-a-p/MusicTheoryBench", {"tasks": ("m-a-p/MusicTheoryBench",)}),
    ],
)
def test_a_whole_line_of_the_seed(base: str, rest: str, said: dict[str, Any]) -> None:
    """Both of its forms: that of the command there was, and that of the one it asks for."""
    line = f"{base} --model-checkpoint w.pt --tokenizer llama2_tokenizer --tokenizer-checkpoint {OWN} {rest}"
    more = {**choice().more, "tokenizer": OWN}
    assert parsed(line) == choice(model_checkpoint="w.pt", base=LLAMA, more=more, **said)


def test_a_folder_of_that_name_is_the_folder(tmp_path: Path) -> None:
    (tmp_path / "llama2_7b").mkdir()
    assert parsed("--base-model llama2_7b").base == "llama2_7b"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--num-gpus two", "--num-gpus: 'two' is not a number of GPUs: 0 for the processor, up to 64"),
        ("--num-gpus 2 --devices 0", "--devices and --num-gpus say the same setting"),
        ("--device cuda:1 --devices 0,1", "--device cuda:1 and --devices 0,1 contradict each other"),
        ("--base a --base-model b", "--base and --base-model say the same setting"),
    ],
)
def test_what_does_not_go_is_one_line(line: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parsed(line)
    assert caught.value.what.startswith(said)


WORDS = st.text("ab,-", min_size=1, max_size=4) | st.sampled_from(["--tasks", "--limit", "--", "--tasks=x"])


@given(st.lists(WORDS, max_size=8))
def test_only_words_behind_tasks_are_joined(words: list[str]) -> None:
    joined = joined_words(words, ["--tasks"])
    flags, before = ([word.partition("=")[0] for word in line if word.startswith("-")] for line in (joined, words))
    assert flags == before
    if not any(word.partition("=")[0] == "--tasks" for word in words):
        assert joined == words


def test_ls_lists_tasks() -> None:
    listed = benchtui("ls")
    assert listed.out == benchtui("tasks").out
    assert "hellaswag" in listed.out


def planned(line: str, catalogue: Catalogue) -> PlannedTasks:
    return plan_tasks(parsed(line), Config(), catalogue)


@pytest.mark.parametrize(
    ("line", "group"),
    [
        ("--suite open-llm-leaderboard", "leaderboard"),
        ("--tasks open-llm-leaderboard", "leaderboard"),
        ("--suite leaderboard-v2", "leaderboard"),
        ("--tasks open_llm_leaderboard", "leaderboard"),
        ("--suite open-llm-leaderboard-v1", "openllm"),
        ("--tasks openllm-v1", "openllm"),
    ],
)
def test_leaderboards_by_the_names_people_use(line: str, group: str, catalogue: Catalogue) -> None:
    found = planned(line, catalogue)
    assert [task.name for task in found.plans] == [group]
    assert found.resolved.leaves[group] == catalogue.expand([group])
    assert len(found.notes) == 1
    assert f"group `{group}`" in found.notes[0]


def test_a_suite_stands_among_tasks(catalogue: Catalogue) -> None:
    found = planned("--tasks arc_easy core", catalogue)
    assert [task.name for task in found.plans] == ["arc_easy", "ifeval", "gsm8k", "hellaswag"]
    assert [task.num_fewshot for task in found.plans] == [None, None, 5, 0]
    assert found.suite is None


def test_gated_data_is_named_before_the_start(catalogue: Catalogue) -> None:
    found = planned("--tasks open-llm-leaderboard", catalogue).resolved
    (line,) = needs_words(found, has_token=False)
    assert "leaderboard_gpqa_diamond" in line
    assert "https://huggingface.co/datasets/Idavidrein/gpqa and set HF_TOKEN" in line
    (line,) = needs_words(found, has_token=True)
    assert "HF_TOKEN" not in line
    assert list(needs_words(planned("--suite open-llm-leaderboard-v1", catalogue).resolved, has_token=False)) == []


def test_a_package_that_a_task_imports_is_asked_for_before_the_start(catalogue: Catalogue) -> None:
    class Environment(PythonEnvironment):
        def version_of(self, package: str) -> str | None:
            return None if package == "math_verify" else "1"

    with pytest.raises(UsageError) as caught:
        check_packages(planned("--suite leaderboard-v2", catalogue).resolved, Environment())
    assert "leaderboard_math_algebra_hard needs the package math_verify" in caught.value.what
    assert 'pip install "lm_eval[math]"' in caught.value.next_step
    check_packages(planned("--suite leaderboard-v1", catalogue).resolved, Environment())
