"""Writes a chat as Markdown. What people and models wrote stands in code blocks, where every character means only
itself and nothing becomes a link."""

from __future__ import annotations

import re
from collections.abc import Iterator

from benchtui.plans.chat import ChatPlan
from benchtui.reports.chat.branch import (
    NO_ANSWER,
    WrittenTurn,
    about,
    branches,
    facts,
    labels,
    other_ends,
    problem,
    system_of,
    vote_words,
)
from benchtui.reports.markdown import escape
from benchtui.runs.kinds.chat.conversation import Answer, Conversation
from benchtui.runs.kinds.chat.thinking import part
from benchtui.text import printable

_FENCES = re.compile(r"`{3,}")


def chat_markdown(plan: ChatPlan, conversation: Conversation, end: int | None = None) -> str:
    """Return the branch up to the turn `end`, by default those that `branches` gives; ends in a newline. Raises
    UsageError for a turn that is not there."""
    names = labels(plan)
    shown = branches(conversation, end)
    parts = [f"# Chat: {' | '.join(map(escape, names))}", escape(" · ".join(about(plan, conversation)), 1000)]
    for number, turns in enumerate(shown):
        parts += ["---"] if number else []
        if system := system_of(conversation, turns):
            parts += ["System prompt:", fenced(system)]
        for turn in turns:
            parts += _turn(turn, names, plan, conversation)
    if others := other_ends(conversation, shown):
        parts.append(f"Other branches end at turn {', '.join(map(str, others))}.")
    return "\n\n".join(parts) + "\n"


def _turn(turn: WrittenTurn, names: tuple[str, ...], plan: ChatPlan, conversation: Conversation) -> Iterator[str]:
    yield f"## Turn {turn.number}"
    yield fenced(turn.text)
    for model, answer in enumerate(turn.answers):
        yield from _answer(turn, model, answer, names, plan)
    if words := vote_words(turn, conversation, names):
        yield escape(words)


def _answer(
    turn: WrittenTurn, model: int, answer: Answer | None, names: tuple[str, ...], plan: ChatPlan
) -> Iterator[str]:
    yield f"### {escape(names[model])}"
    if answer is None:
        yield NO_ANSWER
        return
    parted = part(answer.text, plan.models[answer.asked.model].prompts.think_end_token)
    if parted.thinking:
        yield f"<details><summary>Thinking</summary>\n\n{fenced(parted.thinking)}\n\n</details>"
    yield fenced(parted.said)
    others = len(turn.others[model])
    tries = f" · {others} other {'try' if others == 1 else 'tries'}" if others else ""
    yield escape(facts(answer, model, names) + tries, 600)
    if words := problem(answer):
        yield fenced(words)


def fenced(text: str) -> str:
    """Return foreign text as a code block whose fence does not occur in it."""
    text = printable(text)
    longest = max((len(found) for found in _FENCES.findall(text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}text\n{text}{'' if text.endswith(chr(10)) else chr(10)}{fence}"
