"""A base and what is compared with it in one worker, document by document, so that both stop once it is decided."""

from __future__ import annotations

from contextlib import suppress

from benchtui.worker.benchmark.base_side import RunningBase
from benchtui.worker.benchmark.decide_early import ask_until_decided
from benchtui.worker.benchmark.evaluate import (
    Evaluation,
    alpha_of_each,
    asked_together,
    begin,
    conclude,
    score,
    take_up,
)
from benchtui.worker.guard import StopRequested


def evaluate_side_by_side(base: Evaluation, tuned: Evaluation) -> None:
    """Evaluate both, which have the same tasks, as far as it takes, and write both's result files. Raises what
    `evaluate` does."""
    for side in (base, tuned):
        begin(side)
    base_tasks = {loaded.name: loaded for loaded in base.tasks.tasks}
    together = asked_together(tuned)
    for unit in together:
        base_leaves = [base_tasks[loaded.name] for loaded in unit.leaves]
        base_runners = take_up(base, base_leaves)
        runners = take_up(tuned, unit.leaves)
        if tuned.asking:
            running, alpha = RunningBase(base.plan.fingerprint, base_runners), alpha_of_each(together)
            with suppress(StopRequested):
                if stop := ask_until_decided(unit, runners, running, tuned.plan, alpha, tuned.reporter):
                    tuned.decided(unit.name, stop)
                    if not all(runner.whole for runner in base_runners.values()):  # it may have been, from before
                        base.decided(unit.name, stop)
        score(base, unit.name, base_leaves, base_runners)
        score(tuned, unit.name, unit.leaves, runners)
    try:
        conclude(base)
    finally:
        conclude(tuned)
    tuned.stop.check()
