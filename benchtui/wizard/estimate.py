"""Estimate how long a suite will take, from the speed of earlier runs."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchtui.durations import rough_duration
from benchtui.errors import BenchtuiError
from benchtui.runs.directory import RunDirectory
from benchtui.runs.event_reader import decode
from benchtui.runs.kinds.benchmark.events import Progress
from benchtui.runs.kinds.benchmark.kind import BENCHMARK
from benchtui.runs.known import begun, known_runs
from benchtui.runs.records import read_done
from benchtui.tasks.suites import Suite, TaskPlan
from benchtui.tasks.words import PLAIN_WORDS

MOST_RUNS = 12
MOST_BYTES = 8 * 1024 * 1024
"""Bytes of an events file that are read."""
FEW_ANSWERS = 20
"""Below so many answers a speed is a guess: the first batches are slower or shorter than the rest."""
START_UP = 15.0
"""Seconds for importing torch and loading a small model, where no run says better."""


@dataclass(frozen=True)
class Speeds:
    """Documents a second by task, how many answers each speed was measured on, and where they are known from ("" for
    nowhere)."""

    per_task: Mapping[str, float]
    source: str = ""
    answers: Mapping[str, int] = field(default_factory=dict)

    def preferred_to(self, other: Speeds) -> Speeds:
        """Return these speeds, and those of `other` for tasks that are not among them."""
        return Speeds({**other.per_task, **self.per_task}, self.source, {**other.answers, **self.answers})


@dataclass(frozen=True)
class Estimate:
    """`seconds` for everything that was asked; `whole` False where some task's speed is not known; `answers` behind the
    speed that was measured on the fewest, where that is known."""

    seconds: float
    whole: bool
    source: str
    answers: int | None = None

    @property
    def words(self) -> str:
        """ "about 12min", "over 12min", "under a minute", "about 12min (only 4 answers measured)"."""
        few = self.answers is not None and self.answers < FEW_ANSWERS
        caveat = f" (only {self.answers} answer{'' if self.answers == 1 else 's'} measured)" if few else ""
        if self.seconds < 60:
            return ("under a minute" if self.whole else "over a minute") + caveat
        return f"{'about' if self.whole else 'over'} {rough_duration(self.seconds)}{caveat}"


def earlier_speeds(outputs: Path, model: str) -> Speeds:
    """Read the speeds from the newest runs of `model`, else from those of other models in `outputs`."""
    try:
        known = [found for found in known_runs(outputs) if not found.problem]
    except BenchtuiError:
        return Speeds({})
    runs = sorted(known, key=lambda found: begun(found.run), reverse=True)
    own = [found.run for found in runs if found.model == model][:MOST_RUNS]
    if speeds := _speeds(own, "earlier runs of this model"):
        return speeds
    others = [found.run for found in runs if found.model != model][:MOST_RUNS]
    return _speeds(others, "runs of other models") or Speeds({})


def _speeds(runs: Sequence[RunDirectory], source: str) -> Speeds | None:
    """The speed of each task in the newest run that has it; None where no run tells one."""
    found = Speeds({})
    for run in runs:
        if read_done(run) is not None:
            found = found.preferred_to(run_speeds(run))
    return replace(found, source=source) if found.per_task else None


def run_speeds(run: RunDirectory) -> Speeds:
    """Return the documents a second of each leaf task of one run, and of the groups that its plan asked for."""
    last: dict[str, Progress] = {}
    for event in _progress(run.events):
        last[event.task] = event
    rates = {name: event.documents_per_second for name, event in last.items() if event.documents_per_second > 0}
    answers = {name: last[name].documents for name in rates}
    with contextlib.suppress(BenchtuiError):
        for name, leaves in run.plan().leaves.items():
            seconds = [last[leaf].documents / rates[leaf] for leaf in leaves if leaf in rates]
            if name not in rates and seconds and sum(seconds) > 0:
                answers[name] = sum(last[leaf].documents for leaf in leaves if leaf in rates)
                rates[name] = answers[name] / sum(seconds)
    return Speeds(rates, answers=answers)


def _progress(file: Path) -> Iterable[Progress]:
    try:
        with file.open("rb") as lines:
            text = lines.read(MOST_BYTES)
    except OSError:
        return
    for line in text.split(b"\n"):
        if b'"progress"' in line and isinstance(event := decode(line, BENCHMARK), Progress):
            yield event


def estimates(
    suites: Iterable[Suite], speeds: Speeds, *, limit: float | None, models: int
) -> dict[str, Estimate]:  # fmt: skip
    """Estimate each suite whose time can be told; `models` is 2 where the base is evaluated as well."""
    found = {}
    for suite in suites:
        estimate = estimate_tasks(suite.tasks, speeds, limit=limit, models=models)
        if estimate is not None:
            found[suite.name] = estimate
    return found


def estimate_tasks(
    tasks: Sequence[TaskPlan], speeds: Speeds, *, limit: float | None, models: int
) -> Estimate | None:  # fmt: skip
    """Estimate the time of these tasks; None when no task's speed is known."""
    seconds, unknown, fewest = 0.0, 0, math.inf
    for task in tasks:
        rate, documents = speeds.per_task.get(task.name), _documents(task, limit)
        if rate is None or documents is None:
            unknown += 1
        else:
            seconds += documents / rate
            fewest = min(fewest, speeds.answers.get(task.name, math.inf))
    if unknown == len(tasks):
        return None
    return Estimate(
        (seconds + START_UP) * models, unknown == 0, speeds.source, None if math.isinf(fewest) else int(fewest)
    )


def _documents(task: TaskPlan, limit: float | None) -> float | None:
    words = PLAIN_WORDS.get(task.name)
    total = words.documents if words and words.documents else None
    cut = task.limit if limit is None else limit
    if cut is None or cut == math.inf:
        return total
    if cut >= 1:
        return min(cut, total) if total else cut
    return cut * total if total else None
