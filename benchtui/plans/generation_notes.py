"""What a model's generation_config.json does to its answers, in words for the plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchtui.models.describe import ModelDescription
from benchtui.models.gguf.describe import GgufDescription
from benchtui.text import one_line

_SAMPLING = frozenset(
    {"do_sample", "temperature", "top_k", "top_p", "min_p", "typical_p", "top_h", "epsilon_cutoff", "eta_cutoff"}
)
"""Keys that only act where tokens are drawn; tasks decode greedily unless they or --gen-kwargs say otherwise."""
_SET_BY_LM_EVAL = frozenset({"max_length", "use_cache", "pad_token_id"})
_NO_SETTINGS = frozenset({"transformers_version", "_from_model_config", "bos_token_id", "decoder_start_token_id"})
_NEUTRAL: Mapping[str, Any] = {
    "repetition_penalty": 1.0,
    "encoder_repetition_penalty": 1.0,
    "length_penalty": 1.0,
    "no_repeat_ngram_size": 0,
    "encoder_no_repeat_ngram_size": 0,
    "min_length": 0,
    "num_beams": 1,
    "num_beam_groups": 1,
    "num_return_sequences": 1,
    "guidance_scale": 1.0,
    "diversity_penalty": 0.0,
}


def generation_notes(
    gen_kwargs: Mapping[str, Any], fine_tuned: ModelDescription, base: ModelDescription | None
) -> list[str]:
    """Which keys of each side's generation_config.json act on the answers and which do not, as under `lm_eval run`
    (lm-eval 0.4.13, `HFLM._model_generate`). One line where both sides have the same, none where nothing is set. Beside
    a GGUF file it acts on nothing: what it would change under another backend is said."""
    if isinstance(fine_tuned, GgufDescription):
        return _unread(gen_kwargs, fine_tuned)
    tuned = _words(fine_tuned.generation, gen_kwargs)
    other = _words(base.generation, gen_kwargs) if base is not None else tuned
    if tuned == other:
        return [f"generation_config.json: {tuned}."] if tuned else []
    sides = (("fine-tuned", tuned), ("base", other))
    return [f"generation_config.json of the {side} model: {words or 'sets nothing'}." for side, words in sides]


def _unread(gen_kwargs: Mapping[str, Any], model: GgufDescription) -> list[str]:
    found, _ = acting(model.generation_beside, gen_kwargs)
    found.pop("eos_token_id", None)  # the file has its own tokens that end a text
    if not found:
        return []
    named = one_line(",".join(f"{key}={_value(value)}" for key, value in found.items()), 300)
    unread = f"generation_config.json is not read for a GGUF file, and the hf backend applies its {named}"
    return [f"{unread}: --gen-kwargs says the same for both."]


def acting(generation: Mapping[str, Any], gen_kwargs: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The settings of a generation_config.json that act on every generated answer, and the names of those that do not.

    `gen_kwargs` are the user's own settings, which replace those of the file.
    """
    found, idle = {}, []
    for key, value in generation.items():
        if key in _NO_SETTINGS or value is None or value is False or (key in _NEUTRAL and value == _NEUTRAL[key]):
            continue
        if key in gen_kwargs or key in _SET_BY_LM_EVAL or (key in _SAMPLING and not _samples(gen_kwargs)):
            idle.append(key)
        else:
            found[key] = value
    return found, idle


def _samples(gen_kwargs: Mapping[str, Any]) -> bool:
    return bool(gen_kwargs.get("do_sample")) or float(gen_kwargs.get("temperature") or 0) > 0


def _words(generation: Mapping[str, Any], gen_kwargs: Mapping[str, Any]) -> str:
    found, idle = acting(generation, gen_kwargs)
    said = []
    if found:
        verb = "acts" if len(found) == 1 else "act"
        named = ", ".join(f"{key} {_value(value)}" for key, value in found.items())
        said.append(f"{named} {verb} on generated answers")
    if "max_new_tokens" in found:
        said.append("max_new_tokens replaces the tasks' own limits")
    if idle:
        verb = "does" if len(idle) == 1 else "do"
        said.append(f"{', '.join(idle)} {verb} not act (tasks set their own, and decode greedily)")
    return one_line("; ".join(said), 600)


def _value(value: Any) -> str:
    text = one_line(str(value), 60)
    return text if len(text) < 60 else text[:57] + "…"
