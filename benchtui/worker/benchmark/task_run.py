"""One task of a run: its prompts, what the model is asked, what became of the answers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from benchtui.errors import BenchtuiError
from benchtui.evidence.pairing import HashedDocument
from benchtui.runs.answer_health import AnswerFacts, TaskHealth
from benchtui.runs.kinds.benchmark.events import Progress, Scores
from benchtui.tasks.primary_metric import MetricName, primary
from benchtui.worker.answering.hf import remembered
from benchtui.worker.answering.hf.memory import release_memory
from benchtui.worker.answering.protocol import OutOfMemoryError
from benchtui.worker.benchmark.answers import TaskRequests
from benchtui.worker.benchmark.building import build_watched
from benchtui.worker.benchmark.health import HealthCounter
from benchtui.worker.benchmark.scoring import TaskScorer, TaskScores
from benchtui.worker.benchmark.tasks import LoadedTask
from benchtui.worker.benchmark.write import TaskCoverage
from benchtui.worker.memory import is_out_of_memory
from benchtui.worker.not_a_number import NotANumberError

if TYPE_CHECKING:
    from benchtui.worker.benchmark.evaluate import Evaluation

PROGRESS_INTERVAL = 0.25
CHANCE_AFTER, CHANCE_AT_LEAST = 10, 3
"""Documents without any difference between their choices after which nothing more is asked; and those from which, at
the end of a small task, that is no accident."""


class TaskRun:
    """One task of a run; the observer of the model while it answers."""

    def __init__(self, evaluation: Evaluation, loaded: LoadedTask, *, interruptible: bool) -> None:
        """Build the prompts and take up what was answered before. Raises StopRequested only if `interruptible`."""
        self._evaluation = evaluation
        self._loaded = loaded
        self._reporter = evaluation.reporter
        self._in_hand = evaluation.in_hand
        self._request_type = ""
        self._progress_at = 0.0
        self._told = 0
        self._in_batch: list[tuple[Any, ...]] = []
        self._worked = 0.0
        self._since: float | None = time.monotonic()
        self._reporter.phase("building prompts", loaded.name)
        journal = evaluation.journal
        skipped = self._given_up = {doc_id for _, doc_id in journal.skipped(loaded.name)}
        check = evaluation.stop.check if interruptible else lambda: None
        built = build_watched(loaded, evaluation.plan, evaluation.prompter, self._in_hand, skipped, check)
        instances, self._questions = built.instances, built.questions
        self._scorer = TaskScorer(loaded.task, instances, loaded.docs(), self._name)
        self._health = HealthCounter()
        self._requests = TaskRequests(loaded.name, instances, journal, self._document_answered)
        self._answered_before = self._tokens = 0
        self._requests.restore()
        self._answered_before = self._requests.answered
        self._pause_clock()

    def ask(self, only: frozenset[int] | None = None) -> None:
        """Have the model answer everything (or the documents in `only`) that is not in the journal, in smaller batches
        where memory runs out."""
        if not self._requests.pending(only):
            return
        self._since = time.monotonic()
        try:
            with self._evaluation.answering():
                self._ask(only)
        finally:
            self._pause_clock()
        self._refuse_chance(CHANCE_AT_LEAST)

    def _pause_clock(self) -> None:
        """Stop counting time while another task runs."""
        self._worked, self._since = self._worked_until(time.monotonic()), None

    def _worked_until(self, now: float) -> float:
        return self._worked + (now - self._since if self._since is not None else 0.0)

    def _ask(self, only: frozenset[int] | None) -> None:
        reporter, lm = self._reporter, self._evaluation.lm
        self._in_hand.clear()
        reporter.phase("evaluating", self._loaded.name)
        self._progress(force=True)
        unobserved, lm.observer = lm.observer, self  # another run's model may stand on the same weights
        lm.set_cache_hook(self._requests)
        planned = lm.batch_size_per_gpu
        self._use_known_size(planned)
        try:
            self._ask_until_answered(only)
        finally:
            lm.batch_size_per_gpu, fitted = planned, lm.batch_size_per_gpu  # another kind of task may have more room
            lm.observer = unobserved
        self._remember(planned, fitted)
        reporter.tell_marks(self._loaded.name, force=True)
        self._progress(force=True)

    def _remember(self, planned: Any, fitted: Any) -> None:
        evaluation = self._evaluation
        if isinstance(fitted, int) and (fitted != planned or evaluation.memory_share < 1):
            remembered.store_batch_size(evaluation.plan, self._loaded.kind, fitted)
        elif evaluation.memory_share < 1:  # an engine that sizes its batches by itself
            remembered.store_memory_share(evaluation.plan, evaluation.memory_share)

    def _ask_until_answered(self, only: frozenset[int] | None) -> None:
        lm = self._evaluation.lm
        while pending := self._requests.pending(only):
            self._evaluation.stop.check()
            before = self._requests.answered
            failure = self._ask_all(pending)
            if failure is not None:
                release_memory(
                    lm.device
                )  # only now: while it is handled, an error keeps every tensor of its frames alive
                self._halve_batch(failure)
            elif self._requests.answered == before:
                raise RuntimeError(f"{self._loaded.name}: the model returned without answering")

    def _use_known_size(self, planned: Any) -> None:
        """Start where this model and kind of task fitted before; go on as this run began, since the sequences beside it
        in a batch change the last bits of an answer."""
        if not isinstance(planned, int):
            return
        lm, journal, plan = self._evaluation.lm, self._evaluation.journal, self._evaluation.plan
        noted = f"batch size of {self._loaded.name}"
        fits, began = remembered.batch_size(plan, self._loaded.kind), journal.noted(noted)
        size, why = planned, ""
        if plan.batch_size == "auto" and isinstance(began, int) and self._evaluation.memory_share == 1:
            size, why = began, "as this run began"
        if fits is not None and fits < size:
            size, why = fits, f"{size} did not fit into memory before"
        if size != planned:
            lm.batch_size_per_gpu = size
            self._reporter.decision("batch size", str(size), why)
        journal.note(noted, size)

    def _ask_all(self, pending: Sequence[Any]) -> str | None:
        """What the allocator said if memory ran out; None when everything was asked."""
        lm = self._evaluation.lm
        by_type: dict[str, list[Any]] = {}
        for instance in pending:
            by_type.setdefault(instance.request_type, []).append(instance)
        try:
            for request_type, instances in by_type.items():
                self._request_type = request_type
                answers = getattr(lm, request_type)(instances)
                self._requests.take_rest(instances, answers)
        except NotANumberError as error:
            raise self._at_document(error) from error
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            return " ".join(str(error).split())[:160]
        finally:
            self._requests.keep()
        return None

    def _at_document(self, error: NotANumberError) -> NotANumberError:
        """The same error, with the document that the model was answering."""
        asked = [error.request] if error.request else self._in_batch
        documents = self._requests.in_flight(asked, self._request_type)
        if not documents or error.located:
            return error
        more = " or one beside it in its batch" if len(documents) > 1 else ""
        return NotANumberError(f"{self._loaded.name}, sample {documents[0]}{more}")

    def _halve_batch(self, said: str) -> None:
        lm = self._evaluation.lm
        size = lm.batch_size_per_gpu
        if not isinstance(size, int) or size <= 1:
            raise OutOfMemoryError(
                f"{self._loaded.name}: memory is not enough for one request: {said}",
                "Use --format merged_4bit, a smaller --max-length, a GGUF, or a larger machine.",
            )
        lm.batch_size_per_gpu = size // 2
        self._reporter.decision("batch size", str(size // 2), f"memory ran out at {size}; what was answered is kept")

    def documents(self) -> list[HashedDocument]:
        """Every document that was not given up on."""
        return [self._scorer.hashed(doc_id) for doc_id in self._questions]

    @property
    def size(self) -> int:
        """How many documents it has, also those that were given up on."""
        return self._loaded.documents

    @property
    def whole(self) -> bool:
        """Whether every document is answered."""
        return self._scorer.scored == self._loaded.documents

    def metric(self) -> MetricName | None:
        """The main metric of the task; None before any document is scored."""
        metrics = self._scorer.metrics()
        return primary(metrics) if metrics else None

    def health(self) -> TaskHealth:
        """The health of the answers to every document that is completely answered."""
        return self._health.health()

    def only_chance(self, least: int = CHANCE_AT_LEAST) -> str:
        """Why the score would be chance, where no document's choices differ; "" where they do."""
        if self._health.equal < least:
            return ""
        return (
            f"{self._loaded.name}: all choices have the same log-likelihood in each of {self._health.equal} samples, "
            "so the score would be chance."
        )

    def _refuse_chance(self, least: int) -> None:
        if why := self.only_chance(least):
            raise BenchtuiError(why, "Check the model's weights: `benchtui models` says what its files hold.")

    def value(self, doc_id: int, metric: MetricName) -> float | None:
        """A document's score; None while it is not answered, NaN where the score is no number."""
        return self._scorer.value(doc_id, metric)

    def finish(self, *, early: bool = False) -> tuple[TaskScores, TaskCoverage]:
        """Final scores over every completely answered document, and how many those are of how many; `early` when no
        more are needed."""
        self._reporter.phase("scoring", self._loaded.name)
        scores = self._scorer.final()
        self._in_hand.clear()
        if scores.documents:
            self._tell_scores(final=True, early=early)
        self._progress(force=True)
        total = self._loaded.documents
        missing = sorted(set(range(total)) - set(scores.documents))
        wanted = [doc_id for doc_id in missing if not early or doc_id in self._given_up]
        return scores, TaskCoverage(total - len(missing), total, wanted)

    # What the model tells while it works (see benchtui/worker/engine/observer.py).

    def batch_started(self, request_args: Sequence[tuple[Any, ...]]) -> None:
        self._keep_answers()
        self._in_batch = [args for args in request_args if args]
        documents = self._requests.in_flight(self._in_batch, self._request_type)
        if documents:
            self._reporter.in_flight(self._loaded.name, [(doc_id, self._questions[doc_id]) for doc_id in documents])
        self._progress()

    def tokens(self, n: int) -> None:
        self._keep_answers()
        self._tokens += n
        self._reporter.count_tokens(n)
        if self._requests.answered != self._told:  # the last answers of a burst fell between two events
            self._progress()

    def answer_facts(self, texts: tuple[str, ...], facts: AnswerFacts) -> None:
        self._requests.answer_facts(texts, facts)

    def decision(self, what: str, choice: str, why: str) -> None:
        self._reporter.decision(what, choice, why)

    def _keep_answers(self) -> None:
        self._requests.keep()
        self._reporter.tell_marks(self._loaded.name)
        self._in_hand.clear()
        self._evaluation.stop.check()

    def _document_answered(self, doc_id: int) -> None:
        self._health.count(self._requests.answers_of(doc_id), choices=self._loaded.kind == "multiple_choice")
        if self._evaluation.lm is not None:
            self._refuse_chance(CHANCE_AFTER)
        self._scorer.score(doc_id)
        self._reporter.mark(doc_id, self._scorer.right(doc_id), self._questions[doc_id])
        self._reporter.advance("documents", 1)
        self._progress()
        if self._scorer.live_due():
            self._tell_scores()

    def _tell_scores(self, *, final: bool = False, early: bool = False) -> None:
        name, health = self._loaded.name, self._health.health()
        self._reporter.emit(Scores(task=name, scores=self._scorer.live(), health=health, final=final, early=early))

    def _name(self, doc_id: int) -> None:
        """Scoring runs the task's own code, which can be slow, or hang."""
        self._in_hand.take(self._loaded.name, doc_id, self._questions[doc_id], "scoring its answer")

    def _progress(self, *, force: bool = False) -> None:
        now = time.monotonic()
        if not force and now - self._progress_at < PROGRESS_INTERVAL:
            return
        self._progress_at, self._told = now, self._requests.answered
        seconds = max(self._worked_until(now), 1e-6)
        requests = self._requests
        share = requests.documents / requests.total if requests.total else 0.0
        self._reporter.emit(
            Progress(
                task=self._loaded.name,
                documents=self._scorer.scored,
                documents_total=self._loaded.documents,
                requests=requests.answered,
                requests_total=requests.total,
                documents_per_second=(requests.answered - self._answered_before) * share / seconds,
                tokens_per_second=self._tokens / seconds,
            )
        )


def nothing_answered(loaded: LoadedTask) -> tuple[TaskScores, TaskCoverage]:
    total = loaded.documents
    return TaskScores({}, [], ()), TaskCoverage(0, total, list(range(total)))
