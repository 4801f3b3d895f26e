"""One task of a sweep: its requests, what the journal holds of them, and how far it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
from lm_eval.api.instance import Instance

from benchtui.errors import BenchtuiError
from benchtui.runs.journal.journal import RequestKey, request_digest
from benchtui.runs.kinds.sweep.events import Swept
from benchtui.runs.kinds.sweep.fold import LARGE, SMALL, TEXTS, THRESHOLDS, Stage
from benchtui.text import one_line
from benchtui.worker.answering.protocol import ChatRenderer
from benchtui.worker.benchmark.context import RunContext
from benchtui.worker.benchmark.tasks.building import build_watched
from benchtui.worker.benchmark.tasks.load import LoadedTask

T = TypeVar("T")
_NUMBERS: dict[Stage, int] = {SMALL: 0, LARGE: 1, TEXTS: 2, THRESHOLDS: 3}
"""Where the entries of a stage are in the journal: their `repeat`."""


def stages_of(loaded: LoadedTask, *, quantiles: bool) -> tuple[Stage, ...]:
    """Return what each document of a task goes through; texts are written twice where thresholds are `quantiles`."""
    if loaded.kind == "generate_until":
        return (THRESHOLDS, TEXTS) if quantiles else (TEXTS,)
    return (SMALL, LARGE)


@dataclass(frozen=True, eq=False)
class Asked:
    """One of lm-eval's requests, and where the journal has what was found for it."""

    instance: Instance
    key: RequestKey
    digest: str

    def at(self, stage: Stage) -> RequestKey:
        """Return the place of a stage."""
        return msgspec.structs.replace(self.key, repeat=_NUMBERS[stage])


class SweepTask:
    """A task with its prompts built. Raises BenchtuiError for one that a sweep cannot evaluate, saying why."""

    def __init__(self, context: RunContext, loaded: LoadedTask, chat: ChatRenderer | None) -> None:
        self.context = context
        self.loaded = loaded
        self.name = loaded.name
        context.reporter.task = loaded.name
        context.reporter.phase("building prompts", loaded.name)
        skipped = {doc_id for _, doc_id in context.journal.skipped(loaded.name)}
        built = build_watched(loaded, context.plan, chat, context.in_hand, skipped, context.stop.check)
        self.instances = built.instances
        self.questions = built.questions
        self._check()
        self.asked = [_asked(loaded.name, instance) for instance in built.instances]
        self._known = context.journal.answers(loaded.name)
        self._positions = f"positions of {loaded.name}"
        self.computed: int = context.journal.noted(self._positions) or 0
        """The positions that both models have computed for its log-likelihoods, in all sessions."""

    @property
    def writes(self) -> bool:
        """Whether its answers are texts."""
        return any(instance.request_type == "generate_until" for instance in self.instances)

    def found(self, stage: Stage, of: type[T]) -> dict[RequestKey, T]:
        """Return what the journal holds of a stage, by the key of the request. Raises BenchtuiError where it answers
        something else than is asked now."""
        found = {}
        for asked in self.asked:
            if asked.at(stage) not in self._known:
                continue
            digest, answer = self._known[asked.at(stage)]
            if digest != asked.digest:
                raise BenchtuiError(
                    f"{self.name} sample {asked.key.doc_id}: the journal answers a different prompt than is asked now.",
                    "The dataset, tokenizer or template changed: start a new sweep.",
                )
            try:
                found[asked.key] = msgspec.convert(answer, of)
            except msgspec.ValidationError:
                raise BenchtuiError(
                    "The journal of this sweep is damaged.", "Start it again with --no-resume."
                ) from None
        return found

    def waiting(self, stage: Stage) -> list[Asked]:
        """Return the requests of which the journal has nothing at a stage."""
        return [asked for asked in self.asked if asked.at(stage) not in self._known]

    def record(self, stage: Stage, answers: Iterable[tuple[Asked, Any]]) -> None:
        """Keep what was found, all together or nothing: it is on disk when this returns."""
        rows = [(asked.at(stage), asked.digest, msgspec.to_builtins(answer)) for asked, answer in answers]
        self.context.journal.record_all(rows)
        self.context.journal.note(self._positions, self.computed)
        self._known |= {key: (digest, answer) for key, digest, answer in rows}

    def tell(self, stage: Stage, of: Sequence[Asked] | None = None) -> None:
        """Tell how many documents are through a stage, of all or of those that these requests are of."""
        asked = self.asked if of is None else of
        documents = {each.key.doc_id for each in asked}
        waiting = {each.key.doc_id for each in asked if each.at(stage) not in self._known}
        self.context.reporter.emit(
            Swept(task=self.name, stage=stage, documents=len(documents - waiting), documents_total=len(documents))
        )

    def in_flight(self, asked: Iterable[Asked]) -> None:
        """Tell which documents are worked on from now on."""
        documents = dict.fromkeys(each.key.doc_id for each in asked)
        self.context.reporter.in_flight(self.name, [(doc_id, self.questions.get(doc_id, "")) for doc_id in documents])

    def _check(self) -> None:
        types = {instance.request_type for instance in self.instances}
        name = one_line(self.name, 80)
        if "generate_until" in types and len(types) > 1:
            raise BenchtuiError(f"{name} asks for texts and log-likelihoods at once.", "Leave it out of the sweep.")
        if any((instance.repeats or 1) > 1 for instance in self.instances):
            raise BenchtuiError(
                f"{name} has several answers drawn to each document, and a sweep writes one.",
                "Use benchtui hybrid run for it.",
            )


def _asked(task: str, instance: Instance) -> Asked:
    key = RequestKey(task, int(instance.doc_id or 0), instance.idx)
    return Asked(instance, key, request_digest(instance.request_type, instance.args))
