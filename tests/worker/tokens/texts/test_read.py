"""Texts that stand in the plan, and prompts of messages: put into the chat template, refused where there is none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchtui.errors import BenchtuiError
from benchtui.models.source import FolderSource
from benchtui.plans.benchmark import PromptSettings
from benchtui.plans.tokens import GivenText, GivenTexts, TextSource, TokenModel, TokensPlan
from benchtui.runs.events import EventWriter
from benchtui.tokens.records import TokenDocument
from benchtui.worker.report import Reporter
from benchtui.worker.tokens.texts.read import PlanTemplate, read_texts
from tests.e2e.tiny import make_tiny_model

TEMPLATE = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}{% if add_generation_prompt %}<a>{% endif %}"
)
OTHER = "{{ messages[0].content }}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("read") / "tiny")


def plan_of(folder: Path, texts: TextSource, *templates: str | None) -> TokensPlan:
    models = tuple(
        TokenModel(
            label=f"m{n}",
            source=FolderSource(str(folder), "identity"),
            prompts=PromptSettings(chat_template=template),
            backend="hf",
        )
        for n, template in enumerate(templates)
    )
    return TokensPlan(model_name="m", bench_id="b", created="2026-11-28T10:00:00+00:00", models=models, texts=texts)


def read(plan: TokensPlan, place: Path) -> tuple[list[TokenDocument], str]:
    """The documents, and all that was told."""
    reporter = Reporter(EventWriter(place / "events.jsonl"))
    try:
        return read_texts(plan, reporter), (place / "events.jsonl").read_text()
    finally:
        reporter.close()


def test_a_prompt_is_put_into_the_chat_template(folder: Path, tmp_path: Path) -> None:
    texts = GivenTexts("mine", (GivenText("Hi", "Hello"), GivenText("Bye")), chat=True)
    documents, told = read(plan_of(folder, texts, TEMPLATE, TEMPLATE), tmp_path)
    assert [(one.prompt, one.answer, one.scored_from) for one in documents] == [
        ("<user>Hi<a>", "Hello", None),
        ("<user>Bye<a>", "", 0),
    ]
    assert [one.place for one in documents] == ["mine #1", "mine #2"]
    assert "differ" not in told


def test_templates_that_differ_are_told(folder: Path, tmp_path: Path) -> None:
    texts = GivenTexts("mine", (GivenText("Hi", "Hello"),), chat=True)
    documents, told = read(plan_of(folder, texts, None, TEMPLATE, OTHER), tmp_path)
    assert documents[0].prompt == "<user>Hi<a>"
    assert "every model reads the prompts in that of m1" in told


def test_without_a_template_or_a_text_it_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BenchtuiError, match="the model has none"):
        read(plan_of(folder, GivenTexts("mine", (GivenText("Hi"),), chat=True), None), tmp_path)
    with pytest.raises(BenchtuiError, match="mine #1 is empty"):
        read(plan_of(folder, GivenTexts("mine", (GivenText(""),)), None), tmp_path)


def test_messages_are_put_into_the_template_and_other_prompts_stay(folder: Path, tmp_path: Path) -> None:
    messages = json.dumps([{"role": "user", "content": "Hi"}], ensure_ascii=False)
    reporter = Reporter(EventWriter(tmp_path / "events.jsonl"))
    texts = GivenTexts("mine", (GivenText("x"),))
    template = PlanTemplate(plan_of(folder, texts, TEMPLATE), reporter)
    assert template.rendered(messages) == "<user>Hi<a>"
    for prompt in ("Hi", '[{"role": "user"}]', '[{"role": 1, "content": "x"}]', '[{"role"'):
        assert template.rendered(prompt) == prompt
    with pytest.raises(BenchtuiError, match="chat route"):
        PlanTemplate(plan_of(folder, texts, None), reporter).rendered(messages)
    reporter.close()
