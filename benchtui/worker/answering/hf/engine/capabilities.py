"""Which of the engine's ways a model can go: read from its configuration, then tried on the model itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from transformers.cache_utils import DynamicCache, DynamicLayer, DynamicSlidingWindowLayer

from benchtui.worker.answering.hf.engine.backbone import Backbone
from benchtui.worker.answering.hf.engine.masks import MaskStyle
from benchtui.worker.answering.hf.engine.trial import Trial

# Rotary embeddings that change with the length of the whole batch once it exceeds the original window.
_LENGTH_DEPENDENT_ROPE = ("dynamic", "longrope")
_UNBOUNDED = 1 << 60
# Adapters that are nothing but layers in place of the model's own (peft 0.21): the same whoever calls the model.
_LAYER_ADAPTERS = frozenset(
    {"LORA", "ADALORA", "LOHA", "LOKR", "IA3", "OFT", "BOFT", "HRA", "VERA", "FOURIERFT", "LN_TUNING"}
    | {"TRAINABLE_TOKENS", "C3A", "RANDLORA", "SHIRA", "ROAD", "VBLORA", "MISS"}
)


@dataclass(frozen=True)
class Capabilities:
    """What the engine may do with a model.

    `shares`: many rows can continue a prefix's cache. `trees`: the masks under which a row can hold a tree of
    continuations. `steps`: those under which rows of unequal length are generated side by side; `in_common`: they may
    attend to their prefix in common. All of it holds for sequences up to `longest` tokens. `kept_bytes` is what the
    cache keeps for one position. `why` says why the other capabilities are unavailable, "" when none is.
    """

    shares: bool
    trees: MaskStyle | None
    steps: MaskStyle | None
    in_common: bool
    longest: int
    kept_bytes: int
    why: str


def detect(backbone: Backbone, encoder_decoder: bool) -> tuple[Backbone, Capabilities]:
    """Find out what works for the model, and where to take it apart. A few dozen tokens are run to see that it does."""
    obstacle = _obstacle(backbone, encoder_decoder)
    if obstacle:
        return backbone, Capabilities(False, None, None, False, 0, 0, obstacle)
    trial = Trial(backbone)
    kept = trial.kept()
    if kept:
        trial = Trial(backbone.through_decoder())
        if trial.kept():
            return backbone, Capabilities(False, None, None, False, 0, 0, f"its cache cannot be shared ({kept})")
    return trial.backbone, _with_prefixes(trial)


def _with_prefixes(trial: Trial) -> Capabilities:
    longest = _longest(trial.backbone.config)
    style, why = _style(trial.backbone)
    if style is None:
        return Capabilities(True, None, None, False, longest, trial.kept_bytes, why)
    packed, stepped = trial.packed(style), trial.stepped(style, in_common=False)
    return Capabilities(
        shares=True,
        trees=None if packed else style,
        steps=None if stepped else style,
        in_common=not stepped and not trial.stepped(style, in_common=True),
        longest=longest,
        kept_bytes=trial.kept_bytes,
        why=f"it does not take masks of one's own ({packed or stepped})" if packed or stepped else "",
    )


def _obstacle(backbone: Backbone, encoder_decoder: bool) -> str:
    if encoder_decoder:
        return "an encoder-decoder model has no prefix to share"
    if adapter := _adapter_obstacle(getattr(backbone.model, "active_peft_config", None)):
        return adapter
    if backbone.base is backbone.causal:
        return "its layers are not separate from its output projection"
    if getattr(backbone.causal, "_is_stateful", False):
        return "recurrent layers keep a state that cannot be shared or cut"
    others = {type(layer) for layer in _layers(backbone)} - {DynamicLayer, DynamicSlidingWindowLayer}
    if others:
        return f"its cache has layers of type {', '.join(sorted(kind.__name__ for kind in others))}"
    return ""


def _adapter_obstacle(config: Any) -> str:
    """Why the model under a PEFT adapter must not be taken apart: the adapter does something in its own `forward`."""
    if config is None:
        return ""
    if getattr(config, "is_prompt_learning", False):
        return "the adapter puts virtual tokens before every sequence"
    if getattr(config, "alora_invocation_tokens", None):
        return "the adapter is switched on by tokens in the text"
    kind = str(getattr(config.peft_type, "value", config.peft_type))
    return "" if kind in _LAYER_ADAPTERS else f"adapters of type {kind} are left to their own code"


def _layers(backbone: Backbone) -> list[Any]:
    """The layers of the cache that transformers would make for the model."""
    layers: list[Any] = DynamicCache(config=backbone.config).layers
    return layers


def _longest(config: Any) -> int:
    rope = getattr(config, "rope_parameters", None) or {}
    if isinstance(rope, dict) and rope.get("rope_type") in _LENGTH_DEPENDENT_ROPE:
        return int(rope.get("original_max_position_embeddings") or config.max_position_embeddings)
    return _UNBOUNDED


def _style(backbone: Backbone) -> tuple[MaskStyle | None, str]:
    attention = backbone.config._attn_implementation  # noqa: SLF001  # where transformers keeps it
    if attention not in ("sdpa", "eager"):
        return None, f"{attention} attention takes no masks of one's own"
    if not getattr(backbone.causal, "_supports_attention_backend", False):
        return None, "it makes its masks inside its layers"
    windows = {layer.sliding_window for layer in _layers(backbone) if isinstance(layer, DynamicSlidingWindowLayer)}
    types = getattr(backbone.config, "layer_types", None)
    if len(windows) > 1 or "chunked_attention" in (types or ()):
        return None, "its layers attend over windows of different kinds"
    window = int(windows.pop()) if windows else None
    return MaskStyle(attention == "eager", backbone.dtype, window, types is not None), ""
