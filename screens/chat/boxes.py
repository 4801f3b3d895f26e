"""A turn and its answers in lines: made once, and again only where something has changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from benchtui.reports.wording.chat import answer_parts
from benchtui.runs.kinds.chat.asked import Turn
from benchtui.runs.kinds.chat.conversation import Answer
from benchtui.runs.kinds.chat.thinking import part
from benchtui.text import one_line
from screens.chat.wrapping import Wrapping

Look = Literal["asked", "heading", "said", "thinking", "fold", "foot", "going", "problem"]
"""How a line looks; which colours that is, the theme says."""
Line = tuple[str, Look]
PROBLEM = 600
"""Characters of an error that are shown."""


@dataclass(frozen=True)
class Shown:
    """What is shown of an answer: its tries are numbered from 1; `from_other` names the model that wrote it, where that
    is another one; `rate` is how fast it is being written, in tokens a second; `unfolded`: with its thinking."""

    answer: Answer
    number: int = 1
    tries: int = 1
    from_other: str = ""
    rate: float | None = None
    unfolded: bool = False
    think_end: str | None = None

    @property
    def key(self) -> tuple[object, ...]:
        """Differs where the lines do."""
        answer, rate = self.answer, None if self.rate is None else round(self.rate, 1)
        begun = answer.begun and (answer.begun.prompt, answer.begun.cached, answer.begun.read)
        return (
            answer.number, len(answer.text), len(answer.tokens), answer.state, begun, self.number, self.tries,
            self.from_other, rate, self.unfolded,
        )  # fmt: skip


class AnswerBox:
    """The lines of one answer in a column of some width."""

    def __init__(self, width: int) -> None:
        self.lines: list[Line] = []
        self.fold: int | None = None
        """The line that tells of folded thinking."""
        self._width = width
        self._thinking, self._said = Wrapping(width), Wrapping(width)
        self._key: tuple[object, ...] | None = None
        self._number = 0

    def show(self, shown: Shown | None, missing: str = "") -> bool:
        """Show an answer, or why there is none; returns whether anything has changed."""
        key = ("missing", missing) if shown is None else shown.key
        if key == self._key:
            return False
        self._key = key
        self.fold = None
        self.lines = list(self._missing(missing) if shown is None else self._lines(shown))
        return True

    def _missing(self, why: str) -> Iterator[Line]:
        yield from ((line, "foot") for line in _wrapped(why, self._width))

    def _lines(self, shown: Shown) -> Iterator[Line]:
        answer = shown.answer
        parted = part(answer.text, shown.think_end)
        count = 0
        if parted.thinking or parted.thinks:
            words = len(parted.thinking.split())
            state = "thinking" if parted.thinks and not answer.over else "thought"
            sign = "▾" if shown.unfolded else "▸"
            self.fold = 0
            yield f"{sign} {state}: {words:,} word{'s' if words != 1 else ''} (f)", "fold"
            count = 1
            if shown.unfolded:
                self._thinking.set(parted.thinking)
                yield from ((line, "thinking") for line in self._thinking.lines)
                count += len(self._thinking.lines)
        if parted.said:
            self._said.set(parted.said)
            yield from ((line, "said") for line in self._said.lines)
        yield from self._foot(shown)

    def _foot(self, shown: Shown) -> Iterator[Line]:
        answer = shown.answer
        parts = list(answer_parts(answer, shown.rate))
        if shown.from_other:
            parts.insert(0, f"written by {one_line(shown.from_other, 40)}")
        if shown.tries > 1:
            parts.insert(0, f"try {shown.number} of {shown.tries}")
        look: Look = "foot" if answer.over else "going"
        yield from ((line, look) for line in _wrapped(" · ".join(parts), self._width))
        ended = answer.ended
        if ended is not None and ended.what:
            said = one_line(f"✗ {ended.what}", PROBLEM)
            yield from ((line, "problem") for line in _wrapped(said, self._width))
            if ended.next_step:
                step = one_line(f"→ {ended.next_step}", PROBLEM)
                yield from ((line, "problem") for line in _wrapped(step, self._width))


class TurnBox:
    """The lines of a turn: the message, and below it the answers side by side."""

    def __init__(self, widths: Sequence[int], whole: int) -> None:
        self.turn: Turn | None = None
        self.boxes = [AnswerBox(width) for width in widths]
        self.asked: list[Line] = []
        self._message = Wrapping(whole)
        self._whole = whole
        self._heading: str | None = None

    @property
    def height(self) -> int:
        """Rows of the screen, with an empty one below message and answers each."""
        return len(self.asked) + 1 + max((len(box.lines) for box in self.boxes), default=0) + 1

    def show(self, turn: Turn, heading: str, answers: Sequence[tuple[Shown | None, str]]) -> bool:
        """Show a turn; returns whether anything has changed."""
        changed = False
        if self.turn is not turn or heading != self._heading:
            self.turn, self._heading, changed = turn, heading, True
            self._message.set(turn.text)
            head: list[Line] = [(line, "heading") for line in _wrapped(heading, self._whole)]
            self.asked = [*head, *((line, "asked") for line in self._message.lines)]
        for box, (shown, missing) in zip(self.boxes, answers, strict=True):
            changed |= box.show(shown, missing)
        return changed

    def answer_line(self, column: int, row: int) -> Line | None:
        """What stands in a column at a row below the message; None below its end."""
        lines = self.boxes[column].lines
        return lines[row] if row < len(lines) else None


def _wrapped(text: str, width: int) -> list[str]:
    wrapping = Wrapping(width)
    wrapping.set(text)
    return wrapping.lines
