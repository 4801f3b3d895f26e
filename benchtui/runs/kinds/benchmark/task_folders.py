"""Where the code of a plan lies, as far as its words tell: nothing is read, and nothing is trusted for it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path

from benchtui.files import BENCHMARKS, OTHER_KINDS, PACKAGE
from benchtui.plans.benchmark import BenchmarkPlan
from benchtui.runs.directory import RunDirectory
from benchtui.text import printable

_LM_EVAL = ("lm_eval", "tasks")


def own_task_folders(plan: BenchmarkPlan) -> list[str]:
    """The folders whose task code would run, and is neither lm-eval's nor benchtui's: a resume needs them again, with
    --include-path. Tasks made of people's own data hold no code; whoever resumes looks whether that is so."""
    made = {spec.name for spec in plan.data}
    files = [Path(file) for name, file in plan.task_files.items() if name not in made]
    own = [file for file in files if not _installed(file)]
    if not own:
        return []
    named = [Path(folder) for folder in plan.include_paths if not Path(folder).is_relative_to(PACKAGE)]
    holding = [folder for folder in named if any(file.is_relative_to(folder) for file in own)]
    others = [file.parent for file in own if not any(file.is_relative_to(folder) for folder in holding)]
    return list(dict.fromkeys(map(str, (*holding, *others))))


def _installed(file: Path) -> bool:
    return file.is_relative_to(PACKAGE) or any(
        pair == _LM_EVAL for pair in zip(file.parts, file.parts[1:], strict=False)
    )


def folders_to_offer(run: RunDirectory, plan: BenchmarkPlan) -> list[str]:
    """Of these the ones to put into a command that is shown: not those that lie in the model's own folder, or are
    relative to any, since they may have come with the run from somebody else."""
    model = _model_folder(run)
    return [folder for folder in own_task_folders(plan) if _can_be_offered(Path(folder), model)]


def _model_folder(run: RunDirectory) -> Path:
    place = run.path.absolute()
    if place.parent.name in OTHER_KINDS:
        return place.parent.parent
    return next((parent.parent for parent in place.parents if parent.name == BENCHMARKS), place)


def include_flags(folders: Iterable[str]) -> list[str]:
    """What a command needs for these folders, as a shell takes it."""
    return [f"--include-path {shlex.quote(folder)}" for folder in folders]


def resume_flags(run: RunDirectory, plan: BenchmarkPlan) -> list[str]:
    """What a command that is shown, and resumes this run, needs besides its name."""
    return [*include_flags(folders_to_offer(run, plan)), *_python_flags(run, plan)]


def _python_flags(run: RunDirectory, plan: BenchmarkPlan) -> list[str]:
    """The Python that the worker ran in, unless it lies where it may have come with the run from somebody else."""
    python = plan.python
    if python is None or not _can_be_offered(Path(python).parent, _model_folder(run)):
        return []
    return [f"--python {shlex.quote(python)}"] if python == printable(python) else []


def _can_be_offered(folder: Path, model: Path) -> bool:
    if not folder.is_absolute() or ".." in folder.parts or str(folder) != printable(str(folder)):
        return False
    try:
        return folder.is_dir() and not folder.resolve().is_relative_to(model.resolve())
    except (OSError, RuntimeError, ValueError):
        return False
