"""The worker of benchmarks: weights loaded once, then one run after another, or a base and a model side by side."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from benchtui.files import write_run_file
from benchtui.plans.benchmark import side_by_side
from benchtui.plans.lm_eval_command import equivalent_command
from benchtui.runs.directory import RunDirectory
from benchtui.runs.worker_contract import model_devices
from benchtui.worker.answering.lm_eval_model import LmEvalModel
from benchtui.worker.answering.opening import open_answering, open_beside, open_chat
from benchtui.worker.answering.protocol import Answering, OutOfMemoryError
from benchtui.worker.benchmark.context import ModelDescription, Outcome, RunContext
from benchtui.worker.benchmark.early_stop.follow import decide_while_asked
from benchtui.worker.benchmark.evaluate import Evaluation, evaluate
from benchtui.worker.benchmark.open_run import open_to_ask, open_to_score
from benchtui.worker.benchmark.same_scores import asks_log_likelihoods
from benchtui.worker.benchmark.score_journal import score_journal
from benchtui.worker.benchmark.share import answer_share
from benchtui.worker.benchmark.side_by_side import evaluate_side_by_side
from benchtui.worker.benchmark.tasks.data import note_data
from benchtui.worker.process import WorkerProcess


def score(process: WorkerProcess, runs: Sequence[RunDirectory]) -> None:
    """Write results of what the journals of these runs hold, without a model. Raises what `score_journal` does."""
    for run in runs:
        with ExitStack() as stack:
            context = open_to_score(process, run, stack)
            note_data(context.tasks, context.journal)
            process.stop.interruptible = False
            templated = context.plan.prompts.chat_template is not None
            score_journal(context, open_chat(context.plan) if templated else None)


def decide(process: WorkerProcess, runs: Sequence[RunDirectory]) -> None:
    """Decide early what several workers answer of these runs. Raises what `decide_while_asked` does."""
    for run in runs:
        with ExitStack() as stack:
            context = open_to_score(process, run, stack)
            templated = context.plan.prompts.chat_template is not None
            decide_while_asked(context, open_chat(context.plan) if templated else None)


def work(process: WorkerProcess, runs: Sequence[RunDirectory]) -> None:
    """Evaluate runs in turn, or side by side where their plans say so and the memory allows it, and write their
    results; one of several workers answers its share of them in turn. Raises what `evaluate` does."""
    session = _Session(process)
    if process.shard is None and side_by_side([run.plan() for run in runs]) and session.evaluated_side_by_side(*runs):
        return
    for run in runs:
        session.evaluate(run)


class _Session:
    """Keeps the loaded model between runs that can share it."""

    def __init__(self, process: WorkerProcess) -> None:
        self._process = process
        self._stop = process.stop
        self._loaded: Answering | None = None

    def evaluate(self, run: RunDirectory) -> None:
        """Evaluate one run by itself, or this worker's share of it."""
        with ExitStack() as stack:
            context = open_to_ask(self._process, run, stack)
            loaded = self._load(context)
            loaded.check_tasks(loglikelihood=any(asks_log_likelihoods(found.task) for found in context.tasks.tasks))
            self._stop.interruptible = False
            work_on = evaluate if self._process.shard is None else answer_share
            work_on(_evaluation(context, loaded))
        self._stop.interruptible = True

    def evaluated_side_by_side(self, base: RunDirectory, tuned: RunDirectory) -> bool:
        """False when both models do not fit into memory together; what was answered is kept then."""
        with ExitStack() as stack:
            first, second = (open_to_ask(self._process, run, stack) for run in (base, tuned))
            loaded = self._load(first)
            second.take_turn()
            second.reporter.phase("loading model", detail=second.plan.source.path)
            beside = open_beside(loaded, second.plan, second.reporter, self._process.memory_share)
            _tell_order(first, second, together=beside is not None)
            if beside is None:
                return False
            self._stop.interruptible = False
            fitted = True
            try:
                evaluate_side_by_side(_evaluation(first, loaded, early=True), _evaluation(second, beside, early=True))
            except OutOfMemoryError:
                if loaded.shares_weights:
                    raise
                fitted = False
            self._stop.interruptible = True
            beside.close()
            if not fitted:
                _tell_order(first, second, together=False)
            return fitted

    def _load(self, context: RunContext) -> Answering:
        """Load the weights for a run, or use those that are there already where they serve it."""
        plan, reporter, share = context.plan, context.reporter, self._process.memory_share
        context.take_turn()
        reporter.phase("loading model", detail=plan.source.path)
        loaded, self._loaded = self._loaded, None
        if loaded is not None and not loaded.adapt(plan, reporter, share):
            loaded.close()  # frees the other model first: two may not fit
            loaded = None
        self._loaded = loaded or open_answering(plan, reporter, share)
        return self._loaded


def _evaluation(context: RunContext, answering: Answering, *, early: bool = False) -> Evaluation:
    told = answering.facts
    script = equivalent_command(
        context.plan, dtype=told.dtype, device=told.device, early=early, devices=model_devices()
    )
    if not context.files.shard:  # of several workers the first
        write_run_file(context.run.equivalent_command, script)
    facts: dict[str, Any] = {"device": told.device, "dtype": told.dtype}
    if caveats := [*told.caveats, *context.caveats]:
        facts["caveats"] = caveats
    return Evaluation(
        context=context,
        model=LmEvalModel(answering, context.plan.prompts),
        outcome=Outcome(ModelDescription(facts, answering.tokens.describe() if answering.tokens is not None else {})),
    )


def _tell_order(first: RunContext, second: RunContext, *, together: bool) -> None:
    order, why = "side by side", "both stop once their difference is decided"
    if not together:
        order = "one after the other"
        why = "the base in full, then the fine-tuned model: memory is not enough for both"
    for context in (first, second):
        context.reporter.decision("order", order, why)
