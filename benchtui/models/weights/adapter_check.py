"""Checks the header of an adapter's weights, alone and beside the base it is put on. Nothing is loaded."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from benchtui.models.weights.architecture import Architecture
from benchtui.models.weights.families import FAMILIES, INPUT_IS_HIDDEN, Family
from benchtui.models.weights.full_check import Findings, Tensors, counted, embedding_rows
from benchtui.text import one_line

ROOT = "base_model.model."
"""The prefix that PEFT gives to the name of every module of the model that it wraps."""
_ANY_ROOT = "base_model."
_PROMPTS = frozenset({"PROMPT_TUNING", "PREFIX_TUNING", "P_TUNING", "MULTITASK_PROMPT_TUNING", "CPT", "CARTRIDGE"})
_INNER_WRAPPER = re.compile(r"\.(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module|module)\.")
_NAMED = re.compile(r"\.(?:lora_[AB]|lora_embedding_[AB])\.(?!weight$|bias$)([\w-]+)(?:\.weight|\.bias)?$")
_LORA = re.compile(r"(?P<module>.+)\.lora_A\.weight")
_EMBEDDINGS = ("embed_tokens", "wte", "word_embeddings", "embed_in", "embeddings", "lm_head", "embed_out")


def check_adapter(config: Mapping[str, Any], tensors: Tensors) -> Findings:
    """Return what is wrong with the `tensors` of an adapter of this `config`, for any base."""
    if not tensors:
        return Findings("the adapter file holds no tensors (ZeRO-3 saves it so unless the weights are gathered)")
    empty = sum(0 in tensor.shape for tensor in tensors.values())
    if empty:
        why = "ZeRO-3 saves them so unless they are gathered; save the adapter again"
        return Findings(f"{counted(empty, len(tensors), 'empty')} ({why})")
    if str(config.get("peft_type")).upper() in _PROMPTS or not config.get("peft_type"):
        return Findings()
    return Findings(_names_problem(tensors))


def check_on_base(
    config: Mapping[str, Any], tensors: Tensors, base: Architecture, base_tensors: Tensors, base_name: str
) -> Findings:
    """Check whether the adapter fits the base, whose headers may be unknown (`base_tensors` empty)."""
    shown = one_line(base_name, 120)
    family = FAMILIES.get(base.model_type or "")
    if family is None or str(config.get("peft_type")).upper() in _PROMPTS or config.get("layer_replication"):
        return Findings()
    problem = (
        _outside(family, tensors, shown)
        or _too_many_layers(family, tensors, base, shown)
        or _wrong_width(tensors, base, shown)
        or _wrong_shapes(family, tensors, base_tensors, shown)
    )
    return Findings(problem)


def own_vocabulary(tensors: Tensors, base: Architecture, base_tensors: Tensors) -> str:
    """Return a note that the adapter replaces the base's embedding or head, with both sizes where they differ;
    else ""."""
    saved = saved_modules(tensors)
    rows, theirs = own_embedding_rows(tensors), embedding_rows(base_tensors) or base.vocab_size
    if not saved:
        return ""
    sizes = f" ({rows:,} tokens; the base has {theirs:,})" if rows and theirs and rows != theirs else ""
    return f"The adapter brings its own {' and '.join(saved)}{sizes}."


def own_embedding_rows(tensors: Tensors) -> int | None:
    """Return how many tokens the adapter's own copy of the input embedding has a row for; None when it has no copy."""
    whole = {name.replace(".base_layer.", ".").replace(".modules_to_save.", "."): t for name, t in tensors.items()}
    return embedding_rows(whole)


def saved_modules(tensors: Iterable[str]) -> list[str]:
    """Return the modules that the adapter replaces as a whole: those of `modules_to_save`, and saved embeddings."""
    names = (name.removeprefix(ROOT) for name in tensors if name.startswith(ROOT))
    plain = (
        name for name in names if not re.search(r"(lora_|hada_|lokr_|ia3_|vera_|oft_|boft_|trainable_tokens)", name)
    )
    return sorted({part for name in plain for part in name.split(".") if part in _EMBEDDINGS})


def _names_problem(tensors: Tensors) -> str:
    total = len(tensors)
    fitting = [name for name in tensors if name.startswith(_ANY_ROOT) and not name.startswith(ROOT + _ANY_ROOT)]
    if not fitting:
        return f"none of the adapter's {total} tensors fits the model ({_prefix_found(list(tensors))})"
    wrapped = Counter(match[1] for match in map(_INNER_WRAPPER.search, fitting) if match)
    if wrapped:
        name, times = wrapped.most_common(1)[0]
        return (
            f"{times} of the adapter's {total} tensors fit no model (“{name}.” in the name: save the unwrapped model)"
        )
    named = Counter(match[1] for match in map(_NAMED.search, fitting) if match)
    if named:
        name, times = named.most_common(1)[0]
        return (
            f"{times} of the adapter's {total} tensors fit no model (“.{one_line(name, 40)}” at the end of the name: "
            "save it with the PEFT model's save_pretrained)"
        )
    return ""


def _prefix_found(names: list[str]) -> str:
    before = Counter(name.partition(ROOT)[0] for name in names if ROOT in name)
    if before:
        prefix = before.most_common(1)[0][0] or _ANY_ROOT
        return f"all have the prefix {one_line(prefix, 60)}" if len(before) == 1 else "their prefixes differ"
    return f"they lack the prefix {ROOT}"


def _layer_pattern(family: Family) -> re.Pattern[str]:
    prefix, layers = re.escape(family.prefix), re.escape(family.layers)
    return re.compile(rf"(?P<outer>(?:[^.]+\.)*?)(?P<prefix>{prefix}\.)?{layers}\.(?P<number>\d{{1,5}})\.(?P<rest>.+)")


def _inner(tensors: Iterable[str]) -> list[str]:
    return [name.removeprefix(ROOT) for name in tensors if name.startswith(ROOT)]


def _outside(family: Family, tensors: Tensors, base: str) -> str:
    """Return names of layers that the base does not have: of another architecture, or below another wrapper."""
    layered = [name for name in _inner(tensors) if re.search(r"\.\d+\.", name)]
    matches = [match for match in map(_layer_pattern(family).fullmatch, layered) if match]
    fits = [match for match in matches if match["prefix"] and not match["outer"]]
    if not layered or fits:
        return ""
    said = f"none of the adapter's {len(tensors)} tensors fits the model {base}"
    if len(matches) < len(layered):
        found = re.split(r"\.\d+\.", layered[0])[0]
        return f"{said} (they are for {one_line(found, 60)}, its layers are {family.prefix}.{family.layers})"
    if matches[0]["outer"]:
        return f"{said} (all have the prefix {one_line(ROOT + matches[0]['outer'], 80)})"
    return f"{said} (they lack “{family.prefix}.” after {ROOT}: trained on the model without its head)"


def _too_many_layers(family: Family, tensors: Tensors, base: Architecture, shown: str) -> str:
    matches = filter(None, map(_layer_pattern(family).fullmatch, _inner(tensors)))
    highest = max((int(match["number"]) for match in matches), default=0)
    if base.layers and highest >= base.layers:
        return f"the adapter is for at least {highest + 1} layers, {shown} has {base.layers}: it is for another base"
    return ""


def _wrong_width(tensors: Tensors, base: Architecture, shown: str) -> str:
    for name, tensor in tensors.items():
        match = _LORA.fullmatch(name)
        if not match or len(tensor.shape) != 2 or "experts" in name or not base.hidden_size:
            continue
        module = match["module"].rsplit(".", 1)[-1]
        if module in INPUT_IS_HIDDEN and tensor.shape[1] != base.hidden_size:
            return (
                f"the adapter was trained for a hidden size of {tensor.shape[1]:,} ({module}), "
                f"{shown} has {base.hidden_size:,}: it is for another base"
            )
    return ""


def _wrong_shapes(family: Family, tensors: Tensors, base_tensors: Tensors, shown: str) -> str:
    for name, first in tensors.items():
        match = _LORA.fullmatch(name)
        second = tensors.get(f"{match['module']}.lora_B.weight") if match else None
        weight = _weight_of(family, match["module"], base_tensors) if match else None
        if not match or second is None or weight is None or len(first.shape) != 2 or len(second.shape) != 2:
            continue
        sides = (first.shape[1], second.shape[0])
        if sorted(sides) != sorted(weight):
            module = match["module"].removeprefix(ROOT)
            return (
                f"the adapter's {one_line(module, 80)} is for a layer of {sides[0]:,} to {sides[1]:,}, "
                f"that of {shown} is {' × '.join(f'{side:,}' for side in weight)}: it is for another base"
            )
    return ""


def _weight_of(family: Family, module: str, base_tensors: Tensors) -> tuple[int, ...] | None:
    """Return the shape of the plain floating-point weight that this module of an adapter belongs to, if it is known."""
    inner = module.removeprefix(ROOT)
    for name in (f"{inner}.weight", f"{inner.removeprefix(family.prefix + '.')}.weight"):
        tensor = base_tensors.get(name)
        if tensor is not None and len(tensor.shape) == 2 and tensor.dtype in ("F64", "F32", "F16", "BF16"):
            return tensor.shape
    return None
