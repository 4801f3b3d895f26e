"""Documents that follow each other and whose prompts begin alike, such as questions about one passage: they are given
to one worker, which reads the beginning once."""

from __future__ import annotations

from collections.abc import Sequence

TOGETHER_AT_MOST = 64
"""Documents that are kept together."""


def chunk_starts(prompts: Sequence[str]) -> list[int]:
    """The places in `prompts` where a chunk may begin: not between two that begin alike, and at least at every 64th of
    many that do. What all prompts begin with does not count; two are alike where they share half of the rest of the
    shorter one."""
    if not prompts:
        return []
    all_share = common(min(prompts), max(prompts))
    starts, together = [0], 1
    for place in range(1, len(prompts)):
        before, here = prompts[place - 1], prompts[place]
        rest = min(len(before), len(here)) - all_share
        alike = rest > 0 and 2 * (common(before, here) - all_share) >= rest
        if alike and together < TOGETHER_AT_MOST:
            together += 1
        else:
            starts.append(place)
            together = 1
    return starts


def common(one: str, other: str) -> int:
    """How many characters two texts have in common at their beginning."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
