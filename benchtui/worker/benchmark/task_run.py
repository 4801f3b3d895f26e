"""One task of a run, as far as it is answered: its prompts, what the journal holds, and the scores of that."""

from __future__ import annotations

import time

from benchtui.evidence.pairing import HashedDocument
from benchtui.runs.answer_health import TaskHealth
from benchtui.runs.kinds.benchmark.events import Progress, Scores
from benchtui.tasks.primary_metric import MetricName, primary
from benchtui.worker.answering.protocol import ChatRenderer
from benchtui.worker.benchmark.answers.health import Asked, HealthCounter
from benchtui.worker.benchmark.answers.marks import Marks
from benchtui.worker.benchmark.answers.requests import TaskRequests
from benchtui.worker.benchmark.answers.routing import RoutingTold, with_routing
from benchtui.worker.benchmark.answers.scoring import TaskScorer, TaskScores
from benchtui.worker.benchmark.context import RunContext, TaskCoverage
from benchtui.worker.benchmark.tasks.building import build_watched
from benchtui.worker.benchmark.tasks.load import LoadedTask

PROGRESS_INTERVAL = 0.25
CHANCE_AT_LEAST = 3
"""Documents without any difference between their choices from which, at the end of a small task, that is no
accident."""
NO_ACCIDENT = 30
"""Different texts with one log-likelihood from which that is no accident, where there are no choices to compare."""


class TaskRun:
    """A task whose answers come from the journal; `AskedTask` is one that a model answers."""

    def __init__(
        self,
        context: RunContext,
        loaded: LoadedTask,
        chat: ChatRenderer | None,
        *,
        interruptible: bool,
        whole_documents: bool = False,
    ) -> None:
        """Build the prompts and read what was answered before: with `whole_documents` no log-likelihoods of a document
        of which some are missing. Raises StopRequested only if `interruptible`."""
        self.context = context
        self.loaded = loaded
        self.reporter = context.reporter
        self._progress_at = 0.0
        self._told = 0
        self._clock = _Clock()
        self._clock.start()
        self.reporter.phase("building prompts", loaded.name)
        self._given_up = {doc_id for _, doc_id in context.journal.skipped(loaded.name)}
        check = context.stop.check if interruptible else lambda: None
        built = build_watched(loaded, context.plan, chat, context.in_hand, self._given_up, check)
        self.questions = built.questions
        self._scorer = TaskScorer(
            loaded.task, built.instances, loaded.docs(), self._name_in_hand, repeats=loaded.repeats
        )
        self._health = HealthCounter()
        self.marks = Marks(self.reporter, loaded.name)
        self.routing = RoutingTold(self.reporter, loaded.name)
        self.requests = TaskRequests(
            loaded.name, built.instances, context.journal, self._document_answered, whole_documents=whole_documents
        )
        self._answered_before = self.tokens_computed = 0
        self._restored = False
        self._scores_told = 0
        self.requests.restore()
        self._restored = True
        self._answered_before = self.requests.answered
        self._clock.pause()
        if self.requests.answered:
            self.tell()

    def documents(self) -> list[HashedDocument]:
        """Every document that was not given up on."""
        return [self._scorer.hashed(doc_id) for doc_id in self.questions]

    def prompts(self) -> dict[int, str]:
        """The prompt of each document that was not given up on: of several requests that of the first."""
        return self.requests.prompts()

    @property
    def size(self) -> int:
        """How many documents it has, also those that were given up on."""
        return self.loaded.documents

    @property
    def whole(self) -> bool:
        """Whether every document is answered."""
        return self._scorer.scored == self.loaded.documents

    def metric(self) -> MetricName | None:
        """The main metric of the task; None before any document is scored."""
        metrics = self._scorer.metrics()
        return primary(metrics) if metrics else None

    def health(self) -> TaskHealth:
        """The health of the answers to every document that is completely answered."""
        return self._health.health()

    def only_chance(self, least: int = CHANCE_AT_LEAST) -> str:
        """Why the score would be chance, where no document's choices differ or all log-likelihoods are one number; ""
        where neither is so."""
        if words := self._health.only_value(least, NO_ACCIDENT):
            return f"{self.loaded.name}: {words}, so the score would be chance."
        if self._health.equal < least:
            return ""
        return (
            f"{self.loaded.name}: all choices have the same log-likelihood in each of {self._health.equal} samples, "
            "so the score would be chance."
        )

    def tell(self) -> None:
        """Tell how far the task is and how it scores, where that was not told yet."""
        if self.requests.answered != self._told:
            self._tell_progress(force=True)
        if self._scorer.scored != self._scores_told:
            self._tell_scores()
        self.routing.tell(force=True)

    def value(self, doc_id: int, metric: MetricName) -> float | None:
        """A document's score; None while it is not answered, NaN where the score is no number."""
        return self._scorer.value(doc_id, metric)

    def keep_only(self, documents: frozenset[int]) -> None:
        """Score these documents and no others: what several workers answered beyond a decision is no part of it."""
        if not self.requests.keep_only(documents):
            return
        self._scorer.keep_only(documents)
        self._health = HealthCounter()
        for doc_id in self._scorer.by_document:
            if self._scorer.complete(doc_id):
                self._count_health(doc_id)

    def finish(self, *, early: bool = False) -> tuple[TaskScores, TaskCoverage]:
        """Final scores over every completely answered document, and how many those are of how many; `early` when no
        more are needed."""
        self.reporter.phase("scoring", self.loaded.name)
        scores = with_routing(self._scorer.final(), self.requests.answers_of)
        self.context.in_hand.clear()
        self.routing.tell(force=True)  # before the final scores, so that whoever hears of those knows who answered
        if scores.documents:
            self._tell_scores(final=True, early=early)
        self._tell_progress(force=True)
        total = self.loaded.documents
        missing = sorted(set(range(total)) - set(scores.documents))
        wanted = tuple(doc_id for doc_id in missing if not early or doc_id in self._given_up)
        return scores, TaskCoverage(total - len(missing), total, wanted)

    def _document_answered(self, doc_id: int) -> None:
        self.routing.add(doc_id, self._count_health(doc_id))
        self._check_health()
        self._scorer.score(doc_id)
        self.marks.add(doc_id, self._scorer.right(doc_id), self.questions[doc_id])
        self.reporter.advance("documents", 1)
        if not self._restored:
            return  # what was answered before is told at once
        self._tell_progress()
        if self._scorer.live_due():
            self._tell_scores()

    def _count_health(self, doc_id: int) -> list[Asked]:
        answers = self.requests.answers_of(doc_id)
        self._health.count(answers, choices=self.loaded.kind == "multiple_choice")
        return answers

    def _check_health(self) -> None:
        """Called for each document before it is scored. Without a model, what is answered is scored as it is."""

    def _tell_scores(self, *, final: bool = False, early: bool = False) -> None:
        self._scores_told = self._scorer.scored
        name, health = self.loaded.name, self._health.health()
        self.reporter.emit(Scores(task=name, scores=self._scorer.live(), health=health, final=final, early=early))

    def _name_in_hand(self, doc_id: int) -> None:
        """Name the document being scored: that runs the task's own code, which can be slow, or hang."""
        self.context.in_hand.take(self.loaded.name, doc_id, self.questions[doc_id], "scoring its answer")

    def _tell_progress(self, *, force: bool = False) -> None:
        now = time.monotonic()
        if not force and now - self._progress_at < PROGRESS_INTERVAL:
            return
        self._progress_at, self._told = now, self.requests.answered
        seconds = max(self._clock.seconds, 1e-6)
        requests = self.requests
        share = requests.documents / requests.total if requests.total else 0.0
        self.reporter.emit(
            Progress(
                task=self.loaded.name,
                documents=self._scorer.scored,
                documents_total=self.loaded.documents,
                requests=requests.answered,
                requests_total=requests.total,
                documents_per_second=(requests.answered - self._answered_before) * share / seconds,
                tokens_per_second=self.tokens_computed / seconds,
            )
        )


class _Clock:
    """Counts the seconds of work on a task, without those in which another task runs."""

    def __init__(self) -> None:
        self._before = 0.0
        self._since: float | None = None

    def start(self) -> None:
        self._since = time.monotonic()

    def pause(self) -> None:
        self._before, self._since = self.seconds, None

    @property
    def seconds(self) -> float:
        return self._before + (time.monotonic() - self._since if self._since is not None else 0.0)
