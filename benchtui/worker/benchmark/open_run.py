"""A run's files opened and its tasks loaded, before a model is."""

from __future__ import annotations

import dataclasses
import random
from contextlib import ExitStack, closing

from benchtui.plans.benchmark import BenchmarkPlan, PromptSettings
from benchtui.runs.directory import RunDirectory
from benchtui.runs.events import EventWriter
from benchtui.runs.in_hand import InHandWriter
from benchtui.runs.journal.followed import FollowedJournal
from benchtui.runs.journal.of_shard import open_journal
from benchtui.worker.benchmark.context import RunContext
from benchtui.worker.benchmark.speed import SpeedMeter
from benchtui.worker.benchmark.tasks.data import bind_data
from benchtui.worker.benchmark.tasks.load import LoadedTasks, load_tasks
from benchtui.worker.benchmark.tasks.prompts import try_prompts
from benchtui.worker.benchmark.tasks.repeats import Replaced
from benchtui.worker.process import WorkerProcess
from benchtui.worker.report import Reporter


def open_to_ask(
    process: WorkerProcess, run: RunDirectory, stack: ExitStack, plan: BenchmarkPlan | None = None
) -> RunContext:
    """Open a run whose model is to be asked; `stack` closes its files. `plan` is that of a run of another kind, which
    asks the same tasks.

    Raises BenchtuiError where a task cannot be loaded, its data have changed, or the chat template fails on it.
    """
    context = open_to_score(process, run, stack, plan)
    bind_data(run, context.plan, context.tasks, context.journal)
    given_up = {task for task, _ in context.journal.skipped()}  # a prompt that hung is not made again
    tried = [found for found in context.tasks.tasks if found.name not in given_up]
    caveats = try_prompts(tried, context.plan, context.in_hand)
    for (setting, value, own), names in _replaced(context.tasks).items():
        of = names[0] if len(names) == 1 else f"{len(names)} tasks"
        context.reporter.decision(f"{setting} of {of}", value, own)
    for caveat in caveats:
        context.reporter.warn(caveat)
    return dataclasses.replace(context, caveats=tuple(caveats))


def _replaced(tasks: LoadedTasks) -> dict[Replaced, list[str]]:
    """What the user's generation settings replaced, with the names of the tasks in which they did."""
    found: dict[Replaced, list[str]] = {}
    for loaded in tasks.tasks:
        for setting in loaded.replaced:
            found.setdefault(setting, []).append(loaded.name)
    return found


def open_to_score(
    process: WorkerProcess, run: RunDirectory, stack: ExitStack, plan: BenchmarkPlan | None = None
) -> RunContext:
    """Open a run whose journal is to be scored without a model: the data of its answers and the notes for its scores
    are kept in it. `stack` and `plan` as in `open_to_ask`. Raises BenchtuiError where a task cannot be loaded."""
    plan = plan or run.plan()
    files = process.files_in(run)
    reporter = Reporter(EventWriter(files.events))
    process.libraries.reporter = reporter
    set_seeds(plan.prompts)
    reporter.phase("loading task")

    def built(name: str) -> None:
        reporter.task = name
        reporter.advance("tasks", 1)

    tasks = load_tasks(plan, {**plan.source.task_metadata, **plan.prompts.model_args}, built)
    if process.refused is not None:
        process.refused.check()
    journal = stack.enter_context(FollowedJournal(run) if process.decides else open_journal(files, run.files_of()))
    return RunContext(
        run=run,
        files=files,
        plan=plan,
        tasks=tasks,
        journal=journal,
        in_hand=stack.enter_context(closing(InHandWriter(files.in_hand))),
        reporter=reporter,
        stop=process.stop,
        libraries=process.libraries,
        speed=SpeedMeter(journal, process.shard),
    )


def set_seeds(prompts: PromptSettings) -> None:
    """Set lm-eval's seeds but that of the model, which is set where one is opened, and langdetect's: unseeded, IFEval's
    language checks differ from run to run (EH#4213)."""
    import numpy as np

    python_seed, numpy_seed, _, _ = prompts.seeds
    random.seed(python_seed)
    np.random.seed(numpy_seed)  # the global generator is what lm-eval and its tasks use
    try:
        from langdetect import DetectorFactory
    except ModuleNotFoundError:
        return  # only IFEval needs it, and says so itself
    DetectorFactory.seed = 0
