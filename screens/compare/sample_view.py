"""One document: its question, the reference, both answers with the words that differ marked, and the whole prompt."""

from __future__ import annotations

import difflib
import re
from functools import partial
from typing import TYPE_CHECKING

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll

from benchtui.text import one_line, printable
from screens.compare.answer_text import AnswerText, answer_text
from screens.themes import Colours
from screens.widgets.plain import Plain

if TYPE_CHECKING:
    from benchtui.compare.documents import Document, PairedDocument

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
                with Vertical(classes=f"answer answer-{side}"):
                    yield Plain(id=f"{side}-head", classes="answer-head")
                    yield AnswerText(id=f"{side}-answer")
        yield Plain("Question", classes="label", id="question-label")
        yield Plain(id="question")
        yield Plain(classes="label", id="prompt-label")
        yield Plain(id="prompt")

    def clear(self) -> None:
        for text in self.query(Plain):
            text.show("")

    def show(
        self,
        document: PairedDocument,
        texts: tuple[Document, Document],
        names: tuple[str, str],
        colours: Colours,
        *,
        alone: bool = False,
    ) -> None:
        """Show a document with the answers of both runs; with those of one run where it is compared with itself."""
        first, second = texts
        change = document.change.removeprefix("both ") if alone else document.change
        self.query_one("#sample-head", Plain).update(_head(document, change, second, colours))
        marked = mark_differences(first.answer[:SHOWN], second.answer[:SHOWN], colours)
        sides = zip(("first", "second"), texts, names, (document.first, document.second), marked, strict=True)
        for side, text, name, value, answer in sides:
            self.query_one(f"#{side}-head", Plain).update(_side_head(name, value, colours))
            make = partial(answer_text, text, answer, shown=SHOWN, colours=colours)
            self.query_one(f"#{side}-answer", AnswerText).draw(make)
        self.query_one("#question-label", Plain).show("Question")
        self.query_one("#question", Plain).show(second.question, SHOWN)
        more = second.prompt.strip() != second.question.strip()
        self.query_one("#prompt-label", Plain).show("The whole prompt, as the model got it" if more else "")
        self.query_one("#prompt", Plain).show(second.prompt if more else "", SHOWN)
        self.scroll_home(animate=False)


def _head(document: PairedDocument, change: str, text: Document, colours: Colours) -> Text:
    line = Text.assemble((f"{one_line(document.task, 60)} #{document.doc_id}", "bold"), f"  {change}")
    if text.target.strip():
        line.append("\nReference  ", style=colours.muted).append(printable(text.target.strip(), 2000))
    return line


def _side_head(name: str, value: float, colours: Colours) -> Text:
    glyph, style = {1.0: ("✓", colours.gain), 0.0: ("✗", colours.loss)}.get(value, ("·", colours.muted))
    number = "" if value in (0.0, 1.0) else f" {value:.3g}"
    return Text.assemble((f"{glyph} ", style), (one_line(name, 40), "bold"), (number, colours.muted))


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
