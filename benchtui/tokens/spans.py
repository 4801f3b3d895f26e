"""Tokens as the characters that they are: written out for people, and the boundaries that two tokenisations share."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from benchtui.tokens.records import TextTokens
from benchtui.tokens.vocabulary import StoredVocabulary

SIGNS = {" ": "␣", "\n": "⏎", "\t": "→", "\r": "␍"}
"""How white space is written where a token is nothing else."""


def token_texts(
    text: str, tokens: TextTokens, vocabulary: StoredVocabulary | None = None, *, signs: bool = True
) -> list[str]:
    """Return every token as people read it: its characters; with `signs`, signs for one of white space alone.

    A part of a character is its bytes, ⟨E6 97⟩, where the vocabulary is known, else its number among the parts,
    ⟨日 1/3⟩; a token that stands nowhere in the text (an end token) is spelled as the vocabulary does, else ⟨id 7⟩.
    """
    starts, ends = tokens.starts.tolist(), tokens.ends.tolist()
    sharing = _sharing(starts, ends)
    found = []
    for place, token in enumerate(tokens.ids.tolist()):
        start, end = starts[place], ends[place]
        if place in sharing or start == end:
            found.append(_odd(text, token, sharing.get(place), start, end, vocabulary))
        else:
            found.append(text[start:end])
    return [_signed(one) for one in found] if signs else found


def _sharing(starts: list[int], ends: list[int]) -> dict[int, tuple[int, int, int]]:
    """For each token with a part of a character: the character, which part of it, and how many there are. A token with
    parts of two counts as one of the second."""
    of_character: dict[int, list[int]] = {}
    for place in range(len(starts) - 1):
        if starts[place + 1] < ends[place]:
            shared = of_character.setdefault(ends[place] - 1, [place])
            shared.append(place + 1)
    return {
        place: (character, number, len(places))
        for character, places in of_character.items()
        for number, place in enumerate(places, 1)
    }


def _odd(
    text: str,
    token: int,
    part: tuple[int, int, int] | None,
    start: int,
    end: int,
    vocabulary: StoredVocabulary | None,
) -> str:
    if vocabulary is not None:
        raw = vocabulary.text(token)
        return raw.lstrip(" ") if not text[start:end].startswith(" ") else raw
    if part is None:
        return f"⟨id {token}⟩"
    character, number, of = part
    before, behind = text[start:character], text[character + 1 : end]
    return f"{before}⟨{text[character]} {number}/{of}⟩{behind}"


def _signed(token: str) -> str:
    return "".join(SIGNS.get(one, one) for one in token) if token.isspace() else token


@dataclass(frozen=True)
class CommonSpans:
    """The parts of a text between boundaries that two tokenisations share, as far as both score it.

    Part i has the characters cuts[i]:cuts[i + 1]. `first` and `second` say to which part each scored token of the one
    and of the other belongs, -1 for one outside (an end token, or what stands before the first common boundary).
    """

    cuts: NDArray[np.int32]
    first: NDArray[np.int32]
    second: NDArray[np.int32]

    def __len__(self) -> int:
        return max(len(self.cuts) - 1, 0)

    def sizes(self, text: str) -> NDArray[np.int64]:
        """The UTF-8 bytes of each part, int64 [n]."""
        cuts = self.cuts.tolist()
        return np.array([len(text[a:b].encode(errors="replace")) for a, b in pairwise(cuts)], np.int64)

    def sums(self, values: NDArray[np.float32], of: NDArray[np.int32]) -> NDArray[np.float64]:
        """The sum of the tokens' `values` in each part, float64 [n]; `of` is `first` or `second`."""
        inside = of >= 0
        found = np.zeros(len(self))
        np.add.at(found, of[inside], values[inside])
        return found


def common_spans(first: TextTokens, second: TextTokens) -> CommonSpans:
    """Divide a text, scored in two tokenisations, at every place where a token ends in both. What a model finds of one
    part can be compared with what another finds, in nats per byte."""
    begins = max(_begin(first), _begin(second))
    cuts = np.intersect1d(_boundaries(first), _boundaries(second))
    cuts = cuts[cuts >= begins].astype(np.int32)
    return CommonSpans(cuts, _parts(first, cuts), _parts(second, cuts))


def _begin(tokens: TextTokens) -> int:
    """Where the first scored token begins; behind the text where there is none."""
    return int(tokens.starts[tokens.first]) if tokens.first < len(tokens.ids) else int(tokens.ends.max(initial=0)) + 1


def _boundaries(tokens: TextTokens) -> NDArray[np.int32]:
    """The places where one token ends and the next begins: not within a character that several share."""
    starts, ends = tokens.starts, tokens.ends
    whole = np.append(starts[1:] >= ends[:-1], True) if len(ends) else np.zeros(0, np.bool_)
    return np.unique(np.append(ends[whole], 0).astype(np.int32))


def _parts(tokens: TextTokens, cuts: NDArray[np.int32]) -> NDArray[np.int32]:
    starts, ends = tokens.starts[tokens.first :], tokens.ends[tokens.first :]
    if len(cuts) < 2:
        return np.full(len(starts), -1, np.int32)
    part = np.searchsorted(cuts, starts, side="right") - 1
    outside = (starts < cuts[0]) | (ends > cuts[-1]) | ((starts == ends) & (starts == cuts[-1]))
    return np.where(outside, -1, part).astype(np.int32)
