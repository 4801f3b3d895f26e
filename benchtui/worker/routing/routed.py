"""Texts of a small model, in which a large one writes where the small one is unsure.

The small model reads every token, since its distribution decides who writes the next one. The large model reads what it
misses when it has to write: fewer calls, not fewer positions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchtui.errors import BenchtuiError
from benchtui.routing.records import RoutedText, Side
from benchtui.routing.rules import RouteRule
from benchtui.routing.signals import SIGNALS, of_distributions
from benchtui.worker.answering.protocol import Observer, Unobserved
from benchtui.worker.answering.stepped import Reading, ReadRows, SteppedBatch, SteppedText
from benchtui.worker.answering.written import Answer, Asked
from benchtui.worker.routing.at_once import Started, written_at_once
from benchtui.worker.routing.phases import Phases


class Routing:
    """Writes texts with a small and a large model by a rule, as many at once as both have room for: each the same as if
    it were alone.

    `started` is told the places of the texts that are being written whenever others begin, `observer` what was read and
    written.
    """

    def __init__(
        self,
        small: SteppedBatch,
        large: SteppedBatch,
        rule: RouteRule,
        observer: Observer | None = None,
        started: Started = lambda _: None,
    ) -> None:
        self._small = small
        self._large = large
        self._rule = rule
        self._observer = observer or Unobserved()
        self._phases = Phases(self._observer)
        self._started = started

    def write(self, texts: Sequence[Asked], written: Callable[[int, RoutedText], None]) -> None:
        """Write texts; `written` is told the place of each as soon as it is complete. Those whose prompts begin alike
        are written together, so that what they have in common is read once.

        Raises BenchtuiError where a prompt fills the window, where the rule or a setting needs raw logits and a model
        gives log-probabilities only, and what either model raises.
        """
        most = min(self._small.rows, self._large.rows)
        asked = dict(enumerate(texts))
        for place, text in written_at_once(asked, most, self._begun, self._write_tokens, self._started):
            written(place, text.written)

    def _begun(self, asked: Asked) -> _Text:
        answer = asked.answers.begin(asked.prompt, asked.document, asked.repeat)
        return _Text(answer, self._rule, self._small.begin(), self._large.begin())

    def _write_tokens(self, texts: list[_Text]) -> None:
        """Write one token of each text."""
        self._observer.check()
        new = [text for text in texts if not text.answer.length]
        for text, row in zip(texts, self._read(self._small, {text.small: text for text in texts}), strict=True):
            text.route(row)
        if routed := [text for text in texts if text.writers[-1] == "b"]:
            for text, row in zip(routed, self._read(self._large, {text.large: text for text in routed}), strict=True):
                text.row = row
        for text in texts:
            text.append()
        # The first token of a text belongs to the reading of its prompt, as it does with one model.
        self._phases.tell(sum(text.answer.prompt for text in new), len(texts) - len(new))

    def _read(self, batch: SteppedBatch, texts: dict[SteppedText, _Text]) -> list[ReadRows]:
        """Return the distribution of the next token of each text."""
        readings = [Reading(stepped, text.answer.ids) for stepped, text in texts.items()]
        with self._phases.measured(readings, [text.answer.prompt for text in texts.values()]):
            return batch.rows_of(readings)


@dataclass(eq=False)
class _Text:
    """A text in the making."""

    answer: Answer
    rule: RouteRule
    small: SteppedText
    large: SteppedText
    writers: list[Side] = field(default_factory=list)
    signals: list[float] = field(default_factory=list)
    since: int | None = None
    row: ReadRows | None = None
    """The distribution from which the next token is drawn."""

    def route(self, row: ReadRows) -> None:
        """Settle who writes the next token, given the distribution of the small model."""
        self.row = row
        self.signals.append(signal_at(self.rule, row))
        if self.rule.reached(self.signals[-1]):
            self.since = 0
        elif self.since is not None:
            self.since += 1
        self.writers.append(self.rule.writer(self.since))

    def append(self) -> None:
        """Write the next token."""
        assert self.row is not None  # noqa: S101 - set before
        self.answer.append(self.answer.drawn_by(self.writers[-1], self.row), self.writers[-1])

    def end(self) -> None:
        """Free the room of the text in both models."""
        self.small.end()
        self.large.end()

    @property
    def written(self) -> RoutedText:
        """The text, which is complete."""
        assert self.answer.ended is not None  # noqa: S101 - nobody asks before
        return RoutedText(
            response=self.answer.response,
            tokens=tuple(self.answer.tokens),
            writers="".join(self.writers),
            ended=self.answer.ended,
            costs=(self.small.cost(self.writers.count("a")), self.large.cost(self.writers.count("b"))),
            signals=tuple(self.signals),
        )


def signal_at(rule: RouteRule, row: ReadRows) -> float:
    """Return the signal of a rule at one position, from the small model's distribution there. Raises BenchtuiError
    where the rule needs raw logits and they are not known."""
    if SIGNALS[rule.signal].needs == "raw logits" and row.logsumexp is None:
        raise BenchtuiError(
            f"{rule.signal} needs raw logits, and this model's texts give log-probabilities only.",
            "Choose another signal, such as margin.",
        )
    return float(of_distributions(rule.signal, row.logprobs, row.logsumexp, rule.k)[0])
