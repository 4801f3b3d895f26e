"""What happens in the worker of a chat, beside what happens in every run."""

from __future__ import annotations

from typing import Literal

import msgspec

from benchtui.runs.events import Event

Finish = Literal["end", "stop", "length", "window", "cancelled", "failed"]
"""Why an answer is over: an end token, a stop string, the greatest number of tokens, the model's window, the person, an
error."""


class ChatReady(Event, frozen=True, kw_only=True, tag="chat-ready"):
    """A model can be asked. `shares` is the model whose weights it uses, None for its own. `tells_tokens` whether it
    tells the likeliest tokens, `compares` whether it can read the answers of others token by token; `why_not` says why
    one of them is not so. `window` in tokens, 0 where it is not known."""

    model: int
    shares: int | None = None
    tells_tokens: bool = False
    compares: bool = False
    why_not: str = ""
    window: int = 0
    device: str = ""
    dtype: str = ""
    seconds: float = 0.0


class ChatUnready(Event, frozen=True, kw_only=True, tag="chat-unready"):
    """A model cannot be asked, and why; the others can."""

    model: int
    what: str
    next_step: str = ""


class Candidate(msgspec.Struct, frozen=True, array_like=True):
    """A token that might have come, and its log-probability in nats."""

    text: str
    logprob: float


class ChatToken(msgspec.Struct, frozen=True, array_like=True):
    """A token of an answer: its id (-1 where a server tells none), its own text, its log-probability, the entropy of
    the distribution it was taken from, both in nats (NaN is None: not told), and the likeliest tokens there."""

    id: int
    text: str
    logprob: float | None = None
    entropy: float | None = None
    top: tuple[Candidate, ...] = ()


class ChatBegun(Event, frozen=True, kw_only=True, tag="chat-begun"):
    """A model begins to read for an answer: `prompt` tokens, `cached` of which it has in memory (None: not told). Told
    again while it reads a long prompt: it has `read` so many of them by then."""

    answer: int
    prompt: int | None = None
    cached: int | None = None
    read: int | None = None


class ChatPiece(Event, frozen=True, kw_only=True, tag="chat-piece"):
    """More of an answer: `text` follows what came before. It may lag behind the tokens: half a character waits for the
    rest. `tokens` are those that were written since the last piece."""

    answer: int
    text: str
    tokens: tuple[ChatToken, ...] = ()


class ChatEnded(Event, frozen=True, kw_only=True, tag="chat-ended"):
    """An answer is over. `tokens` of its own were written, `prompt` read, `cached` of them not computed again (None:
    not told). `first_token` seconds after it was asked for the first one came (None where an earlier worker wrote it),
    `seconds` until the last."""

    answer: int
    finish: Finish
    tokens: int | None = None
    prompt: int | None = None
    cached: int | None = None
    first_token: float | None = None
    seconds: float = 0.0
    what: str = ""
    next_step: str = ""


class ChatLooked(Event, frozen=True, kw_only=True, tag="chat-looked"):
    """What another model makes of the tokens of an answer from the one at `start` on: its divergence from the model
    that wrote them (Jensen-Shannon, in nats), its entropy, and its log-probability of each; its likeliest tokens. After
    the `last` no more come; `problem` says why there are none."""

    look: int
    model: int
    start: int = 0
    divergence: tuple[float, ...] = ()
    entropy: tuple[float, ...] = ()
    logprob: tuple[float, ...] = ()
    top: tuple[tuple[Candidate, ...], ...] = ()
    last: bool = True
    problem: str = ""


class ChatWaiting(Event, frozen=True, kw_only=True, tag="chat-waiting"):
    """Nothing is asked of any model that has not been answered; told again from time to time while that is so."""


CHAT_EVENTS: tuple[type[Event], ...] = (
    ChatReady,
    ChatUnready,
    ChatBegun,
    ChatPiece,
    ChatEnded,
    ChatLooked,
    ChatWaiting,
)
