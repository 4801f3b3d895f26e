"""What a model thought before it answered, told from the answer."""

from __future__ import annotations

from dataclasses import dataclass

MARKS = (("<think>", "</think>"), ("<thinking>", "</thinking>"), ("[THINK]", "[/THINK]"))
"""What models write around their thinking: Qwen, DeepSeek and most others; some fine-tuned ones; Mistral."""


@dataclass(frozen=True)
class Parted:
    """A text in two parts. `thinks`: the thinking has not ended."""

    thinking: str
    said: str
    thinks: bool = False


def part(text: str, end: str | None = None) -> Parted:
    """Tell the thinking at the beginning of a text from what follows it; `end` is a model's own mark of its end.

    A text with the end of thinking and no begin is of a template that writes the begin into the prompt. Without marks,
    all of the text is said.
    """
    begun = text.lstrip()
    for opening, closing in MARKS:
        if begun.startswith(opening):
            inner, found, rest = begun.removeprefix(opening).partition(closing)
            return Parted(inner.strip("\n"), rest.lstrip("\n"), thinks=not found)
    for opening, closing in (*MARKS, *((("", end),) if end else ())):
        inner, found, rest = text.partition(closing)
        if found and not (opening and opening in inner):
            return Parted(inner.strip("\n"), rest.lstrip("\n"))
    return Parted("", text)
