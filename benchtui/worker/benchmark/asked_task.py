"""One task that a model is asked: batches, what is in flight, and smaller batches where memory runs out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from lm_eval.api.instance import Instance

from benchtui.errors import BenchtuiError
from benchtui.plans.switching import PROFILED
from benchtui.runs.answer_health import AnswerFacts
from benchtui.worker.answering.fed import Fed, take_all
from benchtui.worker.answering.lm_eval_model import LmEvalModel
from benchtui.worker.answering.protocol import BatchTooLargeError, ModelChangedError, OutOfMemoryError
from benchtui.worker.answering.settling import Measuring, Settles
from benchtui.worker.benchmark import same_scores
from benchtui.worker.benchmark.context import RunContext
from benchtui.worker.benchmark.task_run import CHANCE_AT_LEAST, TaskRun
from benchtui.worker.benchmark.tasks.load import LoadedTask
from benchtui.worker.benchmark.thresholds import note_threshold, noted_threshold
from benchtui.worker.not_a_number import NotANumberError

CHANCE_AFTER = 10
"""Documents without any difference between their choices after which nothing more is asked."""


class Feed(Protocol):
    """Where the documents of a task come from that are asked a few at a time."""

    def more(self) -> frozenset[int]:
        """The documents that have come since it was called last; none where none have."""

    def kept(self) -> None:
        """Called each time that answers have been journaled."""


class AskedTask(TaskRun):
    """A task with the model that answers it; the observer of the model while it does."""

    def __init__(self, context: RunContext, loaded: LoadedTask, model: LmEvalModel, *, interruptible: bool) -> None:
        """Build the prompts and read what was answered before. Raises StopRequested only if `interruptible`."""
        self._model = model
        self._request_type = ""
        self._in_batch: list[tuple[Any, ...]] = []
        self._feed: Feed | None = None
        answering = model.answering
        super().__init__(
            context, loaded, answering.chat, interruptible=interruptible, whole_documents=answering.whole_documents
        )

    def ask(self, only: frozenset[int] | None = None, feed: Feed | None = None) -> None:
        """Have the model answer everything (or the documents in `only`) that is not in the journal, in smaller batches
        where memory runs out. More documents may come through `feed` while it does."""
        if not self.requests.pending(only):
            return
        self._feed = feed
        self._clock.start()
        self.context.speed.begin()
        try:
            self.context.take_turn()
            self._ask_while_the_same(only)
        except ModelChangedError:
            self.context.journal.forget(self.loaded.name)
            raise
        finally:
            self._clock.pause()
            self.context.speed.keep(self._model.answering, force=True)
        self._tell_unanswered()
        self._refuse_chance(CHANCE_AT_LEAST)

    def _ask_while_the_same(self, only: frozenset[int] | None) -> None:
        """Raises ModelChangedError where the answers may be those of several models."""
        journal, answering = self.context.journal, self._model.answering
        scored = same_scores.asks_log_likelihoods(self.loaded.task)
        if scored:
            same_scores.asked(journal, self.loaded.name)
        self._ask(only)
        answering.check_same()
        if scored:
            same_scores.still_the_same(journal, answering, self.loaded.name)

    def _tell_unanswered(self) -> None:
        """Say how many documents have no answer, and why the first of them has none."""
        if self.requests.given_up:
            lost, why = len(self.requests.given_up), next(iter(self.requests.given_up.values()))
            self.reporter.warn(
                f"{self.loaded.name}: {lost} of {self.loaded.documents} unanswered ({why}).",
                "`benchtui resume` asks for what is missing.",
            )

    def _ask(self, only: frozenset[int] | None) -> None:
        self.context.in_hand.clear()
        self.reporter.phase("evaluating", self.loaded.name)
        self._tell_progress(force=True)
        self._model.observer = self
        self._model.metric = self.loaded.metric
        self._model.set_cache_hook(self.requests)
        with self._sized():
            self._settle()
            self._ask_until_answered(only)
        self.marks.tell(force=True)
        self._tell_progress(force=True)

    @contextmanager
    def _sized(self) -> Iterator[None]:
        """While open, as many sequences are answered at once as when this run began, or as fit since."""
        journal, noted = self.context.journal, f"batch size of {self.loaded.name}"
        began = journal.noted(noted)
        with self._model.answering.sized_for(self.loaded.kind, began, self) as rows:
            if rows is not None:
                journal.note(noted, rows)
            yield

    def _settle(self) -> None:
        """Have the threshold measured that the model's answers go by, once in a run, if it has to be."""
        answering = self._model.answering
        if not isinstance(answering, Settles) or (measuring := answering.measuring()) is None:
            return
        name, journal = self.loaded.name, self.context.journal
        settled = noted_threshold(journal, name)
        if settled is None:
            self.reporter.phase("evaluating", name, detail="measuring for the threshold")
            first = self.requests.first(PROFILED)
            while (too_large := self._failed(lambda: self._measure(measuring, first))) is not None:
                self._shrink(too_large)
            settled = note_threshold(journal, name, measuring, len({asked.doc_id for asked in first}))
            why = f"{settled.asked} of {settled.values:,} values in {settled.documents} documents: {settled.of}"
            self.reporter.decision(f"threshold of {name}", f"{settled.value:.4g}", why)
        answering.settle(settled.value)

    def _measure(self, measuring: Measuring, first: list[Instance]) -> None:
        measuring.forget()
        model = LmEvalModel(measuring, self.context.plan.prompts, self)
        model.metric = self.loaded.metric
        for _ in self._answers(model, first):
            pass  # they are none: what was measured is kept

    def _ask_until_answered(self, only: frozenset[int] | None) -> None:
        asked = None if only is None else set(only)
        while pending := self.requests.pending(asked):
            self.context.stop.check()
            before = self.requests.settled
            too_large = self._ask_all(self._fed(pending, asked))
            if too_large is not None:  # only now: while it is handled, an error keeps every tensor of its frames alive
                self._shrink(too_large)
            elif self.requests.settled == before:
                raise RuntimeError(f"{self.loaded.name}: the model returned without answering")

    def _fed(self, pending: list[Instance], asked: set[int] | None) -> list[Instance]:
        """The requests, with those of documents that come while they are asked, which are `asked` from then on."""
        feed = self._feed
        if feed is None or asked is None:
            return pending

        def come() -> Sequence[Instance]:
            while documents := feed.more() - asked:
                asked.update(documents)
                if found := self.requests.also_pending(documents):
                    return found
            return ()

        fed = Fed(pending, come)
        if not self.requests.of_one_type:
            take_all(fed)  # each type is asked by itself
        return fed

    def _shrink(self, too_large: str) -> None:
        try:
            self._model.answering.shrink(too_large, self)
        except OutOfMemoryError as error:
            raise OutOfMemoryError(f"{self.loaded.name}: {error.what}", error.next_step) from error

    def _ask_all(self, pending: list[Instance]) -> str | None:
        """What was said if memory ran out and a smaller batch may help; None when everything was asked."""

        def ask() -> None:
            for instances, answers in self._answers(self._model, pending):
                self.requests.take_rest(instances, answers)

        try:
            return self._failed(ask)
        finally:
            self.requests.keep()

    def _answers(self, model: LmEvalModel, pending: list[Instance]) -> Iterator[tuple[list[Instance], Sequence[Any]]]:
        """The answers of a model to requests, those of one type together."""
        methods: dict[str, Callable[[list[Instance]], Sequence[Any]]] = {
            "generate_until": model.generate_until,
            "loglikelihood": model.loglikelihood,
            "loglikelihood_rolling": model.loglikelihood_rolling,
        }
        by_type: dict[str, list[Instance]] = {}
        for instance in pending:
            by_type.setdefault(instance.request_type, []).append(instance)
        for request_type, of_type in by_type.items():
            self._request_type = request_type
            instances = pending if len(by_type) == 1 else of_type  # there may be more of it
            yield instances, methods[request_type](instances)

    def _failed(self, ask: Callable[[], None]) -> str | None:
        """What was said if memory ran out while the model was asked and a smaller batch may help; else None."""
        try:
            ask()
        except NotANumberError as error:
            raise self._at_document(error) from error
        except BatchTooLargeError as error:
            return str(error)
        return None

    def _at_document(self, error: NotANumberError) -> NotANumberError:
        """The same error, with the document that the model was answering."""
        asked = [error.request] if error.request else self._in_batch
        documents = self.requests.in_flight(asked, self._request_type)
        if not documents or error.located:
            return error
        more = " or one beside it in its batch" if len(documents) > 1 else ""
        return NotANumberError(f"{self.loaded.name}, sample {documents[0]}{more}")

    def _check_health(self) -> None:
        self._refuse_chance(CHANCE_AFTER)

    def _refuse_chance(self, least: int) -> None:
        if why := self.only_chance(least):
            raise BenchtuiError(why, "Check the model's weights: `benchtui models` says what its files hold.")

    # What the model tells while it works (`Observer` in worker/answering/protocol.py).

    def batch_started(self, request_args: Sequence[tuple[Any, ...]]) -> None:
        """Tell which documents are being answered from now on."""
        self._keep_answers()
        self._in_batch = [args for args in request_args if args]
        documents = self.requests.in_flight(self._in_batch, self._request_type)
        if documents:
            self.reporter.in_flight(self.loaded.name, [(doc_id, self.questions[doc_id]) for doc_id in documents])
        self._tell_progress()

    def tokens(self, n: int) -> None:
        """Count computed tokens, and tell of the answers that they completed."""
        self._keep_answers()
        self.tokens_computed += n
        self.reporter.advance("tokens", n)
        if self.requests.answered != self._told:  # the last answers of a burst fell between two events
            self._tell_progress()

    def prefilled(self, tokens: int, seconds: float) -> None:
        """Measure how fast prompts are read."""
        self.context.speed.prefilled(tokens, seconds)

    def decoded(self, tokens: int, seconds: float) -> None:
        """Measure how fast answers are written."""
        self.context.speed.decoded(tokens, seconds)

    def first_token(self, seconds: float) -> None:
        """Measure how long a streamed answer's first token takes."""
        self.context.speed.first_token(seconds)

    def check(self) -> None:
        """Stop waiting for the model where the run was told to stop."""
        self.context.stop.check()

    def unanswered(self, request_args: tuple[Any, ...], why: str) -> None:
        """Give up on the document of a request until the run is resumed."""
        self.requests.give_up(self._request_type, request_args, why)
        self._given_up.update(self.requests.given_up)

    def answer_facts(self, texts: tuple[str, ...], facts: AnswerFacts) -> None:
        """Keep what was counted of an answer until the answer comes."""
        self.requests.answer_facts(texts, facts)

    def decision(self, what: str, choice: str, why: str) -> None:
        """Tell what was chosen for the user."""
        self.reporter.decision(what, choice, why)

    def batch_size(self, rows: int, why: str) -> None:
        """Tell how many sequences are answered at once from now on."""
        self.reporter.batch_size(rows, why)

    def _keep_answers(self) -> None:
        self.requests.keep()
        if self._feed is not None:
            self._feed.kept()
        self.context.speed.keep(self._model.answering)
        self.marks.tell()
        self.routing.tell()
        self.context.in_hand.clear()
        self.context.stop.check()
