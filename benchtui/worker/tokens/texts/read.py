"""The texts of a comparison by token, whatever they come from."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cached_property

from benchtui.errors import BenchtuiError
from benchtui.plans.tokens import GivenTexts, StoredAnswers, TextsPlan
from benchtui.tokens.records import TokenDocument
from benchtui.worker.answering.opening import open_chat
from benchtui.worker.answering.protocol import ChatRenderer
from benchtui.worker.report import Reporter
from benchtui.worker.tokens.texts.given import given_documents
from benchtui.worker.tokens.texts.stored import stored_documents


def read_texts(plan: TextsPlan, reporter: Reporter, check: Callable[[], None] = lambda: None) -> list[TokenDocument]:
    """Return the documents that the plan's models are compared on, telling the reporter what a reader of the numbers
    must know of them; `check` is called between documents.

    Chat templates are those of the first model that has one. Raises BenchtuiError naming what cannot be read.
    """
    texts, template = plan.texts, PlanTemplate(plan, reporter)
    if isinstance(texts, GivenTexts):
        return given_documents(texts, template.chat if texts.chat else None)
    if isinstance(texts, StoredAnswers):
        return stored_documents(texts, template.rendered, reporter.warn, check)
    from benchtui.worker.tokens.texts.references import reference_documents  # imports lm-eval

    return reference_documents(plan, texts, template.chat, reporter, check)


class PlanTemplate:
    """The chat template that a plan's prompts are put into, opened when the first of them needs it."""

    def __init__(self, plan: TextsPlan, reporter: Reporter) -> None:
        self._plan = plan
        self._reporter = reporter

    @cached_property
    def chat(self) -> ChatRenderer | None:
        """The template of the first model that has one; None where none has."""
        models = self._plan.models
        numbers = [number for number, model in enumerate(models) if model.prompts.chat_template is not None]
        if not numbers:
            return None
        one = models[numbers[0]]
        if any(model.prompts.chat_template != one.prompts.chat_template for model in models):
            self._reporter.warn(
                f"The models' chat templates differ: every model reads the prompts in that of {one.label}.",
                "Choose another with --chat-template.",
            )
        return open_chat(self._plan.load_plan(numbers[0]))

    def rendered(self, prompt: str) -> str:
        """Return a prompt as text: one of messages, which a chat server was asked, is put into the template. Raises
        BenchtuiError where there is none."""
        messages = _messages(prompt)
        if messages is None:
            return prompt
        if self.chat is None:
            raise BenchtuiError(
                "The run asked a server's chat route with messages: the text that its model read is not known.",
                "Run the benchmark again with --endpoint completions, or compare on references (--tasks).",
            )
        return self.chat.render(messages, add_generation_prompt=True)


def _messages(prompt: str) -> list[dict[str, str]] | None:
    """The messages that a prompt is; None for a text."""
    if not prompt.startswith('[{"role"'):
        return None
    try:
        found = json.loads(prompt)
    except (ValueError, RecursionError):
        return None
    known = all(
        isinstance(one, dict)
        and set(one) == {"role", "content"}
        and all(isinstance(part, str) for part in one.values())
        for one in found
    )
    return found if known else None
