"""Writes a chat as JSONL of messages, as training data are: {"messages": [...], "model": "..."} for each model and
branch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from benchtui.plans.chat import ChatPlan
from benchtui.reports.chat.branch import WrittenTurn, branches
from benchtui.runs.kinds.chat.asked import Message
from benchtui.runs.kinds.chat.conversation import Conversation
from benchtui.text import escaped_json


def chat_jsonl(plan: ChatPlan, conversation: Conversation, end: int | None = None) -> str:
    """Return the messages of the branch up to the turn `end`, by default of those that `branches` gives, as each model
    was told them; every line ends in its last answer; one that is not whole says why
    ("unfinished"). Models that wrote nothing are left out. Raises UsageError for a
    turn that is not there."""
    records = (
        _record(plan, conversation, turns, model)
        for turns in branches(conversation, end)
        for model in range(conversation.models)
    )
    lines = (escaped_json(json.dumps(record, ensure_ascii=False)) for record in records if record is not None)
    return "".join(f"{line}\n" for line in lines)


def _record(plan: ChatPlan, conversation: Conversation, turns: list[WrittenTurn], model: int) -> dict[str, Any] | None:
    for turn in reversed(turns):
        answer = turn.answers[model]
        if answer is None or not answer.text:
            continue
        # Of a model's own answer, what it was told then; of another model's, what it would be told now.
        own = answer.asked.model == model
        told = answer.asked.messages if own else conversation.messages(turn.number, model)
        messages = [*_plain(told), {"role": "assistant", "content": answer.text}]
        unfinished = {} if answer.state in ("end", "stop") else {"unfinished": answer.state}
        return {"messages": messages, "model": plan.models[model].label, **unfinished}
    return None


def _plain(messages: tuple[Message, ...]) -> Iterator[dict[str, str]]:
    return ({"role": message.role, "content": message.content} for message in messages)
