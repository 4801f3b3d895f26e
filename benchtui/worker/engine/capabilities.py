"""Which of the engine's ways a model can go: read from its configuration, then tried on the model itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from transformers.cache_utils import DynamicCache, DynamicLayer, DynamicSlidingWindowLayer

from benchtui.worker.engine.backbone import Backbone
from benchtui.worker.engine.kv_cache import PrefixCache
from benchtui.worker.engine.masks import MaskStyle, distances, tree_allowed

# Rotary embeddings that change with the length of the whole batch once it exceeds the original window.
_LENGTH_DEPENDENT_ROPE = ("dynamic", "longrope")


@dataclass(frozen=True)
class Capabilities:
    """What the engine may do with a model.

    `shares`: a prefix's cache can be continued by many rows. `style`: how masks are given, None where only plain
    causal attention works; then rows cannot hold trees and generation cannot keep its own batch. `longest` bounds
    the sequences for which this holds. `why` says what stands against the rest, empty when nothing does.
    """

    shares: bool
    style: MaskStyle | None
    longest: int
    why: str


def detect(model: Any, backbone: Backbone, encoder_decoder: bool) -> Capabilities:
    """Find out what works for `model`. Two dozen tokens are run to see that it does."""
    longest = _longest(backbone.config)
    obstacle = _obstacle(model, backbone, encoder_decoder)
    if obstacle:
        return Capabilities(False, None, longest, obstacle)
    trial = _Trial(backbone)
    style, why = _style(backbone)
    if style is not None:
        why = trial.trees(style)
        if not why:
            return Capabilities(True, style, longest, "")
    shared = trial.prefixes()
    return Capabilities(not shared, None, longest, shared or why)


def _obstacle(model: Any, backbone: Backbone, encoder_decoder: bool) -> str:
    if encoder_decoder:
        return "an encoder-decoder model has no prefix to share"
    if getattr(getattr(model, "active_peft_config", None), "is_prompt_learning", False):
        return "the adapter puts virtual tokens before every sequence"
    if backbone.base is backbone.causal:
        return f"{type(backbone.causal).__name__} does not separate its layers from its output projection"
    if getattr(backbone.causal, "_is_stateful", False):
        return "recurrent layers keep a state that cannot be shared or cut"
    kinds = {type(layer) for layer in DynamicCache(config=backbone.config).layers}
    others = kinds - {DynamicLayer, DynamicSlidingWindowLayer}
    if others:
        return f"its cache has layers of type {', '.join(sorted(kind.__name__ for kind in others))}"
    return ""


def _longest(config: Any) -> int:
    rope = getattr(config, "rope_parameters", None) or {}
    if isinstance(rope, dict) and rope.get("rope_type") in _LENGTH_DEPENDENT_ROPE:
        return int(rope.get("original_max_position_embeddings") or config.max_position_embeddings)
    return 1 << 60


def _style(backbone: Backbone) -> tuple[MaskStyle | None, str]:
    attention = backbone.causal.config._attn_implementation  # noqa: SLF001  # where transformers keeps it
    if attention not in ("sdpa", "eager"):
        return None, f"{attention} attention takes no masks of one's own"
    if not getattr(backbone.causal, "_supports_attention_backend", False):
        return None, f"{type(backbone.causal).__name__} makes its masks inside its layers"
    layers = DynamicCache(config=backbone.config).layers
    windows = {layer.sliding_window for layer in layers if isinstance(layer, DynamicSlidingWindowLayer)}
    types = getattr(backbone.config, "layer_types", None)
    if len(windows) > 1 or "chunked_attention" in (types or ()):
        return None, "its layers attend over windows of different kinds"
    window = int(windows.pop()) if windows else None
    return MaskStyle(attention == "eager", backbone.dtype, window, types is not None), ""


class _Trial:
    """A prefix with two continuations, computed the plain way and the engine's ways, and compared."""

    _PREFIX, _SHORT, _LONG = 5, 3, 4

    def __init__(self, backbone: Backbone) -> None:
        self._backbone = backbone
        generator = torch.Generator().manual_seed(0)
        size = (1, self._PREFIX + self._SHORT + self._LONG)
        ids = torch.randint(0, int(backbone.config.vocab_size), size, generator=generator).to(backbone.device)
        self._prefix, self._short = ids[:, : self._PREFIX], ids[:, self._PREFIX : -self._LONG]
        self._long = ids[:, -self._LONG :]
        self._expected = torch.cat([self._plain(self._short), self._plain(self._long)])

    def _plain(self, continuation: torch.Tensor) -> torch.Tensor:
        ids = torch.cat([self._prefix, continuation], dim=1)
        return self._backbone.plain_logits(ids)[0, self._PREFIX :].float()

    def trees(self, style: MaskStyle) -> str:
        """Empty when a packed row, and packed rows after a kept prefix, give the plain logits; else what went wrong."""
        try:
            return self._compare(self._packed(style)) or self._compare(self._kept(style))
        except (RuntimeError, TypeError, ValueError, AttributeError, KeyError, IndexError) as error:
            return f"it does not take masks of one's own ({type(error).__name__}: {error})"

    def prefixes(self) -> str:
        """Empty when rows after a kept prefix give the plain logits; else what went wrong."""
        try:
            return self._compare(self._kept(None))
        except (RuntimeError, TypeError, ValueError, AttributeError, KeyError, IndexError) as error:
            return f"its cache cannot be shared ({type(error).__name__}: {error})"

    def _packed(self, style: MaskStyle) -> torch.Tensor:
        ids = torch.cat([self._prefix, self._short, self._long], dim=1)
        first, second = self._PREFIX, self._PREFIX + self._SHORT
        ends = torch.tensor([[ids.shape[1]] * first + [second] * self._SHORT + [ids.shape[1]] * self._LONG])
        starts = [*range(second), *range(first, first + self._LONG)]
        positions = torch.tensor([starts], device=ids.device)
        allowed = tree_allowed(ends.to(ids.device))
        mask = style.mask(allowed, distances(positions, positions), second)
        return self._logits(self._backbone.hidden(ids, positions, mask)[0, first:])

    def _kept(self, style: MaskStyle | None) -> torch.Tensor:
        cache = PrefixCache().extended(self._PREFIX)
        self._backbone.hidden(self._prefix, cache=cache)
        cache.freeze()
        padding = self._long.new_zeros((1, self._LONG - self._SHORT))
        ids = torch.cat([torch.cat([self._short, padding], dim=1), self._long])
        if style is None:
            hidden = self._backbone.hidden(ids, cache=cache)
        else:
            before = torch.arange(self._PREFIX + self._LONG, device=ids.device).expand(2, -1)
            positions = before[:, self._PREFIX :]
            distance = distances(positions, before)
            hidden = self._backbone.hidden(ids, positions, style.mask(distance >= 0, distance, 0), cache)
        return self._logits(torch.cat([hidden[0, : self._SHORT], hidden[1]]))

    def _logits(self, hidden: torch.Tensor) -> torch.Tensor:
        return self._backbone.logits(hidden).float()

    def _compare(self, logits: torch.Tensor) -> str:
        difference = float((logits - self._expected).abs().max())
        spread = float(self._expected.max() - self._expected.min())
        exact = self._backbone.dtype in (torch.float32, torch.float64)
        if difference <= (1e-4 + 1e-5 * spread if exact else 0.05 * spread):
            return ""
        return f"its logits change by {difference:.2g} when prefixes are shared"
