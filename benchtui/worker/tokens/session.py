"""The worker of comparisons by token: texts, one model after another over them, the pairs, and what is said of them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from benchtui.errors import BenchtuiError
from benchtui.runs.directory import RunDirectory
from benchtui.tokens.records import TokenDocument
from benchtui.tokens.store import DistributionStore
from benchtui.worker.freed_memory import give_back_freed_memory
from benchtui.worker.guard import StopRequested
from benchtui.worker.process import WorkerProcess
from benchtui.worker.tokens.conclude import conclude
from benchtui.worker.tokens.context import TokensContext, open_run
from benchtui.worker.tokens.model_pass import ModelPasses
from benchtui.worker.tokens.pairs import compare_pairs
from benchtui.worker.tokens.text_sets import TextSets, header_of
from benchtui.worker.tokens.texts.read import read_texts


def work(process: WorkerProcess, runs: Sequence[RunDirectory]) -> None:
    """Compare the models of each run and write its store. Told to stop, it writes what is said of the models that are
    complete, then raises StopRequested. Raises what `ModelPasses.read` and `compare_pairs` raise."""
    give_back_freed_memory()
    for run in runs:
        with ExitStack() as stack:
            context = open_run(process, run, stack)
            try:
                _compare(context)
            except StopRequested:
                process.stop.interruptible = False
                conclude(context)
                raise
            conclude(context)
        process.stop.interruptible = True


def score(process: WorkerProcess, runs: Sequence[RunDirectory]) -> None:
    """Write what is said of the models and pairs that are complete; no model is opened. Raises what `conclude` does."""
    for run in runs:
        with ExitStack() as stack:
            context = open_run(process, run, stack)
            process.stop.interruptible = False
            conclude(context)
            process.stop.check()


def _compare(context: TokensContext) -> None:
    sets = TextSets(context)
    documents = _documents(context, sets)
    context.process.stop.interruptible = False
    context.writer.header(header_of(context, len(documents)))
    passes = ModelPasses(context, sets, documents)
    for number in range(len(context.plan.models)):
        passes.read(number)
    compare_pairs(context, DistributionStore(context.writer.folder))


def _documents(context: TokensContext, sets: TextSets) -> Sequence[TokenDocument]:
    """What the run began with, else what the plan's texts are now. Raises BenchtuiError where there are none."""
    if (begun := sets.first_documents()) is not None:
        return begun
    context.reporter.phase("building prompts")
    documents = read_texts(context.plan, context.reporter, context.process.stop.check)
    if not documents:
        raise BenchtuiError("There are no texts to compare the models on.", "Choose other tasks or data.")
    return documents
