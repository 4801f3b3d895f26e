"""A run is a directory: where each of its files is, and what their presence says about it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from benchtui.errors import BenchtuiError
from benchtui.files import BENCHMARKS
from benchtui.plans.benchmark import BenchmarkPlan
from benchtui.plans.plan import Plan, read_plan

LOCK, OTHER_LOCK = ".lock", ".benchtui.lock"
"""Of benchmarks and of other kinds: other programs may keep a `.lock` in a folder that is not named by us."""
SHARDS = "shards"
"""The folder in run/ with the files of each worker, where a run has several."""
DECIDER = "decider"
"""The folder in it of the worker that decides early for them."""


@dataclass(frozen=True)
class WorkerFiles:
    """The files that one worker writes, in `folder`: run/ itself, or run/shards/<shard>/ of a run with several workers.

    `shard` counts from 0; None when one worker evaluates the whole run.
    """

    folder: Path
    shard: int | None = None

    @property
    def events(self) -> Path:
        return self.folder / "events.jsonl"

    @property
    def journal(self) -> Path:
        return self.folder / "journal.sqlite"

    @property
    def in_hand(self) -> Path:
        return self.folder / "in-hand.json"

    @property
    def log(self) -> Path:
        return self.folder / "worker.log"

    @property
    def stacks(self) -> Path:
        return self.folder / "stacks.txt"

    @property
    def chunks(self) -> Path:
        """What the worker of a shard is given to answer (benchtui/runs/chunks.py)."""
        return self.folder / "chunks.jsonl"


@dataclass(frozen=True)
class RunDirectory:
    """`path` holds `lm-eval/` (results for any lm-eval tool) and `run/` (ours)."""

    path: Path

    @property
    def lm_eval(self) -> Path:
        return self.path / "lm-eval"

    @property
    def records(self) -> Path:
        return self.path / "run"

    @property
    def plan_file(self) -> Path:
        return self.records / "plan.json"

    def files_of(self, shard: int | None = None) -> WorkerFiles:
        """The files of the worker that evaluates this part of the run; None: all of it."""
        folder = self.records if shard is None else self.records / SHARDS / str(shard)
        return WorkerFiles(folder, shard)

    @property
    def decider(self) -> WorkerFiles:
        """The files of the worker that decides early what several others answer."""
        return WorkerFiles(self.records / SHARDS / DECIDER)

    def shards(self) -> list[WorkerFiles]:
        """The files of every worker that ever evaluated a part of this run, in the order of their numbers."""
        try:
            names = [entry.name for entry in (self.records / SHARDS).iterdir()]
        except OSError:
            return []
        numbers = sorted(int(name) for name in names if name.isascii() and name.isdecimal())
        return [self.files_of(number) for number in numbers]

    @property
    def events(self) -> Path:
        return self.files_of().events

    @property
    def worker_log(self) -> Path:
        return self.files_of().log

    @property
    def journal(self) -> Path:
        return self.files_of().journal

    @property
    def launch(self) -> Path:
        return self.records / "launch.json"

    @property
    def done(self) -> Path:
        return self.records / "done.json"

    @property
    def stacks(self) -> Path:
        return self.files_of().stacks

    @property
    def in_hand(self) -> Path:
        return self.files_of().in_hand

    @property
    def lock(self) -> Path:
        return self.records / "lock"

    @property
    def benchmarks(self) -> Path | None:
        """The model's benchmarks/ that this run lies in; None for a run of another kind, or one kept somewhere else."""
        above = self.path.parent
        if above.name == "previous" and above.parent.name == "base":
            above = above.parent.parent
        elif above.name == "fine-tuned":
            above = above.parent
        return above if above.name == BENCHMARKS else None

    @property
    def model_lock(self) -> Path:
        """The lock that the supervisor of this model's runs of this kind holds."""
        return self.benchmarks / LOCK if self.benchmarks else self.path.parent / OTHER_LOCK

    @property
    def cancel(self) -> Path:
        return self.records / "cancel"

    @property
    def copied_from(self) -> Path:
        return self.records / "copied-from.json"

    @property
    def equivalent_command(self) -> Path:
        return self.records / "lm_eval.sh"

    def plan(self) -> BenchmarkPlan:
        """The plan of a benchmark. Raises BenchtuiError as `read_plan` does, also for a run of another kind."""
        return read_plan(self.plan_file, BenchmarkPlan)

    def header(self) -> Plan:
        """What the plan of any kind of run holds. Raises BenchtuiError as `read_plan` does."""
        return read_plan(self.plan_file, Plan)

    def readable_plan(self) -> BenchmarkPlan | None:
        """The plan of a benchmark; None where there is none, or one that is damaged, of another kind or of a newer
        benchtui: nothing can be said of such a run."""
        try:
            return self.plan() if self.exists() else None
        except BenchtuiError:
            return None

    def exists(self) -> bool:
        return self.plan_file.is_file()


def benchmarks_folder(model_path: Path) -> Path:
    """Where a model folder keeps its benchmarks."""
    return model_path / BENCHMARKS


def base_run(benchmarks: Path) -> RunDirectory:
    return RunDirectory(benchmarks / "base")


def new_fine_tuned_run(benchmarks: Path, now: dt.datetime) -> RunDirectory:
    """As `new_run`, for a fine-tuned model's benchmark."""
    return new_run(benchmarks / "fine-tuned", now)


def new_run(folder: Path, now: dt.datetime) -> RunDirectory:
    """An unused directory in `folder`, named by local time to the second (with a suffix when two start within one)."""
    stamp = now.strftime("%Y-%m-%dT%H-%M-%S")
    candidate, n = folder / stamp, 1
    while candidate.exists():
        n += 1
        candidate = folder / f"{stamp}-{n}"
    return RunDirectory(candidate)


def fine_tuned_runs(benchmarks: Path) -> list[RunDirectory]:
    """Oldest first. Folders without a plan (made by other tools) count when they hold lm-eval results."""
    folder = benchmarks / "fine-tuned"
    if not folder.is_dir():
        return []
    runs = (RunDirectory(entry) for entry in sorted(folder.iterdir()) if entry.is_dir())
    return [run for run in runs if run.exists() or run.lm_eval.is_dir()]


def named_base(benchmarks: Path, plan: BenchmarkPlan) -> RunDirectory | None:
    """The base run that a plan names, base/ or one below base/previous/; None when it names none, or anything else:
    a plan may come from a stranger, and must not lead outside the model's folder."""
    parts = Path(plan.base_run).parts if plan.base_run is not None else ()
    if parts[:1] != ("base",) or len(parts) not in (1, 3) or parts[1:2] not in ((), ("previous",)) or ".." in parts:
        return None
    return RunDirectory(benchmarks.joinpath(*parts))


def base_runs(benchmarks: Path) -> list[RunDirectory]:
    """The current base run first, then the earlier ones that were set aside for it."""
    current = base_run(benchmarks)
    earlier = current.path / "previous"
    found = [current] if current.exists() or current.lm_eval.is_dir() else []
    if earlier.is_dir():
        found += [RunDirectory(entry) for entry in sorted(earlier.iterdir(), reverse=True) if entry.is_dir()]
    return found
