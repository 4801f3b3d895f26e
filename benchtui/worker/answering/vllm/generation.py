"""Texts by vLLM: settings of a task as vLLM's SamplingParams, and what ended an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lm_eval.models.utils import normalize_gen_kwargs

from benchtui.errors import BenchtuiError
from benchtui.text import one_line
from benchtui.worker.answering.protocol import TOP_K, Finish, Generated, GenerateRequest, Observer, Tokenizer, Written
from benchtui.worker.answering.vllm.engine import Asked, Engine

_OWN = ("until", "do_sample", "max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens")
"""Settings of a task that are read elsewhere."""
_SAMPLING = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty", "presence_penalty", "frequency_penalty")


def generate(
    engine: Engine,
    requests: Sequence[GenerateRequest],
    answered: Written,
    observer: Observer,
    *,
    tokens: Tokenizer,
    defaults: Mapping[str, Any],
) -> None:
    """Write a continuation for every request. `defaults` are those of the model's generation_config.json. What vLLM
    gives up ("abort", "error") is half a text, and stays unanswered."""
    asked = [Asked(request.prompt[request.lost :], _params(request, defaults), (request.args,)) for request in requests]

    def finished(place: int, output: Any) -> None:
        written = output.outputs[0]
        if written.finish_reason not in ("stop", "length"):
            observer.unanswered(requests[place].args, f"vLLM gave it up (finish reason {written.finish_reason})")
            return
        ids = list(written.token_ids)
        answered(place, Generated(tokens.decode(ids), ids, _finish(written)))

    engine.ask(asked, finished, observer)


def _params(request: GenerateRequest, defaults: Mapping[str, Any]) -> Any:
    from vllm import SamplingParams

    return SamplingParams(
        **sampling(request.settings, defaults),
        seed=request.seed % 2**63,
        max_tokens=request.limit,
        stop=[stop for stop in request.stops if stop],
        skip_special_tokens=False,  # a stop string may be one; answers are decoded again without them
    )


def sampling(settings: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The part of SamplingParams that chooses tokens. Raises BenchtuiError for a setting that vLLM does not have."""
    said = normalize_gen_kwargs(dict(settings), 1)
    unknown = [name for name in said if name not in (*_OWN, *_SAMPLING)]
    if unknown:
        raise BenchtuiError(
            f"The vllm backend does not know the generation settings {one_line(', '.join(unknown), 200)}.",
            f"It knows {', '.join(_SAMPLING)}; --backend hf knows all of them.",
        )
    penalty = {name: value for name, value in defaults.items() if name == "repetition_penalty"}
    given = {name: said[name] for name in _SAMPLING if said.get(name) is not None}
    if said["do_sample"] is False or not said.get("temperature", 1):
        return {**penalty, **{name: value for name, value in given.items() if "penalty" in name}, "temperature": 0.0}
    own = {name: value for name, value in defaults.items() if name in _SAMPLING}
    return {"top_k": TOP_K, **own, **given}


def _finish(written: Any) -> Finish:
    if written.finish_reason == "length":
        return "length"
    return "stop" if isinstance(written.stop_reason, str) else "end"
