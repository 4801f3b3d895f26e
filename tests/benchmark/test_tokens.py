"""Comparisons by token: which models and texts are meant, one chat template for all, and what resuming trusts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from benchtui.benchmark.resume import ResumeChoice, resume
from benchtui.benchmark.token_texts import texts_of
from benchtui.benchmark.tokens import compare_tokens
from benchtui.errors import BenchtuiError, UsageError
from benchtui.plans.choice import Choice
from benchtui.plans.plan import Permissions, write_plan
from benchtui.plans.prepare_tokens import prepare_tokens
from benchtui.plans.token_choice import TokensChoice
from benchtui.plans.token_models import find_models
from benchtui.plans.tokens import GivenTexts, TaskReferences, TokensPlan
from benchtui.runs.directory import RunDirectory
from benchtui.runs.kinds.registry import read_kind
from benchtui.runs.outcome import step_after
from benchtui.supervise.control import Control
from benchtui.supervise.settings import SuperviseSettings
from tests.models.model_folders import full_model, gguf, write_json

NAME = "2026-11-20T10-30-15"


class Quiet:
    """A frontend that keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def show(self, summary: object) -> None: ...

    def reading_tasks(self, done: int, total: int) -> None: ...

    def may_resume(self, run: RunDirectory) -> bool:
        return True

    def about(self, model: str) -> Quiet:
        return self

    @contextmanager
    def watch(self, runs: object, control: Control) -> Iterator[Callable[[], None]]:
        raise AssertionError("a worker would be started")
        yield lambda: None


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """outputs/tuned with two checkpoints and a GGUF file, outputs/other, and their base."""
    full_model(tmp_path / "base")
    tuned = tmp_path / "outputs" / "tuned"
    full_model(tuned / "merged_16bit", _name_or_path=str(tmp_path / "base"))
    for step in (10, 9):
        full_model(tuned / f"checkpoint-{step}")
    gguf(tuned / "gguf" / "tuned-Q8_0.gguf")
    full_model(tmp_path / "outputs" / "other" / "merged_16bit")
    return tmp_path


def chosen(folder: Path, *models: str, **more: Any) -> TokensChoice:
    settings = Choice(outputs=folder / "outputs", compare=False, offline=True)
    return TokensChoice(settings, models, **more)


def planned(choice: TokensChoice) -> tuple[TokensPlan, list[str]]:
    found = find_models(choice)
    return prepare_tokens(choice, found, texts_of(choice, found, Quiet()).source)


def labels(choice: TokensChoice) -> list[str]:
    return list(find_models(choice).labels)


def with_template(place: Path, text: str) -> None:
    (place / "chat_template.jinja").write_text(text)


# Models.


def test_base_is_the_base_of_the_first_trained_model(folder: Path) -> None:
    plan, _ = planned(chosen(folder, "base", "tuned", prompt="x"))
    assert [model.label for model in plan.models] == ["base", "tuned"]
    assert [Path(model.source.path).name for model in plan.models] == ["base", "merged_16bit"]
    assert (plan.model_name, plan.pairs) == ("tuned", ((0, 1),))


def test_the_run_lies_with_the_first_model_of_outputs(folder: Path) -> None:
    found = find_models(chosen(folder, str(folder / "base"), "other", "tuned"))
    assert found.owner.path == folder / "outputs" / "other"


def test_a_model_that_lies_elsewhere_has_its_run_in_outputs(folder: Path) -> None:
    """Also beside another one: nothing is written where it lies."""
    full_model(folder / "base-2")
    found = find_models(chosen(folder, str(folder / "base"), str(folder / "base-2")))
    assert found.owner.path == folder / "outputs" / "base"
    assert found.labels == ("base", "base-2")


def test_checkpoints_come_before_the_model_in_the_order_of_their_steps(folder: Path) -> None:
    plan, _ = planned(chosen(folder, "base", "tuned", prompt="x", checkpoints=True))
    assert [model.label for model in plan.models] == [
        "base", "tuned:checkpoint-9", "tuned:checkpoint-10", "tuned:merged_16bit",
    ]  # fmt: skip
    assert plan.pairs == ((0, 1), (0, 2), (1, 2), (0, 3), (2, 3)), "each with the base, and with the one before"
    every, _ = planned(chosen(folder, "base", "tuned", prompt="x", checkpoints=True, all_pairs=True))
    assert len(every.pairs) == 6


@pytest.mark.parametrize("name", ["tuned:checkpoint-9", "tuned/checkpoint-9", "outputs/tuned/checkpoint-9"])
def test_one_format_of_a_model_is_named(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    (one,) = find_models(replace(chosen(folder, name), settings=Choice(outputs=Path("outputs"), compare=False))).models
    assert one.form is not None
    assert one.form.label == "checkpoint-9"


def test_names_are_the_users_or_tell_the_models_apart(folder: Path) -> None:
    assert labels(chosen(folder, "tuned", "tuned")) == ["hf:tuned:merged_16bit", "hf:tuned:merged_16bit (2)"]
    assert labels(chosen(folder, "tuned", "other", names=("a", "b"))) == ["a", "b"]
    with pytest.raises(UsageError, match="--names has 1 names for 2 models"):
        find_models(chosen(folder, "tuned", "other", names=("a",)))
    with pytest.raises(UsageError, match="'a' twice"):
        find_models(chosen(folder, "tuned", "other", names=("a", "a")))


def test_no_model_is_called_as_the_right_answers_of_tasks_are(folder: Path) -> None:
    with pytest.raises(UsageError, match="reference is who wrote the right answers"):
        find_models(chosen(folder, "tuned", "other", names=("reference", "mine")))


def test_a_base_that_nothing_names_is_asked_for(folder: Path) -> None:
    with pytest.raises(UsageError, match="Nothing names the base model of other") as raised:
        find_models(chosen(folder, "base", "other"))
    assert raised.value.next_step == "Name that model instead of base, or with --adapter-base."
    choice = chosen(folder, "base", "other")
    named = replace(choice, settings=replace(choice.settings, base=str(folder / "base")))
    assert labels(named) == ["base", "other"]


@pytest.mark.parametrize("models", [(), ("base",), ("base", "base")])
def test_without_a_trained_model_nothing_is_compared(folder: Path, models: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="No trained model is named"):
        find_models(chosen(folder, *models))


def test_an_unknown_backend_or_model_is_named(folder: Path) -> None:
    with pytest.raises(UsageError, match="no model 'tuning'"):
        find_models(chosen(folder, "tuning"))


@pytest.mark.gguf
def test_a_gguf_file_is_opened_by_its_own_backend(
    folder: Path, llama_cpp: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = folder / "outputs" / "tuned" / "gguf" / "tuned-Q8_0.gguf"
    seen: list[str] = []

    def describe(location: str) -> object:
        seen.append(location)
        raise BenchtuiError("described as a GGUF file")

    monkeypatch.setattr("benchtui.models.gguf.describe.describe_gguf", describe)
    for name in (str(file), "gguf:tuned", "gguf:tuned:tuned-Q8_0.gguf"):
        with pytest.raises(BenchtuiError, match="described as a GGUF file"):
            find_models(chosen(folder, name))
    assert seen == [str(file)] * 3


# Chat template.


def test_one_template_for_all_is_that_of_the_last_model(folder: Path) -> None:
    with_template(folder / "base", "[{{ messages[0]['content'] }}]")
    with_template(folder / "outputs" / "tuned" / "merged_16bit", "({{ messages[0]['content'] }})")
    plan, notes = planned(chosen(folder, "base", "tuned"))
    assert {model.prompts.chat_template for model in plan.models} == {"({{ messages[0]['content'] }})"}
    assert "Chat template: that of tuned, for all models (base differs)." in notes
    assert isinstance(plan.texts, GivenTexts)
    assert plan.texts.chat


def test_a_model_without_a_template_has_it_applied_to_none(folder: Path) -> None:
    with_template(folder / "outputs" / "tuned" / "merged_16bit", "({{ messages[0]['content'] }})")
    plan, notes = planned(chosen(folder, "base", "tuned"))
    assert {model.prompts.chat_template for model in plan.models} == {None}
    assert "Chat template: not applied, base has none (--chat-template on applies one to all)." in notes
    assert isinstance(plan.texts, GivenTexts)
    assert not plan.texts.chat
    choice = chosen(folder, "base", "tuned")
    demanded = replace(choice, settings=replace(choice.settings, chat_template="on"))
    plan, _ = planned(demanded)
    assert {model.prompts.chat_template for model in plan.models} == {"({{ messages[0]['content'] }})"}


# Texts.


def test_without_texts_benchtuis_own_prompts_are_named(folder: Path) -> None:
    choice = chosen(folder, "tuned")
    plan, notes = planned(replace(choice, settings=replace(choice.settings, limit=7.0)))
    assert isinstance(plan.texts, GivenTexts)
    assert (plan.texts.name, len(plan.texts.texts)) == ("benchtui's own prompts, version 1", 7)
    assert any("benchtui's own prompts, version 1, 7 of them" in note for note in notes)


def test_own_text_has_no_pairs(folder: Path) -> None:
    plan, _ = planned(chosen(folder, "base", "tuned", mode="own"))
    assert (plan.mode, plan.pairs) == ("own", ())


def test_two_sources_of_texts_contradict_each_other(folder: Path) -> None:
    choice = chosen(folder, "tuned", prompt="x", answers=("last",))
    with pytest.raises(UsageError, match="--answers and --prompt each say which texts"):
        planned(choice)


def test_data_of_ones_own_become_references(folder: Path) -> None:
    (folder / "q.jsonl").write_text('{"question": "2+2?", "answer": "4"}\n')
    choice = chosen(folder, "tuned")
    plan, _ = planned(replace(choice, settings=replace(choice.settings, data=(str(folder / "q.jsonl"),))))
    assert isinstance(plan.texts, TaskReferences)
    assert [task.name for task in plan.texts.tasks] == ["q"]
    assert plan.texts.task_files["q"] == str(folder / "tasks" / "q.yaml")


def test_the_fingerprint_covers_what_changes_numbers_and_no_places(folder: Path) -> None:
    choice = chosen(folder, "base", "tuned", prompt="x")
    plan = planned(choice)[0]
    assert planned(choice)[0].fingerprint == plan.fingerprint
    assert planned(replace(choice, largest=5, experiment="e"))[0].fingerprint == plan.fingerprint
    for other in (replace(choice, prompt="y"), replace(choice, keep="topk"), replace(choice, mode="own")):
        assert planned(other)[0].fingerprint != plan.fingerprint
    sampled = replace(choice, mode="own", sampling=msgspec.structs.replace(choice.sampling, temperature=1.0))
    assert planned(sampled)[0].fingerprint != planned(replace(choice, mode="own"))[0].fingerprint


# Resuming what may come from anybody.


@pytest.fixture
def run(folder: Path) -> RunDirectory:
    plan, _ = planned(chosen(folder, "base", "tuned", prompt="x"))
    run = RunDirectory(folder / "outputs" / "tuned" / "tokens" / NAME)
    write_plan(run.plan_file, plan)
    return run


def change(run: RunDirectory, **changes: Any) -> None:
    plan = read_kind(run)[1]
    write_plan(run.plan_file, msgspec.structs.replace(plan, **changes))


def resumed(run: RunDirectory, allowed: Permissions | None = None) -> None:
    resume(run, ResumeChoice(allowed or Permissions(), SuperviseSettings()), Quiet(), Control())  # type: ignore[arg-type]


def test_an_untouched_run_is_resumed(run: RunDirectory) -> None:
    with pytest.raises(AssertionError, match="a worker would be started"):
        resumed(run)


def test_permissions_are_asked_again(run: RunDirectory) -> None:
    change(run, permissions=Permissions(remote_code=True))
    with pytest.raises(BenchtuiError, match="This run was started with --trust-remote-code") as raised:
        resumed(run)
    assert f"benchtui resume --trust-remote-code tuned/tokens/{NAME}" in raised.value.next_step


def test_another_python_is_not_started(run: RunDirectory, folder: Path) -> None:
    change(run, python=str(folder / "evil-python"))
    with pytest.raises(BenchtuiError, match="was run by the Python"):
        resumed(run)


@pytest.mark.parametrize("number", [0, 1])
def test_arguments_that_load_code_are_refused_for_every_model(run: RunDirectory, number: int) -> None:
    models = list(read_kind(run)[1].models)  # type: ignore[attr-defined]
    prompts = msgspec.structs.replace(models[number].prompts, model_args={"state_dict": "evil.pt"})
    models[number] = msgspec.structs.replace(models[number], prompts=prompts)
    change(run, models=tuple(models))
    with pytest.raises(BenchtuiError, match="state_dict, which can load files and code"):
        resumed(run)


def test_code_of_tasks_is_not_taken_from_where_the_plan_says(run: RunDirectory, folder: Path) -> None:
    evil = folder / "evil"
    evil.mkdir()
    (evil / "evil.py").write_text(f"open({str(folder / 'ran')!r}, 'w')\n")
    (evil / "evil_task.yaml").write_text("task: evil_task\ndataset_path: json\ndoc_to_text: !function evil.doc\n")
    file = str(evil / "evil_task.yaml")
    texts = {"type": "tasks", "tasks": [{"name": "evil_task"}], "task_files": {"evil_task": file}}
    more = {"task_digests": {}, "leaves": {"evil_task": ["evil_task"]}, "include_paths": [str(evil)]}
    change(run, texts=msgspec.convert(texts | more, TaskReferences))
    with pytest.raises(BenchtuiError, match="evil_task of this run is not one of lm-eval's"):
        resumed(run)
    kind, plan = read_kind(run)
    assert list(kind.own_code(plan)) == [str(evil)], "whoever resumes in the application is asked"
    assert "--include-path" in step_after("died", run, "x")
    assert not (folder / "ran").exists()


def test_a_model_that_changed_is_named(run: RunDirectory, folder: Path) -> None:
    write_json(folder / "outputs" / "tuned" / "merged_16bit" / "config.json", json.loads("{}"))
    full_model(folder / "outputs" / "tuned" / "merged_16bit", max_position_embeddings=1024)
    with pytest.raises(BenchtuiError, match="cannot be resumed: tuned: model content was"):
        resumed(run)


@pytest.mark.parametrize("above", [0, 1])
def test_nothing_is_written_through_a_link(run: RunDirectory, folder: Path, above: int) -> None:
    place = (run.path, run.path.parent)[above]
    elsewhere = place.rename(folder / "elsewhere")
    place.symlink_to(elsewhere)
    with pytest.raises(BenchtuiError, match="is a link to another place"):
        resumed(run)


@pytest.mark.parametrize(("wanted", "prompt", "runs"), [(True, "x", 1), (False, "x", 2), (True, "another", 2)])
def test_the_same_command_again_resumes_what_is_unfinished(
    run: RunDirectory, folder: Path, monkeypatch: pytest.MonkeyPatch, wanted: bool, prompt: str, runs: int
) -> None:
    monkeypatch.setattr(Quiet, "may_resume", lambda *_: wanted)
    with pytest.raises(AssertionError, match="a worker would be started"):
        compare_tokens(chosen(folder, "base", "tuned", prompt=prompt), Quiet(), Control())  # type: ignore[arg-type]
    assert len(list(run.path.parent.glob("2*"))) == runs
