"""Whether the log-probabilities that /v1/completions echoes can be believed.

Servers answer the standard request with no scores, with those of the next token, or with those of another prompt, and
say nothing. Checks on one sentence tell them apart; each has its own words.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from benchtui.errors import BenchtuiError
from benchtui.text import one_line
from benchtui.worker.answering.http.failures import RefusedError, UnansweredError
from benchtui.worker.answering.protocol import Ids

SENTENCE = "The capital of France is Paris, and the capital of Italy is Rome. The capital of Spain is"
SHUFFLED = "of is The Paris capital Rome France. is capital the Italy of, is and The of Spain capital"
TOLERANCE = 0.1
"""Nats between two answers about the same token: what batches change in a quantised model stays below it."""
BETTER = 5.0
"""Nats by which a sentence is likelier than its words in another order."""

_COLD = 0.5
"""The temperature that log-probabilities are compared at with those at 1."""
_MORE_THAN_ALL = 0.02
"""What probabilities of different tokens may sum up to above 1: two tokens may have one text."""
TEMPERED = "its log-probabilities depend on the temperature"

Post = Callable[[dict[str, Any]], Awaitable[Any]]


class UnbelievableError(Exception):
    """The server's log-probabilities are not those of the prompt; the words say what is wrong."""


@dataclass(frozen=True)
class Echoed:
    """What a server says of the tokens of a prompt: their log-probabilities, the highest ones at their places, and how
    many tokens it added behind."""

    logprobs: list[float | None]
    best: list[float | None]
    added: int


def echo_body(model: str, prompt: Ids, *, temperature: float = 1) -> dict[str, Any]:
    """What is sent to have a prompt scored: no setting of a sampler, which masks tokens in some servers."""
    asked = {"model": model, "prompt": list(prompt), "max_tokens": 1, "echo": True, "logprobs": 1}
    return {**asked, "temperature": temperature}


def read_echo(answer: Any, length: int) -> Echoed:
    """The scores of the `length` tokens of a prompt. Raises UnbelievableError where they are not in the answer."""
    choices = answer.get("choices") if isinstance(answer, dict) else None
    if not isinstance(choices, list) or len(choices) != 1:
        raise UnbelievableError("it does not return one choice for one prompt")
    told = choices[0].get("logprobs")
    values = told.get("token_logprobs") if isinstance(told, dict) else None
    tops = told.get("top_logprobs") if isinstance(told, dict) else None
    if not isinstance(values, list):
        raise UnbelievableError("it ignores echo: no token_logprobs come back")
    if len(values) != length + 1:
        raise UnbelievableError(
            f"it ignores echo, adds tokens or leaves some out: {len(values)} log-probabilities for a prompt of "
            f"{length} tokens and 1 generated"
        )
    best = [max(top.values()) if isinstance(top, dict) and top else None for top in (tops or [None] * len(values))]
    return Echoed(values[:length], best[:length], len(values) - length)


def _numbers(echoed: Echoed) -> list[float]:
    """The values after the first. Raises UnbelievableError where one is missing or infinite."""
    found = [value for value in echoed.logprobs[1:] if isinstance(value, int | float) and abs(value) < float("inf")]
    if len(found) < len(echoed.logprobs) - 1:
        raise UnbelievableError("log-probabilities inside the prompt are missing or infinite")
    return [float(value) for value in found]


async def probe(post: Post, model: str, encode: Callable[[str], list[int]], *, tempered: bool = False) -> None:
    """Raise UnbelievableError where the server's scores cannot be believed, saying why.

    `tempered` where the product is known to tell those of generated tokens after the temperature, and no score is
    read from them: only those of prompts must not depend on it then.
    """
    try:
        await _probe(post, model, encode, tempered=tempered)
    except (RefusedError, UnansweredError) as error:
        raise UnbelievableError(f"it refuses to be asked: {one_line(str(error), 200)}") from error


async def _probe(post: Post, model: str, encode: Callable[[str], list[int]], *, tempered: bool) -> None:
    prompt = encode(SENTENCE)
    generated = await post({"model": model, "prompt": prompt, "max_tokens": 1, "logprobs": 1, "temperature": 0})
    _check_read(generated, len(prompt))
    token, value = _first_generated(generated)
    whole = encode(SENTENCE + token)
    if whole[:-1] != prompt:
        raise UnbelievableError(
            f"what it generates ({one_line(token, 20)!r}) is no token of the tokenizer that is used"
        )
    longer = read_echo(await post(echo_body(model, whole)), len(whole))
    values = _numbers(longer)
    if abs(values[-1] - value) > TOLERANCE:
        raise UnbelievableError(
            f"the token {one_line(token, 20)!r} had {value:.3f} when it was generated and {values[-1]:.3f} when it was "
            "echoed: the values are off by one place, or of another model"
        )
    first = read_echo(await post(echo_body(model, prompt)), len(prompt))
    before = _numbers(first)
    if len({round(one, 6) for one in before}) < 3:
        raise UnbelievableError("its log-probabilities are constant")
    if _apart(before, values[: len(before)]) > TOLERANCE:
        raise UnbelievableError("log-probabilities of a text change when something is put behind it")
    shuffled = encode(SHUFFLED)
    other = _numbers(read_echo(await post(echo_body(model, shuffled)), len(shuffled)))
    if not sum(before) > sum(other) + BETTER:
        raise UnbelievableError("a sentence is no likelier than its words in another order")
    half = [*prompt[: len(prompt) // 2], *shuffled]
    await post(echo_body(model, half))
    again = _numbers(read_echo(await post(echo_body(model, prompt)), len(prompt)))
    if _apart(before, again) > TOLERANCE:
        raise UnbelievableError("its log-probabilities depend on the request order")
    await _check_cold_echo(post, model, prompt, before)
    await _check_drafts(post, model, prompt)
    if not tempered:
        await _check_temperature(post, model, encode, prompt)


async def _check_cold_echo(post: Post, model: str, prompt: list[int], before: Sequence[float]) -> None:
    """Whether a prompt has the same log-probabilities at another temperature, where the server takes one."""
    try:
        cold = await post(echo_body(model, prompt, temperature=_COLD))
    except (RefusedError, UnansweredError):
        return
    if _apart(before, _numbers(read_echo(cold, len(prompt)))) > TOLERANCE:
        raise UnbelievableError(TEMPERED)


async def _check_drafts(post: Post, model: str, prompt: list[int]) -> None:
    """Whether generated tokens have log-probabilities of their own."""
    six = await post({"model": model, "prompt": prompt, "max_tokens": 6, "logprobs": 1, "temperature": 0})
    later = _values(six)[1:]
    if later and all(value == 0 for value in later):
        raise UnbelievableError("probabilities are 1.0: the server decodes speculatively")


async def _check_temperature(post: Post, model: str, encode: Callable[[str], list[int]], prompt: list[int]) -> None:
    """Whether generated tokens have the same log-probabilities at two temperatures: those told as likeliest, or the one
    that was drawn at the lower one, as it is echoed."""
    seen = []
    for temperature in (1.0, _COLD):
        asked = {"model": model, "prompt": prompt, "max_tokens": 1, "logprobs": 5, "temperature": temperature}
        answer = await post({**asked, "seed": 1})
        seen.append(_told_first(answer))
        if sum(math.exp(value) for value in seen[-1].values()) > 1 + _MORE_THAN_ALL:
            raise UnbelievableError("the probabilities of its likeliest tokens sum up to more than 1")
    first, cold = seen
    common = first.keys() & cold.keys()
    if any(abs(first[token] - cold[token]) > TOLERANCE for token in common):
        raise UnbelievableError(TEMPERED)
    if not common:
        drawn, value = _first_generated(answer)
        whole = encode(SENTENCE + drawn)
        echoed = _numbers(read_echo(await post(echo_body(model, whole)), len(whole)))
        if whole[:-1] == prompt and abs(echoed[-1] - value) > TOLERANCE:
            raise UnbelievableError(TEMPERED)


def _told_first(answer: Any) -> dict[str, float]:
    """The log-probabilities of the likeliest tokens at the first place, none where they are not told."""
    try:
        told = answer["choices"][0]["logprobs"]["top_logprobs"][0]
    except (KeyError, IndexError, TypeError):
        return {}
    found = told.items() if isinstance(told, dict) else ()
    return {token: float(value) for token, value in found if isinstance(value, int | float) and math.isfinite(value)}


def _check_read(answer: Any, length: int) -> None:
    usage = answer.get("usage") if isinstance(answer, dict) else None
    read = usage.get("prompt_tokens") if isinstance(usage, dict) else None
    if isinstance(read, int) and read != length:
        if read == length + 1:
            raise UnbelievableError(f"it read {read} tokens of a prompt of {length}: it puts a start token before it")
        raise UnbelievableError(f"it read {read} tokens of a prompt of {length}: it applies a template")


def _values(answer: Any) -> list[float]:
    try:
        return [float(value) for value in answer["choices"][0]["logprobs"]["token_logprobs"]]
    except (KeyError, IndexError, TypeError, ValueError):
        raise UnbelievableError("generated tokens come without token_logprobs") from None


def _first_generated(answer: Any) -> tuple[str, float]:
    values = _values(answer)
    try:
        return str(answer["choices"][0]["logprobs"]["tokens"][0]), values[0]
    except (KeyError, IndexError, TypeError):
        raise UnbelievableError("generated tokens come without token_logprobs") from None


def _apart(first: Sequence[float], second: Sequence[float]) -> float:
    return max((abs(one - other) for one, other in zip(first, second, strict=True)), default=0.0)


def refusal(server: str, why: str) -> BenchtuiError:
    """What is said where a server's scores cannot be believed."""
    return BenchtuiError(
        f"{server} gives no log-likelihoods that can be believed: {why}.",
        "Choose tasks that generate text, or open the model's files with --backend hf or gguf.",
    )
