"""The worker of benchmarks: weights loaded once, then one run after another, or a base and a model side by side."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from lm_eval.loggers.utils import add_tokenizer_info

from benchtui.backends.hf import engine_of
from benchtui.files import write_run_file
from benchtui.plans.benchmark import BenchmarkPlan, side_by_side
from benchtui.plans.lm_eval_command import equivalent_command
from benchtui.runs.directory import RunDirectory
from benchtui.worker.answering.hf import remembered
from benchtui.worker.answering.protocol import OutOfMemoryError
from benchtui.worker.benchmark.context import ModelDescription, Outcome, RunContext
from benchtui.worker.benchmark.evaluate import Evaluation, evaluate
from benchtui.worker.benchmark.interim_hf import LmEvalModel
from benchtui.worker.benchmark.open_run import open_to_ask, open_to_score
from benchtui.worker.benchmark.prompts import TokenizerPrompter
from benchtui.worker.benchmark.score_journal import score_journal
from benchtui.worker.benchmark.side_by_side import evaluate_side_by_side
from benchtui.worker.process import WorkerProcess


def score(process: WorkerProcess, runs: Sequence[RunDirectory]) -> None:
    """Write results of what the journals of these runs hold, without a model. Raises what `score_journal` does."""
    for run in runs:
        with ExitStack() as stack:
            context = open_to_score(process, run, stack)
            process.stop.interruptible = False
            score_journal(context, TokenizerPrompter(context.plan))


def work(process: WorkerProcess, runs: Sequence[RunDirectory]) -> None:
    """Evaluate runs in turn, or side by side where their plans say so and the memory allows it, and write their
    results. Raises what `evaluate` does."""
    session = _Session(process)
    if side_by_side([run.plan() for run in runs]) and session.evaluated_side_by_side(*runs):
        return
    for run in runs:
        session.evaluate(run)


class _Session:
    """Keeps the loaded model between runs that can share it."""

    def __init__(self, process: WorkerProcess) -> None:
        self._process = process
        self._stop = process.stop
        self._loaded: Any = None

    def evaluate(self, run: RunDirectory) -> None:
        """Evaluate one run by itself."""
        with ExitStack() as stack:
            context = open_to_ask(self._process, run, stack)
            self._load(context)
            self._stop.interruptible = False
            evaluate(self._evaluation(context, self._loaded))
        self._stop.interruptible = True

    def evaluated_side_by_side(self, base: RunDirectory, tuned: RunDirectory) -> bool:
        """False when both models do not fit into memory together; what was answered is kept then."""
        from benchtui.worker.answering.hf.load import load_beside
        from benchtui.worker.answering.hf.memory import release_memory

        with ExitStack() as stack:
            first, second = (open_to_ask(self._process, run, stack) for run in (base, tuned))
            self._load(first)
            second.take_turn()
            second.reporter.phase("loading model", detail=second.plan.source.path)
            beside = load_beside(self._loaded, second.plan, second.reporter, self._share(second.plan))
            _tell_order(first, second, together=beside is not None)
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
            _tell_order(first, second, together=False)
        release_memory(self._loaded.device)
        return False

    def _load(self, context: RunContext) -> None:
        """Load the weights for a run, or use those that are there already where they serve it."""
        from benchtui.worker.answering.hf.load import load_model, prepare

        plan, reporter = context.plan, context.reporter
        context.take_turn()
        reporter.phase("loading model", detail=plan.source.path)
        share = self._share(plan)
        if share < self._process.memory_share:
            reporter.decision("memory", f"{share:.3g} of what would be planned", "more did not fit before")
        if self._loaded is not None and self._loaded.serves(plan.source):
            prepare(self._loaded, plan, reporter, share)
        else:
            self._loaded = None  # frees the other model first: two may not fit
            self._loaded = load_model(plan, reporter, share)

    def _share(self, plan: BenchmarkPlan) -> float:
        """Of the memory that would be planned for. lm-eval's own model remembers batch sizes instead."""
        share = self._process.memory_share
        if engine_of(plan.backend_settings) != "fast" or isinstance(plan.batch_size, int):
            return share
        return min(share, remembered.memory_share(plan))

    def _evaluation(self, context: RunContext, loaded: Any, *, early: bool = False) -> Evaluation:
        script = equivalent_command(context.plan, dtype=loaded.dtype, device=loaded.device, early=early)
        write_run_file(context.run.equivalent_command, script)
        tokenizer: dict[str, Any] = {}
        add_tokenizer_info(tokenizer, loaded.lm)
        facts: dict[str, Any] = dict(loaded.facts)
        if context.caveats:
            facts["caveats"] = [*facts.get("caveats", []), *context.caveats]
        return Evaluation(
            context=context,
            model=LmEvalModel(loaded, context.plan, self._share(context.plan)),
            outcome=Outcome(ModelDescription(facts, tokenizer)),
        )


def _tell_order(first: RunContext, second: RunContext, *, together: bool) -> None:
    order, why = "side by side", "both stop once their difference is decided"
    if not together:
        order = "one after the other"
        why = "the base in full, then the fine-tuned model: memory is not enough for both"
    for context in (first, second):
        context.reporter.decision("order", order, why)
