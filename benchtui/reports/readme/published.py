"""Removes folders and secrets from text of this disk before it goes into a model card or a page that is passed on."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import PurePosixPath, PureWindowsPath

from benchtui.settings.secrets import KNOWN, is_secret_name

MASK = "***"

_KEY = re.compile(r"(?P<key>(?:[A-Za-z]+ (?=[\w.-]+:))?[A-Za-z][\w.-]*)[\"']?\s*[=:]\s*(?=\S)")
"""With the word before it where a sentence says it: "think end token: ..."."""
_OWN_PATHS = ("--include-path", "--include_path", "--python", "--data", "--fewshot-from", "--metric")
_USER = re.compile(r"(?<=://)[^/@\s]+@")
_WHOLE = re.compile(r"(?:~|/[^/\s]+|[A-Za-z]:)[/\\][^=]+")
_INSIDE = re.compile(r"(?<![\w.:/\\~-])(?:~/|/[^/\s,;'\"]+/|[A-Za-z]:\\)[^\s,;'\"()]*")


def published(text: str) -> str:
    """Return `text` with absolute paths shortened to their last name, and with everything masked that looks like a
    password or token."""
    return "".join(_piece(piece) for piece in re.split(r"([,&}])", text))


def published_command(parts: Sequence[str]) -> str:
    """Return a command line as a shell reads it, with each argument cleaned in the same way.

    The user's own tasks, data and metrics, and the Python of an environment, are shown where they are if they were
    given relative to the project's folder; otherwise as a placeholder that the reader has to replace.
    """
    return shlex.join(_argument(before, part) for before, part in zip(("", *parts), parts, strict=False))


def _argument(before: str, part: str) -> str:
    if before.startswith("-") and "=" not in before and is_secret_name(before.lstrip("-")):
        return MASK
    flag, equals, value = part.partition("=") if part.startswith("-") else (before, "", part)
    shown = published(value)
    if flag in _OWN_PATHS and shown != value:
        return f"{flag}=path/to/{shown}" if equals else f"path/to/{shown}"
    return published(part)


def _piece(text: str) -> str:
    secret = next((found for found in _KEY.finditer(text) if is_secret_name(found.group("key"))), None)
    kept = text if secret is None else text[: secret.end()]
    kept = _USER.sub("", KNOWN.sub(MASK, kept))
    return _without_folders(kept) + ("" if secret is None else MASK)


def _without_folders(text: str) -> str:
    name, separator, value = text.rpartition("=")
    if _WHOLE.fullmatch(value):  # a path may hold blanks, where it is all there is
        return name + separator + _last(value)
    return _INSIDE.sub(lambda found: _last(found.group()), text)


def _last(path: str) -> str:
    end = "." if path.endswith(".") else ""  # of the sentence
    name = (PureWindowsPath if "\\" in path else PurePosixPath)(path.rstrip(".")).name
    return (name or path) + end
