"""What is said below an answer of a chat, and of its models."""

from __future__ import annotations

from collections.abc import Iterator

from benchtui.durations import format_duration
from benchtui.routing.records import Sampling
from benchtui.runs.kinds.chat.conversation import Answer
from benchtui.runs.kinds.chat.events import ChatEnded, ChatReady, Finish

FINISHES: dict[Finish, str] = {
    "end": "complete",
    "stop": "ended at a stop string",
    "length": "cut at the limit",
    "window": "cut: the model's window is full",
    "cancelled": "cancelled",
    "failed": "failed",
}
"""Why an answer is over, in words."""


def answer_parts(answer: Answer, rate: float | None = None) -> Iterator[str]:
    """Yield how far an answer is, or how it went; `rate` is how fast it is written now, in tokens a second."""
    ended = answer.ended
    if ended is None:
        yield from _going(answer, rate)
        return
    tokens = len(answer.tokens) if ended.tokens is None else ended.tokens
    yield tokens_words(tokens)
    if (speed := written_rate(ended)) is not None:
        yield f"{speed:,.1f} tokens/s"
    if ended.first_token is not None:
        yield f"first {ended.first_token:.2f} s"
    yield FINISHES[ended.finish]


def _going(answer: Answer, rate: float | None) -> Iterator[str]:
    if answer.state == "waiting":
        yield "waits for the model"
    elif answer.state == "reading":
        yield reading_words(answer)
    else:
        yield tokens_words(len(answer.tokens))
        if rate is not None:
            yield f"{rate:,.1f} tokens/s"


def reading_words(answer: Answer) -> str:
    """Say how much of the prompt is being read: what is in memory already is not."""
    begun = answer.begun
    if begun is None or begun.prompt is None:
        return "reading"
    if begun.read is not None:
        return f"has read {begun.read:,} of {tokens_words(begun.prompt)}"
    new = begun.prompt - (begun.cached or 0)
    if not begun.cached:
        return f"reading {tokens_words(begun.prompt)}"
    return f"reading {new:,} of {tokens_words(begun.prompt)}"


def written_rate(ended: ChatEnded) -> float | None:
    """Return the tokens a second behind the first one; None where it cannot be told."""
    if ended.tokens is None or ended.tokens < 2 or ended.first_token is None or ended.seconds <= ended.first_token:
        return None
    return (ended.tokens - 1) / (ended.seconds - ended.first_token)


def tokens_words(tokens: int) -> str:
    """Write "1 token", "1,024 tokens"."""
    return f"{tokens:,} token{'s' if tokens != 1 else ''}"


def ready_parts(ready: ChatReady, labels: tuple[str, ...]) -> Iterator[str]:
    """Yield how a model was loaded."""
    yield "ready"
    if ready.seconds:
        yield f"loaded in {format_duration(ready.seconds)}"
    if ready.device:
        yield ready.device
    if ready.dtype:
        yield ready.dtype
    if ready.shares is not None and ready.shares < len(labels):
        yield f"weights of {labels[ready.shares]}"
    if ready.window:
        yield f"window {ready.window:,}"


def sampling_words(sampling: Sampling, system: str | None) -> str:
    """Say how answers are written."""
    parts = ["greedy"] if not sampling.samples else [f"temperature {sampling.temperature:g}"]
    if sampling.samples:
        cuts = (("top-k", sampling.top_k, 0), ("top-p", sampling.top_p, 1.0), ("min-p", sampling.min_p, 0.0))
        parts += [f"{name} {value:g}" for name, value, off in cuts if value != off]
        parts.append(f"seed {sampling.seed}")
    parts.append(f"at most {tokens_words(sampling.max_new_tokens)}")
    if sampling.stop:
        parts.append(f"{len(sampling.stop)} stop string{'s' if len(sampling.stop) != 1 else ''}")
    if system:
        parts.append("system prompt")
    return " · ".join(parts)
