"""An answer that two models write into one text: how its tokens are drawn, and where it ends."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchtui.errors import BenchtuiError
from benchtui.routing.records import Ended, Sampling, Side
from benchtui.routing.sampling import draw
from benchtui.routing.uniforms import uniform
from benchtui.worker.answering.next_token import Changes, OwnSettings
from benchtui.worker.answering.protocol import Ids
from benchtui.worker.answering.stepped import LogProbs, ReadRows


@dataclass(frozen=True)
class Answers:
    """How answers are written: `ends` are the tokens that end one, `decode` makes text of ids, `window` is the longest
    text that both models can read, in tokens (0: not known).

    `stopped` tells whether the last of some tokens completes a stop string; None: wherever one is in their text. `own`
    is how each of the models writes where it is that model's turn; None: by `sampling` and `ends` both. `wrote` is told
    each token as it is written, for good: one that is only drafted is none.
    """

    sampling: Sampling
    ends: frozenset[int]
    decode: Callable[[Ids], str]
    window: int = 0
    stopped: Callable[[Ids], bool] | None = None
    own: Mapping[Side, OwnSettings] | None = None
    wrote: Callable[[int], None] | None = None

    def begin(self, prompt: Ids, document: int, repeat: int = 0) -> Answer:
        """Begin the answer to a prompt of at least one token. `document` and `repeat` choose the random numbers of a
        text that is sampled. Raises BenchtuiError where the prompt fills the window."""
        room = self.window - len(prompt) if self.window else self.sampling.max_new_tokens
        if room < 1:
            raise BenchtuiError(
                f"A prompt of {len(prompt):,} tokens leaves no room in a window of {self.window:,}.",
                "Shorten it, or choose models that read more.",
            )
        return Answer(self, prompt, (document, repeat), room)

    def ended_by(self, token: int, side: Side | None) -> bool:
        """Whether a token ends an answer, where model `side` has written it (None: whoever did)."""
        return token in (self.ends if side is None or self.own is None else self.own[side].ends)


@dataclass(frozen=True)
class Asked:
    """A text to be written behind a prompt of at least one token; `document` and `repeat` choose the random numbers of
    one that is sampled."""

    prompt: Ids
    answers: Answers
    document: int
    repeat: int = 0


class Answer:
    """An answer in the making: `ids` are the tokens of its prompt and its own, `ended` says why it is over (None: it is
    not)."""

    def __init__(self, answers: Answers, prompt: Ids, place: tuple[int, int], room: int) -> None:
        self.ids = list(prompt)
        self.ended: Ended | None = None
        self._answers = answers
        self._begin = len(prompt)
        self._place = place
        self._room = room
        self._changes: dict[Side, Changes] = {}

    @property
    def prompt(self) -> int:
        """How many tokens its prompt has."""
        return self._begin

    @property
    def tokens(self) -> list[int]:
        """Its own tokens, without those of the prompt."""
        return self.ids[self._begin :]

    @property
    def length(self) -> int:
        """How many tokens of its own it has."""
        return len(self.ids) - self._begin

    @property
    def left(self) -> int:
        """How many tokens can still be written."""
        return min(self._answers.sampling.max_new_tokens, self._room) - self.length

    @property
    def response(self) -> str:
        """Its text, without an end token, and up to a stop string."""
        text = self._answers.decode(self.tokens[:-1] if self.ended == "end" else self.tokens)
        return text if (place := self._first_stop(text)) is None else text[:place]

    def fork(self) -> Answer:
        """Return a copy that grows independently."""
        other = copy.copy(self)
        other.ids = list(self.ids)
        return other

    def ends_at(self, token: int, side: Side) -> bool:
        """Whether a token ends the answer, where model `side` has written it."""
        return self._answers.ended_by(token, side)

    def append(self, token: int, side: Side | None = None) -> None:
        """Write a token, of model `side` where it is that model which knows whether it ends the answer."""
        self.ids.append(token)
        self.ended = self.ending(side=side)
        if self._answers.wrote is not None:
            self._answers.wrote(token)

    def ending(self, drafted: Sequence[int] = (), side: Side | None = None) -> Ended | None:
        """Return why the answer would end with the last of some more tokens, looking at the last alone; None where it
        would not."""
        tokens = [*self.tokens, *drafted]
        sampling = self._answers.sampling
        if self._answers.ended_by(tokens[-1], side):
            return "end"
        if sampling.stop and self._stopped(tokens):
            return "stop"
        if len(tokens) >= sampling.max_new_tokens:
            return "length"
        return "window" if len(tokens) >= self._room else None

    def drawn(self, row: LogProbs, ahead: int = 0) -> int:
        """Draw the token of a distribution, `ahead` places behind the next one."""
        return draw(row, self._answers.sampling, self.number(ahead))

    def drawn_by(self, side: Side, rows: ReadRows) -> int:
        """Draw the next token from a distribution of model `side` (the only row), as that model does by itself. Raises
        BenchtuiError where something changes its logits, and they are not known."""
        own = None if self._answers.own is None else self._answers.own[side]
        if own is None:
            return self.drawn(rows.logprobs[0])
        number = self._uniform(own.sampling, 0, 0)
        return draw(rows.logprobs[0] if own.changes is None else self._changed(side, own, rows), own.sampling, number)

    def _changed(self, side: Side, own: OwnSettings, rows: ReadRows) -> LogProbs:
        """The logits behind the text, as a model's own settings change them."""
        assert own.changes is not None  # noqa: S101 - asked before
        logits = rows.logits(0)
        if logits is None:
            raise BenchtuiError(
                f"{own.changed_by}, set by a task or a generation_config.json, needs logits, and this model gives "
                "log-probabilities only.",
                "Remove it, or let one model write alone.",
            )
        if side not in self._changes:
            self._changes[side] = own.changes(self.ids[: self._begin])
        return self._changes[side](self.ids, logits)

    def number(self, ahead: int = 0, stream: int = 0) -> float:
        """Return the random number of a place, `ahead` behind the next one, and of a `stream` of such numbers; 0 where
        nothing is sampled."""
        return self._uniform(self._answers.sampling, ahead, stream)

    def _uniform(self, sampling: Sampling, ahead: int, stream: int) -> float:
        return uniform(sampling.seed, *self._place, self.length + ahead, stream) if sampling.temperature else 0.0

    def _stopped(self, tokens: Ids) -> bool:
        if self._answers.stopped is not None:
            return self._answers.stopped(tokens)
        return self._first_stop(self._answers.decode(tokens)) is not None

    def _first_stop(self, text: str) -> int | None:
        found = [place for stop in self._answers.sampling.stop if (place := text.find(stop)) >= 0]
        return min(found, default=None)
