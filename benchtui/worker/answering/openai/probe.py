"""Whether the log-probabilities that /v1/completions echoes can be believed.

Servers answer the standard request with no scores, with those of the next token, or with those of another prompt, and
say nothing. Nine checks on one sentence tell them apart; each has its own words.
"""

from __future__ import annotations

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


def echo_body(model: str, prompt: Ids) -> dict[str, Any]:
    """What is sent to have a prompt scored: no setting of a sampler, which masks tokens in some servers."""
    return {"model": model, "prompt": list(prompt), "max_tokens": 1, "echo": True, "logprobs": 1, "temperature": 1}


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


async def probe(post: Post, model: str, encode: Callable[[str], list[int]]) -> None:
    """Raise UnbelievableError where the server's scores cannot be believed, saying why."""
    try:
        await _probe(post, model, encode)
    except (RefusedError, UnansweredError) as error:
        raise UnbelievableError(f"it refuses to be asked: {one_line(str(error), 200)}") from error


async def _probe(post: Post, model: str, encode: Callable[[str], list[int]]) -> None:
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
    await _check_generated(post, model, prompt)


async def _check_generated(post: Post, model: str, prompt: list[int]) -> None:
    """Whether generated tokens have log-probabilities of their own, whatever the temperature."""
    six = await post({"model": model, "prompt": prompt, "max_tokens": 6, "logprobs": 1, "temperature": 0})
    later = _values(six)[1:]
    if later and all(value == 0 for value in later):
        raise UnbelievableError("probabilities are 1.0: the server decodes speculatively")
    seen: dict[float, dict[str, float]] = {}
    for temperature in (1.0, 0.5):
        asked = {"model": model, "prompt": prompt, "max_tokens": 1, "logprobs": 5, "temperature": temperature}
        told = (await post({**asked, "seed": 1}))["choices"][0]["logprobs"]["top_logprobs"][0]
        seen[temperature] = told if isinstance(told, dict) else {}
    common = seen[1.0].keys() & seen[0.5].keys()
    if any(abs(seen[1.0][token] - seen[0.5][token]) > TOLERANCE for token in common):
        raise UnbelievableError("its log-probabilities depend on the temperature")


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
