"""One run, task by task: ask what is not yet answered, journal, score, write."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchtui.errors import BenchtuiError
from benchtui.runs.directory import RunDirectory
from benchtui.runs.events import Planned, PlannedTask, Progress, Results, Scores
from benchtui.runs.journal import Journal
from benchtui.runs.plan import RunPlan
from benchtui.scoring.task import TaskScorer, TaskScores
from benchtui.worker import remembered
from benchtui.worker.answers import TaskRequests
from benchtui.worker.guard import StopFlag
from benchtui.worker.memory import OutOfMemoryError, is_out_of_memory, release
from benchtui.worker.report import Reporter
from benchtui.worker.tasks import LoadedTask, LoadedTasks, build_requests
from benchtui.worker.write import TaskCoverage, write_results

PROGRESS_INTERVAL = 0.25


@dataclass
class Evaluation:
    """What one run needs while it is evaluated: its plan, where it writes, and the model (None to score only)."""

    run: RunDirectory
    plan: RunPlan
    tasks: LoadedTasks
    journal: Journal
    reporter: Reporter
    stop: StopFlag
    prompter: Any
    lm: Any = None


def evaluate(evaluation: Evaluation, facts: dict[str, Any]) -> None:
    """Evaluate (or, without a model, only score) every task and write the result files.

    `facts` are the worker's own choices (device, dtype); the journal is tied to those that can change a score.
    Raises BenchtuiError, OSError or sqlite3.OperationalError (a full disk), StopRequested.
    """
    started = time.time()
    journal, reporter, plan = evaluation.journal, evaluation.reporter, evaluation.plan
    journal.bind({"fingerprint": plan.fingerprint, **{name: facts[name] for name in ("dtype",) if name in facts}})
    _plan_tasks(evaluation)
    scores: dict[str, TaskScores] = {}
    coverage: dict[str, TaskCoverage] = {}
    for loaded in evaluation.tasks.tasks:
        evaluation.stop.check()
        reporter.task = loaded.name
        runner = TaskRun(evaluation, loaded)
        if evaluation.lm is not None:
            runner.ask()
        scores[loaded.name], coverage[loaded.name] = runner.finish()
    reporter.task = ""
    if not any(score.documents for score in scores.values()):
        raise BenchtuiError("No document was completely answered, so there is nothing to score.", "Resume the run.")
    reporter.phase("writing")
    file = write_results(
        evaluation.run, plan, evaluation.tasks, scores, coverage, lm=evaluation.lm, facts=facts, started=started
    )
    partial = any(c.done < c.total for c in coverage.values())
    reporter.emit(Results(file=file.name, partial=partial))


def _plan_tasks(evaluation: Evaluation) -> None:
    planned = [
        PlannedTask(loaded.name, loaded.documents, 0, len(evaluation.journal.answers(loaded.name)), loaded.kind)
        for loaded in evaluation.tasks.tasks
    ]
    evaluation.reporter.emit(Planned(tasks=planned))


class TaskRun:
    """One task of a run; the observer of the model while it answers."""

    def __init__(self, evaluation: Evaluation, loaded: LoadedTask) -> None:
        self._evaluation = evaluation
        self._loaded = loaded
        self._reporter = evaluation.reporter
        self._request_type = ""
        self._progress_at = 0.0
        self._began = time.monotonic()
        self._reporter.phase("building prompts", loaded.name)
        instances = build_requests(loaded, evaluation.plan, evaluation.prompter)
        self._scorer = TaskScorer(loaded.task, instances, loaded.docs())
        self._prompts = {i.doc_id: str(i.args[0]) for i in reversed(instances)}
        self._requests = TaskRequests(loaded.name, instances, evaluation.journal, self._document_answered)
        self._answered_before = self._tokens_before = 0
        self._requests.restore()
        self._answered_before = self._requests.answered
        self._tokens_before = self._reporter.tokens

    def ask(self) -> None:
        """Have the model answer everything that is not in the journal, in smaller batches where memory runs out."""
        reporter, lm = self._reporter, self._evaluation.lm
        reporter.phase("evaluating", self._loaded.name)
        self._progress(force=True)
        lm.observer = self
        lm.set_cache_hook(self._requests)
        planned = self._use_remembered_size()
        while pending := self._requests.pending():
            self._evaluation.stop.check()
            before = self._requests.answered
            try:
                self._ask_all(pending)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                self._halve_batch(error)
                continue
            if self._requests.answered == before:
                raise RuntimeError(f"{self._loaded.name}: the model returned without answering")
        if lm.batch_size_per_gpu != planned:
            remembered.store(self._evaluation.plan, self._loaded.kind, lm.batch_size_per_gpu)
            lm.batch_size_per_gpu = planned  # another kind of task may have room for more
        self._progress(force=True)

    def _use_remembered_size(self) -> Any:
        """Start where this model and kind of task fitted before; returns the size that was planned."""
        lm = self._evaluation.lm
        planned = lm.batch_size_per_gpu
        known = remembered.load(self._evaluation.plan, self._loaded.kind)
        if known is not None and isinstance(planned, int) and known < planned:
            lm.batch_size_per_gpu = known
            self._reporter.decision("batch size", str(known), f"{planned} did not fit into memory before")
        return planned

    def _ask_all(self, pending: Sequence[Any]) -> None:
        lm = self._evaluation.lm
        by_type: dict[str, list[Any]] = {}
        for instance in pending:
            by_type.setdefault(instance.request_type, []).append(instance)
        for request_type, instances in by_type.items():
            self._request_type = request_type
            answers = getattr(lm, request_type)(instances)
            self._requests.take_rest(instances, answers)

    def _halve_batch(self, error: Exception) -> None:
        lm = self._evaluation.lm
        release(lm)
        size = lm.batch_size_per_gpu
        if not isinstance(size, int) or size <= 1:
            raise OutOfMemoryError(
                f"{self._loaded.name}: memory is not enough for one request: {' '.join(str(error).split())[:160]}",
                "Use --format merged_4bit, a smaller --max-length, a GGUF, or a larger machine.",
            ) from error
        lm.batch_size_per_gpu = size // 2
        self._reporter.decision("batch size", str(size // 2), f"memory ran out at {size}; what was answered is kept")

    def finish(self) -> tuple[TaskScores, TaskCoverage]:
        """Final scores over every completely answered document, and how many those are of how many."""
        self._reporter.phase("scoring", self._loaded.name)
        scores = self._scorer.final()
        done, total = len(scores.documents), self._requests.documents
        answered = set(scores.documents)
        missing = sorted(set(self._prompts) - answered)
        if scores.documents:
            self._reporter.emit(Scores(task=self._loaded.name, scores=self._scorer.live(), final=True))
        self._progress(force=True)
        return scores, TaskCoverage(done, total, missing)

    # What the model tells while it works (see benchtui/worker/engine/observer.py).

    def batch_started(self, request_args: Sequence[tuple[Any, ...]]) -> None:
        self._evaluation.stop.check()
        documents = self._requests.in_flight([args for args in request_args if args], self._request_type)
        if documents:
            self._reporter.in_flight(self._loaded.name, documents)
        self._progress()

    def tokens(self, n: int) -> None:
        self._evaluation.stop.check()
        self._reporter.count_tokens(n)

    def decision(self, what: str, choice: str, why: str) -> None:
        self._reporter.decision(what, choice, why)

    def _document_answered(self, doc_id: int) -> None:
        if self._loaded.kind == "generate_until":  # scoring text can be slow, or hang: name it before
            self._reporter.in_flight(self._loaded.name, [(doc_id, self._prompts[doc_id])])
        self._scorer.score(doc_id)
        self._reporter.advance("documents", 1)
        self._progress()
        if self._scorer.live_due():
            self._reporter.emit(Scores(task=self._loaded.name, scores=self._scorer.live()))

    def _progress(self, *, force: bool = False) -> None:
        now = time.monotonic()
        if not force and now - self._progress_at < PROGRESS_INTERVAL:
            return
        self._progress_at = now
        seconds = max(now - self._began, 1e-6)
        requests = self._requests
        share = requests.documents / requests.total if requests.total else 0.0
        self._reporter.emit(
            Progress(
                task=self._loaded.name,
                documents=self._scorer.scored,
                documents_total=requests.documents,
                requests=requests.answered,
                requests_total=requests.total,
                documents_per_second=(requests.answered - self._answered_before) * share / seconds,
                tokens_per_second=(self._reporter.tokens - self._tokens_before) / seconds,
            )
        )
