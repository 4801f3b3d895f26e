"""Text that is not ours, made safe for a terminal before anybody sees it; and JSON that every program can read."""

from __future__ import annotations

import json
import math
import re
from typing import Any

# C0 and C1 controls, DEL, the separators of lines and paragraphs, and the marks and overrides of direction, which can
# reorder what stands beside them.
_UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
_UNSAFE_IN_JSON = re.compile(r"[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|[@-Z\\-_])")


def printable(text: str, limit: int | None = None) -> str:
    """`text` without escape sequences and control characters (tab and newline stay), at most `limit` characters."""
    if limit is not None and len(text) > 4 * limit + 200:
        text = text[: 4 * limit + 200]  # bound the work as well as the result
    text = _UNSAFE.sub("", _ESCAPE.sub("", text))
    text = text.encode("utf-8", "backslashreplace").decode()  # a lone surrogate would crash whoever prints it
    if limit is not None and len(text) > limit:
        return text[: max(limit - 1, 0)] + "…"
    return text


def one_line(text: str, limit: int = 120) -> str:
    """The first non-empty line of `text`, printable, at most `limit` characters."""
    head = text[: 8 * limit + 2000].strip()
    return printable(head.splitlines()[0] if head else "", limit)


def json_text(document: Any) -> str:
    """`document` as indented JSON that every program can read, and that steers no terminal: what is not a number, or
    infinite, becomes null."""
    return escaped_json(json.dumps(_without_nan(document), indent=2, ensure_ascii=False, allow_nan=False)) + "\n"


def without_surrogates(text: str) -> str:
    """`text` as a file can carry it: halves of characters, which a terminal and JSON may give, are replaced."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def escaped_json(text: str) -> str:
    """Return the same JSON with control characters, which a terminal could act on, written as \\uXXXX."""
    return _UNSAFE_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _without_nan(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    return [_without_nan(inner) for inner in value] if isinstance(value, list | tuple) else value


def stands_in(text: str, whole: str) -> bool:
    """Return whether `text` is in `whole`, and not only as a part of a word or number."""
    at = whole.find(text) if text else -1
    while at >= 0:
        before, after = whole[at - 1 : at], whole[at + len(text) : at + len(text) + 1]
        if not (before.isalnum() and text[0].isalnum()) and not (after.isalnum() and text[-1].isalnum()):
            return True
        at = whole.find(text, at + 1)
    return False
