"""A base and what is compared with it in one worker, document by document, so that both stop once it is decided."""

from __future__ import annotations

from contextlib import suppress

from benchtui.worker.base_side import RunningBase
from benchtui.worker.decide_early import ask_until_decided
from benchtui.worker.evaluate import Evaluation, asked_together, begin, conclude, score, take_up
from benchtui.worker.guard import StopRequested


def evaluate_side_by_side(base: Evaluation, tuned: Evaluation) -> None:
    """Evaluate both as far as it takes, and write both's result files. Raises what `evaluate` does."""
    for side in (base, tuned):
        begin(side)
    base_tasks = {loaded.name: loaded for loaded in base.tasks.tasks}
    for name, leaves in asked_together(tuned):
        base_leaves = [base_tasks[loaded.name] for loaded in leaves]
        base_runners = take_up(base, base_leaves)
        runners = take_up(tuned, leaves)
        if tuned.asking:
            running = RunningBase(base.plan.fingerprint, base_runners)
            with suppress(StopRequested):
                if stop := ask_until_decided(name, runners, running, tuned.plan, tuned.reporter):
                    tuned.decided(name, stop)
                    if not all(runner.whole for runner in base_runners.values()):  # it may have been, from before
                        base.decided(name, stop)
        score(base, name, base_leaves, base_runners)
        score(tuned, name, leaves, runners)
    try:
        conclude(base)
    finally:
        conclude(tuned)
    tuned.stop.check()
