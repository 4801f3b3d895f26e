"""All texts that a small and a large model write at several thresholds, as one walk over the tree of their beginnings.

Who writes the next token depends on the text before it and the threshold alone. So thresholds with the same beginning
share it, computed once; they part where one of them takes the large model's token, another one the small model's, and
these are different. Where both are equal nothing parts: only who has written the token differs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchtui.errors import BenchtuiError
from benchtui.routing.records import Cost, RoutedText, Side
from benchtui.routing.rules import RouteRule
from benchtui.routing.signals import SIGNALS
from benchtui.worker.answering.growing_batch import CountingObserver
from benchtui.worker.answering.next_token import GrowingText
from benchtui.worker.answering.protocol import Ids
from benchtui.worker.answering.stepped import ReadRows, SteppedModel
from benchtui.worker.answering.written import Answer, Answers
from benchtui.worker.routing.routed import signal_at


@dataclass(frozen=True)
class Walked:
    """What a walk gives: for each rule, in their order, the text that a run of it alone writes, with what that would
    cost; and what both models have really done for all of them together. A rule that leaves everything to the large
    model needs no signals: where it writes alone they are NaN."""

    texts: tuple[RoutedText, ...]
    costs: tuple[Cost, Cost]


def walk(
    small: SteppedModel, large: SteppedModel, prompt: Ids, answers: Answers, rules: Sequence[RouteRule], document: int
) -> Walked:
    """Write behind a prompt of at least one token by every one of some rules, which differ in their threshold.
    `document` chooses the random numbers of a text that is sampled: the same for all rules.

    Raises BenchtuiError where the prompt fills the window or a rule needs raw logits, and what either model raises.
    """
    if SIGNALS[rules[0].signal].needs == "raw logits":
        raise BenchtuiError(
            f"{rules[0].signal} needs raw logits, and a text that grows gives log-probabilities only.",
            "Choose another signal, such as margin.",
        )
    walked = _Walk(_Counted(small), _Counted(large), rules, len(prompt))
    branch = _Branch(
        answers.begin(prompt, document), walked.small.begin(), walked.large.begin(),
        {number: _Writers() for number in range(len(rules))},
    )  # fmt: skip
    waiting = [branch]
    del branch  # what is no longer written must not be kept: its place in the cache is used again
    while waiting:
        walked.write(waiting)
    return Walked(
        tuple(walked.texts[number] for number in range(len(rules))),
        (walked.small.cost(), walked.large.cost()),
    )


class _Counted:
    """One model, and what its texts have cost together."""

    def __init__(self, model: SteppedModel) -> None:
        self._model = model
        self._observer = CountingObserver(model.observer)
        self._calls = 0

    def begin(self) -> GrowingText:
        return self._model.grow(self._observer)

    def read(self, text: GrowingText, ids: Ids) -> ReadRows:
        """Let a text read what it misses of `ids`; returns the distribution after them."""
        self._calls += 1
        return ReadRows(self._model.restricted(text.step(list(ids[len(text.ids) :]), last=1)))

    def cost(self) -> Cost:
        return Cost(self._model.label, self._calls, self._observer.positions)


_SMALL: Side = "a"
_LARGE: Side = "b"


@dataclass
class _Writers:
    """Who has written by one rule; `since` as `RouteRule.writer` has it."""

    sides: list[Side] = field(default_factory=list)
    since: int | None = None

    def next(self, rule: RouteRule, signal: float) -> Side:
        if rule.reached(signal):
            self.since = 0
        elif self.since is not None:
            self.since += 1
        self.sides.append(rule.writer(self.since))
        return self.sides[-1]


@dataclass
class _Branch:
    """A beginning, and the rules that have it."""

    answer: Answer
    small: GrowingText
    large: GrowingText
    rules: dict[int, _Writers]
    signals: list[float] = field(default_factory=list)

    def split(self, rules: Sequence[int]) -> _Branch:
        """Take some of the rules away, into a branch of their own."""
        return _Branch(
            self.answer.fork(), self.small.fork(), self.large.fork(),
            {number: self.rules.pop(number) for number in rules}, list(self.signals),
        )  # fmt: skip


class _Walk:
    def __init__(self, small: _Counted, large: _Counted, rules: Sequence[RouteRule], prompt: int) -> None:
        self.small = small
        self.large = large
        self.texts: dict[int, RoutedText] = {}
        self._rules = rules
        self._prompt = prompt

    def write(self, waiting: list[_Branch]) -> None:
        """Write the branch that was added last to its end; branches that part from it are added.

        A branch that parts ends before the one that is written on, so that their cache is shared: it is continued only
        when the longer one is gone.
        """
        branch = waiting.pop()
        while branch.answer.ended is None:
            if all(self._rules[number].threshold == -math.inf for number in branch.rules):
                self._write_alone(branch)
                break
            row = self.small.read(branch.small, branch.answer.ids)
            branch.signals.append(signal_at(self._rules[0], row))
            by_large = [
                number
                for number, writers in branch.rules.items()
                if writers.next(self._rules[number], branch.signals[-1]) == "b"
            ]
            token, side = branch.answer.drawn_by(_SMALL, row), _SMALL
            if by_large:
                other = branch.answer.drawn_by(_LARGE, self.large.read(branch.large, branch.answer.ids))
                if len(by_large) == len(branch.rules):
                    token, side = other, _LARGE
                elif other != token or branch.answer.ends_at(other, _LARGE) != branch.answer.ends_at(token, _SMALL):
                    parted = branch.split(by_large)
                    parted.answer.append(other, _LARGE)
                    waiting.append(parted)
            branch.answer.append(token, side)
        for number, writers in branch.rules.items():
            self.texts[number] = self._text(branch, writers.sides)

    def _write_alone(self, branch: _Branch) -> None:
        """Let the large model write to the end, where nothing depends on the small one any more."""
        while branch.answer.ended is None:
            row = self.large.read(branch.large, branch.answer.ids)
            branch.answer.append(branch.answer.drawn_by(_LARGE, row), _LARGE)
            branch.signals.append(math.nan)
            for writers in branch.rules.values():
                writers.sides.append("b")

    def _text(self, branch: _Branch, sides: list[Side]) -> RoutedText:
        """The text of one rule. By itself, the small model would have read all but the last token, and the large one
        all before the last that it wrote, as late as it could."""
        assert branch.answer.ended is not None  # noqa: S101 - it is written to its end
        written, by_large = len(sides), sides.count("b")
        last = max((place for place, side in enumerate(sides) if side == "b"), default=-1)
        return RoutedText(
            response=branch.answer.response,
            tokens=tuple(branch.answer.tokens),
            writers="".join(sides),
            ended=branch.answer.ended,
            costs=(
                Cost("small", written, self._prompt + written - 1, written - by_large),
                Cost("large", by_large, self._prompt + last if by_large else 0, by_large),
            ),
            signals=tuple(branch.signals),
        )
