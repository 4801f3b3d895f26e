"""Texts that stand in the plan itself, as documents."""

from __future__ import annotations

from benchtui.errors import BenchtuiError
from benchtui.plans.tokens import GivenTexts
from benchtui.text import one_line
from benchtui.tokens.records import TokenDocument
from benchtui.worker.answering.protocol import ChatRenderer


def given_documents(texts: GivenTexts, chat: ChatRenderer | None) -> list[TokenDocument]:
    """Make a document of each text, put into the chat template `chat` where the texts are what a user says. Where no
    answer is given, the tokens of the prompt are scored.

    Raises BenchtuiError where a text is empty, or there is no chat template to put it into.
    """
    if texts.chat and chat is None:
        raise BenchtuiError(
            f"{one_line(texts.name, 100)} are to be put into a chat template, and the model has none.",
            "Leave out --chat, or name a template with --chat-template.",
        )
    documents = []
    for number, text in enumerate(texts.texts, 1):
        place = f"{one_line(texts.name, 60)} #{number}"
        if not (text.prompt or text.answer):
            raise BenchtuiError(f"{place} is empty: it has no token to score.", "Leave it out.")
        prompt = text.prompt
        if texts.chat and chat is not None:
            prompt = chat.render([{"role": "user", "content": prompt}], add_generation_prompt=True)
        scored_from = None if text.answer else 0
        documents.append(TokenDocument(place, prompt, text.answer, group=str(number), scored_from=scored_from))
    return documents
