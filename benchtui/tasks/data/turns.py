"""Turns of a chat transcript: OpenAI's messages and ShareGPT's conversations, also as JSON text in a cell."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from benchtui.errors import UsageError
from benchtui.tasks.data.formats.json_values import BadJsonError, decoded_line
from benchtui.text import one_line

Role = Literal["system", "user", "assistant"]

ROLES: Mapping[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "prompter": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bard": "assistant",
    "bing": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "ai": "assistant",
}
"""What data sets call the speakers. Any other name stops: leaving its turns out would change the conversation."""
_TOOLS = frozenset(
    {"tool", "tools", "function", "function_call", "function_response", "tool_call", "tool_response", "observation"}
    | {"ipython"}
)
_CALLS = ("tool_calls", "function_call")
_KEYS = (("role", "content"), ("from", "value"))
_SPOKEN = re.compile(r"\n\n(Human|Assistant): ?")
_READ = frozenset({"role", "content", "from", "value", *_CALLS})


@dataclass(frozen=True)
class Turn:
    """What one speaker says."""

    role: Role
    text: str


def read_turns(place: str, name: str, cell: object) -> list[Turn]:
    """Return the turns in the cell of column `name`: a list of messages, one message, or JSON text of either.

    `place` names the row in messages. Raises UsageError: an unknown role, a turn of a tool or one that calls tools, no
    text, content that is not text (an image).
    """
    return [
        _turn(f'{place}, turn {number} of "{one_line(name, 40)}"', message)
        for number, message in _all(place, name, cell)
    ]


def raw_turns(place: str, name: str, cell: object) -> list[Mapping[str, object]]:
    """Return the messages of the cell as they stand there. Raises UsageError where they are none."""
    return [message for _, message in _all(place, name, cell)]


def spoken_turns(text: str) -> list[Turn]:
    """Return the turns of a text that begins with an empty line and `Human: `, as in Anthropic's HH-RLHF; else none."""
    if not text.startswith("\n\nHuman:"):
        return []
    _, *parts = _SPOKEN.split(text)
    return [Turn(ROLES[name.lower()], said) for name, said in zip(parts[::2], parts[1::2], strict=True)]


def synonyms(messages: Iterable[Mapping[str, object]]) -> dict[str, Role]:
    """Return the names of speakers that occur and are other words for a role."""
    found = {str(message.get("role", message.get("from", ""))) for message in messages}
    return {
        name: ROLES[known]
        for name in sorted(found)
        if (known := name.strip().casefold()) in ROLES and ROLES[known] != name
    }


def unread(messages: Iterable[Mapping[str, object]]) -> list[str]:
    """Return the names of what is beside role and text in messages and is not read (reasoning, weights)."""
    return sorted(
        {key for message in messages for key, value in message.items() if key not in _READ and value is not None}
    )


def is_transcript(cell: object) -> bool:
    """Whether a cell looks like messages: objects with a role and content, from and value, or JSON text of them."""
    try:
        messages = raw_turns("", "", cell)
    except UsageError:
        return False
    return bool(messages) and any(all(key in messages[0] for key in keys) for keys in _KEYS)


def _all(place: str, name: str, cell: object) -> list[tuple[int, Mapping[str, object]]]:
    where = f'{place}: "{one_line(name, 40)}"'
    if isinstance(cell, str):
        cell = _from_text(where, cell)
    if isinstance(cell, Mapping):
        cell = _rows_of_columns(cell) if _is_columns(cell) else [cell]
    if cell is None or not isinstance(cell, list):
        raise UsageError(f"{where} holds no list of turns.", "Write it as a list of messages with role and content.")
    for number, message in enumerate(cell, 1):
        if not isinstance(message, Mapping):
            raise UsageError(f"{where}: turn {number} is no object.", "Write turns as objects with role and content.")
    return list(enumerate(cell, 1))


def _from_text(where: str, text: str) -> object:
    try:
        return decoded_line(text)
    except BadJsonError as error:
        what = "it looks like Python's writing, not JSON" if text.lstrip().startswith(("[{'", "{'")) else str(error)
        raise UsageError(f"{where} is no list of turns: {one_line(what, 200)}.", "Write it as JSON.") from None


def _is_columns(cell: Mapping[str, object]) -> bool:
    """Whether messages are stored by columns, as the datasets library does with a sequence of objects."""
    lengths = {len(value) if isinstance(value, list) else -1 for value in cell.values()}
    return len(lengths) == 1 and -1 not in lengths and any(set(keys) <= cell.keys() for keys in _KEYS)


def _rows_of_columns(cell: Mapping[str, object]) -> list[dict[str, object]]:
    columns = {name: values for name, values in cell.items() if isinstance(values, list)}
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _turn(where: str, message: Mapping[str, object]) -> Turn:
    speaker, text = next((keys for keys in _KEYS if keys[0] in message), _KEYS[0])
    if speaker not in message:
        raise UsageError(f"{where} has no role.", "Name its speaker: system, user or assistant.")
    role = _role(where, message[speaker])
    if any(message.get(call) for call in _CALLS):
        raise _of_tools(where, "calls a tool")
    if message.get(text) is None:
        raise UsageError(f'{where} has no "{text}".', "Give it a text, or leave the row out.")
    return Turn(role, _text(where, message[text]))


def _role(where: str, name: object) -> Role:
    known = name.strip().casefold() if isinstance(name, str) else ""
    if known in _TOOLS:
        raise _of_tools(where, f'is of "{known}"')
    if known not in ROLES:
        raise UsageError(
            f'{where} has an unknown role: "{one_line(str(name), 40)}".',
            f"Known are {', '.join(ROLES)}; rename it.",
        )
    return ROLES[known]


def _of_tools(where: str, what: str) -> UsageError:
    # Written as text they would be something that no model was trained on, and left out another conversation.
    return UsageError(f"{where} {what}: conversations with tools are not read.", "Leave such rows out of the file.")


def _text(where: str, content: object) -> str:
    """Return the text of a turn; of several parts, one below the other."""
    if isinstance(content, str):
        return str(content)
    if not isinstance(content, list):
        raise UsageError(f"{where} has content that is no text.", "Write it as text.")
    texts = []
    for part in content:
        kind = part.get("type", "without a type") if isinstance(part, Mapping) else "without a type"
        text = part.get("text") if isinstance(part, Mapping) else None
        if kind != "text" or not isinstance(text, str):
            raise UsageError(
                f'{where} has a part that is no text: "{one_line(str(kind), 40)}".', "Only parts of type text are read."
            )
        texts.append(text)
    return "\n".join(texts)
