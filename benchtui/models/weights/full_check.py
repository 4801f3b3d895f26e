"""Checks the headers of a whole model's weights against its config.json, without loading anything.

A `problem` is reported only where it is certain: everything that transformers saves and loads must pass. What is only
unusual is a warning.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from benchtui.models.weights.architecture import Architecture, read_architecture
from benchtui.models.weights.families import FAMILIES, Family
from benchtui.models.weights.safetensors import Tensor
from benchtui.text import one_line

Tensors = Mapping[str, Tensor]

WRAPPERS = ("base_model.model.", "module.", "_orig_mod.", "_fsdp_wrapped_module.", "_forward_module.")
_INNER_WRAPPER = re.compile(r"\.(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
_UNMERGED = re.compile(r"\.(base_layer|lora_[AB]|lora_embedding_[AB]|modules_to_save|original_module)\.")
BUFFER = re.compile(r"(^|\.)(rotary_emb\.inv_freq|rope\.freqs|(attn|attention|self_attn)\.(bias|masked_bias))$")
_PACKED = re.compile(
    r"\.(absmax|quant_map|SCB|qweight|qzeros|weight_scale|weight_scale_inv|weight_packed|quant_state\..*)$"
)
_CHECKED_METHODS = ("bitsandbytes", "gptq", "awq", "fp8", "compressed-tensors")
"""Quantisation methods that store other numbers than floating-point ones, or scales beside them."""
_FLOATS = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}


@dataclass(frozen=True)
class Findings:
    """`problem` says why the weights cannot be used, "" when they can; `warnings` are for the user."""

    problem: str = ""
    warnings: tuple[str, ...] = ()


def check_full_model(config: Mapping[str, Any], tensors: Tensors) -> Findings:
    """Return what is wrong with `tensors`, those of all the files of one model, for a model of this `config`."""
    problem = _no_content(tensors)
    if config.get("auto_map"):  # a model with its own code may name its tensors in any way
        return Findings(problem)
    architecture = read_architecture(config)
    family = FAMILIES.get(str(config.get("model_type")))
    problem = (
        problem
        or _stale(config, tensors, architecture)
        or _wrapped_inside(tensors)
        or _quantised_unsaid(config, tensors)
    )
    if family is None:
        return Findings(problem or _wrapped(tensors), tuple(_unusual(tensors)))
    outer = _outer(tensors, family)
    names = _canonical(tensors, family, outer)
    problem = problem or _missing(config, architecture, family, outer, names) or _shapes(architecture, family, names)
    return Findings(problem, (*_unusual(tensors), *_extra_layers(architecture, family, names)))


def stale_quantization(config: Mapping[str, Any], tensors: Tensors) -> bool:
    """Return whether config.json says that the weights are quantised while they are plain floating-point numbers."""
    settings = config.get("quantization_config")
    if not isinstance(settings, dict) or settings.get("quant_method") not in _CHECKED_METHODS or not tensors:
        return False
    beside = ("absmax", "quant_state", "quant_map", "qweight", "qzeros", "scale", "packed", "g_idx", "SCB")
    if any(part in name for name in tensors for part in beside):
        return False
    return all(tensor.dtype in _FLOATS for tensor in tensors.values())


def embedding_rows(tensors: Tensors) -> int | None:
    """Return how many tokens the input embedding has a row for; None where the names do not show it."""
    ends = ("embed_tokens.weight", "wte.weight", "word_embeddings.weight", "embed_in.weight", "embeddings.weight")
    rows = {
        t.shape[0] for name, t in tensors.items() if name.endswith(ends) and len(t.shape) == 2 and t.dtype in _FLOATS
    }
    return rows.pop() if len(rows) == 1 else None


def counted(count: int, total: int, state: str) -> str:
    """Return a count in words: `9 of 47 tensors are not in the file`."""
    return f"{count} of {total} tensors {'is' if count == 1 else 'are'} {state}"


def _no_content(tensors: Tensors) -> str:
    if not tensors:
        return "the weights file holds no tensors (ZeRO-3 saves it so unless the weights are gathered)"
    empty = [name for name, tensor in tensors.items() if 0 in tensor.shape and name.endswith((".weight", ".bias"))]
    if empty:
        why = (
            "ZeRO-3 saves them so unless they are gathered: zero_to_fp32.py in the checkpoint's folder makes them whole"
        )
        return f"{counted(len(empty), len(tensors), 'empty')} ({why})"
    return ""


def _wrapped_inside(tensors: Tensors) -> str:
    for pattern, advice in (
        (_INNER_WRAPPER, "save the unwrapped model"),
        (_UNMERGED, "an adapter is in them unmerged: merge_and_unload() before saving"),
    ):
        found = [match[0].strip(".") for match in map(pattern.search, tensors) if match]
        if found:
            what = Counter(found).most_common(1)[0][0]
            return f"{counted(len(found), len(tensors), 'named as no model expects')} (“{what}” in the name; {advice})"
    return ""


def _wrapped(tensors: Tensors) -> str:
    for wrapper in WRAPPERS:
        found = sum(name.startswith(wrapper) for name in tensors)
        if found * 2 > len(tensors):
            return f"{counted(found, len(tensors), 'named as no model expects')} (all have the prefix {wrapper})"
    return ""


def _outer(names: Iterable[str], family: Family) -> str:
    """Return the prefix of the layers' names beyond what transformers expects there."""
    prefix, layers = re.escape(family.prefix), re.escape(family.layers)
    pattern = re.compile(rf"((?:[^.]+\.)*?)(?:{prefix}\.)?{layers}\.\d+\.")
    found = Counter(match[1] for match in map(pattern.match, names) if match)
    return found.most_common(1)[0][0] if found else ""


def _canonical(tensors: Tensors, family: Family, outer: str) -> dict[str, Tensor]:
    """Return the tensors by the names they have in the model: with its prefix once, without buffers and `outer`."""
    own, named = family.prefix + ".", {}
    for name, tensor in tensors.items():
        inner = name.removeprefix(outer)
        top = inner.startswith((own, family.head.rsplit(".", 1)[0] + "."))
        if not BUFFER.search(inner):
            named[inner if top else own + inner] = tensor
    return named


_MAX_LAYERS, _MAX_TENSORS = 10_000, 1_000_000
_LAYER = r"\.(\d+)\.(.+)"


def _layers(family: Family, names: Iterable[str]) -> dict[int, set[str]]:
    """Return for each layer the rest of its tensors' names."""
    pattern, layers = re.compile(re.escape(f"{family.prefix}.{family.layers}") + _LAYER), defaultdict(set)
    for match in filter(None, map(pattern.fullmatch, names)):
        if len(match[1]) < 6:
            layers[int(match[1])].add(match[2])
    return layers


def _missing(config: Mapping[str, Any], architecture: Architecture, family: Family, outer: str, named: Tensors) -> str:
    layers, tensor_names = _layers(family, named), [name.removeprefix(f"{family.prefix}.") for name in named]
    count, common = architecture.layers or len(layers), _common(layers)
    lost = [number for number in range(min(count, _MAX_LAYERS)) if number not in layers]
    if count > _MAX_LAYERS or len(lost) * len(common) > _MAX_TENSORS:
        return f"config.json says {count:,} layers, the file holds {len(layers):,}"
    if not layers:
        first = one_line(min(tensor_names, default=""), 80)
        return (
            f"none of the {len(tensor_names)} tensors in the file is that of a layer of a "
            f"{architecture.model_type} model ({first}, …)"
        )
    needed = [f"{family.prefix}.{name}" for name in (family.embedding, *family.others)]
    if config.get("tie_word_embeddings") is True and family.head in named:
        needed = needed[1:]  # the embedding is taken from the head, whichever of the two is there
    if config.get("tie_word_embeddings") is False:
        needed.append(family.head)
    start = f"{family.prefix}.{family.layers}"
    packed = bool(_packed(named))
    for number in range(count):
        if number not in layers or (family.uniform and not packed):  # else some may be quantised or of another kind
            needed += [f"{start}.{number}.{rest}" for rest in common]
    missing = [name for name in needed if name not in named]
    if outer not in ("", family.prefix + "."):
        return f"{counted(len(needed), len(needed), 'not in the file')} (all have the prefix {one_line(outer, 60)})"
    if not missing and not lost:
        return ""
    said = counted(len(missing), len(needed), "not in the file")
    more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    named_first = f"{one_line(missing[0], 120)}{more}" if missing else ""
    if lost and len(missing) == len(lost) * len(common):
        numbers = ", ".join(map(str, lost[:5])) + (f" and {len(lost) - 5} more" if len(lost) > 5 else "")
        verb = "layers {} of {} are" if len(lost) > 1 else "layer {} of {} is"
        named_first = ": ".join(filter(None, (f"{verb.format(numbers, count)} missing", named_first)))
    return f"{said} ({named_first})"


def _common(layers: Mapping[int, set[str]]) -> list[str]:
    """Return the tensors that most layers have."""
    seen = Counter(rest for names in layers.values() for rest in names)
    return sorted(rest for rest, times in seen.items() if times * 2 >= len(layers))


def _shapes(architecture: Architecture, family: Family, named: Tensors) -> str:
    embedding = named.get(f"{family.prefix}.{family.embedding}")
    if embedding is None or len(embedding.shape) != 2 or embedding.dtype not in _FLOATS:
        return ""
    rows, width = embedding.shape
    if architecture.vocab_size and rows != architecture.vocab_size:
        return f"the embedding has {rows:,} rows, config.json's vocab_size says {architecture.vocab_size:,}"
    if architecture.hidden_size and width != architecture.hidden_size and family.layers != "decoder.layers":
        return f"the embedding is {width:,} wide, config.json's hidden size is {architecture.hidden_size:,}"
    return ""


def _stale(config: Mapping[str, Any], tensors: Tensors, architecture: Architecture) -> str:
    if not stale_quantization(config, tensors):
        return ""
    bits = "4-bit" if architecture.four_bit else "quantised"
    stored = Counter(_FLOATS[tensor.dtype] for tensor in tensors.values()).most_common(1)[0][0]
    return (
        f"config.json says {bits} ({architecture.quantization}), the weights are {stored}: "
        "remove quantization_config from config.json"
    )


def _quantised_unsaid(config: Mapping[str, Any], tensors: Tensors) -> str:
    packed = _packed(tensors)
    if packed and not isinstance(config.get("quantization_config"), dict):
        return f"its weights are quantised ({one_line(packed, 120)}), but config.json has no quantization_config"
    return ""


def _packed(tensors: Iterable[str]) -> str:
    """Return the name of a tensor that only quantised weights have, "" when there is none."""
    return next((name for name in tensors if _PACKED.search(name)), "")


def _unusual(tensors: Tensors) -> Iterable[str]:
    if not _packed(tensors):
        yield from _mixed_dtypes(tensors)


def _mixed_dtypes(tensors: Tensors) -> Iterable[str]:
    """Return one line when the same tensor of different layers is stored in different dtypes."""
    dtypes: dict[str, Counter[str]] = defaultdict(Counter)
    for name, tensor in tensors.items():
        if tensor.dtype in _FLOATS:
            dtypes[re.sub(r"\.\d+\.", ".N.", name)][_FLOATS[tensor.dtype]] += 1
    for name, found in dtypes.items():
        if len(found) > 1:
            shares = " and ".join(f"{dtype} in {times}" for dtype, times in found.most_common())
            yield f"{one_line(name, 100)} is {shares} layers: it was saved in parts of different precision"
            return


def _extra_layers(architecture: Architecture, family: Family, named: Tensors) -> Iterable[str]:
    layers = _layers(family, named)
    if family.uniform and architecture.layers and layers and max(layers) >= architecture.layers:
        yield (
            f"the file holds {max(layers) + 1} layers, config.json says {architecture.layers}: the others are not used"
        )
