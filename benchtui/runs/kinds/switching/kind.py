"""Two models that write texts by turns, as the machinery around runs knows it."""

from __future__ import annotations

from benchtui.plans.switching import SwitchingPlan
from benchtui.runs.events import Event
from benchtui.runs.kinds.kind import About, Kind, Working
from benchtui.runs.kinds.switching.events import Profiled, Switched, SwitchingPlanned
from benchtui.runs.kinds.switching.fold import PROFILE, TEXTS, SwitchingFold
from benchtui.runs.kinds.tokens.kind import needed_again, own_code, text_names
from benchtui.text import one_line


def about(plan: SwitchingPlan) -> About:
    """What there is to do are the texts, by their tasks where they have any."""
    models = " ⇄ ".join(one_line(model.label, 60) for model in plan.models)
    return About("switching", models, text_names(plan))


def working(event: Event) -> Working | None:
    """How far the texts are, or those for the threshold."""
    if isinstance(event, Profiled):
        return Working(PROFILE, event.documents, event.documents_total)
    if isinstance(event, Switched):
        return Working(TEXTS, event.documents, event.documents_total)
    return None


SWITCHING = Kind(
    name="switching",
    folder="switching",
    plan=SwitchingPlan,
    events=(SwitchingPlanned, Profiled, Switched),
    fold=SwitchingFold,
    about=about,
    working=working,
    worker="benchtui.worker.switching.session",
    starting="importing PyTorch",
    resume="benchtui.benchmark.resume_tokens:resume_tokens",
    own_code=own_code,
    resume_flags=needed_again,
)
