"""What Ollama answers, read: a stream of JSON lines, of which only a last one with `done` makes an answer."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from benchtui.errors import BenchtuiError
from benchtui.text import one_line
from benchtui.worker.answering.http.failures import PassingError, RefusedError, UnansweredError
from benchtui.worker.answering.http.lines import lines_of
from benchtui.worker.answering.protocol import Generated

SHOWN = 300
NOT_AN_ANSWER = frozenset({"load", "unload"})
"""What `done_reason` says where a model was only loaded or unloaded."""
REASONS = frozenset({"stop", "length"}) | NOT_AN_ANSWER
"""All that Ollama says: any other means that the text beside it is not whole."""

_GUARDED = 30
"""Equal pieces in a row after which Ollama's guard ends an answer."""


class GuardError(UnansweredError):
    """The server ended an answer that repeats itself (more than 30 equal pieces in a row): it says neither `done` nor
    how many tokens there were."""

    def __init__(self) -> None:
        super().__init__("Ollama's repetition guard ended the answer")


class TooLongError(UnansweredError):
    """The prompt does not fit into the context; None where the server does not say the counts."""

    def __init__(self, tokens: int | None, context: int | None) -> None:
        counted = f" has {tokens:,} tokens, num_ctx is {context:,}" if tokens and context else " is longer than num_ctx"
        super().__init__(f"the prompt{counted}")
        self.tokens = tokens
        self.context = context


@dataclass(frozen=True)
class TokenLogProb:
    """A written token, by its text, with its log-probability in nats under the raw distribution, and those of the
    likeliest, best first. Ollama tells no ids; tokens that are part of a character come joined."""

    text: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Answer:
    """A complete answer. `reason` is "stop" or "length" ("load", "unload" where nothing was asked); counts are in
    tokens, None where the server says none. In seconds: `load_seconds` is what loading the model took for this request,
    `prompt_seconds` reading the prompt, `seconds` writing; the first piece of text came `first_seconds` after it was
    asked for, waiting in the server's queue included (None where nothing came)."""

    text: str
    thinking: str
    reason: str
    prompt_tokens: int | None
    tokens: int | None
    load_seconds: float
    prompt_seconds: float = 0.0
    seconds: float = 0.0
    first_seconds: float | None = None
    logprobs: tuple[TokenLogProb, ...] = ()

    def generated(self, limit: int) -> Generated:
        """What whoever asked for at most `limit` tokens is told of it."""
        at_limit = self.reason == "length"
        full = at_limit and self.tokens is not None and self.tokens < limit
        return Generated(
            self.text,
            (),
            "length" if at_limit else "end",
            count=self.tokens,
            read=self.prompt_tokens,
            thinking=bool(at_limit and not full and self.thinking and not self.text),
            window_full=full,
            read_whole=True,
        )


@dataclass
class Repeating:
    """Counts the pieces at the end of an answer that are the same text but for spaces."""

    _equal: int = 0
    _last: str | None = None

    def add(self, piece: str) -> None:
        """Count one more."""
        stripped = piece.strip()
        self._equal = self._equal + 1 if stripped == self._last else 1
        self._last = stripped

    @property
    def by_guard(self) -> bool:
        """Whether it is Ollama's guard that ends an answer that ends here without saying so."""
        return self._equal >= _GUARDED


@dataclass
class _Growing:
    text: list[str] = field(default_factory=list)
    thinking: list[str] = field(default_factory=list)
    logprobs: list[TokenLogProb] = field(default_factory=list)
    pieces: int = 0
    repeating: Repeating = field(default_factory=Repeating)

    def add(self, text: str, thinking: str) -> None:
        self.text.append(text)
        self.thinking.append(thinking)
        self.repeating.add(text + thinking)
        self.pieces += 1


async def read_answer(chunks: AsyncIterator[bytes], progress: Callable[[int], None]) -> Answer:
    """Read the answer of `/api/generate` or `/api/chat`, streamed or whole; `progress` is told how many pieces came.

    Raises PassingError where a line of it is an error, where it was given up, and where it ends without `done` other
    than by the guard, which raises GuardError.
    """
    grown = _Growing()
    async for document in documents_of(chunks):
        message = document.get("message")
        said = message if isinstance(message, dict) else document
        grown.add(_text(said.get("content" if said is message else "response")), _text(said.get("thinking")))
        grown.logprobs += read_logprobs(document.get("logprobs"))
        if document.get("done") is True and isinstance(document.get("done_reason"), str):
            return _answer(document, grown)
        progress(1)
    text = "".join(grown.text)
    unstreamed = grown.pieces == 1 and len(text) > _GUARDED  # all of it in one piece, longer than any token
    if not grown.repeating.by_guard and not unstreamed:
        raise PassingError("the answer ended without saying that it is complete")
    raise GuardError


async def documents_of(chunks: AsyncIterator[bytes]) -> AsyncIterator[dict[str, Any]]:
    """Yield the objects of a stream, one a line. Raises PassingError at a line that is an error or no object: errors
    that arise while it works come in a stream with status 200."""
    async for line in lines_of(chunks):
        try:
            document = json.loads(line)
        except (ValueError, RecursionError):
            raise PassingError(f"no JSON in the stream: {one_line(line.decode(errors='replace'), 80)}") from None
        if not isinstance(document, dict):
            raise PassingError(f"no object in the stream: {one_line(str(document), 80)}")
        if "error" in document:
            raise PassingError(one_line(str(document["error"]), SHOWN))
        yield document


def _answer(document: dict[str, Any], grown: _Growing) -> Answer:
    reason: str = document["done_reason"]
    if reason not in REASONS:
        raise PassingError(f"the server gave it up (done reason {one_line(reason, 40) or 'empty'})")
    return Answer(
        "".join(grown.text),
        "".join(grown.thinking),
        reason,
        _count(document.get("prompt_eval_count")),
        _count(document.get("eval_count")),
        _seconds(document, "load_duration"),
        _seconds(document, "prompt_eval_duration"),
        _seconds(document, "eval_duration"),
        logprobs=tuple(grown.logprobs),
    )


def read_logprobs(entries: Any) -> list[TokenLogProb]:
    """Read `logprobs` of an answer, None where it has none. Raises PassingError for anything but tokens with finite
    numbers."""
    return [
        TokenLogProb(*_token(entry), tuple(_token(other) for other in _entries(entry.get("top_logprobs"))))
        for entry in _entries(entries)
    ]


def _entries(entries: Any) -> list[dict[str, Any]]:
    found = [] if entries is None else entries
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise PassingError(f"no list of log-probabilities in the answer: {one_line(str(entries), 80)}")
    return found


def _token(entry: dict[str, Any]) -> tuple[str, float]:
    token, logprob = entry.get("token"), entry.get("logprob")
    if not isinstance(token, str) or not isinstance(logprob, int | float) or isinstance(logprob, bool):
        raise PassingError(f"a log-probability in the answer is no number of a token: {one_line(str(entry), 80)}")
    if not math.isfinite(logprob):
        raise PassingError(f"a log-probability in the answer is {logprob}")
    return token, float(logprob)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _seconds(document: dict[str, Any], name: str) -> float:
    return (_count(document.get(name)) or 0) / 1e9


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def refusal(server: str, model: str) -> Callable[[int, Any], Exception | None]:
    """What a refusal of this server means, for `HttpClient`: a model that is gone, a prompt that is too long, an option
    of the wrong type (which comes with status 500)."""

    def meaning(status: int, body: Any) -> Exception | None:
        words = body.get("error") if isinstance(body, dict) else None
        if not isinstance(words, str):
            return None
        if (too_long := _too_long(words)) is not None:
            return too_long
        if status == 404 and "not found" in words:
            return model_missing(server, model)
        if status >= 500 and not words.startswith("option "):
            return None
        return RefusedError(
            f"Ollama refuses what it is asked of {one_line(model)} (HTTP {status}): {one_line(words, SHOWN)}.",
            "Change the setting that it names.",
        )

    return meaning


def _too_long(words: str) -> TooLongError | None:
    """New servers pass on llama-server's JSON inside a string, with both counts; old ones have a sentence."""
    if words.startswith("the input length exceeds the context length"):
        return TooLongError(None, None)
    try:
        inner = json.loads(words)["error"]
        if inner["type"] == "exceed_context_size_error":
            return TooLongError(_count(inner.get("n_prompt_tokens")), _count(inner.get("n_ctx")))
    except (ValueError, RecursionError, TypeError, KeyError):
        return None
    return None


def model_missing(server: str, model: str) -> BenchtuiError:
    """The error where the server has no such model."""
    name = one_line(model)
    return RefusedError(
        f"Ollama at {server} has no model {name}.", f"`ollama pull {name}` gets it; `ollama list` shows what there is."
    )
