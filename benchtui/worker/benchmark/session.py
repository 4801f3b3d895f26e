"""A worker's session: heavy imports once, weights once, then one run after another."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchtui.backends.hf import engine_of
from benchtui.files import write_run_file
from benchtui.plans.benchmark import BenchmarkPlan, side_by_side
from benchtui.plans.lm_eval_command import equivalent_command
from benchtui.runs.directory import RunDirectory
from benchtui.runs.events import EventWriter
from benchtui.runs.in_hand import InHandWriter
from benchtui.runs.journal.journal import Journal
from benchtui.worker.answering.hf import remembered
from benchtui.worker.guard import StopFlag
from benchtui.worker.offline import RefusedConnections
from benchtui.worker.report import (
    EventLogHandler,
    Reporter,
    report_imports,
    report_progress_bars,
    report_received_bytes,
)

if TYPE_CHECKING:
    from benchtui.worker.benchmark.evaluate import Evaluation


@dataclass
class _Opened:
    """A run with its tasks loaded and its files open; `caveats` are to be said beside its scores."""

    run: RunDirectory
    plan: BenchmarkPlan
    reporter: Reporter
    tasks: Any
    journal: Journal
    in_hand: InHandWriter
    caveats: list[str]


class Session:
    """Keeps the loaded model between runs that can share it.

    `reporter` is that of the run being evaluated; `refused` is what refuses connections when the runs are offline.
    """

    def __init__(
        self,
        stop: StopFlag,
        reporter: Reporter,
        *,
        memory_share: float = 1.0,
        refused: RefusedConnections | None = None,
    ) -> None:
        self.reporter = reporter
        self._stop = stop
        self._refused = refused
        self._memory_share = memory_share
        self._loaded: Any = None
        self._listener: EventLogHandler | None = None
        self._listen(reporter)  # at once: what is imported from here on is a sign of life

    def evaluate(self, runs: Sequence[RunDirectory]) -> None:
        """Evaluate runs in turn, or side by side where their plans say so and the memory allows it, and write their
        results."""
        if side_by_side([run.plan() for run in runs]) and self._evaluated_side_by_side(*runs):
            return
        for run in runs:
            self._evaluate_alone(run)

    def score(self, run: RunDirectory) -> None:
        """Write results of what the run's journal holds, without a model."""
        from benchtui.worker.benchmark.evaluate import Evaluation, evaluate
        from benchtui.worker.benchmark.prompts import TokenizerPrompter

        with ExitStack() as stack:
            opened = self._open(run, stack, with_torch=False)
            self._stop.interruptible = False
            evaluate(
                Evaluation(
                    run,
                    opened.plan,
                    opened.tasks,
                    opened.journal,
                    opened.reporter,
                    self._stop,
                    opened.in_hand,
                    TokenizerPrompter(opened.plan),
                    {},
                )
            )

    def _evaluate_alone(self, run: RunDirectory) -> None:
        from benchtui.worker.benchmark.evaluate import evaluate

        with ExitStack() as stack:
            opened = self._open(run, stack)
            self._load(opened)
            self._stop.interruptible = False
            evaluate(self._evaluation(opened, self._loaded))
        self._stop.interruptible = True

    def _evaluated_side_by_side(self, base: RunDirectory, tuned: RunDirectory) -> bool:
        """False when both models do not fit into memory together; what was answered is kept then."""
        from benchtui.worker.answering.hf.load import load_beside
        from benchtui.worker.answering.hf.memory import release_memory
        from benchtui.worker.answering.protocol import OutOfMemoryError
        from benchtui.worker.benchmark.side_by_side import evaluate_side_by_side

        with ExitStack() as stack:
            first, second = self._open(base, stack), self._open(tuned, stack)
            self._load(first)
            self._listen(second.reporter)
            second.reporter.phase("loading model", detail=second.plan.source.path)
            beside = load_beside(self._loaded, second.plan, second.reporter, self._share(second.plan))
            self._tell_order(first, second, together=beside is not None)
            if beside is None:
                if self._loaded.source != first.plan.source:
                    self._loaded = None  # it carries the adapter now
                return False
            self._stop.interruptible = False
            with_one_load = self._loaded.off
            try:
                evaluate_side_by_side(
                    self._evaluation(first, self._loaded, early=True), self._evaluation(second, beside, early=True)
                )
            except OutOfMemoryError:
                if with_one_load:
                    raise
                beside = None
            self._stop.interruptible = True
            if beside is not None:
                return True
            self._tell_order(first, second, together=False)
        release_memory(self._loaded.device)
        return False

    def _tell_order(self, first: _Opened, second: _Opened, *, together: bool) -> None:
        order, why = "side by side", "both stop once their difference is decided"
        if not together:
            order = "one after the other"
            why = "the base in full, then the fine-tuned model: memory is not enough for both"
        for opened in (first, second):
            opened.reporter.decision("order", order, why)

    def _open(self, run: RunDirectory, stack: ExitStack, *, with_torch: bool = True) -> _Opened:
        """The run's files, closed with `stack`, and its tasks."""
        plan = run.plan()
        reporter = Reporter(EventWriter(run.events))
        self._listen(reporter)
        from benchtui.worker.benchmark.data import bind_data
        from benchtui.worker.benchmark.prompts import try_prompts
        from benchtui.worker.benchmark.tasks import load_tasks

        seed_everything(plan, with_torch=with_torch)
        reporter.phase("loading task")
        metadata = {"pretrained": plan.source.path, **plan.prompts.model_args}
        tasks = load_tasks(plan, metadata, lambda name: self._task_built(reporter, name))
        if self._refused is not None:
            self._refused.check()
        journal = stack.enter_context(Journal(run.journal))
        if with_torch:  # without a model nothing is asked: its answers are to the data noted with them
            bind_data(run, plan, tasks, journal)
        in_hand = stack.enter_context(closing(InHandWriter(run.in_hand)))
        caveats = []
        if with_torch:  # without a model: what was said is in the journal
            given_up = {task for task, _ in journal.skipped()}  # a prompt that hung is not made again
            caveats = try_prompts([found for found in tasks.tasks if found.name not in given_up], plan, in_hand)
        for caveat in caveats:
            reporter.warn(caveat)
        return _Opened(run, plan, reporter, tasks, journal, in_hand, caveats)

    def _evaluation(self, opened: _Opened, loaded: Any, *, early: bool = False) -> Evaluation:
        from benchtui.worker.benchmark.evaluate import Evaluation

        plan = opened.plan

        def turn() -> None:
            self._listen(opened.reporter)

        @contextmanager
        def answering() -> Iterator[None]:
            turn()
            with loaded.answering():
                yield

        script = equivalent_command(plan, dtype=loaded.dtype, device=loaded.device, early=early)
        write_run_file(opened.run.equivalent_command, script)
        return Evaluation(
            opened.run,
            plan,
            opened.tasks,
            opened.journal,
            opened.reporter,
            self._stop,
            opened.in_hand,
            loaded.lm,
            _facts(loaded, opened),
            lm=loaded.lm,
            memory_share=self._share(plan),
            turn=turn,
            answering=answering,
        )

    def _listen(self, reporter: Reporter) -> None:
        """Warnings of the libraries become events, their progress bars signs of life, of the run in hand."""
        self.reporter = reporter
        if self._listener is None:
            self._listener = EventLogHandler(reporter)
            logging.getLogger().addHandler(self._listener)
            report_imports(self._listener)
            report_progress_bars(self._listener)
            report_received_bytes(self._listener)
        self._listener.reporter = reporter

    def _task_built(self, reporter: Reporter, name: str) -> None:
        reporter.task = name
        reporter.advance("tasks", 1)

    def _load(self, opened: _Opened) -> None:
        """The weights for a run, those that are there already where they serve it."""
        from benchtui.worker.answering.hf.load import load_model, prepare

        plan, reporter = opened.plan, opened.reporter
        self._listen(reporter)
        reporter.phase("loading model", detail=plan.source.path)
        share = self._share(plan)
        if share < self._memory_share:
            reporter.decision("memory", f"{share:.3g} of what would be planned", "more did not fit before")
        if self._loaded is not None and self._loaded.serves(plan.source):
            prepare(self._loaded, plan, reporter, share)
        else:
            self._loaded = None  # frees the other model first: two may not fit
            self._loaded = load_model(plan, reporter, share)

    def _share(self, plan: BenchmarkPlan) -> float:
        """Of the memory that would be planned for. lm-eval's own model remembers batch sizes instead."""
        if engine_of(plan.backend_settings) != "fast" or isinstance(plan.batch_size, int):
            return self._memory_share
        return min(self._memory_share, remembered.memory_share(plan))


def _facts(loaded: Any, opened: _Opened) -> dict[str, Any]:
    """What the worker chose and found, with what is to be said beside the scores."""
    facts: dict[str, Any] = dict(loaded.facts)
    if opened.caveats:
        facts["caveats"] = [*facts.get("caveats", []), *opened.caveats]
    return facts


def seed_everything(plan: BenchmarkPlan, *, with_torch: bool) -> None:
    """lm-eval's seeds, and langdetect's: unseeded, IFEval's language checks differ from run to run (EH#4213). Without a
    model PyTorch draws nothing, and is not worth the seconds of its import."""
    import numpy as np

    python_seed, numpy_seed, torch_seed, _ = plan.prompts.seeds
    random.seed(python_seed)
    np.random.seed(numpy_seed)  # the global generator is what lm-eval and its tasks use
    if with_torch:
        import torch

        torch.manual_seed(torch_seed)
    try:
        from langdetect import DetectorFactory
    except ModuleNotFoundError:
        return  # only IFEval needs it, and says so itself
    DetectorFactory.seed = 0
