"""The plan of a chat: each model by its own chat template, or refused in words."""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path
from typing import Any

import msgspec
import pytest

from benchtui.errors import BenchtuiError, UsageError
from benchtui.plans.chat import ChatPlan
from benchtui.plans.chat_choice import CHAT_SAMPLING, ChatChoice
from benchtui.plans.choice import Choice
from benchtui.plans.prepare_chat import find_chat_models, prepare_chat
from benchtui.routing.records import Sampling
from tests.models.model_folders import full_model
from tests.worker.answering.ollama.double import serving
from tests.worker.answering.ollama.fake import FakeOllama
from tests.worker.answering.openai.fake import Fake

MINE = "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}{% endfor %}"
THEIRS = "{% for m in messages %}[{{ m['role'] }}]{{ m['content'] }}{% endfor %}"
NO_SYSTEM = (
    "{% for m in messages %}{% if m['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    "{{ m['content'] }}{% endfor %}"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """outputs/tuned with its base, each with a template of its own, and outputs/plain without any."""
    full_model(tmp_path / "base")
    full_model(tmp_path / "outputs" / "tuned" / "merged_16bit", _name_or_path=str(tmp_path / "base"))
    full_model(tmp_path / "outputs" / "plain" / "merged_16bit")
    template(tmp_path / "base", THEIRS)
    template(tmp_path / "outputs" / "tuned" / "merged_16bit", MINE)
    return tmp_path


def template(folder: Path, text: str) -> None:
    (folder / "chat_template.jinja").write_text(text)


def chosen(folder: Path, *models: str, chat_template: str = "auto", **more: Any) -> ChatChoice:
    settings = Choice(outputs=folder / "outputs", compare=False, offline=True, chat_template=chat_template)
    return ChatChoice(settings, models, **more)


def planned(choice: ChatChoice) -> tuple[ChatPlan, list[str]]:
    return prepare_chat(choice, find_chat_models(choice))


def test_each_model_has_its_own_template(folder: Path) -> None:
    plan, _ = planned(chosen(folder, "base", "tuned", system="Be brief."))
    assert [model.label for model in plan.models] == ["base", "tuned"]
    assert [model.prompts.chat_template for model in plan.models] == [THEIRS, MINE]
    assert plan.model_name == "tuned", "the run lies with the trained model"
    assert plan.system == "Be brief."
    assert plan.sampling.temperature == 0
    assert plan.sampling.max_new_tokens == 1024
    assert {model.prompts.system_instruction for model in plan.models} == {None}, "it is one of the messages"


def test_a_model_without_a_template_is_refused_until_it_is_given_one(folder: Path) -> None:
    with pytest.raises(UsageError, match="plain has no chat template") as refused:
        planned(chosen(folder, "tuned", "plain"))
    assert refused.value.next_step.endswith("or use that of tuned with --chat-template on.")
    lent, notes = planned(chosen(folder, "tuned", "plain", chat_template="on"))
    assert [model.prompts.chat_template for model in lent.models] == [MINE, MINE]
    assert "Chat template: plain has none, and gets that of tuned." in notes
    file = folder / "own.jinja"
    file.write_text(THEIRS)
    given, _ = planned(chosen(folder, "plain", chat_template=str(file)))
    assert given.models[0].prompts.chat_template == THEIRS
    with pytest.raises(UsageError, match="asked by their chat templates"):
        planned(chosen(folder, "tuned", chat_template="off"))


def test_a_template_that_refuses_system_messages_is_told_before_anything_is_loaded(folder: Path) -> None:
    template(folder / "outputs" / "tuned" / "merged_16bit", NO_SYSTEM)
    assert planned(chosen(folder, "tuned"))[0].models[0].prompts.chat_template == NO_SYSTEM
    with pytest.raises(BenchtuiError, match=r"fails on a system message \(--system\): no system\.") as refused:
        planned(chosen(folder, "tuned", system="Be brief."))
    assert refused.value.next_step == "Correct it there, or give another with --chat-template FILE."


@pytest.mark.parametrize("models", [(), ("base",), ("tuned",) * 5])
def test_one_to_four_models(folder: Path, models: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match=r"models are named|No trained model") as refused:
        planned(chosen(folder, *models))
    assert "benchtui chat base my-model" in str(refused.value)


def test_the_command_says_all_that_was_chosen(folder: Path) -> None:
    sampling = Sampling(temperature=0.7, top_p=0.9, max_new_tokens=50, stop=("\n\n",))
    settings = dataclasses.replace(chosen(folder, "tuned").settings, seeds=(0, 1, 7, 3), dtype="float32")
    choice = ChatChoice(settings, ("base", "tuned"), ("old", "new"), sampling, "Be brief.", blind=True)
    plan, _ = planned(choice)
    assert plan.sampling == msgspec.structs.replace(sampling, seed=7)
    typed = shlex.join(plan.command)
    for flag in ("--temperature 0.7", "--top-p 0.9", "--max-new-tokens 50", "--names old,new", "--blind", "--dtype"):
        assert flag in typed
    assert plan.command[-3:] == ("--", "base", "tuned")
    plain = planned(chosen(folder, "tuned", sampling=CHAT_SAMPLING))[0]
    assert "--max-new-tokens" not in plain.command


def test_a_server_that_applies_its_own_template_is_asked_by_its_chat_route(tmp_path: Path) -> None:
    with Fake() as fake:
        settings = Choice(outputs=tmp_path, compare=False, backend="openai", server=fake.url)
        choice = ChatChoice(settings, ("fake-1",))
        plan, notes = planned(choice)
        assert plan.models[0].backend_settings["endpoint"] == "chat"
        assert any("the one that its server applies" in note for note in notes)
        file = tmp_path / "mine.jinja"
        file.write_text(MINE)
        with pytest.raises(UsageError, match="a chat template of its own"):
            planned(dataclasses.replace(choice, settings=dataclasses.replace(settings, chat_template=str(file))))


def test_a_model_of_ollama_whose_gguf_is_not_here_is_asked_by_its_chat_route(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path / "none"))
    with serving(FakeOllama(lambda prompt: "yes")) as fake:
        settings = Choice(outputs=tmp_path, compare=False, server=fake.url)
        plan, _ = planned(ChatChoice(settings, ("ollama:fake",)))
        assert plan.models[0].backend_settings["endpoint"] == "chat"
