"""An answer of a chat, kept as a test of one's own."""

from __future__ import annotations

from pathlib import Path

from benchtui.errors import UsageError
from benchtui.plans.chat import ChatPlan
from benchtui.runs.directory import RunDirectory
from benchtui.runs.kinds.chat.conversation import Answer
from benchtui.runs.kinds.chat.thinking import part
from benchtui.runs.known import shown_name
from benchtui.tasks.data.capture import KEPT, KeptRow, keep_row
from benchtui.tasks.data.chats import written_out
from benchtui.tasks.data.turns import Turn
from benchtui.text import one_line


def said(plan: ChatPlan, answer: Answer) -> str:
    """Return what was said in an answer, without the thinking before it."""
    return _said(plan, answer, answer.text).strip()


def question(plan: ChatPlan, answer: Answer) -> str:
    """Return what an answer was asked: the message alone, or with a system prompt or earlier turns all of them, as data
    of one's own that are chats are written out."""
    messages = answer.asked.messages
    texts = [_said(plan, answer, one.content) if one.role == "assistant" else one.content for one in messages]
    return written_out([Turn(message.role, text) for message, text in zip(messages, texts, strict=True)])


def _said(plan: ChatPlan, answer: Answer, text: str) -> str:
    return part(text, plan.models[answer.asked.model].prompts.think_end_token).said


def kept_row(run: RunDirectory, plan: ChatPlan, answer: Answer, expected: str) -> KeptRow:
    """Return the row of an answer: what was asked, and `expected`, the right answer. Raises UsageError where there is
    none."""
    if not expected.strip():
        raise UsageError("A test needs an answer.", "Type what should have been answered.")
    model = one_line(plan.models[answer.asked.model].label, 60)
    seen = f"{shown_name(run)}, turn {answer.asked.turn}, {model}"
    return KeptRow(question(plan, answer), expected.strip(), (), seen)


def keep(run: RunDirectory, plan: ChatPlan, answer: Answer, expected: str, outputs: Path) -> tuple[Path, int | None]:
    """Append the row of an answer to the tests that lie beside the folder of models, and return the file and the row's
    number, None where it is there already. Raises BenchtuiError where it cannot be written."""
    file = outputs.absolute().parent / KEPT
    return file, keep_row(file, kept_row(run, plan, answer, expected))
