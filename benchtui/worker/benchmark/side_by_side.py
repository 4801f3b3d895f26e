"""A base and what is compared with it in one worker, document by document, so that both stop once it is decided."""

from __future__ import annotations

from contextlib import suppress

from benchtui.worker.benchmark.early_stop.base_scores import RunningBase
from benchtui.worker.benchmark.early_stop.decide import ask_until_decided
from benchtui.worker.benchmark.evaluate import Evaluation, begin, conclude, open_tasks, score
from benchtui.worker.benchmark.tasks.units import alpha_of_each, asked_together
from benchtui.worker.guard import StopRequested


def evaluate_side_by_side(base: Evaluation, tuned: Evaluation) -> None:
    """Evaluate both, which have the same tasks, as far as it takes, and write both's result files. Raises what
    `evaluate` does."""
    for side in (base, tuned):
        begin(side)
    context = tuned.context
    leaves_of_base = {loaded.name: loaded for loaded in base.context.tasks.tasks}
    together = asked_together(context.plan, context.tasks, early={})
    for unit in together:
        base_leaves = [leaves_of_base[loaded.name] for loaded in unit.leaves]
        base_tasks = open_tasks(base, base_leaves)
        tuned_tasks = open_tasks(tuned, unit.leaves)
        if tuned.asking:
            running, alpha = RunningBase(base.context.plan.fingerprint, base_tasks), alpha_of_each(together)
            with suppress(StopRequested):
                if stop := ask_until_decided(unit, tuned_tasks, running, context.plan, alpha, context.reporter):
                    tuned.decided(unit.name, stop)
                    if not all(task.whole for task in base_tasks.values()):  # it may have been, from before
                        base.decided(unit.name, stop)
        score(base, unit.name, base_leaves, base_tasks)
        score(tuned, unit.name, unit.leaves, tuned_tasks)
    try:
        conclude(base)
    finally:
        conclude(tuned)
    context.stop.check()
