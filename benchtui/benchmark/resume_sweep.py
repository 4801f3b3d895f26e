"""Resume a sweep that died, was stopped or finished in part: what its journal holds is not computed again."""

from __future__ import annotations

from benchtui.benchmark.frontend import Frontend
from benchtui.benchmark.resume import ResumeChoice, check_unfinished
from benchtui.benchmark.resume_benchmark import with_present_facts
from benchtui.benchmark.tokens import supervise
from benchtui.errors import BenchtuiError, ExitCode
from benchtui.plans.plan import read_plan, write_plan
from benchtui.plans.sweep import SweepPlan
from benchtui.runs.directory import RunDirectory
from benchtui.runs.known import shown_name
from benchtui.runs.lock import FolderLock
from benchtui.runs.records import run_state
from benchtui.supervise.control import Control


def resume_sweep(run: RunDirectory, choice: ResumeChoice, frontend: Frontend, control: Control, /) -> ExitCode:
    """Do what is left of a sweep, with what the user allows now: a plan may come from anybody. Raises BenchtuiError for
    that, and where something that can change a number is different now, naming what."""
    plan = read_plan(run.plan_file, SweepPlan)
    if run_state(run) == "running":
        raise BenchtuiError(f"{shown_name(run)} is running.", "Watch it with `benchtui attach`.")
    check_unfinished(run)
    with FolderLock(run.model_lock, plan.model_name):
        now = with_present_facts(plan, run, choice.allowed, choice.include_paths, choice.python)
        if differences := now.differences(plan):
            raise BenchtuiError(
                f"{shown_name(run)} cannot be resumed: {'; '.join(differences[:5])}.",
                "Start a new sweep; what this one has stays where it is.",
            )
        write_plan(run.plan_file, now)
        return supervise(run, choice.settings, frontend, control)
