"""Reads what is said in chats that nobody types: a line of text or JSON for each."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchtui.errors import UsageError
from benchtui.files import read_regular
from benchtui.text import one_line, without_surrogates

STDIN = "-"
LARGEST = 64 * 2**20
"""Bytes of a file of prompts."""
_LINE_END = re.compile(r"\r\n|\r|\n")
"""No other: a string of JSON may hold what Python takes for the end of a line."""
_WHAT_LINES_ARE = 'A line of a .jsonl file is {"prompt": "..."} or {"messages": [{"role": "user", "content": "..."}]}.'


@dataclass(frozen=True)
class Script:
    """What one conversation is made of: messages of the user, each said when the one before was answered. `system` is
    its system prompt, None for the chat's own."""

    turns: tuple[str, ...]
    system: str | None = None


def read_scripts(file: str) -> tuple[Script, ...]:
    """Return a conversation for each line of `file` (STDIN: of standard input) that is not empty.

    In a file that ends in .jsonl, and where the first line is a JSON object, a line has a `prompt`, or `messages`: of
    these the system prompt and what the user says are taken, since the models give the answers. Raises UsageError for
    lines that are neither, and a file that cannot be read.
    """
    name = "standard input" if file == STDIN else file
    lines = [(number, line) for number, line in enumerate(_LINE_END.split(_read(file)), 1) if line.strip()]
    if not lines:
        raise UsageError(f"{one_line(name, 200)} has no prompts.", "Give a file with a prompt on each line.")
    if file.endswith(".jsonl") or lines[0][1].lstrip().startswith("{"):
        return tuple(_script(name, number, line) for number, line in lines)
    return tuple(Script((line.strip(),)) for _, line in lines)


def read_message(text: str) -> str:
    """Return a message that was typed; for STDIN all of standard input."""
    return _read(STDIN).strip("\n") if text == STDIN else text


def _read(file: str) -> str:
    try:
        raw = sys.stdin.buffer.read(LARGEST + 1) if file == STDIN else read_regular(Path(file), LARGEST)
    except OSError as error:
        raise UsageError(f"{one_line(file, 200)} cannot be read: {error.strerror or error}.") from None
    if len(raw) > LARGEST:
        raise UsageError(f"Standard input has more than {LARGEST:,} bytes.", "Give less at a time.")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{one_line(file, 200)} is not UTF-8: {error.reason} at byte {error.start:,}.") from None


def _script(name: str, number: int, line: str) -> Script:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    row = found if isinstance(found, dict) else {}
    if isinstance(prompt := row.get("prompt"), str) and prompt.strip():
        return Script((without_surrogates(prompt),))
    messages = list(_messages(row.get("messages")))
    turns = tuple(content for role, content in messages if role == "user" and content.strip())
    if not turns:
        raise UsageError(f"{one_line(name, 200)}, row {number}: {one_line(line, 60)} has no prompt.", _WHAT_LINES_ARE)
    return Script(turns, next((content for role, content in messages if role == "system"), None))


def _messages(found: Any) -> Iterator[tuple[str, str]]:
    for message in found if isinstance(found, list) else ():
        if isinstance(message, dict) and isinstance(content := message.get("content"), str):
            yield str(message.get("role")), without_surrogates(content)
