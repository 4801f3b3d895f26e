"""The plan's tasks as lm-eval task objects, set up as `lm_eval run` would, without lm-eval's index of 13,000 files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lm_eval.api.group import Group
from lm_eval.api.task import Task
from lm_eval.evaluator_utils import get_sample_size
from lm_eval.tasks import TaskManager
from lm_eval.tasks._factory import TaskFactory
from lm_eval.tasks._index import TaskIndex
from lm_eval.tasks._yaml_loader import load_yaml

from benchtui.errors import BenchtuiError
from benchtui.models.hub.asking import hub_is_offline
from benchtui.models.hub.cache import unwritable_cache
from benchtui.out_of_memory import is_caused_by_out_of_memory
from benchtui.plans.benchmark import BenchmarkPlan
from benchtui.settings.code import code_in_generation
from benchtui.tasks.primary_metric import MetricName, primary
from benchtui.tasks.resolve import task_digest
from benchtui.tasks.suites import TaskPlan
from benchtui.text import one_line
from benchtui.worker.benchmark.tasks.local_names import refuse_local_dataset, refuse_local_metrics
from benchtui.worker.benchmark.tasks.repeats import Replaced, ask_repeatedly, check_generation, replaced_settings


@dataclass(frozen=True)
class LoadedTask:
    """A leaf task ready to build its prompts; `limit` is resolved to a number of documents, None for all. `repeats`
    answers are drawn to each. `replaced` is what --gen-kwargs set otherwise than the task does."""

    name: str
    task: Task
    limit: int | None
    repeats: int = 1
    replaced: tuple[Replaced, ...] = ()

    @property
    def documents(self) -> int:
        total = len(self.task.eval_docs)
        return total if self.limit is None else min(self.limit, total)

    @property
    def kind(self) -> Any:
        return self.task.get_config("output_type") or "mixed"

    @property
    def metric(self) -> str:
        """The main metric of the task, as far as it is known before anything is scored; "" where none is."""
        metrics = [MetricName(name, "none") for name in self.task.aggregation()]
        return primary(metrics).metric if metrics else ""

    def docs(self) -> dict[int, Any]:
        """Documents by doc_id, in order."""
        return dict(self.task.doc_iterator(limit=self.limit))


@dataclass(frozen=True)
class LoadedTasks:
    tasks: tuple[LoadedTask, ...]
    groups: dict[str, Group]


class _ReportingFactory(TaskFactory):
    """Building a task loads its dataset: each one built is told, so that 57 subjects are not one long silence."""

    def __init__(self, metadata: dict[str, Any], built: Callable[[str], None]) -> None:
        super().__init__(meta=metadata)
        self._built = built

    def _build_task(self, entry: Any, overrides: dict[str, Any] | None) -> Task:
        dataset = {**(entry.cfg or {}), **(overrides or {})}.get("dataset_path")
        refuse_local_dataset(entry.name, dataset, entry.yaml_path)
        try:
            task = super()._build_task(entry, overrides)
        except BenchtuiError:
            raise
        except Exception as error:  # datasets, hub, YAML and task code each raise their own
            raise _task_error(entry.name, error, dataset if isinstance(dataset, str) else "") from error
        self._built(entry.name)
        return task


class PlannedTaskManager(TaskManager):
    """lm-eval's TaskManager over just the YAML files that the plan names."""

    def __init__(self, files: dict[str, str], metadata: dict[str, Any], built: Callable[[str], None]) -> None:
        index: dict[str, Any] = {}
        for file in dict.fromkeys(files.values()):
            path = Path(file)
            TaskIndex.process_cfg(load_yaml(path, resolve_func=False, recursive=True), path, index)
        super().__init__(include_defaults=False, metadata=metadata)
        self._index = index
        self._factory = _ReportingFactory(metadata, built)


def load_tasks(plan: BenchmarkPlan, metadata: dict[str, Any], built: Callable[[str], None]) -> LoadedTasks:
    """Load every task of the plan with its shots, generation settings and seed.

    `built` is called with each leaf task's name. Raises BenchtuiError naming the task and its dataset.
    """
    refuse_local_metrics()
    _refuse_others(plan)
    manager = PlannedTaskManager(plan.task_files, metadata, built)
    tasks: dict[str, LoadedTask] = {}
    groups: dict[str, Group] = {}
    for wanted in plan.tasks:
        loaded = _load(manager, wanted.name)
        groups.update(loaded.get("groups", {}))
        for name, task in loaded["tasks"].items():
            if name in tasks:
                raise BenchtuiError(
                    f"Task {name} is asked for twice, the second time by {wanted.name}.", "Name it once."
                )
            _refuse_unsafe(name, task, plan)
            replaced = replaced_settings(task, plan.prompts.gen_kwargs)
            repeats = _apply_settings(name, task, wanted, plan)
            tasks[name] = LoadedTask(name, task, get_sample_size(task, wanted.limit), repeats, replaced)
    _refuse_others(plan)  # loading a data set may take minutes
    return LoadedTasks(tuple(tasks.values()), groups)


def _refuse_others(plan: BenchmarkPlan) -> None:
    """Raise BenchtuiError where the file of a task of the user's own data is not the one that was planned: another run
    may have written its own under that name since."""
    for spec in plan.data:
        try:
            found = task_digest(spec.name, Path(plan.task_files[spec.name]))
        except OSError:
            found = ""  # its data are gone
        if found != plan.task_digests.get(spec.name):
            raise BenchtuiError(
                f"The file of task {one_line(spec.name, 80)} is not the one that this run was planned with.",
                "Start the run again.",
            )


def _load(manager: PlannedTaskManager, name: str) -> Any:
    try:
        return manager.load([name])
    except BenchtuiError:
        raise
    except Exception as error:
        raise _task_error(name, error) from error


def _task_error(name: str, error: Exception, dataset: str = "") -> BenchtuiError:
    """What a library said about a task it could not load, as one line with the next step; `dataset` is its data set."""
    if unwritable := unwritable_cache(error):
        return unwritable
    if is_caused_by_out_of_memory(error):
        return BenchtuiError(
            f"Memory ran out while task {name} was loaded.",
            "Close other programs, or allow benchtui more memory (`ulimit -v`).",
        )
    text = " ".join(str(error).split())[:400]
    what = f"Task {name} cannot be loaded: {type(error).__name__}: {text}"
    if isinstance(error, ModuleNotFoundError):
        return BenchtuiError(what, f"Install what it needs: pip install {error.name}")
    data = f"its data set {one_line(dataset, 100)}" if dataset else "its data set"
    if hub_is_offline() and isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
        return BenchtuiError(
            f"Task {name} cannot be loaded: {data} is not in the cache, and this run is offline.",
            "Run it once with a connection and without --offline; after that the cache has it.",
        )
    if isinstance(error, ConnectionError | TimeoutError) or "reach" in text.lower():
        return BenchtuiError(what, f"Connect once so that {data} gets into the cache, or set HF_ENDPOINT to a mirror.")
    return BenchtuiError(what, "Check the task with `benchtui tasks " + name + "`, or leave it out.")


def _refuse_unsafe(name: str, task: Task, plan: BenchmarkPlan) -> None:
    if getattr(task, "UNSAFE_CODE", False) and not plan.permissions.unsafe_code:
        raise BenchtuiError(
            f"Task {name} executes code that the model wrote.", "Allow it for this run with --confirm-unsafe-code."
        )
    if code_in_generation(task.get_config("generation_kwargs") or {}) and not plan.permissions.remote_code:
        raise BenchtuiError(
            f"Task {name} has its answers made by code from a repository (custom_generate).",
            "If you trust it, allow that for this run with --trust-remote-code.",
        )
    if getattr(task, "MULTIMODAL", False):
        raise BenchtuiError(f"Task {name} needs images or sound; benchtui evaluates text models.", "Leave it out.")


def _apply_settings(name: str, task: Task, wanted: TaskPlan, plan: BenchmarkPlan) -> int:
    """Do what lm-eval's `simple_evaluate` does to a task before it evaluates (evaluator.py). Return how many answers
    are drawn to each of its documents. Raises UsageError for settings that would change nothing."""
    generates, repeats = task.get_config("output_type") == "generate_until", 1
    if generates and plan.prompts.gen_kwargs:
        task.set_config(key="generation_kwargs", value=dict(plan.prompts.gen_kwargs), update=True)
    if generates:
        check_generation(name, task, plan.prompts.gen_kwargs)
    if generates and plan.repeats > 1:
        repeats = plan.repeats
        ask_repeatedly(name, task, repeats)
    own = task.get_config("num_fewshot")
    if wanted.num_fewshot is not None:
        if own != 0:  # a 0 written in the task's YAML is the task's definition
            task.set_config(key="num_fewshot", value=wanted.num_fewshot)
    elif own is None:
        task.set_config(key="num_fewshot", value=0)
    task.set_fewshot_seed(seed=plan.prompts.seeds[3])
    return repeats
