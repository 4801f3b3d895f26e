"""Which ways of computing the engine may use with a model: read from its configuration, then tried on the model.

Each way is tried on a few tokens and compared with what the model computes by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers.cache_utils import DynamicCache, DynamicLayer, DynamicSlidingWindowLayer

from benchtui.worker.answering.hf.engine.attention import MaskStyle, distances, tree_allowed
from benchtui.worker.answering.hf.engine.backbone import Backbone
from benchtui.worker.answering.hf.engine.decoding import Slots, extend_rows, read_prompts
from benchtui.worker.answering.hf.engine.prefix_cache import PrefixCache
from benchtui.worker.answering.protocol import Observer

_PREFIX, _SHORT, _LONG = 5, 3, 4
# Errors of models that do not accept masks, positions or caches made outside them.
_REFUSALS = (RuntimeError, TypeError, ValueError, AttributeError, KeyError, IndexError, AssertionError)


class CapabilityProbe:
    """A prefix with two continuations. Each method tries one way and returns what went wrong, "" when nothing did."""

    def __init__(self, backbone: Backbone) -> None:
        self.backbone = backbone
        generator = torch.Generator().manual_seed(0)
        size = (1, _PREFIX + _SHORT + _LONG)
        ids = torch.randint(0, int(backbone.config.vocab_size), size, generator=generator).to(backbone.device)
        self._prefix, self._short, self._long = ids[:, :_PREFIX], ids[:, _PREFIX:-_LONG], ids[:, -_LONG:]
        self._expected = torch.cat([self._plain(self._short), self._plain(self._long)])
        self.cache_bytes_per_token = 0

    def _plain(self, continuation: torch.Tensor) -> torch.Tensor:
        ids = torch.cat([self._prefix, continuation], dim=1)
        return self.backbone.plain_logits(ids)[0, _PREFIX:].float()

    def packed(self, style: MaskStyle) -> str:
        """Put both continuations in one row, under a tree mask."""
        ids = torch.cat([self._prefix, self._short, self._long], dim=1)
        fork, second, width = _PREFIX, _PREFIX + _SHORT, ids.shape[1]
        ends = torch.tensor([[width] * fork + [second] * _SHORT + [width] * _LONG], device=ids.device)
        positions = torch.tensor([[*range(second), *range(fork, fork + _LONG)]], device=ids.device)

        def compute() -> torch.Tensor:
            mask = style.mask(tree_allowed(ends), distances(positions, positions), width)
            return self.backbone.logits(self.backbone.hidden(ids, positions, mask)[0, fork:])

        return self._compared(compute, slice(None))

    def split(self) -> str:
        """Run the layers and the output projection apart, each continuation by itself."""

        def compute() -> torch.Tensor:
            rows = (torch.cat([self._prefix, part], dim=1) for part in (self._short, self._long))
            states = [self.backbone.hidden(ids)[0, _PREFIX:] for ids in rows]
            return self.backbone.logits(torch.cat(states))

        return self._compared(compute, slice(None))

    def kept(self) -> str:
        """Run both continuations as rows after the cached prefix."""
        padding = self._long.new_zeros((1, _LONG - _SHORT))
        ids = torch.cat([torch.cat([self._short, padding], dim=1), self._long])

        def compute() -> torch.Tensor:
            hidden = self.backbone.hidden(ids, cache=self._cache())
            return self.backbone.logits(torch.cat([hidden[0, :_SHORT], hidden[1]]))

        return self._compared(compute, slice(None))

    def stepped(self, style: MaskStyle, shared_attention: bool) -> str:
        """Decode both continuations in one batch: run all but their last tokens, then those in one step.

        With `shared_attention` the rows share one copy of the prefix, else each has its own, and the longer
        continuation grows by two tokens where the other grows by one.
        """
        grow = (1, 1 if shared_attention else 2)

        def compute() -> torch.Tensor:
            cache, slots = self._cache(), Slots(2, self.backbone.device)
            shared_prefix = cache if shared_attention else None
            rows = [row[0].cpu().numpy().astype(np.int32) for row in (self._short, self._long)]
            rests = [row[:-last] for row, last in zip(rows, grow, strict=True)]
            read_prompts(self.backbone, slots, cache, shared_prefix, rests)
            newest = [row[-last:].tolist() for row, last in zip(rows, grow, strict=True)]
            hidden = extend_rows(self.backbone, style, slots, (0, 1), newest, shared_prefix)
            return self.backbone.logits(torch.cat([hidden[0, :1], hidden[1]]))

        return self._compared(compute, [_SHORT - 1, *range(_SHORT + _LONG - grow[1], _SHORT + _LONG)])

    def _cache(self) -> PrefixCache:
        cache = PrefixCache().extended()
        self.backbone.hidden(self._prefix, cache=cache)
        kept = sum(states.numel() * states.element_size() for states in (*cache.keys, *cache.values))
        self.cache_bytes_per_token = kept // _PREFIX
        return cache.grown(_PREFIX)

    def _compared(self, compute: Callable[[], torch.Tensor], rows: slice | list[int]) -> str:
        try:
            logits = compute().float()
        except _REFUSALS as error:
            return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no reason given'}"
        expected = self._expected[rows]
        difference, spread = float((logits - expected).abs().max()), float(expected.max() - expected.min())
        exact = self.backbone.dtype in (torch.float32, torch.float64)
        if difference <= (1e-4 + 1e-5 * spread if exact else 0.05 * spread):
            return ""
        return f"the logits change by {difference:.2g}"


# Rotary embeddings that change with the length of the whole batch once it exceeds the original window.
_LENGTH_DEPENDENT_ROPE = ("dynamic", "longrope")
_UNBOUNDED = 1 << 60
# Adapters that only replace layers of the model (peft 0.21): they work the same whatever part of it is called.
_LAYER_ADAPTERS = frozenset(
    {"LORA", "ADALORA", "LOHA", "LOKR", "IA3", "OFT", "BOFT", "HRA", "VERA", "FOURIERFT", "LN_TUNING"}
    | {"TRAINABLE_TOKENS", "C3A", "RANDLORA", "SHIRA", "ROAD", "VBLORA", "MISS"}
)


@dataclass(frozen=True)
class Capabilities:
    """What the engine may do with a model.

    `shares_prefixes`: many rows can continue a prefix's cache. `tree_masks`: the form of the masks with which a row can
    hold a tree of continuations, None where it cannot. `decode_masks`: the same for decoding rows of unequal length in
    one batch; `shared_attention`: those rows may attend to one copy of their shared prefix. All of this holds for
    sequences of up to `longest` tokens. `splits`: the output projection can be applied apart from the layers, whatever
    the length. `cache_bytes_per_token`: size of one position in the key-value cache. `why`: the reason why a capability
    is missing, "" when none is.
    """

    shares_prefixes: bool
    tree_masks: MaskStyle | None
    decode_masks: MaskStyle | None
    shared_attention: bool
    longest: int
    splits: bool
    cache_bytes_per_token: int
    why: str


def detect(backbone: Backbone, encoder_decoder: bool) -> tuple[Backbone, Capabilities]:
    """Return what works for the model, and the backbone with which it does. Runs a few dozen tokens to check it."""
    if why := _in_one_piece(backbone, encoder_decoder):
        return backbone, _alone(why, splits=False)
    probe = CapabilityProbe(backbone)
    if why := _no_cache(backbone):
        return backbone, _alone(why, splits=not probe.split())
    if kept := probe.kept():
        probe = CapabilityProbe(backbone.at_decoder())
        if probe.kept():
            return _divided_at(backbone, f"its cache cannot be shared ({kept})")
    return probe.backbone, _with_prefixes(probe)


def _divided_at(backbone: Backbone, why: str) -> tuple[Backbone, Capabilities]:
    """Return where the output projection can be applied apart, for a model whose cache cannot be shared."""
    for place in (backbone, backbone.at_decoder()):
        if not CapabilityProbe(place).split():
            return place, _alone(why, splits=True)
    return backbone, _alone(why, splits=False)


def _alone(why: str, splits: bool) -> Capabilities:
    return Capabilities(
        shares_prefixes=False,
        tree_masks=None,
        decode_masks=None,
        shared_attention=False,
        longest=0,
        splits=splits,
        cache_bytes_per_token=0,
        why=why,
    )


def _with_prefixes(probe: CapabilityProbe) -> Capabilities:
    longest = _longest(probe.backbone.config)
    style, why = _style(probe.backbone)
    if style is None:
        return Capabilities(True, None, None, False, longest, True, probe.cache_bytes_per_token, why)
    packed, stepped = probe.packed(style), probe.stepped(style, shared_attention=False)
    return Capabilities(
        shares_prefixes=True,
        tree_masks=None if packed else style,
        decode_masks=None if stepped else style,
        shared_attention=not stepped and not probe.stepped(style, shared_attention=True),
        longest=longest,
        splits=True,
        cache_bytes_per_token=probe.cache_bytes_per_token,
        why=f"it does not take masks of one's own ({packed or stepped})" if packed or stepped else "",
    )


def _in_one_piece(backbone: Backbone, encoder_decoder: bool) -> str:
    """Return why nothing but the whole model can be called, "" where its layers can be called by themselves."""
    if encoder_decoder:
        return "an encoder-decoder model has no prefix to share"
    if adapter := _adapter_obstacle(getattr(backbone.model, "active_peft_config", None)):
        return adapter
    return "its layers are not separate from its output projection" if backbone.base is backbone.causal else ""


def _no_cache(backbone: Backbone) -> str:
    """Return why the model's cache cannot be made by the engine, "" where that is to be tried."""
    if getattr(backbone.causal, "_is_stateful", False):
        return "recurrent layers keep a state that cannot be shared or cut"
    others = {type(layer) for layer in _layers(backbone)} - {DynamicLayer, DynamicSlidingWindowLayer}
    if others:
        return f"its cache has layers of type {', '.join(sorted(kind.__name__ for kind in others))}"
    return ""


def _adapter_obstacle(config: Any) -> str:
    """Return why a PEFT model's layers must not be called directly: its adapter's `forward` does something else."""
    if config is None:
        return ""
    if getattr(config, "is_prompt_learning", False):
        return "the adapter puts virtual tokens before every sequence"
    if getattr(config, "alora_invocation_tokens", None):
        return "the adapter is switched on by tokens in the text"
    kind = str(getattr(config.peft_type, "value", config.peft_type))
    return "" if kind in _LAYER_ADAPTERS else f"adapters of type {kind} are left to their own code"


def _layers(backbone: Backbone) -> list[Any]:
    """Return the layers of the cache that transformers would make for the model."""
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


@dataclass(frozen=True)
class Engine:
    """A model and what the engine may do with it."""

    backbone: Backbone
    capabilities: Capabilities

    @classmethod
    def of(cls, model: Any, autocast: torch.dtype | None, encoder_decoder: bool, observer: Observer) -> Engine:
        """Examine a model, and tell the observer once what is not possible with it."""
        backbone, capabilities = detect(Backbone(model, autocast), encoder_decoder)
        name = type(backbone.causal).__name__
        if not capabilities.shares_prefixes:
            observer.decision("engine", f"lm-eval's own for {name}", capabilities.why)
        elif capabilities.why:
            generation = "the engine's" if capabilities.decode_masks else "lm-eval's own"
            choice = f"one path a row for {name}, {generation} generation"
            observer.decision("engine", choice, capabilities.why)
        return cls(backbone, capabilities)

    def is_for(self, model: Any) -> bool:
        """Whether this engine was made for `model`."""
        return self.backbone.model is model
