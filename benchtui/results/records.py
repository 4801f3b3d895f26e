"""The records of a run's results; the rest of the program reads these and no result file."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Collection
from pathlib import Path

import msgspec

from benchtui.plans.benchmark import Role
from benchtui.results.repeats import Spread
from benchtui.results.routing import RoutedRun
from benchtui.runs.answer_health import TaskHealth, together
from benchtui.runs.kinds.benchmark.task_data import TaskData
from benchtui.runs.records import RunState
from benchtui.runs.speed import Speed

# Looked for anywhere in a metric's name: measures of error without end, and scores that are not shares of anything, so
# that "percent" would be wrong; then whole names of error rates.
_UNBOUNDED = ("perplexity", "_per_byte", "likelihood", "loss", "error_rate", "distance", "length")
_ERROR_RATES = ("ter", "wer", "cer", "mse", "mae", "rmse")
_NOT_SHARES = (*_UNBOUNDED, "bleu", "chrf", "rouge", "brier")


class Score(msgspec.Struct, frozen=True):
    """One metric of one task or group on lm-eval's own scale (accuracies 0..1). `value` is NaN or infinite where
    lm-eval's is: the task then has a score that says nothing, which is not the same as having none.

    `stderr` is lm-eval's, None where it gives none ("N/A") or NaN; `n` counts documents scored, `total` those that the
    task has.
    """

    task: str
    metric: str
    filter: str
    value: float
    stderr: float | None
    n: int
    higher_is_better: bool
    total: int

    @property
    def key(self) -> str:
        """lm-eval's own name for it: `metric,filter`."""
        return f"{self.metric},{self.filter}"

    @property
    def finite(self) -> bool:
        """Whether the value is a number that can be compared and averaged."""
        return math.isfinite(self.value)

    @property
    def is_share(self) -> bool:
        """Whether the value is a share between 0 and 1, to be shown in percent."""
        return is_share(self.metric, self.value)


def is_share(metric: str, value: float) -> bool:
    """Whether `value` of `metric` is a share of something (an accuracy, F1), to be shown in percent."""
    name = metric.lower()
    return name not in _ERROR_RATES and not any(word in name for word in _NOT_SHARES) and 0.0 <= value <= 1.0


def is_bounded(metric: str, *, higher_is_better: bool) -> bool:
    """Return whether scores of `metric` that lie between 0 and 1 have these as the ends of their scale. An error
    measure may be of any size even where no answer so far has shown it."""
    name = metric.lower()
    known = name in _ERROR_RATES or any(word in name for word in _UNBOUNDED)
    return higher_is_better and not known


class Partial(msgspec.Struct, frozen=True):
    """A task that was not answered to its end: `done` of `total` documents have a score."""

    task: str
    done: int
    total: int
    unanswered: tuple[int, ...] = ()

    def __str__(self) -> str:
        return f"{self.done}/{self.total}"


class EarlyStop(msgspec.Struct, frozen=True):
    """A task whose evaluation stopped once its anytime-valid interval had decided; written by the worker.

    `decision` in the words of `benchtui.evidence.sequential`; `difference`, `low` and `high` on the score's scale. It
    is about the comparison with the base run whose fingerprint is `base_fingerprint`, and about no other. `low` to
    `high` is for the documents of the task, `elsewhere` for others of their kind (None in older files); both hold at
    every look. `asked` are the questions (`benchtui.evidence.questions`) that had to be answered, `max_loss` the loss
    that one of them may be about.
    """

    task: str
    metric: str
    filter: str
    decision: str
    n: int
    total: int
    difference: float
    low: float
    high: float
    delta: float
    alpha: float
    base_fingerprint: str = ""
    asked: tuple[str, ...] = ("sign",)
    max_loss: float = 0.0
    elsewhere: tuple[float, float] | None = None

    @property
    def ends(self) -> tuple[float, float]:
        """The smallest and largest possible difference, over these documents or others of their kind."""
        low, high = self.elsewhere or (self.low, self.high)
        return min(self.low, low), max(self.high, high)

    def loss_excluded(self, *, higher_is_better: bool) -> bool | None:
        """Whether a loss over `max_loss` is excluded; None where that was not asked. For a run that stopped it is
        known."""
        if "loss" not in self.asked:
            return None
        low, high = self.ends
        return low >= -self.max_loss if higher_is_better else high <= self.max_loss

    def mirrored(self) -> EarlyStop:
        """Return the same for the comparison the other way round; what was asked about a loss would then be about a
        gain."""
        other = {"higher": "lower", "lower": "higher", "above": "below", "below": "above"}
        return msgspec.structs.replace(
            self,
            decision=other.get(self.decision, self.decision),
            difference=-self.difference,
            low=-self.high,
            high=-self.low,
            asked=tuple(question for question in self.asked if question != "loss"),
            elsewhere=(-self.elsewhere[1], -self.elsewhere[0]) if self.elsewhere else None,
        )


class TaskFacts(msgspec.Struct, frozen=True):
    """The facts of a leaf task that can change a score.

    `generation` is the task's generation settings as sorted JSON ("" for tasks that generate nothing); `aggregations`
    holds (metric, "mean" or another of lm-eval's names; "" for the task's own function). `dataset`, `subset` and
    `split` are named as the task does for `datasets.load_dataset`.
    """

    name: str
    version: str
    shots: int | None
    n: int
    total: int
    output_type: str
    generation: str
    aggregations: tuple[tuple[str, str], ...]
    dataset: str = ""
    subset: str = ""
    split: str = ""


class AskedTask(msgspec.Struct, frozen=True):
    """A task or group that a run was to answer, and for a group the tasks in it."""

    name: str
    leaves: tuple[str, ...] = ()

    def within(self, names: Collection[str]) -> bool:
        """Return whether it is in `names`. Some groups have no score of their own; then all their tasks must be."""
        return self.name in names or (bool(self.leaves) and all(leaf in names for leaf in self.leaves))


class Group(msgspec.Struct, frozen=True):
    """A named set of tasks with a score of its own. `children` as lm-eval nests them, `leaves` the tasks below."""

    name: str
    title: str
    children: tuple[str, ...]
    leaves: tuple[str, ...]


class Setting(msgspec.Struct, frozen=True):
    """One thing besides the model and the tasks that can change a score; `value` in words."""

    name: str
    value: str


class RunResults(msgspec.Struct, frozen=True):
    """One model's results, read from disk.

    `folder` holds the result file and its samples; `run` is the run directory (or the folder itself for runs of other
    tools). `caveats` are sentences about the model that every score of it needs beside it; `health` is that of the
    answers to each leaf task, as far as the run counted it; `speed` how fast they came, None in earlier versions;
    `routing` which two models gave them together, None where one did;
    `data` says which documents each was asked. `created` is the time in the file's name, without a zone
    as lm-eval writes it. `partial` and `early` are empty for a run that did all it was asked. `format` is the model's
    form on disk that was evaluated. `asked` is what the run was to answer, empty where no file says it.
    `looked_at` names earlier runs that asked the same and might have stopped early, None where nobody noted it.
    `spreads` has, for each leaf task of which several answers to each document were drawn, those of its metrics
    ("metric,filter").
    `left_out` names documents of a task, by their hashes, that do not count here though the files have them. `origins`
    names for each task of the user's own data the file or data set that its documents come from.
    """

    run: Path
    folder: Path
    file: Path
    stamp: str
    model_name: str
    role: Role
    state: RunState
    created: dt.datetime
    scores: tuple[Score, ...]
    tasks: tuple[TaskFacts, ...]
    groups: tuple[Group, ...]
    settings: tuple[Setting, ...]
    partial: tuple[Partial, ...] = ()
    early: tuple[EarlyStop, ...] = ()
    fingerprint: str = ""
    suite: str = ""
    command: tuple[str, ...] = ()
    equivalent_command: str = ""
    lm_eval_version: str = ""
    transformers_version: str = ""
    benchtui_version: str = ""
    format: str = ""
    caveats: tuple[str, ...] = ()
    health: dict[str, TaskHealth] = {}
    speed: Speed | None = None
    routing: RoutedRun | None = None
    data: dict[str, TaskData] = {}
    asked: tuple[AskedTask, ...] = ()
    looked_at: tuple[str, ...] | None = None
    spreads: dict[str, dict[str, Spread]] = {}
    left_out: dict[str, frozenset[str]] = {}
    origins: dict[str, str] = {}

    def task(self, name: str) -> TaskFacts | None:
        return next((task for task in self.tasks if task.name == name), None)

    def group(self, name: str) -> Group | None:
        return next((group for group in self.groups if group.name == name), None)

    def scores_of(self, task: str) -> tuple[Score, ...]:
        """Return the scores of a task or group, in lm-eval's order."""
        return tuple(score for score in self.scores if score.task == task)

    def score(self, task: str, metric: str, filter_name: str) -> Score | None:
        return next((s for s in self.scores_of(task) if (s.metric, s.filter) == (metric, filter_name)), None)

    def asked_of(self, task: str) -> int:
        """Return how many documents of a leaf task the run was asked, answered or not; after an early stop those until
        then."""
        facts = self.task(task)
        return next((p.total for p in self.partial if p.task == task), facts.n if facts is not None else 0)

    def partial_of(self, task: str) -> Partial | None:
        """Return how much of a task is missing; for a group, over its leaves together."""
        group = self.group(task)
        names = set(group.leaves) if group else {task}
        if not any(p.task in names for p in self.partial):
            return None
        by_task = {p.task: p for p in self.partial}
        done = total = 0
        for name in names:
            facts = self.task(name)
            n = facts.n if facts else 0
            done += by_task[name].done if name in by_task else n
            total += by_task[name].total if name in by_task else n
        return Partial(task, done, total)

    def health_of(self, task: str) -> TaskHealth | None:
        """Return the health of a task's answers; of a group's those of its leaves together. None where nothing was
        counted."""
        group = self.group(task)
        found = [self.health[name] for name in (group.leaves if group else (task,)) if name in self.health]
        return together(found) if found else None

    def early_of(self, task: str) -> EarlyStop | None:
        return next((stop for stop in self.early if stop.task == task), None)

    def decision(self, score: Score, base: RunResults) -> EarlyStop | None:
        """Return what stopped the score's task, if it was about this very score and made against this very `base`."""
        stop = self.early_of(score.task)
        if stop is None or (stop.metric, stop.filter) != (score.metric, score.filter):
            return None
        return stop if stop.base_fingerprint and stop.base_fingerprint == base.fingerprint else None

    def early_of_any(self, task: str) -> bool:
        """Return whether `task` stopped early, or for a part of a group the group around it."""
        around = {group.name for group in self.groups if task in (*group.children, *group.leaves)}
        return any(stop.task == task or stop.task in around for stop in self.early)

    @property
    def may_stop_early(self) -> bool:
        """Early stopping was on, which spends part of the 5 % error budget."""
        return bool(self.early) or self.setting("decide early") not in (None, "not set")

    def spread(self, score: Score) -> Spread | None:
        """Return how a score of a leaf task varies; None where each document was answered once."""
        return self.spreads.get(score.task, {}).get(score.key)

    def answers_to_each(self, task: str) -> int:
        """Return how many answers to each document the scores of a task are means of; of a group the most of any."""
        group = self.group(task)
        found = [self.spreads.get(name, {}) for name in (group.leaves if group else (task,))]
        return max((one.answers for spreads in found for one in spreads.values()), default=1)

    def setting(self, name: str) -> str | None:
        return next((setting.value for setting in self.settings if setting.name == name), None)

    @property
    def top_level(self) -> tuple[str, ...]:
        """Tasks and groups that belong to no group, in lm-eval's order, groups last."""
        inner = {child for group in self.groups for child in (*group.children, *group.leaves)}
        names = [task.name for task in self.tasks if task.name not in inner]
        return tuple(names + [group.name for group in self.groups if group.name not in inner])
