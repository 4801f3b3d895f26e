"""Check what a plan asks for that can run code: whoever resumes it allows it anew, since plans come from anybody."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from benchtui.backends.registry import find_backend
from benchtui.benchmark.made_tasks import with_made_tasks
from benchtui.errors import BenchtuiError
from benchtui.files import PACKAGE
from benchtui.plans.benchmark import BenchmarkPlan
from benchtui.plans.plan import Permissions, Plan
from benchtui.plans.worker_python import worker_environment_of
from benchtui.python_environment import PythonEnvironment
from benchtui.runs.kinds.benchmark.task_folders import include_flags
from benchtui.runs.outcome import resume_command
from benchtui.settings.code import code_in_generation
from benchtui.settings.rows import PERMISSIONS
from benchtui.tasks.catalogue import load_catalogue
from benchtui.tasks.resolve import ResolvedTasks, resolve
from benchtui.text import one_line


def check_permissions(plan: Plan, allowed: Permissions, name: str) -> None:
    """Raise BenchtuiError naming the flags that the run was started with and that are not given now; `name` is the
    name of the run."""
    lacking = [
        row.flag
        for row in PERMISSIONS
        if getattr(plan.permissions, row.permission) and not getattr(allowed, row.permission)
    ]
    if lacking:
        raise BenchtuiError(
            f"This run was started with {' '.join(lacking)}.",
            f"If you still mean it: {resume_command(name, *lacking)}",
        )


def trusted_environment(plan: Plan, said: str | None, name: str, *, backend: str = "") -> PythonEnvironment:
    """Return the environment that the worker runs in, as the user says it now: `said` is what --python was given, and
    `backend` has its Python in the user's own benchtui.toml. The one that the plan names is never started for that.

    Raises BenchtuiError where the plan names one and the user none.
    """
    environment = worker_environment_of(said, backend)
    if plan.python is not None and said is None and environment.python is None:
        python = one_line(plan.python, 500)
        raise BenchtuiError(
            f"The worker of this run was run by the Python {python}.",
            f"If you trust it: {resume_command(name, f'--python {shlex.quote(python)}')}",
        )
    return environment


def check_arguments(plan: BenchmarkPlan, allowed: Permissions) -> None:
    """Raise BenchtuiError when model arguments or generation settings of the plan could load code."""
    prompts, backend = plan.prompts, find_backend(plan.backend)
    named = [name for name, value in prompts.model_args.items() if not backend.is_harmless(name, value)]
    if not allowed.remote_code:
        named += code_in_generation(prompts.gen_kwargs)
    if named:
        raise BenchtuiError(
            f"This run was started with {one_line(', '.join(named), 200)}, which can load files and code.",
            "If you trust it, type its `benchtui run` command again: what is answered is kept.",
        )


def trusted_folders(plan: BenchmarkPlan, include_paths: Sequence[Path]) -> list[Path]:
    """Return the task folders that may be read: benchtui's own among those that the plan names (the demo's), and
    the `include_paths` that the user gave now."""
    named = [Path(folder).resolve() for folder in plan.include_paths]
    return [*(path for path in named if path.is_relative_to(PACKAGE) and path.is_dir()), *include_paths]


def trusted_tasks(plan: BenchmarkPlan, include_paths: Sequence[Path], name: str, model: Path) -> ResolvedTasks:
    """Resolve the plan's tasks as they are now, from lm-eval, from the trusted folders, and those made of people's own
    data; nothing else that the plan names is read. `model` is the folder that the run lies in. Raises BenchtuiError for
    a task that is in none of them."""
    catalogue = load_catalogue(trusted_folders(plan, include_paths))
    if not include_paths or any(spec.name not in catalogue for spec in plan.data):
        catalogue = with_made_tasks(catalogue, plan, model, name)
    for task in plan.tasks:
        if task.name not in catalogue:
            raise _untrusted(plan, task.name, include_paths, name)
    return resolve(catalogue, [task.name for task in plan.tasks])


def _untrusted(plan: BenchmarkPlan, task: str, include_paths: Sequence[Path], run: str) -> BenchtuiError:
    name, file = one_line(task, 100), plan.task_files.get(task, "")
    if include_paths:
        given = ", ".join(one_line(str(path), 200) for path in include_paths)
        return BenchtuiError(f"The task {name} of this run is not in {given}.", "Give the folder that holds its file.")
    place = one_line(file, 1000) or "a file of its own"
    folders = plan.include_paths or ([str(Path(file).parent)] if file else [])
    flags = include_flags(one_line(folder, 1000) for folder in folders) or ["--include-path DIR"]
    return BenchtuiError(
        f"The task {name} of this run is not one of lm-eval's: it is defined in {place}, whose code would be run.",
        f"If you trust it, give its folder again: {resume_command(run, *flags)}",
    )
