"""Speculative decoding: a small model drafts some tokens, and a large one verifies them in one call.

What is written has the distribution of the large model, and without sampling is its text: a drafted token is accepted
with the probability min(1, p / q), p that of the large model and q that of the small one, and instead of one that is
rejected a token is drawn from what p has more than q (Y. Leviathan, M. Kalman, Y. Matias, "Fast Inference from
Transformers via Speculative Decoding", arXiv 2211.17192). Both are processed by the same settings of sampling before.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from benchtui.routing.records import DraftRound, SpeculativeText
from benchtui.routing.sampling import accepts, picked, processed, residual
from benchtui.worker.answering.protocol import Ids
from benchtui.worker.answering.stepped import LogProbs, SteppedModel, SteppedText
from benchtui.worker.answering.written import Answer, Answers, draft

Drafts = int | Literal["auto"]
FIRST_DRAFT, LARGEST_DRAFT = 4, 32
_LONGER, _SHORTER = 2, 1
_ACCEPTANCE, _RESIDUAL = 1, 2
"""Streams of random numbers. Stream 0 is that of drafts, and of what the large model writes: where both models are
equal, the text is the one that the large model writes alone."""


def write_speculative(
    small: SteppedModel,
    large: SteppedModel,
    prompt: Ids,
    answers: Answers,
    document: int,
    repeat: int = 0,
    drafts: Drafts = FIRST_DRAFT,
) -> SpeculativeText:
    """Write behind a prompt of at least one token, `drafts` tokens at a time; "auto" begins with FIRST_DRAFT, and takes
    two more after a draft that was accepted as a whole, else one less. `document` and `repeat` choose the random
    numbers of a text that is sampled.

    Raises BenchtuiError where the prompt fills the window, ValueError for drafts of less than one token, and what
    either model raises.
    """
    if drafts != "auto" and drafts < 1:
        raise ValueError(f"drafts of {drafts} tokens: must be at least 1")
    answer = answers.begin(prompt, document, repeat)
    return _Text(answers, answer, small.begin(), large.begin(), drafts).written()


@dataclass
class _Text:
    """A text in the making."""

    answers: Answers
    answer: Answer
    small: SteppedText
    large: SteppedText
    drafts: Drafts
    size: int = FIRST_DRAFT
    rounds: list[DraftRound] = field(default_factory=list)
    writers: str = ""

    def written(self) -> SpeculativeText:
        while self.answer.ended is None:
            self._write_round()
        return SpeculativeText(
            response=self.answer.response,
            tokens=tuple(self.answer.tokens),
            writers=self.writers,
            ended=self.answer.ended,
            costs=(self.small.cost(self.writers.count("a")), self.large.cost(self.writers.count("b"))),
            rounds=tuple(self.rounds),
        )

    def _write_round(self) -> None:
        """Write a draft as far as it is accepted, and one token of the large model behind it."""
        begin = len(self.answer.ids)
        # The large model writes one token behind a draft, so that the last one of a text needs no draft.
        rows, drafted = draft(self.small, self.answer, min(self._size(), self.answer.left - 1))
        asked = drafted[:-1] if drafted and self.answer.ending(drafted) else drafted
        verified = self.large.read([*self.answer.ids, *asked], last=len(asked) + 1)
        accepted = self._accepted(drafted, rows, verified)
        self.writers += "a" * accepted
        if self.answer.ended is None:
            self.answer.append(self._correction(accepted, rows, verified))
            self.writers += "b"
        self.rounds.append(DraftRound(len(drafted), accepted))
        self._adapt(self.rounds[-1])
        self._cut_to_text(begin + len(drafted) - 1 if drafted else self.small.length)

    def _accepted(self, drafted: list[int], rows: list[LogProbs], verified: LogProbs) -> int:
        """Append drafted tokens up to the first that is rejected; returns how many. Only the last can end the text: a
        draft goes no further."""
        for place, token in enumerate(drafted):
            target, source = self._processed(verified[place]), self._processed(rows[place])
            if not accepts(token, target, source, self.answer.number(stream=_ACCEPTANCE)):
                return place
            self.answer.append(token)
        return len(drafted)

    def _correction(self, accepted: int, rows: list[LogProbs], verified: LogProbs) -> int:
        """Draw the token of the large model behind `accepted` drafted ones."""
        if accepted == len(rows):
            return self.answer.drawn(verified[accepted])
        left = residual(self._processed(verified[accepted]), self._processed(rows[accepted]))
        return picked(left, self.answer.number(stream=_RESIDUAL))

    def _processed(self, row: LogProbs) -> LogProbs:
        return processed(row, self.answers.sampling)

    def _size(self) -> int:
        return self.size if self.drafts == "auto" else self.drafts

    def _adapt(self, last: DraftRound) -> None:
        whole = last.accepted == last.drafted
        self.size = min(LARGEST_DRAFT, self.size + _LONGER) if whole else max(1, self.size - _SHORTER)

    def _cut_to_text(self, read: int) -> None:
        """Cut both models to the text without its last token; of a draft that was accepted as a whole the small one,
        which has `read` so many tokens, reads the last token with the next draft. Raises RuntimeError where a model
        has another number of tokens in memory then."""
        length = len(self.answer.ids) - 1
        for text in (self.small, self.large):
            text.cut(length)
        lengths, expected = (self.small.length, self.large.length), (min(read, length), length)
        if lengths != expected:
            raise RuntimeError(f"after a draft the models have {lengths} tokens in memory, not {expected}")
