"""The comparison of models by token, as the machinery around runs knows it."""

from __future__ import annotations

from benchtui.plans.tokens import StoredAnswers, TaskReferences, TextsPlan, TokensPlan
from benchtui.runs.directory import RunDirectory
from benchtui.runs.events import Event
from benchtui.runs.kinds.benchmark.task_folders import own_task_folders, resume_flags
from benchtui.runs.kinds.kind import About, Kind, Working
from benchtui.runs.kinds.tokens.events import PairsCompared, TextsWritten, TokensPlanned, TokensScored
from benchtui.runs.kinds.tokens.fold import TokensFold
from benchtui.text import one_line


def about(plan: TokensPlan) -> About:
    """What there is to do are the texts, by their tasks where they have any."""
    return About("tokens", " ‖ ".join(one_line(model.label, 60) for model in plan.models), text_names(plan))


def text_names(plan: TextsPlan) -> tuple[str, ...]:
    """Return what the texts of a plan are, in a few words each."""
    texts = plan.texts
    if isinstance(texts, TaskReferences):
        return tuple(task.name for task in texts.tasks)
    if isinstance(texts, StoredAnswers):
        return texts.tasks or ("stored answers",)
    return (one_line(texts.name, 60),)


def working(event: Event) -> Working | None:
    """How far the model in hand is."""
    if not isinstance(event, TokensScored):
        return None
    return Working(f"model {event.model + 1}", event.documents, event.documents_total)


def own_code(plan: TextsPlan) -> list[str]:
    """The folders whose task code the worker would run."""
    return own_task_folders(plan.benchmark_plan(0))


def needed_again(run: RunDirectory, plan: TextsPlan) -> list[str]:
    """The flags that a command which resumes the run needs."""
    return resume_flags(run, plan.benchmark_plan(0))


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
    resume="benchtui.benchmark.resume_tokens:resume_tokens",
    own_code=own_code,
    resume_flags=needed_again,
)
