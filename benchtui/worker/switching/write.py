"""One text written by two models by turns, a block of tokens at a time, exactly as if both were asked at each token.

The model in charge writes some tokens, and the other one reads them in one call. Distributions depend on the tokens
before them alone, so the first position of the block where the rule takes the text to the other model is the one where
it would have gone there token by token: that token is the other model's, and what was written behind it is dropped.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from benchtui.routing.records import Side, SwitchedText, SwitchPoint, other
from benchtui.routing.rules import SwitchRule
from benchtui.tokens.divergences import divergence
from benchtui.worker.answering.protocol import Ids
from benchtui.worker.answering.stepped import LogProbs, SteppedModel, SteppedText
from benchtui.worker.answering.written import Answer, Answers, draft

Block = int | Literal["auto"]
LARGEST_BLOCK = 32


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
    """Write behind a prompt of at least one token. `document` and `repeat` choose the random numbers of a text that is
    sampled. Raises BenchtuiError where the prompt fills the window, and what either model raises."""
    answer = writing.answers.begin(prompt, document, repeat)
    return _Text(writing, {"a": first.begin(), "b": second.begin()}, answer).written()


@dataclass
class _Text:
    """A text in the making."""

    writing: Writing
    texts: dict[Side, SteppedText]
    answer: Answer
    side: Side = "a"
    stayed: int | None = None
    writers: list[Side] = field(default_factory=list)
    divergences: list[float] = field(default_factory=list)
    points: list[SwitchPoint] = field(default_factory=list)

    def written(self) -> SwitchedText:
        self.side = self.writing.rule.start
        while self.answer.ended is None:
            self._write_block()
            if {text.length for text in self.texts.values()} != {len(self.answer.ids) - 1}:
                raise RuntimeError(
                    f"after a block the models have read {[text.length for text in self.texts.values()]}"
                )
        by_side = {side: sum(writer == side for writer in self.writers) for side in self.texts}
        return SwitchedText(
            response=self.answer.response,
            tokens=tuple(self.answer.tokens),
            writers="".join(self.writers),
            divergences=tuple(self.divergences),
            switch_points=tuple(self.points),
            ended=self.answer.ended,
            costs=(self.texts["a"].cost(by_side["a"]), self.texts["b"].cost(by_side["b"])),
        )

    def _write_block(self) -> None:
        """Write tokens by the model in charge, up to the end of the block or to a switch."""
        ids, idle = list(self.answer.ids), other(self.side)
        rows, drafted = draft(self.texts[self.side], self.answer, self._block_size())
        others = self.texts[idle].read([*ids, *drafted[:-1]], last=len(drafted))
        for place, token in enumerate(drafted):
            pair = (rows[place], others[place])
            apart = self._divergence(*(pair if self.side == "a" else pair[::-1]))
            if self.writing.rule.leaves(self.side, apart, self.stayed):
                self.points.append(SwitchPoint(len(self.writers), self.side, idle, apart))
                for text in self.texts.values():
                    text.cut(len(ids) + place)
                self.side, self.stayed = idle, 0
                self._append(self.answer.drawn(others[place]), apart)
                return
            self._append(token, apart)

    def _append(self, token: int, apart: float) -> None:
        self.answer.append(token)
        self.writers.append(self.side)
        self.divergences.append(apart)
        self.stayed = None if self.stayed is None else self.stayed + 1

    def _divergence(self, first: LogProbs, second: LogProbs) -> float:
        return float(divergence(first, second, self.writing.rule.divergence))

    def _block_size(self) -> int:
        """Return how many tokens are written before the other model reads them, at least 1.

        A block of k tokens costs a run of r tokens about r / k calls of the other model, and about k / 2 positions at
        its end: the least sum is that of k = sqrt(2 r). r is the mean length of the runs so far.
        """
        left = self.answer.left
        if self.writing.block != "auto":
            return max(1, min(self.writing.block, left))
        run = len(self.writers) / (len(self.points) + 1)
        return max(1, min(LARGEST_BLOCK, round(math.sqrt(2 * run)), left))
