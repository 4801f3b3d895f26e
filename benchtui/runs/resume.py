"""Going on with a run that died, stopped or finished in part: the same directories, the same journal."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import msgspec

from benchtui.errors import BenchtuiError
from benchtui.models.describe import describe
from benchtui.runs.bench import BenchRuns
from benchtui.runs.directory import BENCHMARKS, RunDirectory, fine_tuned_runs
from benchtui.runs.plan import ModelSource, RunPlan, write_plan
from benchtui.runs.prepare import new_bench_id
from benchtui.runs.records import run_state
from benchtui.tasks.catalogue import load_catalogue


def model_folder(run: RunDirectory) -> Path:
    """The model folder whose benchmarks/ the run is in. Raises BenchtuiError for a run kept somewhere else."""
    for parent in run.path.resolve().parents:
        if parent.name == BENCHMARKS:
            return parent.parent
    raise BenchtuiError(
        f"{run.path} is not inside a model's {BENCHMARKS}/ folder.", "Resume a run listed by `benchtui runs`."
    )


def runs_to_resume(run: RunDirectory) -> BenchRuns:
    """What to evaluate so that `run`, and the run that was started with it, get done.

    Raises BenchtuiError when it is running, has finished, or when something that can change a score is no longer the
    same, naming what.
    """
    plan = run.plan()
    benchmarks = model_folder(run) / BENCHMARKS
    if plan.role == "base":
        fine_tuned = _started_with(run, plan, benchmarks)
        base: RunDirectory | None = run
    else:
        fine_tuned = run
        base = RunDirectory(benchmarks / plan.base_run) if plan.base_run else None
    if base is not None and not base.exists():
        base = None
    unfinished = [found for found in (base, fine_tuned) if found is not None and run_state(found) != "finished"]
    if not unfinished:
        raise BenchtuiError(
            f"{run.path} has finished: there is nothing to resume.", "`benchtui compare` shows its results."
        )
    bench_id = new_bench_id()
    for found in unfinished:
        if run_state(found) == "running":
            raise BenchtuiError(f"{found.path} is running.", "Watch it with `benchtui attach`.")
        _check_unchanged(found)
        write_plan(found.plan_file, msgspec.structs.replace(found.plan(), bench_id=bench_id))
    reused = base is not None and base not in unfinished
    return BenchRuns(fine_tuned, base, reused, tuple(unfinished))


def _started_with(base: RunDirectory, plan: RunPlan, benchmarks: Path) -> RunDirectory:
    for found in reversed(fine_tuned_runs(benchmarks)):
        if found.exists() and found.plan().bench_id == plan.bench_id:
            return found
    raise BenchtuiError(
        f"No fine-tuned run was started together with {base.path}.", "Start it anew with `benchtui run`."
    )


def _check_unchanged(run: RunDirectory) -> None:
    plan = run.plan()
    now = msgspec.structs.replace(
        plan,
        source=msgspec.structs.replace(plan.source, identity=_identity(plan.source, plan)),
        lm_eval_version=version("lm_eval"),
        task_digests=_task_digests(plan),
    )
    if differences := now.differences(plan):
        raise BenchtuiError(
            f"{run.path} cannot be resumed: {'; '.join(differences)}.",
            "Start a new run with `benchtui run --no-resume`; what this one answered stays where it is.",
        )


def _identity(source: ModelSource, plan: RunPlan) -> str:
    allow = plan.permissions.pickle
    own = describe(source.path, revision=source.revision, offline=plan.offline, allow_pickle=allow).identity
    if source.adapter and source.adapter_on:
        own += "+" + describe(source.adapter, allow_pickle=allow).identity
    return own


def _task_digests(plan: RunPlan) -> dict[str, str]:
    catalogue = load_catalogue([Path(folder) for folder in plan.include_paths])
    digests = catalogue.resolve([task.name for task in plan.tasks]).digests
    return {name: digests[name] for name in plan.task_digests if name in digests}
