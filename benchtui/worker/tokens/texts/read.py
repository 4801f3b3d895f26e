"""The texts of a comparison by token, whatever they come from."""

from __future__ import annotations

from benchtui.plans.tokens import GivenTexts, TokensPlan
from benchtui.tokens.records import TokenDocument
from benchtui.worker.answering.opening import open_chat
from benchtui.worker.answering.protocol import ChatRenderer
from benchtui.worker.report import Reporter
from benchtui.worker.tokens.texts.given import given_documents


def read_texts(plan: TokensPlan, reporter: Reporter) -> list[TokenDocument]:
    """Return the documents that the plan's models are compared on, telling the reporter what a reader of the numbers
    must know of them.

    Chat templates are those of the first model that has one. Raises BenchtuiError naming what cannot be read.
    """
    texts = plan.texts
    if isinstance(texts, GivenTexts):
        return given_documents(texts, _chat(plan, reporter) if texts.chat else None)
    raise NotImplementedError(type(texts).__name__)


def _chat(plan: TokensPlan, reporter: Reporter) -> ChatRenderer | None:
    """The chat template that prompts are put into."""
    numbers = [number for number, model in enumerate(plan.models) if model.prompts.chat_template is not None]
    if not numbers:
        return None
    one = plan.models[numbers[0]]
    if any(model.prompts.chat_template != one.prompts.chat_template for model in plan.models):
        reporter.warn(
            f"The models' chat templates differ: every model reads the prompts in that of {one.label}.",
            "Choose another with --chat-template.",
        )
    return open_chat(plan.load_plan(numbers[0]))
