"""Texts that llama-server writes: what is sent to /completion, and what its answer says.

Its defaults draw at random (temperature 0.8, top_k 40, top_p 0.95, min_p 0.05), and can be set where it is started:
every setting is sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lm_eval.models.utils import normalize_gen_kwargs

from benchtui.errors import BenchtuiError
from benchtui.text import one_line
from benchtui.worker.answering.http.failures import UnansweredError
from benchtui.worker.answering.protocol import TOP_K, Finish, Generated, GenerateRequest, Ids

_NAMES: Mapping[str, tuple[str, float]] = {
    "temperature": ("temperature", 1.0),
    "top_k": ("top_k", TOP_K),
    "top_p": ("top_p", 1.0),
    "min_p": ("min_p", 0.0),
    "repetition_penalty": ("repeat_penalty", 1.0),
}
"""transformers' names of settings: llama-server's, and what they are where a task does not say them."""
_ELSEWHERE = frozenset({"until", "max_gen_toks", "do_sample"})
FINISH: Mapping[str, Finish] = {"eos": "end", "word": "stop", "limit": "length"}
_ANY_SEED = 2**32 - 1
"""llama.cpp takes this seed for "draw one"."""


def body(request: GenerateRequest, prompt: Ids, *, stops: bool, lora: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What is sent for a request. `stops` says whether its stop strings end the text at the server. The prompt is read
    anew, so that the text depends on nothing that was asked before.

    Raises BenchtuiError for a generation setting that is not known here.
    """
    return {
        "prompt": list(prompt),
        "n_predict": request.limit,
        **_sampling(request.settings),
        "repeat_last_n": len(prompt) + request.limit,
        "seed": request.seed % _ANY_SEED,
        "stop": [stop for stop in request.stops if stop] if stops else [],
        "stream": False,
        "return_tokens": True,
        "cache_prompt": False,
        "n_probs": 0,
        "logit_bias": [],
        "ignore_eos": False,
        "grammar": "",
        "backend_sampling": False,
        **({"lora": [dict(one) for one in lora]} if lora else {}),
    }


def _sampling(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Sampling settings as transformers reads them, in llama-server's words; those that no task has are switched
    off."""
    kwargs = {name: value for name, value in normalize_gen_kwargs(dict(settings)).items() if value is not None}
    if unknown := sorted(kwargs.keys() - _ELSEWHERE - _NAMES.keys()):
        raise BenchtuiError(
            f"llama-server is not asked with the generation setting {one_line(', '.join(unknown), 200)}.",
            f"Use {', '.join(_NAMES)}, or another backend.",
        )
    drawn = bool(kwargs.get("do_sample"))
    values = {name: kwargs.get(own, default) for own, (name, default) in _NAMES.items()}
    if drawn and values["temperature"] <= 0:
        raise BenchtuiError(
            "A temperature of 0 with do_sample is no distribution to draw from.",
            "Set do_sample=false in --gen-kwargs, or a temperature above 0.",
        )
    return {
        **values,
        **({} if drawn else {"temperature": 0, "top_k": 0, "top_p": 1.0, "min_p": 0.0}),
        "samplers": ["penalties", "temperature", "top_k", "top_p", "min_p"] if drawn else ["penalties", "temperature"],
        "presence_penalty": 0,
        "frequency_penalty": 0,
        "dry_multiplier": 0,
        "typical_p": 1.0,
        "top_n_sigma": -1,
        "xtc_probability": 0,
        "mirostat": 0,
        "dynatemp_range": 0,
    }


@dataclass(frozen=True)
class Timing:
    """What an answer took by the server's own clock: tokens and seconds of reading the prompt, which gives the first
    token of the answer, and of writing the others."""

    prefilled: int
    prefill_seconds: float
    decoded: int
    decode_seconds: float


def read(answer: Any, asked: Mapping[str, Any], server: str) -> tuple[Generated, Timing]:
    """The text of an answer, and what it took.

    Raises UnansweredError where the server gave the text up, read another prompt than it was sent, or answers in
    another form.
    """
    stopped = answer.get("stop_type") if isinstance(answer, Mapping) else None
    if isinstance(stopped, str) and stopped not in FINISH:
        raise UnansweredError(f"{server} gave it up (stop type {one_line(stopped, 40) or 'empty'})")
    try:
        ids, evaluated = [int(token) for token in answer["tokens"]], int(answer["tokens_evaluated"])
        predicted, finish, text = int(answer["tokens_predicted"]), FINISH[answer["stop_type"]], str(answer["content"])
        told, cut = answer.get("timings") or {}, bool(answer.get("truncated"))
        timing = Timing(
            int(told.get("prompt_n", evaluated)),
            float(told.get("prompt_ms", 0)) / 1000,
            max(predicted - 1, 0),
            float(told.get("predicted_ms", 0)) / 1000,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnansweredError(f"{server} answers in another form than llama-server: {one_line(str(answer))}") from error
    if evaluated != len(asked["prompt"]):
        raise UnansweredError(f"{server} read {evaluated} tokens of a prompt of {len(asked['prompt'])}")
    if len(ids) != predicted:
        raise UnansweredError(f"{server} says that it wrote {predicted} tokens, and names {len(ids)}")
    full = finish == "length" and (cut or predicted < asked["n_predict"])
    return Generated(text, ids, finish, read=evaluated, window_full=full, read_whole=True), timing
