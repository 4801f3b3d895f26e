"""benchtui's own prompts: texts to compare models on where nothing else is at hand."""

from __future__ import annotations

import msgspec

from benchtui.files import PACKAGE
from benchtui.plans.tokens import GivenText, GivenTexts

SHIPPED = "benchtui's own prompts, version 1"
"""What they are called in results. The file of a version never changes: a new one gets a new number."""
_FILE = PACKAGE / "tokens" / "prompts" / "version-1.jsonl"


def shipped_texts(*, chat: bool = False) -> GivenTexts:
    """Return 60 prompts, each with an answer: questions, instructions, code, sums, lists, JSON, passages, in thirteen
    languages. They were written for benchtui and are under its licence.

    An answer stands on the line below its prompt; with `chat` alone, since the prompt is put into a chat template.
    """
    texts = msgspec.json.Decoder(GivenText).decode_lines(_FILE.read_bytes())
    if not chat:
        texts = [GivenText(text.prompt, f"\n{text.answer}") for text in texts]
    return GivenTexts(SHIPPED, tuple(texts), chat)
