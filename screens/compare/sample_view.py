"""One document: its question, the reference, both answers with the words that differ marked, and the whole prompt."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll

from benchtui.text import one_line, printable
from screens.themes import Colours
from screens.widgets.plain import Plain

if TYPE_CHECKING:
    from benchtui.compare.documents import Document, Instruction, PairedDocument

SHOWN = 20_000
"""Characters of one text that are shown."""
COMPARED = 6_000
"""Longest answers that are compared word by word."""


class SampleView(VerticalScroll, can_focus=True):
    HELP = "The sample: arrows and page keys scroll, Esc goes back to the list, c copies."

    def compose(self) -> ComposeResult:
        yield Plain(id="sample-head")
        with Horizontal(id="answers"):
            for side in ("first", "second"):
                with Vertical(classes="answer"):
                    yield Plain(id=f"{side}-head", classes="answer-head")
                    yield Plain(id=f"{side}-answer")
        yield Plain("Question", classes="label", id="question-label")
        yield Plain(id="question")
        yield Plain(classes="label", id="prompt-label")
        yield Plain(id="prompt")

    def clear(self) -> None:
        for text in self.query(Plain):
            text.show("")

    def show(
        self, document: PairedDocument, texts: tuple[Document, Document], names: tuple[str, str], colours: Colours
    ) -> None:  # fmt: skip
        first, second = texts
        self.query_one("#sample-head", Plain).update(_head(document, second, colours))
        marked = mark_differences(first.answer[:SHOWN], second.answer[:SHOWN], colours)
        sides = zip(("first", "second"), texts, names, (document.first, document.second), marked, strict=True)
        for side, text, name, value, answer in sides:
            self.query_one(f"#{side}-head", Plain).update(_side_head(name, value, colours))
            self.query_one(f"#{side}-answer", Plain).update(_answer(text, answer, colours))
        self.query_one("#question-label", Plain).show("Question")
        self.query_one("#question", Plain).show(second.question, SHOWN)
        more = second.prompt.strip() != second.question.strip()
        self.query_one("#prompt-label", Plain).show("The whole prompt, as the model got it" if more else "")
        self.query_one("#prompt", Plain).show(second.prompt if more else "", SHOWN)
        self.scroll_home(animate=False)


def _head(document: PairedDocument, text: Document, colours: Colours) -> Text:
    line = Text.assemble((f"{one_line(document.task, 60)} #{document.doc_id}", "bold"), f"  {document.change}")
    if text.target.strip():
        line.append("\nReference  ", style=colours.muted).append(printable(text.target.strip(), 2000))
    return line


def _side_head(name: str, value: float, colours: Colours) -> Text:
    glyph, style = {1.0: ("✓", colours.gain), 0.0: ("✗", colours.loss)}.get(value, ("·", colours.muted))
    number = "" if value in (0.0, 1.0) else f" {value:.3g}"
    return Text.assemble((f"{glyph} ", style), (one_line(name, 40), "bold"), (number, colours.muted))


def _answer(document: Document, answer: Text, colours: Colours) -> Text:
    parts = [answer if answer.plain.strip() else Text("(empty)", style=colours.muted)]
    if document.extracted:
        parts.append(Text.assemble(("\ntaken as  ", colours.muted), printable(document.extracted, 500)))
    if len(document.choices) > 1:
        parts.append(Text(f"\n{document.weighing}", style=colours.muted))
        best = max(choice.weight for choice in document.choices)
        for number, choice in enumerate(document.choices, 1):
            glyph = "▸" if choice.weight == best else " "
            line = f"{glyph} {number} {choice.weight:8.3f}  {one_line(choice.text, 300)}"
            parts.append(Text(line, style="" if choice.weight == best else colours.muted))
    parts += [_instruction(instruction, colours) for instruction in document.instructions]
    return Text("\n").join(parts)


def _instruction(instruction: Instruction, colours: Colours) -> Text:
    known = {True: ("✓", colours.gain), False: ("✗", colours.loss), None: ("·", colours.muted)}
    glyph, style = known[instruction.followed]
    words = " not followed" if instruction.followed is False else ""
    return Text.assemble((f"{glyph} ", style), one_line(instruction.name, 100), (words, style))


def mark_differences(first: str, second: str, colours: Colours) -> tuple[Text, Text]:
    """Return both texts made safe, with the words that only one of them has underlined and coloured."""
    a, b = printable(first.strip()), printable(second.strip())
    texts = (Text(a), Text(b))
    if a == b or len(a) > COMPARED or len(b) > COMPARED:
        return texts
    words = tuple(
        [(match.group(), match.start(), match.end()) for match in re.finditer(r"\S+", text)] for text in (a, b)
    )
    matcher = difflib.SequenceMatcher(None, [w[0] for w in words[0]], [w[0] for w in words[1]], autojunk=False)
    styles = (f"underline {colours.loss}", f"underline {colours.gain}")
    for tag, a1, a2, b1, b2 in matcher.get_opcodes():
        if tag != "equal":
            for text, side, style, start, end in zip(texts, words, styles, (a1, b1), (a2, b2), strict=True):
                for _, left, right in side[start:end]:
                    text.stylize(style, left, right)
    return texts
