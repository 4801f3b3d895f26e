"""The records of a comparison: every report draws these and computes nothing."""

from __future__ import annotations

import enum
import math
from typing import Literal

import msgspec

from benchtui.compare.verdicts.margins import Claim, Margins
from benchtui.evidence.bootstrap import Draws
from benchtui.evidence.means import Units
from benchtui.evidence.pooling import Shrunk
from benchtui.evidence.records import ALPHA, Flips, Interval
from benchtui.results.records import EarlyStop, Partial, RunResults
from benchtui.results.repeats import Spread
from benchtui.runs.answer_health import TaskHealth


class Pairing(msgspec.Struct, frozen=True):
    """How the documents of two runs fit together: `matched` are the same document asked with the same prompt.

    `by_number` of them only have the same number: old samples say by no hash what they are or what was asked.
    `neither` were asked and answered in none of the runs.
    """

    matched: int
    differing_prompts: int
    only_first: int
    only_second: int
    by_number: int = 0
    neither: int = 0

    @property
    def asked(self) -> int:
        """All documents that were asked."""
        return self.matched + self.differing_prompts + self.only_first + self.only_second + self.neither

    @property
    def missing(self) -> int:
        """How many of them have no pair of scores."""
        return self.asked - self.matched

    @property
    def unpaired_share(self) -> float:
        """The share of all documents asked that could not be paired, 0..1."""
        return self.missing / self.asked if self.asked else 1.0

    def without(self, *, only_first: bool, only_second: bool) -> Pairing:
        """Return the same without the documents that only one of the runs has."""
        return Pairing(
            self.matched,
            self.differing_prompts,
            0 if only_first else self.only_first,
            0 if only_second else self.only_second,
            self.by_number,
            self.neither,
        )

    def plus(self, other: Pairing) -> Pairing:
        return Pairing(
            self.matched + other.matched,
            self.differing_prompts + other.differing_prompts,
            self.only_first + other.only_first,
            self.only_second + other.only_second,
            self.by_number + other.by_number,
            self.neither + other.neither,
        )


CONFIDENCE_SEQUENCE = "confidence sequence"
"""Used in place of the name of a p-value's test, for a task that was decided early."""


class Side(msgspec.Struct, frozen=True):
    """One run's score: `n` documents of `total`; `interval` for that score alone. `value` may be NaN or infinite;
    `health` is that of the answers behind it, None where it was not counted. `answers` were drawn to each document,
    whose means vary as `spread` says (None for one answer, and for groups)."""

    value: float
    stderr: float | None
    interval: Interval | None
    n: int
    total: int
    partial: Partial | None = None
    health: TaskHealth | None = None
    answers: int = 1
    spread: Spread | None = None


class Difference(msgspec.Struct, frozen=True):
    """Second run minus first, over the paired documents only.

    `n` documents in `clusters` independent units, which are the documents themselves, or for new tasks the tasks;
    `first` and `second` the scores over just these documents; `p` the two-sided p-value, `p_holm` corrected over the
    suite's tasks (of headlines and of their new tasks only), the price of a watched run's looks included; `detectable`
    the smallest difference that this many samples show with 80 % power, as one of all the tests that Holm corrects for,
    None where no size would do; `method` names the test.
    `flips` takes 1 for right whatever the metric (see `Row.flips`). `units` is what p and interval of other means are
    made of, `draws` those of scores of texts as a whole, None where these can show nothing; `alpha` is the level of
    interval and `detectable`.

    `missing` documents were asked and cannot be paired. `completions` are then the differences with the scores put in
    that make it smallest and largest: `p` and `interval` hold for both, `value` and `flips` are of the pairs alone.
    `tasks` holds the difference of each task where these are the sample (see `Row.new_tasks`).
    """

    n: int
    clusters: int
    first: float
    second: float
    value: float
    stderr: float | None
    interval: Interval | None
    p: float
    method: str
    detectable: float | None
    flips: Flips | None = None
    units: Units | None = None
    draws: Draws | None = None
    alpha: float = ALPHA
    p_holm: float | None = None
    missing: int = 0
    completions: tuple[Difference, ...] = ()
    tasks: tuple[float, ...] = ()


class Kind(enum.StrEnum):
    """What a row means, with the bands of the requirements."""

    EXCELLENT = "excellent"
    GOOD = "good"
    MARGINAL = "marginal"
    WEAK = "weak"
    ACCEPTABLE_LOSS = "acceptable loss"
    LOSS = "loss"
    FORGETTING = "possible catastrophic forgetting"
    BETTER = "better"
    WORSE = "worse"
    NO_DIFFERENCE = "no difference shown"
    WITHIN = "no relevant difference"
    NOT_COMPARABLE = "not comparable"

    @property
    def is_gain(self) -> bool:
        return self in (Kind.EXCELLENT, Kind.GOOD, Kind.MARGINAL, Kind.WEAK, Kind.BETTER)

    @property
    def is_loss(self) -> bool:
        return self in (Kind.ACCEPTABLE_LOSS, Kind.LOSS, Kind.FORGETTING, Kind.WORSE)


class Verdict(msgspec.Struct, frozen=True):
    """`kind` is what is shown: for a gain or a loss the band of the interval's end nearest zero; `likely` is the band
    of the change itself where that differs. `word` gives both, `sentence` can be read alone."""

    kind: Kind
    word: str
    sentence: str
    likely: Kind | None = None

    @property
    def tone(self) -> Kind:
        """The kind that the colour shows: the likely size of a loss, the shown size of a gain."""
        return self.likely if self.likely is not None and self.kind.is_loss else self.kind


Level = Literal["headline", "detail", "part"]


class Row(msgspec.Struct, frozen=True):
    """One metric of one task in both runs.

    `level`: "headline" is a task by its main metric; "detail" is another metric or filter of the same; "part" a task
    or group inside a group, `depth` levels down. `early` is the decision that stopped the task; `stopped` says of
    another row that its documents are those of a task stopped early. `notes` say in words what differs besides the
    model.

    `population` says in words what interval and test are about. `tasks` is how many tasks a group has, 0 for what is no
    group; `new_tasks` is the difference over new tasks of its kind, None where there are too few tasks. `shrunk` is
    the change of a task inside a group, read together with those of its neighbours. `claims`, of headlines that are
    shares, whether a loss or any difference that matters is excluded.
    """

    task: str
    title: str
    metric: str
    filter: str
    level: Level
    depth: int
    higher_is_better: bool
    is_share: bool
    first: Side
    second: Side
    pairing: Pairing
    difference: Difference | None
    verdict: Verdict | None
    early: EarlyStop | None = None
    stopped: bool = False
    notes: tuple[str, ...] = ()
    population: str = ""
    tasks: int = 0
    new_tasks: Difference | None = None
    shrunk: Shrunk | None = None
    claims: tuple[Claim, ...] = ()

    @property
    def tested(self) -> Difference | None:
        """The difference with a p-value and an interval that hold. Those of a task that stopped early would hold for
        one look, and there were many."""
        return None if self.early is not None or self.stopped else self.difference

    @property
    def key(self) -> str:
        return f"{self.metric},{self.filter}"

    @property
    def no_loss(self) -> Claim | None:
        """The claim that no loss over the margin was made, where it is shown."""
        return next((claim for claim in self.claims if claim.kind == "no loss" and claim.shown), None)

    @property
    def paired_on(self) -> int | None:
        """How many documents the change is over when some of either run were not paired; None when all were, or when
        none was and the change is between the runs' own scores."""
        everything = self.pairing.missing == self.pairing.neither and self.first.n == self.second.n
        return None if everything or self.difference is None else self.difference.n

    @property
    def change(self) -> float:
        """Second minus first as in the table, NaN where one of them is not a number: over the paired documents alone
        where some have no partner; for a task decided early, as it was at that moment."""
        if self.early is not None:
            return self.early.difference
        if self.difference is not None and self.paired_on is not None:
            return self.difference.value
        return self.second.value - self.first.value

    @property
    def relative(self) -> float | None:
        """The change in percent of the first score over the same documents; None where that is zero."""
        paired = self.difference if self.paired_on is not None else None
        start = paired.first if paired is not None else self.first.value
        return 100 * self.change / abs(start) if start and math.isfinite(self.change) else None

    @property
    def interval(self) -> Interval | None:
        """The interval of the change: for a task decided early the one valid at every look, else the difference's."""
        if self.early is not None:
            return Interval(self.early.low, self.early.high)
        return self.tested.interval if self.tested is not None else None

    @property
    def level_of_interval(self) -> float | None:
        """The confidence of the interval, 0..1; None without one."""
        if self.interval is None:
            return None
        alpha = self.early.alpha if self.early is not None else self.tested.alpha if self.tested is not None else 0.0
        return round(1 - alpha, 6)

    @property
    def flips(self) -> Flips | None:
        """How many documents became right and wrong, by the metric's own direction; None where it is not 0/1."""
        flips = self.difference.flips if self.difference is not None else None
        return flips if flips is None or self.higher_is_better else flips.mirrored()

    @property
    def improved(self) -> bool | None:
        """Whether the change is for the better by the metric's own direction; None for no change, or one that is not a
        number."""
        if self.change == 0 or not math.isfinite(self.change):
            return None
        return (self.change > 0) == self.higher_is_better


class Comparison(msgspec.Struct, frozen=True):
    """Two runs, row by row. `first` is the base (or A), `second` the fine-tuned model (or B).

    `settings` name in words what differs between the runs besides the model; `missing` the tasks only one of them has;
    `tests` is how many tasks the Holm correction was made over: all that both runs were asked, whatever became of them.
    `watched` where either run might have stopped early, so that all is judged at the level that its looks left.
    """

    first: RunResults
    second: RunResults
    first_name: str
    second_name: str
    rows: tuple[Row, ...]
    settings: tuple[str, ...]
    missing: tuple[str, ...]
    warnings: tuple[str, ...]
    tests: int
    sentence: str
    watched: bool = False
    margins: Margins = Margins()

    @property
    def headlines(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.level == "headline")

    @property
    def partial(self) -> bool:
        return bool(self.first.partial or self.second.partial)
