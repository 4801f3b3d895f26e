"""Whether a server's log-likelihoods are still those that its run began with.

A server may load other weights, another adapter or another precision under the same name. A known text keeps its
log-probabilities only as long as nothing of that happens.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from benchtui.runs.journal.journal import Journal
from benchtui.worker.answering.protocol import Answering, ModelChangedError
from benchtui.worker.benchmark.context import RunContext

TOLERANCE, MEAN = 0.1, 0.03
"""Nats between two log-probabilities of a token, and their mean over the tokens of the text, that the sizes of batches
explain."""
_NOTE = "log-probabilities of a known text"
_OPEN, _CLOSED = "asked", "the same afterwards"


def begin(context: RunContext, answering: Answering) -> None:
    """Keep what the model says of a known text, or compare it with what the run began with.

    Raises ModelChangedError where it is another; answers of tasks that were not compared after they were given
    are dropped then.
    """
    names = [loaded.name for loaded in context.tasks.tasks if asks_log_likelihoods(loaded.task)]
    if not names:
        return
    try:
        _compare(context.journal, answering, "what it answered since it was last asked for them")
    except ModelChangedError:
        for name in names:
            if context.journal.noted(_of(name)) == _OPEN:
                context.journal.forget(name)
        raise


def asked(journal: Journal, task: str) -> None:
    """Note that a task is asked: its answers are of no use until `still_the_same` has returned."""
    journal.note(_of(task), _OPEN)


def still_the_same(journal: Journal, answering: Answering, task: str) -> None:
    """Compare after a task. Raises ModelChangedError where the model says something else of the known text."""
    _compare(journal, answering, "what it answered for this task")
    journal.note(_of(task), _CLOSED)


def asks_log_likelihoods(task: object) -> bool:
    """Return whether an lm-eval task is scored by log-likelihoods."""
    return getattr(task, "OUTPUT_TYPE", "") != "generate_until"


def _of(task: str) -> str:
    return f"{_NOTE}, {task}"


def _compare(journal: Journal, answering: Answering, void: str) -> None:
    now = answering.known_text()
    if not now:
        return
    first = journal.noted(_NOTE)
    if first is None:
        journal.note(_NOTE, list(now))
        return
    was, found = _by_token(first), _by_token(now)
    apart = [abs(one - other) for one, other in zip(was, found, strict=False)]
    if len(was) != len(found) or not (max(apart) <= TOLERANCE and sum(apart) / len(apart) <= MEAN):
        place = apart.index(max(apart))
        raise ModelChangedError(
            "The log-probabilities that the server tells are others than at the start of the run (a token of a known "
            f"text has {found[place]:.3f} nats, it had {was[place]:.3f}): other weights, another adapter or other "
            f"settings. {void[0].upper()}{void[1:]} does not count.",
            "Start it as it was, then `benchtui resume`; or start a new run.",
        )


def _by_token(sums: Sequence[float]) -> list[float]:
    return [after - before for before, after in pairwise([0.0, *sums])]
