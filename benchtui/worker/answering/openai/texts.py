"""Texts from /v1/completions and /v1/chat/completions: what is sent, and what an answer says.

Every setting is sent, since servers have defaults of their own (vLLM those of the model's generation_config.json). The
stop strings that are sent only spare work: texts are cut where they are scored.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from lm_eval.models.utils import normalize_gen_kwargs

from benchtui.errors import BenchtuiError
from benchtui.text import one_line
from benchtui.worker.answering.http.failures import RefusedError, UnansweredError
from benchtui.worker.answering.protocol import TOP_K, Finish, Generated, GenerateRequest, Ids

Streaming = Literal["with counts", "yes", "no"]
MOST_STOPS = 4
"""Stop strings that OpenAI's own servers take."""
_NEUTRAL: Mapping[str, float] = {"top_p": 1.0, "presence_penalty": 0.0, "frequency_penalty": 0.0}
"""Settings that every such server knows, as they change nothing."""
_MORE: Mapping[str, float] = {"top_k": TOP_K, "min_p": 0.0, "repetition_penalty": 1.0}
"""What settings are where a task does not name them, that OpenAI's own servers refuse; vLLM and SGLang take them."""
_ELSEWHERE = frozenset({"until", "max_gen_toks", "do_sample", "temperature"})
_FINISH: Mapping[str, Finish] = {"stop": "end", "length": "length"}
FILTERED = frozenset({"content_filter", "safety", "recitation", "blocklist", "prohibited_content", "spii"})
"""Finish reasons where the server's own filter kept the answer, or its end, back: OpenAI's, and those of Gemini."""


def body(
    request: GenerateRequest,
    model: str,
    prompt: str | Ids,
    *,
    chat: bool,
    stops: bool,
    more: bool,
    stream: Streaming = "no",
) -> dict[str, Any]:
    """What is sent for a request. `stops` says whether stop strings end the text at the server, `more` whether it takes
    settings that OpenAI's own do not; `stream` whether the answer comes in pieces, and its counts with the last one.

    Raises BenchtuiError for a generation setting that cannot be sent.
    """
    asked = {"messages": messages_of(str(prompt))} if chat else {"prompt": prompt}
    sent = [stop for stop in request.stops if stop][:MOST_STOPS] if stops else []
    return {
        "model": model,
        **asked,
        "max_tokens": request.limit,
        "stream": stream != "no",
        **({"stream_options": {"include_usage": True}} if stream == "with counts" else {}),
        **({"stop": sent} if sent else {}),
        **sampling(request.settings, request.seed, more=more),
    }


def messages_of(prompt: str) -> list[dict[str, str]]:
    """The messages of a prompt: those that the chat template wrote as JSON, else the text as the only one
    of a user."""
    try:
        found = json.loads(prompt)
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, list) and found and all(isinstance(one, dict) and "role" in one for one in found):
        return found
    return [{"role": "user", "content": prompt}]


def sampling(settings: Mapping[str, Any], seed: int, *, more: bool) -> dict[str, Any]:
    """Sampling settings as transformers reads them. Greedy texts are asked without a seed."""
    kwargs = {name: value for name, value in normalize_gen_kwargs(dict(settings)).items() if value is not None}
    known = {**_NEUTRAL, **(_MORE if more else {})}
    if unknown := sorted(kwargs.keys() - _ELSEWHERE - known.keys()):
        raise BenchtuiError(
            f"This server is not asked with the generation setting {one_line(', '.join(unknown), 200)}.",
            f"Use temperature, {', '.join(known)}, or another backend.",
        )
    values = {name: kwargs.get(name, neutral) for name, neutral in known.items()}
    if not kwargs.get("do_sample"):
        drawn = {"top_p": 1.0, **({"top_k": 0, "min_p": 0.0} if more else {})}
        return {**values, **drawn, "temperature": 0}
    return {**values, "temperature": kwargs.get("temperature", 1.0), "seed": seed % 2**31}


def is_drawn(settings: Mapping[str, Any]) -> bool:
    """Whether tokens are drawn at random by these settings."""
    return bool(normalize_gen_kwargs(dict(settings)).get("do_sample"))


def read(answer: Any, server: str, *, chat: bool) -> Generated:
    """The text of an answer. Content that is null is an empty answer: a model that thought until it was cut.

    Raises UnansweredError where a filter of the server kept the model's answer back, RefusedError where it is no answer
    to one prompt.
    """
    choices = answer.get("choices") if isinstance(answer, Mapping) else None
    if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], Mapping):
        many = len(choices) if isinstance(choices, list) else 0
        raise RefusedError(f"{server} returned {many} choices for 1 prompt.", "Check what answers at --server.")
    choice = choices[0]
    if choice.get("index", 0) != 0:
        raise RefusedError(f"{server} returned a choice for another prompt than was asked.", "Check the server.")
    message = choice.get("message") if chat else choice
    text = message.get("content" if chat else "text") if isinstance(message, Mapping) else None
    if not isinstance(message, Mapping) or not (text is None or isinstance(text, str)):
        raise RefusedError(f"{server} returned a choice without a text.", "Check the server.")
    if (reason := str(choice.get("finish_reason"))).lower() in FILTERED:
        raise UnansweredError(f"the server's filter kept the answer back (finish reason {reason})")
    finish = _FINISH.get(reason, "end")
    if finish == "end" and choice.get("stop_reason") is not None and isinstance(choice["stop_reason"], str):
        finish = "stop"
    thought = bool(message.get("reasoning_content") or message.get("reasoning")) if chat else False
    usage = answer.get("usage") if isinstance(answer.get("usage"), Mapping) else {}
    return Generated(
        text=text or "",
        ids=(),
        finish=finish,
        count=_count(usage, "completion_tokens"),
        read=_count(usage, "prompt_tokens"),
        thinking=thought and not text and finish == "length",
    )


def _count(usage: Mapping[str, Any], name: str) -> int | None:
    found = usage.get(name)
    return found if isinstance(found, int) and not isinstance(found, bool) else None
