"""Early stopping: documents are asked in a shuffled order until the difference from the base is decided."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from benchtui.evidence.pairing import HashedDocument, pair_documents
from benchtui.evidence.questions import Asked
from benchtui.evidence.sequential import DecideEarly, Decision, stratified_order
from benchtui.plans.benchmark import BenchmarkPlan
from benchtui.points import point_words
from benchtui.results.records import EarlyStop
from benchtui.tasks.primary_metric import MetricName
from benchtui.worker.benchmark.asked_task import AskedTask
from benchtui.worker.benchmark.early_stop.base_scores import BaseSide
from benchtui.worker.benchmark.early_stop.order import documents_a_look
from benchtui.worker.benchmark.tasks.units import Unit
from benchtui.worker.report import Reporter

Look = Sequence[tuple[int, int]]
"""(number of the leaf task, doc_id) of the documents between two looks; each has a partner."""

_LOST = "a sample was given up on or has no partner, and what it would have made of the difference is not known"
"""Samples are lost because of their answers (one without end): the others are no random part of the task."""


class Watchable(Protocol):
    """A task of the model that is compared with the base: asked, or followed while others ask it."""

    @property
    def size(self) -> int:
        """How many documents it has, also those that were given up on."""

    def documents(self) -> Iterable[HashedDocument]:
        """Return the documents that have a score or can get one."""

    def ask(self, only: frozenset[int] | None = None) -> None:
        """Have these documents answered, None for all."""

    def value(self, doc_id: int, metric: MetricName) -> float | None:
        """Return a document's score; None without an answer, NaN where it has no such score or that is no number."""

    def metric(self) -> MetricName | None:
        """Return the main metric; None before any document is scored."""


class _UnwatchableError(Exception):
    """This score cannot be monitored for early stopping; the message says why."""


def ask_until_decided(
    unit: Unit, tasks: Mapping[str, AskedTask], base: BaseSide, plan: BenchmarkPlan, alpha: float, reporter: Reporter
) -> EarlyStop | None:
    """Ask the leaf tasks of `unit` in one shuffled order (stratified by leaf), the base first at each look where it is
    not yet evaluated, until the paired difference is decided; `alpha` is the chance of a wrong decision.

    Returns the decision, None when all documents were needed and it is the full comparison that counts. The order
    depends on the seed and the tasks' sizes only, so a resumed run continues in it.
    """
    stop = until_decided(unit, tasks, base, plan, alpha, reporter)
    if stop is None:  # also the documents that have no partner
        for leaf, task in tasks.items():
            base.ask(leaf)
            task.ask()
    return stop


def until_decided(
    unit: Unit, tasks: Mapping[str, Watchable], base: BaseSide, plan: BenchmarkPlan, alpha: float, reporter: Reporter
) -> EarlyStop | None:
    """Ask as `ask_until_decided` does, and say how it ended; where it cannot be decided early nothing more is asked."""
    stop, why = None, unit.in_full
    if not why:
        try:
            stop = _Watching(unit, tasks, base, plan, alpha).until_decided()
        except _UnwatchableError as error:
            why = str(error)
    if why:
        reporter.warn(f"{unit.name} cannot stop early: {why}.", "All its samples are evaluated.")
    if stop is None:
        return None
    reporter.decision(
        f"decided early: {unit.name}",
        f"{_in_words(stop, unit)}, at {stop.n} of {stop.total} samples",
        f"the difference is between {100 * stop.low:+.1f} and {100 * stop.high:+.1f} points",
    )
    return stop


def _in_words(stop: EarlyStop, unit: Unit) -> str:
    upwards = unit.higher_is_better(stop.metric)
    loss = stop.loss_excluded(higher_is_better=upwards)
    size = point_words(100 * stop.max_loss)
    told = [] if loss is None else [f"{'no' if loss else 'a'} loss over {size}: shown"]
    if stop.decision == "within":
        told.insert(0, "no relevant difference")
    elif stop.decision in ("higher", "lower"):  # of the difference of scores, whatever they measure
        better = (stop.decision == "higher") == upwards
        told.insert(0, "better than the base" if better else "worse than the base")
    return "; ".join(told)


class _Watching:
    """Follows the difference between two models on one unit."""

    def __init__(
        self, unit: Unit, tasks: Mapping[str, Watchable], base: BaseSide, plan: BenchmarkPlan, alpha: float
    ) -> None:
        self._unit = unit
        self._tasks = tasks
        self._base = base
        self._plan = plan
        self._alpha = alpha
        self._leaves = list(tasks)
        self._pairs = {leaf: _partners(task.documents(), base.documents(leaf)) for leaf, task in tasks.items()}

    def until_decided(self) -> EarlyStop | None:
        """Ask until the difference is decided; None when all documents were needed. Raises _UnwatchableError when the
        score is no mean of documents' scores, or one of these is not in 0..1."""
        total = sum(map(len, self._pairs.values()))
        if total < 2:
            return None
        sizes = [self._tasks[leaf].size for leaf in self._leaves]
        if total < sum(sizes):
            raise _UnwatchableError(_LOST)
        everything = stratified_order(sizes, self._plan.prompts.seeds[0])
        order = [(number, doc_id) for number, doc_id in everything if doc_id in self._pairs[self._leaves[number]]]
        metric, watch = self._unit.metric, None
        for look in _looks(order, documents_a_look(len(self._leaves))):
            self._ask(look)
            metric = metric or self._tasks[self._leaves[0]].metric()
            if metric is None:
                raise _UnwatchableError(_LOST)  # every document so far was given up on
            if not self._unit.is_mean_of(metric.metric):
                raise _UnwatchableError("its score is no mean over its samples")
            watch = watch or DecideEarly(total, self._asked(metric), self._alpha)
            for difference in self._differences(look, metric):
                watch.add(difference)
            if watch.n < watch.total and (decided := watch.decision()) is not None:
                return _record(watch, decided, self._unit.name, metric, self._base.fingerprint)
        return None

    def _asked(self, metric: MetricName) -> Asked:
        """Return the questions of the plan, with the direction in which this metric is better."""
        return Asked(
            questions=self._plan.decide_for,
            delta=(self._plan.decide_early or 0.0) / 100,
            max_loss=self._plan.decide_loss / 100,
            higher_is_better=self._unit.higher_is_better(metric.metric),
        )

    def _ask(self, look: Look) -> None:
        wanted: dict[str, list[int]] = {}
        for number, doc_id in look:
            wanted.setdefault(self._leaves[number], []).append(doc_id)
        in_order = [(leaf, wanted[leaf]) for leaf in self._leaves if leaf in wanted]
        for leaf, documents in in_order:
            self._base.ask(leaf, frozenset(self._pairs[leaf][doc_id] for doc_id in documents))
        for leaf, documents in in_order:
            self._tasks[leaf].ask(frozenset(documents))

    def _differences(self, look: Look, metric: MetricName) -> Iterator[float]:
        for number, doc_id in look:
            leaf = self._leaves[number]
            scored = self._tasks[leaf].value(doc_id, metric)
            base = self._base.value(leaf, self._pairs[leaf][doc_id], metric)
            if scored is None or base is None:
                raise _UnwatchableError(_LOST)
            if not (0 <= scored <= 1 and 0 <= base <= 1):
                raise _UnwatchableError("not every sample has a score between 0 and 1")
            yield scored - base


def _partners(documents: Iterable[HashedDocument], base: Iterable[HashedDocument]) -> dict[int, int]:
    """Return the base's number for each document that both have, asked in the same words."""
    return {mine.doc_id: theirs.doc_id for mine, theirs in pair_documents(documents, base).pairs}


def _record(watch: DecideEarly, decided: Decision, task: str, metric: MetricName, base_fingerprint: str) -> EarlyStop:
    """Return the decision as a result file keeps it (benchtui.decide_early)."""
    ends, others = watch.interval(), watch.elsewhere()
    return EarlyStop(
        task=task,
        metric=metric.metric,
        filter=metric.filter,
        decision=decided,
        n=watch.n,
        total=watch.total,
        difference=watch.difference,
        low=ends.low,
        high=ends.high,
        delta=watch.asked.delta or 0.0,
        alpha=watch.alpha,
        base_fingerprint=base_fingerprint,
        asked=watch.asked.questions,
        max_loss=watch.asked.max_loss,
        elsewhere=(others.low, others.high),
    )


def _looks(order: Sequence[tuple[int, int]], documents: int) -> Iterator[Look]:
    for start in range(0, len(order), documents):
        yield order[start : start + documents]
