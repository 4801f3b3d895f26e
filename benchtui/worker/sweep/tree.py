"""All texts that a small and a large model write at several thresholds, as walks over the trees of their beginnings.

Who writes the next token depends on the text before it and the threshold alone. So thresholds with the same beginning
share it, computed once; they part where one of them takes the large model's token, another one the small model's, and
these are different. Where both are equal nothing parts: only who has written the token differs. Branches, of one
document or several, are written together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchtui.errors import BenchtuiError
from benchtui.routing.records import Cost, RoutedText, Side
from benchtui.routing.rules import RouteRule
from benchtui.routing.signals import SIGNALS
from benchtui.worker.answering.protocol import Ids, Observer, Unobserved
from benchtui.worker.answering.stepped import ReadRows, SteppedBatch
from benchtui.worker.answering.written import Answer, Asked
from benchtui.worker.routing.at_once import Started
from benchtui.worker.routing.routed import signal_at
from benchtui.worker.sweep.branch_texts import BranchTexts, Forked, InRows


@dataclass(frozen=True)
class Walked:
    """What a walk gives: for each rule, in their order, the text that a run of it alone writes, with what that would
    cost; and what both models have really done for all of them together. A rule that leaves everything to the large
    model needs no signals: where it writes alone they are NaN."""

    texts: tuple[RoutedText, ...]
    costs: tuple[Cost, Cost]


class Walks:
    """Writes texts with a small and a large model by every one of some rules, which differ in their threshold: as many
    branches at once as both have room for. Where there is room for one, it is written to its end before the next one,
    and nothing is read twice.

    `started` is told the places of the texts that are being written whenever others begin; `observer` may end the work
    before every token.
    """

    def __init__(
        self,
        small: SteppedBatch,
        large: SteppedBatch,
        rules: Sequence[RouteRule],
        observer: Observer | None = None,
        started: Started = lambda _: None,
    ) -> None:
        self._rows = min(small.rows, large.rows)
        self._small, self._large = self._texts_of(small), self._texts_of(large)
        self._rules = rules
        self._observer = observer or Unobserved()
        self._started = started

    def write(self, texts: Sequence[Asked], walked: Callable[[int, Walked], None]) -> None:
        """Write behind prompts of at least one token; `walked` is told the place of each text as soon as all rules have
        theirs. The random numbers of a text that is sampled are the same for all rules.

        Branches that part wait, the last one first, and before other texts begin: what they have in common with others
        is then still in memory.

        Raises BenchtuiError where a prompt fills the window or a rule needs raw logits, and what either model raises.
        """
        if SIGNALS[self._rules[0].signal].needs == "raw logits":
            raise BenchtuiError(
                f"{self._rules[0].signal} needs raw logits, and a text that grows gives log-probabilities only.",
                "Choose another signal, such as margin.",
            )
        waiting = sorted(range(len(texts)), key=lambda place: list(texts[place].prompt), reverse=True)
        trees: dict[int, _Tree] = {}
        active: list[_Branch] = []
        parted: list[_Branch] = []
        while waiting or active or parted:
            while parted and len(active) < self._rows:
                active.append(parted.pop())
            begun = len(waiting)
            while waiting and len(active) + len(parted) < self._rows:
                place = waiting.pop()
                trees[place] = _Tree()
                active.append(self._begun(texts[place], trees[place]))
            if len(waiting) < begun:
                self._started(list(trees))
            parted += self._write_tokens(active)
            for branch in (*active, *parted):
                if branch.answer.ended is not None:
                    self._end(branch)
            active, parted = ([each for each in group if each.answer.ended is None] for group in (active, parted))
            for place, tree in list(trees.items()):
                if len(tree.texts) == len(self._rules):
                    del trees[place]
                    walked(place, tree.walked)

    def _texts_of(self, batch: SteppedBatch) -> BranchTexts:
        return Forked(batch.model) if self._rows == 1 else InRows(batch)

    def _begun(self, asked: Asked, tree: _Tree) -> _Branch:
        return _Branch(
            asked.answers.begin(asked.prompt, asked.document, asked.repeat), tree, self._small.begin(),
            self._large.begin(), {number: _Writers(rule) for number, rule in enumerate(self._rules)},
        )  # fmt: skip

    def _write_tokens(self, branches: Sequence[_Branch]) -> list[_Branch]:
        """Write one token of each branch; returns those that part from them."""
        self._observer.check()
        by_small = [branch for branch in branches if not branch.large_alone]
        rows = _read(self._small, {branch.small: branch.answer.ids for branch in by_small})
        for branch, row in zip(by_small, rows, strict=True):
            branch.route(row)
        by_large = [branch for branch in branches if branch.large_alone or branch.taken]
        others = _read(self._large, {branch.large: branch.answer.ids for branch in by_large})
        large_rows = dict(zip((branch.large for branch in by_large), others, strict=True))
        found = (self._write_token(branch, large_rows.get(branch.large)) for branch in branches)
        return [branch for branch in found if branch is not None]

    def _write_token(self, branch: _Branch, row: ReadRows | None) -> _Branch | None:
        """Write the next token of a branch, given the large model's distribution where a rule takes it; return the
        branch that parts from it, where one does.

        The one that parts is written after the one that is written on, so that where they are forked their cache is
        shared: it is continued only when the longer one is gone.
        """
        answer = branch.answer
        other = None if row is None else answer.drawn_by("b", row)
        if branch.large_alone:
            assert other is not None  # noqa: S101 - the large model was asked
            branch.write_alone(other)
            return None
        assert branch.row is not None  # noqa: S101 - the small model was asked
        if other is not None and len(branch.taken) == len(branch.rules):
            answer.append(other, "b")
            return None
        token, parted = answer.drawn_by("a", branch.row), None
        if other is not None and (other != token or answer.ends_at(other, "b") != answer.ends_at(token, "a")):
            parted = branch.split(self._small.fork(branch.small), self._large.fork(branch.large))
            parted.answer.append(other, "b")
        answer.append(token, "a")
        return parted

    def _end(self, branch: _Branch) -> None:
        """Keep the texts of a branch that is complete, and free its room in both models."""
        for number, writers in branch.rules.items():
            branch.tree.texts[number] = branch.text(writers.sides)
        branch.tree.add(self._small.end(branch.small), self._large.end(branch.large))


def _read(texts: BranchTexts, wanted: dict[int, Ids]) -> list[ReadRows]:
    return texts.read(wanted) if wanted else []


@dataclass
class _Writers:
    """Who has written by one rule; `since` as `RouteRule.writer` has it."""

    rule: RouteRule
    sides: list[Side] = field(default_factory=list)
    since: int | None = None

    def next(self, signal: float) -> Side:
        if self.rule.reached(signal):
            self.since = 0
        elif self.since is not None:
            self.since += 1
        self.sides.append(self.rule.writer(self.since))
        return self.sides[-1]


@dataclass(eq=False)
class _Tree:
    """What is complete of one document: the text of each rule, and what both models did."""

    texts: dict[int, RoutedText] = field(default_factory=dict)
    costs: list[Cost] = field(default_factory=lambda: [Cost("small"), Cost("large")])

    def add(self, *costs: Cost) -> None:
        self.costs = [before.plus(more) for before, more in zip(self.costs, costs, strict=True)]

    @property
    def walked(self) -> Walked:
        return Walked(tuple(self.texts[number] for number in sorted(self.texts)), (self.costs[0], self.costs[1]))


@dataclass(eq=False)
class _Branch:
    """A beginning, the rules that have it, and the numbers of its texts in both models."""

    answer: Answer
    tree: _Tree
    small: int
    large: int
    rules: dict[int, _Writers]
    signals: list[float] = field(default_factory=list)
    row: ReadRows | None = None
    """The small model's distribution of the next token."""
    taken: list[int] = field(default_factory=list)
    """The rules by which the large model writes the next token."""

    @property
    def large_alone(self) -> bool:
        """Whether nothing depends on the small model any more."""
        return all(writers.rule.threshold == -math.inf for writers in self.rules.values())

    def route(self, row: ReadRows) -> None:
        """Settle by which rules the large model writes the next token, given the small one's distribution."""
        self.row = row
        self.signals.append(signal_at(next(iter(self.rules.values())).rule, row))
        self.taken = [number for number, writers in self.rules.items() if writers.next(self.signals[-1]) == "b"]

    def write_alone(self, token: int) -> None:
        """Write a token of the large model, which nobody else was asked."""
        self.answer.append(token, "b")
        self.signals.append(math.nan)
        for writers in self.rules.values():
            writers.sides.append("b")

    def split(self, small: int, large: int) -> _Branch:
        """Take the rules away that the large model is taken by, into a branch of their own."""
        return _Branch(
            self.answer.fork(), self.tree, small, large,
            {number: self.rules.pop(number) for number in self.taken}, list(self.signals),
        )  # fmt: skip

    def text(self, sides: list[Side]) -> RoutedText:
        """The text of one rule. By itself, the small model would have read all but the last token, and the large one
        all before the last that it wrote, as late as it could."""
        assert self.answer.ended is not None  # noqa: S101 - it is written to its end
        written, by_large, prompt = len(sides), sides.count("b"), self.answer.prompt
        last = max((place for place, side in enumerate(sides) if side == "b"), default=-1)
        return RoutedText(
            response=self.answer.response,
            tokens=tuple(self.answer.tokens),
            writers="".join(sides),
            ended=self.answer.ended,
            costs=(
                Cost("small", written, prompt + written - 1, written - by_large),
                Cost("large", by_large, prompt + last if by_large else 0, by_large),
            ),
            signals=tuple(self.signals),
        )
