"""Texts written by two models by turns, a block of tokens at a time, exactly as if both were asked at each token.

The model in charge writes some tokens, and the other one reads them in one call. Distributions depend on the tokens
before them alone, so the first position of the block where the rule takes the text to the other model is the one where
it would have gone there token by token: that token is the other model's, and what was written behind it is dropped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from benchtui.routing.records import Side, SwitchedText, SwitchPoint, other
from benchtui.routing.rules import SwitchRule
from benchtui.tokens.divergences import divergence
from benchtui.worker.answering.protocol import Ids, Observer, Unobserved
from benchtui.worker.answering.stepped import LogProbs, Reading, SteppedBatch, SteppedModel, SteppedText
from benchtui.worker.answering.written import Answer, Answers, Asked
from benchtui.worker.routing.at_once import Started, written_at_once
from benchtui.worker.routing.phases import Phases

Block = int | Literal["auto"]
LARGEST_BLOCK = 32
SIDES: tuple[Side, Side] = ("a", "b")


@dataclass(frozen=True)
class Writing:
    """How texts are written by turns. `block` tokens are written before the other model reads them; "auto" follows the
    lengths of the runs so far and changes no text."""

    rule: SwitchRule
    answers: Answers
    block: Block = "auto"


def write_switched(
    first: SteppedModel, second: SteppedModel, prompt: Ids, writing: Writing, document: int, repeat: int = 0
) -> SwitchedText:
    """Write one text, as `Switching` does. Raises what that raises."""
    found: list[SwitchedText] = []
    asked = Asked(prompt, writing.answers, document, repeat)
    both = Switching(first.one_text(), second.one_text(), writing.rule, writing.block)
    both.write([asked], lambda _, text: found.append(text))
    return found[0]


class Switching:
    """Writes texts with two models by a rule, as many at once as both have room for: each with its own blocks, the same
    as if it were alone. `block` is that of `Writing`.

    `started` is told the places of the texts that are being written whenever others begin, `observer` what was read and
    written.
    """

    def __init__(
        self,
        first: SteppedBatch,
        second: SteppedBatch,
        rule: SwitchRule,
        block: Block = "auto",
        observer: Observer | None = None,
        started: Started = lambda _: None,
    ) -> None:
        self._batches: dict[Side, SteppedBatch] = {"a": first, "b": second}
        self._rule = rule
        self._block: Block = block
        self._observer = observer or Unobserved()
        self._phases = Phases(self._observer)
        self._started = started

    def write(self, texts: Sequence[Asked], written: Callable[[int, SwitchedText], None]) -> None:
        """Write texts; `written` is told the place of each as soon as it is complete.

        Raises BenchtuiError where a prompt fills the window, and what either model raises.
        """
        most = min(batch.rows for batch in self._batches.values())
        asked = dict(enumerate(texts))
        for place, text in written_at_once(asked, most, self._begun, self._write_blocks, self._started):
            written(place, text.written)

    def _begun(self, asked: Asked) -> _Text:
        answer = asked.answers.begin(asked.prompt, asked.document, asked.repeat)
        begun = {side: self._batches[side].begin() for side in SIDES}
        return _Text(self._rule, self._block, begun, answer, self._rule.start)

    def _write_blocks(self, texts: list[_Text]) -> None:
        """Write a block of each text by the model in charge, up to its end or to a switch."""
        self._observer.check()
        new = [text for text in texts if not text.answer.length]
        before = sum(text.answer.length for text in texts)
        while drafting := [text for text in texts if text.drafts_more]:
            for side in SIDES:
                own = [text for text in drafting if text.side == side]
                for text, (row,) in zip(own, self._read(side, own, [text.to_draft for text in own]), strict=True):
                    text.draft(row)
        compared: list[tuple[_Text, LogProbs]] = []
        for side in SIDES:
            own = [text for text in texts if other(text.side) == side]
            compared += zip(own, self._read(side, own, [text.to_compare for text in own]), strict=True)
        for text, others in compared:
            text.compare(others)
        written = sum(text.answer.length for text in texts) - before
        # The first token of a text belongs to the reading of its prompt, as it does with one model.
        self._phases.tell(sum(text.answer.prompt for text in new), written - len(new))

    def _read(self, side: Side, texts: list[_Text], readings: list[Reading]) -> list[LogProbs]:
        if not texts:
            return []
        with self._phases.measured(readings, [text.answer.prompt for text in texts]):
            return self._batches[side].read(readings)


@dataclass(eq=False)
class _Text:
    """A text in the making: a block is drafted by the model in charge, then compared with the other one."""

    rule: SwitchRule
    block: Block
    texts: dict[Side, SteppedText]
    answer: Answer
    side: Side
    stayed: int | None = None
    writers: list[Side] = field(default_factory=list)
    divergences: list[float] = field(default_factory=list)
    points: list[SwitchPoint] = field(default_factory=list)
    rows: list[LogProbs] = field(default_factory=list)
    drafted: list[int] = field(default_factory=list)
    draft_ends: bool = False

    @property
    def drafts_more(self) -> bool:
        """Whether the block is to have another token."""
        return len(self.drafted) < self._block_size() and not self.draft_ends

    @property
    def to_draft(self) -> Reading:
        """What the model in charge reads to write the next token."""
        return Reading(self.texts[self.side], [*self.answer.ids, *self.drafted])

    def draft(self, row: LogProbs) -> None:
        """Write a token of the block, given its distribution."""
        self.rows.append(row)
        self.drafted.append(self.answer.drawn(row, len(self.drafted)))
        self.draft_ends = self.answer.ending(self.drafted, side=self.side) is not None

    @property
    def to_compare(self) -> Reading:
        """What the other model reads to say where it would have been in charge."""
        ids = [*self.answer.ids, *self.drafted[:-1]]
        return Reading(self.texts[other(self.side)], ids, last=len(self.drafted))

    def compare(self, others: LogProbs) -> None:
        """Write the block up to where the rule takes the text to the other model, given its distributions. Raises
        RuntimeError where a model has another text in memory then."""
        begin, idle = len(self.answer.ids), other(self.side)
        for place, token in enumerate(self.drafted):
            own, its = self.rows[place], others[place]
            first, second = (own, its) if self.side == "a" else (its, own)
            apart = float(divergence(first, second, self.rule.divergence))
            if self.rule.leaves(self.side, apart, self.stayed):
                self.points.append(SwitchPoint(len(self.writers), self.side, idle, apart))
                for text in self.texts.values():
                    text.cut(begin + place)
                self.side, self.stayed = idle, 0
                self._append(self.answer.drawn(others[place]), apart)
                break
            self._append(token, apart)
        self.rows, self.drafted, self.draft_ends = [], [], False
        lengths = [text.length for text in self.texts.values()]
        if set(lengths) != {len(self.answer.ids) - 1}:
            raise RuntimeError(f"after a block the models have read {lengths}")

    def _append(self, token: int, apart: float) -> None:
        self.answer.append(token, self.side)
        self.writers.append(self.side)
        self.divergences.append(apart)
        self.stayed = None if self.stayed is None else self.stayed + 1

    def _block_size(self) -> int:
        """Return how many tokens are written before the other model reads them, at least 1.

        A block of k tokens costs a run of r tokens about r / k calls of the other model, and about k / 2 positions at
        its end: the least sum is that of k = sqrt(2 r). r is the mean length of the runs so far.
        """
        left = self.answer.left
        if self.block != "auto":
            return max(1, min(self.block, left))
        run = len(self.writers) / (len(self.points) + 1)
        return max(1, min(LARGEST_BLOCK, round(math.sqrt(2 * run)), left))

    def end(self) -> None:
        """Free the room of the text in both models."""
        for text in self.texts.values():
            text.end()

    @property
    def written(self) -> SwitchedText:
        """The text, which is complete."""
        assert self.answer.ended is not None  # noqa: S101 - nobody asks before
        by_side = {side: self.writers.count(side) for side in SIDES}
        return SwitchedText(
            response=self.answer.response,
            tokens=tuple(self.answer.tokens),
            writers="".join(self.writers),
            divergences=tuple(self.divergences),
            switch_points=tuple(self.points),
            ended=self.answer.ended,
            costs=(self.texts["a"].cost(by_side["a"]), self.texts["b"].cost(by_side["b"])),
        )
