"""What Ollama is asked: every option in every request, so that neither its defaults, which changed between versions,
nor a Modelfile's parameters decide anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchtui.errors import UsageError
from benchtui.text import one_line
from benchtui.worker.answering.protocol import TOP_K, GenerateRequest

KEEP_ALIVE = "1h"
"""How long the model stays loaded after an answer: longer than a pause between tasks, and no longer than that where a
run was killed."""
_WHOLE_PROMPTS: Mapping[str, bool] = {"truncate": False, "shift": False}
"""Without the first, what is too long is cut to half of the context and answered; without the second, what was read is
pushed out of a full context while the answer grows: neither is said. `shift` says how the model is loaded, too."""
_SEEDS = 2**31 - 1
_GREEDY: Mapping[str, float | int] = {"temperature": 0, "top_k": 1, "top_p": 1, "min_p": 0}
"""Every sampler named: `temperature` 0 alone leaves the others at the server's or the Modelfile's values."""
_NEUTRAL: Mapping[str, float | int] = {
    "repeat_penalty": 1, "repeat_last_n": 64, "presence_penalty": 0, "frequency_penalty": 0,
    "typical_p": 1, "mirostat": 0,
}  # fmt: skip
_SAMPLED: Mapping[str, float | int] = {"temperature": 1, "top_k": TOP_K, "top_p": 1, "min_p": 0}
"""What sampling means where a task names no more: as `generate` of transformers has it."""
_NAMES: Mapping[str, str] = {
    "temperature": "temperature", "top_k": "top_k", "top_p": "top_p", "min_p": "min_p", "typical_p": "typical_p",
    "repetition_penalty": "repeat_penalty", "repeat_penalty": "repeat_penalty",
    "presence_penalty": "presence_penalty", "frequency_penalty": "frequency_penalty",
}  # fmt: skip
"""Settings of lm-eval's tasks that have an option here, by its name."""
_ELSEWHERE = frozenset({"do_sample", "until", "max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens"})
"""Settings that are in the request by other names."""
_WITHOUT_EFFECT = frozenset({"num_beams", "use_cache", "pad_token_id", "num_return_sequences"})
"""Settings that say what is done anyway, at the values below."""
_OWN = {"num_ctx": "--max-length", "num_predict": "max_gen_toks", "stop": "until", "seed": "--seed"}


@dataclass(frozen=True)
class Asking:
    """How one model is asked, the same throughout a run: `context` is num_ctx (another one would load it again),
    `think` whether it is to think where the server knows its way of thinking."""

    model: str
    context: int
    think: bool = False

    def generate(self, request: GenerateRequest, text: str, *, stops: bool = True) -> dict[str, Any]:
        """The body for `/api/generate`: `text` as it is, without any template of the server. `stops` says whether stop
        strings end the text at the server."""
        return {**self._common(request, stops), "prompt": text, "raw": True}

    def chat(
        self, request: GenerateRequest, messages: Sequence[Mapping[str, str]], *, stops: bool = True
    ) -> dict[str, Any]:
        """The body for `/api/chat`: the server's own template writes the prompt."""
        return {**self._common(request, stops), "messages": [dict(message) for message in messages]}

    def probe(self, prompt: str, tokens: int) -> dict[str, Any]:
        """The body that asks for a greedy answer with log-probabilities of its tokens."""
        request = GenerateRequest((), prompt, tokens, (), {}, 0, ())
        return {**self.generate(request, prompt), "logprobs": True, "top_logprobs": 5}

    def load(self, keep_alive: str | int = KEEP_ALIVE) -> dict[str, Any]:
        """The body that loads the model and asks nothing, or unloads it with `keep_alive` 0."""
        options = {"num_ctx": self.context}
        body = {"model": self.model, "prompt": "", "stream": False, "keep_alive": keep_alive, "options": options}
        return {**body, **_WHOLE_PROMPTS}

    def _common(self, request: GenerateRequest, stops: bool) -> dict[str, Any]:
        return {
            "model": self.model,
            "stream": True,
            **_WHOLE_PROMPTS,
            "think": self.think,
            "keep_alive": KEEP_ALIVE,
            "options": {
                **options_of(request.settings),
                "seed": request.seed % _SEEDS,
                "num_ctx": self.context,
                "num_predict": max(request.limit, 1),  # 0 means without end
                "stop": [stop for stop in request.stops if stop] if stops else [],
            },
        }


def options_of(settings: Mapping[str, Any]) -> dict[str, float | int]:
    """The samplers for a task's settings, all of them named; a setting that is None is not set.

    Raises UsageError for a setting that has another place (num_ctx, stop …) or that Ollama does not know: it would
    ignore it in silence.
    """
    settings = {name: value for name, value in settings.items() if value is not None}
    temperature = settings.get("temperature")
    if temperature is not None:
        temperature = _number("temperature", temperature)
    sampled = settings.get("do_sample", temperature is not None and temperature > 0) and temperature != 0
    chosen: dict[str, float | int] = {**(_SAMPLED if sampled else _GREEDY), **_NEUTRAL}
    for name, value in settings.items():
        if name in _NAMES:
            if sampled or _NAMES[name] not in _GREEDY:
                chosen[_NAMES[name]] = _number(name, value)
        elif name in _OWN:
            raise UsageError(f"{name} cannot be set with --gen-kwargs.", f"Use {_OWN[name]}.")
        elif name == "num_beams" and value != 1:
            raise UsageError("Ollama has no beam search (num_beams).", "Use --backend hf.")
        elif name not in _ELSEWHERE | _WITHOUT_EFFECT:
            raise UsageError(
                f"Ollama does not know the generation setting {one_line(name, 60)}, and would ignore it in silence.",
                f"It knows {', '.join(sorted(_NAMES))}.",
            )
    return chosen


def _number(name: str, value: Any) -> float | int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UsageError(f"{name} must be a number, not {one_line(str(value), 40)!r}.", "Correct it in --gen-kwargs.")
    return int(value) if name == "top_k" else value
