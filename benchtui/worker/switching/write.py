"""One text written by two models by turns, a block of tokens at a time, exactly as if both were asked at each token.

The model in charge writes some tokens, and the other one reads them in one call. Distributions depend on the tokens
before them alone, so the first position of the block where the rule takes the text to the other model is the one where
it would have gone there token by token: that token is the other model's, and what was written behind it is dropped.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from benchtui.errors import BenchtuiError
from benchtui.routing.records import Ended, Sampling, Side, SwitchedText, SwitchPoint, other
from benchtui.routing.rules import SwitchRule
from benchtui.routing.sampling import draw
from benchtui.routing.uniforms import uniform
from benchtui.tokens.divergences import divergence
from benchtui.worker.answering.protocol import Ids
from benchtui.worker.switching.stepped import LogProbs, SteppedModel, SteppedText

Block = int | Literal["auto"]
LARGEST_BLOCK = 32


@dataclass(frozen=True)
class Writing:
    """How texts are written: `ends` are the tokens that end one, `decode` makes text of ids, `window` is the longest
    text that both models can read, in tokens (0: not known). `block` tokens are written before the other model reads
    them; "auto" follows the lengths of the runs so far and changes no text."""

    rule: SwitchRule
    sampling: Sampling
    ends: frozenset[int]
    decode: Callable[[Ids], str]
    window: int = 0
    block: Block = "auto"


def write_switched(
    first: SteppedModel, second: SteppedModel, prompt: Ids, writing: Writing, document: int, repeat: int = 0
) -> SwitchedText:
    """Write behind a prompt of at least one token. `document` and `repeat` choose the random numbers of a text that is
    sampled. Raises BenchtuiError where the prompt fills the window, and what either model raises."""
    room = writing.window - len(prompt) if writing.window else writing.sampling.max_new_tokens
    if room < 1:
        raise BenchtuiError(
            f"A prompt of {len(prompt):,} tokens leaves no room in a window of {writing.window:,}.",
            "Shorten it, or choose models that read more.",
        )
    texts: dict[Side, SteppedText] = {"a": first.begin(), "b": second.begin()}
    return _Text(writing, texts, list(prompt), (document, repeat), room).written()


@dataclass
class _Text:
    """A text in the making: `ids` are those of the prompt and of what is written behind it."""

    writing: Writing
    texts: dict[Side, SteppedText]
    ids: list[int]
    place: tuple[int, int]
    room: int
    side: Side = "a"
    stayed: int | None = None
    ended: Ended | None = None
    writers: list[Side] = field(default_factory=list)
    divergences: list[float] = field(default_factory=list)
    points: list[SwitchPoint] = field(default_factory=list)

    def written(self) -> SwitchedText:
        self.side = self.writing.rule.start
        prompt = len(self.ids)
        while self.ended is None:
            self._write_block()
            if {text.length for text in self.texts.values()} != {len(self.ids) - 1}:
                raise RuntimeError(
                    f"after a block the models have read {[text.length for text in self.texts.values()]}"
                )
        tokens = self.ids[prompt:]
        by_side = {side: sum(writer == side for writer in self.writers) for side in self.texts}
        return SwitchedText(
            response=self._response(tokens),
            tokens=tuple(tokens),
            writers="".join(self.writers),
            divergences=tuple(self.divergences),
            switch_points=tuple(self.points),
            ended=self.ended,
            costs=(self.texts["a"].cost(by_side["a"]), self.texts["b"].cost(by_side["b"])),
        )

    def _write_block(self) -> None:
        """Write tokens by the model in charge, up to the end of the block or to a switch."""
        begin, idle = len(self.ids), other(self.side)
        rows, drafted = self._draft(self._block_size())
        others = self.texts[idle].read([*self.ids, *drafted[:-1]], last=len(drafted))
        for place, token in enumerate(drafted):
            pair = (rows[place], others[place])
            apart = self._divergence(*(pair if self.side == "a" else pair[::-1]))
            if self.writing.rule.leaves(self.side, apart, self.stayed):
                self.points.append(SwitchPoint(len(self.writers), self.side, idle, apart))
                for text in self.texts.values():
                    text.cut(begin + place)
                self.side, self.stayed = idle, 0
                self._append(self._drawn(others[place], len(self.writers)), apart)
                return
            self._append(token, apart)

    def _draft(self, most: int) -> tuple[list[LogProbs], list[int]]:
        """Let the model in charge write up to `most` tokens, fewer where one ends the text: each token's distribution,
        and the token."""
        rows: list[LogProbs] = []
        drafted: list[int] = []
        while len(drafted) < most and not (drafted and self._ending([*self._answer(), *drafted])):
            rows.append(self.texts[self.side].read([*self.ids, *drafted], last=1)[0])
            drafted.append(self._drawn(rows[-1], len(self.writers) + len(drafted)))
        return rows, drafted

    def _append(self, token: int, apart: float) -> None:
        self.ids.append(token)
        self.writers.append(self.side)
        self.divergences.append(apart)
        self.stayed = None if self.stayed is None else self.stayed + 1
        self.ended = self._ending(self._answer())

    def _answer(self) -> list[int]:
        return self.ids[len(self.ids) - len(self.writers) :]

    def _ending(self, answer: list[int]) -> Ended | None:
        """Why the text ends with the newest token of its answer; None where it does not."""
        if answer[-1] in self.writing.ends:
            return "end"
        if self.writing.sampling.stop and self._first_stop(self.writing.decode(answer)) is not None:
            return "stop"
        if len(answer) >= self.writing.sampling.max_new_tokens:
            return "length"
        return "window" if len(answer) >= self.room else None

    def _first_stop(self, text: str) -> int | None:
        found = [place for stop in self.writing.sampling.stop if (place := text.find(stop)) >= 0]
        return min(found, default=None)

    def _response(self, tokens: list[int]) -> str:
        """The answer as text, without an end token, and up to a stop string."""
        text = self.writing.decode(tokens[:-1] if self.ended == "end" else tokens)
        return text if (place := self._first_stop(text)) is None else text[:place]

    def _drawn(self, row: LogProbs, position: int) -> int:
        sampling = self.writing.sampling
        number = uniform(sampling.seed, *self.place, position) if sampling.temperature else 0.0
        return draw(row, sampling, number)

    def _divergence(self, first: LogProbs, second: LogProbs) -> float:
        return float(divergence(first, second, self.writing.rule.divergence))

    def _block_size(self) -> int:
        """Return how many tokens are written before the other model reads them, at least 1.

        A block of k tokens costs a run of r tokens about r / k calls of the other model, and about k / 2 positions at
        its end: the least sum is that of k = sqrt(2 r). r is the mean length of the runs so far.
        """
        left = min(self.writing.sampling.max_new_tokens, self.room) - len(self.writers)
        if self.writing.block != "auto":
            return max(1, min(self.writing.block, left))
        run = len(self.writers) / (len(self.points) + 1)
        return max(1, min(LARGEST_BLOCK, round(math.sqrt(2 * run)), left))
