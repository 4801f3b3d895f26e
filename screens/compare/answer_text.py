"""An answer on the samples screen: its text, who of two models wrote it, its choices, the instructions it followed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from benchtui.reports.wording.glyphs import UNICODE
from benchtui.reports.wording.routing import NOT_COMPUTE, percent_words
from benchtui.text import one_line, printable
from screens.themes import Colours
from screens.widgets.plain import Plain

if TYPE_CHECKING:
    from benchtui.compare.documents import AnswerChoice, Document, Instruction
    from benchtui.results.routed import AnsweredBy, Author


class AnswerText(Plain):
    """Text that is set in lines for the width that there is."""

    _make: Callable[[int], Text] | None = None

    def draw(self, make: Callable[[int], Text]) -> None:
        """Show what `make` returns for a width in columns, now and after each change of the width."""
        self._make = make
        self.update(make(max(self.size.width, 8)))

    def show(self, text: str, limit: int | None = 100_000) -> None:
        self._make = None
        super().show(text, limit)

    def on_resize(self) -> None:
        if self._make is not None:
            self.draw(self._make)


def answer_text(document: Document, answer: Text, width: int, shown: int, colours: Colours) -> Text:
    """Return an answer in lines of `width` columns. `answer` is its text made safe, with the words underlined that the
    other answer has not; at most `shown` characters of what two models wrote are set in lines."""
    written = _written(document, answer, width, shown, colours) if document.parts else answer
    parts = [written if written.plain.strip() else Text("(empty)", style=colours.muted)]
    if document.extracted:
        parts.append(Text.assemble(("\ntaken as  ", colours.muted), printable(document.extracted, 500)))
    if len(document.choices) > 1:
        parts.append(Text(f"\n{document.weighing}", style=colours.muted))
        parts += _choices(document.choices, document.answered_by, colours)
    known = [by for by in document.answered_by if by is not None]
    if known:
        parts += [] if document.choices else [Text()]
        parts.append(_sum(known, colours))
    parts += [_instruction(instruction, colours) for instruction in document.instructions]
    return Text("\n").join(parts)


def _written(document: Document, answer: Text, width: int, shown: int, colours: Colours) -> Text:
    from benchtui.reports.routed import written_lines

    text = document.answer[:shown]
    inside, lead = answer.plain, len(text) - len(text.lstrip())
    same = text[lead : lead + len(inside)] == inside  # else characters were left out, and places mean nothing
    marked = [(span.start + lead, span.end + lead) for span in answer.spans] if same else []
    styles: dict[Author, str] = {"small": colours.primary, "large": f"bold {colours.accent}", "": colours.muted}
    return Text("\n").join(written_lines(text, document.parts, width, styles, marked))


def _choices(
    choices: Sequence[AnswerChoice], answered_by: Sequence[AnsweredBy | None], colours: Colours
) -> list[Text]:  # fmt: skip
    best, lines = max(choice.weight for choice in choices), []
    for number, choice in enumerate(choices, 1):
        here = choice.weight == best
        style = "" if here else colours.muted
        line = Text(f"{'▸' if here else ' '} {number} {choice.weight:8.3f}  {one_line(choice.text, 300)}", style=style)
        if len(answered_by) == len(choices) and (by := answered_by[number - 1]) is not None:
            line.append_text(_counts(by, colours))
        lines.append(line)
    return lines


def _counts(by: AnsweredBy, colours: Colours) -> Text:
    """ "  ░2 █1": tokens of the small and of the large model."""
    found = Text(" ")
    if by.small or not by.large:
        found.append(f" {UNICODE.by_small}{by.small:,}", style=colours.primary)
    if by.large:
        found.append(f" {UNICODE.by_large}{by.large:,}", style=colours.accent)
    return found


def _sum(known: Sequence[AnsweredBy], colours: Colours) -> Text:
    """ "░ small 81 tokens · █ large 19 (19% of tokens, not of compute)"."""
    small, large = sum(by.small for by in known), sum(by.large for by in known)
    drafted, accepted = sum(by.drafted for by in known), sum(by.accepted for by in known)
    share = percent_words(large, small + large, f" {NOT_COMPUTE}")
    line = Text.assemble(
        (f"{UNICODE.by_small} small {small:,} tokens", colours.primary),
        (UNICODE.dot, colours.muted),
        (f"{UNICODE.by_large} large {large:,}", colours.accent),
        (share, colours.muted),
    )
    if drafted:
        line.append(f"\ndrafts accepted {accepted:,} of {drafted:,}", style=colours.muted)
    return line


def _instruction(instruction: Instruction, colours: Colours) -> Text:
    known = {True: ("✓", colours.gain), False: ("✗", colours.loss), None: ("·", colours.muted)}
    glyph, style = known[instruction.followed]
    words = " not followed" if instruction.followed is False else ""
    return Text.assemble((f"{glyph} ", style), one_line(instruction.name, 100), (words, style))
