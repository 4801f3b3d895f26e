"""In which order the documents of a unit are asked that may be decided early, and at how many it is looked at."""

from __future__ import annotations

from collections.abc import Sequence

from benchtui.evidence.sequential import DOCUMENTS_A_LOOK, DOCUMENTS_A_STRATUM, stratified_order
from benchtui.plans.benchmark import BenchmarkPlan
from benchtui.results.records import EarlyStop
from benchtui.worker.benchmark.tasks.load import LoadedTask
from benchtui.worker.benchmark.tasks.units import Unit


def is_watched(unit: Unit, plan: BenchmarkPlan) -> bool:
    """Whether a run with this plan may decide the unit early."""
    return plan.decide_early is not None and not unit.in_full


def watched_order(leaves: Sequence[LoadedTask], plan: BenchmarkPlan) -> list[tuple[str, int]]:
    """(leaf task, doc_id) of every document of a unit of these leaf tasks, shuffled and stratified by leaf. It depends
    on the seed and the tasks' sizes only: every worker makes the same, and a resumed run continues in it."""
    order = stratified_order([leaf.documents for leaf in leaves], plan.prompts.seeds[0])
    return [(leaves[number].name, doc_id) for number, doc_id in order]


def decided_by(leaves: Sequence[LoadedTask], plan: BenchmarkPlan, stop: EarlyStop) -> dict[str, frozenset[int]]:
    """The documents of each leaf task of a unit that the decision about it was made by."""
    found: dict[str, set[int]] = {leaf.name: set() for leaf in leaves}
    for leaf, doc_id in watched_order(leaves, plan)[: stop.n]:
        found[leaf].add(doc_id)
    return {leaf: frozenset(documents) for leaf, documents in found.items()}


def documents_a_look(leaves: int) -> int:
    """How many documents are asked between two looks at a unit of so many leaf tasks."""
    return max(DOCUMENTS_A_LOOK, DOCUMENTS_A_STRATUM * leaves)
