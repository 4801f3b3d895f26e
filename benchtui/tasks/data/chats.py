"""Chats and instruction data in one shape: system text, prompt, reference and, of pairs, what was rejected."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from benchtui.errors import UsageError
from benchtui.tasks.data.rows import Cell, Row
from benchtui.tasks.data.text_file import counted
from benchtui.tasks.data.turns import Turn, is_transcript, raw_turns, read_turns, spoken_turns, synonyms, unread
from benchtui.text import one_line

ChatKind = Literal["transcript", "alpaca", "completion", "preference"]
TRANSCRIPTS = ("messages", "conversations", "conversation", "dialogue", "dialog", "chat", "turns")
_COMPLETIONS = ("completion", "response")
_SYSTEMS = ("system", "system_prompt")
_SPEAKERS = {"system": "System", "user": "User", "assistant": "Assistant"}


@dataclass(frozen=True)
class ChatForm:
    """What kind of chat data the rows of a file are, and in which columns.

    transcript: `prompt` is a list of turns. alpaca: `prompt` is the instruction, `context` the input that may follow
    it. completion: `prompt` and `answer` are texts or lists of turns. preference: `answer` is the chosen one and
    `rejected` the other, as texts or lists of turns, which may hold the prompt.
    """

    kind: ChatKind
    prompt: str | None
    answer: str | None = None
    rejected: str | None = None
    context: str | None = None
    system: str | None = None
    history: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the columns that are read."""
        each = (self.prompt, self.answer, self.rejected, self.context, self.system, self.history)
        return tuple(name for name in each if name is not None)


@dataclass(frozen=True)
class Chat:
    """One conversation. `reference` is the last assistant turn, None where a user has the last word; `turns` counts
    those in the prompt: where it is 1 the prompt is the user's turn itself. `alternating`: the user begins, and no
    speaker has two turns in a row."""

    system: str
    prompt: str
    reference: str | None
    rejected: str | None = None
    turns: int = 1
    alternating: bool = True


def chat_form(columns: Collection[str], rows: Sequence[Row]) -> ChatForm | None:
    """Recognise chat data by the names of its columns and, where it is a list of turns, by the first rows; else
    None."""
    system = next((name for name in _SYSTEMS if name in columns), None)
    prompt = "prompt" if "prompt" in columns else None
    turns = next((name for name in TRANSCRIPTS if name in columns and _holds_turns(name, rows)), None)
    if {"chosen", "rejected"} <= set(columns):
        return ChatForm("preference", prompt or turns, "chosen", "rejected", system=system)
    if turns:
        return ChatForm("transcript", turns, system=system)
    if {"instruction", "output"} <= set(columns):
        context = "input" if "input" in columns else None
        history = "history" if "history" in columns else None
        return ChatForm("alpaca", "instruction", "output", context=context, system=system, history=history)
    answer = next((name for name in _COMPLETIONS if name in columns), None)
    return ChatForm("completion", prompt, answer, system=system) if prompt and answer else None


def read_chat(row: Row, form: ChatForm) -> Chat:
    """Return the conversation of a row.

    Earlier turns are written into the prompt, one below the other, as `User: …` and `Assistant: …`, with `Assistant:`
    at its end. Raises UsageError with the row: what `read_turns` refuses, a missing value, no user turn, a system turn
    after the first other turn, chosen and rejected that are equal or part before their last turn.
    """
    if form.kind == "transcript":
        return _chat(row, _turns(row, form.prompt or ""), _text(row, form.system, default=""))
    if form.kind == "preference":
        return _preference(row, form)
    answer = form.answer or ""
    prompt, system = _asked(row, form), _text(row, form.system, default="")
    if is_transcript(row.cells.get(answer)):
        return _chat(row, [*prompt, *_turns(row, answer)], system)
    return _chat(row, [*prompt, Turn("assistant", _text(row, answer))], system)


def chat_notes(rows: Sequence[Row], form: ChatForm) -> list[str]:
    """Return sentences for the user about rows that `read_chat` has read: other words for roles, what was joined, what
    is not read."""
    messages = [
        message
        for row in rows
        for name in form.columns
        if is_transcript(row.cells.get(name))
        for message in raw_turns(row.place, name, row.cells[name])
    ]
    notes = []
    if other := synonyms(messages):
        notes.append(
            "Roles: " + ", ".join(f"{one_line(name, 40)} is read as {role}" for name, role in other.items()) + "."
        )
    if left := unread(messages):
        notes.append(f"Not read from turns: {', '.join(one_line(name, 40) for name in left[:8])}.")
    if form.context and any(row.cells.get(form.context) for row in rows):
        notes.append(f"The prompt is {form.prompt}, an empty line, and {form.context} where there is one.")
    chats = [read_chat(row, form) for row in rows]
    first = f"the first {counted(len(chats), 'row')}"
    if several := sum(chat.turns > 1 for chat in chats):
        notes.append(
            f'Earlier turns (in {several:,} of {first}) are written into the prompt as "User: …", "Assistant: …".'
        )
    if odd := sum(not chat.alternating for chat in chats):
        notes.append(f"Turns that do not alternate (in {odd:,} of {first}) are kept as they are.")
    return notes


def _holds_turns(name: str, rows: Sequence[Row]) -> bool:
    return any(is_transcript(row.cells.get(name)) for row in rows)


def _turns(row: Row, name: str) -> list[Turn]:
    return read_turns(row.place, name, row.cells.get(name))


def _text(row: Row, name: str | None, default: str | None = None) -> str:
    """Return the text of a cell; of one that is empty or not there, `default`. Raises UsageError without one."""
    cell: Cell = row.cells.get(name) if name else None
    if cell is None and default is not None:
        return default
    if cell is None:
        raise UsageError(
            f'{row.place}: "{one_line(name or "", 40)}" is missing.', "Give it a text, or leave the row out."
        )
    if not isinstance(cell, str):
        kind = "a list" if isinstance(cell, list) else "an object"
        raise UsageError(f'{row.place}: "{one_line(name or "", 40)}" is {kind}, not a text.', "Write it as text.")
    return str(cell)


def _asked(row: Row, form: ChatForm) -> list[Turn]:
    """Return the turns before the answer."""
    if form.prompt is None:
        return []
    if is_transcript(row.cells.get(form.prompt)):
        return _turns(row, form.prompt)
    text = _text(row, form.prompt)
    if context := _text(row, form.context, default=""):
        text = f"{text}\n\n{context}"
    return [*_history(row, form.history), Turn("user", text)]


def _history(row: Row, name: str | None) -> list[Turn]:
    """Return earlier exchanges of Alpaca rows, a list of pairs."""
    pairs = row.cells.get(name) if name else None
    if pairs in (None, ""):
        return []
    turns = []
    for pair in pairs if isinstance(pairs, list) else [pairs]:
        if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(text, str) for text in pair)):
            raise UsageError(f'{row.place}: "{one_line(name or "", 40)}" is no list of pairs of texts.', "Correct it.")
        turns += [Turn("user", str(pair[0])), Turn("assistant", str(pair[1]))]
    return turns


def _preference(row: Row, form: ChatForm) -> Chat:
    """Return the conversation both answers end; lists may begin with turns that are equal, and with the prompt's."""
    chosen, rejected = (_answers(row, name or "") for name in (form.answer, form.rejected))
    shared = 0
    while shared < min(len(chosen), len(rejected)) - 1 and chosen[shared] == rejected[shared]:
        shared += 1
    if (len(chosen), len(rejected)) != (shared + 1, shared + 1):
        raise UsageError(f"{row.place}: chosen and rejected part before their last turn.", "Leave the row out.")
    if chosen[-1].role != "assistant" or rejected[-1].role != "assistant":
        raise UsageError(f"{row.place}: chosen and rejected do not end with the assistant.", "Leave the row out.")
    if chosen == rejected:
        raise UsageError(f"{row.place}: chosen and rejected are equal.", "Leave the row out.")
    before = _with_prompt(row, _asked(row, form), chosen[:-1])
    chat = _chat(row, [*before, chosen[-1]], _text(row, form.system, default=""))
    return replace(chat, rejected=_filled(row, "rejected answer", rejected[-1].text))


def _answers(row: Row, name: str) -> list[Turn]:
    """Return the turns of an answer; its text may be a whole conversation, as in Anthropic's HH-RLHF."""
    if is_transcript(row.cells.get(name)) or isinstance(row.cells.get(name), dict):
        return _turns(row, name)
    text = _text(row, name)
    return spoken_turns(text) or [Turn("assistant", text)]


def _with_prompt(row: Row, prompt: list[Turn], shared: list[Turn]) -> list[Turn]:
    """Return the turns before the answer, where the prompt may be the first or the last of those in the lists."""
    if not prompt or prompt == shared[: len(prompt)] or (len(prompt) == 1 and prompt[0] in shared):
        return shared
    if not shared:
        return prompt
    raise UsageError(
        f"{row.place}: the prompt is another than the turns before the chosen answer.", "Leave one of them out."
    )


def _chat(row: Row, turns: list[Turn], system: str) -> Chat:
    leading = 0
    while leading < len(turns) and turns[leading].role == "system":
        leading += 1
    spoken = turns[leading:]
    if any(turn.role == "system" for turn in spoken):
        raise UsageError(f"{row.place}: a system turn follows another turn.", "Put it first, or leave the row out.")
    reference = _filled(row, "reference", spoken.pop().text) if spoken and spoken[-1].role == "assistant" else None
    if not any(turn.role == "user" for turn in spoken):
        raise UsageError(f"{row.place}: no user turn before the answer.", "Leave the row out.")
    systems = dict.fromkeys(text for text in (system, *(turn.text for turn in turns[:leading])) if text)
    prompt = _filled(row, "prompt", written_out(spoken))
    alternating = all(turn.role == ("user", "assistant")[number % 2] for number, turn in enumerate(spoken))
    return Chat("\n\n".join(systems), prompt, reference, turns=len(spoken), alternating=alternating)


def _filled(row: Row, what: str, text: str) -> str:
    if not text.strip():
        raise UsageError(f"{row.place}: the {what} is empty.", "Give it a text, or leave the row out.")
    return text


def written_out(turns: Sequence[Turn]) -> str:
    """Return turns as one prompt, as `read_chat` does."""
    if len(turns) == 1:
        return turns[0].text
    spoken = [f"{_SPEAKERS[turn.role]}: {turn.text}" for turn in turns]
    return "\n\n".join([*spoken, "Assistant:"])
