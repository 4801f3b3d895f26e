"""Resume a run over texts that died, was stopped or finished in part: what it has on disk is not done again."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from benchtui.backends.registry import find_backend
from benchtui.benchmark.frontend import Frontend
from benchtui.benchmark.resume import ResumeChoice, check_unfinished
from benchtui.benchmark.tokens import supervise
from benchtui.benchmark.trust import (
    check_arguments,
    check_permissions,
    trusted_environment,
    trusted_folders,
    trusted_tasks,
)
from benchtui.errors import BenchtuiError, ExitCode
from benchtui.plans.plan import Permissions, write_plan
from benchtui.plans.prepare import read_whole
from benchtui.plans.tokens import ModelsPlan, TaskReferences, TextSource, TextsPlan, TokenModel
from benchtui.python_environment import PythonEnvironment
from benchtui.runs.directory import RunDirectory
from benchtui.runs.kinds.registry import read_kind
from benchtui.runs.known import model_folder, shown_name
from benchtui.runs.lock import FolderLock
from benchtui.supervise.control import Control
from benchtui.text import one_line

P = TypeVar("P", bound=ModelsPlan)


def resume_tokens(run: RunDirectory, choice: ResumeChoice, frontend: Frontend, control: Control, /) -> ExitCode:
    """Do what is left of a comparison by token, or of texts that two models write, with what the user allows now.

    A plan may come from anybody: permissions, another Python and the folders of task code are given again. Raises
    BenchtuiError for that, and where something that can change a number is different now, naming what.
    """
    _, plan = read_kind(run)
    assert isinstance(plan, TextsPlan)  # noqa: S101 - the kinds that name this function have such plans
    check_unfinished(run)
    with FolderLock(run.model_lock, plan.model_name):
        now = _with_present_facts(plan, run, choice)
        if differences := list(_differences(plan, now)):
            raise BenchtuiError(
                f"{shown_name(run)} cannot be resumed: {'; '.join(differences[:5])}.",
                "Start a new one; what this one has stays where it is.",
            )
        write_plan(run.plan_file, now)
        return supervise(run, choice.settings, frontend, control)


def _with_present_facts(plan: TextsPlan, run: RunDirectory, choice: ResumeChoice) -> TextsPlan:
    """Return the plan as it would be made today: contents, versions, task files, and what the user allows now."""
    now, environment = with_present_models(plan, run, choice)
    texts = _present_texts(plan, run, choice.include_paths)
    if isinstance(texts, TaskReferences):
        texts = msgspec.structs.replace(texts, lm_eval_version=environment.version_of("lm_eval") or "")
    return msgspec.structs.replace(now, texts=texts)


def with_present_models(plan: P, run: RunDirectory, choice: ResumeChoice) -> tuple[P, PythonEnvironment]:
    """Return the plan with its models as they are on disk now and what the user allows now, and the environment that
    the worker runs in. Raises BenchtuiError where the user allows less than the plan wants."""
    name = shown_name(run)
    check_permissions(plan, choice.allowed, name)
    for number in range(len(plan.models)):
        check_arguments(plan.benchmark_plan(number), choice.allowed)
    environment = trusted_environment(plan, choice.python, name, backend=plan.models[0].backend)
    models = tuple(_present(plan, number, environment, choice.allowed) for number in range(len(plan.models)))
    now = msgspec.structs.replace(plan, models=models, permissions=choice.allowed, python=environment.python)
    return now, environment


def _present_texts(plan: TextsPlan, run: RunDirectory, include_paths: Sequence[Path]) -> TextSource:
    texts = plan.texts
    if not isinstance(texts, TaskReferences):
        return texts
    asked = plan.benchmark_plan(0)
    tasks = trusted_tasks(asked, include_paths, shown_name(run), model_folder(run))
    folders = (
        *trusted_folders(asked, include_paths),
        *(Path(tasks.task_files[spec.name]).parent for spec in texts.data),
    )
    return msgspec.structs.replace(
        texts,
        task_files=dict(tasks.task_files),
        task_digests={task: tasks.digests[task] for task in tasks.leaves},
        leaves=dict(tasks.leaves),
        include_paths=tuple(dict.fromkeys(str(path.resolve()) for path in folders)),
    )


def _present(plan: ModelsPlan, number: int, environment: PythonEnvironment, allowed: Permissions) -> TokenModel:
    """Return a model with the content and the versions that it has now."""
    one = plan.models[number]
    backend = find_backend(one.backend)
    asked = msgspec.structs.replace(plan.benchmark_plan(number), permissions=allowed)
    access = dataclasses.replace(asked.access, environment=environment)
    source = msgspec.structs.replace(one.source, identity=backend.identify(one.source, access))
    return msgspec.structs.replace(
        one,
        source=read_whole(source) if source.whole else source,
        backend_identity=backend.identity(access),
    )


def _differences(plan: TextsPlan, now: TextsPlan) -> Iterator[str]:
    """Yield what keeps the store from being continued, in words."""
    yield from model_differences(plan, now)
    was, is_now = plan.text_facts(), now.text_facts()
    yield from (f"the {name.replace('_', ' ')} of its tasks changed" for name in was if was[name] != is_now.get(name))


def model_differences(plan: ModelsPlan, now: ModelsPlan) -> Iterator[str]:
    """Yield what is different of the models now, in words."""
    for before, after in zip(plan.models, now.models, strict=True):
        was, is_now = before.score_settings(), after.score_settings()
        label = one_line(before.label, 60)
        for name in dict.fromkeys((*was, *is_now)):
            if was.get(name) != is_now.get(name):
                there, here = one_line(repr(was.get(name)), 80), one_line(repr(is_now.get(name)), 80)
                yield f"{label}: {name} was {there}, and is {here} now"
        if before.source.whole != after.source.whole:
            yield f"{label}: its bytes are other ones now"
