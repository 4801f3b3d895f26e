"""Finds front matter and our section in a README, and replaces the section.

Everything outside the section stays byte for byte: line ends, a missing final newline, odd spacing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markdown_it.token import Token

_FRONT = re.compile(r"^(\s*---(?:\r\n|\r|\n))([\S\s]*?(?:\r\n|\r|\n))---[ \t]*(?:\r\n|\n|$)")
"""The Hub's own rule for what is front matter (huggingface_hub/repocard.py); here the YAML holds its last line's
end."""
_EMPTY_FRONT = re.compile(r"^\s*---[ \t]*(?:\r\n|\n)---[ \t]*(?:\r\n|\n|$)")
_BEGINS_FRONT = re.compile(r"^\s*---[ \t]*(?:\r\n|\r|\n|$)")
_MARKER = re.compile(r"^ {0,3}<!--\s*benchtui(?::results)?[: ](start|begin|end)\b.*-->[ \t]*$")
_VERBATIM = re.compile(r"\s*<(?:!|\?|(?:pre|script|style|textarea)\b)", re.IGNORECASE)
"""HTML whose inside is text: a marker there is somebody's example."""
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")

START = "<!-- benchtui:results:start v1 · `benchtui readme` replaces what stands between these two lines -->"
END = "<!-- benchtui:results:end -->"


class UnparsableError(Exception):
    """A README that must not be changed; the text says why."""


@dataclass(frozen=True)
class Document:
    """`text` with its own line ends; `newline` is the one most of its lines use; `front` the span of the YAML text with
    the end of its last line; `body` the place where the Markdown begins."""

    text: str
    newline: str
    front: tuple[int, int] | None
    body: int
    front_matter: dict[str, Any]


def parse(raw: bytes) -> Document:
    """Parse a README. Raises UnparsableError when the file is not UTF-8 or its front matter is no YAML table."""
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
        return Document(text, newline, None, mark, {})
    front = (found.start(2) + mark, found.end(2) + mark)
    return Document(text, newline, front, found.end() + mark, front_matter_of(found.group(2)))


def front_matter_of(text: str) -> dict[str, Any]:
    """Return the YAML table in `text`. Raises UnparsableError when it is none."""
    import yaml

    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date or number that YAML likes and Python does not
        where = getattr(error, "problem_mark", None)
        line = f" in line {where.line + 2}" if where is not None else ""
        raise UnparsableError(f"its front matter is not valid YAML{line}") from None
    except RecursionError:
        raise UnparsableError("its front matter is nested too deeply") from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise UnparsableError("its front matter is not a table of keys")
    return found


def with_section(document: Document, section: str) -> str:
    """Return the text with `section` (lines end with \\n, no markers) in place of the old one, or added at the end.

    Raises UnparsableError when the markers do not make one pair, or when something open at the end of the text (a code
    block, a comment) would swallow the section.
    """
    # The blank line ends the HTML block that the marker is in: somebody's <details> may have begun it.
    body = document.newline.join([START, "", *section.strip("\n").split("\n"), END])
    place = _span(_markers(document.text, document.body))
    before, after = _around(document, place)
    written = before + body + after
    ends = [position for _, *span in _markers(written, document.body) for position in span]
    if len(ends) != 4 or (ends[0], ends[3]) != (len(before), len(before) + len(body)):
        raise UnparsableError(f"its last {_last_block(document)} has no end")
    return written


def _around(document: Document, place: tuple[int, int] | None) -> tuple[str, str]:
    """Return the text before the section and after it, with a blank line before a section that is added."""
    text, newline = document.text, document.newline
    if place is not None:
        return text[: place[0]], text[place[1] :]
    if not text.strip("\ufeff"):
        return text, newline
    if not text.endswith("\n"):
        return text + newline * 2, ""
    return text + ("" if text.endswith(newline * 2) else newline), newline


def _span(markers: list[tuple[str, int, int]]) -> tuple[int, int] | None:
    """Return the span from the start of the first marker line to the end of the second, without its line end."""
    if not markers:
        return None
    kinds = [kind for kind, _, _ in markers]
    if kinds not in (["start", "end"], ["begin", "end"]):
        raise UnparsableError(f"its benchtui markers do not make one pair (found: {', '.join(kinds)})")
    return markers[0][1], markers[1][2]


def _markers(text: str, body: int) -> list[tuple[str, int, int]]:
    """Yield (kind, start, end) of each marker line that Markdown reads as a comment of the page itself: in code, lists
    and quotes it is an example."""
    lines = [(found.start(), found.group().rstrip("\r\n")) for found in _LINE.finditer(text, body)]
    if not any(_MARKER.match(line) for _, line in lines):
        return []  # parsing takes long
    found = []
    for block in _blocks(text[body:]):
        if block.type != "html_block" or block.level or block.map is None:
            continue
        first, end = block.map
        shown = lines[first : first + 1] if _VERBATIM.match(block.content) else lines[first:end]
        for position, line in shown:
            if marker := _MARKER.match(line):
                found.append((marker.group(1), position, position + len(line)))
    return found


def _last_block(document: Document) -> str:
    blocks = _blocks(document.text[document.body :])
    return "code block" if blocks and blocks[-1].type == "fence" else "comment or HTML block"


def _blocks(markdown: str) -> list[Token]:
    """Return the block structure as CommonMark defines it, without the content of lines."""
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark").disable(["inline", "text_join"]).parse(markdown)
