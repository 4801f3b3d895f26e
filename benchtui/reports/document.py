"""A README as it is on disk: where its front matter and our section are, and how to put a new one in its place.

Everything outside the section stays byte for byte: line ends, a missing final newline, odd spacing.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

# The Hub's own rule for what is front matter (huggingface_hub/repocard.py).
_FRONT = re.compile(r"^(\s*---(?:\r\n|\r|\n))([\S\s]*?)((?:\r\n|\r|\n)---[ \t]*(\r\n|\n|$))")
_EMPTY_FRONT = re.compile(r"^\s*---[ \t]*(?:\r\n|\n)---[ \t]*(?:\r\n|\n|$)")
_BEGINS_FRONT = re.compile(r"^\s*---[ \t]*(?:\r\n|\r|\n)")
_MARKER = re.compile(r"^[ \t]*<!--\s*benchtui(?::results)?[: ](start|begin|end)\b.*-->[ \t]*$")
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})(.*)$")

START = "<!-- benchtui:results:start v1 · `benchtui readme` replaces what stands between these two lines -->"
END = "<!-- benchtui:results:end -->"


class UnparsableError(Exception):
    """A README that must be left alone; the text says why."""


class Document(msgspec.Struct, frozen=True):
    """`text` with its own line ends; `newline` the one most of its lines use; `front` the span of the YAML text."""

    text: str
    newline: str
    front: tuple[int, int] | None
    front_matter: dict[str, Any]


def parse(raw: bytes) -> Document:
    """Raises UnparsableError when the file is not UTF-8 or its front matter is no YAML table."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnparsableError(f"it is not UTF-8 (byte {error.start})") from None
    crlf = text.count("\r\n")
    newline = "\r\n" if crlf > text.count("\n") - crlf else "\n"
    mark = 1 if text.startswith("\ufeff") else 0
    found = _FRONT.match(text[mark:])
    if found is None:
        if _BEGINS_FRONT.match(text[mark:]) and not _EMPTY_FRONT.match(text[mark:]):
            raise UnparsableError("its front matter has no end")
        return Document(text, newline, None, {})
    return Document(text, newline, (found.start(2) + mark, found.end(2) + mark), front_matter_of(found.group(2)))


def front_matter_of(text: str) -> dict[str, Any]:
    """The YAML table in `text`. Raises UnparsableError when it is none."""
    import yaml

    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date or number that YAML likes and Python does not
        where = getattr(error, "problem_mark", None)
        line = f" in line {where.line + 2}" if where is not None else ""
        raise UnparsableError(f"its front matter is not valid YAML{line}") from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise UnparsableError("its front matter is not a table of keys")
    return found


def with_section(document: Document, section: str) -> str:
    """The text with `section` (lines ended by \\n, without markers) in place of the old one, or added at the end.

    Raises UnparsableError when the markers do not make one pair, or when the end of the text is inside a code block.
    """
    body = document.newline.join([START, *section.strip("\n").split("\n"), END])
    found, fence = _markers(document)
    place = _span(found)
    if place is not None:
        return document.text[: place[0]] + body + document.text[place[1] :]
    if fence:
        raise UnparsableError("its last code block has no end")
    text, newline = document.text, document.newline
    if not text.strip("\ufeff"):
        return text + body + newline
    if not text.endswith("\n"):
        return text + newline * 2 + body
    gap = "" if text.endswith(newline * 2) else newline
    return text + gap + body + newline


def _span(markers: list[tuple[str, int, int]]) -> tuple[int, int] | None:
    """From the start of the first marker line to the end of the second, without its line end."""
    if not markers:
        return None
    kinds = [kind for kind, _, _ in markers]
    if kinds not in (["start", "end"], ["begin", "end"]):
        raise UnparsableError(f"its benchtui markers do not make one pair (found: {', '.join(kinds)})")
    return markers[0][1], markers[1][2]


def _markers(document: Document) -> tuple[list[tuple[str, int, int]], str]:
    """(kind, start, end) of each marker line outside front matter and fenced code; and the fence still open at the end,
    "" for none."""
    position = document.front[1] if document.front else int(document.text.startswith("\ufeff"))
    found: list[tuple[str, int, int]] = []
    fence = ""
    for line in re.split(r"(?<=\n)", document.text[position:]):
        bare = line.rstrip("\r\n")
        marker = _MARKER.match(bare)
        if marker and (not fence or found):  # an answer inside our own section may hold an unclosed fence
            found.append((marker.group(1), position, position + len(bare)))
        fence = _fence_after(fence, bare)
        position += len(line)
    return found, fence


def _fence_after(fence: str, line: str) -> str:
    """The fence that is open after `line`, "" for none."""
    match = _FENCE.match(line)
    if match is None:
        return fence
    marks, rest = match.groups()
    if not fence:
        return "" if marks[0] == "`" and "`" in rest else marks
    closes = marks[0] == fence[0] and len(marks) >= len(fence) and not rest.strip()
    return "" if closes else fence
