"""Finds the question in a document's prompt: the last turn, without examples and chat markup."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

KEYS = (
    "prompt",
    "question",
    "query",
    "ctx",
    "problem",
    "instruction",
    "input",
    "sentence",
    "passage",
    "premise",
    "goal",
    "text",
)
"""Fields of a document that hold its question, as lm-eval's tasks name them."""

_MARKUP = re.compile(
    r"<\|[^<>|\n]{1,60}\|>|<｜[^<>｜\n]{1,60}｜>|</?s>|<bos>|<eos>|<<?/?SYS>>?|\[/?INST\]|<(?:start|end)_of_turn>"
    r"|</?think>|<\|(?:user|assistant|system)\|"
)
"""Tokens that chat templates write around turns."""

_ROLE = re.compile(r"\s*(?:user|human|assistant|model|system|bot)?\s*:?\s*", re.IGNORECASE)
_LABEL = re.compile(r"(?:^|(?<=\n))[^\S\n]*(?:\w[\w #-]{0,30}[:)]|\w{1,3}\.)[^\S\n]*$")
"""What a template writes before a field on the same line: "Question: ", "Q: "."""


def question(doc: object, prompt: str) -> str:
    """Return the part of `prompt` that asks about this document: from its own text in the last turn to the end of that
    turn.

    Where the task rewrites the document's text, so that it is not in the prompt, the document's own field; where that
    is unknown too, the last turn of the prompt.
    """
    prompt = _last_message(prompt) or prompt
    for text in _texts(doc):
        at = prompt.rfind(text)
        if at >= 0:
            return _turn(prompt, at, at + len(text))
    return _named(doc) or _last_turn(prompt)


def _texts(doc: object) -> Iterator[str]:
    """Return the texts that may be in the prompt: those that are surely its question first, the longest of them
    before."""
    if not isinstance(doc, Mapping):
        return
    strings = {str(key): value.strip() for key, value in doc.items() if isinstance(value, str) and value.strip()}
    named = [strings[key] for key in KEYS if key in strings]
    others = [text for key, text in strings.items() if key not in KEYS and len(text) >= 20]
    yield from sorted(named, key=len, reverse=True)
    yield from sorted(others, key=len, reverse=True)


def _named(doc: object) -> str:
    if not isinstance(doc, Mapping):
        return ""
    return next((doc[key].strip() for key in KEYS if isinstance(doc.get(key), str) and doc[key].strip()), "")


def _turn(prompt: str, start: int, end: int) -> str:
    """Return the turn around a document's text: with the label before it, up to the next token of the chat template."""
    line = prompt.rfind("\n", 0, start) + 1
    for token in _MARKUP.finditer(prompt, line, start):
        line = token.end()
    label = _LABEL.match(prompt[line:start])
    after = _MARKUP.search(prompt, end)
    return prompt[line if label else start : after.start() if after else len(prompt)].strip()


def _last_turn(prompt: str) -> str:
    """Return the text between the last tokens of a chat template; without one, the last block."""
    turns = [turn for part in _MARKUP.split(prompt) if (turn := part[_role_end(part) :].strip())]
    if len(turns) > 1:
        return turns[-1]
    return prompt.strip().rsplit("\n\n", 1)[-1].strip()


def _role_end(part: str) -> int:
    """Return where a turn's text begins, after the line with the name of the speaker."""
    match = _ROLE.match(part)
    end = match.end() if match else 0
    return end if end == len(part) or "\n" in part[:end] else 0


def _last_message(prompt: str) -> str:
    """Return the last message of a user, where the prompt is a list of messages, as it is sent to a chat server."""
    if not prompt.lstrip().startswith("[{"):
        return ""
    try:
        messages = json.loads(prompt)
    except (ValueError, RecursionError):
        return ""
    for message in reversed(messages):
        if isinstance(message, dict) and message.get("role") == "user" and isinstance(message.get("content"), str):
            return str(message["content"])
    return ""
