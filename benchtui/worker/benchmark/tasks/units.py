"""Units of early stopping: a leaf task, or a group whose score is a mean over all its documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lm_eval.api.group import Group
from lm_eval.api.metrics import mean

from benchtui.evidence.records import EARLY_ALPHA
from benchtui.plans.benchmark import BenchmarkPlan
from benchtui.results.records import EarlyStop
from benchtui.tasks.primary_metric import MetricName, primary
from benchtui.worker.benchmark.tasks.load import LoadedTask, LoadedTasks


@dataclass(frozen=True)
class Unit:
    """Leaf tasks that stop together; `name` is what results call them.

    `metric` is the primary metric of a group; None for a leaf task, whose documents tell it, and where `in_full` says
    why every document is needed.
    """

    name: str
    leaves: tuple[LoadedTask, ...]
    metric: MetricName | None = None
    in_full: str = ""

    def higher_is_better(self, metric: str) -> bool:
        """Whether a higher value of `metric` is better in every leaf task."""
        return all(leaf.task.higher_is_better().get(metric, True) for leaf in self.leaves)

    def is_mean_of(self, metric: str) -> bool:
        """Whether the score is the mean of its documents' values of `metric`, and not, say, their median."""
        return all(leaf.task.aggregation().get(metric, mean) is mean for leaf in self.leaves)


def asked_together(plan: BenchmarkPlan, tasks: LoadedTasks, early: Mapping[str, EarlyStop]) -> list[Unit]:
    """Return leaf tasks one by one; those of a group at once when it may stop early, since its documents are then
    mixed. `early` is what was decided before: a base may have been by the other model's plan."""
    if plan.decide_early is None and not early:
        return [Unit(loaded.name, (loaded,)) for loaded in tasks.tasks]
    return list(units(tasks.tasks, tasks.groups))


def alpha_of_each(together: Sequence[Unit]) -> float:
    """Return the chance of a wrong decision for each: that of the run, shared between all that may be decided early."""
    return EARLY_ALPHA / max(sum(not unit.in_full for unit in together), 1)


def units(leaves: Sequence[LoadedTask], groups: Mapping[str, Group]) -> Iterator[Unit]:
    """Return the units of these leaf tasks, in their order.

    A group that has a score of its own is one unit: its tasks then stop at the same moment. Tags and groups without a
    score are only names for their parts.
    """
    scored = _outermost([group for group in groups.values() if group.has_aggregation])
    of_leaf: dict[str, list[Group]] = {leaf.name: [] for leaf in leaves}
    for group in scored:
        for task in group.get_all_tasks():
            of_leaf.setdefault(task.task_name, []).append(group)
    told: set[str] = set()
    for leaf in leaves:
        around = of_leaf[leaf.name]
        if not around:
            yield Unit(leaf.name, (leaf,))
        elif len(around) > 1:
            yield Unit(leaf.name, (leaf,), in_full="it counts in several groups")
        elif around[0].name not in told:
            told.add(around[0].name)
            members = {task.task_name for task in around[0].get_all_tasks()}
            yield _of_group(around[0], tuple(found for found in leaves if found.name in members))


def _outermost(groups: Sequence[Group]) -> list[Group]:
    inner = {inside.name for group in groups for inside in group.get_all_groups()}
    return [group for group in groups if group.name not in inner]


def _of_group(group: Group, leaves: tuple[LoadedTask, ...]) -> Unit:
    aggregated = [
        (MetricName(config.metric, name), config)
        for config in group.aggregate_metric_list or ()
        for name in config.filter_list or ("none",)
    ]
    metric = primary([name for name, _ in aggregated])
    config = next(config for name, config in aggregated if name == metric)
    if config.aggregation != "mean" or not config.weight_by_size:
        return Unit(group.name, leaves, in_full="its score is no mean over all its samples")
    return Unit(group.name, leaves, metric)
