"""Choose the base run that a benchmark is compared with: a finished one of this or of another model, an unfinished one
that is resumed, or a new one."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchtui.files import copy_run_files, write_run_file
from benchtui.plans.benchmark import BenchmarkPlan, with_date_of
from benchtui.plans.plan import write_plan
from benchtui.runs.directory import SHARDS, RunDirectory, base_run, base_runs, benchmarks_folder, fine_tuned_runs
from benchtui.runs.journal.shards import answered_in
from benchtui.runs.known import run_name
from benchtui.runs.records import asked_everything, run_state

_COPYING = ".copying"
_NOT_COPIED = frozenset({"lock", "cancel", SHARDS})
"""Files of a run that are about the process that evaluated it."""


@dataclass(frozen=True)
class ChosenBase:
    """The chosen base run: `reused` when it had finished before, `resumed` when it continues, else a new one.
    `copied_from` names the run of another model that it is a copy of; `set_aside` is where an earlier base run was
    moved."""

    run: RunDirectory | None = None
    reused: bool = False
    resumed: bool = False
    set_aside: RunDirectory | None = None
    copied_from: str = ""


class CopiedFrom(msgspec.Struct, frozen=True):
    """Says which run of another model a base run was copied from; in run/copied-from.json."""

    run: str
    path: str
    copied: str
    fingerprint: str


def choose_base(
    benchmarks: Path,
    plan: BenchmarkPlan,
    *,
    rerun: bool,
    resume: Callable[[RunDirectory], bool],
    neighbours: Sequence[Path] = (),
) -> ChosenBase:
    """Choose the base run for `plan`; a run that fits in one of the model folders `neighbours` is copied.

    A base run fits when it asked everything that `plan` asks and nothing that can change a score is different.
    """
    known = base_runs(benchmarks)
    if not rerun:
        for run in known:
            if _fitting(run, plan):
                return ChosenBase(run, reused=True)
    for folder in neighbours:
        for run in base_runs(benchmarks_folder(folder)):
            there = _fitting(run, plan)
            if there is not None and (copied := _copied(run, there, benchmarks, plan)):
                return copied
    current = base_run(benchmarks)
    unfinished = None if rerun else find_unfinished([run for run in known if run == current], plan, any_date=True)
    if unfinished is not None and resume(unfinished):
        return ChosenBase(unfinished, resumed=True)
    return ChosenBase(current, set_aside=_set_aside(benchmarks))


def _fitting(run: RunDirectory, plan: BenchmarkPlan) -> BenchmarkPlan | None:
    """Return the plan of `run` when its results are those that `plan` would give, else None."""
    there = run.readable_plan()
    if there is None or there.role != "base" or not asked_everything(run):
        return None
    return None if with_date_of(plan, there).differences(there, tasks="subset") else there


def find_unfinished(runs: Sequence[RunDirectory], plan: BenchmarkPlan, *, any_date: bool) -> RunDirectory | None:
    """Find the newest run of exactly this plan that has answers and lacks some. A fine-tuned run that stopped early
    counts as finished. With `any_date` its chat template may write another date."""
    for run in reversed(runs):
        known = run.readable_plan()
        ended = asked_everything(run) if plan.role == "base" else run_state(run) == "finished"
        if known is None or ended or not answered_in(run):
            continue
        if not (with_date_of(plan, known) if any_date else plan).differences(known):
            return run
    return None


# A base run of another model.


def _copied(run: RunDirectory, there: BenchmarkPlan, benchmarks: Path, plan: BenchmarkPlan) -> ChosenBase | None:
    """Copy `run` to base/; None where it cannot be read, or somebody changed it meanwhile."""
    base = base_run(benchmarks)
    copy = RunDirectory(base.path / _COPYING)
    try:
        shutil.rmtree(copy.path, ignore_errors=True)  # of a process that was killed
        copy_run_files(run.lm_eval, copy.lm_eval)
        copy_run_files(run.records, copy.records, leave_out=_NOT_COPIED)
        if not _same_run(run, there, copy):
            return None
        write_plan(copy.plan_file, msgspec.structs.replace(there, model_name=plan.model_name))
        now = dt.datetime.now().astimezone().isoformat(timespec="seconds")
        origin = CopiedFrom(run_name(run), str(run.path.absolute()), now, there.fingerprint)
        write_run_file(copy.copied_from, msgspec.json.format(msgspec.json.encode(origin), indent=2))
        set_aside = _set_aside(benchmarks)
        for made, place in ((copy.records, base.records), (copy.lm_eval, base.lm_eval)):
            made.rename(place)  # the results last: a kill leaves a run that counts as died, and not one without a plan
    except OSError:
        return None  # links in it, not ours to read, no room: whoever evaluates the base anew says what is wrong here
    finally:
        shutil.rmtree(copy.path, ignore_errors=True)
    return ChosenBase(base, reused=True, set_aside=set_aside, copied_from=run_name(run))


def _same_run(run: RunDirectory, there: BenchmarkPlan, copy: RunDirectory) -> bool:
    """Check that the copy is one whole run: nobody moved it or evaluated it again while it was read."""
    return copy.readable_plan() == there == run.readable_plan() and asked_everything(copy) and asked_everything(run)


# An earlier base run.


def _set_aside(benchmarks: Path) -> RunDirectory | None:
    """Move the base run, if there is one, to base/previous/, named by the time it was made, and return that place.

    Fine-tuned runs that were compared with it keep pointing to it. Results are never deleted.
    """
    run = base_run(benchmarks)
    if not run.exists() and not run.lm_eval.is_dir():
        return None
    made = dt.datetime.fromtimestamp((run.plan_file if run.exists() else run.lm_eval).stat().st_mtime).astimezone()
    stamp = made.strftime("%Y-%m-%dT%H-%M-%S")
    target, n = run.path / "previous" / stamp, 1
    while target.exists():
        n += 1
        target = run.path / "previous" / f"{stamp}-{n}"
    target.mkdir(parents=True)
    before, after = (str(path.relative_to(benchmarks)) for path in (run.path, target))
    for fine_tuned in fine_tuned_runs(benchmarks):  # first, so that a kill leaves them without a base, not with another
        if (plan := fine_tuned.readable_plan()) and plan.base_run == before:
            write_plan(fine_tuned.plan_file, msgspec.structs.replace(plan, base_run=after))
    for folder in (run.lm_eval, run.records):
        if folder.is_dir():
            folder.rename(target / folder.name)
    return RunDirectory(target)
