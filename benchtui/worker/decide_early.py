"""Evaluating until the comparison with the base is decided: shuffled documents, looked at after each few."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from benchtui.compare.sequential import EARLY_ALPHA, DecideEarly, stratified_order
from benchtui.results.primary import MetricName
from benchtui.results.records import EarlyStop
from benchtui.runs.plan import RunPlan
from benchtui.worker.base_side import BaseSide, Pair, pair
from benchtui.worker.report import Reporter
from benchtui.worker.task_run import TaskRun

DOCUMENTS_A_LOOK = 32
DOCUMENTS_A_LEAF = 8
"""Looking costs nothing in certainty; asking fewer at once would leave batches half empty."""

IN_WORDS = {"better": "better than the base", "worse": "worse than the base", "within": "no relevant difference"}

Look = Sequence[tuple[int, int]]
"""(number of the leaf task, number of the pair) of the documents between two looks."""


class _UnwatchableError(Exception):
    """The scores are not such as can be watched."""


def ask_until_decided(
    name: str, runners: Mapping[str, TaskRun], base: BaseSide, plan: RunPlan, reporter: Reporter
) -> EarlyStop | None:
    """Ask the leaf tasks of `name` in one shuffled order (stratified by leaf), the base first at each look where it is
    not yet evaluated, until the paired difference is decided.

    Returns the decision, None when all documents were needed and it is the full comparison that counts. The chance of
    a wrong decision is shared between the plan's tasks. The order depends on the seed and the sizes only, so a resumed
    run goes on in it.
    """
    watching = _Watching(name, runners, base, plan)
    try:
        stop = watching.until_decided()
    except _UnwatchableError:
        reporter.warn(
            f"{name} cannot stop early: its documents' scores are not all between 0 and 1.",
            "All its documents are evaluated.",
        )
        stop = None
    if stop is None:  # also the documents that have no partner
        for leaf, runner in runners.items():
            base.ask(leaf)
            runner.ask()
        return None
    reporter.decision(
        f"decided early: {name}",
        f"{IN_WORDS[stop.decision]}, at {stop.n} of {stop.total} documents",
        f"the difference is between {100 * stop.low:+.1f} and {100 * stop.high:+.1f} points",
    )
    return stop


class _Watching:
    """One task of a plan and what is known of its difference."""

    def __init__(self, name: str, runners: Mapping[str, TaskRun], base: BaseSide, plan: RunPlan) -> None:
        self._name = name
        self._runners = runners
        self._base = base
        self._plan = plan
        self._leaves = list(runners)
        self._pairs = {leaf: pair(runner.documents(), base.documents(leaf)) for leaf, runner in runners.items()}

    def until_decided(self) -> EarlyStop | None:
        """Raises _UnwatchableError when a score is not between 0 and 1."""
        sizes = [len(self._pairs[leaf]) for leaf in self._leaves]
        if sum(sizes) < 2:
            return None
        plan = self._plan
        watch = DecideEarly(sum(sizes), (plan.decide_early or 0.0) / 100, EARLY_ALPHA / len(plan.tasks))
        order = stratified_order(sizes, plan.prompts.seeds[0])
        metric = None
        for look in _looks(order, max(DOCUMENTS_A_LOOK, DOCUMENTS_A_LEAF * len(self._leaves))):
            self._ask(look)
            metric = metric or self._metric()
            if metric is None:
                continue  # every document so far was given up on
            for difference in self._differences(look, metric):
                watch.add(difference)
            if watch.n < watch.total and watch.decision() is not None:
                stop = watch.record(self._name, metric.metric, metric.filter)
                return msgspec.structs.replace(stop, base_fingerprint=self._base.fingerprint)
        return None

    def _ask(self, look: Look) -> None:
        wanted = [(leaf, self._of_leaf(look, number)) for number, leaf in enumerate(self._leaves)]
        for leaf, pairs in wanted:
            if pairs:
                self._base.ask(leaf, frozenset(found.base for found in pairs))
        for leaf, pairs in wanted:
            if pairs:
                self._runners[leaf].ask(frozenset(found.doc_id for found in pairs))

    def _of_leaf(self, look: Look, number: int) -> list[Pair]:
        return [self._pairs[self._leaves[number]][at] for leaf, at in look if leaf == number]

    def _metric(self) -> MetricName | None:
        return next((metric for leaf in self._leaves if (metric := self._base.metric(leaf)) is not None), None)

    def _differences(self, look: Look, metric: MetricName) -> Iterator[float]:
        for number, at in look:
            leaf = self._leaves[number]
            found = self._pairs[leaf][at]
            scored = self._runners[leaf].value(found.doc_id, metric)
            base = self._base.value(leaf, found.base, metric)
            if scored is None or base is None:
                continue  # a document given up on tells nothing
            if not (0 <= scored <= 1 and 0 <= base <= 1):
                raise _UnwatchableError
            yield scored - base


def _looks(order: Sequence[tuple[int, int]], documents: int) -> Iterator[Look]:
    for start in range(0, len(order), documents):
        yield order[start : start + documents]
