"""Regular expressions on what a model wrote: bounded in size and time, since neither text can be trusted."""

from __future__ import annotations

import functools
import re
from typing import Any

from benchtui.errors import BenchtuiError, UsageError
from benchtui.tasks.metrics.answer import Answer, Options
from benchtui.tasks.metrics.measures.texts import NORMALISATIONS
from benchtui.text import one_line

LONGEST = 2_000
"""Characters of a pattern."""
SECONDS = 5.0
"""How long one search may take: a pattern with repeats inside of repeats can take years."""
MOST_REPEATS = 1_000_000
"""How many copies of a character a pattern may ask for: ((a{1000}){1000}){1000} would fill the memory."""

_PIECE = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{([0-9]{0,9})(?:,([0-9]{0,9}))?\}|.", re.DOTALL)


def pattern_of(answer: Answer, options: Options) -> str:
    """Return the pattern of the metric, or else that of the document; "" without one."""
    return str(options["pattern"] or answer.extras.get("pattern") or "")


def regex(answer: Answer, options: Options) -> float:
    """Return 1 where the pattern matches: somewhere in the answer, with `full` all of it without space at its ends.

    Raises BenchtuiError when that takes more than SECONDS.
    """
    pattern = pattern_of(answer, options)
    text = answer.text.strip() if options["full"] else answer.text
    return float(bounded_search(pattern, text, case=options["case"], full=options["full"]) is not None)


def extract(answer: Answer, options: Options) -> float:
    """Return 1 where the text that the pattern finds is one of the references, after the same normalisation of both.

    What is found is the pattern's first group, or the whole match of a pattern without groups.
    """
    found = first_found(pattern_of(answer, options), answer.text, last=options["which"] == "last")
    if found is None:
        return 0.0
    normal = NORMALISATIONS[options["normalise"]]
    return float(any(normal(found) == normal(reference) for reference in answer.references))


def first_found(pattern: str, text: str, *, last: bool = False) -> str | None:
    """Return what the first match (or the last) finds: the pattern's first group, or all of the match without groups.

    None without a match. Raises BenchtuiError as `bounded_search` does.
    """
    match = bounded_search(pattern, text, last=last)
    return None if match is None else str(match[1 if match.re.groups else 0] or "")


def check_pattern(pattern: str) -> None:
    """Raises UsageError for a pattern that is too long, or that is none."""
    _compiled(pattern, case=True)


def bounded_search(pattern: str, text: str, *, case: bool = True, full: bool = False, last: bool = False) -> Any:
    """Return the first (or last) match of the pattern in `text`, with `full` a match of all of it; None without one.

    Raises BenchtuiError when that takes more than SECONDS, UsageError for what is no pattern.
    """
    compiled = _compiled(pattern, case=case)
    try:
        if full:
            return compiled.fullmatch(text, timeout=SECONDS)
        if last:
            return next(iter(list(compiled.finditer(text, timeout=SECONDS))[-1:]), None)
        return compiled.search(text, timeout=SECONDS)
    except TimeoutError:
        raise BenchtuiError(
            f"The pattern {one_line(pattern, 80)!r} takes more than {SECONDS:g} s on one answer.",
            "Write it without repeats inside of repeats, such as (a+)+.",
        ) from None


@functools.lru_cache(maxsize=4096)
def _compiled(pattern: str, *, case: bool) -> Any:
    import regex as engine

    if len(pattern) > LONGEST:
        raise UsageError(f"A pattern of {len(pattern):,} characters is too long.", f"{LONGEST:,} are allowed.")
    if (copies := _copies(pattern)) > MOST_REPEATS:
        raise UsageError(
            f"The pattern {one_line(pattern, 80)!r} asks for {copies:,} repeats of a character.",
            f"{MOST_REPEATS:,} are allowed.",
        )
    try:
        return engine.compile(pattern, 0 if case else engine.IGNORECASE)
    except (engine.error, RecursionError, OverflowError, MemoryError, ValueError) as error:
        raise UsageError(f"The pattern {one_line(pattern, 80)!r} cannot be used: {error}.") from None


def _copies(pattern: str) -> int:
    """Return how often at most one character is repeated by numbers in braces, inside of one another."""
    inner, last = [1], 1
    for piece in _PIECE.finditer(pattern):
        if piece[0] == "(":
            inner.append(1)
            last = 1
        elif piece[0] == ")" and len(inner) > 1:
            last = inner.pop()
        elif piece[0] in ("*", "+", "?"):
            continue
        elif piece[1] is not None:
            last *= max(int(piece[1] or 1), int(piece[2] or 1), 1)
        else:
            last = 1
        inner[-1] = max(inner[-1], last)
    return max(inner)
