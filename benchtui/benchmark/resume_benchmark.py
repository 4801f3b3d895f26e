"""Resume a benchmark that died, was stopped or finished in part: in the same directories, with the same journal."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import msgspec

from benchtui.backends.registry import find_backend
from benchtui.benchmark.directories import BenchRuns, left_to_evaluate, lock_model
from benchtui.benchmark.frontend import Frontend
from benchtui.benchmark.one_model import evaluate_and_conclude
from benchtui.benchmark.resume import ResumeChoice
from benchtui.benchmark.trust import (
    check_arguments,
    check_permissions,
    trusted_environment,
    trusted_folders,
    trusted_tasks,
)
from benchtui.errors import BenchtuiError, ExitCode
from benchtui.files import BENCHMARKS
from benchtui.plans.benchmark import BenchmarkPlan
from benchtui.plans.plan import Permissions, write_plan
from benchtui.plans.prepare import new_bench_id, read_whole
from benchtui.runs.directory import RunDirectory, fine_tuned_runs, named_base
from benchtui.runs.kinds.benchmark.earlier_looks import with_earlier_looks
from benchtui.runs.known import model_folder, shown_name
from benchtui.runs.records import run_state
from benchtui.supervise.control import Control


def resume_benchmark(run: RunDirectory, choice: ResumeChoice, frontend: Frontend, control: Control, /) -> ExitCode:
    """Resume `run`, and the run that was started with it, with what the user allows now. Raises BenchtuiError where
    that cannot be done: see runs_to_resume."""
    model = model_folder(run)
    with lock_model(model, model.name):
        runs = runs_to_resume(run, choice.allowed, choice.include_paths, choice.python)
        return evaluate_and_conclude(model, runs, choice.settings, frontend, control, readme=choice.readme).exit_code


def runs_to_resume(
    run: RunDirectory, allowed: Permissions, include_paths: Sequence[Path] = (), python: str | None = None
) -> BenchRuns:
    """Return what has to be evaluated to finish `run` and the run that was started with it.

    A plan lies in a model's folder, which may come from anybody: the user allows again (`allowed`) what it may run
    or load, and the code of tasks is taken only from lm-eval and from the `include_paths` that the user gave now;
    another Python than benchtui's runs the worker only where the user names it (`python`: what --python was given).
    Raises BenchtuiError for that, and when the run is running, has finished, or something that can change a score
    is different now, naming what.
    """
    plan = run.plan()
    benchmarks = model_folder(run) / BENCHMARKS
    if plan.role == "base":
        fine_tuned = _started_with(run, plan, benchmarks)
        base: RunDirectory | None = run
    else:
        fine_tuned = run
        base = named_base(benchmarks, plan)
    if plan.base_run and (base is None or not base.exists()):
        raise BenchtuiError(
            f"The base run that {run.path} is compared with, {plan.base_run}, is gone.",
            "Type the `benchtui run` command again: it keeps what is answered, and evaluates the base anew.",
        )
    to_resume = left_to_evaluate(base, fine_tuned)
    if not to_resume:
        raise BenchtuiError(
            f"{run.path} has finished: there is nothing to resume.", "`benchtui compare` shows its results."
        )
    plans = {}
    for found in to_resume:
        if run_state(found) == "running":
            raise BenchtuiError(f"{found.path} is running.", "Watch it with `benchtui attach`.")
        plan = found.plan()
        now = with_present_facts(plan, run, allowed, include_paths, python)
        if differences := now.differences(plan):
            raise BenchtuiError(
                f"{found.path} cannot be resumed: {'; '.join(differences)}.",
                "Start a new run with `benchtui run --no-resume`; what this one answered stays where it is.",
            )
        others = [other for other in fine_tuned_runs(benchmarks) if other != found]
        plans[found.plan_file] = now if plan.role == "base" else with_earlier_looks(now, others)
    bench_id = new_bench_id()
    for file, now in plans.items():  # only now: what is refused stays as it was
        write_plan(file, msgspec.structs.replace(now, bench_id=bench_id))
    reused = base is not None and base not in to_resume
    return BenchRuns(fine_tuned, base, reused, to_resume)


def _started_with(base: RunDirectory, plan: BenchmarkPlan, benchmarks: Path) -> RunDirectory:
    """Return the fine-tuned run that a base belongs to: started by the same command, else the newest that names it.
    (A base that was resumed by itself has had its own id since.)"""
    readable = [(run, known) for run in reversed(fine_tuned_runs(benchmarks)) if (known := run.readable_plan())]
    together = [run for run, known in readable if known.bench_id == plan.bench_id]
    naming = [run for run, known in readable if (its := named_base(benchmarks, known)) and its.path == base.path]
    for run in (*together, *naming):
        return run
    raise BenchtuiError(
        f"No fine-tuned run was started together with {base.path}.", "Start it anew with `benchtui run`."
    )


def with_present_facts(
    plan: BenchmarkPlan, run: RunDirectory, allowed: Permissions, include_paths: Sequence[Path], python: str | None
) -> BenchmarkPlan:
    """Return the plan as it would be made today: contents, versions, task files, and what the user allows now."""
    name = shown_name(run)
    check_permissions(plan, allowed, name)
    check_arguments(plan, allowed)
    tasks = trusted_tasks(plan, include_paths, name, model_folder(run))
    made_in = [Path(tasks.task_files[spec.name]).parent for spec in plan.data]
    backend = find_backend(plan.backend)
    environment = trusted_environment(plan, python, name, backend=plan.backend)
    access = dataclasses.replace(msgspec.structs.replace(plan, permissions=allowed).access, environment=environment)
    source = msgspec.structs.replace(plan.source, identity=backend.identify(plan.source, access))
    return msgspec.structs.replace(
        plan,
        source=read_whole(source) if source.whole else source,
        lm_eval_version=environment.version_of("lm_eval") or "",
        backend_identity=backend.identity(access),
        python=environment.python,
        include_paths=tuple(
            dict.fromkeys(str(path.resolve()) for path in (*trusted_folders(plan, include_paths), *made_in))
        ),
        task_files=dict(tasks.task_files),
        task_digests={name: tasks.digests[name] for name in tasks.leaves},
        leaves=dict(tasks.leaves),
        permissions=allowed,
    )
