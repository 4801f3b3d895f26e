"""Speculative decoding: a small model drafts some tokens, and a large one verifies them in one call.

What is written has the distribution of the large model, and without sampling is its text: a drafted token is accepted
with the probability min(1, p / q), p that of the large model and q that of the small one, and instead of one that is
rejected a token is drawn from what p has more than q (Y. Leviathan, M. Kalman, Y. Matias, "Fast Inference from
Transformers via Speculative Decoding", arXiv 2211.17192). Both are processed by the same settings of sampling before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from benchtui.routing.names import FIRST_DRAFT, Drafts
from benchtui.routing.records import DraftRound, SpeculativeText
from benchtui.worker.answering.protocol import Observer, Unobserved
from benchtui.worker.answering.stepped import Reading, SteppedBatch, SteppedText
from benchtui.worker.answering.written import Answer, Asked
from benchtui.worker.routing.at_once import Started, written_at_once
from benchtui.worker.routing.choosing import Choosing, Row, choosing
from benchtui.worker.routing.phases import Phases

LARGEST_DRAFT = 32
_LONGER, _SHORTER = 2, 1
_VERIFIED = 1 << 26
"""Probabilities that are in memory at once, about: each takes 4 bytes, and 8 more where tokens are sampled."""


class Speculation:
    """Writes texts with a small and a large model, as many at once as both have room for: each with its own drafts, the
    same as if it were alone.

    `drafts` tokens are drafted at a time; "auto" begins with FIRST_DRAFT, and takes two more after a draft that was
    accepted as a whole, else one less. `started` is told the places of the texts that are being written whenever
    others begin, `observer` what was read and written.

    Raises ValueError for drafts of less than one token.
    """

    def __init__(
        self,
        small: SteppedBatch,
        large: SteppedBatch,
        drafts: Drafts = FIRST_DRAFT,
        observer: Observer | None = None,
        started: Started = lambda _: None,
    ) -> None:
        if drafts != "auto" and drafts < 1:
            raise ValueError(f"drafts of {drafts} tokens: must be at least 1")
        self._small = small
        self._large = large
        self._drafts: Drafts = drafts
        self._observer = observer or Unobserved()
        self._phases = Phases(self._observer)
        self._started = started

    def write(self, texts: Sequence[Asked], written: Callable[[int, SpeculativeText], None]) -> None:
        """Write texts, those that are sampled last; `written` is told the place of each as soon as it is complete.

        Those whose prompts begin alike are written together, so that what they have in common is read once. Raises
        BenchtuiError where a prompt fills the window, and what either model raises.
        """
        most = min(self._small.rows, self._large.rows)
        for sampled in (False, True):  # what is read of a distribution differs
            asked = {place: text for place, text in enumerate(texts) if text.answers.sampling.samples == sampled}
            for place, text in written_at_once(asked, most, self._begun, self._write_round, self._started):
                written(place, text.written)

    def _begun(self, asked: Asked) -> _Text:
        answer = asked.answers.begin(asked.prompt, asked.document, asked.repeat)
        return _Text(answer, self._small.begin(), self._large.begin(), choosing(asked.answers.sampling), self._drafts)

    def _write_round(self, texts: list[_Text]) -> None:
        """Draft each text as far as it drafts, and verify all of them together."""
        self._observer.check()
        new = [text for text in texts if not text.rounds]
        before = sum(text.answer.length for text in texts)
        while drafting := [text for text in texts if text.drafts_more]:
            rows = self._read(self._small, drafting, [text.to_draft for text in drafting])
            for text, (row,) in zip(drafting, rows, strict=True):
                text.draft(row)
        for group in self._groups(texts):
            verified = self._read(self._large, group, [text.to_verify for text in group])
            for text, each in zip(group, verified, strict=True):
                text.verify(each)
        written_now = sum(text.answer.length for text in texts) - before
        # The first token of a text belongs to the reading of its prompt, as it does with one model.
        self._phases.tell(sum(text.answer.prompt for text in new), written_now - len(new))

    def _groups(self, texts: list[_Text]) -> Iterator[list[_Text]]:
        """Divide texts into those that are verified in one call: what the large model says of long drafts of many texts
        would not fit into memory together."""
        most = _VERIFIED // self._large.model.vocabulary
        group: list[_Text] = []
        rows = 0
        for text in texts:
            own = len(text.drafted) + 1
            if group and rows + own > most:
                yield group
                group, rows = [], 0
            group.append(text)
            rows += own
        yield group

    def _read(self, batch: SteppedBatch, texts: list[_Text], readings: list[Reading]) -> list[Sequence[Row]]:
        with self._phases.measured(readings, [text.answer.prompt for text in texts]):
            return texts[0].choosing.read(batch, readings)


@dataclass
class _Text:
    """A text in the making: first drafted token by token, then verified."""

    answer: Answer
    small: SteppedText
    large: SteppedText
    choosing: Choosing
    drafts: Drafts
    size: int = FIRST_DRAFT
    rounds: list[DraftRound] = field(default_factory=list)
    writers: str = ""
    rows: list[Row] = field(default_factory=list)
    drafted: list[int] = field(default_factory=list)
    draft_ends: bool = False

    @property
    def drafts_more(self) -> bool:
        """Whether another token is to be drafted. The large model writes one token behind a draft, so that the last one
        of a text needs no draft; nothing is drafted behind a token that would end the text."""
        size = self.size if self.drafts == "auto" else self.drafts
        return len(self.drafted) < min(size, self.answer.left - 1) and not self.draft_ends

    @property
    def to_draft(self) -> Reading:
        """What the small model reads to draft the next token."""
        return Reading(self.small, [*self.answer.ids, *self.drafted])

    def draft(self, row: Row) -> None:
        """Draft a token, given its distribution."""
        self.rows.append(row)
        self.drafted.append(self.choosing.drawn(self.answer, row, len(self.drafted)))
        self.draft_ends = self.answer.ending(self.drafted, side="b") is not None

    @property
    def to_verify(self) -> Reading:
        """What the large model reads to verify the draft: behind one that ends the text no token is wanted."""
        read = self.drafted[:-1] if self.draft_ends else self.drafted
        return Reading(self.large, [*self.answer.ids, *read], last=len(read) + 1)

    def verify(self, verified: Sequence[Row]) -> None:
        """Write the draft as far as it is accepted, and one token of the large model behind it, given its distributions
        of each drafted token and of the next."""
        read = len(self.answer.ids) + len(self.drafted) - 1 if self.drafted else self.small.length
        accepted = self._accepted(verified)
        self.writers += "a" * accepted
        if self.answer.ended is None:
            source = self.rows[accepted] if accepted < len(self.drafted) else None
            self.answer.append(self.choosing.corrected(self.answer, verified[accepted], source), "b")
            self.writers += "b"
        self.rounds.append(DraftRound(len(self.drafted), accepted))
        self._adapt(self.rounds[-1])
        self._cut_to_text(read)
        self.rows, self.drafted, self.draft_ends = [], [], False

    def _accepted(self, verified: Sequence[Row]) -> int:
        """Append drafted tokens up to the first that is rejected; returns how many. Only the last can end the text: a
        draft goes no further."""
        for place, token in enumerate(self.drafted):
            if not self.choosing.accepts(self.answer, token, verified[place], self.rows[place]):
                return place
            self.answer.append(token, "b")  # the text is the large model's, whoever has drafted it
        return len(self.drafted)

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

    def end(self) -> None:
        """Free the room of the text in both models."""
        self.small.end()
        self.large.end()

    @property
    def written(self) -> SpeculativeText:
        """The text, which is complete."""
        assert self.answer.ended is not None  # noqa: S101 - nobody asks before
        return SpeculativeText(
            response=self.answer.response,
            tokens=tuple(self.answer.tokens),
            writers=self.writers,
            ended=self.answer.ended,
            costs=(self.small.cost(self.writers.count("a")), self.large.cost(self.writers.count("b"))),
            rounds=tuple(self.rounds),
        )
