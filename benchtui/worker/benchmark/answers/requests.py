"""Writes the model's answers into the journal, each with the request that it answers."""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence
from typing import Any

from lm_eval.api.instance import Instance

from benchtui.errors import BenchtuiError
from benchtui.routing.answers import RoutedFacts, together
from benchtui.runs.answer_health import AnswerFacts
from benchtui.runs.journal.journal import Journal, RequestKey, request_digest
from benchtui.worker.benchmark.answers.health import Asked
from benchtui.worker.not_a_number import NotANumberError


class TaskRequests:
    """Knows of one task's requests which are answered, which are to be asked, and which documents are complete.

    Fills each instance's `resps` in the order of its repeats; `on_document` is called with a doc_id when the last of
    its answers has been journaled. The answers of a batch are journaled together by `keep`, so that a kill never parts
    a batch: what is left to ask then falls into the same batches as it would have, and gets the same answers. Documents
    that another journal of the run has answers to are not asked, and do not count as answered here. With
    `whole_documents` the log-likelihoods of a document are asked together: where only some are in the journal, all are.
    """

    def __init__(
        self,
        task: str,
        instances: Sequence[Instance],
        journal: Journal,
        on_document: Callable[[int], None],
        *,
        whole_documents: bool = False,
    ) -> None:
        self.task = task
        self._whole_documents = whole_documents
        self._journal = journal
        self._on_document = on_document
        self._instances = list(instances)
        self._answers: dict[RequestKey, Any] = {}
        self._digests = {_key(task, i): request_digest(i.request_type, i.args) for i in self._instances}
        self._waiting: dict[int, int] = defaultdict(int)
        self._pending: dict[tuple[str, str], deque[tuple[Instance, RequestKey]]] = defaultdict(deque)
        self._facts: dict[RequestKey, AnswerFacts] = {}
        self._counted: dict[tuple[str, ...], deque[AnswerFacts]] = defaultdict(deque)
        self._of_document: dict[int, list[Instance]] = defaultdict(list)
        self._fresh: list[tuple[Instance, RequestKey, str, Any]] = []
        self._kept: deque[tuple[Instance, RequestKey, Any]] = deque()
        self._skipped = {doc_id for _, doc_id in journal.skipped(task)}
        self._elsewhere: frozenset[int] = frozenset()
        self.given_up: dict[int, str] = {}
        """The documents without an answer that were given up on now, and why."""
        self.total = 0
        for instance in self._instances:
            repeats = instance.repeats or 1
            self.total += repeats
            self._waiting[instance.doc_id] += repeats
            self._of_document[instance.doc_id].append(instance)
            instance.resps = []

    @property
    def answered(self) -> int:
        return len(self._answers)

    @property
    def settled(self) -> int:
        """How many requests are answered, and documents given up on: it grows while the model does anything."""
        return len(self._answers) + len(self.given_up)

    @property
    def documents(self) -> int:
        return len(self._waiting)

    @property
    def of_one_type(self) -> bool:
        """Whether all of them are of one type, so that the model is asked all of them in one way."""
        return len({instance.request_type for instance in self._instances}) == 1

    def is_settled(self, doc_id: int) -> bool:
        """Whether nothing of a document is left to ask: it is answered, here or elsewhere, or was given up on."""
        return self._waiting.get(doc_id, 0) == 0 or doc_id in self._skipped or doc_id in self._elsewhere

    def answered_of(self, documents: Collection[int]) -> tuple[int, int]:
        """How many of these documents are answered completely, and how many requests of them are."""
        whole = sum(doc_id in self._of_document and self._waiting[doc_id] == 0 for doc_id in documents)
        keys = (key for doc in documents for i in self._of_document.get(doc, ()) for key in _keys(self.task, i))
        return whole, sum(key in self._answers for key in keys)

    def restore(self) -> None:
        """Read the answers that the journal holds. Raises BenchtuiError when a prompt is no longer the same."""
        known = self._journal.answers(self.task)
        self._facts = self._journal.facts(self.task)
        self._elsewhere = self._answered_in(self._journal.elsewhere(self.task))
        torn = self._torn(known) if self._whole_documents else set()
        wanted = (instance for instance in self._instances if instance.doc_id not in self._skipped)
        self._take_known(known, (instance for instance in wanted if _part(instance) not in torn))

    def take_new(self, documents: Collection[int]) -> None:
        """Read what the journal holds by now of these documents, which others answer. Raises as `restore` does."""
        known = self._journal.answers(self.task, documents)
        self._facts |= self._journal.facts(self.task, documents)
        self._take_known(known, (instance for doc_id in documents for instance in self._of_document[doc_id]))

    def _take_known(self, known: Mapping[RequestKey, tuple[str, Any]], instances: Iterable[Instance]) -> None:
        for instance in instances:
            for key in _keys(self.task, instance):
                if key not in known or key in self._answers:
                    continue
                digest, answer = known[key]
                self._check_same(instance, key, digest)
                self._take(instance, key, _as_lm_eval(answer))

    def _check_same(self, instance: Instance, key: RequestKey, digest: str) -> None:
        if digest != self._digests[_key(self.task, instance)]:
            raise BenchtuiError(
                f"{self.task} sample {key.doc_id}: the journal answers a different prompt than is asked now.",
                "The dataset, tokenizer or template changed: start a new run.",
            )

    def _answered_in(self, known: Mapping[RequestKey, str]) -> frozenset[int]:
        """The documents of which every request is among `known`, whose digests are those of what is asked now."""
        for instance in self._instances:
            for key in _keys(self.task, instance):
                if key in known:
                    self._check_same(instance, key, known[key])
        missing = {i.doc_id for i in self._instances if any(key not in known for key in _keys(self.task, i))}
        return frozenset(self._of_document) - missing

    def _torn(self, known: Container[RequestKey]) -> set[tuple[int, bool]]:
        """The log-likelihoods of which only some are known, by document."""
        return {
            _part(instance)
            for instance in self._instances
            if instance.request_type != "generate_until" and any(key not in known for key in _keys(self.task, instance))
        }

    def first(self, documents: int) -> list[Instance]:
        """Return each request once of the first so many documents that were not given up on."""
        wanted = [doc_id for doc_id in self._of_document if doc_id not in self._skipped][:documents]
        return [instance for doc_id in wanted for instance in self._of_document[doc_id]]

    def pending(self, only: Collection[int] | None = None) -> list[Instance]:
        """Return the requests still to be asked (of the documents in `only`), an instance once for each repeat that is
        missing, in task order. Texts that are drawn say in their arguments which document and repeat they belong to, so
        that each gets random numbers of its own, and its own place in the journal in whatever order they come."""
        self._pending.clear()
        self._counted.clear()  # of answers that never came, because memory ran out
        return self.also_pending(only)

    def also_pending(self, only: Collection[int] | None) -> list[Instance]:
        """Return the requests still to be asked of further documents, beside those that are being asked."""
        ask: list[Instance] = []
        for instance in self._instances:
            if instance.doc_id in self._skipped or instance.doc_id in self._elsewhere:
                continue
            if only is not None and instance.doc_id not in only:
                continue
            for key in _keys(self.task, instance):
                if key not in self._answers:
                    asked = _asked(instance, key)
                    digest = self._digests[_key(self.task, instance)] if asked is instance else _digest(asked)
                    self._pending[instance.request_type, digest].append((instance, key))
                    ask.append(asked)
        return ask

    def answer_facts(self, texts: tuple[str, ...], facts: AnswerFacts) -> None:
        """Keep what the model counted of an answer until `add_partial` is called with the answer. `texts` are the
        strings among the request's arguments; of several answers to them the facts come in the order of the answers."""
        self._counted[texts].append(facts)

    def add_partial(self, request_type: str, arguments: Any, answer: Any) -> None:
        """Take an answer as soon as the model has made it (lm-eval's cache hook, `CacheHook.add_partial`); it is on
        disk after the next `keep`. Raises NotANumberError for a log-likelihood that is NaN or infinite."""
        arguments = arguments if isinstance(arguments, tuple) else tuple(arguments)
        digest = request_digest(request_type, arguments)
        waiting = self._pending.get((request_type, digest))
        if not waiting:
            raise RuntimeError(f"{self.task}: an answer to a request that was not asked ({request_type})")
        instance, key = waiting.popleft()
        if request_type.startswith("loglikelihood"):
            self._refuse_nan(key, answer)
        counted = self._counted.get(tuple(text for text in arguments if isinstance(text, str)))
        if counted:
            self._facts[key] = counted.popleft()
        self._fresh.append((instance, key, self._digests[_key(self.task, instance)], answer))

    def give_up(self, request_type: str, arguments: tuple[Any, ...], why: str) -> None:
        """Neither ask nor score the document of a request again until the run is resumed. What else of it is answered
        is kept."""
        waiting = self._pending.get((request_type, request_digest(request_type, arguments)))
        if not waiting:
            raise RuntimeError(f"{self.task}: no answer to a request that was not asked ({request_type})")
        _, key = waiting.popleft()
        self._journal.skip(self.task, key.doc_id, why)
        self._skipped.add(key.doc_id)
        self.given_up[key.doc_id] = why

    def _refuse_nan(self, key: RequestKey, answer: Any) -> None:
        value = answer[0] if isinstance(answer, tuple | list) else answer
        if isinstance(value, float) and not math.isfinite(value):
            raise NotANumberError(f"{self.task}, sample {key.doc_id}")

    def keep(self) -> None:
        """Journal what was answered since the last time, then score the documents that it completes."""
        self._journal.record_all(((key, digest, answer) for _, key, digest, answer in self._fresh), self._facts)
        self._kept.extend((instance, key, answer) for instance, key, _, answer in self._fresh)
        self._fresh.clear()
        while self._kept:
            self._take(*self._kept.popleft())

    def take_rest(self, asked: Sequence[Instance], answers: Sequence[Any]) -> None:
        """Take the answers that the model returned without calling `add_partial`."""
        for instance, answer in zip(asked, answers, strict=True):
            if self._pending.get((instance.request_type, _digest(instance))):
                self.add_partial(instance.request_type, instance.args, answer)

    def in_flight(self, arguments: Sequence[tuple[Any, ...]], request_type: str) -> list[int]:
        """Return the documents of the unanswered requests among `arguments`, each once."""
        found: dict[int, None] = {}
        for args in arguments:
            for _, key in self._pending.get((request_type, request_digest(request_type, tuple(args))), ()):
                found.setdefault(key.doc_id)
        return list(found)

    def answers_of(self, doc_id: int) -> list[Asked]:
        """Return every answer of a document, each repeat by itself, in the order of its requests."""
        return [
            Asked(instance.request_type, instance.args, self._answers[key], self._facts.get(key))
            for instance in sorted(self._of_document[doc_id], key=lambda instance: instance.idx)
            for key in _keys(self.task, instance)
            if key in self._answers
        ]

    def prompts(self) -> dict[int, str]:
        """The first request's text of each document."""
        return {doc_id: str(instances[0].args[0]) for doc_id, instances in self._of_document.items()}

    def keep_only(self, documents: frozenset[int]) -> bool:
        """Forget the answers to all other documents, which the journal keeps; whether there were any."""
        if all(key.doc_id in documents for key in self._answers):
            return False
        self._answers = {key: answer for key, answer in self._answers.items() if key.doc_id in documents}
        self._facts = {key: facts for key, facts in self._facts.items() if key.doc_id in documents}
        for instance in self._instances:
            if instance.doc_id not in documents:
                instance.resps = []
        return True

    def prompt_lengths(self) -> list[int]:
        """How many tokens the model read before each of its answers, where that was counted."""
        return [facts.prompt - (facts.lost or 0) for facts in self._facts.values() if facts.prompt is not None]

    def routed(self) -> RoutedFacts | None:
        """What two models did together for all answers; None where one model gave them."""
        parts = [facts.routed for facts in self._facts.values() if facts.routed is not None]
        return together(parts) if parts else None

    def _take(self, instance: Instance, key: RequestKey, answer: Any) -> None:
        self._answers[key] = answer
        repeats = instance.repeats or 1
        have = [self._answers[k] for k in _keys(self.task, instance) if k in self._answers]
        instance.resps = have if len(have) == repeats else []
        self._waiting[instance.doc_id] -= 1
        if self._waiting[instance.doc_id] == 0:
            self._on_document(instance.doc_id)


def _part(instance: Instance) -> tuple[int, bool]:
    """The requests of a document whose answers may depend on each other: its log-likelihoods."""
    return int(instance.doc_id or 0), instance.request_type == "generate_until"


def _key(task: str, instance: Instance) -> RequestKey:
    return RequestKey(task, int(instance.doc_id or 0), instance.idx)


def _keys(task: str, instance: Instance) -> list[RequestKey]:
    first = _key(task, instance)
    return [RequestKey(task, first.doc_id, first.idx, repeat) for repeat in range(instance.repeats or 1)]


def _digest(asked: Instance) -> str:
    return request_digest(asked.request_type, asked.args)


def _asked(instance: Instance, key: RequestKey) -> Instance:
    """What the model is asked: the instance itself, and for one of several drawn texts a copy whose arguments end in
    the numbers of its document, request and repeat."""
    if instance.request_type != "generate_until" or (instance.repeats or 1) == 1:
        return instance
    draw = (key.doc_id, key.idx, key.repeat)
    return dataclasses.replace(instance, arguments=(*instance.args, draw), resps=[], filtered_resps={})


def _as_lm_eval(answer: Any) -> Any:
    """Restore what JSON cannot hold: a log-likelihood answer is a tuple (log-likelihood, is greedy)."""
    return tuple(answer) if isinstance(answer, list) else answer
