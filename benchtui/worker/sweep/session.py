"""The worker of a sweep: both models loaded once, then one task after another, and the file of what was found."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import msgspec

from benchtui.errors import BenchtuiError
from benchtui.plans.plan import read_plan
from benchtui.plans.sweep import SweepPlan, check_strategy
from benchtui.plans.switching import PROFILED
from benchtui.routing.rules import Threshold, percent_of
from benchtui.routing.signals import SIGNALS
from benchtui.routing.strategies import Strategy
from benchtui.routing.sweeps.choose import halves, settled
from benchtui.routing.sweeps.records import SWEEP, Sweep, SweptTask, write_sweep
from benchtui.runs.directory import RunDirectory
from benchtui.runs.events import Results
from benchtui.runs.kinds.sweep.events import SweepPlanned, TaskToSweep
from benchtui.runs.kinds.sweep.fold import LARGE, SMALL, TEXTS, THRESHOLDS
from benchtui.text import one_line
from benchtui.worker.answering.hybrid.answering import HybridAnswering
from benchtui.worker.answering.next_token import CountsArithmetic
from benchtui.worker.answering.opening import open_chat
from benchtui.worker.answering.protocol import Answering, ChatRenderer
from benchtui.worker.benchmark.context import RunContext
from benchtui.worker.benchmark.open_run import open_to_ask, open_to_score
from benchtui.worker.benchmark.same_scores import asks_log_likelihoods
from benchtui.worker.benchmark.stages import bind_journal
from benchtui.worker.benchmark.tasks.load import LoadedTask
from benchtui.worker.guard import StopRequested
from benchtui.worker.process import WorkerProcess
from benchtui.worker.sweep.answers import ScoredRequest, Shapes, SweptRequest, WrittenRequest
from benchtui.worker.sweep.asking import RequestMaker
from benchtui.worker.sweep.cost import said_cost
from benchtui.worker.sweep.passes import read_by_both
from benchtui.worker.sweep.points import Points
from benchtui.worker.sweep.records import Measured, Pass, SweptAnswers
from benchtui.worker.sweep.task import SweepTask, stages_of
from benchtui.worker.sweep.texts import TextWriter

_CAVEATS, _SHAPES = "caveats of the models", "shapes of the models"


def work(process: WorkerProcess, runs: Sequence[RunDirectory]) -> None:
    """Evaluate each run at every threshold. Told to stop, it writes what is complete, then raises StopRequested.

    Raises BenchtuiError where the models cannot answer together or a task cannot be swept, and what they raise.
    """
    for run in runs:
        with ExitStack() as stack:
            sweep = _Sweep(run, process, stack, asks=True)
            try:
                sweep.evaluate(process, stack)
            except StopRequested:
                process.stop.interruptible = False
                sweep.conclude()
                raise
            sweep.conclude()
        process.stop.interruptible = True


def score(process: WorkerProcess, runs: Sequence[RunDirectory]) -> None:
    """Write the file of what the journals hold; no model is opened."""
    for run in runs:
        with ExitStack() as stack:
            sweep = _Sweep(run, process, stack, asks=False)
            process.stop.interruptible = False
            templated = sweep.plan.prompts.chat_template is not None
            sweep.build(open_chat(sweep.plan) if templated else None)
            sweep.conclude()
            process.stop.check()


class _Sweep:
    """A run with its files open, and the tasks whose prompts are built."""

    def __init__(self, run: RunDirectory, process: WorkerProcess, stack: ExitStack, *, asks: bool) -> None:
        self.plan = read_plan(run.plan_file, SweepPlan)
        check_strategy(self.plan.strategy)
        open_run = open_to_ask if asks else open_to_score
        self.context: RunContext = open_run(process, run, stack, self.plan)
        self.tasks: dict[str, SweepTask] = {}
        for loaded in self.context.tasks.tasks:
            _check(loaded, self.plan.strategy)

    @property
    def quantiles(self) -> bool:
        """Whether a threshold is one, so that it must be measured first."""
        return any(percent_of(each) is not None for each in self.plan.thresholds)

    def evaluate(self, process: WorkerProcess, stack: ExitStack) -> None:
        """Open both models and have them answer what the journal has not."""
        context, plan = self.context, self.plan
        context.reporter.phase("loading model", detail=plan.source.path)
        opened = HybridAnswering.open(plan, context.reporter, process.memory_share)
        stack.callback(opened.close)
        process.stop.interruptible = False
        bind_journal(context, dtype=opened.facts.dtype)
        opened.check_tasks(loglikelihood=any(asks_log_likelihoods(found.task) for found in context.tasks.tasks))
        context.journal.note(_CAVEATS, [*opened.facts.caveats, *context.caveats])
        maker = RequestMaker(opened, plan.prompts)
        self.announce()
        self.build(opened.chat if plan.prompts.chat_template is not None else None)
        for task in self.tasks.values():
            context.reporter.task = task.name
            if task.writes:
                self._write(task, TextWriter(task, opened, maker))
                if context.journal.noted(_SHAPES) is None:  # only where texts are written: asking takes forward passes
                    shapes = [_shape(model) for model in (opened.pair.small, opened.pair.large)]
                    context.journal.note(_SHAPES, shapes)
            else:
                read_by_both(task, opened.pair, maker)

    def announce(self) -> None:
        """Tell which tasks there are."""
        stages = [stages_of(loaded, quantiles=self.quantiles) for loaded in self.context.tasks.tasks]
        self.context.reporter.emit(
            SweepPlanned(
                tasks=[
                    TaskToSweep(loaded.name, loaded.documents, tuple(each))
                    for loaded, each in zip(self.context.tasks.tasks, stages, strict=True)
                ]
            )
        )

    def build(self, chat: ChatRenderer | None) -> None:
        """Build the prompts of every task."""
        for loaded in self.context.tasks.tasks:
            self.tasks[loaded.name] = SweepTask(self.context, loaded, chat)

    def conclude(self) -> None:
        """Write the file of what is complete; nothing where no document is."""
        context, plan = self.context, self.plan
        context.reporter.phase("scoring")
        notes: list[str] = list(context.journal.noted(_CAVEATS) or [])
        found: list[SweptTask] = []
        partial = len(self.tasks) < len(context.tasks.tasks)
        for task in self.tasks.values():
            points = Points(task.loaded, task.instances, self._requests(task))
            partial = partial or len(points.documents) < task.loaded.documents
            if points.documents:
                record, more = points.record(self._thresholds(task, points))
                found.append(record)
                notes += [*more, *said_cost(task, record)]
            context.reporter.advance("tasks", 1)
        if not found:
            context.reporter.warn("No sample was completely answered yet, so there is nothing to score.")
            return
        context.reporter.phase("writing")
        small, large = plan.labels
        strategy = plan.strategy
        write_sweep(
            context.run.path, Sweep(small, large, strategy.name, tuple(found), strategy.hold, notes=tuple(notes))
        )
        context.reporter.emit(Results(file=SWEEP, folder="", partial=partial))

    def _write(self, task: SweepTask, writer: TextWriter) -> None:
        """Settle the thresholds, then write every text."""
        if self.quantiles and self._noted(task) is None:
            choosing = self._for_choosing(task)
            writer.measure(choosing)
            self._settle(task, choosing)
        writer.write_all(self._thresholds(task))

    def _for_choosing(self, task: SweepTask) -> set[int]:
        """The documents behind whose prompts the small model writes alone: the first of those for choosing."""
        points = Points(task.loaded, task.instances, dict.fromkeys(_places(task)))  # type: ignore[arg-type]
        chosen = halves(points.hashes)
        documents = [doc_id for doc_id, mine in zip(points.documents, chosen, strict=True) if mine]
        return set(documents[:PROFILED])

    def _settle(self, task: SweepTask, documents: set[int]) -> None:
        found = task.found(THRESHOLDS, Measured)
        measured = [each.signals for key, each in found.items() if key.doc_id in documents]
        hashes = [str(number) for number in range(len(measured))]
        self._note(task, settled(self.plan.thresholds, measured, hashes))

    def _thresholds(self, task: SweepTask, points: Points | None = None) -> tuple[Threshold, ...]:
        """The thresholds of a task as numbers, decreasing. They are settled once."""
        noted = self._noted(task)
        if noted is None and (not self.quantiles or task.writes):
            noted = settled(self.plan.thresholds, [[0.0]], ["0"]) if not self.quantiles else ()
        if noted is None:
            assert points is not None  # noqa: S101 - log-likelihoods are all there when they are scored
            noted = settled(self.plan.thresholds, points.signals(), points.hashes)
        return noted

    def _note(self, task: SweepTask, thresholds: tuple[Threshold, ...]) -> None:
        self.context.journal.note(f"thresholds of {task.name}", msgspec.to_builtins(thresholds))
        self.context.reporter.decision(
            f"thresholds of {task.name}",
            ", ".join(f"{each.value:.4g}" for each in thresholds),
            "quantiles of its texts",
        )

    def _noted(self, task: SweepTask) -> tuple[Threshold, ...] | None:
        noted = self.context.journal.noted(f"thresholds of {task.name}")
        return None if noted is None else msgspec.convert(noted, tuple[Threshold, ...])

    def _requests(self, task: SweepTask) -> dict[tuple[int, int], SweptRequest]:
        """What was found of each request, by document and number."""
        found: dict[tuple[int, int], SweptRequest] = {}
        noted: Any = self.context.journal.noted(_SHAPES)
        shapes: Shapes = (None, None) if noted is None else msgspec.convert(noted, Shapes)
        if task.writes:
            for key, answers in task.found(TEXTS, SweptAnswers).items():
                found[key.doc_id, key.idx] = WrittenRequest(answers, shapes)
            return found
        small, large = (task.found(stage, tuple[Pass, ...]) for stage in (SMALL, LARGE))
        whole = {each.key: each.instance.request_type == "loglikelihood_rolling" for each in task.asked}
        for key in small.keys() & large.keys():
            found[key.doc_id, key.idx] = ScoredRequest(
                small[key], large[key], self.plan.strategy, whole=whole[key], shapes=shapes
            )
        return found


def _check(loaded: LoadedTask, strategy: Strategy) -> None:
    """Raise BenchtuiError for a task whose texts the strategy cannot sweep over, before any model is loaded."""
    if loaded.kind != "generate_until":
        return
    name, signal = one_line(loaded.name, 80), strategy.signal
    if signal is None:
        raise BenchtuiError(
            f"{name} is answered by texts, and those of --strategy {strategy.name} have nothing in common that a sweep "
            "could share.",
            "Run it once for each threshold: benchtui hybrid run",
        )
    if SIGNALS[signal].needs == "raw logits":
        raise BenchtuiError(
            f"{name} is answered by texts, and {signal} needs raw logits, which a text that grows does not give.",
            "Choose another signal, such as margin.",
        )


def _shape(model: Answering) -> dict[str, int] | None:
    """What of a model's shape counts, as the journal keeps it."""
    found = model.arithmetic() if isinstance(model, CountsArithmetic) else None
    return None if found is None else msgspec.to_builtins(found)


def _places(task: SweepTask) -> list[tuple[int, int]]:
    return [(each.key.doc_id, each.key.idx) for each in task.asked]
