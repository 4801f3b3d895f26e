"""The worker of two models that write by turns: a threshold where it is a quantile, then one text after another."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from benchtui.errors import BenchtuiError
from benchtui.runs.directory import RunDirectory
from benchtui.runs.kinds.switching.events import SwitchingPlanned
from benchtui.worker.answering.two_models import open_two, two_models
from benchtui.worker.guard import StopRequested
from benchtui.worker.process import WorkerProcess
from benchtui.worker.switching.context import SwitchingContext, open_run
from benchtui.worker.switching.texts import Writer
from benchtui.worker.watching import Watching


def work(process: WorkerProcess, runs: Sequence[RunDirectory]) -> None:
    """Write the texts of each run. Told to stop, it writes what there is, then raises StopRequested.

    Raises BenchtuiError where the models cannot write together, or no text could be written.
    """
    for run in runs:
        with ExitStack() as stack:
            context = open_run(process, run, stack)
            try:
                _write(context, stack)
            except StopRequested:
                process.stop.interruptible = False
                context.conclude()
                raise
            context.conclude()
            context.refuse_nothing()
        process.stop.interruptible = True


def score(process: WorkerProcess, runs: Sequence[RunDirectory]) -> None:
    """Write the file of what the journals hold; no model is opened."""
    for run in runs:
        with ExitStack() as stack:
            context = open_run(process, run, stack)
            process.stop.interruptible = False
            context.conclude()
            process.stop.check()


def _write(context: SwitchingContext, stack: ExitStack) -> None:
    plan, reporter, process = context.plan, context.reporter, context.process
    if not context.questions:
        raise BenchtuiError("There are no prompts to write behind.", "Choose other tasks or data.")
    reporter.emit(SwitchingPlanned(documents=len(context.questions), profiled=context.to_profile))
    context.tell()
    if not context.waiting():
        return
    labels = (plan.models[0].label, plan.models[1].label)

    def begin(number: int) -> None:
        reporter.phase("loading model", detail=plan.models[number].source.path)

    opened = open_two((plan.load_plan(0), plan.load_plan(1)), reporter, process.memory_share, begin)
    stack.callback(opened.close)
    context.note_models(opened.models)
    models = two_models(labels, opened.models, Watching(reporter, process.stop))
    process.stop.interruptible = False
    reporter.phase("evaluating")
    writer = Writer(context, models)
    writer.settle_threshold()
    writer.write_all()
    context.note_removed((models.first.removed, models.second.removed), models.tokenizer)
