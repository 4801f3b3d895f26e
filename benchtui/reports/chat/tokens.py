"""The tokens of an answer in a chat: what the other models make of them, where models part, and the pieces that are
shown."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from benchtui.reports.tokens.cells_of_text import MOST_TOKENS, ColouredText, Piece, unscored, visible
from benchtui.reports.tokens.metrics import TokenMetric, steps_of
from benchtui.runs.kinds.chat.conversation import Answer, Conversation
from benchtui.runs.kinds.chat.events import Candidate, ChatLooked, ChatToken
from benchtui.tokens.vocabulary import shown_token

PARTED = 0.1
"""The Jensen-Shannon divergence, in nats, from which on two models part at a token."""
_BYTES = re.compile(r"⟨([0-9A-F]{2}(?: [0-9A-F]{2})*)⟩")


@dataclass
class Reading:
    """What another model makes of the tokens of an answer, in nats: as many as it has read by now, all once it is
    `done`. `problem` says why there are none."""

    divergence: list[float] = field(default_factory=list)
    entropy: list[float] = field(default_factory=list)
    logprob: list[float] = field(default_factory=list)
    top: list[tuple[Candidate, ...]] = field(default_factory=list)
    done: bool = False
    problem: str = ""

    def add(self, event: ChatLooked) -> None:
        """Add what an event tells; one that begins behind what is known is left out."""
        if event.start > len(self.divergence) or event.start < 0:
            return
        told = min(map(len, (event.divergence, event.entropy, event.logprob, event.top)))
        here = slice(event.start, event.start + told)
        self.divergence[here] = event.divergence[:told]
        self.entropy[here] = event.entropy[:told]
        self.logprob[here] = event.logprob[:told]
        self.top[here] = event.top[:told]
        self.done, self.problem = event.last, event.problem


def readings(conversation: Conversation, answer: int) -> dict[int, Reading]:
    """Return what the other models make of an answer, by their number: of the last time that they were asked for
    it."""
    looks = [look.number for look in conversation.looks.values() if look.answer == answer]
    found: dict[int, Reading] = {}
    for event in conversation.looked.get(max(looks, default=0), ()):
        found.setdefault(event.model, Reading()).add(event)
    return found


def parted(divergence: Sequence[float]) -> list[int]:
    """Return the tokens, from 0, at which the divergence is PARTED at least."""
    return [place for place, value in enumerate(divergence) if value >= PARTED]


def differs_at(answer: Answer, other: Answer) -> int | None:
    """Return the token of `answer`, from 0, at which its text is no longer that of `other`; the last one where it only
    ends earlier. None where the texts are the same, as far as they are written, or no tokens are known."""
    own, others = (one.text.encode("utf-8", "surrogatepass") for one in (answer, other))
    if own == others or not answer.tokens:
        return None
    place = next(
        (at for at, (one, two) in enumerate(zip(own, others, strict=False)) if one != two), min(len(own), len(others))
    )
    shorter = answer if len(own) < len(others) else other
    if place == min(len(own), len(others)) and not shorter.over:
        return None
    begin = len(answer.asked.begin.encode("utf-8", "surrogatepass"))
    written = b"".join(map(token_bytes, answer.tokens))
    # A tokenizer may write a space before the first word that its text does not have.
    place += _spaces(written) - _spaces(own[begin:])
    ends = accumulate(len(token_bytes(token)) for token in answer.tokens)
    return next((at for at, end in enumerate(ends) if begin + end > place), len(answer.tokens) - 1)


def _spaces(text: bytes) -> int:
    return len(text) - len(text.lstrip(b" "))


def token_bytes(token: ChatToken) -> bytes:
    """Return what a token writes; those of a part of a character are told as ⟨E6 97⟩."""
    return b"".join(_parts(token.text))


def _parts(text: str) -> Iterator[bytes]:
    for number, part in enumerate(_BYTES.split(text)):
        if number % 2 == 0:
            yield part.encode("utf-8", "surrogatepass")
            continue
        raw = bytes.fromhex(part)
        # Whole characters are never told like this: then the brackets stand in the text itself.
        yield f"⟨{part}⟩".encode() if _is_text(raw) else raw


def _is_text(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def answer_pieces(
    answer: Answer, values: Sequence[float | None], metric: TokenMetric, other_top: Sequence[Sequence[Candidate]] = ()
) -> ColouredText:
    """Divide an answer into the pieces that are shown, those of a character together: each token with its value and the
    step of it on the metric's scale. It is marked as changed where the likeliest token is another than the first of
    `other_top` there. What the answer begins with was not written by its model, and has no value."""
    import numpy as np

    tokens = answer.tokens[:MOST_TOKENS]
    known = [math.nan if value is None else value for value in values[: len(tokens)]]
    known += [math.nan] * (len(tokens) - len(known))
    steps = steps_of(metric, np.array(known, np.float64)).tolist()
    pieces = unscored(answer.asked.begin)
    for first, last, text in _characters(tokens):
        most = max(range(first, last + 1), key=lambda at: (steps[at], known[at]))
        changed = any(_changed(tokens[at], other_top, at) for at in range(first, last + 1))
        shown = visible(shown_token(text, None))
        pieces.append(Piece(shown, first, last, known[most], steps[most], changed, "\n" in text))
    return ColouredText(pieces, len(answer.tokens) - len(tokens))


def _changed(token: ChatToken, other_top: Sequence[Sequence[Candidate]], at: int) -> bool:
    return bool(token.top and at < len(other_top) and other_top[at] and token.top[0].text != other_top[at][0].text)


def _characters(tokens: Sequence[ChatToken]) -> Iterator[tuple[int, int, str]]:
    """Yield the first and the last of the tokens that make whole characters, mostly one and the same, and their
    text."""
    at = 0
    while at < len(tokens):
        last, raw = at, token_bytes(tokens[at])
        # No character has more than four bytes, so none is made of more tokens.
        while not _is_text(raw) and last + 1 < min(len(tokens), at + 4):
            last += 1
            raw += token_bytes(tokens[last])
        if not _is_text(raw):
            last, raw = at, tokens[at].text.encode("utf-8", "replace")
        yield at, last, raw.decode()
        at = last + 1
