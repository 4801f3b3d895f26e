"""Computes what a comparison can show before it is run: the chance to find a gain, and the chances of the gate's
outcomes.

Right-or-wrong scores are computed exactly (benchtui/evidence/power.py). With several tasks each is judged at the level
that Holm's correction uses for the first one; a task is planned as if it alone had changed. A leaderboard of several
models shares the same error over all models and columns; its mean of the tasks is a column too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from benchtui.evidence.margin_power import chance_of_more
from benchtui.evidence.power import (
    detectable_mean,
    detectable_share,
    mcnemar_power,
    mean_power,
    power_of_all,
    samples_needed,
)
from benchtui.evidence.records import ALPHA, FINAL_ALPHA, POWER
from benchtui.evidence.stopping_power import Stopping, stopping
from benchtui.results.changes import FEWEST, EarlierChanges
from benchtui.tasks.suites import TaskPlan
from benchtui.tasks.words import PLAIN_WORDS, task_title

ASSUMED_CHANGE, ASSUMED_SPREAD = 0.20, 0.02
"""The share of samples that change side, and the standard deviation of the change between the tasks of a group, where
no earlier comparison gives them."""


@dataclass(frozen=True)
class GateChances:
    """What the gate will decide about one task if `lost` points were truly lost, as chances 0..1."""

    lost: float
    met: float
    not_met: float

    @property
    def inconclusive(self) -> float:
        return max(0.0, 1 - self.met - self.not_met)


@dataclass(frozen=True)
class NewTasks:
    """The chance to show the same gain for new tasks of a group's kind: its `tasks` are then the units, whose true
    changes have the standard deviation `spread`."""

    tasks: int
    spread: float
    spread_from: str
    power: float
    detectable: float | None


@dataclass(frozen=True)
class Prospect:
    """One task. `n` samples of its `total` (None: not known), of which a share `discordant` changes side; `power` the
    chance that the gain is shown, `detectable` the smallest gain shown with a chance of 80 % (share; None: none at
    all), `needed` the samples that the wanted gain takes for that. `best` is roughly the chance that one of several
    models, better than the base and all others by the gain, is shown to be the best; None for a single model. The words
    say where n and the share are from."""

    task: str
    title: str
    n: int | None
    n_from: str
    total: int | None
    discordant: float
    discordant_from: str
    needed: int
    power: float | None = None
    detectable: float | None = None
    best: float | None = None
    gate: tuple[GateChances, ...] = ()
    new_tasks: NewTasks | None = None
    stopping: Stopping | None = None

    @property
    def enough(self) -> bool | None:
        """Whether the gain is shown with a chance of 80 %; None where that is unknown."""
        return None if self.power is None else self.power >= POWER


@dataclass(frozen=True)
class Outlook:
    """All tasks. `gain` and `limit` (of the gate) are in points; `alpha` is the level of a single test, `tests` how
    many tests share it: those of all `models` that are compared with one base."""

    tasks: tuple[Prospect, ...]
    gain: float
    limit: float | None
    alpha: float
    tests: int
    models: int = 1

    @property
    def gate_met(self) -> float | None:
        """The chance that the whole gate is met if nothing was lost anywhere; the tasks have no samples in common."""
        if self.limit is None or not all(task.gate for task in self.tasks):
            return None
        return math.prod(task.gate[0].met for task in self.tasks)


def outlook(
    tasks: Sequence[TaskPlan],
    gain: float,
    *,
    limit: float | None = None,
    samples: float | None = None,
    earlier: Mapping[str, EarlierChanges] | None = None,
    discordance: float | None = None,
    models: int = 1,
    watched: bool = False,
    simulate: bool = True,
) -> Outlook:
    """Compute what a comparison on `tasks` can show of a true gain of `gain` points (more than 0, at most 100), of one
    model or of one of several in a leaderboard (`models`, without the base).

    `limit` is that of the gate in points; `samples` overrides every task's own limit, as --limit does; `earlier` says
    how many samples changed side before; `discordance` (0..1) replaces it. `watched` is True where the run may stop
    early; where it will stop is simulated, which takes seconds, unless `simulate` is False.
    """
    level = FINAL_ALPHA if watched else ALPHA
    tests = _tests(len(tasks), models)
    made = []
    for task in tasks:
        before = (earlier or {}).get(task.name)
        found = _prospect(task, gain / 100, samples, before, discordance, level / tests)
        if limit is not None and found.n is not None:
            found = replace(found, gate=_gate(found.n, found.discordant, limit, level, len(tasks)))
        if watched and simulate:
            found = _watched(found, gain / 100, tests)
        made.append(_among(found, models))
    return Outlook(tuple(made), gain, limit, level, tests, models)


def _tests(tasks: int, models: int) -> int:
    """Count the tests that share the error. A comparison has one for each task, a leaderboard also one for the mean."""
    return tasks if models == 1 else models * (tasks + (tasks > 1))


def _among(found: Prospect, models: int) -> Prospect:
    """Add the chance that the better one of several models is shown to be the best: better than the base and than every
    other one, each at the level that also holds against the base (`compare/leaderboard/best.py`)."""
    return found if models == 1 or found.power is None else replace(found, best=power_of_all(found.power, models))


def _prospect(
    task: TaskPlan,
    gain: float,
    samples: float | None,
    earlier: EarlierChanges | None,
    discordance: float | None,
    alpha: float,
) -> Prospect:
    n, n_from = sample_count(task, samples, earlier)
    share, share_from = _changing(earlier, discordance)
    changing = max(share, gain)
    needed = samples_needed(gain, share, alpha)
    found = Prospect(task.name, task_title(task.name), n, n_from, _total(task, earlier), share, share_from, needed)
    if n is None:
        return found
    return replace(
        found,
        power=mcnemar_power(n, changing, gain, alpha),
        detectable=detectable_share(n, share, alpha),
        new_tasks=_new_tasks(task.name, n, changing, gain, earlier, alpha),
    )


def _watched(found: Prospect, gain: float, tests: int) -> Prospect:
    if found.n is None:
        return found
    stops = stopping(found.n, max(found.discordant, gain), gain, tests)
    return replace(found, power=stops.power, stopping=stops)


def sample_count(task: TaskPlan, samples: float | None, earlier: EarlierChanges | None) -> tuple[int | None, str]:
    """Return how many samples of a task are asked, and the source of that number, without loading its data; None where
    it is unknown. A limit holds for each task of a group."""
    words, total = PLAIN_WORDS.get(task.name), _total(task, earlier)
    cut = task.limit if samples is None else samples
    if cut is None or math.isinf(cut):
        return total, "not known" if total is None else "all of the task"
    if cut < 1:
        return (None, "not known") if total is None else (max(1, round(cut * total)), f"{cut:.4g} of {total:,}")
    sizes = words.sizes if words else ()
    asked = sum(min(int(cut), size) for size in sizes) if sizes else int(cut) * (words.parts if words else 1)
    return (asked, "the limit") if total is None or asked < total else (total, "all of the task")


def _total(task: TaskPlan, earlier: EarlierChanges | None) -> int | None:
    """Return the number counted in the data set, else the one of an earlier run."""
    words = PLAIN_WORDS.get(task.name)
    return words.documents if words and words.documents else earlier.total if earlier is not None else None


def _changing(earlier: EarlierChanges | None, discordance: float | None) -> tuple[float, str]:
    if discordance is not None:
        return discordance, "as you said"
    if earlier is not None and earlier.changed is not None and earlier.n >= FEWEST:
        return (earlier.changed + 1) / (earlier.n + 2), f"as in the last comparison ({earlier.n:,} samples)"
    return ASSUMED_CHANGE, "assumed"


def _gate(n: int, share: float, limit: float, level: float, tests: int) -> tuple[GateChances, ...]:
    """Compute the gate's chances if nothing, the limit, or twice the limit is lost. Each loss must be shown to be small
    enough at the level itself, and to be too large at the level shared by all tasks, as in
    benchtui/compare/verdicts/gate.py."""
    margin = limit / 100
    return tuple(
        GateChances(
            100 * lost,
            chance_of_more(n, share, -lost, -margin, level),
            chance_of_more(n, share, lost, margin, level / tests),
        )
        for lost in (0.0, margin, 2 * margin)
        if lost < 1
    )


def _new_tasks(
    task: str, n: int, changing: float, gain: float, earlier: EarlierChanges | None, alpha: float
) -> NewTasks | None:
    """Compute the chance roughly, by a t-test over the group's tasks, as if all were of one size."""
    words = PLAIN_WORDS.get(task)
    if words is None or words.parts == 1:
        return None
    known = earlier.spread if earlier is not None else None
    spread = ASSUMED_SPREAD if known is None else known
    stderr = math.sqrt(spread**2 / words.parts + (changing - gain**2) / n)
    return NewTasks(
        words.parts,
        spread,
        "assumed" if known is None else "as in the last comparison",
        mean_power(gain, stderr, words.parts, alpha),
        detectable_mean(stderr, words.parts, alpha),
    )
