"""Whether a reply does what it was told: one small function for each instruction, no model and no judgement."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

_WORD = re.compile(r"[A-Za-z]+")


def _words(text: str) -> list[str]:
    return _WORD.findall(text)


def _lower(text: str) -> list[str]:
    return [word.lower() for word in _words(text)]


def _items(reply: str, words: Sequence[str], count: int) -> bool:
    """Exactly `count` different members of `words`, with nothing else but commas and "and" between them."""
    given = [word for word in _lower(reply) if word != "and"]
    return len(given) == count == len(set(given)) and set(given) <= set(words)


# instruction: (reply, its words, its number) -> followed or not
CHECKS: dict[str, Callable[[str, Sequence[str], int], bool]] = {
    "case:capitals": lambda reply, words, _number: reply.isupper() and set(words) <= set(_lower(reply)),
    "case:small": lambda reply, _unused, _number: reply.islower(),
    "words:exactly": lambda reply, _unused, count: len(_words(reply)) == count,
    "words:include": lambda reply, words, _number: set(words) <= set(_lower(reply)),
    "words:avoid": lambda reply, words, _number: bool(_words(reply)) and not set(words) & set(_lower(reply)),
    "words:first": lambda reply, words, _number: _lower(reply)[:1] == list(words),
    "words:last": lambda reply, words, _number: _lower(reply)[-1:] == list(words),
    "words:sequence": lambda reply, words, count: _lower(reply) == list(words) * count,
    "items:count": _items,
    "form:question": lambda reply, _unused, _number: reply.endswith("?"),
    "form:quoted": lambda reply, words, _number: reply.lower() == f'"{" ".join(words)}"',
    "form:yes_no": lambda reply, _unused, _number: reply.rstrip(".").lower() in {"yes", "no"},
}


def followed(instruction: dict[str, Any], reply: str) -> bool:
    """Whether `reply` follows one `instruction` ({"id", "words", "count"}) to the letter."""
    return CHECKS[instruction["id"]](reply.strip(), instruction["words"], instruction["count"])


def _forgiving(reply: str) -> list[str]:
    """`reply`, and what is left of it without an introduction ("Sure: ...") or a frame of quotes, stars, full stops."""
    bare = reply.strip()
    after_colon = bare.partition(":")[2].strip()
    return [text for text in (bare, bare.strip("\"*'. "), after_colon, after_colon.strip("\"*'. ")) if text]


def process_results(doc: dict[str, Any], results: list[str]) -> dict[str, float]:
    """lm-eval's hook: the scores of one document, 1.0 when every instruction in its prompt was followed.

    Strict takes the reply as it stands; loose also accepts it without an introduction or a frame.
    """
    strict = all(followed(instruction, results[0]) for instruction in doc["instructions"])
    loose = any(
        all(followed(instruction, reply) for instruction in doc["instructions"]) for reply in _forgiving(results[0])
    )
    return {"prompt_level_strict_acc": float(strict), "prompt_level_loose_acc": float(strict or loose)}
