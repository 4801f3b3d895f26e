"""The comparison of models by token, as the machinery around runs knows it."""

from __future__ import annotations

from benchtui.plans.tokens import StoredAnswers, TaskReferences, TokensPlan
from benchtui.runs.events import Event
from benchtui.runs.kinds.kind import About, Kind, Working
from benchtui.runs.kinds.tokens.events import PairsCompared, TextsWritten, TokensPlanned, TokensScored
from benchtui.runs.kinds.tokens.fold import TokensFold
from benchtui.text import one_line


def about(plan: TokensPlan) -> About:
    """What there is to do are the texts, by their tasks where they have any."""
    texts = plan.texts
    if isinstance(texts, TaskReferences):
        names = tuple(task.name for task in texts.tasks)
    elif isinstance(texts, StoredAnswers):
        names = texts.tasks or ("stored answers",)
    else:
        names = (one_line(texts.name, 60),)
    return About("tokens", " ‖ ".join(one_line(model.label, 60) for model in plan.models), names)


def working(event: Event) -> Working | None:
    """How far the model in hand is."""
    if not isinstance(event, TokensScored):
        return None
    return Working(f"model {event.model + 1}", event.documents, event.documents_total)


TOKENS = Kind(
    name="tokens",
    folder="tokens",
    plan=TokensPlan,
    events=(TokensPlanned, TokensScored, TextsWritten, PairsCompared),
    fold=TokensFold,
    about=about,
    working=working,
    worker="benchtui.worker.tokens.session",
    starting="importing PyTorch",
)
