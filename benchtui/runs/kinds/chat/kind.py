"""A chat, as the machinery around runs knows it."""

from __future__ import annotations

from benchtui.plans.chat import ChatPlan
from benchtui.runs.directory import RunDirectory
from benchtui.runs.events import Event
from benchtui.runs.kinds.benchmark.task_folders import resume_flags
from benchtui.runs.kinds.chat.events import CHAT_EVENTS
from benchtui.runs.kinds.chat.fold import ChatFold
from benchtui.runs.kinds.kind import About, Kind, Working
from benchtui.text import one_line


def about(plan: ChatPlan) -> About:
    """Who is talked with."""
    models = " | ".join(one_line(model.label, 60) for model in plan.models)
    return About("blind vote" if plan.blind else "chat", models, ("a conversation",))


def working(event: Event) -> Working | None:
    """A chat has no end that it works towards."""
    del event
    return None


def needed_again(run: RunDirectory, plan: ChatPlan) -> list[str]:
    """The flags that a command which resumes the chat needs."""
    return resume_flags(run, plan.benchmark_plan(0))


CHAT = Kind(
    name="chat",
    folder="chats",
    plan=ChatPlan,
    events=CHAT_EVENTS,
    fold=ChatFold,
    about=about,
    working=working,
    worker="benchtui.worker.chat.session",
    starting="importing PyTorch",
    resume="benchtui.chat.resume:resume_chat",
    resume_flags=needed_again,
)
